"""How far correct implementations are from golden values, in unit roundoffs times kappa.

    python -m benchmarks.oracle_tolerances

The multiples of ffref/oracle/tolerances.py rest on what this prints: the largest share of
ffref itself and of PyTorch's autograd, by dtype, beyond the floor, entries at kinks left out.
"""

import numpy as np
import torch

from ffref.oracle import cases, evaluate
from ffref.oracle.adapters import PyTorch
from ffref.oracle.comparison import as_float64, fit
from ffref.oracle.layouts import from_layout, shape_there
from ffref.oracle.tolerances import UNIT_ROUNDOFF, floor


def share(golden, mine, dtype):
    """Error beyond the floor, in unit roundoffs times the condition number."""
    error = np.abs(mine - golden.value)
    if golden.kinks is not None:
        error[golden.kinks > 0] = 0
    beyond = max(error.max() - floor(dtype, golden.scale), 0.0)
    return beyond / (UNIT_ROUNDOFF[dtype] * golden.kappa) if beyond else 0.0


def as_here(value, case, quantity):
    """In ffref's axes; flat rows of images get theirs first, as in `compare`."""
    axes = case.axes[quantity]
    shape = shape_there(case.golden[quantity].value.shape, axes, PyTorch.layout)
    return from_layout(fit(as_float64(value), shape), axes, PyTorch.layout)


def main():
    torch.set_num_threads(1)
    worst = {}
    for case in cases():
        runs = {("ffref", name): evaluate(case, name) for name in ("float64", "float32")}
        for name in UNIT_ROUNDOFF:
            runs["torch", name] = {
                quantity: as_here(value, case, quantity)
                for quantity, value in PyTorch(name).run(case).items()
            }
        for who, values in runs.items():
            for quantity, mine in values.items():
                found = share(case.golden[quantity], mine, who[1])
                worst[who] = max(worst.get(who, (0.0, "")), (found, f"{case.id} {quantity}"))
    for (who, dtype), (found, where) in worst.items():
        print(f"{who} {dtype}: {found:.2f} at {where}")


if __name__ == "__main__":
    main()
