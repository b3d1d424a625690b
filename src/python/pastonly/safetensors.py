"""Safetensors files with NumPy alone: eight bytes with the length of a JSON header, the header, the data."""
from __future__ import annotations

import json
import os
import socket
import struct
from typing import Dict, Mapping, Tuple

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
         "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
NAMES = {np.dtype(text): name for name, text in TYPES.items()}


def write(path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Writes aside, in the same folder, and renames: whoever reads `path` reads a whole file or none."""
    path = os.fspath(path)
    header: dict = {"__metadata__": dict(metadata)}
    arrays, end = [], 0
    for name, values in tensors.items():
        values = np.asarray(values)
        if values.dtype not in NAMES:
            raise TypeError(f"{name}: safetensors has no type for {values.dtype}")
        kept = values if values.flags.c_contiguous else values.copy(order="C")
        header[name] = {"dtype": NAMES[kept.dtype], "shape": list(kept.shape), "data_offsets": [end, end + kept.nbytes]}
        arrays.append(kept)
        end += kept.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # aligned data is mapped faster
    aside = f"{path}.{socket.gethostname()}.{os.getpid()}.tmp"
    try:
        with open(aside, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for kept in arrays:
                file.write(kept.reshape(-1).view(np.uint8).data)  # tofile does not tell of a full disk
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        if os.path.exists(aside):
            os.unlink(aside)
        raise


def read(path) -> Tuple[Dict[str, np.ndarray], Dict[str, str]]:
    """(tensors, metadata). ValueError names the file and what is wrong with it. BF16 comes as float32."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        raw = file.read()
    if len(raw) < 8 or struct.unpack("<Q", raw[:8])[0] > len(raw) - 8:
        raise ValueError(f"{path}: too short for a safetensors file of its header's length")
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    try:
        header = json.loads(raw[8:start])
        metadata = header.pop("__metadata__", {})
        tensors = {name: _tensor(raw, start, entry) for name, entry in header.items()}
    except (UnicodeDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from error
    return tensors, metadata


def _tensor(raw: bytes, start: int, entry: dict) -> np.ndarray:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(raw) - start:
        raise ValueError(f"data from {begin} to {end} lies outside the file")
    if entry["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(raw[start + begin:start + end], "<u2").astype("<u4") << 16
        return halves.view("<f4").reshape(entry["shape"])
    if entry["dtype"] not in TYPES:
        raise ValueError(f"type {entry['dtype']} is not read")
    return np.frombuffer(raw[start + begin:start + end], TYPES[entry["dtype"]]).reshape(entry["shape"])
