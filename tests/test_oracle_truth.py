"""The scalar formulation with 50 digits: fresh against stored, against a third, and its frame."""

import subprocess
import sys

import numpy as np
import pytest

from ffref.oracle import FFSpec, cases, find_case, new_case
from ffref.oracle.definitions import defined_cases
from ffref.oracle.specs import NormSpec
from ffref.oracle.truth import DisagreementError, evaluate_exactly, rounded
from ffref.oracle.truth import evaluate as module
from ffref.oracle.truth.numbers import exact, mp
from tests.independent import scalar_dense, scalar_ff, scalar_hff, scalar_norms
from tests.independent.precision import exact as nested
from tests.independent.precision import rounded as nested_rounded

FAST = ["ff/paper/one-unit", "ff/paper/one-row", "recurrent/pff/silent-units",
        "hff/reconstruction/one-row", "ff/loewex/silent-units",
        "symba/paper/one-pair"]  # fmt: skip


def fresh(case):
    return evaluate_exactly(case.family, case.spec, case.inputs, conditions=False)


def assert_as_stored(case):
    found = fresh(case)
    for name, golden in case.golden.items():
        np.testing.assert_array_equal(rounded(found[name].value), golden.value)
        assert found[name].kind == golden.kind
        kinks = np.zeros(golden.value.shape) if golden.kinks is None else golden.kinks
        np.testing.assert_array_equal(found[name].kinks, kinks)


@pytest.mark.parametrize("id_", FAST)
def test_golden_values_are_their_evaluation_rounded_once(id_):
    assert_as_stored(find_case(id_))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=str)
def test_every_golden_value_is_its_evaluation_rounded_once(case):
    assert_as_stored(case)


def test_the_stored_arrays_are_those_of_the_formula():
    stored = {case.id: case for case in cases()}
    drawn = {case.id: case for case in defined_cases()}
    assert list(stored) == list(drawn)
    for id_, case in drawn.items():
        assert (case.why, case.spec, case.axes) == (
            stored[id_].why, stored[id_].spec,
            {name: stored[id_].axes[name] for name in case.axes},
        )  # fmt: skip
        for name, array in case.inputs.items():
            np.testing.assert_array_equal(stored[id_].inputs[name], array)


def close(ours, theirs):
    np.testing.assert_allclose(rounded(ours.value), nested_rounded(theirs), rtol=4e-16)


def test_ff_as_another_scalar_formulation_has_it():
    case = find_case("ff/paper/wide")
    given, found = {n: nested(a) for n, a in case.inputs.items()}, fresh(case)
    rows = [scalar_norms.rms_normalize(row) for row in given["x"]]
    activity = scalar_dense.activity(rows, given["weight"], given["bias"])
    threshold = nested(case.spec.threshold)
    d_activity = scalar_ff.ff_loss_grad(activity, given["polarity"], threshold)
    d_weight, d_bias = scalar_dense.layer_grads(rows, given["weight"], given["bias"], d_activity)
    close(found["loss"], scalar_ff.ff_loss(activity, given["polarity"], threshold))
    close(found["d_activity"], d_activity)
    close(found["d_weight"], d_weight)
    close(found["d_bias"], d_bias)


def test_hff_as_another_scalar_formulation_has_it():
    case = find_case("hff/reconstruction/everything")
    given, found = {n: nested(a) for n, a in case.inputs.items()}, fresh(case)
    rows = [scalar_norms.rms_normalize(row) for row in given["x"]]
    activity = scalar_dense.activity(rows, given["weight"], given["bias"])
    labels = [int(label) for label in case.inputs["labels"]]
    settings = {
        "temperature": nested(case.spec.temperature),
        "sharpness": nested(case.spec.sharpness),
        "margin": nested(case.spec.margin),
        "smoothing": nested(case.spec.label_smoothing),
    }
    close(found["loss"], scalar_hff.hff_loss(activity, labels, given["prototypes"], **settings))
    d_rows, d_prototypes = scalar_hff.hff_loss_grads(
        activity, labels, given["prototypes"], **settings
    )
    close(found["d_activity"], d_rows)
    close(found["d_prototypes"], d_prototypes)


