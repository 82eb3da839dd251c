"""Augmentation: what may happen to an image, and that nothing else does."""

import numpy as np
import pytest

import ffref
from ffref.data.augmentation import (
    Augmentation,
    bind_augmentation,
    cut_out,
    flip_images,
    shift_images,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.random((300, 5, 4, 2)).astype(np.float32) + 1


def shifted(image, down, right, fill=0.0):
    """The definition, pixel by pixel."""
    height, width, _ = image.shape
    out = np.full_like(image, fill)
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[i, j] = image[i - down, j - right]
    return out


@pytest.mark.parametrize("pixels", [1, 2, 7])
def test_every_shift_occurs_and_is_the_definition(pixels):
    out = shift_images(IMAGES, pixels=pixels, rng=np.random.default_rng(1), fill=0.5)
    offsets = [(d, r) for d in range(-pixels, pixels + 1) for r in range(-pixels, pixels + 1)]
    candidates = {offset: [] for offset in offsets}
    for image, moved in zip(IMAGES, out, strict=True):
        matching = [o for o in offsets if (shifted(image, *o, 0.5) == moved).all()]
        assert matching
        candidates[matching[0]].append(1)
    assert out.dtype == np.float32
    if pixels < 4:
        assert all(candidates.values())  # 25 shifts, 300 images: none is missing but by 1e-4
    assert (shift_images(IMAGES, pixels=0, rng=RNG) == IMAGES).all()


def test_flip_takes_about_half_and_mirrors_them():
    out = flip_images(IMAGES, rng=np.random.default_rng(2))
    mirrored = (out == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (out == IMAGES).all(axis=(1, 2, 3))
    assert (mirrored | kept).all()
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(300)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_cut_out_is_a_square(size):
    out = cut_out(IMAGES, size=size, rng=np.random.default_rng(3))
    centres = set()
    for image, cut in zip(IMAGES, out, strict=True):
        gone = (cut == 0).all(axis=2)
        assert ((cut == image).all(axis=2) | gone).all()
        rows, columns = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
        assert gone.sum() == rows.size * columns.size
        assert max(rows.size, columns.size) <= size
        centres.add((tuple(rows), tuple(columns)))
    assert (size == 0) == (len(centres) == 1)


def test_the_data_are_never_changed_and_the_seed_decides():
    x = IMAGES.reshape(300, -1)
    before = x.copy()
    augment = bind_augmentation(Augmentation(2, flip=True, cutout=2), (5, 4, 2))
    first, second = augment(x, np.random.default_rng(4)), augment(x, np.random.default_rng(4))
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(first, second)
    assert (first != x).any()
    assert (augment(x, np.random.default_rng(5)) != first).any()


@pytest.mark.parametrize(
    ("choices", "shape", "message"),
    [
        (Augmentation(shift=-1), (5, 4, 2), "shift must be a whole number"),
        (Augmentation(cutout=1.5), (5, 4, 2), "cutout must be a whole number"),
        (Augmentation(flip=True), (5, 4), "image_shape .5, 4. does not fit"),
    ],
)
def test_errors(choices, shape, message):
    with pytest.raises(ValueError, match=message):
        bind_augmentation(choices, shape)(IMAGES.reshape(300, -1), RNG)


@pytest.mark.parametrize(
    "kind", [ffref.FFClassifier, ffref.HFFClassifier, ffref.BackpropClassifier]
)
def test_classifiers_train_on_moved_images_and_predict_on_whole_ones(kind):
    X, y = ffref.data.load("digits")
    X, y = X[:300], y[:300]
    plain = kind((16,), max_iter=2, random_state=0).fit(X, y)
    moved = kind((16,), max_iter=2, random_state=0, shift=1).fit(X, y)
    again = kind((16,), max_iter=2, random_state=0, shift=1).fit(X, y)
    weights = [m.state_.network.layers[0].weights.weight for m in (plain, moved, again)]
    assert (weights[0] != weights[1]).any()
    np.testing.assert_array_equal(weights[1], weights[2])
    with pytest.raises(ValueError, match="60 features are no square image"):
        kind((16,), shift=1).fit(X[:, :60], y)
