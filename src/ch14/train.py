# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Train a ResNet from the command line: python -m ch14.train --help."""

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .augment import tta
from .callbacks import Metrics, StopAtNaN
from .checkpoint import Checkpoint
from .command import between, in_one_line, program
from .data import BatchLoader, mean_std, normalize
from .images import ImageSet, read_set
from .learner import Callback, Learner
from .metrics import error_rate
from .model_file import OWN, Trained, look_at, must_agree, tidy, write_json
from .progress import Progress
from .recipe import Recipe, resnet_learner
from .saving import load_state


class Stopwatch(Callback):
    """How many seconds the training took, also over several starts; and its settings.

    Both are in the state that is saved: what goes on must be the same training.
    """

    order = 90
    state = ("seconds", "settings")

    def __init__(self, settings: dict[str, Any]) -> None:
        self.seconds = self.since = 0.0
        self.settings = settings

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


def begun_with(last: Path) -> dict[str, Any]:
    """The settings of a training that has not ended."""
    try:
        callbacks = dict(load_state(last)["callbacks"])
        return {**callbacks["Stopwatch"]["settings"]}
    except Exception as error:  # whatever a damaged file has led to
        remedy = f"delete {last.parent} and begin anew"
        raise ValueError(f"{last} is damaged: {remedy} ({error})") from None


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
    done, folder = look_at(out), Path(f"{out}.training")
    settings = {
        "seed": seed, **asdict(recipe), "images": fingerprint(images),
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip
    settings = json.loads(json.dumps(settings))  # as it will be read
    last = folder / OWN[0]
    if done is not None:
        must_agree(f"{out} and its .json", done["settings"], settings)
    if resume and done is not None and out.exists():
        print(f"{out} is finished: there is nothing to resume")
        tidy(folder, *OWN)
        return done
    if last.exists():
        must_agree(f"{folder} and its files", begun_with(last), settings)
    elif resume:
        print(f"{folder} holds nothing to resume: the training begins anew")
    mean, std = mean_std(images.images.float() / 255)
    x, valid_x = (
        normalize(t.float() / 255, mean, std)
        for t in (images.images, images.valid_images)
    )
    watch = Stopwatch(settings)
    learner = resnet_learner(
        recipe, x, images.labels, seed, -mean / std, len(images.classes),
        BatchLoader(valid_x, images.valid_labels, batch_size=500),
        [Metrics(error_rate=error_rate), StopAtNaN(), watch, Progress(),
         Checkpoint(folder, resume=True)],
    )  # fmt: skip
    try:
        folder.mkdir(exist_ok=resume)  # of two that begin at once, one fails here
    except FileExistsError:
        why = f"{folder} is of a training that has not ended"
        remedy = "give another --out, or --resume, if it was interrupted"
        raise ValueError(f"{why}: {remedy}") from None
    try:
        learner.fit(recipe.epochs)
    finally:
        tidy(folder, OWN[1])
    model = learner.model.eval()
    height, width = images.images.shape[2:]
    shape = (height, width)
    trained = Trained(
        model, recipe.widths, recipe.blocks, images.classes, shape, mean, std
    )
    answers = probabilities(trained, images.valid_images, recipe).argmax(1)
    with torch.no_grad():
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
        "python": platform.python_version(),
        "history": learner.history,
    }
    if (other := look_at(out)) is not None:  # written while this training was at work
        must_agree(f"{out} and its .json", other["settings"], settings)
    trained.save(out)
    write_json(Path(f"{out}.json"), report)
    tidy(folder, *OWN)
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

    add = parser.add_argument
    whole, size = between(int, 1, 10**6), between(float, 0, 1000)
    add("--data", default="embedded", metavar="SET", help="embedded, mnist, or a "
        "folder: of IDX files, or of folders class/name.png")  # fmt: skip
    add("--out", type=Path, default=Path("model.pt"), help="the file for the network")
    add("--seed", type=between(int, 0, 2**63 - 1), default=0, help="of random numbers")
    add("--resume", action="store_true", help="go on after the last whole epoch")
    add("--epochs", type=whole, default=usual.epochs, help="passes over the images")
    add("--batch-size", type=between(int, 2, 10**6), default=usual.batch_size,
        help="images to a step")  # fmt: skip
    add("--lr", type=between(float, 1e-9, 1000), default=usual.lr, help="the top rate")
    add("--widths", type=whole, nargs="+", default=usual.widths, help="channels of "
        "each stage")  # fmt: skip
    add("--blocks", type=between(int, 1, 1000), default=usual.blocks, help="residual "
        "blocks to a stage")  # fmt: skip
    add("--rotate", type=size, default=usual.rotate, help="degrees, up to which images "
        "are turned")  # fmt: skip
    add("--shift", type=size, default=usual.shift, help="pixels")
    add("--scale", type=between(float, 0, 0.99), default=usual.scale, help="a share")
    add("--bend", type=size, default=usual.bend, help="pixels")
    add("--threads", type=between(int, 1, 1024), help="of the processor; PyTorch's "
        "choice if not given")  # fmt: skip
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """The program. Returns the exit code."""
    given = arguments(argv)

    def work() -> None:
        if given.threads:
            torch.set_num_threads(given.threads)
        named = {n: v for n, v in vars(given).items() if n in Recipe.__annotations__}
        recipe = Recipe(**{**named, "widths": tuple(given.widths)})
        look_at(given.out)
        images = read_set(given.data)
        if images.left_out:
            first = f"the first {images.left_out[0]}"
            print(f"left out: {len(images.left_out):,} files, {first}")
        sizes = f"{len(images.images):,} images, {len(images.valid_images):,} held back"
        print(f"{given.data}: {sizes}, {len(images.classes)} classes", flush=True)
        out, folder = given.out, f"{given.out}.training"
        try:
            done = train(recipe, given.seed, images, out, given.resume, given.data)
        except FloatingPointError as error:
            remedy = f"delete {folder}, if it is there, and give a smaller --lr"
            raise ValueError(f"{error}: {remedy}") from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            for end in (".part", ".json.part"):
                Path(f"{out}{end}").unlink(missing_ok=True)
            why = f"{out} and {folder} cannot be written ({error})"
            raise ValueError(f"{why}: make room, then --resume") from None
        share = f"{done['error_rate']:.2%} wrong ({done['wrong']} of {done['of']})"
        when = f"{done['seconds']:.1f} s, seed {given.seed}"
        print(f"result: {share}, {when}, {given.out}")

    return in_one_line(work, f"--resume goes on, if {given.out}.training is there")


if __name__ == "__main__":
    program(main, __package__)
