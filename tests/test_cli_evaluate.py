"""`ffref evaluate` refuses what would give a meaningless number."""

import json

import numpy as np
import pytest

from ffref.data import read_npz
from tests.cli_support import TINY, assert_refused, run, run_well
from tests.small_data import save_blobs


@pytest.mark.filterwarnings("default")
def test_labels_that_the_run_does_not_know(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
    X, y = read_npz("blobs.npz")
    np.savez("other.npz", X=X, y=y.astype(int) + 100)
    assert_refused(run("evaluate", "run", "--data", "other.npz"), "none of the labels")
    np.savez("more.npz", X=X, y=y.astype(int) + 2)  # 0, 1, 2 become 2, 3, 4
    outcome = run("evaluate", "run", "--data", "more.npz", "--json")
    assert (outcome.code, json.loads(outcome.out)["samples"]) == (0, 90)
    assert outcome.err.count("\n") == 1
    assert "60 of 90 samples have labels that this run does not know, [3, 4]:" in outcome.err


def test_data_dir_where_it_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
    for more in ((), ("--data", "blobs.npz"), ("--data", "digits")):
        refused = run("evaluate", "run", "--data-dir", ".", *more)
        assert_refused(refused, "--data-dir does nothing")
