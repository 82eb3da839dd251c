"""How a case of several layers keeps them apart: by a prefix of names."""

from typing import TypeVar

Entry = TypeVar("Entry")
HANDED_UP = {
    "x": "activity",
    "carried_margin": "next_carried_margin",
    "carried_goodness": "next_carried_goodness",
}
"""What a layer takes from the layer below, and by which name that has it; where it has it."""


def layers_of(names: dict[str, Entry]) -> range:
    """Numbers of a case's layers: 1, 2, ... for a stack, 0 alone for a single layer.

    Examples
    --------
    >>> layers_of({"weight": 0}), layers_of({"layer1.weight": 0, "layer2.weight": 0})
    (range(0, 1), range(1, 3))
    """
    count = sum(name.startswith("layer") and name.endswith(".weight") for name in names)
    return range(1, count + 1) if count else range(1)


def prefix_of(layer: int) -> str:
    """What stands before the names of a layer's own arrays."""
    return f"layer{layer}." if layer else ""


def layer_inputs(
    inputs: dict[str, Entry], layer: int, below: dict[str, Entry] | None = None
) -> dict[str, Entry]:
    """One layer's inputs without prefixes; a layer above takes what `HANDED_UP` lists."""
    if layer == 0:
        return inputs
    prefix = prefix_of(layer)
    shared = {name: entry for name, entry in inputs.items() if "." not in name}
    own = {n.removeprefix(prefix): entry for n, entry in inputs.items() if n.startswith(prefix)}
    below = below or {}
    return shared | own | {to: below[name] for to, name in HANDED_UP.items() if name in below}
