"""Layers: forward and parameter gradients. Weights travel in NamedTuples."""

from ffref.layers.convolution import (
    Conv,
    conv_forward,
    conv_grads,
    conv_input_grad,
    he_conv,
)
from ffref.layers.dense import (
    Dense,
    dense_forward,
    dense_grads,
    dense_input_grad,
    he_dense,
    he_dense_layers,
)
from ffref.layers.local_fields import (
    LocalFields,
    he_local_fields,
    local_fields_forward,
    local_fields_grads,
    local_fields_input_grad,
)
from ffref.layers.normalisation import (
    BatchNorm,
    BatchStatistics,
    RunningStatistics,
    advance_running,
    batch_norm_forward,
    batch_norm_grads,
    batch_norm_inference,
    batch_norm_inference_grads,
    fresh_batch_norm,
)
from ffref.layers.pooling import (
    average_pool2d,
    average_pool2d_vjp,
    max_pool2d,
    max_pool2d_vjp,
)

__all__ = [
    "BatchNorm",
    "BatchStatistics",
    "Conv",
    "Dense",
    "LocalFields",
    "RunningStatistics",
    "advance_running",
    "average_pool2d",
    "average_pool2d_vjp",
    "batch_norm_forward",
    "batch_norm_grads",
    "batch_norm_inference",
    "batch_norm_inference_grads",
    "conv_forward",
    "conv_grads",
    "conv_input_grad",
    "dense_forward",
    "dense_grads",
    "dense_input_grad",
    "fresh_batch_norm",
    "he_conv",
    "he_dense",
    "he_dense_layers",
    "he_local_fields",
    "local_fields_forward",
    "local_fields_grads",
    "local_fields_input_grad",
    "max_pool2d",
    "max_pool2d_vjp",
]
