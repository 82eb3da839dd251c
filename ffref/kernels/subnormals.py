"""Subnormal numbers, and why training flushes them to zero.

A float32 below 1.2e-38 is stored as a *subnormal*, and an x86 processor takes a hundred cycles
and more for each operation that meets one. Forward-Forward makes them in masses: a sample whose
goodness is 90 above the threshold has a slope of exp(-90). Such terms change no weight by a bit,
but they made a training step several times slower.

`flush_subnormals` lets the calling thread, and the kernels that it starts, read and write
subnormals as zeros. Formulas are never changed by it: only the training loop uses it. Each thread
has a register, MXCSR, whose bits say so; where there is none, nothing happens.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from llvmlite import ir
from numba import config
from numpy.typing import NDArray

from ffref.kernels._jit import declared, emitter, kernel

_FLUSH_RESULTS, _READ_AS_ZERO = 1 << 15, 1 << 6
_INTERPRETED = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
_HAS_REGISTER = platform.machine().lower() in ("x86_64", "amd64") and not _INTERPRETED


@emitter
def store_register(builder: ir.IRBuilder, _element: ir.Type, address: ir.Value) -> None:
    """Write this thread's MXCSR to `address`."""
    _call_with_address(builder, "llvm.x86.sse.stmxcsr", address)


@emitter
def load_register(builder: ir.IRBuilder, _element: ir.Type, address: ir.Value) -> None:
    """Set this thread's MXCSR to what stands at `address`."""
    _call_with_address(builder, "llvm.x86.sse.ldmxcsr", address)


def _call_with_address(builder: ir.IRBuilder, name: str, address: ir.Value) -> None:
    byte_pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte_pointer])
    builder.call(declared(builder.module, kind, name), [builder.inttoptr(address, byte_pointer)])


@kernel
def _store(place: NDArray[np.uint32]) -> None:
    store_register(place.dtype, place.ctypes.data)


@kernel
def _load(place: NDArray[np.uint32]) -> None:
    load_register(place.dtype, place.ctypes.data)


def float_mode() -> int:
    """Return this thread's floating-point mode; 0 where there is none to be set."""
    place = np.zeros(1, np.uint32)
    if _HAS_REGISTER:
        _store(place)
    return int(place[0])


def set_float_mode(mode: int) -> None:
    """Set this thread's floating-point mode to what `float_mode` returned in some thread."""
    if _HAS_REGISTER:
        _load(np.array([mode], np.uint32))


@contextmanager
def flush_subnormals() -> Iterator[None]:
    """Read and write subnormals as zeros in this thread, and in kernels that it runs.

    Examples
    --------
    >>> import numpy as np
    >>> small = np.float32(1e-30)
    >>> with flush_subnormals():
    ...     flushed = small * np.float32(1e-10)
    >>> bool(small * np.float32(1e-10) > 0)
    True
    """
    before = float_mode()
    set_float_mode(before | _FLUSH_RESULTS | _READ_AS_ZERO)
    try:
        yield
    finally:
        set_float_mode(before)
