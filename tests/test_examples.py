"""Every example runs and prints numbers."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
