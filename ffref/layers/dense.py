"""The dense layer: forward product, parameter gradients, input gradient.

Derivation: docs/derivations/formulas.md, equations DENSE.1 to DENSE.5. The input gradient serves
chains inside one block and the back-propagation baseline; local learning never calls it.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ffref.kernels import add_bias_relu_rows, add_bias_rows, matmul, matmul_nt, matmul_tn
from ffref.types import Array


class Dense(NamedTuple):
    """A dense layer's arrays."""

    weight: Array
    """(in_units, out_units)"""
    bias: Array
    """(out_units,)"""


def dense_forward(dense: Dense, x: Array) -> Array:
    """preactivation = x @ weight + bias, (batch, in_units) -> (batch, out_units).

    Examples
    --------
    >>> import numpy as np
    >>> dense_forward(Dense(np.array([[1.0], [2.0]]), np.array([0.5])), np.array([[3.0, 4.0]]))
    array([[11.5]])
    """
    preactivation = _product(dense, x)
    add_bias_rows(preactivation, dense.bias)  # (DENSE.1)
    return preactivation


def dense_relu(dense: Dense, x: Array) -> Array:
    """activity = relu(x @ weight + bias), with bias and relu in one pass.

    Examples
    --------
    >>> import numpy as np
    >>> dense_relu(Dense(np.array([[1.0, -1.0]]), np.array([0.5, 0.5])), np.array([[3.0]]))
    array([[3.5, 0. ]])
    """
    activity = _product(dense, x)
    add_bias_relu_rows(activity, dense.bias)  # (DENSE.5)
    return activity


def dense_grads(x: Array, d_preactivation: Array) -> tuple[Array, Array]:
    """Derivatives in weight and bias, (d_weight, d_bias), from d_preactivation (batch, units)."""
    d_weight = matmul_tn(x, d_preactivation)  # (DENSE.2)
    return d_weight, d_preactivation.sum(axis=0)  # (DENSE.3)


def dense_input_grad(dense: Dense, d_preactivation: Array) -> Array:
    """Derivative in the input: d_x = d_preactivation @ weight.T."""
    return matmul_nt(d_preactivation, dense.weight)  # (DENSE.4)


def check_inputs(dense: Dense, x: Array) -> None:
    """`x` is (batch, in_units) for this layer."""
    if x.ndim != 2 or x.shape[1] != len(dense.weight):
        raise ValueError(f"this layer takes (batch, {len(dense.weight)}), got shape {x.shape}")


def _product(dense: Dense, x: Array) -> Array:
    check_inputs(dense, x)
    return matmul(x, dense.weight)


INITIAL_GAIN = {"he": 2.0, "lecun": 1.0}
"""Mean square of a layer's weighted sums for inputs of mean square 1: 2, of which a relu leaves
half, He et al. (2015); or 1, LeCun et al. (1998), which Hinton's code takes."""


def draw_dense(rng: np.random.Generator, in_units: int, out_units: int, gain: float) -> Dense:
    """Draw weights from N(0, gain / in_units), with zero bias; float64."""
    weight = rng.standard_normal((in_units, out_units)) * np.sqrt(gain / in_units)
    return Dense(weight, np.zeros(out_units))


def draw_dense_layers(
    rng: np.random.Generator, sizes: tuple[int, ...], gain: float
) -> list[Dense]:
    """Draw float32 layers between neighbouring sizes."""
    layers = (draw_dense(rng, *pair, gain) for pair in pairwise(sizes))
    return [Dense(*(array.astype(np.float32) for array in layer)) for layer in layers]
