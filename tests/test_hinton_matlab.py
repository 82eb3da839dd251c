"""The transcription of Hinton's Matlab step: values by hand, PyTorch, and the package's pieces."""

import math
from itertools import pairwise

import numpy as np
import pytest

from ffref.formulas import NORMS, relu, relu_grad, rms_normalize, softmax, sum_of_squares
from ffref.layers import (
    Dense,
    Readout,
    dense_forward,
    dense_grads,
    readout_evaluate,
    readout_features,
)
from ffref.layers.readout import readout_logits
from ffref.negatives import bind_label_encoding, contrastive_batch, wrong_class_probabilities
from ffref.objectives.ff import ff
from ffref.objectives.peer import with_peer_rule
from ffref.training.optimizers import OptimizerState, moving_average
from tests.independent import scalar_hinton_matlab as matlab
from tests.labelled_rows import stacked

# One image of two classes and two more pixels: [label slots, 2, 2] has root mean square 1.5.
# Every hidden layer sits exactly on its threshold, so p = 1/2 everywhere:
#   layer 1: 0.3 (2/3 + 4/3 + 4/3) = 1, goodness 1 = one unit, and the same with the wrong label
#   layer 2: input 1 -> (1.4, 0.2), goodness 1.96 + 0.04 = 2 units, root mean square 1
#   layer 3: 0.5 * 1.4 + 1.5 * 0.2 = 1
WEIGHTS = [np.full((4, 1), 0.3), np.array([[1.4, 0.2]]), np.array([[0.5], [1.5]])]
BIASES = [np.zeros(1), np.zeros(2), np.zeros(1)]
IMAGE = np.array([[9.0, 9.0, 2.0, 2.0]])  # the nines are overwritten by the label


def near(actual, expected, atol=1e-15):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def hand_step(**how):
    state = matlab.first_state(WEIGHTS, BIASES, 2)
    return matlab.step(state, IMAGE, [0], [1], **({"epoch": 1, "epochs": 100} | how))


def test_what_is_seen_by_hand():
    _, seen = hand_step()
    near(seen.positive_goodness, [[1], [2], [1]])
    near(seen.negative_goodness, [[1], [2], [1]])
    near(seen.positive_probability, np.full((3, 1), 0.5))
    near(seen.softmax_probability, [[0.5, 0.5]])
    near(seen.wrong_label_probability, [[0, 1]])
    near(seen.softmax_cost, math.log(2))
    assert seen.pair_errors == [0, 0, 0]


def test_hidden_layers_by_hand():
    after, _ = hand_step()
    # layer 1: half of [2/3, 0, 4/3, 4/3] up, half of [0, 2/3, 4/3, 4/3] down: [1/3, -1/3, 0, 0];
    # a tenth of it enters the average, a hundredth of (average - 0.001 * 0.3) the weight
    near(after.weight_means[0][:, 0], [1 / 30, -1 / 30, 0, 0])
    near(
        after.weights[0][:, 0],
        [0.3 + 0.01 * (1 / 30 - 0.0003), 0.3 + 0.01 * (-1 / 30 - 0.0003), 0.299997, 0.299997],
    )
    near(after.biases[0], [0])
    # layer 2: the running means become 0.45 + 0.1 (1.4, 0.2) = (0.59, 0.47), their middle is
    # 0.53, so the positive row alone is pushed by 0.03 (-0.06, 0.06); its (1 - p) h is undone by
    # the negative row
    near(after.peer_means[1], [0.59, 0.47])
    near(after.weight_means[1], [[-0.00018, 0.00018]])
    near(after.weights[1], [[1.4 - 0.0000018 - 0.000014, 0.2 + 0.0000018 - 0.000002]])
    near(after.biases[1], [-0.0000018, 0.0000018])
    # layer 3: nothing but decay
    near(after.weights[2], [[0.5 - 0.000005], [1.5 - 0.000015]])


def test_softmax_by_hand():
    after, _ = hand_step()
    # target - probability = (1/2, -1/2); features (1.4, 0.2) of layer 2 and (1,) of layer 3
    near(after.softmax_means[0], [[0.07, -0.07], [0.01, -0.01]])
    near(after.softmax_weights[0], [[0.007, -0.007], [0.001, -0.001]])
    near(after.softmax_weights[1], [[0.005, -0.005]])
    near(after.softmax_biases, [0, 0])


def test_second_step_remembers():
    first, _ = hand_step()
    # the softmax now gives the true label 1.4 * 0.007 + 0.2 * 0.001 + 0.005 = 0.015 more than
    # half of it: logits +-0.015
    second, seen = matlab.step(first, IMAGE, [0], [1], epoch=1, epochs=100)
    near(seen.softmax_probability[0, 0], 1 / (1 + math.exp(-0.03)), atol=1e-6)
    expected = 0.9 * first.softmax_means[1] + 0.1 * np.array([[1, -1]]) * (
        1 - seen.softmax_probability[0, 0]
    )
    near(second.softmax_means[1], expected)
    near(
        second.softmax_weights[1],
        first.softmax_weights[1] + 0.1 * (expected - 0.003 * first.softmax_weights[1]),
    )


