"""MNIST, the one data set of the book: 5,000 digits that come with it, or all 70,000 with `DATA=mnist`."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groundup.download import DataError, fetch

if TYPE_CHECKING:
    import torch

CHOICE = "DATA"
EMBEDDED = Path(__file__).parent / "assets" / "mnist_5k.npz"
EMBEDDED_SHA256 = "acf420319c62c739a666fae752d4cb3ba082a356bc4e75ef18a10b09fc703c8a"
VALID = 10_000  # of the full training images, the last ones, in their published order
LEVELS = [pixel / 255 for pixel in range(256)]


@dataclass(frozen=True, eq=False)
class Digits:
    """Handwritten digits. Shapes: images (N, 28, 28), 0 is background and 255 is ink; labels (N,); both `uint8`."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, *digits: int) -> Digits:
        """Those digits alone, in the order in which they stand: `train.only(3, 7)`.

        Raises: ValueError when it is given none, or something that is no digit.
        """
        if not digits or not set(digits) <= set(range(10)):
            raise ValueError(f"only{digits}: give digits from 0 to 9, such as only(3, 7)")
        chosen = np.isin(self.labels, digits)
        return Digits(self.images[chosen], self.labels[chosen])

    def lists(self) -> tuple[list[list[float]], list[int]]:
        """Plain Python: N lists of 784 numbers between 0 and 1, row by row, and N labels."""
        # Every pixel is one of the same 256 float objects: a third of the memory that new ones would take.
        return [list(map(LEVELS.__getitem__, image.tobytes())) for image in self.images], self.labels.tolist()

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Shapes: pixels (N, 784), `float32` between 0 and 1; labels (N,), `int64`."""
        import torch  # here, for chapters 1 and 2 do without it

        pixels = torch.from_numpy(self.images.reshape(len(self), -1)).float() / 255
        return pixels, torch.from_numpy(self.labels).long()


def mnist() -> tuple[Digits, Digits]:
    """Digits to train on and digits to validate with: 4,000 and 1,000, or 50,000 and 10,000 with `DATA=mnist`.

    Raises: DataError when they cannot be had.
    """
    if not _full():
        return _embedded()
    everything = _read("train")
    return (
        Digits(everything.images[:-VALID], everything.labels[:-VALID]),
        Digits(everything.images[-VALID:], everything.labels[-VALID:]),
    )


def mnist_test() -> Digits:
    """The 10,000 test images of MNIST, for the last number of a chapter and nothing else.

    Raises: DataError without `DATA=mnist`, or when they cannot be had.
    """
    if not _full():
        raise DataError(f"the embedded digits have no test images: set {CHOICE}=mnist, or use the validation images")
    return _read("t10k")


def mnist_full() -> tuple[Digits, Digits]:
    """All of MNIST, whatever `DATA` says: the 60,000 training images, and the 10,000 test images.

    Raises: DataError when they cannot be had.
    """
    return _read("train"), _read("t10k")


def mnist_embedded() -> tuple[Digits, Digits]:
    """The 4,000 and 1,000 digits that come with the book, whatever `DATA` says.

    Raises: DataError when the file is damaged.
    """
    return _embedded()


def _full() -> bool:
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "embedded", "mnist"):
        raise DataError(f"{CHOICE}={choice}: there is no such data: choose embedded (as when it is unset) or mnist")
    return choice == "mnist"


def _embedded() -> tuple[Digits, Digits]:
    content = EMBEDDED.read_bytes() if EMBEDDED.is_file() else b""
    if hashlib.sha256(content).hexdigest() != EMBEDDED_SHA256:
        state = "damaged" if content else "missing"
        raise DataError(f"{EMBEDDED} is {state}: restore it with git checkout, or install the book again")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        train, valid = (Digits(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "valid"))
    return train, valid


def _read(part: str) -> Digits:
    images = _idx(f"{part}-images-idx3-ubyte")
    return Digits(images, _idx(f"{part}-labels-idx1-ubyte"))


def _idx(name: str) -> np.ndarray:
    """The array of an IDX file: two zero bytes, the type (8 is `uint8`), how many sizes, the sizes, the numbers."""
    content = fetch(name)
    try:
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        sizes = struct.unpack_from(f">{dimensions}I", content, 4)
        array = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(sizes).copy()
    except (struct.error, ValueError):
        raise DataError(f"{name} is no IDX file: it is shorter or longer than its header says") from None
    if (zeros, kind) != (0, 8):
        raise DataError(f"{name} is no IDX file of uint8")
    return array
