"""Autograd of PyTorch on losses of pairs, written in its own operations, against the package."""

import numpy as np
import pytest

from ffref.formulas.free_riding import depth_weights, hardness_gate
from ffref.objectives.cumulative import calibrated_rule, cumulative_loss, cumulative_loss_grad
from ffref.objectives.layer_collaboration import collaboration_loss, collaboration_loss_grad
from ffref.objectives.symba import symba_loss, symba_loss_grad
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions
from tests.pair_cases import PAIR_CASES, options, pair_batch, per_pair

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])
each_case = pytest.mark.parametrize("case", PAIR_CASES, ids=lambda case: case.name)


def torch_goodness(y, kind):
    squares = y.pow(2).mean(1) if kind.endswith("mean") else y.pow(2).sum(1)
    return -squares if kind.startswith("negative") else squares


def stream_goodness(batch, y, kind):
    """Goodness of the positive and of the negative stream, row by row of the pairs."""
    above = torch.tensor(np.flatnonzero((batch.polarity > 0) & (batch.partner >= 0)))
    goodness = torch_goodness(y, kind)
    return goodness[above], goodness[torch.tensor(batch.partner)[above]]


def cross_entropy_of_pairs(gap):
    return torch.nn.functional.binary_cross_entropy_with_logits(
        gap, torch.ones_like(gap), reduction="none"
    )


def assert_agrees(loss, gradient, theirs, y, dtype):
    (derivative,) = torch.autograd.grad(theirs, y)
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    assert np.isclose(loss, theirs.item(), rtol=tolerance, atol=0)
    assert gradient.dtype == dtype
    assert scaled_close(gradient, derivative.numpy(), tolerance)
    for name, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, derivative.numpy(), tolerance), name


@each_float
@each_case
def test_symba(case, dtype):
    batch = pair_batch(case, dtype)
    y = torch.tensor(batch.activity, requires_grad=True)
    positive, negative = stream_goodness(batch, y, case.kind)
    theirs = cross_entropy_of_pairs(case.steepness * (positive - negative)).mean()
    args = batch.activity, batch.polarity, batch.partner
    loss, gradient = (f(*args, **options(case)) for f in (symba_loss, symba_loss_grad))
    assert_agrees(loss, gradient, theirs, y, dtype)


@each_float
@each_case
@pytest.mark.parametrize("remedy", ["none", "gated", "depth-scaled", "calibrated"])
def test_cumulative(case, dtype, remedy):
    batch = pair_batch(case, dtype)
    y = torch.tensor(batch.activity, requires_grad=True)
    margin = torch.sub(*stream_goodness(batch, y, case.kind))
    prior = per_pair(batch, batch.carried_margin)
    p, beta, how = torch.tensor(prior), case.steepness, options(case)
    gamma, own = torch.full_like(p, 0.7), torch.zeros_like(p)
    weights = {"carried_weight": 0.7}
    if remedy == "gated":
        gamma = 0.7 * torch.sigmoid(-p)
        weights["carried_weight"] = hardness_gate(prior, carried_weight=0.7)
    if remedy == "depth-scaled":
        own = 0.625 * torch.softmax(torch.nn.functional.logsigmoid(-beta * p), 0) * len(p)
        weights["own_weight"] = depth_weights(prior, depth=1, layers=3, steepness=beta)
    if remedy == "calibrated":
        pulls = torch.sigmoid(-beta * (margin + gamma * p)), torch.sigmoid(-beta * margin)
        own = torch.relu(1 - pulls[0] / pulls[1]).detach()
        weights["own_weight"] = own.numpy()
    theirs = cross_entropy_of_pairs(beta * (margin + gamma * p))
    theirs = (theirs + own * cross_entropy_of_pairs(beta * margin)).mean()
    args = batch.activity, batch.polarity, batch.partner, batch.carried_margin
    gradient = cumulative_loss_grad(*args, **how, **weights)
    if remedy == "calibrated":
        gradient = calibrated_rule(*args, **how, carried_weight=0.7)
    assert_agrees(cumulative_loss(*args, **how, **weights), gradient, theirs, y, dtype)


@each_float
@each_case
def test_layer_collaboration(case, dtype):
    batch = pair_batch(case, dtype)
    y = torch.tensor(batch.activity, requires_grad=True)
    logits = torch_goodness(y, case.kind) + torch.tensor(batch.carried_goodness) - 0.8
    target = torch.tensor(batch.polarity > 0).to(y.dtype)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    args = batch.activity, batch.polarity, batch.carried_goodness
    how = {"threshold": 0.8, "goodness": options(case)["goodness"]}
    loss, gradient = (f(*args, **how) for f in (collaboration_loss, collaboration_loss_grad))
    assert_agrees(loss, gradient, theirs, y, dtype)
