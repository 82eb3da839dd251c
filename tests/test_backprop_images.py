"""Back-propagation by hand through windows and blocks: differences, PyTorch, input gradients."""

import numpy as np
import pytest

from ffref.baselines import (
    backprop_grads,
    backprop_input_gradient,
    backprop_logits,
    backprop_loss,
    backprop_step,
)
from ffref.training import (
    LocalLayer,
    TrainingState,
    bind_optimizer,
    initial_optimizer_states,
    layer_units,
)
from tests.image_networks import draw
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.networks import copied, draw_dense, with_weight

CLASSES = 3
BLOCKS = (
    ("block", {"channels": 3, "pool": 2, "residual": True}),
    ("block", {"channels": 4, "auxiliary": [None, [1, 2]]}),
)
STACKS = {
    "blocks": (BLOCKS, (4, 4, 2), "none"),
    "blocks, rms between": (BLOCKS, (4, 4, 2), "rms"),
    "windows and dense": ((("conv", 2, 1, 3), ("local", 2, 1, 2), ("dense", 5)), (4, 3, 2), "rms"),
    "rows normalised": (
        (("block", {"channels": 2, "norm": "layer"}), ("dense", 4)), (3, 2, 1), "none",
    ),
}  # fmt: skip
each_stack = pytest.mark.parametrize("name", STACKS)
LABELS = np.array([0, 2, 1, 1, 0])


def network_of(name, dtype=np.float64):
    stack, shape, norm = STACKS[name]
    rng = np.random.default_rng(3)
    network = draw(rng, stack, shape, norm=norm, dtype=dtype)
    top = draw_dense(rng, layer_units(network.layers[-1]), CLASSES, dtype)
    network = network._replace(layers=(*network.layers, LocalLayer(top, ())))
    return network, rng.standard_normal((5, int(np.prod(shape)))).astype(dtype)


@each_stack
def test_gradients_match_differences_and_wrong_ones_do_not(name):
    network, x = network_of(name)
    all_grads, logits = backprop_grads(network, x, LABELS, label_smoothing=0.1)
    np.testing.assert_array_equal(logits, backprop_logits(network, x, training=True))
    for depth, (layer, grads) in enumerate(zip(network.layers, all_grads, strict=True)):
        for field, grad in zip(layer.weights._fields, grads, strict=False):
            array = getattr(layer.weights, field)
            assert grad.shape == array.shape
            if not array.size:
                continue

            def loss(changed, depth=depth, field=field):
                other = with_weight(network, depth, **{field: changed})
                return backprop_loss(other, x, LABELS, label_smoothing=0.1, training=True)

            differences = central_difference(loss, array)
            assert difference_close(grad, differences), (depth, field)
            for what, wrong in wrong_versions(grad):
                assert not difference_close(wrong, differences), (depth, field, what)


@each_stack
def test_input_gradient_matches_differences(name):
    network, x = network_of(name)
    before = x.copy()
    gradient = backprop_input_gradient(network, x, LABELS, label_smoothing=0.1)
    np.testing.assert_array_equal(x, before)
    differences = central_difference(
        lambda x: backprop_loss(network, x, LABELS, label_smoothing=0.1), x
    )
    assert difference_close(gradient, differences)
    for what, wrong in wrong_versions(gradient):
        assert not difference_close(wrong, differences), what


def test_input_gradient_without_hidden_layers():
    # softmax regression: d_x = (p - t) W^T / N
    rng = np.random.default_rng(4)
    network, _ = network_of("windows and dense")
    dense = draw_dense(rng, 4, CLASSES)
    network = network._replace(layers=(LocalLayer(dense, ()),))
    x = rng.standard_normal((5, 4))
    p = np.exp(x @ dense.weight + dense.bias)
    p /= p.sum(axis=1, keepdims=True)
    expected = (p - np.eye(CLASSES)[LABELS]) @ dense.weight.T / 5
    assert scaled_close(backprop_input_gradient(network, x, LABELS), expected)


def test_a_step_moves_every_learned_array_and_the_running_statistics():
    network, x = network_of("blocks")
    optimizer, before = bind_optimizer("adam"), network
    network = copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, 0))
    _, reports = backprop_step(
        optimizer, state, x, LABELS, rng=None, learning_rate=0.1, trained=range(1)
    )
    assert reports[0].loss == backprop_loss(before, x, LABELS, training=True)
    for old, new in zip(before.layers, network.layers, strict=True):
        for field in old.weights._fields:
            one, two = getattr(old.weights, field), getattr(new.weights, field)
            assert one.size == 0 or not np.array_equal(one, two), field


# -- PyTorch -------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_blocks_against_autograd(dtype):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    network, x = network_of("blocks", dtype)
    theirs = [
        {
            field: torch.tensor(array, requires_grad=not field.startswith("running"))
            for field, array in layer.weights._asdict().items()
        }
        for layer in network.layers
    ]

    def block(h, t):
        h = functional.conv2d(h, t["weight"].permute(3, 2, 0, 1), padding=1)
        state = t["running_mean"], t["running_variance"]
        return torch.relu(functional.batch_norm(h, *state, t["scale"], t["shift"], training=True))

    h = torch.tensor(x.reshape(5, 4, 4, 2)).movedim(3, 1)
    low, high, top = theirs
    y = functional.max_pool2d(block(h, low), 2)
    same = functional.avg_pool2d(h, 2)
    y = torch.cat([y[:, :2] + same, y[:, 2:]], dim=1)
    y = functional.adaptive_avg_pool2d(block(y, high), (1, 2))
    logits = y.movedim(1, 3).flatten(1) @ top["weight"] + top["bias"]
    functional.cross_entropy(logits, torch.tensor(LABELS), label_smoothing=0.1).backward()
    ours, mine = backprop_grads(network, x, LABELS, label_smoothing=0.1)
    tolerance = {np.float64: 1e-12, np.float32: 1e-5}[dtype]
    assert scaled_close(mine, logits.detach().numpy(), tolerance)
    for layer, grads, tensors in zip(network.layers, ours, theirs, strict=True):
        for field, grad in zip(layer.weights._fields, grads, strict=False):
            if not grad.size:
                continue
            expected = tensors[field].grad.numpy()
            assert grad.dtype == dtype
            assert scaled_close(grad, expected, tolerance), field
            assert not scaled_close(1.01 * grad, expected, tolerance)
