"""`ffref bench`, at sizes of milliseconds."""

import json
import os
import sys

import numpy as np
import pytest

from ffref.cli import bench as command
from ffref.experiments import bench
from ffref.kernels import get_threads, set_threads
from tests.cli_support import assert_one_line, assert_refused, python, run, run_well

TINY = bench.Workload(
    sizes=((5, 6, 7), (16, 8, 33)), features=12, hidden=(9, 8), batch=20, classes=3, rows=25,
    seconds=0.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Small work, no pauses, and the number of threads as before."""
    monkeypatch.setattr(bench, "QUICK", TINY)
    monkeypatch.setattr(bench, "PAUSE", 0.0)
    before = get_threads()
    yield
    set_threads(before)


def test_table_has_products_steps_and_inference():
    out = run_well("bench", "--quick")
    for part in ("5 x    6 x    7", "geometric mean", "HFF 9-8", "FF  9-8", "training step"):
        assert part in out
    assert f"numpy {np.__version__}" in out


def test_json_holds_all_that_was_measured():
    result = json.loads(run_well("bench", "--quick", "--json", "--threads", "1"))
    assert result["environment"]["threads"] == 1
    assert result["numpy_threads"] is None  # imported long before it could be told
    assert [row["size"] for row in result["products"]] == [list(size) for size in TINY.sizes]
    for row in result["products"]:
        assert 0 <= row["share_of_bound"] <= 1
        assert row["ratio"] == pytest.approx(row["gflops"] / row["numpy_gflops"])
    assert [row["algorithm"] for row in result["networks"]] == ["hff", "ff"]
    for row in result["networks"]:
        assert row["step_ms"] > 0
        assert row["inference_ms"] > 0
        assert row["slope_error"] < 1e-3


def test_numpy_gets_the_same_number_of_threads_in_a_fresh_process(tmp_path):
    code = (
        "import sys, os\n"
        "from ffref.cli.bench import _tell_numpy, _THREAD_VARIABLES\n"
        "print(_tell_numpy(3), [os.environ[name] for name in _THREAD_VARIABLES])\n"
        "import numpy\n"
        "print(_tell_numpy(2), os.environ['OPENBLAS_NUM_THREADS'])\n"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True ['3', '3', '3', '3']", "False 3"]


def test_numpy_follows_the_environment_of_ffref(monkeypatch):
    for name in command._THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("FFREF_THREADS", "5")
    monkeypatch.delitem(sys.modules, "numpy")
    assert command._tell_numpy(None)
    assert os.environ["OPENBLAS_NUM_THREADS"] == "5"


def test_torch_is_not_imported(tmp_path):
    code = (
        "import sys\n"
        "import ffref.cli.bench, ffref.experiments.bench\n"
        "print('torch' in sys.modules)\n"
    )
    assert python("-c", code, cwd=tmp_path).stdout == "False\n"


def test_help_has_examples():
    out = run_well("bench", "--help")
    assert all(flag in out for flag in ("--quick", "--json", "--threads"))
    assert "ffref bench --quick" in out
    assert "bench" in run_well("--help")


@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_bad_threads_are_refused(threads):
    assert_refused(run("bench", "--quick", "--threads", threads), "threads")


def test_what_is_unknown_is_refused():
    assert_refused(run("bench", "everything"), "everything")


def test_no_speed_for_a_wrong_product(monkeypatch):
    monkeypatch.setattr(bench, "matmul", lambda a, b: 1.01 * (a @ b))
    outcome = run("bench", "--quick")
    assert_one_line(outcome, code=1)
    assert "matmul" in outcome.err
    assert "GFLOP" not in outcome.out


@pytest.mark.parametrize("algorithm", ["hff", "ff"])
def test_no_speed_for_a_wrong_gradient(algorithm, monkeypatch):
    import ffref.training.step

    grads_of_pass = ffref.training.step.grads_of_pass

    def wrong(*given):
        grads, evaluation = grads_of_pass(*given)
        d_weights = tuple(1.01 * array for array in grads.d_weights)
        return grads._replace(d_weights=d_weights), evaluation

    monkeypatch.setattr(ffref.training.step, "grads_of_pass", wrong)
    with pytest.raises(bench.WrongValueError, match="slope"):
        bench.bench_network(algorithm, TINY)


@pytest.mark.parametrize("algorithm", ["hff", "ff"])
def test_no_speed_for_wrong_scores(algorithm):
    network = bench.make_network(algorithm, TINY)
    assert bench.check_scores(algorithm, network, TINY.classes) < 1e-12
    wrong = network._replace(scores=lambda *asked: 1.01 * network.scores(*asked))
    with pytest.raises(bench.WrongValueError, match="scores"):
        bench.check_scores(algorithm, wrong, TINY.classes)
