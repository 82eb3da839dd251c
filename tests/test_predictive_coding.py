"""Predictive coding by hand: values, differences, and when it is back-propagation."""

import numpy as np
import pytest

from ffref.baselines import (
    Inference,
    predictive_coding_energy,
    predictive_coding_energy_grads,
    predictive_coding_grads,
    predictive_coding_values,
    relax_errors,
    relax_values,
)
from ffref.formulas import NORMS
from ffref.layers import Dense
from ffref.training import LocalLayer, Network
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.scalar_predictive_coding import energy, squared_error
from tests.networks import draw_network, with_weight

RNG_SEED = 11


def problem(norm="none", *, scale=0.4, sizes=(4, 6, 5, 3)):
    """A network of moderate weights, samples, a target, and hidden values off the forward pass."""
    rng = np.random.default_rng(RNG_SEED)
    network = draw_network(rng, sizes, norm=norm, input_norm=norm)
    for depth, layer in enumerate(network.layers):
        network = with_weight(network, depth, weight=scale * layer.weights.weight)
    x, target = rng.standard_normal((5, sizes[0])), rng.standard_normal((5, sizes[-1]))
    values = [rng.standard_normal((5, units)) for units in sizes[1:-1]]
    return network, x, target, values


def scalars(network):
    weights = [layer.weights.weight.tolist() for layer in network.layers]
    return weights, [layer.weights.bias.tolist() for layer in network.layers]


def one_unit():
    layers = (Dense(np.array([[3.0]]), np.array([-1.0])), Dense(np.array([[0.5]]), np.zeros(1)))
    network = Network(tuple(LocalLayer(d, ()) for d in layers), NORMS["none"], NORMS["none"])
    return network, np.array([[2.0]]), np.array([[4.0]])


def flat(grads):
    return np.concatenate([array.ravel() for pair in grads for array in pair])


# -- values by hand ------------------------------------------------------------------------------


def test_energy_and_gradients_by_hand():
    # x = 2: prediction 2 * 3 - 1 = 5; value 6, error 1; above 6 * 0.5 = 3, target 4, error 1
    # F = (1 + 1) / 2 = 1;  dF/da = 1 - 0.5 * 1 = 0.5
    # dW1 = -2 * 1, db1 = -1;  dW2 = -6 * 1, db2 = -1
    network, x, target = one_unit()
    values = [np.array([[6.0]])]
    assert predictive_coding_energy(network, x, target, values) == 1.0
    d_values, grads = predictive_coding_energy_grads(network, x, target, values)
    assert d_values[0].tolist() == [[0.5]]
    assert flat(grads).tolist() == [-2, -1, -6, -1]
    # precision 0.5: F = (1 + 0.5) / 2; dF/da = 1 - 0.25; dW2, db2 halved
    half = {"output_precision": 0.5}
    assert predictive_coding_energy(network, x, target, values, **half) == 0.75
    d_values, grads = predictive_coding_energy_grads(network, x, target, values, **half)
    assert d_values[0].tolist() == [[0.75]]
    assert flat(grads).tolist() == [-2, -1, -3, -0.5]


def test_relaxation_by_hand():
    # forward: a = 5, error above 4 - 2.5 = 1.5, slope -0.75; rate 0.4: a = 5.3, errors 0.3, 1.35
    network, x, target = one_unit()
    assert predictive_coding_values(network, x)[0].tolist() == [[5.0]]
    once = relax_values(network, x, target, steps=1, rate=0.4, output_precision=1.0)
    np.testing.assert_allclose(np.ravel(once.errors), [0.3, 1.35], rtol=1e-14)
    # at rest e1 = e2 / 2 and e2 = 4 - (5 + e1) / 2: e2 = 1.2, e1 = 0.6
    rest = relax_values(network, x, target, steps=100, rate=0.4, output_precision=1.0)
    np.testing.assert_allclose(np.ravel(rest.errors), [0.6, 1.2], rtol=1e-14)
    # predictions held: e2 = 1.5 stays, e1 = 0.75 after one step of rate 1
    held = relax_errors(network, x, target, steps=1, rate=1.0, output_precision=1.0)
    assert np.ravel(held.errors).tolist() == [0.75, 1.5]


