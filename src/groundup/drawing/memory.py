"""How a matrix is read from memory: its shape and its strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing
from groundup.drawing.style import FORWARD, INK
from groundup.drawing.words import listed, size

CELL, BOLD = 26.0, 2.4


def strides(memory: Sequence[float], shape: tuple[int, int], steps: tuple[int, int], start: int = 0) -> Drawing:
    """A row of memory, with arrows for a step right (above) and a step down (below), and the matrix that is read so.

    Shapes: memory (places), `shape` and `steps` (the strides) of the matrix. A step right that leaps further than a
    step down, as in a transposed view, is bold; a stride of 0 is a loop, and its copies are dashed.
    """
    rows, columns = shape
    if len(memory) > 16 or rows > 8 or columns > 6 or rows * columns == 0:
        raise ValueError(f"{len(memory)} places read as {size(shape)}: up to 16, read as up to (8, 6), can be drawn")
    place = start + np.add.outer(np.arange(rows) * steps[0], np.arange(columns) * steps[1])
    if min(steps) < 0 or start < 0 or place.max() >= len(memory):
        raise ValueError(
            f"shape {size(shape)} and strides {size(steps)} from place {start} on read place {place.max()} of "
            f"{len(memory)}: give more memory, or a smaller shape"
        )
    matrix = np.asarray(memory)[place]
    new = np.unique(place, return_index=True)[1]
    real = {(int(n) // columns, int(n) % columns) for n in new}
    leaps = columns > 1 and steps[1] > max(steps[0], 1)
    cell, y = min(28.0, (WIDTH - 2 * MARGIN) / len(memory)), 50.0
    x = (WIDTH - cell * len(memory)) / 2
    drawing = Drawing(150 + CELL * rows, _alt(memory, matrix, shape, steps, start, leaps))
    drawing.grid((x, y), [memory], cell, {(0, int(p)) for p in place.ravel()})
    for way, hops, step, name, colour in (
        (-1, place[0], steps[1], "right", FORWARD),
        (1, place[:, 0], steps[0], "down", INK),
    ):
        base, bold = y + (cell + 2 if way > 0 else -2), leaps and way < 0
        for p, q in list(pairwise(hops))[: None if step else 1]:
            reach = (q - p) * cell - 4 if step else 12.0
            middle = x + cell * ((p + q) / 2 + 0.5)
            turn = np.linspace(math.pi, 0.12, 30)
            arc = [(middle + reach / 2 * math.cos(t), base + way * 17 * math.sin(t)) for t in turn]
            drawing.line(arc, colour, BOLD if bold else 1.3, 8 if bold else 6)
        if len(hops) > 1:
            text = f"one step {name}: {step} place{'s' * (step != 1)} further"
            drawing.text(WIDTH / 2, base + way * 30, text, colour)
    left, top = WIDTH / 2 - CELL / 2 * columns, y + cell + 56
    drawing.grid((left, top), matrix, CELL, real, set(np.ndindex(shape)) - real)
    drawing.text(left - 10, top + CELL / 2 * rows, f"shape {size(shape)}", to="right")
    drawing.text(left + CELL * columns + 10, top + CELL / 2 * rows, f"strides {size(steps)}", to="left")
    return drawing.checked("take shorter numbers, or fewer of them")


def _alt(
    memory: Sequence[float], matrix: np.ndarray, shape: Sequence[int], steps: Sequence[int], start: int, leaps: bool
) -> str:
    text = (
        f"Memory {listed(memory)}, read from place {start} on with shape {size(shape)} and strides {size(steps)}: one "
        f"step right is {steps[1]} further, one step down {steps[0]}. The rows that are read: "
        f"{'; '.join(map(listed, matrix))}."
    )
    text += " Neighbours in a row lie apart in memory, neighbours in a column closer together." * leaps
    return text + " Nothing is copied: the same places are read again and again." * (0 in steps)
