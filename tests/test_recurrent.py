"""The recurrent network: by hand, against 50 digits, differences, autograd and wrong versions."""

from functools import partial

import numpy as np
import pytest

from ffref import FFRecurrentClassifier
from ffref.experiments.recipes import RECIPES
from ffref.formulas import NORMS, SUM_OF_SQUARES
from ffref.layers import Dense, zero_readout
from ffref.negatives import labelled_context, paired_context
from ffref.objectives.ff import ff
from ffref.training import (
    LocalLayer,
    Network,
    ReadoutTraining,
    Recurrence,
    TrainingState,
    bind_optimizer,
    initial_optimizer_states,
    local_grads,
    recurrent_grads,
    recurrent_local_grads,
    recurrent_scores,
    recurrent_step,
)
from ffref.training.recurrent import label_code, run_steps, start_states
from tests.independent import scalar_recurrent
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, mp, rounded
from tests.small_data import blobs

CLASSES = 3
# features, hidden sizes, seed
CASES = [(5, (4,), 1), (4, (6, 5), 2), (3, (4, 6, 5), 3)]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case[1])} layers")
each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])
OBJECTIVE = ff(threshold=2.0)


def draw(case, dtype=np.float64):
    features, hidden, seed = case
    rng = np.random.default_rng(seed)
    sizes = (features, *hidden, CLASSES)
    layers = tuple(
        LocalLayer(
            Dense(rng.normal(size=(below, units)).astype(dtype),
                  rng.normal(size=units).astype(dtype)),
            (rng.normal(size=(above, units)).astype(dtype),),
        )
        for below, units, above in zip(sizes, sizes[1:], sizes[2:], strict=False)
    )  # fmt: skip
    network = Network(layers, NORMS["rms"], NORMS["rms"])
    x = rng.normal(size=(3, features)).astype(dtype)
    return network, x, np.array([0, 2, 1]), np.array([1, 0, 2])


def recurrence(network, **choices):
    objectives = [ff(threshold=float(layer.weights.bias.size)) for layer in network.layers]
    readout = ReadoutTraining(bind_optimizer("adam"), 1.0)
    return Recurrence(objectives, SUM_OF_SQUARES, readout, **choices)


def batch_grads(network, x, labels, wrong, **choices):
    code = label_code(network, np.concatenate([labels, wrong]), x.dtype)
    context = paired_context(labels, x.dtype)
    start = start_states(network, x)
    return recurrent_grads(recurrence(network, **choices), network, start, code, context)


def plain(network):
    return [
        (exact(layer.weights.weight), exact(layer.weights.bias), exact(layer.params[0]))
        for layer in network.layers
    ]


# -- one layer in one step -----------------------------------------------------------------------


def one_layer(dtype=np.float64, seed=7):
    rng = np.random.default_rng(seed)
    shapes = [(4, 5), (5,), (3, 5), (6, 4), (6, 3), (6, 5)]
    weight, bias, top_down, below, above, old = (
        rng.normal(size=shape).astype(dtype) for shape in shapes
    )
    layer = LocalLayer(Dense(weight, bias), (top_down,))
    return layer, below, above, np.abs(old), paired_context(np.array([0, 1, 2]), dtype)


def test_by_hand():
    # a = 1 * (2, 2) + 3 * (1, -2) + (0, -1) = (5, -5); y = (5, 0)
    # damping 1/2: h = (4, 4) / 2 + (5, 0) / 2 = (4.5, 2), g = 24.25 = theta, dL/dg = -1/2,
    # dL/dh = -h = (-4.5, -2), through the mixing and the gate: da = (-2.25, 0)
    layer = LocalLayer(
        Dense(np.array([[2.0, 2.0]]), np.array([0.0, -1.0])), (np.array([[1.0, -2.0]]),)
    )
    context = labelled_context(np.array([0]), np.dtype(float))
    grads, state, evaluation = recurrent_local_grads(
        layer, np.ones((1, 1)), np.full((1, 1), 3.0), np.full((1, 2), 4.0), context,
        ff(threshold=24.25), damping=0.5,
    )  # fmt: skip
    np.testing.assert_array_equal(state, [[4.5, 2.0]])
    assert evaluation.loss == pytest.approx(np.log(2), rel=1e-15)
    np.testing.assert_array_equal(grads.d_weight, [[-2.25, 0.0]])
    np.testing.assert_array_equal(grads.d_bias, [-2.25, 0.0])
    np.testing.assert_array_equal(grads.d_top_down, [[-6.75, 0.0]])


