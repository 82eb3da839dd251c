"""Classes that join a trained HFF classifier."""

import numpy as np
import pytest

import ffref
from ffref import HFFClassifier
from ffref.objectives.hff import hff_class_mean_prototypes
from ffref.training import insert_classes, passes
from tests.small_data import blobs
from tests.small_models import outputs, same, small

X, Y = blobs(240, classes=4)
OLD = (Y == 0) | (Y == 2)


def of_two_classes(**parameters):
    settings = {"learning_rate_init": 0.01, "hidden_layer_sizes": (16, 12)}
    model = small(HFFClassifier, **(settings | parameters))
    for _ in range(3):
        model.partial_fit(X[OLD], Y[OLD])
    return model


@pytest.mark.parametrize("prototype_update", ["gradient", "ema"])
@pytest.mark.parametrize("learn_temperature", [False, True])
def test_inserted_rows_leave_all_else_alone(prototype_update, learn_temperature):
    model = of_two_classes(prototype_update=prototype_update, learn_temperature=learn_temperature)
    state = model.state_
    rng = np.random.default_rng(61)
    rows = [rng.normal(size=(3, 4, units)) for units in (16, 12)]
    grown = insert_classes(state, np.array([0, 1, 2]), rows)  # before 0, before 2, behind 2
    for old, new, added in zip(state.network.layers, grown.network.layers, rows, strict=True):
        assert new.weights is old.weights
        assert all(a is b for a, b in zip(new.params[:-1], old.params[:-1], strict=True))
        assert new.params[-1].dtype == np.float32
        np.testing.assert_array_equal(new.params[-1][[1, 3]], old.params[-1])
        np.testing.assert_array_equal(new.params[-1][[0, 2, 4]], added.astype(np.float32))
    for old, new in zip(state.optimizer, grown.optimizer, strict=True):
        assert new.step == old.step
        if prototype_update == "ema":
            assert all(map(np.shares_memory, sum(new.slots, ()), sum(old.slots, ())))
            continue
        assert all(a is b for a, b in zip(new.slots[:-1], old.slots[:-1], strict=True))
        for a, b in zip(new.slots[-1], old.slots[-1], strict=True):
            np.testing.assert_array_equal(a[[1, 3]], b)
            assert not a[[0, 2, 4]].any()
            assert b.any()


@pytest.mark.parametrize("named", [[1, 3], [0, 1, 2, 3]], ids=["new ones", "all"])
@pytest.mark.parametrize("prototype_update", ["gradient", "ema"])
def test_new_classes_are_learned_and_old_ones_kept(named, prototype_update):
    model = of_two_classes(prototype_update=prototype_update, learn_temperature=True)
    assert model.classes_.tolist() == [0, 2]
    model.partial_fit(X, Y, classes=named)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert [p.shape for p in model.prototypes_] == [(4, 4, 16), (4, 4, 12)]
    for _ in range(5):
        model.partial_fit(X, Y)
    assert model.score(X[OLD], Y[OLD]) > 0.9
    assert model.score(X[~OLD], Y[~OLD]) > 0.9
    assert model.predict_proba(X).shape == (240, 4)


def test_prototypes_start_at_the_means_of_the_samples_that_come():
    model = of_two_classes(prototypes_per_class=1)
    before = [p.copy() for p in model.prototypes_]
    seen = [p.activity for p in passes(model.state_.network, model._prepare(X[Y == 3]))]
    rows = np.isin(Y, [0, 2, 3])
    model._join(np.array([0, 2, 3]), X[rows], np.searchsorted([0, 2, 3], Y[rows]))
    for old, new, activity in zip(before, model.prototypes_, seen, strict=True):
        np.testing.assert_array_equal(new[:2], old)
        direction = activity / np.linalg.norm(activity, axis=1, keepdims=True)
        mean = direction.mean(axis=0)
        np.testing.assert_allclose(new[2, 0], mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-6)


def test_classes_without_samples_start_at_random():
    model = of_two_classes()
    model.partial_fit(X[OLD], Y[OLD], classes=[0, 1, 2, 7])
    assert model.classes_.tolist() == [0, 1, 2, 7]
    for prototypes in model.prototypes_:
        np.testing.assert_allclose(np.linalg.norm(prototypes, axis=2), 1, rtol=1e-5)
        assert len(np.unique(prototypes[[1, 3]].reshape(8, -1), axis=0)) == 8
    twin = of_two_classes().partial_fit(X[OLD], Y[OLD], classes=[0, 1, 2, 7])
    assert same(outputs(twin, X), outputs(model, X))


@pytest.mark.parametrize("optimizer", ["adam", "heavy-ball"])
def test_saved_before_and_after_joining(optimizer, tmp_path):
    model = of_two_classes(optimizer=optimizer)
    model.save(tmp_path / "before.npz")
    model.partial_fit(X, Y, classes=[1, 3])
    again = ffref.load(tmp_path / "before.npz").partial_fit(X, Y, classes=[1, 3])
    assert same(outputs(again, X), outputs(model, X))
    model.save(tmp_path / "after.npz")
    loaded = ffref.load(tmp_path / "after.npz")
    assert same(outputs(loaded, X), outputs(model, X))
    loaded.partial_fit(X, Y), model.partial_fit(X, Y)
    assert same(outputs(loaded, X), outputs(model, X))


def test_text_and_longer_text():
    names = np.array(["ant", "bee", "cat", "a very long name"])
    model = small(HFFClassifier).partial_fit(X[OLD], names[Y[OLD]])
    model.partial_fit(X, names[Y], classes=["bee", "a very long name"])
    assert model.classes_.tolist() == ["a very long name", "ant", "bee", "cat"]
    assert set(model.predict(X).tolist()) <= set(names.tolist())


def test_what_is_refused_changes_nothing():
    model = of_two_classes()
    before = outputs(model, X)
    with pytest.raises(ValueError, match=r"knows the classes \[0, 2\], got also \[1, 3\]"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"knows the classes \[0, 1, 2\], got also \[3\]"):
        model.partial_fit(X, Y, classes=[1])
    with pytest.raises(ValueError, match="numbers or text like those that are known"):
        model.partial_fit(X, Y, classes=["1", "3"])
    with pytest.raises(ValueError, match="continuous"):
        model.partial_fit(X, Y, classes=[0.5])
    with pytest.raises(ValueError, match="SphereFace takes 4"):
        model.set_params(margin_kind="multiplicative-angular").partial_fit(X, Y, classes=[1, 3])
    assert model.classes_.tolist() == [0, 2]
    assert same(outputs(model.set_params(margin_kind="additive-cosine"), X), before)


def test_fit_forgets_who_joined():
    model = of_two_classes().partial_fit(X, Y, classes=[1, 3])
    assert model.fit(X[OLD], Y[OLD]).classes_.tolist() == [0, 2]


def test_dealt_means_need_no_second_definition():
    # the estimator's start is the formula's, on the activity of the first weights
    model = small(HFFClassifier, prototype_init="class-means", prototypes_per_class=1).start(X, Y)
    for prototypes, passed in zip(
        model.prototypes_, passes(model.state_.network, model._prepare(X)), strict=True
    ):
        expected = hff_class_mean_prototypes(
            np.random.default_rng(0), passed.activity, Y, classes=4, prototypes_per_class=1
        )
        np.testing.assert_allclose(prototypes, expected, rtol=1e-5, atol=1e-6)
