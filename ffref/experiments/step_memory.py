"""What a training step holds in memory, exactly: the peak of what NumPy allocates."""

import tracemalloc
from collections.abc import Callable

import numpy as np

from ffref.estimators import Classifier
from ffref.kernels import flush_subnormals
from ffref.types import Array, Labels


def training_step(model: Classifier, x: Array, labels: Labels) -> tuple[Callable[[], None], int]:
    """Return a call that takes a training step as `fit` does, and the bytes that its state holds.

    model : started; x, labels : a batch
    """
    state = model.state_
    run = model._step(x.shape[1], len(model.classes_)).run
    rng, layers = np.random.default_rng(0), range(len(state.network.layers))

    def step() -> None:
        nonlocal state
        with np.errstate(all="ignore"), flush_subnormals():
            state, _ = run(state, x, labels, rng=rng, learning_rate=1e-3, trained=layers)

    arrays = [a for layer in state.network.layers for a in (*layer.weights, *layer.params)]
    arrays += [a for memory in state.optimizer for slots in memory.slots for a in slots]
    return step, sum(a.nbytes for a in arrays)


def peak_of_arrays(step: Callable[[], None]) -> int:
    """Return the most bytes that NumPy and Python held during a step above those before it."""
    tracemalloc.start()
    begin, _ = tracemalloc.get_traced_memory()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - begin
