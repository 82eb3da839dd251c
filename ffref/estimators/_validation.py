"""Checks and conversions of what users pass to estimators, with scikit-learn's wording."""

import hashlib
import math
import warnings
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.data import WINDOW_BYTES, Samples, Stream, feature_moments, stream_array
from ffref.types import Array, Labels

_SMALLEST = float(np.finfo(np.float32).tiny)
"""Standard deviations below that are none in float32."""


class Standardizer(NamedTuple):
    """Mean and standard deviation of each feature over the training data."""

    mean: Array
    std: Array

    def __call__(self, x: Array) -> Array:
        """Return (x - mean) / std, in float32."""
        return np.asarray((x - self.mean) / self.std, np.float32)


def fit_standardizer(x: Samples) -> Standardizer:
    """Take the statistics of `x`; a constant feature keeps its scale and becomes 0.

    Constant: it varies by less than float32 resolves beside its mean, however small its unit.
    """
    if isinstance(x, Stream):
        mean, variance = feature_moments(x.blocks())
        std = np.sqrt(variance)
    else:
        mean = x.mean(axis=0, dtype=np.float64)
        std = x.std(axis=0, dtype=np.float64)
    std[std <= np.maximum(_SMALLEST, 1e-7 * np.abs(mean))] = 1
    return Standardizer(mean.astype(np.float32), std.astype(np.float32))


def check_samples(X: Any, *, expected_features: int | None, owner: str) -> Samples:
    """Return `X` as (samples, features) float32, or raise ValueError that says what is wrong.

    A stream stays one, and a memory map that is larger than a window becomes one.
    """
    x = X if isinstance(X, Stream) else _checked_array(X, owner)
    require(
        expected_features in (None, x.shape[1]),
        f"X has {x.shape[1]} features, but {owner} is expecting {expected_features} features "
        f"as input",
    )
    return x


def _checked_array(X: Any, owner: str) -> Samples:
    if hasattr(X, "tocsr"):
        raise TypeError(f"{owner} takes dense arrays, got a sparse matrix; use X.toarray()")
    require(
        not np.ma.is_masked(X),
        "X is a masked array with masked values, which would count; drop or impute them, as by "
        "X.filled(...)",
    )
    raw = np.asarray(X)
    require(
        raw.dtype.kind != "c",
        f"Complex data not supported\nX must hold real numbers, got {raw.dtype}",
    )
    require(
        raw.dtype.kind in "biufO",
        f"X must hold numbers, got dtype {raw.dtype}; convert it with .astype",
    )
    require(
        raw.ndim == 2,
        f"X must be a 2-D array (samples, features), got {raw.ndim} axes. Reshape your data: "
        f"X.reshape(1, -1) for one sample, X.reshape(len(X), -1) for images",
    )
    require(
        raw.shape[0] > 0 and raw.shape[1] > 0,
        f"X must not be empty, got shape {raw.shape}: {raw.shape[0]} sample(s) and "
        f"{raw.shape[1]} feature(s) (shape={raw.shape}) while a minimum of 1 is required.",
    )
    if isinstance(X, np.memmap) and X.size * np.dtype(np.float32).itemsize > WINDOW_BYTES:
        return stream_array(X)
    try:
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(raw, dtype=np.float32)
    except (TypeError, ValueError) as error:
        # a TypeError where scikit-learn's checks ask for one (dicts, None), else a ValueError
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X must hold numbers, got dtype {raw.dtype}: {error}") from error
    require(
        bool(np.isfinite(x).all()),
        "X contains NaN, infinity or a value too large for float32; drop or impute those rows",
    )
    return x


def labels_of(X: Any, y: Any) -> Any:
    """Return `y`, or the labels that a stream brings if there is none."""
    return X.y if y is None and isinstance(X, Stream) else y


def check_targets(y: Any, samples: int) -> np.ndarray:
    """Return `y` as a 1-D array of class labels, one for each sample."""
    require(y is not None, "requires y to be passed, but the target y is None")
    target = np.asarray(y)
    if target.ndim == 2 and target.shape[1] == 1:
        _warn_column_vector()
        target = target.ravel()
    require(
        target.ndim == 1,
        f"y must be a 1-D array of labels, one for each sample, got shape {target.shape}",
    )
    require(
        len(target) == samples,
        f"X and y have inconsistent numbers of samples: {samples} and {len(target)}",
    )
    if target.dtype.kind == "f":
        require(bool(np.isfinite(target).all()), "y contains NaN or infinity; drop those rows")
        require(
            bool((target == np.round(target)).all()),
            "Unknown label type: continuous. Classes are whole numbers or text; bin the values",
        )
    if target.dtype.kind == "O":
        target = _without_objects(target)
    require(
        target.dtype.kind in "iufbUS",
        f"y must hold whole numbers or text, got dtype {target.dtype}",
    )
    return target


