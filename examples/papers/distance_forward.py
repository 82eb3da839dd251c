"""Distance-Forward: near the own class's centroid, far from the others'.

Page: docs/derivations/distance_forward.md. Bundled digits, seconds on a CPU.
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
    """Train; print the margin of squared distances in each layer, and the accuracy."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.DistanceForwardClassifier(
        settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed
    ).fit(X, y)
    scores, rows = model.layer_goodness(X_test), range(len(y_test))
    for number, layer in enumerate(scores, 1):
        own = layer[rows, y_test].copy()
        layer[rows, y_test] = -float("inf")
        nearer = (own > layer.max(axis=1)).mean()
        print(f"layer {number}: the own centroid is the nearest for {nearer:.3f} of the samples")
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
