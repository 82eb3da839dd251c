"""Local fields, pooling and batch normalisation against PyTorch's autograd."""

import numpy as np
import pytest

from ffref import layers
from tests.independent.compare import scaled_close
from tests.independent.image_cases import (
    FIELD_CASES,
    NORM_CASES,
    POOL_CASES,
    conv_arrays,
    field_arrays,
    norm_arrays,
)

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
each_float = pytest.mark.parametrize("dtype", TOLERANCE)
NAMED = {"ids": lambda case: case.name}


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def channels_first(tensor):
    return tensor.movedim(-1, 1)


def channels_last(tensor):
    return tensor.movedim(1, -1).detach().numpy()


def check(mine, theirs, dtype):
    assert mine.dtype == dtype
    assert scaled_close(mine, theirs, TOLERANCE[dtype])
    assert not scaled_close(1.01 * mine, theirs, TOLERANCE[dtype])


@each_float
@pytest.mark.parametrize("case", FIELD_CASES, **NAMED)
def test_local_fields(case, dtype):
    images, weight, d_out = (a.astype(dtype) for a in field_arrays(case))
    down, right, height, width, channels, _ = weight.shape
    x, w, b = leaf(images), leaf(weight), leaf(d_out[0] / 2)
    taps = functional.unfold(
        channels_first(x), case.window, stride=case.stride, padding=case.padding
    )
    taps = taps.reshape(len(images), channels, height, width, down, right)
    out = torch.einsum("nchwij,ijhwco->nijo", taps, w) + b
    out.backward(torch.tensor(d_out))
    fields, walk = (
        layers.LocalFields(weight, d_out[0] / 2),
        {"stride": case.stride, "padding": case.padding},
    )
    check(layers.local_fields_forward(fields, images, **walk), out.detach().numpy(), dtype)
    d_weight, d_bias = layers.local_fields_grads(images, d_out, kernel_size=case.window, **walk)
    check(d_weight, w.grad.numpy(), dtype)
    check(d_bias, b.grad.numpy(), dtype)
    d_images = layers.local_fields_input_grad(fields, d_out, input_size=images.shape[1:3], **walk)
    check(d_images, x.grad.numpy(), dtype)


@each_float
@pytest.mark.parametrize("case", POOL_CASES, **NAMED)
def test_pooling(case, dtype):
    images, _, d_out = (a.astype(dtype) for a in conv_arrays(case))
    walk = {"size": case.window, "stride": case.stride}
    back = {"input_size": images.shape[1:3], **walk}
    upstream = channels_first(torch.tensor(d_out))
    x = leaf(images)
    out, index = functional.max_pool2d(
        channels_first(x), case.window, case.stride, return_indices=True
    )
    out.backward(upstream)
    mine, places = layers.max_pool2d(images, **walk)
    check(mine, channels_last(out), dtype)
    assert np.array_equal(places, channels_last(index))
    check(layers.max_pool2d_vjp(d_out, places, **back), x.grad.numpy(), dtype)
    x = leaf(images)
    out = functional.avg_pool2d(channels_first(x), case.window, case.stride)
    out.backward(upstream)
    check(layers.average_pool2d(images, **walk), channels_last(out), dtype)
    check(layers.average_pool2d_vjp(d_out, **back), x.grad.numpy(), dtype)


def test_ties_and_nan_of_max_pooling():
    images = np.random.default_rng(1).integers(0, 3, (4, 9, 9, 5)).astype(np.float64)
    images[1, 4, 4, 2] = images[1, 5, 4, 2] = np.nan
    out, index = functional.max_pool2d(
        channels_first(torch.tensor(images)), 3, 2, return_indices=True
    )
    mine, places = layers.max_pool2d(images, size=3, stride=2)
    assert np.array_equal(mine, channels_last(out), equal_nan=True)
    number = ~np.isnan(mine)  # of several NaNs PyTorch names the last, ours, as NumPy, the first
    assert np.array_equal(places[number], channels_last(index)[number])


@each_float
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", NORM_CASES, **NAMED)
def test_batch_norm(case, training, dtype):
    x, d_out, scale, shift = (a.astype(dtype) for a in norm_arrays(case))
    if training and dtype == np.float32 and case.name == "two rows":
        pytest.skip("of two rows the derivative is 0 but for eps: PyTorch's is all rounding")
    tx, tg, tb = leaf(x), leaf(scale), leaf(shift)
    rng = np.random.default_rng(case.seed)
    start = [rng.normal(size=scale.shape), rng.uniform(0.5, 2, scale.shape)]
    running = layers.RunningStatistics(*(a.astype(dtype) for a in start))
    states = [torch.tensor(a) for a in running]
    out = functional.batch_norm(
        channels_first(tx), *states, tg, tb, training=training, momentum=0.3, eps=case.eps
    )
    out.backward(channels_first(torch.tensor(d_out)))
    norm = layers.BatchNorm(scale, shift)
    if training:
        mine, found = layers.batch_norm_forward(norm, x, eps=case.eps)
        grads = layers.batch_norm_grads(norm, x, d_out, found, eps=case.eps)
        for ours, theirs in zip(
            layers.advance_running(running, found, momentum=0.3), states, strict=True
        ):
            check(ours, theirs.numpy(), dtype)
    else:
        mine = layers.batch_norm_inference(norm, x, running, eps=case.eps)
        grads = layers.batch_norm_inference_grads(norm, x, d_out, running, eps=case.eps)
    check(mine, channels_last(out), dtype)
    for ours, theirs in zip(grads, (tx, tg, tb), strict=True):
        check(ours, theirs.grad.numpy(), dtype)
