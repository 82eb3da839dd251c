"""What figures look like, and how they are written.

Figures are as wide as a column of text, so that they can be read on a phone; what belongs together
stands below each other. Black and white become the page's own colours where a page shows them.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ffref.training.files import write_whole

WIDTH = 4.8
"""Inches."""
POSITIVE, NEGATIVE, OTHER = "#2f81c1", "#d1603d", "#808890"
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "ffref"}  # text is text; same run, same file


def panels(count: int, height: float, *, more: float = 0.0) -> tuple[Figure, list[Axes]]:
    """`count` axes of that height below each other, and `more` inches for a legend."""
    figure = Figure(figsize=(WIDTH, count * height + more), layout="constrained")
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def curves(axes: Axes, *, x: str, y: str, title: str = "") -> None:
    """Name the axes of a plot of lines, with a grid behind them."""
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, fontsize="medium")
    axes.grid(alpha=0.3)


def legend_below(figure: Figure, axes: Axes, *, columns: int = 3) -> None:
    """Name the lines of these axes below all, where the names cover nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=columns, frameon=False,
            fontsize="small",
        )  # fmt: skip


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    with _any_letters():
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=120))
    return path


def as_svg(figure: Figure) -> str:
    """Return the text of an SVG file."""
    out = io.StringIO()
    with mpl.rc_context(_SVG), _any_letters():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


@contextmanager
def _any_letters() -> Iterator[None]:
    """Be silent on letters that the font of figures lacks: SVG has text, PNG shows a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
