"""`ffref data`: what is there, and how it is fetched. `fetch` itself: test_data_fetch.py."""

import gzip
import json

import pytest

from ffref.data.canonical_files import CANONICAL, Canonical, Download
from tests.cli_support import assert_refused, run, run_well
from tests.test_data_fetch import CONTENT, canonical_file


@pytest.fixture(autouse=True)
def _toy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FFREF_DATA", str(tmp_path / "data"))
    files = tuple(
        Download(f"{path.rpartition('/')[2]}.gz", 50, (canonical_file(path, content),))
        for path, content in CONTENT.items()
    )
    monkeypatch.setitem(CANONICAL, "mnist", Canonical(("http://127.0.0.1:9/",), files))
    (tmp_path / "source").mkdir()
    for path, content in CONTENT.items():
        packed = tmp_path / "source" / f"{path.rpartition('/')[2]}.gz"
        packed.write_bytes(gzip.compress(content))


def about(name, *words):
    listed = json.loads(run_well("data", "list", "--json", *words))
    return next(one for one in listed["datasets"] if one["name"] == name)


def test_list(tmp_path):
    text = run_well("data", "list")
    assert f"data folder: {tmp_path / 'data'}\n" in text
    assert "digits: comes with ffref\n" in text
    assert "mnist: missing" in text
    assert "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" in text
    assert "ffref data fetch cifar100\n" in text
    mnist = about("mnist")
    assert [file["state"] for file in mnist["files"]] == ["missing"] * 3
    assert mnist["downloads"][0]["urls"] == ["http://127.0.0.1:9/a-ubyte.gz"]
    cifar = about("cifar10")
    assert cifar["downloads"][0]["md5"] == "c32a1d4ab5d03f1284b67883e8d87530"
    assert cifar["bytes"] == 60_000 * 3073


def test_fetch_from_a_folder(tmp_path):
    assert run_well("data", "fetch", "mnist", "--from", "source").count("verified") == 3
    assert about("mnist")["state"] == "verified"
    assert "mnist: there, verified" in run_well("data", "list")
    assert run_well("data", "fetch", "mnist").count("is there, verified") == 3
    assert about("mnist", "--data-dir", "elsewhere")["state"] == "missing"
    (tmp_path / "data/toy/a-ubyte.gz").write_bytes(b"mine")
    assert about("mnist")["state"] == "differs"
    assert "differs" in run_well("data", "list")
    assert_refused(run("data", "fetch", "mnist", "--from", "source"), "move it away")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "ACTION"),
        ("list mnist", "mnist"),
        ("fetch", "name"),
        ("fetch digits", "comes with ffref"),
        ("fetch numbers", "'numbers'"),
        ("fetch mnist --from nowhere", "nowhere"),
        ("erase mnist", "'erase'"),
    ],
)
def test_refused(words, says):
    assert_refused(run("data", *words.split()), says)


def test_no_net(monkeypatch):
    pytest.importorskip("pooch")
    outcome = run("data", "fetch", "mnist")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "--from DIR" in outcome.err


def test_interrupted(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ffref.cli.data.fetch", interrupted)
    outcome = run("data", "fetch", "mnist")
    assert outcome.code == 130
    assert "the same command goes on" in outcome.err
