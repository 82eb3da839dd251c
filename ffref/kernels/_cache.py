"""Where compiled kernels are kept: Numba's cache on disk, made safe to depend on.

Numba keeps them in the `__pycache__` beside the source, else in the user's cache directory, or in
NUMBA_CACHE_DIR if that is set; one entry for each processor, so a shared directory is fine.
"""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class KernelCache(FunctionCache):
    """Numba's cache for one function, with three differences.

    - A kernel is compiled anew when any file of this room has changed: kernels are made of parts
      that stand in several files, and Numba looks only at the one with the kernel.
    - A cache that cannot be written or read costs a compilation, never a result: full disk,
      directory that became read-only, broken file.
    - An entry for other types is not taken: two processes that compile for two dtypes at once
      may write to one file.
    """

    def __init__(self, function: Any) -> None:  # noqa: ANN401
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file = IndexDataCacheFile(  # type: ignore[no-untyped-call]
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), _room_stamp()),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
        """The compiled function for the types `sig`, or None."""
        target_context.refresh()
        try:
            result = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # a broken file fails in many ways
            return None
        asked = getattr(sig, "args", sig)
        return result if result is not None and result.signature.args == tuple(asked) else None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
        """Store a compiled function, if it can be stored."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception:  # no space, or a broken index, which a new one can replace
            with suppress(Exception):
                self.flush()  # type: ignore[no-untyped-call]
                super().save_overload(sig, data)  # type: ignore[no-untyped-call]


@cache
def _room_stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of each file of this room."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
