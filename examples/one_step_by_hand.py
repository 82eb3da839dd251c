"""One Forward-Forward step on one layer, each quantity printed: docs/derivations/ff.md.

For readers who hold the derivation beside it (with docs/derivations/local_step.md), and for
implementers who want numbers to compare with: explicit arrays in, intermediates out, in float64.
"""

from dataclasses import dataclass

import numpy as np

from ffref.formulas import sum_of_squares
from ffref.layers import Dense
from ffref.negatives import paired_context
from ffref.objectives.ff import ff, probability_positive
from ffref.training import LocalLayer, local_grads


@dataclass(frozen=True)
class Settings:
    """What the step is made of."""

    threshold: float = 2.0  # theta; here the number of units, as in Hinton's code
    learning_rate: float = 0.1


def main(settings: Settings) -> None:
    """Print one step."""
    x = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 2.0]])  # a positive row, then its negative
    layer = LocalLayer(
        Dense(np.array([[0.5, -0.2], [0.3, 0.8], [-0.4, 0.6]]), np.array([0.1, 0.0])), ()
    )
    context = paired_context(np.array([0]), x.dtype)
    objective = ff(threshold=settings.threshold)

    grads, activity, _ = local_grads(layer, x, context, objective)
    goodness = sum_of_squares(activity)
    print("activity             ", activity.tolist())
    print("goodness             ", goodness.tolist())
    probability = probability_positive(goodness, threshold=settings.threshold)
    print("probability positive ", probability.round(6).tolist())
    print("loss                 ", round(objective.loss(activity, context, ()), 6))
    print("d_weight             ", grads.d_weight.round(6).tolist())
    print("d_bias               ", grads.d_bias.round(6).tolist())

    stepped = Dense(
        layer.weights.weight - settings.learning_rate * grads.d_weight,
        layer.weights.bias - settings.learning_rate * grads.d_bias,
    )
    _, activity, _ = local_grads(LocalLayer(stepped, ()), x, context, objective)
    print("goodness after a step", sum_of_squares(activity).round(6).tolist())
    print("loss after a step    ", round(objective.loss(activity, context, ()), 6))


if __name__ == "__main__":
    main(Settings())
