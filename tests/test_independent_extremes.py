"""Inputs at the edge: far margins, zero rows, tiny and huge rows, one of everything, float32."""

import numpy as np
import pytest

from ffref import formulas
from ffref.layers.dense import Dense, dense_forward, dense_grads
from ffref.objectives.ff import ff_loss, ff_loss_grad, probability_positive
from ffref.objectives.hff import hff_class_scores, hff_loss, hff_loss_grads
from tests.independent.cases import HFF_CASES, hff_arrays, hff_options
from tests.independent.compare import SCALED_FLOAT32, scaled_close
from tests.independent.precision import exact, mp, rounded
from tests.independent.scalar_elementwise import log_mean_exp

FLOATS = [np.float32, np.float64]
each_float = pytest.mark.parametrize("dtype", FLOATS)
NORMS = ["l2_normalize", "rms_normalize", "layer_normalize"]
GOODNESS = [
    formulas.SUM_OF_SQUARES,
    formulas.MEAN_OF_SQUARES,
    formulas.NEGATIVE_SUM_OF_SQUARES,
    formulas.NEGATIVE_MEAN_OF_SQUARES,
]


def close(actual, expected, dtype=np.float64):
    """Scaled closeness at the precision of `dtype`: a few units in the last place."""
    return scaled_close(actual, expected, 1e-6 if dtype == np.float32 else 1e-14)


@each_float
def test_elementwise_far_out(dtype):
    x = np.array([[-1e30, -1e4, -1e2, 0, 1e2, 1e4, 1e30]], dtype=dtype)
    for name in ("softplus", "sigmoid", "relu"):
        value, grad = getattr(formulas, name)(x), getattr(formulas, f"{name}_grad")(x)
        assert value.dtype == grad.dtype == dtype
        assert np.all(np.isfinite(value))
        assert np.all(np.isfinite(grad))
    assert close(formulas.softplus(x)[0, 4:], [1e2, 1e4, 1e30], dtype)
    assert np.array_equal(formulas.sigmoid(x)[0, [0, 1, 3, 5, 6]], [0, 0, 0.5, 1, 1])


def test_logistic_tails_keep_their_digits():
    # e^-30 (1 - e^-30 / 2 ...) and e^-30 (1 - e^-30 ...), far below the spacing of numbers at 1
    x = np.array([-30.0])
    tail = np.exp(-30.0)
    assert np.allclose(formulas.softplus(x), tail * (1 - tail / 2), rtol=1e-14, atol=0)
    for name in ("sigmoid", "softplus_grad"):
        assert np.allclose(getattr(formulas, name)(x), tail * (1 - tail), rtol=1e-14, atol=0)
    assert np.allclose(formulas.sigmoid_grad(x), tail * (1 - 2 * tail), rtol=1e-14, atol=0)
    assert np.allclose(formulas.sigmoid_grad(-x), tail * (1 - 2 * tail), rtol=1e-12, atol=0)


@each_float
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_log_sum_exp_far_out(dtype, size):
    x = np.array([[size, size, -size], [-size, -size, -size]], dtype=dtype)
    value, mean = formulas.log_sum_exp(x), formulas.log_mean_exp(x, scale=7.0)
    assert value.dtype == mean.dtype == dtype
    assert close(value, [size + np.log(2), -size + np.log(3)], dtype)
    assert close(mean, [size + np.log(2 / 3) / 7, -size], dtype)
    expected = [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]
    for grad in (formulas.log_sum_exp_grad(x), formulas.log_mean_exp_grad(x, scale=7.0)):
        assert grad.dtype == dtype
        assert close(grad, expected, dtype)
    assert close(formulas.softmax(x), expected, dtype)


