# %% [markdown]
# # 14. A ResNet
#
# Skeleton.
#
# **You need:** chapters 9 to 13. **You will reach:** a ResNet. **Time:** about four hours, half of them for the exercises; the computer needs about a minute.

# %%
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from groundup import unlock

# %% export="pooling.py"
"""Pooling to a size that is asked for, whatever comes."""


def shares(size: int, out: int) -> Tensor:
    """The matrix that averages `size` numbers to `out`: each row adds up to 1.

    Row i is spread over the places from i * size / out, rounded down, to
    (i + 1) * size / out, rounded up. Shapes: (out, size).
    """
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% export="pooling.py"
class AdaptiveAvgPool2d(nn.Module):
    """Averages images to `output_size`, a number or a pair; None leaves an axis alone.

    Shapes: (N, C, H, W) -> (N, C, H', W'), or without N. Raises: ValueError for others.
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Average the rows, then the columns."""
        if x.dim() not in (3, 4) or 0 in x.shape[-3:]:
            raise ValueError(
                f"images of shape {tuple(x.shape)}: (N, C, H, W) is wanted"
            )
        size = self.output_size
        wanted = size if isinstance(size, tuple) else (size, size)
        if not all(n is None or (type(n) is int and n > 0) for n in wanted):
            raise ValueError(f"output_size {size}: give sizes of 1 or more, or None")
        height, width = (
            shares(n, n if out is None else out).to(x)
            for n, out in zip(x.shape[-2:], wanted, strict=True)
        )
        return height @ x @ width.T


# %% export="resnet.py"
"""Residual networks for images."""


class Identity(nn.Module):
    """Gives back what it is given; its arguments are ignored."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor."""
        return x


# %% tags=["timing"]
source = torch.Generator().manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(shape, generator=source)


unlock(
    "torch.nn.AdaptiveAvgPool2d",
    by=AdaptiveAvgPool2d,
    inputs=[
        ((1,), (rand(3, 4, 5, 7),)),
        (((3, 2),), (rand(2, 3, 7, 5),)),
        (((None, 4),), (rand(3, 5, 9),)),
        ((6,), (rand(2, 3, 4, 5),)),
        ((2,), (rand(4, 5),)),
    ],
)
unlock(
    "torch.nn.Identity",
    by=Identity,
    inputs=[((), (rand(3, 4),)), ((7, {"bias": False}), (rand(2, 3, 4),))],
)

# %% export="resnet.py"


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut around them, added before the last ReLU.

    The last norm's scale begins at 0, so that a new block gives the ReLU of its
    shortcut, which is x itself, or a 1 × 1 convolution where the shape changes.
    `norm(channels)` makes the norms. Shapes: (N, C, H, W) -> (N, O, H / stride,
    W / stride), rounded up. Paper: He et al. 2015, arXiv:1512.03385, eqs. 1 and 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """What comes in, and what the two convolutions add to it."""
        residual = self.norm2(self.conv2(relu(self.norm1(self.conv1(x)))))
        return relu(self.shortcut(x) + residual)


