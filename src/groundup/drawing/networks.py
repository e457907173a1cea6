"""Layered networks: with every number, and too large for numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.patches import Circle

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Point
from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET
from groundup.drawing.words import Matrix, extent, listed, number, plain, size

RADIUS, PITCH, STUB = 20.0, 110.0, 22.0
SMALLER = "3 layers of 3 units can be read, or 4 of 2: draw more with big_network"


def network(
    layers: Matrix,
    weights: Sequence[Matrix],
    gradients: Matrix = (),
    weight_gradients: Sequence[Matrix] = (),
    names: Sequence[str] = (),
    biases: Matrix = (),
    bias_gradients: Matrix = (),
) -> Drawing:
    """A layered network with its numbers, values above and gradients below, in the units and on the lines.

    Shapes: layers[l] and gradients[l] (D_l); weights[l] and weight_gradients[l] (D_l+1, D_l); biases[l] and
    bias_gradients[l] (D_l+1), which enter their unit from below.
    """
    back = len(gradients) + len(weight_gradients) + len(bias_gradients) > 0
    _compare(layers, weights, gradients, weight_gradients, biases, bias_gradients)
    most, count = max(map(len, layers)), len(layers)
    if count > 4 or count * most > 9:
        raise ValueError(f"{count} layers of up to {most} units: {SMALLER}")
    if len(weight_gradients) and max(map(np.size, weights)) > 6:
        raise ValueError("3 × 3 weights with their gradients cannot be read: 2 × 3 say the same, or leave them out")
    labels = [plain(name) for name in names] or ["inputs", *[f"layer {k}" for k in range(1, count)]]
    below = (STUB + 12 + 13 * (len(bias_gradients) > 0)) * (len(biases) > 0)
    drawing = Drawing(
        PITCH * (most - 1) + 2 * RADIUS + 62 + below,
        _forward(layers, weights, biases, labels) + _backward(gradients, weight_gradients, bias_gradients, labels),
    )
    step, middle = (WIDTH - 2 * (MARGIN + RADIUS)) / (count - 1), 50 + RADIUS + PITCH * (most - 1) / 2
    spots = [
        [(MARGIN + RADIUS + step * k, middle + PITCH * (u - (len(units) - 1) / 2)) for u in range(len(units))]
        for k, units in enumerate(layers)
    ]
    for k, matrix in enumerate(weights):
        gradient = weight_gradients[k] if len(weight_gradients) else ()
        shown = [number(float(weight)) for weight in np.ravel([*matrix, *gradient])]
        wide = max(extent(words).width for words in shown)
        along = max(1 / (len(matrix) + 1), (RADIUS + 3 + wide / 2) / step)  # evenly apart, and clear of the units
        for j, i in np.ndindex(np.shape(matrix)):
            lines = [(number(float(matrix[j][i])), INK)]
            lines += [(number(float(gradient[j][i])), BACKWARD)] if len(gradient) else []
            _edge(drawing, spots[k][i], spots[k + 1][j], lines, along)
    for k, units in enumerate(spots):
        drawing.text(units[0][0], units[0][1] - RADIUS - 11, names[k] if names else "", high=14)
        for u, (x, y) in enumerate(units):
            if k and len(biases):
                drawing.line([(x, y + RADIUS + STUB), (x, y + RADIUS)], INK, head=6)
                drawing.text(x, y + RADIUS + STUB + 8, signed(float(biases[k - 1][u])))
            if k and len(bias_gradients):
                drawing.text(x, y + RADIUS + STUB + 21, number(float(bias_gradients[k - 1][u])), BACKWARD)
            drawing.shape(Circle((x, y), RADIUS), INK, 1.3)
            drawing.text(x, y - 7.5 * (len(gradients) > 0), number(float(layers[k][u])), FORWARD, within=2 * RADIUS - 3)
            if len(gradients):
                drawing.line([(x - 16, y), (x + 16, y)], width=0.6)
                drawing.text(x, y + 8, number(float(gradients[k][u])), BACKWARD, within=2 * RADIUS - 3)
    drawing.key(back, "↑ biases" if len(biases) else "")
    return drawing.checked(SMALLER)


def signed(value: float) -> str:
    """A number that is added: +0.5, −2."""
    return number(value) if value < 0 else f"+{number(value)}"


def _vector(values: Sequence[Any] | np.ndarray) -> str:
    return listed(values) if len(values) == 1 else f"({listed(values)})"


def _rows(matrix: Matrix) -> str:
    return f"[{'; '.join(map(listed, matrix))}]"


def _edge(drawing: Drawing, start: Point, end: Point, lines: Sequence[tuple[str, str]], along: float) -> None:
    """A line between two units that is broken where its labels stand."""
    a, b = np.array(start), np.array(end)
    spot, way = a + (b - a) * along, (b - a) / math.dist(a, b)
    wide, high = 4 + 3 * max(len(words) for words, _ in lines), 2 + 6.5 * len(lines)
    gap = min(wide / abs(way[0]), high / max(abs(way[1]), 1e-9)) * way
    if (spot - gap - a) @ way > RADIUS:
        drawing.line([a + RADIUS * way, spot - gap])
    drawing.line([spot + gap, b - RADIUS * way], head=6)
    for n, (words, colour) in enumerate(lines):
        drawing.text(spot[0], spot[1] + 13 * (n - (len(lines) - 1) / 2), words, colour)


def _compare(
    layers: Matrix,
    weights: Sequence[Matrix],
    gradients: Matrix,
    weight_gradients: Sequence[Matrix],
    biases: Matrix,
    bias_gradients: Matrix,
) -> None:
    """Refuse numbers that do not belong to these layers."""
    if len(layers) < 2:
        raise ValueError(f"{len(layers)} layers: give the inputs and at least one layer more")
    units = [(len(layer),) for layer in layers]
    edges = [(len(after), len(before)) for before, after in pairwise(layers)]
    for name, given, wanted in (
        ("weights", weights, edges),
        ("gradients", gradients, units),
        ("weight_gradients", weight_gradients, edges),
        ("biases", biases, units[1:]),
        ("bias_gradients", bias_gradients, units[1:]),
    ):
        found = [np.shape(part) for part in given]
        if (found or name == "weights") and found != wanted:
            raise ValueError(f"{name} of shapes {listed(found, size)}: these layers need {listed(wanted, size)}")


def _forward(layers: Matrix, weights: Sequence[Matrix], biases: Matrix, names: Sequence[str]) -> str:
    """What the values say."""
    text = (
        f"A network of {len(layers)} layers with {listed(map(len, layers), str)} units, each joined to all of the "
        f"next layer. Forward, {names[0]} = {_vector(layers[0])}"
    )
    for k, layer in enumerate(layers[1:]):
        bias = f" and biases {_vector(biases[k])}" if len(biases) else ""
        text += f"; weights {_rows(weights[k])}{bias} give {names[k + 1]} = "
        text += _vector(layer)
    return text + "."


def _backward(
    gradients: Matrix, weight_gradients: Sequence[Matrix], bias_gradients: Matrix, names: Sequence[str]
) -> str:
    """What the gradients say, from the last layer to the first."""
    said = []
    for k in reversed(range(len(names))):
        if len(gradients):
            said.append(f"that of {names[k]} is {_vector(gradients[k])}")
        if k and len(weight_gradients):
            said.append(f"that of the weights before it {_rows(weight_gradients[k - 1])}")
        if k and len(bias_gradients):
            said.append(f"that of its biases {_vector(bias_gradients[k - 1])}")
    return f" Backward, the gradient goes from the last layer to the first: {', '.join(said)}." if said else ""


def big_network(sizes: Sequence[int], names: Sequence[str] = ()) -> Drawing:
    """A network too large to draw: some units of a layer, dots for the rest, the size above. Shapes: sizes (layers)."""
    if not 2 <= len(sizes) <= 4 or len(names) not in (0, len(sizes)):
        raise ValueError(f"{len(sizes)} layers with {len(names)} names: give 2 to 4 sizes, and a name for each or none")
    names = names or [""] * len(sizes)
    told = [f"{units} {name}".strip() for units, name in zip(sizes, names, strict=True)]
    drawing = Drawing(
        236,
        f"A network of fully connected layers: {', then '.join(told)}. "
        f"Between them stand {' and '.join(f'{b} × {a} = {a * b:,}' for a, b in pairwise(sizes))} weights.",
    )
    step = (WIDTH - 2 * 36) / (len(sizes) - 1)
    spots: list[list[Point]] = []
    for k, (units, name) in enumerate(zip(sizes, names, strict=True)):
        x, tall = 36 + k * step, 76 * min(1, 0.6 + units / 100)
        ys = np.linspace(126 - tall, 126 + tall, min(units, 6)) if units > 1 else np.array([126.0])
        spots.append([(x, float(y)) for u, y in enumerate(ys) if units <= 6 or u != 4])  # dots for the fifth
        drawing.text(x, 10, str(units), high=13)
        drawing.text(x, 26, name, QUIET)
        for spot in spots[-1]:
            drawing.shape(Circle(spot, 8), FORWARD, 1.3, 0.16)
        for dot in (-6, 0, 6) if units > 6 else ():
            drawing.shape(Circle((x, ys[4] + dot), 1.1), INK, 0.9, 1)
    for k, (left, right) in enumerate(pairwise(spots)):
        for a, b in ((np.array(a), np.array(b)) for a in left for b in right):
            way = (b - a) / math.dist(a, b)
            drawing.line([a + 9 * way, b - 9 * way], width=0.45)
        drawing.text(36 + (k + 0.5) * step, 226, f"{sizes[k + 1]} × {sizes[k]} weights")
    return drawing.checked("shorten the names, or draw fewer layers")
