"""Convolutional blocks: the definition with 50 digits, differences, layers in turn, extremes."""

import numpy as np
import pytest

from ffref import kernels, layers
from ffref.formulas import GOODNESS, relu, relu_vjp
from ffref.layers import describe_layers
from ffref.layers.block import EPS
from ffref.negatives import labelled_context
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff
from ffref.training import LocalLayer, layer_pass, layer_units, local_grads
from tests.block_cases import BLOCK_CASES, drawn, upstream
from tests.independent import scalar_block, scalar_images
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, mp, rounded

each_case = pytest.mark.parametrize("case", BLOCK_CASES, ids=lambda case: case.name)
LEARNED = ("weight", "scale", "shift", "auxiliary_weight", "auxiliary_bias")


def form_of(case):
    (form,) = describe_layers([("block", case.choices)])
    return form


def backwards(layer, x, d_features, above=None, *, training=True):
    """(derivatives in the learned arrays, d_x)."""
    passed = layer_pass(layer, x, training=training)
    back = layer.kind.sums_grad(layer.weights, passed, d_features, above, None)
    grads = (*layer.kind.grads(x, back.d_sums), *back.d_others)
    return grads, layer.kind.input_grad(layer.weights, back)


# -- the definition, with 50 digits --------------------------------------------------------------


def by_definition(case, arrays, x):
    images = exact(x.reshape(-1, *case.image))
    return scalar_block.block(images, (len(x), *case.image), arrays, form_of(case))


def rows(nested):
    array = rounded(nested)
    return array.reshape(len(array), -1)


@each_case
def test_activity_and_features_are_those_of_the_definition(case):
    layer, x = drawn(case)
    passed = layer_pass(layer, x, training=True)
    activity, _, features, _ = by_definition(case, [exact(a) for a in layer.weights[:5]], x)
    for ours, expected in ((passed.activity, activity), (passed.features, features)):
        assert scaled_close(ours, rows(expected))
        assert not scaled_close(1.01 * ours, rows(expected))


@each_case
def test_gradients_are_slopes_of_the_definition(case):
    """Along one direction for each array: (f(a + h d) - f(a - h d)) / 2h with 100 digits."""
    layer, x = drawn(case)
    d_features, _ = upstream(case)
    grads, _ = backwards(layer, x, d_features)
    rng, step = np.random.default_rng(case.seed + 2000), 10.0**-25

    def total(arrays):
        *_, features, shape = by_definition(case, arrays, x)
        weights = exact(d_features.reshape(shape))
        terms = [
            scalar_images.at(features, i) * scalar_images.at(weights, i)
            for i in np.ndindex(*shape)
        ]
        return mp.fsum(terms)

    for number, grad in enumerate(grads):
        if not grad.size:
            continue
        direction = rng.standard_normal(grad.shape)
        with mp.workdps(100):
            ends = []
            for sign in (1, -1):
                arrays = [exact(a) for a in layer.weights[:5]]
                for index in np.ndindex(*grad.shape):
                    moved = mp.mpf(sign * step) * mp.mpf(float(direction[index]))
                    scalar_images.add(arrays[number], index, moved)
                ends.append(total(arrays))
            slope = float((ends[0] - ends[1]) / (2 * mp.mpf(step)))
        size = np.abs(grad * direction).sum()
        assert abs((grad * direction).sum() - slope) <= 1e-11 * size
        assert abs((1.01 * grad * direction).sum() - slope) > 1e-11 * size


# -- differences ---------------------------------------------------------------------------------


def an_objective(name, features):
    """(objective, params) that are undecided about such features."""
    if name == "ff":
        goodness = GOODNESS["mean"]
        return ff(threshold=float(goodness.value(features).mean()), goodness=goodness), ()
    prototypes = np.random.default_rng(9).standard_normal((3, 2, features.shape[1]))
    return hff(temperature=0.5), (prototypes,)


