"""Where a loss meets a weight: gradients of a whole layer, locality, what is carried upwards."""

import numpy as np
import pytest

from ffref.formulas import GOODNESS
from ffref.layers import Dense
from ffref.negatives import bind_label_encoding, labelled_context, paired_context
from ffref.objectives.cumulative import cumulative
from ffref.objectives.ff import ff, ff_loss, ff_loss_grad
from ffref.objectives.hff import hff, hff_class_scores, hff_loss, hff_loss_grads, hff_params
from ffref.objectives.layer_collaboration import layer_collaboration
from ffref.objectives.symba import symba
from ffref.training import (
    LocalLayer,
    TrainingState,
    bind_optimizer,
    contrastive,
    initial_optimizer_states,
    local_grads,
    local_step,
    one_pass,
)
from ffref.training.step import carry
from tests.independent.compare import central_difference, difference_close, wrong_versions
from tests.networks import copied, draw_dense, draw_network

BATCH, IN_UNITS, UNITS, CLASSES = 6, 5, 7, 3


def layer_cases():
    """(name, objective, params, context) of one layer; drawn anew at each call."""
    rng = np.random.default_rng(11)
    labels = np.array([0, 2, 1])
    for name, goodness in GOODNESS.items():
        yield f"ff-{name}", ff(threshold=1.5, goodness=goodness), (), paired_context(labels, float)
    prototypes = rng.standard_normal((CLASSES, 2, UNITS))
    context = labelled_context(np.array([0, 2, 1, 1, 0, 2]), float)
    for name, objective in {
        "hff": hff(temperature=0.5),
        "hff-margin": hff(temperature=0.3, sharpness=4.0, margin=0.2, label_smoothing=0.1),
    }.items():
        yield name, objective, (prototypes,), context
    params = hff_params(prototypes, temperature=0.3, learn_temperature=True)
    for kind, margin in {
        "additive-cosine": 0.2,
        "additive-angular": 0.5,
        "multiplicative-angular": 2,
        "pairwise": 0.2,
        "hardest": 0.2,
    }.items():
        objective = hff(temperature=1.0, margin=margin, margin_kind=kind, learn_temperature=True)
        yield f"hff-{kind}", objective, params, context
    margins, goodness = np.tile(rng.standard_normal(3), 2), rng.standard_normal(6)
    context = paired_context(labels, float)._replace(
        carried_margin=margins, carried_goodness=goodness
    )
    yield "symba", symba(steepness=2.0), (), context
    for remedy in ("none", "per-block", "gated", "depth-scaled"):
        objective = cumulative(depth=1, layers=3, remedy=remedy, steepness=2.0)
        yield f"cumulative-{remedy}", objective, (), context
    yield "layer-collaboration", layer_collaboration(threshold=8.0), (), context


CASES = list(layer_cases())


