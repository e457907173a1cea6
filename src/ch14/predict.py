# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Name what pictures show: python -m ch14.predict model.pt image.png."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from .command import between, in_one_line, program
from .images import read_picture
from .model_file import Trained, load_trained


def ask(trained: Trained, name: str, given: argparse.Namespace) -> list[float]:
    """The probability of each class. Raises: ValueError for what cannot be asked."""
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder: give the pictures in it")
    h, w = trained.shape
    picture = read_picture(Path(name), (h, w) if given.resize else None)
    if picture.shape != (h, w):
        sizes = f"{picture.shape[1]} × {picture.shape[0]} pixels"
        wanted = f"the network knows {w} × {h}: --resize scales it"
        raise ValueError(f"{name} has {sizes}, and {wanted}")
    picture = 255 - picture if given.invert else picture
    light = picture.float().mean().item() / 255
    if picture.min() == picture.max():
        print(f"note: {name} is of one shade, it shows nothing", file=sys.stderr)
    elif abs(1 - light - trained.mean) < abs(light - trained.mean) / 2:
        remedy = f"try {'without ' if given.invert else ''}--invert"
        print(f"note: {name} may be dark for light: {remedy}", file=sys.stderr)
    with torch.no_grad():
        row = trained.model(trained.prepare(picture[None, None])).softmax(1)[0]
    if not row.isfinite().all():
        raise ValueError(f"{given.model} has impossible numbers: train it anew")
    return row.tolist()


def name_pictures(argv: Sequence[str] | None = None) -> int:
    """The program. Returns the exit code: 1 if any picture could not be named."""
    parser = argparse.ArgumentParser(
        prog="python -m ch14.predict",
        description="Say what a network of ch14.train sees in pictures.",
        epilog="example: python -m ch14.predict model.pt seven.png",
    )
    add = parser.add_argument
    add("model", help="a file that ch14.train wrote")
    add("pictures", nargs="+", metavar="picture", help="PNG or JPEG files")
    add("--top", type=between(int, 1, 1000), default=3, help="how many classes to name "
        "(3)")  # fmt: skip
    add("--resize", action="store_true", help="scale pictures to the network's size")
    add("--invert", action="store_true", help="for dark on light, if the network was "
        "trained on light on dark, as MNIST is")  # fmt: skip
    given = parser.parse_args(argv)
    wrong = []

    def work() -> None:
        trained = load_trained(given.model)
        names = [n if n.isprintable() else repr(n) for n in trained.classes]
        for picture in given.pictures:
            try:
                row = ask(trained, picture, given)
            except ValueError as error:
                wrong.append(picture)
                print(f"error: {error}", file=sys.stderr)
                continue
            best = sorted(zip(row, names, strict=True), reverse=True)[: given.top]
            words = ", ".join(f"{name} {share:.1%}" for share, name in best)
            print(f"{picture}: {words}", flush=True)

    return in_one_line(work, "the other pictures are not named") or int(bool(wrong))


if __name__ == "__main__":
    program(name_pictures, __package__)
