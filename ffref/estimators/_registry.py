"""Classifiers by name, and the way back from a file."""

import warnings
from pathlib import Path

from ffref._checks import require
from ffref.estimators._base import Classifier
from ffref.estimators._methods import method_classifier
from ffref.estimators._record import from_record
from ffref.estimators.backprop import BackpropClassifier
from ffref.estimators.ff import FFClassifier
from ffref.estimators.hff import HFFClassifier
from ffref.estimators.predictive_coding import PredictiveCodingClassifier
from ffref.estimators.recurrent import FFRecurrentClassifier
from ffref.estimators.text import FFTextClassifier
from ffref.objectives import METHODS
from ffref.training.checkpoint import (
    CHECKPOINT,
    PREVIOUS,
    DamagedCheckpointError,
    read_checkpoint,
)

_CLASSIFIERS: tuple[type[Classifier], ...] = (
    HFFClassifier,
    FFClassifier,
    BackpropClassifier,
    PredictiveCodingClassifier,
    FFRecurrentClassifier,
    FFTextClassifier,
    *(method_classifier(method, module="ffref.estimators") for method in METHODS),
)
ESTIMATORS = {kind.algorithm: kind for kind in _CLASSIFIERS}
"""Classifiers by the names that the command line and checkpoints use."""


def load(path: str | Path) -> Classifier:
    """Read a classifier that `save` or `ffref train` wrote; a run folder will do.

    Parameters
    ----------
    path : str or Path
        The .npz file; or a run folder, whose newest checkpoint is read, and if that one is
        damaged, with a warning, the one before.

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
    return newest_checkpoint(path)[0] if path.is_dir() else _read(path)


def newest_checkpoint(run: Path) -> tuple[Classifier, Path]:
    """Read the newest checkpoint of a run folder that is whole, and say which one it is."""
    newest, previous = run / CHECKPOINT, run / PREVIOUS
    try:
        return _read(newest), newest
    except DamagedCheckpointError as error:
        try:
            found = _read(previous)
        except ValueError:
            raise error from None
        warnings.warn(
            f"{error}; {PREVIOUS} is read instead, of {trained_so_far(found)}",
            stacklevel=3,
        )
        return found, previous


def _read(path: Path) -> Classifier:
    arrays, record = read_checkpoint(path)
    algorithm = record.get("algorithm")
    require(
        not isinstance(algorithm, str) or algorithm in ESTIMATORS,
        f"{path} is of the algorithm {algorithm!r}, which is none of this ffref: it has "
        f"{', '.join(ESTIMATORS)}; `ffref.objectives.METHODS` would name it",
    )
    try:
        fitted = from_record(arrays, record)
        return ESTIMATORS[fitted.algorithm].from_fitted(fitted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedCheckpointError(f"{path} is damaged or incomplete: {error!r}") from error


def trained_so_far(classifier: Classifier) -> str:
    """How long the classifier has been trained, in words."""
    epochs, within = f"{classifier.n_iter_} epochs", classifier.position_
    return epochs if within is None else f"{epochs} and {within.batches} batches"