@pytest.mark.parametrize(
    ("objective", "params", "context"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_layer_gradients_match_differences_and_wrong_ones_do_not(objective, params, context):
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
    for i, (param, derivative) in enumerate(zip(params, grads.d_params, strict=True)):
        differences = central_difference(
            lambda p, i=i: loss(objective_params=(*params[:i], p, *params[i + 1 :])), param
        )
        pairs.append((derivative, differences))
    for derivative, differences in pairs:
        assert difference_close(derivative, differences)
        for name, wrong in wrong_versions(derivative):
            assert not difference_close(wrong, differences), name


def test_hand_computed_layer():
    # x = (1, 2), W = ((1, -1), (1, -1)), b = 0: a = (3, -3), y = (3, 0), g = 9, theta = 9
    # dL/dg = -1/2, dL/dy = (-3, 0), relu passes (-3, 0), dW = x^T da = ((-3, 0), (-6, 0))
    layer = LocalLayer(Dense(np.array([[1.0, -1.0], [1.0, -1.0]]), np.zeros(2)), ())
    context = labelled_context(np.array([0]), np.dtype(float))
    grads, activity, _ = local_grads(layer, np.array([[1.0, 2.0]]), context, ff(threshold=9.0))
    np.testing.assert_array_equal(activity, [[3.0, 0.0]])
    np.testing.assert_array_equal(grads.d_weight, [[-3.0, 0.0], [-6.0, 0.0]])
    np.testing.assert_array_equal(grads.d_bias, [-3.0, 0.0])
    assert grads.d_params == ()


def algorithms():
    rng = np.random.default_rng(3)
    prototypes = {units: rng.standard_normal((CLASSES, 2, units)) for units in (7, 6, 4)}
    goodness = GOODNESS["sum"]
    encoding = bind_label_encoding("append", classes=CLASSES)
    objectives = [ff(threshold=float(units)) for units in (7, 6, 4)]
    yield (
        "ff",
        contrastive(objectives, goodness=goodness, encoding=encoding, classes=CLASSES),
        IN_UNITS + CLASSES,
        lambda units: (),
    )
    for update in ("gradient", "ema"):
        yield (
            f"hff-{update}",
            one_pass(
                [hff(temperature=0.2, prototype_update=update)] * 3,
                class_scores=[lambda y, params: hff_class_scores(y, params[0], sharpness=5.0)] * 3,
            ),
            IN_UNITS,
            lambda units: (prototypes[units].copy(),),
        )


ALGORITHMS = list(algorithms())


def step_once(algorithm, network, *, learned, trained=range(3), dtype=np.float64):
    optimizer = bind_optimizer("adam")
    network = copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, learned))
    rng = np.random.default_rng(5)
    x = rng.standard_normal((BATCH, IN_UNITS)).astype(dtype)
    labels = np.array([0, 1, 2, 0, 1, 2])
    return local_step(
        algorithm, optimizer, state, x, labels, rng=rng, learning_rate=0.1, trained=trained
    )


