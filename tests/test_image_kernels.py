"""Pooling, local fields, batch normalisation: bits, layouts, threads, plain loops, extremes."""

import hashlib
from typing import NamedTuple

import numpy as np
import pytest

from ffref import kernels, layers
from ffref.kernels import host
from tests.test_kernels import assert_same_bits, python

DTYPES = (np.float32, np.float64)
each_float = pytest.mark.parametrize("dtype", DTYPES)


class Call(NamedTuple):
    name: str
    function: object  # arrays -> tuple of arrays
    arrays: tuple


def normal(*shape):
    return np.random.default_rng([9, *shape]).standard_normal(shape)


def norm_pieces(x, d_out, scale, shift):
    """Everything that batch normalisation computes, in one tuple."""
    norm = layers.BatchNorm(scale, shift)
    out, found = layers.batch_norm_forward(norm, x, eps=1e-5)
    running = layers.RunningStatistics(scale, shift * shift)
    return (
        out,
        found.mean,
        found.variance,
        *layers.batch_norm_grads(norm, x, d_out, found, eps=1e-5),
        layers.batch_norm_inference(norm, x, running, eps=1e-5),
        *layers.batch_norm_inference_grads(norm, x, d_out, running, eps=1e-5),
        kernels.channel_sums(x.reshape(-1, x.shape[-1])),
    )


def max_pieces(images, d_out):
    out, index = kernels.max_pool2d(images, size=3, stride=2)
    back = {"input_size": images.shape[1:3], "size": 3, "stride": 2}
    return out, index, kernels.max_pool2d_grad(d_out, index, **back)


def average_pieces(images, d_out):
    walk = {"size": (2, 3), "stride": 2}
    back = kernels.average_pool2d_grad(d_out, input_size=images.shape[1:3], **walk)
    return kernels.average_pool2d(images, **walk), back


def field_pieces(images, weight, d_out):
    walk = {"stride": (2, 1), "padding": 1}
    return (
        kernels.local_fields(images, weight, **walk),
        kernels.local_fields_weight_grad(images, d_out, kernel_size=weight.shape[2:4], **walk),
        kernels.local_fields_input_grad(d_out, weight, input_size=images.shape[1:3], **walk),
    )


