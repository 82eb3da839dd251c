"""Layers: forward and parameter gradients. Weights travel in NamedTuples."""

from ffref.layers.dense import (
    Dense,
    dense_forward,
    dense_grads,
    dense_input_grad,
    dense_relu,
    he_dense,
    he_dense_layers,
)
from ffref.layers.labelled import layer_grads, layer_relu, shared_product, version_relu

__all__ = [
    "Dense",
    "dense_forward",
    "dense_grads",
    "dense_input_grad",
    "dense_relu",
    "he_dense",
    "he_dense_layers",
    "layer_grads",
    "layer_relu",
    "shared_product",
    "version_relu",
]
