"""Small separable data for tests of the upper rooms."""

import numpy as np

BORDER = 3  # features that are always 0, as at the border of an image: room for a label


def blobs(samples=90, *, classes=3, features=5, seed=0):
    """Gaussian clouds around the corners of a box, after three features that are always 0."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(samples) % classes)
    corners = np.random.default_rng(99).choice([-2.0, 2.0], (classes, features))
    corners[np.arange(classes), np.arange(classes) % features] *= 2
    X = corners[y] + rng.normal(size=(samples, features))
    X = np.column_stack((np.zeros((samples, BORDER)), X))
    return X.astype(np.float32), y


def save_blobs(path, **choices):
    X, y = blobs(**choices)
    np.savez(path, X=X, y=y)
    return path
