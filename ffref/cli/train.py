"""`ffref train`: train, test, write figures."""

import sys
from argparse import Namespace
from pathlib import Path
from time import perf_counter
from typing import Any

from ffref._checks import require
from ffref.cli.config import as_comment, to_toml
from ffref.cli.flags import ALGORITHMS, FLAGS
from ffref.cli.interrupts import Interrupts
from ffref.cli.progress import Progress
from ffref.data import is_table
from ffref.estimators import ESTIMATORS, trained_so_far
from ffref.experiments import (
    CHECKPOINT_MINUTES,
    DEFAULT_TEST_FRACTION,
    RECIPES,
    Run,
    StoppedError,
    check_data_dir,
    is_one_part,
    new_run,
    old_run,
    test,
    train,
)
from ffref.experiments.run_folder import write_text
from ffref.report import write_figures
from ffref.training import format_record

SETTINGS = "train.toml"
"""In the run folder: the settings that were given, for `--config` of another run."""
_NOT_WITH_RESUME = ("data", "data_dir", "test_fraction", "label", "out", "full")


def run(options: Namespace) -> int:
    """Train as the options say; print a line an epoch, then the result."""
    started = perf_counter()
    prepared = _resume(options) if options.resume is not None else _start(options)
    if not options.quiet:
        print(_opening(prepared), *prepared.data.notes, sep="\n  ")
    with prepared.lock:
        return _train(prepared, options, started)


def _train(prepared: Run, options: Namespace, started: float) -> int:
    classifier, data = prepared.classifier, prepared.data
    minutes = getattr(options, "checkpoint_minutes", CHECKPOINT_MINUTES)
    try:
        with (
            Interrupts() as interrupts,
            _Progress(classifier.epochs_in_all(), quiet=options.quiet) as progress,
        ):
            for record in train(
                prepared,
                progress,
                checkpoint_minutes=minutes,
                wants_to_stop=interrupts.asked,
            ):
                progress.line(format_record(record) + progress.left())
    except StoppedError as stopped:
        print(
            f"ffref: {stopped}; all that was reached is saved: go on with ffref train --resume "
            f"{prepared.folder}",
            file=sys.stderr,
        )
        return 128 + interrupts.signal
    with Progress("testing", quiet=options.quiet) as progress_of_test:
        result = test(prepared, progress_of_test.update)
    write_figures(classifier, data.X_test, data.y_test, prepared.folder / "figures")
    print(
        f"test accuracy {result['accuracy']:.2%} on {result['samples']} samples "
        f"({_details(result)}); {perf_counter() - started:.1f} s in all"
    )
    if not options.quiet:
        print(f"run folder: {prepared.folder}")
    return 0


def _start(options: Namespace) -> Run:
    name = options.algorithm or "hff"
    recipe = name if name in RECIPES else None
    algorithm = RECIPES[name].algorithm if recipe else name
    require(
        recipe is not None or algorithm in ALGORITHMS,
        f"there is no algorithm or recipe {name!r}: choose one of "
        f"{', '.join((*ALGORITHMS, *RECIPES))}",
    )
    full = hasattr(options, "full")
    require(recipe is not None or not full, "--full does nothing without a recipe")
    given = _given_settings(options, algorithm)
    own_layers = recipe is not None and "layers" in RECIPES[recipe].parameters
    require(
        "hidden_layer_sizes" not in given or not (own_layers or "layers" in given),
        f"--hidden-layer-sizes does nothing beside "
        f"{f'the layers of {name}' if own_layers else '--layers'}; "
        f"name all layers by --layers, dense ones as dense:UNITS",
    )
    prepared = new_run(
        algorithm,
        data=_checked_data(options, RECIPES[name].data if recipe else "digits"),
        data_dir=getattr(options, "data_dir", None),
        test_fraction=getattr(options, "test_fraction", DEFAULT_TEST_FRACTION),
        out=getattr(options, "out", None),
        given=given,
        recipe=recipe,
        full=full,
        label=getattr(options, "label", None),
    )
    settings = to_toml(name, options, prepared.config["data"])
    write_text(prepared.folder / SETTINGS, as_comment(options.words) + settings)
    return prepared


def _given_settings(options: Namespace, algorithm: str) -> dict[str, Any]:
    given, known = {}, ESTIMATORS[algorithm].settings()
    for flag in FLAGS:
        if hasattr(options, flag.parameter):
            require(
                flag.parameter in known,
                f"{flag.names[0]} does nothing for {algorithm}: it belongs to "
                f"{' and '.join(flag.algorithms)}",
            )
            given[flag.parameter] = getattr(options, flag.parameter)
    _check_companions(given, ESTIMATORS[algorithm]().get_params())
    return given


def _checked_data(options: Namespace, default: str) -> str:
    data: str = getattr(options, "data", default)
    require(
        is_one_part(data) or not hasattr(options, "test_fraction"),
        f"--test-fraction does nothing for {data}, which has a split of its own",
    )
    require(
        is_table(data) or not hasattr(options, "label"),
        f"--label names a column of a table (.csv); it does nothing for {data}",
    )
    check_data_dir(data, getattr(options, "data_dir", None))
    return data


def _check_companions(given: dict[str, Any], defaults: dict[str, Any]) -> None:
    for flag in FLAGS:
        if flag.needs is None or flag.parameter not in given:
            continue
        parameter, values = flag.needs
        name = next(other.names[0] for other in FLAGS if other.parameter == parameter)
        require(
            given.get(parameter, defaults[parameter]) in values,
            f"{flag.names[0]} does nothing alone; it goes with {name} "
            f"{' or '.join(value for value in values if isinstance(value, str))}",
        )


def _resume(options: Namespace) -> Run:
    settings = {name: f"--{name.replace('_', '-')}" for name in _NOT_WITH_RESUME}
    settings |= {flag.parameter: flag.names[0] for flag in FLAGS}
    given = [word for name, word in settings.items() if hasattr(options, name)]
    given += [options.algorithm] if options.algorithm else []
    given += ["--config"] if options.config is not None else []
    require(
        not given,
        f"--resume takes its settings from the run folder; leave out {', '.join(given)}",
    )
    return old_run(Path(options.resume))


def _details(result: dict[str, Any]) -> str:
    """Accuracy of each layer alone, and of a softmax readout where there is one."""
    layers = " ".join(f"{accuracy:.2%}" for accuracy in result["layer_accuracy"])
    softmax = result["readout_accuracy"].get("softmax")
    parts = [f"each layer alone: {layers}"] if layers else []
    parts += [] if softmax is None else [f"softmax readout: {softmax:.2%}"]
    return "; ".join(parts)


def _opening(prepared: Run) -> str:
    data, config = prepared.data, prepared.config
    classifier, name = prepared.classifier, config.get("recipe") or config["algorithm"]
    is_new = classifier.n_iter_ == 0 and classifier.position_ is None
    return (
        f"{name} on {config['data']}: {len(data.X)} training and "
        f"{len(data.X_test)} test samples, {data.X.shape[1]} features"
        + ("" if is_new else f"; {trained_so_far(classifier)} are done")
    )


class _Progress(Progress):
    """Of a run: its batches, over all epochs."""

    def __init__(self, epochs: int, *, quiet: bool) -> None:
        super().__init__("training", quiet=quiet)
        self.epochs = epochs

    def __call__(self, epoch: int, done: int, batches: int) -> None:
        now = (epoch - 1) * batches + done
        if self.total == 0:  # a resumed run has done some before
            self.first = now - 1
        self.update(now, self.epochs * batches)
