"""The register tile: the few lines in which nearly all of the time goes.

The tile is a small product, `out[r, c] += sum_k a[r, k] * b[k, c]`, for a handful of rows r and
columns c. Its definition is `tile_loop`, below: three loops. What makes the fast one fast:

- **Vectors.** One instruction works on a whole vector of neighbours, 16 float32 lanes with
  AVX-512. A row of the tile is a few vectors of columns.
- **Registers.** Each element of the tile is a sum over k. All those sums stay in registers until
  k is through, so that a step of k reads one row of b and one column of a, and writes nothing.
  With 6 rows and 4 vectors these are 24 multiply-adds for 6 + 4 reads.
- **Independent sums.** A multiply-add takes about 4 cycles, but two can start in each. At least
  8 independent sums must be under way to keep the processor busy; the tile has 24.

NumPy cannot say this, and a compiler does not find it in the three loops. So `tile` is written
in the language of LLVM, the compiler inside Numba. An `@intrinsic` is a function that, instead of
computing, *emits instructions* into the function that Numba is compiling: `builder.load(...)`
computes nothing, it appends a load instruction. Python loops in such an emitter (`for row in
range(rows)`) run while compiling; they unroll. A loop that runs in the compiled program is a
block of instructions that ends with a branch to its own beginning. Values in this language never
change; a value that differs from one round of the loop to the next is a `phi`: "the first one if
we come from before the loop, the second if from its end".

Bits: an element is the same chain of fused multiply-adds, k rising, in every place of the tile
and in every size of tile, so the result does not depend on how a matrix is cut into tiles. Not
even on cuts along k: the chain is stored and taken up again.

`gathered_tile` is the same tile for rows that lie anywhere: element (r, k) of a is at address
`row[r] + step[k]`, read from two tables. So a convolution is a product (see `windows`).
"""

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from ffref.kernels._jit import declared, emitter, kernel
from ffref.kernels.fused import multiply_add
from ffref.kernels.host import AVX512, HOST_TILE, TileShape
from ffref.types import Array

SHAPE = HOST_TILE or AVX512
"""A host without vectors never calls the tile; the names below still need a value."""

ROWS = SHAPE.rows
"""Largest number of rows of a tile."""

_INT = ir.IntType(64)
_BOOL = ir.IntType(1)


@kernel
def tile_loop(a: Array, b: Array, out: Array, first: bool) -> None:
    """Definition of the tile: out[r, c] (+)= sum_k a[r, k] b[k, c]; `first` starts from zero."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            total = out.dtype.type(0) if first else out[row, column]
            for k in range(a.shape[1]):
                total = multiply_add(a[row, k], b[k, column], total)
            out[row, column] = total


@emitter
def tile(
    builder: ir.IRBuilder,
    element: ir.Type,
    rows: ir.Value,
    columns: ir.Value,
    a: ir.Value,
    a_row: ir.Value,
    a_step: ir.Value,
    b: ir.Value,
    b_step: ir.Value,
    out: ir.Value,
    out_row: ir.Value,
    depth: ir.Value,
    first: ir.Value,
) -> None:
    """out[r, c] (+)= sum_k a[r, k] b[k, c]; kernels call tile(dtype, rows, ..., first).

    Parameters
    ----------
    builder, element
        Supplied by `emitter`; kernels pass the dtype instead.
    rows
        Rows of the tile, one of `tile_heights(ROWS)`.
    columns
        Columns of the tile, from 1 to as many as its vectors hold.
    a, b, out
        Addresses. b is read in whole vectors: the last one may reach beyond `columns`.
    a_row, a_step
        Bytes from a row of a to the next, and from k to k + 1.
    b_step, out_row
        Bytes from k to k + 1 in b, from a row of out to the next. Their columns are neighbours.
    depth
        Number of terms of each sum, at least 0.
    first
        1: sums start at zero. 0: they start at what `out` holds.
    """
    numbers = [rows, columns, a, a_row, a_step, b, b_step, out, out_row, depth, first]
    builder.call(tile_function(builder.module, element, SHAPE), numbers)


@emitter
def gathered_tile(
    builder: ir.IRBuilder,
    element: ir.Type,
    rows: ir.Value,
    columns: ir.Value,
    a: ir.Value,
    a_rows: ir.Value,
    a_steps: ir.Value,
    b: ir.Value,
    b_step: ir.Value,
    out: ir.Value,
    out_rows: ir.Value,
    depth: ir.Value,
    first: ir.Value,
) -> None:
    """As `tile`, with tables of whole numbers of 64 bits instead of even distances.

    Parameters
    ----------
    builder, element, rows, columns, b, b_step, depth, first
        As for `tile`.
    a, a_rows, a_steps
        Element (r, k) of a is at the address a + a_rows[r] + a_steps[k]; the latter two are the
        addresses of tables.
    out, out_rows
        Row r of out begins at the address out + out_rows[r].
    """
    numbers = [rows, columns, a, a_rows, a_steps, b, b_step, out, out_rows, depth, first]
    builder.call(tile_function(builder.module, element, SHAPE, gathered=True), numbers)


class _Numbers(NamedTuple):
    """The arguments of `tile`; those of `gathered_tile` mean tables where they are rows."""

    rows: ir.Value
    columns: ir.Value
    a: ir.Value
    a_row: ir.Value
    a_step: ir.Value
    b: ir.Value
    b_step: ir.Value
    out: ir.Value
    out_row: ir.Value
    depth: ir.Value
    first: ir.Value


def tile_heights(rows: int) -> list[int]:
    """Numbers of rows that a tile can have: 6, 4, 2, 1; any number of rows is a sum of these."""
    return [rows, *(height for height in (4, 2, 1) if height < rows)]


def tile_function(
    module: ir.Module, element: ir.Type, shape: TileShape, *, gathered: bool = False
) -> ir.Function:
    """One function with a loop for each size of tile, and a switch that chooses among them."""
    name = f"ffref_{'gathered_' if gathered else ''}tile_{element}"
    if name in module.globals:
        return module.globals[name]
    function_type = ir.FunctionType(ir.VoidType(), [_INT] * len(_Numbers._fields))
    function = ir.Function(module, function_type, name)
    function.linkage = "internal"
    function.attributes.add("noinline")  # it is called from several places
    numbers = _Numbers(*function.args)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    lanes = shape.vector_bytes // _size(element)
    vectors = builder.sdiv(builder.add(numbers.columns, _INT(lanes - 1)), _INT(lanes))
    nothing = function.append_basic_block("nothing")
    case = builder.add(builder.mul(numbers.rows, _INT(shape.vectors + 1)), vectors)
    switch = builder.switch(case, nothing)
    for rows in tile_heights(shape.rows):
        for width in range(1, shape.vectors + 1):
            block = function.append_basic_block(f"tile_{rows}x{width}")
            switch.add_case(_INT(rows * (shape.vectors + 1) + width), block)
            vector = _Vector(ir.IRBuilder(block), element, shape)
            addresses = (_gathered if gathered else _even)(vector.builder, numbers, rows)
            _emit_tile(vector, numbers, addresses, width)
    ir.IRBuilder(nothing).ret_void()
    return function


class _Addresses(NamedTuple):
    """Where the rows of a tile are."""

    out: list[ir.Value]
    """Where each row of out begins."""
    walker: ir.Value
    """A number that goes along with k: its first value, and what is added in a step."""
    walker_step: ir.Value
    a: Callable[[ir.Value], list[ir.Value]]
    """From the walker's value to the addresses of the elements of a, one in each row."""


