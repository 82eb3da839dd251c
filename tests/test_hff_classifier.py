"""What may be chosen of HFF: margins, temperatures, first prototypes, weights over layers."""

import numpy as np
import pytest

import ffref
from ffref import HFFClassifier
from ffref.data import load
from ffref.formulas import expected_calibration_error, softmax
from ffref.objectives.hff.kinds import MARGINS
from tests.small_data import blobs
from tests.small_models import outputs, same, small

X, Y = blobs(120)
MARGIN = {"additive-angular": 0.3, "multiplicative-angular": 2}
CHOICES = {
    **{kind: {"margin_kind": kind, "margin": MARGIN.get(kind, 0.2)} for kind in MARGINS},
    "temperature": {"learn_temperature": True},
    "temperature, moving averages": {"learn_temperature": True, "prototype_update": "ema"},
    "class means": {"prototype_init": "class-means"},
    "simplex": {"prototype_init": "simplex"},
    "weighted": {"readout": "weighted"},
    "calibrated": {"calibrated": True, "readout": "last"},
    "all": {
        "readout": "weighted",
        "learn_temperature": True,
        "prototype_init": "class-means",
        "margin_kind": "additive-angular",
        "margin": 0.2,
        "layer_schedule": "greedy",
    },
}


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_learns_and_goes_on_from_a_file(choice, tmp_path):
    parameters = {"learning_rate_init": 0.02, "max_iter": 4, **CHOICES[choice]}
    whole = small(HFFClassifier, **parameters).fit(X, Y)
    assert whole.score(X, Y) > 0.9
    part = small(HFFClassifier, **parameters)
    epochs = part.fit_epochs(X, Y)
    next(epochs), next(epochs)
    assert not same(outputs(part, X), outputs(whole, X))
    part.save(tmp_path / "part.npz")
    loaded = ffref.load(tmp_path / "part.npz")
    assert same(outputs(loaded, X), outputs(part, X))
    for _ in loaded.fit_epochs(X, Y, resume=True):
        pass
    assert same(outputs(loaded, X), outputs(whole, X))
    for model in (loaded, whole):
        model.set_params(layer_schedule="simultaneous").partial_fit(X, Y)
    assert same(outputs(loaded, X), outputs(whole, X))


def test_learned_temperatures_move():
    model = small(HFFClassifier, learn_temperature=True, learning_rate_init=0.01).fit(X, Y)
    assert all(0.05 < t < 0.2 and t != 0.1 for t in model.temperatures_)
    assert model.temperatures_[0] != model.temperatures_[1]
    assert small(HFFClassifier, temperature=0.2).fit(X, Y).temperatures_ == [0.2, 0.2]
    # the softmax of predict_proba divides by their sum: by hand from the goodness
    expected = softmax(model.goodness(X) / np.float32(sum(model.temperatures_)))
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)


def test_simplex_at_the_start():
    model = small(HFFClassifier, prototype_init="simplex", prototypes_per_class=2).start(X, Y)
    for q in model.prototypes_:
        for k in (0, 1):
            np.testing.assert_allclose(
                q[:, k] @ q[:, k].T, np.where(np.eye(3), 1, -0.5), atol=1e-5
            )


def test_simplex_that_does_not_fit_is_refused_before_anything_changes():
    model = small(HFFClassifier).fit(X, Y)
    before = outputs(model, X)
    model.set_params(prototype_init="simplex", hidden_layer_sizes=(8, 1))
    with pytest.raises(ValueError, match="needs at least 2 units in each layer, got 1"):
        model.fit(X, Y)
    assert same(outputs(model.set_params(hidden_layer_sizes=(8, 7)), X), before)


@pytest.mark.parametrize(
    "change", [{"margin_kind": "additive-angular", "margin": 2.0}, {"margin_kind": "pairwise",
               "label_smoothing": 0.1}, {"margin_kind": "multiplicative-angular"},
               {"validation_fraction": 1.0}, {"validation_fraction": 0}, {"readout": "heavy"}],
    ids=str,
)  # fmt: skip
def test_bad_choices(change):
    with pytest.raises(ValueError, match=r"margin|label_smoothing|validation_fraction|readout"):
        small(HFFClassifier, **change).fit(X, Y)


