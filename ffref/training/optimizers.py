"""Optimisers: SGD with momentum in both known forms, Adam, AdamW.

Derivation: docs/derivations/optimizers.md. An optimiser is a pair of functions, `init` and
`update`; its state is passed in and out, while parameters and slots are overwritten in place by
the kernels.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.kernels import adam_update, heavy_ball_update, moving_average_update
from ffref.types import Array

Slots = tuple[Array, ...]
"""What is remembered of one parameter: velocity; or means of gradient and of its square."""


class OptimizerState(NamedTuple):
    """What an optimiser remembers of a list of parameters."""

    step: int
    """Number of updates done."""
    slots: tuple[Slots, ...]
    """For each parameter its own."""


class Optimizer(NamedTuple):
    """An optimiser with its choices bound."""

    init: Callable[[Sequence[Array]], OptimizerState]
    update: Callable[
        [Sequence[Array], Sequence[Array], OptimizerState, float, Sequence[bool]], OptimizerState
    ]
    """(parameters, gradients, state, learning_rate, decayed) -> state; `decayed` says of each
    parameter whether weight decay acts on it (weights: yes; biases and prototypes: no)"""


def heavy_ball(*, momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """SGD with heavy-ball momentum; the decay is part of the gradient, as in torch.optim.SGD.

    v <- momentum v + (g + decay w);  w <- w - rate v

    Source: Polyak (1964). With rate r (1 - momentum) it takes the same path as `moving_average`
    with rate r, but for the decay.
    """
    _check_shares(momentum=momentum)
    _check_decay(weight_decay)

    def update_one(w: Array, g: Array, slots: Slots, rate: float, decay: float, step: int) -> None:
        heavy_ball_update(w, g, *slots, rate=rate, momentum=momentum, decay=decay)

    return _optimizer(1, weight_decay, update_one)


def moving_average(*, momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """SGD along a moving average of the gradient, with decoupled decay.

    v <- momentum v + (1 - momentum) g;  w <- w - rate (v + decay w)

    Source: the official Matlab code of Hinton (2022), where rate is 0.01 and momentum 0.9.
    """
    _check_shares(momentum=momentum)
    _check_decay(weight_decay)

    def update_one(w: Array, g: Array, slots: Slots, rate: float, decay: float, step: int) -> None:
        moving_average_update(w, g, *slots, rate=rate, momentum=momentum, decay=decay)

    return _optimizer(1, weight_decay, update_one)


def adam(*, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam, with eps outside the root. Source: Kingma & Ba (2015), algorithm 1.

    m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) g^2
    w <- w - rate (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
    """
    return adamw(beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0)


def adamw(
    *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.01
) -> Optimizer:
    """Adam with decoupled decay, w <- ... - rate decay w.

    Source: Loshchilov & Hutter (2019), algorithm 2, with the decay multiplied by the rate, as in
    torch.optim.AdamW.
    """
    _check_shares(beta1=beta1, beta2=beta2)
    _check_decay(weight_decay)
    require(eps >= 0, f"eps must be at least 0, got {eps!r}")

    def update_one(w: Array, g: Array, slots: Slots, rate: float, decay: float, step: int) -> None:
        adam_update(
            w, g, *slots, rate=rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay, step=step
        )

    return _optimizer(2, weight_decay, update_one)


OPTIMIZERS = ("adam", "adamw", "heavy-ball", "moving-average")
"""The names that `bind_optimizer` knows."""


def bind_optimizer(name: str, *, momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Bind an optimiser by name, one of `OPTIMIZERS`."""
    if name == "heavy-ball":
        return heavy_ball(momentum=momentum, weight_decay=weight_decay)
    if name == "moving-average":
        return moving_average(momentum=momentum, weight_decay=weight_decay)
    if name == "adamw":
        return adamw(weight_decay=weight_decay)
    require(
        name == "adam",
        f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}",
    )
    require(
        weight_decay == 0,
        f"optimizer 'adam' has no weight decay, got {weight_decay!r}; use 'adamw'",
    )
    return adam()


_UpdateOne = Callable[[Array, Array, Slots, float, float, int], None]


def _optimizer(slots_per_parameter: int, weight_decay: float, update_one: _UpdateOne) -> Optimizer:
    def init(parameters: Sequence[Array]) -> OptimizerState:
        slots = tuple(
            tuple(np.zeros_like(w) for _ in range(slots_per_parameter)) for w in parameters
        )
        return OptimizerState(0, slots)

    def update(
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        state: OptimizerState,
        learning_rate: float,
        decayed: Sequence[bool],
    ) -> OptimizerState:
        step = state.step + 1
        for w, g, slots, decays in zip(parameters, gradients, state.slots, decayed, strict=True):
            update_one(w, g, slots, learning_rate, weight_decay if decays else 0.0, step)
        return OptimizerState(step, state.slots)

    return Optimizer(init, update)


def _check_shares(**shares: float) -> None:
    for name, value in shares.items():
        require(0 <= value < 1, f"{name} must lie in [0, 1), got {value!r}")


def _check_decay(weight_decay: float) -> None:
    require(
        0 <= weight_decay < math.inf,
        f"weight_decay must be a finite number of at least 0, got {weight_decay!r}",
    )
