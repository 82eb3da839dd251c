"""Your own data: a folder with one sub-folder of pictures a class, and single pictures.

Pillow reads them; it comes with matplotlib. Pixels are scaled to [0, 1].
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ffref._checks import require
from ffref.data.errors import DataError
from ffref.data.files import MAX_BYTES, PathLike, check_size, open_file, reason
from ffref.data.own_data import OwnData

FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm"),
}
"""What is read, and by which names files are found; Pillow knows others that run programs."""
SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)

_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B")
_GREY_MODES = ("1", "L", "LA", *_DEEP_MODES)
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_MAX_FILE = 2**30
_ORIENTATION = 0x0112  # of Exif: how the camera was held

Shape = tuple[int, int, int]
"""height, width, channels"""


class Picture(NamedTuple):
    """One picture as an array."""

    pixels: NDArray[np.float32]
    """(height, width, channels), 0 to 1"""
    changes: tuple[str, ...]
    """what was done to it besides scaling, in words"""


def is_picture(path: PathLike) -> bool:
    """Whether the name says that the file is a picture that can be read."""
    return os.fspath(path).lower().endswith(SUFFIXES)


def check_shape(shape: object) -> Shape:
    """Return (height, width, channels) of (height, width) or (height, width, channels)."""
    sizes = (*shape, 1)[:3] if isinstance(shape, list | tuple) and len(shape) in (2, 3) else ()
    require(
        all(isinstance(size, int) and size >= 1 for size in sizes) and sizes[2:] in ((1,), (3,)),
        f"image_shape must be (height, width) for shades of grey, or (height, width, channels) "
        f"with 1 or 3 channels, got {shape!r}",
    )
    return sizes[0], sizes[1], sizes[2]


def read_image(path: PathLike, *, image_shape: Sequence[int] | None = None) -> Picture:
    """Read one picture: PNG, JPEG, GIF, BMP, TIFF, WebP or PPM.

    A picture is turned as its Exif data say. What is transparent shows white behind it. 16 bits
    become 8. Colours other than RGB become RGB.

    Parameters
    ----------
    path : str or path
        The file.
    image_shape : (height, width) or (height, width, channels), optional
        What to make of it: 1 channel for shades of grey, 3 for RGB; another size by bicubic
        resampling, which keeps no proportions. Without it the picture's own size, and 1 channel
        if its format has shades of grey alone.

    Returns
    -------
    Picture
        The pixels, and in words what was done to them.

    Raises
    ------
    DataError
        If the file is missing, damaged, no picture or an animation.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "grey.png")
    ...     Image.new("L", (3, 2), 51).save(path)
    ...     picture = read_image(path)
    >>> picture.pixels.shape, picture.pixels[0, 0].tolist()
    ((2, 3, 1), [0.20000000298023224])
    """
    wanted = None if image_shape is None else check_shape(image_shape)
    with _opened(path) as image:
        shape = wanted or _shape(image)
        converted, changes = _converted(image, shape)
        pixels = np.asarray(converted).reshape(shape)
    return Picture(np.divide(pixels, 255, dtype=np.float32), changes)


def read_images(
    folder: PathLike,
    *,
    image_shape: Sequence[int] | None = None,
    max_bytes: int = MAX_BYTES,
) -> OwnData:
    """Read a folder that has one sub-folder of pictures for each class.

    Parameters
    ----------
    folder : str or path
        Its sub-folders' names are the classes. Hidden files and folders are left out.
    image_shape : (height, width) or (height, width, channels), optional
        As for `read_image`. Without it all pictures must have one size, and have 3 channels as
        soon as one has colours.
    max_bytes : int
        The largest array to accept, in bytes.

    Returns
    -------
    OwnData
        X (samples, height * width * channels) float32 in [0, 1]; y strings; `image_shape`; and
        what was done to how many pictures, or left out. Ordered by class and file name.

    Raises
    ------
    DataError
        If there are no classes, a class has no pictures, a picture is damaged or of another
        size, or stands outside a class.
    """
    root = Path(folder)
    classes = [(path.name, _pictures(path)) for path in _class_folders(root)]
    paths = [path for _, (pictures, _) in classes for path in pictures]
    shape = _common_shape(paths) if image_shape is None else check_shape(image_shape)
    check_size(folder, 4 * len(paths) * int(np.prod(shape)), max_bytes)
    X = np.empty((len(paths), *shape), np.float32)
    changes: Counter[str] = Counter()
    for number, path in enumerate(paths):
        X[number], done = read_image(path, image_shape=shape)
        changes.update(done)
    y = np.repeat([name for name, _ in classes], [len(found) for _, (found, _) in classes])
    left_out = sum(others for _, (_, others) in classes)
    notes = [f"{count} of {len(paths)} pictures: {what}" for what, count in changes.items()]
    notes += [f"{left_out} files left out, which are no pictures by name"] if left_out else []
    return OwnData(X.reshape(len(X), -1), y, None, shape, tuple(notes))


def _class_folders(root: Path) -> list[Path]:
    found = _visible(root)
    stray = [path for path in found if not path.is_dir() and is_picture(path)]
    if stray:
        raise DataError(
            f"{stray[0]}: expected pictures in sub-folders of {root}, one for each class; put "
            f"this one into the folder of its class"
        )
    folders = [path for path in found if path.is_dir()]
    if not folders:
        raise DataError(
            f"{root}: expected a sub-folder of pictures for each class, or .npz files, got none; "
            f"make them, as {root.name or root}/cat/1.png"
        )
    return folders


def _pictures(folder: Path) -> tuple[list[Path], int]:
    """Pictures in the folder of a class, and how many other files there are."""
    found = _visible(folder)
    deeper = [path for path in found if path.is_dir()]
    if deeper:
        raise DataError(
            f"{deeper[0]}: expected pictures in the folder of the class {folder.name}, got a "
            f"folder; move its pictures up, or make it a class of its own"
        )
    pictures = [path for path in found if is_picture(path)]
    if not pictures:
        raise DataError(
            f"{folder}: the class {folder.name} has no pictures: no name ends in "
            f"{', '.join(SUFFIXES)}"
        )
    return pictures, len(found) - len(pictures)


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as problem:
        raise DataError(f"{folder}: the folder cannot be read: {reason(problem)}") from problem


def _common_shape(paths: list[Path]) -> Shape:
    """Size that all pictures have, from their headers, and 3 channels if one has colours."""
    first: Shape | None = None
    channels = 1
    for path in paths:
        with _opened(path) as image:
            shape = _shape(image)
        first = first or shape
        if shape[:2] != first[:2]:
            raise DataError(
                f"{path}: {_size(shape)}, but {paths[0]} has {_size(first)}; resize all by "
                f"image_shape=(height, width, channels), as --image-shape 32,32,3"
            )
        channels = max(channels, shape[2])
    assert first is not None
    return (first[0], first[1], channels)


def _size(shape: Shape) -> str:
    return f"{shape[1]}x{shape[0]} pixels (width x height)"


@contextmanager
def _opened(path: PathLike) -> Iterator[Image.Image]:
    """Open a picture, header first; what fails in the block too is the file's fault."""
    with open_file(path) as (file, size), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow says of details that do not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if size > _MAX_FILE:
            raise DataError(f"{path}: {size} bytes are too many for a picture; make it smaller")
        try:
            # in memory, since Pillow asks a file for as many bytes as its header claims to have
            content = BytesIO(file.read())
            image = Image.open(content, formats=tuple(FORMATS))
            _check_kind(path, image)
            yield image
        except DataError:
            raise
        except Exception as problem:  # decoders of damaged files raise nearly everything
            raise _damaged(path, problem) from problem