@pytest.mark.parametrize(
    ("name", "algorithm", "width", "params"), ALGORITHMS, ids=[a[0] for a in ALGORITHMS]
)
class TestLocality:
    def network(self, width, params):
        return draw_network(np.random.default_rng(4), (width, 7, 6, 4), params=params)

    def test_layers_above_do_not_change_an_update_by_a_bit(self, name, algorithm, width, params):
        learned = int(name == "hff-gradient")
        network = self.network(width, params)
        other = copied(network)
        for layer in other.layers[1:]:
            layer.weights.weight[:] += 1.0
            layer.weights.bias[:] -= 0.5
        first, _ = step_once(algorithm, network, learned=learned)
        second, _ = step_once(algorithm, other, learned=learned)
        for a, b in zip(
            (*first.network.layers[0].weights, *first.network.layers[0].params),
            (*second.network.layers[0].weights, *second.network.layers[0].params),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        # the test can fail: the layers that were changed do end elsewhere
        assert not np.array_equal(
            first.network.layers[1].weights.weight, second.network.layers[1].weights.weight
        )

    def test_all_layers_move_and_only_the_trained_ones(self, name, algorithm, width, params):
        learned = int(name == "hff-gradient")
        network = self.network(width, params)
        for trained in (range(3), range(1, 2)):
            after, reports = step_once(algorithm, network, learned=learned, trained=trained)
            assert sorted(reports) == list(trained)
            for depth in range(3):
                before = network.layers[depth].weights.weight
                same = np.array_equal(before, after.network.layers[depth].weights.weight)
                assert same == (depth not in trained)

    def test_a_layer_alone_in_a_step_moves_as_in_a_step_of_all(
        self, name, algorithm, width, params
    ):
        learned = int(name == "hff-gradient")
        network = self.network(width, params)
        together, _ = step_once(algorithm, network, learned=learned)
        alone, _ = step_once(algorithm, network, learned=learned, trained=range(2, 3))
        # each layer passes on what it computed before its own update
        np.testing.assert_array_equal(
            together.network.layers[2].weights.weight, alone.network.layers[2].weights.weight
        )

    def test_prototypes_stay_on_the_sphere(self, name, algorithm, width, params):
        after, _ = step_once(
            algorithm, self.network(width, params), learned=int(name == "hff-gradient")
        )
        for layer in after.network.layers:
            for array in layer.params:
                np.testing.assert_allclose(np.linalg.norm(array, axis=-1), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("trained", "normalised"), [(range(3), 2), (range(1, 2), 1), (range(1), 0)]
)
def test_what_the_top_layer_says_is_not_passed_on(trained, normalised):
    _, algorithm, width, params = ALGORITHMS[1]
    network = draw_network(np.random.default_rng(4), (width, 7, 6, 4), params=params)
    norm, passed_on = network.between_norm, []

    def counted(activity):
        passed_on.append(activity.shape[1])
        return norm.value(activity)

    network = network._replace(between_norm=norm._replace(value=counted))
    step_once(algorithm, network, learned=1, trained=trained)
    assert passed_on == [7, 6][:normalised]


def test_carry_adds_goodness_and_margins_of_pairs():
    # goodness 5, 1 | 2, 3: margins of the pairs 3 and -2, for both rows of each pair
    context = paired_context(np.array([0, 1]), np.dtype(float))
    goodness = np.array([5.0, 1.0, 2.0, 3.0])
    once = carry(context, goodness)
    twice = carry(once, goodness)
    np.testing.assert_array_equal(once.carried_goodness, [5.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(once.carried_margin, [3.0, -2.0, 3.0, -2.0])
    np.testing.assert_array_equal(twice.carried_margin, [6.0, -4.0, 6.0, -4.0])
    alone = carry(labelled_context(np.array([0, 1]), np.dtype(float)), np.ones(2))
    np.testing.assert_array_equal(alone.carried_margin, [0.0, 0.0])


def test_contrastive_accuracy_counts_pairs():
    context = paired_context(np.array([0, 1]), np.dtype(float))
    activity = np.array([[2.0], [1.0], [1.0], [3.0]])  # goodness 4, 1 | 1, 9
    evaluation = ff(threshold=1.0).evaluate(activity, context, ())
    np.testing.assert_array_equal(evaluation.goodness, [4.0, 1.0, 1.0, 9.0])
    assert evaluation.accuracy == 0.5


def test_bound_objectives_say_what_loss_and_gradients_say_to_the_last_bit():
    rng = np.random.default_rng(13)
    activity = np.maximum(rng.standard_normal((BATCH, UNITS)), 0)
    context = paired_context(np.array([0, 2, 1]), np.dtype(float))
    for goodness in GOODNESS.values():
        how = {"threshold": 1.5, "goodness": goodness}
        said = ff(**how).evaluate(activity, context, ())
        assert said.loss == ff_loss(activity, context.polarity, **how)
        gradient = ff_loss_grad(activity, context.polarity, **how)
        np.testing.assert_array_equal(said.d_activity, gradient)
    prototypes = rng.standard_normal((CLASSES, 2, UNITS))
    for how in ({"temperature": 0.5}, {"temperature": 0.3, "sharpness": 4.0, "margin": 0.2}):
        said = hff(**how).evaluate(activity, context, (prototypes,))
        assert said.loss == hff_loss(activity, context.labels, prototypes, **how)
        gradients = hff_loss_grads(activity, context.labels, prototypes, **how)
        for ours, theirs in zip((said.d_activity, *said.d_params), gradients, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_hff_accuracy_ignores_the_margin_and_counts_nearest_classes():
    # cosines (0.6, 0.8) and (1, 0): nearest are classes 1 and 0, labels 1 and 1
    context = labelled_context(np.array([1, 1]), np.dtype(float))
    activity = np.array([[3.0, 4.0], [2.0, 0.0]])
    evaluation = hff(temperature=0.1, margin=0.5).evaluate(
        activity, context, (np.eye(2)[:, None],)
    )
    np.testing.assert_allclose(evaluation.goodness, [0.8, 0.0], atol=1e-15)
    assert evaluation.accuracy == 0.5


def test_energy_of_each_label_equals_a_pass_with_that_label():
    _, algorithm, width, params = ALGORITHMS[0]
    network = draw_network(np.random.default_rng(4), (width, 7, 6, 4), params=params)
    x = np.random.default_rng(6).standard_normal((4, IN_UNITS))
    scores = algorithm.scores(network, x)
    assert scores.shape == (3, 4, CLASSES)
    for sample in range(4):
        for label in range(CLASSES):
            y = np.concatenate([x[sample], np.eye(CLASSES)[label]])
            for depth, layer in enumerate(network.layers):
                y = np.maximum(y @ layer.weights.weight + layer.weights.bias, 0)
                assert scores[depth, sample, label] == pytest.approx((y**2).sum(), rel=1e-12)
                y = y / np.sqrt(np.mean(y**2))
