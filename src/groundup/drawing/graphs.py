"""Computational graphs: the value of each step above its line, its gradient below."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from groundup.drawing.layout import Layout, Leaf, lay_out
from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Point
from groundup.drawing.steps import Step, from_expression, from_objects, named
from groundup.drawing.style import BACKWARD, FORWARD, INK
from groundup.drawing.words import extent, number, plain, size

ROW, HALF = 62.0, 11.0  # the pitch of rows, half the height of a step
REMEDY = "name a part and draw it by itself"


def graph(
    expression: Any,
    known: Mapping[str, Any] | None = None,
    below: Mapping[str, str] | None = None,
    letters: Mapping[int, str] | None = None,
) -> Drawing:
    """The steps of "L = ...", left to right: the value of each above its line, its gradient below.

    Shapes: `known` has a value for each name. The gradients of scalars are found by finite differences. Of tensors the
    shapes are shown, with `letters` for lengths, and `below` says gradients in words, under the source of their step.
    In place of an expression an object of one's own autograd engine, such as the loss: see `from_objects`; `known` then
    gives the objects their names, and `below` goes by these.
    """
    known, below = known or {}, dict(below or {})
    if isinstance(expression, str):
        name, formula = (part.strip() for part in expression.split("=", 1)) if "=" in expression else ("", expression)
        steps, title = from_expression(formula, known), expression
        below = {ast.unparse(ast.parse(source, mode="eval")): words for source, words in below.items()}
    else:
        steps = from_objects(expression, known)
        name = title = steps[-1].source
    if not steps[-1].inputs:
        raise ValueError(f"{title or steps[-1].label}: nothing is computed, so that there is no graph")
    unknown = below.keys() - {step.source for step in steps}
    if unknown:
        raise ValueError(f"below: {', '.join(sorted(unknown))} is no step of the graph")
    values, gradients = _texts(steps, below, letters or {})
    return _draw(steps, values, gradients, name, _alt(title, steps, values, gradients))


def _texts(
    steps: list[Step], below: Mapping[str, str], letters: Mapping[int, str]
) -> tuple[dict[Step, str], dict[Step, str]]:
    """What stands above and below each step: numbers, or the shapes of tensors."""
    tensors = any(np.ndim(step.value) for step in steps)

    def text(value: Any) -> str:
        return size([letters.get(n, str(n)) for n in np.shape(value)]) if tensors else number(float(value))

    told = [step for step in steps if not step.constant]
    values = {step: text(step.value) for step in told}
    gradients = {step: text(step.gradient) for step in told if step.gradient is not None}
    gradients |= {step: below[step.source] for step in told if step.source in below}
    return values, gradients


def _alt(title: str, steps: list[Step], values: Mapping[Step, str], gradients: Mapping[Step, str]) -> str:
    said: list[list[str]] = [[], []]
    for step in values:
        text = f"{plain(step.label)} {values[step]}"
        text += f" (gradient {plain(gradients[step])})" if step in gradients else ""
        takers = sum(other.inputs.count(step) for other in steps)
        said[bool(step.inputs)].append(text + f", taken {takers} times" * (takers > 1))
    of = f" of {title}" if title else ""
    return f"The computational graph{of}. Given: {'; '.join(said[0])}. Steps, left to right: {'; '.join(said[1])}."


def _draw(steps: list[Step], values: Mapping[Step, str], gradients: Mapping[Step, str], name: str, alt: str) -> Drawing:
    layout, root = lay_out(steps), steps[-1]
    high = 9.4 if any(map(np.ndim, (step.value for step in steps))) else 10.0
    cards = [line for leaf in layout.leaves for line in _lines_of(leaf.step, values, gradients, high)]
    card = max(36, 6 + max((extent(*line).width for line in cards), default=0))
    pitch = min(80.0, (WIDTH - 2 * MARGIN - card / 2 - 8) / (root.column + 1))
    if pitch < 43:
        raise ValueError(f"{root.column + 1} steps in a row, and 7 can be read: {REMEDY}")
    if card > pitch:
        raise ValueError(f"numbers too wide for {root.column + 1} steps in a row: take rounder ones, or {REMEDY}")
    rows = [row for _, row in layout.cells.values()] + [leaf.cell[1] for leaf in layout.leaves]
    lanes = sorted({*rows, *(row for _, _, row in layout.bent)})
    drawing = Drawing(39 + ROW * len(lanes), alt)

    left = (WIDTH - pitch * (root.column + 1) + card / 2 - 8) / 2

    def spot(column: int, row: int) -> Point:
        return left + pitch * column, 55 + ROW * lanes.index(row)

    half = {step: max(HALF, 6 + extent(step.label).width / 2) for step in steps if step.inputs}
    for step, cell in layout.cells.items():
        x, y = spot(*cell)
        drawing.box((x - half[step], y - HALF), (2 * half[step], 2 * HALF), FORWARD, 1.2, 0.14, rounding=10.9)
        drawing.text(x, y, step.label)
        ahead = [end for start, end in layout.along if start is step]
        stop = (
            x + pitch - (half[ahead[0]] if ahead and ahead[0].column == step.column + 1 else 9 if step is root else 0)
        )
        room, middle = stop - x - half[step], (x + half[step] + stop) / 2
        for words, colour, lift in ((values[step], FORWARD, -18), (gradients.get(step, ""), BACKWARD, 18)):
            size_ = 11 if "$" in words else high
            if extent(words, size_).width > room + 2 * HALF - 4:
                raise ValueError(f"{plain(words)} does not fit between two of {root.column + 1} steps: {REMEDY}")
            drawing.text(middle, y + lift, words, colour, high=size_)
    _lines(drawing, layout, spot, half)
    for leaf in layout.leaves:
        _leaf(drawing, leaf, spot(*leaf.cell), spot(*layout.cells[leaf.taker]), card, high, values, gradients)
    x, y = spot(*layout.cells[root])
    drawing.line([(x + half[root], y), (x + pitch - 8, y)], head=6)
    drawing.text(x + pitch, y, named(name) if name else "", high=14)
    drawing.key(bool(gradients))
    return drawing.checked(REMEDY)


def _lines(drawing: Drawing, layout: Layout, spot: Any, half: Mapping[Step, float]) -> None:
    for start, end in layout.along:
        (x, y), (u, _) = spot(*layout.cells[start]), spot(*layout.cells[end])
        drawing.line([(x + half[start], y), (u - half[end], y)], head=6)
    for start, end, row in layout.bent:
        (x, y), (u, v) = spot(*layout.cells[start]), spot(*layout.cells[end])
        lane = spot(0, row)[1]
        into = (u, v - math.copysign(HALF, v - lane))
        if lane == y:
            drawing.line([(x + half[start], y), (u, y), into], head=6)
        else:
            drawing.line([(x, y + math.copysign(HALF, lane - y)), (x, lane), (u, lane), into], head=6)


def _lines_of(
    step: Step, values: Mapping[Step, str], gradients: Mapping[Step, str], high: float
) -> list[tuple[str, float]]:
    """The three lines of a card, and how high they are: value, name, gradient."""
    below = gradients.get(step, "")
    named_ = (step.label, 13 if "$" in step.label else 10)
    return [(values.get(step, ""), high), named_, (below, 11 if "$" in below else high)]


def _leaf(
    drawing: Drawing,
    leaf: Leaf,
    place: Point,
    taker: Point,
    card: float,
    high: float,
    values: Mapping[Step, str],
    gradients: Mapping[Step, str],
) -> None:
    """A card with the value on top, the name in the middle and the gradient at the bottom, and its line."""
    (x, y), step, side = place, leaf.step, math.copysign(1, taker[1] - place[1])
    drawing.box((x - card / 2, y - 22), (card, 44), INK, dash=leaf.again)
    lines = _lines_of(step, values, gradients, high)
    if leaf.again and (name := named(step.source)).startswith("$"):
        lines[1] = (name, 13)  # a step that is drawn a second time: its name, if it has one
    for (words, size_), colour, lift in zip(lines, (FORWARD, INK, BACKWARD), (-14, 0, 14), strict=True):
        drawing.text(x, y + lift, words, colour, high=size_)
    drawing.line([(x, y + 22 * side), (x, taker[1] - HALF * side)], head=6)
