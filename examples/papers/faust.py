"""FAUST: a sample is compared with samples of every class, by a similarity of choice.

Page: docs/derivations/faust.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train with three similarities; print their accuracies."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    for similarity in ("cosine", "dot", "mahalanobis"):
        model = ffref.FAUSTClassifier(
            settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed,
            similarity=similarity,
        ).fit(X, y)  # fmt: skip
        print(f"{similarity}: test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
