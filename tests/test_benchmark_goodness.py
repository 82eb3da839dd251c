"""Goodness of the public benchmark: by hand, 50 digits, differences, autograd, extremes."""

import numpy as np
import pytest

from ffref import FFClassifier, formulas
from ffref.data import toy
from ffref.formulas import BENCHMARK_GOODNESS, sum_of_squares, sum_of_squares_grad
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_benchmark_goodness as scalar
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions
from tests.independent.precision import exact, mp

GRADED = {  # constants large enough that 1 % of their terms is seen
    "quartic_sum": {"weight": 0.1},
    "sparse_sum": {"weight": 0.7},
    "huber_sum": {"weight": 0.8, "delta": 0.9},
    "trimmed_sum": {"share": 0.2},
    "contribution_sum": {"weight": 0.9},
}
FROZEN = {
    "contribution_sum": scalar.magnitude_shares,
    "even_sum": scalar.magnitude_shares,
    "attention_sum": scalar.softmax_shares,
}
"""Of each rule, what is frozen in it."""
VALUES = [*GRADED, "even_sum", "attention_sum"]
UPSTREAM = np.array([1.3, -0.7, 0.4])


def rows(dtype=np.float64):
    return np.random.default_rng(7).normal(size=(3, 5)).astype(dtype)


def constants(name):
    return GRADED.get(name, {"weight": 0.9})


def total(name, *, frozen=None):
    """(loss, its 50-digit double): the goodness of all rows, each times a factor of its own."""

    def loss(y):
        return float(UPSTREAM @ getattr(formulas, name)(y, **constants(name)))

    def scalar_loss(nested):
        exact_constants = {key: mp.mpf(value) for key, value in constants(name).items()}
        parts = []
        for number, (row, factor) in enumerate(zip(nested, exact(UPSTREAM), strict=True)):
            fixed = {} if frozen is None else {"shares": frozen[number]}
            parts.append(factor * getattr(scalar, name)(row, **exact_constants, **fixed))
        return mp.fsum(parts)

    return loss, scalar_loss


@pytest.mark.parametrize("name", GRADED)
def test_derivatives_match_differences_and_50_digits(name):
    gradient = UPSTREAM[:, None] * getattr(formulas, f"{name}_grad")(rows(), **constants(name))
    assert_gradients([gradient], [rows()], *total(name))


@pytest.mark.parametrize("name", ["even_sum", "attention_sum"])
def test_values_against_50_digits(name):
    loss, scalar_loss = total(name)
    expected = float(scalar_loss(exact(rows())))
    assert loss(rows()) == pytest.approx(expected, rel=1e-14)
    assert 1.01 * loss(rows()) != pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", FROZEN)
def test_rules_are_derivatives_with_what_is_frozen_frozen(name):
    """And of nothing else: `assert_gradients` refuses what is 1 % off."""
    rule = UPSTREAM[:, None] * getattr(formulas, f"{name}_rule")(rows(), **constants(name))
    frozen = [FROZEN[name](row) for row in exact(rows())]
    _, surrogate = total(name, frozen=frozen)

    def in_float64(y):
        return float(surrogate(exact(y)))

    assert_gradients([rule], [rows()], in_float64, surrogate)


@pytest.mark.parametrize("name", VALUES)
def test_they_are_not_the_sum_of_squares(name):
    """And with a constant of 0 they are."""
    value = getattr(formulas, name)
    plain = sum_of_squares(rows())
    assert not scaled_close(value(rows(), **constants(name)), plain, 1e-3)
    nothing = {next(iter(constants(name))): 0.0}
    assert scaled_close(value(rows(), **nothing), plain)
    for end in ("grad", "rule"):
        slope = getattr(formulas, f"{name}_{end}", None)
        if slope is not None:
            assert scaled_close(slope(rows(), **nothing), sum_of_squares_grad(rows()))


def test_by_hand():
    # (1, -2, 0, 3): squares 14, fourth powers 98, magnitudes 6
    y = np.array([[1.0, -2.0, 0.0, 3.0]])

    def near(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)

    near(formulas.quartic_sum(y, weight=0.01), [13.02])
    near(formulas.quartic_sum_grad(y, weight=0.01), [[1.96, -3.68, 0, 4.92]])
    near(formulas.sparse_sum(y, weight=0.5), [11])
    near(formulas.sparse_sum_grad(y, weight=0.5), [[1.5, -3.5, 0, 5.5]])
    # huber of delta 2: 0.5, 2, 0, 2 * (3 - 1) = 4
    near(formulas.huber_sum(y, weight=1.0, delta=2.0), [7.5])
    near(formulas.huber_sum_grad(y, weight=1.0, delta=2.0), [[1, -2, 0, 4]])
    near(formulas.trimmed_sum(y, share=0.25), [5])
    near(formulas.trimmed_sum_grad(y, share=0.25), [[2, -4, 0, 0]])
    # shares 1/6, 2/6, 0, 3/6; q = (1 + 8 + 27) / 6 = 6, q / s = 1
    near(formulas.contribution_sum(y, weight=1.0), [20])
    near(formulas.contribution_sum_grad(y, weight=1.0), [[2 - 0.5, -4 - 1, 0, 6 + 3.5]])
    near(formulas.contribution_sum_rule(y, weight=1.0), [[7 / 3, -16 / 3, 0, 9]])


