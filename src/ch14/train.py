# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Train a ResNet from the command line: python -m ch14.train --help."""

import argparse
import hashlib
import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .augment import tta
from .callbacks import Metrics, StopAtNaN
from .checkpoint import Checkpoint
from .command import in_one_line, program
from .data import BatchLoader, mean_std, normalize
from .images import ImageSet, read_set
from .learner import Callback, Learner
from .metrics import error_rate
from .model_file import Trained
from .progress import Progress
from .recipe import Recipe, resnet_learner


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
    """By 8 versions of each image. Shapes: (N, 1, H, W) -> (N, K)."""
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
    add("--bend", type=number(float, 0), default=usual.bend, help="pixels")
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
