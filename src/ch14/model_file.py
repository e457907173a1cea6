# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A trained network on disk, with all that is needed to ask it, and its report."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .data import normalize
from .resnet import ResNet
from .saving import load_state, save_state

OWN = ("last.safetensors", "last.safetensors.part")  # in the folder of a training


@dataclass
class Trained:
    """A network, the names of its classes, and how its images are prepared.

    `shape` is the height and the width of the images; `mean` and `std` those of the
    pixels, 0 to 1, that it was trained on.
    """

    model: nn.Module
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
        what = "is a folder" if Path(path).is_dir() else "is not there"
        raise ValueError(f"{path} {what}: give a file that ch14.train wrote")
    try:
        state = load_state(path)
        weights = state.pop("weights")
        there = sum(tensor.numel() for tensor in weights.values())
        needed = sum(9 * w * w for w in state["widths"]) * state["blocks"]
        if needed > there:  # before anything is built, whatever the file claims
            raise ValueError("it has fewer weights than it says")
        model = ResNet(state["widths"], state["blocks"], len(state["classes"]))
        sizes = {name: (t.shape, t.dtype) for name, t in model.state_dict().items()}
        if sizes != {name: (t.shape, t.dtype) for name, t in weights.items()}:
            raise ValueError("its weights are those of another network")
        model.load_state_dict(weights)
        trained = Trained(model.eval(), **state)
        names = trained.classes
        if type(names) is not tuple or not all(type(name) is str for name in names):
            raise ValueError(f"classes {names} that are no names")
        h, w = trained.shape
        if not all(type(n) is int and 0 < n <= 4096 for n in (h, w)):
            raise ValueError(f"impossible images, {h} × {w}")
        numbers = trained.mean, trained.std
        if not all(type(n) is float and 0 <= n <= 1 for n in numbers) or not numbers[1]:
            raise ValueError(f"impossible {numbers}")
        return trained
    except Exception as error:  # whatever a file that lies has led to
        what = f"{path} holds no network of this book, and nothing in it was run"
        raise ValueError(f"{what} ({error}): train one with ch14.train") from None


def write_json(path: Path, content: Any) -> None:
    """All of it, or nothing."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_report(path: Path) -> dict[str, Any] | None:
    """What a training wrote down, or None. Raises: ValueError for another file."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return {**report, "settings": {**report["settings"]}}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        why = "is there, and is no report of ch14.train"
        raise ValueError(f"{path} {why}: give another --out") from None


def must_agree(where: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises: ValueError where settings differ, with those that do."""
    names = sorted(n for n in before | now if before.get(n) != now.get(n))
    if names:
        words = [
            f"{n} was {before.get(n)} and is {now.get(n)}"
            if n != "images"
            else "other images"
            for n in names
        ]
        why = f"{where} belong to another training ({', '.join(words)})"
        raise ValueError(f"{why}: give its settings or another --out, or delete them")


def look_at(out: Path) -> dict[str, Any] | None:
    """The report of what is there. Raises: ValueError where nothing can be written.

    Nor is a file written over that is none of the trainer's.
    """
    report, folder = Path(f"{out}.json"), Path(f"{out}.training")
    if out.is_dir() or report.is_dir() or not out.absolute().parent.is_dir():
        raise ValueError(f"--out {out}: give a file, in a folder that is there")
    inside = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    kind = folder.is_dir() and not folder.is_symlink()
    if inside - {*OWN} or (folder.exists() and not kind):
        why = f"{folder} is there, and is not of a training"
        raise ValueError(f"{why}: give another --out")
    try:
        Path(f"{report}.part").touch()
        Path(f"{report}.part").unlink()
    except OSError as error:
        why = f"--out {out}: cannot be written ({error.strerror})"
        raise ValueError(f"{why}: give another file") from None
    if out.exists():
        try:
            load_trained(out)
        except ValueError:
            why = "is there, and is no network of this book"
            raise ValueError(f"{out} {why}: give another --out") from None
        if not report.exists() and not inside:
            why = f"{out} is there without {report.name}"
            raise ValueError(f"{why}: give another --out, or delete {out}")
    return read_report(report)


def tidy(folder: Path, *names: str) -> None:
    """Remove files, and the folder if nothing else is in it."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