@pytest.mark.parametrize("damping", [0.0, 0.3, 0.9])
def test_gradients_are_the_differences_with_neighbours_and_old_state_frozen(damping):
    layer, below, above, old, context = one_layer()

    def loss(weight=layer.weights.weight, bias=layer.weights.bias, top_down=layer.params[0]):
        activity = np.maximum(below @ weight + above @ top_down + bias, 0)
        return OBJECTIVE.loss(damping * old + (1 - damping) * activity, context, ())

    grads, _, _ = recurrent_local_grads(
        layer, below, above, old, context, OBJECTIVE, damping=damping
    )
    pairs = [
        (grads.d_weight, central_difference(lambda w: loss(weight=w), layer.weights.weight)),
        (grads.d_bias, central_difference(lambda b: loss(bias=b), layer.weights.bias)),
        (grads.d_top_down, central_difference(lambda v: loss(top_down=v), layer.params[0])),
    ]
    for gradient, differences in pairs:
        assert difference_close(gradient, differences)
        for name, wrong in wrong_versions(gradient):
            assert not difference_close(wrong, differences), name


def test_without_damping_it_is_the_local_step_on_both_inputs_side_by_side():
    layer, below, above, old, context = one_layer()
    grads, state, evaluation = recurrent_local_grads(
        layer, below, above, old, context, OBJECTIVE, damping=0.0
    )
    dense = Dense(np.concatenate([layer.weights.weight, layer.params[0]]), layer.weights.bias)
    both = np.concatenate([below, above], axis=1)
    theirs, activity, other = local_grads(LocalLayer(dense, ()), both, context, OBJECTIVE)
    np.testing.assert_allclose(state, activity, rtol=1e-13)
    np.testing.assert_allclose(
        np.concatenate([grads.d_weight, grads.d_top_down]), theirs.d_weight, rtol=1e-12
    )
    assert evaluation.loss == pytest.approx(other.loss, rel=1e-13)


def test_damping_near_one_leaves_no_gradient():
    layer, below, above, old, context = one_layer()
    grads, state, _ = recurrent_local_grads(
        layer, below, above, old, context, OBJECTIVE, damping=1 - 1e-12
    )
    np.testing.assert_allclose(state, old, atol=1e-10)
    assert np.abs(grads.d_weight).max() < 1e-9


# -- the network over time -----------------------------------------------------------------------


@each_case
def test_against_50_digits(case):
    network, x, labels, wrong = draw(case)
    ours, _ = batch_grads(network, x, labels, wrong, steps=5)
    thresholds = [mp.mpf(layer.weights.bias.size) for layer in network.layers]
    theirs = scalar_recurrent.gradients(
        plain(network), exact(x), labels, wrong, 5, exact(0.3), thresholds
    )
    for mine, expected in zip(ours, theirs, strict=True):
        for gradient, numbers in zip(mine, expected, strict=True):
            assert scaled_close(gradient, rounded(numbers))
            for name, version in wrong_versions(gradient):
                assert not scaled_close(version, rounded(numbers)), name


@each_case
def test_scores_against_50_digits(case):
    network, x, _, _ = draw(case)
    scores = recurrent_scores(recurrence(network), network, x)
    assert scores.shape == (len(case[1]), 3, CLASSES)
    for row in range(3):
        for label in range(CLASSES):
            expected = scalar_recurrent.mean_goodness(
                plain(network), exact(x[row]), label, (3, 4, 5), exact(0.3)
            )
            assert scaled_close(scores[:, row, label], rounded(expected))


