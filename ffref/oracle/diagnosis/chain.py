"""A case's computation as a chain of named steps, any of which can be changed.

The library's own functions compute several quantities at once; to follow a mistake from the line
where it was made to everything behind it, each family is written out here step by step. The suite
holds every chain to the golden values.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ffref.oracle.case import Case
from ffref.oracle.diagnosis.layer_steps import Step, input_grad
from ffref.oracle.families.layer import Values
from ffref.oracle.stack import layer_inputs, layers_of, prefix_of

Change = Callable[[Values, Any], Any]
"""(all that was computed before, what the step returned) -> what a mistaken step returns"""
Chain = Mapping[str, Step]


def follow(
    chain: Chain,
    case: Case,
    spec: Any,  # noqa: ANN401
    changes: Mapping[str, Change],
    dtype: str,
    plain: Values | None = None,
) -> Iterator[tuple[str, Any]]:
    """Yield every quantity of the case by name, in the order of computation, as changed.

    A generator, so that whoever sees that a quantity does not fit can stop. `plain`, of
    `unchanged`, spares the steps before the first that is changed, if `spec` is the case's.
    """
    below: Values | None = None
    for layer in layers_of(case.inputs):
        values = _open(case, spec, layer, below, dtype)
        values["from_above"] = _from_above(chain, case, changes, values)
        for name, value in _steps(chain, changes, values, plain):
            if prefix_of(layer) + name in case.axes and name not in case.inputs:
                yield prefix_of(layer) + name, value
        below = values


def unchanged(chain: Chain, case: Case, dtype: str) -> Values | None:
    """Every step's value without a mistake; None for several layers."""
    if layers_of(case.inputs) != range(1):
        return None
    values = _open(case, case.spec, 0, None, dtype)
    list(_steps(chain, {}, values))
    return values


def _open(
    case: Case,
    spec: Any,  # noqa: ANN401
    layer: int,
    below: Values | None,
    dtype: str,
) -> Values:
    own: Values = layer_inputs(case.inputs, layer, below)
    is_top = layer == layers_of(case.inputs)[-1]
    return {**own, "spec": spec, "layer": layer, "is_top": is_top, "dtype": dtype}


def _steps(
    chain: Chain, changes: Mapping[str, Change], values: Values, plain: Values | None = None
) -> Iterator[tuple[str, Any]]:
    so_far = plain
    for name, step in chain.items():
        if name in changes:
            so_far = None
            value = changes[name](values, step(values))
        else:
            value = step(values) if so_far is None else so_far[name]
        values[name] = value
        yield name, value


def _from_above(
    chain: Chain, case: Case, changes: Mapping[str, Change], values: Values
) -> Callable[[], Any]:
    """Make the function that back-propagates the loss of the layer above to this activity."""

    def pull() -> Any:  # noqa: ANN401
        if values["is_top"]:
            return 0.0
        above = _open(case, values["spec"], values["layer"] + 1, values, values["dtype"])
        above["from_above"] = _from_above(chain, case, changes, above)
        list(_steps(chain, changes, above))
        return input_grad(above)

    return pull