@each_float
def test_cross_entropy_far_out(dtype):
    # label 0: 2e4 and no slope left; label 1: 0
    logits = np.array([[-1e4, 1e4], [-1e4, 1e4]], dtype=dtype)
    labels = np.array([0, 1])
    assert formulas.softmax_cross_entropy(logits, labels) == 1e4
    grad = formulas.softmax_cross_entropy_grad(logits, labels)
    assert grad.dtype == dtype
    assert np.array_equal(grad, [[-0.5, 0.5], [0, 0]])
    # smoothing 0.2: targets 0.9 0.1 and 0.1 0.9: (0.9 + 0.1) 2e4 / 2
    smoothed = formulas.softmax_cross_entropy(logits, labels, label_smoothing=0.2)
    assert np.isclose(smoothed, 1e4, rtol=1e-6 if dtype == np.float32 else 1e-14)


@each_float
@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("size", [1e-30, 1e-10, 1e10, 1e30])
def test_norms_do_not_depend_on_scale(name, dtype, size):
    x = np.array([[3.0, -4.0, 1.0], [0.5, 0.25, 2.0]], dtype=dtype)
    d_out = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0]], dtype=dtype)
    factor = dtype(size)
    value, vjp = getattr(formulas, name), getattr(formulas, f"{name}_vjp")
    assert value(x * factor).dtype == vjp(d_out, x * factor).dtype == dtype
    assert close(value(x * factor), value(x), dtype)
    assert close(vjp(d_out, x * factor) * factor, vjp(d_out, x), dtype)


@each_float
@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("upstream", [1e-3, 1.0, 100.0])
def test_norms_of_zero_rows(name, dtype, upstream):
    x = np.zeros((2, 3), dtype=dtype)
    x[1] = [1.0, 2.0, 4.0]
    d_out = np.full((2, 3), upstream, dtype=dtype) * np.array([1, -2, 3], dtype=dtype)
    value = getattr(formulas, name)(x)
    pulled = getattr(formulas, f"{name}_vjp")(d_out, x)
    assert np.array_equal(value[0], np.zeros(3))
    assert np.array_equal(pulled[0], np.zeros(3))
    assert np.all(value[1] != 0)
    assert np.all(pulled[1] != 0)


@each_float
@pytest.mark.parametrize("units", [1, 2, 3, 7, 10, 100])
@pytest.mark.parametrize("level", [0.1, 1 / 3, -7.7, 1e-30, 1e30])
def test_layer_norm_of_constant_rows(dtype, units, level):
    # the mean of equal numbers may round away from them; the row is constant all the same
    x = np.full((2, units), level, dtype=dtype)
    assert np.array_equal(formulas.layer_normalize(x), np.zeros_like(x))


@each_float
@pytest.mark.parametrize("units", [1, 2, 3, 10])
@pytest.mark.parametrize("level", [0.1, -7.7, 1e-30, 1e30])
@pytest.mark.parametrize("upstream", [1.0, 100.0])
def test_layer_norm_pulls_nothing_back_from_constant_rows(dtype, units, level, upstream):
    x = np.full((2, units), level, dtype=dtype)
    d_out = upstream * (np.arange(2.0 * units).reshape(2, units).astype(dtype) + 1)
    assert np.array_equal(formulas.layer_normalize_vjp(d_out, x), np.zeros_like(x))


@each_float
def test_cosine_of_tiny_huge_and_zero_rows(dtype):
    a = np.array([[3e-30, 4e-30], [3e30, 4e30], [0, 0]], dtype=dtype)
    b = np.array([[1e30, 0], [0, -1e-30], [0, 0]], dtype=dtype)
    cosines = formulas.cosine_similarity(a, b)
    assert cosines.dtype == dtype
    assert close(cosines, [[0.6, -0.8, 0], [0.6, -0.8, 0], [0, 0, 0]], dtype)
    d_a, d_b = formulas.cosine_similarity_vjp(np.full((3, 3), 9, dtype=dtype), a, b)
    assert d_a.dtype == d_b.dtype == dtype
    assert np.array_equal(d_a[2], [0, 0])
    assert np.array_equal(d_b[2], [0, 0])
    # row 1: 9 (1, -1), tangent at (0.6, 0.8): 9 ((1, -1) + 0.2 (0.6, 0.8)) = 9 (1.12, -0.84)
    assert close(d_a[0], 9 * np.array([1.12, -0.84]) / 5e-30, dtype)
    assert close(d_a[1], 9 * np.array([1.12, -0.84]) / 5e30, dtype)
    # column 1: twice (0.6, 0.8), without e1, over the length
    assert close(d_b[0], [0, 9 * 1.6 / 1e30], dtype)


