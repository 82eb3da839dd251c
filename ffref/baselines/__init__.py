"""Yardsticks on the same layers, by hand: back-propagation."""

from ffref.baselines.backprop import (
    backprop_grads,
    backprop_input_gradient,
    backprop_logits,
    backprop_loss,
    backprop_step,
)
from ffref.baselines.chain import NetworkPass, input_gradient, network_pass, ways_back

__all__ = [
    "NetworkPass",
    "backprop_grads",
    "backprop_input_gradient",
    "backprop_logits",
    "backprop_loss",
    "backprop_step",
    "input_gradient",
    "network_pass",
    "ways_back",
]
