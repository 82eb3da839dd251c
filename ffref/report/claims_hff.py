"""Figures of the claims about HFF: a panel for each number, a line or a bar for each case."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from ffref.experiments.study_rows import by_study

Row = dict[str, Any]


class Panel(NamedTuple):
    """One pair of axes."""

    y: str
    """a measured number"""
    x: str | None = None
    """what it is drawn against, where it is a list; None: a bar for each case"""
    logarithmic: bool = False


PANELS: dict[str, tuple[Panel, ...]] = {
    "inference": tuple(
        Panel(y, "classes", logarithmic=True)
        for y in (
            "million_multiply_adds_in_turn",
            "million_multiply_adds",
            "processor_milliseconds",
        )
    ),
    "accuracy": (Panel("accuracy"),),
    "robustness": (
        Panel("noise_accuracy", "noise"),
        Panel("fgsm_accuracy", "budget"),
        Panel("pgd_accuracy", "budget"),
        Panel("analog_activity_accuracy", "analog"),
        Panel("analog_readout_accuracy", "analog"),
    ),
    "new classes": (Panel("accuracy"), Panel("forgetting")),
    "few examples": (Panel("new_class_found", "examples"), Panel("old_classes_right", "examples")),
    "transfer": (Panel("accuracy"),),
    "speed": (Panel("accuracy", "steps"),),
    "noise negatives": (Panel("accuracy"),),
    "prototypes": (Panel("accuracy"),),
    "hybrid": (Panel("accuracy"),),
    "depth": (
        Panel("layer_accuracy", "layer"),
        Panel("prototype_cosine", "layer"),
        Panel("alike_below", "layer"),
        Panel("participation_ratio", "layer"),
    ),
    "prototype memory": (Panel("prototype_megabytes", "classes", logarithmic=True),),
    "training": (
        Panel("step_megabytes", "layers", logarithmic=True),
        Panel("million_multiply_adds", "layers", logarithmic=True),
    ),
}


def study_figures(rows: Sequence[Row]) -> dict[str, Figure]:
    """Draw the first seed's rows of each study that has panels."""
    first = [row for row in rows if row["seed"] == 0]
    return {study: _draw(own, PANELS[study]) for study, own in by_study(first) if study in PANELS}


def _draw(rows: Sequence[Row], panels: Sequence[Panel]) -> Figure:
    figure = Figure(figsize=(1 + 3.4 * len(panels), 3.6), layout="constrained")
    bars = all(panel.x is None for panel in panels)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=bars)
    for panel, axes in zip(panels, grid[0], strict=True):
        for number, row in enumerate(rows):
            measured, colour = row["measured"], f"C{number % 10}"
            if measured.get(panel.y) is None:
                continue
            if panel.x is None:
                axes.barh(row["case"], measured[panel.y], color="C0")
                continue
            found = measured[panel.x], measured[panel.y]
            axes.plot(*found, marker=".", color=colour, label=row["case"])
        if panel.logarithmic:
            axes.set(xscale="log", yscale="log")
        words = panel.y.replace("_", " ")
        axes.set(title=words) if panel.x is None else axes.set(xlabel=panel.x, title=words)
        axes.grid(alpha=0.3)
    if bars:
        grid[0, 0].invert_yaxis()
    else:
        lines = figure.axes[0].get_legend_handles_labels()
        columns = min(len(panels), 3)  # no wider than the panels
        figure.legend(*lines, loc="outside lower center", ncols=columns, fontsize="small")
    return figure
