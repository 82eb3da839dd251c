"""Fetching and verifying canonical files: from a server on this machine, and from a folder."""

import gzip
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import NamedTuple

import pytest

from ffref.data import DataError, canonical, describe
from ffref.data.canonical_files import (
    CANONICAL,
    Canonical,
    CanonicalFile,
    Download,
    file_states,
    is_canonical,
)
from ffref.data.fetching import fetch

CONTENT = {f"toy/{part}-ubyte": bytes([number]) * 5000 for number, part in enumerate("abc")}
MEMBERS = {f"toy-bin/{name}.bin": Random(name).randbytes(100_000) for name in ("one", "two")}


def sha(content):
    return hashlib.sha256(content).hexdigest()


def canonical_file(path, content):
    return CanonicalFile(path, len(content), sha(content))


def tar(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


ARCHIVE = tar(MEMBERS)
PACKED = {f"{path.rpartition('/')[2]}.gz": gzip.compress(data) for path, data in CONTENT.items()}


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    """In the place of the real data sets: three files in gzip, and an archive."""
    files = tuple(
        Download(name, len(packed), (canonical_file(path, CONTENT[path]),))
        for path, (name, packed) in zip(CONTENT, PACKED.items(), strict=True)
    )
    members = tuple(canonical_file(path, content) for path, content in MEMBERS.items())
    archive = Download("toy.tar.gz", len(ARCHIVE), members, sha(ARCHIVE))
    nowhere = ("http://127.0.0.1:9/",)
    monkeypatch.setitem(CANONICAL, "mnist", Canonical(nowhere, files))
    monkeypatch.setitem(CANONICAL, "cifar10", Canonical(nowhere, (archive,)))


def states(name, folder):
    return [found.state for found in file_states(name, folder)]


# -- what is known -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_canonical_files_are_those_that_load_reads(name, monkeypatch):
    monkeypatch.undo()
    known = canonical(name)
    paths = [file.path for download in known.downloads for file in download.files]
    info = describe(name)
    assert sorted(paths) == sorted(path for split in info.files.values() for path in split)
    digests = [file.sha256 for download in known.downloads for file in download.files]
    digests += [download.sha256 for download in known.downloads if download.sha256]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in digests)
    pixels = int(info.image_shape[0] * info.image_shape[1] * info.image_shape[2])
    extra = 0 if "mnist" in name else info.samples["train"] + info.samples["test"]
    extra *= 2 if name == "cifar100" else 1
    labels = [file.size for download in known.downloads for file in download.files]
    samples = info.samples["train"] + info.samples["test"]
    headers = 2 * 16 + 2 * 8 + samples if "mnist" in name else 0
    assert sum(labels) == samples * pixels + extra + headers


def test_bundled_and_unknown_names():
    with pytest.raises(DataError, match="nothing to fetch"):
        fetch("digits")
    with pytest.raises(DataError, match="'numbers'"):
        fetch("numbers")


def test_states(tmp_path):
    assert states("mnist", tmp_path) == ["missing"] * 3
    (tmp_path / "toy").mkdir()
    a, b, c = CONTENT
    (tmp_path / a).write_bytes(CONTENT[a])
    (tmp_path / f"{b}.gz").write_bytes(gzip.compress(CONTENT[b], 1))  # packed in another way
    (tmp_path / c).write_bytes(CONTENT[c][:-1] + b"?")
    assert states("mnist", tmp_path) == ["verified", "verified", "differs"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"\x1f\x8b",
        gzip.compress(b"", mtime=0)[:-4],
        gzip.compress(bytes(10**6), mtime=0),
        bytes(10**6),
    ],
)
def test_damaged_and_endless_files_are_not_canonical(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    file = canonical_file("file", bytes(5000))
    assert not is_canonical(tmp_path / "file", file)
    assert not is_canonical(tmp_path / "absent", file)
    (tmp_path / "file").write_bytes(gzip.compress(bytes(5000)))
    assert is_canonical(tmp_path / "file", file)


# -- from a folder -------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "toy/"])
@pytest.mark.parametrize("packed", [False, True])
def test_from_folder(below, packed, tmp_path):
    source, folder = tmp_path / "source", tmp_path / "data"
    (source / below).mkdir(parents=True)
    for path, content in CONTENT.items():
        name = path.rpartition("/")[2] + (".gz" if packed else "")
        (source / below / name).write_bytes(gzip.compress(content) if packed else content)
    said = []
    fetch("mnist", folder, source=source, say=said.append)
    assert states("mnist", folder) == ["verified"] * 3
    assert len(said) == 3
    ending = ".gz" if packed else ""
    names = sorted(f"{path.rpartition('/')[2]}{ending}" for path in CONTENT)
    assert sorted(path.name for path in (folder / "toy").iterdir()) == names
    fetch("mnist", folder, source=tmp_path / "gone", say=said.append)  # nothing is left to do
    assert said[-1].endswith("is there, verified")


def test_archive_from_folder(tmp_path):
    (tmp_path / "toy.tar.gz").write_bytes(ARCHIVE)
    fetch("cifar10", tmp_path / "data", source=tmp_path)
    assert states("cifar10", tmp_path / "data") == ["verified"] * 2
    assert (tmp_path / "toy.tar.gz").read_bytes() == ARCHIVE


def test_unpacked_members_from_folder(tmp_path):
    for path, content in MEMBERS.items():
        (tmp_path / path.rpartition("/")[2]).write_bytes(content)
    fetch("cifar10", tmp_path / "data", source=tmp_path)
    assert states("cifar10", tmp_path / "data") == ["verified"] * 2


def test_wrong_archive_is_not_opened(tmp_path, monkeypatch):
    (tmp_path / "toy.tar.gz").write_bytes(tar(MEMBERS | {"toy-bin/three.bin": b"?"}))
    monkeypatch.setattr(tarfile, "open", None)
    with pytest.raises(DataError, match=r"toy\.tar\.gz.*not the canonical file"):
        fetch("cifar10", tmp_path / "data", source=tmp_path)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_wrong_or_missing_file_in_the_folder(tmp_path):
    with pytest.raises(DataError, match="got neither"):
        fetch("mnist", tmp_path / "data", source=tmp_path)
    first = next(iter(PACKED))
    (tmp_path / first).write_bytes(gzip.compress(b"?"))
    with pytest.raises(DataError, match="not the canonical file"):
        fetch("mnist", tmp_path / "data", source=tmp_path)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_a_file_of_the_user_is_never_overwritten(tmp_path):
    path = tmp_path / next(iter(CONTENT))
    path.parent.mkdir()
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match="not the canonical one; move it away"):
        fetch("mnist", tmp_path, source=tmp_path)
    assert path.read_bytes() == b"mine"