@each_case
def test_shared_states_equal_separate_ones_to_the_last_bit(case):
    network, x, labels, wrong = draw(case, np.float32)
    start = start_states(network, x)
    choices = {"steps": 6, "damping": 0.3}
    both = label_code(network, np.concatenate([labels, wrong]), x.dtype)
    together = list(run_steps(network, start, both, **choices))
    separate = [
        list(run_steps(network, start, label_code(network, c, x.dtype), **choices))
        for c in (labels, wrong)
    ]
    for time, moved in enumerate(together, start=1):
        for depth, step in enumerate(moved):
            label_free = time <= len(network.layers) - (depth + 1)
            assert len(step.state) == (3 if label_free else 6)
            rows = np.tile(step.state, (6 // len(step.state), 1))
            alone = [films[time - 1][depth].state for films in separate]
            np.testing.assert_array_equal(rows, np.concatenate(alone))


@each_case
def test_gradients_are_the_mean_over_steps_of_those_of_one_step(case):
    network, x, labels, wrong = draw(case)
    ours, reports = batch_grads(network, x, labels, wrong, steps=4)
    context = paired_context(labels, x.dtype)
    objectives = recurrence(network).objectives
    start = start_states(network, x)
    states = [np.concatenate([h, h]) for h in start.states]
    image = np.concatenate([start.image, start.image])
    code = label_code(network, np.concatenate([labels, wrong]), x.dtype)
    totals = [[0.0, 0.0, 0.0, 0.0] for _ in network.layers]
    for _ in range(4):
        seen = [image, *(network.between_norm.value(h) for h in states), code]
        for depth, layer in enumerate(network.layers):
            grads, states[depth], evaluation = recurrent_local_grads(
                layer, seen[depth], seen[depth + 2], states[depth], context, objectives[depth],
                damping=0.3,
            )  # fmt: skip
            for i, part in enumerate((*grads, evaluation.loss)):
                totals[depth][i] = totals[depth][i] + part / 4
    for mine, report, expected in zip(ours, reports, totals, strict=True):
        for gradient, total in zip(mine, expected, strict=False):
            assert scaled_close(gradient, total)
        assert report.loss == pytest.approx(expected[3], rel=1e-12)


@pytest.mark.torch
@each_float
@each_case
def test_autograd(case, dtype):
    torch = pytest.importorskip("torch")
    network, x, labels, wrong = draw(case, dtype)
    leaves = [
        [torch.tensor(a, requires_grad=True) for a in (*layer.weights, *layer.params)]
        for layer in network.layers
    ]

    def norm(h):
        return (h / h.pow(2).mean(dim=1, keepdim=True).sqrt()).detach()

    image = norm(torch.tensor(np.concatenate([x, x])))
    code = norm(torch.nn.functional.one_hot(
        torch.tensor(np.concatenate([labels, wrong])), CLASSES).to(image.dtype))  # fmt: skip
    top = len(leaves) - 1
    states, seen = [], image
    for depth, (weight, bias, top_down) in enumerate(leaves):
        above = torch.ones_like(code) @ top_down if depth == top else 0.0
        states.append(torch.relu(seen @ weight + above + bias).detach())
        seen = norm(states[-1])
    target = torch.tensor(np.repeat(np.array([1, 0], dtype), 3))
    loss = 0.0
    for _ in range(6):
        below = [image, *map(norm, states[:-1])]
        over = [*map(norm, states[1:]), code]
        for depth, (weight, bias, top_down) in enumerate(leaves):
            y = torch.relu(below[depth] @ weight + over[depth] @ top_down + bias)
            state = 0.3 * states[depth] + 0.7 * y
            logit = state.pow(2).sum(dim=1) - len(bias)
            bce = torch.nn.functional.binary_cross_entropy_with_logits(logit, target)
            loss = loss + bce / 6
            states[depth] = state.detach()
    loss.backward()
    ours, _ = batch_grads(network, x, labels, wrong, steps=6)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for mine, theirs in zip(ours, leaves, strict=True):
        for gradient, leaf in zip(mine, theirs, strict=True):
            assert gradient.dtype == dtype
            assert scaled_close(gradient, leaf.grad.numpy(), tolerance)
            for name, version in wrong_versions(gradient):
                assert not scaled_close(version, leaf.grad.numpy(), tolerance), name


def test_without_top_down_weights_states_settle_to_the_ordinary_network():
    network, x, labels, _ = draw(CASES[2])
    layers = tuple(
        layer._replace(params=(np.zeros_like(layer.params[0]),)) for layer in network.layers
    )
    network = network._replace(layers=layers)
    start = start_states(network, x)
    code = label_code(network, labels, x.dtype)
    *_, last = run_steps(network, start, code, steps=20, damping=0.3)
    for step, state in zip(last, start.states, strict=True):
        np.testing.assert_allclose(step.state, state, rtol=1e-10)


@each_float
def test_a_row_does_not_depend_on_its_batch_and_inputs_stay(dtype):
    network, _, _, _ = draw((9, (40, 33), 5), dtype)
    x = np.random.default_rng(0).normal(size=(700, 9)).astype(dtype)
    for array in (x, *(a for layer in network.layers for a in (*layer.weights, *layer.params))):
        array.flags.writeable = False
    scores = recurrent_scores(recurrence(network), network, x)
    assert scores.dtype == dtype
    np.testing.assert_array_equal(
        recurrent_scores(recurrence(network), network, x[650:651]), scores[:, 650:651]
    )
    spread = np.repeat(x, 2, axis=1)[:, ::2]
    strided = recurrent_scores(recurrence(network), network, spread)
    # NumPy's sum over a row, in the norm, may round otherwise where numbers lie apart
    assert scaled_close(strided, scores, 1e-5 if dtype == np.float32 else 1e-12)
    assert recurrent_scores(recurrence(network), network, x[:0]).shape == (2, 0, CLASSES)


@each_float
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4])
def test_extremes_stay_finite(dtype, scale):
    network, x, labels, wrong = draw(CASES[1], dtype)
    with np.errstate(under="ignore"):
        layers = tuple(
            LocalLayer(Dense(*(a * dtype(scale) for a in layer.weights)),
                       tuple(a * dtype(scale) for a in layer.params))
            for layer in network.layers
        )  # fmt: skip
        grads, reports = batch_grads(network._replace(layers=layers), x, labels, wrong)
    assert all(np.isfinite(part).all() for layer in grads for part in layer)
    assert all(np.isfinite(report.loss) for report in reports)


