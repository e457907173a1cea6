"""How a tensor is read from memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing
from groundup.drawing.style import FORWARD, INK
from groundup.drawing.words import listed, size


def strides(memory: Sequence[float], shape: tuple[int, int], steps: tuple[int, int], start: int = 0) -> Drawing:
    """A row of memory, with arrows for a step right (above) and a step down (below), and the table that is read so."""
    (rows, columns), cell, y = shape, min(28.0, (WIDTH - 2 * MARGIN) / len(memory)), 50.0
    place = start + np.add.outer(np.arange(rows) * steps[0], np.arange(columns) * steps[1])
    table, (_, new) = np.asarray(memory)[place], np.unique(place, return_index=True)
    d = Drawing(
        150 + 26 * rows,
        f"Memory {listed(memory)}, read from place {start} with shape {size(shape)} and strides {size(steps)}. The rows "
        f"that are read: {'; '.join(map(listed, table))}.",
    )
    x, real = (WIDTH - cell * len(memory)) / 2, {tuple(map(int, np.unravel_index(n, shape))) for n in new}
    d.grid((x, y), [memory], cell, {(0, int(p)) for p in place.ravel()})
    for way, hops, step, name, colour in (
        (-1, place[0], steps[1], "right", FORWARD),
        (1, place[:, 0], steps[0], "down", INK),
    ):
        base = y + (cell + 2 if way > 0 else -2)
        for p, q in list(pairwise(hops))[: None if step else 1]:
            a, b = (
                (x + cell * (p + 0.5) + 2, x + cell * (q + 0.5) - 2)
                if step
                else (x + cell * (p + 0.5) - 6, x + cell * (p + 0.5) + 6)
            )
            turn = np.linspace(math.pi, 0.12, 30)
            d.line(
                [((a + b) / 2 + (b - a) / 2 * math.cos(t), base + way * 17 * math.sin(t)) for t in turn], colour, 1.3, 6
            )
        d.text(WIDTH / 2, base + way * 30, f"one step {name}: {step} place{'s' * (step != 1)} further", colour)
    left, top = WIDTH / 2 - 13 * columns, y + cell + 56
    d.grid((left, top), table, 26, real, set(np.ndindex(shape)) - real)
    d.text(left - 10, top + 13 * rows, f"shape {size(shape)}", to="right")
    d.text(left + 26 * columns + 10, top + 13 * rows, f"strides {size(steps)}", to="left")
    return d
