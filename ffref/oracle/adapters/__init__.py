"""Adapters: how another implementation is asked for its values of a case.

An adapter is anything with `supports(spec)` and `run(case)`; `ffref oracle run` and
`ffref.oracle.run_adapter` ask it for every case. Three are here, with which a family is one
function: `PyTorch` and `JAX` differentiate it, `NumPy` is ffref itself. `Files` reads what a
program in another language wrote. torch and jax are imported when such an adapter is made.
"""

from ffref.oracle.adapters.files import Files, read_arrays
from ffref.oracle.adapters.protocol import Adapter, Keep, Step
from ffref.oracle.adapters.with_jax import JAX
from ffref.oracle.adapters.with_numpy import NumPy
from ffref.oracle.adapters.with_torch import PyTorch

__all__ = ["JAX", "Adapter", "Files", "Keep", "NumPy", "PyTorch", "Step", "read_arrays"]
