"""Values and gradients of every formula against 50 digits, differences, and wrong versions.

One case is a function of one array, pulled back to one number by a fixed upstream derivative.
"""

from typing import NamedTuple

import numpy as np
import pytest

from ffref import formulas
from tests.independent import scalar_elementwise as elementwise
from tests.independent import scalar_ff, scalar_norms
from tests.independent.cases import (
    COSINE_SHAPES,
    CROSS_ENTROPY_CASES,
    LAST_AXIS_SHAPES,
    NORM_SHAPES,
    SCALES,
    random_pair,
)
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, rounded


class Case(NamedTuple):
    """A function, its pull-back of `d_out`, and the 50-digit answers."""

    name: str
    x: np.ndarray
    d_out: np.ndarray
    value: object  # x -> out
    pull: object  # (d_out, x) -> d_x
    expected_value: object  # () -> out
    expected_pull: object  # () -> d_x


def by_rows(function, *nested):
    """Apply a function of single rows along the last axis of nested lists."""
    if not isinstance(nested[0][0], list):
        return function(*nested)
    return [by_rows(function, *parts) for parts in zip(*nested, strict=True)]


def elementwise_case(name, shape, seed):
    x, d_out = random_pair(shape, seed)
    grad = getattr(formulas, f"{name}_grad")
    scalar, scalar_grad = getattr(elementwise, name), getattr(elementwise, f"{name}_grad")
    return Case(
        f"{name} {shape}",
        x,
        d_out,
        getattr(formulas, name),
        lambda d, x: d * grad(x),
        lambda: by_rows(lambda row: [scalar(e) for e in row], exact(x)),
        lambda: by_rows(
            lambda row, d: [u * scalar_grad(e) for e, u in zip(row, d, strict=True)],
            exact(x),
            exact(d_out),
        ),
    )


def row_value_case(name, scalar, scalar_grad, pair, keywords):
    """One number a row along the last axis: log-sum-exp and the goodness functions."""
    x, d_out = pair[0], pair[1][..., 0]
    value, grad = getattr(formulas, name), getattr(formulas, f"{name}_grad")
    return Case(
        f"{name} {x.shape} {keywords or ''}",
        x,
        d_out,
        lambda x: value(x, **keywords),
        lambda d, x: d[..., None] * grad(x, **keywords),
        lambda: by_rows(scalar, exact(x)),
        lambda: by_rows(
            lambda row, d: [d[0] * e for e in scalar_grad(row)],
            exact(x),
            exact(d_out[..., None]),
        ),
    )


def log_mean_exp_case(shape, seed, scale):
    return row_value_case(
        "log_mean_exp",
        lambda row: elementwise.log_mean_exp(row, exact(scale)),
        lambda row: elementwise.log_mean_exp_grad(row, exact(scale)),
        random_pair(shape, seed),
        {"scale": scale},
    )


def log_sum_exp_case(shape, seed):
    scalar, grad = elementwise.log_sum_exp, elementwise.log_sum_exp_grad
    return row_value_case("log_sum_exp", scalar, grad, random_pair(shape, seed), {})


def goodness_case(kind, shape, seed):
    return row_value_case(
        f"{kind}_of_squares",
        lambda row: scalar_ff.goodness(row, kind),
        lambda row: scalar_ff.goodness_grad(row, kind),
        random_pair(shape, seed),
        {},
    )


def norm_case(name, shape, seed):
    x, d_out = random_pair(shape, seed)
    scalar, scalar_vjp = getattr(scalar_norms, name), getattr(scalar_norms, f"{name}_vjp")
    return Case(
        f"{name} {shape}",
        x,
        d_out,
        getattr(formulas, name),
        getattr(formulas, f"{name}_vjp"),
        lambda: by_rows(scalar, exact(x)),
        lambda: by_rows(scalar_vjp, exact(d_out), exact(x)),
    )


