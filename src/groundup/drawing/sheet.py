"""A sheet to draw on: text, lines, boxes and grids in the four colours, and the same in words."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from groundup.drawing.style import BACKWARD, FIXED, FORWARD, INK, QUIET, STYLE, themed
from groundup.drawing.words import Matrix, extent, number

WIDTH, MARGIN = 358.0, 10.0

Point = tuple[float, float]
Place = tuple[int, ...]


class Drawing:
    """A sheet 358 wide and `height` high, what is drawn on it, and `alt`, the same in words."""

    def __init__(self, height: float, alt: str) -> None:
        self.height, self.alt = height, alt
        self.figure = plt.figure(figsize=(WIDTH / 72, height / 72), layout=FIXED)
        self.ax = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        self.ax.set_axis_off()
        self.taken: list[tuple[str, Bbox]] = []

    def __repr__(self) -> str:
        return self.alt

    def svg(self, theme: str = "light") -> str:
        """The drawing as the site shows it, the same bytes each time."""
        metadata = {"Date": None, "Creator": None}
        self.figure.savefig(file := io.StringIO(), format="svg", transparent=True, metadata=metadata)
        return themed(file.getvalue(), theme)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = INK,
        to: str = "center",
        high: float = 10,
        within: float = WIDTH,
    ) -> None:
        """Words on a line whose middle is at `y`, so that neighbours share a baseline.

        Raises: ValueError when they are wider than `within`.
        """
        if extent(words, high).width > within:
            self._refuse(f"{words!r} is too wide for its place: take rounder or smaller numbers")
        if words:
            self.taken.append((words, self.reach(x, y, words, to, high)))
            look = {"color": colour, "size": high, "ha": to, "family": STYLE["font.family"]}
            self.ax.text(x, self._baseline(y, words, high), words, **look)

    def reach(self, x: float, y: float, words: str, to: str = "center", high: float = 10) -> Bbox:
        """The box, in units of the sheet, that `text` would fill."""
        box = extent(words, high)
        left = x - box.width * {"left": 0, "center": 0.5, "right": 1}[to]
        base = self._baseline(y, words, high)
        return Bbox([(left, base - box.y1), (left + box.width, base - box.y0)])

    @staticmethod
    def _baseline(y: float, words: str, high: float) -> float:
        return y + (0.25 if "$" in words else 0.36) * high

    def line(self, points: Sequence[Point], colour: str = QUIET, width: float = 1, head: float = 0) -> None:
        """A line through `points`, with a head of this length at its end."""
        style = f"-|>,head_length={head},head_width={head / 2.6}" if head else "-"
        arrow = FancyArrowPatch(path=Path(points), arrowstyle=style, mutation_scale=1, shrinkA=0, shrinkB=0)
        arrow.set(color=colour, linewidth=width, fill=head > 0, joinstyle="round", capstyle="butt")
        self.ax.add_patch(arrow)

    def shape(self, patch: Patch, colour: str = INK, width: float = 1.1, tint: float = 0, dash: bool = False) -> None:
        """The outline of a patch, and a tint inside through which the page is seen."""
        patch.set(facecolor=(colour, tint), edgecolor=colour, linewidth=width, linestyle=(0, (2.5, 2)) if dash else "-")
        self.ax.add_patch(patch)

    def box(
        self,
        corner: Point,
        size: Point,
        colour: str = INK,
        width: float = 1.1,
        tint: float = 0,
        dash: bool = False,
        rounding: float = 0,
    ) -> None:
        """A box of this width and height from its upper left corner."""
        style = f"round,pad=0,rounding_size={rounding}" if rounding else "square,pad=0"
        self.shape(FancyBboxPatch(corner, *size, boxstyle=style), colour, width, tint, dash)

    def grid(
        self, corner: Point, matrix: Matrix, cell: float, marked: Iterable[Place] = (), ghosts: Iterable[Place] = ()
    ) -> None:
        """Cells with numbers; `marked` ones are tinted, `ghosts` not really there. Shapes: matrix (rows, columns)."""
        marked, ghosts = set(marked), set(ghosts)
        for (r, c), entry in np.ndenumerate(np.asarray(matrix, dtype=float)):
            x, y = corner[0] + c * cell, corner[1] + r * cell
            inset, tint = 2.5 * ((r, c) in ghosts), 0.22 * ((r, c) in marked)
            side = cell - 2 * inset
            self.box((x + inset, y + inset), (side, side), FORWARD if tint else QUIET, 0.8, tint, dash=inset > 0)
            self.text(x + cell / 2, y + cell / 2, number(entry), QUIET if inset else INK, within=side - 1)

    def key(self, back: bool, between: str = "") -> None:
        """Which way is which: values and gradients differ in colour, in place and in direction."""
        self.text(MARGIN, 10, "values, forward →", FORWARD, "left")
        self.text(WIDTH / 2, 10, between, INK)
        self.text(WIDTH - MARGIN, 10, "← gradients, backward" if back else "", BACKWARD, "right")

    def checked(self, remedy: str) -> Drawing:
        """The drawing, if it can be read.

        Raises: ValueError, with the remedy, when a text is off the sheet or two overlap.
        """
        for words, box in self.taken:
            if box.x0 < 0 or box.x1 > WIDTH or box.y0 < 0 or box.y1 > self.height:
                self._refuse(f"{words!r} does not fit on the sheet: {remedy}")
        for (one, a), (other, b) in combinations(self.taken, 2):
            if min(a.x1, b.x1) - max(a.x0, b.x0) > 0 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0:
                self._refuse(f"{one!r} and {other!r} would overlap: {remedy}")
        return self

    def _refuse(self, message: str) -> None:
        plt.close(self.figure)
        raise ValueError(message)
