"""Named data sets: where their files are looked for, what is refused, what comes out."""

import gzip
import inspect
import os
import struct
from pathlib import Path

import numpy as np
import pytest

import ffref.data
from ffref.data import DataError, describe, find_data_dir, load, names

CACHE_NAMES = ("FFREF_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA")


@pytest.fixture(autouse=True)
def no_outside_folders(monkeypatch, tmp_path, request):
    if "slow" in request.keywords:
        return
    for name in CACHE_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))


def images_idx(count, height=28, width=28):
    pixels = bytes(i % 256 for i in range(count * height * width))
    return struct.pack(">4B3I", 0, 0, 8, 3, count, height, width) + pixels


def labels_idx(*labels):
    return struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + bytes(labels)


def write(folder, file, data):
    path = Path(folder, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_mnist(folder, *, name="mnist", part="train", images=None, labels=None, suffix=""):
    images = images_idx(3) if images is None else images
    labels = labels_idx(7, 0, 9) if labels is None else labels
    return (
        write(folder, f"{name}/{part}-images-idx3-ubyte{suffix}", images),
        write(folder, f"{name}/{part}-labels-idx1-ubyte{suffix}", labels),
    )


def test_names_and_facts():
    assert names() == ("digits", "mnist", "fashion-mnist", "cifar10", "cifar100")
    for name in names():
        info = describe(name)
        assert info.name == name
        assert set(info.files) == set(info.samples) == {"train", "test"}
        assert len(set(info.class_names)) == len(info.class_names)
        assert info.source
        assert info.licence
    assert len(describe("cifar100").class_names) == 100
    assert list(describe("cifar100").class_names) == sorted(describe("cifar100").class_names)
    assert describe("fashion-mnist").class_names[9] == "Ankle boot"
    assert describe("cifar10").class_names[3] == "cat"
    assert describe("mnist").files["test"] == (
        "mnist/t10k-images-idx3-ubyte",
        "mnist/t10k-labels-idx1-ubyte",
    )


@pytest.mark.parametrize("name", ["MNIST", "imagenet", "", None, ["mnist"]])
def test_unknown_name(name):
    for ask in (load, describe):
        with pytest.raises(DataError, match=r"choose one of digits, mnist, .*cifar100") as error:
            ask(name)
        assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_unknown_split(name):
    with pytest.raises(DataError, match="no split named 'valid'; choose one of train, test"):
        load(name, split="valid")


def test_every_error_is_a_value_error():
    assert issubclass(DataError, ValueError)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("test", "t10k")])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_sets(tmp_path, name, split, part, suffix):
    pack = gzip.compress if suffix else bytes
    write_mnist(
        tmp_path,
        name=name,
        part=part,
        images=pack(images_idx(3)),
        labels=pack(labels_idx(7, 0, 9)),
        suffix=suffix,
    )
    X, y = load(name, tmp_path, split=split)
    assert X.dtype == np.float32
    assert X.shape == (3, 784)
    assert y.dtype == np.int64
    assert y.tolist() == [7, 0, 9]
    # pixel p of image i holds (784 i + p) mod 256
    assert X[0, 255] == 1
    assert X[1, 10] == np.float32((784 + 10) % 256 / 255)
    assert X.min() == 0


def test_plain_is_preferred_to_gzip(tmp_path):
    write_mnist(tmp_path)
    write_mnist(tmp_path, labels=b"damaged", suffix=".gz")
    assert load("mnist", tmp_path).y.tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"labels": labels_idx(7, 0)}, ["labels-idx1", "byte 4", "expected 3 labels", "got 2"]),
        ({"labels": labels_idx(7, 0, 9, 1)}, ["expected 3 labels", "got 4"]),
        ({"labels": labels_idx(7, 0, 10)}, ["labels-idx1", "byte 10", "0 to 9, got 10"]),
        ({"labels": images_idx(3)}, ["labels-idx1", "expected uint8 labels", "(3, 28, 28)"]),
        ({"images": labels_idx(1, 2, 3)}, ["images-idx3", "(samples, 28, 28)", "shape (3,)"]),
        ({"images": images_idx(3, 28, 27)}, ["images-idx3", "(3, 28, 27)"]),
        ({"images": images_idx(3, 32, 32)}, ["images-idx3", "(3, 32, 32)"]),
        ({"images": images_idx(3)[:-1]}, ["images-idx3", "ends at byte 2367"]),
        ({"labels": labels_idx(7, 0, 9) + b"\0"}, ["labels-idx1", "ends at byte 12"]),
        ({"labels": struct.pack(">4BI3d", 0, 0, 14, 1, 3, 7, 0, 9)}, ["got float64"]),
        ({"images": b""}, ["images-idx3", "empty"]),
    ],
)
def test_wrong_idx_content(tmp_path, wrong, words):
    write_mnist(tmp_path, **wrong)
    with pytest.raises(DataError) as error:
        load("mnist", tmp_path)
    text = str(error.value)
    assert "\n" not in text
    for word in (str(tmp_path), *words):
        assert word in text