# -- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", sorted(NORMS))
@pytest.mark.parametrize("precision", [1.0, 0.2])
def test_gradients_match_differences_and_wrong_ones_do_not(norm, precision):
    network, x, target, values = problem(norm)

    def loss(changed=network, nodes=values):
        return predictive_coding_energy(changed, x, target, nodes, output_precision=precision)

    d_values, grads = predictive_coding_energy_grads(
        network, x, target, values, output_precision=precision
    )
    pairs = []
    for depth, value in enumerate(values):

        def moved(v, depth=depth):
            return loss(nodes=[*values[:depth], v, *values[depth + 1 :]])

        pairs.append((d_values[depth], central_difference(moved, value)))
    for depth, layer in enumerate(network.layers):
        for name, d in zip(("weight", "bias"), grads[depth], strict=True):

            def changed(a, depth=depth, name=name):
                return loss(changed=with_weight(network, depth, **{name: a}))

            pairs.append((d, central_difference(changed, getattr(layer.weights, name))))
    for derivative, differences in pairs:
        assert difference_close(derivative, differences)
        for name, wrong in wrong_versions(derivative):
            assert not difference_close(wrong, differences), name


@pytest.mark.parametrize("precision", [1.0, 0.3])
def test_energy_is_that_of_scalar_code(precision):
    network, x, target, values = problem()
    ours = predictive_coding_energy(network, x, target, values, output_precision=precision)
    theirs = energy(
        *scalars(network), x.tolist(), target.tolist(), [v.tolist() for v in values], precision
    )
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_relaxation_ends_at_rest_and_below():
    network, x, target, _ = problem()
    start = predictive_coding_values(network, x)
    rest = relax_values(network, x, target, steps=2000, rate=0.1, output_precision=1.0)
    # values are prediction plus error; rebuilt from the bottom
    nodes, below = [], x
    for layer, error in zip(network.layers[:-1], rest.errors[:-1], strict=True):
        nodes.append(below @ layer.weights.weight + layer.weights.bias + error)
        below = np.maximum(nodes[-1], 0)
    d_values, _ = predictive_coding_energy_grads(network, x, target, nodes)
    assert max(np.abs(d).max() for d in d_values) < 1e-12
    energies = [predictive_coding_energy(network, x, target, v) for v in (start, nodes)]
    assert energies[1] < 0.95 * energies[0]


def test_a_row_relaxes_alone():
    network, x, target, _ = problem("rms")
    choices = {"steps": 7, "rate": 0.1, "output_precision": 0.5}
    for relax in (relax_values, relax_errors):
        whole = relax(network, x, target, **choices)
        alone = relax(network, x[2:3], target[2:3], **choices)
        for error, own in zip(whole.errors, alone.errors, strict=True):
            assert np.array_equal(error[2:3], own)


# -- beside back-propagation ---------------------------------------------------------------------


def differences_of_squared_error(network, x, target):
    """Gradient of the forward pass's squared error, by central differences of scalar code."""
    grads = []
    for depth, layer in enumerate(network.layers):
        own = []
        for name in ("weight", "bias"):

            def loss(a, depth=depth, name=name):
                changed = with_weight(network, depth, **{name: a})
                return squared_error(*scalars(changed), x.tolist(), target.tolist())

            own.append(central_difference(loss, getattr(layer.weights, name)))
        grads.append(tuple(own))
    return grads


def backward(network, x, target):
    """The same gradient by explicit Jacobians, one row after the other; no normalisation."""
    arrays = [layer.weights for layer in network.layers]
    grads = [[np.zeros_like(w.weight), np.zeros_like(w.bias)] for w in arrays]
    for row, t in zip(x, target, strict=True):
        inputs, gates = [row], []
        for dense in arrays[:-1]:
            total = inputs[-1] @ dense.weight + dense.bias
            gates.append(np.diag(np.where(total > 0, 1.0, 0.0)))
            inputs.append(gates[-1] @ total)
        out = inputs[-1] @ arrays[-1].weight + arrays[-1].bias
        for depth in range(len(arrays)):
            jacobian = np.eye(len(arrays[depth].bias))
            for above in range(depth + 1, len(arrays)):
                jacobian = jacobian @ gates[above - 1] @ arrays[above].weight
            delta = jacobian @ (out - t) / len(x)
            grads[depth][0] += np.outer(inputs[depth], delta)
            grads[depth][1] += delta
    return grads


def distance(ours, theirs):
    """Relative distance of all gradients of a network."""
    return np.linalg.norm(flat(ours) - flat(theirs)) / np.linalg.norm(flat(theirs))


