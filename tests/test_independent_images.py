"""Local fields, pooling and batch normalisation against 50 digits, differences, wrong versions."""

from typing import NamedTuple

import numpy as np
import pytest

from ffref import kernels, layers
from tests.independent import scalar_batch_norm, scalar_images
from tests.independent.compare import (
    SCALED_FLOAT32,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.image_cases import (
    FIELD_CASES,
    NORM_CASES,
    POOL_CASES,
    conv_arrays,
    field_arrays,
    norm_arrays,
)
from tests.independent.precision import exact, rounded


class Check(NamedTuple):
    """One derivative of one function of one array, pulled back to one number."""

    name: str
    x: np.ndarray
    d_out: np.ndarray
    value: object  # x -> out
    pulled: object  # () -> d_x
    expected_value: object  # () -> out
    expected_pull: object  # () -> d_x


def field_checks(case):
    images, weight, d_out = field_arrays(case)
    walk = {"stride": case.stride, "padding": case.padding}
    indices = (images.shape, weight.shape, case.stride, case.padding)

    def products():
        return scalar_images.field_products(*indices)

    def expected_value():
        return scalar_images.weighted(products(), exact(images), exact(weight), d_out.shape)

    yield Check(
        f"fields {case.name}, weight",
        weight,
        d_out,
        lambda w: kernels.local_fields(images, w, **walk),
        lambda: kernels.local_fields_weight_grad(images, d_out, kernel_size=case.window, **walk),
        expected_value,
        lambda: scalar_images.weight_grad(products(), exact(images), exact(d_out), weight.shape),
    )
    yield Check(
        f"fields {case.name}, images",
        images,
        d_out,
        lambda x: kernels.local_fields(x, weight, **walk),
        lambda: kernels.local_fields_input_grad(
            d_out, weight, input_size=images.shape[1:3], **walk
        ),
        expected_value,
        lambda: scalar_images.input_grad(products(), exact(weight), exact(d_out), images.shape),
    )


def pool_checks(case):
    images, _, d_out = conv_arrays(case)
    walk = {"size": case.window, "stride": case.stride}
    where = (images.shape, case.window, case.stride)
    back = {"input_size": images.shape[1:3], **walk}
    yield Check(
        f"max pool {case.name}",
        images,
        d_out,
        lambda x: layers.max_pool2d(x, **walk)[0],
        lambda: layers.max_pool2d_vjp(d_out, layers.max_pool2d(images, **walk)[1], **back),
        lambda: scalar_images.max_pool(exact(images), *where)[0],
        lambda: scalar_images.max_pool_grad(exact(images), exact(d_out), *where),
    )
    yield Check(
        f"average pool {case.name}",
        images,
        d_out,
        lambda x: layers.average_pool2d(x, **walk),
        lambda: layers.average_pool2d_vjp(d_out, **back),
        lambda: scalar_images.average_pool(exact(images), *where),
        lambda: scalar_images.average_pool_grad(exact(d_out), *where),
    )


def columns(array):
    """Exact columns of the last axis."""
    return exact(array.reshape(-1, array.shape[-1]).T)


def together(nested, shape):
    """Columns back in the layout of the array."""
    return rounded(nested).T.reshape(shape)


NORM_PARTS = ("x", "scale", "shift")


def norm_checks(case):
    x, d_out, scale, shift = norm_arrays(case)
    eps, size = {"eps": case.eps}, len(scale)
    numbers = [exact(scale), exact(shift)]

    def forward(x, scale, shift):
        return layers.batch_norm_forward(layers.BatchNorm(scale, shift), x, **eps)

    def grads():
        _, statistics = forward(x, scale, shift)
        norm = layers.BatchNorm(scale, shift)
        return layers.batch_norm_grads(norm, x, d_out, statistics, **eps)

    def expected_value():
        parts = zip(columns(x), *numbers, strict=True)
        out = [scalar_batch_norm.batch_norm(c, g, b, exact(case.eps)) for c, g, b in parts]
        return together(out, x.shape)

    def expected(part):
        triples = zip(columns(x), numbers[0], columns(d_out), strict=True)
        every = [
            scalar_batch_norm.batch_norm_grads(c, g, d, exact(case.eps)) for c, g, d in triples
        ]
        found = [every[channel][part] for channel in range(size)]
        return together(found, x.shape) if part == 0 else rounded(found)

    arrays = (x, scale, shift)
    for part, name in enumerate(NORM_PARTS):
        yield Check(
            f"batch norm {case.name}, {name}",
            arrays[part],
            d_out,
            lambda a, part=part: forward(*(a if i == part else b for i, b in enumerate(arrays)))[
                0
            ],
            lambda part=part: grads()[part],
            expected_value,
            lambda part=part: expected(part),
        )


def inference_checks(case):
    x, d_out, scale, shift = norm_arrays(case)
    rng = np.random.default_rng(case.seed + 5000)
    running = layers.RunningStatistics(
        rng.normal(size=scale.shape), rng.uniform(0.2, 2, scale.shape)
    )
    numbers = [exact(a) for a in (scale, shift, *running)]
    arrays = (x, scale, shift)

    def forward(x, scale, shift):
        norm = layers.BatchNorm(scale, shift)
        return layers.batch_norm_inference(norm, x, running, eps=case.eps)

    def expected_value():
        parts = zip(columns(x), *numbers, strict=True)
        out = [scalar_batch_norm.inference(*part, exact(case.eps)) for part in parts]
        return together(out, x.shape)

    def expected(part):
        parts = zip(columns(x), numbers[0], columns(d_out), *numbers[2:], strict=True)
        every = [scalar_batch_norm.inference_grads(*p, exact(case.eps)) for p in parts]
        found = [line[part] for line in every]
        return together(found, x.shape) if part == 0 else rounded(found)

    for part, name in enumerate(NORM_PARTS):
        yield Check(
            f"inference {case.name}, {name}",
            arrays[part],
            d_out,
            lambda a, part=part: forward(*(a if i == part else b for i, b in enumerate(arrays))),
            lambda part=part: layers.batch_norm_inference_grads(
                layers.BatchNorm(scale, shift), x, d_out, running, eps=case.eps
            )[part],
            expected_value,
            lambda part=part: expected(part),
        )


CHECKS = [
    *[check for case in FIELD_CASES for check in field_checks(case)],
    *[check for case in POOL_CASES for check in pool_checks(case)],
    *[check for case in NORM_CASES for check in norm_checks(case)],
    *[check for case in NORM_CASES[:3] for check in inference_checks(case)],
]
each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


def as_array(expected):
    return expected if isinstance(expected, np.ndarray) else rounded(expected)


@each_check
def test_value(check):
    expected = as_array(check.expected_value())
    value = check.value(check.x)
    assert scaled_close(value, expected)
    assert not scaled_close(value * 1.01, expected)


@each_check
def test_pull_back(check):
    expected = as_array(check.expected_pull())
    pulled = check.pulled()
    assert scaled_close(pulled, expected)
    for name, wrong in wrong_versions(pulled):
        assert not scaled_close(wrong, expected), name


@each_check
def test_pull_back_is_the_difference(check):
    differences = central_difference(lambda x: np.sum(check.d_out * check.value(x)), check.x)
    pulled = check.pulled()
    assert difference_close(pulled, differences)
    for name, wrong in wrong_versions(pulled):
        assert not difference_close(wrong, differences), name


@pytest.mark.parametrize("case", POOL_CASES, ids=lambda case: case.name)
def test_place_of_the_largest(case):
    images, _, _ = conv_arrays(case)
    where = (images.shape, case.window, case.stride)
    _, index = kernels.max_pool2d(images, size=case.window, stride=case.stride)
    assert np.array_equal(index, rounded(scalar_images.max_pool(exact(images), *where)[1]))


@pytest.mark.parametrize("case", NORM_CASES, ids=lambda case: case.name)
def test_running_statistics(case):
    x = norm_arrays(case)[0]
    rng = np.random.default_rng(case.seed + 6000)
    before = layers.RunningStatistics(rng.normal(size=x.shape[-1]), rng.uniform(1, 2, x.shape[-1]))
    norm, _ = layers.fresh_batch_norm(x.shape[-1])
    _, statistics = layers.batch_norm_forward(norm, x, eps=case.eps)
    after = layers.advance_running(before, statistics, momentum=0.3)
    share = exact(0.3)
    for channel, column in enumerate(columns(x)):
        news = (scalar_batch_norm.moments(column)[0], scalar_batch_norm.unbiased(column))
        for mine, old, new in zip(after, before, news, strict=True):
            expected = rounded(scalar_batch_norm.running(exact(old[channel]), new, share))
            assert np.isclose(mine[channel], expected, rtol=1e-13, atol=1e-14)
            assert not np.isclose(1.01 * mine[channel], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("case", FIELD_CASES[:6], ids=lambda case: case.name)
def test_float32_fields(case):
    images, weight, d_out = (a.astype(np.float32) for a in field_arrays(case))
    walk = {"stride": case.stride, "padding": case.padding}
    products = list(
        scalar_images.field_products(images.shape, weight.shape, case.stride, case.padding)
    )
    x, w, d = exact(images), exact(weight), exact(d_out)
    size = {"input_size": images.shape[1:3]}
    for mine, expected in [
        (
            kernels.local_fields(images, weight, **walk),
            scalar_images.weighted(products, x, w, d_out.shape),
        ),
        (
            kernels.local_fields_weight_grad(images, d_out, kernel_size=case.window, **walk),
            scalar_images.weight_grad(products, x, d, weight.shape),
        ),
        (
            kernels.local_fields_input_grad(d_out, weight, **size, **walk),
            scalar_images.input_grad(products, w, d, images.shape),
        ),
    ]:
        assert mine.dtype == np.float32
        assert scaled_close(mine, rounded(expected), SCALED_FLOAT32)


@pytest.mark.parametrize("case", NORM_CASES, ids=lambda case: case.name)
def test_float32_batch_norm(case):
    x, d_out, scale, shift = (a.astype(np.float32) for a in norm_arrays(case))
    norm = layers.BatchNorm(scale, shift)
    out, statistics = layers.batch_norm_forward(norm, x, eps=case.eps)
    mine = layers.batch_norm_grads(norm, x, d_out, statistics, eps=case.eps)
    lists = zip(*map(columns, (x, d_out)), exact(scale), exact(shift), strict=True)
    values, grads = [], []
    for c, d, g, b in lists:
        values.append(scalar_batch_norm.batch_norm(c, g, b, exact(case.eps)))
        grads.append(scalar_batch_norm.batch_norm_grads(c, g, d, exact(case.eps)))
    assert out.dtype == np.float32
    # one rounding of the result: the sums run in float64
    assert scaled_close(out, together(values, x.shape), 1e-7)
    d_x, d_scale, d_shift = zip(*grads, strict=True)
    for array, expected in zip(
        mine,
        [together(list(d_x), x.shape), rounded(list(d_scale)), rounded(list(d_shift))],
        strict=True,
    ):
        assert array.dtype == np.float32
        assert scaled_close(array, expected, 1e-7)
