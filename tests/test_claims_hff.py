"""The claims about HFF: every case at a size of milliseconds, and what the cases are made of."""

import json

import numpy as np
import pytest

from benchmarks import run_hff_claims
from ffref.data import load
from ffref.experiments import claims_hff
from ffref.experiments.claims_hff import (
    DIGITS,
    all_cases,
    depth,
    hybrid,
    noise_negatives,
    prototype_cosine,
    settings_for,
    speed,
)
from ffref.experiments.claims_hff_classes import (
    STORED,
    accuracy_among,
    few_examples,
    in_colour,
    new_classes,
    samples_of_group,
    with_class,
    without_a_class,
)
from ffref.experiments.claims_hff_costs import drawn, prediction_cost
from ffref.experiments.claims_hff_robustness import (
    attack,
    noisy,
    with_noisy_layers,
    with_noisy_readout,
)
from ffref.experiments.step_memory import peak_of_arrays, training_step
from ffref.experiments.studies import Case, Task, build_classifier, fitted
from ffref.experiments.study_rows import run_cases
from ffref.report import study_figures
from ffref.report.claims_hff import PANELS
from ffref.training import passes

TINY = DIGITS._replace(hidden=(16, 12), epochs=1)
SMALL = DIGITS._replace(hidden=(48, 48), epochs=12, batch_size=20, learning_rate=0.005)
SHORT = SMALL._replace(epochs=6)
ALGORITHMS = claims_hff.ALGORITHMS


@pytest.fixture(scope="module")
def digits():
    (X, y), (X_test, y_test) = load("digits"), load("digits", split="test")
    return Task(X[:600], y[:600], X_test[:150], y_test[:150])


@pytest.fixture(scope="module")
def fit(digits):
    return fitted(lambda seed: digits, SMALL)


def test_every_case_gives_numbers_that_can_be_drawn(digits):
    cases = all_cases(digits, TINY, target=digits)
    assert len({(case.study, case.name) for case in cases}) == len(cases)
    assert {case.study for case in cases} == set(PANELS)
    rows = [
        {"study": case.study, "case": case.name, "seed": 0, "measured": case.run(0)}
        for case in cases
    ]
    assert json.loads(json.dumps(rows)) == rows
    for row in rows:
        measured = row["measured"]
        assert 0 <= measured["accuracy"] <= 1 if row["study"] == "accuracy" else True
        for panel in PANELS[row["study"]]:
            found = measured[panel.y]
            if panel.x is not None and found is not None:
                assert len(measured[panel.x]) == len(found)
    drawn_studies = study_figures(rows)
    assert set(drawn_studies) == set(PANELS)
    for study, figure in drawn_studies.items():
        assert len(figure.axes) == len(PANELS[study])
        assert all(axes.lines or axes.patches for axes in figure.axes) or study == "speed"
    assert "transfer" not in {case.study for case in all_cases(digits, TINY)}


def test_settings_of_each_data_set():
    assert settings_for("digits", full=True) == DIGITS
    short, full = (settings_for("mnist", full=full) for full in (False, True))
    assert full == short._replace(hidden=(1000, 1000, 1000), epochs=20)
    assert short.own["ff"]["label_encoding"] == "overlay"
    assert "label_encoding" not in settings_for("cifar10", full=False).own["ff"]


# -- costs ---------------------------------------------------------------------------------------


def test_costs_are_those_of_the_arrays():
    model, *_ = drawn("hff", TINY, 0, 20, 30)
    layers = model.state_.network.layers
    weights = sum(layer.weights.weight.size for layer in layers)
    prototypes = sum(layer.params[-1].size for layer in layers)
    cost = prediction_cost("hff", (20, *TINY.hidden), 30, prototypes_per_class=4)
    assert cost.multiply_adds == weights + prototypes
    other, *_ = drawn("backprop", TINY, 0, 20, 30)
    weights = sum(layer.weights.weight.size for layer in other.state_.network.layers)
    cost = prediction_cost("backprop", (20, *TINY.hidden), 30, prototypes_per_class=0)
    assert cost.multiply_adds == weights
    # FF in turn: 30 passes, each with a row of weights for its label, then the squares
    by_label = sum(20 * 16 + 16 + 16 * 12 + (16 + 12) for _ in range(30))
    cost = prediction_cost("ff", (20, *TINY.hidden), 30, prototypes_per_class=0)
    assert cost.multiply_adds_in_turn == by_label
    # shared: the image once
    assert cost.multiply_adds == by_label - 29 * 20 * 16


