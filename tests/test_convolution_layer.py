"""The convolution layer: bias, gradients, initialisation, PyTorch."""

import numpy as np
import pytest

from ffref import layers
from tests.independent import scalar_images
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.image_cases import CONV_CASES, conv_arrays
from tests.independent.precision import exact, rounded

each_case = pytest.mark.parametrize("case", CONV_CASES, ids=lambda case: case.name)
each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def walk(case):
    return {"stride": case.stride, "padding": case.padding, "groups": case.groups}


def arrays(case, dtype=np.float64):
    """(images, Conv, d_out)."""
    images, weight, d_out = (a.astype(dtype) for a in conv_arrays(case))
    bias = np.random.default_rng(case.seed).normal(size=case.outputs).astype(dtype)
    return images, layers.Conv(weight, bias), d_out


@each_float
@each_case
def test_value(case, dtype):
    images, conv, d_out = arrays(case, dtype)
    products = scalar_images.conv_products(
        images.shape, conv.weight.shape, case.stride, case.padding, case.groups
    )
    weighted = scalar_images.weighted(products, exact(images), exact(conv.weight), d_out.shape)
    expected = rounded(weighted) + conv.bias.astype(np.float64)
    out = layers.conv_forward(conv, images, **walk(case))
    assert out.dtype == dtype
    assert scaled_close(out, expected, TOLERANCE[dtype])
    assert not scaled_close(1.01 * out, expected, TOLERANCE[dtype])


@each_case
def test_gradients_are_the_differences(case):
    images, conv, d_out = arrays(case)

    def loss(conv, images):
        return np.sum(d_out * layers.conv_forward(conv, images, **walk(case)))

    d_weight, d_bias = layers.conv_grads(images, d_out, kernel_size=case.window, **walk(case))
    d_images = layers.conv_input_grad(conv, d_out, input_size=case.images[1:3], **walk(case))
    for gradient, value, at in [
        (d_weight, lambda w: loss(conv._replace(weight=w), images), conv.weight),
        (d_bias, lambda b: loss(conv._replace(bias=b), images), conv.bias),
        (d_images, lambda x: loss(conv, x), images),
    ]:
        differences = central_difference(value, at)
        assert difference_close(gradient, differences)
        for name, wrong in wrong_versions(gradient):
            assert not difference_close(wrong, differences), name


def test_bias_of_many_pixels_keeps_its_digits_in_float32():
    rng = np.random.default_rng(611)
    d_out = (1 + rng.normal(size=(16, 64, 64, 3))).astype(np.float32)
    _, d_bias = layers.conv_grads(np.zeros((16, 64, 64, 1), np.float32), d_out, kernel_size=1)
    assert d_bias.dtype == np.float32
    assert np.allclose(d_bias, d_out.sum(axis=(0, 1, 2), dtype=np.float64), rtol=6e-8)


IMAGES, CONV = np.ones((2, 4, 4, 3)), layers.Conv(np.ones((2, 2, 3, 5)), np.ones(5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.conv_forward(CONV._replace(bias=np.ones(4)), IMAGES), "bias must be"),
        (
            lambda: layers.conv_forward(CONV._replace(bias=np.ones(5, np.float32)), IMAGES),
            "of float32",
        ),
        (lambda: layers.conv_forward(CONV, IMAGES[..., :2]), "channels"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.torch
@each_float
@each_case
def test_against_torch(case, dtype):
    torch = pytest.importorskip("torch")
    images, conv, d_out = arrays(case, dtype)
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in (images, *conv))
    out = torch.nn.functional.conv2d(
        x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias, **walk(case)
    ).permute(0, 2, 3, 1)
    out.backward(torch.tensor(d_out))
    d_weight, d_bias = layers.conv_grads(images, d_out, kernel_size=case.window, **walk(case))
    d_images = layers.conv_input_grad(conv, d_out, input_size=case.images[1:3], **walk(case))
    for mine, theirs in [
        (layers.conv_forward(conv, images, **walk(case)), out.detach()),
        (d_weight, weight.grad),
        (d_bias, bias.grad),
        (d_images, x.grad),
    ]:
        assert mine.dtype == dtype
        assert scaled_close(mine, theirs.numpy(), TOLERANCE[dtype])
        assert not scaled_close(1.01 * mine, theirs.numpy(), TOLERANCE[dtype])
