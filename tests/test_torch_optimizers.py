"""The scalar recurrences against torch.optim, and against sums written out."""

import numpy as np
import pytest

from tests.independent.scalar_optimizers import adam, adamw, heavy_ball, moving_average

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

STEPS = 12
RNG_SEED = 4100


def sequences():
    """Gradients of both signs and of several sizes, and a rate that changes every step."""
    rng = np.random.default_rng(RNG_SEED)
    gradients = rng.normal(size=STEPS) * 10.0 ** rng.integers(-3, 2, size=STEPS)
    return gradients.tolist(), (0.05 / np.arange(1, STEPS + 1)).tolist()


def torch_path(factory, weight, gradients, rates):
    """The weight after every step of a torch optimiser that is handed the gradients."""
    torch.set_num_threads(1)
    parameter = torch.tensor([weight], dtype=torch.float64, requires_grad=True)
    optimizer = factory([parameter])
    path = []
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        path.append(parameter.item())
    return path


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.03])
def test_heavy_ball(momentum, decay):
    gradients, rates = sequences()
    theirs = torch_path(
        lambda p: torch.optim.SGD(p, lr=1, momentum=momentum, weight_decay=decay),
        0.7,
        gradients,
        rates,
    )
    assert np.allclose(
        heavy_ball(0.7, gradients, rates, momentum=momentum, weight_decay=decay),
        theirs,
        rtol=1e-13,
    )


def test_moving_average_is_sgd_with_dampening_from_a_zero_buffer():
    # torch starts its buffer with the undamped first gradient; a first gradient of 0 removes
    # that difference
    gradients, rates = sequences()
    gradients[0] = 0.0
    theirs = torch_path(
        lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, dampening=0.9), 0.7, gradients, rates
    )
    assert np.allclose(moving_average(0.7, gradients, rates, momentum=0.9), theirs, rtol=1e-13)


def test_moving_average_is_a_heavy_ball_of_a_tenth_of_the_rate():
    gradients, rates = sequences()
    tenth = [0.1 * rate for rate in rates]
    mine = moving_average(0.7, gradients, rates, momentum=0.9)
    assert np.allclose(mine, heavy_ball(0.7, gradients, tenth, momentum=0.9), rtol=1e-13)


def test_moving_average_by_hand():
    # lr 0.1, mu 0.5, decay 0.2, w 1, g 2 then 4
    # v = 1:            w = 1 - 0.1 (1 + 0.2) = 0.88
    # v = 0.5 + 2 = 2.5: w = 0.88 - 0.1 (2.5 + 0.176) = 0.6124
    mine = moving_average(1.0, [2.0, 4.0], [0.1, 0.1], momentum=0.5, weight_decay=0.2)
    assert np.allclose(mine, [0.88, 0.6124], rtol=1e-14)


def test_heavy_ball_by_hand():
    # lr 0.1, mu 0.5, decay 0.2, w 1, g 2 then 4
    # v = 2 + 0.2 = 2.2:             w = 1 - 0.22 = 0.78
    # v = 1.1 + 4 + 0.156 = 5.256:   w = 0.78 - 0.5256 = 0.2544
    mine = heavy_ball(1.0, [2.0, 4.0], [0.1, 0.1], momentum=0.5, weight_decay=0.2)
    assert np.allclose(mine, [0.78, 0.2544], rtol=1e-14)


def test_moving_average_of_a_constant_gradient():
    # v_t = (1 - mu^t) g, so w_T = w_0 - lr g (T - mu (1 - mu^T) / (1 - mu))
    path = moving_average(0.0, [3.0] * STEPS, [0.1] * STEPS, momentum=0.8)
    assert np.isclose(path[-1], -0.1 * 3 * (STEPS - 0.8 * (1 - 0.8**STEPS) / 0.2), rtol=1e-14)


@pytest.mark.parametrize("eps", [1e-8, 1e-2])
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.5, 0.8), (0.0, 0.9)])
def test_adam(beta1, beta2, eps):
    gradients, rates = sequences()
    theirs = torch_path(
        lambda p: torch.optim.Adam(p, lr=1, betas=(beta1, beta2), eps=eps), 0.7, gradients, rates
    )
    assert np.allclose(
        adam(0.7, gradients, rates, beta1=beta1, beta2=beta2, eps=eps), theirs, rtol=1e-13
    )


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw(decay):
    gradients, rates = sequences()
    theirs = torch_path(
        lambda p: torch.optim.AdamW(p, lr=1, betas=(0.8, 0.95), eps=1e-3, weight_decay=decay),
        0.7,
        gradients,
        rates,
    )
    mine = adamw(0.7, gradients, rates, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=decay)
    assert np.allclose(mine, theirs, rtol=1e-13)


def test_adam_by_hand():
    # the first step is lr sign(g), up to eps: m / (1 - b1) = g, sqrt(v / (1 - b2)) = |g|
    # second step, b1 = b2 = 0.5, g = 3 then -4 (b^2 = 1/4):
    # m = 0.75 - 2 = -1.25, / 0.75 = -5/3;  v = 2.25 + 8 = 10.25, / 0.75 = 41/3
    # w moves by +0.1 (5/3) / sqrt(41/3)
    path = adam(0.0, [3.0, -4.0], [0.1, 0.1], beta1=0.5, beta2=0.5, eps=0.0)
    assert np.allclose(path, [-0.1, -0.1 + 0.1 * (5 / 3) / (41 / 3) ** 0.5], rtol=1e-14)