def calls(batch, side, channels, outputs):
    """The functions on images of `side` x `side + 1` pixels."""
    images = normal(batch, side, side + 1, channels)
    down, right = (side - 3) // 2 + 1, (side - 2) // 2 + 1
    fields_down, fields_right = (side - 1) // 2 + 1, side + 2
    return [
        Call("max", max_pieces, (images, normal(batch, down, right, channels))),
        Call(
            "average",
            average_pieces,
            (images, normal(batch, (side - 2) // 2 + 1, (side - 2) // 2 + 1, channels)),
        ),
        Call(
            "fields",
            field_pieces,
            (
                images,
                normal(fields_down, fields_right, 3, 2, channels, outputs),
                normal(batch, fields_down, fields_right, outputs),
            ),
        ),
        Call(
            "norm",
            norm_pieces,
            (images, normal(*images.shape) + 1, normal(channels), normal(1, channels)[0]),
        ),
    ]


# local fields have a way for few channels and one for many: both in small and in large
SMALL = [*calls(3, 7, 5, 4), calls(3, 7, 5, 9)[2]]
LARGE = [*calls(33, 12, 40, 17), calls(70, 6, 40, 8)[2]]
each_small = pytest.mark.parametrize("call", SMALL, ids=lambda call: call.name)
each_large = pytest.mark.parametrize("call", LARGE, ids=lambda call: call.name)


@pytest.fixture(autouse=True)
def two_threads():
    kernels.set_threads(2)
    yield
    kernels.set_threads(2)


def typed(call, dtype):
    return [array.astype(dtype) for array in call.arrays]


def layouts(x):
    """The same values in every way that memory allows."""
    yield "Fortran order", np.asfortranarray(x)
    wide = np.full([2 * n + 1 for n in x.shape], np.nan, x.dtype)
    strided = wide[tuple(slice(1, None, 2) for _ in x.shape)]
    strided[...] = x
    yield "strided", strided
    back = tuple(slice(None, None, -1) for _ in x.shape)
    yield "backwards", np.ascontiguousarray(x[back])[back]
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    odd = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    assert not odd.flags.aligned
    yield "unaligned", odd


@each_float
@each_small
def test_layouts_change_no_bit_and_inputs_stay(call, dtype):
    arrays = typed(call, dtype)
    expected = call.function(*arrays)
    for place, array in enumerate(arrays):
        for name, laid in layouts(array):
            given = [laid if i == place else other.copy() for i, other in enumerate(arrays)]
            for result, right in zip(call.function(*given), expected, strict=True):
                assert result.tobytes() == right.tobytes(), (place, name)
            for after, before in zip(given, arrays, strict=True):
                np.testing.assert_array_equal(after, before)


@each_float
@each_large
def test_number_of_threads_changes_no_bit(call, dtype):
    arrays = typed(call, dtype)
    results = []
    for count in (1, 2, 3, 7):
        kernels.set_threads(count)
        results.append(call.function(*arrays))
    for result in results[1:]:
        for mine, first in zip(result, results[0], strict=True):
            assert_same_bits(mine, first)


@each_float
@each_small
def test_dtype_is_kept(call, dtype):
    for result in call.function(*typed(call, dtype)):
        assert result.dtype in (dtype, np.int32) or call.name == "norm"
        assert np.isfinite(result).all()


@each_float
@pytest.mark.parametrize("call", [*SMALL[:3], *LARGE[:3]], ids=lambda call: call.name)
def test_an_image_alone_has_the_bits_that_it_has_in_a_batch(call, dtype):
    arrays = typed(call, dtype)
    whole = call.function(*arrays)
    for n in (0, len(arrays[0]) - 1):
        alone = [a[n : n + 1] if len(a) == len(arrays[0]) and a.ndim == 4 else a for a in arrays]
        for part, result in zip(call.function(*alone), whole, strict=True):
            if result.ndim == 4:  # not the derivative in weights, a sum over the batch
                assert_same_bits(part, result[n : n + 1])


def test_inference_of_a_row_does_not_depend_on_its_batch():
    norm, running = layers.fresh_batch_norm(3)
    x = normal(5, 3)
    whole = layers.batch_norm_inference(norm, x, running, eps=1e-3)
    assert_same_bits(layers.batch_norm_inference(norm, x[4:], running, eps=1e-3), whole[4:])


@pytest.mark.skipif(host.PLAIN, reason="plain loops selected, or no vectors on this processor")
@each_float
@pytest.mark.parametrize(
    "sizes",
    [
        (3, 7, 5, 4),
        (33, 6, 3, 17),
        (1, 5, 1, 1),
        (40, 5, 20, 70),
        (70, 5, 40, 8),
        (1, 5, 33, 3),
        (65, 4, 2, 9),
    ],
)
def test_fields_have_the_bits_of_their_definition(sizes, dtype):
    from ffref.kernels import loops_local_fields as loops

    images, weight, d_out = typed(calls(*sizes)[2], dtype)
    fast = field_pieces(images, weight, d_out)
    window, stride = weight.shape[2:4], (2, 1)
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = weight.reshape(*weight.shape[:2], -1, weight.shape[5])
    places = d_out.shape[1] * d_out.shape[2]
    out, d_taps, d_wide = np.empty_like(d_out), np.empty_like(taps), np.empty_like(wide)
    loops.fields_loop(wide, taps, out, window, stride, 0, places)
    loops.fields_weight_loop(wide, d_out, d_taps, window, stride, 0, places)
    loops.fields_input_loop(d_out, taps, d_wide, window, stride, 0, wide.shape[1])
    assert_same_bits(fast[0], out)
    assert_same_bits(fast[1], d_taps.reshape(weight.shape))
    assert_same_bits(fast[2], d_wide[:, 1:-1, 1:-1])


HASH = """
from tests.test_image_kernels import digest
from ffref.kernels import host
print(host.PLAIN, digest())
"""


def digest():
    whole = hashlib.sha256()
    for call in SMALL:
        for dtype in DTYPES:
            for result in call.function(*typed(call, dtype)):
                whole.update(np.ascontiguousarray(result).tobytes())
    return whole.hexdigest()


def test_plain_loops_are_selected_by_the_environment_and_agree_bit_for_bit():
    plain, plain_digest = python(HASH, plain=True).split()
    assert plain == "True"
    assert plain_digest == digest()


@each_float
def test_nothing_at_all(dtype):
    for images in (np.zeros((0, 4, 5, 3), dtype), np.zeros((2, 4, 5, 0), dtype)):
        batch, _, _, channels = images.shape
        out, index = kernels.max_pool2d(images, size=2)
        assert out.shape == index.shape == (batch, 2, 2, channels)
        assert kernels.average_pool2d(images, size=2).shape == out.shape
        back = {"input_size": (4, 5), "size": 2}
        assert kernels.max_pool2d_grad(out, index, **back).shape == images.shape
        assert kernels.average_pool2d_grad(out, **back).shape == images.shape
        weight = np.ones((3, 4, 2, 2, channels, 6), dtype)
        fields = kernels.local_fields(images, weight)
        assert fields.shape == (batch, 3, 4, 6)
        assert not fields.any()
        d_weight = kernels.local_fields_weight_grad(images, fields, kernel_size=2)
        assert d_weight.shape == weight.shape
        assert not d_weight.any()
        d_images = kernels.local_fields_input_grad(fields, weight, input_size=(4, 5))
        assert d_images.shape == images.shape
    assert kernels.channel_sums(np.zeros((0, 3), dtype)).tolist() == [0, 0, 0]
    nothing = np.zeros((2, 0), dtype)
    norm = layers.BatchNorm(nothing[0], nothing[0])
    out, found = layers.batch_norm_forward(norm, nothing, eps=1e-5)
    assert out.shape == (2, 0)
    assert [a.shape for a in layers.batch_norm_grads(norm, nothing, out, found, eps=1e-5)] == [
        (2, 0), (0,), (0,)
    ]  # fmt: skip


@each_float
def test_not_a_number_in_pooling(dtype):
    images = np.array([[3, np.nan, 1, 2], [np.nan, 4, -np.inf, np.inf]], dtype)[None, ..., None]
    out, index = kernels.max_pool2d(images, size=2)
    assert np.isnan(out[0, 0, 0, 0])
    assert out[0, 0, 1, 0] == np.inf
    assert index.ravel().tolist() == [1, 7]  # the first NaN; row 1 of width 4, column 3
    low = np.full((1, 2, 2, 1), -np.inf, dtype)
    out, index = kernels.max_pool2d(low, size=2)
    assert (out.item(), index.item()) == (-np.inf, 0)
    averages = kernels.average_pool2d(images, size=2).ravel()
    assert np.isnan(averages).all()  # inf - inf


@each_float
def test_not_a_number_in_fields_stays_in_its_windows(dtype):
    images, weight = np.ones((20, 3, 4, 1), dtype), np.ones((2, 3, 2, 2, 1, 5), dtype)
    images[7, 0, 1, 0] = np.nan
    images[3, 2, 3, 0] = np.inf
    out = kernels.local_fields(images, weight)
    assert np.argwhere(np.isnan(out[..., 0])).tolist() == [[7, 0, 0], [7, 0, 1]]
    assert np.argwhere(np.isinf(out[..., 0])).tolist() == [[3, 1, 2]]
    d_weight = kernels.local_fields_weight_grad(images, np.ones_like(out), kernel_size=2)
    assert np.argwhere(np.isnan(d_weight[..., 0, 0])).tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    weight[0, 0, 0, 0, 0, 2] = np.nan
    d_images = kernels.local_fields_input_grad(np.ones_like(out), weight, input_size=(3, 4))
    assert (np.isnan(d_images).any(axis=(0, 3)) == [[1, 0, 0, 0], [0] * 4, [0] * 4]).all()


@each_float
def test_ties_go_to_the_first_in_row_order(dtype):
    images = np.ones((1, 4, 4, 2), dtype)
    out, index = kernels.max_pool2d(images, size=2)
    assert index[0, :, :, 0].tolist() == [[0, 2], [8, 10]]
    d_images = kernels.max_pool2d_grad(3 * out, index, input_size=4, size=2)
    assert d_images[0, :, :, 1].tolist() == [[3, 0, 3, 0], [0] * 4, [3, 0, 3, 0], [0] * 4]


@each_float
def test_pixels_in_no_window_have_no_derivative(dtype):
    d_out = np.ones((1, 2, 2, 1), dtype)
    d_images = kernels.average_pool2d_grad(d_out, input_size=5, size=2)
    assert np.array_equal(d_images[0, :4, :4, 0], np.full((4, 4), 0.25))
    assert not d_images[0, 4].any()
    assert not d_images[0, :, 4].any()
    assert d_images.shape == (1, 5, 5, 1)
