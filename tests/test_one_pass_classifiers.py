"""Classifiers of FAUST, CwC, DeeperForward, Distance-Forward, SCFF: what they can get wrong."""

import numpy as np
import pytest

from ffref import (
    CwCClassifier,
    DeeperForwardClassifier,
    DistanceForwardClassifier,
    FAUSTClassifier,
    SCFFClassifier,
)
from ffref.data import stream_array
from ffref.formulas import l2_normalize
from ffref.training import passes
from tests.small_data import blobs
from tests.small_models import outputs, small

BY_GROUPS = (CwCClassifier, DeeperForwardClassifier)
SIZES = {"hidden_layer_sizes": (9, 6)}
each_grouped = pytest.mark.parametrize("kind", BY_GROUPS)


def class_means(model, X, y):
    """Means of each class's unit activity, layer by layer, by plain NumPy in float64."""
    for passed in passes(model.state_.network, model._prepare(X)):
        unit = l2_normalize(passed.activity.astype(np.float64))
        yield np.stack([unit[y == label].mean(axis=0) for label in model.classes_])


def test_faust_centroids_are_the_training_means_after_every_epoch():
    X, y = blobs()
    model = small(FAUSTClassifier, max_iter=3)
    for _ in model.fit_epochs(X, y):
        means = class_means(model, X, y)
        for layer, expected in zip(model.state_.network.layers, means, strict=True):
            np.testing.assert_allclose(layer.params[0], expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(layer.params[1], [30, 30, 30])


def test_faust_takes_its_centroids_from_images_as_they_are():
    X, y = blobs()
    model = small(FAUSTClassifier, shift=1, image_shape=(2, 4)).fit(X, y)
    for layer, expected in zip(model.state_.network.layers, class_means(model, X, y), strict=True):
        np.testing.assert_allclose(layer.params[0], expected, rtol=1e-5, atol=1e-6)


def test_faust_takes_its_centroids_from_a_stream():
    X, y = blobs()
    whole = small(FAUSTClassifier).fit(X, y)
    streamed = small(FAUSTClassifier).fit(stream_array(X), y)
    for one, other in zip(
        whole.state_.network.layers, streamed.state_.network.layers, strict=True
    ):
        np.testing.assert_allclose(other.params[0], one.params[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(other.params[1], one.params[1])


def test_no_prediction_learns_from_test_labels():
    # a public code makes centroids of the samples that it is asked about, from their labels
    X, y = blobs()
    unseen, labels = blobs(seed=1)
    model = small(FAUSTClassifier).fit(X, y)
    before = [[array.copy() for array in layer.params] for layer in model.state_.network.layers]
    told = outputs(model, unseen)
    wrong = (labels + 1) % 3
    right_share, wrong_share = model.score(unseen, labels), model.score(unseen, wrong)
    assert right_share > 0.8
    assert wrong_share < 0.2
    model.diagnostics(unseen, wrong)
    for layer, arrays in zip(model.state_.network.layers, before, strict=True):
        for kept, array in zip(layer.params, arrays, strict=True):
            np.testing.assert_array_equal(kept, array)
    for name, array in outputs(model, unseen).items():
        np.testing.assert_array_equal(array, told[name])


def test_faust_never_predicts_a_class_that_it_has_not_seen():
    X, y = blobs()
    two = y != 1
    model = small(FAUSTClassifier).partial_fit(X[two], y[two], classes=[0, 1, 2])
    assert (model.predict(X) != 1).all()
    probability = model.predict_proba(X)
    np.testing.assert_array_equal(probability[:, 1], 0)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    model.partial_fit(X, y)
    assert (model.predict(X) == 1).any()


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "mahalanobis"])
def test_faust_learns_with_every_similarity(similarity):
    X, y = blobs()
    model = small(FAUSTClassifier, similarity=similarity, scale=5.0, rank=3, max_iter=10)
    model.set_params(learning_rate_init=0.01).fit(X, y)
    assert model.score(X, y) > 0.9
    learned = [layer.params[:-2] for layer in model.state_.network.layers]
    shapes = [[array.shape for array in params] for params in learned]
    assert shapes == ([[(8, 3)], [(7, 3)]] if similarity == "mahalanobis" else [[], []])


def test_distance_forward_centroids_run_along():
    X, y = blobs()
    model = small(DistanceForwardClassifier, decay=0.5, max_iter=10).fit(X, y)
    for layer, means in zip(model.state_.network.layers, class_means(model, X, y), strict=True):
        cosine = (l2_normalize(layer.params[0].astype(float)) * l2_normalize(means)).sum(axis=1)
        assert (cosine > 0.95).all()


@each_grouped
def test_units_must_suit_the_classes(kind):
    X, y = blobs()
    model = small(kind, **SIZES).fit(X, y)
    told = model.predict(X)
    model.set_params(hidden_layer_sizes=(9, 8))
    with pytest.raises(ValueError, match="multiple of 3, as 9"):
        model.fit(X, y)
    model.set_params(**SIZES)  # what was fitted is still there
    np.testing.assert_array_equal(model.predict(X), told)


@each_grouped
def test_default_sizes_suit_many_numbers_of_classes(kind):
    for classes in (2, 3, 4, 5, 6, 8, 9, 10, 12):
        assert all(size % classes == 0 for size in kind().hidden_layer_sizes)


@each_grouped
def test_channels_of_convolutions_are_split_at_every_place(kind):
    X, y = blobs()
    layers = (("conv", 2, 1, 6), ("dense", 6))
    model = small(kind, layers=layers, image_shape=(2, 4), max_iter=1).fit(X, y)
    first = next(passes(model.state_.network, model._prepare(X))).activity
    images = first.reshape(90, 1, 3, 6)  # 1 x 3 places of 6 channels, two a class
    power = 2 if kind is CwCClassifier else 1
    expected = np.stack(
        [(images[..., 2 * c : 2 * c + 2] ** power).mean(axis=(1, 2, 3)) for c in range(3)], axis=1
    )
    np.testing.assert_allclose(model.layer_goodness(X)[0], expected, rtol=1e-5)
    with pytest.raises(ValueError, match="15 units at 3 places"):
        small(kind, layers=(("conv", 2, 1, 5),), image_shape=(2, 4)).fit(X, y)


def test_scff_sees_a_sample_twice_and_survives_a_last_batch_of_one():
    X, y = blobs(65)  # batches of 32, 32 and 1
    model = small(SCFFClassifier, standardize=False).fit(X, y)
    network = model.state_.network
    centred = X - X.mean(axis=1, keepdims=True)
    twice = 2 * centred / centred.std(axis=1, keepdims=True)
    np.testing.assert_allclose(network.input_norm.value(X), twice, rtol=1e-4, atol=1e-5)
    assert all(np.isfinite(loss) for record in model.history_ for loss in record.loss)
    assert model.readout_goodness(X)[0].shape == (0, 65, 3)


def test_scff_layers_do_not_see_labels():
    X, y = blobs()
    labelled, relabelled = (small(SCFFClassifier).fit(X, t) for t in (y, (y + 1) % 3))
    for one, other in zip(
        labelled.state_.network.layers, relabelled.state_.network.layers, strict=True
    ):
        np.testing.assert_array_equal(one.weights.weight, other.weights.weight)
    assert not np.array_equal(
        labelled.state_.network.readout.weights[0], relabelled.state_.network.readout.weights[0]
    )


def test_scff_reads_every_layer():
    X, y = blobs()
    model = small(SCFFClassifier, **SIZES).fit(X, y)
    readout = model.state_.network.readout
    assert [len(weight) for weight in readout.weights] == [9, 6]
    made = list(passes(model.state_.network, model._prepare(X)))
    rows = [passed.activity - passed.activity.mean(axis=1, keepdims=True) for passed in made]
    unit = [centred / centred.std(axis=1, keepdims=True) for centred in rows]
    logits = sum(z @ weight for z, weight in zip(unit, readout.weights, strict=True))
    np.testing.assert_allclose(model.readout_goodness(X)[1]["softmax"], logits, atol=2e-4)
    np.testing.assert_array_equal(model.predict(X), model.classes_[logits.argmax(axis=1)])


def test_faust_compares_to_several_rows_of_a_class():
    X, y = blobs()
    one, several = (small(FAUSTClassifier, member_rows=rows).fit(X, y) for rows in (1, 5))
    assert several.score(X, y) > 0.9
    assert one.history_[0].loss != several.history_[0].loss
    with pytest.raises(ValueError, match="member_rows"):
        FAUSTClassifier(member_rows=0).fit(X, y)
