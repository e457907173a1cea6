"""Layered networks: with every number, and too large for numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.patches import Circle

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Table, listed, number
from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET


def network(
    layers: Table,
    weights: Sequence[Table],
    gradients: Table = (),
    weight_gradients: Sequence[Table] = (),
    names: Sequence[str] = (),
) -> Drawing:
    """A layered network with its numbers, values above and gradients below, in the units and on the lines.

    Shapes: layers[l] and gradients[l] (D_l); weights[l] and weight_gradients[l] (D_l+1, D_l).
    """
    most, r, pitch, back = max(map(len, layers)), 20.0, 110.0, len(gradients) > 0
    if len(layers) * most > 9:
        raise ValueError("3 layers of 3 units can be read, or 4 of 2: draw more with big_network")
    d = Drawing(
        pitch * (most - 1) + 2 * r + 62,
        f"A network of {len(layers)} layers, each unit joined to all of the next. "
        f"Values: {' | '.join(map(listed, layers))}." + f" Gradients: {' | '.join(map(listed, gradients))}." * back,
    )
    step, middle = (WIDTH - 2 * (MARGIN + r)) / (len(layers) - 1), 50 + r + pitch * (most - 1) / 2
    spots = [
        np.array([(MARGIN + r + step * k, middle + pitch * (u - (len(units) - 1) / 2)) for u in range(len(units))])
        for k, units in enumerate(layers)
    ]
    for k, table in enumerate(weights):
        for j, i in np.ndindex(np.shape(table)):
            a, b = spots[k][i], spots[k + 1][j]
            spot, way = a + (b - a) / (len(table) + 1), (b - a) / math.dist(a, b)  # so all labels are evenly apart
            lines = [(number(float(table[j][i])), INK)]
            if len(weight_gradients):
                lines.append((number(float(weight_gradients[k][j][i])), BACKWARD))
            wide, high = 4 + 3 * max(len(words) for words, _ in lines), 2 + 6.5 * len(lines)
            gap = min(wide / abs(way[0]), high / max(abs(way[1]), 1e-9)) * way
            d.line([a + r * way, spot - gap] if (spot - gap - a) @ way > r else [a + r * way] * 2)
            d.line([spot + gap, b - r * way], head=6)
            for n, (words, colour) in enumerate(lines):
                d.text(spot[0], spot[1] + 13 * (n - (len(lines) - 1) / 2), words, colour)
    for k, units in enumerate(spots):
        d.text(units[0][0], units[0][1] - r - 11, names[k] if names else "", high=14)
        for u, (x, y) in enumerate(units):
            d.shape(Circle((x, y), r), INK, 1.3)
            d.text(x, y - 7.5 * back, number(layers[k][u]), FORWARD)
            if back:
                d.line([(x - 16, y), (x + 16, y)], width=0.6)
                d.text(x, y + 8, number(gradients[k][u]), BACKWARD)
    d.key(back)
    return d


def big_network(sizes: Sequence[int], names: Sequence[str] = ()) -> Drawing:
    """A network too large to draw: some units of each layer, dots for the rest, the size above. Shapes: sizes (layers)."""
    names = names or [""] * len(sizes)
    d = Drawing(
        236,
        "A network of fully connected layers: "
        + ", then ".join(f"{s} {name}".strip() for s, name in zip(sizes, names, strict=True))
        + ".",
    )
    spots, step = [], (WIDTH - 2 * 36) / (len(sizes) - 1)
    for k, (s, name) in enumerate(zip(sizes, names, strict=True)):
        tall = 76 * min(1, 0.6 + s / 100)
        ys = np.linspace(126 - tall, 126 + tall, min(s, 6)) if s > 1 else [126]
        spots.append([(36 + k * step, float(y)) for u, y in enumerate(ys) if s <= 6 or u != 4])  # dots for the fifth
        d.text(36 + k * step, 10, str(s), high=13)
        d.text(36 + k * step, 26, name, QUIET)
        for x, y in spots[-1]:
            d.shape(Circle((x, y), 8), FORWARD, 1.3, 0.16)
        for dot in (-6, 0, 6) if s > 6 else ():
            d.shape(Circle((36 + k * step, ys[4] + dot), 1.1), INK, 0.9, 1)
    for k, (left, right) in enumerate(pairwise(spots)):
        for a, b in ((np.array(a), np.array(b)) for a in left for b in right):
            d.line([a + 9 * (b - a) / math.dist(a, b), b - 9 * (b - a) / math.dist(a, b)], width=0.45)
        d.text(36 + (k + 0.5) * step, 226, f"{sizes[k + 1]} × {sizes[k]} weights")
    return d
