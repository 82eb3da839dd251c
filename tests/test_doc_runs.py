"""Every block on the pages runs: those that take hours or data of others here on little of both.

Named data sets are a few hundred digits, enlarged or coloured; every training ends after its first
epoch; sweeps have no processes. What the numbers are is the business of other tests. Pages that
cost nothing run as they are: tests/test_tutorials.py, test_examples.py, test_oracle_tutorial.py.
"""

import runpy
import struct
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ffref import oracle
from ffref.data import describe
from ffref.data.digits import load_digits
from ffref.estimators._fitting import Fitting
from tests.cli_support import python, run
from tests.doc_blocks import blocks
from tests.failing_jobs import InThisProcess
from tests.test_doc_commands import OTHERS, WITH_CODE, commands
from tests.test_docs import ROOT

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "CONTRIBUTING.md": "a part of the package (test_docs), and what CI does",
    "docs/from_python.md": "test_tutorials.py",
    "docs/oracle_tutorial.md": "test_oracle_tutorial.py",
    "docs/own_images.md": "test_tutorials.py",
    "docs/tutorial.md": "test_tutorials.py",
}
PAGES = [page for page in WITH_CODE if str(page.relative_to(ROOT)) not in ELSEWHERE]
NOT_HERE = (["data", "fetch"],)  # test_data_fetch.py has servers of its own
ROWS = {"train": 300, "test": 60}
LITTLE = {  # of what measures: timed in processes of their own, which know no small data
    "bench": ["--quick"],
    "bench_kernels.py": ["--quick", "--rounds", "1"],
    "bench_steps.py": ["--quick"],
    "bench_memory.py": ["--units", "32", "--batch", "16"],
    "run_recipes.py": ["--seeds", "1"],
}


def _digits(part):
    few = load_digits(test=part == "test")
    return few.X[: ROWS[part]], few.y[: ROWS[part]]


def _few_digits(*, test):
    return _digits("test" if test else "train")


def _save_named(folder):
    """MNIST, Fashion-MNIST and CIFAR-10 in their formats: the digits, 24 x 24 with a border."""
    for part, stem in (("train", "train"), ("test", "t10k")):
        X, y = _digits(part)
        pixels = np.rint(X.reshape(-1, 8, 8) * 255).astype(np.uint8).repeat(3, 1).repeat(3, 2)
        gray = np.pad(pixels, ((0, 0), (2, 2), (2, 2)))
        for name in ("mnist", "fashion-mnist"):
            (folder / name).mkdir(exist_ok=True)
            for kind, array in (("images-idx3", gray), ("labels-idx1", y.astype(np.uint8))):
                head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
                (folder / name / f"{stem}-{kind}-ubyte").write_bytes(head + array.tobytes())
        planes = np.pad(gray, ((0, 0), (2, 2), (2, 2)))[:, None].repeat(3, axis=1)
        records = [bytes([c]) + image.tobytes() for c, image in zip(y, planes, strict=True)]
        files = describe("cifar10").files[part]
        for number, file in enumerate(files):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(b"".join(records[number :: len(files)]))


def _save_own(folder):
    """What the pages take for granted: tables, arrays, shards, pictures, values of other code."""
    X, y = _digits("train")
    np.savez(folder / "mine.npz", X=X, y=y)
    np.save(folder / "X.npy", np.rint(X * 255).astype(np.uint8))
    np.save(folder / "y.npy", y)
    lines = [",".join([*map(str, row[:5]), str(label)]) for row, label in zip(X, y, strict=True)]
    (folder / "mine.csv").write_text("\n".join(["a,b,c,d,e,digit", *lines]))
    for name in ("SHARDS", "TEST"):
        (folder / name).mkdir()
        for half in (0, 1):
            whole = np.rint(X[half::2] * 255).astype(np.uint8)
            np.savez(folder / name / f"{half}.npz", X=whole, y=y[half::2])
    for number, (row, label) in enumerate(zip(X[:40], y[:40], strict=True)):
        (folder / f"PICTURES/{label}").mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.rint(row.reshape(8, 8) * 255).astype(np.uint8))
        picture.save(folder / f"PICTURES/{label}/{number}.png")
        picture.save(folder / "new.png")


