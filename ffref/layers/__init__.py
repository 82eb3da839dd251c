"""Layers: forward and parameter gradients. Weights travel in NamedTuples."""

from ffref.layers.dense import (
    INITIAL_GAIN,
    Dense,
    dense_forward,
    dense_grads,
    dense_input_grad,
    dense_relu,
    draw_dense,
    draw_dense_layers,
)
from ffref.layers.labelled import layer_grads, layer_relu, shared_product, version_relu
from ffref.layers.readout import (
    Readout,
    ReadoutEvaluation,
    readout_evaluate,
    readout_features,
    readout_logits,
    readout_loss,
    readout_loss_grads,
    zero_readout,
)

__all__ = [
    "INITIAL_GAIN",
    "Dense",
    "Readout",
    "ReadoutEvaluation",
    "dense_forward",
    "dense_grads",
    "dense_input_grad",
    "dense_relu",
    "draw_dense",
    "draw_dense_layers",
    "layer_grads",
    "layer_relu",
    "readout_evaluate",
    "readout_features",
    "readout_logits",
    "readout_loss",
    "readout_loss_grads",
    "shared_product",
    "version_relu",
    "zero_readout",
]
