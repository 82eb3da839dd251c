"""Figures of a run, as PNG files: learning curves, goodness histograms, prototypes."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ffref.data import Samples, first_rows
from ffref.estimators import Classifier, HFFClassifier, Thresholded
from ffref.formulas import cosine_similarity
from ffref.training.files import write_whole
from ffref.types import Array

_SAMPLES = 1000
_NAME_LENGTH = 20
_POSITIVE, _NEGATIVE = "#1b6ca8", "#d1603d"


def write_figures(classifier: Classifier, X: Samples, y: np.ndarray, folder: Path) -> list[Path]:
    """Write all figures that suit the classifier; X, y are held-out samples."""
    folder.mkdir(exist_ok=True)
    figures = {"learning_curves.png": learning_curves(classifier)}
    few = first_rows(X, _SAMPLES)
    if len(classifier.readout_goodness(few[:1])[0]):  # none where no layer saw a label
        histograms = goodness_histograms(classifier, few, y[:_SAMPLES])
        figures["goodness_histograms.png"] = histograms
    if isinstance(classifier, HFFClassifier):
        figures["prototypes.png"] = prototype_cosines(classifier)
    return [save_figure(figure, folder / name) for name, figure in figures.items()]


def learning_curves(classifier: Classifier) -> Figure:
    """Loss and accuracy of each layer against epochs."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, error_axes = figure.subplots(1, 2)
    history = classifier.history_
    epochs = [record.epoch for record in history]
    for layer in range(len(history[0].loss)):
        label = f"layer {layer + 1}" if len(history[0].loss) > 1 else "network"
        loss = [_or_nan(record.loss[layer]) for record in history]
        error = [1 - _or_nan(record.accuracy[layer]) for record in history]
        loss_axes.plot(epochs, loss, marker=".", label=label)
        error_axes.plot(epochs, [100 * value for value in error], marker=".", label=label)
    loss_axes.set(xlabel="epoch", ylabel="loss", title="Training loss")
    kind = "pairs" if classifier.learns_from_pairs else "samples"
    error_axes.set(xlabel="epoch", ylabel=f"{kind} wrong, %", title="Training error")
    for axes in (loss_axes, error_axes):
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def goodness_histograms(classifier: Classifier, X: Array, y: np.ndarray) -> Figure:
    """Goodness of the true class and of the others, layer by layer, with FF's threshold.

    Samples of classes that the classifier does not know are left out.
    """
    known = np.isin(y, classifier.classes_)
    scores = classifier.layer_goodness(X[known])
    index = np.searchsorted(classifier.classes_, y[known])
    own = np.zeros(scores.shape[1:], bool)
    own[np.arange(len(index)), index] = True
    figure = Figure(figsize=(4 * len(scores), 3.4), layout="constrained")
    for layer, axes in enumerate(figure.subplots(1, len(scores), squeeze=False)[0]):
        edges = np.histogram_bin_edges(scores[layer], bins=50)
        for mask, color, label in (
            (own, _POSITIVE, "true class"),
            (~own, _NEGATIVE, "other classes"),
        ):
            values = scores[layer][mask]
            weights = np.full(len(values), 1 / len(values))
            axes.hist(values, edges, weights=weights, color=color, alpha=0.6, label=label)
        if isinstance(classifier, Thresholded):
            threshold = classifier.thresholds()[layer]
            axes.axvline(threshold, color="black", linestyle="--", label="threshold")
        axes.set(xlabel="goodness", ylabel="share", title=f"Layer {layer + 1}")
    # below the axes, where it covers no bar
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def prototype_cosines(classifier: HFFClassifier) -> Figure:
    """Cosine between every two prototypes of each layer, classes in order."""
    layers = classifier.prototypes_
    figure = Figure(figsize=(4.2 * len(layers), 4), layout="constrained")
    for layer, axes in enumerate(figure.subplots(1, len(layers), squeeze=False)[0]):
        classes, per_class, units = layers[layer].shape
        rows = layers[layer].reshape(-1, units)
        picture = axes.imshow(cosine_similarity(rows, rows), cmap="RdBu_r", vmin=-1, vmax=1)
        ticks = per_class * np.arange(classes) + (per_class - 1) / 2
        names = [str(label)[:_NAME_LENGTH] for label in classifier.classes_]
        axes.set_xticks(ticks, names, parse_math=False)
        axes.set_yticks(ticks, names, parse_math=False)
        axes.set(title=f"Layer {layer + 1}", xlabel="class", ylabel="class")
    figure.colorbar(picture, ax=figure.axes, label="cosine of two prototypes", shrink=0.8)
    return figure


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=120))
    return path