def _check_kind(path: PathLike, image: Image.Image) -> None:
    # of the formats with whole numbers of 32 bits, these two hold 16
    deep = image.mode == "I" and image.format not in ("PNG", "PPM")
    if deep or image.mode not in (*_GREY_MODES, *_COLOUR_MODES):
        raise DataError(
            f"{path}: pixels of type {image.mode} are not read; save them with 8 or 16 bits"
        )
    # a JPEG with more pictures (MPO) has previews or a second camera's view
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise DataError(f"{path}: expected one picture, got several; save one of them alone")


def _shape(image: Image.Image) -> Shape:
    width, height = image.size
    if image.getexif().get(_ORIENTATION) in (5, 6, 7, 8):  # lying on its side
        height, width = width, height
    return height, width, 1 if image.mode in _GREY_MODES else 3


def _converted(image: Image.Image, shape: Shape) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in 8 bits, of that size and number of channels, and what was done."""
    changes = []
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(_ORIENTATION, 1) != 1:
        changes.append("turned as its Exif data say")
    if turned.mode in _DEEP_MODES:
        deep = np.asarray(turned).astype(np.float32)
        deep /= 257
        turned = Image.fromarray(deep.round().clip(0, 255).astype(np.uint8))
        changes.append("16 bits to 8")
    grey, mode = turned.mode in _GREY_MODES, "L" if shape[2] == 1 else "RGB"
    if turned.mode in ("LA", "PA", "RGBA") or "transparency" in turned.info:
        turned = turned.convert("RGBA")
        white = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(white, turned).convert("RGB")
        changes.append("transparency on white")
    if grey != (mode == "L"):
        changes.append("shades of grey to colours" if grey else "colours to shades of grey")
    turned = turned.convert(mode)
    if turned.size != (shape[1], shape[0]):
        turned = turned.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        changes.append(f"resized to {_size(shape)}")
    return turned, tuple(changes)


def _damaged(path: PathLike, problem: Exception) -> DataError:
    if isinstance(problem, UnidentifiedImageError):
        return DataError(
            f"{path}: this is no picture that can be read, or its first bytes are damaged; "
            f"known are {', '.join(FORMATS)}"
        )
    if isinstance(problem, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return DataError(
            f"{path}: the header declares more than {Image.MAX_IMAGE_PIXELS} pixels; it is "
            f"damaged, or to be made smaller"
        )
    said = reason(problem) or type(problem).__name__
    return DataError(f"{path}: damaged picture: {said}; save or fetch it again")
