"""The Numba policy: one decorator, used by every compiled function of the package."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(func: Callable[P, R]) -> Callable[P, R]:
    """Compile `func`: strict IEEE arithmetic, NumPy's error model, no GIL, cached on disk.

    No fastmath: it reorders sums and makes `isnan` false. No `parallel=True`: kernels are
    serial and run over row ranges on the pool of `threads`.
    """
    compiled = numba.njit(cache=True, fastmath=False, error_model="numpy", nogil=True)(func)
    return cast(Callable[P, R], compiled)


def python_version(func: Callable[P, R]) -> Callable[P, R]:
    """Return the uncompiled body of a kernel (also under NUMBA_DISABLE_JIT=1)."""
    return cast(Callable[P, R], getattr(func, "py_func", func))
