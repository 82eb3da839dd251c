"""Peer normalisation: by hand, against 50 digits, differences, autograd and wrong versions."""

import numpy as np
import pytest

from ffref.formulas import relu, relu_grad
from ffref.layers import Dense, dense_forward, dense_grads
from ffref.negatives import labelled_context, paired_context
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff
from ffref.objectives.peer import (
    peer_initial_mean,
    peer_loss,
    peer_loss_grad,
    peer_rule,
    peer_running_mean,
    peer_surrogate_loss,
    with_peer_loss,
    with_peer_rule,
)
from ffref.training import LocalLayer, local_grads
from tests.independent import scalar_hinton_matlab as matlab
from tests.independent import scalar_peer
from tests.independent.compare import (
    SCALED,
    SCALED_FLOAT32,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import difference_gradient, exact, rounded

# batch, units, positive rows, strength, momentum, seed
CASES = [(4, 5, 2, 0.03, 0.9, 1), (5, 3, 5, 1.0, 0.5, 2), (6, 4, 1, -0.4, 0.0, 3)]
each_case = pytest.mark.parametrize("case", CASES)


def arrays(case, dtype=np.float64):
    batch, units, positives, _, _, seed = case
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(batch, units)).astype(dtype)
    polarity = rng.permutation(np.where(np.arange(batch) < positives, 1, -1)).astype(dtype)
    return activity, polarity, rng.uniform(0.1, 1, units).astype(dtype)


def options(case):
    return {"strength": case[3], "momentum": case[4]}


def scalars(case):
    activity, polarity, mean = arrays(case)
    return exact(activity), polarity, exact(mean), exact(case[3]), exact(case[4])


# by hand: positive rows (1, 0, 2) and (3, 0, 0), batch mean (2, 0, 1), old mean 1/2:
# m' = 0.45 + 0.1 (2, 0, 1) = (0.65, 0.45, 0.55), middle 0.55, deviations (0.1, -0.1, 0)
Y = np.array([[1.0, 0, 2], [9, 9, 9], [3, 0, 0]])
S = np.array([1.0, -1, 1])
M = np.full(3, 0.5)


def test_running_mean_by_hand():
    moved = peer_running_mean(Y, S, M, momentum=0.9)
    np.testing.assert_allclose(moved, [0.65, 0.45, 0.55], rtol=1e-15)
    np.testing.assert_array_equal(M, 0.5)


def test_rule_by_hand():
    # 0.06 / 2 (0.1, -0.1, 0) in the two positive rows, nothing in the negative one
    rule = peer_rule(Y, S, M, strength=0.06, momentum=0.9)
    expected = [[0.003, -0.003, 0], [0, 0, 0], [0.003, -0.003, 0]]
    np.testing.assert_allclose(rule, expected, rtol=0, atol=1e-17)


def test_loss_and_gradient_by_hand():
    # 3 (0.01 + 0.01 + 0) / 3 = 0.02; gradient 2 * 3 * 0.1 / (3 * 2) = 0.1 times the deviations
    how = {"strength": 3.0, "momentum": 0.9}
    assert peer_loss(Y, S, M, **how) == pytest.approx(0.02, rel=1e-14)
    expected = [[0.01, -0.01, 0], [0, 0, 0], [0.01, -0.01, 0]]
    np.testing.assert_allclose(peer_loss_grad(Y, S, M, **how), expected, rtol=0, atol=1e-16)


def test_surrogate_by_hand():
    # (0.1, -0.1, 0) . (1, 0, 2) = 0.1 and . (3, 0, 0) = 0.3; 5 times their mean
    moved = np.array([0.65, 0.45, 0.55])
    assert peer_surrogate_loss(Y, S, moved, strength=5.0) == pytest.approx(1.0, rel=1e-14)


@each_case
def test_against_50_digits(case):
    args = arrays(case)
    rows, polarity, mean, _, keep = scalars(case)
    moved = peer_running_mean(*args, momentum=case[4])
    assert scaled_close(moved, rounded(scalar_peer.moved_mean(rows, polarity, mean, keep)))
    rule = peer_rule(*args, **options(case))
    expected = rounded(scalar_peer.rule(*scalars(case)))
    assert scaled_close(rule, expected)
    for name, wrong in wrong_versions(rule):
        assert not scaled_close(wrong, expected), name
    assert scaled_close(
        peer_loss(*args, **options(case)), rounded(scalar_peer.spread(*scalars(case)))
    )
    gradient = peer_loss_grad(*args, **options(case))
    expected = rounded(
        difference_gradient(lambda y: scalar_peer.spread(y, *scalars(case)[1:]), rows)
    )
    assert scaled_close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, expected), name


