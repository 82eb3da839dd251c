"""Yardsticks on the same layers, by hand: back-propagation."""

from ffref.baselines.backprop import backprop_grads, backprop_logits, backprop_loss, backprop_step

__all__ = ["backprop_grads", "backprop_logits", "backprop_loss", "backprop_step"]