def test_a_wrong_transcription_is_noticed(monkeypatch):
    """1 + 1e-25 is enough: central differences need no derivation."""
    case = find_case("ff/paper/one-unit")

    def wrong(spec):
        made = module.ff.formulation(spec)
        right = made.backward["d_weight"]
        factor = 1 + mp.mpf(10) ** -25
        return made._replace(
            backward=made.backward | {"d_weight": lambda v, s, m: right(v, s, m) * factor}
        )

    monkeypatch.setitem(module.FORMULATIONS, "ff", wrong)
    with pytest.raises(DisagreementError, match=r"d_weight\[0, 0\]: central differences give"):
        fresh(case)


def test_kinds_of_quantities():
    kinds = {name: golden.kind for name, golden in find_case("ff/loewex/ordinary").golden.items()}
    assert kinds["activity"] == "value"
    assert kinds["d_activity"] == "derivative"
    assert kinds["d_weight"] == "surrogate"
    reason = find_case("ff/hinton_matlab/ordinary").golden["d_bias"].reason
    assert "constants in the peer term" in reason


def test_entries_without_a_derivative_are_marked():
    silent = find_case("hff/reconstruction/dead-row").golden
    np.testing.assert_array_equal(np.argwhere(silent["d_activity"].kinks)[:, 0], [1] * 5)
    assert silent["d_weight"].kinks is None
    at_zero = find_case("recurrent/paper/relu-at-zero").golden
    np.testing.assert_array_equal(np.argwhere(at_zero["d_preactivation"].kinks), [[1, 2]])
    np.testing.assert_array_equal(np.argwhere(at_zero["d_bias"].kinks), [[2]])
    # the slope of a square is 0 where the relu has its kink
    assert all(g.kinks is None for g in find_case("ff/paper/relu-at-zero").golden.values())


def test_the_condition_number_of_one_product():
    """a = x w + b of 3 * 2 - 5: moved by x, by the normalised x, by w, by b and by itself."""
    case = new_case(
        "ff/mine/product", FFSpec(norm=NormSpec("none"), threshold=1.0),
        {"x": np.full((1, 1), 3.0), "weight": np.full((1, 1), 2.0), "bias": np.full(1, -5.0),
         "polarity": np.ones(1)},
    )  # fmt: skip
    found = evaluate_exactly("ff", case.spec, case.inputs)
    assert found["normalized"].kappa == pytest.approx(3 + 3)
    assert found["preactivation"].kappa == pytest.approx(6 + 6 + 6 + 5 + 1)
    assert found["activity"].kappa == pytest.approx(6 + 6 + 6 + 5 + 1 + 1)


def test_a_case_is_small():
    case = find_case("ff/paper/ordinary")
    large = new_case("ff/mine/large", case.spec, {
        "x": np.ones((6, 40)), "weight": np.ones((40, 6)), "bias": np.ones(6),
        "polarity": case.inputs["polarity"]})  # fmt: skip
    with pytest.raises(ValueError, match="at most 300 differentiated coordinates, got 324"):
        fresh(large)


def test_what_a_cancellation_leaves_over_is_zero():
    """A row with one active unit: its direction cannot turn, so that unit has no gradient."""
    case = find_case("hff/reconstruction/one-row")
    few = new_case("hff/mine/one active unit", case.spec, case.inputs | {
        "bias": np.where(np.arange(5) == 3, 8.0, -8.0)})  # fmt: skip
    found = fresh(few)
    assert (rounded(found["activity"].value) > 0).sum() == 1
    assert rounded(found["d_activity"].value)[0, 3] == 0
    assert not rounded(found["d_weight"].value).any()


def test_numbers_are_rounded_once():
    third = exact(np.array([1.0, -2.0])) / 3
    np.testing.assert_array_equal(rounded(third), [1 / 3, -2 / 3])


def test_without_mpmath_golden_values_are_read_all_the_same():
    script = """
import sys
sys.modules["mpmath"] = None
from ffref import oracle
assert len(oracle.cases()) == 139
try:
    import ffref.oracle.truth
except ImportError as error:
    assert "python -m pip install mpmath" in str(error)
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
