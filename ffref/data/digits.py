"""The bundled data set: 1,797 handwritten digits of 8x8 pixels.

digits.npz holds X (1797, 64) uint8 with values 0 to 16, y (1797,) uint8, the fixed split as
`test` (1797,) bool, and the texts `source` and `licence`.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, doi 10.24432/C50P49, the part named optdigits.tes. CC BY 4.0.
"""

from pathlib import Path

import numpy as np

from ffref.data.npz import read_arrays
from ffref.data.split import Split, scaled_rows

DIGITS_FILE = Path(__file__).with_name("digits.npz")
_HIGHEST = 16  # each pixel counts the ink in a block of 4x4


def load_digits(*, test: bool) -> Split:
    """Read the 1,437 training samples or the 360 test samples, with pixels in [0, 1].

    Examples
    --------
    >>> X, y = load_digits(test=True)
    >>> X.shape, float(X.max())
    ((360, 64), 1.0)
    """
    arrays = read_arrays(DIGITS_FILE, ("X", "y", "test"))
    rows = arrays["test"] == test
    return Split(scaled_rows(arrays["X"][rows], _HIGHEST), arrays["y"][rows].astype(np.int64))