@each_float
@pytest.mark.parametrize("record", GOODNESS)
def test_ff_far_from_the_threshold(record, dtype):
    # one unit of +-1000: goodness +-1e6. The wrong decision costs 1e6 -+ theta, the right one 0.
    y = np.full((2, 1), 1000, dtype=dtype)
    sign = np.sign(record.value(y)[0])
    polarity = np.array([1.0, -1.0], dtype=dtype) * sign  # right, wrong
    theta = 2.0
    loss = ff_loss(y, polarity, threshold=theta, goodness=record)
    gap = 1e6 - sign * theta
    assert isinstance(loss, float)
    assert np.isclose(loss, gap / 2, rtol=1e-6 if dtype == np.float32 else 1e-14, atol=0)
    # slope 1 in the wrong row: d_y = 2 y / 2 towards zero loss
    grad = ff_loss_grad(y, polarity, threshold=theta, goodness=record)
    assert grad.dtype == dtype
    assert np.array_equal(grad, [[0], [1000]])
    probability = probability_positive(record.value(y), threshold=theta)
    assert probability.dtype == dtype
    assert np.array_equal(probability, [sign > 0, sign > 0])


def test_ff_tail_keeps_its_digits():
    # goodness 42, threshold 2, right decision: loss e^-40, d_y = -2 y e^-40
    y = np.array([[5.0, 4.0, 1.0]])
    tail = np.exp(-40.0)
    positive = np.array([1.0])
    assert np.isclose(ff_loss(y, positive, threshold=2.0), tail, rtol=1e-14, atol=0)
    grad = ff_loss_grad(y, positive, threshold=2.0)
    assert np.allclose(grad, -2 * y * tail, rtol=1e-14, atol=0)


@each_float
def test_ff_of_zero_activity(dtype):
    # goodness 0, threshold 2, one of each polarity: (softplus 2 + softplus -2) / 2
    y = np.zeros((2, 3), dtype=dtype)
    polarity = np.array([1.0, -1.0], dtype=dtype)
    loss = ff_loss(y, polarity, threshold=2.0)
    assert np.isclose(loss, (np.log1p(np.exp(2)) + np.log1p(np.exp(-2))) / 2, rtol=1e-6)
    assert np.array_equal(ff_loss_grad(y, polarity, threshold=2.0), np.zeros((2, 3)))


@each_float
@pytest.mark.parametrize("sharpness", [None, 1e-3, 1.0, 1e4])
def test_hff_of_far_logits(dtype, sharpness):
    # temperature 1e-4, opposite prototypes: logits +-1e4; one sample right, one wrong
    h = np.array([[2.0, 0.0], [2.0, 0.0]], dtype=dtype)
    prototypes = np.array([[3.0, 0.0], [-1.0, 0.0]], dtype=dtype)
    options = {"temperature": 1e-4, "sharpness": sharpness}
    labels = np.array([0, 1])
    loss = hff_loss(h, labels, prototypes, **options)
    assert np.isclose(loss, 1e4, rtol=1e-6 if dtype == np.float32 else 1e-12, atol=0)
    for margin in (1e4, -1e4):
        loss = hff_loss(h, labels, prototypes, margin=margin, **options)
        # margin/temperature 1e8: both wrong by 1e8 -+ 2e4, or both right
        expected = 1e8 if margin > 0 else 0.0
        assert np.isclose(loss, expected, rtol=1e-6 if dtype == np.float32 else 1e-12, atol=0)
        for grad in hff_loss_grads(h, labels, prototypes, margin=margin, **options):
            assert grad.dtype == dtype
            assert np.allclose(grad, 0, atol=1e-2 if dtype == np.float32 else 1e-11)


