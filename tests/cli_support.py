"""The command line in this process: runs of it, and what a clean error looks like."""

import contextlib
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

import ffref
from ffref.cli import progress
from ffref.cli.main import main

TINY = ("--hidden", "12,12", "--epochs", "2", "--batch-size", "32")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments):
    """Run `ffref ARGUMENTS` here; argparse leaves by SystemExit after --help and --version."""
    out, err = io.StringIO(), io.StringIO()
    # on a slow machine a step may take long enough for a word on it
    no_words = patch.object(progress, "_IN_A_LOG", (math.inf, math.inf))
    with no_words, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = leaving.code
    return Outcome(code, out.getvalue(), err.getvalue())


def run_well(*arguments):
    outcome = run(*arguments)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return outcome.out


def python(*arguments, cwd, timeout=120):
    """Run a new Python that finds the ffref under test, installed or not."""
    root = str(Path(ffref.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root},
        timeout=timeout,
    )


def tree(folder):
    """Every file and folder below `folder`, with the contents of the files."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def assert_one_line(outcome, code=2):
    assert outcome.code == code, outcome
    assert outcome.err.startswith("ffref: "), outcome
    assert outcome.err.count("\n") == 1, outcome
    assert outcome.err.endswith("\n"), outcome
    assert "Traceback" not in outcome.err


def assert_refused(outcome, says=""):
    """Exit code 2, one line on stderr that holds `says`, nothing on stdout."""
    assert_one_line(outcome)
    assert outcome.out == "", outcome
    assert says in outcome.err, outcome


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def history(path):
    """The epochs of metrics.jsonl, without what no two runs share."""
    epochs = [record for record in lines(path) if "test" not in record]
    return [{name: record[name] for name in record if name != "seconds"} for record in epochs]


def forget_checkpoints(folder):
    for path in folder.glob("checkpoint*.npz"):
        path.unlink()


def checkpoint_arrays(folder):
    """Arrays of a checkpoint as (dtype, shape, bytes), without the JSON record."""
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        return {
            name: (archive[name].dtype, archive[name].shape, archive[name].tobytes())
            for name in archive.files
            if name != "record.json"
        }
