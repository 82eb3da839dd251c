"""Convolution, 3x3 with padding 1: shapes, libraries, and what rounding allows.

PyTorch gets its arrays in the layout that it works on, contiguous (NCHW) or channels_last. NumPy
writes the windows into a matrix and multiplies; its input gradient adds a product for each pixel
of the kernel. An element's error is compared with that of a sum of k products, as for `matmul`.
"""

import os
from functools import partial

import numpy as np
from contenders import Subject

SHAPES = [
    (64, 32, 32, 3, 64), (64, 32, 32, 64, 64), (64, 32, 32, 64, 128), (64, 16, 16, 128, 256),
    (64, 8, 8, 256, 512), (128, 28, 28, 1, 32), (128, 28, 28, 32, 64),
]  # fmt: skip
"""Batch, height, width, channels of the images, of the output."""
FORMS = ("forward", "weight gradient", "input gradient")
KERNEL = 3


def cases(quick):
    dtypes = ("float32",) if quick else ("float32", "float64")
    return [
        {"dtype": dtype, "form": form, "shape": list(shape)}
        for dtype in dtypes
        for form in FORMS
        for shape in SHAPES
    ]


def arrays(case):
    """Images, weight and d_out, the same in each process."""
    batch, height, width, inputs, outputs = case["shape"]
    rng = np.random.default_rng(sum(case["shape"]))
    shapes = (
        (batch, height, width, inputs),
        (KERNEL, KERNEL, inputs, outputs),
        (batch, height, width, outputs),
    )
    return [rng.standard_normal(shape).astype(case["dtype"]) for shape in shapes]


def ffref_convolution(case):
    from ffref import kernels

    images, weight, d_out = arrays(case)
    calls = {
        "forward": lambda: kernels.conv2d(images, weight, padding=1),
        "weight gradient": lambda: kernels.conv2d_weight_grad(
            images, d_out, kernel_size=KERNEL, padding=1
        ),
        "input gradient": lambda: kernels.conv2d_input_grad(
            d_out, weight, input_size=images.shape[1:3], padding=1
        ),
    }
    return calls[case["form"]], np.asarray


def windows(images):
    """What the kernel sees at each pixel, as rows of a matrix."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(-1, KERNEL**2 * images.shape[3])


def scattered(d_out, weight):
    """The input gradient, one pixel of the kernel after the other."""
    batch, height, width, _ = d_out.shape
    d_padded = np.zeros((batch, height + 2, width + 2, weight.shape[2]), d_out.dtype)
    for kh, kw in np.ndindex(KERNEL, KERNEL):
        d_padded[:, kh : kh + height, kw : kw + width] += d_out @ weight[kh, kw].T
    return d_padded[:, 1:-1, 1:-1]


def numpy_convolution(case):
    images, weight, d_out = arrays(case)
    matrix, d_matrix = weight.reshape(-1, weight.shape[3]), d_out.reshape(-1, d_out.shape[3])
    calls = {
        "forward": lambda: (windows(images) @ matrix).reshape(d_out.shape),
        "weight gradient": lambda: (windows(images).T @ d_matrix).reshape(weight.shape),
        "input gradient": lambda: scattered(d_out, weight),
    }
    return calls[case["form"]], np.asarray


def torch_convolution(case, layout):
    import torch

    torch.set_num_threads(int(os.environ["FFREF_THREADS"]))
    images, weight, d_out = map(torch.from_numpy, arrays(case))
    memory = {"memory_format": getattr(torch, layout)}
    x, d_y = (array.permute(0, 3, 1, 2).contiguous(**memory) for array in (images, d_out))
    w = weight.permute(3, 2, 0, 1).contiguous(**memory)
    calls = {
        "forward": lambda: torch.conv2d(x, w, padding=1),
        "weight gradient": lambda: torch.nn.grad.conv2d_weight(x, w.shape, d_y, padding=1),
        "input gradient": lambda: torch.nn.grad.conv2d_input(x.shape, w, d_y, padding=1),
    }
    order = (2, 3, 1, 0) if case["form"] == "weight gradient" else (0, 2, 3, 1)
    return calls[case["form"]], lambda result: result.permute(*order).numpy()


def exact(case, images, weight, d_out):
    """The result in float64, one pixel of the kernel after the other."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    _, height, width, _ = d_out.shape
    if case["form"] == "input gradient":
        return scattered(d_out, weight)
    total = np.zeros(weight.shape if case["form"] == "weight gradient" else d_out.shape)
    for kh, kw in np.ndindex(KERNEL, KERNEL):
        seen = padded[:, kh : kh + height, kw : kw + width]
        if case["form"] == "forward":
            total += seen @ weight[kh, kw]
        else:
            total[kh, kw] = seen.reshape(-1, seen.shape[3]).T @ d_out.reshape(-1, d_out.shape[3])
    return total


def share_of_bound(result, case):
    """The largest error, in parts of the bound for a sum of k products."""
    wide = [array.astype(np.float64) for array in arrays(case)]
    batch, height, width, inputs, outputs = case["shape"]
    length = {
        "forward": KERNEL**2 * inputs,
        "weight gradient": batch * height * width,
        "input gradient": KERNEL**2 * outputs,
    }[case["form"]]
    bound = (length + 1) * np.finfo(case["dtype"]).eps / 2 * exact(case, *map(np.abs, wide))
    return float(np.max(np.abs(result - exact(case, *wide)) / bound))


CONV = Subject(
    cases=cases,
    title=lambda case: (
        f"{case['form']:15} {case['dtype']} {'x'.join(map(str, case['shape'][:4])):>12}"
        f"->{case['shape'][4]:<3}"
    ),
    group=lambda case: f"{case['form']} {case['dtype']}",
    multiply_adds=lambda case: KERNEL**2 * int(np.prod(case["shape"])),
    makers={
        "ffref": ffref_convolution,
        "NumPy": numpy_convolution,
        "PyTorch": partial(torch_convolution, layout="contiguous_format"),
        "PyTorch channels_last": partial(torch_convolution, layout="channels_last"),
    },
    share_of_bound=share_of_bound,
    better_of={"PyTorch, the better layout": ("PyTorch", "PyTorch channels_last")},
)
