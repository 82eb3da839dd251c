"""Forward-Forward on local fields and convolutions against PyTorch's autograd."""

import numpy as np
import pytest

from ffref.negatives import paired_context
from ffref.objectives.ff import ff
from ffref.training import layer_units, local_grads
from tests.image_networks import SHAPE, STACK, draw
from tests.independent.compare import scaled_close

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def local(x, weight, bias):
    """Unfold, and one product a place; x (batch, channels, height, width)."""
    *places, height, width, channels, _ = weight.shape
    taps = functional.unfold(x, (height, width), padding=(1, 0), stride=(2, 1))
    taps = taps.reshape(len(x), channels, height, width, *places)
    return torch.einsum("ncyxij,ijyxco->noij", taps, weight) + bias.movedim(2, 0)


def conv(x, weight, bias):
    return functional.conv2d(x, weight.permute(3, 2, 0, 1), bias)


def dense(x, weight, bias):
    return x.movedim(1, 3).flatten(1) @ weight + bias


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_three_layers_detached_from_each_other(dtype):
    rng = np.random.default_rng(2)
    network = draw(rng, STACK, SHAPE, dtype=dtype)
    x = rng.standard_normal((10, 40)).astype(dtype)
    theirs = [
        [torch.tensor(array, requires_grad=True) for array in layer.weights]
        for layer in network.layers
    ]
    h, losses = torch.tensor(x.reshape(10, *SHAPE)).movedim(3, 1), []
    target = torch.tensor(np.repeat(np.array([1, 0], dtype), 5))
    for form, arrays in zip((local, conv, dense), theirs, strict=True):
        h = torch.relu(form(h.detach(), *arrays))
        logit = (h.flatten(1) ** 2).sum(dim=1) - h[0].numel()
        losses.append(functional.binary_cross_entropy_with_logits(logit, target))
        shape = (-1, *(1 for _ in h.shape[1:]))
        h = h / h.flatten(1).pow(2).mean(dim=1).sqrt().reshape(shape)
    sum(losses).backward()
    context, inputs = paired_context(np.zeros(5, int), np.dtype(dtype)), x
    for layer, (weight, bias), loss in zip(network.layers, theirs, losses, strict=True):
        objective = ff(threshold=float(layer_units(layer)))
        grads, activity, evaluation = local_grads(layer, inputs, context, objective)
        for ours, parameter in ((grads.d_weight, weight), (grads.d_bias, bias)):
            assert ours.dtype == dtype
            assert scaled_close(ours, parameter.grad.numpy(), TOLERANCE[dtype])
            assert not scaled_close(1.01 * ours, parameter.grad.numpy(), TOLERANCE[dtype])
        assert evaluation.loss == pytest.approx(loss.item(), rel=TOLERANCE[dtype])
        inputs = network.between_norm.value(activity)
