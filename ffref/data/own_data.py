"""What is read of your own samples, whatever kind of file they are in."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from ffref.data.stream import Samples


class OwnData(NamedTuple):
    """Samples and labels of your own, with what their files say of them."""

    X: Samples
    """(samples, features); an image is a row in C order of (height, width, channels)"""
    y: NDArray[Any]
    """(samples,) whole numbers or strings"""
    feature_names: tuple[str, ...] | None = None
    """the columns of a table that has a header"""
    image_shape: tuple[int, int, int] | None = None
    """height, width, channels, where the files are pictures"""
    notes: tuple[str, ...] = ()
    """what was done to the files' contents, or left out, in words"""
