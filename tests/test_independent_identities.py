"""What must hold whatever the numbers are: symmetries, orthogonality, limits, other forms."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from ffref import formulas
from ffref.layers.dense import Dense, dense_forward, dense_grads
from ffref.objectives.ff import ff_loss, ff_loss_grad, probability_positive
from ffref.objectives.hff import hff_class_scores, hff_loss, hff_loss_grads
from tests.independent.cases import (
    FF_CASES,
    HFF_CASES,
    HFF_REGULAR,
    ff_arrays,
    hff_arrays,
    hff_options,
)
from tests.independent.compare import SCALED, scaled_close


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def frozen(*arrays):
    for array in arrays:
        array.setflags(write=False)
    return arrays


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_formulas_leave_read_only_inputs_alone(dtype):
    rng = np.random.default_rng(701)
    x, d_out = frozen(*(rng.normal(size=(3, 4)).astype(dtype) for _ in range(2)))
    copies = x.copy(), d_out.copy()
    labels = np.array([3, 0, 1])
    one = ["softplus", "sigmoid", "relu", "log_sum_exp", "sum_of_squares", "mean_of_squares"]
    one += ["negative_sum_of_squares", "negative_mean_of_squares"]
    for name in one:
        for function in (getattr(formulas, name), getattr(formulas, f"{name}_grad")):
            assert function(x).dtype == dtype, name
    for name in ("l2_normalize", "rms_normalize", "layer_normalize"):
        assert getattr(formulas, name)(x).dtype == dtype
        assert getattr(formulas, f"{name}_vjp")(d_out, x).dtype == dtype
    outputs = [
        formulas.softmax(x),
        formulas.log_mean_exp(x, scale=2.0),
        formulas.log_mean_exp_grad(x, scale=2.0),
        formulas.softmax_cross_entropy_grad(x, labels, label_smoothing=0.1),
        formulas.cosine_similarity(x, d_out),
        *formulas.cosine_similarity_vjp(x[:, :3], x, d_out),
        dense_forward(Dense(x.T, x[:, 0]), d_out),
        *dense_grads(x, d_out),
    ]
    assert all(out.dtype == dtype for out in outputs)
    assert isinstance(formulas.softmax_cross_entropy(x, labels), float)
    assert np.array_equal(x, copies[0])
    assert np.array_equal(d_out, copies[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_objectives_leave_read_only_inputs_alone(dtype):
    activity, labels, prototypes = hff_arrays(HFF_CASES[11])
    polarity = np.where(labels > 0, 1, -1).astype(dtype)
    arrays = frozen(activity.astype(dtype), labels, prototypes.astype(dtype), polarity)
    copies = [array.copy() for array in arrays]
    options = hff_options(HFF_CASES[11])
    outputs = [
        ff_loss_grad(arrays[0], polarity, threshold=2.0),
        probability_positive(arrays[0][:, 0], threshold=2.0),
        hff_class_scores(arrays[0], arrays[2], sharpness=3.0),
        *hff_loss_grads(*arrays[:3], **options),
    ]
    assert all(out.dtype == dtype for out in outputs)
    assert isinstance(ff_loss(arrays[0], polarity, threshold=2.0), float)
    assert isinstance(hff_loss(*arrays[:3], **options), float)
    assert all(map(np.array_equal, arrays, copies))


def test_arrays_need_not_be_contiguous():
    activity, labels, prototypes = hff_arrays(HFF_CASES[9])
    options = hff_options(HFF_CASES[9])
    expected = hff_loss_grads(activity, labels, prototypes, **options)
    strided = np.repeat(activity, 2, axis=1)[:, ::2], np.asfortranarray(prototypes)
    got = hff_loss_grads(strided[0], labels, strided[1], **options)
    assert all(map(scaled_close, got, expected))


@named(FF_CASES)
def test_permuting_the_batch_permutes_ff(case):
    activity, polarity = ff_arrays(case)
    order = np.random.default_rng(702).permutation(case.batch)
    grad = ff_loss_grad(activity, polarity, threshold=1.0)
    assert scaled_close(ff_loss_grad(activity[order], polarity[order], threshold=1.0), grad[order])


@named(HFF_REGULAR)
def test_permuting_batch_or_classes_permutes_hff(case):
    activity, labels, prototypes = hff_arrays(case)
    options = hff_options(case)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    rng = np.random.default_rng(703)
    order = rng.permutation(case.batch)
    got = hff_loss_grads(activity[order], labels[order], prototypes, **options)
    assert scaled_close(got[0], d_activity[order])
    assert scaled_close(got[1], d_prototypes)
    order = rng.permutation(case.classes)
    got = hff_loss_grads(activity, np.argsort(order)[labels], prototypes[order], **options)
    assert scaled_close(got[0], d_activity)
    assert scaled_close(got[1], d_prototypes[order])


@named(HFF_REGULAR)
def test_hff_gradients_are_tangent_to_the_sphere(case):
    arrays = hff_arrays(case)
    gradients = hff_loss_grads(*arrays, **hff_options(case))
    for gradient, array in zip(gradients, (arrays[0], arrays[2]), strict=True):
        radial = np.sum(gradient * unit(array), axis=-1)
        assert np.max(np.abs(radial)) <= 1e-13 * np.max(np.abs(gradient))


def test_hff_turns_with_the_space():
    activity, labels, prototypes = hff_arrays(HFF_CASES[10])
    options = hff_options(HFF_CASES[10])
    turn, _ = np.linalg.qr(np.random.default_rng(704).normal(size=(3, 3)))
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    got = hff_loss_grads(activity @ turn, labels, prototypes @ turn, **options)
    assert scaled_close(got[0], d_activity @ turn)
    assert scaled_close(got[1], d_prototypes @ turn)


@named([case for case in HFF_CASES if case.per_class < 2])
def test_one_prototype_without_margin_is_the_normalised_softmax(case):
    activity, labels, prototypes = hff_arrays(case)
    flat = prototypes.reshape(case.classes, case.units)
    logits = unit(activity) @ unit(flat).T / case.temperature
    expected = -log_softmax(logits, axis=1)[np.arange(case.batch), labels].mean()
    loss = hff_loss(activity, labels, prototypes, temperature=case.temperature)
    assert np.isclose(loss, expected, rtol=SCALED, atol=1e-15)


def test_unit_rows_at_temperature_one_are_plain_dot_products():
    activity, labels, prototypes = hff_arrays(HFF_CASES[1])
    activity, prototypes = unit(activity), unit(prototypes)
    expected = formulas.softmax_cross_entropy(activity @ prototypes.T, labels)
    assert np.isclose(
        hff_loss(activity, labels, prototypes, temperature=1.0), expected, rtol=1e-13
    )


@pytest.mark.parametrize("sharpness", [None, 0.5, 20.0])
def test_sharpness_does_not_touch_one_prototype(sharpness):
    activity, labels, prototypes = hff_arrays(HFF_CASES[3])
    loss = hff_loss(activity, labels, prototypes, temperature=0.25, sharpness=sharpness)
    expected = hff_loss(activity, labels, prototypes, temperature=0.25, sharpness=3.0)
    assert np.isclose(loss, expected, rtol=1e-13)


def test_no_sharpness_means_one_over_temperature():
    activity, labels, prototypes = hff_arrays(HFF_CASES[8])
    loss = hff_loss(activity, labels, prototypes, temperature=0.3)
    named_loss = hff_loss(activity, labels, prototypes, temperature=0.3, sharpness=1 / 0.3)
    assert np.isclose(loss, named_loss, rtol=1e-14)
    other = hff_loss(activity, labels, prototypes, temperature=0.3, sharpness=1.0)
    assert not np.isclose(loss, other, rtol=1e-3)


@named([case for case in HFF_REGULAR if case.per_class > 1])
def test_great_sharpness_is_the_nearest_prototype(case):
    # the mean over K leaves -ln K / sharpness below the maximum
    activity, _, prototypes = hff_arrays(case)
    cosines = np.einsum("bu,cku->bck", unit(activity), unit(prototypes))
    sharpness = 1e6
    expected = cosines.max(axis=2) - np.log(case.per_class) / sharpness
    scores = hff_class_scores(activity, prototypes, sharpness=sharpness)
    assert np.allclose(scores, expected, rtol=0, atol=1e-12)
    assert np.all(scores <= 1)


@named([case for case in HFF_REGULAR if case.per_class > 1])
def test_small_sharpness_is_the_mean_of_cosines(case):
    activity, _, prototypes = hff_arrays(case)
    cosines = np.einsum("bu,cku->bck", unit(activity), unit(prototypes))
    scores = hff_class_scores(activity, prototypes, sharpness=1e-5)
    assert np.allclose(scores, cosines.mean(axis=2), rtol=0, atol=1e-5)


@named([case for case in HFF_REGULAR if case.per_class == 0])
@pytest.mark.parametrize("copies", [1, 2, 5])
def test_equal_prototypes_are_one(case, copies):
    activity, labels, prototypes = hff_arrays(case)
    options = hff_options(case)
    several = np.repeat(prototypes[:, None, :], copies, axis=1)
    loss = hff_loss(activity, labels, prototypes, **options)
    assert np.isclose(hff_loss(activity, labels, several, **options), loss, rtol=1e-12)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    got = hff_loss_grads(activity, labels, several, **options)
    assert scaled_close(got[0], d_activity)
    assert scaled_close(got[1], np.repeat(d_prototypes[:, None, :] / copies, copies, axis=1))


@named([case for case in HFF_REGULAR if case.smoothing == 0])
def test_cross_entropy_is_a_doubly_smoothed_margin(case):
    # softplus(log sum_{j != y} exp(s S_j) + s m - s S_y)
    activity, labels, prototypes = hff_arrays(case)
    s = 1 / case.temperature
    scores = hff_class_scores(activity, prototypes, sharpness=case.sharpness or s)
    own = np.arange(case.classes) == labels[:, None]
    others = logsumexp(np.where(own, -np.inf, s * scores), axis=1)
    violation = others + s * case.margin - s * scores[own]
    expected = np.logaddexp(0, violation).mean()
    loss = hff_loss(activity, labels, prototypes, **hff_options(case))
    assert np.isclose(loss, expected, rtol=SCALED)


def test_label_smoothing_mixes_hard_losses():
    # the loss is linear in the targets: (1 - e) own + e times the mean over all labels
    activity, _, prototypes = hff_arrays(HFF_CASES[5])
    losses = [
        hff_loss(activity, np.full(4, label), prototypes, temperature=0.5) for label in range(5)
    ]
    labels = np.full(4, 2)
    smoothed = hff_loss(activity, labels, prototypes, temperature=0.5, label_smoothing=0.3)
    assert np.isclose(smoothed, 0.7 * losses[2] + 0.3 * np.mean(losses), rtol=1e-13)


def test_cross_entropy_gradient_sums_to_zero_in_each_row():
    logits = np.random.default_rng(705).normal(size=(4, 5))
    grad = formulas.softmax_cross_entropy_grad(logits, np.array([0, 4, 2, 2]), label_smoothing=0.2)
    assert np.allclose(grad.sum(axis=1), 0, atol=1e-16)


@pytest.mark.parametrize("name", ["l2_normalize", "rms_normalize", "layer_normalize"])
def test_norms_have_the_size_that_they_promise(name):
    x = np.random.default_rng(706).normal(size=(4, 6)) * 3 + 1
    out = getattr(formulas, name)(x)
    size = np.linalg.norm(out, axis=1)
    assert np.allclose(size, 1 if name == "l2_normalize" else 6**0.5, rtol=1e-14)
    if name == "layer_normalize":
        assert np.allclose(out.mean(axis=1), 0, atol=1e-15)
