"""SCFF: layers that learn without labels, against layers that do not learn.

Page: docs/derivations/scff.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (256, 256)
    epochs: int = 30
    seed: int = 0


def main(settings: Settings) -> None:
    """Train a softmax readout of layers that learned without labels, and of random ones."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    for name, learns in (("without labels", True), ("not at all", False)):
        model = ffref.SCFFClassifier(
            settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed,
            learn_hidden=learns,
        ).fit(X, y)  # fmt: skip
        accuracy = model.score(X_test, y_test)
        print(f"hidden layers learned {name}: readout's test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main(Settings())
