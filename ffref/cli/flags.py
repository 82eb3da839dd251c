"""The flags of `ffref train`: the settings of the classifiers, as the command line takes them."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, NamedTuple

from ffref.estimators import ESTIMATORS
from ffref.method import Setting, value_type

ALGORITHMS = tuple(name for name, kind in ESTIMATORS.items() if kind.on_command_line)


class Flag(NamedTuple):
    """A flag that sets one constructor argument of a classifier."""

    names: tuple[str, ...]
    parameter: str
    algorithms: tuple[str, ...]
    help: str
    type: Callable[[str], Any] | None = str
    """None: a pair of switches, --x and --no-x"""
    choices: tuple[str, ...] | None = None
    needs: tuple[str, tuple[str, ...]] | None = None
    """Another parameter, and those of its values for which this flag has an effect."""


def sizes(text: str) -> tuple[int, ...]:
    """Parse "500,500" into (500, 500).

    Examples
    --------
    >>> sizes("1000,500")
    (1000, 500)
    """
    try:
        parsed = tuple(int(part) for part in text.split(","))
    except ValueError:
        parsed = ()
    if not parsed or min(parsed) < 1:
        raise ArgumentTypeError(f"takes units of each layer, as 500,500, got {text!r}")
    return parsed


def layers(text: str) -> tuple[tuple[str | int, ...], ...]:
    """Parse "conv:3:1:32:1,dense:500" into (("conv", 3, 1, 32, 1), ("dense", 500)).

    Examples
    --------
    >>> layers("local:10:6:128,local:2:1:220")
    (('local', 10, 6, 128), ('local', 2, 1, 220))
    """
    parsed: list[tuple[str | int, ...]] = []
    for part in text.split(","):
        name, *numbers = part.split(":")
        if not (name and numbers and all(number.isdecimal() for number in numbers)):
            raise ArgumentTypeError(
                f"takes layers as local:SIZE:STRIDE:CHANNELS[:PADDING], conv:..., or dense:UNITS, "
                f"with commas between, got {text!r}"
            )
        parsed.append((name, *map(int, numbers)))
    return tuple(parsed)


_OF_ANY: dict[str, Callable[[str], Any]] = {
    "random_state": int,
    "hidden_layer_sizes": sizes,
    "image_shape": sizes,
    "layers": layers,
}
"""How settings are read whose annotation says nothing."""


def _flag(entry: Field[Any], algorithm: str) -> Flag:
    about: Setting = entry.metadata["setting"]
    names = (f"--{entry.name.replace('_', '-')}",) if about.flags is None else about.flags
    kind = value_type(entry)
    reads = None if kind is bool else _OF_ANY.get(entry.name, kind)
    return Flag(names, entry.name, (algorithm,), about.help, reads, about.choices, about.needs)


def _joined(flag: Flag, other: Flag) -> Flag:
    """One flag for two algorithms: either may refuse a choice of the other."""
    more = (choice for choice in other.choices or () if choice not in (flag.choices or ()))
    return flag._replace(
        algorithms=(*flag.algorithms, *other.algorithms),
        choices=None if flag.choices is None else (*flag.choices, *more),
    )


def _flags() -> tuple[Flag, ...]:
    found: dict[str, Flag] = {}
    for algorithm in ALGORITHMS:
        kind: Any = ESTIMATORS[algorithm]
        for entry in fields(kind):
            flag = _flag(entry, algorithm)
            if flag.names:
                known = found.get(flag.parameter)
                found[flag.parameter] = flag if known is None else _joined(known, flag)
    return tuple(found.values())


FLAGS = _flags()
