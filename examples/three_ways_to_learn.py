"""Forward-Forward, Hyperspherical Forward-Forward and back-propagation on a disk inside a ring.

Pages: docs/derivations/ff.md, hff.md, backprop.md. Same network, same data, same budget.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """What is compared."""

    samples: int = 400  # for training; as many to test
    hidden_layer_sizes: tuple[int, ...] = (64, 64)
    epochs: int = 30
    seed: int = 0


def main(settings: Settings) -> None:
    """Train each and print its test accuracy, layer by layer where layers can be read."""
    X, y = ffref.data.disk_and_ring(settings.samples, seed=settings.seed)
    X_test, y_test = ffref.data.disk_and_ring(settings.samples, seed=settings.seed + 1)
    for kind in (ffref.FFClassifier, ffref.HFFClassifier, ffref.BackpropClassifier):
        model = kind(
            settings.hidden_layer_sizes, max_iter=settings.epochs, random_state=settings.seed
        )
        model.fit(X, y)
        layers = (model.layer_goodness(X_test).argmax(axis=2) == y_test).mean(axis=1)
        print(
            f"{kind.__name__:<20} test accuracy {model.score(X_test, y_test):.3f}, "
            f"each layer alone {' '.join(f'{accuracy:.3f}' for accuracy in layers)}"
        )


if __name__ == "__main__":
    main(Settings())