def _even(builder: ir.IRBuilder, numbers: _Numbers, rows: int) -> _Addresses:
    """Rows at even distances; the walker is the address of the first row's element."""

    def rows_from(address: ir.Value, distance: ir.Value) -> list[ir.Value]:
        return [builder.add(address, builder.mul(distance, _INT(row))) for row in range(rows)]

    return _Addresses(
        out=rows_from(numbers.out, numbers.out_row),
        walker=numbers.a,
        walker_step=numbers.a_step,
        a=lambda walker: rows_from(walker, numbers.a_row),
    )


def _gathered(builder: ir.IRBuilder, numbers: _Numbers, rows: int) -> _Addresses:
    """Rows and steps from tables; the walker goes along the table of steps."""

    def entry(address: ir.Value) -> ir.Value:
        return builder.load(builder.inttoptr(address, _INT.as_pointer()), align=8)

    def rows_from(address: ir.Value, table: ir.Value) -> list[ir.Value]:
        places = [builder.add(table, _INT(8 * row)) for row in range(rows)]
        return [builder.add(address, entry(place)) for place in places]

    a_rows = rows_from(numbers.a, numbers.a_row)

    def elements(walker: ir.Value) -> list[ir.Value]:
        step = entry(walker)
        return [builder.add(row, step) for row in a_rows]

    return _Addresses(
        out=rows_from(numbers.out, numbers.out_row),
        walker=numbers.a_step,
        walker_step=_INT(8),
        a=elements,
    )


