"""Predictive coding against PyTorch's autograd, the energy written in PyTorch's own words."""

import numpy as np
import pytest

from ffref.baselines import predictive_coding_energy, predictive_coding_energy_grads
from tests.independent.compare import scaled_close
from tests.networks import draw_network

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("norm", ["none", "rms", "layer"])
def test_energy_and_gradients(norm):
    rng = np.random.default_rng(3)
    network = draw_network(rng, (4, 6, 5, 3), norm=norm)
    x, target = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
    values = [rng.standard_normal((7, units)) for units in (6, 5)]
    leaves = [torch.tensor(v, requires_grad=True) for v in values]
    weights = [[torch.tensor(a, requires_grad=True) for a in n.weights] for n in network.layers]
    total, below = 0.0, torch.tensor(x)
    for depth, (weight, bias) in enumerate(weights):
        node = leaves[depth] if depth < 2 else torch.tensor(target)
        prediction = functional.linear(below, weight.T, bias)
        share = functional.mse_loss(prediction, node, reduction="sum") / (2 * len(x))
        total = total + (0.3 if depth == 2 else 1.0) * share
        below = torch.relu(node)
        if norm == "rms":
            below = functional.rms_norm(below, below.shape[1:], eps=0.0)
        elif norm == "layer":
            below = functional.layer_norm(below, below.shape[1:], eps=0.0)
    total.backward()
    choice = {"output_precision": 0.3}
    ours = predictive_coding_energy(network, x, target, values, **choice)
    assert ours == pytest.approx(total.item(), rel=1e-12)
    d_values, grads = predictive_coding_energy_grads(network, x, target, values, **choice)
    for d, leaf in zip(d_values, leaves, strict=True):
        assert scaled_close(d, leaf.grad.numpy())
        assert not scaled_close(1.01 * d, leaf.grad.numpy())
    for own, theirs in zip(grads, weights, strict=True):
        for d, leaf in zip(own, theirs, strict=True):
            assert scaled_close(d, leaf.grad.numpy())
