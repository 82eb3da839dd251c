"""When two arrays agree, and the wrong versions of a gradient that must not."""

import numpy as np

SCALED = 1e-12  # float64 rounding of sums of tens of terms, against 50 digits
SCALED_FLOAT32 = 1e-5
STEP, RELATIVE, ABSOLUTE = 1e-5, 1e-7, 1e-9  # central differences in float64


def scaled_close(actual, expected, tolerance=SCALED):
    """Same shape, and no entry further off than `tolerance` times the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape or not np.all(np.isfinite(actual)):
        return False
    error = np.max(np.abs(actual.astype(np.float64) - expected))
    return bool(error <= tolerance * np.max(np.abs(expected)))


def difference_close(actual, expected):
    """Same shape, and equal within the error of a central difference."""
    if np.shape(actual) != np.shape(expected):
        return False
    return bool(np.allclose(actual, expected, rtol=RELATIVE, atol=ABSOLUTE))


def central_difference(function, array):
    """(f(x + h) - f(x - h)) / 2h in every entry, float64."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        above, below = array.copy(), array.copy()
        above[index] += STEP
        below[index] -= STEP
        gradient[index] = (function(above) - function(below)) / (2 * STEP)
    return gradient


def wrong_versions(gradient):
    """(name, wrong gradient): none may pass a comparison with the right one."""
    yield "times 1.01", gradient * 1.01
    yield "times 0.99", gradient * 0.99
    yield "negated", -gradient
    yield "zero", np.zeros_like(gradient)
    for axis in range(gradient.ndim):
        rolled = np.roll(gradient, 1, axis)
        if not np.allclose(rolled, gradient, rtol=1e-3):
            yield f"rolled along axis {axis}", rolled
    for axis in range(gradient.ndim - 1):
        swapped = np.ascontiguousarray(np.swapaxes(gradient, axis, axis + 1))
        if swapped.shape != gradient.shape or not np.allclose(swapped, gradient, rtol=1e-3):
            yield f"axes {axis} and {axis + 1} swapped", swapped
