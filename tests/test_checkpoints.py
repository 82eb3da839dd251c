"""Files of checkpoints: checksums, formats, the one before, and writing that fails half way."""

import json
import os
import resource

import numpy as np
import pytest

import ffref
from ffref import HFFClassifier
from ffref.training.checkpoint import (
    CHECKPOINT,
    PREVIOUS,
    DamagedCheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from ffref.training.files import leftovers, remove_leftovers, write_whole
from tests.small_data import blobs
from tests.small_models import outputs, same, small

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "b": np.array(7),
    "names": np.array(["ant", "bee"]),
    "nothing": np.empty((0, 2), np.float32),
}
RECORD = {"version": "x", "numbers": [0.1, 1e-30, None], "text": "ä"}


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "c.npz", ARRAYS, RECORD)
    arrays, record = read_checkpoint(tmp_path / "c.npz")
    assert record == {"format": 2, **RECORD}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == array.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def _change_value(arrays, record):
    arrays["a"][1, 2] += 1e-9


def _change_type(arrays, record):
    arrays["b"] = arrays["b"].astype(np.int32)


def _swap_axes(arrays, record):
    arrays["a"] = arrays["a"].reshape(3, 2)


def _rename(arrays, record):
    arrays["c"] = arrays.pop("b")


def _leave_out(arrays, record):
    del arrays["names"]


def _change_record(arrays, record):
    record["numbers"][0] = 0.2


def _forget_checksum(arrays, record):
    del record["digest"]


@pytest.mark.parametrize(
    "change",
    [
        _change_value,
        _change_type,
        _swap_axes,
        _rename,
        _leave_out,
        _change_record,
        _forget_checksum,
    ],
)
def test_a_whole_zip_with_other_contents_is_refused(change, tmp_path):
    path = tmp_path / "c.npz"
    write_checkpoint(path, ARRAYS, RECORD)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    record = json.loads(arrays.pop("record.json").tobytes())
    change(arrays, record)
    encoded = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(path, **{"record.json": encoded, **arrays})
    with pytest.raises(DamagedCheckpointError, match=r"c\.npz .*checksum"):
        read_checkpoint(path)


def test_format_1_is_read(tmp_path):
    X, y = blobs()
    model = small(HFFClassifier, max_iter=3).start(X, y)
    next(model.fit_epochs(X, y, resume=True))
    model.save(tmp_path / "new.npz")
    arrays, record = read_checkpoint(tmp_path / "new.npz")
    record["format"] = 1
    del record["position"]
    for epoch in record["history"]:
        del epoch["validation"]
    encoded = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(tmp_path / "old.npz", **{"record.json": encoded, **arrays})
    old = ffref.load(tmp_path / "old.npz")
    assert same(outputs(old, X), outputs(model, X))
    assert [record.epoch for record in old.fit_epochs(X, y, resume=True)] == [2, 3]


# -- the one before ------------------------------------------------------------------------------


def _text(path, text, **choices):
    write_whole(path, lambda file: file.write(text.encode()), **choices)


def test_the_one_before_is_kept(tmp_path):
    new, old = tmp_path / CHECKPOINT, tmp_path / PREVIOUS
    for text in ("one", "two", "three"):
        _text(new, text, keep=old, durable=True)
    assert (new.read_text(), old.read_text()) == ("three", "two")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("call", [1, 2])
def test_power_fails_between_two_renames(call, tmp_path, monkeypatch):
    new, old = tmp_path / CHECKPOINT, tmp_path / PREVIOUS
    _text(new, "one", keep=old)
    _text(new, "two", keep=old)
    replace, calls = type(new).replace, []

    def fails(self, target):
        calls.append(target)
        if len(calls) == call:
            raise OSError("the power failed")
        return replace(self, target)

    monkeypatch.setattr(type(new), "replace", fails)
    with pytest.raises(ValueError, match="the power failed"):
        _text(new, "three", keep=old)
    contents = [path.read_text() for path in (new, old) if path.exists()]
    assert contents == (["two", "one"] if call == 1 else ["two"])


# -- writing that fails --------------------------------------------------------------------------


@pytest.fixture
def small_disk():
    """No file may grow beyond 2 kB, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_disk_full_leaves_the_old_file(tmp_path):
    path = tmp_path / "c.npz"
    write_checkpoint(path, {"a": np.zeros(10)}, {})
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"cannot write .*c\.npz: File too large"):
        write_checkpoint(path, {"a": np.zeros(10_000)}, {}, keep=tmp_path / "before.npz")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"c.npz": before}


def test_no_permission_is_one_clear_error(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    with pytest.raises(ValueError, match=r"cannot write .*c\.npz: Permission denied$"):
        write_checkpoint(tmp_path / "c.npz", ARRAYS, RECORD)


def test_file_and_folder_are_flushed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_mode))
    write_checkpoint(tmp_path / "c.npz", ARRAYS, RECORD)
    assert [mode & 0o170000 for mode in flushed] == [0o100000, 0o040000]  # a file, a folder


def test_leftovers(tmp_path):
    for name in (".c.npz.123.tmp", ".mine.tmp", "c.npz.123.tmp", ".lock"):
        (tmp_path / name).touch()
    assert [path.name for path in leftovers(tmp_path)] == [".c.npz.123.tmp"]
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
