"""One-pass and self-contrastive objectives in a local step: weights, locality, batches, census."""

import numpy as np
import pytest

from ffref.formulas import NORMS, SIMILARITIES, l2_normalize
from ffref.negatives import class_tuples, labelled_context, paired_context
from ffref.objectives.cwc import cwc, cwc_goodness, cwc_pvn
from ffref.objectives.deeper_forward import deeper_forward, deeper_forward_goodness
from ffref.objectives.distance_forward import distance_forward, distance_forward_class_scores
from ffref.objectives.faust import faust, faust_class_scores
from ffref.objectives.peer import with_peer_rule
from ffref.objectives.scff import scff
from ffref.training import (
    LocalLayer,
    Plan,
    ReadoutTraining,
    Step,
    TrainingState,
    beside_itself,
    bind_optimizer,
    epochs,
    initial_optimizer_states,
    local_grads,
    local_step,
    one_pass,
    self_contrastive,
    take_census,
    unsupervised,
)
from ffref.training.prediction import ROWS_AT_ONCE
from ffref.training.schedules import constant
from tests.independent.compare import central_difference, difference_close, wrong_versions
from tests.networks import copied, draw_dense, draw_network

BATCH, IN_UNITS, UNITS, CLASSES = 6, 5, 6, 3
LABELS = np.array([0, 2, 1, 1, 0, 2])
RNG = np.random.default_rng(21)
TUPLES = class_tuples(LABELS, classes=CLASSES, rng=RNG)
CONTEXT = labelled_context(LABELS, np.dtype(float))._replace(tuples=TUPLES)
LEARNED = {"similarity": SIMILARITIES["mahalanobis"], "norm": NORMS["rms"]}


def state_of(units):
    return np.zeros((CLASSES, units)), np.zeros(CLASSES)


def factor(units):
    return np.random.default_rng(units).standard_normal((units, 2)) / 2