def test_gain_falls_in_the_second_half():
    assert [matlab.gain(epoch, 100) for epoch in (1, 50, 51, 100)] == [1, 1, 0.99, 0.01]
    slow, fast = hand_step(epoch=100)[0], hand_step()[0]
    for part in ("weights", "biases", "softmax_weights"):
        start = getattr(matlab.first_state(WEIGHTS, BIASES, 2), part)
        for a, b, s in zip(getattr(slow, part), getattr(fast, part), start, strict=True):
            near(a - s, 0.01 * (b - s), atol=1e-16)
    near(slow.weight_means[0], fast.weight_means[0])


def test_a_dead_unit_is_pushed_by_its_peers_alone():
    state = matlab.first_state([np.array([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]])], [np.zeros(2)], 2)
    after, _ = matlab.step(state, [[0.0, 0.0, 1.0]], [0], [1], epoch=1, epochs=2)
    # unit 2 is silent; h = (sqrt(3/2), 0) in both passes, running means (0.45 + 0.1 h, 0.45)
    push = 0.03 * 0.1 * math.sqrt(1.5) / 2
    near(after.bias_means[0][1], 0.1 * push)
    assert after.biases[0][1] > 0


def random_case(seed=7, sizes=(9, 12, 8, 10), classes=3, batch=4):
    """A state in the midst of training, its images, labels and wrong labels."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(sizes))

    def like(shapes, scale):
        return [scale * rng.standard_normal(shape) for shape in shapes]

    vectors, read = [(s,) for s in sizes[1:]], [(s, classes) for s in sizes[2:]]
    state = matlab.State(
        [w / math.sqrt(len(w)) for w in like(pairs, 1.3)],
        like(vectors, 0.1),
        like(pairs, 0.05),
        like(vectors, 0.05),
        [rng.uniform(0.2, 0.9, s) for s in vectors],
        like(read, 0.4),
        like([(classes,)], 0.2)[0],
        like(read, 0.05),
    )
    labels = rng.integers(classes, size=batch)
    wrong = (labels + rng.integers(1, classes, size=batch)) % classes
    return state, rng.uniform(size=(batch, sizes[0])), labels, wrong


def test_arguments_are_left_as_they_are():
    case = random_case()
    kept = [[np.copy(a) for a in part] for part in case[0]]
    matlab.step(*case, epoch=1, epochs=2)
    for part, before in zip(case[0], kept, strict=True):
        for array, copy in zip(part, before, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.torch
def test_gradients_are_those_of_autograd():
    torch = pytest.importorskip("torch")
    state, images, labels, wrong = random_case()
    constants = matlab.STANDARD._replace(momentum=0.0, weight_cost=0.0, softmax_weight_cost=0.0)
    after, seen = matlab.step(state, images, labels, wrong, epoch=1, epochs=2, constants=constants)
    weights = [torch.tensor(w, requires_grad=True) for w in state.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in state.biases]
    readers = [torch.tensor(v, requires_grad=True) for v in state.softmax_weights]

    def labelled(slots):
        x = torch.tensor(images)
        x[:, :3] = slots
        return x

    def norm(x):
        return torch.nn.functional.rms_norm(x, x.shape[1:], eps=0.0)

    def through(x):
        for w, b in zip(weights, biases, strict=True):
            a = norm(x.detach()) @ w + b
            x = torch.relu(a)
            yield a, x

    own = torch.nn.functional.one_hot(torch.tensor(labels), 3).double()
    other = torch.nn.functional.one_hot(torch.tensor(wrong), 3).double()
    loss = torch.zeros((), dtype=torch.float64)
    passes = zip(through(labelled(own)), through(labelled(other)), strict=True)
    for depth, ((a, up), (_, down)) in enumerate(passes):
        logits = torch.cat([up, down]).pow(2).sum(1) - up.shape[1]
        target = torch.cat([torch.ones(4), torch.zeros(4)]).double()
        # the mean over both halves undoes the factor 2 of the squares
        loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        mean = 0.9 * torch.tensor(state.peer_means[depth]) + 0.1 * up.detach().mean(0)
        # frozen surrogate of the peers' push: linear in the weighted sum, means held fixed
        loss = loss - 0.03 * ((mean.mean() - mean) * a).sum(1).mean()
    features = [norm(h.detach()) for _, h in list(through(labelled(0.1)))[1:]]
    logits = sum(f @ v for f, v in zip(features, readers, strict=True))
    logits = logits + torch.tensor(state.softmax_biases)
    cost = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    (loss + cost).backward()
    assert cost.item() == pytest.approx(seen.softmax_cost, abs=1e-14)
    for mine, theirs in (
        *zip(after.weight_means, weights, strict=True),
        *zip(after.bias_means, biases, strict=True),
        *zip(after.softmax_means, readers, strict=True),
    ):
        near(mine, -theirs.grad.numpy(), atol=1e-13)
        assert not np.allclose(1.01 * mine, -theirs.grad.numpy(), rtol=0, atol=1e-6)


def package_step(state, images, labels, wrong, rate):
    """The same step of the package's pieces, in the order of the recipe."""
    encoding = bind_label_encoding("overlay", classes=len(state.softmax_biases))
    layers = [Dense(w.copy(), b.copy()) for w, b in zip(state.weights, state.biases, strict=True)]
    readout = Readout(tuple(v.copy() for v in state.softmax_weights), state.softmax_biases.copy())

    def through(inputs):
        for layer in layers:
            x = rms_normalize(inputs)
            inputs = relu(dense_forward(layer, x))
            yield x, inputs

    rows, context = contrastive_batch(images, labels, wrong, encoding, NORMS["none"])
    inputs = stacked(rows)
    gradients, means, goodness = [], [], []
    for (x, activity), mean in zip(through(inputs), state.peer_means, strict=True):
        objective = with_peer_rule(ff(threshold=float(activity.shape[1])))
        evaluation = objective.evaluate(activity, context, (mean,))
        d_preactivation = evaluation.d_activity * relu_grad(activity) + evaluation.d_preactivation
        gradients.append(dense_grads(x, d_preactivation))
        means += objective.advance(activity, context, (mean,))
        goodness.append(sum_of_squares(activity))
    neutral = [activity for _, activity in through(encoding.write_neutral(images))]
    features = readout_features(neutral, NORMS["rms"])
    read = readout_evaluate(readout, features, labels)
    q = wrong_class_probabilities(readout_logits(readout, features), labels)

    def update(parameters, d_parameters, averages, factor, decay, decayed):
        # the averages of the recipe climb, those of the package descend
        slots = tuple((-a,) for a in averages)
        optimizer = moving_average(momentum=0.9, weight_decay=decay)
        after = optimizer.update(
            parameters, d_parameters, OptimizerState(0, slots), factor * rate, decayed
        )
        return [-slot for (slot,) in after.slots]

    weight_means, bias_means = [], []
    for depth, layer in enumerate(layers):
        averages = (state.weight_means[depth], state.bias_means[depth])
        moved = update(layer, gradients[depth], averages, 0.01, 0.001, (True, False))
        weight_means.append(moved[0])
        bias_means.append(moved[1])
    softmax_means = update(
        readout.weights, read.d_weights, state.softmax_means, 0.1, 0.003,
        (True,) * len(readout.weights),
    )  # fmt: skip
    after = matlab.State(
        [layer.weight for layer in layers],
        [layer.bias for layer in layers],
        weight_means,
        bias_means,
        means,
        list(readout.weights),
        readout.bias,
        softmax_means,
    )
    return after, goodness, read, q


