"""The parameters that every classifier has, documented here once; `help` of each shows them."""

from typing import Any

from ffref._checks import check_count, check_positive
from ffref.estimators._parameters import Parameters, classifier
from ffref.formulas import NORMS
from ffref.method import setting
from ffref.training import OPTIMIZERS, SCHEDULES


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
    verbose: bool = setting(default=False, help="print a line an epoch", flags=())
