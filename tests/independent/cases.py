"""Tables of explicit small cases: a new case is one line."""

from typing import NamedTuple

import numpy as np

from .precision import exact


class FFCase(NamedTuple):
    name: str
    batch: int
    units: int
    kind: str
    threshold: float
    seed: int


FF_CASES = [
    FFCase("3x4 sum", 3, 4, "sum", 2.0, 101),
    FFCase("4x4 sum, square", 4, 4, "sum", 3.5, 102),
    FFCase("1x3 sum, one sample", 1, 3, "sum", 1.0, 103),
    FFCase("5x1 sum, one unit", 5, 1, "sum", 0.5, 104),
    FFCase("1x1 sum", 1, 1, "sum", 0.3, 105),
    FFCase("5x7 mean", 5, 7, "mean", 0.8, 106),
    FFCase("3x3 mean, threshold below 0", 3, 3, "mean", -0.4, 107),
    FFCase("5x3 negative sum", 5, 3, "negative_sum", -2.0, 108),
    FFCase("4x5 negative mean", 4, 5, "negative_mean", -0.7, 109),
    FFCase("7x11 sum, far threshold", 7, 11, "sum", 11.0, 110),
]


def ff_arrays(case):
    """(activity, polarity): no zeros, both signs of activity, both polarities from two rows on."""
    rng = np.random.default_rng(case.seed)
    activity = rng.normal(size=(case.batch, case.units))
    polarity = np.where(np.arange(case.batch) % 2 == 0, 1.0, -1.0)
    return activity, rng.permutation(polarity)


class HFFCase(NamedTuple):
    name: str
    batch: int
    classes: int
    per_class: int  # 0: prototypes (classes, units)
    units: int
    temperature: float
    sharpness: float | None
    margin: float
    smoothing: float
    seed: int
    degenerate: bool = False  # the gradient is zero: no wrong version to reject


HFF_CASES = [
    HFFCase("plain", 3, 4, 0, 5, 1.0, None, 0.0, 0.0, 201),
    HFFCase("square", 4, 4, 0, 4, 0.5, None, 0.1, 0.0, 202),
    HFFCase("cool", 5, 3, 0, 7, 0.1, None, 0.0, 0.0, 203),
    HFFCase("margin", 3, 3, 0, 4, 0.25, None, 0.35, 0.0, 204),
    HFFCase("margin below 0", 3, 3, 0, 4, 0.25, None, -0.2, 0.0, 205),
    HFFCase("smoothed", 4, 5, 0, 3, 0.5, None, 0.0, 0.1, 206),
    HFFCase("smoothed, margin", 5, 3, 0, 5, 0.2, None, 0.15, 0.3, 207),
    HFFCase("one of each class, 3-D", 3, 3, 1, 4, 0.3, None, 0.1, 0.0, 208),
    HFFCase("two", 3, 4, 2, 5, 0.3, None, 0.0, 0.0, 209),
    HFFCase("two, sharp", 3, 3, 2, 5, 0.5, 9.0, 0.2, 0.0, 210),
    HFFCase("two, blunt", 5, 2, 2, 3, 0.15, 0.7, 0.0, 0.05, 211),
    HFFCase("three", 4, 3, 3, 3, 0.4, 4.0, -0.3, 0.2, 212),
    HFFCase("three, sharpness 1/temperature by name", 2, 5, 3, 7, 0.25, 4.0, 0.1, 0.0, 213),
    HFFCase("one sample", 1, 3, 2, 5, 0.3, 6.0, 0.1, 0.1, 214),
    HFFCase("two units", 3, 3, 2, 2, 0.3, 2.0, 0.1, 0.0, 215),
    HFFCase("more classes than samples", 2, 9, 2, 3, 0.5, None, 0.1, 0.1, 216),
    HFFCase("one class", 3, 1, 0, 4, 0.3, None, 0.2, 0.0, 217, True),
    HFFCase("one class, three, smoothed", 2, 1, 3, 4, 0.3, 5.0, 0.2, 0.1, 218, True),
    HFFCase("one unit", 4, 3, 2, 1, 0.5, 2.0, 0.1, 0.0, 219, True),
]

HFF_REGULAR = [case for case in HFF_CASES if not case.degenerate]


class MarginCase(NamedTuple):
    kind: str
    hff: HFFCase

    @property
    def name(self):
        return f"{self.kind} {self.hff.margin}, {self.hff.name}"


def margin_cases(kind, margins, bases, *, smooths=True):
    """Each base with each margin in turn; the smoothing taken off where there is none."""
    for number, base in enumerate(bases):
        margin = margins[number % len(margins)]
        smoothing = base.smoothing if smooths else 0.0
        yield MarginCase(kind, base._replace(margin=margin, smoothing=smoothing))


_MARGIN_BASES = [
    case for case in HFF_REGULAR if case.name not in ("smoothed", "two", "two units", "square")
]
MARGIN_CASES = [
    *margin_cases("additive-angular", [0.5, 0.9, 1.4], _MARGIN_BASES),
    *margin_cases("multiplicative-angular", [2, 3, 4], _MARGIN_BASES),
    *margin_cases("pairwise", [0.0, 0.3, -0.2], _MARGIN_BASES, smooths=False),
    *margin_cases("hardest", [0.0, 0.3, -0.2], _MARGIN_BASES, smooths=False),
]
"""Margins other than the additive cosine, non-degenerate."""


def hff_arrays(case):
    """(activity, labels, prototypes), of lengths other than 1."""
    rng = np.random.default_rng(case.seed)
    activity = rng.normal(size=(case.batch, case.units)) * 1.7
    labels = rng.integers(case.classes, size=case.batch)
    middle = (case.per_class,) if case.per_class else ()
    prototypes = rng.normal(size=(case.classes, *middle, case.units)) * 0.6
    return activity, labels, prototypes


def hff_options(case):
    """The keywords of the package."""
    return {
        "temperature": case.temperature,
        "sharpness": case.sharpness,
        "margin": case.margin,
        "label_smoothing": case.smoothing,
    }


def exact_settings(case):
    """The keywords of the scalar formulation."""
    return {
        "temperature": exact(case.temperature),
        "sharpness": None if case.sharpness is None else exact(case.sharpness),
        "margin": exact(case.margin),
        "smoothing": exact(case.smoothing),
    }


NORM_SHAPES = [((3, 4), 301), ((1, 5), 302), ((5, 2), 303), ((4, 4), 304), ((2, 7), 305)]
COSINE_SHAPES = [(3, 4, 5, 311), (1, 2, 3, 312), (4, 4, 4, 313), (5, 2, 1, 314)]
LAST_AXIS_SHAPES = [((3, 4), 321), ((1, 2), 322), ((2, 3, 2), 323), ((4, 4), 324)]
SCALES = [1.0, 0.3, 7.0]
CROSS_ENTROPY_CASES = [
    # batch, classes, smoothing, seed
    (3, 4, 0.0, 331),
    (1, 3, 0.0, 332),
    (4, 4, 0.1, 333),
    (5, 2, 0.45, 334),
]


def random_pair(shape, seed):
    """Two arrays of one shape: an input and an upstream derivative."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * 1.5, rng.normal(size=shape)
