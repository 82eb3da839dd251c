"""Whole layers and networks against PyTorch's autograd, written in PyTorch's own words."""

import numpy as np
import pytest

from ffref.baselines import backprop_grads
from ffref.negatives import labelled_context, paired_context
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff
from ffref.training import local_grads
from tests.independent.compare import scaled_close
from tests.networks import draw_network

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def tensors(dense, dtype):
    return [torch.tensor(a.astype(dtype), requires_grad=True) for a in dense]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("norm", ["none", "l2", "rms", "layer"])
def test_backprop(dtype, norm):
    rng = np.random.default_rng(1)
    network = draw_network(rng, (9, 8, 6, 4), norm=norm)
    x, labels = rng.standard_normal((7, 9)), rng.integers(4, size=7)
    theirs = [tensors(layer.weights, dtype) for layer in network.layers]
    h = torch.tensor(x.astype(dtype))
    for depth, (weight, bias) in enumerate(theirs):
        h = functional.linear(h, weight.T, bias)
        if depth < 2:
            h = torch.relu(h)
            if norm == "l2":
                h = functional.normalize(h, dim=1)
            elif norm == "rms":
                h = functional.rms_norm(h, h.shape[1:], eps=0.0)
            elif norm == "layer":
                h = functional.layer_norm(h, h.shape[1:], eps=0.0)
    functional.cross_entropy(h, torch.tensor(labels), label_smoothing=0.1).backward()
    layers = tuple(
        layer._replace(weights=type(layer.weights)(*(a.astype(dtype) for a in layer.weights)))
        for layer in network.layers
    )
    ours, _ = backprop_grads(
        network._replace(layers=layers), x.astype(dtype), labels, label_smoothing=0.1
    )
    for (d_weight, d_bias), (weight, bias) in zip(ours, theirs, strict=True):
        assert d_weight.dtype == dtype
        assert scaled_close(d_weight, weight.grad.numpy(), TOLERANCE[dtype])
        assert scaled_close(d_bias, bias.grad.numpy(), TOLERANCE[dtype])
        assert not scaled_close(1.01 * d_weight, weight.grad.numpy(), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_three_local_layers_of_ff(dtype):
    """Detached between layers, autograd of the summed losses is each layer's own gradient."""
    rng = np.random.default_rng(2)
    network = draw_network(rng, (9, 8, 6, 4))
    x = rng.standard_normal((10, 9)).astype(dtype)
    theirs = [tensors(layer.weights, dtype) for layer in network.layers]
    h, losses = torch.tensor(x), []
    target = torch.tensor(np.repeat(np.array([1, 0], dtype), 5))
    for weight, bias in theirs:
        h = torch.relu(h.detach() @ weight + bias)
        logit = (h**2).sum(dim=1) - h.shape[1]
        losses.append(functional.binary_cross_entropy_with_logits(logit, target))
        h = h / h.pow(2).mean(dim=1, keepdim=True).sqrt()
    sum(losses).backward()
    context = paired_context(np.zeros(5, int), np.dtype(dtype))
    inputs = x
    for layer, (weight, bias), loss in zip(network.layers, theirs, losses, strict=True):
        dense = type(layer.weights)(*(a.astype(dtype) for a in layer.weights))
        objective = ff(threshold=float(dense.bias.size))
        grads, activity, _ = local_grads(layer._replace(weights=dense), inputs, context, objective)
        assert scaled_close(grads.d_weight, weight.grad.numpy(), TOLERANCE[dtype])
        assert scaled_close(grads.d_bias, bias.grad.numpy(), TOLERANCE[dtype])
        assert objective.loss(activity, context, ()) == pytest.approx(
            loss.item(), rel=TOLERANCE[dtype]
        )
        inputs = network.between_norm.value(activity)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_local_layer_of_hff(dtype):
    rng = np.random.default_rng(3)
    (layer,) = draw_network(rng, (9, 8)).layers
    x, labels = rng.standard_normal((7, 9)).astype(dtype), rng.integers(4, size=7)
    prototypes = rng.standard_normal((4, 3, 8)).astype(dtype)
    dense = type(layer.weights)(*(a.astype(dtype) for a in layer.weights))
    weight, bias = tensors(dense, dtype)
    p = torch.tensor(prototypes, requires_grad=True)
    z = functional.normalize(torch.relu(torch.tensor(x) @ weight + bias), dim=1)
    cosine = torch.einsum("nd,ckd->nck", z, functional.normalize(p, dim=2))
    score = (torch.logsumexp(cosine / 0.2, dim=2) - np.log(3)) * 0.2
    score = score - 0.1 * functional.one_hot(torch.tensor(labels), 4).to(score.dtype)
    functional.cross_entropy(score / 0.2, torch.tensor(labels)).backward()
    grads, _, _ = local_grads(
        layer._replace(weights=dense, params=(prototypes,)),
        x,
        labelled_context(labels, np.dtype(dtype)),
        hff(temperature=0.2, margin=0.1),
    )
    assert scaled_close(grads.d_weight, weight.grad.numpy(), TOLERANCE[dtype])
    assert scaled_close(grads.d_bias, bias.grad.numpy(), TOLERANCE[dtype])
    assert scaled_close(grads.d_params[0], p.grad.numpy(), TOLERANCE[dtype])
