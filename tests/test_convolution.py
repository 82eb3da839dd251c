"""Convolution: values, bits, layouts, threads, what is not finite, errors.

Small cases are compared with scalar loops written in the tests, larger ones with NumPy's windows
and einsum in float64, within k * u * sum |a| |b|, the bound for a sum of k products in any order.
"""

import numpy as np
import pytest

from ffref import kernels
from ffref.kernels import host, loops_convolution
from tests.convolution_cases import DTYPES, LARGER, SMALL, Case, name, scalar_results
from tests.test_kernels import assert_same_bits, python

PLAIN = host.PLAIN


@pytest.fixture(autouse=True)
def two_threads():
    kernels.set_threads(2)
    yield
    kernels.set_threads(2)


def results(case, images, weight, d_out):
    """Output, weight gradient, input gradient of the package."""
    return (
        kernels.conv2d(images, weight, **case.options),
        kernels.conv2d_weight_grad(images, d_out, kernel_size=case.kernel, **case.options),
        kernels.conv2d_input_grad(d_out, weight, input_size=case.images[1:3], **case.options),
    )


def numpy_results(case, images, weight, d_out):
    """The same by sliding windows, float64."""
    images, weight, d_out = (array.astype(np.float64) for array in (images, weight, d_out))
    (top, left), (down, across) = case.padding, case.stride
    padded = np.pad(images, ((0, 0), (top, top), (left, left), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, case.kernel, axis=(1, 2))
    windows = windows[:, ::down, ::across]
    out, d_weight = np.empty(case.out), np.empty(case.weight)
    d_padded = np.zeros_like(padded)
    inputs, outputs = case.images[3] // case.groups, case.outputs // case.groups
    _, rows, columns, _ = case.out
    for group in range(case.groups):
        here = slice(group * inputs, (group + 1) * inputs)
        there = slice(group * outputs, (group + 1) * outputs)
        seen, kernel, d_part = windows[:, :, :, here], weight[..., there], d_out[..., there]
        out[..., there] = np.einsum("nijchw,hwco->nijo", seen, kernel, optimize=True)
        d_weight[..., there] = np.einsum("nijchw,nijo->hwco", seen, d_part, optimize=True)
        for kh, kw in np.ndindex(*case.kernel):
            rows_of = slice(kh, kh + (rows - 1) * down + 1, down)
            columns_of = slice(kw, kw + (columns - 1) * across + 1, across)
            d_padded[:, rows_of, columns_of, here] += d_part @ kernel[kh, kw].T
    height, width = case.images[1:3]
    return out, d_weight, d_padded[:, top : top + height, left : left + width]


def assert_close(case, mine, arrays):
    """Within the error bound of any order of summation, and not wider."""
    exact = numpy_results(case, *arrays)
    sizes = numpy_results(case, *map(np.abs, arrays))
    inputs, outputs = case.images[3] // case.groups, case.outputs // case.groups
    pixels = int(np.prod(case.kernel))
    lengths = pixels * inputs, int(np.prod(case.out[:3])), pixels * outputs
    for result, value, size, length in zip(mine, exact, sizes, lengths, strict=True):
        unit = np.finfo(result.dtype).eps / 2
        bound = (length * (1 + (result.dtype == np.float64)) + 1) * unit * size
        assert result.dtype == arrays[0].dtype
        assert result.shape == value.shape
        np.testing.assert_array_less(np.abs(result - value), bound + np.finfo(result.dtype).tiny)


def plain_results(case, images, weight, d_out):
    """The same by the loops that define the kernels."""
    out, d_weight, d_images = (
        np.empty(shape, images.dtype) for shape in (case.out, case.weight, case.images)
    )
    options = case.stride, case.padding, case.groups
    turned = np.ascontiguousarray(weight.swapaxes(2, 3))
    loops = loops_convolution
    loops.conv2d_loop(images, weight, out, *options, 0, len(out))
    rows = int(np.prod(case.weight[:3]))
    loops.conv2d_weight_grad_loop(images, d_out, d_weight, *options, 0, rows)
    loops.conv2d_input_grad_loop(d_out, turned, d_images, *options, 0, len(out))
    return out, d_weight, d_images


def test_an_example_by_hand():
    images = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(1, 2, 3, 1)
    weight = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1)
    out = kernels.conv2d(images, weight)
    # 1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000
    np.testing.assert_array_equal(out.ravel(), [5421, 6532])
    d_out = np.array([1.0, 100.0]).reshape(1, 1, 2, 1)
    d_weight = kernels.conv2d_weight_grad(images, d_out, kernel_size=2)
    np.testing.assert_array_equal(d_weight.ravel(), [201, 302, 504, 605])
    d_images = kernels.conv2d_input_grad(d_out, weight, input_size=(2, 3))
    np.testing.assert_array_equal(d_images.ravel(), [1, 110, 1000, 100, 11000, 100000])


