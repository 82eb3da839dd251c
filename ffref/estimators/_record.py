"""A fitted classifier as arrays and a JSON record, and back: what a checkpoint holds."""

from typing import Any, NamedTuple

import numpy as np

from ffref._version import __version__
from ffref.estimators._validation import Standardizer
from ffref.layers import Readout
from ffref.training import EpochRecord, LocalLayer, OptimizerState
from ffref.training.checkpoint import (
    layers_from_arrays,
    layers_to_arrays,
    readout_from_arrays,
    readout_to_arrays,
)


class Fitted(NamedTuple):
    """All that a classifier must remember to predict and to go on training."""

    algorithm: str
    parameters: dict[str, Any]
    """the constructor's arguments, random_state being the seed that was used"""
    features: int
    feature_names: np.ndarray | None
    classes: np.ndarray
    standardizer: Standardizer | None
    layers: tuple[LocalLayer, ...]
    readout: Readout | None
    optimizer: tuple[OptimizerState, ...]
    readout_optimizer: OptimizerState | None
    history: list[EpochRecord]
    data_digest: str
    """fingerprint of the samples and labels that the training began with"""
    score_weights: np.ndarray | None = None
    """of layers in prediction, where they are fitted to held-out samples"""


def to_record(fitted: Fitted) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Named arrays, and what JSON can hold."""
    arrays = layers_to_arrays(fitted.layers, fitted.optimizer)
    arrays |= readout_to_arrays(fitted.readout, fitted.readout_optimizer)
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
    }
    return arrays, record


def from_record(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Fitted:
    """Inverse of `to_record`; KeyError, TypeError or ValueError if something is missing."""
    layers, optimizer = layers_from_arrays(arrays)
    readout, readout_optimizer = readout_from_arrays(arrays)
    if not layers:
        raise ValueError("it holds no layer")
    standardizer = None
    if "standardizer.mean" in arrays:
        standardizer = Standardizer(arrays["standardizer.mean"], arrays["standardizer.std"])
    history = [
        EpochRecord(
            **{**epoch, "loss": tuple(epoch["loss"]), "accuracy": tuple(epoch["accuracy"])}
        )
        for epoch in record["history"]
    ]
    names = record["feature_names"]
    return Fitted(
        record["algorithm"],
        record["parameters"],
        int(record["features"]),
        None if names is None else np.asarray(names, dtype=object),
        arrays["classes"],
        standardizer,
        layers,
        readout,
        optimizer,
        readout_optimizer,
        history,
        str(record["data_digest"]),
        arrays.get("score_weights"),
    )


def _plain(value: Any) -> Any:
    """Turn tuples and NumPy numbers into what JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value
