"""The census: what layers take from all training samples at the end of an epoch.

One pass with the weights at rest, so that what a layer keeps of its classes (FAUST's centroids) is
of one network, the one that will predict. It sees training samples and their labels alone.
"""

import numpy as np

from ffref.data import Samples, blocks
from ffref.training.algorithm import Algorithm
from ffref.training.network import passes, rows_at_once
from ffref.training.step import TrainingState
from ffref.types import Array, Labels


def take_census(algorithm: Algorithm, state: TrainingState, x: Samples, labels: Labels) -> None:
    """Overwrite the params of each layer whose objective has a census.

    Parameters
    ----------
    algorithm : Algorithm
    state : TrainingState
    x : (samples, features), labels : (samples,)
        All training samples, as they are without augmentation; a `Stream` is read once more.
    """
    if not any(objective.census for objective in algorithm.objectives):
        return
    totals: dict[int, tuple[Array, ...]] = {}
    done = 0
    for rows in blocks(x, rows_at_once(state.network)):
        own = labels[done : done + len(rows)]
        done += len(rows)
        for depth, passed in enumerate(passes(state.network, algorithm.neutral(rows))):
            census = algorithm.objectives[depth].census
            if census is None:
                continue
            part = census.sums(passed.features, own, state.network.layers[depth].params)
            before = totals.get(depth)
            added = part if before is None else (a + b for a, b in zip(before, part, strict=True))
            totals[depth] = tuple(added)
    for depth, sums in totals.items():
        census, params = algorithm.objectives[depth].census, state.network.layers[depth].params
        if census is not None:
            for kept, taken in zip(params, census.params(params, sums), strict=True):
                np.copyto(kept, taken)
