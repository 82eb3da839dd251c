"""The C example reads golden cases from their raw files, and its gradients are right."""

import json
import re
import shutil
import subprocess

import pytest

from ffref.cli.main import main
from ffref.oracle import compare, find_case
from ffref.oracle.adapters import read_arrays
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
    done = subprocess.run([program, FOLDER / id_, out], check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 3
    words = ["oracle", "check", str(tmp_path), "--case", id_]
    assert main(words) == 0
    assert "1 passed, 0 failed, 0 xfailed, 0 skipped; 3 quantities" in capsys.readouterr().out
    done = subprocess.run(
        [program, FOLDER / id_, out, "2.875"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout[:9]) == (1, "FAIL loss")
    assert main(words) == 1
    assert "loss is wrong" in capsys.readouterr().out


def test_rule_and_allowance_are_the_oracles(program, tmp_path):
    done = subprocess.run(
        [program, FOLDER / "ff/paper/ordinary", tmp_path, "2.875"],
        check=False,
        capture_output=True,
        text=True,
    )
    case = find_case("ff/paper/ordinary")
    values = read_arrays(tmp_path)
    findings = {f.quantity: f for f in compare(case, values).findings}
    for line in done.stdout.splitlines():
        name, apart, allowed = re.fullmatch(r"FAIL (.*): apart (.*), allowed (.*)", line).groups()
        found = findings[name]
        assert float(apart) == pytest.approx(abs(found.yours - found.reference), rel=1e-2)
        assert float(allowed) == pytest.approx(found.allowed, rel=1e-2)


@pytest.mark.parametrize("id_", ["ff/hinton_matlab/labels", "hff/reconstruction/everything"])
def test_a_line_of_case_json_is_found_without_a_json_library(id_):
    text = (FOLDER / id_ / "case.json").read_text(encoding="utf-8")
    data = json.loads(text)
    lines = text.splitlines()
    assert sum(line.startswith(' "spec": {') and line.endswith("},") for line in lines) == 1
    for name, about in data["quantities"].items():
        (line,) = (line for line in lines if line.startswith(f'  "{name}": {{"kind"'))
        assert json.loads("{" + line.strip().rstrip(",") + "}") == {name: about}


def test_without_a_case_it_says_so(program, tmp_path):
    done = subprocess.run(
        [program, tmp_path, tmp_path], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "arrays.txt: No such file" in done.stderr
