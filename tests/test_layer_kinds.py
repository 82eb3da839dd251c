"""Local fields and convolutions in a local step: gradients, independent forms, dense cases."""

import numpy as np
import pytest

from ffref.formulas import GOODNESS
from ffref.layers import (
    DENSE,
    Dense,
    conv_forward,
    conv_relu,
    dense_grads,
    dense_relu,
    describe_layers,
    local_fields_forward,
    local_fields_relu,
    plan_layers,
)
from ffref.negatives import bind_label_encoding, labelled_context, paired_context
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff
from ffref.training import (
    LocalLayer,
    TrainingState,
    bind_optimizer,
    contrastive,
    initial_optimizer_states,
    layer_units,
    local_grads,
    local_step,
    passes,
)
from ffref.training.network import layer_pass
from ffref.types import LabelledRows
from tests.image_networks import SHAPE, STACK, draw, preactivation
from tests.independent import scalar_ff, scalar_images, scalar_norms
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, mp, rounded, zeros
from tests.networks import copied

FEATURES = 40
WINDOWS = {
    "local": ("local", (3, 2), (2, 1), 3, (1, 0)),
    "local, pixels left over": ("local", 2, 3, 2),
    "conv": ("conv", (3, 2), (2, 1), 3, (1, 0)),
    "conv, every pixel": ("conv", 3, 1, 2, 1),
}
each_window = pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def layer_activity(layer, x):
    return layer_pass(layer, x).activity


def walk(window):
    (one,) = describe_layers([window])
    return {"stride": one.stride, "padding": one.padding}


def layer_of(window, *, seed=1, dtype=np.float64, params=lambda units: ()):
    rng = np.random.default_rng(seed)
    (layer,) = draw(rng, [window], SHAPE, dtype=dtype, params=params).layers
    return layer, rng.standard_normal((6, FEATURES)).astype(dtype)


def objectives(units):
    labels = np.array([0, 2, 1])
    for name, goodness in GOODNESS.items():
        objective = ff(threshold=0.2 * units, goodness=goodness)
        yield f"ff {name}", objective, (), paired_context(labels, float)
    prototypes = np.random.default_rng(7).standard_normal((3, 2, units))
    context = labelled_context(np.array([0, 2, 1, 1, 0, 2]), float)
    yield "hff", hff(temperature=0.5), (prototypes,), context


# -- one layer -----------------------------------------------------------------------------------


@each_window
@pytest.mark.parametrize("number", range(5))
def test_gradients_match_differences_and_wrong_ones_do_not(window, number):
    layer, x = layer_of(window)
    _, objective, params, context = list(objectives(layer_units(layer)))[number]

    def loss(weight=layer.weights.weight, bias=layer.weights.bias):
        a = preactivation(x, weight, bias, SHAPE, **walk(window))
        return objective.loss(np.maximum(a, 0), context, params)

    grads, activity, evaluation = local_grads(layer._replace(params=params), x, context, objective)
    assert activity.shape == (6, layer_units(layer))
    assert evaluation.loss == pytest.approx(loss(), rel=1e-12)
    for derivative, differences in (
        (grads.d_weight, central_difference(lambda w: loss(weight=w), layer.weights.weight)),
        (grads.d_bias, central_difference(lambda b: loss(bias=b), layer.weights.bias)),
    ):
        assert difference_close(derivative, differences)
        for name, wrong in wrong_versions(derivative):
            assert not difference_close(wrong, differences), name


@each_float
@each_window
def test_activity_is_the_relu_of_the_weighted_sums(window, dtype):
    layer, x = layer_of(window, dtype=dtype)
    before = x.copy()
    activity = layer_activity(layer, x)
    expected = np.maximum(preactivation(x, *layer.weights, SHAPE, **walk(window)), 0)
    assert activity.dtype == dtype
    assert scaled_close(activity, expected, TOLERANCE[dtype])
    assert not scaled_close(1.01 * activity, expected, TOLERANCE[dtype])
    np.testing.assert_array_equal(x, before)


@each_float
@pytest.mark.parametrize(
    ("window", "forward", "relu"),
    [
        (WINDOWS["local"], local_fields_forward, local_fields_relu),
        (WINDOWS["conv"], conv_forward, conv_relu),
    ],
    ids=["local", "conv"],
)
def test_bias_and_relu_in_one_pass_have_the_bits_of_two(window, forward, relu, dtype):
    layer, x = layer_of(window, dtype=dtype)
    x[0, 3], x[1, 5], x[2, 7] = np.nan, np.inf, -np.inf
    images = x.reshape(-1, *SHAPE)
    with np.errstate(invalid="ignore"):
        expected = np.maximum(forward(layer.weights, images, **walk(window)), 0)
        np.testing.assert_array_equal(relu(layer.weights, images, **walk(window)), expected)
    assert np.isnan(expected).any()
    with pytest.raises(ValueError, match="bias must be"):
        relu(layer.weights._replace(bias=layer.weights.bias[..., :2]), images, **walk(window))


