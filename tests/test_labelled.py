"""Rows that differ in their label only: the shared products equal the plain form to rounding."""

import numpy as np
import pytest

from ffref.formulas import GOODNESS, NORMS
from ffref.layers import Dense, dense_grads, dense_relu, layer_grads, layer_relu
from ffref.negatives import bind_label_encoding, contrastive_batch, labelled_rows, paired_context
from ffref.objectives.ff import ff
from ffref.training import LocalLayer, contrastive, layer_scores, local_grads
from ffref.training.network import passes
from tests.labelled_rows import stacked
from tests.networks import draw_dense, draw_network

SAMPLES, FEATURES, UNITS, CLASSES = 9, 7, 11, 4


def draw(encoding_name, norm_name, *, strength=1.5, dtype=np.float64, versions=3):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((SAMPLES, FEATURES)).astype(dtype)
    labels = rng.integers(0, CLASSES, (versions, SAMPLES))
    encoding = bind_label_encoding(encoding_name, classes=CLASSES, strength=strength)
    norm = NORMS[norm_name]
    plain = np.concatenate([norm.value(encoding.write(x, version)) for version in labels])
    dense = draw_dense(rng, plain.shape[1], UNITS)
    dense = Dense(*(array.astype(dtype) for array in dense))
    d_preactivation = rng.standard_normal((versions * SAMPLES, UNITS)).astype(dtype)
    return labelled_rows(x, labels, encoding, norm), plain, dense, d_preactivation


CHOICES = [(encoding, norm) for encoding in ("append", "overlay") for norm in NORMS]


@pytest.mark.parametrize(("encoding", "norm"), CHOICES)
def test_rows_are_the_normalised_samples_with_their_labels(encoding, norm):
    rows, plain, _, _ = draw(encoding, norm)
    np.testing.assert_allclose(stacked(rows), plain, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("encoding", "norm"), CHOICES)
def test_layer_equals_the_plain_form(encoding, norm, dtype):
    rows, plain, dense, d_preactivation = draw(encoding, norm, dtype=dtype)
    # sums of at most 40 terms of size about 1
    close = {"rtol": 0, "atol": 200 * np.finfo(dtype).eps}
    activity = layer_relu(dense, rows)
    assert activity.dtype == dtype
    np.testing.assert_allclose(activity, dense_relu(dense, plain), **close)
    grads, expected = layer_grads(rows, d_preactivation), dense_grads(plain, d_preactivation)
    for gradient, plain_gradient in zip(grads, expected, strict=True):
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, plain_gradient, **close)
        wrong = plain_gradient * 1.01
        assert not np.allclose(gradient, wrong, **close)


def test_a_label_row_left_out_would_be_noticed():
    rows, plain, dense, d_preactivation = draw("append", "rms")
    d_weight, _ = layer_grads(rows._replace(strength=np.zeros(SAMPLES)), d_preactivation)
    expected, _ = dense_grads(plain, d_preactivation)
    np.testing.assert_allclose(d_weight[:FEATURES], expected[:FEATURES], atol=1e-13)
    assert np.abs(d_weight[FEATURES:] - expected[FEATURES:]).max() > 0.1
    unlabelled = layer_relu(dense, rows._replace(strength=np.zeros(SAMPLES)))
    assert np.abs(unlabelled - dense_relu(dense, plain)).max() > 0.1


def test_hand_computed_layer():
    # samples (2) and (3), labels 1 then 0, weights: feature 10, label 0: 1, label 1: 5; bias -20.5
    encoding = bind_label_encoding("append", classes=2)
    labels = np.array([[1, 1], [0, 0]])
    rows = labelled_rows(np.array([[2.0], [3.0]]), labels, encoding, NORMS["none"])
    dense = Dense(np.array([[10.0], [1.0], [5.0]]), np.array([-20.5]))
    np.testing.assert_array_equal(layer_relu(dense, rows), [[4.5], [14.5], [0.5], [10.5]])
    d_weight, d_bias = layer_grads(rows, np.array([[1.0], [2.0], [3.0], [4.0]]))
    # feature: 2 (1 + 3) + 3 (2 + 4); label 0: 3 + 4; label 1: 1 + 2
    np.testing.assert_array_equal(d_weight, [[26.0], [7.0], [3.0]])
    np.testing.assert_array_equal(d_bias, [10.0])


@pytest.mark.parametrize("encoding_name", ["append", "overlay"])
def test_a_training_step_has_the_gradients_of_the_plain_form(encoding_name):
    rng = np.random.default_rng(8)
    x = rng.standard_normal((SAMPLES, FEATURES))
    labels = rng.integers(0, CLASSES, SAMPLES)
    wrong = (labels + 1) % CLASSES
    encoding = bind_label_encoding(encoding_name, classes=CLASSES)
    rows, context = contrastive_batch(x, labels, wrong, encoding, NORMS["rms"])
    layer = LocalLayer(draw_dense(rng, rows.shared.shape[1], UNITS), ())
    objective = ff(threshold=5.0)
    shared, activity, _ = local_grads(layer, rows, context, objective)
    plain_rows = np.concatenate([encoding.write(x, labels), encoding.write(x, wrong)])
    plain, plain_activity, _ = local_grads(
        layer, NORMS["rms"].value(plain_rows), paired_context(labels, x.dtype), objective
    )
    np.testing.assert_allclose(activity, plain_activity, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(shared.d_weight, plain.d_weight, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(shared.d_bias, plain.d_bias, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("encoding_name", "norm"), CHOICES)
def test_scores_are_those_of_a_pass_for_each_label(encoding_name, norm):
    rng = np.random.default_rng(9)
    x = rng.standard_normal((SAMPLES, FEATURES))
    encoding = bind_label_encoding(encoding_name, classes=CLASSES)
    width = FEATURES + (CLASSES if encoding_name == "append" else 0)
    network = draw_network(rng, (width, 6, 5), input_norm=norm)
    goodness = GOODNESS["sum"]
    objectives = [ff(threshold=6.0), ff(threshold=5.0)]
    algorithm = contrastive(objectives, goodness=goodness, encoding=encoding, classes=CLASSES)
    scores = layer_scores(algorithm, network, x)
    for label in range(CLASSES):
        written = encoding.write(x, np.full(SAMPLES, label))
        for depth, passed in enumerate(passes(network, written)):
            expected = goodness.value(passed.activity)
            np.testing.assert_allclose(scores[depth, :, label], expected, rtol=1e-12, atol=1e-13)


def test_planes_and_a_single_class_have_no_slots_to_share():
    images, labels = np.zeros((2, 3, 3, 1)), np.zeros((1, 2), int)
    assert labelled_rows(images, labels, bind_label_encoding("planes", classes=2), None) is None
    one = bind_label_encoding("append", classes=1)
    assert labelled_rows(np.zeros((2, 3)), labels, one, None) is None
