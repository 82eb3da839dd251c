"""The classifiers as a Python user meets them: fitting, predicting, saving, repeating."""

import numpy as np
import pytest

from ffref import BackpropClassifier, FFClassifier, HFFClassifier
from ffref.data import disk_and_ring
from ffref.estimators._whole import WholeNetwork
from ffref.training.loop import DivergenceError
from tests.small_data import blobs
from tests.small_models import METHODS, each_kind, mixed_on_purpose, outputs, same, small

# -- shapes and meaning --------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_shapes_and_dtypes(kind, classes):
    X, y = blobs(60, classes=classes, features=8)
    model = small(kind).fit(X, y)
    layers = 1 if issubclass(kind, WholeNetwork) else 2
    got = outputs(model, X[:20])
    assert got["layer_goodness"].shape == (layers, 20, classes)
    assert got["goodness"].shape == got["predict_proba"].shape == (20, classes)
    assert got["decision_function"].shape == ((20,) if classes == 2 else (20, classes))
    assert got["transform"].shape == (20, 7)
    assert got["predict"].shape == (20,)
    assert got["predict"].dtype == y.dtype
    assert all(got[name].dtype == np.float32 for name in METHODS[1:])
    assert all(np.isfinite(got[name]).all() for name in METHODS)


@each_kind
def test_methods_agree_with_each_other(kind):
    X, y = blobs()
    model = small(kind, max_iter=5).fit(X, y)
    goodness, proba = model.goodness(X), model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert (proba >= 0).all()
    assert np.array_equal(model.predict(X), model.classes_[goodness.argmax(axis=1)])
    assert np.array_equal(proba.argmax(axis=1), goodness.argmax(axis=1))
    assert model.score(X, y) == (model.predict(X) == y).mean()
    assert isinstance(model.score(X, y), float)
    assert np.array_equal(model.decision_function(X), goodness)


@each_kind
def test_decision_of_two_classes_is_a_difference(kind):
    X, y = blobs(classes=2)
    model = small(kind).fit(X, y)
    goodness = model.goodness(X)
    decision = model.decision_function(X)
    assert np.array_equal(decision, goodness[:, 1] - goodness[:, 0])
    assert np.array_equal(model.predict(X), (decision > 0).astype(int))


@pytest.mark.parametrize("kind", [HFFClassifier, FFClassifier])
def test_readouts_combine_layers(kind):
    X, y = blobs()
    model = small(kind, hidden_layer_sizes=(8, 7, 6), readout="sum").fit(X, y)
    layers = model.layer_goodness(X)
    np.testing.assert_allclose(model.goodness(X), layers.sum(axis=0), rtol=1e-6)
    assert np.array_equal(model.set_params(readout="last").goodness(X), layers[2])
    without_first = model.set_params(readout="sum-without-first").goodness(X)
    np.testing.assert_allclose(without_first, layers[1:].sum(axis=0), rtol=1e-6)


def test_hff_prototypes_are_unit_vectors():
    X, y = blobs()
    for update in ("gradient", "ema"):
        model = small(HFFClassifier, prototypes_per_class=3, prototype_update=update).fit(X, y)
        assert [layer.shape for layer in model.prototypes_] == [(3, 3, 8), (3, 3, 7)]
        for layer in model.prototypes_:
            np.testing.assert_allclose(np.linalg.norm(layer, axis=2), 1, rtol=1e-5)


@each_kind
def test_history_and_attributes(kind):
    X, y = blobs()
    model = small(kind, max_iter=3).fit(X, y)
    assert model.n_iter_ == len(model.history_) == 3
    assert model.n_features_in_ == 8
    assert model.seed_ == 0
    assert model.classes_.tolist() == [0, 1, 2]
    assert not hasattr(small(kind), "n_features_in_")


@pytest.mark.parametrize("kind", [HFFClassifier, FFClassifier])
def test_greedy_trains_one_layer_at_a_time(kind):
    X, y = blobs()
    model = small(kind, layer_schedule="greedy", max_iter=2).fit(X, y)
    assert [[loss is None for loss in record.loss] for record in model.history_] == [
        [False, True],
        [False, True],
        [True, False],
        [True, False],
    ]


# -- what is learned -----------------------------------------------------------------------------


@each_kind
def test_learns_blobs(kind):
    X, y = blobs(150)
    model = kind(hidden_layer_sizes=(32,), max_iter=30, learning_rate_init=0.01, random_state=0)
    assert model.fit(X, y).score(*blobs(150, seed=1)) >= 0.97


@pytest.mark.parametrize("seed", [0, 1])
def test_hff_learns_the_disk_inside_a_ring(seed):
    model = HFFClassifier(random_state=seed, max_iter=15)
    model.fit(*disk_and_ring(1000, seed=0))
    assert model.score(*disk_and_ring(1000, seed=1)) >= 0.98


def test_row_norm_hides_the_ring_from_hff():
    model = HFFClassifier(random_state=0, max_iter=15, standardize=False, input_norm="rms")
    model.fit(*disk_and_ring(1000, seed=0))
    assert model.score(*disk_and_ring(1000, seed=1)) < 0.9


# -- repeating -----------------------------------------------------------------------------------


@each_kind
def test_same_seed_same_bits(kind):
    X, y = blobs()
    one, other = small(kind).fit(X, y), small(kind).fit(X, y)
    assert same(outputs(one, X), outputs(other, X))
    assert same(outputs(one.fit(X, y), X), outputs(other, X))  # fit starts from scratch
    third = small(kind, random_state=1).fit(X, y)
    assert not np.array_equal(third.goodness(X), one.goodness(X))


