"""NumPy: steps with derivatives by hand; without any, ffref itself."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ffref.oracle.adapters.protocol import Stepwise
from ffref.oracle.case import Case
from ffref.oracle.families import FAMILIES
from ffref.oracle.layouts import inputs_in

Values = dict[str, Any]


class NumPy(Stepwise):
    """Run a step of NumPy code, its gradients by hand, on every case of its family.

    Parameters
    ----------
    dtype : {"float64", "float32"}
    steps : dict of functions, optional
        By family: `step(spec, given) -> {"loss": ..., "d_weight": ..., ...}`. The default is
        ffref's own code, which checks an installation.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> case = find_case("ff/paper/ordinary")
    >>> NumPy("float32").run(case)["d_bias"].dtype
    dtype('float32')
    """

    def __init__(
        self,
        dtype: str = "float64",
        steps: Mapping[str, Callable[[Any, Values], Mapping[str, Any]]] | None = None,
    ) -> None:
        own = {name: family.evaluate for name, family in FAMILIES.items()}
        super().__init__(dtype, own if steps is None else steps)

    def arrays(self, case: Case) -> Values:
        """Arrays of the dtype; labels stay whole numbers."""
        return inputs_in(case, self.layout, np.dtype(self.dtype))

    def one_layer(self, step: Any, spec: Any, given: Values) -> Values:  # noqa: ANN401
        """Return what the step returns."""
        return dict(step(spec, given))