@each_case
@pytest.mark.parametrize("name", ["ff", "hff"])
def test_local_gradients_match_differences_and_wrong_ones_do_not(case, name):
    layer, x = drawn(case)
    objective, params = an_objective(name, layer_pass(layer, x, training=True).features)
    context = labelled_context(np.arange(case.batch) % 3, np.dtype(float))
    layer = layer._replace(params=params)

    def loss(weights):
        features = layer_pass(layer._replace(weights=weights), x, training=True).features
        return objective.loss(features, context, params)

    grads, _, evaluation = local_grads(layer, x, context, objective)
    assert evaluation.loss == loss(layer.weights)
    for field, grad in zip(LEARNED, grads.d_weights, strict=True):
        array = getattr(layer.weights, field)
        assert grad.shape == array.shape
        if not array.size:
            continue
        differences = central_difference(
            lambda a, field=field: loss(layer.weights._replace(**{field: a})), array
        )
        assert difference_close(grad, differences), field
        for what, wrong in wrong_versions(grad):
            assert not difference_close(wrong, differences), (field, what)


@each_case
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_input_gradients_match_differences(case, training):
    layer, x = drawn(case)
    d_features, above = upstream(case)

    def loss(x):
        passed = layer_pass(layer, x, training=training)
        return (passed.features * d_features).sum() + (passed.activity * above).sum()

    _, d_x = backwards(layer, x, d_features, above, training=training)
    differences = central_difference(loss, x)
    assert difference_close(d_x, differences)
    for what, wrong in wrong_versions(d_x):
        assert not difference_close(wrong, differences), what


# -- layers one by one, to the last bit ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("number", [0, 1, 2], ids=lambda number: BLOCK_CASES[number].name)
def test_activity_has_the_bits_of_normalisation_relu_and_pooling_in_turn(number, training, dtype):
    case = BLOCK_CASES[number]
    form = form_of(case)
    layer, x = drawn(case, dtype)
    block, images = layer.weights, x.reshape(-1, *case.image)
    sums = kernels.conv2d(images, block.weight, stride=form.stride, padding=form.padding)
    norm = layers.BatchNorm(block.scale, block.shift)
    if training:
        out, _ = layers.batch_norm_forward(norm, sums, eps=EPS)
    else:
        running = layers.RunningStatistics(block.running_mean, block.running_variance)
        out = layers.batch_norm_inference(norm, sums, running, eps=EPS)
    expected, _ = layers.max_pool2d(relu(out), size=form.pool)
    passed = layer_pass(layer, x, training=training)
    np.testing.assert_array_equal(passed.activity.reshape(expected.shape), expected)
    assert (block.scale < 0).any()
    assert (block.scale > 0).any()


def test_the_way_back_is_that_of_pooling_relu_and_normalisation_in_turn():
    case = BLOCK_CASES[1]  # pooling leaves pixels over
    form = form_of(case)
    layer, x = drawn(case)
    block, images = layer.weights, x.reshape(-1, *case.image)
    geometry = {"stride": form.stride, "padding": form.padding}
    sums = kernels.conv2d(images, block.weight, **geometry)
    norm = layers.BatchNorm(block.scale, block.shift)
    out, found = layers.batch_norm_forward(norm, sums, eps=EPS)
    pooled, index = layers.max_pool2d(relu(out), size=form.pool)
    _, above = upstream(case)
    d_pooled = above.reshape(pooled.shape)
    d_relu = layers.max_pool2d_vjp(d_pooled, index, input_size=out.shape[1:3], size=form.pool)
    d_sums, d_scale, d_shift = layers.batch_norm_grads(
        norm, sums, relu_vjp(d_relu, out), found, eps=EPS
    )
    d_weight = kernels.conv2d_weight_grad(images, d_sums, kernel_size=form.size, **geometry)
    no_features = np.zeros((case.batch, layer_units(layer)))
    grads, _ = backwards(layer, x, no_features, above)
    for ours, expected in zip(grads, (d_weight, d_scale, d_shift), strict=False):
        assert scaled_close(ours, expected)
        assert not scaled_close(1.01 * ours, expected)


