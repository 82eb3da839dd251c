"""Named recipes: the experiments of papers, with every setting that differs from a default.

A recipe is an algorithm, a data set and settings; `parameters` fit this project's budget of 45
minutes on two cores, `full` adds what the source used where that is more. Results, with command,
seed and time, stand in docs/results/ff.md, hff.md and relatives.md.
"""

from typing import Any, NamedTuple

from ffref.estimators import ESTIMATORS, Classifier
from ffref.experiments.presets import PRESETS


def _without(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


class Recipe(NamedTuple):
    """One named experiment."""

    algorithm: str
    data: str
    source: str
    parameters: dict[str, Any]
    full: dict[str, Any]
    """overrides `parameters` where the source's own size or length is larger"""

    def classifier(self, **overrides: Any) -> Classifier:  # noqa: ANN401
        """Make the recipe's classifier; `overrides` are constructor arguments."""
        return ESTIMATORS[self.algorithm](**{"random_state": 0, **self.parameters, **overrides})


_HINTON = {
    "standardize": False,
    "input_norm": "rms",
    "between_norm": "rms",
    "label_encoding": "overlay",
    "goodness_function": "sum",
    "batch_size": 100,
}
_MATLAB_STEPS = {
    "optimizer": "moving-average",
    "momentum": 0.9,
    "learning_rate_init": 0.01,
    "weight_decay": 0.001,
    "readout_rate_factor": 10.0,
    "readout_weight_decay": 0.003,
    "schedule": "hinton",
    "initialization": "lecun",
}
_MATLAB = {
    **_HINTON,
    **_MATLAB_STEPS,
    "negatives": "hard",
    "peer_strength": 0.03,
}
_TEXT_SOURCE = "Hinton (2022), section on sequences"
_TEXT = {**_MATLAB_STEPS, "hidden_layer_sizes": (2000, 2000, 2000), "max_iter": 10}

_HFF_CONV = {
    "standardize": False,
    "between_norm": "none",
    "label_smoothing": 0.05,
    "optimizer": "adamw",
    "weight_decay": 0.02,
    "batch_size": 128,
    "readout": "last",
}


def _blocks(*sizes: tuple[int, int, int, int], **first: int) -> tuple[tuple[str, Any], ...]:
    """Blocks of (channels, pool, auxiliary channels, grid); `first` of the lowest one alone."""
    said: list[dict[str, Any]] = [
        {"channels": channels, "pool": pool, "auxiliary": [outputs, grid]}
        for channels, pool, outputs, grid in sizes
    ]
    said[0] |= first
    return tuple(("block", choices) for choices in said)


_HFF_SOURCE = "Sarode, Moser et al. (2026)"
_HFF_CONV_MNIST = {
    **_HFF_CONV,
    # padded to 32 x 32 pixels, so that three halvings leave 4 x 4
    "layers": _blocks((32, 2, 32, 4), (64, 2, 32, 4), (128, 2, 64, 2), padding=3),
    "learning_rate_init": 0.003,
    "warmup_steps": 200,
}
_FAUST_SOURCE = "Gong et al. (2025), arXiv:2509.08697; loss, network and settings are ours"
_FAUST_MNIST = {
    **PRESETS["faust", "mnist"],
    "hidden_layer_sizes": (1000, 1000),
    "readout": "last",
    "shift": 1,
    "max_iter": 20,
}
_FAUST_CIFAR = {
    "standardize": True,
    "hidden_layer_sizes": (1500, 1500, 1500),
    "readout": "last",
    "member_rows": 32,
    "scale": 30.0,
    "shift": 2,
    "flip": True,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "learning_rate_init": 0.002,
    "batch_size": 128,
    "max_iter": 36,
}
_SCFF_MNIST = {
    "standardize": False,
    "hidden_layer_sizes": (2000, 2000),
    "readout_rate_factor": 10.0,
    "shift": 1,
    "batch_size": 100,
    "max_iter": 10,
}
_CWC_MNIST = {
    "standardize": False,
    "between_norm": "none",
    "shift": 1,
    "readout": "last",
    "learning_rate_init": 0.01,
    "batch_size": 128,
    "max_iter": 9,
}
_DEEPER_FORWARD_MNIST = {
    **_CWC_MNIST,
    "between_norm": "layer",
    "readout": "sum",
    "learning_rate_init": 0.003,
}
_SAME_NETWORK = {
    "standardize": False,
    "input_norm": "rms",
    "between_norm": "none",
    "hidden_layer_sizes": (500, 500),
    "batch_size": 100,
    "max_iter": 10,
}
"""Of back-propagation and predictive coding, which are to be compared."""


def _cfse(*channels: int) -> tuple[tuple[str, Any], ...]:
    """CwC's pairs of blocks: an ordinary convolution, then a grouped one that is pooled."""
    return tuple(
        ("block", {"channels": size, **({"groups": 10, "pool": 2} if number % 2 else {})})
        for number, size in enumerate(channels)
    )


def _residual(*sizes: tuple[int, int]) -> tuple[tuple[str, Any], ...]:
    """DeeperForward's blocks of (channels, pool): a shortcut, and no norm but between blocks."""
    return tuple(
        ("block", {"channels": channels, "pool": pool, "norm": "none", "residual": True})
        for channels, pool in sizes
    )


RECIPES = {
    "hinton-matlab": Recipe(
        "ff",
        "mnist",
        "official Matlab code of Hinton (2022)",
        {**_MATLAB, "hidden_layer_sizes": (1000, 1000, 1000), "max_iter": 60},
        {"max_iter": 100},
    ),
    "hinton-supervised": Recipe(
        "ff",
        "mnist",
        "Hinton (2022), section 3.3",
        {**_MATLAB, "hidden_layer_sizes": (2000, 2000, 2000, 2000), "max_iter": 40},
        {"max_iter": 60},
    ),
    "hinton-jittered": Recipe(
        "ff",
        "mnist",
        "Hinton (2022), section 3.3, images moved by up to two pixels",
        {**_MATLAB, "shift": 2, "hidden_layer_sizes": (2000, 2000, 2000, 2000), "max_iter": 60},
        {"max_iter": 500},
    ),
    "hinton-unsupervised": Recipe(
        "ff",
        "mnist",
        "Hinton (2022), section 3.2",
        {
            **_MATLAB,
            "negatives": "hybrid",
            "readout": "softmax",
            "hidden_layer_sizes": (2000, 2000, 2000, 2000),
            "max_iter": 40,
        },
        {"max_iter": 100},
    ),
    "hinton-local": Recipe(
        "ff",
        "mnist",
        "Hinton (2022), section 3.2, local receptive fields without shared weights",
        {
            **_MATLAB,
            "negatives": "hybrid",
            "readout": "softmax",
            "layers": (("local", 10, 6, 128), ("local", 2, 1, 220), ("local", 2, 1, 512)),
            "max_iter": 40,
        },
        {"max_iter": 60},
    ),
    "hinton-cifar": Recipe(
        "ff",
        "cifar10",
        "Hinton (2022), section 4, feed-forward",
        {
            **_HINTON,
            "layers": (("local", 11, 1, 3, 5), ("local", 11, 1, 3, 5)),
            "standardize": True,
            # a field sees 11 x 11 pixels: of a label in the first pixels most would see nothing
            "label_encoding": "planes",
            "label_strength": 0.5,
            "negatives": "hard",
            "readout": "sum",
            "max_iter": 5,
        },
        {"max_iter": 60},
    ),
    "ff-conv": Recipe(
        "ff",
        "mnist",
        "none: Hinton's objective on a small convolutional network",
        {
            **_HINTON,
            "layers": (("conv", 5, 2, 32), ("conv", 3, 1, 64), ("conv", 3, 2, 128)),
            "label_encoding": "planes",
            # a plane of 0.3 has about the energy of a digit
            "label_strength": 0.3,
            "learning_rate_init": 0.003,
            "max_iter": 10,
        },
        {},
    ),
    "hff-mnist": Recipe(
        "hff",
        "mnist",
        f"{_HFF_SOURCE}; network and settings are ours",
        {**PRESETS["hff", "mnist"], "shift": 1, "max_iter": 20},
        {"max_iter": 60},
    ),
    "hff-cifar": Recipe(
        "hff",
        "cifar10",
        f"{_HFF_SOURCE}; network and settings are ours",
        {
            "hidden_layer_sizes": (2000, 2000, 2000),
            "prototypes_per_class": 1,
            "optimizer": "adamw",
            "weight_decay": 0.01,
            "batch_size": 256,
            "standardize": True,
            "shift": 2,
            "flip": True,
            "readout": "last",
            "max_iter": 30,
        },
        {"max_iter": 60},
    ),
    "hff-conv": Recipe(
        "hff",
        "mnist",
        f"{_HFF_SOURCE}; network and settings are ours",
        {**_HFF_CONV_MNIST, "shift": 2, "max_iter": 15},
        {"max_iter": 60},
    ),
    "hff-conv-minute": Recipe(
        "hff",
        "mnist",
        f"{_HFF_SOURCE}; as far as a minute of training goes",
        {**_HFF_CONV_MNIST, "shift": 1, "warmup_steps": 100, "max_iter": 2},
        {},
    ),
    "hff-conv-fashion": Recipe(
        "hff",
        "fashion-mnist",
        f"{_HFF_SOURCE}; network and settings are ours",
        {**_HFF_CONV_MNIST, "shift": 1, "flip": True, "max_iter": 15},
        {"max_iter": 60},
    ),
    "hff-conv-cifar": Recipe(
        "hff",
        "cifar10",
        f"{_HFF_SOURCE}; network and settings are ours",
        {
            **_HFF_CONV,
            "learning_rate_init": 0.002,
            "layers": _blocks(
                (96, 1, 64, 4), (128, 2, 64, 4), (256, 2, 64, 4), (384, 2, 64, 4), (512, 1, 128, 2)
            ),
            "standardize": True,
            "shift": 3,
            "flip": True,
            "warmup_steps": 400,
            "max_iter": 10,
        },
        {"max_iter": 20},
    ),
    "hinton-recurrent": Recipe(
        "ff-recurrent",
        "mnist",
        "Hinton (2022), section on top-down effects",
        {
            **_without(_MATLAB, "label_encoding", "peer_strength"),
            "hidden_layer_sizes": (2000, 2000),
            "steps": 5,
            "max_iter": 15,
        },
        {"steps": 8, "max_iter": 60},
    ),
    "faust-mnist": Recipe("faust", "mnist", _FAUST_SOURCE, _FAUST_MNIST, {"max_iter": 60}),
    "faust-cifar": Recipe(
        "faust",
        "cifar10",
        _FAUST_SOURCE,
        _FAUST_CIFAR,
        {"max_iter": 100, "hidden_layer_sizes": (2000, 2000, 2000)},
    ),
    "scff-mnist": Recipe(
        "scff",
        "mnist",
        "Chen et al. (2025), arXiv:2409.11593; schedule and readout are ours",
        _SCFF_MNIST,
        {"max_iter": 60},
    ),
    "cwc-mnist": Recipe(
        "cwc",
        "mnist",
        "Papachristodoulou et al. (2024), arXiv:2312.12668, with other channels",
        {**_CWC_MNIST, "layers": _cfse(20, 40, 80, 160, 160, 320), "max_iter": 8},
        {"layers": _cfse(20, 80, 240, 480), "max_iter": 36},
    ),
    "deeper-forward-mnist": Recipe(
        "deeper-forward",
        "mnist",
        "Sun et al. (2025), ICLR, at second hand; network and settings are ours",
        {**_DEEPER_FORWARD_MNIST, "layers": _residual((20, 1), (60, 2), (60, 1), (120, 2))},
        {"layers": _residual((40, 1), (80, 2), (160, 1), (320, 2)), "max_iter": 36},
    ),
    "predictive-coding-mnist": Recipe(
        "predictive-coding",
        "mnist",
        "Whittington and Bogacz (2017); network and settings are ours",
        _SAME_NETWORK,
        {"max_iter": 30},
    ),
    "backprop-mnist": Recipe(
        "backprop", "mnist", "none: the yardstick", _SAME_NETWORK, {"max_iter": 30}
    ),
    "hinton-text": Recipe("ff-text", "moby-dick", _TEXT_SOURCE, _TEXT, {}),
    "hinton-text-self-generated": Recipe(
        "ff-text", "moby-dick", _TEXT_SOURCE, {**_TEXT, "negatives": "self-generated"}, {}
    ),
}
"""By the names that `ffref train` takes."""