def test_padding_and_stride_by_hand():
    images = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    weight = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    options = {"stride": (1, 2), "padding": (0, 1)}
    # windows 0 1 2 and 2 3 0
    np.testing.assert_array_equal(kernels.conv2d(images, weight, **options).ravel(), [210, 32])
    d_out = np.array([1.0, 7.0]).reshape(1, 1, 2, 1)
    d_weight = kernels.conv2d_weight_grad(images, d_out, kernel_size=(1, 3), **options)
    np.testing.assert_array_equal(d_weight.ravel(), [14, 22, 2])
    d_images = kernels.conv2d_input_grad(d_out, weight, input_size=(1, 3), **options)
    np.testing.assert_array_equal(d_images.ravel(), [10, 107, 70])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", SMALL, ids=name)
def test_whole_numbers_are_those_of_the_scalar_definition(case, dtype):
    rng = np.random.default_rng(3)
    arrays = case.arrays(dtype, lambda shape: rng.integers(-9, 10, shape))
    expected = scalar_results(case, *arrays)
    for mine, theirs in zip(results(case, *arrays), expected, strict=True):
        assert mine.dtype == dtype
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", SMALL + LARGER, ids=name)
def test_values(case, dtype):
    arrays = case.arrays(dtype)
    assert_close(case, results(case, *arrays), arrays)


