"""`ffref evaluate` refuses what would give a meaningless number."""

import numpy as np

from ffref.data import read_npz
from tests.cli_support import TINY, assert_refused, run, run_well
from tests.small_data import save_blobs


def test_labels_that_the_run_does_not_know(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
    X, y = read_npz("blobs.npz")
    np.savez("other.npz", X=X, y=y.astype(int) + 100)
    assert_refused(run("evaluate", "run", "--data", "other.npz"), "none of the labels")


def test_data_dir_where_it_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
    for more in ((), ("--data", "blobs.npz"), ("--data", "digits")):
        refused = run("evaluate", "run", "--data-dir", ".", *more)
        assert_refused(refused, "--data-dir does nothing")
