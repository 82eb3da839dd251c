"""Convolution and its two derivatives: 50 digits, differences, adjoints, identities.

Written from the definition: the list of products in `scalar_images.conv_products`.
"""

from typing import NamedTuple

import numpy as np
import pytest

from ffref import kernels
from tests.independent import scalar_images
from tests.independent.compare import (
    SCALED_FLOAT32,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.image_cases import CONV_CASES, conv_arrays
from tests.independent.precision import exact, rounded

each_case = pytest.mark.parametrize("case", CONV_CASES, ids=lambda case: case.name)
each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float64: 1e-12, np.float32: SCALED_FLOAT32}


class Mine:
    """The three kernels with the choices of a case."""

    def __init__(self, case):
        self.walk = {"stride": case.stride, "padding": case.padding, "groups": case.groups}
        self.window, self.size = case.window, case.images[1:3]

    def forward(self, images, weight):
        return kernels.conv2d(images, weight, **self.walk)

    def weight_grad(self, images, d_out):
        return kernels.conv2d_weight_grad(images, d_out, kernel_size=self.window, **self.walk)

    def input_grad(self, d_out, weight):
        return kernels.conv2d_input_grad(d_out, weight, input_size=self.size, **self.walk)


def scalar_results(case, images, weight, d_out):
    """(out, d_weight, d_images) of 50 digits."""
    products = list(
        scalar_images.conv_products(
            images.shape, weight.shape, case.stride, case.padding, case.groups
        )
    )
    x, w, d = exact(images), exact(weight), exact(d_out)
    return (
        rounded(scalar_images.weighted(products, x, w, d_out.shape)),
        rounded(scalar_images.weight_grad(products, x, d, weight.shape)),
        rounded(scalar_images.input_grad(products, w, d, images.shape)),
    )


@each_float
@each_case
def test_values(case, dtype):
    images, weight, d_out = (a.astype(dtype) for a in conv_arrays(case))
    mine = Mine(case)
    results = (
        mine.forward(images, weight),
        mine.weight_grad(images, d_out),
        mine.input_grad(d_out, weight),
    )
    for result, expected in zip(results, scalar_results(case, images, weight, d_out), strict=True):
        assert result.dtype == dtype
        assert scaled_close(result, expected, TOLERANCE[dtype])
        for name, wrong in wrong_versions(result):
            assert not scaled_close(wrong, expected, TOLERANCE[dtype]), name


@each_case
def test_derivatives_are_the_differences(case):
    images, weight, d_out = conv_arrays(case)
    mine = Mine(case)
    for derivative, value, at in [
        (mine.weight_grad(images, d_out), lambda w: mine.forward(images, w), weight),
        (mine.input_grad(d_out, weight), lambda x: mine.forward(x, weight), images),
    ]:
        differences = central_difference(lambda a, value=value: np.sum(d_out * value(a)), at)
        assert difference_close(derivative, differences)
        for name, wrong in wrong_versions(derivative):
            assert not difference_close(wrong, differences), name


@each_case
def test_the_three_are_adjoint(case):
    """<d, conv(x, w)> = <weight_grad(x, d), w> = <x, input_grad(d, w)>: one trilinear form."""
    images, weight, d_out = conv_arrays(case)
    mine = Mine(case)
    form = np.sum(d_out * mine.forward(images, weight))
    by_weight = np.sum(mine.weight_grad(images, d_out) * weight)
    by_input = np.sum(mine.input_grad(d_out, weight) * images)
    assert np.isclose(by_weight, form, rtol=1e-12, atol=1e-12)
    assert np.isclose(by_input, form, rtol=1e-12, atol=1e-12)
    assert not np.isclose(1.01 * by_input, form, rtol=1e-12, atol=1e-12)


@each_float
def test_by_hand(dtype):
    # 1 2 3    windows 2x2, taps  1 10     1 + 20 + 400 + 5000 = 5421,  2 + 30 + 500 + 6000 = 6532
    # 4 5 6                     100 1000
    image = np.array([[1, 2, 3], [4, 5, 6]], dtype).reshape(1, 2, 3, 1)
    weight = np.array([1, 10, 100, 1000], dtype).reshape(2, 2, 1, 1)
    assert kernels.conv2d(image, weight).ravel().tolist() == [5421, 6532]
    d_out = np.array([1, 2], dtype).reshape(1, 1, 2, 1)
    # tap (0, 0): 1 + 2 2, tap (0, 1): 2 + 2 3, ...
    d_weight = kernels.conv2d_weight_grad(image, d_out, kernel_size=2)
    assert d_weight.ravel().tolist() == [5, 8, 14, 17]
    # pixel (0, 1): 10 1 + 1 2; the corners see one window each
    d_image = kernels.conv2d_input_grad(d_out, weight, input_size=(2, 3))
    assert d_image.ravel().tolist() == [1, 12, 20, 100, 1200, 2000]


