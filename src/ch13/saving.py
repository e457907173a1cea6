# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Tensors in a file, in the format of safetensors: a header in JSON, and numbers."""

import json
import math
import os
from pathlib import Path
from typing import Any

import torch

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "I64": torch.int64,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write named tensors, all or none. Raises: ValueError for wrong names or types."""
    codes = {dtype: code for code, dtype in DTYPES.items()}
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        dtype = getattr(tensor, "dtype", type(tensor))
        if dtype not in codes or not isinstance(name, str) or name == "__metadata__":
            raise ValueError(f"{name!r}: {dtype}: give a name, and one of {[*codes]}")
        parts.append(tensor.detach().cpu().contiguous().numpy().tobytes())
        start, end = end, end + len(parts[-1])
        about = {"dtype": codes[dtype], "shape": list(tensor.shape)}
        header[name] = {**about, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the first number begins at a multiple of 8
    with Path(f"{path}.part").open("wb") as file:
        file.write(b"".join([len(text).to_bytes(8, "little"), text, *parts]))
        file.flush()
        os.fsync(file.fileno())  # on the disk, and not on its way there
    Path(file.name).replace(path)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read named tensors. Raises: ValueError for a file that is none of tensors."""
    content, tensors, place = Path(path).read_bytes(), {}, 0
    try:
        first = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:first].decode(), object_pairs_hook=_once)
        notes = header.pop("__metadata__", {}).values()
        for name in sorted(header, key=lambda name: header[name]["data_offsets"]):
            dtype, shape = DTYPES[header[name]["dtype"]], header[name]["shape"]
            start, end = header[name]["data_offsets"]
            raw = bytearray(content[first + start : first + end])
            if start != place or len(raw) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{name} is not what stands at {start} to {end}")
            flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0)
            tensors[name], place = flat.to(dtype).view(shape), end
        if first + place != len(content) or not all(type(n) is str for n in notes):
            raise ValueError("there are bytes, or notes, that are not of this format")
    except Exception as error:  # whatever a file that lies has led to
        raise ValueError(f"{path} is no file of tensors {[*DTYPES]}: {error}") from None
    return tensors


def save_state(path: str | Path, state: Any) -> None:
    """Write dicts, lists and tuples of tensors, numbers and texts; all or none."""
    tensors: dict[str, torch.Tensor] = {}

    def packed(value: Any, place: str) -> Any:
        if isinstance(value, torch.Tensor):
            place = f"{len(tensors)}{place}"
            tensors[place] = value
            return ["tensor", place]
        if isinstance(value, dict):
            pairs = [
                (packed(k, place), packed(v, f"{place}.{k}")) for k, v in value.items()
            ]
            return ["dict", pairs]
        if isinstance(value, (list, tuple)):
            inside = [packed(v, f"{place}.{i}") for i, v in enumerate(value)]
            return ["tuple" if isinstance(value, tuple) else "list", inside]
        if value is None or isinstance(value, (int, float, str)):
            return value
        raise ValueError(f"{place}: {value!r}: give tensors, numbers and texts")

    text = json.dumps(packed(state, "")).encode()
    tree = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    save_tensors(path, {"tree": tree, **tensors})


def load_state(path: str | Path) -> Any:
    """Read what `save_state` wrote. Raises: ValueError for any other file."""
    tensors = load_tensors(path)
    kinds = {
        "tensor": lambda place: tensors[place],
        "dict": lambda pairs: {unpacked(key): unpacked(value) for key, value in pairs},
        "list": lambda inside: [unpacked(value) for value in inside],
        "tuple": lambda inside: tuple(unpacked(value) for value in inside),
    }

    def unpacked(value: Any) -> Any:
        return kinds[value[0]](value[1]) if isinstance(value, list) else value

    try:
        return unpacked(json.loads(bytes(tensors["tree"].tolist())))
    except Exception as error:  # whatever a file that lies has led to
        raise ValueError(f"{path} holds no state: {error!r}") from None
