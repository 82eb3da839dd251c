"""The parameters that every classifier has, documented here once; `help` of each shows them."""

from collections.abc import Iterable
from typing import Any

from ffref._checks import check_count, check_number, check_positive, require
from ffref.estimators._parameters import Parameters, classifier
from ffref.formulas import NORMS
from ffref.method import setting
from ffref.training import OPTIMIZERS, SCHEDULES


def _check_share(value: Any, name: str) -> None:
    require(0 < check_number(value, name) < 1, f"{name} must lie between 0 and 1, got {value!r}")


def _check_not_negative(value: Any, name: str) -> None:
    require(check_number(value, name) >= 0, f"{name} must be at least 0, got {value!r}")


def _check_callbacks(value: Any, name: str) -> None:
    require(
        isinstance(value, Iterable) and all(callable(each) for each in value),
        f"{name} must be functions, each of which takes the record of an epoch, in a list or "
        f"tuple, got {value!r}",
    )


@classifier
class SharedParameters(Parameters):
    """Layers, training, and what every run has."""

    hidden_layer_sizes: Any = setting(
        default=(256, 256),
        help="units of each layer, as 500,500",
        kind="tuple of int",
        shapes=True,
        kw_only=False,
        flags=("--hidden-layer-sizes", "--hidden"),
    )
    max_iter: int = setting(
        default=50,
        help="passes over the data",
        more="When greedy, for each layer.",
        check=check_count,
        flags=("--epochs", "--max-iter"),
    )
    batch_size: int = setting(default=64, help="samples in a step", check=check_count)
    learning_rate_init: float = setting(
        default=0.001,
        help="learning rate before the schedule",
        check=check_positive,
        flags=("--learning-rate",),
    )
    optimizer: str = setting(
        default="adam", help="how gradients become steps", choices=OPTIMIZERS, shapes=True
    )
    momentum: float = setting(
        default=0.9,
        help="of heavy-ball and moving-average",
        needs=("optimizer", ("heavy-ball", "moving-average")),
    )
    weight_decay: float = setting(default=0.0, help="on weights alone; Adam has none, AdamW has")
    schedule: str = setting(
        default="cosine", help="of the learning rate", choices=tuple(SCHEDULES)
    )
    warmup_steps: int = setting(default=0, help="steps over which the learning rate rises from 0")
    between_norm: str = setting(
        default="rms",
        help="normalisation of each activity between layers",
        choices=tuple(NORMS),
        shapes=True,
    )
    random_state: Any = setting(
        default=None,
        help="seed of weights, order and negatives",
        more="A whole number, RandomState, Generator or None; the same seed gives the same bits "
        "for any number of threads.",
        kind="int",
        flags=("--seed",),
    )
    validation_fraction: float | None = setting(
        default=None,
        help="share of each class held out, whose accuracy is reported after each epoch",
        more="Evenly spaced among the class's samples; no layer is trained on them. By default "
        "none; a tenth where something needs them, as `early_stopping`.",
        check=_check_share,
    )
    early_stopping: bool = setting(
        default=False,
        help="stop when the accuracy on held-out samples no longer rises, and keep the best epoch",
    )
    n_iter_no_change: int = setting(
        default=10,
        help="epochs in turn that may pass without a rise",
        check=check_count,
        needs=("early_stopping", (True,)),
    )
    tol: float = setting(
        default=1e-4,
        help="least rise of that accuracy that counts",
        check=_check_not_negative,
        needs=("early_stopping", (True,)),
    )
    warm_start: bool = setting(
        default=False,
        help="fit goes on from the weights that were fitted before",
        more="With a new optimiser and a new schedule; features, classes and layers must be the "
        "same.",
        flags=(),
    )
    callbacks: Any = setting(
        default=None,
        help="functions that are called with the record of each epoch; one that returns true "
        "stops training",
        more="They are not saved.",
        kind="list of callables",
        check=_check_callbacks,
        flags=(),
    )
    verbose: bool = setting(default=False, help="print a line an epoch", flags=())
