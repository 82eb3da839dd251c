"""One run: data, classifier, epochs, checkpoints, test."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import check_positive, require
from ffref.data import Samples, blocks
from ffref.estimators import (
    ESTIMATORS,
    Classifier,
    LocalClassifier,
    load,
    newest_checkpoint,
    trained_so_far,
)
from ffref.experiments.datasets import TrainTest, is_path, load_train_test
from ffref.experiments.lock import Lock
from ffref.experiments.presets import PRESETS
from ffref.experiments.recipes import RECIPES
from ffref.experiments.run_folder import (
    CONFIG,
    ENVIRONMENT,
    METRICS,
    environment,
    new_run_folder,
    read_config,
    write_json,
    write_json_lines,
)
from ffref.layers import ROWS_AT_ONCE
from ffref.training import DivergenceError, EpochRecord, check_state
from ffref.training.checkpoint import CHECKPOINT, PREVIOUS
from ffref.training.files import remove_leftovers
from ffref.types import Array

CHECKPOINT_MINUTES = 10.0
"""Within an epoch, a checkpoint is written whenever so much time has passed."""


class StoppedError(Exception):
    """Training was asked to stop, and what it had reached is saved."""


class Run(NamedTuple):
    """A run that is ready to train, or trained."""

    folder: Path
    config: dict[str, Any]
    classifier: Classifier
    data: TrainTest
    lock: Lock
    """held as long as this record is, or until it is released"""


def new_run(
    algorithm: str,
    *,
    data: str,
    data_dir: str | None,
    test_fraction: float,
    out: str | None,
    given: dict[str, Any],
    recipe: str | None = None,
    full: bool = False,
    label: str | None = None,
) -> Run:
    """Check settings and data, then make the run folder with config.json and env.json.

    `given` are constructor arguments; they override those of the recipe, or of the preset of
    (algorithm, data). `full` takes the size and length of the recipe's source. `label` is the
    column of the labels, of a table.
    """
    kind = ESTIMATORS[algorithm]
    if recipe is not None:
        preset = RECIPES[recipe].parameters | (RECIPES[recipe].full if full else {})
    else:
        preset = PRESETS.get((algorithm, data), {})
    settings = {"random_state": 0, **preset, **given}
    loaded = load_train_test(
        data,
        data_dir,
        test_fraction=test_fraction,
        label=label,
        image_shape=settings.get("image_shape"),
    )
    if loaded.image_shape is not None:  # kept by the classifier, for pictures to predict
        settings["image_shape"] = loaded.image_shape
    classifier = kind(**settings)
    _start(classifier, loaded)
    config = {
        "algorithm": algorithm,
        "recipe": recipe,
        # absolute, so that the run can be evaluated and resumed from any folder
        "data": str(Path(data).resolve()) if is_path(data) else data,
        "data_dir": None if data_dir is None else str(Path(data_dir).expanduser().resolve()),
        "test_fraction": test_fraction,
        "label": label,
        "parameters": classifier.get_params(),
    }
    stem = Path(data).stem
    name = f"{recipe or algorithm}-{stem}-seed{classifier.random_state}"
    folder, lock = new_run_folder(out, name)
    write_json(folder / CONFIG, config)
    write_json(folder / ENVIRONMENT, environment())
    return Run(folder, config, classifier, loaded, lock)


def old_run(folder: Path) -> Run:
    """Read a run folder to go on with it, from its last whole checkpoint if it has one.

    A damaged one is set aside, as checkpoint-damaged.npz, and what killed processes left half
    written is removed.
    """
    config = read_config(folder)
    require(
        config["algorithm"] in ESTIMATORS,
        f"{folder / CONFIG}: there is no algorithm {config['algorithm']!r}",
    )
    loaded = load_run_data(config)
    lock = Lock(folder)
    try:
        classifier = _reached(folder, config, loaded)
    except BaseException:
        lock.release()
        raise
    return Run(folder, config, classifier, loaded, lock)


def _reached(folder: Path, config: dict[str, Any], data: TrainTest) -> Classifier:
    remove_leftovers(folder)
    if (folder / CHECKPOINT).exists() or (folder / PREVIOUS).exists():
        classifier, read = newest_checkpoint(folder)
        if read.name == PREVIOUS and (folder / CHECKPOINT).is_file():
            (folder / CHECKPOINT).replace(folder / "checkpoint-damaged.npz")
        return classifier
    try:
        fresh = ESTIMATORS[config["algorithm"]](**config["parameters"])
        _start(fresh, data)
    except TypeError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    return fresh


def load_run_data(config: dict[str, Any], data_dir: str | None = None) -> TrainTest:
    """Load the data that a run was made for; `data_dir` is another folder for named ones."""
    return load_train_test(
        config["data"],
        data_dir or config["data_dir"],
        test_fraction=config["test_fraction"],
        label=config.get("label"),
        image_shape=config["parameters"].get("image_shape"),
    )


def _start(classifier: Classifier, data: TrainTest) -> None:
    classifier.start(data.X, data.y)
    if data.feature_names is not None:
        classifier.feature_names_in_ = np.array(data.feature_names, dtype=object)


def train(
    run: Run,
    progress: Callable[[int, int, int], None] | None = None,
    *,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    wants_to_stop: Callable[[], bool] = lambda: False,
) -> Iterator[EpochRecord]:
    """Train the run to its end; checkpoint and metrics are on disk at each yield.

    Parameters
    ----------
    run : Run
    progress : callable, optional
        Called after each batch with (epoch, batches done, batches of an epoch).
    checkpoint_minutes : float
        Time between checkpoints within an epoch.
    wants_to_stop : callable
        Asked after each batch. If true, a checkpoint is written and `StoppedError` raised.

    Raises
    ------
    StoppedError
        If `wants_to_stop`.
    DivergenceError
        If training has gone wrong; the checkpoint is the last good one.
    """
    check_positive(checkpoint_minutes, "checkpoint_minutes")
    classifier, saved = run.classifier, monotonic()

    def after_batch(epoch: int, done: int, batches: int) -> None:
        nonlocal saved
        if progress is not None:
            progress(epoch, done, batches)
        stop = wants_to_stop()
        if done < batches and (stop or monotonic() - saved >= 60 * checkpoint_minutes):
            check_state(classifier.state_)
            _save(run)
            saved = monotonic()
        if done < batches and stop:
            raise StoppedError(f"stopped in epoch {epoch}, after batch {done} of {batches}")

    try:
        for record in classifier.fit_epochs(
            run.data.X, run.data.y, resume=True, progress=after_batch
        ):
            _save(run)
            saved = monotonic()
            yield record
            if wants_to_stop():
                raise StoppedError(f"stopped after epoch {record.epoch}")
    except DivergenceError as error:
        raise DivergenceError(f"{error}; {_last_good(run)}") from None


def _save(run: Run) -> None:
    run.classifier.save(run.folder / CHECKPOINT, keep=run.folder / PREVIOUS)
    _write_metrics(run)


def _last_good(run: Run) -> str:
    path = run.folder / CHECKPOINT
    if not path.is_file():
        return "there is no checkpoint yet"
    return f"the last good checkpoint is {path}, of {trained_so_far(load(path))}"


class Predicted(NamedTuple):
    """Classes by each layer alone, by layers added up, by each readout; (samples,) each."""

    layers: tuple[np.ndarray, ...]
    summed: tuple[np.ndarray, ...]
    """by the scores of each layer and all below it, added"""
    readouts: dict[str, np.ndarray]


def predict_all(
    classifier: Classifier, X: Samples, progress: Callable[[int, int], None] | None = None
) -> Predicted:
    """Predict by every layer and every readout; `progress` is called with (done, samples)."""
    found: list[list[np.ndarray]] = []
    done = 0
    for rows in blocks(X, ROWS_AT_ONCE):
        scores, readouts = classifier.readout_goodness(rows)
        every: list[Array] = [*scores, *scores.cumsum(axis=0), *readouts.values()]
        found.append([classifier.classes_[goodness.argmax(axis=1)] for goodness in every])
        done += len(rows)
        if progress is not None:
            progress(done, len(X))
    joined = tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
    count = len(scores)
    named = dict(zip(readouts, joined[2 * count :], strict=True))
    return Predicted(joined[:count], joined[count : 2 * count], named)


def own_readout(classifier: Classifier) -> str:
    """Name of the readout that the classifier predicts by."""
    return getattr(classifier, "readout", "last")


def check_knows_labels(classifier: Classifier, y: np.ndarray) -> None:
    """Refuse samples of which the classifier knows no class."""
    require(
        bool(np.isin(y, classifier.classes_).any()),
        f"none of the labels is a class of this run: it knows "
        f"{classifier.classes_[:10].tolist()}, got {np.unique(y)[:10].tolist()}",
    )


def evaluate(
    classifier: Classifier,
    X: Samples,
    y: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Accuracy by each readout and by each layer alone, and of the classifier's own readout.

    `progress` is called with (samples done, samples).

    Raises
    ------
    ValueError
        If no label is one that the classifier knows.
    """
    check_knows_labels(classifier, y)
    return evaluation(classifier, X, y, predict_all(classifier, X, progress))


