"""Jobs: what a comparison and a sweep are made of. One job is one run folder and one result.

A job runs in whatever process an executor gives it, so it is told by plain values alone, and what
it does depends on nothing else: results are the same on every engine. What was begun goes on from
its last checkpoint, what is done is not done again.
"""

import json
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.estimators import Classifier, NearestMeanClassifier
from ffref.experiments.datasets import TrainTest
from ffref.experiments.run_folder import CONFIG, write_json
from ffref.experiments.training import Run, new_run, old_run, test, train
from ffref.kernels import set_threads
from ffref.types import Array

RESULT, PROGRESS, JOBS = "result.json", "progress.json", "jobs.json"
_TIMED_CALLS = 3


class Job(NamedTuple):
    """All that a result depends on."""

    variant: str
    """what it is called in tables; seeds of one variant are averaged"""
    algorithm: str
    seed: int
    data: str
    data_dir: str | None
    test_fraction: float
    parameters: dict[str, Any]
    """constructor arguments where they differ from the preset of (algorithm, data)"""
    seconds: float | None = None
    """training stops at the end of the epoch in which it has taken so long"""
    label: str | None = None
    """the column of the labels, of a table"""

    @property
    def name(self) -> str:
        """Of its folder: the variant in letters that every file system takes."""
        plain = re.sub(r"[^A-Za-z0-9.=,_-]+", "_", self.variant)
        if len(plain) > 80 or plain != self.variant:
            plain = f"{plain[:80]}-{zlib.crc32(self.variant.encode()):08x}"
        return f"{plain}-seed{self.seed}"


