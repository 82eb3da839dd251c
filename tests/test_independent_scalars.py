"""The scalar formulations themselves: their gradients against differences of 50 digits."""

import numpy as np
import pytest

from tests.independent import scalar_dense, scalar_elementwise, scalar_ff, scalar_hff, scalar_norms
from tests.independent.cases import (
    COSINE_SHAPES,
    CROSS_ENTROPY_CASES,
    FF_CASES,
    HFF_CASES,
    NORM_SHAPES,
    SCALES,
    exact_settings,
    ff_arrays,
    hff_arrays,
    random_pair,
)
from tests.independent.precision import difference_gradient, exact, mp, rounded

NAMED = {"ids": lambda case: case.name}


def agree(mine, differences):
    """Equal to 1e-40, absolute: all entries are of order 1."""
    if isinstance(mine, list):
        return len(mine) == len(differences) and all(map(agree, mine, differences))
    return abs(mine - differences) < mp.mpf(10) ** -40


@pytest.mark.parametrize("name", ["softplus", "sigmoid", "relu"])
@pytest.mark.parametrize("x", [-3.5, -0.25, 0.75, 4.0])
def test_elementwise(name, x):
    value = getattr(scalar_elementwise, name)
    grad = getattr(scalar_elementwise, f"{name}_grad")
    assert agree(grad(exact(x)), difference_gradient(value, exact(x)))


@pytest.mark.parametrize("scale", SCALES)
def test_log_mean_exp(scale):
    row = exact(random_pair((5,), 1)[0])
    mine = scalar_elementwise.log_mean_exp_grad(row, exact(scale))
    value = difference_gradient(lambda r: scalar_elementwise.log_mean_exp(r, exact(scale)), row)
    assert agree(mine, value)


@pytest.mark.parametrize(("batch", "classes", "smoothing", "seed"), CROSS_ENTROPY_CASES)
def test_cross_entropy(batch, classes, smoothing, seed):
    rows, labels = exact(random_pair((batch, classes), seed)[0]), np.arange(batch) % classes
    mine = scalar_elementwise.mean_cross_entropy_grad(rows, labels, exact(smoothing))
    assert agree(
        mine,
        difference_gradient(
            lambda r: scalar_elementwise.mean_cross_entropy(r, labels, exact(smoothing)), rows
        ),
    )


@pytest.mark.parametrize("name", ["l2_normalize", "rms_normalize", "layer_normalize"])
@pytest.mark.parametrize(("shape", "seed"), NORM_SHAPES)
def test_norms(name, shape, seed):
    x, d_out = (exact(a[0]) for a in random_pair(shape, seed))
    value = getattr(scalar_norms, name)
    mine = getattr(scalar_norms, f"{name}_vjp")(d_out, x)
    assert agree(mine, difference_gradient(lambda r: scalar_norms.dot(d_out, value(r)), x))


@pytest.mark.parametrize(("rows", "others", "units", "seed"), COSINE_SHAPES)
def test_cosine(rows, others, units, seed):
    rng = np.random.default_rng(seed)
    a, b, d_out = (
        exact(rng.normal(size=s)) for s in [(rows, units), (others, units), (rows, others)]
    )

    def total(left, right):
        cosines = scalar_norms.cosine_similarity(left, right)
        return mp.fsum(map(scalar_norms.dot, d_out, cosines))

    d_a, d_b = scalar_norms.cosine_similarity_vjp(d_out, a, b)
    assert agree(d_a, difference_gradient(lambda x: total(x, b), a))
    assert agree(d_b, difference_gradient(lambda x: total(a, x), b))


@pytest.mark.parametrize("case", FF_CASES[:-1], **NAMED)
def test_ff(case):
    activity, polarity = ff_arrays(case)
    rows, threshold = exact(activity), exact(case.threshold)
    mine = scalar_ff.ff_loss_grad(rows, polarity, threshold, case.kind)
    value = difference_gradient(
        lambda y: scalar_ff.ff_loss(y, polarity, threshold, case.kind), rows
    )
    assert agree(mine, value)


@pytest.mark.parametrize("case", HFF_CASES, **NAMED)
def test_hff(case):
    activity, labels, prototypes = hff_arrays(case)
    rows, groups, settings = exact(activity), exact(prototypes), exact_settings(case)
    d_rows, d_groups = scalar_hff.hff_loss_grads(rows, labels, groups, **settings)
    line = [rows[0]]  # one sample is enough for differences; its gradient is B times as large
    alone, alone_groups = scalar_hff.hff_loss_grads(line, labels[:1], groups, **settings)
    by_row = difference_gradient(
        lambda r: scalar_hff.hff_loss(r, labels[:1], groups, **settings), line
    )
    by_group = difference_gradient(
        lambda p: scalar_hff.hff_loss(line, labels[:1], p, **settings), groups
    )
    assert agree(alone, by_row)
    assert agree(alone_groups, by_group)
    assert np.allclose(rounded(d_rows[0]) * case.batch, rounded(alone[0]), rtol=1e-15, atol=1e-30)
    assert np.shape(rounded(d_groups)) == prototypes.shape


@pytest.mark.parametrize("case", [c for c in HFF_CASES if c.classes > 1], **NAMED)
def test_hff_is_a_doubly_smoothed_margin(case):
    activity, labels, prototypes = hff_arrays(case)
    rows, groups = exact(activity), exact(prototypes)
    settings = exact_settings(case)
    del settings["smoothing"]
    softmax_form = scalar_hff.hff_loss(rows, labels, groups, **settings)
    margin_form = scalar_hff.margin_form(rows, labels, groups, **settings)
    assert agree(softmax_form, margin_form)


def test_layer():
    rng = np.random.default_rng(5)
    x, weight, bias = (exact(rng.normal(size=s)) for s in [(4, 3), (3, 5), (5,)])
    polarity, threshold = [1, -1, -1, 1], mp.mpf(2)

    def loss(w, b):
        return scalar_ff.ff_loss(scalar_dense.activity(x, w, b), polarity, threshold)

    upstream = scalar_ff.ff_loss_grad(scalar_dense.activity(x, weight, bias), polarity, threshold)
    d_weight, d_bias = scalar_dense.layer_grads(x, weight, bias, upstream)
    assert agree(d_weight, difference_gradient(lambda w: loss(w, bias), weight))
    assert agree(d_bias, difference_gradient(lambda b: loss(weight, b), bias))
