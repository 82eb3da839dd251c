"""Data sets: the bundled digits, readers for the standard files, and your own arrays.

`load` knows data sets by name, `read_*` read one file each, `stream_*` what does not fit into
memory, `disk_and_ring` makes a toy world, `load_text` and its kin make characters of a text.
Nothing is fetched from the net and nothing is ever unpickled. docs/data.md has the formats.
"""

from ffref.data.augmentation import (
    Augmentation,
    bind_augmentation,
    cut_out,
    flip_images,
    shift_images,
)
from ffref.data.catalogue import DatasetInfo, describe, names
from ffref.data.cifar import read_cifar10_batch, read_cifar100
from ffref.data.errors import DataError
from ffref.data.idx import read_idx
from ffref.data.loading import find_data_dir, load
from ffref.data.moments import feature_moments
from ffref.data.npz import read_npz
from ffref.data.shards import stream_shards
from ffref.data.split import Split
from ffref.data.stream import (
    WINDOW_BYTES,
    Samples,
    Stream,
    blocks,
    chosen_rows,
    first_rows,
    shuffled_batches,
    stream_array,
)
from ffref.data.text import load_text, next_character, read_text, strings, to_alphabet, windows
from ffref.data.toy import disk_and_ring

__all__ = [
    "WINDOW_BYTES",
    "Augmentation",
    "DataError",
    "DatasetInfo",
    "Samples",
    "Split",
    "Stream",
    "bind_augmentation",
    "blocks",
    "chosen_rows",
    "cut_out",
    "describe",
    "disk_and_ring",
    "feature_moments",
    "find_data_dir",
    "first_rows",
    "flip_images",
    "load",
    "load_text",
    "names",
    "next_character",
    "read_cifar10_batch",
    "read_cifar100",
    "read_idx",
    "read_npz",
    "read_text",
    "shift_images",
    "shuffled_batches",
    "stream_array",
    "stream_shards",
    "strings",
    "to_alphabet",
    "windows",
]
