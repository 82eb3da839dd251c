"""Hybrid images, other rows, noise; and each known mistake, found by a number."""

import numpy as np
import pytest

from ffref.negatives import (
    append_label,
    blurred_masks,
    gaussian_noise,
    hybrid_images,
    hybrid_negatives,
    label_code_report,
    mask_statistics,
    other_class_row,
    other_row,
    same_class_row,
    shuffled_features,
    uniform_wrong_label,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def masks(blurs=10, batch=400, seed=1):
    return blurred_masks(batch, 28, 28, blurs=blurs, rng=rng(seed))


# -- masks ------------------------------------------------------------------------------------


def blur_matrix(size):
    """One blur along an axis as a matrix, mirrored at the border."""
    matrix = np.diag(np.full(size, 0.5))
    for i in range(size):
        matrix[i, max(i - 1, 0)] += 0.25
        matrix[i, min(i + 1, size - 1)] += 0.25
    return matrix


@pytest.mark.parametrize(("blurs", "rounding"), [(0, 0), (1, 0), (2, 0), (5, 0), (9, 2**-20)])
def test_masks_are_powers_of_the_blur_of_the_same_bits(blurs, rounding):
    # a blur adds 4 binary digits, and float32 holds those of 5 without rounding
    got = blurred_masks(5, 6, 9, blurs=blurs, rng=rng(4))
    bits = rng(4).integers(2, size=(5, 6, 9), dtype=np.uint8)
    rows = np.linalg.matrix_power(blur_matrix(6), blurs)
    columns = np.linalg.matrix_power(blur_matrix(9), blurs)
    blurred = rows @ bits @ columns.T
    clear = np.abs(blurred - 0.5) > max(rounding, 1e-12)
    np.testing.assert_array_equal(got[clear], blurred[clear] > 0.5)
    if not rounding:
        np.testing.assert_array_equal(got[~clear], bits[~clear] == 1)
    assert clear.mean() > 0.8


def test_one_blur_of_one_pixel_by_hand():
    # 0 1 0 blurred: 1/4 1/2 1/4 in one row; 1/2 keeps its own bit
    for seed in range(40):
        bits = rng(seed).integers(2, size=(1, 1, 3), dtype=np.uint8)[0, 0]
        if bits.tolist() == [0, 1, 0]:
            mask = blurred_masks(1, 1, 3, blurs=1, rng=rng(seed))
            assert mask.tolist() == [[[False, True, False]]]
            return
    pytest.fail("no seed gave 0 1 0")


def test_good_masks_have_the_right_statistics():
    good = mask_statistics(masks())
    assert good.share_of_ones == pytest.approx(0.5, abs=0.02)
    assert 7 < good.mean_run_length < 9
    assert good.smaller_side > 0.35
    assert good.constant_share == 0
    assert good.distinct_share == 1


@pytest.mark.parametrize("blurs", [0, 1, 2, 3])
def test_few_blurs_leave_neither_image_in_favour(blurs):
    # a cut of ties to one side would give 0.44 after one blur
    assert mask_statistics(masks(blurs, 2000)).share_of_ones == pytest.approx(0.5, abs=0.003)


def test_more_blurs_make_longer_runs():
    runs = [mask_statistics(masks(blurs)).mean_run_length for blurs in (0, 1, 3, 10, 20)]
    assert runs == sorted(runs)
    # noise: 28 pixels in 1 + 27/2 runs
    assert runs[0] == pytest.approx(28 / 14.5, rel=0.01)


def test_statistics_by_hand():
    mask = np.array([[[1, 1, 0], [1, 0, 0]], [[1, 1, 1], [1, 1, 1]]], bool)
    found = mask_statistics(mask)
    # runs along rows 2 + 2 + 1 + 1, along columns 1 + 2 + 1 + 1 + 1 + 1; pixels 12 each way
    assert found.mean_run_length == pytest.approx(24 / 13)
    assert found.share_of_ones == pytest.approx(9 / 12)
    assert found.smaller_side == pytest.approx((0.5 + 0) / 2)
    assert found.constant_share == 0.5
    assert found.distinct_share == 1


MISTAKES = {
    "not blurred": (lambda: masks(0), lambda s: s.mean_run_length < 3),
    "cut too low": (lambda: masks() | masks(seed=2), lambda s: s.share_of_ones > 0.7),
    "all set": (lambda: np.ones((9, 28, 28), bool), lambda s: s.constant_share == 1),
    "blurred away": (
        lambda: blurred_masks(400, 8, 8, blurs=30, rng=rng()),
        lambda s: s.constant_share > 0.3,
    ),
    "one mask for all": (lambda: masks()[:1].repeat(400, 0), lambda s: s.distinct_share < 0.01),
    "one corner": (
        lambda: np.indices((28, 28)).max(axis=0)[None].repeat(2, 0) < 9,
        lambda s: s.smaller_side < 0.12,
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_bad_mask_is_told_from_a_good_one(name):
    make, is_bad = MISTAKES[name]
    assert is_bad(mask_statistics(make()))
    assert not is_bad(mask_statistics(masks()))


# -- hybrids ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_each_pixel_comes_from_one_of_both_images(dtype, channels):
    a = rng(1).normal(size=(4, 5, 6, *channels)).astype(dtype)
    b = rng(2).normal(size=a.shape).astype(dtype)
    mask = blurred_masks(4, 5, 6, blurs=1, rng=rng(3))
    for array in (a, b, mask):
        array.flags.writeable = False
    hybrid = hybrid_images(a, b, mask)
    assert hybrid.dtype == dtype
    np.testing.assert_array_equal(hybrid[mask], a[mask])
    np.testing.assert_array_equal(hybrid[~mask], b[~mask])
    np.testing.assert_array_equal(
        hybrid_images(a[:, ::-1], b[:, ::-1], mask[:, ::-1]), hybrid[:, ::-1]
    )


def test_hybrid_negatives_join_two_different_rows():
    x = np.repeat(np.arange(50, dtype=np.float32)[:, None], 64, axis=1)
    negatives = hybrid_negatives(x, image_shape=(8, 8), blurs=2, rng=rng())
    assert negatives.dtype == np.float32
    for row, own in zip(negatives, x[:, 0], strict=True):
        values = np.unique(row)
        assert own in values
        assert len(values) == 2
    np.testing.assert_array_equal(
        negatives, hybrid_negatives(x, image_shape=(8, 8), blurs=2, rng=rng())
    )
    assert hybrid_negatives(x, image_shape=(4, 4, 4), blurs=1, rng=rng()).shape == x.shape


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        hybrid_images(np.ones((1, 2, 2)), np.ones((1, 2, 3)), np.ones((1, 2, 2), bool))
    with pytest.raises(ValueError, match="of bool"):
        hybrid_images(np.ones((1, 2, 2)), np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="image_shape"):
        hybrid_negatives(np.ones((2, 9)), image_shape=(2, 4), blurs=1, rng=rng())
    with pytest.raises(ValueError, match="blurs"):
        blurred_masks(1, 2, 2, blurs=-1, rng=rng())
    with pytest.raises(ValueError, match="height"):
        blurred_masks(1, 0, 2, blurs=1, rng=rng())
    with pytest.raises(ValueError, match="of bool"):
        mask_statistics(np.ones((1, 2, 2)))


# -- other rows and noise ---------------------------------------------------------------------


def assert_uniform(draw, allowed, times=4000):
    """Every allowed row comes equally often for every row, and no other ever."""
    counts = np.zeros(allowed.shape)
    generator = rng(5)
    for _ in range(times):
        counts[np.arange(len(allowed)), draw(generator)] += 1
    expected = times * allowed / allowed.sum(axis=1, keepdims=True)
    assert not counts[~allowed].any()
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(expected.max()))


def test_other_rows_are_uniform_over_what_they_may_be():
    labels = np.array([2, 0, 2, 0, 2, 5, 5])
    same = labels[:, None] == labels
    itself = np.eye(7, dtype=bool)
    assert_uniform(lambda g: other_row(7, rng=g), ~itself)
    assert_uniform(lambda g: same_class_row(labels, rng=g), same & ~itself)
    assert_uniform(lambda g: other_class_row(labels, rng=g), ~same)


def test_where_there_is_no_other_row_the_reason_is_told():
    with pytest.raises(ValueError, match="at least 2"):
        other_row(1, rng=rng())
    with pytest.raises(ValueError, match="class 7"):
        same_class_row(np.array([1, 7, 1]), rng=rng())
    with pytest.raises(ValueError, match="two classes"):
        other_class_row(np.array([1, 1]), rng=rng())
    for function in (same_class_row, other_class_row):
        with pytest.raises(ValueError, match="non-empty"):
            function(np.array([], int), rng=rng())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_keeps_what_it_promises(dtype):
    x = rng(1).normal([1, -2, 0], [1, 3, 0], size=(20_000, 3)).astype(dtype)
    x[:, 1] += 2 * x[:, 0]
    x.flags.writeable = False
    noise, shuffled = gaussian_noise(x, rng=rng(2)), shuffled_features(x, rng=rng(3))
    assert noise.dtype == shuffled.dtype == dtype
    np.testing.assert_allclose(noise.mean(axis=0), x.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(noise.std(axis=0), x.std(axis=0), rtol=0.03, atol=1e-6)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(x, axis=0))
    for made in (noise, shuffled):
        assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) > 0.5
        assert abs(np.corrcoef(made[:, 0], made[:, 1])[0, 1]) < 0.05


# -- label mistakes of known codes ------------------------------------------------------------

CLASSES = 10
LABELS = rng(9).integers(CLASSES, size=5000)


def codes(labels):
    return append_label(np.zeros((len(labels), 1)), labels, classes=CLASSES)[:, 1:]


def test_right_negatives_pass_the_checker():
    wrong = uniform_wrong_label(LABELS, classes=CLASSES, rng=rng())
    assert label_code_report(codes(LABELS), codes(wrong)) == (0, 1, 1)


def test_shuffled_labels_are_found():
    found = label_code_report(codes(LABELS), codes(rng().permutation(LABELS)))
    assert found.share_with_true_label == pytest.approx(0.1, abs=0.02)


def test_a_rejection_that_never_rejects_is_found():
    # draws a label, compares it with a pair (index, label) that it never equals, keeps it
    generator = rng(3)
    drawn = [generator.integers(CLASSES) for _ in enumerate(LABELS)]
    found = label_code_report(codes(LABELS), codes(np.array(drawn)))
    assert found.share_with_true_label == pytest.approx(0.1, abs=0.02)


def test_the_inverse_label_is_found_by_its_length():
    found = label_code_report(codes(LABELS), 1 - codes(LABELS))
    assert found.share_with_true_label == 0
    assert found.length_ratio == pytest.approx(3)
    assert found.slots_on_ratio == pytest.approx(9)


def test_a_label_added_to_the_true_one_is_found():
    wrong = uniform_wrong_label(LABELS, classes=CLASSES, rng=rng())
    found = label_code_report(codes(LABELS), codes(LABELS) + codes(wrong))
    assert found.share_with_true_label == 1
    assert found.slots_on_ratio == 2


def test_codes_without_a_label_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        label_code_report(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="largest slot"):
        label_code_report(np.full((1, 3), 0.1), np.eye(3)[:1])