@each_kind
def test_random_state_may_be_a_generator_or_nothing(kind):
    X, y = blobs()
    for make in (np.random.default_rng, np.random.RandomState):
        one, other = (small(kind, random_state=make(5)).fit(X, y) for _ in range(2))
        assert one.seed_ == other.seed_
        assert same(outputs(one, X), outputs(other, X))
    unseeded = [small(kind, random_state=None).fit(X, y) for _ in range(2)]
    assert unseeded[0].seed_ != unseeded[1].seed_
    again = small(kind, random_state=unseeded[0].seed_).fit(X, y)
    assert same(outputs(again, X), outputs(unseeded[0], X))


@each_kind
def test_fit_epochs_is_fit_in_pieces(kind):
    X, y = blobs()
    whole = small(kind, max_iter=3).fit(X, y)
    calls = []
    pieces = small(kind, max_iter=3)
    epochs = pieces.fit_epochs(X, y, progress=lambda *call: calls.append(call))
    assert next(epochs).epoch == 1
    assert pieces.predict(X).shape == (90,)  # usable between epochs
    epochs.close()
    assert [record.epoch for record in pieces.fit_epochs(X, y, resume=True)] == [2, 3]
    assert same(outputs(whole, X), outputs(pieces, X))
    assert calls == [(1, 1, 3), (1, 2, 3), (1, 3, 3)]
    assert list(pieces.fit_epochs(X, y, resume=True)) == []


@each_kind
def test_partial_fit(kind):
    X, y = blobs()
    model = small(kind).partial_fit(X[:30], y[:30])
    before = model.goodness(X)
    model.partial_fit(X[30:], y[30:])
    assert model.n_iter_ == 2
    assert not np.array_equal(model.goodness(X), before)
    named = small(kind, learning_rate_init=0.03)
    named.partial_fit(X[y > 0], y[y > 0], classes=[2, 1, 0])
    assert named.classes_.tolist() == [0, 1, 2]
    named.partial_fit(X, y).partial_fit(X, y, classes=[0, 1, 2])
    for _ in range(20):
        named.partial_fit(X, y)
    assert named.score(X, y) > 0.9
    assert named.fit(X, y).n_iter_ == 2  # fit forgets


@each_kind
def test_partial_fit_refuses_other_classes(kind):
    X, y = blobs()
    model = small(kind).partial_fit(X, y)
    before = outputs(model, X)
    with pytest.raises(ValueError, match=r"knows the classes \[0, 1, 2\], got also \[3\]"):
        model.partial_fit(X, y + 1)
    if kind is not HFFClassifier:  # tests/test_hff_classes.py
        with pytest.raises(ValueError, match=r"classes must be those of the first call"):
            model.partial_fit(X, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="expecting 8 features"):
        model.partial_fit(X[:, :4], y)
    assert same(outputs(model, X), before)
    fresh = small(kind)
    with pytest.raises(ValueError, match=r"knows the classes \[0, 1\], got also \[2\]"):
        fresh.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(fresh, "classes_")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [FFClassifier, BackpropClassifier])
def test_divergence_is_named(kind):
    X, y = blobs()
    with pytest.raises(DivergenceError, match=r"layer 1 became .* in epoch 1"):
        small(kind, learning_rate_init=1e30).fit(X, y)


@each_kind
def test_verbose_prints_a_line_an_epoch(kind, capsys):
    small(kind, verbose=True).fit(*blobs())
    assert capsys.readouterr().out.count("epoch ") == 2
    small(kind).fit(*blobs())
    assert capsys.readouterr().out == ""


# -- rows and batches ----------------------------------------------------------------------------


def _edges():
    """Rows of all magnitudes that float32 knows."""
    X, _ = blobs(65)
    X[1], X[2], X[3] = 0, 1, -7
    X[4] *= np.float32(1e-42)
    X[5] *= np.float32(1e-20)
    X[6] *= np.float32(1e15)
    X[7, :] = [0, 0, 0, 1e18, -1e-18, 1e-45, -0.0, 3]
    return X


@mixed_on_purpose
@each_kind
@pytest.mark.parametrize(
    "norms",
    [("none", "rms"), ("l2", "none"), ("layer", "l2"), ("rms", "layer")],
    ids="-".join,
)
@pytest.mark.parametrize("features", [8, 5])
def test_a_row_alone_has_the_bits_it_has_in_a_batch(kind, norms, features):
    X, y = blobs()
    settings = {"input_norm": norms[0], "between_norm": norms[1], "standardize": features == 8}
    model = small(kind, hidden_layer_sizes=(8, 19), **settings).fit(X[:, -features:], y)
    edges = _edges()[:, -features:]
    for name in METHODS:
        function = getattr(model, name)
        axis = 1 if name == "layer_goodness" else 0
        whole = function(edges)
        for size in (1, 2, 3, 7, 64):
            rows = 21 if size < 64 else len(edges)
            blocks = [function(edges[i : min(rows, i + size)]) for i in range(0, rows, size)]
            joined = np.concatenate(blocks, axis=axis)
            assert np.array_equal(joined, whole.take(range(rows), axis)), (name, size)


@each_kind
def test_order_of_rows_does_not_matter_to_prediction(kind):
    X, y = blobs()
    model = small(kind).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    assert np.array_equal(model.goodness(X[order]), model.goodness(X)[order])


@each_kind
def test_many_rows_are_scored_in_blocks(kind):
    X, y = blobs()
    model = small(kind).fit(X, y)
    many = np.tile(X, (24, 1))  # more than ROWS_AT_ONCE
    assert np.array_equal(model.layer_goodness(many)[:, -90:], model.layer_goodness(X))
    assert np.array_equal(model.transform(many)[-90:], model.transform(X))