CASES = {
    "faust": (faust(scale=3.0), state_of(UNITS), CONTEXT),
    "faust-learned": (faust(scale=0.3, **LEARNED), (factor(UNITS), *state_of(UNITS)), CONTEXT),
    "cwc": (cwc(classes=CLASSES), (), CONTEXT),
    "cwc-pvn": (cwc_pvn(classes=CLASSES, threshold=0.5), (), CONTEXT),
    "deeper-forward": (deeper_forward(classes=CLASSES), (), CONTEXT),
    "distance-forward": (
        distance_forward(scale=2.0, margin=0.3),
        (RNG.standard_normal((CLASSES, UNITS)) / 2,),
        CONTEXT,
    ),
    "scff": (
        scff(positive_threshold=1.0, negative_threshold=2.0, penalty=0.1),
        (),
        paired_context(LABELS[:3], np.dtype(float)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layer_gradients_match_differences_and_wrong_ones_do_not(name):
    objective, params, context = CASES[name]
    rng = np.random.default_rng(12)
    x, dense = rng.standard_normal((BATCH, IN_UNITS)), draw_dense(rng, IN_UNITS, UNITS)

    def loss(weight=dense.weight, bias=dense.bias, objective_params=params):
        activity = np.maximum(x @ weight + bias, 0)
        return objective.loss(activity, context, objective_params)

    grads, _, _ = local_grads(LocalLayer(dense, params), x, context, objective)
    pairs = [
        (grads.d_weight, central_difference(lambda w: loss(weight=w), dense.weight)),
        (grads.d_bias, central_difference(lambda b: loss(bias=b), dense.bias)),
    ]
    if grads.d_params:
        differences = central_difference(
            lambda p: loss(objective_params=(p, *params[1:])), params[0]
        )
        pairs.append((grads.d_params[0], differences))
    for derivative, differences in pairs:
        assert difference_close(derivative, differences)
        for version, wrong in wrong_versions(derivative):
            assert not difference_close(wrong, differences), version


def algorithms():
    yield "faust", one_pass([faust(scale=3.0)] * 3, class_scores=[faust_scores] * 3), state_of, 0
    yield (
        "faust-learned",
        one_pass([faust(scale=0.3, **LEARNED)] * 3, class_scores=[faust_scores] * 3),
        lambda units: (factor(units), *state_of(units)),
        1,
    )
    for name, objective, goodness in (
        ("cwc", cwc(classes=CLASSES), cwc_goodness),
        ("deeper-forward", deeper_forward(classes=CLASSES), deeper_forward_goodness),
    ):

        def scores(activity, params, goodness=goodness):
            return goodness(activity, classes=CLASSES)

        yield name, one_pass([objective] * 3, class_scores=[scores] * 3), lambda units: (), 0
    yield (
        "distance-forward",
        one_pass(
            [distance_forward(scale=2.0)] * 3,
            class_scores=[lambda y, params: distance_forward_class_scores(y, params[0])] * 3,
        ),
        lambda units: (np.random.default_rng(units).standard_normal((CLASSES, units)) / 2,),
        0,
    )
    objective = scff(positive_threshold=1.0, negative_threshold=2.0)
    readout = ReadoutTraining(bind_optimizer("adam"), 1.0)
    yield "scff", self_contrastive([objective] * 3, readout=readout), lambda units: (), 0


def faust_scores(activity, params):
    *learned, centroids, counts = params
    similarity = SIMILARITIES["mahalanobis" if learned else "cosine"]
    return faust_class_scores(activity, centroids, counts, learned, similarity=similarity)


ALGORITHMS = list(algorithms())
each_algorithm = pytest.mark.parametrize(
    ("name", "algorithm", "params", "learned"), ALGORITHMS, ids=[a[0] for a in ALGORITHMS]
)


def fresh(params, sizes=(IN_UNITS, 9, 6, 3), norm="l2"):
    network = draw_network(np.random.default_rng(4), sizes, params=params, norm=norm)
    return network._replace(input_norm=beside_itself(NORMS["l2"]))


def step_once(algorithm, network, learned):
    optimizer = bind_optimizer("adam")
    network = copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, learned))
    rng = np.random.default_rng(5)
    x = rng.standard_normal((BATCH, IN_UNITS))
    after, _ = local_step(
        algorithm, optimizer, state, x, LABELS, rng=rng, learning_rate=0.1, trained=range(3)
    )
    return after.network.layers


@each_algorithm
def test_layers_above_do_not_change_an_update_by_a_bit(name, algorithm, params, learned):
    network = fresh(params)
    other = copied(network)
    for layer in other.layers[1:]:
        layer.weights.weight[:] += 1.0
        layer.weights.bias[:] -= 0.5
    first = step_once(algorithm, network, learned)
    second = step_once(algorithm, other, learned)
    for a, b in zip(
        (*first[0].weights, *first[0].params), (*second[0].weights, *second[0].params), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[1].weights.weight, second[1].weights.weight)
    assert not np.array_equal(first[0].weights.weight, network.layers[0].weights.weight)


def test_a_step_moves_what_is_learned_and_leaves_the_centroids():
    _, algorithm, params, learned = ALGORITHMS[1]
    network = fresh(params)
    for layer, before in zip(step_once(algorithm, network, learned), network.layers, strict=True):
        assert not np.array_equal(layer.params[0], before.params[0])
        for kept, zero in zip(layer.params[1:], before.params[1:], strict=True):
            np.testing.assert_array_equal(kept, zero)


# -- batches of self-contrast -------------------------------------------------------------------


def test_self_contrast_adds_normalised_samples():
    _, algorithm, params, _ = ALGORITHMS[-1]
    network = fresh(params)
    x = np.array([[3.0, 4, 0, 0, 0], [0, 0, 0, 0, 9]])
    inputs, context = algorithm.batch(network, x, np.array([0, 1]), None, np.random.default_rng(0))
    expected = [[1.2, 1.6, 0, 0, 0], [0, 0, 0, 0, 2]] + [[0.6, 0.8, 0, 0, 1]] * 2
    np.testing.assert_allclose(inputs, expected, rtol=1e-15)
    np.testing.assert_array_equal(context.polarity, [1, 1, -1, -1])
    # read alone, a sample is what it was as a positive
    np.testing.assert_array_equal(network.input_norm.value(algorithm.neutral(x)), inputs[:2])


def test_beside_itself_pulls_back_twice():
    rng = np.random.default_rng(1)
    x, d_out = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    norm = beside_itself(NORMS["layer"])
    differences = central_difference(lambda x: (d_out * norm.value(x)).sum(), x)
    assert difference_close(norm.vjp(d_out, x), differences)


def test_a_sample_alone_in_its_batch_is_a_positive_only():
    readout = ReadoutTraining(bind_optimizer("adam"), 1.0)
    objective = scff(positive_threshold=1.0, negative_threshold=2.0)
    hybrid = unsupervised([objective] * 3, negatives=lambda x, rng: 1 / 0, readout=readout)
    for algorithm in (hybrid, self_contrastive([objective] * 3, readout=readout)):
        inputs, context = algorithm.batch(
            fresh(lambda units: ()), np.ones((1, IN_UNITS)), np.array([0]), None, RNG
        )
        assert len(inputs) == 1
        evaluation = objective.evaluate(inputs, context, ())
        assert np.isfinite(evaluation.loss)
        assert evaluation.accuracy == 0


# -- census ---------------------------------------------------------------------------------------


TWO_LAYERS = one_pass([faust(scale=3.0)] * 2, class_scores=[faust_scores] * 2)


def trained(samples, *, batch_size=16, labels=None, count=2, dtype=np.float64):
    """State of a small FAUST network after some epochs, and its samples."""
    algorithm, optimizer = TWO_LAYERS, bind_optimizer("adam")
    rng = np.random.default_rng(8)
    x = rng.standard_normal((samples, IN_UNITS)).astype(dtype)
    labels = rng.integers(CLASSES, size=samples) if labels is None else labels
    network = fresh(state_of, (IN_UNITS, 7, 4))
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, 0))

    def run(*arguments, **keywords):
        return local_step(
            algorithm,
            optimizer, *arguments, **keywords,
        )  # fmt: skip

    def finish(state, x, labels):
        take_census(algorithm, state, x, labels)

    step = Step(run, layers=2, finish=finish)
    plan = Plan(count, batch_size, 0.01, constant, seed=3)
    *_, (state, _) = epochs(state, step, x, labels, plan)
    return state, x, labels