@each_float
def test_hff_gradient_of_a_far_margin(dtype):
    # margin 100 / temperature 0.01 = 1e4 against the label: p = (1, 0), d_S = (100, -100);
    # z = (0.6, 0.8), z.d_z = -20: (100, -100) + 20 z = (112, -84), / 5
    h, prototypes = np.array([[3, 4]], dtype=dtype), np.eye(2, dtype=dtype)
    options = {"temperature": 0.01, "margin": 100.0}
    loss = hff_loss(h, np.array([1]), prototypes, **options)
    assert np.isclose(loss, 9980, rtol=1e-6 if dtype == np.float32 else 1e-14)
    d_activity, d_prototypes = hff_loss_grads(h, np.array([1]), prototypes, **options)
    assert close(d_activity, [[22.4, -16.8]], dtype)
    assert close(d_prototypes, [[0, 80], [-60, 0]], dtype)


@each_float
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-5, 1e5, 1e20, 1e30])
@pytest.mark.parametrize("case", [HFF_CASES[0], HFF_CASES[11]], ids=lambda case: case.name)
def test_hff_does_not_depend_on_scale(case, dtype, size):
    activity, labels, prototypes = hff_arrays(case)
    activity, prototypes = activity.astype(dtype), prototypes.astype(dtype)
    options, factor = hff_options(case), dtype(size)
    loss = hff_loss(activity, labels, prototypes, **options)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for h, p, from_h, from_p in [
        (activity * factor, prototypes, factor, dtype(1)),
        (activity, prototypes * factor, dtype(1), factor),
    ]:
        assert np.isclose(hff_loss(h, labels, p, **options), loss, rtol=tolerance, atol=0)
        got_h, got_p = hff_loss_grads(h, labels, p, **options)
        assert got_h.dtype == got_p.dtype == dtype
        assert scaled_close(got_h * from_h, d_activity, tolerance)
        assert scaled_close(got_p * from_p, d_prototypes, tolerance)


@each_float
@pytest.mark.parametrize("per_class", [0, 1, 3])
def test_hff_of_a_zero_row(dtype, per_class):
    # the zero row costs ln 3 and has no slope; the other row's slope is as without it, over 2
    rng = np.random.default_rng(601)
    shape = (3, per_class, 4) if per_class else (3, 4)
    prototypes = rng.normal(size=shape).astype(dtype)
    activity = rng.normal(size=(2, 4)).astype(dtype)
    activity[0] = 0
    labels, options = np.array([2, 1]), {"temperature": 0.1}
    alone = hff_loss(activity[1:], labels[1:], prototypes, **options)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    loss = hff_loss(activity, labels, prototypes, **options)
    assert np.isclose(loss, (np.log(3) + alone) / 2, rtol=tolerance)
    assert np.allclose(hff_class_scores(activity, prototypes, sharpness=5.0)[0], 0, atol=tolerance)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    d_alone, d_prototypes_alone = hff_loss_grads(activity[1:], labels[1:], prototypes, **options)
    assert np.array_equal(d_activity[0], np.zeros(4))
    assert scaled_close(d_activity[1:], d_alone / 2, tolerance)
    assert scaled_close(d_prototypes, d_prototypes_alone / 2, tolerance)


@each_float
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 4)])
def test_hff_of_one_class_is_nothing(dtype, smoothing, shape):
    rng = np.random.default_rng(602)
    activity, prototypes = rng.normal(size=(3, 4)), rng.normal(size=shape)
    arguments = activity.astype(dtype), np.zeros(3, dtype=np.int64), prototypes.astype(dtype)
    options = {"temperature": 0.1, "margin": 0.3, "label_smoothing": smoothing}
    assert hff_loss(*arguments, **options) == 0
    d_activity, d_prototypes = hff_loss_grads(*arguments, **options)
    assert np.array_equal(d_activity, np.zeros((3, 4)))
    assert np.array_equal(d_prototypes, np.zeros(shape))