def test_special_cases():
    even, single = np.full((1, 4), -3.0), np.array([[0.0, 3.0, 0.0, 0.0]])
    assert formulas.contribution_sum(even, weight=0.4) == pytest.approx(36 * 1.1)
    assert formulas.contribution_sum(single, weight=0.4) == pytest.approx(9 * 1.4)
    for name in ("even_sum", "attention_sum"):
        assert getattr(formulas, name)(even, weight=0.4) == pytest.approx(36 * 1.4)
        assert getattr(formulas, name)(np.array([[2.0]]), weight=0.4) == 4
    assert formulas.even_sum(single, weight=0.4) == 9


@pytest.mark.parametrize("end", ["grad", "rule"])
def test_euler_of_contributions(end):
    slope = getattr(formulas, f"contribution_sum_{end}")(rows(), weight=0.9)
    twice = 2 * formulas.contribution_sum(rows(), weight=0.9)
    assert scaled_close((slope * rows()).sum(axis=1), twice)


def test_an_equal_pair_at_the_border_is_cut_by_its_index():
    y = np.array([[2.0, 1.0, -2.0, 1.0]])
    np.testing.assert_array_equal(formulas.trimmed_sum_grad(y, share=0.25), [[4, 0, 0, 2]])


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_stay_finite(name, dtype):
    value = getattr(formulas, name)
    slopes = [getattr(formulas, f"{name}_{end}", None) for end in ("grad", "rule")]
    for y in (np.zeros((2, 3)), np.full((1, 1), 1e3), np.array([[1e3, -1e3, 0, 1e-30]])):
        for function in (value, *filter(None, slopes)):
            out = function(y.astype(dtype))
            assert out.dtype == dtype
            assert np.isfinite(out).all()
            assert y.any() or not out.any()


@pytest.mark.parametrize("name", [n for n in formulas.__all__ if n.split("_")[0] in
                                  {"quartic", "sparse", "huber", "trimmed", "contribution", "even",
                                   "attention"}])  # fmt: skip
def test_dtype_and_inputs_are_kept(name):
    assert_kept(getattr(formulas, name), rows())


@pytest.mark.parametrize("share", [-0.1, 0.5, np.nan])
def test_a_share_that_cannot_be(share):
    with pytest.raises(ValueError, match="share must"):
        formulas.trimmed_sum(rows(), share=share)


@pytest.mark.parametrize("name", BENCHMARK_GOODNESS)
def test_forward_forward_learns_with_them(name):
    x, y = toy.disk_and_ring(200, seed=0)
    model = FFClassifier(
        (32,), max_iter=30, learning_rate_init=0.01, random_state=0, readout="sum",
        goodness_function=name,
    )  # fmt: skip
    assert model.fit(x, y).score(*toy.disk_and_ring(200, seed=1)) > 0.75
    assert model.thresholds() == [32.0]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*GRADED, *(f"{name}_rule" for name in FROZEN)])
def test_autograd(name, dtype):
    torch = pytest.importorskip("torch")
    known = constants(name.removesuffix("_rule"))
    w = known.get("weight")

    def shares(y):
        return y.abs() / y.abs().sum(1, keepdim=True)

    def entropy(p):
        return -(p * p.log()).sum(1) / np.log(p.shape[1])

    def middle(y):
        cut = round(known["share"] * y.shape[1])
        return (y * y).sort(1).values[:, cut : y.shape[1] - cut].sum(1)

    squares = {
        "quartic_sum": lambda y: (y**2 - w * y**4).sum(1),
        "sparse_sum": lambda y: (y**2).sum(1) - w * y.norm(p=1, dim=1),
        "huber_sum": lambda y: (y**2).sum(1) - w * torch.nn.functional.huber_loss(
            y, torch.zeros_like(y), reduction="none", delta=known["delta"]).sum(1),
        "trimmed_sum": middle,
        "contribution_sum": lambda y: (y**2 * (1 + w * shares(y))).sum(1),
        "contribution_sum_rule": lambda y: (y**2 * (1 + w * shares(y).detach())).sum(1),
        "even_sum_rule": lambda y: (y**2).sum(1) * (1 + w * entropy(shares(y)).detach()),
        "attention_sum_rule": lambda y: (y**2).sum(1)
        * (1 + w * entropy(torch.softmax(y.abs(), 1)).detach()),
    }  # fmt: skip
    leaf = torch.tensor(rows(dtype), requires_grad=True)
    goodness = squares[name](leaf)
    goodness.sum().backward()
    tolerance = SCALED if dtype == np.float64 else SCALED_FLOAT32
    value = getattr(formulas, name.removesuffix("_rule"))(rows(dtype), **known)
    assert scaled_close(value, goodness.detach().numpy(), tolerance)
    ours = getattr(formulas, name if name.endswith("_rule") else f"{name}_grad")
    gradient = ours(rows(dtype), **known)
    assert scaled_close(gradient, leaf.grad.numpy(), tolerance)
    for what, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, leaf.grad.numpy(), tolerance), what
