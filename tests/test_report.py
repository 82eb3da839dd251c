"""The figures of a run: written for every algorithm and every kind of data."""

import struct

import numpy as np
import pytest

from ffref import (
    BackpropClassifier,
    FFClassifier,
    HFFClassifier,
    PredictiveCodingClassifier,
    SCFFClassifier,
)
from ffref.report import goodness_histograms, learning_curves, prototype_angles, write_figures
from tests.small_data import blobs
from tests.small_models import each_kind, small

DATA = {
    "three classes": blobs(),
    "two classes": blobs(classes=2),
    "text": (blobs()[0], np.array(["ant", "bee", "a rather long name of a class"])[blobs()[1]]),
    "truth": (blobs(classes=2)[0], blobs(classes=2)[1] > 0),
    "thirty classes": blobs(120, classes=30, features=40),
    "one test sample": blobs(),
}


def _assert_png(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[-8:-4] == b"IEND"
    assert min(struct.unpack(">II", content[16:24])) >= 300
    assert len(content) > 5000


@pytest.mark.parametrize(
    ("kind", "data"),
    [(HFFClassifier, "text"), (FFClassifier, "two classes"), (BackpropClassifier, "text")],
)
def test_figures_are_written(kind, data, tmp_path):
    X, y = DATA[data]
    model = small(kind).fit(X, y)
    paths = write_figures(model, X, y, tmp_path / "figures")
    names = {"learning_curves.png", "goodness_histograms.png"}
    names |= {"prototypes.png"} if kind is HFFClassifier else set()
    assert {path.name for path in paths} == names
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    for path in paths:
        _assert_png(path)


@each_kind
@pytest.mark.parametrize("data", DATA)
def test_figures_of_all_data(kind, data):
    X, y = DATA[data]
    model = small(kind, max_iter=1).fit(X, y)
    rows = 1 if data == "one test sample" else 40
    layers = 1 if kind in (BackpropClassifier, PredictiveCodingClassifier) else 2
    assert len(goodness_histograms(model, X[:rows], y[:rows]).axes) == layers
    assert len(learning_curves(model).axes) == 2
    if kind is HFFClassifier:
        figure = prototype_angles(model)
        assert len(figure.axes) == layers + 1
        labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
        step = 2 if data == "thirty classes" else 1  # no more than twenty have room
        assert labels == [str(label)[:20] for label in model.classes_[::step]]


@pytest.mark.parametrize("kind", [HFFClassifier, FFClassifier])
@pytest.mark.parametrize("done", [1, 2, 3, 4])
def test_greedy_history_has_gaps(kind, done):
    X, y = blobs()
    model = small(kind, layer_schedule="greedy", max_iter=2)
    for _ in zip(range(done), model.fit_epochs(X, y)):  # noqa: B905
        pass
    figure = learning_curves(model)
    for axes in figure.axes:
        first, second = (line.get_ydata() for line in axes.get_lines())
        assert np.isfinite(first).tolist() == [True, True, False, False][: len(first)]
        assert np.isfinite(second).tolist() == [False, False, True, True][: len(second)]
        assert [line.get_label() for line in axes.get_lines()] == ["layer 1", "layer 2"]


def test_samples_of_unknown_classes_are_left_out():
    X, y = blobs()
    model = small(HFFClassifier).fit(X[y < 2], y[y < 2])
    known, all_rows = (
        goodness_histograms(model, X[rows], y[rows]) for rows in (y < 2, slice(None))
    )
    heights = [
        [patch.get_height() for axes in figure.axes for patch in axes.patches]
        for figure in (known, all_rows)
    ]
    assert heights[0] == heights[1]


def test_names_of_classes_are_no_formulas(tmp_path):
    X, y = blobs()
    names = np.array(["a$\\frac{$b", "_" * 300, "$x_2$"])[y]
    model = small(HFFClassifier).fit(X, names)
    prototype_angles(model).savefig(tmp_path / "prototypes.png")
    _assert_png(tmp_path / "prototypes.png")


def test_curves_show_the_history():
    X, y = blobs()
    model = small(HFFClassifier, max_iter=3).fit(X, y)
    loss_axes, error_axes = learning_curves(model).axes
    for layer in range(2):
        loss, error = loss_axes.get_lines()[layer], error_axes.get_lines()[layer]
        assert loss.get_xdata().tolist() == [1, 2, 3]
        assert loss.get_ydata().tolist() == [record.loss[layer] for record in model.history_]
        wrong = [100 * (1 - record.accuracy[layer]) for record in model.history_]
        np.testing.assert_allclose(error.get_ydata(), wrong)
    assert "pairs" in learning_curves(small(FFClassifier).fit(X, y)).axes[1].get_ylabel()


def test_histograms_are_shares():
    X, y = blobs()
    model = small(FFClassifier, threshold=5.0).fit(X, y)
    for axes in goodness_histograms(model, X, y).axes:
        heights = [patch.get_height() for patch in axes.patches]
        assert sum(heights) == pytest.approx(2)  # all of the true class, all of the others
        (threshold,) = axes.get_lines()
        assert threshold.get_xdata()[0] == 5


def test_prototypes_picture_is_their_angles():
    X, y = blobs()
    model = small(HFFClassifier, prototypes_per_class=2).fit(X, y)
    picture = np.asarray(prototype_angles(model).axes[0].images[0].get_array())
    rows = model.prototypes_[0].reshape(6, -1)
    np.testing.assert_allclose(np.cos(np.radians(picture)), rows @ rows.T, atol=1e-5)
    np.testing.assert_allclose(np.diag(picture), 0, atol=0.1)


def test_layers_without_labels_show_samples_and_negatives():
    X, y = blobs()
    model = small(SCFFClassifier).fit(X, y)
    figure = goodness_histograms(model, X, y)
    for axes, seen in zip(figure.axes, model.watch(X, y), strict=True):
        of_samples, of_negatives = (bars.patches for bars in axes.containers)
        mean = np.average(
            [bar.get_x() + bar.get_width() / 2 for bar in of_samples],
            weights=[bar.get_height() for bar in of_samples],
        )
        width = of_samples[0].get_width()
        assert mean == pytest.approx(seen.goodness[seen.context.polarity > 0].mean(), abs=width)
        assert sum(bar.get_height() for bar in of_negatives) == pytest.approx(1)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["samples", "negatives"]


def test_failed_figure_leaves_no_file(tmp_path, monkeypatch):
    X, y = blobs()
    model = small(BackpropClassifier).fit(X, y)

    def fail(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(ValueError, match="disk is full"):
        write_figures(model, X, y, tmp_path / "figures")
    assert list((tmp_path / "figures").iterdir()) == []
