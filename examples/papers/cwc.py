"""Channel-wise competition: each class owns a group of units.

Page: docs/derivations/cwc.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (120, 120)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train; print how much of a sample's activity is in its class's own units."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.CwCClassifier(
        settings.hidden_layer_sizes,
        max_iter=settings.epochs,
        random_state=settings.seed,
        learning_rate_init=0.003,
    ).fit(X, y)
    for number, seen in enumerate(model.watch(X_test, y_test), 1):
        groups = (seen.activity**2).reshape(len(y_test), 10, -1).sum(axis=2)
        own = groups[range(len(y_test)), y_test].sum() / groups.sum()
        print(f"layer {number}: {own:.1%} of the squared activity is in the class's own units")
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
