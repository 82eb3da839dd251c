"""Layers on images: hand-computed values, identities, extremes, what is refused."""

import numpy as np
import pytest

from ffref import kernels, layers
from ffref.kernels.places import as_pair, count_places
from tests.independent.compare import scaled_close

each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NAN = float("nan")


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def plain_norm(channels, dtype=np.float64):
    return layers.BatchNorm(np.ones(channels, dtype), np.zeros(channels, dtype))


# pooling


@each_float
def test_pooling_by_hand(dtype):
    # 1 2 3 4
    # 8 7 6 5    windows 2x2, stride (1, 2)
    # 0 9 2 1
    image = np.array([[1, 2, 3, 4], [8, 7, 6, 5], [0, 9, 2, 1]], dtype).reshape(1, 3, 4, 1)
    out, index = layers.max_pool2d(image, size=2, stride=(1, 2))
    assert out.ravel().tolist() == [8, 6, 9, 6]
    assert index.ravel().tolist() == [4, 6, 9, 6]
    d_out = np.array([1, 10, 100, 1000], dtype).reshape(1, 2, 2, 1)
    d_image = layers.max_pool2d_vjp(d_out, index, input_size=(3, 4), size=2, stride=(1, 2))
    assert d_image[0, :, :, 0].tolist() == [[0, 0, 0, 0], [1, 0, 1010, 0], [0, 100, 0, 0]]
    # a quarter of 1 + 2 + 8 + 7, of 3 + 4 + 6 + 5, of 8 + 7 + 0 + 9, of 6 + 5 + 2 + 1
    mean = layers.average_pool2d(image, size=2, stride=(1, 2))
    assert mean.ravel().tolist() == [4.5, 4.5, 6, 3.5]
    d_image = layers.average_pool2d_vjp(d_out, input_size=(3, 4), size=2, stride=(1, 2))
    rows = [[0.25, 0.25, 2.5, 2.5], [25.25, 25.25, 252.5, 252.5], [25, 25, 250, 250]]
    assert d_image[0, :, :, 0].tolist() == rows


@each_float
def test_windows_of_one_pixel_change_nothing(dtype):
    images = normal(2, 3, 4, 5).astype(dtype)
    out, index = layers.max_pool2d(images, size=1)
    assert np.array_equal(out, images)
    assert np.array_equal(layers.average_pool2d(images, size=1), images)
    back = {"input_size": (3, 4), "size": 1}
    assert np.array_equal(layers.max_pool2d_vjp(images, index, **back), images)
    assert np.array_equal(layers.average_pool2d_vjp(images, **back), images)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), ((2, 3), (3, 2))])
def test_pull_backs_of_pooling_are_adjoint(size, stride):
    images = normal(3, 7, 8, 4)
    out, index = layers.max_pool2d(images, size=size, stride=stride)
    d_out = normal(*out.shape, seed=1)
    back = {"input_size": (7, 8), "size": size, "stride": stride}
    d_max = layers.max_pool2d_vjp(d_out, index, **back)
    d_mean = layers.average_pool2d_vjp(d_out, **back)
    mean = layers.average_pool2d(images, size=size, stride=stride)
    for value, d_images in ((out, d_max), (mean, d_mean)):
        form = np.sum(d_out * value)
        assert np.isclose(np.sum(d_images * images), form, rtol=1e-12)
        assert not np.isclose(1.01 * np.sum(d_images * images), form, rtol=1e-12)


def test_windows_agree_with_sliding_windows_of_numpy():
    images = normal(2, 9, 8, 3)
    views = np.lib.stride_tricks.sliding_window_view(images, (3, 2), axis=(1, 2))[:, ::2, ::3]
    walk = {"size": (3, 2), "stride": (2, 3)}
    assert np.array_equal(kernels.max_pool2d(images, **walk)[0], views.max(axis=(4, 5)))
    assert scaled_close(kernels.average_pool2d(images, **walk), views.mean(axis=(4, 5)))


# local fields


def test_fields_of_one_pixel_are_dense_layers_of_their_own():
    images, weight = normal(4, 3, 2, 5), normal(3, 2, 1, 1, 5, 6)
    fields = layers.LocalFields(weight, normal(3, 2, 6))
    out = layers.local_fields_forward(fields, images)
    for i, j in np.ndindex(3, 2):
        dense = layers.Dense(weight[i, j, 0, 0], fields.bias[i, j])
        assert scaled_close(out[:, i, j], layers.dense_forward(dense, images[:, i, j]))


