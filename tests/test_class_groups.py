"""Units that belong to classes: groups, CwC with its variant PvN, DeeperForward."""

import math

import numpy as np
import pytest

from ffref.formulas import (
    MEAN_OF_SQUARES,
    class_means,
    class_sums,
    group_mean,
    group_mean_vjp,
    layer_normalize,
)
from ffref.negatives import labelled_context
from ffref.objectives.cwc import (
    cwc,
    cwc_goodness,
    cwc_loss,
    cwc_loss_grad,
    cwc_pvn,
    cwc_pvn_loss,
    cwc_pvn_loss_grad,
)
from ffref.objectives.deeper_forward import (
    deeper_forward,
    deeper_forward_goodness,
    deeper_forward_loss,
    deeper_forward_loss_grad,
)
from ffref.objectives.ff import ff_loss, ff_loss_grad
from ffref.training import layer_pass, local_grads
from tests.block_cases import BlockCase, drawn
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_similarity
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)

THETA = 0.8


def _pvn(function):
    def bound(activity, labels, **geometry):
        return function(activity, labels, threshold=THETA, **geometry)

    return bound


LOSSES = {
    "cwc": (
        cwc_loss,
        cwc_loss_grad,
        cwc,
        lambda *args: scalar_similarity.group_loss(*args, power=2),
    ),
    "pvn": (
        _pvn(cwc_pvn_loss),
        _pvn(cwc_pvn_loss_grad),
        lambda **geometry: cwc_pvn(threshold=THETA, **geometry),
        lambda *args: scalar_similarity.pvn_loss(*args, threshold=THETA),
    ),
    "deeper_forward": (
        deeper_forward_loss,
        deeper_forward_loss_grad,
        deeper_forward,
        lambda *args: scalar_similarity.group_loss(*args, power=1),
    ),
}
each_loss = pytest.mark.parametrize("name", LOSSES)
# batch, classes, channels of a class, places, seed
CASES = [(3, 2, 2, 1, 1), (4, 3, 1, 1, 2), (2, 3, 2, 2, 3), (1, 2, 3, 1, 4), (3, 2, 1, 3, 5)]


def arrays(case):
    batch, classes, group, places, seed = case
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(batch, places * classes * group)) * 1.3
    return activity, rng.integers(classes, size=batch)


def geometry(case):
    return {"classes": case[1], "places": case[3]}


# two channels of class 0, two of class 1; the label is 1
Y, LABEL = np.array([[1.0, 0.0, 1.0, 2.0]]), np.array([1])
W = 1 / (1 + math.exp(2))  # sigmoid(-2): goodness 0.5 against 2.5


def test_cwc_by_hand():
    np.testing.assert_allclose(cwc_goodness(Y, classes=2), [[0.5, 2.5]], rtol=1e-15)
    assert cwc_loss(Y, LABEL, classes=2) == pytest.approx(math.log1p(math.exp(-2)), rel=1e-14)
    # dG = (W, -W), dy = 2 y / 2 dG
    expected = [[W, 0, -W, -2 * W]]
    np.testing.assert_allclose(cwc_loss_grad(Y, LABEL, classes=2), expected, rtol=1e-13)


def test_pvn_by_hand():
    # theta 2: lacking 2 - 2.5, surplus 0.5 - 2; dG = sigmoid(-1.5) / 2, -sigmoid(-0.5) / 2
    loss = cwc_pvn_loss(Y, LABEL, classes=2, threshold=2.0)
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1.5))) / 2
    assert loss == pytest.approx(expected, rel=1e-14)
    own, other = -0.5 / (1 + math.exp(0.5)), 0.5 / (1 + math.exp(1.5))
    gradient = cwc_pvn_loss_grad(Y, LABEL, classes=2, threshold=2.0)
    np.testing.assert_allclose(gradient, [[other, 0, own, 2 * own]], rtol=1e-13)


def test_deeper_forward_by_hand():
    # means 0.5 and 2.5 of (1, 0) and (3, 2); dy = dg / 2
    y = np.array([[1.0, 0.0, 3.0, 2.0]])
    np.testing.assert_allclose(deeper_forward_goodness(y, classes=2), [[0.5, 2.5]], rtol=1e-15)
    loss = deeper_forward_loss(y, LABEL, classes=2)
    assert loss == pytest.approx(math.log1p(math.exp(-2)), rel=1e-14)
    gradient = deeper_forward_loss_grad(y, LABEL, classes=2)
    np.testing.assert_allclose(gradient, [[W / 2, W / 2, -W / 2, -W / 2]], rtol=1e-13)


def test_groups_of_a_convolution_are_channels_at_every_place():
    # two places of four channels: class 0 owns channels 0 and 1 of both
    y = np.array([[1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]])
    np.testing.assert_array_equal(group_mean(y, classes=2, places=2), [[2.5, 25]])
    images = y.reshape(1, 1, 2, 4)  # height 1, width 2, channels 4
    expected = [[images[..., :2].mean(), images[..., 2:].mean()]]
    np.testing.assert_array_equal(group_mean(y, classes=2, places=2), expected)


