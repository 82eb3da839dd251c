"""Losses and their gradients on numbers small enough for a pencil."""

import numpy as np
import pytest

from ffref.formulas import (
    MEAN_OF_SQUARES,
    NEGATIVE_MEAN_OF_SQUARES,
    NEGATIVE_SUM_OF_SQUARES,
    SUM_OF_SQUARES,
    mean_of_squares,
    mean_of_squares_grad,
    negative_mean_of_squares,
    negative_mean_of_squares_grad,
    negative_sum_of_squares,
    negative_sum_of_squares_grad,
    sum_of_squares,
    sum_of_squares_grad,
)
from ffref.objectives.ff import ff_loss, ff_loss_grad, probability_positive
from ffref.objectives.hff import hff_class_scores, hff_loss, hff_loss_grads
from tests.test_independent_values import LN2, LN3, near

# ln (1 + e^x) and 1 / (1 + e^-x) from tables
SOFTPLUS = {1: 1.3132616875182228, 2: 2.1269280110429727, -0.2: 0.5981388693815918}
SIGMOID = {1: 0.7310585786300049, 2: 0.8807970779778823}
AXES = np.array([[1.0, 0.0], [0.0, 1.0]])
H = np.array([[3.0, 4.0]])  # length 5, cosines 0.6 and 0.8 with the axes


def test_goodness():
    # (1, 2, 2): 1 + 4 + 4 = 9, derivative 2 y
    y = np.array([[1.0, 2.0, 2.0], [0.0, -1.0, 0.0]])
    near(sum_of_squares(y), [9, 1])
    near(sum_of_squares_grad(y), [[2, 4, 4], [0, -2, 0]])
    near(mean_of_squares(y), [3, 1 / 3])
    near(mean_of_squares_grad(y), [[2 / 3, 4 / 3, 4 / 3], [0, -2 / 3, 0]])
    near(negative_sum_of_squares(y), [-9, -1])
    near(negative_sum_of_squares_grad(y), [[-2, -4, -4], [0, 2, 0]])
    near(negative_mean_of_squares(y), [-3, -1 / 3])
    near(negative_mean_of_squares_grad(y), [[-2 / 3, -4 / 3, -4 / 3], [0, 2 / 3, 0]])


@pytest.mark.parametrize(
    ("record", "value", "slope"),
    [
        (SUM_OF_SQUARES, 9, 2),
        (MEAN_OF_SQUARES, 3, 2 / 3),
        (NEGATIVE_SUM_OF_SQUARES, -9, -2),
        (NEGATIVE_MEAN_OF_SQUARES, -3, -2 / 3),
    ],
)
def test_goodness_records(record, value, slope):
    y = np.array([[1.0, 2.0, 2.0]])
    near(record.value(y), [value])
    near(record.grad(y), slope * y)


def test_probability_positive():
    # ln 3 above, at and ln 3 below the threshold
    near(
        probability_positive(np.array([2 + LN3, 2, 2 - LN3]), threshold=2.0), [3 / 4, 1 / 2, 1 / 4]
    )


def test_ff():
    # goodness 2 and 4, threshold 2: (softplus 0 + softplus 2) / 2 = (0.693147 + 2.126928) / 2
    y, s = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([1.0, -1.0])
    near(ff_loss(y, s, threshold=2.0), (LN2 + SOFTPLUS[2]) / 2)
    assert round(ff_loss(y, s, threshold=2.0), 6) == 1.410038
    # d_g = (-1/2, sigmoid 2) / 2, times 2 y: (-1/2, -1/2), (2 sigmoid 2, 0)
    near(ff_loss_grad(y, s, threshold=2.0), [[-0.5, -0.5], [2 * SIGMOID[2], 0]])


def test_ff_mean_of_squares():
    # goodness 1 and 2, threshold 1: (softplus 0 + softplus 1) / 2
    y, s = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([1.0, -1.0])
    near(ff_loss(y, s, threshold=1.0, goodness=MEAN_OF_SQUARES), (LN2 + SOFTPLUS[1]) / 2)
    # d_g = (-1/2, sigmoid 1) / 2, times 2 y / 2
    expected = [[-0.25, -0.25], [SIGMOID[1], 0]]
    near(ff_loss_grad(y, s, threshold=1.0, goodness=MEAN_OF_SQUARES), expected)


