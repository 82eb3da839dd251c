"""Goodness functions of a public benchmark, where they differ from a sum of squares.

Source: Shah and Tripathi (2025), "In Search of Goodness", arXiv:2511.18567, after the authors'
code, aryashah2k/In-Search-of-Goodness 4703562, `goodness/`, whose constants are the defaults.
Derivation: docs/derivations/benchmark_goodness.md, equations ALT.1 to ALT.14, which also says what
was left out and why. What the code freezes is a `_rule` here, and no derivative.
"""

import numpy as np

from ffref._checks import check_number, check_positive, require
from ffref.formulas.goodness import GOODNESS, sum_of_squares, sum_of_squares_grad
from ffref.formulas.norms import row_dot
from ffref.formulas.softmax import softmax
from ffref.types import Array, Goodness


def quartic_sum(activity: Array, *, weight: float = 1e-4) -> Array:
    """Sum of squares less fourth powers, g_i = sum_j (y_ij^2 - alpha y_ij^4): `oja_local`.

    It falls beyond |y| = 1 / sqrt(2 alpha); (batch, units) -> (batch,) as all here.

    Examples
    --------
    >>> import numpy as np
    >>> quartic_sum(np.array([[1.0, 2.0]]), weight=0.1)  # 5 - 0.1 * 17
    array([3.3])
    """
    alpha = activity.dtype.type(check_number(weight, "weight"))
    squares = activity * activity
    return sum_of_squares(activity) - alpha * row_dot(squares, squares)  # (ALT.1)


def quartic_sum_grad(activity: Array, *, weight: float = 1e-4) -> Array:
    """d g_i / d y_ij = 2 y_ij - 4 alpha y_ij^3."""
    alpha = activity.dtype.type(check_number(weight, "weight"))
    return 2 * activity - 4 * alpha * activity * activity * activity  # (ALT.2)


def sparse_sum(activity: Array, *, weight: float = 0.01) -> Array:
    """Sum of squares less magnitudes, g_i = sum_j (y_ij^2 - lambda |y_ij|): `sparse_l1_local`.

    Examples
    --------
    >>> import numpy as np
    >>> sparse_sum(np.array([[1.0, -2.0]]), weight=0.5)  # 5 - 0.5 * 3
    array([3.5])
    """
    price = activity.dtype.type(check_number(weight, "weight"))
    return sum_of_squares(activity) - price * row_dot(activity, np.sign(activity))  # (ALT.3)


def sparse_sum_grad(activity: Array, *, weight: float = 0.01) -> Array:
    """d g_i / d y_ij = 2 y_ij - lambda sign(y_ij); 0 at y_ij = 0, a kink."""
    price = activity.dtype.type(check_number(weight, "weight"))
    return 2 * activity - price * np.sign(activity)  # (ALT.4)


def huber_sum(activity: Array, *, weight: float = 0.01, delta: float = 1.0) -> Array:
    """Sum of squares less Huber's function of each activity: `huber_norm_local`.

    g_i = sum_j (y_ij^2 - w h(y_ij)), h(y) = y^2 / 2 up to |y| = delta, a line of that slope beyond

    Examples
    --------
    >>> import numpy as np
    >>> huber_sum(np.array([[1.0, -2.0]]), weight=1.0)  # 5 - 0.5 - 1.5
    array([3.])
    """
    factor = activity.dtype.type(check_number(weight, "weight"))
    bent = _bend(activity, delta)
    # of either part bent y - bent^2 / 2: y^2 - y^2 / 2, and delta |y| - delta^2 / 2
    huber = row_dot(bent, activity) - row_dot(bent, bent) / 2
    return sum_of_squares(activity) - factor * huber  # (ALT.5)


def huber_sum_grad(activity: Array, *, weight: float = 0.01, delta: float = 1.0) -> Array:
    """d g_i / d y_ij = 2 y_ij - w (y_ij, held between -delta and delta)."""
    factor = activity.dtype.type(check_number(weight, "weight"))
    return 2 * activity - factor * _bend(activity, delta)  # (ALT.6)


def trimmed_sum(activity: Array, *, share: float = 0.1) -> Array:
    """Sum of squares without the largest and the smallest: `outlier_trimmed_energy_local`.

    Of n units round(share n) are left out at either end; of equal ones the first counts as the
    smaller.

    Examples
    --------
    >>> import numpy as np
    >>> trimmed_sum(np.array([[1.0, -4.0, 2.0, 3.0]]), share=0.25)  # 4 + 9
    array([13.])
    """
    kept = _kept(activity, share)
    return row_dot(kept, kept)  # (ALT.7)


def trimmed_sum_grad(activity: Array, *, share: float = 0.1) -> Array:
    """d g_i / d y_ij = 2 y_ij of units that are kept, else 0."""
    return 2 * _kept(activity, share)  # (ALT.8)


def contribution_sum(activity: Array, *, weight: float = 0.1) -> Array:
    """Squares that count the more, the larger a unit's share: `game_theoretic_local`.

    g_i = sum_j y_ij^2 (1 + w p_ij), p_ij = |y_ij| / sum_l |y_il|

    Examples
    --------
    >>> import numpy as np
    >>> contribution_sum(np.array([[1.0, 3.0]]), weight=1.0)  # 10 + 1/4 + 27/4
    array([17.])
    """
    factor = activity.dtype.type(check_number(weight, "weight"))
    shares = _shares(activity)[0]
    return sum_of_squares(activity) + factor * row_dot(activity * shares, activity)  # (ALT.9)


