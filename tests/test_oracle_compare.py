"""Comparison with the oracle: verdicts, messages, layouts, dtypes."""

import json

import numpy as np
import pytest

from ffref.oracle import (
    LAYOUTS,
    MismatchError,
    NormSpec,
    check,
    compare,
    evaluate,
    find_case,
    inputs_in,
    new_case,
)
from ffref.oracle.layouts import to_layout

CASE = find_case("ff/hinton_matlab/ordinary")
MINE = evaluate(CASE)


def changed(name, index, by):
    array = MINE[name].copy()
    array[index] += by
    return MINE | {name: array}


def test_all_agree():
    report = check(CASE, MINE)
    assert report.ok
    assert str(report) == "ok ff/hinton_matlab/ordinary in float64: 12 of 12 quantities agree"


def test_the_first_difference_in_the_order_of_computation_is_named():
    wrong = changed("d_activity", (1, 2), 1e-3) | {"d_bias": MINE["d_bias"] * 2}
    report = compare(CASE, wrong)
    first = report.first_difference()
    assert (first.quantity, first.at, first.out) == ("d_activity", (1, 2), 1)
    assert first.yours == wrong["d_activity"][1, 2]
    assert first.reference == CASE.golden["d_activity"].value[1, 2]
    text = str(report)
    for part in (
        "FAIL ff/hinton_matlab/ordinary in float64: d_activity is wrong",
        "6x5 (batch, out)",
        "worst at [1, 2]: yours",
        "allowed",
        "rule: |yours - reference| <= tolerance * max|reference| + floor",
        "1 of 30 entries out",
        "before it agree: normalized, preactivation, activity, goodness",
        "wrong after it, perhaps because of it: d_bias",
        "what this case is there to catch: peer normalisation left out",
        "reproduce: ffref oracle compare ff/hinton_matlab/ordinary YOURS --dtype float64",
    ):
        assert part in text
    assert len(text.splitlines()) < 25
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_numbers_of_a_coarser_dtype_are_named(dtype):
    torch = pytest.importorskip("torch") if dtype == "bfloat16" else None
    wide = {n: MINE[n] * 3 for n in ("d_weight", "d_bias")}  # a mistake does not hide it
    if torch:
        short = {n: torch.tensor(a).bfloat16().float().numpy() for n, a in wide.items()}
    else:
        short = {n: a.astype(np.float32).astype(np.float64) for n, a in wide.items()}
    assert f"all your numbers are {dtype} numbers" in str(compare(CASE, short))
    assert compare(CASE, short, dtype=dtype).coarser() == ""
    assert compare(CASE, wide).coarser() == ""
    assert compare(CASE, {"loss": 1.5, "d_bias": np.zeros(5)}).coarser() == ""  # too few to tell
    assert compare(CASE, MINE).coarser() == ""


def test_where_the_first_mistake_is():
    wrong = {"activity": MINE["activity"], "logit": 2 * MINE["logit"], "loss": MINE["loss"]}
    report = compare(CASE, wrong)
    closer = "supply goodness, and the first that is wrong says where"
    assert report.where() == f"it is between activity and logit: {closer}"
    wrong["goodness"] = MINE["goodness"]
    assert compare(CASE, wrong).where() == "it is in the step from goodness to logit"
    wrong["activity"] = 2 * MINE["activity"]
    assert "between the inputs and activity: supply norm" in compare(CASE, wrong).where()
    assert compare(CASE, MINE).where() == ""


def test_check_raises_with_the_report():
    with pytest.raises(MismatchError, match="d_weight is wrong") as caught:
        check(CASE, {"d_weight": MINE["d_weight"] * 2})
    first = caught.value.report.first_difference()
    assert first.rms_ratio == pytest.approx(2)
    assert first.error_ratio == pytest.approx(1)
    assert first.cosine == pytest.approx(1)


def test_what_is_left_out_is_listed_and_does_not_fail():
    report = compare(CASE, {"loss": MINE["loss"], "d_weight": MINE["d_weight"]})
    assert report.ok
    assert report.checked == 2
    assert "not supplied: normalized, preactivation" in str(report)


def test_a_layer_is_named():
    case = find_case("ff/paper/two-layers")
    mine = evaluate(case)
    report = compare(case, mine | {"layer2.d_weight": -mine["layer2.d_weight"]})
    assert "FAIL ff/paper/two-layers in float64: d_weight of layer 2 is wrong" in str(report)
    assert report.first_difference().cosine == pytest.approx(-1)


def test_nan_and_infinity_never_agree_with_a_number():
    for value in (np.nan, np.inf, -np.inf):
        report = compare(CASE, changed("d_weight", (0, 1), value))
        assert report.first_difference().verdict == "not finite"
        assert f"the first at [0, 1] is {value}" in str(report)
    reference = {"a": np.array([np.nan, np.inf, 1.0])}
    assert compare(reference, reference).ok
    assert not compare(reference, {"a": np.array([np.nan, -np.inf, 1.0])}).ok
    assert not compare(reference, {"a": np.array([0.0, np.inf, 1.0])}).ok


def test_entries_at_a_kink_are_set_aside_and_counted():
    case = find_case("hff/reconstruction/relu-at-zero")
    mine = evaluate(case)
    at = np.argwhere(case.golden["d_preactivation"].kinks > 0)
    assert len(at) == 1
    other = mine["d_preactivation"].copy()
    other[tuple(at[0])] = 123.0
    report = compare(case, {"d_preactivation": other})
    assert report.ok
    assert "1 entries at a kink" in str(report)
    other[tuple(at[0] - 1)] += 0.1
    assert not compare(case, {"d_preactivation": other}).ok


