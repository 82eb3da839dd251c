"""Weights of the layers' class scores, fitted to samples that no layer was trained on."""

import numpy as np
from scipy.optimize import minimize

from ffref.formulas import score_weights_loss, score_weights_loss_grad
from ffref.types import Array, Labels

LEAST_SHARE = 1e-4
"""of the spread: no layer's say is turned around"""


def fit_score_weights(scores: Array, labels: Labels, *, spread: float) -> Array:
    """Minimise `score_weights_loss` over weights above 0; deterministic.

    Parameters
    ----------
    scores : (layers, samples, classes)
        Of held-out samples.
    labels : (samples,)
    spread : float
        How large weights may well be, as 10 / temperature.

    Returns
    -------
    (layers,) float64

    Examples
    --------
    Three of four samples right by 1, one wrong by 1: w = log 3 but for the prior.

    >>> import numpy as np
    >>> scores = np.tile([[1.0, 0.0]], (1, 400, 1))
    >>> labels = np.repeat([0, 0, 0, 1], 100)
    >>> fit_score_weights(scores, labels, spread=1.0).round(2)
    array([1.08])
    """
    scores = scores.astype(np.float64)
    layers = len(scores)

    def value_and_slope(relative: Array) -> tuple[float, Array]:
        weights = relative * spread
        value = score_weights_loss(scores, labels, weights, spread=spread)
        slope = score_weights_loss_grad(scores, labels, weights, spread=spread)
        return value, slope * spread

    found = minimize(
        value_and_slope,
        np.full(layers, 1 / layers),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LEAST_SHARE, None)] * layers,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 500},
    )
    return np.asarray(found.x * spread)
