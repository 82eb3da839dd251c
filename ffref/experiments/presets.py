"""Settings that suit a data set, where they differ from a classifier's defaults.

Chosen on validation data, and overridden by any flag. A pair that is not listed uses the
classifier's own defaults. FF's next relatives have its presets; methods of one pass but FAUST
have a common one for images of MNIST's kind, not tuned for themselves; recipes are.
"""

from typing import Any

_HFF_DIGITS = {"max_iter": 20, "learning_rate_init": 0.002, "label_smoothing": 0.1}
_FF_DIGITS = {"max_iter": 40, "learning_rate_init": 0.003, "label_strength": 4.0}
_MNIST_LIKE = {"standardize": False, "input_norm": "rms", "batch_size": 256}
_HFF_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (1000, 1000, 1000),
    "temperature": 0.05,
    "label_smoothing": 0.1,
    "max_iter": 10,
}
_FF_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (500, 500),
    "label_encoding": "overlay",
    "readout": "sum",
    "batch_size": 128,
    "learning_rate_init": 0.003,
    "max_iter": 30,
}
_BACKPROP_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (1000, 1000, 1000),
    "between_norm": "rms",
    "max_iter": 10,
}
_ONE_PASS_MNIST = {**_MNIST_LIKE, "hidden_layer_sizes": (500, 500), "max_iter": 10}
_FAUST_MNIST = {
    **_ONE_PASS_MNIST,
    # an anchor beside the mean of all the batch's rows of a class
    "member_rows": 32,
    "scale": 30.0,
    "learning_rate_init": 0.003,
    "batch_size": 128,
}
_SCFF_MNIST = {
    "standardize": False,
    "hidden_layer_sizes": (500, 500),
    "batch_size": 100,
    "max_iter": 10,
}
_RECURRENT_MNIST = {**_MNIST_LIKE, "learning_rate_init": 0.003, "steps": 5, "max_iter": 10}
_PREDICTIVE_CODING_MNIST = {**_BACKPROP_MNIST, "between_norm": "none"}

PRESETS: dict[tuple[str, str], dict[str, Any]] = {
    ("hff", "digits"): _HFF_DIGITS,
    ("ff", "digits"): _FF_DIGITS,
    ("ff-recurrent", "digits"): {"max_iter": 20, "learning_rate_init": 0.003, "steps": 5},
    ("backprop", "digits"): {"max_iter": 20},
    ("predictive-coding", "digits"): {"max_iter": 20, "learning_rate_init": 0.003},
    ("hff", "mnist"): _HFF_MNIST,
    ("hff", "fashion-mnist"): _HFF_MNIST,
    ("ff", "mnist"): _FF_MNIST,
    ("ff", "fashion-mnist"): _FF_MNIST,
    ("backprop", "mnist"): _BACKPROP_MNIST,
    ("backprop", "fashion-mnist"): _BACKPROP_MNIST,
    ("predictive-coding", "mnist"): _PREDICTIVE_CODING_MNIST,
    ("predictive-coding", "fashion-mnist"): _PREDICTIVE_CODING_MNIST,
}
for _relative in ("symba", "cumulative", "layer-collaboration"):
    for _data in ("digits", "mnist", "fashion-mnist"):
        PRESETS[_relative, _data] = PRESETS["ff", _data]
for _data in ("mnist", "fashion-mnist"):
    PRESETS["faust", _data] = _FAUST_MNIST
    for _relative in ("mono-forward", "cwc", "deeper-forward", "distance-forward"):
        PRESETS[_relative, _data] = _ONE_PASS_MNIST
    PRESETS["scff", _data] = _SCFF_MNIST
    PRESETS["ff-recurrent", _data] = _RECURRENT_MNIST
