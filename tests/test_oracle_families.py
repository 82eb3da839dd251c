"""Cases of the other families: identities between them, and values known without any formula."""

import numpy as np
import pytest

from ffref.oracle import (
    BlockSpec,
    CumulativeSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    NormSpec,
    SymbaSpec,
    TrainingSpec,
    compare,
    evaluate,
    find_case,
    new_case,
    trace,
)
from ffref.oracle.families import FAMILIES
from ffref.oracle.truth import evaluate_exactly, rounded

ONE = {"x": np.array([[3.0], [1.0]]), "weight": np.array([[0.5]]), "bias": np.zeros(1),
       "polarity": np.array([1.0, -1.0]), "partner": np.array([1, 0])}  # fmt: skip


def without_norm(spec):
    return spec._replace(norm=spec.norm._replace(kind="none"))


def test_symba_of_one_unit_by_hand():
    """Goodness 9/4 and 1/4: margin 2, d_margin -4 sigmoid(-8), dw = d (2 y x), y = x / 2."""
    case = new_case("symba/mine/one", without_norm(SymbaSpec()), ONE)
    found = evaluate(case)
    slope = -4 / (1 + np.exp(8.0))
    assert found["margin"] == [2.0]
    assert found["loss"] == pytest.approx(np.log1p(np.exp(-8.0)), rel=1e-14)
    assert found["d_weight"][0, 0] == pytest.approx(slope * (9 - 1), rel=1e-14)


def test_what_a_layer_is_handed_it_hands_on_with_its_own_margin():
    carried = {"carried_margin": np.array([0.5, 0.5])}
    spec = without_norm(CumulativeSpec(carried_weight=0.25))
    found = evaluate(new_case("cumulative/mine/one", spec, ONE | carried))
    assert found["cumulative_margin"] == [2.125]
    np.testing.assert_array_equal(found["next_carried_margin"], [2.5, 2.5])


def exactly(family, spec, inputs):
    found = evaluate_exactly(family, spec, inputs, conditions=False)
    return {name: rounded(truth.value) for name, truth in found.items()}


def test_symba_is_cumulative_goodness_of_nothing_carried():
    case = find_case("cumulative/free_riding/first-layer")
    inputs = {n: a for n, a in case.inputs.items() if n != "carried_margin"}
    for name, value in exactly("symba", SymbaSpec(), inputs).items():
        np.testing.assert_array_equal(value, case.golden[name].value)


def test_layer_collaboration_without_others_is_ff():
    case = find_case("layer-collaboration/paper/first-layer")
    inputs = {n: a for n, a in case.inputs.items() if n != "carried_goodness"}
    for name, value in exactly("ff", FFSpec(threshold=3.0), inputs).items():
        np.testing.assert_array_equal(value, case.golden[name].value)


@pytest.mark.parametrize("name", ["calibrated", "calibrated-far-ahead"])
def test_calibration_lifts_the_slope_to_that_of_the_own_loss(name):
    case = find_case(f"cumulative/free_riding/{name}")
    margin = case.golden["margin"].value
    whole = case.golden["cumulative_margin"].value
    beta = case.spec.steepness
    lowest = np.minimum(margin, whole)  # the steeper of the two
    log_slope = np.log(beta / len(margin)) - np.logaddexp(0, beta * lowest)
    np.testing.assert_allclose(case.golden["d_margin"].value, -np.exp(log_slope), rtol=1e-11)
    assert case.golden["d_margin"].kind == "surrogate"


def test_a_difference_of_logarithms_is_known_as_well_as_they_are():
    """margin 4^2 - 1^2 = 15, with 1/16 carried: share = 1 - exp(-1/16), nearly; bfloat16 has 0."""
    inputs = {
        "x": np.array([[4.0], [1.0]]), "weight": np.ones((1, 1)), "bias": np.zeros(1),
        "polarity": np.array([1.0, -1.0]), "partner": np.array([1, 0]),
        "carried_margin": np.array([0.0625, 0.0625]),
    }  # fmt: skip
    spec = CumulativeSpec(
        norm=NormSpec("none"), goodness="sum", steepness=1.0, remedy="calibrated"
    )
    case = new_case("cumulative/mine/won", spec, inputs)
    report = compare(case, {"own_share": [0.0]}, dtype="bfloat16")
    assert report.ok
    (found,) = (f for f in report.findings if f.quantity == "own_share")
    assert found.floor == pytest.approx((1 + 30.0625 * np.exp(-0.0625)) / 128, rel=1e-6)
    assert not compare(case, {"own_share": [0.0]}, dtype="float32").ok
    assert not compare(case, {"own_share": [0.9]}, dtype="bfloat16").ok