def test_ff_by_the_number_of_classes():
    sizes = (784, 500, 500)
    hff, ff = (
        [prediction_cost(one, sizes, c, prototypes_per_class=4) for c in (10, 100)]
        for one in ("hff", "ff")
    )
    assert ff[1].multiply_adds_in_turn == 10 * ff[0].multiply_adds_in_turn
    # prototypes are few against weights at first, and become most of the work
    assert hff[1].multiply_adds < 2 * hff[0].multiply_adds
    assert ff[1].multiply_adds_in_turn > 40 * hff[1].multiply_adds


def test_peak_of_arrays_is_what_was_held():
    kept = []
    peak = peak_of_arrays(lambda: kept.append(np.ones(10**6).sum() + np.ones(10**5).sum()))
    assert 8e6 <= peak < 8.1e6


def test_memory_of_a_step():
    found = {}
    for algorithm in ("hff", "backprop"):
        for layers in (2, 12):
            settings = DIGITS._replace(hidden=(40,) * layers)
            model, x, labels = drawn(algorithm, settings, 0, 40, 10, 64)
            step, state = training_step(model, x, labels)
            step()
            found[algorithm, layers] = min(peak_of_arrays(step) for _ in range(3))
            if algorithm == "hff":  # weights, biases, prototypes; Adam keeps two numbers of each
                assert state == 3 * 4 * layers * (40 * 40 + 40 + 10 * 4 * 40)
    assert found["hff", 12] < 1.2 * found["hff", 2]
    assert found["backprop", 12] > 2 * found["backprop", 2]


# -- disturbances --------------------------------------------------------------------------------


class Slope:
    """Whose loss rises with the first feature and falls with the second."""

    def input_gradient(self, X, y):
        return np.broadcast_to(np.array([3.0, -0.1, 0.0], np.float32), X.shape)


def test_attacks_stay_in_their_budget():
    X = np.array([[0.5, 0.5, 0.5], [0.95, 0.05, 1.0]], np.float32)
    y = np.zeros(2, int)
    one = attack(Slope(), X, y, 0.1, (0.0, 1.0))
    np.testing.assert_allclose(one, [[0.6, 0.4, 0.5], [1.0, 0.0, 1.0]], rtol=1e-6, atol=1e-7)
    many = attack(Slope(), X, y, 0.1, (0.0, 1.0), steps=10)
    np.testing.assert_allclose(many, one, rtol=1e-6, atol=1e-6)
    # two of ten steps go half of the budget: 2.5 x 0.1 / 10 each
    few = attack(Slope(), X[:1], y[:1], 0.1, (0.0, 1.0), steps=2)
    np.testing.assert_allclose(few, [[0.6, 0.4, 0.5]], rtol=1e-6)
    np.testing.assert_array_equal(attack(Slope(), X, y, 0.0, (0.0, 1.0)), X)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_attacks_and_noise_on_trained_networks(algorithm, digits, fit):
    model = fit(algorithm, 0)
    X, y = digits.X_test, digits.y_test
    size = float(np.ptp(digits.X))
    limits = float(digits.X.min()), float(digits.X.max())
    plain = model.score(X, y)
    assert plain > 0.85
    by_chance = model.score(noisy(X, 0.1 * size, 0).clip(*limits), y)
    once = model.score(attack(model, X, y, 0.1 * size, limits), y)
    often = model.score(attack(model, X, y, 0.1 * size, limits, steps=10), y)
    assert max(once, often) < by_chance - 0.2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_noise_on_hardware(algorithm, digits, fit):
    model, X = fit(algorithm, 0), digits.X_test
    goodness = model.goodness(X)
    quiet = with_noisy_layers(model, 0.0, 0).goodness(X)
    np.testing.assert_allclose(quiet, goodness, rtol=1e-5, atol=1e-5)
    loud = with_noisy_layers(model, 3.0, 0)
    assert loud.score(X, digits.y_test) < model.score(X, digits.y_test) - 0.1
    np.testing.assert_array_equal(model.goodness(X), goodness)  # the model itself is as it was


