"""The look of the book's figures. Importing it sets matplotlib's style, so that a chapter only draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from groundup.drawing import (
    big_network,
    broadcast,
    convolution,
    descent,
    graph,
    network,
    product,
    receptive_field,
    residual,
    shapes,
    strides,
)
from groundup.drawing.style import COLOURS, DIGIT, FIXED, INK, SIGNED, SIZE, STYLE, TILE, WIDTH
from groundup.drawing.words import extent

__all__ = [
    "COLOURS",
    "DIGIT",
    "INK",
    "SIGNED",
    "STYLE",
    "TILE",
    "WIDTH",
    "big_network",
    "broadcast",
    "convolution",
    "descent",
    "graph",
    "images",
    "network",
    "product",
    "receptive_field",
    "residual",
    "shapes",
    "strides",
    "weights",
]

SIDE = 28  # pixels of a digit
GAP = 3  # pixels between two tiles

Picture = Sequence[float] | Sequence[Sequence[float]] | np.ndarray


def images(
    pictures: Sequence[Picture],
    labels: Sequence[object] | None = None,
    columns: int = 10,
) -> None:
    """Draw digits as a grid of tiles, each with its label above.

    Shapes: each picture 784 numbers or (28, 28), from 0 (background) to 1 or to 255.
    Raises: ValueError when there is no picture, or not one text for each.
    """
    if len(pictures) == 0:
        raise ValueError("images([]): give at least one picture")
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures and {len(labels)} labels: give one for each picture")
    columns = min(columns, len(pictures))
    across = max(10, columns) * (SIDE + GAP)  # pixels: one tile is as wide as one of ten
    inch = across / WIDTH
    room = max((extent(str(label), SIZE).width for label in labels or ()), default=0) * inch / 72
    wide = max(SIDE, math.ceil(room) + GAP) + GAP  # tiles stand further apart where their labels need it
    columns = max(1, min(columns, across // wide))
    rows = -(-len(pictures) // columns)
    above = 0 if labels is None else round(0.2 * inch)
    pitch = SIDE + GAP + above
    canvas = np.full((rows * pitch - GAP, columns * wide - GAP), np.nan)  # NaN is drawn transparent
    _, ax = plt.subplots(figsize=(canvas.shape[1] / inch, canvas.shape[0] / inch), layout=FIXED)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = row * pitch + above, column * wide + (wide - GAP - SIDE) // 2
        tile = _square(picture)
        canvas[top : top + SIDE, left : left + SIDE] = tile / (255 if tile.max() > 1 else 1)
        if labels is not None:
            ax.text(left + SIDE / 2, top - 0.02 * inch, str(labels[index]), ha="center", va="bottom", size=SIZE)
    ax.imshow(canvas, cmap=DIGIT, vmin=0, vmax=1)
    ax.set_axis_off()
    ax.set_position((0, 0, 1, 1))


def weights(picture: Picture, ax: Axes | None = None) -> None:
    """Draw a map of weights: blue below 0, orange above, dark at 0. Shapes: 784 numbers or (28, 28)."""
    square = _square(picture)
    limit = float(np.abs(square).max()) or 1.0
    own = ax is None
    if ax is None:
        _, ax = plt.subplots(figsize=(3.2, 2.6))
    drawn = ax.imshow(square, cmap=SIGNED, vmin=-limit, vmax=limit)
    ax.set_axis_off()
    if own:
        bar = plt.colorbar(drawn, ax=ax)
        bar.outline.set_visible(False)  # type: ignore[operator]  # a Spine, typed as a Colorbar's part


def _square(picture: Picture) -> np.ndarray:
    array: np.ndarray = np.asarray(picture, dtype=float)
    if array.size != SIDE * SIDE:
        raise ValueError(f"a picture of {array.size} numbers: give 784, or 28 rows of 28")
    return array.reshape(SIDE, SIDE)
