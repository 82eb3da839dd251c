"""Figure of the free-riding comparison: what each layer separates, and what moves it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ffref.experiments.free_riding import Outcome, summarize


def free_riding_figure(outcomes: Sequence[Outcome]) -> Figure:
    """Separation of each layer with its standard error, and its median local slope."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    separation_axes, slope_axes = figure.subplots(1, 2)
    for one in summarize(outcomes):
        layers = 1 + np.arange(len(one.separation))
        separation_axes.errorbar(
            layers, one.separation, one.separation_error, marker="o", capsize=3, label=one.variant
        )
        slope_axes.plot(layers, one.measures["median_slope"], marker="o")
    separation_axes.set(ylabel="separation", title="Mean margin, with its standard error")
    slope_axes.set(ylabel="median slope", title="Median local gradient", yscale="log")
    for axes in (separation_axes, slope_axes):
        axes.set(xlabel="layer", xticks=layers)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    return figure
