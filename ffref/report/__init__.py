"""Figures of a run, and of many."""

from ffref.report.claims_hff import study_figures
from ffref.report.comparison import write_comparison_figures
from ffref.report.figures import (
    goodness_histograms,
    learning_curves,
    prototype_cosines,
    save_figure,
    write_figures,
)
from ffref.report.free_riding import free_riding_figure

__all__ = [
    "free_riding_figure",
    "goodness_histograms",
    "learning_curves",
    "prototype_cosines",
    "save_figure",
    "study_figures",
    "write_comparison_figures",
    "write_figures",
]
