"""Settings that suit a data set, where they differ from a classifier's defaults.

Chosen on validation data, and overridden by any flag. A pair that is not listed uses the
classifier's own defaults.
"""

from typing import Any

_DIGITS = {"max_iter": 40}
_MNIST_LIKE = {"standardize": False, "input_norm": "rms", "batch_size": 256}
_HFF_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (1000, 1000, 1000),
    "temperature": 0.05,
    "max_iter": 10,
}
_FF_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (500, 500),
    "label_encoding": "overlay",
    "batch_size": 128,
    "max_iter": 30,
}
_BACKPROP_MNIST = {
    **_MNIST_LIKE,
    "hidden_layer_sizes": (1000, 1000, 1000),
    "between_norm": "rms",
    "max_iter": 10,
}

PRESETS: dict[tuple[str, str], dict[str, Any]] = {
    ("hff", "digits"): _DIGITS,
    ("ff", "digits"): {"max_iter": 60},
    ("backprop", "digits"): _DIGITS,
    ("hff", "mnist"): _HFF_MNIST,
    ("hff", "fashion-mnist"): _HFF_MNIST,
    ("ff", "mnist"): _FF_MNIST,
    ("ff", "fashion-mnist"): _FF_MNIST,
    ("backprop", "mnist"): _BACKPROP_MNIST,
    ("backprop", "fashion-mnist"): _BACKPROP_MNIST,
}
