"""Figures of a comparison or a sweep: curves of accuracy, separation by depth, variants."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ffref.experiments import Row, summarize
from ffref.report.style import save_figure

_DASHES = ("-", "--", ":")
_NAMED = 30
"""Variants beyond so many are left out of the figures of curves."""


def write_comparison_figures(results: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Write the figures of what has a result; none if nothing has."""
    done = [result for result in results if result["error"] is None]
    if not done:
        return []
    folder.mkdir(exist_ok=True)
    figures = {
        "accuracy_against_seconds.png": accuracy_against_seconds(done),
        "accuracy_against_epochs.png": accuracy_against_epochs(done),
        "separation_against_depth.png": separation_against_depth(summarize(done)),
        "accuracy_by_variant.png": accuracy_by_variant(summarize(done)),
    }
    return [save_figure(figure, folder / name) for name, figure in figures.items()]


def accuracy_against_seconds(results: Sequence[dict[str, Any]]) -> Figure:
    """Held-out accuracy against seconds of training, a curve for each variant's first seed."""
    figure, axes = _axes("seconds of training", "test accuracy, %")
    axes.set_xscale("log")
    for result, style in _first_seeds(results):
        seconds = np.cumsum(result["measured"]["epoch_seconds"])
        axes.plot(seconds, _percents(result), label=result["variant"], **style)
    return _with_legend(figure)


def accuracy_against_epochs(results: Sequence[dict[str, Any]]) -> Figure:
    """Held-out accuracy against epochs, a curve for each variant's first seed."""
    figure, axes = _axes("epoch", "test accuracy, %")
    for result, style in _first_seeds(results):
        accuracy = _percents(result)
        epochs = 1 + np.arange(len(accuracy))
        axes.plot(epochs, accuracy, label=result["variant"], **style)
    return _with_legend(figure)


def separation_against_depth(rows: Sequence[Row]) -> Figure:
    """Margin of the true class in units of its spread, layer by layer, mean over seeds.

    A network that scores the classes at its top alone is one point there.
    """
    figure, axes = _axes("layer", "separation: margin's mean / standard deviation")
    deepest = 1
    for row, style in zip(rows[:_NAMED], _styles(), strict=False):
        layers = [np.nan if one is None else one for one in row.separation or ()]
        if layers:
            top = row.layers or len(layers)
            deepest = max(deepest, top)
            axes.plot(
                top + 1 + np.arange(-len(layers), 0),
                layers,
                marker="o",
                label=row.variant,
                **style,
            )
    axes.set_xticks(range(1, deepest + 1))
    return _with_legend(figure)


def accuracy_by_variant(rows: Sequence[Row]) -> Figure:
    """Mean accuracy of each variant, with its confidence interval where there are seeds."""
    figure = Figure(figsize=(9, 1.5 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    ordered = sorted(rows, key=lambda row: row.accuracy or 0)
    for place, row in enumerate(ordered):
        accuracy = row.accuracy or 0
        ends = [row.accuracy_low, row.accuracy_high]
        reach = [[100 * abs(accuracy - (accuracy if end is None else end))] for end in ends]
        axes.errorbar(100 * accuracy, place, xerr=reach, marker="o", capsize=3, color="#1b6ca8")
    axes.set_yticks(range(len(ordered)), [row.variant for row in ordered], parse_math=False)
    axes.set(xlabel="test accuracy, %", title="Mean over seeds, with its 95 % interval")
    axes.grid(alpha=0.3)
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _with_legend(figure: Figure) -> Figure:
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def _first_seeds(results: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    firsts = {result["variant"]: result for result in reversed(results)}
    ordered = dict.fromkeys(result["variant"] for result in results)
    return list(zip((firsts[name] for name in ordered), _styles(), strict=False))


def _styles() -> list[dict[str, Any]]:
    colors = colormaps["tab10"].colors  # type: ignore[attr-defined]
    pairs = [(color, dash) for dash in _DASHES for color in colors]
    return [{"color": color, "linestyle": dash} for color, dash in pairs[:_NAMED]]


def _percents(result: dict[str, Any]) -> list[float]:
    return [100 * accuracy for accuracy in result["accuracy_by_epoch"]]