def test_noise_on_activities_has_its_size(digits, fit):
    model = fit("hff", 0)
    x = model._prepare(digits.X_test)
    plain = next(passes(model.state_.network, x)).activity
    disturbed = next(passes(with_noisy_layers(model, 0.5, 0).state_.network, x))
    np.testing.assert_array_equal(disturbed.activity, disturbed.features)
    size = np.sqrt((plain**2).mean(axis=1, keepdims=True))
    relative = (disturbed.activity - plain) / size
    assert relative.std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("algorithm", ["hff", "backprop"])
def test_noise_on_what_classes_are_read_by(algorithm, digits, fit):
    model = fit(algorithm, 0)

    def vectors(one):
        top = one.state_.network.layers[-1]
        return top.params[-1] if algorithm == "hff" else top.weights.weight.T

    before = vectors(model).copy()
    change = vectors(with_noisy_readout(model, 0.5, 0)) - before
    relative = np.linalg.norm(change, axis=-1) / np.linalg.norm(before, axis=-1)
    assert relative.mean() == pytest.approx(0.5, rel=0.1)
    np.testing.assert_array_equal(vectors(model), before)
    same = with_noisy_readout(model, 0.0, 0)
    np.testing.assert_allclose(same.goodness(digits.X_test), model.goodness(digits.X_test), 1e-5)


# -- classes that come later ---------------------------------------------------------------------


def test_rehearsal_repeats_stored_samples(digits):
    groups = np.array_split(np.unique(digits.y), 5)
    rng = np.random.default_rng(0)
    X, y = samples_of_group(digits, groups, 2, "rehearsal", rng)
    counts = np.bincount(y, minlength=10)
    new = counts[4:6].sum()
    assert (counts[:4] == new // 2).all()
    assert not counts[6:].any()
    assert len(np.unique(X[y == 0], axis=0)) <= STORED < counts[0]
    X, y = samples_of_group(digits, groups, 2, "alone", rng)
    assert set(y) == {4, 5}
    np.testing.assert_array_equal(X, digits.X[np.isin(digits.y, [4, 5])])


def test_forgetting(digits):
    found = {
        (algorithm, mode): new_classes(digits, SHORT, 0, algorithm, mode, {})
        for algorithm, mode in [
            ("hff", "alone"), ("hff", "rehearsal"), ("hff", "frozen"), ("backprop", "alone"),
        ]
    }  # fmt: skip
    assert found["hff", "alone"]["accuracy"] < found["hff", "rehearsal"]["accuracy"] - 0.2
    assert found["hff", "alone"]["forgetting"] > found["hff", "rehearsal"]["forgetting"]
    assert found["backprop", "alone"]["forgetting"] > 0.5
    assert found["hff", "alone"]["first_group"][0] == found["hff", "frozen"]["first_group"][0]


def test_only_classes_seen_may_be_chosen(digits, fit):
    model = fit("hff", 0)
    two = np.isin(digits.y_test, [3, 8])
    X, y = digits.X_test[two], digits.y_test[two]
    assert accuracy_among(model, X, y, np.array([3])) == (y == 3).mean()
    assert accuracy_among(model, X, y, np.arange(10)) == model.score(X, y)
    assert accuracy_among(model, X, y, np.array([3, 8])) >= model.score(X, y)


def test_a_class_joins_without_training(digits):
    base, new = without_a_class(digits, 0)
    assert new == 9
    assert set(base.y) == set(base.y_test) == set(range(9))
    assert without_a_class(digits, 3)[1] == 6
    model = build_classifier("hff", TINY, 0).fit(base.X, base.y)
    examples = digits.X[digits.y == 9][:5]
    grown = with_class(model, examples, np.full(5, 9))
    assert list(model.classes_) == list(range(9))
    assert list(grown.classes_) == list(range(10))
    for before, after in zip(
        model.state_.network.layers, grown.state_.network.layers, strict=True
    ):
        np.testing.assert_array_equal(before.weights.weight, after.weights.weight)
        np.testing.assert_allclose(before.params[-1], after.params[-1][:9], atol=1e-6)
    assert (grown.predict(examples) == 9).mean() > 0.5


def test_nearest_mean_of_few_samples_by_hand():
    # means 0, 10 of the old classes; the one new example stands at 6
    x = np.array([[0.0], [0.0], [10.0], [10.0], [6.0]], np.float32)
    y = np.array([0, 0, 1, 1, 2])
    X_test = np.array([[1.0], [4.0], [9.0], [7.0]], np.float32)
    data = Task(np.repeat(x, 20, axis=0), np.repeat(y, 20), X_test, np.array([0, 0, 1, 2]))
    row = few_examples(data, TINY, 0, lambda algorithm, seed: None, None, "nearest mean")
    assert row["new_class_found"] == [1, 1, 1]
    np.testing.assert_allclose(row["old_classes_right"], 2 / 3)
    np.testing.assert_allclose(row["all_right"], 3 / 4)


def test_grey_images_in_colour():
    image = np.arange(784.0, dtype=np.float32)[None]
    made = in_colour(image).reshape(32, 32, 3)
    np.testing.assert_array_equal(made[2:30, 2:30, 1].ravel(), image[0])
    assert made.sum() == 3 * image.sum()
    with pytest.raises(ValueError, match="28 x 28"):
        in_colour(np.ones((1, 64)))


# -- learning ------------------------------------------------------------------------------------


def test_steps_to_an_accuracy(digits):
    row = speed(digits, SMALL, 0, "hff", 0.5)
    assert row["learning_rate"] == pytest.approx(SMALL.learning_rate / 2)
    assert row["steps"] == list(range(10, 289, 10))  # 480 samples, 24 batches, 12 epochs
    curve, reached = np.array(row["accuracy"]), row["steps"].index(row["steps_to_80"])
    assert curve[reached] >= 0.8
    assert (curve[:reached] < 0.8).all()
    assert (row["steps_to_95"] is None) == bool((curve < 0.95).all())


def test_noise_as_a_class_is_never_predicted(digits):
    plain = noise_negatives(digits, SHORT, 0, None)
    row = noise_negatives(digits, SHORT, 0, 0.3)
    assert (plain["samples_an_epoch"], row["samples_an_epoch"]) == (600, 1200)
    assert plain["accuracy"] > 0.85
    assert row["accuracy"] > 0.85


def test_nothing_local_is_back_propagation(digits):
    deep = build_classifier("backprop", SHORT, 0, hidden_layer_sizes=(48, 48, 48))
    expected = deep.fit(digits.X, digits.y).score(digits.X_test, digits.y_test)
    assert hybrid(digits, SHORT, 0, 0, {}) == {"accuracy": expected}
    assert hybrid(digits, SHORT, 0, 2, {})["accuracy"] > 0.85


def test_cosines_of_prototypes():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3, 2, 5))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    cosines = [
        vectors[a, i] @ vectors[b, j]
        for a in range(3) for b in range(3) for i in range(2) for j in range(2) if a != b
    ]  # fmt: skip
    assert prototype_cosine(vectors) == pytest.approx(np.mean(cosines))


