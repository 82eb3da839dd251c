"""Figures of a run: learning curves, goodness histograms, prototypes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ffref.data import Samples, first_rows
from ffref.estimators import Classifier, HFFClassifier, LocalClassifier, Thresholded
from ffref.formulas import cosine_similarity
from ffref.report.style import NEGATIVE, POSITIVE, curves, legend_below, panels, save_figure
from ffref.types import Array

_SAMPLES = 1000
_NAME_LENGTH = 20
_NAMED_CLASSES = 20


def write_figures(classifier: Classifier, X: Samples, y: np.ndarray, folder: Path) -> list[Path]:
    """Write the figures of a run as PNG; X, y are held-out samples."""
    folder.mkdir(exist_ok=True)
    figures = {"learning_curves": learning_curves(classifier)}
    few = first_rows(X, _SAMPLES)
    histograms = goodness_histograms(classifier, few, y[:_SAMPLES])
    if histograms is not None:
        figures["goodness_histograms"] = histograms
    if isinstance(classifier, HFFClassifier):
        figures["prototypes"] = prototype_angles(classifier)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def learning_curves(classifier: Classifier) -> Figure:
    """Loss and accuracy of each layer against epochs, and accuracy on samples held out of them."""
    figure, (loss_axes, error_axes) = panels(2, 2.5, more=0.3)
    history = classifier.history_
    epochs = [record.epoch for record in history]
    for layer in range(len(history[0].loss)):
        label = f"layer {layer + 1}" if len(history[0].loss) > 1 else "network"
        loss = [_or_nan(record.loss[layer]) for record in history]
        error = [1 - _or_nan(record.accuracy[layer]) for record in history]
        loss_axes.plot(epochs, loss, marker=".", label=label)
        error_axes.plot(epochs, [100 * value for value in error], marker=".", label=label)
    if any(record.validation is not None for record in history):
        wrong = [100 * (1 - _or_nan(record.validation)) for record in history]
        error_axes.plot(epochs, wrong, color="black", linestyle="--", label="validation")
    kind = "pairs" if classifier.learns_from_pairs else "samples"
    curves(loss_axes, x="epoch", y="loss", title="Training loss")
    curves(error_axes, x="epoch", y=f"{kind} wrong, %", title="Training error")
    for axes in (loss_axes, error_axes):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    legend_below(figure, error_axes)
    return figure


def goodness_histograms(classifier: Classifier, X: Array, y: np.ndarray) -> Figure | None:
    """Goodness of the true class and of the others, layer by layer, with FF's threshold.

    Where no layer saw a label: goodness of samples, and of negatives as in training. Samples of
    classes that the classifier does not know are left out. None if no layer has a goodness.
    """
    known = np.isin(y, classifier.classes_)
    layers, names = _both_sides(classifier, X[known], y[known])
    if not layers:
        return None
    figure, axes_of_layers = panels(len(layers), 2.2, more=0.3)
    for layer, (sides, axes) in enumerate(zip(layers, axes_of_layers, strict=True)):
        edges: Any = np.histogram_bin_edges(np.concatenate(sides), bins=50)
        for values, color, name in zip(sides, (POSITIVE, NEGATIVE), names, strict=True):
            weights = np.full(len(values), 1 / max(len(values), 1))
            axes.hist(values, edges, weights=weights, color=color, alpha=0.7, label=name)
        if isinstance(classifier, Thresholded):
            threshold = classifier.thresholds()[layer]
            axes.axvline(threshold, color="black", linestyle="--", label="threshold")
        axes.set(xlabel="goodness", ylabel="share")
        whole = len(layers) < len(classifier.state_.network.layers)  # scored at its top alone
        axes.set_title("Network" if whole else f"Layer {layer + 1}", fontsize="medium")
    legend_below(figure, axes_of_layers[0])
    return figure


def _both_sides(
    classifier: Classifier, X: Array, y: np.ndarray
) -> tuple[list[tuple[Array, Array]], tuple[str, str]]:
    """Goodness of both sides in each layer, and what the sides are called."""
    scores = classifier.readout_goodness(X)[0] if len(X) else np.empty((0, 0, 0))
    if len(scores):
        own = classifier.classes_ == y[:, None]
        return [(layer[own], layer[~own]) for layer in scores], ("true class", "other classes")
    found: list[tuple[Array, Array]] = []
    if isinstance(classifier, LocalClassifier) and len(X):
        for seen in classifier.watch(X, y):
            positive = seen.context.polarity > 0
            found.append((seen.goodness[positive], seen.goodness[~positive]))
    return found, ("samples", "negatives")


def prototype_angles(
    classifier: HFFClassifier, class_name: Callable[[object], str] = str
) -> Figure:
    """Angle between every two prototypes of each layer, classes in order."""
    layers = classifier.prototypes_
    figure, axes_of_layers = panels(len(layers), 3.6)
    for layer, axes in enumerate(axes_of_layers):
        classes, per_class, units = layers[layer].shape
        rows = layers[layer].reshape(-1, units)
        angles = np.degrees(np.arccos(np.clip(cosine_similarity(rows, rows), -1, 1)))
        picture = axes.imshow(angles, cmap="RdBu", vmin=0, vmax=180)
        named = np.arange(0, classes, -(-classes // _NAMED_CLASSES))
        ticks = per_class * named + (per_class - 1) / 2
        names = [class_name(classifier.classes_[label])[:_NAME_LENGTH] for label in named]
        turned = 90 if max(map(len, names)) > 3 else 0
        axes.set_xticks(ticks, names, parse_math=False, rotation=turned)
        axes.set_yticks(ticks, names, parse_math=False)
        axes.set(xlabel="class", ylabel="class")
        axes.set_title(f"Layer {layer + 1}", fontsize="medium")
    bar = figure.colorbar(picture, ax=figure.axes, label="angle of two prototypes, °", shrink=0.8)
    bar.set_ticks([0, 45, 90, 135, 180])
    return figure


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
