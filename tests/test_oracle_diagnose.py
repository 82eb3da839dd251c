"""`diagnose`: mistakes made in code apart from the library are found and named."""

from itertools import islice

import numpy as np
import pytest

from ffref.oracle import cases, compare, diagnose, evaluate, find_case, new_case
from ffref.oracle.diagnosis.catalogue import KNOWN
from ffref.oracle.diagnosis.chain import follow
from ffref.oracle.diagnosis.problem import SLACK
from ffref.oracle.tolerances import UNIT_ROUNDOFF
from tests.mistaken.catalogue import MISTAKES, mistaken, text_of
from tests.test_docs import page_tags

CASES = [case for case in cases() if case.family in KNOWN]
PARAMETERS = ("loss", "d_weight", "d_bias", "d_prototypes", "d_top_down")


def texts_of(entry):
    return [{e.text for e in mistakes} for mistakes in entry.mistakes]


def shown(mistake, dtype="float64"):
    """Cases in which a mistake shows, with the report."""
    for case in CASES:
        if case.family in mistake.families:
            report = compare(case, mistaken(case, [mistake.name], dtype), dtype=dtype)
            if not report.ok:
                yield case, report


def test_the_catalogue_is_large_and_has_what_peers_have():
    assert len({(m.name, m.families) for m in MISTAKES}) == len(MISTAKES) >= 40
    assert sum(bool(m.made) for m in MISTAKES) >= 20


@pytest.mark.parametrize("case", CASES, ids=str)
def test_code_without_a_mistake_passes(case):
    for dtype in ("float64", "float32"):
        report = compare(case, mistaken(case, [], dtype), dtype=dtype)
        assert report.ok, report
        assert report.checked == len(case.golden)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_chain_of_steps_is_the_case(case):
    found = dict(follow(KNOWN[case.family].chain, case, case.spec, {}, "float64"))
    assert list(found) == list(case.golden)
    for name, golden in case.golden.items():
        error = np.abs(found[name] - golden.value)
        if golden.kinks is not None:
            error = np.where(golden.kinks > 0, 0, error)
        allowed = UNIT_ROUNDOFF["float64"] * (SLACK * golden.kappa + 2 * golden.scale)
        assert error.max() <= allowed, name


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.name}-{m.families[0]}")
def test_every_mistake_is_found_and_named_first(mistake):
    """In one case each; all cases are a slow test's."""
    skipped = MISTAKES.index(mistake) % 3
    found = list(islice(shown(mistake), skipped + 1))
    assert found
    case, report = found[-1]
    diagnosis = diagnose(report)
    assert diagnosis.explained
    assert {text_of(mistake, case)} in texts_of(diagnosis.ranked[0]), diagnosis


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_mistake_in_every_case(dtype):
    places = []
    for mistake in MISTAKES:
        for case, report in shown(mistake, dtype):
            ranked = diagnose(report).ranked
            hits = [k for k, e in enumerate(ranked) if {text_of(mistake, case)} in texts_of(e)]
            places.append(hits[0] if hits else 99)
    assert len(places) > 2000
    assert np.mean(np.array(places) == 0) >= 0.9
    assert np.mean(np.array(places) < 3) >= 0.97