def test_fixed_predictions_are_back_propagation():
    network, x, target, _ = problem()
    truth = backward(network, x, target)
    for ours, differences in zip(
        flat(truth), flat(differences_of_squared_error(network, x, target)), strict=True
    ):
        assert difference_close(ours, differences)
    # two hidden layers: two steps of rate 1 suffice, and one does not
    exact = predictive_coding_grads(network, x, target, Inference(True, 2, 1.0))
    assert scaled_close(flat(exact), flat(truth))
    assert not scaled_close(1.01 * flat(exact), flat(truth))
    short = predictive_coding_grads(network, x, target, Inference(True, 1, 1.0))
    assert not flat(short[:1]).any()  # nothing has reached the first layer
    assert flat(truth[:1]).any()
    slow = predictive_coding_grads(network, x, target, Inference(True, 400, 0.1))
    assert scaled_close(flat(slow), flat(truth))
    precise = predictive_coding_grads(network, x, target, Inference(True, 2, 1.0, 0.25))
    assert scaled_close(flat(precise), 0.25 * flat(truth))


def test_free_values_are_back_propagation_as_the_output_precision_goes_to_zero():
    network, x, target, _ = problem()
    truth = backward(network, x, target)
    far = []
    for precision in (1.0, 0.1, 0.01, 0.001):
        grads = predictive_coding_grads(network, x, target, Inference(False, 600, 0.2, precision))
        far.append(distance([[d / precision for d in own] for own in grads], truth))
    assert far[0] > 0.1
    assert far[1] / far[2] == pytest.approx(10, rel=0.2)
    assert far[2] / far[3] == pytest.approx(10, rel=0.05)
    assert far[3] < 1e-3


def test_a_small_output_error_alone_does_not_suffice():
    network, x, target, _ = problem()
    values = predictive_coding_values(network, x)
    top = network.layers[-1].weights
    output = np.maximum(values[-1], 0) @ top.weight + top.bias
    far = []
    for size in (1e-2, 1e-4):
        near = output + size * (target - output)
        grads = predictive_coding_grads(network, x, near, Inference(False, 600, 0.2))
        far.append(distance(grads, backward(network, x, near)))
    assert min(far) > 0.1
    assert far[0] == pytest.approx(far[1], rel=0.05)


# -- special cases and extremes ------------------------------------------------------------------


def test_one_layer_is_linear_regression():
    network, x, target, _ = problem(sizes=(4, 3))
    dense = network.layers[0].weights
    residual = x @ dense.weight + dense.bias - target
    for fixed in (False, True):
        ((d_weight, d_bias),) = predictive_coding_grads(network, x, target, Inference(fixed))
        assert scaled_close(d_weight, x.T @ residual / 5)
        assert scaled_close(d_bias, residual.mean(axis=0))


def test_a_target_that_is_met_moves_nothing():
    network, x, _, _ = problem(sizes=(4, 6, 1))
    top = network.layers[-1].weights
    met = np.maximum(predictive_coding_values(network, x)[-1], 0) @ top.weight + top.bias
    for fixed in (False, True):
        grads = predictive_coding_grads(network, x, met, Inference(fixed))
        assert np.abs(flat(grads)).max() < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fixed", [False, True])
def test_extremes_stay_finite_and_keep_their_type(dtype, fixed):
    network, x, target, _ = problem("rms")
    layers = tuple(
        layer._replace(weights=Dense(*(a.astype(dtype) for a in layer.weights)))
        for layer in network.layers
    )
    network = network._replace(layers=layers)
    dead = with_weight(network, 0, bias=np.full(6, -1e6, dtype))
    for chosen, *arrays in (
        (network, x, 1e4 * target),
        (network, x[:1], target[:1]),
        (network, np.zeros_like(x), np.zeros_like(target)),
        (dead, x, target),
    ):
        rows, aims = (array.astype(dtype) for array in arrays)
        kept = rows.copy(), aims.copy()
        grads = predictive_coding_grads(chosen, rows, aims, Inference(fixed, 10, 0.05))
        assert all(d.dtype == dtype and np.isfinite(d).all() for own in grads for d in own)
        assert np.array_equal(rows, kept[0])
        assert np.array_equal(aims, kept[1])


def test_bad_input_is_refused():
    network, x, target, values = problem()
    with pytest.raises(ValueError, match="2 hidden layers, got 1"):
        predictive_coding_energy(network, x, target, values[:1])
    with pytest.raises(ValueError, match=r"shape of its prediction, \(5, 3\), got \(5, 2\)"):
        predictive_coding_energy(network, x, target[:, :2], values)
    with pytest.raises(ValueError, match="output_precision must be above 0"):
        predictive_coding_grads(network, x, target, Inference(output_precision=0.0))
    with pytest.raises(ValueError, match="rate must be above 0"):
        predictive_coding_grads(network, x, target, Inference(rate=-1.0))
    with pytest.raises(ValueError, match="steps must be a whole number"):
        predictive_coding_grads(network, x, target, Inference(steps=0))
