"""`ffref train`: train, test, write figures."""

import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from ffref._checks import require
from ffref.cli.config import to_toml
from ffref.cli.flags import ALGORITHMS, FLAGS
from ffref.data import is_table
from ffref.estimators import ESTIMATORS
from ffref.experiments import (
    DEFAULT_TEST_FRACTION,
    RECIPES,
    Run,
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
    say = _say_nothing if options.quiet else print
    say(_opening(prepared))
    for note in prepared.data.notes:
        say(f"  {note}")
    with _Progress(quiet=options.quiet) as progress:
        for record in train(prepared, progress):
            progress.line(format_record(record))
    result = test(prepared)
    data = prepared.data
    write_figures(prepared.classifier, data.X_test, data.y_test, prepared.folder / "figures")
    print(
        f"test accuracy {result['accuracy']:.2%} on {result['samples']} samples "
        f"({_details(result)}); {perf_counter() - started:.1f} s in all"
    )
    say(f"run folder: {prepared.folder}")
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
    own_layers = recipe is not None and "layers" in RECIPES[recipe].parameters
    require(
        "hidden_layer_sizes" not in given or not (own_layers or "layers" in given),
        f"--hidden-layer-sizes does nothing beside "
        f"{f'the layers of {name}' if own_layers else '--layers'}; "
        f"name all layers by --layers, dense ones as dense:UNITS",
    )
    data = getattr(options, "data", RECIPES[name].data if recipe else "digits")
    require(
        is_one_part(data) or not hasattr(options, "test_fraction"),
        f"--test-fraction does nothing for {data}, which has a split of its own",
    )
    require(
        is_table(data) or not hasattr(options, "label"),
        f"--label names a column of a table (.csv); it does nothing for {data}",
    )
    check_data_dir(data, getattr(options, "data_dir", None))
    prepared = new_run(
        algorithm,
        data=data,
        data_dir=getattr(options, "data_dir", None),
        test_fraction=getattr(options, "test_fraction", DEFAULT_TEST_FRACTION),
        out=getattr(options, "out", None),
        given=given,
        recipe=recipe,
        full=full,
        label=getattr(options, "label", None),
    )
    write_text(prepared.folder / SETTINGS, to_toml(name, options, prepared.config["data"]))
    return prepared


def _check_companions(given: dict[str, Any], defaults: dict[str, Any]) -> None:
    for flag in FLAGS:
        if flag.needs is None or flag.parameter not in given:
            continue
        parameter, values = flag.needs
        name = next(other.names[0] for other in FLAGS if other.parameter == parameter)
        require(
            given.get(parameter, defaults[parameter]) in values,
            f"{flag.names[0]} does nothing alone; it goes with {name} {' or '.join(values)}",
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
    done, name = prepared.classifier.n_iter_, config.get("recipe") or config["algorithm"]
    return (
        f"{name} on {config['data']}: {len(data.X)} training and "
        f"{len(data.X_test)} test samples, {data.X.shape[1]} features"
        + (f"; {done} epochs are done" if done else "")
    )


def _say_nothing(text: str) -> None:
    """Print nothing: --quiet."""


class _Progress:
    """A bar of batches (tqdm where it is installed and a terminal listens) and lines of text."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.tqdm: Any = None
        if not quiet and sys.stderr.isatty():
            try:
                self.tqdm = import_module("tqdm").tqdm
            except ImportError:
                self.tqdm = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, epoch: int, done: int, batches: int) -> None:
        if self.tqdm is None:
            return
        if self.bar is None:
            self.bar = self.tqdm(total=batches, desc=f"epoch {epoch}", leave=False)
        self.bar.update(done - self.bar.n)

    def line(self, text: str) -> None:
        self._close()
        if not self.quiet:
            print(text, flush=True)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