PAIRS = [
    ("ff/paper/ordinary", "mean for sum", "factor 2 of the square left out"),
    ("ff/paper/ordinary", "l2 for rms", "no threshold"),
    ("ff/paper/ordinary", "d_bias left out", "gradient ascends"),
    ("ff/paper/mixed-order", "first half positive", "no relu"),
    ("ff/paper/conv", "kernel flipped", "d_bias a mean"),
    ("ff/paper/two-layers", "no norm between layers", "leak from above"),
    ("ff/hinton_matlab/silent-units", "peers' push gated", "gradient over the batch twice"),
    ("ff/hinton_matlab/labels", "labels from 1", "momentum swapped"),
    ("ff/loewex/ordinary", "peers by rule", "eps as least length"),
    ("ff/paper/goodness-1e4", "log(1 + exp) overflows", "threshold added"),
    ("hff/reconstruction/margin", "margin on wrong classes", "no temperature in the gradient"),
    ("hff/reconstruction/smoothing", "no smoothing", "prototypes not normalised"),
    ("hff/reconstruction/several-prototypes", "largest prototype", "softmax twice"),
    ("recurrent/paper/ordinary", "damping swapped", "above not normalised"),
    ("recurrent/pff/ordinary", "sign of goodness", "gated"),
]
MORE_PAIRS = [
    ("symba/paper/no-partner", "mean over rows for pairs", "factor 2 of the square left out"),
    ("cumulative/free_riding/gated", "gate turned", "negatives give no gradient"),
    ("cumulative/free_riding/depth-scaled", "depth from 1", "gradient ascends"),
    ("faust/reconstruction/some-members", "-1 is the last row", "negatives detached"),
    ("block/reconstruction/everything", "biased running variance", "1/pixels left out"),
    ("cwc/pvn/ordinary", "others summed", "d_bias left out"),
    ("distance-forward/reconstruction/margin", "margin's sign", "decay swapped"),
    ("mono-forward/paper/smoothing", "no smoothing", "projection alone learns"),
]
"""Of the families that came later; slow."""


@pytest.mark.parametrize(
    ("id_", "first", "second"),
    [
        *(pytest.param(*p, marks=pytest.mark.slow if i % 2 else ()) for i, p in enumerate(PAIRS)),
        *(pytest.param(*p, marks=pytest.mark.slow) for p in MORE_PAIRS),
    ],
)
def test_two_mistakes_are_found_together(id_, first, second):
    case = find_case(id_)
    made = [m for m in MISTAKES if m.name in (first, second) and case.family in m.families]
    found = diagnose(compare(case, mistaken(case, [first, second])))
    wanted = {text_of(mistake, case) for mistake in made}
    assert len(wanted) == 2
    assert wanted in texts_of(found.ranked[0]), found
    assert len(str(found).splitlines()) < 40


def test_reports_of_several_cases_tell_more_apart():
    """Of one row alone, 1/batch is no factor, and a factor 2 may be anywhere."""
    reports = []
    for id_ in ("ff/paper/ordinary", "ff/paper/one-row", "ff/paper/mean"):
        case = find_case(id_)
        mine = mistaken(case, ["1/n of the mean left out"])
        reports.append(compare(case, {n: v for n, v in mine.items() if n in PARAMETERS}))
    assert [report.ok for report in reports] == [True, True, False]
    alone, together = diagnose(reports[2]), diagnose(*reports)
    assert len(alone.ranked[0].mistakes) > len(together.ranked[0].mistakes)
    assert texts_of(together.ranked[0])[0] == {"1/units of the mean is left out of its derivative"}


def test_equal_effects_are_one_class():
    case = find_case("ff/paper/ordinary")
    mine = {"d_weight": 2 * evaluate(case)["d_weight"]}
    (entry, *_) = diagnose(compare(case, mine)).ranked
    found = set.union(*texts_of(entry))
    assert {"d_weight alone is twice as large",
            "the derivative of goodness is twice as large",
            "the gradient, not the loss, is twice as large"} <= found  # fmt: skip
    assert "or, the same here: " in str(entry)


def test_a_number_is_found_where_no_name_is():
    case = find_case("hff/reconstruction/ordinary")
    right = evaluate(case)
    decayed = right | {"d_weight": right["d_weight"] + 0.03 * case.inputs["weight"]}
    found = diagnose(compare(case, decayed))
    assert "0.03 times the weight is added to d_weight: weight decay" in str(found)
    scaled = {n: 0.04 * right[n] for n in ("d_weight", "d_bias", "d_prototypes")}
    found = diagnose(compare(case, scaled))
    assert "is 0.04 times what it should be" in str(found)
    moved = new_case(case.id.replace("hff", "ff"), find_case("ff/paper/ordinary").spec._replace(
        threshold=3.7), find_case("ff/paper/ordinary").inputs)  # fmt: skip
    found = diagnose(compare(find_case("ff/paper/ordinary"), evaluate(moved)))
    assert "the threshold is off by 0.7" in str(found)


