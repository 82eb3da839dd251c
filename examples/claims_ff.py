"""What is claimed for Forward-Forward, shown on the bundled digits; docs/results/ff_claims.md.

Four claims of the paper: layers as a pipeline, a black box between them, imprecise hardware, and
why activities are normalised between layers.
"""

from dataclasses import dataclass

from ffref.experiments import TrainTest
from ffref.experiments.claims_ff import (
    Hardware,
    ablation_claim,
    black_box_claim,
    hardware_claim,
    pipeline_claim,
)
from ffref.experiments.claims_setup import RMS, Settings, standardized_digits
from ffref.formulas import NORMS


@dataclass(frozen=True)
class Choices:
    """What is shown."""

    seeds: tuple[int, ...] = (0,)
    epochs: int = 20
    noise: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0)  # of a unit's log gain
    bits: int = 8  # of the weights on imprecise hardware


def main(choices: Choices) -> None:
    """Print a table for each claim."""
    data = standardized_digits()
    for seed in choices.seeds:
        settings = Settings(epochs=choices.epochs, seed=seed)
        print(f"seed {seed}, {len(data.X)} digits, hidden layers {settings.hidden}")
        pipeline(data, settings)
        black_box(data, settings)
        hardware(data, settings, choices)
        ablation(data, settings)


def pipeline(data: TrainTest, settings: Settings) -> None:
    """Layers that learn from what passes."""
    deep = settings._replace(hidden=(64,) * 8, epochs=2)
    for ahead in (0, 3):
        for name, each in (("2 layers", settings._replace(epochs=2)), ("8 layers", deep)):
            same, alive = pipeline_claim(data, each, batches_ahead=ahead)
            print(
                f"pipeline of {name}, each {ahead} batches ahead: same bits as the loop: {same}, "
                f"activities in memory at once: {alive}"
            )


def black_box(data: TrainTest, settings: Settings) -> None:
    """Rounding to three levels between layers."""
    result = black_box_claim(data, settings)
    print(f"FF without box {result.ff:.2%}, with box {result.ff_with_box:.2%}")
    print(
        f"back-propagation without box {result.backprop:.2%}, with box "
        f"{result.backprop_with_box:.2%}, layers that moved {result.backprop_layers_moved}"
    )


def hardware(data: TrainTest, settings: Settings, choices: Choices) -> None:
    """Unequal units and coarse weights."""
    print("gain noise, bits: FF, back-propagation trained there; FF, back-propagation moved there")
    devices = [Hardware(0.0, None), *(Hardware(noise, choices.bits) for noise in choices.noise)]
    for device, row in zip(devices, hardware_claim(data, settings, devices), strict=True):
        shares = " ".join(f"{accuracy:.2%}" for accuracy in row)
        print(f"{device.noise:4.1f} {device.bits}: {shares}")


def ablation(data: TrainTest, settings: Settings) -> None:
    """What the second layer learns, with and without normalisation below it."""
    settings = settings._replace(hidden=(16, 128))  # a first layer that leaves errors to put right
    for name, between in (("rms", RMS), ("none", NORMS["none"])):
        first, untrained, second, right, correlation = ablation_claim(data, settings, between)
        print(
            f"between layers {name}: pairwise error of layer 1 {first:.2%}, of layer 2 before "
            f"its training {untrained:.2%}, after {second:.2%}; put right {right:.2%}, "
            f"correlation of goodness {correlation:.2f}"
        )


if __name__ == "__main__":
    main(Choices())