@pytest.mark.parametrize("case", CASES)
@each_loss
def test_gradients(name, case):
    activity, labels = arrays(case)
    loss, grad, _, scalar = LOSSES[name]
    _, classes, _, places, _ = case
    assert_gradients(
        (grad(activity, labels, **geometry(case)),),
        (activity,),
        lambda y: loss(y, labels, **geometry(case)),
        lambda rows: scalar(rows, labels.tolist(), classes, places),
    )


def test_pvn_of_two_classes_is_hintons_loss_on_its_halves():
    activity = np.random.default_rng(1).normal(size=(4, 6))
    labels = np.array([0, 1, 1, 0])
    own = activity.reshape(4, 2, 3)[np.arange(4), labels]
    other = activity.reshape(4, 2, 3)[np.arange(4), 1 - labels]
    rows, polarity = np.concatenate([own, other]), np.repeat([1.0, -1.0], 4)
    how = {"threshold": THETA, "goodness": MEAN_OF_SQUARES}
    assert scaled_close(
        cwc_pvn_loss(activity, labels, classes=2, threshold=THETA), ff_loss(rows, polarity, **how)
    )
    gradient = cwc_pvn_loss_grad(activity, labels, classes=2, threshold=THETA)
    grouped = gradient.reshape(4, 2, 3)
    halves = ff_loss_grad(rows, polarity, **how)
    assert scaled_close(grouped[np.arange(4), labels], halves[:4])
    assert scaled_close(grouped[np.arange(4), 1 - labels], halves[4:])


def test_mean_goodness_of_squares_is_that_of_cwc():
    activity, _ = arrays(CASES[2])
    np.testing.assert_array_equal(
        deeper_forward_goodness(activity**2, **geometry(CASES[2])),
        cwc_goodness(activity, **geometry(CASES[2])),
    )


def test_all_units_of_a_class_learn_alike_in_deeper_forward():
    activity, labels = arrays((5, 2, 3, 1, 6))
    gradient = deeper_forward_loss_grad(activity, labels, classes=2).reshape(5, 2, 3)
    assert (np.ptp(gradient, axis=2) == 0).all()
    assert abs(gradient.sum(axis=(1, 2))).max() < 1e-16
    # a unit of activity 0 has no slope in cwc, and one here
    activity[:, 0] = 0
    assert (cwc_loss_grad(activity, labels, classes=2)[:, 0] == 0).all()
    assert (deeper_forward_loss_grad(activity, labels, classes=2)[:, 0] != 0).all()


def test_layer_norm_hides_the_goodness_of_a_layer_from_the_next():
    activity = np.abs(arrays((3, 2, 3, 1, 7))[0])
    assert abs(layer_normalize(activity).mean(axis=1)).max() < 1e-15


@each_loss
def test_order_within_a_group_and_of_classes_does_not_matter(name):
    activity, labels = arrays((4, 3, 2, 1, 8))
    loss = LOSSES[name][0]
    plain = loss(activity, labels, classes=3)
    swapped = activity.reshape(4, 3, 2)[:, :, ::-1].reshape(4, 6)
    assert loss(swapped, labels, classes=3) == pytest.approx(plain, rel=1e-14)
    turned = np.roll(activity.reshape(4, 3, 2), 1, axis=1).reshape(4, 6)
    assert loss(turned, (labels + 1) % 3, classes=3) == pytest.approx(plain, rel=1e-14)
    assert loss(turned, labels, classes=3) != pytest.approx(plain, rel=1e-3)


