"""Predictive coding: values relax to the least energy before weights learn.

Page: docs/derivations/predictive_coding.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (64,)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train with both ways of inference, and by back-propagation; print their accuracies."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    common = {"max_iter": settings.epochs, "random_state": settings.seed}
    common |= {"learning_rate_init": 0.003}
    for inference in ("relaxed", "fixed-predictions"):
        model = ffref.PredictiveCodingClassifier(
            settings.hidden_layer_sizes, inference=inference, **common
        ).fit(X, y)
        print(f"inference {inference}: test accuracy {model.score(X_test, y_test):.3f}")
    network = ffref.BackpropClassifier(settings.hidden_layer_sizes, **common).fit(X, y)
    print(f"back-propagation: test accuracy {network.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