def remember_jobs(jobs: Sequence[Job], folder: Path) -> None:
    """Note in `folder` what its jobs are, and refuse another job under a name that is taken."""
    wanted = {job.name: json.loads(json.dumps(job._asdict())) for job in jobs}
    require(len(wanted) == len(jobs), "two jobs have the same variant and seed")
    path = folder / JOBS
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, job in wanted.items():
        require(
            known.get(name, job) == job,
            f"{folder / name} is a run with other settings (see {path}); name another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, known | wanted)


def finished_result(job: Job, folder: Path) -> dict[str, Any] | None:
    """Return the result that `run_job` has left, or None."""
    path = folder / job.name / RESULT
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def failed_result(job: Job, error: str) -> dict[str, Any]:
    """What stands for a result where there is none."""
    return {"variant": job.variant, "algorithm": job.algorithm, "seed": job.seed, "error": error}


def run_job(job: Job, folder: str, threads: int | None = None) -> dict[str, Any]:
    """Train and test; return the result, which is then also in the job's folder.

    Parameters
    ----------
    job : Job
    folder : str
        Of all jobs; every worker must see the same.
    threads : int, optional
        Of the process that this runs in; None leaves them.

    Returns
    -------
    dict
        What JSON can hold: `variant`, `algorithm`, `seed`, `accuracy`, `layer_accuracy`, ...,
        equal on every machine of one kind; `measured`, which is not; or `error` instead, for
        settings that are refused and training that diverged.
    """
    path = Path(folder) / job.name
    done = finished_result(job, Path(folder))
    if done is not None:
        return done
    if threads is not None:
        set_threads(threads)
    _forget_peak_memory()
    try:
        run = _opened(job, path)
        curve = _train(job, run, path)
    except (ValueError, ArithmeticError) as error:
        return failed_result(job, " ".join(str(error).split()))
    peak = _peak_memory()
    write_json(path / RESULT, _result(job, run, curve) | {"measured": _measured(run, peak)})
    return finished_result(job, Path(folder)) or {}


def _opened(job: Job, path: Path) -> Run:
    if (path / CONFIG).exists():
        return old_run(path)
    for half_written in path.glob(".*.tmp"):  # by a process that died in the midst of it
        half_written.unlink(missing_ok=True)
    return new_run(
        job.algorithm,
        data=job.data,
        data_dir=job.data_dir,
        test_fraction=job.test_fraction,
        out=str(path),
        given={**job.parameters, "random_state": job.seed},
        label=job.label,
    )


def _train(job: Job, run: Run, path: Path) -> list[float]:
    """Train to the end or to the budget; return the accuracy on held-out samples by epoch."""
    classifier, data = run.classifier, run.data
    progress = path / PROGRESS
    curve: list[float] = []
    if progress.exists():
        curve = json.loads(progress.read_text(encoding="utf-8"))[: classifier.n_iter_]

    def note() -> None:
        if len(curve) < classifier.n_iter_:
            curve.append(classifier.score(data.X_test, data.y_test))
            write_json(progress, curve)

    def may_go_on() -> bool:
        return job.seconds is None or sum(_epoch_seconds(classifier)) < job.seconds

    note()
    if may_go_on():
        for _ in train(run):
            note()
            if not may_go_on():
                break
    return curve


def _result(job: Job, run: Run, curve: list[float]) -> dict[str, Any]:
    tested = test(run, None)
    return {
        "variant": job.variant,
        "algorithm": job.algorithm,
        "seed": job.seed,
        "error": None,
        "parameters": job.parameters,
        "epochs": run.classifier.n_iter_,
        "accuracy": tested["accuracy"],
        "layer_accuracy": tested["layer_accuracy"],
        "readout_accuracy": tested["readout_accuracy"],
        "nearest_mean_accuracy": _nearest_mean_accuracy(run.classifier, run.data),
        "separation": _separation(run.classifier, run.data),
        "layers": len(run.classifier.state_.network.layers),
        "learned_numbers": _learned_numbers(run.classifier),
        "accuracy_by_epoch": curve,
    }


def _measured(run: Run, peak_memory: int | None) -> dict[str, Any]:
    """What differs from machine to machine and from day to day."""
    epochs = _epoch_seconds(run.classifier)
    X_test = run.data.X_test
    calls: list[float] = []
    for _ in range(_TIMED_CALLS):
        started = perf_counter()
        run.classifier.predict(X_test)
        calls.append(perf_counter() - started)
    return {
        "train_seconds": sum(epochs),
        "epoch_seconds": epochs,
        "inference_seconds_per_1000": 1000 * min(calls) / len(run.data.y_test),
        "peak_memory_bytes": peak_memory,
    }


def _epoch_seconds(classifier: Classifier) -> list[float]:
    return [record.seconds for record in classifier.history_]


def _nearest_mean_accuracy(classifier: Classifier, data: TrainTest) -> float:
    readout = NearestMeanClassifier().fit(classifier.transform(data.X), data.y)
    return readout.score(classifier.transform(data.X_test), data.y_test)


def _separation(classifier: Classifier, data: TrainTest) -> list[float | None]:
    known = np.isin(data.y_test, classifier.classes_)
    scores: Array = classifier.readout_goodness(data.X_test)[0]
    index = np.searchsorted(classifier.classes_, data.y_test[known])
    return separation_by_layer(scores[:, known], index)


def separation_by_layer(scores: Array, index: np.ndarray) -> list[float | None]:
    """Of each layer that scores classes: its margin's mean over its standard deviation.

    The margin is the true class's goodness less the mean of the others'; in units of its own
    spread it means the same for every kind of goodness. None where it has no spread.

    Parameters
    ----------
    scores : (layers, samples, classes)
    index : (samples,) of the true class

    Examples
    --------
    >>> scores = np.array([[[3.0, 0.0], [0.0, 1.0]]])  # margins 3 and 1
    >>> separation_by_layer(scores, np.array([0, 1]))
    [2.0]
    """
    found: list[float | None] = []
    for layer in scores:
        of_layer = layer.astype(np.float64)
        own = of_layer[np.arange(len(index)), index]
        margin = own - (of_layer.sum(axis=1) - own) / (of_layer.shape[1] - 1)
        spread = float(margin.std())
        found.append(float(margin.mean()) / spread if spread > 0 else None)
    return found


def _learned_numbers(classifier: Classifier) -> int:
    """How many numbers the network holds: weights, biases, prototypes, readout."""
    network = classifier.state_.network
    arrays = [a for layer in network.layers for a in (*layer.weights, *layer.params)]
    if network.readout is not None:
        arrays += [*network.readout.weights, network.readout.bias]
    return sum(array.size for array in arrays)


def _forget_peak_memory() -> None:
    """Begin the process's peak anew, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_memory() -> int | None:
    """Most bytes of memory that the process held, Python and libraries included (Linux)."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None
