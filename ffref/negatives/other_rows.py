"""Negatives made of other samples: which row to take instead, and noise.

Each function returns row numbers or new rows, and never a row itself as its own negative.
"""

import numpy as np

from ffref._checks import check_count, check_labels, check_matrix, require
from ffref.types import Array, Labels, Tuples

Rows = np.ndarray[tuple[int], np.dtype[np.int64]]


def other_row(batch: int, *, rng: np.random.Generator) -> Rows:
    """Draw for each row another one, all others with equal probability, (batch,).

    Examples
    --------
    >>> import numpy as np
    >>> other_row(2, rng=np.random.default_rng(0))
    array([1, 0])
    """
    check_count(batch, "batch")
    require(batch >= 2, f"another row needs a batch of at least 2, got {batch}")
    return (np.arange(batch) + rng.integers(1, batch, size=batch)) % batch


def same_class_row(labels: Labels, *, rng: np.random.Generator) -> Rows:
    """Draw for each row another one of its class, all with equal probability, (batch,).

    With the wrong label written into it, such a negative has the class's looks and not the
    sample's.

    Raises
    ------
    ValueError
        If a class has only one row.

    Examples
    --------
    >>> import numpy as np
    >>> same_class_row(np.array([3, 5, 3, 5]), rng=np.random.default_rng(0))
    array([2, 3, 0, 1])
    """
    order, start, count = _by_class(labels)
    if (count < 2).any():
        lonely = int(np.asarray(labels)[count.argmin()])
        raise ValueError(
            f"another row of the same class needs two of each class, got one of class {lonely}; "
            f"draw from a larger batch"
        )
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return order[start + (place - start + rng.integers(1, count)) % count]


def other_class_row(labels: Labels, *, rng: np.random.Generator) -> Rows:
    """Draw for each row one of another class, all such rows with equal probability, (batch,).

    A negative keeps the label and takes that row's image: the label is wrong for it.

    Raises
    ------
    ValueError
        If all rows are of one class.

    Examples
    --------
    >>> import numpy as np
    >>> other_class_row(np.array([3, 3, 5]), rng=np.random.default_rng(0))[:2]
    array([2, 2])
    """
    order, start, count = _by_class(labels)
    require(
        bool((count < len(order)).all()),
        f"a row of another class needs two classes in the batch, got {len(order)} rows of one",
    )
    drawn = rng.integers(0, len(order) - count)
    return order[np.where(drawn < start, drawn, drawn + count)]


def class_tuples(
    labels: Labels, *, classes: int, rng: np.random.Generator, rows: int = 1
) -> Tuples:
    """Draw for each row others of its class, then of each other class.

    Column 0: other rows of the same class, -1 where the row is alone in its class. Column k: of
    class (own + k) mod classes, -1 where the batch has none. All rows of a class are equally
    likely, and none comes twice.

    Parameters
    ----------
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes : int
    rng : numpy.random.Generator
    rows : int
        How many of each class, where the batch has as many.

    Returns
    -------
    (batch, classes) int64, or (batch, classes, at most rows) if `rows` is more than 1
        -1 where the batch has no more.

    Examples
    --------
    Classes 0 and 2 are there, class 1 is not, and class 2 has one row only.

    >>> import numpy as np
    >>> class_tuples(np.array([0, 0, 2]), classes=3, rng=np.random.default_rng(0))[:2]
    array([[ 1, -1,  2],
           [ 0, -1,  2]])
    """
    check_count(classes, "classes")
    check_count(rows, "rows")
    labels = np.asarray(labels)
    check_labels(labels, len(labels), classes)
    if rows > 1:
        return _several_of_each(labels, classes, rows, rng)
    order = np.argsort(labels, kind="stable")
    count = np.bincount(labels, minlength=classes)
    start = np.cumsum(count) - count
    wanted = (labels[:, None] + np.arange(classes)) % classes
    offered = count[wanted]
    offered[:, 0] -= 1  # but itself
    drawn = rng.integers(0, np.maximum(offered, 1))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    position = start[wanted] + drawn
    position[:, 0] += position[:, 0] >= place
    return np.where(offered > 0, order[np.minimum(position, len(order) - 1)], -1)


def _several_of_each(labels: Labels, classes: int, rows: int, rng: np.random.Generator) -> Tuples:
    width = min(rows, np.bincount(labels).max())
    tuples = np.full((len(labels), classes, width), -1)
    every = np.arange(len(labels))
    for wanted in range(classes):
        own = np.flatnonzero(labels == wanted)
        place = rng.random((len(labels), len(own)))
        place[own, np.arange(len(own))] = np.inf  # itself comes last, and not at all
        first = np.argsort(place, axis=1)[:, :width]
        drawn = np.where(np.isinf(np.take_along_axis(place, first, axis=1)), -1, own[first])
        tuples[every, (wanted - labels) % classes, : drawn.shape[1]] = drawn
    return tuples


def gaussian_noise(x: Array, *, rng: np.random.Generator) -> Array:
    """Noise with each feature's mean and standard deviation over the batch, as x.

    The weakest of negatives: no feature goes with any other, so a layer need not look at shapes.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_noise(np.array([[1.0, 5.0], [3.0, 5.0]]), rng=np.random.default_rng(0))[:, 1]
    array([5., 5.])
    """
    check_matrix(x, "x")
    noise = rng.standard_normal(x.shape).astype(x.dtype)
    return x.mean(axis=0) + noise * x.std(axis=0)


def shuffled_features(x: Array, *, rng: np.random.Generator) -> Array:
    """Each feature shuffled over the batch on its own: its values are kept, their company is not.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0).reshape(3, 2)
    >>> np.sort(shuffled_features(x, rng=np.random.default_rng(0)), axis=0).tolist() == x.tolist()
    True
    """
    check_matrix(x, "x")
    return rng.permuted(x, axis=0)


def _by_class(labels: Labels) -> tuple[Rows, Rows, Rows]:
    """Rows in the order of their classes; for each row where its class starts there, and size."""
    labels = np.asarray(labels)
    require(
        labels.ndim == 1 and labels.size > 0,
        f"labels must be a non-empty (batch,), got shape {labels.shape}",
    )
    check_labels(labels, len(labels), int(labels.max()) + 1)
    order = np.argsort(labels, kind="stable")
    _, first, inverse, counts = np.unique(
        labels[order], return_index=True, return_inverse=True, return_counts=True
    )
    start, count = np.empty_like(order), np.empty_like(order)
    start[order], count[order] = first[inverse], counts[inverse]
    return order, start, count
