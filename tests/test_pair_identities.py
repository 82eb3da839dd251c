"""What SymBa, cumulative goodness, layer collaboration and FF share, code against code."""

import numpy as np
import pytest

from ffref.formulas import SUM_OF_SQUARES, mean_of_squares
from ffref.formulas.free_riding import REMEDIES, remedy_weights
from ffref.formulas.pairs import pair_margin, pair_rows
from ffref.negatives import bind_label_encoding, paired_context
from ffref.objectives.cumulative import (
    calibrated_rule,
    cumulative,
    cumulative_loss,
    cumulative_loss_grad,
)
from ffref.objectives.ff import ff_loss, ff_loss_grad
from ffref.objectives.layer_collaboration import (
    collaboration_loss,
    collaboration_loss_grad,
    goodness_of_others,
    layer_collaboration,
)
from ffref.objectives.symba import symba, symba_loss, symba_loss_grad
from ffref.training import (
    TrainingState,
    bind_optimizer,
    contrastive,
    initial_optimizer_states,
    local_step,
)
from ffref.training.network import layer_pass, passes_above
from ffref.types import Goodness
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.networks import copied, draw_network, with_weight
from tests.pair_cases import PAIR_CASES, RECORDS, options, pair_batch

each_case = pytest.mark.parametrize("case", PAIR_CASES, ids=lambda case: case.name)


def with_added(goodness, added):
    """A goodness that has a constant of each row added."""
    return Goodness(lambda y: goodness.value(y) + added, goodness.grad)


@each_case
def test_nothing_carried_is_symba(case):
    batch, how = pair_batch(case), options(case)
    args = batch.polarity, batch.partner
    expected = symba_loss_grad(batch.activity, *args, **how)
    zeros = np.zeros(len(batch.activity))
    for carried, weight in ((batch.carried_margin, 0.0), (zeros, 0.7)):
        loss = cumulative_loss(batch.activity, *args, carried, carried_weight=weight, **how)
        assert scaled_close(loss, symba_loss(batch.activity, *args, **how))
        gradient = cumulative_loss_grad(
            batch.activity, *args, carried, carried_weight=weight, **how
        )
        assert scaled_close(gradient, expected)


@each_case
def test_carried_goodness_in_symba_is_the_carried_margin(case):
    batch, how = pair_batch(case), options(case)
    args = batch.polarity, batch.partner
    summed = how | {"goodness": with_added(how["goodness"], 0.7 * batch.carried_goodness)}
    how = {"carried_weight": 0.7, **how}
    loss = cumulative_loss(batch.activity, *args, batch.carried_margin, **how)
    assert scaled_close(loss, symba_loss(batch.activity, *args, **summed))
    gradient = cumulative_loss_grad(batch.activity, *args, batch.carried_margin, **how)
    assert scaled_close(gradient, symba_loss_grad(batch.activity, *args, **summed))


@each_case
def test_the_calibrated_rule_carries_what_is_lost(case):
    batch, how = pair_batch(case), {"carried_weight": 0.7, **options(case)}
    args = batch.activity, batch.polarity, batch.partner
    rule = calibrated_rule(*args, batch.carried_margin, **how)
    lost = np.minimum(batch.carried_margin, 0)
    assert scaled_close(rule, cumulative_loss_grad(*args, lost, **how))
    won = calibrated_rule(*args, np.abs(batch.carried_margin), **how)
    assert scaled_close(won, symba_loss_grad(*args, **options(case)))


@each_case
def test_collaboration_is_ff_on_summed_goodness(case):
    batch, goodness = pair_batch(case), RECORDS[case.kind]
    args, others = (batch.activity, batch.polarity), batch.carried_goodness
    summed = {"threshold": 0.8, "goodness": with_added(goodness, others)}
    how = {"threshold": 0.8, "goodness": goodness}
    assert scaled_close(collaboration_loss(*args, others, **how), ff_loss(*args, **summed))
    gradient = collaboration_loss_grad(*args, others, **how)
    assert scaled_close(gradient, ff_loss_grad(*args, **summed))
    level = np.full(len(others), 0.3)
    for other, threshold in ((0 * level, 0.8), (level, 0.5)):
        gradient = collaboration_loss_grad(*args, other, **how)
        shifted = {"threshold": threshold, "goodness": goodness}
        assert scaled_close(gradient, ff_loss_grad(*args, **shifted))


