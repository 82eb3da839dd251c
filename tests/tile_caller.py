"""The register tile, callable from Python."""

from ffref.kernels._jit import kernel
from ffref.kernels.tile import tile


@kernel
def run_tile(out, a, b, rows, columns, first):
    """out[:rows, :columns] (+)= a @ b."""
    places = a.ctypes.data, b.ctypes.data, out.ctypes.data
    tile(
        out.dtype,
        rows,
        columns,
        places[0],
        a.strides[0],
        a.strides[1],
        places[1],
        b.strides[0],
        places[2],
        out.strides[0],
        a.shape[1],
        first,
    )
