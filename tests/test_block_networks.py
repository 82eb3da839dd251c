"""Networks of blocks in local steps: locality, running statistics, decay, what is never formed."""

import numpy as np
import pytest

from ffref.formulas import GOODNESS
from ffref.layers.block import MOMENTUM
from ffref.negatives import bind_label_encoding
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff, hff_class_scores
from ffref.training import (
    TrainingState,
    bind_optimizer,
    contrastive,
    initial_optimizer_states,
    layer_pass,
    layer_scores,
    layer_units,
    local_step,
    one_pass,
    passes,
    rows_at_once,
)
from ffref.training.checkpoint import layers_from_arrays, layers_to_arrays
from tests.image_networks import draw
from tests.networks import copied

SHAPE, FEATURES, CLASSES = (4, 4, 2), 32, 3
BLOCKS = (
    ("block", {"channels": 3, "pool": 2, "auxiliary": [5, 1]}),
    ("block", {"channels": 4, "residual": True, "auxiliary": [3, [1, 2]]}),
    ("block", {"channels": 4, "norm": "layer"}),
)


def blocks(params=lambda units: ()):
    return draw(np.random.default_rng(2), BLOCKS, SHAPE, norm="none", params=params)


def an_hff():
    network = blocks(
        lambda units: (np.random.default_rng(units).standard_normal((CLASSES, 2, units)),)
    )
    algorithm = one_pass(
        [hff(temperature=0.2)] * 3,
        class_scores=[lambda y, params: hff_class_scores(y, params[0], sharpness=5.0)] * 3,
    )
    return network, algorithm, 1


def an_ff():
    network = blocks()
    algorithm = contrastive(
        [ff(threshold=float(layer_units(layer))) for layer in network.layers],
        goodness=GOODNESS["sum"],
        encoding=bind_label_encoding("overlay", classes=CLASSES),
        classes=CLASSES,
    )
    return network, algorithm, 0


each_algorithm = pytest.mark.parametrize("make", [an_hff, an_ff])


def data():
    rng = np.random.default_rng(6)
    return rng.standard_normal((6, FEATURES)), np.array([0, 1, 2, 0, 1, 2])


def step_once(network, algorithm, learned, trained=range(3), *, optimizer=None, rate=0.1):
    optimizer, network = optimizer or bind_optimizer("adam"), copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, learned))
    x, labels = data()
    rng = np.random.default_rng(7)
    state, reports = local_step(
        algorithm, optimizer, state, x, labels, rng=rng, learning_rate=rate, trained=trained
    )
    return state, reports


@each_algorithm
def test_layers_above_do_not_change_an_update_by_a_bit(make):
    network, algorithm, learned = make()
    other = copied(network)
    for layer in other.layers[1:]:
        layer.weights.weight[:] += 1.0
        layer.weights.shift[:] -= 0.5
    first, _ = step_once(network, algorithm, learned)
    second, _ = step_once(other, algorithm, learned)
    for one, two in zip(
        first.network.layers[0].weights, second.network.layers[0].weights, strict=True
    ):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(
        first.network.layers[1].weights.weight, second.network.layers[1].weights.weight
    )


@each_algorithm
def test_every_array_moves_and_only_of_trained_blocks(make):
    network, algorithm, learned = make()
    for trained in (range(3), range(1, 2)):
        state, reports = step_once(network, algorithm, learned, trained)
        assert sorted(reports) == list(trained)
        for depth, (old, new) in enumerate(zip(network.layers, state.network.layers, strict=True)):
            for field in old.weights._fields:
                one, two = getattr(old.weights, field), getattr(new.weights, field)
                assert one.size == 0 or np.array_equal(one, two) == (depth not in trained), field


@each_algorithm
def test_no_input_gradient_is_formed_in_training(make):
    network, algorithm, learned = make()

    def forbidden(*_):
        raise AssertionError("a local step asked for an input gradient")

    layers = tuple(
        layer._replace(kind=layer.kind._replace(input_grad=forbidden)) for layer in network.layers
    )
    step_once(network._replace(layers=layers), algorithm, learned)


