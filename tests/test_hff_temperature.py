"""The learned temperature of HFF, alone and in a layer."""

import numpy as np
import pytest

from ffref.negatives import labelled_context
from ffref.objectives.hff import (
    hff,
    hff_loss,
    hff_loss_grads,
    hff_loss_grads_with_temperature,
    hff_params,
    hff_temperature,
)
from tests.independent import scalar_hff, scalar_hff_margins
from tests.independent.cases import (
    HFF_CASES,
    HFF_REGULAR,
    MARGIN_CASES,
    MarginCase,
    exact_settings,
    hff_arrays,
    hff_options,
)
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import difference_gradient, exact, rounded

SAMPLE, AXES = np.array([[3.0, 4.0]]), np.eye(2)
LN3 = np.log(3)
ALL_KINDS = [MarginCase("additive-cosine", case) for case in HFF_REGULAR[::2]] + MARGIN_CASES[::3]


def test_by_hand():
    # logits 0.6 / T, 0.8 / T, label 0, T = 0.2 / ln 3: p = (1/4, 3/4)
    # dL/dT = -(1/T) ((-3/4) 3 ln 3 + (3/4) 4 ln 3) = -(3/4) ln 3 / T
    temperature = 0.2 / LN3
    for sharpness in (None, 2.0):  # one prototype: no second place
        *_, slope = hff_loss_grads_with_temperature(
            SAMPLE, np.array([0]), AXES, temperature=temperature, sharpness=sharpness
        )
        assert np.isclose(slope, -0.75 * LN3 / temperature, rtol=1e-13)


def test_two_prototypes_by_hand():
    # T = 1 / (5 ln 3). Class 0: cosines 3/5, 4/5, powers 27 and 81, mean 54; class 1: -4/5, -3/5,
    # 1/81 and 3/81, mean 2/81. logits ln 54, ln (2/81): p_1 = 1/2188, d_a = (-1, 1) / 2188
    # divisor: -(1/T) (ln (2/81) - ln 54) / 2188 = (1/T) ln 2187 / 2188 = 35 ln^2 3 / 2188
    # scores less mean cosines, times 1/T: ln 54 - (ln 27 + 3 ln 81) / 4 = ln 2 - (3/4) ln 3, and
    # ln (2/81) - (ln (1/81) + 3 ln (3/81)) / 4 = ln 2 - (3/4) ln 3: equal, they cancel
    prototypes = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -3.0], [-2.0, 0.0]]])
    arrays = SAMPLE, np.array([0]), prototypes
    *_, slope = hff_loss_grads_with_temperature(*arrays, temperature=1 / (5 * LN3))
    assert np.isclose(slope, 35 * LN3**2 / 2188, rtol=1e-12)
    # class 1 with the cosines -3/5 twice: mean 1/27, excess 0. p_1 = (1/27) / (54 + 1/27) = 1/1459
    # divisor (1/T) (ln 54 + ln 27) / 1459, sharpness (1/T) (0 - (ln 2 - (3/4) ln 3)) / 1459
    prototypes[1, 0] = [-1.0, 0.0]
    *_, slope = hff_loss_grads_with_temperature(*arrays, temperature=1 / (5 * LN3))
    expected = 5 * LN3 / 1459 * (np.log(54 * 27) - np.log(2) + 0.75 * LN3)
    assert np.isclose(slope, expected, rtol=1e-12)


@pytest.mark.parametrize("case", HFF_REGULAR, ids=lambda case: case.name)
def test_against_50_digits_and_differences(case):
    activity, labels, prototypes = hff_arrays(case)
    options, settings = hff_options(case), exact_settings(case)
    *positions, slope = hff_loss_grads_with_temperature(activity, labels, prototypes, **options)
    for mine, wanted in zip(
        positions, hff_loss_grads(activity, labels, prototypes, **options), strict=True
    ):
        np.testing.assert_array_equal(mine, wanted)
    rows, groups = exact(activity), exact(prototypes)
    expected = rounded(
        difference_gradient(
            lambda t: scalar_hff.hff_loss(rows, labels, groups, **{**settings, "temperature": t}),
            settings["temperature"],
        )
    )
    assert isinstance(slope, float)
    for gradient, close in ((np.array(slope), scaled_close), (np.array(slope), difference_close)):
        assert close(gradient, expected)
        for name, wrong in wrong_versions(gradient):
            assert not close(wrong, expected), name
    differences = central_difference(
        lambda t: hff_loss(
            activity, labels, prototypes, **{**options, "temperature": float(t[0])}
        ),
        np.array([case.temperature]),
    )
    assert np.allclose(slope, differences, rtol=1e-6)