# -- held-out samples ----------------------------------------------------------------------------


def every_fourth():
    """Rows that validation_fraction=0.25 holds out: the 4th, 8th, ... of each class."""
    return np.concatenate([np.flatnonzero(c == Y)[3::4] for c in range(3)])


@pytest.mark.parametrize("choice", [{"readout": "weighted"}, {"calibrated": True}], ids=str)
def test_no_layer_sees_the_held_out_samples(choice):
    model = small(HFFClassifier, **choice, validation_fraction=0.25, prototype_init="class-means")
    model.fit(X, Y)
    other = X.copy()
    other[every_fourth()] = 100 * X[every_fourth()[::-1]]
    twin = small(
        HFFClassifier, **choice, validation_fraction=0.25, prototype_init="class-means"
    ).fit(other, Y)
    for one, two in zip(model.state_.network.layers, twin.state_.network.layers, strict=True):
        for a, b in zip((*one.weights, *one.params), (*two.weights, *two.params), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.standardizer_.std, twin.standardizer_.std)
    assert not np.array_equal(model.score_weights_, twin.score_weights_)
    # and it is those rows alone: one more is trained on
    other[every_fourth()[0] - 1] *= 2
    twin.fit(other, Y)
    assert not np.array_equal(
        twin.state_.network.layers[0].weights.weight, model.state_.network.layers[0].weights.weight
    )


def test_weights_are_where_the_held_out_loss_is_least():
    model = small(HFFClassifier, readout="weighted", validation_fraction=0.25).fit(X, Y)
    held = every_fourth()
    scores = model.layer_goodness(X[held]).astype(np.float64)

    def cross_entropy(weights):
        logits = np.tensordot(weights, scores, 1)
        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        # 10 / T: how large weights may be
        prior = np.sum((weights / 100) ** 2) / (2 * len(held))
        return prior - log_p[np.arange(len(held)), Y[held]].mean()

    best = cross_entropy(model.score_weights_)
    for step in np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]]):
        moved = model.score_weights_ + 0.3 * step
        assert cross_entropy(moved) > best or moved.min() < 0.01
    expected = np.tensordot(model.score_weights_, model.layer_goodness(X), 1)
    np.testing.assert_allclose(model.goodness(X), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), softmax(expected), rtol=1e-4)
    assert set(model.readout_goodness(X)[1]) == {"last", "sum", "sum-without-first", "weighted"}


def test_calibration_moves_no_prediction_and_mends_probabilities():
    X_train, y_train = load("digits")
    X_test, y_test = load("digits", split="test")
    model = HFFClassifier((64,), max_iter=10, random_state=0, calibrated=True)
    model.fit(X_train, y_train)
    goodness = model.goodness(X_test)
    plain = softmax(goodness / np.float32(0.1))
    fitted = model.predict_proba(X_test)
    np.testing.assert_array_equal(fitted.argmax(axis=1), goodness.argmax(axis=1))
    before = expected_calibration_error(plain, y_test)
    after = expected_calibration_error(fitted, y_test)
    assert before > 0.15  # too modest: cosines lie within [-1, 1]
    assert after < 0.06


def test_partial_fit_needs_a_fit_first_and_keeps_its_weights():
    model = small(HFFClassifier, readout="weighted")
    with pytest.raises(ValueError, match="partial_fit holds no samples out"):
        model.partial_fit(X, Y)
    weights = model.fit(X, Y).score_weights_.copy()
    model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.score_weights_, weights)


def test_weights_that_were_never_fitted_are_asked_for():
    model = small(HFFClassifier).fit(X, Y)
    assert not hasattr(model, "score_weights_")
    with pytest.raises(ValueError, match="fit anew"):
        model.set_params(readout="weighted").predict(X)
    with pytest.raises(ValueError, match="fit anew"):
        model.set_params(readout="sum", calibrated=True).predict_proba(X)
    model.fit(X, Y).set_params(calibrated=False).fit(X, Y)
    assert not hasattr(model, "score_weights_")


def test_too_few_samples_to_hold_any_out():
    model = small(HFFClassifier, calibrated=True)
    with pytest.raises(ValueError, match="the largest class needs at least 10"):
        model.fit(X[:9], Y[:9])
    assert not hasattr(model, "classes_")
