"""A descent over the contours of a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.patches import Circle

from groundup.drawing import contours
from groundup.drawing.sheet import WIDTH, Drawing, Point
from groundup.drawing.style import FORWARD, QUIET
from groundup.drawing.words import listed, number, plain

LEFT, TOP, RIGHT, BOTTOM = FRAME = (34.0, 24.0, WIDTH - 10, 286.0)
CELLS = 160  # of the grid on which the loss is computed


def descent(
    loss: Callable[[float, float], float],
    path: Sequence[Point],
    x: Point,
    y: Point,
    levels: Sequence[float],
    names: tuple[str, str] = ("w", "b"),
    leaps: int = 8,
) -> Drawing:
    """Contours of a loss over two parameters, and a descent, its first `leaps` steps as arrows, the first numbered.

    Shapes: path (steps + 1, 2). Local minima are marked. A descent that leaves the ranges `x` and `y` ends there.
    """
    us, vs = np.linspace(*x, CELLS + 1), np.linspace(*y, CELLS + 1)
    heights = np.array([[loss(float(u), float(v)) for u in us] for v in vs])
    low = [(float(us[c]), float(vs[r])) for r, c in contours.minima(heights)]
    points = np.array(path, dtype=float)
    steps = len(points) - 1
    if points.ndim != 2 or steps < 1 or not (x[0] <= points[0, 0] <= x[1] and y[0] <= points[0, 1] <= y[1]):
        raise ValueError("the path needs a step or more, and a first point inside of x and y")
    points = points[: int(np.argmin([*np.isfinite(points).all(1), False]))]
    if not any(heights.min() < level < heights.max() for level in levels):
        raise ValueError(f"levels from {number(heights.min())} to {number(heights.max())} can be drawn here")

    def spot(u: float, v: float) -> Point:
        right, down = (u - x[0]) / (x[1] - x[0]), (y[1] - v) / (y[1] - y[0])
        return LEFT + (RIGHT - LEFT) * float(right), TOP + (BOTTOM - TOP) * float(down)

    spots = [spot(*point) for point in points]
    out = next((k for k, point in enumerate(spots) if not _inside(point)), 0)
    told = _alt([float(loss(*point)) for point in points], points, steps, out, names) + _arrival(low, spot, spots[-1])
    if out:  # to the frame, and no further
        spots = [*spots[:out], _cut(spots[out - 1], spots[out])]
    drawing = Drawing(BOTTOM + 32, told)
    across, down = (np.array([spot(u, v) for u, v in zip(us, vs, strict=True)])).T
    lines = drawing.ax.contour(across, down, heights, levels=sorted(levels), colors=QUIET, linewidths=0.8)
    lines.set_linestyle("solid")
    for u, v in low:
        drawing.text(*spot(u, v), "×", high=16)
    _axes(drawing, x, y, names)
    drawing.text(RIGHT, 10, f"lines of equal loss{', × minimum' * bool(low)}", QUIET, "right")
    _steps(drawing, spots, leaps, out > 0, np.vstack([part for level in lines.allsegs for part in level]))
    contours.label(drawing, lines, FRAME, np.array(spots))
    return drawing.checked("take wider ranges, or fewer levels")


def _axes(drawing: Drawing, x: Point, y: Point, names: tuple[str, str]) -> None:
    drawing.text(LEFT, BOTTOM + 14, number(x[0]), to="left")
    drawing.text(RIGHT, BOTTOM + 14, number(x[1]), to="right")
    drawing.text(LEFT - 6, BOTTOM - 4, number(y[0]), to="right")
    drawing.text(LEFT - 6, TOP + 5, number(y[1]), to="right")
    drawing.text((LEFT + RIGHT) / 2, BOTTOM + 14, f"${names[0]}$", high=14)
    drawing.text(LEFT - 6, (TOP + BOTTOM) / 2, f"${names[1]}$", to="right", high=14)


def _steps(drawing: Drawing, spots: Sequence[Point], leaps: int, leaves: bool, lines: np.ndarray) -> None:
    """The steps as arrows, later ones as lines; the points between them, the first four with their number.

    The numbers stand clear of the path and, where they can, of `lines`. Shapes: lines (points, 2).
    """
    for k, (p, q) in enumerate(pairwise(np.array(spots))):
        far = max(math.dist(p, q), 1e-9)
        cut = (q - p) / far * min(3.5, far / 3)
        stop = q if leaves and k + 2 == len(spots) else q - cut
        drawing.line([p + cut, stop], FORWARD, 1.4 if k < leaps else 0.9, 7 if k < leaps and far > 14 else 0)
    for k, point in enumerate(spots[:-1] if leaves else spots):
        drawing.shape(Circle(point, 2.4 if k <= leaps else 1), FORWARD, 1, 1)
    way = contours.along(np.array(spots))
    for k, point in enumerate(spots[: min(4, len(spots) - leaves)]):
        back = np.array(point) - spots[min(k + 1, len(spots) - 1)]
        turns = [math.atan2(back[1], back[0]) + turn for turn in (0, 0.6, -0.6, 1.2, -1.2, 1.8, -1.8, 2.4, -2.4)]
        at = [(point[0] + 10 * math.cos(turn), point[1] + 10 * math.sin(turn)) for turn in turns]
        for place, others in [(place, np.vstack([way, lines])) for place in at] + [(place, way) for place in at]:
            box = drawing.reach(*place, str(k)).padded(3)
            free = not any(box.overlaps(other) for _, other in drawing.taken) and not any(
                box.contains(*other) for other in others
            )
            if free and _inside((box.x0, box.y0)) and _inside((box.x1, box.y1)):
                drawing.text(*place, str(k), FORWARD)
                break


def _inside(point: Point) -> bool:
    return LEFT <= point[0] <= RIGHT and TOP <= point[1] <= BOTTOM


def _cut(start: Point, end: Point) -> Point:
    """Where a line from inside of the frame to outside meets it."""
    part = 1.0
    for axis, low, high in ((0, LEFT, RIGHT), (1, TOP, BOTTOM)):
        way = end[axis] - start[axis]
        part = min(part, max((low - start[axis]) / way, (high - start[axis]) / way)) if way else part
    return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])


def _alt(losses: Sequence[float], points: np.ndarray, steps: int, out: int, names: tuple[str, str]) -> str:
    """Where the descent goes, and how."""
    text = (
        f"Contours of the loss over {plain(names[0])} and {plain(names[1])}, and a descent of {steps} "
        f"step{'s' * (steps > 1)} from ({listed(points[0])}), where the loss is {number(losses[0])}"
    )
    lost = len(points) <= steps or not np.isfinite(losses).all()
    if lost or (out and losses[-1] > losses[0]):
        end = "no number any more" if lost else number(losses[-1])
        leaves = f" It leaves the drawing in step {out}, and" if out else ""
        return f"{text}.{leaves or ' It'} diverges: at the end the loss is {end}."
    moves = np.diff(points, axis=0) / np.ptp(points, axis=0).clip(1e-12)
    back = sum(float(a @ b) < 0 for a, b in pairwise(moves))
    text += f", to ({listed(points[-1])}), where it is {number(losses[-1])}"
    text += f"; {back} times it turns back by more than a right angle, a zigzag" * (back > 2)
    rises = sum(b > a + 1e-9 for a, b in pairwise(losses))
    return text + f"; in {rises} of the steps the loss grows" * (rises > 0) + "."


def _arrival(low: Sequence[Point], spot: Callable[[float, float], Point], end: Point) -> str:
    """Which minimum the descent ends at."""
    if not low or not _inside(end):
        return ""
    nearest = min(range(len(low)), key=lambda k: math.dist(spot(*low[k]), end))
    there = "ends at" if math.dist(spot(*low[nearest]), end) < 8 else "has not reached"
    which = f", which is {'not ' * (nearest > 0)}the lowest of {len(low)}" * (len(low) > 1)
    return f" It {there} the minimum at about ({listed(low[nearest])}){which}."
