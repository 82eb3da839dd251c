"""Optimisers against scalar recurrences written apart, and their bookkeeping."""

import numpy as np
import pytest

from ffref.kernels import adam_update, get_threads, heavy_ball_update, set_threads
from ffref.training import SCHEDULES, bind_optimizer, with_warmup
from ffref.training.optimizers import adam, adamw, heavy_ball, moving_average
from tests.independent import scalar_optimizers

STEPS = 12
RATES = [0.1 * (1 - step / 20) for step in range(STEPS)]
CASES = {
    "heavy ball": (heavy_ball, scalar_optimizers.heavy_ball, {"momentum": 0.8}),
    "heavy ball, decay": (
        heavy_ball,
        scalar_optimizers.heavy_ball,
        {"momentum": 0.9, "weight_decay": 0.05},
    ),
    "no momentum": (heavy_ball, scalar_optimizers.heavy_ball, {"momentum": 0.0}),
    "moving average": (moving_average, scalar_optimizers.moving_average, {"momentum": 0.9}),
    "moving average, decay": (
        moving_average,
        scalar_optimizers.moving_average,
        {"momentum": 0.7, "weight_decay": 0.05},
    ),
    "adam": (adam, scalar_optimizers.adam, {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}),
    "adamw": (adamw, scalar_optimizers.adamw, {"beta2": 0.99, "weight_decay": 0.1}),
}


def run(optimizer, weights, gradients, decayed):
    weights = [w.copy() for w in weights]
    state = optimizer.init(weights)
    for step, rate in enumerate(RATES):
        state = optimizer.update(weights, [g[step] for g in gradients], state, rate, decayed)
    assert state.step == STEPS
    return weights


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_paths_follow_the_scalar_recurrence(name, dtype):
    make, scalar, choices = CASES[name]
    rng = np.random.default_rng(1)
    shapes = [(3, 4), (5,)]
    weights = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    gradients = [rng.standard_normal((STEPS, *shape)).astype(dtype) for shape in shapes]
    after = run(make(**choices), weights, gradients, (True, False))
    tolerance = 1e-13 if dtype is np.float64 else 1e-5
    no_decay = {key: 0.0 if key == "weight_decay" else value for key, value in choices.items()}
    for index, kwargs in enumerate((choices, no_decay)):
        for place in np.ndindex(*shapes[index]):
            steps = [float(g[place]) for g in gradients[index]]
            path = scalar(float(weights[index][place]), steps, RATES, **kwargs)
            assert after[index][place] == pytest.approx(path[-1], rel=tolerance, abs=tolerance)
        assert after[index].dtype == dtype


@pytest.mark.parametrize("name", CASES)
def test_a_rate_that_is_one_percent_off_is_noticed(name):
    make, scalar, choices = CASES[name]
    gradients = [np.random.default_rng(2).standard_normal((STEPS, 4))]
    after = run(make(**choices), [np.ones(4)], gradients, (True,))[0]
    rates = [1.01 * rate for rate in RATES]
    wrong = [scalar(1.0, list(gradients[0][:, i]), rates, **choices)[-1] for i in range(4)]
    assert not np.allclose(after, wrong, rtol=1e-7)


def test_hand_computed_steps():
    # heavy ball: v = 0.5 * 0 + 4 = 4, w = 1 - 0.1 * 4 = 0.6; v = 0.5 * 4 + 2 = 4, w = 0.2
    w, v = np.array([1.0]), np.zeros(1)
    heavy_ball_update(w, np.array([4.0]), v, rate=0.1, momentum=0.5, decay=0.0)
    heavy_ball_update(w, np.array([2.0]), v, rate=0.1, momentum=0.5, decay=0.0)
    np.testing.assert_allclose((w, v), [[0.2], [4.0]], rtol=1e-14)
    # Adam's first step is rate * sign(g), whatever the size of g
    w, m, s = np.array([1.0, 1.0]), np.zeros(2), np.zeros(2)
    scalars = {"rate": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 0.0, "decay": 0.0, "step": 1}
    adam_update(w, np.array([1e-3, -1e3]), m, s, **scalars)
    np.testing.assert_allclose(w, [0.9, 1.1], rtol=1e-12)


def test_without_decay_moving_average_is_heavy_ball_of_a_tenth_of_the_rate():
    gradients = [np.random.default_rng(3).standard_normal((STEPS, 4))]
    slow = run(moving_average(momentum=0.9), [np.ones(4)], gradients, (True,))[0]
    scaled = [0.1 * gradients[0]]
    fast = run(heavy_ball(momentum=0.9), [np.ones(4)], scaled, (True,))[0]
    np.testing.assert_allclose(slow, fast, rtol=1e-12)


def test_updates_have_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(4)
    before, results = get_threads(), []
    weight, gradient = (rng.standard_normal(100_003).astype(np.float32) for _ in range(2))
    try:
        for threads in (1, 2, 3):
            set_threads(threads)
            w, m, s = weight.copy(), np.zeros_like(weight), np.zeros_like(weight)
            for step in (1, 2, 3):
                adam_update(
                    w, gradient, m, s,
                    rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01, step=step,
                )  # fmt: skip
            results.append(w)
    finally:
        set_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_adam_with_zero_gradient_stays_and_tiny_gradient_is_finite():
    state = (np.ones(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32))
    scalars = {"rate": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.0, "step": 1}
    adam_update(state[0], np.array([0.0, 1e-30], np.float32), *state[1:], **scalars)
    assert state[0][0] == 1
    assert np.isfinite(state[0]).all()


@pytest.mark.parametrize(
    "choices",
    [
        {"name": "sgd"},
        {"name": "adam", "weight_decay": 0.1},
        {"name": "adamw", "weight_decay": -0.1},
        {"name": "heavy-ball", "momentum": 1.0},
    ],
)
def test_bad_choices_are_refused(choices):
    with pytest.raises(ValueError, match=r"must|no weight decay"):
        bind_optimizer(**choices)


def test_update_refuses_arrays_that_do_not_fit():
    with pytest.raises(ValueError, match="one shape and dtype"):
        heavy_ball_update(np.ones(3), np.ones(4), np.ones(3), rate=1, momentum=0, decay=0)
    with pytest.raises(ValueError, match="contiguous"):
        heavy_ball_update(
            np.ones((4, 4)).T[:2], np.ones((2, 4)), np.ones((2, 4)), rate=1, momentum=0, decay=0
        )


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_start_at_one_and_never_leave_the_unit_interval(name):
    values = [SCHEDULES[name](step, 50) for step in range(50)]
    assert values[0] == 1
    assert all(0 < value <= 1 for value in values)
    assert values == sorted(values, reverse=True)
    warmed = [with_warmup(SCHEDULES[name], 5)(step, 50) for step in range(50)]
    assert warmed[0] == pytest.approx(0.2)
    assert warmed[4:] == values[4:]