# -- by hand -------------------------------------------------------------------------------------


def by_hand(**choices):
    """A block of one row of four pixels that weighs each with 2, before other choices."""
    (plan,) = layers.plan_layers(
        describe_layers(
            [("block", {"channels": 1, "size": 1, "padding": 0, "norm": "none", **choices})]
        ),
        (1, 4, 1),
    )
    block = plan.kind.record(*(np.zeros(shape) for shape in plan.shapes))
    block.weight[:] = 2.0
    block.scale[:] = 1.0
    return LocalLayer(block, (), plan.kind)


def test_hand_computed_block():
    # x = (1, -3, 4, 2): sums 2, -6, 8, 4; shift -1, relu: 1, 0, 7, 3; pooled in pairs: 1, 7
    # with the shortcut's means (-1, 3): 0, 10; the one cell: 5; V = 3, v = 1: f = 16
    # df = 1: dV = 5, dv = 1, dh = 3 / 2 in both places; both winners active: d shift = 3
    # da = (1.5, 0, 1.5, 0): dW = 1 * 1.5 + 4 * 1.5 = 7.5
    # dx = 2 da + 1.5 / 2 everywhere = (3.75, 0.75, 3.75, 0.75)
    layer = by_hand(pool=[1, 2], residual=True, auxiliary=[1, 1])
    layer.weights.shift[:] = -1.0
    layer.weights.auxiliary_weight[:] = 3.0
    layer.weights.auxiliary_bias[:] = 1.0
    x = np.array([[1.0, -3.0, 4.0, 2.0]])
    passed = layer_pass(layer, x, training=True)
    np.testing.assert_array_equal(passed.activity, [[0.0, 10.0]])
    np.testing.assert_array_equal(passed.features, [[16.0]])
    grads, d_x = backwards(layer, x, np.ones((1, 1)))
    d_weight, d_scale, d_shift, d_auxiliary_weight, d_auxiliary_bias = grads
    assert (d_weight.item(), d_shift.item(), d_scale.size) == (7.5, 3.0, 0)
    assert (d_auxiliary_weight.item(), d_auxiliary_bias.item()) == (5.0, 1.0)
    np.testing.assert_array_equal(d_x, [[3.75, 0.75, 3.75, 0.75]])


def test_hand_computed_batch_norm():
    # x = (1, 0, 0, 1): sums 2, 0, 0, 2, mean 1, variance 1: z = +-1 / sqrt(1 + 1e-5), call it k
    # factor -3, shift 1: relu(1 - 3 z) = 0, 1 + 3k, 1 + 3k, 0; pooled in pairs the *smaller* sums
    # win: 1 + 3k twice; upstream (1, 2): d shift = 3, d scale = -k (1 + 2)
    layer = by_hand(norm="batch", pool=[1, 2])
    layer.weights.scale[:] = -3.0
    layer.weights.shift[:] = 1.0
    x, k = np.array([[1.0, 0.0, 0.0, 1.0]]), 1 / np.sqrt(1 + 1e-5)
    passed = layer_pass(layer, x, training=True)
    np.testing.assert_allclose(passed.activity, [[1 + 3 * k, 1 + 3 * k]], rtol=1e-15)
    # running: 0.9 * 0 + 0.1 * 1, and 0.9 * 0 + 0.1 * 4 / 3 (unbiased, of four numbers)
    mean, variance = layer.kind.advance(layer.weights, passed)
    np.testing.assert_allclose([mean[0], variance[0]], [0.1, 0.4 / 3], rtol=1e-15)
    grads, _ = backwards(layer, x, np.array([[1.0, 2.0]]))
    np.testing.assert_allclose(grads[1], [-3 * k], rtol=1e-14)
    np.testing.assert_array_equal(grads[2], [3.0])
    # d a = -3 k (do - 3/4 - z (-3k/4)), do = (0, 1, 2, 0), z = (k, -k, -k, k), x = (1, 0, 0, 1):
    # dW = the first and the last: 2 * -3 k (-3/4 + 3 k^2 / 4) = 4.5 k (1 - k^2)
    np.testing.assert_allclose(grads[0].ravel(), [4.5 * k * (1 - k**2)], rtol=1e-9)