def contribution_sum_grad(activity: Array, *, weight: float = 0.1) -> Array:
    """d g_i / d y_ij = 2 y_ij + w (3 y_ij p_ij - sign(y_ij) q_i / sum_l |y_il|).

    q_i = sum_l p_il y_il^2.
    """
    factor = activity.dtype.type(check_number(weight, "weight"))
    shares, total = _shares(activity)
    mean = row_dot(activity * shares, activity)[:, None] / total
    slope = 3 * activity * shares - np.sign(activity) * mean
    return 2 * activity + factor * slope  # (ALT.10)


def contribution_sum_rule(activity: Array, *, weight: float = 0.1) -> Array:
    """What the benchmark's code takes for the derivative, shares frozen: 2 y_ij (1 + w p_ij)."""
    factor = activity.dtype.type(check_number(weight, "weight"))
    return 2 * activity * (1 + factor * _shares(activity)[0])  # (ALT.11)


def even_sum(activity: Array, *, weight: float = 0.1) -> Array:
    """Sum of squares, more where activity is spread evenly: `fractal_dimension_local`.

    g_i = (1 + w H(p_i) / log n) sum_j y_ij^2, H the entropy of the shares p_ij

    Its derivative is infinite at silent units, of which a relu has many; see `even_sum_rule`.

    Examples
    --------
    >>> import numpy as np
    >>> even_sum(np.array([[2.0, 2.0], [2.0, 0.0]]), weight=0.5)  # H = log 2, and 0
    array([12.,  4.])
    """
    return _more_if_even(_shares(activity)[0], weight) * sum_of_squares(activity)  # (ALT.12)


def even_sum_rule(activity: Array, *, weight: float = 0.1) -> Array:
    """What the benchmark's code takes for the derivative of `even_sum`: its entropy is frozen."""
    factor = _more_if_even(_shares(activity)[0], weight)
    return factor[:, None] * sum_of_squares_grad(activity)  # (ALT.13)


def attention_sum(activity: Array, *, weight: float = 0.01) -> Array:
    """As `even_sum`, of the shares that a softmax of |y| gives: `attention_weighted_local`.

    Examples
    --------
    >>> import numpy as np
    >>> attention_sum(np.array([[2.0, -2.0]]), weight=0.5)  # shares 1/2 and 1/2
    array([12.])
    """
    factor = _more_if_even(softmax(np.abs(activity)), weight)
    return factor * sum_of_squares(activity)  # (ALT.14)


def attention_sum_rule(activity: Array, *, weight: float = 0.01) -> Array:
    """As `even_sum_rule`, of `attention_sum`."""
    factor = _more_if_even(softmax(np.abs(activity)), weight)
    return factor[:, None] * sum_of_squares_grad(activity)  # (ALT.13)


def _bend(activity: Array, delta: float) -> Array:
    limit = activity.dtype.type(check_positive(delta, "delta"))
    return np.clip(activity, -limit, limit)


def _kept(activity: Array, share: float) -> Array:
    """Activity, 0 where it is trimmed."""
    require(
        0 <= check_number(share, "share") < 0.5,
        f"share must be at least 0 and less than 0.5, as both ends lose it, got {share!r}",
    )
    units = activity.shape[1]
    trimmed = round(share * units)
    order = np.argsort(activity * activity, axis=1, kind="stable")
    kept = np.zeros_like(activity)
    middle = order[:, trimmed : units - trimmed]
    np.put_along_axis(kept, middle, np.take_along_axis(activity, middle, axis=1), axis=1)
    return kept


def _shares(activity: Array) -> tuple[Array, Array]:
    """(|y_ij| / sum_l |y_il|, those sums (batch, 1)); a zero row has shares 0 and sum 1."""
    total = row_dot(activity, np.sign(activity))[:, None]
    total = np.where(total > 0, total, np.ones_like(total))
    return np.abs(activity) / total, total


def _more_if_even(shares: Array, weight: float) -> Array:
    """1 + w H / log n; of one unit H and log n are 0, and so is their ratio."""
    factor = shares.dtype.type(check_number(weight, "weight"))
    present = np.where(shares > 0, shares, np.ones_like(shares))
    entropy = -row_dot(shares, np.log(present))
    most = shares.dtype.type(np.log(max(shares.shape[1], 2)))
    return 1 + factor * entropy / most


BENCHMARK_GOODNESS = {
    "quartic-sum": Goodness(quartic_sum, quartic_sum_grad),
    "sparse-sum": Goodness(sparse_sum, sparse_sum_grad),
    "huber-sum": Goodness(huber_sum, huber_sum_grad),
    "trimmed-sum": Goodness(trimmed_sum, trimmed_sum_grad),
    "contribution-sum": Goodness(contribution_sum, contribution_sum_grad),
}
"""Those that have a derivative, with the benchmark's constants."""
ALL_GOODNESS = GOODNESS | BENCHMARK_GOODNESS
"""Goodness by the names that estimators and the command line use."""