def test_ff_negative_sum_of_squares():
    # goodness -2 and -4, threshold -4: positive softplus(-2), negative softplus 0
    y, s = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([1.0, -1.0])
    loss = ff_loss(y, s, threshold=-4.0, goodness=NEGATIVE_SUM_OF_SQUARES)
    near(loss, (SOFTPLUS[2] - 2 + LN2) / 2)
    # d_g = (-sigmoid(-2), 1/2) / 2, times -2 y
    expected = [[1 - SIGMOID[2], 1 - SIGMOID[2]], [-1, 0]]
    near(ff_loss_grad(y, s, threshold=-4.0, goodness=NEGATIVE_SUM_OF_SQUARES), expected)


def test_ff_negative_mean_of_squares():
    # goodness -1 and -2, threshold -2: softplus(-1) = softplus 1 - 1, softplus 0
    y, s = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([1.0, -1.0])
    loss = ff_loss(y, s, threshold=-2.0, goodness=NEGATIVE_MEAN_OF_SQUARES)
    near(loss, (SOFTPLUS[1] - 1 + LN2) / 2)
    # d_g = (-sigmoid(-1), 1/2) / 2, and the slope of g is -y
    half = (1 - SIGMOID[1]) / 2
    expected = [[half, half], [-0.5, 0]]
    near(ff_loss_grad(y, s, threshold=-2.0, goodness=NEGATIVE_MEAN_OF_SQUARES), expected)


def test_hff_scores_are_cosines_for_one_prototype():
    near(hff_class_scores(H, AXES, sharpness=3.0), [[0.6, 0.8]])
    # lengths of prototypes do not count
    near(hff_class_scores(H, AXES * [[2.0], [7.0]], sharpness=3.0), [[0.6, 0.8]])


def test_hff_scores_of_two_prototypes():
    # sharpness 5 ln 3 turns cosines in fifths into powers of 3:
    # class 0, cos 3/5 and 4/5: (27 + 81) / 2 = 54;  class 1, cos -4/5, -3/5: (1/81 + 3/81) / 2
    prototypes = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -3.0], [-2.0, 0.0]]])
    sharpness = 5 * LN3
    expected = np.array([[np.log(54), np.log(2 / 81)]]) / sharpness
    near(hff_class_scores(H, prototypes, sharpness=sharpness), expected)


def test_hff():
    # logits 0.6, 0.8, label 1: ln (1 + e^-0.2);  label 0: ln (1 + e^0.2) = ln (1 + e^-0.2) + 0.2
    near(hff_loss(H, np.array([1]), AXES, temperature=1.0), SOFTPLUS[-0.2])
    near(hff_loss(H, np.array([0]), AXES, temperature=1.0), SOFTPLUS[-0.2] + 0.2)
    # temperature 0.2: logits 3, 4;  label 1: ln (1 + 1/e) = softplus 1 - 1
    near(hff_loss(H, np.array([1]), AXES, temperature=0.2), SOFTPLUS[1] - 1)


def test_hff_is_a_mean_over_samples():
    # the second sample is (4, 3): cosines 0.8, 0.6
    samples = np.array([[3.0, 4.0], [4.0, 3.0]])
    loss = hff_loss(samples, np.array([1, 1]), AXES, temperature=1.0)
    near(loss, SOFTPLUS[-0.2] + 0.1)


def test_hff_margin():
    # margin 0.2 lowers 0.8 to 0.6: two equal logits, ln 2
    near(hff_loss(H, np.array([1]), AXES, temperature=1.0, margin=0.2), LN2)
    # margin 0.4 at temperature 0.2: logits 3, 2: ln (1 + e)
    near(hff_loss(H, np.array([1]), AXES, temperature=0.2, margin=0.4), SOFTPLUS[1])
    # margin -0.2 at temperature 0.2 raises 0.8 to 1: logits 3, 5: ln (1 + e^-2) = softplus 2 - 2
    near(hff_loss(H, np.array([1]), AXES, temperature=0.2, margin=-0.2), SOFTPLUS[2] - 2)


