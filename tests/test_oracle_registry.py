"""The oracle's cases on disk, and the library's own values of them."""

import json
import shutil

import numpy as np
import pytest

from ffref.oracle import DIALECTS, FFSpec, cases, compare, evaluate, find_case, new_case, precision
from ffref.oracle.dialects import dialect_table, source_table
from ffref.oracle.golden import FOLDER, KINKS
from ffref.oracle.making import BOUND
from ffref.oracle.specs import NormSpec, PeerSpec, as_data, from_data
from tests.test_docs import ROOT

CASES = cases()
ZERO = {"ff/paper/dead-layer", "faust/reconstruction/one-member"}
BELOW_FLOOR = {"ff/paper/saturated", "cumulative/free_riding/calibrated-far-ahead"}


def each(function):
    return pytest.mark.parametrize("case", CASES, ids=str)(function)


def test_the_registry_covers_every_dialect_but_one_that_repeats_another():
    found = {(case.family, case.dialect) for case in CASES}
    assert found == {(d.family, d.name) for d in DIALECTS} - {("ff", "pytorch_example")}
    same = {d.name: d.spec for d in DIALECTS if d.family == "ff"}
    assert same["pytorch_example"] == same["pezeshki"]
    assert len(CASES) == len({case.id for case in CASES}) == 139


def test_the_files_are_those_of_the_index_and_small():
    folders = {str(path.parent.relative_to(FOLDER)) for path in FOLDER.rglob("case.json")}
    assert folders == {case.id for case in CASES}
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 2e6


@each
def test_three_forms_of_a_case_hold_the_same_numbers(case):
    home = FOLDER / case.id
    raw = np.fromfile(home / "arrays.f64", "<f8")
    known = case.inputs | {name: golden.value for name, golden in case.golden.items()}
    known |= {KINKS + n: g.kinks for n, g in case.golden.items() if g.kinks is not None}
    lines = (home / "arrays.txt").read_text().splitlines()
    with np.load(home / "arrays.npz") as npz:
        assert set(npz.files) == set(known)
        for line in lines:
            name, offset, *shape = line.split()
            shape = tuple(map(int, shape))
            size = int(np.prod(shape))
            flat = raw[int(offset) : int(offset) + size].reshape(shape)
            np.testing.assert_array_equal(flat, known[name])
            np.testing.assert_array_equal(npz[name], known[name])
    assert len(lines) == len(known)


def test_a_damaged_file_is_refused(tmp_path):
    shutil.copytree(FOLDER / "ff/paper/one-unit", tmp_path / "ff/paper/one-unit")
    numbers = tmp_path / "ff/paper/one-unit/arrays.f64"
    damaged = bytearray(numbers.read_bytes())
    damaged[100] ^= 1
    numbers.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"is damaged: .* hash"):
        find_case("ff/paper/one-unit", folder=tmp_path)


def test_names_that_do_not_exist():
    with pytest.raises(ValueError, match=r"no case 'ff/paper/none'.*ffref oracle list"):
        find_case("ff/paper/none")
    with pytest.raises(ValueError, match=r"no case of family 'gg'.*ff/loewex"):
        cases("gg")
    with pytest.raises(ValueError, match="no cases in"):
        cases(folder=FOLDER / "ff")


@each
def test_no_cast_rounds_an_input(case):
    for name, array in case.inputs.items():
        bits = array.astype(np.float32).view(np.uint32)
        assert not np.any(bits & 0xFFFF), name  # bfloat16 is the upper half of float32
        np.testing.assert_array_equal(array.astype(np.float32).astype(array.dtype), array)


@each
def test_golden_values_are_ordinary_numbers_in_the_order_of_the_library(case):
    assert list(case.golden) == list(evaluate(case))
    for name, golden in case.golden.items():
        small = np.abs(golden.value[golden.value != 0])
        assert np.isfinite(golden.value).all()
        assert (small >= np.finfo(np.float64).tiny).all(), name
        assert golden.reason or golden.kind in ("value", "derivative")


@each
def test_the_library_is_within_its_bound(case):
    """8 unit roundoffs times the condition number; the largest that was seen is 1.5."""
    for dtype in (np.float64, np.float32):
        worst = max(precision(case, dtype), key=lambda line: line.share)
        assert worst.share <= BOUND, worst


