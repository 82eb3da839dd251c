"""Figures of a run, and of many; the report of runs."""

from ffref.report.claims_hff import study_figures
from ffref.report.comparison import write_comparison_figures
from ffref.report.figures import (
    goodness_histograms,
    learning_curves,
    prototype_angles,
    write_figures,
)
from ffref.report.free_riding import free_riding_figure
from ffref.report.style import save_figure
from ffref.report.tested import TestedRun, read_run, run_folders
from ffref.report.writing import write_report

__all__ = [
    "TestedRun",
    "free_riding_figure",
    "goodness_histograms",
    "learning_curves",
    "prototype_angles",
    "read_run",
    "run_folders",
    "save_figure",
    "study_figures",
    "write_comparison_figures",
    "write_figures",
    "write_report",
]
