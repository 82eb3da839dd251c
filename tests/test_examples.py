"""Every example runs and prints numbers."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ffref
from ffref.estimators import ESTIMATORS

ROOT = Path(__file__).parents[1]


def picture(path):
    """Width and number of frames."""
    with Image.open(path) as image:
        return image.width, getattr(image, "n_frames", 1)


def check_one_layer(text, folder):
    """Goodness leaves the threshold to its side, and the pressure fades."""
    for name, direction in (("positive", 1), ("negative", -1)):
        table = text.split(f"the input is {name}")[1].split("the input is")[0]
        rows = re.findall(r"^ +\d+ +([\d.]+) +([\d.]+) +([\d.]+)$", table, re.MULTILINE)
        goodness, _, pressure = np.array(rows, float).T
        assert len(rows) == 13
        assert (direction * np.diff(goodness) > 0).all()
        assert (np.diff(pressure) < 0).all()
    assert picture(folder / "one_layer.png") == (1440, 1)


def check_disk_and_ring(text, folder):
    """Both learn; the label of more goodness wins at the point; the film has its frames."""
    accuracies = [float(number) for number in re.findall(r"(?:accuracy|points) ([\d.]+)", text)]
    assert len(accuracies) == 4
    assert min(accuracies) > 0.95
    disk, ring = (float(number) for number in re.findall(r"= ([\d.]+)$", text, re.MULTILINE))
    assert ring > disk
    assert picture(folder / "disk_and_ring.gif") == (720, 20)
    assert picture(folder / "disk_and_ring.png") == (900, 1)


FURTHER = {"one_layer": check_one_layer, "disk_and_ring": check_disk_and_ring}


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_example_runs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d\.\d", done.stdout)
    FURTHER.get(example.stem, lambda text, folder: None)(done.stdout, tmp_path)


PAPERS = sorted((ROOT / "examples" / "papers").glob("*.py"))
each_paper = pytest.mark.parametrize("example", PAPERS, ids=lambda path: path.stem)


def test_every_paper_has_an_example():
    algorithms = {name.replace("-", "_") for name in ESTIMATORS} - {"backprop", "ff_text"}
    assert {path.stem for path in PAPERS} == (algorithms - {"ff_recurrent"}) | {"recurrent"}
    for path in PAPERS:
        page = re.search(r"^Page: (\S+\.md)\.", path.read_text(), re.MULTILINE)[1]
        assert (ROOT / page).is_file()


@each_paper
def test_example_of_a_paper_runs_on_little(example, monkeypatch, capsys):
    (X, y), (X_test, y_test) = (
        ffref.data.load("digits", split=part) for part in ("train", "test")
    )
    few = {"train": (X[:150], y[:150]), "test": (X_test[:50], y_test[:50])}
    monkeypatch.setattr(ffref.data, "load", lambda name, split="train": few[split])
    script = runpy.run_path(str(example))
    sizes = (20,) * len(script["Settings"]().hidden_layer_sizes)
    script["main"](script["Settings"](hidden_layer_sizes=sizes, epochs=1))
    assert re.search(r"\d\.\d", capsys.readouterr().out)


@each_paper
@pytest.mark.slow
def test_example_of_a_paper_learns(example, capsys):
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    accuracies = [float(share) for share in re.findall(r"accuracy ([01]\.\d+)", printed)]
    assert max(accuracies) > 0.9


def test_example_of_one_step_lowers_the_loss(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "one_step_by_hand.py")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    before, after = re.findall(r"^loss.*?([\d.]+)$", done.stdout, re.MULTILINE)
    assert float(after) < float(before)


def test_readme_code_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        code = "\n".join(line.removeprefix("  ") for line in block.splitlines())
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
