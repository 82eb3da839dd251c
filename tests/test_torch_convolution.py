"""Convolution and its gradients against PyTorch and its autograd."""

import numpy as np
import pytest

from ffref import kernels
from tests.convolution_cases import DTYPES, LARGER, SMALL, name
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def channels_first(images):
    return torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), requires_grad=True)


def outputs_first(weight):
    return torch.tensor(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), requires_grad=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", SMALL + LARGER, ids=name)
def test_forward_and_gradients(case, dtype):
    images, weight, d_out = case.arrays(dtype)
    x, w = channels_first(images), outputs_first(weight)
    out = torch.nn.functional.conv2d(x, w, **case.options)
    out.backward(channels_first(d_out).detach())
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    mine = (
        kernels.conv2d(images, weight, **case.options),
        kernels.conv2d_weight_grad(images, d_out, kernel_size=case.kernel, **case.options),
        kernels.conv2d_input_grad(d_out, weight, input_size=case.images[1:3], **case.options),
    )
    theirs = (
        out.detach().numpy().transpose(0, 2, 3, 1),
        w.grad.numpy().transpose(2, 3, 1, 0),
        x.grad.numpy().transpose(0, 2, 3, 1),
    )
    for ours, expected in zip(mine, theirs, strict=True):
        assert ours.dtype == expected.dtype == dtype
        assert scaled_close(ours, expected, tolerance)
        for kind, wrong in wrong_versions(ours):
            assert not scaled_close(wrong, expected, tolerance), kind
