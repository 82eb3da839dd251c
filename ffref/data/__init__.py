"""Data sets: the bundled digits, readers for the standard files, and your own arrays.

`load` knows data sets by name, `fetch` gets their files, `read_*` read one file each, `read_own`
whatever samples you have, `stream_*` what does not fit into memory, `disk_and_ring` makes a toy
world, `load_text` and its kin make characters of a text. Nothing is fetched from the net unless
`fetch` is called, and nothing is ever unpickled. docs/data.md has the formats.
"""

from ffref.data.augmentation import (
    Augmentation,
    bind_augmentation,
    cut_out,
    flip_images,
    shift_images,
)
from ffref.data.canonical_files import canonical, file_states
from ffref.data.catalogue import DatasetInfo, describe, names
from ffref.data.cifar import read_cifar10_batch, read_cifar100
from ffref.data.errors import DataError
from ffref.data.fetching import fetch
from ffref.data.idx import read_idx
from ffref.data.loading import find_data_dir, load
from ffref.data.moments import feature_moments
from ffref.data.npz import read_npz
from ffref.data.own import has_parts, is_own, is_table, read_own
from ffref.data.own_data import OwnData
from ffref.data.pictures import Picture, is_picture, read_image, read_images
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
from ffref.data.table import read_csv, read_features
from ffref.data.text import load_text, next_character, read_text, strings, to_alphabet, windows
from ffref.data.toy import disk_and_ring

__all__ = [
    "WINDOW_BYTES",
    "Augmentation",
    "DataError",
    "DatasetInfo",
    "OwnData",
    "Picture",
    "Samples",
    "Split",
    "Stream",
    "bind_augmentation",
    "blocks",
    "canonical",
    "chosen_rows",
    "cut_out",
    "describe",
    "disk_and_ring",
    "feature_moments",
    "fetch",
    "file_states",
    "find_data_dir",
    "first_rows",
    "flip_images",
    "has_parts",
    "is_own",
    "is_picture",
    "is_table",
    "load",
    "load_text",
    "names",
    "next_character",
    "read_cifar10_batch",
    "read_cifar100",
    "read_csv",
    "read_features",
    "read_idx",
    "read_image",
    "read_images",
    "read_npz",
    "read_own",
    "read_text",
    "shift_images",
    "shuffled_batches",
    "stream_array",
    "stream_shards",
    "strings",
    "to_alphabet",
    "windows",
]
