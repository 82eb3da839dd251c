"""The comparison of remedies against free-riding, small, on the bundled digits."""

import json

import numpy as np
import pytest

from benchmarks import free_riding as script
from ffref.experiments import free_riding, load_train_test
from ffref.experiments.free_riding import (
    BASELINE,
    VARIANTS,
    LayerMeasures,
    Outcome,
    compare,
    markdown,
    measure,
    settings_for,
    summarize,
)

SMALL = {
    "hidden_layer_sizes": (64, 64, 64),
    "max_iter": 12,
    "learning_rate_init": 0.003,
    "label_strength": 4.0,
}


@pytest.fixture(scope="module")
def digits():
    return load_train_test("digits", None)


@pytest.fixture(scope="module")
def outcomes(digits, tmp_path_factory):
    variants = (BASELINE, "per-block", "calibrated")
    return compare(digits, SMALL, tmp_path_factory.mktemp("runs"), seeds=[0], variants=variants)


def test_measures_by_hand():
    # layer 1: margins 1 and 3; layer 2: 0 and -2, with P = 1 and 3
    first, second = measure(
        np.array([[1.0, 3.0], [0.0, -2.0]], np.float32),
        remedy="none", carried_weight=1.0, steepness=1.0,
    )  # fmt: skip
    sigmoid = {-1: 0.2689414213699951, -3: 0.04742587317756678}
    assert (first.separation, first.separation_error) == (2, 1)
    assert first.pairwise_error == 0
    assert first.median_slope == pytest.approx((sigmoid[-1] + sigmoid[-3]) / 2, rel=1e-14)
    assert first.free_riding == 0
    assert (second.separation, second.separation_error) == (-1, 1)
    assert second.pairwise_error == (0.5 + 1) / 2
    # M = 1 and 1: slope sigmoid(-1), and 1/2 and sigmoid(2) without what is carried
    assert second.mean_slope == pytest.approx(sigmoid[-1], rel=1e-14)
    ratios = sigmoid[-1] / 0.5, sigmoid[-1] / 0.8807970779778823
    assert second.free_riding == pytest.approx(1 - sum(ratios) / 2, rel=1e-14)
    assert second.coverage == 0.5


def test_measures_of_remedies():
    margins = np.array([[1.0, 2.0], [0.5, 1.0]])
    how = {"carried_weight": 1.0, "steepness": 4.0}
    index = {
        remedy: measure(margins, remedy=remedy, **how)[1].free_riding
        for remedy in ("none", "per-block", "gated", "depth-scaled", "calibrated")
    }
    assert index["per-block"] == 0
    assert index["calibrated"] == pytest.approx(0, abs=1e-15)
    assert index["none"] > 0.9
    assert 0 < index["gated"] < index["none"]
    assert 0 < index["depth-scaled"] < index["none"]


def test_deep_layers_ride_for_free_and_remedies_repair_it(outcomes):
    baseline, per_block, calibrated = outcomes
    assert all(one.accuracy > 0.9 for one in outcomes)
    deepest = [one.layers[-1] for one in outcomes]
    assert deepest[0].free_riding > 0.9
    assert deepest[1].separation > 2 * deepest[0].separation
    assert deepest[2].separation > 2 * deepest[0].separation
    assert deepest[0].median_slope < baseline.layers[0].median_slope / 3
    # nothing lies below the first layer: every variant trains it alike
    first = [one.layers[0].separation for one in (baseline, per_block, calibrated)]
    np.testing.assert_allclose(first, first[0], rtol=1e-3)


def test_what_is_there_is_not_run_again(digits, tmp_path, monkeypatch):
    settings = SMALL | {"max_iter": 1, "hidden_layer_sizes": (8, 8)}
    told = []
    how = {"seeds": [0, 1], "variants": (BASELINE,)}
    before = compare(digits, settings, tmp_path, tell=told.append, **how)
    assert [one.seed for one in told] == [0, 1]
    assert before == told
    (tmp_path / "gamma-1-seed1.json").unlink()
    again = compare(digits, settings, tmp_path, tell=told.append, **how)
    assert [one.seed for one in told] == [0, 1, 1]
    assert [one._replace(seconds=0) for one in again] == [
        one._replace(seconds=0) for one in before
    ]
    monkeypatch.setattr(free_riding, "run", None)
    assert compare(digits, settings, tmp_path, **how) == again
    with pytest.raises(ValueError, match="other settings"):
        compare(digits, settings | {"max_iter": 2}, tmp_path, **how)


def made_up(variant, seed, separations, error=0.5):
    layers = tuple(LayerMeasures(m, error, 0.25, 10.0 ** (-seed), 1, 0.5, 1) for m in separations)
    return Outcome(variant, seed, 0.9 + 0.02 * seed, 0.8, layers, 1.0)


def test_summary_over_seeds_by_hand():
    (summary,) = summarize([made_up("gated", seed, [seed, 2 * seed]) for seed in (0, 1, 2)])
    np.testing.assert_allclose(summary.separation, [1, 2])
    # deviations -1, 0, 1: variance 1, error 1 / sqrt 3; twice that
    np.testing.assert_allclose(summary.separation_error, [3**-0.5, 2 * 3**-0.5])
    assert summary.accuracy == pytest.approx(0.92)
    np.testing.assert_allclose(summary.measures["median_slope"], 0.1)
    (alone,) = summarize([made_up("gated", 0, [1.0])])
    np.testing.assert_allclose(alone.separation_error, 0.5)


def test_no_ratio_where_the_baseline_is_within_its_error_of_nothing():
    table = markdown([made_up(BASELINE, 0, [2.0, 0.4]), made_up("gated", 0, [3.0, 1.2])])
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| gated")]
    assert rows[0][1:] == ["90.00 %", "80.00 % |"]
    assert rows[1][1:4] == ["1", "3 ± 0.5", "1.5"]
    assert rows[2][1:4] == ["2", "1.2 ± 0.5", ""]
    assert "over pairs" in table
    two_seeds = [made_up(BASELINE, seed, [2.0]) for seed in (0, 1)]
    assert "over 2 seeds" in markdown(two_seeds)


def test_settings_of_both_sizes():
    short, full = (settings_for("mnist", full=full) for full in (False, True))
    assert short["hidden_layer_sizes"] == (256,) * 4
    assert full["max_iter"] > short["max_iter"]
    assert short["label_encoding"] == "overlay"
    assert settings_for("some.npz", full=False) == free_riding.SIZES[False]
    assert set(VARIANTS) >= {"per-block", "gated", "depth-scaled", "calibrated"}


def test_the_script_writes_table_and_figure(tmp_path, capsys):
    arguments = ["--seeds", "1", "--hidden", "8", "8", "--epochs", "1", "--out", str(tmp_path)]
    script.main([*arguments, "--variants", BASELINE, "gated"])
    folder = tmp_path / "digits"
    table = (folder / "free_riding.md").read_text()
    assert table.strip() in capsys.readouterr().out
    assert (folder / "free_riding.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "settings.json").read_text())["hidden_layer_sizes"] == [8, 8]
