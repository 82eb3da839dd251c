"""The canonical files of the named data sets: where they come from, and how to know them.

What is compared is the SHA-256 of a file's content, unpacked: mirrors pack MNIST anew, with other
bytes around the same numbers. The digests of MNIST and Fashion-MNIST were computed from files at
hand and are those that public projects state; those of the CIFAR archives and of their members are
the ones of ankane/torchvision-ruby. The MD5 of the CIFAR-10 archive is on the page of the data
sets, https://www.cs.toronto.edu/~kriz/cifar.html, that of CIFAR-100 in several public
repositories. No CIFAR archive was at hand.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ffref.data.catalogue import names
from ffref.data.errors import DataError
from ffref.data.files import PathLike, Readable, is_gzip, open_file
from ffref.data.loading import find_data_dir

_CHUNK = 2**20
_MNIST_SIZES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}


class CanonicalFile(NamedTuple):
    """One file below the data folder."""

    path: str
    """as `load` looks for it; gzip may have been left around it, with .gz behind the name"""
    size: int
    """bytes, unpacked"""
    sha256: str
    """of the unpacked bytes"""


class Download(NamedTuple):
    """One file at its source."""

    name: str
    size: int
    """bytes as it is packed at the source"""
    files: tuple[CanonicalFile, ...]
    sha256: str | None = None
    """of an archive, known before it is opened; None: `files` is one file, perhaps in gzip"""
    md5: str | None = None
    """as the authors' page states it"""


class Canonical(NamedTuple):
    """Where a data set is fetched from."""

    folders: tuple[str, ...]
    """addresses below which the downloads are, the first to be tried first"""
    downloads: tuple[Download, ...]


State = Literal["verified", "differs", "missing"]


class FileState(NamedTuple):
    """What is there of a canonical file."""

    file: CanonicalFile
    place: Path
    state: State


def _idx_downloads(folder: str, packed: tuple[int, ...], digests: str) -> tuple[Download, ...]:
    return tuple(
        Download(f"{name}.gz", size, (CanonicalFile(f"{folder}/{name}", content, digest),))
        for (name, content), size, digest in zip(
            _MNIST_SIZES.items(), packed, digests.split(), strict=True
        )
    )


def _members(folder: str, size: int, digests: str) -> tuple[CanonicalFile, ...]:
    pairs = (line.split() for line in digests.strip().splitlines())
    return tuple(CanonicalFile(f"{folder}/{name}", size, digest) for name, digest in pairs)


CANONICAL = {
    "mnist": Canonical(
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        _idx_downloads(
            "mnist",
            (9_912_422, 28_881, 1_648_877, 4_542),
            """
            ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
            65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
            0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
            ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
            """,
        ),
    ),
    "fashion-mnist": Canonical(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        _idx_downloads(
            "fashion-mnist",
            (26_421_880, 29_515, 4_422_102, 5_148),
            """
            c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
            bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
            5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
            0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
            """,
        ),
    ),
    "cifar10": Canonical(
        ("https://www.cs.toronto.edu/~kriz/",),
        (
            Download(
                "cifar-10-binary.tar.gz",
                170_052_171,
                _members(
                    "cifar-10-batches-bin",
                    30_730_000,
                    """
        data_batch_1.bin cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5
        data_batch_2.bin a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed
        data_batch_3.bin bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67
        data_batch_4.bin 014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48
        data_batch_5.bin 755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add
        test_batch.bin 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b
                    """,
                ),
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
    ),
    "cifar100": Canonical(
        ("https://www.cs.toronto.edu/~kriz/",),
        (
            Download(
                "cifar-100-binary.tar.gz",
                168_513_733,
                (
                    CanonicalFile(
                        "cifar-100-binary/train.bin",
                        153_700_000,
                        "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
                    ),
                    CanonicalFile(
                        "cifar-100-binary/test.bin",
                        30_740_000,
                        "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
                    ),
                ),
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                "03b5dce01913d631647c71ecec9e9cb8",
            ),
        ),
    ),
}
"""By name; "digits" is bundled and has no files."""


def canonical(name: str) -> Canonical:
    """Tell where the files of a data set come from, and how to know them.

    Raises
    ------
    DataError
        If nothing is known of `name`, or it comes with the package.
    """
    if name not in CANONICAL:
        raise DataError(
            f"{name} comes with ffref; there is nothing to fetch"
            if name in names()
            else f"there is no data set named {name!r} to fetch; choose one of "
            f"{', '.join(CANONICAL)}"
        )
    return CANONICAL[name]


def file_states(name: str, data_dir: PathLike | None = None) -> list[FileState]:
    """Compare the files of a data set that are in the data folder with the canonical ones."""
    folder = find_data_dir(data_dir)
    return [
        state_of(folder, file) for download in canonical(name).downloads for file in download.files
    ]


def state_of(folder: Path, file: CanonicalFile) -> FileState:
    """Find a file as `load` does, plain before packed, and compare it."""
    for place in places(folder, file):
        if place.is_file():
            return FileState(file, place, "verified" if is_canonical(place, file) else "differs")
    return FileState(file, folder / file.path, "missing")


def places(folder: Path, file: CanonicalFile) -> tuple[Path, ...]:
    """Where `load` looks for the file."""
    plain = folder / file.path
    return (plain, Path(f"{plain}.gz")) if file.path.endswith("-ubyte") else (plain,)


def is_canonical(path: Path, file: CanonicalFile) -> bool:
    """Whether the content of `path`, unpacked, is that of `file`; a damaged file's is not."""
    digest = hashlib.sha256()
    size = 0
    try:
        with open_file(path) as (raw, _):
            packed = is_gzip(raw)
            stream: Readable = gzip.GzipFile(fileobj=raw) if packed else raw
            for chunk in chunks(stream):
                size += len(chunk)
                if size > file.size:  # and it may go on for ever
                    return False
                digest.update(chunk)
    except (DataError, OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == file.sha256


def chunks(stream: Readable) -> Iterator[bytes]:
    """Read to the end, a megabyte at a time."""
    while chunk := stream.read(_CHUNK):
        yield chunk