def three_layers():
    rng = np.random.default_rng(7)
    activities = [np.abs(rng.normal(size=(4, units))) for units in (3, 5, 2)]
    return activities, paired_context(np.array([0, 1]), np.dtype(float))


def test_all_others_give_every_layer_the_loss_and_its_own_gradient_of_the_network():
    activities, context = three_layers()
    goodness = np.stack([SUM_OF_SQUARES.value(y) for y in activities])
    total = context._replace(network_goodness=goodness.sum(axis=0))
    objective = layer_collaboration(threshold=9.0, others="all")
    for depth, activity in enumerate(activities):
        rest = goodness_of_others(goodness)[depth]

        def network_loss(y, rest=rest):
            margin = context.polarity * ((y**2).sum(axis=1) + rest - 9.0)
            return np.log1p(np.exp(-margin)).mean()

        assert scaled_close(objective.loss(activity, total, ()), network_loss(activity))
        assert scaled_close(
            network_loss(activity), network_loss(activities[0], rest=goodness[1:].sum(axis=0))
        )
        gradient, _ = objective.grads(activity, total, ())
        differences = central_difference(network_loss, activity)
        assert difference_close(gradient, differences)
        for name, wrong in wrong_versions(gradient):
            assert not difference_close(wrong, differences), name


def collaborations(others, goodness):
    """Objective, loss and gradient of layer collaboration."""
    how = {"threshold": 4.0, "goodness": goodness}

    def args(activity, context):
        network = context.network_goodness - goodness.value(activity)
        added = context.carried_goodness if others == "below" else network
        return activity, context.polarity, added

    return (
        layer_collaboration(others=others, **how),
        lambda y, context: collaboration_loss(*args(y, context), **how),
        lambda y, context: collaboration_loss_grad(*args(y, context), **how),
    )


def cumulatives(remedy):
    """The same of cumulative goodness."""

    def args(activity, context):
        pairs = pair_rows(context.polarity, context.partner)
        margin = pair_margin(mean_of_squares(activity), pairs)
        carried = context.carried_margin[pairs.positive]
        weights = remedy_weights(
            margin, carried, remedy=remedy, depth=1, layers=2, carried_weight=0.7
        )
        rows = context.polarity, context.partner, context.carried_margin
        return (activity, *rows), {"carried_weight": weights[0], "own_weight": weights[1]}

    def loss(activity, context):
        given, weights = args(activity, context)
        return cumulative_loss(*given, **weights)

    def grad(activity, context):
        given, weights = args(activity, context)
        return cumulative_loss_grad(*given, **weights)

    return cumulative(depth=1, layers=2, remedy=remedy, carried_weight=0.7), loss, grad


