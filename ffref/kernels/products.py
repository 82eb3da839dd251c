"""The loop nest of the matrix product around the register tile.

Memory is the hard part: the tile consumes numbers faster than anything but the nearest caches
delivers them. A block of b (DEPTH_BYTES deep, a few panels wide) is packed once, stays in the
second-level cache, and meets all rows of a before the next block is packed. The few rows of a
that a tile reads stay in the first-level cache while they meet all panels of the block. Rows of
a and of the result are read and written along memory, from left to right.

With few rows, packing costs more than it saves: see `direct_product`.

No cut, neither of rows, nor of columns, nor of k, changes a bit of the result (see `tile`).
"""

import numpy as np
from numpy.typing import NDArray

from ffref.kernels._jit import kernel, kernel_part
from ffref.kernels.packing import CACHE_LINE, GROUP, pack, panel_bytes, panel_pitch
from ffref.kernels.tile import ROWS, SHAPE, tile
from ffref.types import Array

Matrix = tuple[int, int, int]
"""Address, bytes to the next row, bytes to the next column. So a matrix of any layout and its
transpose, writable or not, are the same to the compiled code, which is compiled once a dtype."""

DEPTH_BYTES = 2048
"""Longest piece of a row of a: of a tile's rows of them, the first-level cache holds the most."""
BLOCK_BYTES = 480 << 10
"""Largest packed block of b: half of a second-level cache of 1 MiB."""
ROW_BLOCK = 2048
"""Rows of a that are packed at once, if they have to be packed: their elements for k and k + 1
are no neighbours."""
PACK_FROM_ROWS = 3 * ROWS
"""Fewest rows that make packing b worth while."""
DIRECT_DEPTH = 32
"""Steps of k, if b is not packed: each is on a page of its own, a processor knows few at once."""
PANEL_BYTES = SHAPE.vectors * SHAPE.vector_bytes
"""A row of a panel of b: the columns of a tile."""


@kernel
def packed_product(
    out: Array,
    a: Matrix,
    b: Matrix,
    depth: int,
    row_start: int,
    row_stop: int,
    column_start: int,
    column_stop: int,
) -> None:
    """out[i, j] = sum_k a[i, k] b[k, j] in the given ranges of rows and columns.

    Pack a block of b, let it meet all rows; then the next block.
    """
    size = out.itemsize
    width = PANEL_BYTES // size
    steps = even_part(depth, DEPTH_BYTES // size, GROUP)
    most_columns = BLOCK_BYTES // (steps * PANEL_BYTES) * width
    columns = even_part(column_stop - column_start, most_columns, width)
    packs_a = a[2] != size
    rows = row_stop - row_start
    rows = even_part(rows, ROW_BLOCK if packs_a else rows, ROWS)
    b_bytes = columns // width * panel_bytes(size, width, steps)
    a_bytes = rows // ROWS * panel_bytes(size, ROWS, steps) if packs_a else 0
    space = np.empty(b_bytes + a_bytes + CACHE_LINE, np.uint8)
    block = aligned(space)
    for row in range(row_start, row_stop, rows):
        some = min(rows, row_stop - row)
        for k in range(0, max(depth, 1), steps):
            count = min(steps, depth - k)
            a_part, next_tile = (a[0] + row * a[1] + k * a[2], a[1], a[2]), ROWS * a[1]
            if packs_a:
                panels = block + b_bytes
                pack(out.dtype, size, a_part[0], a[1], a[2], some, count, panels, ROWS)
                a_part = (panels, size, panel_pitch(size, ROWS))
                next_tile = panel_bytes(size, ROWS, count)
            for column in range(column_start, column_stop, columns):
                wide = min(columns, column_stop - column)
                source = b[0] + k * b[1] + column * b[2]
                pack(out.dtype, size, source, b[2], b[1], wide, count, block, width)
                part = out[row : row + some, column : column + wide]
                _meet_rows(part, a_part, next_tile, block, count, k == 0)
    space[0] = 0  # keeps the memory of `block` until here


@kernel_part
def _meet_rows(out: Array, a: Matrix, next_tile: int, block: int, depth: int, first: bool) -> None:
    """Add the product of the rows of a and of the packed block of b to `out`.

    `next_tile` is the number of bytes from a tile's rows of a to those of the next tile.
    """
    size = out.itemsize
    rows, columns = out.shape
    width = PANEL_BYTES // size
    next_panel = panel_bytes(size, width, depth)
    row = 0
    while row < rows:
        height = tile_height(rows - row)
        a_tile = a[0] + row // ROWS * next_tile + row % ROWS * a[1]
        for column in range(0, columns, width):
            wide = min(width, columns - column)
            panel = block + column // width * next_panel
            place = np.int64(out.ctypes.data) + row * out.strides[0] + column * size
            tile(
                out.dtype, height, wide, a_tile, a[1], a[2], panel, PANEL_BYTES,
                place, out.strides[0], depth, first,
            )  # fmt: skip
        row += height


@kernel
def direct_product(
    out: Array,
    a: Matrix,
    b: Matrix,
    depth: int,
    row_start: int,
    row_stop: int,
    column_start: int,
    column_stop: int,
) -> None:
    """As `packed_product`, for few rows and a b whose columns are neighbours.

    Read b where it is, a few steps of k at a time.
    """
    size = out.itemsize
    width = PANEL_BYTES // size
    lanes = SHAPE.vector_bytes // size
    space = np.empty(DIRECT_DEPTH * PANEL_BYTES + 2 * CACHE_LINE, np.uint8)
    edge = aligned(space)
    for k in range(0, max(depth, 1), DIRECT_DEPTH):
        count = min(DIRECT_DEPTH, depth - k)
        for column in range(column_start, column_stop, width):
            wide = min(width, column_stop - column)
            panel, b_step = b[0] + k * b[1] + column * size, b[1]
            if wide % lanes != 0:  # whole vectors would reach beyond the matrix
                pack(out.dtype, size, panel, b[2], b[1], wide, count, edge, width)
                panel, b_step = edge, PANEL_BYTES
            row = row_start
            while row < row_stop:
                height = tile_height(row_stop - row)
                a_tile = a[0] + row * a[1] + k * a[2]
                place = np.int64(out.ctypes.data) + row * out.strides[0] + column * size
                tile(
                    out.dtype, height, wide, a_tile, a[1], a[2], panel, b_step,
                    place, out.strides[0], count, k == 0,
                )  # fmt: skip
                row += height
    space[0] = 0  # keeps the memory of `edge` until here


@kernel_part
def tile_height(rows: int) -> int:
    """Rows of the next tile where `rows` are left: see `tile_heights`."""
    if rows >= ROWS:
        height = ROWS
    elif rows >= 4:
        height = 4
    else:
        height = min(rows, 2)
    return height


@kernel_part
def even_part(length: int, most: int, multiple: int) -> int:
    """Length of parts of nearly equal length, about `most`, that cover `length`."""
    parts = max(1, (length + most - 1) // max(1, most))
    even = (length + parts - 1) // parts
    return max(1, (even + multiple - 1) // multiple) * multiple


@kernel_part
def aligned(space: NDArray[np.uint8]) -> int:
    """The first address in `space` at the beginning of a cache line."""
    address = int(np.int64(space.ctypes.data))
    return (address + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
