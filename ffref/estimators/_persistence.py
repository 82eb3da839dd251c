"""Saving and loading of classifiers: one .npz of arrays and a JSON record, no pickle."""

from pathlib import Path
from typing import Any

import numpy as np

from ffref import __version__
from ffref.estimators._base import Classifier
from ffref.estimators._validation import Standardizer
from ffref.estimators.backprop import BackpropClassifier
from ffref.estimators.ff import FFClassifier
from ffref.estimators.hff import HFFClassifier
from ffref.training import EpochRecord, TrainingState
from ffref.training.checkpoint import (
    layers_from_arrays,
    layers_to_arrays,
    read_checkpoint,
    write_checkpoint,
)

ESTIMATORS: dict[str, type[Classifier]] = {
    "hff": HFFClassifier,
    "ff": FFClassifier,
    "backprop": BackpropClassifier,
}
"""Classifiers by the names that the command line uses."""


def save(classifier: Classifier, path: Path) -> None:
    """Write a fitted classifier, its optimiser state and history to `path`."""
    state = classifier.state_
    arrays = layers_to_arrays(state.network.layers, state.optimizer)
    arrays["classes"] = classifier.classes_
    if classifier.standardizer_ is not None:
        arrays["standardizer.mean"], arrays["standardizer.std"] = classifier.standardizer_
    record = {
        "version": __version__,
        "algorithm": algorithm_name(classifier),
        "parameters": _plain(classifier.get_params() | {"random_state": classifier.seed_}),
        "features": classifier.n_features_in_,
        "history": [epoch._asdict() for epoch in classifier.history_],
    }
    write_checkpoint(path, arrays, record)


def load(path: str | Path) -> Classifier:
    """Read a classifier that `save` or `ffref train` wrote; a run folder will do.

    Parameters
    ----------
    path : str or Path
        The .npz file, or a run folder with a checkpoint.npz.

    Returns
    -------
    Classifier
        Fitted; `fit_epochs(X, y, resume=True)` goes on with its training.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or of another format.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "checkpoint.npz"
    arrays, record = read_checkpoint(path)
    try:
        classifier = ESTIMATORS[record["algorithm"]](**record["parameters"])
        _restore(classifier, arrays, record)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or incomplete: {error!r}") from error
    return classifier


def algorithm_name(classifier: Classifier) -> str:
    """Name of a classifier's algorithm on the command line."""
    return next(name for name, kind in ESTIMATORS.items() if type(classifier) is kind)


def _restore(
    classifier: Classifier, arrays: dict[str, np.ndarray], record: dict[str, Any]
) -> None:
    layers, states = layers_from_arrays(arrays)
    if not layers:
        raise ValueError("it holds no layer")
    classifier.classes_ = arrays["classes"]
    classifier.n_features_in_ = int(record["features"])
    classifier.seed_ = int(record["parameters"]["random_state"])
    classifier.standardizer_ = None
    if "standardizer.mean" in arrays:
        classifier.standardizer_ = Standardizer(
            arrays["standardizer.mean"], arrays["standardizer.std"]
        )
    classifier.state_ = TrainingState(classifier._network(layers), states)
    classifier.history_ = [
        EpochRecord(
            **{**epoch, "loss": tuple(epoch["loss"]), "accuracy": tuple(epoch["accuracy"])}
        )
        for epoch in record["history"]
    ]
    classifier.n_iter_ = len(classifier.history_)


def _plain(value: Any) -> Any:
    """Turn tuples and NumPy numbers into what JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value
