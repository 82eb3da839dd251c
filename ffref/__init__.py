"""ffref: the reference implementation of the Forward-Forward family of learning algorithms.

Pure NumPy, every local gradient derived by hand and written out, Numba loops where the time
goes, no autodiff. Start with docs/README.md (reading order) or `ffref train` (a run in seconds).

Names are imported when they are first used, so that `import ffref` and `ffref --help` are quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ffref._version import __version__

if TYPE_CHECKING:
    from ffref.estimators import (
        BackpropClassifier,
        FFClassifier,
        FFRecurrentClassifier,
        FFTextClassifier,
        HFFClassifier,
        load,
    )

_ESTIMATORS = (
    "BackpropClassifier",
    "FFClassifier",
    "FFRecurrentClassifier",
    "FFTextClassifier",
    "HFFClassifier",
    "load",
)
_ROOMS = (
    "baselines",
    "data",
    "estimators",
    "experiments",
    "formulas",
    "kernels",
    "layers",
    "negatives",
    "objectives",
    "oracle",
    "report",
    "training",
)

__all__ = [
    "BackpropClassifier",
    "FFClassifier",
    "FFRecurrentClassifier",
    "FFTextClassifier",
    "HFFClassifier",
    "__version__",
    "load",
]


def __getattr__(name: str) -> object:
    if name in _ESTIMATORS:
        return getattr(import_module("ffref.estimators"), name)
    if name in _ROOMS:
        return import_module(f"ffref.{name}")
    raise AttributeError(f"module 'ffref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ESTIMATORS, *_ROOMS})