class ResNet(nn.Sequential):
    """A stem that halves the image, stages of residual blocks, one average, one layer.

    Stage after stage `widths` channels and `blocks` blocks; each but the first halves
    the image. Shapes: (N, in_channels, H, W), any H and W -> logits (N, classes).
    Raises: ValueError for sizes that are no positive whole numbers.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64),
        blocks: int = 1,
        classes: int = 10,
        in_channels: int = 1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        sizes = [*widths, blocks, classes, in_channels]
        if not widths or not all(type(n) is int and n > 0 for n in sizes):
            given = f"{widths=}, {blocks=}, {classes=}, {in_channels=}"
            raise ValueError(f"{given}: give whole numbers, 1 or more")
        size = widths[0]
        stem = nn.Conv2d(in_channels, size, 5, 2, 2, bias=False)
        layers: list[nn.Module] = [stem, norm(size), nn.ReLU()]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(ResidualBlock(size, width, stride, norm))
                size = width
        head = nn.Linear(size, classes)
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)


# %% export="summary.py"
"""What a network consists of: layers, shapes, parameters, multiply-adds."""


def multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products that are added up, for one image: convolutions and linear layers.

    Shapes: output (N, O, H, W) or (N, O). Other layers count as nothing.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return output[0].numel() * layer.weight[0].numel()
    return 0


def summary(model: nn.Module, shape: tuple[int, ...]) -> str:
    """A table of the layers that an image of `shape` (C, H, W) passes, in order.

    Each with the shape of its output, its parameters and its multiply-adds for one
    image, and their sums. The model is afterwards as it was.
    """
    rows: list[tuple[str, str, tuple[int, ...], int, int]] = []

    def note(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: object, output: Tensor) -> None:
            own = sum(p.numel() for p in layer.parameters())
            kind, size = type(layer).__name__, tuple(output.shape[1:])
            rows.append((name, kind, size, own, multiply_adds(layer, output)))

        return hook

    leaves = {n: m for n, m in model.named_modules() if not [*m.children()]}
    handles = [m.register_forward_hook(note(n)) for n, m in leaves.items()]
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    lines = [
        f"{'layer':16} {'kind':18} {'output':14} {'parameters':>10} {'mult-adds':>11}"
    ]
    for name, kind, size, own, products in rows:
        sizes = " × ".join(map(str, size))
        lines.append(f"{name:16} {kind:18} {sizes:14} {own:10,} {products:11,}")
    parameters, products = sum(r[3] for r in rows), sum(r[4] for r in rows)
    return "\n".join([*lines, f"{'':50} {parameters:10,} {products:11,}"])


# %% tags=["claim"]
print(summary(ResNet(), (1, 28, 28)))

# %%
import argparse
import gzip
import hashlib
import json
import math
import platform
import shutil
import struct
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch.nn.functional import cross_entropy

from ch13.augment import Augment, tta
from ch13.callbacks import Metrics, StopAtNaN
from ch13.checkpoint import Checkpoint
from ch13.data import BatchLoader, mean_std, normalize
from ch13.learner import Callback, Learner
from ch13.metrics import error_rate
from ch13.progress import Progress
from ch13.saving import load_state, save_state
from ch13.schedules import Scheduled, one_cycle
from groundup.data import mnist_embedded, mnist_full
from groundup.download import DataError
from groundup.pictures import read_grey

# %% export="images.py"
"""Sets of labelled images: MNIST, IDX files, folders of pictures."""


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


# %% export="images.py"
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


# %% export="recipe.py"
"""The recipe: all that is chosen about a training, and the learner made of it."""


@dataclass(frozen=True)
class Recipe:
    """With the images and the seed it fixes what a training leads to."""

    epochs: int = 20
    batch_size: int = 64
    lr: float = 0.01
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    rotate: float = 10.0
    shift: float = 2.0
    scale: float = 0.1
    widths: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1


def resnet_learner(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    seed: int,
    fill: float,
    classes: int = 10,
    validation: Iterable | None = None,
    callbacks: Sequence[Callback] = (),
) -> Learner:
    """A new ResNet and all that trains it; `fill` is the background of the images.

    Draws from PyTorch's own generator, which it seeds. Shapes: images (N, 1, H, W).
    """
    torch.manual_seed(seed)
    model = ResNet(recipe.widths, recipe.blocks, classes)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    loader = BatchLoader(
        images, labels, batch_size=recipe.batch_size, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
        drop_last=len(images) % recipe.batch_size == 1,  # nothing to normalise over
    )  # fmt: skip

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)

    usual: list[Callback] = [Scheduled(lr=one_cycle(recipe.lr))]
    if recipe.rotate or recipe.shift or recipe.scale:
        moves = {n: getattr(recipe, n) for n in ("rotate", "shift", "scale")}
        usual.append(Augment(**moves, fill=fill))
    listening = [*usual, *callbacks]
    return Learner(model, loss, optimizer, loader, validation, listening)


# %% export="model_file.py"
"""A trained network on disk, with all that is needed to ask it."""


@dataclass
class Trained:
    """A network, the names of its classes, and how its images are prepared.

    `shape` is the height and the width of the images; `mean` and `std` those of the
    pixels, 0 to 1, that it was trained on.
    """

    model: ResNet
    widths: tuple[int, ...]
    blocks: int
    classes: tuple[str, ...]
    shape: tuple[int, int]
    mean: float
    std: float

    def prepare(self, images: Tensor) -> Tensor:
        """What the network is given. Shapes: (N, 1, H, W), `uint8` -> the same."""
        return normalize(images.float() / 255, self.mean, self.std)

    def save(self, path: str | Path) -> None:
        """Write all of it to one file, or nothing."""
        names = ("widths", "blocks", "classes", "shape", "mean", "std")
        about = {name: getattr(self, name) for name in names}
        save_state(path, {**about, "weights": self.model.state_dict()})


def load_trained(path: str | Path) -> Trained:
    """Read what `save` wrote: numbers and names, never code; in evaluation mode.

    Raises: ValueError for any other file.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"{path}: there is no such file: `python -m ch14.train` makes one"
        )
    try:
        state = load_state(path)
        weights = state.pop("weights")
        settings = state["widths"], state["blocks"], len(state["classes"])
        with torch.device("meta"):  # shapes without numbers: whatever the file claims
            empty = ResNet(*settings)
        sizes = {name: (t.shape, t.dtype) for name, t in empty.state_dict().items()}
        if sizes != {name: (t.shape, t.dtype) for name, t in weights.items()}:
            raise ValueError("its weights are those of another network")
        model = ResNet(*settings)
        model.load_state_dict(weights)
        trained = Trained(model.eval(), **state)
        h, w = trained.shape
        numbers = (h, w, trained.mean, trained.std)
        if not all(0 <= n < math.inf for n in numbers) or trained.std == 0:
            raise ValueError(f"impossible {numbers}")
        return trained
    except Exception as error:  # whatever a file that lies has led to
        what = f"{path} holds no network of this book, and nothing in it was run"
        raise ValueError(f"{what} ({error}): train one with ch14.train") from None


