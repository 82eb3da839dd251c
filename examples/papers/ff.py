"""Hinton's Forward-Forward: positives rise above the threshold, negatives stay below it.

Page: docs/derivations/ff.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    epochs: int = 20
    seed: int = 0


def main(settings: Settings) -> None:
    """Train; print the goodness of both sides beside the threshold, layer by layer."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.FFClassifier(
        settings.hidden_layer_sizes,
        max_iter=settings.epochs,
        random_state=settings.seed,
        learning_rate_init=0.003,
        label_strength=4.0,
    ).fit(X, y)
    for number, (layer, threshold) in enumerate(
        zip(model.diagnostics(X_test, y_test), model.thresholds(), strict=True), 1
    ):
        print(
            f"layer {number}: goodness of positives {layer.positive_goodness:.1f}, of negatives "
            f"{layer.negative_goodness:.1f}, threshold {threshold:.1f}, "
            f"pairs wrong {layer.pairwise_error:.1%}"
        )
    print(f"test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