@each_window
def test_rows_of_any_layout_give_the_same_bits(window):
    layer, x = layer_of(window)
    wide = np.zeros((12, 2 * FEATURES))
    wide[::2, ::2] = x
    turned = np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    fixed = x.copy()
    fixed.flags.writeable = False
    expected = layer_activity(layer, x)
    d_preactivation = np.random.default_rng(3).standard_normal(expected.shape)
    grads = layer.kind.grads(x, d_preactivation)
    for other in (wide[::2, ::2], turned, fixed):
        np.testing.assert_array_equal(layer_activity(layer, other), expected)
        for one, two in zip(layer.kind.grads(other, d_preactivation), grads, strict=True):
            np.testing.assert_array_equal(one, two)
    alone = np.concatenate([layer_activity(layer, x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_array_equal(alone, expected)


@each_window
def test_rows_that_are_no_such_images_are_refused(window):
    layer, x = layer_of(window)
    rows = LabelledRows(x, 0, 3, np.ones(6), np.zeros((2, 6), np.int64))
    for wrong, came in ((x[:, :-1], r"\(6, 39\)"), (x[0], r"\(40,\)"), (rows, "labelled rows")):
        with pytest.raises(ValueError, match=f"40.*5 x 4 pixels with 2 channels.*{came}"):
            layer_activity(layer, wrong)


# -- where windows are dense ---------------------------------------------------------------------


@each_float
@pytest.mark.parametrize("name", ["local", "conv"])
def test_a_window_as_large_as_the_image_is_a_dense_layer(name, dtype):
    layer, x = layer_of((name, SHAPE[:2], 1, 7), dtype=dtype)
    dense = Dense(layer.weights.weight.reshape(FEATURES, 7), layer.weights.bias.ravel())
    activity = layer_activity(layer, x)
    assert scaled_close(activity, dense_relu(dense, x), TOLERANCE[dtype])
    d_preactivation = np.random.default_rng(3).standard_normal(activity.shape).astype(dtype)
    ours, theirs = layer.kind.grads(x, d_preactivation), dense_grads(x, d_preactivation)
    for gradient, expected in zip(ours, theirs, strict=True):
        assert gradient.dtype == dtype
        assert scaled_close(gradient.reshape(expected.shape), expected, TOLERANCE[dtype])


@each_float
def test_a_window_of_one_pixel_is_a_dense_layer_at_each_pixel(dtype):
    conv, x = layer_of(("conv", 1, 1, 3), dtype=dtype)
    pixels = x.reshape(-1, 2)
    dense = Dense(conv.weights.weight[0, 0], conv.weights.bias)
    activity = layer_activity(conv, x)
    assert scaled_close(activity.reshape(-1, 3), dense_relu(dense, pixels), TOLERANCE[dtype])
    local, _ = layer_of(("local", 1, 1, 3), dtype=dtype)
    activity = layer_activity(local, x).reshape(6, 20, 3)
    d_preactivation = np.random.default_rng(3).standard_normal((6, 60)).astype(dtype)
    d_weight, d_bias = local.kind.grads(x, d_preactivation)
    for place, (i, j) in enumerate(np.ndindex(5, 4)):
        own = Dense(local.weights.weight[i, j, 0, 0], local.weights.bias[i, j])
        here = x.reshape(6, 20, 2)[:, place]
        d_here = d_preactivation.reshape(6, 20, 3)[:, place]
        assert scaled_close(activity[:, place], dense_relu(own, here), TOLERANCE[dtype])
        expected = dense_grads(np.ascontiguousarray(here), np.ascontiguousarray(d_here))
        assert scaled_close(d_weight[i, j, 0, 0], expected[0], TOLERANCE[dtype])
        assert scaled_close(d_bias[i, j], expected[1], TOLERANCE[dtype])


# -- a network, with 50 digits -------------------------------------------------------------------


def scalar_layer(x, layer, shape, window, polarity, threshold):
    """(activity, loss, d_weight, d_bias) in nested lists: every product of the definition."""
    weight, bias = exact(layer.weights.weight), exact(layer.weights.bias)
    images = [at_shape(row, shape) for row in x]
    (form,) = describe_layers([window])
    shapes = (len(x), *shape), layer.weights.weight.shape
    kinds = {"local": scalar_images.field_products, "conv": scalar_images.conv_products}
    products = list(kinds[form.name](*shapes, form.stride, form.padding))
    out = scalar_images.output_shape(shapes[0], form.size, form.stride, form.padding, form.units)
    a = scalar_images.weighted(products, images, weight, out)

    def own_bias(i, j, o):
        return bias[o] if form.name == "conv" else bias[i][j][o]

    places = list(np.ndindex(*out[1:]))
    y = [[max(mp.mpf(0), image[i][j][o] + own_bias(i, j, o)) for i, j, o in places] for image in a]
    d_y = scalar_ff.ff_loss_grad(y, polarity, threshold)
    d_a = [
        at_shape(
            [d if active > 0 else mp.mpf(0) for d, active in zip(*rows, strict=True)], out[1:]
        )
        for rows in zip(d_y, y, strict=True)
    ]
    d_bias = zeros(layer.weights.bias.shape)
    for image in d_a:
        for i, j, o in places:
            where = (o,) if form.name == "conv" else (i, j, o)
            scalar_images.add(d_bias, where, image[i][j][o])
    d_weight = scalar_images.weight_grad(products, images, d_a, shapes[1])
    return y, scalar_ff.ff_loss(y, polarity, threshold), d_weight, d_bias, out[1:]


def at_shape(row, shape):
    """A flat list as nested lists of this shape, in row-major order."""
    if len(shape) == 1:
        return list(row)
    size = len(row) // shape[0]
    return [at_shape(row[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def test_two_layers_match_the_definition_with_fifty_digits():
    rng = np.random.default_rng(5)
    layers = draw(rng, STACK[:2], SHAPE).layers
    for layer in layers:
        layer.weights.weight[:] *= 0.3  # so that 1 - p has digits left among 50
    x = rng.standard_normal((4, FEATURES))
    context = paired_context(np.array([0, 1]), np.dtype(float))
    inputs, theirs, shape = x, exact(x), SHAPE
    for layer, window in zip(layers, STACK[:2], strict=True):
        threshold = float(layer_units(layer))
        grads, activity, evaluation = local_grads(layer, inputs, context, ff(threshold=threshold))
        y, loss, d_weight, d_bias, shape = scalar_layer(
            theirs, layer, shape, window, [1, 1, -1, -1], threshold
        )
        assert scaled_close(activity, rounded(y))
        assert evaluation.loss == pytest.approx(float(loss), rel=1e-12)
        for ours, expected in ((grads.d_weight, d_weight), (grads.d_bias, d_bias)):
            assert scaled_close(ours, rounded(expected))
            assert not scaled_close(1.01 * ours, rounded(expected))
        theirs = [scalar_norms.rms_normalize(row) for row in y]
        inputs = activity / np.sqrt(np.mean(activity**2, axis=1, keepdims=True))


# -- a step of the network -----------------------------------------------------------------------


def stack_and_algorithm(encoding_name):
    planes = encoding_name == "planes"
    encoding = bind_label_encoding(encoding_name, classes=3, image_shape=SHAPE)
    shape = (*SHAPE[:2], SHAPE[2] + 3) if planes else SHAPE
    network = draw(np.random.default_rng(2), STACK, shape)
    algorithm = contrastive(
        [ff(threshold=float(layer_units(layer))) for layer in network.layers],
        goodness=GOODNESS["sum"],
        encoding=encoding,
        classes=3,
    )
    return network, algorithm, encoding


def step_once(network, algorithm, trained=range(3)):
    optimizer, network = bind_optimizer("adam"), copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, 0))
    rng = np.random.default_rng(6)
    x, labels = rng.standard_normal((5, FEATURES)), np.array([0, 1, 2, 0, 1])
    state, reports = local_step(
        algorithm, optimizer, state, x, labels, rng=rng, learning_rate=0.1, trained=trained
    )
    return state.network.layers, reports


@pytest.mark.parametrize("encoding", ["overlay", "planes"])
def test_layers_above_do_not_change_an_update_by_a_bit(encoding):
    network, algorithm, _ = stack_and_algorithm(encoding)
    other = copied(network)
    other.layers[1].weights.weight[:] += 1.0
    first, reports = step_once(network, algorithm)
    second, _ = step_once(other, algorithm)
    assert sorted(reports) == [0, 1, 2]
    for a, b in zip(first[0].weights, second[0].weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[1].weights.weight, second[1].weights.weight)
    for depth in range(3):
        assert not np.array_equal(first[depth].weights.bias, network.layers[depth].weights.bias)
    (_, alone, _), _ = step_once(network, algorithm, range(1, 2))
    np.testing.assert_array_equal(alone.weights.weight, first[1].weights.weight)


@pytest.mark.parametrize("encoding_name", ["overlay", "planes"])
def test_scores_are_the_goodness_of_each_label(encoding_name):
    network, algorithm, encoding = stack_and_algorithm(encoding_name)
    x = np.random.default_rng(6).standard_normal((4, FEATURES))
    scores = algorithm.scores(network, x)
    for label in range(3):
        inputs = encoding.write(x, np.full(4, label))
        for depth, passed in enumerate(passes(network, inputs)):
            goodness = (passed.activity**2).sum(axis=1)
            np.testing.assert_allclose(scores[depth, :, label], goodness, rtol=1e-12)
    assert (scores[0, :, 0] != scores[0, :, 1]).all()


# -- descriptions --------------------------------------------------------------------------------


def test_shapes_of_the_papers_network():
    layers = (("local", 10, 6, 128), ("local", 2, 1, 220), ("local", 2, 1, 512))
    plan = plan_layers(describe_layers(layers), (28, 28, 1))
    assert [layer.out_shape for layer in plan] == [(4, 4, 128), (3, 3, 220), (2, 2, 512)]
    assert [layer.inputs for layer in plan] == [100, 512, 880]
    assert plan[1].shapes[0] == (3, 3, 2, 2, 128, 220)
    assert plan[1].shapes[1] == (3, 3, 220)
    cifar = plan_layers(describe_layers([["local", 11, 1, 3, 5]] * 2), (32, 32, 3))
    assert [layer.units for layer in cifar] == [3072, 3072]
    assert cifar[1].inputs == 363
    dense = plan_layers(describe_layers([["conv", 3, 2, 8, 1], ["dense", 5]]), (7, 6, 2))
    assert dense[0].out_shape == (4, 3, 8)
    assert dense[0].shapes[1] == (8,)
    assert dense[1].shapes[0] == (96, 5)
    assert dense[1].kind is DENSE


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ((), "at least one layer"),
        (None, "at least one layer"),
        ("local:10:6:128", "at least one layer"),
        (("local", 3, 1, 8), "layer 1 .* must be one of"),
        ([("local", 3, 1, 8), ()], "layer 2 .* must be one of"),
        ([("pool", 2, 2)], r"\('dense', units\), .*got \('pool', 2, 2\)"),
        ([(["local"], 2, 2, 2)], "layer 1 .* must be one of"),
        ([("local", 3, 1)], r"must be \('local', size, stride, channels\[, padding\]\)"),
        ([("conv", 3, 1, 8, 1, 1)], r"must be \('conv', size"),
        ([("dense", 3, 1)], r"must be \('dense', units\)"),
        ([("dense", 0)], "units of layer 1"),
        ([("dense", 4), ("dense", 2.5)], "units of layer 2"),
        ([("local", 0, 1, 8)], "size of layer 1"),
        ([("local", "3", 1, 8)], "size of layer 1"),
        ([("local", (3, 3, 3), 1, 8)], "size of layer 1"),
        ([("conv", 3, 0, 8)], "stride of layer 1"),
        ([("conv", 3, 1, True)], "channels of layer 1"),
        ([("conv", 3, 1, 8, -1)], "padding of layer 1"),
    ],
    ids=str,
)
def test_descriptions_that_mean_nothing(layers, says):
    with pytest.raises(ValueError, match=says):
        describe_layers(layers)


def test_layers_that_do_not_fit_what_is_below():
    with pytest.raises(ValueError, match="layer 2 of layers: a window of 3 x 3 does not fit into"):
        plan_layers(describe_layers([("conv", 3, 2, 4), ("local", 3, 1, 4)]), (5, 5, 1))
    with pytest.raises(ValueError, match=r"layer 2 of layers, 'conv', .* put dense layers last"):
        plan_layers(describe_layers([("dense", 9), ("conv", 3, 1, 4)]), (5, 5, 1))
    with pytest.raises(ValueError, match="layer 1 of layers, 'local'"):
        plan_layers(describe_layers([("local", 1, 1, 4)]), (25,))


def test_a_layer_without_a_kind_is_dense():
    dense = Dense(np.ones((2, 3)), np.zeros(3))
    assert LocalLayer(dense, ()).kind is DENSE
    assert layer_units(LocalLayer(dense, ())) == 3
