"""Small networks on the bundled digits, as the claims about Forward-Forward train them."""

from functools import partial
from typing import NamedTuple

import numpy as np

from ffref.baselines.backprop import backprop_logits, backprop_step
from ffref.data import load
from ffref.experiments.datasets import TrainTest
from ffref.formulas import NORMS, SUM_OF_SQUARES
from ffref.layers import INITIAL_GAIN, draw_dense_layers
from ffref.negatives import bind_label_encoding
from ffref.objectives.ff import ff
from ffref.training import (
    Algorithm,
    LocalLayer,
    Network,
    Optimizer,
    Plan,
    Step,
    TrainingState,
    bind_optimizer,
    contrastive,
    epochs,
    in_blocks,
    initial_optimizer_states,
    layer_scores,
    local_step,
    read_out,
)
from ffref.training.schedules import constant
from ffref.types import Norm

RMS = NORMS["rms"]


class Settings(NamedTuple):
    """The small networks of all claims, trained on the bundled digits."""

    hidden: tuple[int, ...] = (128, 128)
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 0.003
    label_strength: float = 4.0
    seed: int = 0


def standardized_digits() -> TrainTest:
    """The bundled digits, each feature with mean 0 and deviation 1 over the training part."""
    (X, y), (X_test, y_test) = load("digits"), load("digits", split="test")
    mean, std = X.mean(axis=0), X.std(axis=0)
    std[std == 0] = 1
    return TrainTest((X - mean) / std, y, (X_test - mean) / std, y_test)


def train_ff(data: TrainTest, settings: Settings, between: Norm = RMS) -> Network:
    """Train an FF network, all layers in every step."""
    algorithm, optimizer, state = fresh_ff(data, settings, between)
    step = Step(partial(local_step, algorithm, optimizer), layers=len(settings.hidden))
    return train(step, state, data, settings)


def train_backprop(data: TrainTest, settings: Settings, between: Norm = RMS) -> Network:
    """Train the same layers and a softmax layer by back-propagation."""
    optimizer, state = fresh_backprop(data, settings, between)
    return train(Step(partial(backprop_step, optimizer), layers=1), state, data, settings)


def ff_accuracy(network: Network, data: TrainTest, settings: Settings) -> float:
    """Share of test samples whose label has the highest goodness, summed over layers."""
    scores = layer_scores(ff_algorithm(data, settings), network, data.X_test)
    return float((read_out(scores, "sum").argmax(axis=1) == data.y_test).mean())


def backprop_accuracy(network: Network, data: TrainTest) -> float:
    """Share of test samples whose logit is the highest."""
    logits = in_blocks(lambda rows: backprop_logits(network, rows), data.X_test, axis=0)
    return float((logits.argmax(axis=1) == data.y_test).mean())


def train(step: Step, state: TrainingState, data: TrainTest, settings: Settings) -> Network:
    """Train to the end of the plan."""
    plan = Plan(
        settings.epochs, settings.batch_size, settings.learning_rate, constant, settings.seed
    )
    for _ in epochs(state, step, data.X, data.y, plan):
        pass
    return state.network


def fresh_ff(
    data: TrainTest, settings: Settings, between: Norm
) -> tuple[Algorithm, Optimizer, TrainingState]:
    """Algorithm, optimiser and untrained state of FF."""
    features = data.X.shape[1] + classes_of(data)
    optimizer, state = _drawn((features, *settings.hidden), settings, between)
    return ff_algorithm(data, settings), optimizer, state


def fresh_backprop(
    data: TrainTest, settings: Settings, between: Norm
) -> tuple[Optimizer, TrainingState]:
    """Optimiser and untrained state of back-propagation, with a softmax layer on top."""
    return _drawn((data.X.shape[1], *settings.hidden, classes_of(data)), settings, between)


def _drawn(
    sizes: tuple[int, ...], settings: Settings, between: Norm
) -> tuple[Optimizer, TrainingState]:
    rng, optimizer = np.random.default_rng([settings.seed, 0]), bind_optimizer("adam")
    dense = draw_dense_layers(rng, sizes, INITIAL_GAIN["he"])
    layers = tuple(LocalLayer(layer, ()) for layer in dense)
    states = initial_optimizer_states(optimizer, layers, learned_params=0)
    return optimizer, TrainingState(Network(layers, NORMS["none"], between), states)


def ff_algorithm(data: TrainTest, settings: Settings) -> Algorithm:
    """FF with the label appended, threshold = units."""
    return contrastive(
        [ff(threshold=float(units)) for units in settings.hidden],
        goodness=SUM_OF_SQUARES,
        encoding=bind_label_encoding(
            "append", classes=classes_of(data), strength=settings.label_strength
        ),
        classes=classes_of(data),
    )


def classes_of(data: TrainTest) -> int:
    """Return the number of classes."""
    return len(np.unique(data.y))
