"""SymBa: a loss of the pair's margin alone, with no threshold to choose.

Page: docs/derivations/symba.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    epochs: int = 10
    seed: int = 0


def main(settings: Settings) -> None:
    """Train SymBa and FF with thresholds that suit and that do not; print their accuracies."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    common = {"max_iter": settings.epochs, "random_state": settings.seed}
    common |= {"learning_rate_init": 0.003, "label_strength": 4.0}
    symba = ffref.SymBaClassifier(settings.hidden_layer_sizes, **common).fit(X, y)
    print(f"SymBa, no threshold: test accuracy {symba.score(X_test, y_test):.3f}")
    for factor in (0.1, 1, 10):
        threshold = factor * settings.hidden_layer_sizes[0]
        ff = ffref.FFClassifier(settings.hidden_layer_sizes, threshold=threshold, **common)
        accuracy = ff.fit(X, y).score(X_test, y_test)
        print(f"FF, threshold {threshold:.1f}: test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main(Settings())
