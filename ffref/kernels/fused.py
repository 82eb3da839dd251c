"""a * b + c with one rounding, for plain loops: the arithmetic of every sum in the kernels."""

from typing import Any, TypeVar

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ffref.kernels._jit import declared
from ffref.kernels.host import HAS_FMA

T = TypeVar("T", bound=Any)


def multiply_add(a: T, b: T, c: T) -> T:
    """a * b + c; in compiled code rounded once, where the processor has an instruction for it.

    Sums in plain loops use it, so that they agree with the register tile bit for bit.
    """
    return a * b + c


@intrinsic
def _fused(_typing: object, a: types.Type, b: types.Type, c: types.Type) -> tuple[Any, Any]:
    """Emit LLVM's scalar fused multiply-add."""

    def codegen(
        _context: object, builder: ir.IRBuilder, _signature: object, args: list[ir.Value]
    ) -> ir.Value:
        number = args[0].type
        kind = ir.FunctionType(number, [number] * 3)
        name = "llvm.fma.f32" if isinstance(number, ir.FloatType) else "llvm.fma.f64"
        return builder.call(declared(builder.module, kind, name), args)

    return a(a, b, c), codegen


@overload(multiply_add, strict=False)
def _compiled_multiply_add(a: types.Type, b: types.Type, c: types.Type) -> Any:  # noqa: ANN401
    """What compiled code runs for `multiply_add`."""
    if HAS_FMA and isinstance(a, types.Float) and a == b == c:
        return lambda a, b, c: _fused(a, b, c)  # type: ignore[call-arg]  # noqa: PLW0108
    return lambda a, b, c: a * b + c
