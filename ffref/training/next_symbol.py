"""Which symbol comes next: windows of a sequence, and negatives that the network makes itself.

Source: Hinton (2022), arXiv:2212.13345, section on sequences, known here at second hand. A real
window is positive. Negative is a window whose last symbol the network has predicted from the
window before it (teacher-forced), or one that the network has made on its own, symbol by symbol
(self-generated). The prediction is a softmax readout of the hidden activities.
"""

from functools import partial

import numpy as np

from ffref._checks import check_count, require
from ffref.formulas import softmax
from ffref.negatives import LabelEncoding, paired_context
from ffref.negatives.encodings import one_hot
from ffref.training.algorithm import Algorithm
from ffref.training.network import Network
from ffref.training.readout import network_logits
from ffref.types import Array, Labels, LayerContext, LayerInput


def slide(windows: Array, symbols: Labels, *, classes: int) -> Array:
    """Move windows on by one: the first symbol leaves, `symbols` come last.

    Parameters
    ----------
    windows : (batch, length * classes)
        One-hot symbols, one after the other.
    symbols : (batch,) whole numbers in 0 .. classes - 1
    classes : int

    Raises
    ------
    ValueError
        If the width of the windows is no multiple of `classes`.

    Examples
    --------
    >>> import numpy as np
    >>> slide(np.array([[1.0, 0.0, 0.0, 1.0]]), np.array([0]), classes=2)  # 0 1 -> 1 0
    array([[0., 1., 1., 0.]])
    """
    require(
        windows.ndim == 2 and windows.shape[1] % classes == 0,
        f"windows must be (batch, length * {classes}), got shape {windows.shape}",
    )
    return np.concatenate([windows[:, classes:], one_hot(symbols, classes, windows.dtype)], axis=1)


def window_encoding(classes: int) -> LabelEncoding:
    """The next symbol as a label: it is written behind the window, which slides on by one.

    The neutral version is the window as it stands, from which the readout predicts.
    """
    check_count(classes, "classes")
    return LabelEncoding(
        partial(slide, classes=classes),
        lambda windows: windows,
        lambda windows: windows.shape[1] - classes,
        classes,
        lambda d_out: np.pad(d_out[:, :-classes], ((0, 0), (classes, 0))),
    )


def draw_symbols(logits: Array, *, rng: np.random.Generator) -> Labels:
    """Draw a symbol for each row from the softmax of its logits, (batch,).

    Examples
    --------
    >>> import numpy as np
    >>> draw_symbols(np.array([[0.0, 900.0], [900.0, 0.0]]), rng=np.random.default_rng(0))
    array([1, 0])
    """
    cumulative = softmax(logits.astype(np.float64)).cumsum(axis=1)
    draw = rng.random(len(logits)) * cumulative[:, -1]
    return (cumulative <= draw[:, None]).sum(axis=1)


def self_generated_windows(
    network: Network, windows: Array, *, steps: int, classes: int, rng: np.random.Generator
) -> Array:
    """Windows after 1 to `steps` symbols of the network's own, as many for each row as drawn.

    Each symbol is drawn from the softmax readout of the window before it. From as many steps on
    as a window is long, nothing of the real text is left in it.
    """
    check_count(steps, "steps")
    length = rng.integers(1, steps + 1, size=len(windows))
    windows = windows.copy()
    for step in range(1, steps + 1):
        going_on = np.flatnonzero(length >= step)
        if len(going_on) == 0:
            break
        rows = windows[going_on]
        symbols = draw_symbols(network_logits(network, rows), rng=rng)
        windows[going_on] = slide(rows, symbols, classes=classes)
    return windows


def with_self_generated_negatives(algorithm: Algorithm, *, steps: int, classes: int) -> Algorithm:
    """`algorithm` with negatives of `self_generated_windows` instead of wrong last symbols."""
    check_count(steps, "steps")

    def batch(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        positive = slide(x, labels, classes=classes)
        negative = self_generated_windows(network, x, steps=steps, classes=classes, rng=rng)
        inputs = np.concatenate([positive, negative])
        return network.input_norm.value(inputs), paired_context(labels, x.dtype)

    return algorithm._replace(batch=batch)
