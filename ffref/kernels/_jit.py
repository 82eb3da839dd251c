"""The Numba policy: the decorators that every compiled function of the package goes through."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from ffref.kernels._cache import KernelCache

P = ParamSpec("P")
R = TypeVar("R")


def kernel(func: Callable[P, R]) -> Callable[P, R]:
    """Compile `func`: strict IEEE arithmetic, NumPy's error model, no GIL, cached on disk.

    No fastmath: it reorders sums and makes `isnan` false. No `parallel=True`: kernels are
    serial and run over row ranges on the pool of `threads`.
    """
    compiled = numba.njit(fastmath=False, error_model="numpy", nogil=True)(func)
    if isinstance(compiled, Dispatcher):  # NUMBA_DISABLE_JIT=1 leaves the function as it is
        with suppress(RuntimeError):  # no directory for the cache: compile in each process
            # as njit(cache=True) does, with our class
            compiled._cache = KernelCache(func)  # type: ignore[attr-defined]
    return cast(Callable[P, R], compiled)


def kernel_part(func: Callable[P, R]) -> Callable[P, R]:
    """Compile `func` as a part of each kernel that calls it.

    As a function of its own it would be compiled, optimised and stored once more for itself and
    at each level of calls above it.
    """
    return cast(Callable[P, R], numba.njit(inline="always", error_model="numpy")(func))


def emitter(emit: Callable[..., None]) -> Callable[..., None]:
    """A function for kernels to call, whose LLVM instructions `emit` writes down.

    Kernels call it with a dtype and whole numbers. `emit(builder, element, *numbers)` runs while
    the kernel is being compiled; `element` is LLVM's name for the dtype.
    """

    def typing(_context: object, dtype: types.DType, *numbers: types.Type) -> tuple[Any, Any]:
        def codegen(
            context: Any,  # noqa: ANN401  Numba's classes are untyped
            builder: ir.IRBuilder,
            _signature: object,
            args: list[ir.Value],
        ) -> ir.Value:
            emit(builder, context.get_value_type(dtype.dtype), *args[1:])
            return context.get_dummy_value()

        return types.void(dtype, *[types.int64] * len(numbers)), codegen

    typing.__name__ = emit.__name__
    # the names of the arguments, which Numba wants to know, are those of `emit`
    typing.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]
    return cast(Callable[..., None], intrinsic(typing))


def declared(module: ir.Module, kind: ir.FunctionType, name: str) -> ir.Function:
    """The function `name` of LLVM itself, declared in `module` when first asked for."""
    return cgutils.get_or_insert_function(module, kind, name)  # type: ignore[no-untyped-call]


def python_version(func: Callable[P, R]) -> Callable[P, R]:
    """Return the uncompiled body of a kernel (also under NUMBA_DISABLE_JIT=1)."""
    return cast(Callable[P, R], getattr(func, "py_func", func))