@pytest.mark.parametrize(("epoch", "rate"), [(1, 1.0), (8, 0.5)])
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_pieces_of_the_package_make_the_same_step(seed, epoch, rate):
    state, images, labels, wrong = random_case(seed)
    assert matlab.gain(epoch, 10) == rate
    mine, theirs = state, state
    for _ in range(3):
        mine, goodness, read, q = package_step(mine, images, labels, wrong, rate)
        theirs, seen = matlab.step(theirs, images, labels, wrong, epoch=epoch, epochs=10)
        for field, ours in mine._asdict().items():
            for a, b in zip(ours, getattr(theirs, field), strict=True):
                near(a, b, atol=1e-12)
        for a, positive, negative in zip(goodness, seen.positive_goodness, seen.negative_goodness,
                                         strict=True):  # fmt: skip
            near(a, positive + negative, atol=1e-12)
        assert read.loss == pytest.approx(seen.softmax_cost, abs=1e-12)
        near(softmax(read.logits), seen.softmax_probability, atol=1e-12)
        near(q, seen.wrong_label_probability, atol=1e-12)


def test_the_comparison_sees_each_part_of_the_recipe():
    """Any constant a little off is told apart, at the tolerance of the comparison above."""
    case = random_case()
    right, _ = matlab.step(*case, epoch=8, epochs=10)
    for name, value in matlab.STANDARD._asdict().items():
        if name == "tiny":
            continue
        changed = matlab.STANDARD._replace(**{name: 1.01 * value})
        wrong, _ = matlab.step(*case, epoch=8, epochs=10, constants=changed)
        gaps = [
            np.abs(a - b).max()
            for part, other in zip(right, wrong, strict=True)
            for a, b in zip(part, other, strict=True)
        ]
        assert max(gaps) > 1e-9, name
