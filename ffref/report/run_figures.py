"""Figures of a tested run: accuracy against seconds, layers, units, mistakes, first weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ffref.report.style import OTHER, WIDTH, curves, legend_below, panels
from ffref.report.tested import TestedRun
from ffref.types import Array

_CELLS_WITH_NUMBERS = 12
"""Most classes of a confusion matrix whose cells have room for numbers."""
_TICKS = 20
_PICTURES, _COLUMNS = 24, 6
_WEIGHTS, _WEIGHT_COLUMNS = 48, 8
_COLORED = 3


def accuracy_against_seconds(runs: Sequence[TestedRun]) -> Figure:
    """Accuracy after each epoch against seconds of training; a dot is that on test samples."""
    figure, (axes,) = panels(1, 3.0, more=0.2 * len(runs))
    kinds: dict[str, str] = {}
    for run in runs:
        kind, style, shares = _best_known_curve(run)
        kinds[kind] = style
        seconds = np.cumsum([record.seconds for record in run.classifier.history_])
        percents = [100 * share for share in shares]
        (line,) = axes.plot(seconds, percents, style, label=run.name)
        axes.plot(seconds[-1], 100 * run.result["accuracy"], "o", color=line.get_color())
    lines = {"-": "solid", "--": "dashed", ":": "dotted"}
    words = "; ".join(f"{lines[style]}: {kind}" for kind, style in kinds.items())
    curves(axes, x=f"seconds of training ({words})", y="accuracy, %")
    if len(runs) > 1:
        if max(run.seconds for run in runs) > 10 * min(run.seconds for run in runs):
            axes.set_xscale("log")
        legend_below(figure, axes, columns=1)
    return figure


def _best_known_curve(run: TestedRun) -> tuple[str, str, list[float]]:
    """Return what accuracy after each epoch is known: of which samples, line style, shares."""
    history = run.classifier.history_
    if len(run.by_epoch) == len(history):
        return "test samples", "-", run.by_epoch
    if any(record.validation is not None for record in history):
        shares = [record.validation for record in history]
        return "validation samples", "--", [np.nan if one is None else one for one in shares]
    kind = "training pairs" if run.classifier.learns_from_pairs else "training samples"
    top = [[one for one in record.accuracy if one is not None] or [np.nan] for record in history]
    return f"{kind}, top layer", ":", [layers[-1] for layers in top]


def accuracy_by_layer(run: TestedRun) -> Figure | None:
    """What each layer separates, alone and added to those below; None for a single layer."""
    numbers = [at for at, layer in enumerate(run.layers, 1) if layer.accuracy is not None]
    if len(numbers) < 2:
        return None
    scoring = [layer for layer in run.layers if layer.accuracy is not None]
    figure, (accuracy, separation) = panels(2, 2.2, more=0.3)
    for name, values in (
        ("layer alone", [layer.accuracy for layer in scoring]),
        ("with those below", [layer.summed_accuracy for layer in scoring]),
    ):
        percents = [100 * (np.nan if value is None else value) for value in values]
        accuracy.plot(numbers, percents, marker="o", label=name)
    spread = [np.nan if layer.separation is None else layer.separation for layer in scoring]
    separation.plot(numbers, spread, marker="o", color=OTHER)
    curves(accuracy, x="layer", y="test accuracy, %")
    curves(separation, x="layer", y="margin: mean / deviation")
    for axes in (accuracy, separation):
        axes.set_xticks(numbers)
    legend_below(figure, accuracy)
    return figure


def active_units(run: TestedRun) -> Figure | None:
    """On how many samples the units of each layer are active, the most silent ones first."""
    if all(layer.activation is None for layer in run.layers):
        return None
    figure, (axes,) = panels(1, 3.0, more=0.3)
    for number, layer in enumerate(run.layers, 1):
        if layer.activation is not None:
            share = 100 * np.sort(layer.activation)
            axes.plot(np.linspace(0, 100, len(share)), share, label=f"layer {number}")
    curves(axes, x="units, the most silent first, %", y="samples on which it is active, %")
    axes.set_ylim(-3, 103)
    legend_below(figure, axes)
    return figure


def confusion_counts(y: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes that occur, and how many samples of each (rows) are taken for each (columns).

    Examples
    --------
    >>> confusion_counts(np.array([3, 3, 5]), np.array([3, 5, 5]))[1]
    array([[1, 1],
           [0, 1]])
    """
    classes = np.unique(np.concatenate([y, predicted]))
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (np.searchsorted(classes, y), np.searchsorted(classes, predicted)), 1)
    return classes, counts


