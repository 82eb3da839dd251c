"""DeeperForward: mean goodness and layer normalisation, for networks of many layers.

Page: docs/derivations/deeper_forward.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (120,) * 6
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train six layers; print the accuracy of each alone."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.DeeperForwardClassifier(
        settings.hidden_layer_sizes,
        max_iter=settings.epochs,
        random_state=settings.seed,
        learning_rate_init=0.003,
    ).fit(X, y)
    alone = (model.layer_goodness(X_test).argmax(axis=2) == y_test).mean(axis=1)
    print("each layer alone:", " ".join(f"{accuracy:.3f}" for accuracy in alone))
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
