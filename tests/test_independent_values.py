"""Formulas on numbers small enough for a pencil; the arithmetic stands beside each."""

import numpy as np
import pytest

from ffref.formulas import (
    cosine_similarity,
    cosine_similarity_vjp,
    l2_normalize,
    l2_normalize_vjp,
    layer_normalize,
    layer_normalize_vjp,
    log_mean_exp,
    log_mean_exp_grad,
    log_sum_exp,
    log_sum_exp_grad,
    relu,
    relu_grad,
    rms_normalize,
    rms_normalize_vjp,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
    softplus,
    softplus_grad,
)
from ffref.layers.dense import Dense, dense_forward, dense_grads

LN2, LN3, LN5, LN6 = 0.6931471805599453, 1.0986122886681098, 1.6094379124341003, 1.791759469228055


def near(actual, expected):
    """Same shape, and equal to 14 digits of the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected, dtype=np.float64)
    assert actual.shape == expected.shape
    assert np.max(np.abs(actual - expected)) <= 1e-14 * max(1e-300, np.max(np.abs(expected)))


def test_softplus():
    # ln 2, ln (1 + 3) = 2 ln 2, ln (1 + 1/3) = 2 ln 2 - ln 3
    x = np.array([0.0, LN3, -LN3])
    near(softplus(x), [LN2, 2 * LN2, 2 * LN2 - LN3])
    near(softplus_grad(x), [1 / 2, 3 / 4, 1 / 4])


def test_sigmoid():
    # 1 / (1 + 1/3) = 3/4;  3/4 * 1/4 = 3/16
    x = np.array([0.0, LN3, -LN3])
    near(sigmoid(x), [1 / 2, 3 / 4, 1 / 4])
    near(sigmoid_grad(x), [1 / 4, 3 / 16, 3 / 16])


def test_relu():
    x = np.array([-2.0, 0.0, 3.0])
    near(relu(x), [0, 0, 3])
    near(relu_grad(x), [0, 0, 1])


def test_log_sum_exp():
    # ln (1 + 2 + 3) = ln 6;  ln (1 + 1 + 1) = ln 3
    x = np.array([[0.0, LN2, LN3], [0.0, 0.0, 0.0]])
    near(log_sum_exp(x), [LN6, LN3])
    near(log_sum_exp_grad(x), [[1 / 6, 2 / 6, 3 / 6], [1 / 3, 1 / 3, 1 / 3]])


def test_log_mean_exp():
    # scale 1: ln ((1 + 3) / 2) = ln 2;  scale 2: ln ((1 + 9) / 2) / 2 = ln 5 / 2
    x = np.array([[0.0, LN3]])
    near(log_mean_exp(x, scale=1.0), [LN2])
    near(log_mean_exp_grad(x, scale=1.0), [[1 / 4, 3 / 4]])
    near(log_mean_exp(x, scale=2.0), [LN5 / 2])
    near(log_mean_exp_grad(x, scale=2.0), [[1 / 10, 9 / 10]])


def test_log_mean_exp_of_three_axes():
    x = np.array([[[0.0, LN3], [LN3, 0.0], [5.0, 5.0]]])
    near(log_mean_exp(x, scale=2.0), [[LN5 / 2, LN5 / 2, 5]])
    near(log_mean_exp_grad(x, scale=2.0), [[[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]]])


def test_softmax():
    near(softmax(np.array([[0.0, LN3], [7.0, 7.0]])), [[1 / 4, 3 / 4], [1 / 2, 1 / 2]])


def test_softmax_cross_entropy():
    # probabilities 1/4, 3/4 in both rows; labels 0 and 1:
    # the mean of ln 4 and ln (4/3) is 2 ln 2 - ln 3 / 2
    logits, labels = np.array([[0.0, LN3], [0.0, LN3]]), np.array([0, 1])
    near(softmax_cross_entropy(logits, labels), 2 * LN2 - LN3 / 2)
    # p - onehot, over two samples
    near(softmax_cross_entropy_grad(logits, labels), [[-3 / 8, 3 / 8], [1 / 8, -1 / 8]])


def test_softmax_cross_entropy_smoothed():
    # targets 0.1, 0.9 (e = 0.2, two classes): 0.1 ln 4 + 0.9 ln (4/3) = 2 ln 2 - 0.9 ln 3
    logits, labels = np.array([[0.0, LN3]]), np.array([1])
    near(softmax_cross_entropy(logits, labels, label_smoothing=0.2), 2 * LN2 - 0.9 * LN3)
    # p - t = (0.25 - 0.1, 0.75 - 0.9)
    near(softmax_cross_entropy_grad(logits, labels, label_smoothing=0.2), [[0.15, -0.15]])


def test_softmax_cross_entropy_smoothed_over_three_classes():
    # uniform p = 1/3 gives ln 3 for any targets; t = (0.7 + 0.1, 0.1, 0.1) with e = 0.3
    logits, labels = np.full((1, 3), 2.0), np.array([0])
    near(softmax_cross_entropy(logits, labels, label_smoothing=0.3), LN3)
    expected = [[1 / 3 - 0.8, 1 / 3 - 0.1, 1 / 3 - 0.1]]
    near(softmax_cross_entropy_grad(logits, labels, label_smoothing=0.3), expected)


def test_l2_normalize():
    # length 5
    x = np.array([[3.0, 4.0], [0.0, -2.0]])
    near(l2_normalize(x), [[0.6, 0.8], [0, -1]])
    # row 1: (d - z (z.d)) / 5 with z.d = 0.6: ((1, 0) - 0.6 (0.6, 0.8)) / 5 = (0.64, -0.48) / 5
    # row 2: z.d = -1, (3, 1) + (0, -1) = (3, 0), / 2
    near(l2_normalize_vjp(np.array([[1.0, 0.0], [3.0, 1.0]]), x), [[0.128, -0.096], [1.5, 0]])


def test_rms_normalize():
    # rms = sqrt(25 / 2) = 5 / sqrt 2: sqrt 2 times the unit row
    x, root = np.array([[3.0, 4.0]]), 2**0.5
    near(rms_normalize(x), [[0.6 * root, 0.8 * root]])
    near(rms_normalize_vjp(np.array([[1.0, 0.0]]), x), [[0.128 * root, -0.096 * root]])


def test_layer_normalize_of_two_units():
    # mean 3.5, deviation 0.5; the result is -1, 1 for any rising pair, so nothing flows back
    x = np.array([[3.0, 4.0]])
    near(layer_normalize(x), [[-1, 1]])
    pulled = layer_normalize_vjp(np.array([[1.0, 0.0]]), x)
    assert np.allclose(pulled, 0, atol=1e-15)


def test_layer_normalize_of_eight_units():
    # mean 5, squares of the gaps 9 1 1 1 0 0 4 16 = 32, / 8 = 4, deviation 2
    x = np.array([[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]])
    near(layer_normalize(x), [[-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2]])
    # d = last unit: (d_i - mean d - y_i mean(d y)) / 2 = ([i = 8] - 1/8 - y_i / 4) / 2
    d_out = np.zeros((1, 8))
    d_out[0, 7] = 1
    expected = [[0.125, 0, 0, 0, -0.0625, -0.0625, -0.1875, 0.1875]]
    near(layer_normalize_vjp(d_out, x), expected)


def test_cosine_similarity():
    # lengths 5 and 13: 3/5, 4/5, -25/25;  5/13, 12/13, -(15 + 48) / (13 * 5)
    a = np.array([[3.0, 4.0], [5.0, 12.0]])
    b = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, -4.0]])
    near(cosine_similarity(a, b), [[0.6, 0.8, -1], [5 / 13, 12 / 13, -63 / 65]])
    # only the pair (0, 0): d_a = (e1 - 0.6 (0.6, 0.8)) / 5, d_b = ((0.6, 0.8) - 0.6 e1) / 1
    d_out = np.zeros((2, 3))
    d_out[0, 0] = 1
    d_a, d_b = cosine_similarity_vjp(d_out, a, b)
    near(d_a, [[0.128, -0.096], [0, 0]])
    near(d_b, [[0, 0.8], [0, 0], [0, 0]])
    # only the pair (1, 1): cos 12/13, d_a = (e2 - 12/13 (5, 12)/13) / 13 = (-60, 25) / 169 / 13,
    # d_b = ((5, 12)/13 - 12/13 e2) / 2 = (5/26, 0)
    d_a, d_b = cosine_similarity_vjp(np.array([[0.0, 0, 0], [0, 1, 0]]), a, b)
    near(d_a, [[0, 0], [-60 / 2197, 25 / 2197]])
    near(d_b, [[0, 0], [5 / 26, 0], [0, 0]])


def test_dense():
    # row 1: 1 + 4 + 0.5, 2 - 0.5, -1;  row 2: 3 + 8 + 0.5, 4 - 0.5, -3
    weight, bias = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]), np.array([0.5, -0.5, 0.0])
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    near(dense_forward(Dense(weight, bias), x), [[5.5, 1.5, -1], [11.5, 3.5, -3]])
    # columns of d: (1, 0), (0, 1), (2, -1) against x's columns (1, 3) and (2, 4)
    d_weight, d_bias = dense_grads(x, np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]))
    near(d_weight, [[1, 3, -1], [2, 4, 0]])
    near(d_bias, [1, 1, 1])


@pytest.mark.parametrize("field", ["weight", "bias"])
def test_dense_has_named_fields(field):
    layer = Dense(weight=np.eye(2), bias=np.zeros(2))
    assert getattr(layer, field) is layer[("weight", "bias").index(field)]
