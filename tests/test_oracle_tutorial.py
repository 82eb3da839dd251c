"""The oracle's tutorials do what they say."""

import re
import sys
from typing import get_args

import pytest

from ffref.cli.main import main
from ffref.oracle import compare, find_case, specs
from ffref.oracle.golden import FOLDER
from tests.doc_blocks import blocks
from tests.test_docs import ROOT

PAGE = ROOT / "docs" / "oracle_tutorial.md"


def part(heading):
    """Python block and command of a section, and what it prints, without what is left out."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    printed = re.findall(r"^```text\n((?:Adapter|JAX):.*?)^```$", text, re.MULTILINE | re.DOTALL)
    language = {name: code for name, code in blocks(PAGE) if code in text}
    return language["python"], language["sh"].split()[1:], printed[0]


@pytest.mark.parametrize(
    ("heading", "module", "needs", "right"),
    [
        pytest.param("PyTorch", "my_layer", "torch", (".sum(1)", ".mean(1)"),
                     marks=pytest.mark.torch),
        pytest.param("JAX", "my_step", "jax",
                     ("jax.nn.softmax(cosine / spec.temperature)", "cosine / spec.temperature"),
                     marks=pytest.mark.jax),
    ],
)  # fmt: skip
def test_tutorial(heading, module, needs, right, tmp_path, monkeypatch, capsys):
    pytest.importorskip(needs)
    code, words, printed = part(heading)
    monkeypatch.chdir(tmp_path)
    for text, outcome in ((code, 1), (code.replace(*right), 0)):
        (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        assert main(words) == outcome
        out = capsys.readouterr().out
        if outcome == 1:
            for line in printed.splitlines():
                assert line.strip() == "..." or line in out.splitlines()
    assert " 0 failed, 0 xfailed" in out
    sys.modules.pop(module)


def test_the_lines_of_a_golden_case_are_those_on_the_page():
    page = (ROOT / "docs" / "oracle_other_languages.md").read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(x 0 .*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    lines = (FOLDER / "ff" / "paper" / "ordinary" / "arrays.txt").read_text().splitlines()
    assert [line for line in shown.splitlines() if line != "..."] == [
        line for line in lines if line.split()[0] in ("x", "weight", "bias", "loss", "d_logit")
    ]


def test_where_to_look_is_as_on_the_page():
    case = find_case("ff/pezeshki/ordinary")
    said = compare(case, {"loss": 3.0, "d_weight": case.golden["d_weight"].value}).where()
    assert f"\n{case.id}: {said}\n" in PAGE.read_text(encoding="utf-8")


def test_every_word_of_a_specification_is_on_the_page():
    page = (ROOT / "docs" / "oracle_other_languages.md").read_text(encoding="utf-8")
    words = page.split("## The words of `spec`\n")[1]
    kinds = [*get_args(specs.Spec), *specs._PARTS.values()]
    fields = {field for kind in kinds for field in kind._fields}
    assert {field for field in fields if f"`{field}`" not in words} == set()
    values = {value for known in specs._WORDS.values() for value in known}
    assert {value for value in values if f'"{value}"' not in words} == set()
