"""`gradcheck` and `locality`: rules of one's own."""

import numpy as np
import pytest

from ffref.oracle import find_case, gradcheck, locality, locality_by_change
from tests.mistaken.catalogue import mistaken

CASE = find_case("ff/paper/ordinary")


def rule(case, names=()):
    """Loss and gradients of code apart from the library, as functions of the parameters."""

    def values(params):
        return mistaken(case._replace(inputs=case.inputs | params), names)

    return (
        lambda params: values(params)["loss"],
        lambda params: {name: values(params)[f"d_{name}"] for name in params},
    )


def params_of(case, *names):
    return {name: case.inputs[name] for name in names}


@pytest.mark.parametrize(
    ("id_", "names"),
    [
        ("ff/paper/ordinary", ("weight", "bias")),
        ("ff/paper/conv", ("weight", "bias")),
        ("ff/paper/goodness-1e4", ("weight", "bias")),
        ("hff/reconstruction/cold", ("weight", "bias", "prototypes")),
        ("recurrent/paper/ordinary", ("weight", "top_down", "bias")),
    ],
)
def test_a_derivative_passes_and_one_per_cent_does_not(id_, names):
    case = find_case(id_)
    loss, grads = rule(case)
    params = params_of(case, *names)
    report = gradcheck(loss, grads, params)
    assert report.ok, report
    assert [line.checked for line in report.lines] == [params[name].size for name in names]
    for name in names:
        wrong = gradcheck(loss, lambda p, n=name: grads(p) | {n: 1.01 * grads(p)[n]}, params)
        assert [line.parameter for line in wrong.lines if not line.ok] == [name]


@pytest.mark.parametrize(
    "name",
    ["factor 2 of the square left out", "gradient over the batch twice", "raw input in d_weight",
     "no threshold in the gradient", "d_bias a mean", "gradient ascends"],
)  # fmt: skip
def test_mistaken_gradients_fail(name):
    loss, grads = rule(CASE, [name])
    report = gradcheck(loss, grads, params_of(CASE, "weight", "bias"))
    assert not report.ok
    assert "yours" in str(report)
    with pytest.raises(AssertionError, match="FAIL gradcheck"):
        report.raise_if_failed()


def test_entries_at_a_kink_are_set_aside_and_counted():
    at = np.array([0.0, 1.0, -1.0, 2.0])
    report = gradcheck(
        lambda p: np.abs(p["w"]).sum() + (p["w"] ** 3).sum(),
        lambda p: {"w": np.sign(p["w"]) + 3 * p["w"] ** 2},
        {"w": at},
    )
    assert report.ok
    assert (report.lines[0].checked, report.lines[0].kinks) == (3, 1)
    nothing = gradcheck(lambda p: np.abs(p["w"]).sum(), lambda p: p, {"w": np.zeros(3)})
    assert not nothing.ok


def test_a_kink_nearby_costs_a_smaller_step_only():
    report = gradcheck(
        lambda p: np.maximum(p["w"], 0).sum(),
        lambda p: {"w": (p["w"] > 0) * 1.0},
        {"w": np.array([3e-5, -3e-5, 1.0])},
    )
    assert report.ok
    assert report.lines[0].checked == 3


def test_large_parameters_are_checked_along_directions():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(8, 40)), rng.normal(size=(40, 30))

    def loss(p):
        return np.square(np.maximum(x @ p["w"], 0)).sum() / 8

    def grads(p):
        return {"w": x.T @ np.maximum(x @ p["w"], 0) / 4}

    report = gradcheck(loss, grads, {"w": w})
    assert report.ok, report
    assert report.lines[0].how == "20 directions"
    one_row = grads({"w": w})["w"]
    one_row[3] = 0
    assert not gradcheck(loss, lambda p: {"w": one_row}, {"w": w}).ok


def test_nan_is_no_gradient_and_bad_input_is_named():
    loss, grads = rule(CASE)
    params = params_of(CASE, "weight", "bias")
    assert not gradcheck(loss, lambda p: grads(p) | {"bias": np.full(5, np.nan)}, params).ok
    for function, error in (
        (lambda p: {"weight": p["weight"]}, "grads returned no 'bias'"),
        (lambda p: {**p, "bias": np.zeros(4)}, "the gradient of bias has shape"),
    ):
        with pytest.raises(ValueError, match=error):
            gradcheck(loss, function, params)
    with pytest.raises(ValueError, match="finite number, got nan"):
        gradcheck(lambda p: np.nan, grads, params)
    with pytest.raises(ValueError, match="at least one parameter"):
        gradcheck(loss, grads, {})


def test_what_it_is_given_stays_as_it_was():
    def loss(p):
        p["w"] += 1
        return float((p["w"] ** 2).sum())

    w = np.array([1.0, 2.0])
    assert gradcheck(loss, lambda p: {"w": 2 * (p["w"] + 1)}, {"w": w}).ok
    np.testing.assert_array_equal(w, [1.0, 2.0])


def two_layers(names):
    case = find_case("ff/paper/two-layers")

    def gradients_of(params):
        given = {f"layer{k + 1}.{n}": a for k, layer in enumerate(params)
                 for n, a in layer.items()}  # fmt: skip
        values = mistaken(case._replace(inputs=case.inputs | given), names)
        return [{n: values[f"layer{k}.d_{n}"] for n in ("weight", "bias")} for k in (1, 2)]

    params = [{n: case.inputs[f"layer{k}.{n}"] for n in ("weight", "bias")} for k in (1, 2)]
    return gradients_of, params


def test_local_layers_do_not_notice_a_change_above():
    report = locality_by_change(*two_layers([]))
    assert report.ok
    assert str(report) == "ok locality: 0 leaks"


@pytest.mark.parametrize("name", ["leak from above", "back-propagated from the top"])
def test_a_leak_is_found(name):
    report = locality_by_change(*two_layers([name]))
    (leak,) = report.leaks
    assert (leak.layer, leak.source) == ("layer 1", "the parameters of layer 2")
    assert "FAIL locality: 1 leaks" in str(report)


def test_derivatives_in_other_layers_are_exactly_zero_or_leaks():
    own = [np.ones(2), np.ones(1)]
    assert locality({"a": {"a": own, "b": None}, "b": {"a": np.zeros(3), "b": own}}).ok
    for leak in (5e-324, np.nan):
        report = locality({"a": {"a": own}, "b": {"a": [0.0, leak], "b": {"w": own}}})
        assert [(entry.layer, entry.source) for entry in report.leaks] == [("a", "the loss of b")]
    report = locality({"a": {"a": None}, "b": {"b": own}})
    assert report.still == ("a",)
    assert not report.ok


def test_locality_of_what_cannot_be_checked():
    with pytest.raises(ValueError, match="at least two layers"):
        locality({"a": {"a": 1.0}})
    with pytest.raises(ValueError, match="no loss was given of c"):
        locality({"a": {"a": 1.0}, "b": {"c": 1.0}})
    with pytest.raises(ValueError, match="at least two layers"):
        locality_by_change(lambda p: p, [np.ones(1)])
    with pytest.raises(ValueError, match="one entry a layer: 2, it returned 1"):
        locality_by_change(lambda p: p[:1], [np.ones(1), np.ones(1)])
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="fix its random numbers"):
        locality_by_change(lambda p: [rng.normal(size=1) for _ in p], [np.ones(1), np.ones(1)])