class Sizes(NamedTuple):
    """A convolution large enough for whole vectors, panels and threads."""

    images: tuple
    window: tuple
    outputs: int
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    groups: int = 1


LARGE = [
    Sizes((3, 16, 16, 3), (3, 3), 64, padding=(1, 1)),
    Sizes((2, 17, 19, 33), (3, 3), 65, padding=(1, 1)),
    Sizes((9, 8, 8, 70), (3, 3), 90, padding=(1, 1)),
    Sizes((4, 28, 28, 1), (5, 5), 32),
    Sizes((3, 15, 14, 20), (3, 2), 17, stride=(2, 3), padding=(1, 0)),
    Sizes((2, 9, 40, 8), (1, 7), 130, stride=(1, 2), padding=(0, 3)),
    Sizes((5, 6, 6, 300), (1, 1), 50),
    Sizes((1, 12, 12, 34), (3, 3), 38, padding=(1, 1), groups=2),
    Sizes((3, 11, 13, 40), (3, 3), 40, padding=(1, 1), groups=40),
]


def by_slices(sizes, images, weight, d_out):
    """(out, d_weight, d_images) in float64: each tap is a strided slice times a matrix."""
    (down, right), (step_y, step_x) = sizes.padding, sizes.stride
    wide = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    out, d_weight, d_wide = np.zeros_like(d_out), np.zeros_like(weight), np.zeros_like(wide)
    seen, made = weight.shape[2], sizes.outputs // sizes.groups
    last_y, last_x = step_y * (d_out.shape[1] - 1), step_x * (d_out.shape[2] - 1)
    for y, x, g in np.ndindex(*sizes.window, sizes.groups):
        rows, columns = slice(y, y + last_y + 1, step_y), slice(x, x + last_x + 1, step_x)
        into, outof = slice(g * seen, (g + 1) * seen), slice(g * made, (g + 1) * made)
        pixels, taps = wide[:, rows, columns, into], weight[y, x, :, outof]
        out[..., outof] += pixels @ taps
        d_weight[y, x, :, outof] = np.tensordot(
            pixels, d_out[..., outof], axes=([0, 1, 2], [0, 1, 2])
        )
        d_wide[:, rows, columns, into] += d_out[..., outof] @ taps.T
    height, width = images.shape[1:3]
    return out, d_weight, d_wide[:, down : down + height, right : right + width]


