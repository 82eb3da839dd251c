"""Normalisations of rows and their pull-backs.

Derivation: docs/derivations/formulas.md, equations NORM.1 to NORM.7.

A row is divided by (norm + tiny), tiny the smallest normal number of its dtype, so that every
non-zero row is exact and a zero row maps to zero. Rows whose squares would overflow or vanish are
divided by their largest entry first. The pull-back of a zero row is defined as 0: a kink.
"""

import numpy as np

from ffref._checks import check_matrix
from ffref.kernels import divide_rows, reject_rows
from ffref.types import Array, Norm


def l2_normalize(x: Array) -> Array:
    """Rows of unit length: x_i / ||x_i||.

    Parameters
    ----------
    x : (batch, units) float32 or float64

    Returns
    -------
    (batch, units) same dtype; a zero row stays zero

    Examples
    --------
    >>> import numpy as np
    >>> l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    return l2_direction(x)[0]


def l2_normalize_vjp(d_out: Array, x: Array) -> Array:
    """Pull-back of `l2_normalize`: d_x = (d_out - z (z . d_out)) / ||x||, z = x / ||x||."""
    return l2_direction_vjp(d_out, *l2_direction(x))


def l2_direction(x: Array) -> tuple[Array, Array]:
    """Return `l2_normalize` of x and the lengths of its rows, (batch, units) and (batch, 1)."""
    x, scale, squares = _within_range(x)
    length = np.sqrt(squares)
    return _divided(x, length), length * scale  # (NORM.1)


def l2_direction_vjp(d_out: Array, direction: Array, length: Array) -> Array:
    """`l2_normalize_vjp`, where direction and length are at hand."""
    radial = row_dot(direction, d_out)
    return _rejected(d_out, direction, radial, length)  # (NORM.2)


def rms_normalize(x: Array) -> Array:
    """Rows whose mean square is 1: x_i / sqrt(mean_j x_ij^2), of length sqrt(units).

    Hinton (2022) feeds each layer with rows of this form: the length of a row, which its
    goodness was made of, is gone, and only its direction is passed on.

    Examples
    --------
    >>> import numpy as np
    >>> rms_normalize(np.array([[1.0, 7.0]]))  # rms 5
    array([[0.2, 1.4]])
    """
    x, _, squares = _within_range(x)
    rms = np.sqrt(squares / x.dtype.type(x.shape[1]))
    return _divided(x, rms)  # (NORM.3)


def rms_normalize_vjp(d_out: Array, x: Array) -> Array:
    """Pull-back of `rms_normalize`: d_x = (d_out - z mean_j(z_j d_out_j)) / rms, z = x / rms."""
    x, scale, squares = _within_range(x)
    rms = np.sqrt(squares / x.dtype.type(x.shape[1]))
    normalized = _divided(x, rms)
    radial = row_dot(normalized, d_out) / x.shape[1]
    return _rejected(d_out, normalized, radial, rms * scale)  # (NORM.4)


def layer_normalize(x: Array) -> Array:
    """Rows of mean 0 and standard deviation 1 (population), without learned scale or shift.

    Examples
    --------
    >>> import numpy as np
    >>> layer_normalize(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """
    x, _, _ = _within_range(x)
    return rms_normalize(_centred(x))  # (NORM.5)


def layer_normalize_vjp(d_out: Array, x: Array) -> Array:
    """Pull-back of `layer_normalize`: through the division, then less its mean over the row."""
    x, scale, _ = _within_range(x)
    d_centred = rms_normalize_vjp(d_out, _centred(x))  # (NORM.6)
    return (d_centred - d_centred.mean(axis=1, keepdims=True)) / scale  # (NORM.7)


def identity(x: Array) -> Array:
    """No normalisation: x itself."""
    return x


def identity_vjp(d_out: Array, x: Array) -> Array:
    """Pull-back of `identity`."""
    return d_out


NORMS = {
    "none": Norm(identity, identity_vjp),
    "l2": Norm(l2_normalize, l2_normalize_vjp),
    "rms": Norm(rms_normalize, rms_normalize_vjp),
    "layer": Norm(layer_normalize, layer_normalize_vjp),
}
"""Normalisations by the names that estimators and the command line use."""


def row_dot(a: Array, b: Array) -> Array:
    """sum_j a_ij b_ij of each row, (batch, units) twice -> (batch,)."""
    return np.einsum("ij,ij->i", a, b)


def _centred(x: Array) -> Array:
    """Rows less their mean; a constant row gives exact zeros, whatever its mean's rounding."""
    centred = x - x.mean(axis=1, keepdims=True)
    centred[np.ptp(x, axis=1) == 0] = 0
    return centred


def _tiny(x: Array) -> np.floating:
    return np.finfo(x.dtype).tiny


def _within_range(x: Array) -> tuple[Array, Array, Array]:
    """Return x / scale, scale and the sums of squares of x / scale, both (batch, 1).

    scale is 1 save in rows whose sum of squares would overflow or vanish: there it is the largest
    entry. A norm does not change when its row is scaled, and a pull-back is divided by that scale.
    """
    check_matrix(x, "x")
    limits = np.finfo(x.dtype)
    with np.errstate(over="ignore"):
        squares = row_dot(x, x)[:, None]
    safe = (squares > limits.tiny / limits.eps) & (squares < limits.max)
    scale = np.ones_like(squares)
    if safe.all():
        return x, scale, squares
    largest = np.abs(x).max(axis=1, keepdims=True)
    np.copyto(scale, largest, where=~safe & (largest > 0) & np.isfinite(largest))
    x = x / scale
    return x, scale, row_dot(x, x)[:, None]


def _divided(x: Array, norm: Array) -> Array:
    """Return x / (norm + tiny), norm (batch, 1)."""
    return divide_rows(x, (norm + _tiny(x))[:, 0])


def _rejected(d_out: Array, axis: Array, radial: Array, norm: Array) -> Array:
    """Return (d_out - axis radial) / norm, and 0 in rows whose norm (batch, 1) is 0."""
    zero = norm[:, 0] == 0
    if not zero.any():
        return reject_rows(d_out, axis, radial, norm[:, 0])
    d_x = reject_rows(d_out, axis, radial, np.where(zero, 1, norm[:, 0]))
    d_x[zero] = 0
    return d_x