def test_dense_keeps_float32():
    rng = np.random.default_rng(603)
    x, weight = (rng.normal(size=s).astype(np.float32) for s in [(3, 5), (5, 2)])
    out = dense_forward(Dense(weight, np.zeros(2, dtype=np.float32)), x)
    d_weight, d_bias = dense_grads(x, out)
    assert out.dtype == d_weight.dtype == d_bias.dtype == np.float32


@pytest.mark.parametrize("scale", [1e-3, 1e-8, 1e-30])
def test_log_mean_exp_of_a_small_scale_is_nearly_the_mean(scale):
    # mean + scale/2 variance + ...: the 1 / scale in front must not multiply rounding errors
    x = np.array([[0.75, -0.5, 0.25], [0.1, 0.9, -0.3]])
    with mp.workdps(100):
        expected = rounded([log_mean_exp(row, exact(scale)) for row in exact(x)])
    assert scaled_close(formulas.log_mean_exp(x, scale=scale), expected)
    value = formulas.log_mean_exp(x.astype(np.float32), scale=scale)
    assert scaled_close(value, expected, SCALED_FLOAT32)


@pytest.mark.parametrize("temperature", [1e3, 1e8])
def test_hff_scores_of_a_great_temperature_are_mean_cosines(temperature):
    activity, _, prototypes = hff_arrays(HFF_CASES[8])
    cosines = np.stack([formulas.cosine_similarity(activity, p) for p in prototypes], axis=1)
    scores = hff_class_scores(activity, prototypes, sharpness=1 / temperature)
    # cosines of variance below 1: within scale / 2
    assert np.allclose(scores, cosines.mean(axis=2), rtol=0, atol=0.5 / temperature)


POLARITIES = [np.float32, np.float64, np.int64, np.int8]


@pytest.mark.parametrize("polarity_dtype", POLARITIES)
@pytest.mark.parametrize("number", [float, np.float32, np.float64])
def test_ff_keeps_float32_whatever_its_settings_are(polarity_dtype, number):
    y = np.array([[1, 1], [2, 0]], dtype=np.float32)
    polarity = np.array([1, -1], dtype=polarity_dtype)
    assert np.isclose(ff_loss(y, polarity, threshold=number(2)), 1.410038, rtol=1e-6)
    grad = ff_loss_grad(y, polarity, threshold=number(2))
    assert grad.dtype == np.float32
    assert close(grad, [[-0.5, -0.5], [1.7615941559557649, 0]], np.float32)


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
def test_numpy_numbers_as_settings_keep_float32(number):
    x = np.array([[0, 1], [2, 4]], dtype=np.float32)
    scale = number(2)
    assert formulas.log_mean_exp(x, scale=scale).dtype == np.float32
    assert formulas.log_mean_exp_grad(x, scale=scale).dtype == np.float32
    assert probability_positive(x[:, 0], threshold=number(1)).dtype == np.float32
    grad = formulas.softmax_cross_entropy_grad(x, np.array([0, 1]), label_smoothing=number(0.1))
    assert grad.dtype == np.float32


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
@pytest.mark.parametrize("setting", ["temperature", "sharpness", "margin", "label_smoothing"])
def test_hff_keeps_float32_whatever_its_settings_are(setting, number):
    activity, labels, prototypes = hff_arrays(HFF_CASES[11])
    arrays = activity.astype(np.float32), labels, prototypes.astype(np.float32)
    options = hff_options(HFF_CASES[11])
    expected = hff_loss_grads(*arrays, **options)
    options[setting] = number(options[setting])
    for grad, wanted in zip(hff_loss_grads(*arrays, **options), expected, strict=True):
        assert grad.dtype == np.float32
        assert scaled_close(grad, wanted, SCALED_FLOAT32)
    assert isinstance(hff_loss(*arrays, **options), float)
    if setting == "sharpness":
        scores = hff_class_scores(arrays[0], arrays[2], sharpness=options[setting])
        assert scores.dtype == np.float32