@each
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_library_passes_and_one_per_cent_does_not(case, dtype):
    mine = evaluate(case, dtype)
    assert all(value.dtype == dtype for name, value in mine.items() if value.ndim)
    report = compare(case, mine, dtype=dtype)
    assert report.ok, report
    assert report.checked == len(case.golden)
    if case.id in ZERO | BELOW_FLOOR:
        return
    for name, golden in case.golden.items():
        free = golden.value if golden.kinks is None else golden.value[golden.kinks == 0]
        if not np.any(free):
            continue
        wrong = compare(case, {name: 1.01 * mine[name]}, dtype=dtype)
        assert wrong.first_difference().quantity == name


def test_cases_whose_gradient_is_zero_are_meant_to_be():
    found = {
        case.id
        for case in CASES
        if not any(
            np.any(golden.value)
            for name, golden in case.golden.items()
            if name.endswith("d_weight")
        )
    }
    assert found == ZERO


def test_a_case_below_the_floor_says_so():
    case = find_case("ff/paper/saturated")
    assert 0 < np.abs(case.golden["d_weight"].value).max() < 1e-30
    zeros = {name: np.zeros_like(case.golden[name].value) for name in ("d_weight", "d_logit")}
    report = compare(case, zeros, dtype="float32")
    assert report.ok
    assert "below the floor" in str(report)
    assert not compare(case, {"d_logit": zeros["d_logit"] + 1e-6}, dtype="float32").ok


