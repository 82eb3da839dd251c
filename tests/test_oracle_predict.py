"""`predict` and `check_negatives`."""

import numpy as np
import pytest

from ffref.oracle import check_negatives, dialect_spec, find_case, predict
from tests.mistaken.ff import encode
from tests.mistaken.layer import forward, normalize

RNG = np.random.default_rng(0)
IMAGES = RNG.random((4, 9))
LAYERS = [{"weight": RNG.normal(size=(9, 6)), "bias": RNG.normal(size=6)},
          {"weight": RNG.normal(size=(6, 5)), "bias": RNG.normal(size=5)}]  # fmt: skip


def by_hand(spec, layers, images):
    """Goodness of every label, one label and one layer at a time."""
    made = np.zeros((len(layers), len(images), 3))
    for label in range(3):
        same = np.full(len(images), label)
        given = {"images": images, "labels": same, "negative_labels": same}
        x = encode(spec, given, set())[: len(images)]
        for number, layer in enumerate(layers):
            hidden = normalize(x, spec.norm, set())
            x = np.maximum(forward(hidden, layer["weight"], layer["bias"], spec.layer, set()), 0)
            squares = (x**2).mean(1) if spec.goodness == "mean" else (x**2).sum(1)
            made[number, :, label] = squares
    return made


@pytest.mark.parametrize("dialect", ["hinton_matlab", "pezeshki", "keras_example", "dah33"])
def test_goodness_of_every_label(dialect):
    spec = dialect_spec("ff", dialect, classes=3)
    found, wanted = predict(spec, LAYERS, IMAGES), by_hand(spec, LAYERS, IMAGES)
    np.testing.assert_allclose(found.layer_scores, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.scores, wanted[1], rtol=1e-12)
    best = np.sort(wanted[1], axis=1)
    np.testing.assert_allclose(found.margin, best[:, -1] - best[:, -2], rtol=1e-9)
    np.testing.assert_array_equal(found.labels, wanted[1].argmax(1))
    both = predict(spec, LAYERS, IMAGES, counted=[0, 1])
    np.testing.assert_allclose(both.scores, wanted.sum(0), rtol=1e-12)


def test_where_a_low_goodness_is_good_the_lowest_is_best():
    spec = dialect_spec("ff", "pezeshki", classes=3)._replace(sign=-1)
    found = predict(spec, LAYERS[:1], IMAGES)
    wanted = by_hand(spec, LAYERS[:1], IMAGES)[0]
    np.testing.assert_array_equal(found.labels, wanted.argmin(1))


def test_ties_are_reported_and_set_aside():
    layer = {"weight": np.array([[1.0], [1.0], [-1.0], [0.5]]), "bias": np.zeros(1)}
    found = predict(dialect_spec("ff", "hinton_matlab", classes=3), [layer], np.ones((2, 4)))
    np.testing.assert_array_equal(found.ties, [0, 1])
    assert found.different([1, 0]) == []
    other = {**layer, "weight": np.array([[1.0], [2.0], [-1.0], [0.5]])}
    found = predict(dialect_spec("ff", "hinton_matlab", classes=3), [other], np.ones((2, 4)))
    assert (found.labels.tolist(), found.ties.tolist()) == ([1, 1], [])
    assert found.different(np.array([0, 1])) == [0]


def test_scores_of_hff_are_those_of_its_case():
    case = find_case("hff/reconstruction/several-prototypes")
    found = predict(case.spec, [case.inputs], case.inputs["x"])
    np.testing.assert_allclose(found.scores, case.golden["score"].value, rtol=1e-13)


def test_bad_networks():
    spec = dialect_spec("ff", "hinton_matlab", classes=3)
    for arguments, options, message in (
        ((spec, [], IMAGES), {}, "at least one layer"),
        ((spec._replace(label=None), LAYERS, IMAGES), {}, "LabelSpec"),
        ((spec, LAYERS, IMAGES), {"counted": [2]}, "counted must name layers of 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            predict(*arguments, **options)


def pairs(labels, wrong, strength=1.0):
    x = np.random.default_rng(1).random((len(labels), 8))
    plus, minus = x.copy(), x.copy()
    plus[:, :4], minus[:, :4] = np.eye(4)[labels], strength * np.eye(4)[wrong]
    return plus, minus


TRUE, WRONG = np.array([0, 1, 2, 3, 0, 1]), np.array([1, 2, 3, 0, 2, 0])


def test_good_negatives():
    report = check_negatives(*pairs(TRUE, WRONG), classes=4)
    assert report.ok
    assert report.wrong_labels == pytest.approx((2 / 6, 1 / 6, 2 / 6, 1 / 6))
    assert str(report) == "ok negatives: 0 faults"


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("17% carry the true label (negatives 3)", lambda p, m: m.__setitem__(3, p[3])),
        ("label slots are 2 times as long",
         lambda p, m: m.__setitem__((slice(None), slice(4)), 2 * m[:, :4])),
        ("3 times as many on", lambda p, m: m.__setitem__(
            (slice(None), slice(4)), 1 - np.eye(4)[TRUE])),
        ("another sample's features (negatives 0, 1, 2, 3, 4, ...)",
         lambda p, m: m.__setitem__((slice(None), slice(4, 8)), np.roll(m[:, 4:], 1, axis=0))),
        ("1 rows have NaN", lambda p, m: m.__setitem__((0, 7), np.nan)),
        ("times as long: length alone", lambda p, m: m.__setitem__(
            (slice(None), slice(4, 8)), 9 * m[:, 4:])),
    ],
    ids=["true label", "strength", "inverse label", "other sample", "nan", "length"],
)  # fmt: skip
def test_each_fault_is_named(fault, change):
    plus, minus = pairs(TRUE, WRONG)
    change(plus, minus)
    report = check_negatives(plus, minus, classes=4)
    assert not report.ok
    assert fault in str(report)


def test_without_label_slots():
    plus, minus = RNG.random((5, 3, 2, 1)), RNG.random((5, 3, 2, 1))
    assert check_negatives(plus, minus).ok
    minus[2] = plus[2]
    assert "equal their own positive (negatives 2)" in str(check_negatives(plus, minus))
    assert check_negatives(plus, minus).with_true_label is None


def test_bad_negatives():
    for arguments, classes, message in (
        ((IMAGES, IMAGES[:2]), 0, "must be of one shape"),
        ((IMAGES[0], IMAGES[0]), 0, "must be \\(pairs, features\\)"),
        ((IMAGES, IMAGES), 10, "classes must be 0 to 9"),
        ((np.zeros((2, 4)), np.eye(2, 4)), 2, "one largest slot"),
    ):
        with pytest.raises(ValueError, match=message):
            check_negatives(*arguments, classes=classes)
