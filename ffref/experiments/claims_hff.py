"""What is claimed for Hyperspherical Forward-Forward, each claim as cases of a study.

Claims: the abstract of Sarode, Moser et al. (2026), arXiv:2605.00082, and a press article on it
that contradicts it in places. Beside HFF stand FF and back-propagation on the same layers, data
and number of epochs. Run by `python benchmarks/run_hff_claims.py`; docs/results/hff_claims.md.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ffref.estimators import Classifier
from ffref.experiments.claims_hff_classes import (
    carried_over,
    few_examples,
    new_classes,
    without_a_class,
)
from ffref.experiments.claims_hff_costs import inference, prototypes, training
from ffref.experiments.claims_hff_robustness import robustness
from ffref.experiments.studies import (
    UNTRAINED,
    Case,
    Fit,
    Row,
    Settings,
    Task,
    at_seed,
    build_classifier,
    fitted,
    hidden_layers,
    layer_accuracies,
    seconds,
)
from ffref.formulas import class_cosine, linear_cka, participation_ratio
from ffref.types import Array

ALGORITHMS = ("hff", "ff", "backprop")
_OWN: dict[str, Row] = {"hff": {"label_smoothing": 0.1}, "backprop": {"between_norm": "rms"}}
_APPENDED: Row = {"readout": "sum", "learning_rate_init": 0.003}
_PIXELS = (("standardize", False), ("input_norm", "rms"))
DIGITS = Settings(
    hidden=(128, 128),
    batch_size=64,
    learning_rate=0.002,
    common=_PIXELS,
    own=_OWN | {"ff": {**_APPENDED, "label_strength": 4.0}},
)
IMAGES = Settings(
    hidden=(500, 500),
    epochs=5,
    common=_PIXELS,
    own={
        "hff": {"label_smoothing": 0.1, "temperature": 0.05},
        "backprop": {"between_norm": "rms"},
        "ff": {**_APPENDED, "label_encoding": "overlay"},
    },
)
COLOUR = IMAGES._replace(
    common=(("standardize", True),),
    own=_OWN | {"ff": {**_APPENDED, "label_strength": 20.0}},
)
"""Of CIFAR-10: no border for a label, so that it is appended, about as strong beside 3,072 pixels
as 4 is beside the digits' 64."""
FULL: Row = {"hidden": (1000, 1000, 1000), "epochs": 20}
"""Instead of `hidden` and `epochs`, for longer runs."""
TARGETS = (0.8, 0.9, 0.95)
_EVERY = 10
"""Steps between two looks at the held-out samples."""
_JUDGES = 1000
_DEPTHS = (2, 4, 8, 16)
Named = dict[str, tuple[Any, ...]]
"""What a study's function takes besides data, settings and seed, by the name of the case."""
_AVERAGED: Row = {"prototype_update": "ema", "ema_decay": 0.9, "prototypes_per_class": 1}
"""Prototypes that are class means, as those of a class that joins."""
MODES: Named = {
    "hff, frozen": ("hff", "frozen", {}),
    "hff of one moving average a class, frozen": ("hff", "frozen", _AVERAGED),
    **{f"{name}, {how}": (name, how, {}) for name in ALGORITHMS for how in ("alone", "rehearsal")},
}
RATES: Named = {
    f"{name}, rate x {factor:g}": (name, factor)
    for name in ("hff", "backprop")
    for factor in (0.3, 1.0, 3.0)
}
DEVIATIONS: Named = {"none": (None,), "noise 0.3": (0.3,), "noise 1": (1.0,)}


def accuracy(data: Task, settings: Settings, seed: int, fit: Fit, algorithm: str) -> Row:
    """Test accuracy of the same layers after the same number of epochs."""
    model = fit(algorithm, seed)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "layer_accuracy": layer_accuracies(model, data),
        "seconds_to_train": seconds(model),
    }