# what a code would compute that followed another specification: each must be told apart
WRONG = [
    ("ff/paper/ordinary", {"goodness": "mean"}),
    ("ff/paper/low-is-good", {"sign": 1}),
    ("ff/paper/faint-row", {"norm": NormSpec("rms", 1e-8)}),
    ("ff/hinton_matlab/faint-row", {"norm": NormSpec("rms", 1e-8, "inside")}),
    ("ff/hinton_matlab/ordinary", {"peer": PeerSpec("loss")}),
    ("ff/hinton_matlab/silent-units", {"peer": PeerSpec("rule", strength=0.0)}),
    ("ff/hinton_matlab/labels", {"label": "row-max"}),
    ("ff/loewex/ordinary", {"peer": PeerSpec("rule")}),
    ("ff/loewex/ordinary", {"peer": PeerSpec("loss", strength=0.0)}),
    ("ff/loewex/silent-units", {"relu": "gated"}),
    ("ff/loewex/faint-row", {"norm": NormSpec("rms", 0.0)}),
    ("ff/pezeshki/ordinary", {"norm": NormSpec("rms", 1e-4)}),
    ("ff/pezeshki/faint-row", {"norm": NormSpec("l2", 1e-4, "inside")}),
    ("ff/pezeshki/faint-row", {"norm": NormSpec("l2")}),
    ("ff/pezeshki/labels", {"label": "row-max"}),
    ("ff/pezeshki/labels", {"label": "one"}),
    ("ff/keras_example/labels", {"label": "batch-max"}),
    ("ff/keras_example/ordinary", {"threshold": 2.0}),
    ("ff/dah33/ordinary", {"reduction": "rows"}),
    ("ff/dah33/faint-row", {"norm": NormSpec("l2", 1e-4)}),
    ("hff/reconstruction/sharp", {"sharpness": 2.0}),
    ("hff/reconstruction/margin", {"margin": -0.25}),
    ("hff/reconstruction/smoothing", {"label_smoothing": 0.0}),
    ("hff/reconstruction/silent-units", {"relu": "straight-through"}),
    ("hff/reconstruction/straight-through", {"relu": "gated"}),
    ("recurrent/paper/heavy-damping", {"damping": 0.125}),
    ("recurrent/paper/silent-units", {"relu": "straight-through"}),
    ("recurrent/pff/silent-units", {"relu": "gated"}),
    ("recurrent/pff/faint-row", {"norm": NormSpec("l2", 1e-8, "inside")}),
    ("recurrent/pff/ordinary", {"sign": 1}),
    ("symba/paper/ordinary", {"steepness": 1.0}),
    ("symba/paper/sum", {"goodness": "mean"}),
    ("cumulative/free_riding/ordinary", {"remedy": "per-block"}),
    ("cumulative/free_riding/cp-fair", {"carried_weight": 1.0}),
    ("cumulative/free_riding/gated", {"remedy": "none"}),
    ("cumulative/free_riding/depth-scaled", {"depth": 3}),
    ("cumulative/free_riding/calibrated", {"remedy": "none"}),
    ("layer-collaboration/paper/per-unit", {"threshold_per_unit": 1.0}),
    ("scff/paper/ordinary", {"penalty": 0.0}),
    ("scff/paper/ordinary", {"negative_threshold": 1.0}),
    ("faust/reconstruction/ordinary", {"similarity": "dot"}),
    ("faust/reconstruction/dot-rms", {"activity_norm": "l2"}),
    ("faust/reconstruction/euclidean", {"similarity": "cosine"}),
    ("faust/reconstruction/silent-units", {"relu": "straight-through"}),
    ("mono-forward/paper/smoothing", {"label_smoothing": 0.0}),
    ("mono-forward/paper/silent-units", {"relu": "straight-through"}),
    ("cwc/paper/ordinary", {"power": 1}),
    ("cwc/pvn/ordinary", {"competition": "softmax"}),
    ("deeper-forward/paper/ordinary", {"power": 2}),
    ("distance-forward/reconstruction/margin", {"margin": -0.25}),
    ("distance-forward/reconstruction/absent-class", {"decay": 0.25}),
    ("block/reconstruction/rows", {"channel_norm": "l2"}),
    ("block/reconstruction/shortcut", {"residual": False}),
    ("block/reconstruction/everything", {"margin": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "change"), WRONG, ids=str)
def test_a_case_tells_its_rule_from_the_neighbouring_one(id_, change):
    case = find_case(id_)
    if "label" in change:
        change = {"label": case.spec.label._replace(strength=change["label"])}
    other = new_case(case.id, case.spec._replace(**change), case.inputs)
    assert not compare(case, evaluate(other, np.float32), dtype="float32").ok


def test_peer_normalisation_through_the_mean_is_0_2_over_n_of_hintons():
    """Behind the gate of a straight relu, and without the loss of FF, nothing else is left."""
    case = find_case("ff/loewex/ordinary")
    units = case.inputs["weight"].shape[1]
    pushes = {}
    for form in ("rule", "loss"):
        with_it, without = (
            evaluate(new_case(case.id, case.spec._replace(peer=PeerSpec(form, s)), case.inputs))
            for s in (0.03, 0.0)
        )
        pushes[form] = with_it["d_preactivation"] - without["d_preactivation"]
    np.testing.assert_allclose(pushes["loss"], pushes["rule"] * 0.2 / units, atol=1e-15)
    assert np.abs(pushes["rule"]).max() > 1e-4


@each
def test_a_specification_survives_json(case):
    data = json.loads(json.dumps(as_data(case.spec)))
    assert from_data(type(case.spec), data) == case.spec


def test_a_specification_with_unknown_words_is_refused():
    with pytest.raises(ValueError, match=r"FFSpec has no .*thresh"):
        from_data(FFSpec, {"thresh": 2.0})
    with pytest.raises(ValueError, match=r"relu must be one of gated.*got 'leaky'"):
        from_data(FFSpec, {"relu": "leaky"})


def test_a_case_of_ones_own_says_what_it_takes():
    case = find_case("ff/paper/ordinary")
    own = new_case("ff/mine/a", case.spec, case.inputs)
    assert own.golden == {}
    assert compare(own, evaluate(own, np.float32)).ok
    with pytest.raises(ValueError, match="missing or unknown: bias"):
        new_case("ff/mine/a", case.spec, {n: a for n, a in case.inputs.items() if n != "bias"})
    with pytest.raises(ValueError, match="missing or unknown: weights"):
        new_case("ff/mine/a", case.spec, case.inputs | {"weights": case.inputs["weight"]})
    with pytest.raises(ValueError, match="bias must have the axes"):
        new_case("ff/mine/a", case.spec, case.inputs | {"bias": np.zeros((1, 5))})
    with pytest.raises(ValueError, match="takes a HFFSpec, got FFSpec"):
        new_case("hff/mine/a", case.spec, case.inputs)
    with pytest.raises(ValueError, match="family/dialect/name"):
        new_case("mine", case.spec, case.inputs)
    with pytest.raises(ValueError, match="no golden values"):
        precision(own)


def test_two_means_take_equally_many_rows():
    case = find_case("ff/dah33/ordinary")
    uneven = case.inputs | {"polarity": np.array([1.0, 1, 1, 1, -1, -1])}
    with pytest.raises(ValueError, match="as many positive rows as negative ones, got 4 and 2"):
        evaluate(new_case("ff/mine/a", case.spec, uneven))


def test_the_tables_of_the_page_are_those_of_the_code():
    page = (ROOT / "docs" / "oracle.md").read_text()
    assert dialect_table() in page
    assert source_table() in page
