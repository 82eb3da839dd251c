"""Numba loops over plain arrays: the only room that knows Numba.

`ffref.kernels` is the only import that other rooms need. A kernel has no defaults and no hidden
state; it checks the shapes of its arguments, because a compiled loop would read past their end.
"""

from ffref.kernels.batch_norm import (
    channel_moments,
    channel_slopes,
    channel_sums,
    normalize_channels,
    normalize_channels_grad,
)
from ffref.kernels.convolution import conv2d, conv2d_input_grad, conv2d_weight_grad
from ffref.kernels.local_fields import (
    local_fields,
    local_fields_input_grad,
    local_fields_weight_grad,
)
from ffref.kernels.matmul import matmul, matmul_nt, matmul_tn
from ffref.kernels.places import as_pair, count_places
from ffref.kernels.pooling import (
    average_pool2d,
    average_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from ffref.kernels.subnormals import flush_subnormals
from ffref.kernels.threads import available_cores, get_threads, set_threads
from ffref.kernels.updates import adam_update, heavy_ball_update, moving_average_update

__all__ = [
    "adam_update",
    "as_pair",
    "available_cores",
    "average_pool2d",
    "average_pool2d_grad",
    "channel_moments",
    "channel_slopes",
    "channel_sums",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "count_places",
    "flush_subnormals",
    "get_threads",
    "heavy_ball_update",
    "local_fields",
    "local_fields_input_grad",
    "local_fields_weight_grad",
    "matmul",
    "matmul_nt",
    "matmul_tn",
    "max_pool2d",
    "max_pool2d_grad",
    "moving_average_update",
    "normalize_channels",
    "normalize_channels_grad",
    "set_threads",
]
