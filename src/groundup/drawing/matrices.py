"""Matrix products, shapes side by side, and broadcasting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing
from groundup.drawing.style import FORWARD, INK, QUIET
from groundup.drawing.words import number, size


def product(a: Any, b: Any, at: tuple[int, int] = (0, 0), names: str = "ABC", letters: str = "ij") -> Drawing:
    """C = A @ B: A to the left, B above, C in the corner, one row × one column.

    Shapes: a (m, k) and b (k, n), tables of numbers; or, of tables too large to draw, the two shapes, with letters too.
    """
    big = np.ndim(a) == 1
    (m, k), (inner, n) = ab = (a, b) if big else (np.shape(a), np.shape(b))
    if k != inner or (not big and k + n > 14):
        raise ValueError(
            f"{size(ab[0])} @ {size(ab[1])}: " + ("inner lengths differ" if k != inner else "give the shapes alone")
        )
    thick = 12.0 if big else min(34.0, (WIDTH - 2 * MARGIN - 34) / (k + n))
    tall, long, wide = (44 + 18 * (math.log10(s) if isinstance(s, int) else 2) if big else s * thick for s in (m, k, n))
    left, top = (WIDTH - long - wide - 34) / 2, 26.0
    x, y = left + long + 34, top + long + 34
    row, column = (y + tall * 0.55, x + wide * 0.6) if big else (y + at[0] * thick, x + at[1] * thick)
    tables = [np.asarray(a), np.asarray(b), np.array([])]
    says = f"Row {letters[0]} of {names[0]} and column {letters[1]} of {names[1]}, both {k} long, give one number of {names[2]}"
    if not big:
        tables[2] = tables[0] @ tables[1]
        says = (
            " + ".join(
                "·".join(f"({number(v)})" if v < 0 else number(v) for v in pair)
                for pair in zip(tables[0][at[0]], tables[1][:, at[1]], strict=True)
            )
            + f" = {number(tables[2][at])}"
        )
    d = Drawing(
        y + tall + (10 if big else 34),
        f"{names[2]} = {names[0]} @ {names[1]}, {size(ab[0])} @ {size(ab[1])} → {size((m, n))}. "
        + f"Row {at[0]} times column {at[1]}: " * (not big)
        + f"{says}.",
    )
    for name, table, (u, v, w, h), strip in zip(
        names,
        tables,
        ((left, y, long, tall), (x, top, wide, long), (x, y, wide, tall)),
        ((left, row, long, thick), (column, top, thick, long), (column, row, thick, thick)),
        strict=True,
    ):
        if big:
            d.box((u, v), (w, h), QUIET)
        else:
            d.grid((u, v), table, thick)
        d.box(strip[:2], strip[2:], FORWARD, 2, 0.22)
        d.text(
            *((u + 15, v + 15) if big else (u + w / 2, v - 13)),
            f"${name}$" + ("" if big else f"  {size(table.shape)}"),
            high=15 if big else 11,
        )
    i, j = letters[0], letters[1]
    for u, v, words, colour, to in (
        (
            (left - 7, y + tall / 4, m, INK, "right"),
            (left + long / 2, y - 10, k, FORWARD, "center"),
            (x - 7, top + long / 2, k, FORWARD, "right"),
            (x + wide / 4, top - 10, n, INK, "center"),
            (left - 7, row + 6, f"${i}$", FORWARD, "right"),
            (column + 6, top - 10, f"${j}$", FORWARD, "center"),
            (x + wide + 6, row + 6, f"${names[2]}_{{{i}{j}}}$", FORWARD, "left"),
        )
        if big
        else ()
    ):
        d.text(u, v, str(words), colour, to, 14 if "$" in str(words) else 10)
    d.text(left + long / 2, top + long / 2, f"${names[2]} = {names[0]}\\,@\\,{names[1]}$", high=15)
    d.text(WIDTH / 2, y + tall + 20, "" if big else says, FORWARD)
    return d


def shapes(first: Sequence[int], second: Sequence[int]) -> Drawing:
    """Two shapes aligned on the right, and the shape that they stretch to; a stretched or missing length is dashed."""
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(s)) + tuple(s) for s in (first, second)]
    result = [q if p == 1 else p if q in (1, p) else "≠" for p, q in zip(*padded, strict=True)]
    says = "no fit" if "≠" in result else size(result)
    d = Drawing(134, f"{size(first)} and {size(second)}, aligned on the right: {says}.")
    w = min(74, 250 / dims)
    d.line([(MARGIN, 81), (WIDTH - MARGIN, 81)], INK)
    for y, own, lengths in ((20, first, padded[0]), (58, second, padded[1]), (108, result, result)):
        d.text(MARGIN, y, size(own) if own is not result else says, FORWARD if own is result else INK, "left")
        for c, (length, to) in enumerate(zip(lengths, result, strict=True)):
            x, missing = WIDTH - MARGIN - w * (dims - c) + 8, c < dims - len(own)
            dash = missing or (length == 1 and to not in (1, "≠"))
            d.box(
                (x, y - 14),
                (w - 8, 28),
                FORWARD if own is result else QUIET if dash else INK,
                tint=0.16 * (own is result and to != "≠"),
                dash=dash,
                rounding=4,
            )
            d.text(
                x + w / 2 - 4,
                y,
                f"{'(1)' if missing else length} → {to}" if dash else str(length),
                QUIET if dash else INK,
            )
    return d


def broadcast(a: Any, b: Any, sign: str = "+") -> Drawing:
    """Broadcasting with numbers: each part and, dashed, its copies; then the result. Shapes: those of a table together."""
    parts = [np.asarray(a), np.asarray(b)]
    parts.append({"+": np.add, "−": np.subtract, "×": np.multiply}[sign](*parts))
    rows, columns = parts[2].shape
    cell = min(26.0, (WIDTH - 2 * MARGIN - 48) / (3 * columns))
    d = Drawing(
        cell * rows + 38,
        f"{size(parts[0].shape)} {sign} {size(parts[1].shape)} → {size(parts[2].shape)}: "
        + f" {sign} ".join(str(p.tolist()) for p in parts[:2])
        + f" = {parts[2].tolist()}. Copies are dashed.",
    )
    for k, part in enumerate(parts):
        x = (WIDTH - 3 * columns * cell - 48) / 2 + k * (columns * cell + 24)
        own = set(np.ndindex((1,) * (2 - part.ndim) + part.shape))
        d.grid((x, 10), np.broadcast_to(part, (rows, columns)), cell, own, set(np.ndindex(rows, columns)) - own)
        d.text(x + columns * cell / 2, cell * rows + 25, size(part.shape))
        d.text(x + columns * cell + 12, 10 + cell * rows / 2, (sign, "=", "")[k], high=13)
    return d
