"""Damaged run folders: a clean error, or the same result as from the whole one."""

import gc
import io
import json
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ffref
from ffref.training.checkpoint import read_checkpoint
from tests.cli_support import TINY, assert_refused, run, run_well, tree
from tests.small_data import save_blobs

FEW = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Contents of checkpoint.npz and config.json of a run, and what evaluate says of it."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("ffref.cli.train.write_figures", lambda *_: [])
        save_blobs("blobs.npz")
        run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
        result = run_well("evaluate", "run", "--json")
    files = {
        name: (folder / "run" / name).read_bytes() for name in ("checkpoint.npz", "config.json")
    }
    return files, result


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, whole):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    save_blobs("blobs.npz")
    (tmp_path / "run").mkdir()
    for name, content in whole[0].items():
        (tmp_path / "run" / name).write_bytes(content)
    config = json.loads(whole[0]["config.json"])
    config["data"] = str(tmp_path / "blobs.npz")
    (tmp_path / "run/config.json").write_text(json.dumps(config), encoding="utf-8")


def _refused_by_all_commands(folder, says="checkpoint.npz"):
    before = tree(folder)
    for arguments in (
        ("evaluate", "run"),
        ("predict", "run", "--data", "blobs.npz"),
        ("train", "--resume", "run"),
    ):
        assert_refused(run(*arguments), says)
    assert tree(folder) == before


# -- the settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b"9" * 5000,
        b"\xff",
        b" " * (10**6 + 1),
        b"",
        b"null",
        b"[]",
    ],
    ids=lambda content: f"{content[:5]!r}, {len(content)}",
)
def test_settings_that_are_none(content, tmp_path):
    (tmp_path / "run/config.json").write_bytes(content)
    assert_refused(run("evaluate", "run"), "config.json")
    assert_refused(run("train", "--resume", "run"), "config.json")


# -- the checkpoint ------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 1, 4, 30, 200, 0.25, 0.5, 0.75, 0.99, -22, -1])
def test_cut_checkpoint(keep, tmp_path, whole):
    content = whole[0]["checkpoint.npz"]
    kept = int(keep * len(content)) if isinstance(keep, float) else keep
    (tmp_path / "run/checkpoint.npz").write_bytes(content[:kept])
    _refused_by_all_commands(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", b"PK\3\4", b"\x93NUMPY\1\0", b"\x80\4N.", b"\0" * 1000]
)
def test_no_zip_file(content, tmp_path):
    (tmp_path / "run/checkpoint.npz").write_bytes(content)
    _refused_by_all_commands(tmp_path)


def test_pickle_is_not_read(tmp_path):
    np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "objects.npy").rename(tmp_path / "run/checkpoint.npz")
    _refused_by_all_commands(tmp_path)
    np.savez("objects.npz", **{"record.json": np.array([{}], dtype=object)})
    (tmp_path / "objects.npz").replace(tmp_path / "run/checkpoint.npz")
    _refused_by_all_commands(tmp_path)


def test_folder_in_place_of_the_checkpoint(tmp_path):
    (tmp_path / "run/checkpoint.npz").unlink()
    (tmp_path / "run/checkpoint.npz").mkdir()
    _refused_by_all_commands(tmp_path)


def _rewrite(path, change):
    """Write the checkpoint anew after `change(arrays, record)`."""
    arrays, record = read_checkpoint(path)
    change(arrays, record)
    encoded = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(path, **{"record.json": encoded, **arrays})


@pytest.mark.parametrize("number", [0, 2, None, "1"])
def test_checkpoint_of_another_format(number, tmp_path):
    _rewrite(tmp_path / "run/checkpoint.npz", lambda _, record: record.update(format=number))
    _refused_by_all_commands(tmp_path, "format")


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, record: arrays.clear(),
        lambda arrays, record: arrays.pop("classes"),
        lambda arrays, record: arrays.pop("layer0.weight"),
        lambda arrays, record: arrays.pop("layer1.bias"),
        lambda arrays, record: arrays.pop("layer0.step"),
        lambda arrays, record: arrays.pop("standardizer.std"),
        lambda arrays, record: record.update(algorithm="cnn"),
        lambda arrays, record: record.pop("algorithm"),
        lambda arrays, record: record.pop("parameters"),
        lambda arrays, record: record.update(parameters=[]),
        lambda arrays, record: record["parameters"].update(colour="red"),
        lambda arrays, record: record["parameters"].update(between_norm="batch"),
        lambda arrays, record: record["parameters"].update(random_state=None),
        lambda arrays, record: record.pop("features"),
        lambda arrays, record: record.update(features="many"),
        lambda arrays, record: record.pop("history"),
        lambda arrays, record: record.update(history=[{}]),
        lambda arrays, record: record.update(history=[5]),
        lambda arrays, record: (record.clear(), record.update(format=1)),
    ],
)
def test_incomplete_checkpoint(change, tmp_path):
    _rewrite(tmp_path / "run/checkpoint.npz", change)
    _refused_by_all_commands(tmp_path)


