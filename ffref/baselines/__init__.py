"""Yardsticks on the same layers, by hand: back-propagation and predictive coding."""

from ffref.baselines.backprop import (
    backprop_grads,
    backprop_input_gradient,
    backprop_logits,
    backprop_loss,
    backprop_step,
)
from ffref.baselines.chain import NetworkPass, input_gradient, network_pass, ways_back
from ffref.baselines.predictive_coding import (
    Inference,
    Relaxed,
    predictive_coding_energy,
    predictive_coding_energy_grads,
    predictive_coding_grads,
    predictive_coding_step,
    predictive_coding_values,
    relax_errors,
    relax_values,
)

__all__ = [
    "Inference",
    "NetworkPass",
    "Relaxed",
    "backprop_grads",
    "backprop_input_gradient",
    "backprop_logits",
    "backprop_loss",
    "backprop_step",
    "input_gradient",
    "network_pass",
    "predictive_coding_energy",
    "predictive_coding_energy_grads",
    "predictive_coding_grads",
    "predictive_coding_step",
    "predictive_coding_values",
    "relax_errors",
    "relax_values",
    "ways_back",
]