def speed(data: Task, settings: Settings, seed: int, algorithm: str, factor: float) -> Row:
    """Accuracy on held-out training samples against steps, at a constant learning rate.

    factor : of the settings' learning rate
    """
    judges = min(len(data.X) // 5, _JUDGES)
    X, y, X_held, y_held = data.X[judges:], data.y[judges:], data.X[:judges], data.y[:judges]
    rate = build_classifier(algorithm, settings, seed).learning_rate_init * factor
    model = build_classifier(
        algorithm, settings, seed, learning_rate_init=rate, schedule="constant"
    )
    steps: list[int] = []
    shares: list[float] = []

    def look(epoch: int, done: int, of: int) -> None:
        step = (epoch - 1) * of + done
        if step % _EVERY == 0:
            steps.append(step)
            shares.append(model.score(X_held, y_held))

    for _ in model.fit_epochs(X, y, progress=look):
        pass
    first = {
        f"steps_to_{100 * target:g}": next(
            (step for step, share in zip(steps, shares, strict=True) if share >= target), None
        )
        for target in TARGETS
    }
    return {"learning_rate": rate, **first, "steps": steps, "accuracy": shares}


def noise_negatives(data: Task, settings: Settings, seed: int, deviation: float | None) -> Row:
    """Test accuracy with noisy samples as a class of their own, which none is predicted to be.

    deviation : of the noise, in parts of the samples' range; None for no negatives
    """
    X, y = data.X, np.searchsorted(classes := np.unique(data.y), data.y)
    if deviation is not None:
        rng = np.random.default_rng([seed, 12])
        noise = deviation * np.ptp(X) * rng.standard_normal(X.shape, np.float32)
        X, y = np.concatenate([X, X + noise]), np.concatenate([y, np.full(len(y), len(classes))])
    model = build_classifier("hff", settings, seed).fit(X, y)
    predicted = model.goodness(data.X_test)[:, : len(classes)].argmax(axis=1)
    return {
        "accuracy": float((classes[predicted] == data.y_test).mean()),
        "samples_an_epoch": len(X),
        "seconds_to_train": seconds(model),
    }


PROTOTYPE_CASES: dict[str, Row] = {
    "by gradient": {},
    "moving average, decay 0.9": {"prototype_update": "ema", "ema_decay": 0.9},
    "moving average, decay 0.99": {"prototype_update": "ema", "ema_decay": 0.99},
    "by gradient, one a class": {"prototypes_per_class": 1},
}


def variant(data: Task, settings: Settings, seed: int, choices: Row) -> Row:
    """Test accuracy of HFF with other choices."""
    model = build_classifier("hff", settings, seed, **choices).fit(data.X, data.y)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "layer_accuracy": layer_accuracies(model, data),
    }


def hybrid(data: Task, settings: Settings, seed: int, local: int, how: Row) -> Row:
    """Test accuracy of three layers, the lowest `local` of them HFF's, the rest back-propagated.

    how : further choices of the local layers
    """
    width = settings.hidden[0]
    above = build_classifier("backprop", settings, seed, hidden_layer_sizes=(width,) * (3 - local))
    features, test_features = data.X, data.X_test
    if local:
        below = build_classifier("hff", settings, seed, hidden_layer_sizes=(width,) * local, **how)
        below.fit(data.X, data.y)
        features, test_features = below.transform(data.X), below.transform(data.X_test)
        above.set_params(standardize=False, input_norm="none")
    above.fit(features, data.y)
    return {"accuracy": above.score(test_features, data.y_test)}


HYBRID_CASES: Named = {
    "3 layers back-propagated": (0, {}),
    "1 of hff under 2": (1, {}),
    "2 of hff under 1": (2, {}),
    "3 of hff under a softmax": (3, {}),
    "1 as drawn under 2": (1, UNTRAINED),
    "3 as drawn under a softmax": (3, UNTRAINED),
}