# %% export="command.py"
"""Programs: mistakes in one line, and an exit code."""


def program(main: Callable[[], int], package: str | None) -> None:
    """End with its exit code, if Python was started with -m; in a notebook, nothing."""
    if package:
        sys.exit(main())


def in_one_line(work: Callable[[], None], interrupted: str) -> int:
    """Do it; what goes wrong becomes a line on standard error. Returns the exit code."""
    try:
        work()
    except KeyboardInterrupt:
        print(f"\ninterrupted: {interrupted}", file=sys.stderr)
        return 130
    except (ValueError, OSError, FloatingPointError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


# %% export="train.py"
"""Train a ResNet from the command line: python -m ch14.train --help."""


class Stopwatch(Callback):
    """How many seconds the training took, also over several starts."""

    order = 90
    state = ("seconds",)

    def __init__(self) -> None:
        self.seconds = self.since = 0.0

    def before_fit(self, learner: Learner) -> None:
        self.since = time.monotonic()

    def after_epoch(self, learner: Learner) -> None:
        now = time.monotonic()
        self.seconds, self.since = self.seconds + now - self.since, now


def fingerprint(images: ImageSet) -> dict[str, Any]:
    """What tells one set from another: its sizes, and a hash of its numbers."""
    tensors = images.images, images.labels, images.valid_images, images.valid_labels
    content = hashlib.sha256()
    for tensor in tensors:
        content.update(tensor.contiguous().numpy().tobytes())
    sizes = [len(images.images), len(images.valid_images), *images.images.shape[2:]]
    classes = list(images.classes)
    return {"sizes": sizes, "classes": classes, "sha256": content.hexdigest()}


def write_json(path: Path, content: Any) -> None:
    """All of it, or nothing."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_json(path: Path) -> Any:
    """What stands in a file, or None. Raises: ValueError for a damaged one."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: delete it ({error})") from None


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which settings differ, in words."""
    flat = [
        {**{k: v for k, v in each.items() if k != "recipe"}, **each.get("recipe", {})}
        for each in (before, now)
    ]
    names = sorted({n for n in flat[0] | flat[1] if flat[0].get(n) != flat[1].get(n)})
    return ", ".join(
        "other images"
        if name == "images"
        else f"{name} was {flat[0].get(name)} and is {flat[1].get(name)}"
        for name in names
    )


def probabilities(trained: Trained, images: Tensor, recipe: Recipe) -> Tensor:
    """Of 8 versions of each image, the first as it is. Shapes: (N, 1, H, W) -> (N, K)."""
    source = torch.Generator().manual_seed(0)
    moves = {n: getattr(recipe, n) / 2 for n in ("rotate", "shift", "scale")}
    fill = -trained.mean / trained.std
    return torch.cat(
        [
            tta(trained.model, trained.prepare(x), 8, source, fill=fill, **moves)
            for x in images.split(500)
        ]
    )


def train(
    recipe: Recipe, seed: int, images: ImageSet, out: Path, resume: bool, data: str
) -> dict[str, Any]:
    """Train, and write the network to `out`, and what came of it beside it as JSON.

    On the way each epoch's state is in the folder `out`.training. Returns the report.
    """
    report_file, folder = Path(f"{out}.json"), Path(f"{out}.training")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ValueError(f"--out {out}: give a file, in a folder that is there")
    settings = {"seed": seed, "recipe": asdict(recipe), "images": fingerprint(images)}
    settings = json.loads(json.dumps(settings))  # as it will be read
    note, last = folder / "settings.json", folder / "last.safetensors"
    begun, done = read_json(note), read_json(report_file)
    finished = done is not None and done.get("settings") == settings and out.exists()
    if resume and finished and not last.exists():
        print(f"{out} is finished: there is nothing to resume")
        return done
    if last.exists() and not resume:
        remedy = "--resume goes on with it, and without the folder it is forgotten"
        raise ValueError(f"{folder} holds a training that has not ended: {remedy}")
    if last.exists() and begun != settings:
        how = differences(begun or {}, settings)
        raise ValueError(
            f"{folder} holds another training ({how}): delete it, or say so"
        )
    folder.mkdir(exist_ok=True)
    write_json(note, settings)
    mean, std = mean_std(images.images.float() / 255)
    x, valid_x = (
        normalize(t.float() / 255, mean, std)
        for t in (images.images, images.valid_images)
    )
    watch = Stopwatch()
    learner = resnet_learner(
        recipe, x, images.labels, seed, -mean / std, len(images.classes),
        BatchLoader(valid_x, images.valid_labels, batch_size=500),
        [Metrics(error_rate=error_rate), StopAtNaN(), watch, Progress(),
         Checkpoint(folder, resume=True)],
    )  # fmt: skip
    learner.fit(recipe.epochs)
    model = learner.model.eval()
    height, width = images.images.shape[2:]
    shape = (height, width)
    trained = Trained(
        model, recipe.widths, recipe.blocks, images.classes, shape, mean, std
    )
    answers = probabilities(trained, images.valid_images, recipe).argmax(1)
    plain = torch.cat([model(batch).argmax(1) for batch in valid_x.split(500)])
    wrong = int((answers != images.valid_labels).sum())
    report = {
        "error_rate": wrong / len(answers),
        "error_rate_without_tta": error_rate(plain, images.valid_labels),
        "wrong": wrong,
        "of": len(answers),
        "seconds": round(watch.seconds, 2),
        "data": data,
        "parameters": sum(p.numel() for p in model.parameters()),
        "settings": settings,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "history": learner.history,
    }
    trained.save(out)
    write_json(report_file, report)
    shutil.rmtree(folder)
    return report


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says; ends with a line of help where it makes no sense."""
    usual = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m ch14.train",
        description="Train a ResNet to tell images apart.",
        epilog="example: python -m ch14.train --data mnist --epochs 4 --seed 0 "
        "--out model.pt",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def number(kind: type, low: float, high: float = math.inf) -> Callable:
        def read(text: str) -> float:
            value = kind(text)
            if not low <= value < high:
                raise argparse.ArgumentTypeError(f"{text}: {low} or more is possible")
            return value

        read.__name__ = kind.__name__
        return read

    add = parser.add_argument
    whole = number(int, 1)
    add("--data", default="embedded", metavar="SET", help="embedded, mnist, or a "
        "folder: of IDX files, or of folders class/name.png")  # fmt: skip
    add("--out", type=Path, default=Path("model.pt"), help="the file for the network")
    add("--seed", type=number(int, 0, 2**63), default=0, help="of all random numbers")
    add("--resume", action="store_true", help="go on after the last whole epoch")
    add("--epochs", type=whole, default=usual.epochs, help="passes over the images")
    add("--batch-size", type=number(int, 2), default=usual.batch_size, help="images "
        "to a step")  # fmt: skip
    add("--lr", type=number(float, 0), default=usual.lr, help="the highest rate")
    add("--widths", type=whole, nargs="+", default=usual.widths, help="channels of "
        "each stage")  # fmt: skip
    add("--blocks", type=whole, default=usual.blocks, help="residual blocks to a stage")
    add("--rotate", type=number(float, 0), default=usual.rotate, help="degrees, up to "
        "which images are turned")  # fmt: skip
    add("--shift", type=number(float, 0), default=usual.shift, help="pixels")
    add("--scale", type=number(float, 0, 1), default=usual.scale, help="a share")
    add("--threads", type=whole, help="of the processor; PyTorch's choice if not given")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """The program. Returns the exit code."""
    given = arguments(argv)

    def work() -> None:
        if given.threads:
            torch.set_num_threads(given.threads)
        named = {n: v for n, v in vars(given).items() if n in Recipe.__annotations__}
        recipe = Recipe(**{**named, "widths": tuple(given.widths)})
        images = read_set(given.data)
        sizes = f"{len(images.images):,} images, {len(images.valid_images):,} held back"
        print(f"{given.data}: {sizes}, {len(images.classes)} classes", flush=True)
        done = train(recipe, given.seed, images, given.out, given.resume, given.data)
        share = f"{done['error_rate']:.2%} wrong ({done['wrong']} of {done['of']})"
        when = f"{done['seconds']:.1f} s, seed {given.seed}"
        print(f"result: {share}, {when}, {given.out}")

    return in_one_line(work, f"--resume goes on, if {given.out}.training is there")


