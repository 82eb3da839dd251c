"""The tutorial runs as it stands on its page."""

import json
import re

import pytest

from tests.doc_blocks import blocks, run_blocks
from tests.test_docs import ROOT


@pytest.fixture
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])


@pytest.mark.usefixtures("_folder")
def test_from_your_own_images(capsys):
    page = ROOT / "docs" / "own_images.md"
    assert [language for language, _ in blocks(page)] == [
        "python",
        "sh",
        "sh",
        "sh",
        "python",
        "sh",
    ]
    trained, evaluated, whole, predicted, as_json, saved = run_blocks(page)
    assert "400 training and 100 test samples, 144 features" in trained
    assert float(re.match(r"accuracy ([0-9.]+)%", evaluated)[1]) > 85
    assert json.loads(whole)["samples"] == 500
    assert predicted.splitlines()[0] == "file,class,probability"
    assert predicted.splitlines()[1].startswith("new/505-")
    assert len(json.loads(as_json)["predictions"]) == 10
    printed = capsys.readouterr().out
    assert float(re.search(r"accuracy ([0-9.]+)%", printed)[1]) > 85
    assert "['seven']" in printed
    assert saved.splitlines()[1].split(",")[0] == predicted.splitlines()[1].split(",")[0]


@pytest.mark.usefixtures("_folder")
def test_first_steps(monkeypatch, capsys):
    drawn = []  # figures and page: tests/test_cli_report.py
    monkeypatch.setattr(
        "ffref.cli.report.write_report", lambda runs, folder, tell: drawn.extend(runs) or folder
    )
    first, evaluated, second, reported = run_blocks(ROOT / "docs" / "tutorial.md")
    assert first.startswith("hff on digits: 1437 training and 360 test samples")
    assert second.startswith("ff on digits: 1437 training and 360 test samples")
    assert [run.title for run in drawn] == ["hff on digits", "ff on digits"]
    of_hff = re.match(r"accuracy ([0-9.]+%)", evaluated)[1]
    assert f"first: {of_hff} on 360 samples" in reported
    printed = capsys.readouterr().out
    accuracies = [float(share) for share in re.findall(r"accuracy ([0-9.]+)%", printed)]
    assert len(accuracies) == 2
    assert min(accuracies) > 90
    assert "(2, 1, 10)" in printed


@pytest.mark.usefixtures("_folder")
def test_from_python(capsys):
    run_blocks(ROOT / "docs" / "from_python.md")
    printed = capsys.readouterr().out
    assert float(re.search(r"largest difference (\S+)", printed)[1]) < 1e-5
    assert "[(360, 64), (360, 64)]" in printed
    assert float(re.search(r"best ([0-9.]+)%", printed)[1]) > 80
    assert "[0.01, 0.007, 0.0049]" in printed
    assert float(re.search(r"accuracy ([0-9.]+)%", printed)[1]) > 90
    assert "ok gradcheck" in printed