def test_loewex_against_hinton_is_told_by_its_factor():
    case = find_case("ff/hinton_matlab/ordinary")
    mine = mistaken(case, ["peers differentiated"])
    found = diagnose(compare(case, {n: mine[n] for n in ("d_weight", "d_bias", "loss")}))
    assert "peer normalisation is differentiated through the moved mean: 0.2/units" in str(found)


def test_arrays_in_another_layout_are_recognised():
    case = find_case("ff/paper/ordinary")
    right = evaluate(case)
    report = compare(case, right | {"d_weight": right["d_weight"].T})
    found = diagnose(report)
    assert found.agrees
    assert str(found).splitlines() == [
        "d_weight: its axes stand as in layout 'out_in'", "nothing else differs"
    ]  # fmt: skip
    both = right | {"d_weight": right["d_weight"].T / 2, "d_bias": right["d_bias"] / 2}
    assert "the gradient of every parameter is half as large" in str(diagnose(compare(case, both)))
    assert not diagnose(compare(case, right)).layouts
    assert str(diagnose(compare(case, right))) == "nothing differs"


def test_what_is_a_little_more_than_rounding_is_no_mistake():
    case = find_case("ff/paper/ordinary")
    right = evaluate(case)
    golden = case.golden["d_bias"]
    off = 2 * golden.tolerance["float64"] * np.abs(golden.value).max()
    report = compare(case, {"d_bias": right["d_bias"] + off})
    assert not report.ok
    assert str(diagnose(report)).startswith("nothing differs by more than 4 times what is allowed")


def test_what_no_mistake_explains_is_said_to_be_so():
    case = find_case("ff/paper/ordinary")
    right = evaluate(case)
    noise = np.random.default_rng(0).normal(size=right["normalized"].shape)
    found = diagnose(compare(case, {"normalized": noise}))
    assert not found.explained
    assert not found.agrees
    assert "it is in the step from the inputs to normalized" in str(found)
    far = right["d_weight"] / 6
    far[0, 0] += 1e-3
    near = diagnose(compare(case, {"loss": right["loss"], "d_weight": far}))
    assert not near.explained
    assert "no known mistake explains all of it; nearest" in str(near)
    assert "divided by the batch once too often" in str(near)
    assert "between loss and d_weight: supply d_logit, d_activity, d_preactivation" in str(near)


def test_a_case_of_ones_own_in_float32():
    spec = find_case("hff/reconstruction/margin").spec
    rng = np.random.default_rng(1)
    inputs = {"x": rng.normal(size=(9, 12)), "weight": rng.normal(size=(12, 8)),
              "bias": rng.normal(size=8), "labels": np.arange(9) % 4,
              "prototypes": rng.normal(size=(4, 2, 8))}  # fmt: skip
    case = new_case("hff/mine/layer", spec, inputs)
    mine = mistaken(case, ["margin's sign"], "float32")
    found = diagnose(compare(case, {n: mine[n] for n in PARAMETERS if n in mine}))
    assert texts_of(found.ranked[0])[0] == {"the margin has the other sign"}


def test_bad_arguments():
    case = find_case("ff/paper/ordinary")
    right = evaluate(case)
    other = find_case("hff/reconstruction/ordinary")
    with pytest.raises(ValueError, match="compare with a case, not with arrays"):
        diagnose(compare(right, right))
    with pytest.raises(ValueError, match="at least one report"):
        diagnose()
    with pytest.raises(ValueError, match="reports of one family at a time, got"):
        diagnose(compare(case, right), compare(other, evaluate(other)))
    with pytest.raises(ValueError, match="no array that was supplied has the right number"):
        diagnose(compare(case, {"d_bias": np.zeros(3)}))


@pytest.mark.parametrize("family", list(KNOWN))
def test_every_explanation_names_a_line_that_is_derived(family):
    known = KNOWN[family].explanations
    assert len({e.text for e in known}) == len(known)
    tags = set(page_tags())
    for explanation in known:
        if not explanation.line.startswith("input: "):
            assert explanation.line[1 : explanation.line.index(")")] in tags, explanation.text
        assert explanation.steps or explanation.spec is not None
        assert set(explanation.steps) <= {*KNOWN[family].chain, "d_prototypes", "d_top_down"}
