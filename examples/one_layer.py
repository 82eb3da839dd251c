"""One layer of eight units learns that an input is real, or is not: docs/derivations/ff.md.

The same input and the same weights, taken once as positive and once as negative. Each step prints
the layer's goodness, its probability, and the update pressure |p - target|, which fades as the
layer becomes sure. Writes one_layer.png.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ffref.formulas import relu, relu_grad, rms_normalize, sum_of_squares
from ffref.layers import INITIAL_GAIN, Dense, dense_forward, dense_grads, draw_dense
from ffref.objectives.ff import ff_loss_grad, probability_positive
from ffref.types import Array


@dataclass(frozen=True)
class Settings:
    """What is learned, and how."""

    inputs: int = 6
    units: int = 8
    threshold: float = 3.0  # theta: near the goodness of the untrained layer
    learning_rate: float = 0.03
    steps: int = 12
    seed: int = 5
    figure: Path = Path("one_layer.png")


def main(settings: Settings) -> None:
    """Learn the input both ways; print and draw each step."""
    rng = np.random.default_rng(settings.seed)
    x = rms_normalize(rng.standard_normal((1, settings.inputs)))
    start = draw_dense(rng, settings.inputs, settings.units, INITIAL_GAIN["he"])
    runs = {name: learn(x, start, sign, settings) for name, sign in SIGNS.items()}
    for name, activities in runs.items():
        print(f"the input is {name}")
        print("step  goodness  probability  pressure")
        goodness, probability, pressure = measures(activities, SIGNS[name], settings)
        for step in range(settings.steps + 1):
            print(
                f"{step:>4}  {goodness[step]:8.3f}  {probability[step]:11.4f}  "
                f"{pressure[step]:8.4f}"
            )
    draw(runs, settings)
    print(f"drawn in {settings.figure}")


SIGNS = {"positive": 1.0, "negative": -1.0}
COLORS = {"positive": "#0b6e4f", "negative": "#b5179e"}


def learn(x: Array, layer: Dense, sign: float, settings: Settings) -> Array:
    """Activity before each step and after the last, (steps + 1, units)."""
    polarity, activities = np.array([sign]), []
    for _ in range(settings.steps + 1):
        activity = relu(dense_forward(layer, x))
        activities.append(activity[0])
        d_activity = ff_loss_grad(activity, polarity, threshold=settings.threshold)
        d_weight, d_bias = dense_grads(x, d_activity * relu_grad(activity))
        layer = Dense(
            layer.weight - settings.learning_rate * d_weight,
            layer.bias - settings.learning_rate * d_bias,
        )
    return np.stack(activities)


def measures(activities: Array, sign: float, settings: Settings) -> tuple[Array, Array, Array]:
    """Goodness, probability of being positive, and update pressure of each step."""
    goodness = sum_of_squares(activities)
    probability = probability_positive(goodness, threshold=settings.threshold)
    return goodness, probability, np.abs(probability - (sign > 0))


def draw(runs: dict[str, Array], settings: Settings) -> None:
    """Goodness against the threshold, the pressure, and every unit before and after."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.axhline(settings.threshold, color="0.4", linestyle="--", label="threshold")
    units = np.arange(settings.units)
    right.bar(units - 0.3, runs["positive"][0], 0.28, color="0.75", label="before")
    for offset, (name, activities) in zip((0.0, 0.3), runs.items(), strict=True):
        goodness, _, pressure = measures(activities, SIGNS[name], settings)
        style = {"color": COLORS[name], "label": name}
        left.plot(goodness, marker="o", **style)
        middle.plot(pressure, marker="o", **style)
        right.bar(units + offset, activities[-1], 0.28, color=COLORS[name],
                  label=f"after, {name}")  # fmt: skip
    left.set(title="goodness: sum of squared activities", xlabel="step")
    middle.set(title="update pressure: |probability - target|", xlabel="step", ylim=(0, None))
    highest = max(float(activities.max()) for activities in runs.values())
    right.set(title="activity of each unit", xlabel="unit", xticks=units, ylim=(0, 1.35 * highest))
    for axes in (left, middle, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(settings.figure, dpi=120)


if __name__ == "__main__":
    main(Settings())
