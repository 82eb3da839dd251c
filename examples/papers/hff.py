"""HFF: learned prototypes are the negatives, and one pass is enough.

Page: docs/derivations/hff.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import numpy as np

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train; print the least angle of two classes' prototypes, and each layer's accuracy."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.HFFClassifier(
        settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed
    ).fit(X, y)
    alone = (model.layer_goodness(X_test).argmax(axis=2) == y_test).mean(axis=1)
    for number, prototypes in enumerate(model.prototypes_, 1):
        first = prototypes[:, 0]  # one of each class, of unit length
        cosines = (first @ first.T)[~np.eye(len(first), dtype=bool)]
        nearest = np.degrees(np.arccos(cosines.max()))
        print(
            f"layer {number}: the nearest prototypes of two classes are {nearest:.1f} degrees "
            f"apart; alone it is right on {alone[number - 1]:.3f}"
        )
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