@pytest.mark.parametrize("seed", range(3))
def test_what_cancels_along_a_short_row_leaves_its_rounding(seed):
    """All activities point one way: a cosine's derivative is 0, by a difference of 1/length."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 1, (6, 3)) * np.array([1, 1e-3, 1, 1e-3, 1, 1])[:, None]
    inputs = {
        "x": x, "weight": rng.uniform(0.5, 1, (3, 1)) * [[0.6, 0.8, 0.3]], "bias": np.zeros(3),
        "labels": np.array([0, 0, 1, 1, 2, 2]),
        "tuples": np.array([[row ^ 1, *((row + k) % 6 for k in (2, 4))] for row in range(6)]),
    }  # fmt: skip
    spec = FaustSpec(norm=NormSpec("none"), activity_norm="none", similarity="cosine", scale=1.5)
    case = new_case("faust/mine/parallel", spec, inputs)
    report = compare(case, evaluate(case, dtype="float32"), dtype="float32")
    assert report.ok, str(report)
    pushed = evaluate(case)["d_activity"] + 1e-3 * np.linalg.norm(x, axis=1, keepdims=True) ** -1
    assert not compare(case, {"d_activity": pushed}, dtype="float32").ok


def test_a_row_that_rounding_may_switch_off_has_no_known_direction():
    """5 x 1 - 4.995 x 1 in the only active unit of one row: 0 in bfloat16, or anything small."""
    inputs = {
        "x": np.array([[5.0, 4.995], [5.0, 1.0]]), "weight": np.array([[1.0, -1.0], [-1.0, 0.5]]),
        "bias": np.zeros(2), "labels": np.array([0, 1]), "prototypes": np.eye(2).reshape(2, 1, 2),
    }  # fmt: skip
    case = new_case("hff/mine/near", HFFSpec(norm=NormSpec("none")), inputs)
    mine = evaluate(case)
    rough = mine | {
        "d_activity": mine["d_activity"] * [[13.0], [1.0]],
        "d_weight": mine["d_weight"] * 13,
    }
    report = compare(case, rough, dtype="bfloat16")
    assert report.ok
    (found,) = (f for f in report.findings if f.quantity == "d_activity")
    assert found.kinks == 2
    assert report.named("not checkable") == ["d_weight", "d_bias"]
    assert not compare(case, rough, dtype="float32").ok
    wrong = mine | {"d_prototypes": 2 * mine["d_prototypes"]}
    assert not compare(case, wrong, dtype="bfloat16").ok


def test_the_shift_of_a_channel_does_not_move_what_batch_normalisation_makes():
    golden = find_case("block/reconstruction/unpooled").golden
    d, z = golden["d_sums"].value, golden["standardized"].value
    largest = np.abs(d).max()
    assert np.abs(d.sum(axis=(0, 1, 2))).max() < 1e-14 * largest * d.size
    # nor does its scale, but for the 1e-5 in the root
    assert np.abs((d * z).mean(axis=(0, 1, 2))).max() < 1e-4 * largest


def test_an_anchor_without_negatives_costs_nothing():
    case = find_case("faust/reconstruction/one-member")
    assert case.inputs["tuples"][0, 0] >= 0
    assert case.golden["loss"].value == 0
    assert not case.golden["d_weight"].value.any()


def test_a_centroid_of_a_class_without_rows_stays():
    case = find_case("distance-forward/reconstruction/absent-class")
    before, after = case.inputs["centroids"], case.golden["new_centroids"].value
    np.testing.assert_array_equal(after[2], before[2])
    assert (after[:2] != before[:2]).all()


@pytest.mark.parametrize(
    "id_", ["block/reconstruction/everything", "faust/reconstruction/mahalanobis"]
)
def test_a_trace_moves_all_that_learns_and_keeps_the_state(id_):
    case = find_case(id_)
    found = trace(case, TrainingSpec(steps=1, learning_rate=0.5, momentum=0.0))
    for name, golden in case.golden.items():
        if name.startswith("d_") and name[2:] in case.inputs:
            moved = case.inputs[name[2:]] - 0.5 * golden.value
            np.testing.assert_allclose(found[f"step1.{name[2:]}"], moved, rtol=1e-12, atol=1e-14)
        if name.startswith("new_"):
            np.testing.assert_allclose(found[f"step1.{name[4:]}"], golden.value, rtol=1e-12)


def test_layer_collaboration_refuses_what_it_has_not():
    case = find_case("layer-collaboration/paper/ordinary")
    low = new_case("layer-collaboration/mine/low", case.spec._replace(sign=-1), case.inputs)
    with pytest.raises(ValueError, match="leave peer, label, sign and reduction"):
        evaluate(low)


def test_a_block_takes_what_its_specification_has():
    axes = FAMILIES["block"].input_axes
    assert "scale" not in axes(BlockSpec(channel_norm="none"))
    assert "running_mean" not in axes(BlockSpec(channel_norm="rms"))
    assert "auxiliary_weight" in axes(BlockSpec(auxiliary=True))


def test_a_block_without_features_has_no_derivative_in_them():
    live = find_case("block/reconstruction/no-norm")
    dead = new_case("block/mine/dead", live.spec, live.inputs | {"shift": np.full(2, -99.0)})
    for case, allowed in ((dead, True), (live, False)):
        mine = evaluate(case)
        mine["d_features"] = mine["d_features"] + 1
        assert compare(case, mine).ok is allowed


def test_an_auxiliary_convolution_needs_a_grid():
    case = find_case("block/reconstruction/auxiliary")
    whole = new_case("block/mine/no-grid", case.spec._replace(grid=None), case.inputs)
    with pytest.raises(ValueError, match="give grid, or leave auxiliary out"):
        evaluate(whole)