def confusion_matrix(run: TestedRun) -> Figure:
    """Test samples by true and predicted class, as shares of the true class."""
    classes, counts = confusion_counts(run.y, run.predicted)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = panels(1, 4.2)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    figure.colorbar(picture, ax=axes, label="% of the true class", shrink=0.8)
    named = np.arange(0, len(classes), -(-len(classes) // _TICKS))
    names = [_short(run.class_name(classes[at]), 12) for at in named]
    turned = 90 if max(map(len, names)) > 3 else 0
    axes.set_xticks(named, names, parse_math=False, rotation=turned)
    axes.set_yticks(named, names, parse_math=False)
    axes.set(xlabel="predicted class", ylabel="true class")
    if len(classes) <= _CELLS_WITH_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            color = "#f4f4f4" if shares[row, column] > 55 else "#222222"
            axes.text(
                column, row, f"{count}" if count else "", ha="center", va="center",
                fontsize="x-small", color=color,
            )  # fmt: skip
    return figure


def surest_mistakes(run: TestedRun) -> Figure | None:
    """Pictures of the wrongly predicted test samples of which the network is surest."""
    if run.image_shape is None:
        return None
    rows = np.flatnonzero(run.predicted[: len(run.X)] != run.y[: len(run.X)])
    if not len(rows):
        return None
    sure = run.classifier.predict_proba(run.X[rows]).max(axis=1)
    rows = rows[np.argsort(-sure, kind="stable")][:_PICTURES]
    images = run.X[rows].reshape(-1, *run.image_shape)
    low, high = float(run.X.min()), float(run.X.max())
    images = (images - low) / max(high - low, float(np.finfo(np.float32).tiny))
    figure, places = _grid(len(rows), _COLUMNS, 0.98)
    for axes, row, image in zip(places, rows, images, strict=False):
        _show(axes, image, cmap="gray")
        true, taken = (_short(run.class_name(one[row]), 10) for one in (run.y, run.predicted))
        axes.set_title(
            f"{true} → {taken}" if len(true + taken) < 7 else f"{true}\n→ {taken}",
            fontsize="x-small", parse_math=False, pad=3,
        )  # fmt: skip
    return figure


def first_weights(run: TestedRun) -> Figure | None:
    """Weights of the first layer's first units as pictures, each in units of its largest."""
    tiles = _weight_tiles(run)
    if tiles is None:
        return None
    tiles = tiles[:_WEIGHTS] / np.maximum(
        abs(tiles[:_WEIGHTS]).max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float32).tiny
    )
    figure, places = _grid(len(tiles), _WEIGHT_COLUMNS, 0.62)
    for axes, tile in zip(places, tiles, strict=False):
        _show(axes, (tile + 1) / 2, cmap="RdBu_r")
    return figure


def _weight_tiles(run: TestedRun) -> Array | None:
    """(units, height, width, channels) of what the first layer's units see; None: no picture."""
    weight = run.classifier.state_.network.layers[0].weights[0]
    if run.image_shape is None:
        return None
    channels = run.image_shape[2]
    if weight.ndim == 6:  # windows without shared weights: those of the middle place
        weight = weight[weight.shape[0] // 2, weight.shape[1] // 2]
    if weight.ndim == 4:  # behind the image's channels may be planes of labels
        tiles = np.moveaxis(weight[:, :, :channels], 3, 0)
        return tiles if min(tiles.shape[1:3]) > 1 and channels in (1, _COLORED) else None
    pixels = int(np.prod(run.image_shape))  # behind the pixels may be slots of labels
    return weight[:pixels].T.reshape(-1, *run.image_shape) if channels in (1, _COLORED) else None


def _grid(count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.04, hspace=0)  # type: ignore[union-attr,call-arg]
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places:
        axes.set_axis_off()
    return figure, places


def _show(axes: Axes, image: Array, *, cmap: str) -> None:
    """Show values in [0, 1] as they are: colour of three channels, else shades."""
    flat = image if image.shape[2] == _COLORED else image[:, :, 0]
    axes.imshow(flat, cmap=cmap, vmin=0, vmax=1, interpolation="nearest")


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