def class_means(network, x, labels):
    """Means of unit activities, by plain NumPy."""
    below = 2 * x / np.linalg.norm(x, axis=1, keepdims=True)
    for layer in network.layers:
        activity = np.maximum(below @ layer.weights.weight + layer.weights.bias, 0)
        length = np.linalg.norm(activity, axis=1, keepdims=True)
        below = activity / np.where(length > 0, length, 1)
        yield np.stack([below[labels == label].mean(axis=0) for label in range(CLASSES)])


@pytest.mark.parametrize("samples", [40, ROWS_AT_ONCE + 76])
def test_centroids_are_the_means_of_the_final_weights_over_all_samples(samples):
    state, x, labels = trained(samples, batch_size=256)
    expected = class_means(state.network, x, labels)
    for layer, means in zip(state.network.layers, expected, strict=True):
        np.testing.assert_allclose(layer.params[-2], means, rtol=1e-11, atol=1e-14)
        np.testing.assert_array_equal(layer.params[-1], np.bincount(labels, minlength=CLASSES))


def test_a_class_without_samples_keeps_its_centroid():
    state, x, labels = trained(40)
    before = [[array.copy() for array in layer.params] for layer in state.network.layers]
    part = labels != 1
    take_census(TWO_LAYERS, state, x[part][:10], labels[part][:10])
    for layer, (centroids, counts) in zip(state.network.layers, before, strict=True):
        np.testing.assert_array_equal(layer.params[0][1], centroids[1])
        assert layer.params[1][1] == counts[1]
        assert not np.array_equal(layer.params[0][0], centroids[0])


def test_no_centroid_before_the_first_census():
    algorithm = ALGORITHMS[0][1]
    scores = algorithm.scores(fresh(state_of), np.ones((2, IN_UNITS)))
    assert (scores == -np.inf).all()


def test_an_objective_without_census_keeps_its_params():
    _, algorithm, params, _ = ALGORITHMS[4]
    network = fresh(params)
    state = TrainingState(copied(network), ())
    take_census(algorithm, state, np.ones((3, IN_UNITS)), np.array([0, 1, 2]))
    for layer, before in zip(state.network.layers, network.layers, strict=True):
        np.testing.assert_array_equal(layer.params[0], before.params[0])


def test_census_reaches_the_centroids_before_a_peer_mean():
    objective = with_peer_rule(faust(scale=1.0))
    assert objective.compared_rows
    activity, labels = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([1, 1])
    params = (np.zeros((2, 2)), np.zeros(2), np.full(2, 0.5))
    sums = objective.census.sums(activity, labels, params)
    centroids, counts, mean = objective.census.params(params, sums)
    np.testing.assert_allclose(centroids, [[0, 0], [0.3, 0.9]], rtol=1e-15)
    np.testing.assert_array_equal(counts, [0, 2])
    assert mean is params[-1]


def test_prediction_is_the_nearest_centroid_summed_over_layers():
    state, x, _ = trained(40)
    scores = TWO_LAYERS.scores(state.network, x[:5])
    below = 2 * l2_normalize(x[:5])
    for depth, layer in enumerate(state.network.layers):
        activity = np.maximum(below @ layer.weights.weight + layer.weights.bias, 0)
        below = l2_normalize(activity)
        expected = below @ l2_normalize(layer.params[0]).T
        np.testing.assert_allclose(scores[depth], expected, rtol=1e-11, atol=1e-14)