def depth(data: Task, settings: Settings, seed: int, layers: int) -> Row:
    """Each layer of a deep network on test samples, and what its prototypes look like.

    alike_below: linear CKA of the layer's activity with that of the one below; 1 if it says the
    same.
    """
    width = settings.hidden[0] // 2
    model: Classifier = build_classifier(
        "hff", settings, seed, hidden_layer_sizes=(width,) * layers
    )
    model.fit(data.X, data.y)
    labels = np.searchsorted(model.classes_, data.y_test)
    activities = hidden_layers(model, data.X_test[:1000])
    vectors = [layer.params[-1] for layer in model.state_.network.layers]
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "layer": list(range(1, layers + 1)),
        "layer_accuracy": layer_accuracies(model, data),
        "prototype_cosine": [prototype_cosine(one) for one in vectors],
        "alike_below": [None, *(linear_cka(a, b) for a, b in pairwise(activities))],
        "class_cosine": [class_cosine(one, labels[:1000]) for one in activities],
        "participation_ratio": [participation_ratio(one) for one in activities],
    }


def prototype_cosine(prototypes: Array) -> float:
    """Mean cosine of prototypes of different classes, (classes, prototypes_per_class, units).

    Examples
    --------
    >>> prototype_cosine(np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[-1.0, 0.0]]])).__round__(6)
    -0.333333
    """
    sums = prototypes.sum(axis=1)
    classes, per_class = prototypes.shape[:2]
    across = (sums.sum(axis=0) ** 2).sum() - (sums**2).sum()
    return float(across / (classes * (classes - 1) * per_class**2))


# -- all of them ---------------------------------------------------------------------------------


def settings_for(data: str, *, full: bool) -> Settings:
    """Return the settings for a data set."""
    if data == "digits":
        return DIGITS
    settings = COLOUR if data.startswith("cifar") else IMAGES
    return settings._replace(**FULL) if full else settings


def all_cases(data: Task, settings: Settings, *, target: Task | None = None) -> list[Case]:
    """Every case of every study; transfer only where there is another data set to go to."""
    fit = fitted(lambda seed: data, settings)
    each: Named = {name: (name,) for name in ALGORITHMS}
    with_fit: Named = {name: (fit, name) for name in ALGORITHMS}
    over = {name: (fit, target, name) for name in ALGORITHMS}
    studies: dict[str, tuple[Callable[..., Row], Named]] = {
        "inference": (inference, each),
        "accuracy": (accuracy, with_fit),
        "robustness": (robustness, with_fit),
        "new classes": (new_classes, MODES),
        "few examples": (few_examples, _ways_to_add(data, settings)),
        "transfer": (
            carried_over,
            {
                "samples themselves": (fit, target, None),
                "layers as drawn": (fit, target, ""),
                **over,
            },
        ),
        "speed": (speed, RATES),
        "noise negatives": (noise_negatives, DEVIATIONS),
        "prototypes": (variant, {name: (how,) for name, how in PROTOTYPE_CASES.items()}),
        "hybrid": (hybrid, HYBRID_CASES),
        "depth": (depth, {f"{layers} layers": (layers,) for layers in _DEPTHS}),
        "prototype memory": (prototypes, {"1 a class": (1,), "4 a class": (4,)}),
        "training": (training, each),
    }
    if target is None:
        del studies["transfer"]
    return [
        Case(study, name, at_seed(function, data, settings, *arguments))
        for study, (function, named) in studies.items()
        for name, arguments in named.items()
    ]


def _ways_to_add(data: Task, settings: Settings) -> Named:
    """Arguments of `few_examples`; the classifiers have seen all classes but one."""

    def fit_with(**choices: Any) -> Fit:  # noqa: ANN401
        own = {**settings.own, "hff": {**settings.own["hff"], **choices}}
        return fitted(lambda seed: without_a_class(data, seed)[0], settings._replace(own=own))

    fit, one, averaged = fit_with(), fit_with(prototypes_per_class=1), fit_with(**_AVERAGED)
    return {
        "hff, new prototypes": (fit, "hff", "prototypes"),
        "hff of one prototype a class, new one": (one, "hff", "prototypes"),
        "hff of one moving average a class, new one": (averaged, "hff", "prototypes"),
        **{f"{name}, nearest mean": (fit, name, "nearest mean") for name in ALGORITHMS},
        "samples themselves, nearest mean": (fit, None, "nearest mean"),
    }
