"""Margins of HFF: values from a pencil, 50 digits, differences, limits."""

import numpy as np
import pytest
from scipy.special import logsumexp

from ffref.objectives.hff import hff_loss, hff_loss_grads
from tests.hff_margin_functions import (
    NAMES,
    margin_loss,
    margin_loss_grads,
    margin_options,
)
from tests.independent import scalar_hff_margins
from tests.independent.cases import (
    HFF_CASES,
    HFF_REGULAR,
    MARGIN_CASES,
    exact_settings,
    hff_arrays,
)
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import difference_gradient, exact, rounded

KINDS = tuple(NAMES)[1:]
AMOUNTS = {"additive-angular": 0.5, "multiplicative-angular": 3, "pairwise": 0.2, "hardest": 0.2}
each_case = pytest.mark.parametrize("case", MARGIN_CASES, ids=lambda case: case.name)
each_kind = pytest.mark.parametrize("kind", KINDS)
AXES = np.eye(2)
LN2, LN3 = np.log(2), np.log(3)


def assert_only_right_passes(close, gradient, expected):
    assert close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not close(wrong, expected), name


def at(degrees, length=1.0):
    """One sample at an angle from the first axis."""
    angle = np.radians(degrees)
    return length * np.array([[np.cos(angle), np.sin(angle)]])


def near(value, expected):
    assert np.allclose(value, expected, rtol=1e-12, atol=1e-15)


# -- by hand ------------------------------------------------------------------------------------


def test_additive_angle_by_hand():
    # 30 degrees from its prototype e1, margin 30 degrees: cos 60 = 1/2; cosine 1/2 to e2: ln 2
    loss = margin_loss("additive-angular")
    near(loss(at(30, 7.0), np.array([0]), AXES, temperature=1.0, margin=np.pi / 6), LN2)
    # 150 degrees from e1, margin 60: past 120, so cos 150 - pi/3 sin 60 = -(sqrt 3 / 2)(1 + pi/3)
    # e2 at cosine 1/2
    gap = 0.5 + 3**0.5 / 2 * (1 + np.pi / 3)
    near(
        loss(at(150), np.array([0]), AXES, temperature=1.0, margin=np.pi / 3),
        np.log1p(np.exp(gap)),
    )


def test_additive_angle_gradient_by_hand():
    # as above both logits are 1/2: d_S = (-1/2, 1/2). The angle to e1 grows at a rate of 1 as the
    # sample turns towards e2; cos(t + m) falls by sin 60: dL = 1/2 sin 60; e2's cosine sin t
    # rises by cos 30: 1/2 cos 30. Together sqrt 3 / 2 along (-sin 30, cos 30), over the length 7
    d_activity, d_prototypes = margin_loss_grads("additive-angular")(
        at(30, 7.0), np.array([0]), AXES * [[2.0], [5.0]], temperature=1.0, margin=np.pi / 6
    )
    slope = 3**0.5 / 2
    near(d_activity, slope * np.array([[-0.5, slope]]) / 7)
    # e1 turns towards the sample, up: angle falls at 1, loss by 1/2 sin 60, over the length 2;
    # e2 turns towards the sample, right: d cos = cos 30, times 1/2, over the length 5
    near(d_prototypes, [[0, -slope / 2 / 2], [slope / 2 / 5, 0]])


def test_multiplied_angle_by_hand():
    # 30 degrees times 2: cos 60 = 1/2 against 1/2
    loss = margin_loss("multiplicative-angular")
    near(loss(at(30), np.array([0]), AXES, temperature=1.0, margin=2), LN2)
    # 60 degrees times 4 = 240: second piece, -cos 240 - 2 = -3/2; e2 at sqrt 3 / 2
    gap = 3**0.5 / 2 + 1.5
    near(loss(at(60), np.array([0]), AXES, temperature=1.0, margin=4), np.log1p(np.exp(gap)))
    # 180 degrees times 4: the end, 1 - 2 * 4 = -7; e2 at 0
    near(loss(at(180), np.array([0]), AXES, temperature=1.0, margin=4), np.log1p(np.exp(7)))


def test_multiplied_angle_gradient_by_hand():
    # both logits 1/2; turning towards e2: cos 2t falls by 2 sin 60, e2 rises by cos 30
    d_activity, d_prototypes = margin_loss_grads("multiplicative-angular")(
        at(30), np.array([0]), AXES, temperature=1.0, margin=2
    )
    slope = 3**0.5 / 2
    near(d_activity, (slope + slope / 2) * np.array([[-0.5, slope]]))
    near(d_prototypes, [[0, -slope], [slope / 2, 0]])


THREE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
SAMPLE = np.array([[3.0, 4.0]])  # cosines 0.6, 0.8, -0.6