def test_depth_measures_each_layer(digits):
    row = depth(digits, TINY, 0, 3)
    assert row["layer"] == [1, 2, 3]
    assert row["alike_below"][0] is None
    assert all(0 < value <= 1 for value in row["alike_below"][1:])


# -- the script ----------------------------------------------------------------------------------


def test_what_was_measured_is_not_measured_again(tmp_path, monkeypatch, capsys):
    out = tmp_path / "claims"
    words = ["prototype memory", "--samples", "100", "--out", str(out)]
    run_hff_claims.main(words)
    first = capsys.readouterr().out
    assert (out / "digits.md").read_text().strip() == first.strip()
    assert (out / "prototype-memory-digits.png").read_bytes().startswith(b"\x89PNG")
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert [row["case"] for row in rows] == ["1 a class", "4 a class"]
    monkeypatch.setattr(claims_hff, "prototypes", None)
    run_hff_claims.main(words)
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit):
        run_hff_claims.main(["sped", "--out", str(out)])
    assert "no study sped; there are inference" in capsys.readouterr().err


def test_no_case_begins_once_the_time_is_spent(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 45))
    monkeypatch.setattr("ffref.experiments.study_rows.process_time", lambda: next(clock))
    cases = [Case("one", name, lambda seed: {"value": seed}) for name in "abcd"]
    how = {"facts": lambda case: {"data": "none"}, "minutes": 3}
    rows = run_cases(cases, tmp_path / "rows.jsonl", **how)
    # looked at after 0.75, 3 minutes: two cases of two looks each
    assert [row["case"] for row in rows] == ["a", "b"]
    again = run_cases(cases, tmp_path / "rows.jsonl", **how)
    assert [row["case"] for row in again] == ["a", "b", "c", "d"]
    assert again[:2] == rows
