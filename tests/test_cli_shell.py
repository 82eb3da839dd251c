"""The command line in a shell: its output cut short, its words completed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ffref

ROOT = str(Path(ffref.__file__).parents[1])


def test_reader_that_leaves_ends_the_command_quietly(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "ffref", "oracle", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ROOT},
    ) as program:
        program.stdout.close()  # before anything is written
        assert program.stderr.read() == b""
        assert program.wait(timeout=120) == 141


@pytest.mark.parametrize(
    ("typed", "expected", "absent"),
    [
        ("ffref re", {"report"}, {"train"}),
        ("ffref report --", {"--out", "--json", "--data-dir"}, {"--proba"}),
        pytest.param(
            "ffref train hff --tem", {"--temperature"}, {"--epochs"}, marks=pytest.mark.slow
        ),
        pytest.param("ffref train hinton-m", {"hinton-matlab"}, {"ff"}, marks=pytest.mark.slow),
    ],
)
def test_words_are_completed(typed, expected, absent, tmp_path):
    pytest.importorskip("argcomplete")
    answer = tmp_path / "answer"
    subprocess.run(
        [sys.executable, "-m", "ffref"],
        env={
            **os.environ,
            "PYTHONPATH": ROOT,
            "_ARGCOMPLETE": "1",
            "COMP_LINE": typed,
            "COMP_POINT": str(len(typed)),
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        },
        check=True,
        timeout=120,
    )
    words = {word.strip() for word in answer.read_text().splitlines()}
    assert expected <= words
    assert not absent & words
