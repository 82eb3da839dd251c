"""Packing: copies of a piece of a matrix in the order in which the tile reads it.

The tile reads, for each k, one row of b and one column of a. In memory those are far apart: a
step of k jumps by a whole row, or an element's neighbours are its neighbours along k. A packed
panel holds them one after the other, `panel[k, lane] = source[lane, k]`, so that the processor's
prefetcher runs ahead of the tile. It pays as soon as a panel is read a few times.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from ffref.kernels._jit import emitter, kernel

GROUP = 8
"""Lanes that are copied at once. The lanes of a panel are a multiple of it."""

_INT = ir.IntType(64)


@kernel
def pack(
    dtype: np.dtype[Any],
    size: int,
    source: int,
    lane_bytes: int,
    step_bytes: int,
    lanes: int,
    depth: int,
    panel: int,
    pitch: int,
) -> None:
    """panel[k, lane] = source[lane, k] for lane < lanes and k < depth.

    `size` is the bytes of an element. Addresses and distances are in bytes: `source` is at lane
    0, k 0, its next lane is `lane_bytes` further, its next k `step_bytes`; the panel's next k is
    `pitch` further. Lanes of the panel from `lanes` to the next multiple of GROUP may get any of
    the source's values.
    """
    if lane_bytes == size and lanes >= GROUP:
        for k in range(depth):
            row = source + k * step_bytes
            target = panel + k * pitch
            for lane in range(0, lanes - GROUP + 1, GROUP):
                copy_group(dtype, row + lane * size, target + lane * size)
            if lanes % GROUP != 0:  # once more the last GROUP lanes, those before are copied twice
                last = (lanes - GROUP) * size
                copy_group(dtype, row + last, target + last)
    elif step_bytes == size and depth >= GROUP:
        for lane in range(0, lanes, GROUP):
            _pack_transposed(
                dtype,
                size,
                source + lane * lane_bytes,
                lane_bytes,
                min(GROUP, lanes - lane),
                depth,
                panel + lane * size,
                pitch,
            )
    else:
        for k in range(depth):
            for lane in range(lanes):
                place = source + lane * lane_bytes + k * step_bytes
                copy_element(dtype, place, panel + k * pitch + lane * size)


@kernel
def _pack_transposed(
    dtype: np.dtype[Any],
    size: int,
    source: int,
    lane_bytes: int,
    lanes: int,
    depth: int,
    panel: int,
    pitch: int,
) -> None:
    """Pack up to GROUP lanes whose steps of k are neighbours, by squares of GROUP x GROUP."""
    for k in range(0, depth - GROUP + 1, GROUP):
        transpose_group(dtype, source + k * size, lane_bytes, lanes, panel + k * pitch, pitch)
    if depth % GROUP != 0:
        k = depth - GROUP
        transpose_group(dtype, source + k * size, lane_bytes, lanes, panel + k * pitch, pitch)


@emitter
def copy_element(
    builder: ir.IRBuilder, element: ir.Type, source: ir.Value, target: ir.Value
) -> None:
    """Copy the element at address `source` to address `target`."""
    _copy(builder, element, source, target)


@emitter
def copy_group(
    builder: ir.IRBuilder, element: ir.Type, source: ir.Value, target: ir.Value
) -> None:
    """Copy GROUP neighbours from address `source` to address `target`."""
    _copy(builder, ir.VectorType(element, GROUP), source, target)


@emitter
def transpose_group(
    builder: ir.IRBuilder,
    element: ir.Type,
    source: ir.Value,
    lane_bytes: ir.Value,
    lanes: ir.Value,
    target: ir.Value,
    pitch: ir.Value,
) -> None:
    """target[k, lane] = source[lane, k] for GROUP steps of k and `lanes` <= GROUP lanes.

    Lanes beyond `lanes` get a copy of the last one, so that nothing outside is read.
    """
    vector = ir.VectorType(element, GROUP).as_pointer()
    last = builder.sub(lanes, _INT(1))
    rows = []
    for lane in range(GROUP):
        number = builder.select(builder.icmp_signed("<", _INT(lane), last), _INT(lane), last)
        place = builder.add(source, builder.mul(number, lane_bytes))
        rows.append(builder.load(builder.inttoptr(place, vector), align=4))
    for k, column in enumerate(_transposed(builder, rows)):
        place = builder.add(target, builder.mul(pitch, _INT(k)))
        builder.store(column, builder.inttoptr(place, vector), align=4)


def _transposed(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transpose a square of vectors: swap its off-diagonal blocks, then those of each block.

    At distance d, lanes whose number has the bit d go from row i to row i + d and back:
    [[A, B], [C, D]] becomes [[A, C], [B, D]].
    """
    rows = list(rows)
    distance = GROUP // 2
    while distance:
        upper = [lane if not lane & distance else lane - distance + GROUP for lane in range(GROUP)]
        lower = [lane + distance if not lane & distance else lane + GROUP for lane in range(GROUP)]
        for row in range(GROUP):
            if not row & distance:
                above, below = rows[row], rows[row + distance]
                rows[row] = _shuffled(builder, above, below, upper)
                rows[row + distance] = _shuffled(builder, above, below, lower)
        distance //= 2
    return rows


def _shuffled(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: list[int]) -> ir.Value:
    """The chosen lanes of the two vectors; numbers from GROUP on are lanes of the second."""
    choice = ir.Constant(ir.VectorType(ir.IntType(32), GROUP), lanes)
    return builder.shuffle_vector(x, y, choice)


def _copy(builder: ir.IRBuilder, kind: ir.Type, source: ir.Value, target: ir.Value) -> None:
    """Load and store; align=4 promises no more than that elements lie on whole words."""
    value = builder.load(builder.inttoptr(source, kind.as_pointer()), align=4)
    builder.store(value, builder.inttoptr(target, kind.as_pointer()), align=4)
