"""What an adapter is, and what the adapters of autodiff frameworks share."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.families import FAMILIES
from ffref.oracle.specs import Spec
from ffref.oracle.stack import layer_inputs, layers_of, prefix_of

Keep = Callable[[str, Any], Any]
"""keep(name, value) -> value: what the step has computed under that name"""
Step = Callable[[Any, dict[str, Any], Keep], Any]
"""(spec, inputs by name, keep) -> the number that is differentiated: of one layer"""


@runtime_checkable
class Adapter(Protocol):
    """An implementation that can be asked for its values of a case.

    Two attributes are read if they are there: `layout` (of what `run` returns, as in `compare`)
    and `dtype` (what it computes in; else the coarsest among the arrays).
    """

    def supports(self, spec: Spec) -> bool | str:
        """Return True, or the reason why cases of this specification are skipped."""
        ...

    def run(self, case: Case) -> Mapping[str, Any] | str:
        """Return its values of the case by name, not all are needed; or why it is skipped."""
        ...


class Stepwise:
    """An adapter of one function a family, which computes one layer's local step.

    What a framework adds is `one_layer`: arrays of its own, and derivatives.
    """

    layout: str | None = None

    def __init__(self, dtype: str, steps: Mapping[str, Any]) -> None:
        unknown = sorted(set(steps) - set(FAMILIES))
        require(
            not unknown,
            f"steps are of the families {', '.join(FAMILIES)}, got {', '.join(unknown)}",
        )
        self.dtype = dtype
        self.steps = steps

    def supports(self, spec: Spec) -> bool | str:
        """Whether there is a step of a family with that specification."""
        families = [name for name, family in FAMILIES.items() if family.spec is type(spec)]
        known = any(name in self.steps for name in families)
        return known or f"no step of the family {' or '.join(families)}"

    def run(self, case: Case) -> dict[str, Any] | str:
        """Values of all layers; what one hands to the next is a constant there."""
        if case.family not in self.steps:  # two families may have one specification
            return f"no step of the family {case.family}"
        given = self.arrays(case)
        values: dict[str, Any] = {}
        below: dict[str, Any] | None = None
        for layer in layers_of(case.inputs):
            own = layer_inputs(given, layer, below)
            wanted = FAMILIES[case.family].quantity_axes(case.spec)
            found = self.one_layer(self.steps[case.family], case.spec, own)
            below = {name: found[name] for name in wanted if name in found}
            values |= {prefix_of(layer) + name: value for name, value in below.items()}
        return values

    def arrays(self, case: Case) -> dict[str, Any]:
        """Inputs of the case as the framework's arrays, in `layout` and `dtype`."""
        raise NotImplementedError

    def one_layer(self, step: Any, spec: Any, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        """Values of one layer, derivatives as `d_<name>`."""
        raise NotImplementedError
