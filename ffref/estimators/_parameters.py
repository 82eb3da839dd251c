"""Parameters of a classifier: declared as fields, checked, documented, got and set."""

import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self, TypeVar, dataclass_transform

import numpy as np

from ffref._checks import require
from ffref.method import Setting, setting, value_type

_T = TypeVar("_T", bound=type)


class Parameters:
    """Whoever declares each argument of its constructor as a field with a `setting`."""

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """What is known of each constructor argument."""
        return {name: entry.metadata["setting"] for name, entry in _fields(cls)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name (`deep` is there for scikit-learn)."""
        return {name: getattr(self, name) for name in self.settings()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments by name."""
        known = self.settings()
        for name, value in params.items():
            require(
                name in known,
                f"Invalid parameter {name!r} for {type(self).__name__}; it has {', '.join(known)}",
            )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = (
            f"{name}={getattr(self, name)!r}"
            for name, entry in _fields(type(self))
            if repr(getattr(self, name)) != repr(entry.default)
        )
        return f"{type(self).__name__}({', '.join(given)})"

    def _check_parameters(self) -> None:
        """Refuse values that no data can make right."""
        for name, entry in _fields(type(self)):
            about, value = entry.metadata["setting"], getattr(self, name)
            if about.choices is not None:
                require(
                    isinstance(value, str) and value in about.choices,
                    f"{name} must be one of {', '.join(about.choices)}, got {value!r}",
                )
            if isinstance(entry.default, bool):
                require(
                    isinstance(value, bool | np.bool_),
                    f"{name} must be True or False, got {value!r}",
                )
            if about.check is not None and not (value is None and entry.default is None):
                about.check(value, name)

    def _structure(self) -> dict[str, Any]:
        """Parameters that shape what was fitted; changed ones count from the next fit on."""
        shaping = (name for name, about in self.settings().items() if about.shapes)
        return {name: getattr(self, name) for name in shaping}


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(setting,))
def classifier(kind: _T) -> _T:
    """Make `kind` a dataclass whose docstring lists every argument of its constructor.

    A field that was declared below and comes again without `setting` changes its default alone.
    """
    inherited = _inherited(kind)
    own = {*inspect.get_annotations(kind), *(vars(kind).keys() & inherited.keys())}
    for name, old in inherited.items():
        new = vars(kind).get(name, old.default)
        if not isinstance(new, Field):
            kind.__annotations__.setdefault(name, old.type)
            again = field(default=new, kw_only=bool(old.kw_only), metadata=old.metadata)
            setattr(kind, name, again)
    made: Any = dataclass(eq=False, repr=False, match_args=False, kw_only=True)(kind)
    made._declared = {name: entry for name, entry in _fields(made) if name in own}
    made.__doc__ = _documented(made)
    return made


def _inherited(kind: type) -> dict[str, Field[Any]]:
    """Fields of the bases, each as the class that Python would ask first has declared it.

    A dataclass by itself would take those of a mixin's own bases over those of its siblings.
    """
    found: dict[str, Field[Any]] = {}
    for base in reversed(kind.__mro__[1:]):
        found |= base.__dict__.get("_declared", {})
    return found


def _fields(kind: Any) -> Iterator[tuple[str, Field[Any]]]:
    return ((entry.name, entry) for entry in fields(kind))


def _documented(kind: type) -> str:
    """Return the docstring with its section of parameters, before Attributes and Examples."""
    text = inspect.cleandoc(kind.__doc__ or "")
    ends = [text.find(f"\n{title}\n---") for title in ("Attributes", "Examples")]
    end = min((found for found in ends if found >= 0), default=len(text))
    entries = (_entry(name, entry) for name, entry in _fields(kind))
    section = "\n".join(("Parameters", "----------", *entries))
    return "\n\n".join(part.strip("\n") for part in (text[:end], section, text[end:])) + "\n"


def _entry(name: str, entry: Field[Any]) -> str:
    about: Setting = entry.metadata["setting"]
    default = "optional" if entry.default is None else f"default {entry.default!r}"
    sentences = f"{about.help[0].upper()}{about.help[1:]}. {about.more}"
    lines = textwrap.wrap(sentences, 92, initial_indent="    ", subsequent_indent="    ")
    return "\n".join((f"{name} : {_type_name(entry, about)}, {default}", *lines))


def _type_name(entry: Field[Any], about: Setting) -> str:
    if about.choices is not None:
        return "{" + ", ".join(f'"{choice}"' for choice in about.choices) + "}"
    return about.kind or value_type(entry).__name__
