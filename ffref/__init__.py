"""ffref: the reference implementation of the Forward-Forward family of learning algorithms.

Pure NumPy, every local gradient derived by hand and written out, Numba loops where the time
goes, no autodiff. Start with docs/README.md (reading order) or `ffref train` (a run in seconds).

Names are imported when they are first used, so that `import ffref` and `ffref --help` are quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ffref._version import __version__ as __version__

if TYPE_CHECKING:
    from ffref.estimators import *  # noqa: F403

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


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _ROOMS:
        return import_module(f"ffref.{name}")
    if name == "__all__":  # of `from ffref import *`
        return ["__version__", *_from_estimators()]
    if name == "load" or (name.endswith("Classifier") and name in _from_estimators()):
        return getattr(import_module("ffref.estimators"), name)
    raise AttributeError(f"module 'ffref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_from_estimators()})


def _from_estimators() -> list[str]:
    kinds = import_module("ffref.estimators").ESTIMATORS.values()
    return ["load", *sorted(kind.__name__ for kind in kinds)]
