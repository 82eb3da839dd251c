"""The numbers of docs/results, run again; needs $FFREF_DATA with MNIST."""

import json
import os
from pathlib import Path

import pytest

from ffref.cli.main import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(os.environ.get("FFREF_DATA", ""), "mnist").is_dir(),
        reason="FFREF_DATA names no folder with mnist/",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "least"),
    [
        (("hff",), 0.983),
        (("ff",), 0.964),
        (("ff", "--epochs", "6"), 0.964),
    ],
    ids=["hff", "ff", "ff in six epochs"],
)
def test_mnist(arguments, least, tmp_path):
    out = tmp_path / "run"
    assert main(["train", *arguments, "--data", "mnist", "--out", str(out)]) == 0
    last = (out / "metrics.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["test"]["accuracy"] >= least
