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
from ffref.kernels.gated_norm import gated_pull_back, gated_slopes
from ffref.kernels.local_fields import (
    local_fields,
    local_fields_input_grad,
    local_fields_weight_grad,
)
from ffref.kernels.matmul import matmul, matmul_nt, matmul_tn
from ffref.kernels.memory import keep_freed_memory
from ffref.kernels.places import as_pair, count_places
from ffref.kernels.pooling import (
    average_pool2d,
    average_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from ffref.kernels.rows import (
    add_bias_relu_rows,
    add_bias_rows,
    add_rows_relu,
    divide_rows,
    gate_rows,
    reject_rows,
)
from ffref.kernels.softmax import (
    cross_entropy_grad_rows,
    cross_entropy_rows,
    log_mean_exp_rows,
    log_sum_exp_rows,
    softmax_rows,
)
from ffref.kernels.subnormals import flush_subnormals
from ffref.kernels.threads import available_cores, get_threads, set_threads
from ffref.kernels.updates import adam_update, heavy_ball_update, moving_average_update

__all__ = [
    "adam_update",
    "add_bias_relu_rows",
    "add_bias_rows",
    "add_rows_relu",
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
    "cross_entropy_grad_rows",
    "cross_entropy_rows",
    "divide_rows",
    "flush_subnormals",
    "gate_rows",
    "gated_pull_back",
    "gated_slopes",
    "get_threads",
    "heavy_ball_update",
    "keep_freed_memory",
    "local_fields",
    "local_fields_input_grad",
    "local_fields_weight_grad",
    "log_mean_exp_rows",
    "log_sum_exp_rows",
    "matmul",
    "matmul_nt",
    "matmul_tn",
    "max_pool2d",
    "max_pool2d_grad",
    "moving_average_update",
    "normalize_channels",
    "normalize_channels_grad",
    "reject_rows",
    "set_threads",
    "softmax_rows",
]