def test_a_field_of_the_whole_image_is_a_dense_layer():
    images, weight, bias = normal(5, 4, 3, 2), normal(1, 1, 4, 3, 2, 7), normal(1, 1, 7)
    fields, rows = layers.LocalFields(weight, bias), images.reshape(5, -1)
    dense = layers.Dense(weight.reshape(-1, 7), bias.reshape(-1))
    out = layers.local_fields_forward(fields, images)
    assert scaled_close(out[:, 0, 0], layers.dense_forward(dense, rows))
    d_weight, d_bias = layers.local_fields_grads(images, out, kernel_size=(4, 3))
    dense_weight, dense_bias = layers.dense_grads(rows, out[:, 0, 0])
    assert scaled_close(d_weight.reshape(-1, 7), dense_weight)
    assert scaled_close(d_bias.reshape(-1), dense_bias)
    d_images = layers.local_fields_input_grad(fields, out, input_size=(4, 3))
    assert scaled_close(d_images.reshape(5, -1), layers.dense_input_grad(dense, out[:, 0, 0]))


def test_fields_and_their_derivatives_are_adjoint():
    images, weight, d_out = normal(4, 7, 6, 3), normal(4, 3, 3, 2, 3, 5), normal(4, 4, 3, 5)
    walk = {"stride": 2, "padding": (1, 0)}
    form = np.sum(d_out * kernels.local_fields(images, weight, **walk))
    d_weight = kernels.local_fields_weight_grad(images, d_out, kernel_size=(3, 2), **walk)
    d_images = kernels.local_fields_input_grad(d_out, weight, input_size=(7, 6), **walk)
    for other in (np.sum(d_weight * weight), np.sum(d_images * images)):
        assert np.isclose(other, form, rtol=1e-12)
        assert not np.isclose(1.01 * other, form, rtol=1e-12)


def test_bias_and_its_derivative():
    images, weight, bias = normal(3, 4, 4, 2), normal(3, 3, 2, 2, 2, 5), normal(3, 3, 5)
    out = layers.local_fields_forward(layers.LocalFields(weight, bias), images)
    assert scaled_close(
        out - kernels.local_fields(images, weight), np.broadcast_to(bias, out.shape)
    )
    _, d_bias = layers.local_fields_grads(images, out, kernel_size=2)
    assert scaled_close(d_bias, out.sum(axis=0))


@pytest.mark.parametrize(
    ("name", "shape"), [("local", (7, 9, 5, 3, 4, 8)), ("conv", (5, 3, 4, 8))]
)
def test_first_weights_have_the_spread_of_he(name, shape):
    described = layers.describe_layers([(name, (5, 3), 2, 8, 1)])
    (planned,) = layers.plan_layers(described, (16, 17, 4))
    weight, bias = planned.draw(np.random.default_rng(7), 2.0)
    assert weight.shape == shape
    assert not bias.any()
    # a standard deviation of n numbers is known to 1 / sqrt(2 n)
    assert abs(weight.std() / np.sqrt(2 / 60) - 1) < 4 / np.sqrt(2 * weight.size)


@each_float
def test_fields_far_out_stay_finite(dtype):
    images, weight = np.full((2, 3, 3, 1), 1e18, dtype), np.full((2, 2, 2, 2, 1, 3), 1e18, dtype)
    out = kernels.local_fields(images, weight)
    assert np.allclose(out, 4e36, rtol=1e-6)
    assert not kernels.local_fields(0 * images, weight).any()


# batch normalisation


@each_float
def test_batch_norm_by_hand(dtype):
    # mean 3, variance 8: eps 1 makes the root 3; z = -2/3, -2/3, 4/3 and once more
    x = np.array([[1], [1], [7]], dtype)
    norm = layers.BatchNorm(np.array([3], dtype), np.array([10], dtype))
    out, found = layers.batch_norm_forward(norm, x, eps=1.0)
    assert out.ravel().tolist() == [8, 8, 14]
    assert (found.mean.item(), found.variance.item(), found.size) == (3, 8, 3)
    d_out = np.array([[0], [0], [3]], dtype)
    d_x, d_scale, d_shift = layers.batch_norm_grads(norm, x, d_out, found, eps=1.0)
    # d_shift 3, d_scale 4; d_x = 3 / 3 (d_out - 1 - z 4/3)
    assert d_shift.item() == 3
    assert np.isclose(d_scale.item(), 4, rtol=1e-6)
    assert np.allclose(d_x.ravel(), [-1 + 8 / 9, -1 + 8 / 9, 2 - 16 / 9], rtol=1e-6)
    running = layers.RunningStatistics(np.array([1], dtype), np.array([2], dtype))
    moved = layers.advance_running(running, found, momentum=0.25)
    # 0.75 1 + 0.25 3, 0.75 2 + 0.25 8 3/2
    assert (moved.mean.item(), moved.variance.item()) == (1.5, 4.5)
    assert moved.mean.dtype == moved.variance.dtype == dtype


