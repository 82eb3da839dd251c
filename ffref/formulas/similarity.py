"""Cosine similarity between two sets of rows, and its pull-back.

Derivation: docs/derivations/formulas.md, equations SIM.1 and SIM.2.
"""

import numpy as np

from ffref._checks import require
from ffref.formulas.norms import l2_normalize, l2_normalize_vjp
from ffref.kernels import matmul, matmul_nt, matmul_tn
from ffref.types import Array


def cosine_similarity(a: Array, b: Array) -> Array:
    """cos_nm = a_n . b_m / (||a_n|| ||b_m||); 0 where a row is zero.

    Parameters
    ----------
    a : (batch, units) float32 or float64
    b : (others, units) same dtype

    Returns
    -------
    (batch, others) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[2.0, 0.0], [0.0, 9.0]]))
    array([[0.6, 0.8]])
    """
    require(
        a.ndim == 2 and b.ndim == 2 and a.shape[1] == b.shape[1] and a.dtype == b.dtype,
        f"cosine_similarity takes two arrays (rows, units) with equal units and dtype, got "
        f"shapes {np.shape(a)} and {np.shape(b)}, dtypes {a.dtype} and {b.dtype}",
    )
    return matmul_nt(l2_normalize(a), l2_normalize(b))  # (SIM.1)


def cosine_similarity_vjp(d_out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Pull-back of `cosine_similarity`, d_out (batch, others) -> (d_a, d_b)."""
    d_direction_a = matmul(d_out, l2_normalize(b))
    d_direction_b = matmul_tn(d_out, l2_normalize(a))
    return l2_normalize_vjp(d_direction_a, a), l2_normalize_vjp(d_direction_b, b)  # (SIM.2)
