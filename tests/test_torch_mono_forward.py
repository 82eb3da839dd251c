"""Autograd of PyTorch against Mono-Forward, loss and layer."""

import numpy as np
import pytest

from ffref.layers import Dense
from ffref.negatives import labelled_context
from ffref.objectives.mono_forward import mono_forward, mono_forward_loss, mono_forward_loss_grads
from ffref.training import LocalLayer, local_grads
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions
from tests.test_mono_forward import CASES, arrays

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def assert_agrees(gradient, theirs, dtype):
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    assert gradient.dtype == dtype
    assert scaled_close(gradient, theirs.numpy(), tolerance)
    for name, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, theirs.numpy(), tolerance), name


@each_float
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loss(case, dtype):
    activity, labels, projection = arrays(case)
    activity, projection = activity.astype(dtype), projection.astype(dtype)
    a, m = leaf(activity), leaf(projection)
    logits = torch.nn.functional.linear(a, m)
    loss = torch.nn.functional.cross_entropy(
        logits, torch.tensor(labels), label_smoothing=case.smoothing
    )
    loss.backward()
    options = {"label_smoothing": case.smoothing}
    ours = mono_forward_loss(activity, labels, projection, **options)
    assert np.isclose(ours, loss.item(), rtol=1e-5 if dtype == np.float32 else 1e-12, atol=0)
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection, **options)
    assert_agrees(d_activity, a.grad, dtype)
    assert_agrees(d_projection, m.grad, dtype)


@each_float
def test_layer(dtype):
    rng = np.random.default_rng(609)
    shapes = (5, 4), (4, 6), (6,), (3, 6)
    x, weight, bias, projection = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    labels = np.array([0, 2, 1, 1, 0])
    w, b, m = leaf(weight), leaf(bias), leaf(projection)
    logits = torch.relu(torch.tensor(x) @ w + b) @ m.T
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
    layer = LocalLayer(Dense(weight, bias), (projection,))
    grads, _, _ = local_grads(layer, x, labelled_context(labels, x.dtype), mono_forward())
    assert_agrees(grads.d_weight, w.grad, dtype)
    assert_agrees(grads.d_bias, b.grad, dtype)
    assert_agrees(grads.d_params[0], m.grad, dtype)
