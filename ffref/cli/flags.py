"""The flags of `ffref train`: the settings of the classifiers, as the command line takes them."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
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
    needs: tuple[str, tuple[str | bool, ...]] | None = None
    """Another parameter, and those of its values for which this flag has an effect."""


def sizes(text: str) -> tuple[int, ...]:
    """Parse "500,500" into (500, 500).

    Examples
    --------
    >>> sizes("1000,500")
    (1000, 500)
    """
    return _counts(text, "units of each layer, as 500,500")


def picture_size(text: str) -> tuple[int, ...]:
    """Parse "32,32,3" into (32, 32, 3).

    Examples
    --------
    >>> picture_size("28,28")
    (28, 28)
    """
    return _counts(text, "height, width and channels, as 32,32,3 (or 28,28)")


def _counts(text: str, what: str) -> tuple[int, ...]:
    try:
        parsed = tuple(int(part) for part in text.split(","))
    except ValueError:
        parsed = ()
    if not parsed or min(parsed) < 1:
        raise ArgumentTypeError(f"takes {what}, got {text!r}")
    return parsed


def layers(text: str) -> tuple[tuple[Any, ...], ...]:
    """Parse "conv:3:1:32:1,dense:500" into (("conv", 3, 1, 32, 1), ("dense", 500)).

    Examples
    --------
    >>> layers("local:10:6:128,local:2:1:220")
    (('local', 10, 6, 128), ('local', 2, 1, 220))
    >>> layers("block:96:pool=2:auxiliary=64x4:residual")
    (('block', {'channels': 96, 'pool': 2, 'auxiliary': [64, 4], 'residual': True}),)
    """
    parsed: list[tuple[Any, ...]] = []
    for part in text.split(","):
        name, *said = part.split(":")
        counts = said[:1] if name == "block" else said
        if not (name and counts and all(number.isdecimal() for number in counts)):
            raise ArgumentTypeError(
                f"takes layers as local:SIZE:STRIDE:CHANNELS[:PADDING], conv:..., dense:UNITS or "
                f"block:CHANNELS[:pool=2:auxiliary=64x4...], with commas between, got {text!r}"
            )
        if name == "block":
            parsed.append((name, {"channels": int(said[0])} | dict(map(_choice, said[1:]))))
        else:
            parsed.append((name, *map(int, said)))
    return tuple(parsed)


def layer_words(layer: Sequence[Any]) -> str:
    """Write a layer as `layers` reads it.

    Examples
    --------
    >>> (block,) = layers("block:96:pool=2:auxiliary=x4:residual")
    >>> layer_words(block)
    'block:96:pool=2:auxiliary=x4:residual'
    """
    name, *said = layer
    if name != "block":
        return ":".join(map(str, layer))
    words = [name, str(said[0]["channels"])]
    for choice, value in said[0].items():
        if isinstance(value, list):
            first, second = value
            words.append(f"{choice}={'' if first is None else first}x{second}")
        elif value is True:
            words.append(choice)
        elif choice != "channels":
            words.append(f"{choice}={value}")
    return ":".join(words)


def _choice(text: str) -> tuple[str, Any]:
    """Of a block: a name; with a number, a word, or two numbers (64x4; x4 for None and 4)."""
    name, said, value = text.partition("=")
    if not said:
        return name, True
    first, pair, second = value.partition("x")
    if pair and second.isdecimal() and (first.isdecimal() or not first):
        return name, [int(first) if first else None, int(second)]
    return name, int(value) if value.isdecimal() else value


_OF_ANY: dict[str, Callable[[str], Any]] = {
    "random_state": int,
    "hidden_layer_sizes": sizes,
    "image_shape": picture_size,
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