@pytest.fixture
def _little(tmp_path, monkeypatch):
    """A folder and a library in which everything is small."""
    fit_epochs = Fitting.fit_epochs

    def first_epoch(self, *arguments, **choices):
        for record in fit_epochs(self, *arguments, **choices):
            yield record
            return

    started = subprocess.run

    def here(command, **choices):
        if command[1:3] != ["-m", "ffref"]:
            return started(command, **choices)
        return _ffref(command[3:])

    def small(name):
        return describe(name)._replace(samples=ROWS)

    monkeypatch.setattr(Fitting, "fit_epochs", first_epoch)
    monkeypatch.setattr("subprocess.run", here)
    monkeypatch.setattr("ffref.data.loading.describe", small)
    monkeypatch.setattr("ffref.data.loading.load_digits", _few_digits)
    for engine in ("nullcontext", "dask_executor"):
        monkeypatch.setattr(f"ffref.cli.jobs.{engine}", lambda *_: nullcontext(InThisProcess()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FFREF_DATA", str(tmp_path / "DIR"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT))
    (tmp_path / "DIR").mkdir()
    _save_named(tmp_path / "DIR")
    _save_own(tmp_path)


def _ffref(words):
    outcome = run(*words)
    assert outcome.code == 0, (words, outcome.err[-1000:])


def _python(words, monkeypatch):
    """A script of the repository: in a process of its own if it measures, else here."""
    script = ROOT / (f"{words[1].replace('.', '/')}.py" if words[0] == "-m" else words[0])
    rest = [*words[1 + (words[0] == "-m") :], *LITTLE.get(script.name, [])]
    if script.name.startswith("bench_"):
        done = python(str(script), *rest, cwd=".", timeout=1200)
        assert done.returncode == 0, (words, done.stderr[-2000:])
        return
    monkeypatch.setattr(sys, "argv", [str(script), *rest])
    runpy.run_path(str(script), run_name="__main__")


def _shell(text, monkeypatch):
    known = {
        "...": "hff-mnist",
        "[--full]": "--full",
        "package.module:Name": "ffref.oracle.adapters:NumPy",
    }
    for given in commands(text):
        runs = sorted(str(path) for path in Path("runs").glob("hff-mnist-*"))
        names = known | ({"runs/NAME": runs[0]} if runs else {})
        words = [names.get(word, word) for word in given]
        if words[0] == "ffref":
            if words[1:3] not in NOT_HERE:
                _ffref([*words[1:], *LITTLE.get(words[1], [])])
        elif words[0] == "python" and not {*words[1:3]} & OTHERS:
            _python(words[1:], monkeypatch)
        else:
            assert {*words[:3]} & OTHERS, words


def _names_of_oracle():
    """What the reader of docs/oracle.md brings: a layer, and values of it."""
    torch = pytest.importorskip("torch")

    class MyLayer(torch.nn.Linear):
        def __init__(self, in_units, out_units, threshold):
            super().__init__(in_units, out_units)
            self.threshold = threshold

        def loss(self, x, polarity):
            x = x / (x.norm(dim=1, keepdim=True) + 1e-4)
            goodness = torch.relu(self(x)).pow(2).mean(1)
            return torch.nn.functional.softplus(-polarity * (goodness - self.threshold)).mean()

    case = oracle.find_case("ff/pezeshki/ordinary")
    mine = oracle.evaluate(case)
    for path in (Path("mine.npz"), Path("FOLDER", f"{case.id}.npz")):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **mine)
    return {
        "MyLayer": MyLayer,
        **{name: mine[name] for name in ("d_weight", "d_bias")},
        "my_loss": lambda params: float((params["weight"].sum() + params["bias"].sum()) ** 2 / 2),
        "my_grads": lambda params: {
            name: np.full_like(array, params["weight"].sum() + params["bias"].sum())
            for name, array in params.items()
        },
        "weight": np.ones((2, 3)),
        "bias": np.ones(3),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.filterwarnings("ignore")  # of two classes in a picture folder of 40, of one epoch
@pytest.mark.usefixtures("_little")
def test_blocks_run(page, monkeypatch):
    if page.name == "performance.md":
        pytest.importorskip("torch")
    names = {"__name__": "__main__"}
    names |= _names_of_oracle() if page.name == "oracle.md" else {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text.replace("/my/data", "DIR"), str(page), "exec"), names)
        else:
            _shell(text, monkeypatch)


def test_pages_that_run_elsewhere_have_code():
    assert {str(path.relative_to(ROOT)) for path in WITH_CODE} >= set(ELSEWHERE)
