# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Name what pictures show: python -m ch14.predict model.pt image.png."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from .command import in_one_line, program
from .images import read_picture
from .model_file import load_trained


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
