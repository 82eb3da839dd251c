"""The loop nest of the matrix product around the register tile.

Sizes are chosen so that what is read again is near: one panel of b (DEPTH x a tile's columns)
stays in the first-level cache while all tiles of a block of rows use it, the block of a (ROW_BLOCK
x DEPTH) stays in the second-level cache.
"""

import numpy as np
from numpy.typing import NDArray

from ffref.kernels._jit import kernel
from ffref.kernels.packing import pack
from ffref.kernels.tile import ROWS, SHAPE, tile
from ffref.types import Array

DEPTH = 256
ROW_BLOCK = 384
PACK_B_FROM_ROWS = 4 * ROWS
PACK_A_FROM_COLUMNS = 128
PANEL_ROWS = 8
CACHE_LINE = 64


@kernel
def product(
    out: Array,
    a: tuple[int, int, int],
    b: tuple[int, int, int],
    depth: int,
    row_start: int,
    row_stop: int,
    column_start: int,
    column_stop: int,
) -> None:
    """out[i, j] = sum_k a[i, k] b[k, j] in the given ranges of rows and columns.

    a and b are (address, bytes to the next row, bytes to the next column): a matrix of any layout
    and its transpose, read-only or not, are the same to the compiled code.
    """
    size = out.itemsize
    rows = min(row_stop - row_start, ROW_BLOCK)
    rows = (rows + ROWS - 1) // ROWS * PANEL_ROWS
    steps = min(depth, DEPTH)
    space = np.empty(
        steps * (rows * size + SHAPE.vectors * SHAPE.vector_bytes) + CACHE_LINE, np.uint8
    )
    for k in range(0, max(depth, 1), DEPTH):
        for row in range(row_start, row_stop, ROW_BLOCK):
            _row_block(
                out,
                (a[0] + row * a[1] + k * a[2], a[1], a[2]),
                (b[0] + k * b[1], b[1], b[2]),
                row,
                min(row + ROW_BLOCK, row_stop),
                column_start,
                column_stop,
                min(DEPTH, depth - k),
                k == 0,
                space,
            )


@kernel
def _row_block(
    out: Array,
    a: tuple[int, int, int],
    b: tuple[int, int, int],
    row_start: int,
    row_stop: int,
    column_start: int,
    column_stop: int,
    depth: int,
    first: bool,
    space: NDArray[np.uint8],
) -> None:
    """One block of rows and one block of k: pack a, then each panel of b, then the tiles."""
    dtype = out.dtype
    size = out.itemsize
    width = SHAPE.vectors * SHAPE.vector_bytes // size
    lanes = SHAPE.vector_bytes // size
    panel_b = (space.ctypes.data + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
    block_a = panel_b + depth * SHAPE.vectors * SHAPE.vector_bytes
    rows = row_stop - row_start
    pack_a = column_stop - column_start >= PACK_A_FROM_COLUMNS
    pack_b = rows >= PACK_B_FROM_ROWS or b[2] != size
    tile_bytes = depth * PANEL_ROWS * size
    if pack_a:
        for row in range(0, rows, ROWS):
            height = min(ROWS, rows - row)
            target = block_a + row // ROWS * tile_bytes
            pack(
                dtype,
                size,
                a[0] + row * a[1],
                a[1],
                a[2],
                height,
                depth,
                target,
                PANEL_ROWS * size,
            )
    for column in range(column_start, column_stop, width):
        columns = min(width, column_stop - column)
        b_address, b_step = b[0] + column * b[2], b[1]
        if pack_b or columns % lanes != 0:
            pitch = SHAPE.vectors * SHAPE.vector_bytes
            pack(dtype, size, b_address, b[2], b[1], columns, depth, panel_b, pitch)
            b_address, b_step = panel_b, pitch
        row = 0
        while row < rows:
            height = ROWS
            while height > rows - row:
                height = _lower(height)
            a_address, a_row, a_step = a[0] + row * a[1], a[1], a[2]
            if pack_a:
                a_address = block_a + row // ROWS * tile_bytes + row % ROWS * size
                a_row, a_step = size, PANEL_ROWS * size
            target = out.ctypes.data + (row_start + row) * out.strides[0] + column * size
            tile(
                dtype,
                height,
                columns,
                a_address,
                a_row,
                a_step,
                b_address,
                b_step,
                target,
                out.strides[0],
                depth,
                first,
            )
            row += height


@kernel
def _lower(height: int) -> int:
    """The next smaller number of rows that a tile can have."""
    if height > 4:
        return 4
    return height // 2