def test_the_value_check_rejects_one_wrong_element():
    case = LARGER[0]
    arrays = case.arrays(np.float32)
    for number in range(3):
        wrong = list(results(case, *arrays))
        wrong[number].flat[17] *= 1.001
        with pytest.raises(AssertionError):
            assert_close(case, wrong, arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", SMALL + LARGER, ids=name)
def test_bits_are_those_of_the_plain_loops(case, dtype):
    arrays = case.arrays(dtype)
    expected = plain_results(case, *arrays)
    for mine, theirs in zip(results(case, *arrays), expected, strict=True):
        assert_same_bits(mine, theirs)


@pytest.mark.skipif(PLAIN, reason="plain loops selected, or no vectors on this processor")
@pytest.mark.parametrize("dtype", DTYPES)
def test_gathered_tile_has_the_bits_of_its_definition(dtype):
    from ffref.kernels.tile import ROWS, SHAPE, tile_heights, tile_loop
    from tests.tile_caller import run_gathered_tile

    rng = np.random.default_rng(0)
    widest = SHAPE.vectors * SHAPE.vector_bytes // np.dtype(dtype).itemsize
    memory = rng.standard_normal(1000).astype(dtype)
    for rows in tile_heights(ROWS):
        for columns in (1, widest // 2, widest - 1, widest):
            for depth, first in ((0, True), (0, False), (1, True), (9, False), (40, True)):
                row_places, steps = rng.integers(0, 500, rows), rng.integers(0, 500, depth)
                a = memory[np.add.outer(row_places, steps)].reshape(rows, depth)
                b = rng.standard_normal((depth, widest)).astype(dtype)
                frame = rng.standard_normal((2 * rows, columns + 3)).astype(dtype)
                order = rng.permutation(2 * rows)[:rows]
                expected = frame.copy()
                part = frame[order, :columns]
                tile_loop(a, b[:, :columns], part, first)
                expected[order, :columns] = part
                run_gathered_tile(frame, memory, row_places, steps, b, order, columns, first)
                assert_same_bits(frame, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case", [LARGER[0], LARGER[2], LARGER[7], LARGER[9], LARGER[11]], ids=name
)
def test_number_of_threads_and_batch_change_no_bit(case, dtype):
    images, weight, d_out = case.arrays(dtype)
    runs = []
    for count in (1, 2, 3):
        kernels.set_threads(count)
        runs.append(results(case, images, weight, d_out))
    one, *others = runs
    for other in others:
        for mine, theirs in zip(other, one, strict=True):
            assert_same_bits(mine, theirs)
    for part in (slice(0, 1), slice(1, 3), slice(len(images) - 1, None)):
        alone = case._replace(images=(len(images[part]), *case.images[1:]))
        out, _, d_images = results(alone, images[part], weight, d_out[part])
        assert_same_bits(out, one[0][part])
        assert_same_bits(d_images, one[2][part])


def test_bands_of_a_large_image_change_no_bit(monkeypatch):
    from ffref.kernels import window_jobs

    for case in (LARGER[3], LARGER[5], SMALL[10]):
        arrays = case.arrays(np.float32)
        expected = results(case, *arrays)
        for size, windows in ((1, 1), (5000, 2048), (1 << 24, 100), (1 << 24, 1 << 20)):
            monkeypatch.setattr(window_jobs, "CANVAS_BYTES", size)
            monkeypatch.setattr(window_jobs, "GRADIENT_CANVAS_BYTES", size)
            monkeypatch.setattr(window_jobs, "WINDOWS", windows)
            monkeypatch.setattr(window_jobs, "PIXELS_AT_ONCE", 1 + windows % 90)
            monkeypatch.setattr(window_jobs, "TAPS_AT_ONCE", 1 + windows % 90)
            for mine, theirs in zip(results(case, *arrays), expected, strict=True):
                assert_same_bits(mine, theirs)


def layouts(x):
    """The same values in every way that memory allows."""
    yield "Fortran order", np.asfortranarray(x)
    yield "channels first", np.ascontiguousarray(np.moveaxis(x, 3, 1)).transpose(0, 2, 3, 1)
    wide = np.full([2 * length + 1 for length in x.shape], np.nan, x.dtype)
    wide[1::2, 1::2, 1::2, 1::2] = x
    yield "strided", wide[1::2, 1::2, 1::2, 1::2]
    framed = np.full([length + 3 for length in x.shape], np.nan, x.dtype)
    framed[1:-2, 1:-2, 1:-2, 1:-2] = x
    yield "part of a larger array", framed[1:-2, 1:-2, 1:-2, 1:-2]
    yield "backwards", np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1]
    yield "mirrored", np.ascontiguousarray(x[:, :, ::-1])[:, :, ::-1]
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    odd = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    assert not odd.flags.aligned
    yield "unaligned", odd
    record = np.zeros(x.shape, np.dtype([("pad", np.int8), ("value", x.dtype)]))
    record["value"] = x
    yield "field of a record", record["value"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [SMALL[0], SMALL[10], SMALL[14], SMALL[15], SMALL[2]], ids=name)
def test_layouts_change_no_bit_and_inputs_stay(case, dtype):
    arrays = case.arrays(dtype)
    expected = results(case, *arrays)
    for number in range(3):
        for kind, laid in layouts(arrays[number]):
            changed = [*arrays[:number], laid, *arrays[number + 1 :]]
            for mine, theirs in zip(results(case, *changed), expected, strict=True):
                assert np.ascontiguousarray(mine).tobytes() == theirs.tobytes(), kind
            np.testing.assert_array_equal(laid, arrays[number])


def test_one_image_repeated_without_memory():
    case = SMALL[0]
    images, weight, d_out = case.arrays(np.float32)
    images = np.broadcast_to(images[:1], images.shape)
    arrays = images, weight, d_out
    assert_close(case, results(case, *arrays), arrays)


@pytest.mark.parametrize("case", [SMALL[0], SMALL[9], SMALL[10], SMALL[14], SMALL[15], LARGER[0]],
                         ids=name)  # fmt: skip
@pytest.mark.parametrize("where", range(3))
def test_what_is_not_finite_is_where_the_sums_have_it(case, where):
    arrays = case.arrays(np.float32)
    arrays[(where + 1) % 3][...] = 1  # no sum of opposite infinities where there is one infinity
    arrays[where].flat[1], arrays[where].flat[arrays[where].size // 2] = np.inf, np.nan
    arrays[(where + 2) % 3].flat[0] = 0
    if case in SMALL:
        with np.errstate(invalid="ignore"):
            expected = scalar_results(case, *arrays)
    else:
        expected = plain_results(case, *arrays)
    for mine, theirs in zip(results(case, *arrays), expected, strict=True):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
        np.testing.assert_array_equal(np.isposinf(mine), np.isposinf(theirs))
        np.testing.assert_array_equal(np.isneginf(mine), np.isneginf(theirs))


def test_extremes_stay_finite():
    case = SMALL[0]
    for dtype in DTYPES:
        limits = np.finfo(dtype)
        images, weight, d_out = (np.ones_like(array) for array in case.arrays(dtype))
        for scale in (limits.max / 64, limits.tiny, limits.smallest_subnormal):
            big = results(case, images * scale, weight, d_out * scale)
            unit = results(case, images, weight, d_out)
            for mine, ones in zip((big[0], big[2]), (unit[0], unit[2]), strict=True):
                assert np.isfinite(mine).all()
                np.testing.assert_allclose(mine / scale, ones, rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 4])
def test_an_empty_batch_and_no_channels(groups):
    for dtype in DTYPES:
        for shape, outputs in (((0, 5, 5, 4), 8), ((2, 5, 5, 0), 8), ((2, 5, 5, 4), 0)):
            for kernel in ((3, 3), (1, 1)):
                case = Case(shape, kernel, outputs, groups=groups)
                for result, expected in zip(
                    results(case, *case.arrays(dtype)),
                    (case.out, case.weight, case.images),
                    strict=True,
                ):
                    assert result.shape == expected
                    assert result.dtype == dtype
                    assert not result.any()


def test_pixels_that_no_window_sees_have_no_gradient():
    d_out = np.ones((1, 2, 2, 1), np.float32)
    d_images = kernels.conv2d_input_grad(
        d_out, np.ones((1, 1, 1, 1), np.float32), input_size=5, stride=3
    )
    expected = np.zeros((5, 5))
    expected[::3, ::3] = 1
    np.testing.assert_array_equal(d_images[0, :, :, 0], expected)


def test_wrong_arguments_are_named():
    images, weight = np.zeros((2, 5, 6, 4), np.float32), np.zeros((3, 3, 4, 8), np.float32)
    d_out = np.zeros((2, 3, 4, 8), np.float32)
    conv, weight_grad, input_grad = (
        kernels.conv2d,
        kernels.conv2d_weight_grad,
        kernels.conv2d_input_grad,
    )
    for call, message in [
        (lambda: conv(images[0], weight), r"images must be an array \(N, H, W, Cin\), got 3 axes"),
        (lambda: conv(images, weight[0]), r"weight must be an array \(KH, KW.*got 3 axes"),
        (lambda: conv([[1.0]], weight), "images must be an array"),
        (lambda: conv(images, weight.astype(float)), "one dtype, got float32 and float64"),
        (lambda: conv(images.astype(int), weight), "images must be float32 or float64, got int64"),
        (lambda: conv(images[..., :3], weight), r"must have shape \(KH, KW, 3, Cout\)"),
        (lambda: conv(images, weight, groups=3), "groups must divide.*got 3 for 4 and 8"),
        (lambda: conv(images, weight, groups=2), r"must have shape \(KH, KW, 2, Cout\)"),
        (lambda: conv(images, weight, groups=0), "groups must be a whole number of at least 1"),
        (lambda: conv(images, weight, stride=0), "stride must be a whole number of at least 1"),
        (lambda: conv(images, weight, stride=(1, 2, 3)), r"pair .* got \(1, 2, 3\)"),
        (lambda: conv(images, weight, padding=-1), "padding must be a whole number of at least 0"),
        (lambda: conv(images, weight, padding=1.5), "padding must be a whole number"),
        (lambda: conv(images[:, :2], weight), "the kernel is 3 pixels high.*only 2.*at least 1"),
        (lambda: conv(images[:, :, :1], weight, padding=(1, 0)), "3 pixels wide.*only 1"),
        (lambda: conv(images, weight[:0]), "at least one pixel"),
        (lambda: weight_grad(images, d_out[:, 1:], kernel_size=3), r"\(2, 3, 4, 8\), got \(2, 2"),
        (lambda: weight_grad(images, d_out, kernel_size=0), "kernel_size must be"),
        (lambda: input_grad(d_out, weight, input_size=(5, 5)), r"\(2, 3, 3, 8\), got \(2, 3, 4"),
        (lambda: input_grad(d_out, weight, input_size="5"), "input_size must be"),
        (lambda: input_grad(d_out, weight, input_size=5, groups="2"), "groups must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


HASH = """
import hashlib
from ffref.kernels import host
from tests.convolution_cases import LARGER
from tests.test_convolution import results
parts = [x.tobytes() for case in LARGER[:3] for x in results(case, *case.arrays("float32"))]
print(host.PLAIN, hashlib.sha256(b"".join(parts)).hexdigest())
"""


def test_plain_loops_are_selected_by_the_environment_and_agree_bit_for_bit():
    plain, plain_hash = python(HASH, plain=True).split()
    assert plain == "True"
    assert python(HASH, plain=False).split()[1] == plain_hash