def test_blocks_above_see_batch_statistics_and_frozen_ones_use_their_running_ones():
    network, algorithm, learned = an_hff()
    x, _ = data()
    seen = []

    def watching(layer):
        forward = layer.kind.forward

        def watched(weights, inputs, training):
            seen.append((inputs, training))
            return forward(weights, inputs, training)

        return layer._replace(kind=layer.kind._replace(forward=watched))

    watched = network._replace(layers=tuple(map(watching, network.layers)))
    for trained, training in ((range(3), [True] * 3), (range(1, 2), [False, True])):
        seen.clear()
        step_once(watched, algorithm, learned, trained)
        assert [flag for _, flag in seen] == training
        expected = layer_pass(network.layers[0], x, training=training[0]).activity
        np.testing.assert_array_equal(seen[1][0], expected)


def test_running_statistics_follow_the_weighted_sums():
    # by their definition, PyTorch's: 0.9 old + 0.1 new, the variance divided by one less
    network, algorithm, learned = an_hff()
    state, _ = step_once(network, algorithm, learned)
    x, _ = data()
    old, new = network.layers[0].weights, state.network.layers[0].weights
    padded = np.pad(x.reshape(6, 4, 4, 2), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    sums = np.einsum("nijcyx,yxco->nijo", windows, old.weight).reshape(-1, 3)
    assert MOMENTUM == 0.1
    np.testing.assert_allclose(
        new.running_mean, 0.9 * old.running_mean + 0.1 * sums.mean(axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(
        new.running_variance,
        0.9 * old.running_variance + 0.1 * sums.var(axis=0, ddof=1),
        rtol=1e-12,
    )


def test_decay_acts_on_the_two_weights_alone():
    network, algorithm, learned = an_hff()
    plain, _ = step_once(network, algorithm, learned, optimizer=bind_optimizer("adamw"))
    decayed, _ = step_once(
        network, algorithm, learned, optimizer=bind_optimizer("adamw", weight_decay=0.5)
    )
    for before, one, two in zip(
        network.layers, plain.network.layers, decayed.network.layers, strict=True
    ):
        for field in before.weights._fields:
            start, a, b = (getattr(layer.weights, field) for layer in (before, one, two))
            if field.endswith("weight"):
                np.testing.assert_allclose(b, a - 0.1 * 0.5 * start, rtol=1e-12)
            else:
                np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(one.params[0], two.params[0])


@each_algorithm
def test_scores_read_the_features_and_do_not_depend_on_the_batch(make):
    network, algorithm, _ = make()
    x, _ = data()
    scores = layer_scores(algorithm, network, x)
    assert scores.shape == (3, 6, CLASSES)
    alone = [layer_scores(algorithm, network, x[i : i + 1]) for i in range(len(x))]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), scores)
    if make is an_hff:
        for depth, passed in enumerate(passes(network, x)):
            prototypes = network.layers[depth].params[0]
            expected = hff_class_scores(passed.features, prototypes, sharpness=5.0)
            np.testing.assert_array_equal(scores[depth], expected)
            assert passed.features.shape[1] == (5, 6, 16)[depth]
    assert rows_at_once(network) == 1024


def test_large_images_are_taken_fewer_at_a_time():
    rng = np.random.default_rng(0)
    network = draw(rng, [("block", {"channels": 2})], (64, 64, 1))
    assert rows_at_once(network) == 32


def test_arrays_survive_a_checkpoint():
    network, algorithm, learned = an_hff()
    state, _ = step_once(network, algorithm, learned)
    arrays = layers_to_arrays(state.network.layers, state.optimizer)
    assert "layer0.running_mean" in arrays
    layers, optimizer = layers_from_arrays(arrays)
    for ours, theirs in zip(layers, state.network.layers, strict=True):
        for one, two in zip(
            (*ours.weights, *ours.params), (*theirs.weights, *theirs.params), strict=True
        ):
            np.testing.assert_array_equal(one, two)
        assert ours.weights._fields == theirs.weights._fields
    for ours, theirs in zip(optimizer, state.optimizer, strict=True):
        assert ours.step == theirs.step
        for one, two in zip(ours.slots, theirs.slots, strict=True):
            for a, b in zip(one, two, strict=True):
                np.testing.assert_array_equal(a, b)
