"""Checkpoints: named arrays and a JSON record in one .npz file, written whole or not at all.

Nothing is pickled. The record holds the format's number and a digest of all else in the file.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from ffref.layers import Block, Dense, Readout
from ffref.training.files import write_whole
from ffref.training.network import LocalLayer
from ffref.training.optimizers import OptimizerState
from ffref.training.step import TrainingState

CHECKPOINT, PREVIOUS = "checkpoint.npz", "checkpoint-previous.npz"
"""In a run folder: the newest checkpoint, and the one before."""
FORMAT = 2
_READ = (1, 2)
"""Format 1 had no digest and no position within an epoch."""
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


class DamagedCheckpointError(ValueError):
    """A checkpoint is missing, or is not what was written."""


def write_checkpoint(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    record: dict[str, Any],
    *,
    keep: Path | None = None,
) -> None:
    """Write `arrays` and the JSON record to `path` (.npz); what stood there stays as `keep`.

    Raises
    ------
    ValueError
        If it cannot be written; what stood there before is still there.
    """
    record = {"format": FORMAT, **record}
    text = json.dumps({"digest": _digest(arrays, record), **record})
    contents: dict[str, Any] = {_RECORD: np.frombuffer(text.encode(), np.uint8), **arrays}
    write_whole(path, lambda file: np.savez(file, **contents), durable=True, keep=keep)


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    DamagedCheckpointError
        If the file is missing, damaged or no checkpoint.
    ValueError
        If it is of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = dict(json.loads(arrays.pop(_RECORD).tobytes()))
        digest = record.pop("digest", None)
        is_whole = digest == _digest(arrays, record)
    except FileNotFoundError:
        raise DamagedCheckpointError(
            f"there is no checkpoint {path}; name a run folder, or a file that save wrote"
        ) from None
    except _DAMAGED as error:
        # of what is no archive, NumPy says that it is pickled, and advises to unpickle it
        is_clear = isinstance(error, OSError) or zipfile.is_zipfile(path)
        why = str(error) if is_clear else "it is no .npz archive, or cut short"
        raise DamagedCheckpointError(f"{path} is damaged or no ffref checkpoint: {why}") from error
    if record.get("format") not in _READ:
        raise ValueError(
            f"{path} has checkpoint format {record.get('format')!r}, this version of ffref reads "
            f"format {FORMAT}; use the version that wrote it"
        )
    if not is_whole and record["format"] != 1:
        raise DamagedCheckpointError(
            f"{path} is damaged: its contents do not agree with its checksum"
        )
    return arrays, record


def _digest(arrays: Mapping[str, np.ndarray], record: dict[str, Any]) -> str:
    """Checksum of all that a checkpoint holds."""
    digest = blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


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


def state_to_arrays(state: TrainingState) -> dict[str, np.ndarray]:
    """Name every array that training changes."""
    arrays = layers_to_arrays(state.network.layers, state.optimizer)
    return arrays | readout_to_arrays(state.network.readout, state.readout_optimizer)


def _numbered(arrays: Mapping[str, np.ndarray], prefix: str) -> tuple[np.ndarray, ...]:
    found: list[np.ndarray] = []
    while f"{prefix}{len(found)}" in arrays:
        found.append(arrays[f"{prefix}{len(found)}"])
    return tuple(found)
