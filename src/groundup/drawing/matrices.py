"""Matrix products, shapes side by side, and broadcasting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Point
from groundup.drawing.style import FORWARD, INK, QUIET
from groundup.drawing.words import Matrix, extent, factor, number, size

GAP, TOP = 34.0, 26.0  # between the matrices of a product, and above them


def product(
    a: Matrix | Sequence[Any],
    b: Matrix | Sequence[Any],
    at: tuple[int, int] = (0, 0),
    names: str = "ABC",
    letters: str = "ij",
) -> Drawing:
    """C = A @ B: A to the left, B above, C in the corner, one row × one column.

    Shapes: a (m, k) and b (k, n), matrices of numbers; or, of matrices too large to draw, the two shapes, in which
    letters may stand for lengths.
    """
    if np.ndim(a) == 1:
        return _product_of_shapes(tuple(a), tuple(b), names, letters)
    left, right = np.asarray(a), np.asarray(b)
    shapes_given = f"{size(left.shape)} @ {size(right.shape)}"
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise ValueError(f"{shapes_given}: give two matrices whose inner lengths agree")
    (m, k), n = left.shape, right.shape[1]
    cell = min(34.0, (WIDTH - 2 * MARGIN - GAP) / (k + n))
    if cell < 22 or m > 12:
        raise ValueError(f"{shapes_given}: too large for numbers, give the two shapes in their place")
    if not (0 <= at[0] < m and 0 <= at[1] < n):
        raise ValueError(f"at={at}: the product has the shape {size((m, n))}")
    made = left @ right
    sum_ = " + ".join("·".join(map(factor, pair)) for pair in zip(left[at[0]], right[:, at[1]], strict=True))
    says = f"{sum_} = {number(made[at])}"
    drawing = Drawing(
        TOP + (k + m) * cell + GAP + 34,
        f"{names[2]} = {names[0]} @ {names[1]}, {shapes_given} → {size((m, n))}. "
        f"Row {at[0]} of {names[0]} times column {at[1]} of {names[1]} is one number of {names[2]}: {says}.",
    )
    x = (WIDTH - (k + n) * cell - GAP) / 2
    u, v = x + k * cell + GAP, TOP + k * cell + GAP
    row, column = v + at[0] * cell, u + at[1] * cell
    for name, matrix, corner, strip, inner in (
        (names[0], left, (x, v), (x, row), (k * cell, cell)),
        (names[1], right, (u, TOP), (column, TOP), (cell, k * cell)),
        (names[2], made, (u, v), (column, row), (cell, cell)),
    ):
        drawing.grid(corner, matrix, cell)
        drawing.box(strip, inner, FORWARD, 2, 0.22)
        middle = corner[0] + matrix.shape[1] * cell / 2
        drawing.text(middle, corner[1] - 13, f"${name}$  {size(matrix.shape)}", high=11)
    if extent(_formula(names), 15).width < k * cell:
        drawing.text(x + k * cell / 2, TOP + k * cell / 2, _formula(names), high=15)
    drawing.text(WIDTH / 2, v + m * cell + 20, says, FORWARD)
    return drawing.checked("take rounder numbers or smaller matrices, or give the two shapes in their place")


def _product_of_shapes(a: tuple[Any, ...], b: tuple[Any, ...], names: str, letters: str) -> Drawing:
    if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
        raise ValueError(f"{size(a)} @ {size(b)}: give two shapes of two lengths, the inner two equal")
    (m, k), n = a, b[1]
    tall, long, wide = (44 + 18 * (math.log10(max(s, 1)) if isinstance(s, int) else 2) for s in (m, k, n))
    i, j, thick = letters[0], letters[1], 12.0
    left = (WIDTH - long - wide - GAP) / 2
    x, y = left + long + GAP, TOP + long + GAP
    row, column = y + tall * 0.55, x + wide * 0.6
    drawing = Drawing(
        y + tall + 10,
        f"{names[2]} = {names[0]} @ {names[1]}, {size(a)} @ {size(b)} → {size((m, n))}. Row {i} of {names[0]} and "
        f"column {j} of {names[1]}, both {k} long, give one number of {names[2]}, in row {i} and column {j}.",
    )
    for name, corner, whole, strip, inner in (
        (names[0], (left, y), (long, tall), (left, row), (long, thick)),
        (names[1], (x, TOP), (wide, long), (column, TOP), (thick, long)),
        (names[2], (x, y), (wide, tall), (column, row), (thick, thick)),
    ):
        drawing.box(corner, whole, QUIET)
        drawing.box(strip, inner, FORWARD, 2, 0.22)
        drawing.text(corner[0] + 15, corner[1] + 15, f"${name}$", high=15)
    drawing.text(left - 7, y + tall / 4, str(m), to="right")
    drawing.text(left + long / 2, y - 10, str(k), FORWARD)
    drawing.text(x - 7, TOP + long / 2, str(k), FORWARD, "right")
    drawing.text(x + wide / 4, TOP - 10, str(n))
    drawing.text(left - 7, row + 6, f"${i}$", FORWARD, "right", 14)
    drawing.text(column + 6, TOP - 10, f"${j}$", FORWARD, high=14)
    drawing.text(x + wide + 6, row + 6, f"${names[2]}_{{{i}{j}}}$", FORWARD, "left", 14)
    drawing.text(left + long / 2, TOP + long / 2, _formula(names), high=15)
    return drawing.checked("give lengths of one to four digits, or letters")


def _formula(names: str) -> str:
    return f"${names[2]} = {names[0]}\\,@\\,{names[1]}$"


def shapes(first: Sequence[int], second: Sequence[int]) -> Drawing:
    """Two shapes aligned on the right, and the shape they broadcast to; a broadcast or missing length is dashed."""
    dims = max(len(first), len(second))
    if not 1 <= dims <= 4:
        raise ValueError(f"{dims} dimensions: 1 to 4 can be drawn")
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    result = [q if p == 1 else p if q in (1, p) else "≠" for p, q in zip(*padded, strict=True)]
    fit = "≠" not in result
    says = size(result) if fit else "no fit"
    place = next((c - dims for c in reversed(range(dims)) if result[c] == "≠"), 0)
    why = f"they do not fit: in dimension {place} stand {padded[0][place]} and {padded[1][place]}, and neither is 1"
    drawing = Drawing(
        134, f"{size(first)} and {size(second)}, aligned on the right: {f'together {says}' if fit else why}."
    )
    pitch = min(74.0, 250 / dims)
    drawing.line([(MARGIN, 81), (WIDTH - MARGIN, 81)], INK)
    for y, own, lengths in ((20, first, padded[0]), (58, second, padded[1])):
        drawing.text(MARGIN, y, size(own), to="left")
        for c, (length, to) in enumerate(zip(lengths, result, strict=True)):
            missing = c < dims - len(own)
            dash = missing or (length == 1 and to not in (1, "≠"))
            words = str(length) if not dash else f"{'(1)' if missing else length} → {to}"
            _length(drawing, (WIDTH - MARGIN - pitch * (dims - c) + 8, y), pitch, words, QUIET if dash else INK, dash)
    drawing.text(MARGIN, 108, says, FORWARD, "left")
    for c, to in enumerate(result):
        spot = (WIDTH - MARGIN - pitch * (dims - c) + 8, 108.0)
        _length(drawing, spot, pitch, str(to), FORWARD, tint=0.16 * (to != "≠"))
    return drawing.checked("take smaller lengths or fewer dimensions")


def _length(
    drawing: Drawing, spot: Point, pitch: float, words: str, colour: str, dash: bool = False, tint: float = 0
) -> None:
    x, y = spot
    drawing.box((x, y - 14), (pitch - 8, 28), colour, tint=tint, dash=dash, rounding=4)
    drawing.text(x + pitch / 2 - 4, y, words, INK if colour == FORWARD else colour, within=pitch - 12)


def broadcast(a: Any, b: Any, sign: str = "+") -> Drawing:
    """Broadcasting with numbers: each part and, dashed, its copies; then the result, a matrix. Shapes: two that fit."""
    signs = {"+": np.add, "−": np.subtract, "-": np.subtract, "×": np.multiply, "*": np.multiply}
    if sign not in signs:
        raise ValueError(f"sign {sign!r}: one of + − × can be drawn")
    first, second, sign = np.asarray(a), np.asarray(b), sign.replace("-", "−").replace("*", "×")
    says = f"{size(first.shape)} {sign} {size(second.shape)}"
    try:
        made = signs[sign](first, second)
    except ValueError:
        raise ValueError(f"{says}: these do not fit, draw them with shapes") from None
    if made.ndim != 2:
        raise ValueError(f"{says}: what comes out has {made.ndim} dimensions, and 2 can be drawn")
    rows, columns = made.shape
    cell = min(26.0, (WIDTH - 2 * MARGIN - 48) / (3 * columns))
    if cell < 18:
        raise ValueError(f"{says}: up to 5 columns can be read, draw more with shapes")
    drawing = Drawing(
        cell * rows + 38,
        f"{says} → {size(made.shape)}: {_numbers(first)} {sign} {_numbers(second)} = {_numbers(made)}. "
        "What is repeated to fit is dashed.",
    )
    for k, part in enumerate((first, second, made)):
        x = (WIDTH - 3 * columns * cell - 48) / 2 + k * (columns * cell + 24)
        own = set(np.ndindex((1,) * (2 - part.ndim) + part.shape))
        ghosts = set(np.ndindex(rows, columns)) - own
        drawing.grid((x, 10), np.broadcast_to(part, (rows, columns)), cell, own, ghosts)
        drawing.text(x + columns * cell / 2, cell * rows + 25, size(part.shape))
        drawing.text(x + columns * cell + 12, 10 + cell * rows / 2, (sign, "=", "")[k], high=13)
    return drawing.checked("take shorter numbers or fewer columns")


def _numbers(array: np.ndarray) -> str:
    if array.ndim == 0:
        return number(float(array))
    return f"[{', '.join(map(_numbers, array))}]"
