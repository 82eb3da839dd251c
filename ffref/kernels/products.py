"""The loop nest of the matrix product around the register tile.

Memory is the hard part: the tile consumes numbers faster than anything but the nearest caches
delivers them. A block of b (DEPTH_BYTES deep, a few panels wide) is packed once, stays in the
second-level cache, and meets all rows of a before the next block is packed. The few rows of a
that a tile reads stay in the first-level cache while they meet all panels of the block. Rows of
a and of the result are read and written along memory, from left to right.

With few rows, packing costs more than it saves: see `_direct_product`.

No cut, neither of rows, nor of columns, nor of k, changes a bit of the result (see `tile`).
"""

import numpy as np

from ffref.kernels._jit import kernel
from ffref.kernels.packing import CACHE_LINE, GROUP, pack, panel_bytes, panel_pitch
from ffref.kernels.tile import ROWS, SHAPE, tile
from ffref.types import Array

Matrix = tuple[int, int, int]
"""Address, bytes to the next row, bytes to the next column. So a matrix of any layout and its
transpose, writable or not, are the same to the compiled code, which is compiled once a dtype."""

DEPTH_BYTES = 2048
"""Longest piece of a row of a: of 8 of them, the first-level cache holds the most."""
BLOCK_BYTES = 480 << 10
"""Largest packed block of b: half of a second-level cache of 1 MiB."""
ROW_BLOCK = 2048
"""Rows of a that are packed at once, if they have to be packed: their elements for k and k + 1
are no neighbours."""
PACK_FROM_ROWS = 4 * ROWS
"""Fewest rows that make packing b worth while."""
DIRECT_DEPTH = 32
"""Steps of k, if b is not packed: each is on a page of its own, a processor knows few at once."""
PANEL_BYTES = SHAPE.vectors * SHAPE.vector_bytes
"""A row of a panel of b: the columns of a tile."""


@kernel
def product(
    out: Array,
    a: Matrix,
    b: Matrix,
    depth: int,
    row_start: int,
    row_stop: int,
    column_start: int,
    column_stop: int,
) -> None:
    """out[i, j] = sum_k a[i, k] b[k, j] in the given ranges of rows and columns."""
    size = out.itemsize
    a = (a[0] + row_start * a[1], a[1], a[2])
    b = (b[0] + column_start * b[2], b[1], b[2])
    part = out[row_start:row_stop, column_start:column_stop]
    if part.shape[0] >= PACK_FROM_ROWS or b[2] != size:
        _packed_product(part, a, b, depth)
    else:
        _direct_product(part, a, b, depth)


@kernel
def _packed_product(out: Array, a: Matrix, b: Matrix, depth: int) -> None:
    """Pack a block of b, let it meet all rows; then the next block."""
    size = out.itemsize
    rows, columns = out.shape
    width = PANEL_BYTES // size
    steps = _even_part(depth, DEPTH_BYTES // size, GROUP)
    group = _even_part(columns, BLOCK_BYTES // (steps * PANEL_BYTES) * width, width)
    packs_a = a[2] != size
    height = _even_part(rows, ROW_BLOCK if packs_a else rows, ROWS)
    b_bytes = group // width * panel_bytes(size, width, steps)
    a_bytes = height // ROWS * panel_bytes(size, ROWS, steps) if packs_a else 0
    space = np.empty(b_bytes + a_bytes + CACHE_LINE, np.uint8)
    block = _aligned(space.ctypes.data)
    for row in range(0, rows, height):
        for k in range(0, max(depth, 1), steps):
            count = min(steps, depth - k)
            some = min(height, rows - row)
            a_part = (a[0] + row * a[1] + k * a[2], a[1], a[2])
            next_tile = ROWS * a[1]
            if packs_a:
                panels = block + b_bytes
                pack(out.dtype, size, a_part[0], a[1], a[2], some, count, panels, ROWS)
                a_part = (panels, size, panel_pitch(size, ROWS))
                next_tile = panel_bytes(size, ROWS, count)
            for column in range(0, columns, group):
                part = out[row : row + some, column : column + group]
                source = b[0] + k * b[1] + column * b[2]
                pack(out.dtype, size, source, b[2], b[1], part.shape[1], count, block, width)
                _meet_rows(part, a_part, next_tile, block, count, k == 0)
    space[0] = 0  # keeps the memory of `block` until here


@kernel
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
        height = _tile_height(rows - row)
        a_tile = (a[0] + row // ROWS * next_tile + row % ROWS * a[1], a[1], a[2])
        panel = block
        for column in range(0, columns, width):
            wide = min(width, columns - column)
            _run_tile(out, row, height, column, wide, a_tile, panel, PANEL_BYTES, depth, first)
            panel += next_panel
        row += height


@kernel
def _direct_product(out: Array, a: Matrix, b: Matrix, depth: int) -> None:
    """Read b where it is, a few steps of k at a time; its columns are neighbours."""
    size = out.itemsize
    rows, columns = out.shape
    width = PANEL_BYTES // size
    lanes = SHAPE.vector_bytes // size
    space = np.empty(DIRECT_DEPTH * PANEL_BYTES + CACHE_LINE, np.uint8)
    panel = _aligned(space.ctypes.data)
    for k in range(0, max(depth, 1), DIRECT_DEPTH):
        count = min(DIRECT_DEPTH, depth - k)
        for column in range(0, columns, width):
            wide = min(width, columns - column)
            b_panel, b_step = b[0] + k * b[1] + column * size, b[1]
            if wide % lanes != 0:  # whole vectors would reach beyond the matrix
                pack(out.dtype, size, b_panel, b[2], b[1], wide, count, panel, width)
                b_panel, b_step = panel, PANEL_BYTES
            row = 0
            while row < rows:
                height = _tile_height(rows - row)
                a_tile = (a[0] + row * a[1] + k * a[2], a[1], a[2])
                _run_tile(out, row, height, column, wide, a_tile, b_panel, b_step, count, k == 0)
                row += height
    space[0] = 0  # keeps the memory of `panel` until here


@kernel
def _run_tile(
    out: Array,
    row: int,
    rows: int,
    column: int,
    columns: int,
    a: Matrix,
    b: int,
    b_step: int,
    depth: int,
    first: bool,
) -> None:
    """The tile at (row, column) of `out`."""
    place = out.ctypes.data + row * out.strides[0] + column * out.itemsize
    tile(
        out.dtype, rows, columns, a[0], a[1], a[2], b, b_step, place, out.strides[0], depth, first
    )


@kernel
def _tile_height(rows: int) -> int:
    """Rows of the next tile where `rows` are left: see `tile_heights`."""
    if rows >= ROWS:
        return ROWS
    if rows >= 4:
        return 4
    return 2 if rows >= 2 else 1


@kernel
def _even_part(length: int, most: int, multiple: int) -> int:
    """Length of parts of nearly equal length, at most `most`, that cover `length`."""
    parts = max(1, (length + most - 1) // most)
    even = (length + parts - 1) // parts
    return max(1, (even + multiple - 1) // multiple) * multiple


@kernel
def _aligned(address: int) -> int:
    """The next address at the beginning of a cache line."""
    return (address + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
