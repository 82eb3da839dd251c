"""Golden and random cases against JAX's derivatives."""

import pytest

from ffref.oracle import cases, find_case, run_adapter
from ffref.oracle.adapters import JAX
from ffref.oracle.instances import random_case

pytestmark = pytest.mark.jax
jax = pytest.importorskip("jax")
FAMILIES = tuple(JAX().steps)
DTYPES = ("float64", "float32", "bfloat16")
OF_PAIRS = {"margin", "d_margin"}
OF_REMEDIES = OF_PAIRS | {"carried_share", "own_share", "cumulative_margin"}
NOT_SUPPLIED = {"symba": OF_PAIRS, "cumulative": OF_REMEDIES, "faust": {"centroid", "class_score"}}
"""Numbers of pairs would be shapes that depend on values; and what a step does not need."""


@pytest.fixture(autouse=True, scope="module")
def what_was_compiled_before(pytestconfig):
    """Kept from run to run: compilation takes nearly all of the time."""
    settings = {
        "jax_compilation_cache_dir": str(pytestconfig.cache.mkdir("jax")),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_agree(dtype):
    own = [case for case in cases() if case.id.split("/")[0] in FAMILIES]
    summary = run_adapter(JAX(dtype), own)
    assert summary.ok, str(summary)
    assert len(summary.named("passed")) == len(own) > 80
    for outcome in summary.outcomes:
        missing = {name.split(".")[-1] for name in outcome.report.named("not supplied")}
        assert missing <= NOT_SUPPLIED.get(outcome.case.split("/")[0], set())


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_correct_code_is_never_called_wrong(family, dtype, count):
    drawn = [random_case(family, seed) for seed in range(count)]
    # operation by operation, so that cases of one shape share what is compiled
    summary = run_adapter(JAX(dtype, jit=False), drawn)
    assert summary.ok, str(summary)
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
