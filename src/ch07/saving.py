# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Tensors in a file, in the format of safetensors: a header in JSON, and numbers."""

import json
import math
import struct
from pathlib import Path

import torch

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "I64": torch.int64,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write named tensors, under another name first: the file is whole or not there."""
    codes = {dtype: code for code, dtype in DTYPES.items()}
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        if tensor.dtype not in codes:
            raise ValueError(f"{name} is {tensor.dtype}: give one of {list(codes)}")
        parts.append(tensor.detach().cpu().contiguous().numpy().tobytes())
        start, end = end, end + len(parts[-1])
        about = {"dtype": codes[tensor.dtype], "shape": list(tensor.shape)}
        header[name] = {**about, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # numbers begin at a multiple of 8
    temporary = Path(f"{path}.part")
    temporary.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *parts]))
    temporary.replace(path)


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read named tensors. Raises: ValueError for a file that is none of tensors."""
    content, tensors = Path(path).read_bytes(), {}
    try:
        first = 8 + struct.unpack_from("<Q", content)[0]
        header = json.loads(content[8:first])
        header.pop("__metadata__", None)
        for name, about in header.items():
            start, end = (first + place for place in about["data_offsets"])
            raw, dtype = bytearray(content[start:end]), DTYPES[about["dtype"]]
            bytes_needed = math.prod(about["shape"]) * dtype.itemsize
            if not first <= start <= end or len(raw) != bytes_needed:
                raise ValueError(f"{name} is not at {start} to {end}")
            flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0)
            tensors[name] = flat.to(dtype).view(about["shape"])
    except (
        struct.error,
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise ValueError(f"{path} is no file of tensors: {error}") from None
    return tensors
