"""The recipe `hinton-matlab` as the library trains it, against the independent transcription."""

import numpy as np
import pytest

from ffref.experiments.recipes import RECIPES
from ffref.formulas import NORMS
from ffref.layers import zero_readout
from ffref.training import LocalLayer, Network, TrainingState, local_step
from ffref.training.schedules import SCHEDULES
from ffref.training.step import initial_optimizer_states
from tests.independent import scalar_hinton_matlab as matlab
from tests.networks import draw_dense

CLASSES, PIXELS, SIZES, BATCH = 3, 8, (5, 6, 4), 4


def library():
    """The recipe's algorithm and optimiser, and a network in float64."""
    recipe = RECIPES["hinton-matlab"]
    classifier = recipe.classifier(hidden_layer_sizes=SIZES, batch_size=BATCH)
    rng = np.random.default_rng(3)
    sizes = (PIXELS, *SIZES)
    layers = tuple(
        LocalLayer(draw_dense(rng, a, b), (np.full(b, 0.5),))
        for a, b in zip(sizes, SIZES, strict=False)
    )
    readout = zero_readout(SIZES[1:], CLASSES, np.dtype(float))
    norms = NORMS[classifier.input_norm], NORMS[classifier.between_norm]
    optimizer = classifier._optimizer()
    state = TrainingState(
        Network(layers, *norms, readout),
        initial_optimizer_states(optimizer, layers, 0),
        classifier._readout_optimizer().init(readout.weights),
    )
    return classifier, classifier._algorithm(PIXELS, CLASSES), optimizer, state


def transcription(state):
    layers = state.network.layers
    return matlab.first_state(
        [layer.weights.weight.copy() for layer in layers],
        [layer.weights.bias.copy() for layer in layers],
        CLASSES,
    )


def assert_same(state, expected):
    close = {"rtol": 1e-12, "atol": 1e-14}
    for depth, (layer, slots) in enumerate(
        zip(state.network.layers, state.optimizer, strict=True)
    ):
        np.testing.assert_allclose(layer.weights.weight, expected.weights[depth], **close)
        np.testing.assert_allclose(layer.weights.bias, expected.biases[depth], **close)
        np.testing.assert_allclose(layer.params[0], expected.peer_means[depth], **close)
        # the library descends, the recipe climbs: the averages differ in sign
        np.testing.assert_allclose(-slots.slots[0][0], expected.weight_means[depth], **close)
        np.testing.assert_allclose(-slots.slots[1][0], expected.bias_means[depth], **close)
    for depth, weight in enumerate(state.network.readout.weights):
        np.testing.assert_allclose(weight, expected.softmax_weights[depth], **close)
    np.testing.assert_array_equal(state.network.readout.bias, expected.softmax_biases)


def run(epochs=(1, 3, 4), change=lambda classifier: None):
    """Steps in the given epochs of 4 on both sides; the wrong labels are the library's draws."""
    classifier, algorithm, optimizer, state = library()
    change(classifier)
    algorithm = classifier._algorithm(PIXELS, CLASSES)
    expected = transcription(state)
    rng = np.random.default_rng(7)
    drawn = []

    def recording(*arguments):
        rows, context = algorithm.batch(*arguments)
        drawn.append(rows.labels[1])
        return rows, context

    schedule = SCHEDULES[classifier.schedule]
    for epoch in epochs:
        images, labels = rng.random((BATCH, PIXELS)), rng.integers(0, CLASSES, BATCH)
        state, _ = local_step(
            algorithm._replace(batch=recording), optimizer, state, images, labels, rng=rng,
            learning_rate=classifier.learning_rate_init * schedule(epoch - 1, 4, 1),
            trained=range(3),
        )  # fmt: skip
        assert (drawn[-1] != labels).all()
        expected, _ = matlab.step(expected, images, labels, drawn[-1], epoch=epoch, epochs=4)
    return state, expected


def test_steps_agree_with_the_transcription():
    assert_same(*run())


@pytest.mark.parametrize(
    ("name", "value"),
    [("peer_strength", 0.0303), ("learning_rate_init", 0.0101), ("readout_rate_factor", 10.1)],
)
def test_a_constant_that_is_one_per_cent_off_is_noticed(name, value):
    with pytest.raises(AssertionError):
        assert_same(*run(change=lambda classifier: setattr(classifier, name, value)))


def test_hard_labels_follow_the_readout():
    # a readout that finds class 2 likely, whatever the image
    _, algorithm, _, state = library()
    rng = np.random.default_rng(1)
    images, labels = rng.random((200, PIXELS)), np.zeros(200, int)
    logits = np.tile([0.0, 0.0, np.log(9)], (200, 1))
    rows, _ = algorithm.batch(state.network, images, labels, logits, rng)
    # 9 : 1, four standard deviations are 0.085
    assert abs((rows.labels[1] == 2).mean() - 0.9) < 0.085
