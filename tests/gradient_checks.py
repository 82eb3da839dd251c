"""One gradient, judged by three witnesses, each of which must reject its wrong versions."""

import numpy as np

from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import difference_gradient, exact, rounded


def assert_only_right_passes(close, gradient, expected):
    """`gradient` passes the comparison, and none of its wrong versions does."""
    assert close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not close(wrong, expected), name


def assert_gradients(gradients, arrays, loss, scalar_loss):
    """Each of `gradients` is the derivative of `loss` in its array, and of the 50-digit loss.

    loss, scalar_loss : functions of all arrays; the second of nested lists of exact numbers
    """
    assert scaled_close(loss(*arrays), rounded(scalar_loss(*map(exact, arrays))))
    for k, (gradient, array) in enumerate(zip(gradients, arrays, strict=True)):

        def moved(function, values, new, k=k):
            return function(*values[:k], new, *values[k + 1 :])

        differences = central_difference(
            lambda a, moved=moved: moved(loss, list(arrays), a), array
        )
        assert_only_right_passes(difference_close, gradient, differences)
        known = [exact(a) for a in arrays]
        expected = difference_gradient(
            lambda a, moved=moved, known=known: moved(scalar_loss, known, a), exact(array)
        )
        assert_only_right_passes(scaled_close, gradient, rounded(expected))


def assert_kept(function, *arrays):
    """The result has the inputs' dtype, is the same to rounding of any layout, inputs stay."""
    for dtype in (np.float32, np.float64):
        plain = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        spaced = [np.repeat(a[..., ::-1], 2, axis=-1)[..., ::-2] for a in plain]
        for array in (*plain, *spaced):
            array.flags.writeable = False
        result, again = function(*plain), function(*spaced)
        assert result.dtype == dtype
        assert scaled_close(again, result, 20 * np.finfo(dtype).eps)
