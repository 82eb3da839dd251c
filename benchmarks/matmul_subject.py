"""The matrix products: sizes, libraries, and what rounding allows.

Each element lies within the bound of a sum of k products, k * unit roundoff * sum |a| |b|, of the
product in float64.
"""

import os
from functools import partial

import numpy as np
from contenders import Subject

SIZES = [(256, 784, 1000), (256, 1000, 1000), (512, 784, 500), (1024,) * 3, (2048,) * 3]
FORMS = ("nn", "tn", "nt")


def cases(quick):
    forms, dtypes = (("nn",), ("float32",)) if quick else (FORMS, ("float32", "float64"))
    return [
        {"dtype": dtype, "form": form, "size": list(size)}
        for dtype in dtypes
        for form in forms
        for size in SIZES
    ]


def matrices(case):
    """The factors of a case, the same in each process; and as they stand in the product."""
    form, (rows, depth, columns) = case["form"], case["size"]
    rng = np.random.default_rng(rows + depth + columns)
    a, b = rng.standard_normal((rows, depth)), rng.standard_normal((depth, columns))
    a, b = a.astype(case["dtype"]), b.astype(case["dtype"])
    stored_a = np.ascontiguousarray(a.T) if form[0] == "t" else a
    stored_b = np.ascontiguousarray(b.T) if form[1] == "t" else b
    return (
        stored_a,
        stored_b,
        stored_a.T if form[0] == "t" else a,
        stored_b.T if form[1] == "t" else b,
    )


def ffref_product(case):
    from ffref import kernels

    a, b, _, _ = matrices(case)
    forms = {"nn": kernels.matmul, "tn": kernels.matmul_tn, "nt": kernels.matmul_nt}
    return partial(forms[case["form"]], a, b), np.asarray


def numpy_product(case):
    _, _, a, b = matrices(case)
    return partial(np.matmul, a, b), np.asarray


def torch_product(case):
    import torch

    torch.set_num_threads(int(os.environ["FFREF_THREADS"]))
    _, _, a, b = map(torch.from_numpy, matrices(case))

    def run():
        return (a @ b).numpy()

    return run, np.asarray


def share_of_bound(result, case):
    """The largest error, in parts of the bound for a sum of k products."""
    _, _, a, b = matrices(case)
    a, b = a.astype(np.float64), b.astype(np.float64)
    bound = (a.shape[1] + 1) * np.finfo(case["dtype"]).eps / 2 * (np.abs(a) @ np.abs(b))
    return float(np.max(np.abs(result - a @ b) / bound))


MATMUL = Subject(
    cases=cases,
    title=lambda case: f"{case['form']} {case['dtype']} {'x'.join(map(str, case['size'])):>14}",
    group=lambda case: f"{case['form']} {case['dtype']}",
    multiply_adds=lambda case: int(np.prod(case["size"])),
    makers={
        "ffref": ffref_product,
        "NumPy": numpy_product,
        "NumPy core type": numpy_product,
        "PyTorch": torch_product,
    },
    share_of_bound=share_of_bound,
    better_of={},
)
