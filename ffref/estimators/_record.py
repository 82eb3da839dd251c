"""A fitted classifier as arrays and a JSON record, and back: what a checkpoint holds."""

from typing import Any, NamedTuple

import numpy as np

from ffref._version import __version__
from ffref.estimators._validation import Standardizer
from ffref.training import EpochRecord, Position
from ffref.types import Array

_BEST = "best."
"""Before the names of the best epoch's arrays."""


class Fitted(NamedTuple):
    """All that a classifier must remember to predict and to go on training."""

    algorithm: str
    parameters: dict[str, Any]
    """the constructor's arguments, random_state being the seed that was used"""
    features: int
    feature_names: np.ndarray | None
    classes: np.ndarray
    standardizer: Standardizer | None
    state: dict[str, Array]
    """by the names of `state_to_arrays`"""
    history: list[EpochRecord]
    data_digest: str
    """fingerprint of the samples and labels that the training began with"""
    score_weights: np.ndarray | None = None
    """of layers in prediction, where they are fitted to held-out samples"""
    position: Position | None = None
    """within an epoch; None between two"""
    best: dict[str, Array] | None = None
    """of the best epoch so far, while early stopping waits for a better one"""


def to_record(fitted: Fitted) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Named arrays, and what JSON can hold."""
    arrays: dict[str, np.ndarray] = dict(fitted.state)
    arrays |= {f"{_BEST}{name}": array for name, array in (fitted.best or {}).items()}
    arrays["classes"] = fitted.classes
    if fitted.standardizer is not None:
        arrays["standardizer.mean"], arrays["standardizer.std"] = fitted.standardizer
    if fitted.score_weights is not None:
        arrays["score_weights"] = fitted.score_weights
    record = {
        "version": __version__,
        "algorithm": fitted.algorithm,
        "parameters": _plain(fitted.parameters),
        "features": fitted.features,
        "feature_names": None if fitted.feature_names is None else fitted.feature_names.tolist(),
        "data_digest": fitted.data_digest,
        "history": [epoch._asdict() for epoch in fitted.history],
        "position": None if fitted.position is None else fitted.position._asdict(),
    }
    return arrays, record


def from_record(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Fitted:
    """Inverse of `to_record`; KeyError, TypeError or ValueError if something is missing."""
    best = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_BEST)}
    standardizer = None
    if "standardizer.mean" in arrays:
        standardizer = Standardizer(arrays["standardizer.mean"], arrays["standardizer.std"])
    position = record.get("position")
    names = record["feature_names"]
    return Fitted(
        record["algorithm"],
        record["parameters"],
        int(record["features"]),
        None if names is None else np.asarray(names, dtype=object),
        arrays["classes"],
        standardizer,
        arrays,
        [EpochRecord(**_with_tuples(epoch)) for epoch in record["history"]],
        str(record["data_digest"]),
        arrays.get("score_weights"),
        None if position is None else Position(**_with_tuples(position)),
        {name.removeprefix(_BEST): array for name, array in best.items()} or None,
    )


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Tuples for the lists that JSON has made of them."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}


def _plain(value: Any) -> Any:
    """Turn tuples and NumPy numbers into what JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value