def cosine_case(side, rows, others, units, seed):
    rng = np.random.default_rng(seed)
    pair = [rng.normal(size=(rows, units)), rng.normal(size=(others, units))]
    d_out = rng.normal(size=(rows, others))

    def placed(x):
        return (x, pair[1]) if side == 0 else (pair[0], x)

    def expected_pull():
        return scalar_norms.cosine_similarity_vjp(exact(d_out), *map(exact, pair))[side]

    return Case(
        f"cosine_similarity in argument {side}, {rows} {others} {units}",
        pair[side],
        d_out,
        lambda x: formulas.cosine_similarity(*placed(x)),
        lambda d, x: formulas.cosine_similarity_vjp(d, *placed(x))[side],
        lambda: scalar_norms.cosine_similarity(*map(exact, pair)),
        expected_pull,
    )


def cross_entropy_case(batch, classes, smoothing, seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(batch, classes)) * 2, rng.integers(classes, size=batch)
    options = {"label_smoothing": smoothing}
    return Case(
        f"softmax_cross_entropy {batch} {classes} smoothing {smoothing}",
        x,
        np.array(1.0),
        lambda x: formulas.softmax_cross_entropy(x, labels, **options),
        lambda d, x: d * formulas.softmax_cross_entropy_grad(x, labels, **options),
        lambda: elementwise.mean_cross_entropy(exact(x), labels, exact(smoothing)),
        lambda: elementwise.mean_cross_entropy_grad(exact(x), labels, exact(smoothing)),
    )


CASES = [
    *[elementwise_case(n, (3, 5), 401) for n in ("softplus", "sigmoid", "relu")],
    *[elementwise_case(n, (4, 4), 402) for n in ("softplus", "sigmoid", "relu")],
    *[log_sum_exp_case(*shape) for shape in LAST_AXIS_SHAPES],
    *[log_mean_exp_case(*shape, scale) for shape in LAST_AXIS_SHAPES for scale in SCALES],
    *[goodness_case(kind, *shape) for kind in scalar_ff.GOODNESS for shape in NORM_SHAPES],
    *[norm_case("l2_normalize", *shape) for shape in NORM_SHAPES],
    *[norm_case("rms_normalize", *shape) for shape in NORM_SHAPES],
    *[norm_case("layer_normalize", *shape) for shape in NORM_SHAPES if shape[0][1] > 2],
    *[cosine_case(side, *sizes) for sizes in COSINE_SHAPES[:3] for side in (0, 1)],
    *[cross_entropy_case(*case) for case in CROSS_ENTROPY_CASES],
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_case
def test_value(case):
    assert scaled_close(case.value(case.x), rounded(case.expected_value()))


@each_case
def test_pull_back(case):
    expected = rounded(case.expected_pull())
    pulled = case.pull(case.d_out, case.x)
    assert pulled.shape == case.x.shape
    assert scaled_close(pulled, expected)
    for name, wrong in wrong_versions(pulled):
        assert not scaled_close(wrong, expected), name


@each_case
def test_pull_back_is_the_difference(case):
    differences = central_difference(lambda x: np.sum(case.d_out * case.value(x)), case.x)
    pulled = case.pull(case.d_out, case.x)
    assert difference_close(pulled, differences)
    for name, wrong in wrong_versions(pulled):
        assert not difference_close(wrong, differences), name


def test_softmax_is_the_derivative_of_log_sum_exp():
    x, _ = random_pair((3, 5), 403)
    expected = rounded([elementwise.log_sum_exp_grad(row) for row in exact(x)])
    assert scaled_close(formulas.softmax(x), expected)


@pytest.mark.parametrize(("rows", "others", "units", "seed"), COSINE_SHAPES[3:])
def test_cosine_of_one_unit_is_a_sign_without_slope(rows, others, units, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rows, units)), rng.normal(size=(others, units))
    assert scaled_close(formulas.cosine_similarity(a, b), np.sign(a) * np.sign(b).T)
    d_a, d_b = formulas.cosine_similarity_vjp(rng.normal(size=(rows, others)), a, b)
    assert np.allclose(d_a, 0, atol=1e-13)
    assert np.allclose(d_b, 0, atol=1e-13)


def test_layer_normalize_of_two_units_has_no_slope():
    x, d_out = random_pair((5, 2), 404)
    assert np.allclose(formulas.layer_normalize_vjp(d_out, x), 0, atol=1e-13)
