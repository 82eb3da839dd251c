"""One update of the published Matlab recipe for supervised MNIST, one number at a time.

Written from a description of that recipe, in plain loops over Python floats, without sight of the
package. It is the recipe itself, not the descent of a loss: the factor 2 of d(y^2) is left out,
the peer term is added behind no gate, the decay stands outside the moving average, and the biases
of the softmax never move. All that is random comes in as an argument.

Order in a step: positive pass through all layers; neutral pass, from which the softmax learns and
on which the hard labels rest; negative pass; then the weights of all layers at once. Every pass
sees the weights from before the step.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

together = partial(zip, strict=True)

PEER_START = 0.5  # running mean of every unit before the first step
NEUTRAL = 0.1  # in every label slot of the neutral pass
TRUE_LABEL_HANDICAP = 1000.0  # taken off the true class's logit before a wrong label is drawn


class Constants(NamedTuple):
    """The numbers of the recipe."""

    epsilon: float = 0.01  # rate of hidden weights and biases
    epsilon_softmax: float = 0.1
    momentum: float = 0.9  # of the moving average of each gradient
    weight_cost: float = 0.001
    softmax_weight_cost: float = 0.003  # decay of the softmax
    peer_strength: float = 0.03
    peer_momentum: float = 0.9
    temperature: float = 1.0
    label_strength: float = 1.0
    tiny: float = 2.2250738585072014e-308  # keeps a row of zeros from 0 / 0


STANDARD = Constants()


class State(NamedTuple):
    """All that a step changes (and the softmax biases, which it does not)."""

    weights: list  # of each hidden layer (in_units, units)
    biases: list  # (units,)
    weight_means: list  # moving averages of the gradients, zeros at first
    bias_means: list
    peer_means: list  # running mean activity of each unit, (units,)
    softmax_weights: list  # from hidden layers 2, 3, ...: (units, classes)
    softmax_biases: np.ndarray  # (classes,)
    softmax_means: list


class Seen(NamedTuple):
    """What came up on the way."""

    positive_goodness: list  # of each hidden layer (batch,)
    negative_goodness: list
    positive_probability: list
    negative_probability: list
    softmax_probability: np.ndarray  # (batch, classes), of the neutral pass
    wrong_label_probability: np.ndarray  # (batch, classes), 0 for the true label
    softmax_cost: float  # mean -log probability of the true label
    pair_errors: list  # of each hidden layer: pairs whose negative looks more real


def gain(epoch, epochs):
    """Factor on every rate: 1 in the first half, then down to 1 / epochs (epochs count from 1)."""
    return 1.0 if epoch <= epochs / 2 else (1 + 2 * (epochs - epoch)) / epochs


def first_state(weights, biases, classes):
    """Averages at zero, peer means at their start, softmax at zero."""
    return State(
        list(weights),
        list(biases),
        [np.zeros_like(w) for w in weights],
        [np.zeros_like(b) for b in biases],
        [np.full(b.shape, PEER_START) for b in biases],
        [np.zeros((b.size, classes)) for b in biases[1:]],
        np.zeros(classes),
        [np.zeros((b.size, classes)) for b in biases[1:]],
    )


def step(state, images, labels, negative_labels, *, epoch, epochs, constants=STANDARD):
    """(state, images (batch, pixels), labels, chosen wrong labels) -> (state, what was seen)."""
    rate, classes = gain(epoch, epochs), len(state.softmax_biases)

    positive = labelled(images, labels, classes, constants)
    inputs, hidden = passed(state, positive, constants)
    goodness, probability = judged(hidden, constants)
    # the mean takes in this batch first, then pushes
    peer_means = [
        moved_mean(old, rows, constants) for old, rows in together(state.peer_means, hidden)
    ]
    toward_positive = [
        positive_ascent(*parts, constants) for parts in together(hidden, probability, peer_means)
    ]

    neutral = [with_slots(image, neutral_slots(classes, constants)) for image in images]
    softmax, logits, features = classified(state, neutral, constants)
    softmax_weights, softmax_means = softmax_step(
        state, features, softmax, labels, rate, constants
    )
    wrong = [wrong_logits(row, c) for row, c in together(logits, labels)]

    negative = labelled(images, negative_labels, classes, constants)
    negative_inputs, negative_hidden = passed(state, negative, constants)
    negative_goodness, negative_probability = judged(negative_hidden, constants)
    toward_negative = [
        negative_ascent(*parts) for parts in together(negative_hidden, negative_probability)
    ]

    both_inputs = [a + b for a, b in together(inputs, negative_inputs)]
    both_ascents = [a + b for a, b in together(toward_positive, toward_negative)]
    after = State(
        *hidden_step(state, both_inputs, both_ascents, len(images), rate, constants),
        [np.array(mean) for mean in peer_means],
        softmax_weights,
        np.array(state.softmax_biases, dtype=float),
        softmax_means,
    )
    return after, Seen(
        goodness,
        negative_goodness,
        probability,
        negative_probability,
        np.array(softmax),
        np.array([softmax_of(row) for row in wrong]),
        -sum(math.log(row[c]) for row, c in together(softmax, labels)) / len(images),
        pair_errors(probability, negative_probability),
    )


def labelled(images, labels, classes, constants):
    return [
        with_slots(image, one_hot(c, classes, constants.label_strength))
        for image, c in together(images, labels)
    ]


def neutral_slots(classes, constants):
    return [NEUTRAL * constants.label_strength] * classes


def positive_ascent(rows, probability, mean, constants):
    """(1 - p) h, and the push towards the peers, which no gate holds back."""
    push = peer_push(mean, constants)
    return [
        [(1 - p) * h + u for h, u in together(row, push)] for row, p in together(rows, probability)
    ]


def negative_ascent(rows, probability):
    """-p h."""
    return [[-p * h for h in row] for row, p in together(rows, probability)]


def pair_errors(positive, negative):
    return [sum(n > p for p, n in together(ps, ns)) for ps, ns in together(positive, negative)]


def hidden_step(state, inputs, outputs, batch, rate, constants):
    """Weights, biases and their averages after the step of all hidden layers."""
    weights, biases, weight_means, bias_means = [], [], [], []
    climb = rate * constants.epsilon
    for depth, (rows, ascent) in enumerate(together(inputs, outputs)):
        d_weight, d_bias = ascents(rows, ascent)
        mean = averaged(state.weight_means[depth], d_weight, batch, constants)
        bias_mean = averaged(state.bias_means[depth], d_bias, batch, constants)
        weights.append(climbed(state.weights[depth], mean, climb, constants.weight_cost))
        biases.append(climbed(state.biases[depth], bias_mean, climb, 0.0))
        weight_means.append(mean)
        bias_means.append(bias_mean)
    return weights, biases, weight_means, bias_means


def with_slots(image, slots):
    """The image with its first pixels overwritten by the label slots."""
    return [*slots, *(float(pixel) for pixel in image[len(slots) :])]


def one_hot(label, classes, strength):
    return [strength if c == label else 0.0 for c in range(classes)]


def normalized(row, constants):
    """A row of mean square 1."""
    rms = math.sqrt(math.fsum(a * a for a in row) / len(row))
    return [a / (constants.tiny + rms) for a in row]


def layer(row, weight, bias):
    """max(0, row W + b)."""
    return [
        max(0.0, math.fsum([b, *(x * float(w) for x, w in together(row, column))]))
        for column, b in together(together(*weight), bias)
    ]


def passed(state, rows, constants):
    """Normalised input and activity of every layer."""
    inputs, hidden = [], []
    for weight, bias in together(state.weights, state.biases):
        inputs.append([normalized(row, constants) for row in rows])
        rows = [layer(row, weight, bias) for row in inputs[-1]]
        hidden.append(rows)
    return inputs, hidden


def judged(hidden, constants):
    """Goodness and probability of being real, for every layer and row."""
    goodness = [[math.fsum(h * h for h in row) for row in rows] for rows in hidden]
    probability = [
        [logistic((g - len(rows[0])) / constants.temperature) for g in gs]
        for gs, rows in together(goodness, hidden)
    ]
    return goodness, probability


def logistic(x):
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))


def moved_mean(mean, rows, constants):
    """0.9 of the old mean, 0.1 of the batch's."""
    keep = constants.peer_momentum
    return [
        keep * float(old) + (1 - keep) * (math.fsum(row[j] for row in rows) / len(rows))
        for j, old in enumerate(mean)
    ]