def test_a_step_moves_all_three_arrays_and_only_of_trained_layers():
    network, x, labels, _ = draw(CASES[1])
    network = network._replace(readout=zero_readout((5,), CLASSES, np.dtype(float)))
    before = [[a.copy() for a in (*layer.weights, *layer.params)] for layer in network.layers]
    optimizer = bind_optimizer("adam")
    state = TrainingState(
        network,
        initial_optimizer_states(optimizer, network.layers, learned_params=1),
        optimizer.init(network.readout.weights),
    )
    step = partial(recurrent_step, recurrence(network), optimizer)
    rng = np.random.default_rng(0)
    _, reports = step(state, x, labels, rng=rng, learning_rate=0.1, trained=range(1, 2))
    assert list(reports) == [1]
    for depth, layer in enumerate(network.layers):
        for array, old in zip((*layer.weights, *layer.params), before[depth], strict=True):
            assert np.array_equal(array, old) == (depth == 0)
    assert network.readout.weights[0].any()


# -- the classifier ------------------------------------------------------------------------------


def test_learns_and_top_down_weights_matter():
    X, y = blobs(300)
    model = FFRecurrentClassifier((32, 32), max_iter=15, learning_rate_init=0.01, random_state=0)
    assert model.fit(X, y).score(*blobs(300, seed=1)) > 0.9
    for layer in model.state_.network.layers:
        layer.params[0][:] = 0
    scores = model.goodness(X)
    # without top-down weights no label is seen: all have the same goodness
    np.testing.assert_array_equal(scores, np.repeat(scores[:, :1], 3, axis=1))


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"damping": 1.0}, "damping must lie in"),
        ({"damping": float("nan")}, "finite"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"steps": 4}, r"must lie in 1 \.\. 4 \(steps\), in this order, got 3 and 5"),
        ({"last_scored_step": 2}, "in this order, got 3 and 2"),
        ({"first_scored_step": 0}, "first_scored_step must be a whole number"),
        ({"last_scored_step": 4.5}, "last_scored_step must be a whole number"),
        ({"negatives": "hybrid"}, "negatives must be one of hard, uniform"),
        ({"goodness_function": "max"}, "goodness_function must be one of"),
        ({"hidden_layer_sizes": ()}, "at least one layer"),
    ],
)
def test_bad_choices_are_refused(choices, says):
    X, y = blobs()
    with pytest.raises(ValueError, match=says):
        FFRecurrentClassifier(**choices).fit(X, y)


def test_the_recipe_is_the_paper_s_where_it_is_known():
    full = {**RECIPES["hinton-recurrent"].parameters, **RECIPES["hinton-recurrent"].full}
    model = FFRecurrentClassifier(**full)
    assert (model.steps, model.damping) == (8, 0.3)
    assert (model.first_scored_step, model.last_scored_step) == (3, 5)
    assert (model.hidden_layer_sizes, model.max_iter) == ((2000, 2000), 60)
