"""Similarities: by hand, against 50 digits, differences, wrong versions; identities; edges."""

import numpy as np
import pytest

from ffref.formulas import (
    SIMILARITIES,
    dot_similarity,
    dot_similarity_vjp,
    l2_normalize,
    mahalanobis_similarity,
    mahalanobis_similarity_vjp,
    negative_squared_distance,
    negative_squared_distance_vjp,
)
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_similarity
from tests.independent.compare import scaled_close
from tests.independent.precision import mp

A = np.array([[1.0, 2.0]])
B = np.array([[3.0, 1.0], [0.0, 0.0]])
F = np.array([[1.0, 0.0], [0.0, 2.0]])
CASES = [(3, 4, 5, 2, 1), (1, 2, 3, 3, 2), (4, 4, 4, 4, 3), (2, 5, 1, 1, 4)]
each_name = pytest.mark.parametrize("name", SIMILARITIES)


def arrays(case, name):
    rows, others, units, rank, seed = case
    rng = np.random.default_rng(seed)
    shapes = [(rows, units), (others, units), (rows, others), (units, rank)]
    a, b, d_out, factor = (rng.normal(size=shape) for shape in shapes)
    return a, b, d_out, (factor,) if name == "mahalanobis" else ()


def test_values_by_hand():
    # 1*3 + 2*1; differences (-2, 1), (1, 2); the same with the second axis doubled: 4 + 4, 1 + 16
    np.testing.assert_array_equal(dot_similarity(A, B), [[5, 0]])
    np.testing.assert_allclose(negative_squared_distance(A, B), [[-5, -5]], rtol=1e-15)
    np.testing.assert_allclose(mahalanobis_similarity(A, B, F), [[-8, -17]], rtol=1e-15)


def test_pull_backs_by_hand():
    d_out = np.array([[1.0, 0.0]])
    d_a, d_b = dot_similarity_vjp(d_out, A, B)
    np.testing.assert_array_equal(d_a, [[3, 1]])
    np.testing.assert_array_equal(d_b, [[1, 2], [0, 0]])
    # -2 (a - b) = (4, -2)
    d_a, d_b = negative_squared_distance_vjp(d_out, A, B)
    np.testing.assert_allclose(d_a, [[4, -2]], rtol=1e-15)
    np.testing.assert_allclose(d_b, [[-4, 2], [0, 0]], rtol=1e-15)
    # gap g = (-2, 1), g F = (-2, 2): d_a = -2 (g F) F' = (4, -8), d_F = -2 g' (g F)
    d_a, _, d_factor = mahalanobis_similarity_vjp(d_out, A, B, F)
    np.testing.assert_allclose(d_a, [[4, -8]], rtol=1e-15)
    np.testing.assert_allclose(d_factor, [[-8, 8], [4, -4]], rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "case"),
    # a cosine of one unit is a sign, which has no slope
    [(name, case) for name in SIMILARITIES for case in CASES if (name, case[2]) != ("cosine", 1)],
)
def test_value_and_pull_back(name, case):
    a, b, d_out, params = arrays(case, name)
    similarity, scalar = SIMILARITIES[name], scalar_similarity.SIMILARITIES[name]
    assert similarity.learned == len(params)
    d_a, d_b, d_params = similarity.vjp(d_out, a, b, params)

    def loss(a, b, *params):
        return float((d_out * similarity.value(a, b, params)).sum())

    def scalar_loss(a, b, *params):
        return mp.fsum(
            [
                mp.mpf(d_out[n, m]) * scalar(a[n], b[m], *params)
                for n in range(len(a))
                for m in range(len(b))
            ]
        )

    assert_gradients((d_a, d_b, *d_params), (a, b, *params), loss, scalar_loss)


def test_on_a_sphere_they_differ_by_a_line():
    a, b, _, _ = arrays((3, 4, 5, 2, 7), "dot")
    cosine = SIMILARITIES["cosine"].value(a, b, ())
    a, b = 2 * l2_normalize(a), 2 * l2_normalize(b)
    assert scaled_close(dot_similarity(a, b), 4 * cosine)
    assert scaled_close(negative_squared_distance(a, b), 8 * (cosine - 1))


def test_identity_metric_is_the_squared_distance():
    a, b, d_out, _ = arrays((3, 4, 5, 2, 8), "dot")
    plain = negative_squared_distance(a, b)
    assert scaled_close(mahalanobis_similarity(a, b, np.eye(5)), plain)
    d_a, d_b, _ = mahalanobis_similarity_vjp(d_out, a, b, np.eye(5))
    for mine, theirs in zip((d_a, d_b), negative_squared_distance_vjp(d_out, a, b), strict=True):
        assert scaled_close(mine, theirs)


def test_far_rows_keep_the_digits_of_their_distance():
    a = np.array([[1e6 + 1, 1e6]])
    b = np.array([[1e6, 1e6], [1e6, 1e6 - 2]])
    np.testing.assert_allclose(negative_squared_distance(a, b), [[-1, -5]], rtol=1e-12)
    far = a.astype(np.float32), b.astype(np.float32)
    np.testing.assert_allclose(negative_squared_distance(*far), [[-1, -5]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_distance_is_below_zero(dtype):
    x = np.random.default_rng(3).normal(size=(40, 30)).astype(dtype) * 1e4
    distances = negative_squared_distance(x, x)
    assert (distances <= 0).all()
    assert abs(np.diag(distances)).max() <= 1e9 * 40 * np.finfo(dtype).eps


@each_name
def test_dtype_layout_and_inputs_are_kept(name):
    a, b, _, params = arrays(CASES[0], name)
    assert_kept(lambda *xs: SIMILARITIES[name].value(xs[0], xs[1], xs[2:]), a, b, *params)


@each_name
def test_a_row_does_not_depend_on_its_batch(name):
    a, b, _, params = arrays((6, 4, 5, 2, 9), name)
    whole = SIMILARITIES[name].value(a, b, params)
    for i in range(len(a)):
        alone = SIMILARITIES[name].value(a[i : i + 1], b, params)
        np.testing.assert_array_equal(alone[0], whole[i])


@each_name
def test_zero_rows_have_finite_slopes(name):
    a, b, d_out, params = arrays(CASES[0], name)
    a[1] = 0
    assert np.isfinite(SIMILARITIES[name].value(a, b, params)).all()
    for gradient in SIMILARITIES[name].vjp(d_out, a, b, params)[:2]:
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dot_similarity(A, np.ones((2, 3))), "equal units"),
        (lambda: negative_squared_distance(A, B.astype(np.float32)), "float32"),
        (lambda: mahalanobis_similarity(A, B, np.ones((3, 2))), r"\(2, rank\)"),
        (lambda: mahalanobis_similarity(A, B, F.astype(np.float32)), "dtype float64"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
