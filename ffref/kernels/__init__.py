"""Numba loops over plain arrays: the only room that knows Numba.

`ffref.kernels` is the only import that other rooms need. A kernel has no defaults and no hidden
state; it checks the shapes of its arguments, because a compiled loop would read past their end.
"""

from ffref.kernels.convolution import conv2d, conv2d_input_grad, conv2d_weight_grad
from ffref.kernels.matmul import matmul, matmul_nt, matmul_tn
from ffref.kernels.subnormals import flush_subnormals
from ffref.kernels.threads import available_cores, get_threads, set_threads
from ffref.kernels.updates import adam_update, heavy_ball_update, moving_average_update

__all__ = [
    "adam_update",
    "available_cores",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "flush_subnormals",
    "get_threads",
    "heavy_ball_update",
    "matmul",
    "matmul_nt",
    "matmul_tn",
    "moving_average_update",
    "set_threads",
]