def _emit_tile(vector: "_Vector", numbers: _Numbers, addresses: _Addresses, vectors: int) -> None:
    """The loop over k for one size of tile, from the first loads to the last stores."""
    builder = vector.builder
    places = _places(vector, addresses, vectors)
    mask = vector.mask(numbers.columns, vectors)
    blocks = {name: builder.append_basic_block(name) for name in ("load", "ready", "loop", "done")}
    begin = builder.block
    first = builder.icmp_signed("!=", numbers.first, _INT(0))
    builder.cbranch(first, blocks["ready"], blocks["load"])

    builder.position_at_end(blocks["load"])
    held = [vector.load(place, mask if edge else None) for place, edge in places]
    builder.branch(blocks["ready"])

    builder.position_at_end(blocks["ready"])
    start = [
        _phi(builder, vector.type, (vector.zero, begin), (old, blocks["load"])) for old in held
    ]
    some = builder.icmp_signed(">", numbers.depth, _INT(0))
    builder.cbranch(some, blocks["loop"], blocks["done"])

    builder.position_at_end(blocks["loop"])
    k, a, b = (
        _phi(builder, _INT, (value, blocks["ready"]))
        for value in (_INT(0), addresses.walker, numbers.b)
    )
    sums = [_phi(builder, vector.type, (value, blocks["ready"])) for value in start]
    b_row = [vector.load(builder.add(b, _INT(v * vector.bytes))) for v in range(vectors)]
    grown = []
    for row, place in enumerate(addresses.a(a)):
        a_element = vector.repeat(place)
        for v in range(vectors):
            grown.append(vector.multiply_add(a_element, b_row[v], sums[row * vectors + v]))
    next_k = builder.add(k, _INT(1))
    k.add_incoming(next_k, blocks["loop"])
    a.add_incoming(builder.add(a, addresses.walker_step), blocks["loop"])
    b.add_incoming(builder.add(b, numbers.b_step), blocks["loop"])
    for old, new in zip(sums, grown, strict=True):
        old.add_incoming(new, blocks["loop"])
    more = builder.icmp_signed("<", next_k, numbers.depth)
    builder.cbranch(more, blocks["loop"], blocks["done"])

    builder.position_at_end(blocks["done"])
    results = [
        _phi(builder, vector.type, (none, blocks["ready"]), (total, blocks["loop"]))
        for none, total in zip(start, grown, strict=True)
    ]
    for result, (place, edge) in zip(results, places, strict=True):
        vector.store(result, place, mask if edge else None)
    builder.ret_void()


def _places(vector: "_Vector", addresses: _Addresses, vectors: int) -> list[tuple[ir.Value, bool]]:
    """Addresses in `out` of the tile's vectors, and which of them may be partly outside."""
    return [
        (vector.builder.add(begin, _INT(v * vector.bytes)), v == vectors - 1)
        for begin in addresses.out
        for v in range(vectors)
    ]


def _phi(builder: ir.IRBuilder, kind: ir.Type, *incoming: tuple[ir.Value, ir.Block]) -> ir.Value:
    """A value that depends on the block from which the program comes."""
    phi = builder.phi(kind)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def _size(element: ir.Type) -> int:
    return 4 if isinstance(element, ir.FloatType) else 8


class _Vector:
    """Emits the handful of vector instructions that the tile needs."""

    def __init__(self, builder: ir.IRBuilder, element: ir.Type, shape: TileShape) -> None:
        self.builder = builder
        self.element = element
        self.size = _size(element)
        self.bytes = shape.vector_bytes
        self.lanes = self.bytes // self.size
        self.type = ir.VectorType(element, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self.mask_type = ir.VectorType(_BOOL, self.lanes)
        self.suffix = f"v{self.lanes}f{8 * self.size}"

    def mask(self, columns: ir.Value, vectors: int) -> ir.Value:
        """Whether each lane of the last vector of a row is one of the columns."""
        numbers = ir.VectorType(_INT, self.lanes)
        before = (vectors - 1) * self.lanes
        column = ir.Constant(numbers, [before + lane for lane in range(self.lanes)])
        return self.builder.icmp_signed("<", column, self._in_all_lanes(columns, numbers))

    def repeat(self, address: ir.Value) -> ir.Value:
        """The element at `address` in all lanes."""
        pointer = self.builder.inttoptr(address, self.element.as_pointer())
        return self._in_all_lanes(self.builder.load(pointer, align=self.size), self.type)

    def multiply_add(self, a: ir.Value, b: ir.Value, total: ir.Value) -> ir.Value:
        """a * b + total in each lane, rounded once."""
        return self._call(f"llvm.fma.{self.suffix}", self.type, [a, b, total])

    def load(self, address: ir.Value, mask: ir.Value = None) -> ir.Value:
        """The vector at `address`; lanes outside the mask are not read and are zero."""
        pointer = self.builder.inttoptr(address, self.type.as_pointer())
        if mask is None:
            return self.builder.load(pointer, align=self.size)
        arguments = [pointer, ir.IntType(32)(self.size), mask, self.zero]
        return self._call(f"llvm.masked.load.{self.suffix}.p0", self.type, arguments)

    def store(self, value: ir.Value, address: ir.Value, mask: ir.Value = None) -> None:
        """Write a vector; lanes outside the mask are not written."""
        pointer = self.builder.inttoptr(address, self.type.as_pointer())
        if mask is None:
            self.builder.store(value, pointer, align=self.size)
        else:
            arguments = [value, pointer, ir.IntType(32)(self.size), mask]
            self._call(f"llvm.masked.store.{self.suffix}.p0", ir.VoidType(), arguments)

    def _in_all_lanes(self, value: ir.Value, vector: ir.Type) -> ir.Value:
        undefined = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(one, undefined, everywhere)

    def _call(self, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = declared(self.builder.module, kind, name)
        return self.builder.call(function, arguments)