def test_hff_gradient():
    # margin 0.2 makes p = (1/2, 1/2), d_S = (1/2, -1/2) = d_z; z = (0.6, 0.8), z.d_z = -0.1;
    # tangent (0.5, -0.5) + 0.1 z = (0.56, -0.42), / 5
    prototypes = np.array([[2.0, 0.0], [0.0, 5.0]])
    d_activity, d_prototypes = hff_loss_grads(
        H, np.array([1]), prototypes, temperature=1.0, margin=0.2
    )
    near(d_activity, [[0.112, -0.084]])
    # +z/2 = (0.3, 0.4) without its part along e1, / 2;  -z/2 = (-0.3, -0.4) without e2, / 5
    near(d_prototypes, [[0, 0.2], [-0.06, 0]])


def test_hff_gradient_of_two_prototypes():
    # label 0, temperature 1 / (5 ln 3): odds of class 1 to class 0 are (2/81) / 54 = 1/2187, so
    # p_1 = 1/2188; d_S = 5 ln 3 (-1, 1) / 2188; shares 1/4, 3/4 (27 to 81) and 1/4, 3/4 (1 to 3)
    prototypes = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -3.0], [-2.0, 0.0]]])
    labels, temperature = np.array([0]), 1 / (5 * LN3)
    near(hff_loss(H, labels, prototypes, temperature=temperature), np.log1p(1 / 2187))
    d_activity, d_prototypes = hff_loss_grads(H, labels, prototypes, temperature=temperature)
    # d_z / c, c = 5 ln 3 / 2188: -(1/4) e1 - (3/4) e2 - (1/4) e2 - (3/4) e1 = (-1, -1)
    # tangent: z.(-1, -1) = -1.4; (-1 + 0.84, -1 + 1.12) = (-0.16, 0.12), / 5
    c = 5 * LN3 / 2188
    expected = c * np.array([[-0.032, 0.024]])
    assert np.allclose(d_activity, expected, rtol=1e-12, atol=0)
    # prototypes: share times z without its part along the prototype, over its length
    # class 0: -1/4 (0, 0.8), -3/4 (0.6, 0);  class 1: 1/4 (0.6, 0) / 3, 3/4 (0, 0.8) / 2
    expected = c * np.array([[[0, -0.2], [-0.45, 0]], [[0.05, 0], [0, 0.3]]])
    assert np.allclose(d_prototypes, expected, rtol=1e-12, atol=1e-18)


def test_hff_label_smoothing():
    # margin 0.2: p = (1/2, 1/2), loss ln 2 for any targets; e = 0.2: t = (0.1, 0.9)
    # d_S = (0.4, -0.4), so the gradient is 0.8 times the one of hard labels
    options = {"temperature": 1.0, "margin": 0.2, "label_smoothing": 0.2}
    near(hff_loss(H, np.array([1]), AXES, **options), LN2)
    d_activity, d_prototypes = hff_loss_grads(H, np.array([1]), AXES, **options)
    near(d_activity, [[0.0896, -0.0672]])
    near(d_prototypes, [[0, 0.32], [-0.24, 0]])
    # without a margin, temperature 0.2: logits 3, 4, targets 0.1, 0.9:
    # 0.1 (1 + L) + 0.9 L with L = ln (1 + 1/e)
    loss = hff_loss(H, np.array([1]), AXES, temperature=0.2, label_smoothing=0.2)
    near(loss, SOFTPLUS[1] - 1 + 0.1)


def test_hff_zero_activity():
    # all cosines 0: ln 3 for three classes, nothing flows to the activity or to the prototypes
    prototypes = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    labels, zero = np.array([2]), np.zeros((1, 2))
    near(hff_loss(zero, labels, prototypes, temperature=0.1), LN3)
    d_activity, d_prototypes = hff_loss_grads(zero, labels, prototypes, temperature=0.1)
    assert np.array_equal(d_activity, np.zeros((1, 2)))
    assert np.array_equal(d_prototypes, np.zeros((3, 2)))
