"""JAX: a step is written in arrays, `jax.value_and_grad` makes every derivative."""

from collections.abc import Mapping
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from ffref.oracle.adapters.protocol import Step, Stepwise
from ffref.oracle.case import Case
from ffref.oracle.layouts import inputs_in


class JAX(Stepwise):
    """Run a step of JAX code on every case of its family.

    Parameters
    ----------
    dtype : {"float64", "float32", "bfloat16"}
        float64 is switched on for the step alone; matrix products are as exact as the dtype.
    steps : dict of functions, optional
        By family: `step(spec, given, keep) -> loss`, a pure function of arrays in ffref's layout.
        Work on with what `keep(name, value)` returns: the derivative in it is then reported, too.
        If what is differentiated is not the loss, the step keeps "loss" besides. The default is
        ffref's JAX code, `adapters/jax_steps.py`.
    jit : bool
        False: without compilation, for a step that branches on values.

    Raises
    ------
    ImportError
        Without JAX.

    Examples
    --------
    ::

        def step(spec, given, keep):
            return my_loss(given["weight"], given["bias"], given["x"], given["polarity"])

        adapter = JAX("float32", {"ff": step})
    """

    def __init__(
        self, dtype: str = "float64", steps: Mapping[str, Step] | None = None, *, jit: bool = True
    ) -> None:
        self.jax = import_module("jax")
        if steps is None:
            steps = import_module("ffref.oracle.adapters.jax_steps").STEPS
        super().__init__(dtype, steps)
        self.jit = jit

    def run(self, case: Case) -> dict[str, Any] | str:
        """Values of all layers, with double precision and exact products switched on."""
        with ExitStack() as settings:
            settings.enter_context(self.jax.enable_x64(self.dtype == "float64"))
            settings.enter_context(self.jax.default_matmul_precision("highest"))
            return super().run(case)

    def arrays(self, case: Case) -> dict[str, Any]:
        """Arrays of the dtype; labels stay whole numbers."""
        numpy = self.jax.numpy
        return {
            name: numpy.asarray(array, None if array.dtype.kind == "i" else self.dtype)
            for name, array in inputs_in(case, self.layout).items()
        }

    def one_layer(self, step: Step, spec: Any, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        """Differentiate what the step returns, in its inputs and in all that it kept.

        The derivative in an intermediate is that in zeros that are added to it.
        """
        fixed = {n: a for n, a in given.items() if a.dtype.kind == "i"}
        varied = {n: a for n, a in given.items() if n not in fixed}

        def loss_of(inputs: dict[str, Any], added: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            kept: dict[str, Any] = {}

            def keep(name: str, value: Any) -> Any:  # noqa: ANN401
                kept[name] = value + added[name] if name in added else value
                return kept[name]

            loss = step(spec, fixed | inputs, keep)
            kept.setdefault("loss", loss)
            return loss, kept

        shapes = self.jax.eval_shape if self.jit else lambda loss, *inputs: loss(*inputs)
        _, found = shapes(loss_of, varied, {})
        zeros = {n: self.jax.numpy.zeros(v.shape, v.dtype) for n, v in found.items()}
        grad = self.jax.grad(loss_of, argnums=(0, 1), has_aux=True)
        grads, values = (self.jax.jit(grad) if self.jit else grad)(varied, zeros)
        return {f"d_{n}": grad for part in grads for n, grad in part.items()} | values
