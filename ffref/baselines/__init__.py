"""Yardsticks on the same layers, by hand: back-propagation and predictive coding."""

from ffref.baselines.backprop import backprop_grads, backprop_logits, backprop_loss, backprop_step
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
    "Relaxed",
    "backprop_grads",
    "backprop_logits",
    "backprop_loss",
    "backprop_step",
    "predictive_coding_energy",
    "predictive_coding_energy_grads",
    "predictive_coding_grads",
    "predictive_coding_step",
    "predictive_coding_values",
    "relax_errors",
    "relax_values",
]