def test_a_folder_where_a_file_should_be(tmp_path):
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").mkdir(parents=True)
    write(tmp_path, "mnist/train-images-idx3-ubyte", images_idx(3))
    with pytest.raises(DataError, match="expected a file, got a directory"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_files(tmp_path, name, split):
    with pytest.raises(DataError) as error:
        load(name, tmp_path / "absent", split=split)
    text = str(error.value)
    assert "\n" not in text
    first = tmp_path / "absent" / describe(name).files[split][0]
    assert str(first) in text
    assert (f"{first}.gz" in text) == ("mnist" in name)
    assert describe(name).source in text
    assert "FFREF_DATA" in text


def test_one_missing_file_is_named(tmp_path):
    write_mnist(tmp_path)[1].unlink()
    with pytest.raises(DataError, match=r"looked for .*train-labels-idx1-ubyte and "):
        load("mnist", tmp_path)


def test_order_of_folders(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr("sys.platform", "linux")
    assert find_data_dir() == home / ".cache" / "ffref"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert find_data_dir() == home / ".cache" / "ffref"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert find_data_dir() == tmp_path / "xdg" / "ffref"
    monkeypatch.setenv("FFREF_DATA", "")
    assert find_data_dir() == tmp_path / "xdg" / "ffref"
    monkeypatch.setenv("FFREF_DATA", os.path.join("~", "mine"))
    assert find_data_dir() == home / "mine"
    assert find_data_dir(os.path.join("~", "given")) == home / "given"
    assert find_data_dir(tmp_path) == tmp_path


def test_caches_of_other_systems(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr("sys.platform", "darwin")
    assert find_data_dir() == home / "Library" / "Caches" / "ffref"
    monkeypatch.setattr("sys.platform", "win32")
    assert find_data_dir() == home / "AppData" / "Local" / "ffref"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert find_data_dir() == tmp_path / "local" / "ffref"


def test_load_looks_there(tmp_path, monkeypatch):
    write_mnist(tmp_path / "home" / ".cache" / "ffref", labels=labels_idx(1, 1, 1))
    write_mnist(tmp_path / "env", labels=labels_idx(2, 2, 2))
    write_mnist(tmp_path / "given", labels=labels_idx(3, 3, 3))
    monkeypatch.setattr("sys.platform", "linux")
    assert load("mnist").y[0] == 1
    monkeypatch.setenv("FFREF_DATA", str(tmp_path / "env"))
    assert load("mnist").y[0] == 2
    assert load("mnist", tmp_path / "given").y[0] == 3
    # a folder that was named is the only one: other data are never taken in silence
    with pytest.raises(DataError):
        load("mnist", tmp_path / "other")


@pytest.fixture
def small_cifar(monkeypatch):
    def smaller(name):
        return describe(name)._replace(samples={"train": 10, "test": 2})

    monkeypatch.setattr("ffref.data.loading.describe", smaller)


def cifar_file(count, *labels):
    planes = bytes([51]) * 1024 + bytes([102]) * 1024 + bytes([255]) * 1024
    return b"".join(bytes([*labels[:-1], labels[-1] + i]) + planes for i in range(count))


@pytest.mark.usefixtures("small_cifar")
def test_cifar10(tmp_path):
    for number in range(1, 6):
        data = cifar_file(2, number)
        write(tmp_path, f"cifar-10-batches-bin/data_batch_{number}.bin", data)
    write(tmp_path, "cifar-10-batches-bin/test_batch.bin", cifar_file(2, 0))
    X, y = load("cifar10", tmp_path)
    assert X.shape == (10, 3072)
    assert X.dtype == np.float32
    assert y.tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    # rows are height, width, channel: red, green, blue of the first pixel come first
    np.testing.assert_array_equal(X[0, :6], np.float32([0.2, 0.4, 1, 0.2, 0.4, 1]))
    np.testing.assert_array_equal(X.reshape(10, 32, 32, 3)[:, :, :, 1], np.float32(0.4))
    assert load("cifar10", tmp_path, split="test").y.tolist() == [0, 1]
    write(tmp_path, "cifar-10-batches-bin/data_batch_5.bin", cifar_file(1, 5))
    with pytest.raises(DataError, match=r"data_batch_5\.bin: expected 2 records"):
        load("cifar10", tmp_path)


@pytest.mark.usefixtures("small_cifar")
def test_cifar100_has_fine_labels(tmp_path):
    write(tmp_path, "cifar-100-binary/train.bin", cifar_file(10, 19, 90))
    write(tmp_path, "cifar-100-binary/test.bin", cifar_file(2, 0, 50))
    X, y = load("cifar100", tmp_path)
    assert X.shape == (10, 3072)
    assert y.tolist() == list(range(90, 100))
    assert load("cifar100", tmp_path, "test").y.tolist() == [50, 51]


def test_a_part_of_cifar_is_refused(tmp_path):
    write(tmp_path, "cifar-10-batches-bin/test_batch.bin", cifar_file(2, 0))
    with pytest.raises(DataError, match="expected 10000 records of 3073 bytes"):
        load("cifar10", tmp_path, split="test")


def test_public_names_are_documented():
    for name in ffref.data.__all__:
        assert inspect.getdoc(getattr(ffref.data, name)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_real_files(name, split):
    info = describe(name)
    if "FFREF_DATA" not in os.environ:
        pytest.skip("FFREF_DATA names no folder with the real files")
    if not (find_data_dir() / info.files[split][0]).parent.is_dir():
        pytest.skip(f"{name} is not in the folder that FFREF_DATA names")
    X, y = load(name, split=split)
    assert X.shape == (info.samples[split], np.prod(info.image_shape))
    assert (X.min(), X.max()) == (0, 1)
    assert set(y) == set(range(len(info.class_names)))
    if name == "mnist" and split == "train":  # the counts known from the literature
        assert np.bincount(y).tolist() == [
            5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
        ]  # fmt: skip
        assert X.mean() == pytest.approx(0.1307, abs=1e-4)  # as widely used for standardising
        assert X.astype(np.float64).std() == pytest.approx(0.3081, abs=1e-4)
    elif name != "mnist":
        assert len(set(np.bincount(y))) == 1  # the others are balanced