def test_in_a_case_of_ones_own_what_rounding_decides_is_set_aside():
    case = find_case("hff/reconstruction/dead-row")
    own = new_case("hff/mine/a", case.spec, case.inputs)
    mine = evaluate(own)
    silent = mine["d_activity"].copy()
    silent[1] = 9.0  # a row of zeros has no direction
    assert compare(own, {"d_activity": silent}).ok
    spec = case.spec._replace(norm=NormSpec("none"))
    near = new_case("hff/mine/b", spec, {
        "x": np.ones((1, 1)), "weight": np.ones((1, 3)), "labels": np.zeros(1, int),
        "bias": np.array([0.5, 1.0, -1.0 + 1e-9]), "prototypes": np.eye(3)[:2, None]})  # fmt: skip
    flipped = evaluate(near)["d_preactivation"].copy()
    flipped[0, 2] = 0.0  # the weighted sum is 1e-9, and 0 in float32
    assert compare(near, {"d_preactivation": flipped}, dtype="float32").ok
    assert not compare(near, {"d_preactivation": flipped}, dtype="float64").ok


def test_the_rule_scales_with_the_largest_entry_and_has_a_floor():
    tolerance, floor = CASE.golden["d_bias"].tolerance["float32"], CASE.golden["d_bias"].scale
    size = np.abs(MINE["d_bias"]).max()
    allowed = tolerance * size + 2.0**-23 * floor
    for by, verdict in ((0.99 * allowed, True), (1.01 * allowed, False)):
        report = compare(CASE, changed("d_bias", 0, by), dtype="float32")
        assert report.ok is verdict
        assert report.findings[-1].allowed == pytest.approx(allowed)


def test_layouts_are_translated_by_name():
    mine = {"d_weight": MINE["d_weight"].T, "d_bias": MINE["d_bias"]}
    assert compare(CASE, mine, layout="out_in").ok
    report = compare(CASE, mine)
    assert report.first_difference().verdict == "wrong shape"
    assert 'yours is (5, 7); add layout="out_in"' in str(report)
    assert "--layout out_in" in str(compare(CASE, {"loss": 0.0}, layout="out_in"))


@pytest.mark.parametrize("id_", ["ff/paper/conv-padded", "hff/reconstruction/conv"])
def test_images_channels_first(id_):
    case = find_case(id_)
    mine = {
        name: to_layout(value, case.axes[name], "NCHW") for name, value in evaluate(case).items()
    }
    assert mine["d_weight"].shape[:2] == case.golden["d_weight"].value.shape[:1:-1]
    assert compare(case, mine, layout="NCHW").ok
    flat = {name: mine[name].reshape(len(mine[name]), -1) for name in ("activity", "d_activity")}
    assert compare(case, flat, layout="NCHW").ok
    assert not compare(case, flat).ok
    given = inputs_in(case, layout=("out_in", "NCHW"), dtype=np.float32)
    assert given["weight"].shape == mine["d_weight"].shape
    assert given["weight"].dtype == np.float32


def test_axes_of_length_one_do_not_matter():
    mine = {
        "goodness": MINE["goodness"][:, None],
        "loss": MINE["loss"].reshape(1),
        "d_bias": MINE["d_bias"][None],
    }
    assert compare(CASE, mine).ok
    assert not compare(CASE, {"d_bias": MINE["d_bias"][:-1]}).ok


def test_the_coarsest_dtype_is_taken_unless_one_is_named():
    assert compare(CASE, MINE).dtype == "float64"
    single = {name: np.asarray(value, np.float32) for name, value in MINE.items()}
    assert compare(CASE, single).dtype == "float32"
    assert compare(CASE, MINE | {"d_bias": single["d_bias"]}).dtype == "float32"
    assert compare(CASE, {"loss": float(MINE["loss"])}).dtype == "float64"
    assert compare(CASE, MINE, dtype=np.dtype("float32").name).dtype == "float32"
    assert not compare(CASE, single, dtype="float64").ok


def test_a_dtype_with_too_few_digits_checks_less_and_says_so():
    name, case = next(
        (name, case)
        for case in map(find_case, ("ff/paper/one-row", "recurrent/paper/one-row"))
        for name, golden in case.golden.items()
        if "bfloat16" not in golden.tolerance
    )
    report = compare(case, {name: case.golden[name].value}, dtype="bfloat16")
    assert not report.ok
    assert f"not checkable: {name}" in str(report)
    assert "nothing could be checked" in str(report)


def test_bad_arguments():
    for mine, options, message in (
        ({"dW": 1.0}, {}, "has no 'dW'; it has normalized"),
        ({}, {}, "nothing to compare"),
        (MINE, {"dtype": "float16"}, "dtype must be one of float64, float32, bfloat16, got"),
        (MINE, {"layout": "CHW"}, "layout must be one of in_out, NHWC, out_in, NCHW"),
    ):
        with pytest.raises(ValueError, match=message):
            compare(CASE, mine, **options)
    assert set(LAYOUTS) == {"in_out", "NHWC", "out_in", "NCHW"}


def test_a_report_is_data():
    data = json.loads(json.dumps(compare(CASE, {"d_weight": MINE["d_weight"] * 2}).as_data()))
    assert data["ok"] is False
    assert data["case"] == CASE.id
    (finding,) = [f for f in data["findings"] if f["verdict"] == "differs"]
    assert finding["quantity"] == "d_weight"


def test_inputs_stay_as_they_were():
    before = {name: array.copy() for name, array in CASE.inputs.items()}
    evaluate(CASE)
    compare(CASE, MINE)
    for name, array in before.items():
        np.testing.assert_array_equal(CASE.inputs[name], array)
    with pytest.raises(ValueError, match="read-only"):
        CASE.golden["d_bias"].value[0] = 1.0
