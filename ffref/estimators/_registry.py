"""Classifiers by name, and the way back from a file."""

from pathlib import Path

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
from ffref.training.checkpoint import read_checkpoint

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
        fitted = from_record(arrays, record)
        return ESTIMATORS[fitted.algorithm].from_fitted(fitted)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or incomplete: {error!r}") from error
