"""The peak of a processor: fused multiply-adds on registers, nothing else."""

from llvmlite import ir

from ffref.kernels._jit import declared, emitter, kernel
from ffref.kernels.tile import ROWS, SHAPE

CHAINS = ROWS * SHAPE.vectors
"""Independent chains, as many as the register tile has."""


@emitter
def emit_chains(
    builder: ir.IRBuilder, element: ir.Type, rounds: ir.Value, result: ir.Value
) -> None:
    """Run the chains, `rounds` long, and write their sum to the address `result`."""
    size = 4 if isinstance(element, ir.FloatType) else 8
    lanes = SHAPE.vector_bytes // size
    vector, number = ir.VectorType(element, lanes), ir.IntType(64)
    kind = ir.FunctionType(vector, [vector] * 3)
    multiply_add = declared(builder.module, kind, f"llvm.fma.v{lanes}f{8 * size}")
    before, loop = builder.block, builder.append_basic_block("chains")
    after = builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    count, *old = (builder.phi(kind) for kind in [number] + [vector] * CHAINS)
    factor, summand = (ir.Constant(vector, [value] * lanes) for value in (0.75, 0.25))
    new = [builder.call(multiply_add, [value, factor, summand]) for value in old]
    next_count = builder.add(count, number(1))
    count.add_incoming(number(0), before)
    count.add_incoming(next_count, loop)
    for chain in range(CHAINS):
        old[chain].add_incoming(ir.Constant(vector, [chain / 8] * lanes), before)
        old[chain].add_incoming(new[chain], loop)
    builder.cbranch(builder.icmp_signed("<", next_count, rounds), loop, after)
    builder.position_at_end(after)
    total = new[0]
    for value in new[1:]:
        total = builder.fadd(total, value)
    builder.store(total, builder.inttoptr(result, vector.as_pointer()), align=size)


@kernel
def chains(result, multiply_adds):
    """Run about `multiply_adds` multiply-adds of the dtype of `result`, an array of 64 bytes."""
    lanes = SHAPE.vector_bytes // result.itemsize
    emit_chains(result.dtype, multiply_adds // (CHAINS * lanes) + 1, result.ctypes.data)