@each_case
def test_rule_is_the_difference_of_its_frozen_surrogate(case):
    activity, polarity, mean = arrays(case)
    moved = peer_running_mean(activity, polarity, mean, momentum=case[4])

    def surrogate(a):
        return peer_surrogate_loss(a, polarity, moved, strength=case[3])

    differences = central_difference(surrogate, activity)
    rule = peer_rule(activity, polarity, mean, **options(case))
    assert difference_close(rule, differences)
    for name, wrong in wrong_versions(rule):
        assert not difference_close(wrong, differences), name


@each_case
def test_loss_gradient_is_the_difference(case):
    activity, polarity, mean = arrays(case)
    differences = central_difference(
        lambda y: peer_loss(y, polarity, mean, **options(case)), activity
    )
    gradient = peer_loss_grad(activity, polarity, mean, **options(case))
    assert difference_close(gradient, differences)
    for name, wrong in wrong_versions(gradient):
        assert not difference_close(wrong, differences), name


@each_case
def test_loss_gradient_is_the_rule_scaled_down(case):
    units, momentum = case[1], case[4]
    rule = peer_rule(*arrays(case), **options(case))
    gradient = peer_loss_grad(*arrays(case), **options(case))
    assert scaled_close(gradient, rule * (2 * (1 - momentum) / units))


def test_rule_agrees_with_the_transcription():
    rng = np.random.default_rng(5)
    positive, mean = rng.uniform(size=(4, 6)), rng.uniform(size=6)
    activity = np.concatenate([positive, rng.uniform(size=(4, 6))])
    polarity = np.repeat([1.0, -1.0], 4)
    rule = peer_rule(activity, polarity, mean, strength=0.03, momentum=0.9)
    push = matlab.peer_push(matlab.moved_mean(mean, positive, matlab.STANDARD), matlab.STANDARD)
    assert scaled_close(rule[:4], -np.tile(push, (4, 1)) / 4)
    assert not rule[4:].any()


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@each_case
def test_autograd(case, dtype):
    torch = pytest.importorskip("torch")
    activity, polarity, mean = arrays(case, dtype)
    y = torch.tensor(activity, requires_grad=True)
    positive = torch.tensor(polarity > 0)
    keep = case[4]
    moved = keep * torch.tensor(mean) + (1 - keep) * y[positive].mean(0)
    loss = case[3] * torch.var(moved, correction=0)
    (d_loss,) = torch.autograd.grad(loss, y, retain_graph=True)
    frozen = moved.detach()
    surrogate = case[3] * (y @ (frozen - frozen.mean()))[positive].mean()
    (d_surrogate,) = torch.autograd.grad(surrogate, y)
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    for mine, theirs in (
        (peer_loss_grad(activity, polarity, mean, **options(case)), d_loss.numpy()),
        (peer_rule(activity, polarity, mean, **options(case)), d_surrogate.numpy()),
    ):
        assert mine.dtype == dtype
        assert scaled_close(mine, theirs, tolerance)
        for name, wrong in wrong_versions(mine):
            assert not scaled_close(wrong, theirs, tolerance), name


def test_special_cases():
    how = {"strength": 0.03, "momentum": 0.9}
    equal = np.full((2, 3), 0.5)
    assert not peer_rule(equal, np.ones(2), M, **how).any()
    assert not peer_rule(np.array([[5.0]]), np.ones(1), np.array([0.5]), **how).any()
    negative = -np.ones(3)
    np.testing.assert_array_equal(peer_running_mean(Y, negative, M, momentum=0.9), M)
    assert not peer_rule(Y, negative, np.array([0.1, 0.2, 0.9]), **how).any()
    assert abs(peer_rule(Y, S, M, **how).sum(axis=1)).max() < 1e-17
    for dtype in (np.float32, np.float64):
        huge = (Y * 1e30).astype(dtype)
        assert np.isfinite(peer_rule(huge, S, M.astype(dtype), **how)).all()
        assert np.isfinite(peer_loss_grad(huge, S, M.astype(dtype), **how)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_layout_and_inputs_are_kept(dtype):
    how = {"strength": 0.03, "momentum": 0.9}
    activity, polarity, mean = (array.astype(dtype) for array in (Y, S, M))
    spaced = np.repeat(activity[:, ::-1], 2, axis=1)[:, ::-2]
    for array in (activity, polarity, mean, spaced):
        array.flags.writeable = False
    for function in (peer_rule, peer_loss_grad):
        plain = function(activity, polarity, mean, **how)
        assert plain.dtype == dtype
        np.testing.assert_array_equal(function(spaced, polarity, mean, **how), plain)
    assert peer_running_mean(activity, polarity, mean, momentum=0.9).dtype == dtype
    assert peer_initial_mean(3, np.dtype(dtype)).dtype == dtype


def test_nan_reaches_the_mean():
    activity = Y.copy()
    activity[0, 1] = np.nan
    moved = peer_running_mean(activity, S, M, momentum=0.9)
    np.testing.assert_array_equal(np.isnan(moved), [False, True, False])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 1.0}, r"\[0, 1\)"),
        ({"strength": np.nan}, "finite"),
        ({"running_mean": np.full(2, 0.5)}, "peer_initial_mean"),
        ({"running_mean": M.astype(np.float32)}, "float64"),
        ({"polarity": np.zeros(3)}, r"\+1"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"polarity": S, "running_mean": M, "strength": 0.03, "momentum": 0.9}
    with pytest.raises(ValueError, match=message):
        peer_rule(Y, **(good | change))


