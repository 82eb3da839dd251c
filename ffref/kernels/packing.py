"""Packing: copies of a piece of a matrix in the order in which the tile reads it.

The tile reads, for each k, one row of b and one column of a. In memory those may be far apart: a
step of k jumps by a whole row. A packed panel holds them one after the other, `panel[k, lane] =
source[lane, k]`, so that the processor's prefetcher runs ahead of the tile and few pages of
memory are in use at a time. A lane is a column of b, or a row of a.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from ffref.kernels._jit import declared, emitter, kernel, kernel_part

GROUP = 8
"""Lanes that are copied at once; panels have room for a multiple of it."""

_INT = ir.IntType(64)


PANELS_AT_ONCE = 64
"""Panels that are filled side by side, so that the source is read in long pieces of rows."""

STEPS_AHEAD = 4
"""How many steps of k ahead of the copy the source is asked for: each is on a page of its own."""

CACHE_LINE = 64


@kernel_part
def panel_pitch(size: int, panel_lanes: int) -> int:
    """Bytes from k to k + 1 in a panel."""
    return (panel_lanes + GROUP - 1) // GROUP * GROUP * size


@kernel_part
def panel_bytes(size: int, panel_lanes: int, depth: int) -> int:
    """Bytes from a panel to the next: a line more than needed, so that at the same k they are
    not in the same set of a cache.
    """  # noqa: D205
    return panel_pitch(size, panel_lanes) * depth + CACHE_LINE


@kernel
def pack(
    dtype: np.dtype[Any],
    size: int,
    source: int,
    lane_bytes: int,
    step_bytes: int,
    lanes: int,
    depth: int,
    block: int,
    panel_lanes: int,
) -> None:
    """Copy lanes 0 .. lanes, k 0 .. depth of a matrix into panels of `panel_lanes` lanes.

    `size` is the bytes of an element, `source` the address of lane 0 at k 0, `lane_bytes` and
    `step_bytes` the bytes from it to the next lane and to the next k. The panels follow each
    other from the address `block` on. Room behind the last lane is filled with zeros: what stood
    there might be tiny numbers, with which processors compute a hundred times slower.
    """
    pitch = panel_pitch(size, panel_lanes)
    next_panel = panel_bytes(size, panel_lanes, depth)
    if lanes % panel_lanes != 0:
        last = block + lanes // panel_lanes * next_panel
        for place in range(last, last + depth * pitch, GROUP * size):
            clear_group(dtype, place)
    at_once = panel_lanes if lane_bytes != size else panel_lanes * PANELS_AT_ONCE
    for lane in range(0, lanes, at_once):
        begin = source + lane * lane_bytes
        target = block + lane // panel_lanes * next_panel
        count = min(at_once, lanes - lane)
        if lane_bytes == size:
            ahead = STEPS_AHEAD * step_bytes
            for k in range(depth):
                row, goal = begin + k * step_bytes, target + k * pitch
                for first in range(0, count, panel_lanes):
                    some = min(panel_lanes, count - first)
                    copy_lanes(dtype, size, row + first * size, goal, some, ahead)
                    goal += next_panel
        else:
            for first in range(0, count, GROUP):
                some, goal = min(GROUP, count - first), target + first * size
                row = begin + first * lane_bytes
                _pack_group(dtype, size, row, lane_bytes, step_bytes, some, depth, goal, pitch)


@kernel_part
def copy_lanes(
    dtype: np.dtype[Any], size: int, source: int, target: int, lanes: int, ahead: int
) -> None:
    """Copy neighbours; the last group may overlap the one before, which copies some twice.

    Ask the memory for what is `ahead` bytes further.
    """
    if lanes < GROUP:
        for lane in range(lanes):
            copy_element(dtype, source + lane * size, target + lane * size)
    else:
        for lane in range(0, lanes - GROUP + 1, GROUP):
            prefetch(dtype, source + lane * size + ahead)
            copy_group(dtype, source + lane * size, target + lane * size)
        if lanes % GROUP != 0:
            last = (lanes - GROUP) * size
            copy_group(dtype, source + last, target + last)


@kernel_part
def _pack_group(
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
    """Pack up to GROUP lanes of any stride, by squares where steps of k are neighbours."""
    if step_bytes != size or depth < GROUP:
        for k in range(depth):
            for lane in range(lanes):
                place = source + lane * lane_bytes + k * step_bytes
                copy_element(dtype, place, panel + k * pitch + lane * size)
    else:
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
    _copy(builder, element, element, source, target)


@emitter
def copy_group(
    builder: ir.IRBuilder, element: ir.Type, source: ir.Value, target: ir.Value
) -> None:
    """Copy GROUP neighbours from address `source` to address `target`."""
    _copy(builder, element, ir.VectorType(element, GROUP), source, target)


@emitter
def prefetch(builder: ir.IRBuilder, _element: ir.Type, address: ir.Value) -> None:
    """Ask for the cache line at an address, which need not exist."""
    pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
    reading, nearest_cache, data = number(0), number(3), number(1)
    arguments = [builder.inttoptr(address, pointer), reading, nearest_cache, data]
    builder.call(declared(builder.module, kind, "llvm.prefetch.p0"), arguments)


@emitter
def clear_group(builder: ir.IRBuilder, element: ir.Type, target: ir.Value) -> None:
    """Write GROUP zeros from address `target` on."""
    zeros = ir.Constant(ir.VectorType(element, GROUP), [0.0] * GROUP)
    pointer = builder.inttoptr(target, zeros.type.as_pointer())
    builder.store(zeros, pointer, align=_word(element))


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
        rows.append(builder.load(builder.inttoptr(place, vector), align=_word(element)))
    for k, column in enumerate(_transposed(builder, rows)):
        place = builder.add(target, builder.mul(pitch, _INT(k)))
        builder.store(column, builder.inttoptr(place, vector), align=_word(element))


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


def _copy(
    builder: ir.IRBuilder, element: ir.Type, kind: ir.Type, source: ir.Value, target: ir.Value
) -> None:
    pointers = [builder.inttoptr(place, kind.as_pointer()) for place in (source, target)]
    value = builder.load(pointers[0], align=_word(element))
    builder.store(value, pointers[1], align=_word(element))


def _word(element: ir.Type) -> int:
    """What addresses are promised to be a multiple of: the bytes of an element."""
    return 4 if isinstance(element, ir.FloatType) else 8
