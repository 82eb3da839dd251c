"""The draws that the families share: numbers, norms, layers, partners."""

from typing import Any, NamedTuple

import numpy as np

from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec, NormSpec, Spec
from ffref.types import Array, Labels


class Drawn(NamedTuple):
    """What a family's function draws."""

    spec: Spec
    inputs: Values


class Form(NamedTuple):
    """Shapes of a layer; few, so that a framework that compiles by shape soon has them."""

    layer: LayerSpec
    x: tuple[int, ...]
    weight: tuple[int, ...]
    activity: tuple[int, ...]
    """of one row"""


FORMS = (
    Form(LayerSpec(), (2, 12), (12, 9), (9,)),
    Form(LayerSpec(), (6, 40), (40, 25), (25,)),
    Form(LayerSpec(), (6, 7), (7, 16), (16,)),
    Form(LayerSpec(), (16, 3), (3, 4), (4,)),
    Form(LayerSpec("conv", (2, 1), (1, 0)), (2, 5, 4, 3), (2, 2, 3, 4), (3, 3, 4)),
    Form(LayerSpec("conv"), (6, 5, 4, 3), (2, 2, 3, 4), (4, 3, 4)),
    Form(LayerSpec("conv", (1, 2), (0, 1)), (16, 5, 4, 3), (2, 2, 3, 4), (4, 3, 4)),
)


class Source:
    """A generator of one case."""

    def __init__(self, family: str, seed: int) -> None:
        self.rng = np.random.default_rng([*family.encode(), seed])

    def pick(self, *choices: Any) -> Any:  # noqa: ANN401
        """One of them."""
        return choices[self.rng.integers(len(choices))]

    def between(self, low: float, high: float) -> float:
        """A number with three digits, so that a specification can be read."""
        return float(f"{self.rng.uniform(low, high):.3g}")

    def array(self, shape: tuple[int, ...], scale: float = 1.0) -> Array:
        """Numbers in (-2, 2) times `scale`, a power of two; none is 0."""
        return (2 * self.rng.integers(-64, 64, shape) + 1) / 64 * scale

    def norm(self) -> NormSpec:
        """Any norm, with any place of eps."""
        kind = self.pick("none", "l2", "rms", "rms")
        eps = 0.0 if kind == "none" else self.pick(0.0, 1e-8, 1e-4)
        return NormSpec(kind, eps, self.pick("outside", "inside", "least"))

    def layer(self, least_rows: int = 2) -> tuple[dict[str, Any], Values, tuple[int, ...]]:
        """Choices of a dense or convolutional layer, its arrays, and one row's activity."""
        form = self.pick(*(form for form in FORMS if form.x[0] >= least_rows))
        inputs = {
            "x": self.array(form.x),
            "weight": self.array(form.weight, self.pick(0.25, 0.5, 1.0)),
            "bias": self.array(form.weight[-1:], 0.25),
        }
        relu = self.pick("gated", "gated", "straight-through")
        return {"layer": form.layer, "norm": self.norm(), "relu": relu}, inputs, form.activity

    def labels(self, rows: int, classes: int) -> Labels:
        """Any labels; a class may have no row."""
        return self.rng.integers(classes, size=rows)

    def sides(self, rows: int) -> Array:
        """Polarity with as many positive rows as negative ones, in any order."""
        return self.rng.permutation(np.repeat([1.0, -1.0], rows // 2))
