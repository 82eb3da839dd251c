"""The register tile, callable from Python."""

from ffref.kernels._jit import kernel
from ffref.kernels.tile import gathered_tile, tile


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


@kernel
def run_gathered_tile(out, memory, row_places, steps, b, out_places, columns, first):
    """out[out_places, :columns] (+)= memory[row_places + steps] @ b; places count elements."""
    size = out.itemsize
    tables = row_places * size, steps * size, out_places * out.strides[0]
    places = tables[0].ctypes.data, tables[1].ctypes.data, tables[2].ctypes.data
    arrays = memory.ctypes.data, b.ctypes.data, out.ctypes.data
    gathered_tile(
        out.dtype,
        row_places.size,
        columns,
        arrays[0],
        places[0],
        places[1],
        arrays[1],
        b.strides[0],
        arrays[2],
        places[2],
        steps.size,
        first,
    )
    return tables  # keeps their memory until here
