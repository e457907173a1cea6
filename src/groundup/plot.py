"""The look of the book's figures. Importing it sets matplotlib's style, so that a chapter only draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

INK = "#0a0b0c"  # text and axes: the site puts in the colour of its light or its dark scheme
TILE = "#1d2433"  # the ground of a picture, which stands out from a white page and from a black one
COLOURS = ["#4c78dd", "#e8833a", "#3ba272", "#d1495b", "#8e6bbf", "#8c8c8c"]
WIDTH = 5.6  # inches
SIDE = 28  # pixels of a digit
GAP = 3  # pixels between two tiles

DIGIT = LinearSegmentedColormap.from_list("digit", [TILE, "#ffffff"])
# The middle is dark, as the ground of a digit is; both ends are bright: a pale middle would vanish on a white page.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#a9c6ff", COLOURS[0], TILE, COLOURS[1], "#ffd3ab"], N=257)

STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH, 3.4),
    "font.family": ["Inter", "DejaVu Sans"],  # the second has the letters that the first lacks
    "font.size": 10,
    "mathtext.fontset": "cm",  # the letters of the formulas on the page
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "xtick.color": INK,
    "ytick.color": INK,
    "patch.edgecolor": INK,  # arrows are patches
    "legend.frameon": False,
    "image.interpolation": "none",
    "image.cmap": "digit",
    "svg.fonttype": "path",
    "svg.hashsalt": "groundup",  # the same figure, the same bytes
}

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
    rows = -(-len(pictures) // columns)
    inch = max(10, columns) * (SIDE + GAP) / WIDTH  # pixels to an inch: one tile is as wide as one of ten
    above = 0 if labels is None else round(0.17 * inch)
    pitch = SIDE + GAP + above
    canvas = np.full((rows * pitch - GAP, columns * (SIDE + GAP) - GAP), np.nan)  # NaN is drawn transparent
    _, ax = plt.subplots(figsize=(canvas.shape[1] / inch, canvas.shape[0] / inch))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = row * pitch + above, column * (SIDE + GAP)
        tile = _square(picture)
        canvas[top : top + SIDE, left : left + SIDE] = tile / (255 if tile.max() > 1 else 1)
        if labels is not None:
            ax.text(left + SIDE / 2, top - 0.02 * inch, str(labels[index]), ha="center", va="bottom", size=8)
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


def _use_style() -> None:
    font_manager.fontManager.addfont(Path(__file__).parent / "assets" / "Inter-Regular.ttf")
    if "digit" not in mpl.colormaps:
        mpl.colormaps.register(DIGIT)
        mpl.colormaps.register(SIGNED)
    mpl.rcParams.update(STYLE)


_use_style()

from groundup.drawing import (  # noqa: E402
    big_network as big_network,
    broadcast as broadcast,
    convolution as convolution,
    descent as descent,
    graph as graph,
    network as network,
    product as product,
    receptive_field as receptive_field,
    residual as residual,
    shapes as shapes,
    strides as strides,
)