def evaluation(
    classifier: Classifier, X: Samples, y: np.ndarray, predicted: Predicted
) -> dict[str, Any]:
    """What `evaluate` returns, of samples whose classes are predicted already.

    Warns of labels that the classifier does not know.
    """
    unknown = ~np.isin(y, classifier.classes_)
    if unknown.any():
        warnings.warn(
            f"{unknown.sum()} of {len(y)} samples have labels that this run does not know, "
            f"{np.unique(y[unknown])[:10].tolist()}: they count as wrong",
            stacklevel=2,
        )

    def share(classes: np.ndarray) -> float:
        return int((classes == y).sum()) / len(y)

    own = own_readout(classifier)
    return {
        "samples": len(y),
        "readout": own,
        "accuracy": share(predicted.readouts[own]),
        "layer_accuracy": [share(classes) for classes in predicted.layers],
        "readout_accuracy": {name: share(found) for name, found in predicted.readouts.items()},
        "diagnostics": _diagnostics(classifier, X, y),
    }


def _diagnostics(classifier: Classifier, X: Samples, y: np.ndarray) -> list[dict[str, Any]]:
    """Of each locally trained layer; None for what an algorithm does not have."""
    if not isinstance(classifier, LocalClassifier):
        return []
    return [
        {name: None if np.isnan(value) else value for name, value in layer._asdict().items()}
        for layer in classifier.diagnostics(X, y)
    ]


def test(run: Run, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Evaluate on the test samples and add the result to metrics.jsonl."""
    result = evaluate(run.classifier, run.data.X_test, run.data.y_test, progress)
    _write_metrics(run, {"test": result})
    return result


def _write_metrics(run: Run, *more: dict[str, Any]) -> None:
    records = [record._asdict() for record in run.classifier.history_]
    write_json_lines(run.folder / METRICS, [*records, *more])