def test_pairwise_by_hand():
    # temperature 0.2 / ln 3 turns 0.2 into ln 3; label 1, margin 0.2: gaps 0 and -1.4 + 0.2
    # ln 2 + ln (1 + 3^-6) = ln 2 + ln (730 / 729)
    options = {"temperature": 0.2 / LN3, "margin": 0.2}
    near(margin_loss("pairwise")(SAMPLE, np.array([1]), THREE, **options), LN2 + np.log(730 / 729))
    # slopes 1/2 and 1/730, times ln 3 / 0.2: d_z = (1/2, 0) - (1/2 + 1/730)(0, 1) - (1/730, 0)
    d_activity, _ = margin_loss_grads("pairwise")(SAMPLE, np.array([1]), THREE, **options)
    c = LN3 / 0.2
    d_z = c * np.array([0.5 - 1 / 730, -0.5 - 1 / 730])
    z = np.array([0.6, 0.8])
    near(d_activity, [(d_z - z * (z @ d_z)) / 5])


def test_hardest_by_hand():
    options = {"temperature": 0.2 / LN3, "margin": 0.2}
    near(margin_loss("hardest")(SAMPLE, np.array([1]), THREE, **options), LN2)
    d_activity, d_prototypes = margin_loss_grads("hardest")(
        SAMPLE, np.array([1]), THREE, **options
    )
    # d_z = c (1/2, -1/2), c = 5 ln 3: tangent (0.56, -0.42), over 5; the third class feels nothing
    near(d_activity, LN3 * np.array([[0.56, -0.42]]))
    near(d_prototypes, 5 * LN3 * np.array([[0, 0.4], [-0.3, 0], [0, 0]]))


def test_hardest_at_a_tie_pushes_the_first():
    prototypes = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    tied = np.array([[0.0, 2.0]])  # cosines 1, 0, 0
    _, d_prototypes = margin_loss_grads("hardest")(
        tied, np.array([0]), prototypes, temperature=1.0, margin=0.0
    )
    assert d_prototypes[1].any()
    assert not d_prototypes[2].any()


# -- 50 digits and differences -------------------------------------------------------------------


@each_case
def test_against_50_digits(case):
    arrays = hff_arrays(case.hff)
    scalar = exact(arrays[0]), arrays[1], exact(arrays[2])
    settings = exact_settings(case.hff)
    loss = margin_loss(case.kind)(*arrays, **margin_options(case))
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar_hff_margins.loss(case.kind, *scalar, **settings)))
    gradients = margin_loss_grads(case.kind)(*arrays, **margin_options(case))
    expected = scalar_hff_margins.grads(case.kind, *scalar, **settings)
    for gradient, wanted in zip(gradients, map(rounded, expected), strict=True):
        assert_only_right_passes(scaled_close, gradient, wanted)


@each_case
def test_against_differences(case):
    activity, labels, prototypes = hff_arrays(case.hff)
    loss, options = margin_loss(case.kind), margin_options(case)
    gradients = margin_loss_grads(case.kind)(activity, labels, prototypes, **options)
    by_activity = central_difference(lambda y: loss(y, labels, prototypes, **options), activity)
    by_prototype = central_difference(lambda p: loss(activity, labels, p, **options), prototypes)
    assert_only_right_passes(difference_close, gradients[0], by_activity)
    assert_only_right_passes(difference_close, gradients[1], by_prototype)


@pytest.mark.parametrize("case", MARGIN_CASES[1::3], ids=lambda case: case.name)
def test_the_second_formulation_is_its_own_derivative(case):
    activity, labels, prototypes = hff_arrays(case.hff)
    line, label, groups = exact(activity[:1]), labels[:1], exact(prototypes)
    settings = exact_settings(case.hff)
    d_line, d_groups = scalar_hff_margins.grads(case.kind, line, label, groups, **settings)
    by_line = difference_gradient(
        lambda r: scalar_hff_margins.loss(case.kind, r, label, groups, **settings), line
    )
    by_group = difference_gradient(
        lambda p: scalar_hff_margins.loss(case.kind, line, label, p, **settings), groups
    )
    for mine, differences in ((d_line, by_line), (d_groups, by_group)):
        assert np.max(np.abs(rounded(mine) - rounded(differences))) < 1e-15


def own_angles(case):
    activity, labels, prototypes = hff_arrays(case.hff)
    groups = prototypes.reshape(case.hff.classes, -1, case.hff.units)[labels]
    cosine = np.einsum("iu,iku->ik", activity, groups)
    return np.arccos(
        cosine / np.linalg.norm(activity, axis=1)[:, None] / np.linalg.norm(groups, axis=2)
    )


