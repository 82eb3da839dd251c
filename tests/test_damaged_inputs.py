"""Damaged files: the reader's own error in one line, or samples; never more memory than is due.

A few hundred in the suite, ten thousand by `-m slow`.
"""

import gzip
import io
import json
import struct
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

import ffref
from ffref.cli.config import read_words
from ffref.data import (
    read_cifar10_batch,
    read_cifar100,
    read_csv,
    read_idx,
    read_image,
    read_images,
    read_npz,
    stream_shards,
)
from ffref.experiments import old_run
from ffref.experiments.run_folder import read_config
from tests.cli_support import python
from tests.damage import changed_values, damaged, damages
from tests.small_data import blobs

FEW, MANY = 30, 700
"""Examples of a kind of file, of which there are 15: 450, and 10,500."""
SPARE, SPARE_OF_TEXT = 400_000, 1_000_000
"""Bytes that reading takes whatever the file is; a thousand levels of brackets take frames."""
RNG = np.random.default_rng(0)


class Kind(NamedTuple):
    content: bytes
    read: object
    """path -> anything"""
    payload: int
    """bytes that the sound file declares, unpacked"""
    suffix: str = ""
    spare: int = SPARE


def _npz(save, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _picture(form, mode="RGB", **options):
    stream = io.BytesIO()
    pixels = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(stream, form, **options)
    return stream.getvalue()


def _read_folder(path):
    folder = path.parent / "classes"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "a/1.png").write_bytes(_PNG)
    (folder / "b/2.png").write_bytes(path.read_bytes())
    return read_images(folder)


def _read_shards(path):
    folder = path.parent / "shards"
    folder.mkdir(exist_ok=True)
    (folder / "1.npz").write_bytes(_SHARD)
    (folder / "2.npz").write_bytes(path.read_bytes())
    return [block.sum() for block in stream_shards(folder).blocks()]


def _read_config(path):
    run = path.parent / "run"
    run.mkdir(exist_ok=True)
    (run / "config.json").write_bytes(path.read_bytes())
    return read_config(run)


_IMAGES = RNG.integers(0, 4, (100, 20, 20), dtype=np.uint8)
_IDX = struct.pack(">4B3I", 0, 0, 8, 3, *_IMAGES.shape) + _IMAGES.tobytes()
_LABELS = RNG.integers(0, 10, 30, dtype=np.uint8)
_CIFAR = [RNG.integers(0, 256, 3072, dtype=np.uint8).tobytes() for _ in _LABELS]
_X, _Y = RNG.normal(size=(60, 50)), RNG.integers(0, 3, 60)
_SHARD = _npz(np.savez, X=_IMAGES, y=np.arange(100) % 3)
_PNG, _GIF = _picture("PNG"), _picture("GIF", "L")
_CONFIG = {
    "algorithm": "hff", "recipe": None, "data": "blobs.npz", "data_dir": None, "label": None,
    "test_fraction": 0.2, "parameters": {"hidden_layer_sizes": [8, 8], "max_iter": 2},
}  # fmt: skip
_TOML = (
    'algorithm = "hff"\nepochs = 3\nhidden = [4, 5]\nstandardize = false\nlearning-rate = 1e-3\n'
)
_CSV = "a,b,c,kind\n" + "".join(f"{a:.3f},{b:.3f},{c:.2e},x{a > 0}\n" for a, b, c in _X[:, :3])
_10, _100 = (
    b"".join(n * bytes([label]) + one for label, one in zip(_LABELS, _CIFAR, strict=True))
    for n in (1, 2)
)

KINDS = {
    "idx": Kind(_IDX, read_idx, len(_IDX)),
    "idx in gzip": Kind(gzip.compress(_IDX, mtime=0), read_idx, len(_IDX)),
    "cifar-10": Kind(_10, read_cifar10_batch, len(_10)),
    "cifar-100": Kind(_100, read_cifar100, len(_100)),
    "npz": Kind(_npz(np.savez, X=_X, y=_Y), read_npz, _X.nbytes + _Y.nbytes, ".npz"),
    "npz, packed": Kind(
        _npz(np.savez_compressed, X=np.zeros((300, 50)), y=np.array(["a", "b", "c"] * 100)),
        read_npz, 300 * 50 * 8, ".npz",
    ),
    "csv": Kind(_CSV.encode(), read_csv, len(_CSV)),
    "png": Kind(_PNG, read_image, 40 * 30 * 3, ".png"),
    "jpeg": Kind(_picture("JPEG"), read_image, 40 * 30 * 3, ".jpg"),
    "folder of pictures": Kind(_GIF, _read_folder, 40 * 30 * 3, ".gif"),
    "folder of shards": Kind(_SHARD, _read_shards, _IMAGES.nbytes),
    "config.json": Kind(json.dumps(_CONFIG).encode(), _read_config, 500, "", SPARE_OF_TEXT),
    "train.toml": Kind(_TOML.encode(), lambda path: read_words(str(path)), 500, "", SPARE_OF_TEXT),
}  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "model.npz"
    ffref.HFFClassifier((8, 8), max_iter=2, random_state=0).fit(*blobs()).save(file)
    content = file.read_bytes()
    return Kind(content, ffref.load, len(content), ".npz")


