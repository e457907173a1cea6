"""A descent over the contours of a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.patches import Circle

from groundup.drawing.sheet import WIDTH, Drawing, Point
from groundup.drawing.style import FORWARD, QUIET
from groundup.drawing.words import listed, number


def descent(
    loss: Callable[[float, float], float],
    path: Sequence[Point],
    x: Point,
    y: Point,
    levels: Sequence[float],
    names: tuple[str, str] = ("w", "b"),
    leaps: int = 8,
) -> Drawing:
    """Contours of a loss over two knobs, and a descent, its first leaps as numbered arrows. Shapes: path (steps, 2)."""
    d = Drawing(
        304,
        f"Contours of the loss over {names[0]} and {names[1]}. The descent starts at ({listed(path[0])}) with a loss of "
        f"{number(loss(*path[0]))}; after {len(path) - 1} leaps it is at ({listed(path[-1])}), with {number(loss(*path[-1]))}.",
    )
    left, top, wide, high = 34.0, 10.0, WIDTH - 44, 262.0
    grid = [np.linspace(*x, 161), np.linspace(*y, 161)]
    heights = np.array([[loss(u, v) for u in grid[0]] for v in grid[1]])
    across, down = left + wide * np.linspace(0, 1, 161), top + high * np.linspace(1, 0, 161)
    lines = d.ax.contour(across, down, heights, levels=list(levels), colors=QUIET, linewidths=0.8)
    spots = np.array([(np.interp(u, grid[0], across), top + high * (y[1] - v) / (y[1] - y[0])) for u, v in path])
    row, column = np.unravel_index(heights.argmin(), heights.shape)
    best = np.array([across[column], down[row]])
    ray = [
        best + t * (best - spots[0]) / math.dist(best, spots[0]) for t in range(400)
    ]  # labels stand beyond the minimum
    over = [[np.interp(p[0], across, grid[0]), np.interp(p[1], down[::-1], grid[1][::-1])] for p in ray]
    marks = [next((p for p, o in zip(ray, over, strict=True) if loss(*o) >= level), None) for level in levels]
    d.ax.clabel(lines, fontsize=9.4, fmt=number, inline_spacing=3, manual=[tuple(p) for p in marks if p is not None])
    for k, (p, q) in enumerate(pairwise(spots)):
        far = math.dist(p, q)
        cut = (q - p) / max(far, 1e-9) * min(3.5, far / 3)
        d.line([p + cut, q - cut], FORWARD, 1.4 if k < leaps else 0.9, 7 if k < leaps and far > 14 else 0)
    for k, p in enumerate(spots):
        d.shape(Circle(p, 2.4 if k <= leaps else 1), FORWARD, 1, 1)
        if k < 4:
            out = p - spots[k + 1]
            at = p + 10 * out / math.hypot(*out)
            d.text(at[0], at[1], str(k), FORWARD)
    d.text(best[0], best[1], "×", high=16)
    d.text(left + wide, top + 5, "lines of equal loss", QUIET, "right")
    for tx, ty, words, to in (
        (left, top + high + 14, number(x[0]), "left"),
        (left + wide, top + high + 14, number(x[1]), "right"),
        (left - 6, top + high - 4, number(y[0]), "right"),
        (left - 6, top + 5, number(y[1]), "right"),
    ):
        d.text(tx, ty, words, to=to)
    d.text(left + wide / 2, top + high + 14, f"${names[0]}$", high=14)
    d.text(left - 6, top + high / 2, f"${names[1]}$", to="right", high=14)
    return d