@each_float
@pytest.mark.parametrize("rows", [7, 3000])
def test_means_far_from_zero(rows, dtype):
    """Mean 1e4, spread 1: as good as the numbers that come in."""
    x = (1e4 + normal(rows, 4)).astype(dtype)
    out, found = layers.batch_norm_forward(plain_norm(4, dtype), x, eps=1e-5)
    wide = x.astype(np.longdouble)
    mean, variance = wide.mean(axis=0), wide.var(axis=0)
    expected = (wide - mean) / np.sqrt(variance + 1e-5)
    assert np.allclose(found.mean, mean.astype(float), rtol=1e-15)
    assert np.allclose(found.variance, variance.astype(float), rtol=1e-12)
    assert np.allclose(out, expected.astype(float), rtol=0, atol=4 * np.finfo(dtype).eps + 1e-11)
    d_out = normal(rows, 4, seed=3).astype(dtype)
    d_x = layers.batch_norm_grads(plain_norm(4, dtype), x, d_out, found, eps=1e-5)[0]
    shares = (d_out * expected).mean(axis=0)
    right = (d_out - d_out.astype(np.longdouble).mean(axis=0) - expected * shares) / np.sqrt(
        variance + 1e-5
    )
    assert np.allclose(d_x, right.astype(float), rtol=0, atol=8 * np.finfo(dtype).eps + 1e-10)


@each_float
@pytest.mark.parametrize("rows", [1, 2, 5, 1024, 1025, 5000])
@pytest.mark.parametrize("value", [0.0, 0.1, -3e7, 1e30])
def test_equal_values_map_to_the_shift(rows, value, dtype):
    x = np.full((rows, 3), value, dtype)
    norm = layers.BatchNorm(np.full(3, 5, dtype), np.array([1, -2, 3], dtype))
    out, found = layers.batch_norm_forward(norm, x, eps=1e-5)
    assert np.array_equal(out, np.broadcast_to(norm.shift, out.shape))
    assert not found.variance.any()
    assert np.array_equal(found.mean.astype(dtype), x[0])
    d_out = normal(rows, 3, seed=4).astype(dtype)
    d_x, d_scale, _ = layers.batch_norm_grads(norm, x, d_out, found, eps=1e-5)
    expected = 5 / np.sqrt(1e-5) * (d_out - d_out.mean(axis=0, dtype=np.float64))
    if rows == 1:
        assert not d_x.any()
    else:
        assert scaled_close(d_x, expected, 4 * np.finfo(dtype).eps)
    assert not d_scale.any()


def test_one_value_moves_the_running_mean_and_no_variance():
    running = layers.RunningStatistics(np.zeros(2), np.full(2, 7.0))
    _, found = layers.batch_norm_forward(plain_norm(2), np.array([[2.0, 4.0]]), eps=1e-5)
    moved = layers.advance_running(running, found, momentum=0.5)
    assert moved.mean.tolist() == [1, 2]
    assert moved.variance.tolist() == [7, 7]


def test_a_first_value_far_from_the_rest():
    """Sums are taken about the first value: the worst that it can be."""
    x = normal(2000, 2)
    x[0] = 1e8
    _, found = layers.batch_norm_forward(plain_norm(2), x, eps=1e-5)
    wide = x.astype(np.longdouble)
    spread = np.sqrt(wide.var(axis=0))
    assert np.all(np.abs(found.mean - wide.mean(axis=0)) < 1e-13 * spread)
    assert np.allclose(found.variance, wide.var(axis=0).astype(float), rtol=1e-12)


@each_float
@pytest.mark.parametrize("wrong", [NAN, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3])
@np.errstate(invalid="ignore")  # loops that run uncompiled warn, as NumPy does
def test_not_a_number_stays_in_its_channel(wrong, row, dtype):
    x = normal(6, 3).astype(dtype)
    clean, _ = layers.batch_norm_forward(plain_norm(3, dtype), x, eps=1e-5)
    x[row, 1] = wrong
    out, found = layers.batch_norm_forward(plain_norm(3, dtype), x, eps=1e-5)
    assert np.isnan(out[:, 1]).all()
    assert np.array_equal(out[:, ::2], clean[:, ::2])
    assert np.array_equal(found.mean[1], np.mean(x[:, 1]), equal_nan=True)
    d_out = normal(6, 3, seed=1).astype(dtype)
    d_x = layers.batch_norm_grads(plain_norm(3, dtype), x, d_out, found, eps=1e-5)[0]
    assert np.isnan(d_x).any(axis=0).tolist() == [False, True, False]


