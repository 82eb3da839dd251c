"""Layer collaboration: a layer is told the goodness of the others.

Page: docs/derivations/layer_collaboration.md. Bundled digits, seconds on a CPU.
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
    """Train FF and both forms of collaboration on the same budget; print their accuracies."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    common = {"max_iter": settings.epochs, "random_state": settings.seed, "readout": "sum"}
    common |= {"learning_rate_init": 0.003, "label_strength": 4.0}
    kind = ffref.LayerCollaborationClassifier
    models = {
        "FF, no collaboration": ffref.FFClassifier(settings.hidden_layer_sizes, **common),
        "goodness of the layers below": kind(settings.hidden_layer_sizes, **common),
        "of all others": kind(settings.hidden_layer_sizes, others="all", **common),
    }
    for name, model in models.items():
        print(f"{name}: test accuracy {model.fit(X, y).score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