@pytest.mark.parametrize("case", ALL_KINDS, ids=lambda case: case.name)
def test_of_every_margin_in_a_layer(case):
    activity, labels, prototypes = hff_arrays(case.hff)
    objective = hff(
        temperature=0.7,  # where it starts; the params say where it is
        sharpness=case.hff.sharpness,
        margin=case.hff.margin,
        label_smoothing=case.hff.smoothing,
        margin_kind=case.kind,
        learn_temperature=True,
    )
    context = labelled_context(labels, np.dtype(np.float64))
    params = hff_params(prototypes, temperature=case.hff.temperature, learn_temperature=True)
    assert np.isclose(hff_temperature(params), case.hff.temperature, rtol=1e-15)
    d_activity, (d_log, d_prototypes) = objective.grads(activity, context, params)
    rows, groups, settings = exact(activity), exact(prototypes), exact_settings(case.hff)
    by_temperature = difference_gradient(
        lambda t: scalar_hff_margins.loss(
            case.kind, rows, labels, groups, **{**settings, "temperature": t}
        ),
        settings["temperature"],
    )
    expected = rounded(by_temperature) * case.hff.temperature
    assert d_log.shape == (1,)
    assert scaled_close(d_log, [expected])
    for name, wrong in wrong_versions(d_log):
        assert not scaled_close(wrong, [expected]), name
    wanted = scalar_hff_margins.grads(case.kind, rows, labels, groups, **settings)
    assert scaled_close(d_activity, rounded(wanted[0]))
    assert scaled_close(d_prototypes, rounded(wanted[1]))


@pytest.mark.parametrize("prototype_update", ["gradient", "ema"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_learned_and_what_is_state(prototype_update, dtype):
    activity, labels, prototypes = hff_arrays(HFF_CASES[11])
    objective = hff(temperature=0.2, prototype_update=prototype_update, learn_temperature=True)
    params = hff_params(prototypes.astype(dtype), temperature=0.2, learn_temperature=True)
    context = labelled_context(labels, np.dtype(dtype))
    evaluation = objective.evaluate(activity.astype(dtype), context, params)
    learned = params[: len(evaluation.d_params)]
    assert [d.shape for d in evaluation.d_params] == [p.shape for p in learned]
    assert all(d.dtype == dtype for d in evaluation.d_params)
    assert len(learned) == (2 if prototype_update == "gradient" else 1)
    moved = objective.advance(activity.astype(dtype), context, params)
    assert moved[0] is params[0]
    assert np.allclose(np.linalg.norm(moved[1], axis=2), 1, rtol=1e-6)


def test_one_class_has_no_slope():
    activity, labels, prototypes = hff_arrays(HFF_CASES[17])
    *_, slope = hff_loss_grads_with_temperature(activity, labels, prototypes, temperature=0.1)
    assert slope == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_margins_and_zero_rows_stay_finite(dtype):
    activity, labels, prototypes = hff_arrays(HFF_CASES[11])
    activity[0] = 0
    arrays = activity.astype(dtype), labels, prototypes.astype(dtype)
    *_, slope = hff_loss_grads_with_temperature(*arrays, temperature=1e-2, margin=1e4)
    # three classes, the own one 1e4 below: L = about 1e4 / T
    assert np.isclose(slope, -1e4 / 1e-4, rtol=1e-3)


@pytest.mark.parametrize("log_temperature", [61, -61, np.inf, np.nan])
def test_a_temperature_that_ran_away_is_named(log_temperature):
    params = np.array([log_temperature]), AXES
    with pytest.raises(ArithmeticError, match="learned temperature became"):
        hff_temperature(params)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"margin_kind": "cosface"}, "margin_kind must be one of additive-cosine"),
        ({"margin_kind": "pairwise", "label_smoothing": 0.1}, "knows no label_smoothing"),
        ({"margin_kind": "hardest", "label_smoothing": 0.1}, "knows no label_smoothing"),
        ({"margin_kind": "multiplicative-angular"}, "SphereFace takes 4"),
        ({"margin_kind": "additive-angular", "margin": 28.6}, "radians"),
        ({"temperature": 0.0}, "temperature"),
        ({"sharpness": -1.0}, "sharpness"),
    ],
)
def test_the_factory_refuses(options, words):
    with pytest.raises(ValueError, match=words):
        hff(**({"temperature": 0.1} | options))
