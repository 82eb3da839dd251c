"""Golden and random cases against JAX's derivatives."""

import pytest

from ffref.oracle import cases, find_case, run_adapter
from ffref.oracle.adapters import JAX
from ffref.oracle.instances import RANDOM, random_case

pytestmark = pytest.mark.jax
jax = pytest.importorskip("jax")
DTYPES = ("float64", "float32", pytest.param("bfloat16", marks=pytest.mark.slow))
# each case is compiled for itself, in half a second
COUNTS = (5, pytest.param(50, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow))


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_agree(dtype):
    own = [case for case in cases() if case.id.split("/")[0] in RANDOM]
    summary = run_adapter(JAX(dtype), own)
    assert summary.ok, summary
    assert len(summary.named("passed")) == len(own) > 80
    assert not any(o.report.named("not supplied") for o in summary.outcomes)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", RANDOM)
def test_correct_code_is_never_called_wrong(family, dtype, count):
    drawn = [random_case(family, seed) for seed in range(count)]
    summary = run_adapter(JAX(dtype), drawn)
    assert summary.ok, summary
    assert len(summary.named("passed")) == count


@pytest.mark.parametrize("jit", [True, False])
def test_a_step_of_ones_own(jit):
    jnp = jax.numpy

    def step(spec, given, keep):
        x = given["x"] / (jnp.linalg.norm(given["x"], axis=1, keepdims=True) + spec.norm.eps)
        hidden = keep("activity", jax.nn.relu(x @ given["weight"] + given["bias"]))
        logit = (hidden**2).mean(axis=1) - spec.threshold
        return jax.nn.softplus(-given["polarity"] * logit).mean()

    case = find_case("ff/pezeshki/ordinary")
    assert run_adapter(JAX("float32", {"ff": step}, jit=jit), [case]).checks == 5
    wrong = JAX("float32", {"ff": lambda *given: 2 * step(*given)}, jit=jit)
    assert run_adapter(wrong, [case]).outcomes[0].reason == "loss is wrong"
