"""Figures of a run."""

from ffref.report.figures import (
    goodness_histograms,
    learning_curves,
    prototype_cosines,
    write_figures,
)

__all__ = ["goodness_histograms", "learning_curves", "prototype_cosines", "write_figures"]