def test_bound_to_ff_the_rule_leaves_loss_and_gradient():
    plain, ruled = ff(threshold=2.0), with_peer_rule(ff(threshold=2.0))
    activity = np.abs(arrays(CASES[0])[0])
    context, params = paired_context(np.array([0, 1]), activity.dtype), (np.full(5, 0.5),)
    assert ruled.loss(activity, context, params) == plain.loss(activity, context, ())
    np.testing.assert_array_equal(
        ruled.grads(activity, context, params)[0], plain.grads(activity, context, ())[0]
    )
    evaluation = ruled.evaluate(activity, context, params)
    expected = peer_rule(activity, context.polarity, params[0], strength=0.03, momentum=0.9)
    np.testing.assert_array_equal(evaluation.d_preactivation, expected)
    twice = with_peer_rule(with_peer_rule(ff(threshold=2.0)))
    evaluation = twice.evaluate(activity, context, params * 2)
    np.testing.assert_array_equal(evaluation.d_preactivation, 2 * expected)
    np.testing.assert_array_equal(params[0], 0.5)
    (moved,) = ruled.advance(activity, context, params)
    np.testing.assert_array_equal(
        moved, peer_running_mean(activity, context.polarity, params[0], momentum=0.9)
    )


def test_bound_to_hff_learned_params_come_first_and_the_mean_last():
    activity = np.abs(arrays(CASES[1])[0])
    context = labelled_context(np.array([0, 1, 0, 1, 1]), activity.dtype)
    prototypes = np.random.default_rng(0).normal(size=(2, 1, 3))
    objective = with_peer_loss(hff(temperature=0.5), strength=2.0)
    params = (prototypes, np.full(3, 0.5))
    d_activity, d_params = objective.grads(activity, context, params)
    assert len(d_params) == 1
    differences = central_difference(lambda y: objective.loss(y, context, params), activity)
    assert difference_close(d_activity, differences)
    assert not difference_close(1.01 * d_activity, differences)
    evaluation = objective.evaluate(activity, context, params)
    np.testing.assert_array_equal(evaluation.d_activity, d_activity)
    plain = hff(temperature=0.5).loss(activity, context, params[:1])
    added = peer_loss(activity, context.polarity, params[1], strength=2.0, momentum=0.9)
    assert evaluation.loss == plain + added
    assert objective.fault(params) == ""
    assert "point the same way" in objective.fault((np.ones((2, 1, 3)), params[1]))
    advanced = objective.advance(activity, context, params)
    np.testing.assert_allclose(np.linalg.norm(advanced[0], axis=2), 1)
    assert advanced[1].shape == (3,)


def test_a_local_step_pushes_silent_units():
    x = np.array([[1.0, 2.0], [2.0, 1.0]])
    dense = Dense(np.array([[0.5, -1.0], [0.5, -1.0]]), np.zeros(2))
    context = paired_context(np.array([0]), x.dtype)
    objective, mean = with_peer_rule(ff(threshold=1.0)), np.full(2, 0.5)
    grads, activity, _ = local_grads(LocalLayer(dense, (mean,)), x, context, objective)
    assert not activity[:, 1].any()
    d_activity, _ = ff(threshold=1.0).grads(activity, context, ())
    gated = d_activity * relu_grad(dense_forward(dense, x))
    rule = peer_rule(relu(dense_forward(dense, x)), context.polarity, mean, strength=0.03,
                     momentum=0.9)  # fmt: skip
    d_weight, d_bias = dense_grads(x, gated + rule)
    np.testing.assert_allclose(grads.d_weight, d_weight)
    np.testing.assert_allclose(grads.d_bias, d_bias)
    assert grads.d_bias[1] < 0