def test_the_cases_reach_every_piece():
    past, within, pieces = 0, 0, set()
    for case in MARGIN_CASES:
        angles = own_angles(case)
        if case.kind == "additive-angular":
            past += np.sum(angles > np.pi - case.hff.margin)
            within += np.sum(angles < np.pi - case.hff.margin)
        if case.kind == "multiplicative-angular":
            pieces |= set(np.floor(angles * case.hff.margin / np.pi).astype(int).ravel())
    assert past > 5
    assert within > 20
    assert pieces == {0, 1, 2, 3}


# -- limits and identities -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "nothing"), [("additive-angular", 0.0), ("multiplicative-angular", 1)]
)
@pytest.mark.parametrize("base", HFF_REGULAR[::3], ids=lambda case: case.name)
def test_an_angular_margin_of_nothing_is_the_plain_loss(kind, nothing, base):
    arrays = hff_arrays(base)
    options = {"temperature": base.temperature, "sharpness": base.sharpness}
    near(margin_loss(kind)(*arrays, **options, margin=nothing), hff_loss(*arrays, **options))
    got = margin_loss_grads(kind)(*arrays, **options, margin=nothing)
    assert all(map(scaled_close, got, hff_loss_grads(*arrays, **options)))


@pytest.mark.parametrize("base", HFF_REGULAR[::2], ids=lambda case: case.name)
def test_softmax_lies_between_the_hardest_and_all_pairs(base):
    arrays = hff_arrays(base)
    options = {"temperature": base.temperature, "sharpness": base.sharpness, "margin": 0.1}
    hardest, middle, pairs = (
        margin_loss(kind)(*arrays, **options)
        for kind in ("hardest", "additive-cosine", "pairwise")
    )
    assert hardest <= middle * (1 + 1e-14)
    assert middle <= pairs * (1 + 1e-14)
    if base.classes > 2:
        assert hardest < middle < pairs
    else:
        near([hardest, pairs], middle)


def test_a_cold_softmax_is_the_hardest_pair():
    arrays = hff_arrays(HFF_CASES[0])
    options = {"temperature": 1e-3, "margin": 0.3}
    losses = [
        1e-3 * margin_loss(kind)(*arrays, **options) for kind in ("hardest", "additive-cosine")
    ]
    assert np.isclose(*losses, rtol=1e-3)
    # in cosines: mean of what the best other class leads by, margin included
    activity, labels, prototypes = arrays
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (activity, prototypes)]
    cosine = unit[0] @ unit[1].T
    own = np.arange(4) == labels[:, None]
    lead = np.where(own, -2, cosine).max(axis=1) - cosine[own] + 0.3
    assert np.isclose(losses[0], np.maximum(lead, 0).mean(), atol=1e-3)


def test_great_sharpness_with_an_added_angle_is_sub_center_arcface():
    # the nearest sub-centre first, then the margin on it: cross-entropy written out
    base = HFF_CASES[11]
    activity, labels, prototypes = hff_arrays(base)
    z = activity / np.linalg.norm(activity, axis=1, keepdims=True)
    q = prototypes / np.linalg.norm(prototypes, axis=2, keepdims=True)
    nearest = np.einsum("iu,cku->ick", z, q).max(axis=2)
    own = np.arange(base.classes) == labels[:, None]
    angle = np.arccos(nearest[own])
    assert np.all(angle < np.pi - 0.5)
    nearest[own] = np.cos(angle + 0.5)
    logits = nearest / base.temperature
    expected = np.mean(logsumexp(logits, axis=1) - logits[own])
    loss = margin_loss("additive-angular")(
        activity, labels, prototypes, temperature=base.temperature, margin=0.5, sharpness=1e7
    )
    assert np.isclose(loss, expected, rtol=1e-5)


@each_case
def test_gradients_are_tangent_to_the_sphere(case):
    arrays = hff_arrays(case.hff)
    gradients = margin_loss_grads(case.kind)(*arrays, **margin_options(case))
    for gradient, array in zip(gradients, (arrays[0], arrays[2]), strict=True):
        unit = array / np.linalg.norm(array, axis=-1, keepdims=True)
        radial = np.sum(gradient * unit, axis=-1)
        assert np.max(np.abs(radial)) <= 1e-12 * np.max(np.abs(gradient))


@each_kind
def test_equal_prototypes_are_one(kind):
    activity, labels, prototypes = hff_arrays(HFF_CASES[0])
    options = {"temperature": 0.3, "margin": AMOUNTS[kind]}
    several = np.repeat(prototypes[:, None, :], 3, axis=1)
    near(
        margin_loss(kind)(activity, labels, several, **options),
        margin_loss(kind)(activity, labels, prototypes, **options),
    )
    d_activity, d_prototypes = margin_loss_grads(kind)(activity, labels, prototypes, **options)
    got = margin_loss_grads(kind)(activity, labels, several, **options)
    assert scaled_close(got[0], d_activity)
    assert scaled_close(got[1].sum(axis=1), d_prototypes)
