"""What must be refused, by ValueError, by values and by gradients alike."""

import numpy as np
import pytest

from ffref import formulas
from ffref.objectives.ff import ff_loss, ff_loss_grad
from ffref.objectives.hff import hff_class_scores, hff_loss, hff_loss_grads

NAN, INF = float("nan"), float("inf")
Y = np.array([[1.0, 2.0], [0.5, 1.5], [2.0, 1.0]])
S = np.array([1.0, -1.0, 1.0])
LABELS = np.array([0, 1, 1])
P = np.array([[1.0, 0.5], [-1.0, 2.0]])
P3 = np.array([[[1.0, 0.5], [2.0, 2.0]], [[-1.0, 2.0], [1.0, -1.0]]])

FF_BAD = {
    "polarity 0": (Y, np.array([1.0, 0.0, -1.0])),
    "polarity 0 and 1": (Y, np.array([1.0, 0.0, 1.0])),
    "polarity 2": (Y, np.array([1.0, 2.0, -1.0])),
    "polarity nan": (Y, np.array([1.0, NAN, -1.0])),
    "polarity too short": (Y, S[:2]),
    "polarity too long": (Y[:2], S),
    "polarity a column": (Y, S[:, None]),
    "polarity a single number": (Y, np.array(1.0)),
    "activity of one axis": (Y[0], S[:2]),
    "activity of three axes": (Y[:, :, None], S),
    "activity of integers": (Y.astype(np.int64), S),
    "activity of halves": (Y.astype(np.float16), S),
    "activity a list": (Y.tolist(), S),
    "empty batch": (Y[:0], S[:0]),
    "no units": (Y[:, :0], S),
}

PLAIN = {"temperature": 0.5}
HFF_BAD = {
    "label too large": (Y, np.array([0, 2, 1]), P, PLAIN),
    "label below 0": (Y, np.array([0, -1, 1]), P, PLAIN),
    "labels of floats": (Y, LABELS.astype(np.float64), P, PLAIN),
    "labels too short": (Y, LABELS[:2], P, PLAIN),
    "labels a column": (Y, LABELS[:, None], P, PLAIN),
    "labels as one-hot": (Y, np.eye(2, dtype=np.int64)[LABELS], P, PLAIN),
    "zero prototype": (Y, LABELS, P * [[1], [0]], PLAIN),
    "zero prototype among two": (Y, LABELS, P3 * [[[1], [1]], [[1], [0]]], PLAIN),
    "prototypes of other units": (Y, LABELS, np.ones((2, 3)), PLAIN),
    "prototypes of three axes and other units": (Y, LABELS, np.ones((2, 2, 3)), PLAIN),
    "prototypes of one axis": (Y, LABELS, P[0], PLAIN),
    "prototypes of four axes": (Y, LABELS, P3[None], PLAIN),
    "prototypes of integers": (Y, LABELS, P3.astype(np.int64) + 7, PLAIN),
    "prototypes of no classes": (Y, LABELS, P[:0], PLAIN),
    "no prototypes in a class": (Y, LABELS, P3[:, :0], PLAIN),
    "activity of one axis": (Y[0], LABELS[:1], P, PLAIN),
    "activity of three axes": (Y[:, :, None], LABELS, P, PLAIN),
    "activity of integers": (Y.astype(np.int64), LABELS, P, PLAIN),
    "empty batch": (Y[:0], LABELS[:0], P, PLAIN),
    **{f"temperature {t}": (Y, LABELS, P, {"temperature": t}) for t in (0, -1.0, NAN, INF)},
    **{f"sharpness {s}": (Y, LABELS, P3, {**PLAIN, "sharpness": s}) for s in (0, -2.0, NAN, INF)},
    **{
        f"label_smoothing {e}": (Y, LABELS, P, {**PLAIN, "label_smoothing": e})
        for e in (-0.1, 1.0, 1.5, NAN)
    },
}

SCORE_BAD = {
    name: (arguments[0], arguments[2], {"sharpness": 2.0})
    for name, arguments in HFF_BAD.items()
    if "prototype" in name or "activity" in name or name == "empty batch"
}
SCORE_BAD |= {f"sharpness {s}": (Y, P3, {"sharpness": s}) for s in (0, -2.0, NAN, INF)}

CROSS_ENTROPY_BAD = {
    "label too large": (Y, np.array([0, 2, 1]), {}),
    "label below 0": (Y, np.array([0, -1, 1]), {}),
    "labels of floats": (Y, LABELS.astype(np.float64), {}),
    "labels too short": (Y, LABELS[:2], {}),
    "logits of one axis": (Y[0], LABELS[:1], {}),
    "logits of integers": (Y.astype(np.int64), LABELS, {}),
    "empty batch": (Y[:0], LABELS[:0], {}),
    **{f"label_smoothing {e}": (Y, LABELS, {"label_smoothing": e}) for e in (-0.1, 1.0, 2.0, NAN)},
}


CULPRITS = ("polarity", "logits", "activity", "label_smoothing", "label", "prototype")
CULPRITS += ("temperature", "sharpness")


def culprit(name):
    """What the message must name: the argument that the case is called after."""
    return next((word for word in CULPRITS if word in name), "(non-)?empty|at least one")


def each_of(table):
    rows = [(arguments, culprit(name)) for name, arguments in table.items()]
    return pytest.mark.parametrize(("arguments", "word"), rows, ids=table.keys())


@each_of(FF_BAD)
@pytest.mark.parametrize("function", [ff_loss, ff_loss_grad])
def test_ff_refuses(function, arguments, word):
    with pytest.raises(ValueError, match=word):
        function(*arguments, threshold=2.0)


@each_of(HFF_BAD)
@pytest.mark.parametrize("function", [hff_loss, hff_loss_grads])
def test_hff_refuses(function, arguments, word):
    *arrays, options = arguments
    with pytest.raises(ValueError, match=word):
        function(*arrays, **options)


@each_of(SCORE_BAD)
def test_hff_class_scores_refuses(arguments, word):
    *arrays, options = arguments
    with pytest.raises(ValueError, match=word):
        hff_class_scores(*arrays, **options)


@each_of(CROSS_ENTROPY_BAD)
@pytest.mark.parametrize(
    "function", [formulas.softmax_cross_entropy, formulas.softmax_cross_entropy_grad]
)
def test_cross_entropy_refuses(function, arguments, word):
    *arrays, options = arguments
    with pytest.raises(ValueError, match=word):
        function(*arrays, **options)


def test_the_good_neighbours_pass():
    for polarity in (S, S.astype(np.float32), S.astype(np.int64)):
        assert ff_loss(Y, polarity, threshold=2.0) == ff_loss(Y, S, threshold=2.0)
    for labels in (LABELS, LABELS.astype(np.int32), LABELS.astype(np.uint8)):
        for prototypes in (P, P3):
            loss = hff_loss(Y, labels, prototypes, temperature=0.5, label_smoothing=0.99)
            assert np.isfinite(loss)