@each_loss
def test_one_class(name):
    loss, grad, _, scalar = LOSSES[name]
    activity, labels = np.array([[0.5, 0.1], [0.2, 0.3]]), np.array([0, 0])
    value, gradient = loss(activity, labels, classes=1), grad(activity, labels, classes=1)
    if name == "pvn":
        assert_gradients(
            (gradient,),
            (activity,),
            lambda y: loss(y, labels, classes=1),
            lambda rows: scalar(rows, [0, 0], 1, 1),
        )
    else:
        assert value == 0
        np.testing.assert_array_equal(gradient, np.zeros((2, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_loss
def test_extremes_stay_finite(name, dtype):
    loss, grad, _, _ = LOSSES[name]
    for scale in (0, 1e2, 1e4):
        activity = np.array([[scale, 0, 0, 0], [0, 0, 0, scale]], dtype)
        labels = np.array([1, 1])
        assert np.isfinite(loss(activity, labels, classes=2))
        gradient = grad(activity, labels, classes=2)
        assert gradient.dtype == dtype
        assert np.isfinite(gradient).all()


@each_loss
def test_dtype_layout_and_inputs_are_kept(name):
    activity, labels = arrays(CASES[2])
    grad = LOSSES[name][1]
    assert_kept(lambda y: grad(y, labels, **geometry(CASES[2])), activity)


@pytest.mark.parametrize("units", [4, 360])
@pytest.mark.parametrize("places", [1, 2])
def test_a_row_does_not_depend_on_its_batch(units, places):
    x = np.random.default_rng(3).normal(size=(7, units)).astype(np.float32)
    whole = group_mean(x, classes=2, places=places)
    for rows in (slice(0, 1), slice(3, 4), slice(2, 6)):
        np.testing.assert_array_equal(group_mean(x[rows], classes=2, places=places), whole[rows])


@each_loss
def test_bad_input_is_refused(name):
    loss = LOSSES[name][0]
    with pytest.raises(ValueError, match="multiple of 3, as 6"):
        loss(np.ones((2, 4)), np.array([0, 1]), classes=3)
    with pytest.raises(ValueError, match="multiple of 6, as 12"):
        loss(np.ones((2, 9)), np.array([0, 1]), classes=3, places=2)
    with pytest.raises(ValueError, match=r"0 \.\. 1"):
        loss(np.ones((2, 4)), np.array([0, 2]), classes=2)
    with pytest.raises(ValueError, match="classes"):
        loss(np.ones((2, 4)), np.array([0, 0]), classes=0)


def test_thresholds_must_be_numbers():
    with pytest.raises(ValueError, match="threshold"):
        cwc_pvn(classes=2, threshold=np.nan)
    with pytest.raises(ValueError, match="threshold"):
        cwc_pvn_loss(Y, LABEL, classes=2, threshold=np.inf)


@each_loss
def test_bound_objective_says_what_the_functions_say(name):
    activity, labels = arrays(CASES[2])
    loss, grad, factory, _ = LOSSES[name]
    objective = factory(**geometry(CASES[2]))
    context = labelled_context(labels, activity.dtype)
    expected = loss(activity, labels, **geometry(CASES[2]))
    gradient = grad(activity, labels, **geometry(CASES[2]))
    assert objective.loss(activity, context, ()) == expected
    np.testing.assert_array_equal(objective.grads(activity, context, ())[0], gradient)
    evaluation = objective.evaluate(activity, context, ())
    assert evaluation.loss == expected
    np.testing.assert_array_equal(evaluation.d_activity, gradient)
    by_class = activity.reshape(2, 2, 3, 2) ** (1 if name == "deeper_forward" else 2)
    goodness = by_class.mean(axis=(1, 3))
    np.testing.assert_allclose(evaluation.goodness, goodness[[0, 1], labels], rtol=1e-14)
    assert evaluation.accuracy == (goodness.argmax(axis=1) == labels).mean()


# -- rows of a class ----------------------------------------------------------------------------


def test_sums_of_parts_add_up_to_the_sum_of_all():
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(9, 3)).astype(np.float32), rng.integers(3, size=9)
    sums, counts = class_sums(x, labels, classes=4)
    assert sums.dtype == np.float64
    parts = [class_sums(x[rows], labels[rows], classes=4) for rows in (slice(4), slice(4, 9))]
    np.testing.assert_allclose(parts[0][0] + parts[1][0], sums, rtol=1e-14)
    np.testing.assert_array_equal(parts[0][1] + parts[1][1], counts)
    means = class_means(sums, counts, np.dtype("float32"))
    for label in range(3):
        np.testing.assert_allclose(means[label], x[labels == label].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(means[3], 0)


def test_group_mean_and_its_pull_back_are_adjoint():
    rng = np.random.default_rng(4)
    x, d_out = rng.normal(size=(3, 12)), rng.normal(size=(3, 2))
    d_x = group_mean_vjp(d_out, units=12, places=3)
    assert (group_mean(x, classes=2, places=3) * d_out).sum() == pytest.approx((x * d_x).sum())


# -- on blocks with groups, where the classes' channels never meet --------------------------------

GROUPED = BlockCase(
    "groups",
    (2, 3, 6),
    {"channels": 6, "groups": 3, "size": [3, 1], "padding": [1, 0]},
    2,
    seed=15,
)


@pytest.mark.parametrize("name", ["cwc", "deeper_forward"])
def test_local_gradients_through_a_grouped_block(name):
    layer, x = drawn(GROUPED)
    objective = {"cwc": cwc, "deeper_forward": deeper_forward}[name](classes=3, places=6)
    context = labelled_context(np.array([2, 0]), np.dtype(float))

    def loss(weight):
        moved = layer._replace(weights=layer.weights._replace(weight=weight))
        features = layer_pass(moved, x, training=True).features
        return objective.loss(features, context, ())

    d_weight = local_grads(layer, x, context, objective)[0].d_weight
    differences = central_difference(loss, layer.weights.weight)
    assert d_weight.shape == (3, 1, 2, 6)
    assert difference_close(d_weight, differences)
    for what, wrong in wrong_versions(d_weight):
        assert not difference_close(wrong, differences), what


def test_a_class_sees_the_channels_of_its_group_alone():
    layer, x = drawn(GROUPED)
    moved = x.reshape(2, 2, 3, 6).copy()
    moved[..., 2:4] += 1.0
    before, after = (
        cwc_goodness(layer_pass(layer, rows, training=True).features, classes=3, places=6)
        for rows in (x, moved.reshape(x.shape))
    )
    np.testing.assert_array_equal(before[:, [0, 2]], after[:, [0, 2]])
    assert (before[:, 1] != after[:, 1]).all()
