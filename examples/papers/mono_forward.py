"""Mono-Forward: each layer classifies by a learned projection of its own activity.

Page: docs/derivations/mono_forward.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128, 128)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train; print the accuracy of each layer alone, and of a network cut off behind it."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.MonoForwardClassifier(
        settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed
    ).fit(X, y)
    scores = model.layer_goodness(X_test)
    for number, (alone, summed) in enumerate(zip(scores, scores.cumsum(axis=0), strict=True), 1):
        print(
            f"layer {number}: right on {(alone.argmax(axis=1) == y_test).mean():.3f} alone, "
            f"{(summed.argmax(axis=1) == y_test).mean():.3f} with the layers below"
        )
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
