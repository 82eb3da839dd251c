"""The plain loops: the definition of each kernel, three nested sums and nothing else."""

from ffref.kernels._jit import kernel
from ffref.kernels.fused import multiply_add
from ffref.types import Array


@kernel
def matmul_rows(a: Array, b: Array, out: Array, start: int, stop: int) -> None:
    """out[i, j] = sum_k a[i, k] b[k, j] for the rows start .. stop, k in rising order.

    The loop over j is the inner one: it runs over neighbours in memory, and no sum is reordered.
    """
    for i in range(start, stop):
        for j in range(b.shape[1]):
            out[i, j] = 0
        for k in range(a.shape[1]):
            a_ik = a[i, k]
            for j in range(b.shape[1]):
                out[i, j] = multiply_add(a_ik, b[k, j], out[i, j])
