"""Parameters of a classifier, as scikit-learn wants to get and set them."""

import inspect
from typing import Any, Self

from ffref._checks import require


class Parameters:
    """Whoever stores each argument of its constructor under the argument's name."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name (`deep` is there for scikit-learn)."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments by name."""
        for name, value in params.items():
            require(
                name in self._parameter_names(),
                f"Invalid parameter {name!r} for {type(self).__name__}; it has "
                f"{', '.join(self._parameter_names())}",
            )
            setattr(self, name, value)
        return self

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        given = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        )
        return f"{type(self).__name__}({', '.join(given)})"