def encode_labels(target: np.ndarray, classes: np.ndarray, owner: str) -> Labels:
    """Map each label to its index in the sorted `classes`; unknown ones are named."""
    index = np.searchsorted(classes, target)
    index = np.minimum(index, len(classes) - 1)
    known = classes[index] == target
    if not known.all():
        unknown = np.unique(target[~known])
        raise ValueError(
            f"{owner} knows the classes {classes[:10].tolist()}, got also "
            f"{unknown[:10].tolist()}; "
            f"name all classes in the first call of partial_fit, or fit anew"
        )
    return index.astype(np.int64)


def held_out(target: np.ndarray, fraction: float) -> NDArray[np.bool_]:
    """Mask of samples to hold out: that share of each class, evenly spaced among its samples."""
    held = np.zeros(len(target), bool)
    for label in np.unique(target):
        own = np.flatnonzero(target == label)
        turns = np.floor(np.arange(len(own) + 1) * fraction)
        held[own] = np.diff(turns) > 0
    require(
        bool(held.any()) and not bool(held.all()),
        f"validation_fraction {fraction} holds out none of {len(target)} samples: the largest "
        f"class needs at least {np.ceil(1 / fraction):g}",
    )
    return held


def draw_seed(random_state: Any) -> int:
    """Return a seed: `random_state` if it is a whole number, else one drawn from it."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, int | np.integer):
        require(int(random_state) >= 0, f"random_state must be at least 0, got {random_state!r}")
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if hasattr(random_state, "randint"):
        return int(random_state.randint(2**31 - 1))
    raise ValueError(
        f"random_state must be None, a whole number, a numpy RandomState or Generator, got "
        f"{random_state!r}"
    )


def data_digest(x: Samples, target: np.ndarray, held: NDArray[np.bool_] | None) -> str:
    """Short fingerprint of samples, labels and which are held out, to know them again."""
    content = x.digest.encode() if isinstance(x, Stream) else x.data
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(np.ascontiguousarray(target).data)
    if held is not None:
        digest.update(np.packbits(held).data)
    return digest.hexdigest()


def _without_objects(target: np.ndarray) -> np.ndarray:
    if all(isinstance(label, str) for label in target):
        return target.astype(str)
    require(
        not any(isinstance(label, str) for label in target),
        "Unknown label type: y mixes text with other types; make all labels text",
    )
    try:
        return np.array(target.tolist())
    except ValueError as error:
        raise ValueError(f"Unknown label type: y must hold numbers or text: {error}") from error


def _warn_column_vector() -> None:
    message = "A column-vector y was passed when a 1d array was expected; use y.ravel()"
    try:
        category = import_module("sklearn.exceptions").DataConversionWarning
    except ImportError:
        category = UserWarning
    warnings.warn(message, category, stacklevel=4)


def _feature_names(X: Any) -> np.ndarray | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return np.asarray(columns, dtype=object)


def remember_feature_names(classifier: Any, X: Any) -> None:
    """Keep the column names of a data frame in `feature_names_in_`, as scikit-learn does."""
    names = _feature_names(X)
    if names is not None:
        classifier.feature_names_in_ = names
    elif hasattr(classifier, "feature_names_in_"):
        del classifier.feature_names_in_


def check_feature_names(classifier: Any, X: Any) -> None:
    """Refuse a data frame whose columns are not those of the training."""
    names, fitted = _feature_names(X), getattr(classifier, "feature_names_in_", None)
    require(
        names is None or fitted is None or list(names) == list(fitted),
        "the feature names differ from those that were passed during fit, or come in another "
        f"order; fitted {fitted}, got {names}",
    )


class NotFittedError(ValueError, AttributeError):
    """A classifier was asked to predict before it was fitted."""


def not_fitted_error(message: str) -> Exception:
    """Make scikit-learn's error where it is installed, else ours."""
    try:
        error: Exception = import_module("sklearn.exceptions").NotFittedError(message)
    except ImportError:
        error = NotFittedError(message)
    return error


def image_shape(shape: Any, features: int) -> tuple[int, int, int]:
    """Height, width, channels of images whose pixels are the features; None: square, 1 or 3."""
    if shape is not None:
        require(
            np.ndim(shape) == 1 and len(shape) in {2, 3},
            f"image_shape must be (height, width) or (height, width, channels), got {shape!r}",
        )
        height, width, channels = (*shape, 1)[:3]
        require(
            height * width * channels == features,
            f"image_shape {(height, width, channels)} does not fit samples of {features} features",
        )
        return height, width, channels
    for channels in (1, 3):
        side = math.isqrt(features // channels)
        if channels * side * side == features:
            return (side, side, channels)
    raise ValueError(
        f"{features} features are no square image; pass image_shape=(height, width) or "
        f"(height, width, channels)"
    )
