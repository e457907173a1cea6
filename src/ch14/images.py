# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Sets of labelled images: MNIST, IDX files, folders of pictures."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterable
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


VALID = ("test", "valid", "val", "validation")


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
    left_out: tuple[Path, ...] = ()  # files of the folder that were not read


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


def hidden(name: str) -> bool:
    """Whether it is the name of something that systems leave in folders."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db")


def idx_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The files of images, "idx3" in their names, and those of their labels, "idx1".

    Under "train", and under "valid" what is called t10k, test or valid.
    """
    found: dict[str, tuple[Path, Path]] = {}
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and not hidden(p.name)]
    named = {path.name.lower(): path for path in files}
    for name, path in named.items():
        if "idx3" not in name:
            continue
        name = name.removesuffix(".gz")
        other = name.replace("idx3", "idx1").replace("images", "labels")
        labels = named.get(other) or named.get(f"{other}.gz")
        if not labels:
            raise ValueError(f"{path} has no labels: {other} is missing")
        words = name.replace("_", "-").replace(".", "-").split("-")
        part = "valid" if {*words} & {"t10k", *VALID} else "train"
        first = found.get(part, (path,))[0].name
        if first.lower().removesuffix(".gz") != name:
            why = f"{first} and {path.name}: two sets to {part} with"
            raise ValueError(f"{folder}: {why}: give each a folder of its own")
        found.setdefault(part, (path, labels))
    if "valid" in found and "train" not in found:
        why = f"{found['valid'][0]} is to validate with"
        raise ValueError(f"{why}: put images to train on beside it")
    return found


def read_pair(images: Path, labels: Path) -> tuple[Tensor, Tensor]:
    """Images and labels that fit. Raises: ValueError for others."""
    x, y = read_idx(images), read_idx(labels)
    if x.dim() != 3 or y.dim() != 1 or len(x) != len(y) or not x.numel():
        given = f"{images} has shape {tuple(x.shape)}, {labels} {tuple(y.shape)}"
        why = "grey images (N, H, W) and a label for each, (N,), are needed"
        raise ValueError(f"{given}: {why}: get them anew")
    return x[:, None], y.long()


def read_picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A PNG or JPEG file in shades of grey; `size`, height and width, scales it.

    Shapes: (H, W), `uint8`. Raises: ValueError for a file that is no picture.
    """
    height, width, content = read_grey(path, size)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(height, width)


def subfolders(folder: Path) -> list[Path]:
    """Those in a folder that are not hidden, by name."""
    every = [p for p in folder.iterdir() if p.is_dir() and not hidden(p.name)]
    return sorted(p for p in every if p.suffix != ".training")  # the trainer's own


def picture_files(folder: Path) -> list[Path]:
    """Those that can be read, by name."""
    kinds = (".png", ".jpg", ".jpeg")
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in kinds]
    return [p for p in files if p.is_file() and not hidden(p.name)]


def left_out(folder: Path, read: Iterable[Path]) -> tuple[Path, ...]:
    """The files in a folder, and in those inside it, that are not among `read`."""
    left = sorted({p for p in folder.rglob("*") if p.is_file()} - {*read})
    return tuple(p for p in left if not any(map(hidden, p.relative_to(folder).parts)))


def read_pictures(folder: Path) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The pictures class/name.png, their labels, and the classes by name.

    Raises: ValueError for an empty class, and for pictures of different sizes.
    """
    pictures: list[Tensor] = []
    labels, first = [], None
    classes = subfolders(folder)
    for label, place in enumerate(classes):
        files = picture_files(place)
        if not files:
            why = "has no .png or .jpg: fill it, or take it away"
            also = " (train/ needs test/ or valid/ beside it)"
            raise ValueError(f"{place} {why}{also if place.name == 'train' else ''}")
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
    test = next((inner[n] for n in VALID if n in inner), None)
    pairs = idx_pairs(folder)
    roots = [inner["train"], test] if "train" in inner and test else [folder]
    read = [p for r in roots for place in subfolders(r) for p in picture_files(place)]
    valid: tuple[Tensor, Tensor] | None = None
    if "train" in pairs:
        x, y = read_pair(*pairs["train"])
        read = [p for p in folder.iterdir() if "idx" in p.name.lower()]
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
        raise ValueError(f"{folder} has the classes {names}: give at least two")
    if x.min() == x.max():
        why = "all images are of one shade (what is transparent counts as white)"
        raise ValueError(f"{folder}: {why}: give images with something to see")
    left = left_out(folder, read)
    if valid is None:
        counts = torch.bincount(y)
        if counts.min() < 2:
            name = names[int(counts.argmin())]
            why = "has one image: one to train on and one to validate with are needed"
            raise ValueError(f"{folder}: class {name!r} {why}")
        rows, held_back = split_by_class(y)
        return ImageSet(x[rows], y[rows], x[held_back], y[held_back], names, left)
    if valid[0].shape[1:] != x.shape[1:]:
        sizes = f"{tuple(x.shape[2:])} and {tuple(valid[0].shape[2:])}"
        raise ValueError(f"{folder}: images of two sizes, {sizes}: scale all to one")
    return ImageSet(x, y, *valid, names, left)


def read_set(name: str) -> ImageSet:
    """`embedded`, `mnist` (all of it, validated with its test images), or a folder.

    Raises: ValueError for what is none of these, or holds no set of images; DataError
    when MNIST cannot be had.
    """
    if name in ("embedded", "mnist"):
        both = mnist_embedded() if name == "embedded" else mnist_full()
        x, y, valid_x, valid_y = (t for part in both for t in part.tensors())
        images = [(t.view(-1, 1, 28, 28) * 255).round().byte() for t in (x, valid_x)]
        return ImageSet(images[0], y, images[1], valid_y, tuple("0123456789"))
    folder = Path(name)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ValueError(f"{name} {what}: give embedded, mnist, or a folder of images")
    return read_folder(folder)
