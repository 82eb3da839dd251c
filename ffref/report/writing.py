"""Write the report of runs: figures as PNG and SVG, and one page that holds them all."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from ffref.estimators import HFFClassifier
from ffref.experiments.run_folder import write_text
from ffref.report.figures import goodness_histograms, learning_curves, prototype_angles
from ffref.report.page import Drawn, overview, page, section
from ffref.report.run_figures import (
    accuracy_against_seconds,
    accuracy_by_layer,
    active_units,
    confusion_matrix,
    first_weights,
    surest_mistakes,
)
from ffref.report.style import as_svg, save_figure
from ffref.report.tested import SAMPLES, TestedRun

PAGE = "report.html"
_IN_HISTOGRAM = 1000


def write_report(
    runs: Sequence[TestedRun], folder: Path, tell: Callable[[str], None] = lambda name: None
) -> Path:
    """Write `report.html` and its figures into `folder`; return the page's path.

    Parameters
    ----------
    runs : sequence of TestedRun
        At least one; names differ.
    folder : Path
        Made if it is not there. Of an earlier report no figure stays.
    tell : callable
        Called with the name of each run when its figures are there.
    """
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    _remove_earlier(figures)
    several = len(runs) > 1
    parts: list[str] = []
    if several:
        together = _written(_SECONDS, accuracy_against_seconds(runs), figures, "all")
        parts += overview(runs, [together])
    for number, run in enumerate(runs, 1):
        own = figures / run.name if several else figures
        own.mkdir(exist_ok=True)
        parts += section(run, list(_all_of(run, own, f"run{number}")), number if several else None)
        tell(run.name)
    title = f"{len(runs)} runs" if several else f"{runs[0].title}: {runs[0].name}"
    path = folder / PAGE
    write_text(path, page(title, parts))
    return path


class _Named(NamedTuple):
    """A figure of a run."""

    name: str
    """of its files"""
    title: str
    caption: str
    draw: Callable[[TestedRun], Figure | None]
    """None where the run has no such figure"""


def _curves(run: TestedRun) -> Figure:
    return learning_curves(run.classifier)


def _seconds(run: TestedRun) -> Figure:
    return accuracy_against_seconds([run])


def _histograms(run: TestedRun) -> Figure | None:
    return goodness_histograms(
        run.classifier, run.X[:_IN_HISTOGRAM], run.y[: len(run.X)][:_IN_HISTOGRAM]
    )


def _angles(run: TestedRun) -> Figure | None:
    classifier = run.classifier
    if not isinstance(classifier, HFFClassifier):
        return None
    return prototype_angles(classifier, run.class_name)


_SECONDS = _Named(
    "accuracy_against_seconds",
    "Accuracy against seconds",
    "After each epoch. A dot is the accuracy on all test samples, after training.",
    _seconds,
)
_FIGURES = (
    _Named(
        "learning_curves",
        "Learning curves",
        "Mean loss and error of each layer in each epoch, measured before each update.",
        _curves,
    ),
    _SECONDS,
    _Named(
        "accuracy_by_layer",
        "What each layer adds",
        "Accuracy by the class scores of each layer alone, and added up from the first. Below: "
        "the true class's score less the mean of the others', its mean over its standard "
        "deviation. Deep layers that add nothing ride on the layers below.",
        accuracy_by_layer,
    ),
    _Named(
        "goodness_histograms",
        "Goodness of both sides",
        "The further apart, the better the layer tells them.",
        _histograms,
    ),
    _Named(
        "active_units",
        "Active units",
        "Units at 0 % are dead; units at 100 % are no longer gated.",
        active_units,
    ),
    _Named(
        "prototypes",
        "Angles of prototypes",
        "Between every two prototypes. White: 90°, no resemblance.",
        _angles,
    ),
    _Named(
        "confusion",
        "Confusion matrix",
        "Numbers are test samples, colours shares of the true class.",
        confusion_matrix,
    ),
    _Named(
        "mistakes",
        "Surest mistakes",
        f"Wrongly predicted ones of the first {SAMPLES} test samples, those first of which the "
        "network is surest: true class → predicted class.",
        surest_mistakes,
    ),
    _Named(
        "first_weights",
        "First-layer weights",
        "Of the first units, each in units of its largest weight. Blue: negative, red: positive; "
        "of colour pictures the weights are colours.",
        first_weights,
    ),
)


def _remove_earlier(folder: Path) -> None:
    """Remove the figures of an earlier report, and nothing else."""
    for place in (*(path for path in folder.iterdir() if path.is_dir()), folder):
        for named in _FIGURES:
            for ending in ("png", "svg"):
                (place / f"{named.name}.{ending}").unlink(missing_ok=True)
        if place != folder and not any(place.iterdir()):
            place.rmdir()


def _all_of(run: TestedRun, folder: Path, prefix: str) -> Iterator[Drawn]:
    """Draw and write the figures that the run has; `prefix` makes their ids differ."""
    for named in _FIGURES:
        figure = named.draw(run)
        if figure is not None:
            yield _written(named, figure, folder, prefix)


def _written(named: _Named, figure: Figure, folder: Path, prefix: str) -> Drawn:
    save_figure(figure, folder / f"{named.name}.png")
    svg = as_svg(figure)
    write_text(folder / f"{named.name}.svg", svg)
    return Drawn(f"{prefix}-{named.name}", named.title, named.caption, svg)