def _examples(count):
    return settings(
        max_examples=count,
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def _refused(call, *says):
    """Call; whether it was refused, as it should be, by a ValueError in one line."""
    try:
        call()
    except ValueError as error:
        text = str(error)
    else:
        return False
    assert text
    assert "\n" not in text
    for words in says:
        assert words in text
    return True


def _check(kind, path, examples):
    file = path / f"file{kind.suffix}"
    for content in (b"?" + kind.content, kind.content):
        file.write_bytes(content)
        _refused(lambda: kind.read(file))  # what first calls import is not counted

    @_examples(examples)
    @given(damages(len(kind.content)))
    def check(steps):
        content = damaged(kind.content, steps)
        file.write_bytes(content)
        tracemalloc.start()
        try:
            _refused(lambda: kind.read(file), str(path))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= 10 * max(kind.payload, len(content)) + kind.spare

    check()


@pytest.mark.parametrize("name", KINDS)
def test_some_damage(name, path):
    _check(KINDS[name], path, FEW)


def test_some_damage_of_a_checkpoint(checkpoint, path):
    _check(checkpoint, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_much_damage(name, path):
    _check(KINDS[name], path, MANY)


@pytest.mark.slow
def test_much_damage_of_a_checkpoint(checkpoint, path):
    _check(checkpoint, path, MANY)


# -- settings that are JSON, but not the right ones ----------------------------------------------


def _check_settings(path, examples):
    run = path / "settings"
    run.mkdir(exist_ok=True)
    np.savez(path / "blobs.npz", **dict(zip("Xy", blobs(), strict=True)))
    parameters = ffref.HFFClassifier((8, 8), max_iter=2, random_state=0).get_params()
    sound = _CONFIG | {"data": str(path / "blobs.npz"), "parameters": parameters}

    @_examples(examples)
    @given(changed_values(sound))
    def check(config):
        (run / "config.json").write_text(json.dumps(config), encoding="utf-8")
        _refused(lambda: old_run(run))

    check()


def test_some_other_settings(path):
    _check_settings(path, FEW)


@pytest.mark.slow
def test_many_other_settings(path):
    _check_settings(path, MANY)


def test_a_reader_that_takes_too_much_is_noticed(path):
    greedy = Kind(b"x" * 100, lambda _: bytearray(10**6), 100)
    with pytest.raises(AssertionError):
        _check(greedy, path, 5)


def test_a_reader_with_another_error_is_noticed(path):
    def careless(file):
        return {}[file.read_bytes()[:1]] if len(file.read_bytes()) < 100 else None

    with pytest.raises(KeyError):
        _check(Kind(b"x" * 100, careless, 100), path, 20)


# -- memory that Python does not count -----------------------------------------------------------

_GROWTH = """
import resource, sys
from ffref.data import read_image
read_image(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(sys.argv[2])
except ValueError:
    pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("mode", "sample"), [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGB", 3)])
def test_memory_of_a_large_picture(mode, sample, cut, tmp_path):
    pytest.importorskip("resource")
    side = 3000
    small = Image.fromarray(RNG.integers(0, 256, (300, 300, 3), dtype=np.uint8))
    small.save(tmp_path / "small.png")
    small.resize((side, side)).convert(mode).save(tmp_path / "large.png")
    if cut:
        content = (tmp_path / "large.png").read_bytes()
        (tmp_path / "large.png").write_bytes(content[: len(content) // 2])
    done = python("-c", _GROWTH, "small.png", "large.png", cwd=tmp_path)
    assert int(done.stdout) <= 10 * side**2 * sample
