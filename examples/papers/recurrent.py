"""The recurrent network: the label stands above the top layer, and time passes.

Page: docs/derivations/recurrent.md. Bundled digits, seconds on a CPU.
"""

from dataclasses import dataclass

import ffref


@dataclass(frozen=True)
class Settings:
    """The network and its budget."""

    hidden_layer_sizes: tuple[int, ...] = (64, 64)
    epochs: int = 15
    seed: int = 0


def main(settings: Settings) -> None:
    """Train; print the accuracy by the goodness of each step of time."""
    X, y = ffref.data.load("digits")
    X_test, y_test = ffref.data.load("digits", split="test")
    model = ffref.FFRecurrentClassifier(
        settings.hidden_layer_sizes,
        max_iter=settings.epochs,
        random_state=settings.seed,
        learning_rate_init=0.003,
    ).fit(X, y)
    for step in range(1, model.steps + 1):
        model.set_params(first_scored_step=step, last_scored_step=step)
        print(f"read at step {step}: test accuracy {model.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main(Settings())