# -- what a row may depend on, extremes, refusals ------------------------------------------------


@each_case
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_only_batch_norm_in_training_mixes_rows(case, training):
    layer, x = drawn(case)
    together = layer_pass(layer, x, training=training)
    alone = [layer_pass(layer, x[i : i + 1], training=training) for i in range(len(x))]
    for name in ("activity", "features"):
        rows = np.concatenate([getattr(each, name) for each in alone])
        mixed = training and form_of(case).norm == "batch"
        assert np.array_equal(getattr(together, name), rows) != mixed


@each_case
def test_input_is_not_modified(case):
    layer, x = drawn(case)
    before = x.copy()
    backwards(layer, x, upstream(case)[0])
    np.testing.assert_array_equal(x, before)


@each_case
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e4, 1e150])
def test_extremes_stay_finite(case, size):
    layer, x = drawn(case)
    d_features, above = upstream(case)
    with np.errstate(over="ignore"):
        passed = layer_pass(layer, size * x, training=True)
        assert np.isfinite(passed.features).all()
        grads, d_x = backwards(layer, size * x, d_features, above)
    for array in (*grads, d_x):
        assert np.isfinite(array).all()


def test_one_number_a_channel_is_its_own_mean():
    case = BLOCK_CASES[2]
    (plan,) = layers.plan_layers(
        describe_layers([("block", {"channels": 3, "size": 1, "padding": 0})]), (1, 1, 2)
    )
    rng = np.random.default_rng(case.seed)
    block = plan.kind.record(*(rng.standard_normal(shape) for shape in plan.shapes))
    layer, x = LocalLayer(block, (), plan.kind), rng.standard_normal((1, 2))
    passed = layer_pass(layer, x, training=True)
    np.testing.assert_array_equal(passed.activity, [np.maximum(block.shift, 0)])
    mean, variance = plan.kind.advance(block, passed)
    np.testing.assert_array_equal(variance, block.running_variance)
    assert not np.array_equal(mean, block.running_mean)
    grads, d_x = backwards(layer, x, np.ones((1, 3)))
    assert not grads[0].any()
    assert not d_x.any()


def test_bits_do_not_depend_on_threads():
    (plan,) = layers.plan_layers(
        describe_layers([("block", {"channels": 40, "pool": 2, "auxiliary": [6, 2]})]), (16, 16, 3)
    )
    block = plan.draw(np.random.default_rng(1), 2.0)
    layer = LocalLayer(block, (), plan.kind)
    x = np.random.default_rng(2).standard_normal((31, 768)).astype(np.float32)
    d_features = np.random.default_rng(3).standard_normal((31, plan.units)).astype(np.float32)
    found = []
    before = kernels.get_threads()
    for threads in (1, 2, 3):
        kernels.set_threads(threads)
        grads, d_x = backwards(layer, x, d_features)
        found.append((layer_pass(layer, x, training=True).features, *grads, d_x))
    kernels.set_threads(before)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_rule_behind_the_nonlinearity_is_refused():
    layer, x = drawn(BLOCK_CASES[0])
    passed = layer_pass(layer, x, training=True)
    d_features, _ = upstream(BLOCK_CASES[0])
    with pytest.raises(ValueError, match="has no place in a block"):
        layer.kind.sums_grad(layer.weights, passed, d_features, None, d_features)