if __name__ == "__main__":
    program(main, __package__)

# %% export="predict.py"
"""Name what pictures show: python -m ch14.predict model.pt image.png."""


def name_pictures(argv: Sequence[str] | None = None) -> int:
    """The program. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ch14.predict",
        description="Say what a network of ch14.train sees in pictures.",
        epilog="example: python -m ch14.predict model.pt seven.png",
    )
    add = parser.add_argument
    add("model", help="a file that ch14.train wrote")
    add("pictures", nargs="+", metavar="picture", help="PNG or JPEG files")
    add("--top", type=int, default=3, help="how many classes to name (3)")
    add("--resize", action="store_true", help="scale pictures to the network's size")
    add("--invert", action="store_true", help="for dark on light, if the network was "
        "trained on light on dark, as MNIST is")  # fmt: skip
    given = parser.parse_args(argv)

    def work() -> None:
        trained = load_trained(given.model)
        h, w = trained.shape
        images = []
        for name in given.pictures:
            picture = read_picture(Path(name), (h, w) if given.resize else None)
            if picture.shape != (h, w):
                sizes = f"{picture.shape[1]} × {picture.shape[0]} pixels"
                wanted = f"the network knows {w} × {h}: --resize scales it"
                raise ValueError(f"{name} has {sizes}, and {wanted}")
            images.append(255 - picture if given.invert else picture)
        with torch.no_grad():
            rows = trained.model(trained.prepare(torch.stack(images)[:, None]))
        for name, row in zip(given.pictures, rows.softmax(1), strict=True):
            best = row.argsort(descending=True)[: max(given.top, 1)].tolist()
            print(
                f"{name}:",
                ", ".join(f"{trained.classes[k]} {row[k]:.1%}" for k in best),
            )

    return in_one_line(work, "nothing was written")


if __name__ == "__main__":
    program(name_pictures, __package__)