@pytest.mark.parametrize("record", [[], 5, "text", None], ids=str)
def test_record_that_is_no_dictionary(record, tmp_path):
    arrays, _ = read_checkpoint(tmp_path / "run/checkpoint.npz")
    encoded = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(tmp_path / "run/checkpoint.npz", **{"record.json": encoded, **arrays})
    _refused_by_all_commands(tmp_path)


_MEMBER_HEADERS = {  # position in a zip's central directory entry -> value
    "encrypted": (8, 1),
    "patched": (8, 32),
    "strongly encrypted": (8, 64),
    "unknown method": (10, 77),
    "needs a later version": (6, 99),
}


@pytest.mark.parametrize("fault", _MEMBER_HEADERS)
def test_zip_of_a_kind_that_is_not_read(fault, tmp_path, whole):
    offset, value = _MEMBER_HEADERS[fault]
    content = bytearray(whole[0]["checkpoint.npz"])
    central, local = content.index(b"PK\1\2"), content.index(b"PK\3\4")
    content[central + offset] = content[local + offset - 2] = value
    (tmp_path / "run/checkpoint.npz").write_bytes(content)
    _refused_by_all_commands(tmp_path)


def test_damaged_checkpoint_is_closed(tmp_path):
    (tmp_path / "run/checkpoint.npz").write_bytes(b"PK\3\4 and no more")
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="damaged"):
            ffref.load(tmp_path / "run")
        gc.collect()
    assert left_open == []


@FEW
@given(st.data())
def test_flipped_bytes_of_a_checkpoint(tmp_path, whole, data):
    files, result = whole
    content = bytearray(files["checkpoint.npz"])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / "run/checkpoint.npz").write_bytes(content)
    outcome = run("evaluate", "run", "--json")
    if outcome.code == 0:  # bytes that mean nothing, as the time of day
        assert outcome.out == result
    else:
        assert_refused(outcome, "checkpoint.npz")


@FEW
@given(st.data())
def test_flipped_bytes_inside_the_arrays_are_noticed(tmp_path, whole, data):
    content = bytearray(whole[0]["checkpoint.npz"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = data.draw(st.sampled_from(archive.infolist()))
    start = member.header_offset + 30 + len(member.filename) + 20  # past its zip64 field
    position = data.draw(st.integers(start, start + member.file_size - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (tmp_path / "run/checkpoint.npz").write_bytes(content)
    assert_refused(run("evaluate", "run"), "checkpoint.npz")


# -- the other files -----------------------------------------------------------------------------


@FEW
@given(st.data())
def test_flipped_bytes_of_the_config(tmp_path, whole, data):
    files, _ = whole
    content = bytearray(files["config.json"])
    for _ in range(data.draw(st.integers(1, 2))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "run/config.json").write_bytes(content)
    outcome = run("evaluate", "run", "--json")
    assert outcome.code == 0 or assert_refused(outcome) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"algorithm": "hff"}']
)
def test_config_that_is_none(content, tmp_path):
    (tmp_path / "run/config.json").write_bytes(content)
    before = tree(tmp_path)
    assert_refused(run("evaluate", "run"), "config.json")
    assert_refused(run("train", "--resume", "run"), "config.json")
    assert tree(tmp_path) == before


def test_run_folder_without_config(tmp_path):
    (tmp_path / "run/config.json").unlink()
    before = tree(tmp_path)
    assert_refused(run("evaluate", "run"), "config.json")
    assert_refused(run("train", "--resume", "run"), "config.json")
    assert tree(tmp_path) == before
    assert run_well("predict", "run", "--data", "blobs.npz").startswith("class\n")


def test_run_folder_without_checkpoint(tmp_path):
    (tmp_path / "run/checkpoint.npz").unlink()
    before = tree(tmp_path)
    assert_refused(run("evaluate", "run"), "checkpoint.npz")
    assert_refused(run("predict", "run", "--data", "blobs.npz"), "checkpoint.npz")
    assert tree(tmp_path) == before


def test_run_whose_data_are_gone(tmp_path):
    (tmp_path / "blobs.npz").unlink()
    before = tree(tmp_path)
    assert_refused(run("evaluate", "run"), "blobs.npz")
    assert_refused(run("train", "--resume", "run"), "blobs.npz")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("change", [{"features": 9}, {"classes": 4}])
def test_run_whose_data_changed(change, tmp_path):
    save_blobs("blobs.npz", **change)
    (tmp_path / "run/metrics.jsonl").write_text("untouched", encoding="utf-8")
    before = tree(tmp_path)
    outcome = run("train", "--resume", "run")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "test accuracy" not in outcome.out
    assert tree(tmp_path) == before
