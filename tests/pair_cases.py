"""Small batches of pairs, in any order and with rows that have no partner."""

from typing import NamedTuple

import numpy as np

from ffref import formulas


class PairCase(NamedTuple):
    name: str
    pairs: int
    units: int
    kind: str
    steepness: float
    unpaired: int
    seed: int


PAIR_CASES = [
    PairCase("3 pairs", 3, 4, "mean", 4.0, 0, 401),
    PairCase("2 pairs, square", 2, 4, "sum", 0.6, 0, 402),
    PairCase("one pair", 1, 3, "mean", 2.0, 0, 403),
    PairCase("one unit", 4, 1, "mean", 1.5, 0, 404),
    PairCase("rows without partner", 3, 5, "sum", 0.3, 2, 405),
    PairCase("low is good", 3, 4, "negative_mean", 3.0, 1, 406),
]
RECORDS = {
    "sum": formulas.SUM_OF_SQUARES,
    "mean": formulas.MEAN_OF_SQUARES,
    "negative_sum": formulas.NEGATIVE_SUM_OF_SQUARES,
    "negative_mean": formulas.NEGATIVE_MEAN_OF_SQUARES,
}


class PairBatch(NamedTuple):
    activity: np.ndarray
    polarity: np.ndarray
    partner: np.ndarray
    carried_goodness: np.ndarray
    carried_margin: np.ndarray


def pair_batch(case, dtype=np.float64):
    """Rows in random order; carried goodness that makes margins of both signs."""
    rng = np.random.default_rng(case.seed)
    batch = 2 * case.pairs + case.unpaired
    activity = rng.normal(size=(batch, case.units))
    carried = rng.normal(size=batch)
    polarity, partner, margin = rng.choice([-1.0, 1.0], batch), np.full(batch, -1), np.zeros(batch)
    order = rng.permutation(batch)
    for one, other in order[: 2 * case.pairs].reshape(-1, 2):
        polarity[one], polarity[other] = 1, -1
        partner[one], partner[other] = other, one
        margin[one] = margin[other] = carried[one] - carried[other]
    return PairBatch(
        activity.astype(dtype), polarity.astype(dtype), partner, carried.astype(dtype),
        margin.astype(dtype),
    )  # fmt: skip


def options(case):
    return {"steepness": case.steepness, "goodness": RECORDS[case.kind]}


def per_pair(batch, rows):
    """One entry a pair of an array with one a row, in the order of the positive rows."""
    return rows[(batch.polarity > 0) & (batch.partner >= 0)]
