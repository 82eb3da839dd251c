"""Write the report of runs: figures as PNG and SVG, and one page that holds them all."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ffref.data import first_rows
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
from ffref.report.tested import TestedRun

PAGE = "report.html"


def write_report(
    runs: Sequence[TestedRun], folder: Path, tell: Callable[[str], None] = lambda name: None
) -> Path:
    """Write `report.html` and its figures into `folder`; return the page's path.

    Parameters
    ----------
    runs : sequence of TestedRun
        At least one; names differ.
    folder : Path
        Made if it is not there. Files of an earlier report are replaced.
    tell : callable
        Called with the name of each run when its figures are there.
    """
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    several = len(runs) > 1
    parts: list[str] = []
    if several:
        together = [_draw(figure, figures, "all") for figure in _of_all(runs)]
        parts += overview(runs, together)
    for number, run in enumerate(runs, 1):
        own = figures / run.name if several else figures
        own.mkdir(exist_ok=True)
        drawn = [_draw(figure, own, run.name) for figure in _of_run(run)]
        parts += section(run, drawn, number if several else None)
        tell(run.name)
    title = f"{len(runs)} runs" if several else f"{runs[0].title}: {runs[0].name}"
    path = folder / PAGE
    write_text(path, page(title, parts))
    return path


_Named = tuple[str, str, str, Figure | None]
"""Name of the file, title, caption, and the figure if the run has it."""


def _draw(named: _Named, folder: Path, prefix: str) -> Drawn:
    name, title, caption, figure = named
    if figure is None:
        raise ValueError(f"there is no figure {name}")
    save_figure(figure, folder / f"{name}.png")
    svg = as_svg(figure)
    write_text(folder / f"{name}.svg", svg)
    return Drawn(f"{prefix}-{name}", title, caption, svg)


def _of_all(runs: Sequence[TestedRun]) -> Iterator[_Named]:
    yield (
        "accuracy_against_seconds",
        "Accuracy against seconds",
        "After each epoch. A dot is the accuracy on all test samples, after training.",
        accuracy_against_seconds(runs),
    )


def _of_run(run: TestedRun) -> Iterator[_Named]:
    """Figures that the run has."""
    return (named for named in _every_figure(run) if named[3] is not None)


def _every_figure(run: TestedRun) -> Iterator[_Named]:
    classifier = run.classifier
    yield (
        "learning_curves",
        "Learning curves",
        "Mean loss and error of each layer in each epoch, measured before each update.",
        learning_curves(classifier),
    )
    yield from _of_all([run])
    yield (
        "accuracy_by_layer",
        "What each layer adds",
        "Accuracy by the class scores of each layer alone, and added up from the first. Below: "
        "the true class's score less the mean of the others', its mean over its standard "
        "deviation. Deep layers that add nothing ride on the layers below.",
        accuracy_by_layer(run),
    )
    few = first_rows(run.X, 1000)
    yield (
        "goodness_histograms",
        "Goodness of both sides",
        "The further apart, the better the layer tells them.",
        goodness_histograms(classifier, few, run.y[: len(few)]),
    )
    yield (
        "active_units",
        "Active units",
        "Units at 0 % are dead; units at 100 % are no longer gated.",
        active_units(run),
    )
    if isinstance(classifier, HFFClassifier):
        yield (
            "prototypes",
            "Angles of prototypes",
            "Between every two prototypes. White: 90°, no resemblance.",
            prototype_angles(classifier),
        )
    yield (
        "confusion",
        "Confusion matrix",
        "Numbers are test samples, colours shares of the true class.",
        confusion_matrix(run),
    )
    yield (
        "mistakes",
        "Surest mistakes",
        "Wrongly predicted test samples, those first of which the network is surest: true class "
        "→ predicted class.",
        surest_mistakes(run),
    )
    yield (
        "first_weights",
        "First-layer weights",
        "Of the first units, each in units of its largest weight. Blue: negative, red: positive; "
        "of colour pictures the weights are colours.",
        first_weights(run),
    )
