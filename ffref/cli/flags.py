"""The flags of `ffref train`: one table, from which parser, help and checks are made.

Only plain Python here, so that `ffref --help` answers at once.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any, NamedTuple

ALGORITHMS = ("hff", "ff", "backprop", "ff-recurrent")
RECIPES = (
    "hinton-matlab",
    "hinton-supervised",
    "hinton-jittered",
    "hinton-unsupervised",
    "hinton-local",
    "hinton-cifar",
    "ff-conv",
    "hinton-recurrent",
    "hinton-text",
    "hinton-text-self-generated",
)
"""Named experiments of `ffref.experiments.recipes`."""
OF_RECIPES = {
    "ff-text": (
        "random_state",
        "max_iter",
        "batch_size",
        "hidden_layer_sizes",
        "learning_rate_init",
        "optimizer",
        "momentum",
        "weight_decay",
        "schedule",
        "warmup_steps",
        "between_norm",
        "readout",
        "threshold",
        "readout_rate_factor",
        "readout_weight_decay",
        "initialization",
    )
}
"""Parameters with a flag, of algorithms that are reached by recipes alone."""
_ALL = ALGORITHMS
_LOCAL = ("hff", "ff")
_FF = ("ff", "ff-recurrent")
_READ = (*_LOCAL, "ff-recurrent")
_NORMS = ("none", "l2", "rms", "layer")


class Flag(NamedTuple):
    """A flag that sets one constructor argument of a classifier."""

    names: tuple[str, ...]
    parameter: str
    algorithms: tuple[str, ...]
    help: str
    type: Callable[[str], Any] | None = str
    """None: a pair of switches, --x and --no-x"""
    choices: tuple[str, ...] | None = None
    needs: tuple[str, tuple[str, ...]] | None = None
    """Another parameter, and those of its values for which this flag has an effect."""


def sizes(text: str) -> tuple[int, ...]:
    """Parse "500,500" into (500, 500).

    Examples
    --------
    >>> sizes("1000,500")
    (1000, 500)
    """
    try:
        parsed = tuple(int(part) for part in text.split(","))
    except ValueError:
        parsed = ()
    if not parsed or min(parsed) < 1:
        raise ArgumentTypeError(f"takes units of each layer, as 500,500, got {text!r}")
    return parsed


def layers(text: str) -> tuple[tuple[str | int, ...], ...]:
    """Parse "conv:3:1:32:1,dense:500" into (("conv", 3, 1, 32, 1), ("dense", 500)).

    Examples
    --------
    >>> layers("local:10:6:128,local:2:1:220")
    (('local', 10, 6, 128), ('local', 2, 1, 220))
    """
    parsed: list[tuple[str | int, ...]] = []
    for part in text.split(","):
        name, *numbers = part.split(":")
        if not (name and numbers and all(number.isdecimal() for number in numbers)):
            raise ArgumentTypeError(
                f"takes layers as local:SIZE:STRIDE:CHANNELS[:PADDING], conv:..., or dense:UNITS, "
                f"with commas between, got {text!r}"
            )
        parsed.append((name, *map(int, numbers)))
    return tuple(parsed)


FLAGS = (
    Flag(("--seed",), "random_state", _ALL, "of weights, order and negatives", int),
    Flag(("--epochs", "--max-iter"), "max_iter", _ALL, "passes over the data", int),
    Flag(("--batch-size",), "batch_size", _ALL, "samples in a step", int),
    Flag(("--hidden-layer-sizes", "--hidden"), "hidden_layer_sizes", _ALL, "as 500,500", sizes),
    Flag(
        ("--layers",), "layers", ("ff",),
        "instead of --hidden: local:SIZE:STRIDE:CHANNELS[:PADDING], conv:..., dense:UNITS", layers,
    ),
    Flag(("--learning-rate",), "learning_rate_init", _ALL, "before the schedule", float),
    Flag(
        ("--optimizer",), "optimizer", _ALL, "how gradients become steps",
        choices=("adam", "adamw", "heavy-ball", "moving-average"),
    ),
    Flag(
        ("--momentum",), "momentum", _ALL, "of heavy-ball and moving-average", float,
        needs=("optimizer", ("heavy-ball", "moving-average")),
    ),
    Flag(("--weight-decay",), "weight_decay", _ALL, "on weights alone; not for adam", float),
    Flag(
        ("--schedule",), "schedule", _ALL, "of the learning rate",
        choices=("cosine", "constant", "linear", "linear-second-half", "hinton"),
    ),
    Flag(("--warmup-steps",), "warmup_steps", _ALL, "steps of rising learning rate", int),
    Flag(("--standardize",), "standardize", _ALL, "features to mean 0 and deviation 1", None),
    Flag(("--shift",), "shift", _ALL, "pixels by which images are moved at most", int),
    Flag(("--flip",), "flip", _ALL, "left and right of every second image exchanged", None),
    Flag(("--cutout",), "cutout", _ALL, "side of a square cut out of each image", int),
    Flag(("--image-shape",), "image_shape", _ALL, "as 28,28 or 32,32,3; default: square", sizes),
    Flag(("--input-norm",), "input_norm", _ALL, "norm of each sample", choices=_NORMS),
    Flag(("--between-norm",), "between_norm", _ALL, "norm of each activity", choices=_NORMS),
    Flag(
        ("--layer-schedule",), "layer_schedule", _LOCAL, "all layers at once, or one by one",
        choices=("simultaneous", "greedy"),
    ),
    Flag(
        ("--readout",), "readout", _READ, "layers that count in prediction",
        choices=("sum", "last", "sum-without-first", "softmax"),
    ),
    Flag(
        ("--label-smoothing",), "label_smoothing", ("hff", "backprop"),
        "share of a label spread evenly", float,
    ),
    Flag(("--prototypes-per-class",), "prototypes_per_class", ("hff",), "in each layer", int),
    Flag(("--temperature",), "temperature", ("hff",), "divides class scores", float),
    Flag(("--sharpness",), "sharpness", ("hff",), "default 1 / temperature", float),
    Flag(("--margin",), "margin", ("hff",), "additive, in units of a cosine", float),
    Flag(
        ("--prototype-update",), "prototype_update", ("hff",), "how prototypes learn",
        choices=("gradient", "ema"),
    ),
    Flag(
        ("--ema-decay",), "ema_decay", ("hff",), "share kept by --prototype-update ema", float,
        needs=("prototype_update", ("ema",)),
    ),
    Flag(
        ("--goodness",), "goodness_function", _FF, "of squared activity",
        choices=("sum", "mean", "negative-sum", "negative-mean"),
    ),
    Flag(("--threshold",), "threshold", _FF, "default: units (sum) or 2 (mean)", float),
    Flag(
        ("--label-encoding",), "label_encoding", ("ff",), "where the label goes",
        choices=("append", "overlay", "planes"),
    ),
    Flag(
        ("--negatives",), "negatives", _FF, "wrong labels, or hybrid images without a label",
        choices=("uniform", "hard", "hybrid"),
    ),
    Flag(
        ("--mask-blurs",), "mask_blurs", ("ff",), "how often a hybrid's mask is blurred", int,
        needs=("negatives", ("hybrid",)),
    ),
    Flag(("--peer-strength",), "peer_strength", ("ff",), "of peer normalisation", float),
    Flag(
        ("--readout-rate-factor",), "readout_rate_factor", _FF,
        "learning rate of the softmax readout, times the layers'", float,
    ),
    Flag(
        ("--readout-weight-decay",), "readout_weight_decay", _FF, "of the softmax readout",
        float,
    ),
    Flag(
        ("--initialization",), "initialization", _FF, "variance 2 or 1 over the inputs",
        choices=("he", "lecun"),
    ),
    Flag(("--steps",), "steps", ("ff-recurrent",), "of time for each sample in training", int),
    Flag(
        ("--damping",), "damping", ("ff-recurrent",),
        "share of a layer's old state in its new one", float,
    ),
    Flag(
        ("--first-scored-step",), "first_scored_step", ("ff-recurrent",),
        "from which on steps count in prediction", int,
    ),
    Flag(
        ("--last-scored-step",), "last_scored_step", ("ff-recurrent",),
        "up to which steps count in prediction", int,
    ),
    Flag(("--label-strength",), "label_strength", ("ff",), "value in the label's slot", float),
)  # fmt: skip
