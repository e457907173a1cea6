"""A sheet to draw on: text, lines, boxes and grids in the four colours, and the same in words."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET, themed

WIDTH, MARGIN = 358.0, 10.0

Point = tuple[float, float]
Table = Sequence[Sequence[Any]] | np.ndarray


def number(value: float) -> str:
    """Two decimals at most, no needless zeros, a true minus: 3.75, −2, 0, 1.5e−4."""
    text = f"{value:.1e}".replace("e-0", "e-") if 0 < abs(value) < 0.005 else f"{value:.2f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace("-", "−")


def listed(values: Iterable[Any], form: Callable[[Any], str] = number) -> str:
    return ", ".join(map(form, values))


def size(shape: Sequence[object]) -> str:
    """A shape as Python writes it: (N, 784), (10,)."""
    return f"({listed(shape, str)}{',' if len(shape) == 1 else ''})"


class Drawing:
    """A sheet 358 wide and `height` high, what is drawn on it, and `alt`, the same in words."""

    def __init__(self, height: float, alt: str) -> None:
        self.height, self.alt = height, alt
        self.figure = plt.figure(figsize=(WIDTH / 72, height / 72))
        self.ax = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        self.ax.set_axis_off()

    def svg(self, theme: str = "light") -> str:
        """The drawing as the site shows it, the same bytes each time."""
        self.figure.savefig(file := io.StringIO(), format="svg", transparent=True, metadata={"Date": None})
        return themed(file.getvalue(), theme)

    def text(self, x: float, y: float, words: str, colour: str = INK, to: str = "center", high: float = 10) -> None:
        """Words on a line whose middle is at `y`, so that neighbours share a baseline."""
        self.ax.text(x, y + (0.25 if "$" in words else 0.36) * high, words, color=colour, size=high, ha=to)

    def line(self, points: Sequence[Point], colour: str = QUIET, width: float = 1, head: float = 0) -> None:
        """A line through `points`, with a head of this length at its end."""
        style = f"-|>,head_length={head},head_width={head / 2.6}" if head else "-"
        self.ax.add_patch(
            FancyArrowPatch(
                path=Path(points),
                arrowstyle=style,
                mutation_scale=1,
                color=colour,
                lw=width,
                fill=bool(head),
                joinstyle="round",
                capstyle="butt",
                shrinkA=0,
                shrinkB=0,
            )
        )

    def shape(self, patch: Patch, colour: str = INK, width: float = 1.1, tint: float = 0, dash: bool = False) -> None:
        """The outline of a patch, and a tint inside through which the page is seen."""
        patch.set(facecolor=(colour, tint), edgecolor=colour, linewidth=width, linestyle=(0, (2.5, 2)) if dash else "-")
        self.ax.add_patch(patch)

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        colour: str = INK,
        width: float = 1.1,
        tint: float = 0,
        dash: bool = False,
        corner: float = 0,
    ) -> None:
        """A box from its corner (x, y)."""
        style = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
        self.shape(FancyBboxPatch((x, y), w, h, boxstyle=style), colour, width, tint, dash)

    def grid(
        self,
        x: float,
        y: float,
        table: Table,
        cell: float,
        marked: Iterable[tuple[int, ...]] = (),
        ghosts: Iterable[tuple[int, ...]] = (),
    ) -> None:
        """Cells with numbers from the corner (x, y). Shapes: table (rows, columns); marked and ghosts are places."""
        marked, ghosts = set(marked), set(ghosts)
        for (r, c), entry in np.ndenumerate(np.asarray(table, dtype=float)):
            inset, tint = 2.5 * ((r, c) in ghosts), 0.22 * ((r, c) in marked)
            self.box(
                x + c * cell + inset,
                y + r * cell + inset,
                cell - 2 * inset,
                cell - 2 * inset,
                FORWARD if tint else QUIET,
                0.8,
                tint,
                dash=inset > 0,
            )
            self.text(x + (c + 0.5) * cell, y + (r + 0.5) * cell, number(entry), QUIET if inset else INK)

    def key(self, back: bool) -> None:
        """Which way is which: values and gradients differ in colour, in place and in direction."""
        self.text(MARGIN, 10, "values, forward →", FORWARD, "left")
        self.text(WIDTH - MARGIN, 10, "← gradients, backward" if back else "", BACKWARD, "right")
