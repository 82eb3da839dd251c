"""Classes that join a trained network, where a layer's own arrays have a row for each class."""

import numpy as np

from ffref.training.step import TrainingState
from ffref.types import Array, Labels


def insert_classes(state: TrainingState, before: Labels, rows: list[Array]) -> TrainingState:
    """Insert new classes' rows into the last of each layer's params; all else stays.

    Where these rows are learned, the optimiser remembers nothing of the new ones.

    Parameters
    ----------
    state : TrainingState
        Its arrays are not written into.
    before : (new,) rising
        Row, counted without the new ones, that each new one comes before.
    rows : list of (new, ...) arrays
        For each layer.
    """
    layers, memories = [], []
    pairs = zip(state.network.layers, state.optimizer, rows, strict=True)
    for layer, memory, added in pairs:
        *others, classwise = layer.params
        grown = np.insert(classwise, before, added, axis=0)
        layers.append(layer._replace(params=(*others, grown)))
        if len(memory.slots) == len(layer.kind.decayed) + len(layer.params):
            *kept, slots = memory.slots
            blank = tuple(np.insert(slot, before, 0, axis=0) for slot in slots)
            memory = memory._replace(slots=(*kept, blank))  # noqa: PLW2901
        memories.append(memory)
    network = state.network._replace(layers=tuple(layers))
    return state._replace(network=network, optimizer=tuple(memories))
