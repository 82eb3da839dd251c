"""Back-propagation by hand: differences, a hand-computed network, wrong gradients."""

import numpy as np
import pytest

from ffref.baselines import backprop_grads, backprop_logits, backprop_loss
from ffref.formulas import NORMS
from ffref.layers import Dense
from ffref.training import LocalLayer, Network
from tests.independent.compare import central_difference, difference_close, wrong_versions
from tests.networks import draw_network, with_weight

LABELS = np.array([0, 2, 1, 1, 0])


@pytest.mark.parametrize("norm", sorted(NORMS))
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_gradients_match_differences_and_wrong_ones_do_not(norm, label_smoothing):
    rng = np.random.default_rng(7)
    network = draw_network(rng, (4, 6, 5, 3), norm=norm, input_norm=norm)
    x = rng.standard_normal((5, 4))
    grads, logits = backprop_grads(network, x, LABELS, label_smoothing=label_smoothing)
    np.testing.assert_array_equal(logits, backprop_logits(network, x))
    for depth, (d_weight, d_bias) in enumerate(grads):

        def loss(depth=depth, **arrays):
            changed = with_weight(network, depth, **arrays)
            return backprop_loss(changed, x, LABELS, label_smoothing=label_smoothing)

        dense = network.layers[depth].weights
        for derivative, differences in (
            (d_weight, central_difference(lambda w: loss(weight=w), dense.weight)),
            (d_bias, central_difference(lambda b: loss(bias=b), dense.bias)),
        ):
            assert difference_close(derivative, differences)
            for name, wrong in wrong_versions(derivative):
                assert not difference_close(wrong, differences), name


def test_hand_computed_network():
    # x = 2; hidden a = 2 * 3 - 1 = 5, relu 5; logits (5 * 0.2, 5 * 0.2) = (1, 1): p = (1/2, 1/2)
    # label 0: L = log 2; d_logits = (-1/2, 1/2); dV = 5 * that = (-2.5, 2.5)
    # d_hidden = -1/2 * 0.2 + 1/2 * 0.2 = 0 for equal V; with V = (0.2, 0.4), b = (1, 0):
    # logits (2, 2), d_hidden = -0.1 + 0.2 = 0.1, dW = x * 0.1 = 0.2, db = 0.1
    hidden = LocalLayer(Dense(np.array([[3.0]]), np.array([-1.0])), ())
    top = LocalLayer(Dense(np.array([[0.2, 0.4]]), np.array([1.0, 0.0])), ())
    network = Network((hidden, top), NORMS["none"], NORMS["none"])
    x, labels = np.array([[2.0]]), np.array([0])
    assert backprop_loss(network, x, labels) == pytest.approx(np.log(2), rel=1e-14)
    (hidden_grads, top_grads), _ = backprop_grads(network, x, labels)
    np.testing.assert_allclose(top_grads[0], [[-2.5, 2.5]], rtol=1e-14)
    np.testing.assert_allclose(top_grads[1], [-0.5, 0.5], rtol=1e-14)
    np.testing.assert_allclose(hidden_grads[0], [[0.2]], rtol=1e-13)
    np.testing.assert_allclose(hidden_grads[1], [0.1], rtol=1e-13)


def test_no_hidden_layer_is_softmax_regression():
    # gradient of softmax regression: x^T (p - t) / N
    rng = np.random.default_rng(8)
    network = draw_network(rng, (4, 3), norm="none")
    x = rng.standard_normal((5, 4))
    ((d_weight, d_bias),), logits = backprop_grads(network, x, LABELS)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(d_weight, x.T @ (p - np.eye(3)[LABELS]) / 5, rtol=1e-12)
    np.testing.assert_allclose(d_bias, (p - np.eye(3)[LABELS]).mean(axis=0), rtol=1e-12)


def test_one_class_and_a_dead_layer_have_gradient_zero_below():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((5, 4))
    one_class = draw_network(rng, (4, 6, 1))
    assert backprop_loss(one_class, x, np.zeros(5, int)) == 0
    for grads in backprop_grads(one_class, x, np.zeros(5, int))[0]:
        assert all(not d.any() for d in grads)
    dead = with_weight(draw_network(rng, (4, 6, 3)), 0, bias=np.full(6, -1e6))
    grads, _ = backprop_grads(dead, x, LABELS)
    assert not grads[0][0].any()
    assert grads[1][1].any()
