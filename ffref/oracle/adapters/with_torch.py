"""PyTorch: a step is written in tensors, autograd makes every derivative."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ffref.oracle.adapters.protocol import Step, Stepwise
from ffref.oracle.case import Case
from ffref.oracle.layouts import inputs_in


class PyTorch(Stepwise):
    """Run a step of PyTorch code on every case of its family.

    Parameters
    ----------
    dtype : {"float64", "float32", "bfloat16"}
    steps : dict of functions, optional
        By family: `step(spec, given, keep) -> loss`. `given` holds the case's inputs as tensors in
        PyTorch's layout, of which those that have a derivative require it; `keep(name, value)`
        returns the value and reports it, and its gradient, under that name. If what is
        differentiated is not the loss, the step keeps "loss" besides. The default is ffref's
        PyTorch code, `adapters/torch_steps.py` and `torch_heads.py`.
    device : str

    Raises
    ------
    ImportError
        Without PyTorch.

    Examples
    --------
    ::

        def step(spec, given, keep):
            layer = MyLayer(given["weight"], given["bias"])
            return layer.loss(given["x"], given["polarity"])

        adapter = PyTorch("float32", {"ff": step})
    """

    layout = "out_in,NCHW"

    def __init__(
        self,
        dtype: str = "float64",
        steps: Mapping[str, Step] | None = None,
        *,
        device: str = "cpu",
    ) -> None:
        self.torch = import_module("torch")
        if steps is None:
            steps = import_module("ffref.oracle.adapters.torch_steps").STEPS
            steps = steps | import_module("ffref.oracle.adapters.torch_heads").HEADS
        super().__init__(dtype, steps)
        self.device = device

    def arrays(self, case: Case) -> dict[str, Any]:
        """Tensors on the device; labels stay whole numbers."""
        made = {}
        for name, array in inputs_in(case, self.layout).items():
            dtype = None if array.dtype.kind == "i" else getattr(self.torch, self.dtype)
            made[name] = self.torch.tensor(array, dtype=dtype, device=self.device)
        return made

    def one_layer(self, step: Step, spec: Any, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        """Differentiate what the step returns, in its inputs and in all that it kept."""
        given = {
            name: tensor.detach().requires_grad_(tensor.is_floating_point())
            for name, tensor in given.items()
        }
        kept: dict[str, Any] = {}

        def keep(name: str, value: Any) -> Any:  # noqa: ANN401
            if value.requires_grad:
                value.retain_grad()
            kept[name] = value
            return value

        loss = step(spec, given, keep)
        loss.backward()
        grads = {f"d_{name}": _grad(self.torch, x) for name, x in (given | kept).items()}
        return grads | {name: value.detach() for name, value in ({"loss": loss} | kept).items()}


def _grad(torch: Any, tensor: Any) -> Any:  # noqa: ANN401
    """Gradient of a tensor; 0 if the loss does not depend on it."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