@each_float
@pytest.mark.parametrize("sizes", LARGE, ids=str)
def test_large(sizes, dtype):
    """Within the bound for a sum of n products in any order, n half eps sum |a| |b|."""
    rng = np.random.default_rng(605)
    shape = (*sizes.window, sizes.images[3] // sizes.groups, sizes.outputs)
    images, weight = (rng.normal(size=s).astype(dtype) for s in (sizes.images, shape))
    mine = Mine(sizes)
    out = mine.forward(images, weight)
    d_out = rng.normal(size=out.shape).astype(dtype)
    results = out, mine.weight_grad(images, d_out), mine.input_grad(d_out, weight)
    wide = [a.astype(np.float64) for a in (images, weight, d_out)]
    terms = by_slices(sizes, *map(np.ones_like, wide))
    sums = by_slices(sizes, *map(np.abs, wide))
    for result, expected, size, count in zip(
        results, by_slices(sizes, *wide), sums, terms, strict=True
    ):
        unit = np.finfo(dtype).eps / 2
        bound = (count * (1 + (dtype == np.float64)) + 1) * unit * size
        assert result.dtype == dtype
        np.testing.assert_array_less(np.abs(result - expected), bound + np.finfo(dtype).tiny)
        assert not np.all(np.abs(1.01 * result - expected) < bound)


def test_one_pixel_window_is_a_dense_layer_of_pixels():
    rng = np.random.default_rng(601)
    images, weight = rng.normal(size=(3, 4, 5, 6)), rng.normal(size=(1, 1, 6, 7))
    d_out = rng.normal(size=(3, 4, 5, 7))
    rows = images.reshape(-1, 6)
    dense = (rows @ weight[0, 0]).reshape(3, 4, 5, 7)
    assert scaled_close(kernels.conv2d(images, weight), dense)
    d_weight = kernels.conv2d_weight_grad(images, d_out, kernel_size=1)
    assert scaled_close(d_weight[0, 0], rows.T @ d_out.reshape(-1, 7))
    d_images = kernels.conv2d_input_grad(d_out, weight, input_size=(4, 5))
    assert scaled_close(d_images, (d_out.reshape(-1, 7) @ weight[0, 0].T).reshape(images.shape))


def test_window_of_the_image_is_a_dense_layer():
    rng = np.random.default_rng(602)
    images, weight = rng.normal(size=(5, 4, 3, 2)), rng.normal(size=(4, 3, 2, 7))
    out = kernels.conv2d(images, weight)
    assert out.shape == (5, 1, 1, 7)
    assert scaled_close(out[:, 0, 0], images.reshape(5, -1) @ weight.reshape(-1, 7))


def test_shifting_the_image_shifts_the_result():
    rng = np.random.default_rng(603)
    wide, weight = rng.normal(size=(2, 9, 10, 3)), rng.normal(size=(3, 3, 3, 4))
    whole = kernels.conv2d(wide, weight)
    part = kernels.conv2d(wide[:, 2:, 1:], weight)
    assert scaled_close(part, whole[:, 2:, 1:])


@each_float
def test_local_fields_with_equal_weights_are_a_convolution(dtype):
    rng = np.random.default_rng(604)
    images = rng.normal(size=(4, 6, 7, 3)).astype(dtype)
    weight = rng.normal(size=(3, 2, 3, 5)).astype(dtype)
    walk = {"stride": (2, 1), "padding": (1, 0)}
    out = kernels.conv2d(images, weight, **walk)
    fields = np.broadcast_to(weight, (*out.shape[1:3], *weight.shape))
    tolerance = TOLERANCE[dtype]
    assert scaled_close(kernels.local_fields(images, fields, **walk), out, tolerance)
    d_out = rng.normal(size=out.shape).astype(dtype)
    each = kernels.local_fields_weight_grad(images, d_out, kernel_size=(3, 2), **walk)
    shared = kernels.conv2d_weight_grad(images, d_out, kernel_size=(3, 2), **walk)
    assert scaled_close(each.sum(axis=(0, 1)), shared, tolerance)
    assert scaled_close(
        kernels.local_fields_input_grad(d_out, fields, input_size=(6, 7), **walk),
        kernels.conv2d_input_grad(d_out, weight, input_size=(6, 7), **walk),
        tolerance,
    )


@each_float
def test_extremes(dtype):
    images, weight = np.full((1, 3, 3, 2), 1e18, dtype), np.full((3, 3, 2, 2), 1e18, dtype)
    out = kernels.conv2d(images, weight, padding=1)
    assert np.isfinite(out).all()
    assert np.allclose(out[0, 1, 1], 18e36, rtol=1e-6)
    assert np.allclose(out[0, 0, 0], 8e36, rtol=1e-6)
    zero = kernels.conv2d(np.zeros_like(images), weight)
    assert not zero.any()
    images[0, 0, 0, 1] = np.nan
    out = kernels.conv2d(images, weight[:2, :2])
    assert np.isnan(out).any(axis=3).tolist() == [[[True, False], [False, False]]]


@pytest.mark.parametrize(
    ("images", "weight", "choices"),
    [
        ((1, 2, 2, 3), (3, 3, 3, 1), {}),
        ((1, 4, 4, 3), (3, 3, 2, 1), {}),
        ((1, 4, 4, 3), (3, 3, 3), {}),
        ((4, 4, 3), (3, 3, 3, 1), {}),
        ((1, 4, 4, 3), (3, 3, 3, 1), {"stride": 0}),
        ((1, 4, 4, 3), (3, 3, 3, 1), {"padding": -1}),
        ((1, 4, 4, 4), (3, 3, 2, 3), {"groups": 2}),
        ((1, 4, 4, 3), (3, 3, 1, 2), {"groups": 2}),
        ((1, 4, 4, 3), (3, 3, 3, 1), {"groups": 0}),
    ],
)
def test_refused(images, weight, choices):
    with pytest.raises(ValueError, match=r"\S+ \S+"):
        kernels.conv2d(np.ones(images), np.ones(weight), **choices)


def test_refused_dtypes():
    images, weight = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1))
    for x, w in [
        (images.astype(np.float32), weight),
        (images.astype(int), weight.astype(int)),
        (images.astype(np.float16), weight.astype(np.float16)),
    ]:
        with pytest.raises(ValueError, match=r"dtype|float32"):
            kernels.conv2d(x, w)