# -- from the net --------------------------------------------------------------------------------


class Served(NamedTuple):
    url: str
    files: dict
    asked: list
    """(path, Range) of each request"""
    manner: dict
    """path -> what the server does other than answer: cut, ignore-range, endless, broken"""


@pytest.fixture
def server():
    pytest.importorskip("pooch")
    served = Served("", {}, [], {})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            served.asked.append((self.path, asked))
            manner = served.manner.get(self.path)
            content = served.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(asked[6:-1]) if asked and manner != "ignore-range" else 0
            if start >= len(content) and asked:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            body = content[start:]
            if manner == "endless":
                body = content * 1000
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if manner == "cut":
                served.manner.pop(self.path)
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.handle_error = lambda *_: None  # what a client that hangs up causes
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served._replace(url=f"http://127.0.0.1:{httpd.server_address[1]}/m")
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_from_the_net_by_a_mirror(server, tmp_path):
    server.files.update({f"/m/{name}": packed for name, packed in PACKED.items()})
    fetch("mnist", tmp_path, mirror=server.url)
    assert states("mnist", tmp_path) == ["verified"] * 3
    assert [asked for _, asked in server.asked] == [None] * 3
    fetch("mnist", tmp_path, mirror=server.url + "/")
    assert len(server.asked) == 3


def test_archive_from_the_net(server, tmp_path):
    server.files["/m/toy.tar.gz"] = ARCHIVE
    fetch("cifar10", tmp_path, mirror=server.url)
    assert states("cifar10", tmp_path) == ["verified"] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"toy-bin"}


def test_a_cut_download_is_gone_on_with(server, tmp_path):
    server.files["/m/toy.tar.gz"] = ARCHIVE
    server.manner["/m/toy.tar.gz"] = "cut"
    with pytest.raises(DataError, match=r"toy\.tar\.gz could not be fetched"):
        fetch("cifar10", tmp_path, mirror=server.url)
    assert states("cifar10", tmp_path) == ["missing"] * 2
    said = []
    fetch("cifar10", tmp_path, mirror=server.url, say=said.append)
    assert states("cifar10", tmp_path) == ["verified"] * 2
    assert server.asked[-1][1] == "bytes=65536-"  # half came, a whole number of pieces is kept
    assert "going on at byte 65,536" in said[0]


@pytest.mark.parametrize("rest", ["ignore-range", "other bytes", "too long", "whole"])
def test_what_is_left_of_a_download(rest, server, tmp_path):
    server.files["/m/toy.tar.gz"] = ARCHIVE
    part = {"ignore-range": ARCHIVE[:99], "other bytes": bytes(99), "whole": ARCHIVE}
    (tmp_path / ".toy.tar.gz.part").write_bytes(part.get(rest, ARCHIVE + b"?"))
    if rest == "ignore-range":
        server.manner["/m/toy.tar.gz"] = rest
    fetch("cifar10", tmp_path, mirror=server.url)
    assert states("cifar10", tmp_path) == ["verified"] * 2
    requests = {"ignore-range": 1, "other bytes": 2, "too long": 2, "whole": 0}
    assert len(server.asked) == requests[rest]


@pytest.mark.parametrize("manner", ["wrong", "endless", "absent"])
def test_nothing_is_kept_of_what_is_wrong(manner, server, tmp_path):
    if manner != "absent":
        server.files["/m/toy.tar.gz"] = ARCHIVE[:-1] + b"?"
    if manner == "endless":
        server.files["/m/toy.tar.gz"] = bytes(10**5)
        server.manner["/m/toy.tar.gz"] = "endless"
    says = {"wrong": "not the canonical", "endless": "too much", "absent": "404"}
    with pytest.raises(DataError, match=says[manner]) as error:
        fetch("cifar10", tmp_path, mirror=server.url)
    assert "--from DIR" in str(error.value)
    assert "\n" not in str(error.value)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_size == 0 for path in left)


def test_the_next_source_is_tried(server, tmp_path, monkeypatch):
    server.files["/m/toy.tar.gz"] = ARCHIVE
    folders = (f"{server.url}/absent/", f"{server.url}/")
    known = CANONICAL["cifar10"]._replace(folders=folders)
    monkeypatch.setitem(CANONICAL, "cifar10", known)
    fetch("cifar10", tmp_path)
    assert [path for path, _ in server.asked] == ["/m/absent/toy.tar.gz", "/m/toy.tar.gz"]


def test_no_server(tmp_path):
    pytest.importorskip("pooch")
    with pytest.raises(DataError, match="ConnectionError"):
        fetch("cifar10", tmp_path)


def test_without_pooch(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(DataError, match=r"ffref\[fetch\]"):
        fetch("cifar10", tmp_path)