def test_huge_float32_values_do_not_overflow():
    x = (1e30 * normal(50, 2)).astype(np.float32)
    out, _ = layers.batch_norm_forward(plain_norm(2, np.float32), x, eps=1e-5)
    wide = x.astype(np.float64)
    assert np.allclose(out, (wide - wide.mean(axis=0)) / wide.std(axis=0), rtol=1e-5, atol=1e-6)


@np.errstate(over="ignore")
def test_squares_that_overflow_float64_leave_the_shift():
    x, norm = 1e200 * normal(5, 2), layers.BatchNorm(np.ones(2), np.full(2, 3.0))
    out, found = layers.batch_norm_forward(norm, x, eps=1e-5)
    assert np.array_equal(out, np.full((5, 2), 3.0))
    assert not layers.batch_norm_grads(norm, x, normal(5, 2), found, eps=1e-5)[0].any()


def test_sums_that_vanish():
    x, d_out = normal(40, 3), normal(40, 3, seed=2)
    norm = layers.BatchNorm(normal(1, 3)[0], normal(2, 3)[0])
    out, found = layers.batch_norm_forward(norm, x, eps=0.5)
    d_x, d_scale, _ = layers.batch_norm_grads(norm, x, d_out, found, eps=0.5)
    inside = found.variance + 0.5
    z = (out - norm.shift) / norm.scale
    assert np.allclose(d_x.sum(axis=0), 0, atol=1e-12)
    expected = norm.scale / np.sqrt(inside) * d_scale * 0.5 / inside
    assert np.allclose(np.sum(d_x * z, axis=0), expected, rtol=1e-11)
    ones = layers.batch_norm_grads(norm, x, np.ones_like(x), found, eps=0.5)[0]
    assert np.allclose(ones, 0, atol=1e-14)


def test_inference_with_the_statistics_of_the_batch_is_training():
    x = normal(4, 3, 3, 5)
    norm = layers.BatchNorm(normal(1, 5)[0], normal(2, 5)[0])
    out, found = layers.batch_norm_forward(norm, x, eps=1e-3)
    running = layers.RunningStatistics(found.mean, found.variance)
    assert np.array_equal(layers.batch_norm_inference(norm, x, running, eps=1e-3), out)


@each_float
@pytest.mark.parametrize("shape", [(70000, 3), (5000, 70), (3, 20000), (1, 4)])
def test_channel_sums(shape, dtype):
    x = (normal(*shape) + 1).astype(dtype)
    expected = x.sum(axis=0, dtype=np.longdouble).astype(np.float64)
    sums = kernels.channel_sums(x)
    assert sums.dtype == dtype
    assert np.allclose(sums, expected, rtol=np.finfo(dtype).eps / 2 + 1e-13)


# what is refused

ONES = np.ones((2, 4, 4, 3))
WEIGHT = np.ones((3, 3, 2, 2, 3, 5))
D_OUT = np.ones((2, 3, 3, 5))
NORM = layers.BatchNorm(np.ones(3), np.zeros(3))
FOUND = layers.BatchStatistics(np.zeros(3), np.ones(3), 32)
RUNNING = layers.RunningStatistics(np.zeros(3), np.ones(3))
INDEX = np.zeros((2, 2, 2, 3), np.int32)
HALF = np.ones((2, 2, 2, 3))

