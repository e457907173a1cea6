"""The picture of the home page: the book's own digits, a column for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from groundup import data

ROWS = 7
COLOUR = (84, 118, 224)  # stands out on the light page and on the dark one
ALT = "Ten columns of handwritten digits, from 0 to 9, each digit written by another hand."


def draw(path: Path) -> None:
    """Write the picture as a PNG: ink is opaque, paper is not there."""
    train, _ = data.mnist()
    columns = [train.only(digit).images[:ROWS].reshape(-1, 28) for digit in range(10)]
    ink = np.hstack(columns)
    picture = np.empty((*ink.shape, 4), np.uint8)
    picture[..., :3], picture[..., 3] = COLOUR, ink
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, optimize=True)
