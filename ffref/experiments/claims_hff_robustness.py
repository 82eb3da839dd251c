"""HFF on disturbed samples and on disturbed hardware, beside FF and back-propagation.

The derivative in the samples comes from an explicit chain of pull-backs (docs/derivations/
backprop.md, BP.8), for evaluation alone: nothing is trained with it. Run by
`python benchmarks/run_hff_claims.py`.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.estimators import Classifier
from ffref.experiments.studies import Fit, Row, Settings, Task
from ffref.layers import LayerPass
from ffref.training import LocalLayer
from ffref.types import Array

NOISE = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Deviation of noise on samples, in parts of their range."""
BUDGETS = (0.0, 0.02, 0.05, 0.1)
"""Largest change of a feature by an attack, in parts of the range."""
PGD_STEPS = 10
ANALOG = (0.0, 0.1, 0.3, 1.0)
"""Deviation of analog noise, in parts of what it disturbs."""
_ATTACKED = 300
_TESTED = 2000


def robustness(data: Task, settings: Settings, seed: int, fit: Fit, algorithm: str) -> Row:
    """Test accuracy under noise and attacks of growing strength, and on noisy hardware."""
    model: Any = fit(algorithm, seed)
    X, y = data.X_test[:_TESTED], data.y_test[:_TESTED]
    low, high = float(data.X.min()), float(data.X.max())
    size = high - low

    def under(disturb: Callable[[float], Array], strengths: tuple[float, ...]) -> list[float]:
        found = (disturb(size * strength) for strength in strengths)
        return [model.score(x, y[: len(x)]) for x in found]

    def on(disturbed: Callable[[Classifier, float, int], Classifier]) -> list[float]:
        return [disturbed(model, strength, seed).score(X, y) for strength in ANALOG]

    few, few_y, limits = X[:_ATTACKED], y[:_ATTACKED], (low, high)
    other = fit("backprop", seed)
    return {
        "noise": list(NOISE),
        "noise_accuracy": under(lambda s: noisy(X, s, seed).clip(low, high), NOISE),
        "budget": list(BUDGETS),
        "fgsm_accuracy": under(lambda s: attack(model, few, few_y, s, limits), BUDGETS),
        "pgd_accuracy": under(
            lambda s: attack(model, few, few_y, s, limits, steps=PGD_STEPS), BUDGETS
        ),
        "accuracy_by_pgd_of_backprop": under(
            lambda s: attack(other, few, few_y, s, limits, steps=PGD_STEPS), BUDGETS
        ),
        "analog": list(ANALOG),
        "analog_activity_accuracy": on(with_noisy_layers),
        "analog_readout_accuracy": None if algorithm == "ff" else on(with_noisy_readout),
    }


def noisy(X: Array, deviation: float, seed: int) -> Array:
    """Samples with Gaussian noise."""
    rng = np.random.default_rng([seed, 9])
    return X + deviation * rng.standard_normal(X.shape, np.float32)


def attack(
    model: Any,  # noqa: ANN401
    X: Array,
    y: np.ndarray,
    budget: float,
    limits: tuple[float, float],
    *,
    steps: int = 1,
) -> Array:
    """Move samples against the model: FGSM with one step, PGD with more.

    Parameters
    ----------
    model : classifier with `input_gradient`
    X : (samples, features), y : (samples,)
    budget : float
        Largest change of any feature.
    limits : (lowest, highest) value of a feature
    steps : int
        One of the whole budget; or so many of 2.5 budgets in all, brought back into it each time.

    Returns
    -------
    (samples, features)

    References
    ----------
    Goodfellow et al. (2015), arXiv:1412.6572; Madry et al. (2018), arXiv:1706.06083. Here without
    their random start, so that a stronger budget is not weaker by chance.
    """
    stride = budget if steps == 1 else 2.5 * budget / steps
    moved = X
    for _ in range(steps if budget else 0):
        moved = moved + stride * np.sign(model.input_gradient(moved, y))
        moved = np.clip(np.clip(moved, X - budget, X + budget), *limits)
    return moved


def with_noisy_layers(model: Classifier, deviation: float, seed: int) -> Classifier:
    """Return a copy whose hidden activities carry fresh noise, in parts of each row's size."""
    rng = np.random.default_rng([seed, 10])
    layers = model.state_.network.layers
    trained_above = len(layers) - (model.algorithm == "backprop")
    return _with_layers(
        model,
        [
            _noisy_layer(layer, deviation, rng) if depth < trained_above else layer
            for depth, layer in enumerate(layers)
        ],
    )


def _noisy_layer(layer: LocalLayer, deviation: float, rng: np.random.Generator) -> LocalLayer:
    plain = layer.kind.forward

    def forward(weights: Any, x: Any, training: bool) -> LayerPass:  # noqa: ANN401
        activity = plain(weights, x, training).activity
        size = np.sqrt(np.mean(activity**2, axis=1, keepdims=True))
        disturbed = activity + deviation * size * rng.standard_normal(activity.shape, np.float32)
        return LayerPass(disturbed, disturbed)

    return layer._replace(kind=layer.kind._replace(forward=forward, each_version=None))


def with_noisy_readout(model: Classifier, deviation: float, seed: int) -> Classifier:
    """Return a copy with noise on its prototypes, or on the weights of its logits.

    In parts of the length of each class's vector.
    """
    rng = np.random.default_rng([seed, 11])

    def disturbed(vectors: Array) -> Array:
        size = np.linalg.norm(vectors, axis=-1, keepdims=True) / vectors.shape[-1] ** 0.5
        noise = rng.standard_normal(vectors.shape, np.float32)
        return vectors + np.float32(deviation) * size * noise

    *below, top = model.state_.network.layers
    if model.algorithm == "backprop":
        weight = np.ascontiguousarray(disturbed(top.weights.weight.T).T)
        return _with_layers(
            model, [*below, top._replace(weights=top.weights._replace(weight=weight))]
        )
    return _with_layers(
        model,
        [
            layer._replace(params=(*layer.params[:-1], disturbed(layer.params[-1])))
            for layer in (*below, top)
        ],
    )


def _with_layers(model: Classifier, layers: list[LocalLayer]) -> Classifier:
    made = copy.copy(model)
    network = model.state_.network._replace(layers=tuple(layers))
    made.state_ = model.state_._replace(network=network)
    return made
