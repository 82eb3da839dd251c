"""Scalar formulations of layers on images: their gradients against differences of 50 digits."""

import numpy as np
import pytest

from tests.independent import scalar_batch_norm, scalar_images
from tests.independent.image_cases import (
    CONV_CASES,
    FIELD_CASES,
    NORM_CASES,
    POOL_CASES,
    conv_arrays,
    field_arrays,
    norm_arrays,
)
from tests.independent.precision import difference_gradient, exact, mp
from tests.test_independent_scalars import agree

NAMED = {"ids": lambda case: case.name}


def flat(nested):
    return [e for line in nested for e in flat(line)] if isinstance(nested, list) else [nested]


def total(d_out, out):
    return mp.fsum([d * o for d, o in zip(flat(d_out), flat(out), strict=True)])


def check_products(products, images, weight, d_out):
    x, w, d = exact(images), exact(weight), exact(d_out)
    shape = d_out.shape

    def value(x, w):
        return total(d, scalar_images.weighted(products, x, w, shape))

    d_w = scalar_images.weight_grad(products, x, d, weight.shape)
    d_x = scalar_images.input_grad(products, w, d, images.shape)
    assert agree(d_w, difference_gradient(lambda w: value(x, w), w))
    assert agree(d_x, difference_gradient(lambda x: value(x, w), x))


SMALL = {"1x1", "one image, one channel, one output", "padding wider than the window"}


@pytest.mark.parametrize("case", [c for c in CONV_CASES if c.name in SMALL], **NAMED)
def test_convolution(case):
    images, weight, d_out = conv_arrays(case)
    products = list(
        scalar_images.conv_products(
            images.shape, weight.shape, case.stride, case.padding, case.groups
        )
    )
    check_products(products, images, weight, d_out)


@pytest.mark.parametrize("case", [c for c in FIELD_CASES if c.name in SMALL], **NAMED)
def test_local_fields(case):
    images, weight, d_out = field_arrays(case)
    products = list(
        scalar_images.field_products(images.shape, weight.shape, case.stride, case.padding)
    )
    check_products(products, images, weight, d_out)


def test_groups_are_convolutions_side_by_side():
    case = next(c for c in CONV_CASES if c.name == "2 groups")
    images, weight, d_out = conv_arrays(case)
    whole = scalar_images.weighted(
        scalar_images.conv_products(images.shape, weight.shape, case.stride, case.padding, 2),
        exact(images), exact(weight), d_out.shape,
    )  # fmt: skip
    for g in range(2):
        x, w = images[..., 2 * g : 2 * g + 2], weight[..., 3 * g : 3 * g + 3]
        products = scalar_images.conv_products(x.shape, w.shape, case.stride, case.padding)
        part = scalar_images.weighted(products, exact(x), exact(w), (*d_out.shape[:3], 3))
        mine = [[[c[3 * g : 3 * g + 3] for c in row] for row in image] for image in whole]
        assert agree(mine, part)


@pytest.mark.parametrize("case", POOL_CASES[1:4], **NAMED)
def test_pooling(case):
    images, _, d_out = conv_arrays(case)
    x, d, where = exact(images), exact(d_out), (images.shape, case.window, case.stride)
    assert agree(
        scalar_images.max_pool_grad(x, d, *where),
        difference_gradient(lambda x: total(d, scalar_images.max_pool(x, *where)[0]), x),
    )
    assert agree(
        scalar_images.average_pool_grad(d, *where),
        difference_gradient(lambda x: total(d, scalar_images.average_pool(x, *where)), x),
    )


@pytest.mark.parametrize("case", NORM_CASES, **NAMED)
def test_batch_norm(case):
    x, d_out, scale, shift = norm_arrays(case)
    column, d = (exact(a.reshape(-1, a.shape[-1])[:, 0]) for a in (x, d_out))
    g, b, eps = exact(scale[0]), exact(shift[0]), exact(case.eps)

    def value(column, g, b):
        return total(d, scalar_batch_norm.batch_norm(column, g, b, eps))

    d_x, d_scale, d_shift = scalar_batch_norm.batch_norm_grads(column, g, d, eps)
    assert agree(d_x, difference_gradient(lambda c: value(c, g, b), column))
    assert agree(d_scale, difference_gradient(lambda g: value(column, g, b), g))
    assert agree(d_shift, difference_gradient(lambda b: value(column, g, b), b))


def test_batch_norm_inference():
    column, d = exact(np.array([0.5, -1.5, 2.0])), exact(np.array([1.0, 0.25, -3.0]))
    numbers = [exact(v) for v in (1.5, -0.5, 0.25, 2.0, 0.01)]
    g, b, mean, variance, eps = numbers

    def value(column, g, b):
        return total(d, scalar_batch_norm.inference(column, g, b, mean, variance, eps))

    d_x, d_scale, d_shift = scalar_batch_norm.inference_grads(column, g, d, mean, variance, eps)
    assert agree(d_x, difference_gradient(lambda c: value(c, g, b), column))
    assert agree(d_scale, difference_gradient(lambda g: value(column, g, b), g))
    assert agree(d_shift, difference_gradient(lambda b: value(column, g, b), b))


def test_unbiased_variance_is_that_of_a_sample():
    column = exact(np.array([0.5, -1.5, 2.0, 7.0]))
    assert agree(scalar_batch_norm.unbiased(column), scalar_batch_norm.moments(column)[1] * 4 / 3)