def peer_push(mean, constants):
    """Up for a unit below its peers, down for one above, the same for every positive row."""
    middle = math.fsum(mean) / len(mean)
    return [constants.peer_strength * (middle - m) for m in mean]


def classified(state, rows, constants):
    """Softmax, logits and normalised activities of hidden layers 2, 3, ... (neutral pass)."""
    _, hidden = passed(state, rows, constants)
    features = [[normalized(row, constants) for row in layer_rows] for layer_rows in hidden[1:]]
    logits = [
        [
            float(bias) + math.fsum(math.fsum(terms) for terms in read(state, features, n, c))
            for c, bias in enumerate(state.softmax_biases)
        ]
        for n in range(len(rows))
    ]
    return [softmax_of(row) for row in logits], logits, features


def read(state, features, n, c):
    """What each layer adds to the logit of class c in row n."""
    for rows, weight in together(features, state.softmax_weights):
        yield [h * float(weight[j][c]) for j, h in enumerate(rows[n])]


def softmax_of(row):
    top = max(row)
    powers = [math.exp(a - top) for a in row]
    whole = math.fsum(powers)
    return [power / whole for power in powers]


def wrong_logits(row, label):
    return [a - TRUE_LABEL_HANDICAP if c == label else a for c, a in enumerate(row)]


def softmax_step(state, features, softmax, labels, rate, constants):
    """Weights and averages of the softmax after its own step."""
    classes = range(len(state.softmax_biases))
    missing = [
        [(1.0 if c == label else 0.0) - row[c] for c in classes]
        for row, label in together(softmax, labels)
    ]
    weights, means = [], []
    for rows, weight, mean in together(features, state.softmax_weights, state.softmax_means):
        ascent, _ = ascents(rows, missing)
        means.append(averaged(mean, ascent, len(rows), constants))
        climb = rate * constants.epsilon_softmax
        weights.append(climbed(weight, means[-1], climb, constants.softmax_weight_cost))
    return weights, means


def ascents(inputs, outputs):
    """sum_n input_ni output_nj, and sum_n output_nj."""
    columns = list(together(*outputs))
    weight = [
        [math.fsum(x * d for x, d in together(line, column)) for column in columns]
        for line in together(*inputs)
    ]
    return weight, [math.fsum(column) for column in columns]


def averaged(mean, ascent, batch, constants):
    """0.9 of the old average, 0.1 of the ascent per image."""
    keep = constants.momentum
    return keep * np.asarray(mean) + (1 - keep) * (np.array(ascent) / batch)


def climbed(weight, mean, climb, cost):
    """weight + climb (mean - cost weight), entry by entry."""
    flat = [
        float(w) + climb * (float(g) - cost * float(w))
        for w, g in together(np.ravel(weight), np.ravel(mean))
    ]
    return np.array(flat).reshape(np.shape(weight))
