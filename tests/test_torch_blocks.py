"""Convolutional blocks against PyTorch's autograd, written in PyTorch's own words."""

import numpy as np
import pytest

from ffref.layers import describe_layers
from ffref.training import layer_pass
from tests.block_cases import BLOCK_CASES, drawn, upstream
from tests.independent.compare import scaled_close

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
each_case = pytest.mark.parametrize("case", BLOCK_CASES, ids=lambda case: case.name)
each_float = pytest.mark.parametrize("dtype", TOLERANCE)


def normalised(a, name, tensors, training):
    """The weighted sums (batch, channels, height, width), normalised, before scale and shift."""
    if name == "batch":
        return functional.batch_norm(
            a,
            tensors["running_mean"],
            tensors["running_variance"],
            training=training,
            momentum=0.1,
        )
    rows = a.movedim(1, 3).flatten(1)
    if name == "layer":
        rows = functional.layer_norm(rows, rows.shape[1:], eps=0.0)
    elif name == "rms":
        rows = functional.rms_norm(rows, rows.shape[1:], eps=0.0)
    elif name == "l2":
        rows = functional.normalize(rows, dim=1)
    return rows.reshape(a.movedim(1, 3).shape).movedim(3, 1)


def block_in_torch(x, tensors, form, training):
    """(activity, features) as flat rows; the auxiliary convolution comes before the average."""
    a = functional.conv2d(
        x,
        tensors["weight"].permute(3, 2, 0, 1),
        stride=form.stride,
        padding=form.padding,
        groups=form.groups,
    )
    z = normalised(a, form.norm, tensors, training)
    if tensors["scale"].numel():
        z = z * tensors["scale"][:, None, None]
    y = functional.max_pool2d(torch.relu(z + tensors["shift"][:, None, None]), form.pool)
    if form.residual:
        same = functional.adaptive_avg_pool2d(x, y.shape[2:])
        y = y + functional.pad(same, (0, 0, 0, 0, 0, y.shape[1] - same.shape[1]))
    features = y
    if form.auxiliary:
        pixels = torch.einsum("nchw,ca->nahw", y, tensors["auxiliary_weight"])
        pixels = pixels + tensors["auxiliary_bias"][:, None, None]
        features = functional.adaptive_avg_pool2d(pixels, form.grid)
    elif form.grid:
        features = functional.adaptive_avg_pool2d(y, form.grid)
    return y.movedim(1, 3).flatten(1), features.movedim(1, 3).flatten(1)


def run(case, dtype, training, d_features, above):
    """PyTorch's (activity, features, gradients by name, d_x, running statistics)."""
    layer, rows = drawn(case, dtype)
    (form,) = describe_layers([("block", case.choices)])
    tensors = {
        name: torch.tensor(array, requires_grad=not name.startswith("running"))
        for name, array in layer.weights._asdict().items()
    }
    x = torch.tensor(rows, requires_grad=True)
    images = x.reshape(len(rows), *case.image).movedim(3, 1)
    activity, features = block_in_torch(images, tensors, form, training)
    loss = (features * torch.tensor(d_features)).sum()
    if above is not None:
        loss = loss + (activity * torch.tensor(above)).sum()
    loss.backward()
    state = [tensors["running_mean"].numpy(), tensors["running_variance"].numpy()]
    grads = [tensors[name].grad for name in layer.weights._fields[:5]]
    return activity.detach().numpy(), features.detach().numpy(), grads, x.grad.numpy(), state


@each_float
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("chain", [False, True], ids=["local", "chain"])
@each_case
def test_values_and_gradients(case, chain, training, dtype):
    layer, x = drawn(case, dtype)
    d_features, above = upstream(case, dtype)
    above = above if chain else None
    activity, features, grads, d_x, state = run(case, dtype, training, d_features, above)
    passed = layer_pass(layer, x, training=training)
    pairs = [(passed.activity.copy(), activity), (passed.features.copy(), features)]
    if training and layer.weights.running_mean.size:
        pairs += list(zip(layer.kind.advance(layer.weights, passed), state, strict=True))
    back = layer.kind.sums_grad(layer.weights, passed, d_features, above, None)
    ours = (*layer.kind.grads(x, back.d_sums), *back.d_others)
    assert len(ours) == 5
    for mine, theirs in zip(ours, grads, strict=True):
        if mine.size:
            pairs.append((mine, theirs.numpy()))
        else:
            assert theirs is None
    pairs.append((layer.kind.input_grad(layer.weights, back), d_x))
    for mine, theirs in pairs:
        assert mine.dtype == dtype
        assert scaled_close(mine, theirs, TOLERANCE[dtype])
        assert not scaled_close(1.01 * mine, theirs, TOLERANCE[dtype])
