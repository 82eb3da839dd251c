"""The transcription of Hinton's Matlab step: values by hand, PyTorch, and the package's pieces."""

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.independent import scalar_hinton_matlab as matlab

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
