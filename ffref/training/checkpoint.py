"""Checkpoints: named arrays and a JSON record in one .npz file, written whole or not at all.

Nothing is pickled. A file is written under a temporary name, flushed to disk and renamed, so that
a reader sees the old file or the new one, never half of one.
"""

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ffref.layers import Block, Dense, Readout
from ffref.training.network import LocalLayer
from ffref.training.optimizers import OptimizerState

FORMAT = 1
_RECORD = "record.json"
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What NumPy, zipfile and json raise of a file whose bytes have changed."""


def write_checkpoint(path: Path, arrays: Mapping[str, np.ndarray], record: dict[str, Any]) -> None:
    """Write `arrays` and the JSON record to `path` (.npz)."""
    text = json.dumps({"format": FORMAT, **record})
    encoded = np.frombuffer(text.encode(), np.uint8)
    if not path.name or not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: name a file in a folder that exists")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            contents: dict[str, Any] = {_RECORD: encoded, **arrays}
            np.savez(file, **contents)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ValueError
        If the file is missing, damaged, no checkpoint, or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = dict(json.loads(arrays.pop(_RECORD).tobytes()))
    except FileNotFoundError:
        raise ValueError(f"there is no checkpoint {path}") from None
    except _DAMAGED as error:
        raise ValueError(f"{path} is damaged or no ffref checkpoint: {error}") from error
    if record.get("format") != FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {record.get('format')!r}, this version of ffref reads "
            f"format {FORMAT}; use the version that wrote it"
        )
    return arrays, record


def layers_to_arrays(
    layers: tuple[LocalLayer, ...], states: tuple[OptimizerState, ...]
) -> dict[str, np.ndarray]:
    """Name every array of the layers and of their optimiser states."""
    arrays: dict[str, np.ndarray] = {}
    for depth, (layer, state) in enumerate(zip(layers, states, strict=True)):
        prefix = f"layer{depth}"
        for name, array in layer.weights._asdict().items():
            arrays[f"{prefix}.{name}"] = array
        for i, array in enumerate(layer.params):
            arrays[f"{prefix}.param{i}"] = array
        arrays[f"{prefix}.step"] = np.array(state.step)
        for i, slots in enumerate(state.slots):
            for j, array in enumerate(slots):
                arrays[f"{prefix}.slot{i}.{j}"] = array
    return arrays


def layers_from_arrays(
    arrays: Mapping[str, np.ndarray],
) -> tuple[tuple[LocalLayer, ...], tuple[OptimizerState, ...]]:
    """Inverse of `layers_to_arrays`; weight and bias count as a dense layer's until told else."""
    layers: list[LocalLayer] = []
    states: list[OptimizerState] = []
    while f"layer{len(layers)}.weight" in arrays:
        prefix = f"layer{len(layers)}"
        record = Dense if f"{prefix}.bias" in arrays else Block
        weights = record(*(arrays[f"{prefix}.{name}"] for name in record._fields))
        params = _numbered(arrays, f"{prefix}.param")
        slots: list[tuple[np.ndarray, ...]] = []
        while f"{prefix}.slot{len(slots)}.0" in arrays:
            slots.append(_numbered(arrays, f"{prefix}.slot{len(slots)}."))
        layers.append(LocalLayer(weights, params))
        states.append(OptimizerState(int(arrays[f"{prefix}.step"]), tuple(slots)))
    return tuple(layers), tuple(states)


def readout_to_arrays(
    readout: Readout | None, state: OptimizerState | None
) -> dict[str, np.ndarray]:
    """Name every array of a softmax readout and of its optimiser state; {} without one."""
    if readout is None or state is None:
        return {}
    arrays = {"readout.bias": readout.bias, "readout.step": np.array(state.step)}
    for i, (weight, slots) in enumerate(zip(readout.weights, state.slots, strict=True)):
        arrays[f"readout.weight{i}"] = weight
        for j, array in enumerate(slots):
            arrays[f"readout.slot{i}.{j}"] = array
    return arrays


def readout_from_arrays(
    arrays: Mapping[str, np.ndarray],
) -> tuple[Readout | None, OptimizerState | None]:
    """Inverse of `readout_to_arrays`."""
    if "readout.bias" not in arrays:
        return None, None
    weights = _numbered(arrays, "readout.weight")
    slots = tuple(_numbered(arrays, f"readout.slot{i}.") for i in range(len(weights)))
    state = OptimizerState(int(arrays["readout.step"]), slots)
    return Readout(weights, arrays["readout.bias"]), state


def _numbered(arrays: Mapping[str, np.ndarray], prefix: str) -> tuple[np.ndarray, ...]:
    found: list[np.ndarray] = []
    while f"{prefix}{len(found)}" in arrays:
        found.append(arrays[f"{prefix}{len(found)}"])
    return tuple(found)