REFUSED = [
    (lambda: kernels.max_pool2d(ONES[0], size=2), r"images must be .*batch, height.*\(4, 4, 3\)"),
    (lambda: kernels.max_pool2d(ONES.tolist(), size=2), "got list"),
    (lambda: kernels.max_pool2d(ONES.astype(int), size=2), "float32 or float64, got int64"),
    (lambda: kernels.max_pool2d(ONES, size=5), "window of 5 x 5 does not fit into 4 x 4"),
    (lambda: kernels.average_pool2d(ONES, size=(1, 5)), "does not fit"),
    (lambda: kernels.average_pool2d(ONES, size=0), "size must be a whole number of at least 1"),
    (lambda: kernels.average_pool2d(ONES, size=2, stride=0), "stride must be"),
    (lambda: kernels.average_pool2d(ONES, size=2.0), "size must be"),
    (lambda: kernels.average_pool2d(ONES, size=(2, 2, 2)), "size must be"),
    (lambda: kernels.average_pool2d(ONES, size=True), "size must be"),
    (lambda: kernels.max_pool2d_grad(HALF, INDEX[:1], input_size=4, size=2), "index must be"),
    (
        lambda: kernels.max_pool2d_grad(HALF, INDEX.astype(int), input_size=4, size=2),
        "int32 array of shape",
    ),
    (lambda: kernels.max_pool2d_grad(HALF, INDEX, input_size=6, size=2), "have .* places"),
    (lambda: kernels.average_pool2d_grad(HALF, input_size=(4, 6), size=2), "forward pass"),
    (lambda: kernels.average_pool2d_grad(HALF[0], input_size=4, size=2), "d_out must be"),
    (lambda: kernels.local_fields(ONES, WEIGHT[0]), "weight must be .*places_down"),
    (lambda: kernels.local_fields(ONES[0], WEIGHT), "images must be"),
    (lambda: kernels.local_fields(ONES, WEIGHT, stride=2), "has 2 x 2 places .* for 3 x 3"),
    (lambda: kernels.local_fields(ONES, WEIGHT, padding=1), "has 5 x 5 places"),
    (lambda: kernels.local_fields(ONES, WEIGHT, padding=-1), "padding must be"),
    (lambda: kernels.local_fields(ONES[..., :2], WEIGHT), "images have 2 channels"),
    (lambda: kernels.local_fields(ONES.astype(np.float32), WEIGHT), "one dtype"),
    (lambda: kernels.local_fields(ONES[:, :1], WEIGHT), "does not fit"),
    (
        lambda: kernels.local_fields_weight_grad(ONES, D_OUT[:1], kernel_size=2),
        "one batch, got 2 and 1",
    ),
    (lambda: kernels.local_fields_weight_grad(ONES, D_OUT, kernel_size=3), "places"),
    (lambda: kernels.local_fields_input_grad(D_OUT[..., :4], WEIGHT, input_size=4), "d_out must"),
    (lambda: kernels.local_fields_input_grad(D_OUT, WEIGHT, input_size=5), "places"),
    (
        lambda: layers.local_fields_forward(layers.LocalFields(WEIGHT, np.ones(5)), ONES),
        "bias must be",
    ),
    (lambda: layers.batch_norm_forward(NORM, ONES, eps=0.0), "eps must be above 0"),
    (lambda: layers.batch_norm_forward(NORM, ONES, eps=NAN), "eps must be a finite"),
    (lambda: layers.batch_norm_forward(NORM, ONES[0, 0, 0], eps=1e-5), "batch, ..., channels"),
    (lambda: layers.batch_norm_forward(NORM, ONES[:0], eps=1e-5), "mean of no rows"),
    (lambda: layers.batch_norm_forward(NORM, ONES[..., :2], eps=1e-5), "scale must be"),
    (lambda: layers.batch_norm_forward(NORM, ONES.astype(np.float32), eps=1e-5), "scale must be"),
    (lambda: layers.batch_norm_forward(NORM, ONES.astype(int), eps=1e-5), "float32 or float64"),
    (lambda: layers.batch_norm_grads(NORM, ONES, ONES[:1], FOUND, eps=1e-5), "shape of x"),
    (
        lambda: layers.batch_norm_grads(NORM, ONES, ONES, FOUND._replace(size=9), eps=1e-5),
        "those of 9 numbers",
    ),
    (
        lambda: layers.batch_norm_grads(NORM, ONES, ONES.astype(np.float32), FOUND, eps=1e-5),
        "one dtype",
    ),
    (
        lambda: layers.batch_norm_inference(
            NORM, ONES, RUNNING._replace(mean=np.zeros(2)), eps=1e-5
        ),
        r"vectors of shape \(3,\)",
    ),
    (
        lambda: layers.advance_running(RUNNING, FOUND, momentum=1.5),
        r"momentum must lie in 0 \.\. 1",
    ),
    (lambda: layers.advance_running(RUNNING, FOUND, momentum=NAN), "momentum must be a finite"),
    (lambda: layers.fresh_batch_norm(0), "channels must be"),
    (lambda: kernels.channel_sums(ONES), "rows, channels"),
    (lambda: kernels.channel_moments(np.ones((0, 3))), "no rows"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pairs_and_places():
    assert as_pair(3, "size", least=1) == as_pair([3, 3], "size", least=1) == (3, 3)
    assert as_pair((np.int64(0), 2), "padding", least=0) == (0, 2)
    assert count_places((4, 9), (4, 2), (1, 3)) == (1, 3)