BOUND = [
    (
        symba(steepness=1.5),
        lambda y, context: symba_loss(y, context.polarity, context.partner, steepness=1.5),
        lambda y, context: symba_loss_grad(y, context.polarity, context.partner, steepness=1.5),
    ),
    *map(cumulatives, REMEDIES),
    collaborations("below", SUM_OF_SQUARES),
    collaborations("all", RECORDS["mean"]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", range(8))
def test_bound_objectives_say_what_loss_and_gradient_say(number, dtype):
    objective, loss, grad = BOUND[number]
    rng = np.random.default_rng(number)
    activity = np.abs(rng.normal(size=(6, 5))).astype(dtype)
    context = paired_context(np.array([0, 1, 2]), np.dtype(dtype))
    context = context._replace(
        carried_margin=np.tile(rng.normal(size=3), 2).astype(dtype),
        carried_goodness=rng.uniform(size=6).astype(dtype),
        network_goodness=rng.uniform(9, 10, size=6).astype(dtype),
    )
    said = objective.evaluate(activity, context, ())
    assert said.loss == objective.loss(activity, context, ()) == loss(activity, context)
    gradient, d_params = objective.grads(activity, context, ())
    np.testing.assert_array_equal(said.d_activity, gradient)
    np.testing.assert_array_equal(said.d_activity, grad(activity, context))
    assert said.d_activity.dtype == said.goodness.dtype == dtype
    assert d_params == said.d_params == objective.advance(activity, context, ()) == ()
    won = [said.goodness[i] > said.goodness[i + 3] for i in range(3)]
    assert said.accuracy == pytest.approx(sum(won) / 3)


def test_bound_remedies_are_the_formulas():
    activities, context = three_layers()
    context = context._replace(carried_margin=np.array([1.2, -0.4, 1.2, -0.4]))
    args = activities[0], context.polarity, context.partner, context.carried_margin
    how = {"carried_weight": 0.7, "steepness": 2.0}

    def bound(remedy):
        objective = cumulative(depth=1, layers=3, remedy=remedy, **how)
        return objective.grads(activities[0], context, ())[0]

    np.testing.assert_array_equal(bound("none"), cumulative_loss_grad(*args, **how))
    assert scaled_close(bound("per-block"), symba_loss_grad(*args[:3], steepness=2.0))
    np.testing.assert_array_equal(bound("calibrated"), calibrated_rule(*args, **how))
    assert len({bound(remedy).tobytes() for remedy in REMEDIES}) == len(REMEDIES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cumulative(depth=0, layers=2, remedy="some"), "remedy must be one of none"),
        (lambda: cumulative(depth=2, layers=2), "depth"),
        (lambda: layer_collaboration(threshold=1.0, others="above"), "others must be one of"),
        (lambda: symba(steepness=-1.0), "above 0"),
    ],
)
def test_bad_choices_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_all_others_need_a_pass_before():
    activities, context = three_layers()
    with pytest.raises(ValueError, match="run the network once"):
        layer_collaboration(threshold=1.0, others="all").loss(activities[0], context, ())


def collaborating(others):
    encoding = bind_label_encoding("append", classes=3)
    objectives = [layer_collaboration(threshold=12.0, others=others) for _ in range(2)]
    return contrastive(
        objectives, goodness=SUM_OF_SQUARES, encoding=encoding, classes=3,
        network_goodness=others == "all",
    )  # fmt: skip


def first_layer_after_a_step(network, others):
    optimizer = bind_optimizer("adam")
    network = copied(network)
    state = TrainingState(network, initial_optimizer_states(optimizer, network.layers, 0))
    x, labels = np.random.default_rng(1).normal(size=(5, 4)), np.array([0, 1, 2, 0, 1])
    local_step(
        collaborating(others), optimizer, state, x, labels,
        rng=np.random.default_rng(2), learning_rate=0.1, trained=range(2),
    )  # fmt: skip
    return network.layers[0].weights.weight


def test_a_batch_brings_the_goodness_of_the_whole_network():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (7, 6, 5))
    x, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 0, 1])
    batch = collaborating("all").batch(network, x, labels, None, np.random.default_rng(2))
    first = layer_pass(network.layers[0], batch[0])
    summed = sum((made.activity**2).sum(axis=1) for made in passes_above(network, first))
    assert scaled_close(batch[1].network_goodness, summed)
    plain = collaborating("below").batch(network, x, labels, None, np.random.default_rng(2))
    assert plain[1].network_goodness is None


def test_layers_below_do_not_see_those_above_unless_all_collaborate():
    network = draw_network(np.random.default_rng(0), (7, 6, 5))
    other = with_weight(network, 1, weight=2 * network.layers[1].weights.weight)
    moved = {
        others: [first_layer_after_a_step(one, others) for one in (network, other)]
        for others in ("below", "all")
    }
    np.testing.assert_array_equal(*moved["below"])
    assert not np.array_equal(*moved["all"])
