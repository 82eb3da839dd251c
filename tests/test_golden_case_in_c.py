"""The C example reads golden cases from their raw files, and its gradients are right."""

import shutil
import subprocess

import pytest

from ffref.cli.main import main
from ffref.oracle import find_case
from ffref.oracle.golden import FOLDER
from tests.test_docs import ROOT

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if COMPILER is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("c") / "golden_case"
    source = ROOT / "examples" / "golden_case.c"
    subprocess.run(
        [COMPILER, "-Wall", "-Wextra", "-Werror", "-O2", "-o", path, source, "-lm"], check=True
    )
    return path


@pytest.mark.parametrize(
    "case", ["ordinary", "wide", "one-row", "zero-row", "goodness-1e4", "unequal-sides"]
)
def test_gradients_in_c(program, tmp_path, case, capsys):
    id_ = f"ff/paper/{case}"
    out = tmp_path / id_
    out.mkdir(parents=True)
    threshold = str(find_case(id_).spec.threshold)
    subprocess.run([program, FOLDER / id_, threshold, out], check=True, capture_output=True)
    words = ["oracle", "check", str(tmp_path), "--case", id_]
    assert main(words) == 0
    assert "1 passed, 0 failed, 0 xfailed, 0 skipped; 3 quantities" in capsys.readouterr().out
    subprocess.run([program, FOLDER / id_, "2.875", out], check=True, capture_output=True)
    assert main(words) == 1
    assert "loss is wrong" in capsys.readouterr().out


def test_without_a_case_it_says_so(program, tmp_path):
    done = subprocess.run(
        [program, tmp_path, "1", tmp_path], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "arrays.txt: No such file" in done.stderr
