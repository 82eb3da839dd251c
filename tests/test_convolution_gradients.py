"""The gradients of convolution as derivatives: adjointness, finite differences, wrong versions."""

import numpy as np
import pytest

from ffref import kernels
from tests.convolution_cases import DTYPES, LARGER, SMALL, name
from tests.independent.compare import central_difference, difference_close, wrong_versions


def inner(x, y):
    return float(np.sum(x.astype(np.float64) * y))


def gradients(case, images, weight, d_out):
    return (
        kernels.conv2d_weight_grad(images, d_out, kernel_size=case.kernel, **case.options),
        kernels.conv2d_input_grad(d_out, weight, input_size=case.images[1:3], **case.options),
    )


@pytest.mark.parametrize("case", SMALL + LARGER, ids=name)
def test_gradients_are_the_adjoint_maps(case):
    images, weight, d_out = case.arrays(np.float64)
    d_weight, d_images = gradients(case, images, weight, d_out)
    product = inner(kernels.conv2d(images, weight, **case.options), d_out)
    scale = 1e-12 * np.sqrt(inner(images, images) * inner(weight, weight) * inner(d_out, d_out))
    assert abs(inner(d_weight, weight) - product) <= scale
    assert abs(inner(d_images, images) - product) <= scale
    assert abs(inner(1.01 * d_weight, weight) - product) > scale
    assert abs(inner(1.01 * d_images, images) - product) > scale


@pytest.mark.parametrize("case", SMALL, ids=name)
def test_gradients_are_those_of_finite_differences(case):
    images, weight, d_out = case.arrays(np.float64)

    def loss(images, weight):
        return inner(kernels.conv2d(images, weight, **case.options), d_out)

    d_weight, d_images = gradients(case, images, weight, d_out)
    for gradient, numerical in (
        (d_weight, central_difference(lambda w: loss(images, w), weight)),
        (d_images, central_difference(lambda x: loss(x, weight), images)),
    ):
        assert difference_close(gradient, numerical)
        for kind, wrong in wrong_versions(gradient):
            assert not difference_close(wrong, numerical), kind


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [SMALL[0], SMALL[4], LARGER[0], LARGER[7]], ids=name)
def test_input_gradient_at_stride_1_is_a_convolution_with_the_turned_kernel(case, dtype):
    _, weight, d_out = case.arrays(dtype)
    turned = weight[::-1, ::-1].swapaxes(2, 3)
    padding = tuple(k - 1 - p for k, p in zip(case.kernel, case.padding, strict=True))
    if min(padding) < 0:  # beyond the image: cut off
        crop = [slice(-p, p) if p < 0 else slice(None) for p in padding]
        d_out, padding = d_out[:, crop[0], crop[1]], tuple(max(p, 0) for p in padding)
    expected = kernels.conv2d(d_out, turned, padding=padding)
    d_images = kernels.conv2d_input_grad(
        case.arrays(dtype)[2], weight, input_size=case.images[1:3], **case.options
    )
    scale = np.abs(expected).max()
    np.testing.assert_allclose(d_images, expected, rtol=0, atol=scale * 64 * np.finfo(dtype).eps)
