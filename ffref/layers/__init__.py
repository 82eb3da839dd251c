"""Layers: forward and parameter gradients. Weights travel in NamedTuples."""

from ffref.layers.dense import (
    Dense,
    dense_forward,
    dense_grads,
    dense_input_grad,
    he_dense,
    he_dense_layers,
)

__all__ = [
    "Dense",
    "dense_forward",
    "dense_grads",
    "dense_input_grad",
    "he_dense",
    "he_dense_layers",
]
