"""Elementwise functions and their derivatives.

Derivation: docs/derivations/formulas.md, equations ELEM.1 to ELEM.7.
"""

import numpy as np
from scipy.special import expit

from ffref.kernels import gate_rows
from ffref.types import Array


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), finite for every finite x.

    The literal form overflows at x = 89 in float32; this one is x + log(1 + exp(-x)) for
    positive x.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(6)
    array([0.00000e+00, 6.93147e-01, 1.00000e+04])
    """
    return np.logaddexp(x, np.zeros((), np.asarray(x).dtype))  # (ELEM.1)


def softplus_grad(x: Array) -> Array:
    """Derivative of `softplus`: the sigmoid."""
    return sigmoid(x)  # (ELEM.2)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return expit(x)  # (ELEM.3)


def sigmoid_grad(x: Array) -> Array:
    """Derivative of `sigmoid`: sigma(x) sigma(-x), which keeps its digits for large x."""
    return sigmoid(x) * sigmoid(-x)  # (ELEM.4)


def relu(x: Array) -> Array:
    """max(0, x).

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(x, 0)  # (ELEM.5)


def relu_grad(x: Array) -> Array:
    """Derivative of `relu`: 1 where x > 0, else 0 (at the kink x = 0: 0)."""
    return (x > 0).astype(x.dtype)  # (ELEM.6)


def relu_vjp(d_out: Array, x: Array) -> Array:
    """Pull-back of `relu`: d_out where x > 0, else 0; relu(x) does as well as x.

    Examples
    --------
    >>> import numpy as np
    >>> relu_vjp(np.array([[5.0, 6.0]]), np.array([[-2.0, 3.0]]))
    array([[0., 6.]])
    """
    shape = (-1, x.shape[-1])
    return gate_rows(d_out.reshape(shape), x.reshape(shape)).reshape(x.shape)  # (ELEM.7)
