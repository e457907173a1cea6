# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Sets of labelled images: MNIST, IDX files, folders of pictures."""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from groundup.data import mnist_embedded, mnist_full
from groundup.pictures import read_grey


def split_by_class(
    labels: Tensor, share: float = 0.2, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """The rows to train on and the rows to hold back: of every class the same share.

    Drawn at random, at least one of each class on either side; both in order.
    Shapes: labels (N,) -> (M,), (N - M,). Raises: ValueError for a class that has only
    one, and for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"{share=}: give a share above 0 and below 1")
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError(f"class {label} has one example: two are needed")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


@dataclass(frozen=True)
class ImageSet:
    """Images to train on and images to validate with, and the names of the classes.

    Shapes: images (N, 1, H, W), `uint8`, 0 to 255; labels (N,), `int64`.
    """

    images: Tensor
    labels: Tensor
    valid_images: Tensor
    valid_labels: Tensor
    classes: tuple[str, ...]


def read_idx(path: Path) -> Tensor:
    """The numbers of an IDX file of bytes, packed by gzip or not.

    Raises: ValueError for any other file.
    """
    content = path.read_bytes()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zeros, kind, dims = struct.unpack_from(">HBB", content)
        sizes = struct.unpack_from(f">{dims}I", content, 4)
        if (zeros, kind) != (0, 8) or math.prod(sizes) != len(content) - 4 - 4 * dims:
            raise ValueError("its length or its type is not what its first bytes say")
        numbers = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return numbers[4 + 4 * dims :].view(sizes)
    except (struct.error, ValueError, EOFError, OSError, zlib.error) as error:
        why = f"{path} is no IDX file of bytes: {error}"
        raise ValueError(f"{why}: get it anew") from None


def idx_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The files of images, "idx3" in their names, and those of their labels, "idx1".

    Under "train", and under "valid" what is called t10k, test or valid.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for path in sorted(folder.iterdir()):
        if "idx3" not in path.name or path.name.startswith("."):
            continue
        name = path.name.replace("idx3", "idx1").replace("images", "labels")
        other = [path.with_name(name.removesuffix(".gz") + end) for end in (".gz", "")]
        there = [labels for labels in other if labels.is_file()]
        if not there:
            raise ValueError(f"{path} has no labels: {other[1].name} is missing")
        kind = any(word in path.name for word in ("t10k", "test", "valid"))
        part = "valid" if kind else "train"
        first = found.get(part, (path,))[0].name
        if first.removesuffix(".gz") != path.name.removesuffix(".gz"):
            why = f"{first} and {path.name}: two sets to {part} with"
            raise ValueError(f"{folder}: {why}: give each a folder of its own")
        found.setdefault(part, (path, there[-1]))
    return found


def read_pair(images: Path, labels: Path) -> tuple[Tensor, Tensor]:
    """Images and labels that fit. Raises: ValueError for others."""
    x, y = read_idx(images), read_idx(labels)
    if x.dim() != 3 or y.dim() != 1 or len(x) != len(y) or not x.numel():
        given = f"{images} has shape {tuple(x.shape)}, {labels} {tuple(y.shape)}"
        raise ValueError(f"{given}: (N, H, W) and (N,) are needed, N of 1 or more")
    return x[:, None], y.long()


def read_picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A PNG or JPEG file in shades of grey; `size`, height and width, scales it.

    Shapes: (H, W), `uint8`. Raises: ValueError for a file that is no picture.
    """
    height, width, content = read_grey(path, size)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(height, width)


def subfolders(folder: Path) -> list[Path]:
    """Those in a folder that are not hidden, by name."""
    every = [p for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._"]
    return sorted(every)


def read_pictures(folder: Path) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The pictures class/name.png, their labels, and the classes by name.

    Raises: ValueError for an empty class, and for pictures of different sizes.
    """
    pictures: list[Tensor] = []
    labels, first = [], None
    classes = subfolders(folder)
    for label, place in enumerate(classes):
        kinds = {".png", ".jpg", ".jpeg"}
        files = sorted(p for p in place.iterdir() if p.suffix.lower() in kinds)
        files = [p for p in files if not p.name.startswith(".")]
        if not files:
            raise ValueError(f"{place} has no .png or .jpg: fill it, or take it away")
        for path in files:
            pictures.append(read_picture(path))
            first = first or path
            if pictures[-1].shape != pictures[0].shape:
                (h, w), (height, width) = pictures[-1].shape, pictures[0].shape
                sizes = f"{path} is {w} × {h} pixels, {first} {width} × {height}"
                raise ValueError(f"{sizes}: scale all to one size")
            labels.append(label)
    names = tuple(place.name for place in classes)
    stacked = torch.stack(pictures)[:, None] if pictures else torch.empty(0)
    return stacked, torch.tensor(labels), names


def read_folder(folder: Path) -> ImageSet:
    """IDX files, or class/name.png, or those in train/ and in test/ or valid/.

    Without images to validate with, a fifth of each class is held back for it.
    Raises: ValueError for a folder that holds nothing of that.
    """
    inner = {place.name.lower(): place for place in subfolders(folder)}
    test = next((inner[n] for n in ("test", "valid", "val") if n in inner), None)
    pairs = idx_pairs(folder)
    valid: tuple[Tensor, Tensor] | None = None
    if "train" in pairs:
        x, y = read_pair(*pairs["train"])
        valid = read_pair(*pairs["valid"]) if "valid" in pairs else None
        numbers = y.unique()
        names = tuple(str(n) for n in numbers.tolist())
        if valid and (strange := set(valid[1].tolist()) - set(numbers.tolist())):
            labels = pairs["valid"][1]
            raise ValueError(f"{labels} has classes {strange}, which none trains on")
        y = torch.bucketize(y, numbers)
        valid = valid and (valid[0], torch.bucketize(valid[1], numbers))
    elif "train" in inner and test:
        x, y, names = read_pictures(inner["train"])
        valid_x, valid_y, other = read_pictures(test)
        if other != names:
            classes = f"{inner['train']} has the classes {names}, {test} {other}"
            raise ValueError(f"{classes}: they must be the same")
        valid = valid_x, valid_y
    elif inner:
        x, y, names = read_pictures(folder)
    else:
        wanted = "IDX files (*images-idx3-ubyte) or folders class/name.png"
        raise ValueError(f"{folder} holds no images: {wanted} are wanted there")
    if len(names) < 2:
        raise ValueError(f"{folder} has one class, {names}: give at least two")
    if valid is None:
        counts = torch.bincount(y)
        if counts.min() < 2:
            name = names[int(counts.argmin())]
            why = "has one image: one to train on and one to validate with are needed"
            raise ValueError(f"{folder}: class {name!r} {why}")
        rows, held_back = split_by_class(y)
        return ImageSet(x[rows], y[rows], x[held_back], y[held_back], names)
    if valid[0].shape[1:] != x.shape[1:]:
        sizes = (
            f"to train {tuple(x.shape[2:])}, to validate {tuple(valid[0].shape[2:])}"
        )
        raise ValueError(f"{folder}: images of two sizes, {sizes}: scale all to one")
    return ImageSet(x, y, *valid, names)


def read_set(name: str) -> ImageSet:
    """`embedded`, `mnist` (all of it, validated with its test images), or a folder.

    Raises: ValueError for what is none of these, or holds no set of images; DataError
    when MNIST cannot be had.
    """
    if name in ("embedded", "mnist"):
        both = mnist_embedded() if name == "embedded" else mnist_full()
        tensors = [t for part in both for t in part.tensors()]
        x, y, valid_x, valid_y = tensors
        images = [(t.view(-1, 1, 28, 28) * 255).round().byte() for t in (x, valid_x)]
        classes = tuple(map(str, range(10)))
        return ImageSet(images[0], y, images[1], valid_y, classes)
    folder = Path(name)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ValueError(f"{name} {what}: give embedded, mnist, or a folder of images")
    return read_folder(folder)
