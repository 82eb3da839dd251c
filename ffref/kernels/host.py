"""What this machine can do: the width of its vectors and the tile shape that follows from it."""

import os
import platform
from typing import NamedTuple

from numba import config
from numba.core.codegen import get_host_cpu_features


class TileShape(NamedTuple):
    """A tile of rows x vectors accumulators that, with its operands, fits into the registers."""

    vector_bytes: int
    """Width of one vector register: 64 bytes are 16 float32 lanes or 8 float64 lanes."""
    rows: int
    vectors: int


AVX512 = TileShape(vector_bytes=64, rows=6, vectors=4)
"""32 registers: 24 accumulators, 4 for b, the rest for elements of a."""
AVX2 = TileShape(vector_bytes=32, rows=6, vectors=2)
"""16 registers: 12 accumulators, 2 for b, 2 for elements of a."""
NEON = TileShape(vector_bytes=16, rows=6, vectors=4)
"""32 registers: 24 accumulators, 4 for b, the rest for elements of a."""


def tile_shape(features: str, machine: str) -> TileShape | None:
    """The tile for a processor, None where it has no vectors with fused multiply-add.

    `features` is LLVM's list, "+avx2,-avx512f,...". LLVM does not list NEON for every ARM
    processor, but each 64-bit one has it.
    """
    names = {name[1:] for name in features.split(",") if name.startswith("+")}
    if "avx512f" in names:
        return AVX512
    if {"avx2", "fma"} <= names:
        return AVX2
    if machine.lower() in ("arm64", "aarch64"):
        return NEON
    return None


def _features() -> str:
    """The features that Numba compiles for; NUMBA_CPU_FEATURES overrides those of the host."""
    chosen: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]
    if chosen is None:
        return str(get_host_cpu_features())  # type: ignore[no-untyped-call]
    return chosen


HOST_TILE = tile_shape(_features(), platform.machine())

HAS_FMA = HOST_TILE is not None
"""Whether a * b + c with one rounding is one instruction. Where it is not, LLVM would call a
slow library function, so kernels multiply, round, and add."""

_INTERPRETED = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]

PLAIN = HOST_TILE is None or _INTERPRETED or os.environ.get("FFREF_KERNELS", "") == "plain"
"""Whether every kernel is the plain loop that defines it."""
