"""The lines of equal loss: where its minima are, and where a line has room for its label."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from matplotlib.contour import QuadContourSet

from groundup.drawing.sheet import Drawing, Point
from groundup.drawing.style import QUIET
from groundup.drawing.words import extent, number

SMALL = 9.4  # the size of the labels
SHORTEST = 70.0  # a line of at least this length has its label
Frame = tuple[float, float, float, float]  # left, top, right, bottom


def minima(heights: np.ndarray) -> list[tuple[int, int]]:
    """Row and column of each number that is lower than its eight neighbours, the lowest first."""
    inner = heights[1:-1, 1:-1]
    lower = np.ones(inner.shape, dtype=bool)
    for r, c in np.ndindex(3, 3):
        if (r, c) != (1, 1):
            lower &= inner < heights[r : r + inner.shape[0], c : c + inner.shape[1]]
    found = [(int(r) + 1, int(c) + 1) for r, c in np.argwhere(lower)]
    return sorted(found, key=lambda place: float(heights[place]))


def label(drawing: Drawing, lines: QuadContourSet, frame: Frame, path: np.ndarray) -> None:
    """Break each line of equal loss where there is room, and write its loss there.

    The labels keep clear of the frame, of what is written and of the path; then each stands as near as it can to the
    label of the level before, so that they are read in a row. Shapes: path (points, 2).
    """
    beside = [*along(path), *[(np.mean(box.intervalx), np.mean(box.intervaly)) for _, box in drawing.taken]]
    blocked, chosen = np.array(beside), list[Point]()
    for level, parts in zip(lines.levels, lines.allsegs, strict=True):
        room = extent(number(level), SMALL).width / 2
        for part in parts:
            if len(part) < 2 or np.hypot(*np.diff(part, axis=0).T).sum() < SHORTEST + 2 * room:
                continue
            spots = [p for p in part if _has_room(p, room + 6, frame, drawing, blocked)]
            if spots:
                last = chosen[-1] if chosen else path[-1]
                spot = min(spots, key=lambda p: math.dist(p, last))
                chosen.append((float(spot[0]), float(spot[1])))
                blocked = np.vstack([blocked, spot])
    drawing.ax.clabel(lines, fontsize=SMALL, fmt=number, colors=QUIET, inline_spacing=3, manual=chosen)


def _has_room(spot: Point, room: float, frame: Frame, drawing: Drawing, blocked: np.ndarray) -> bool:
    left, top, right, bottom = frame
    x, y = spot
    inside = left + room < x < right - room and top + room < y < bottom - room
    clear = all(
        x + room < box.x0 or x - room > box.x1 or y + room < box.y0 or y - room > box.y1 for _, box in drawing.taken
    )
    return inside and clear and float(np.hypot(*(blocked - spot).T).min()) > room + 2


def along(path: np.ndarray) -> np.ndarray:
    """Points on a path, close together. Shapes: path (points, 2)."""
    steps = [np.linspace(p, q, 2 + int(math.dist(p, q) / 3)) for p, q in pairwise(path)]
    return np.vstack([path[:1], *steps])
