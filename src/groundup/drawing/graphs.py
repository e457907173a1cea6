"""Computational graphs: the steps of an expression, their values and their gradients."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing
from groundup.drawing.style import BACKWARD, FORWARD, INK
from groundup.drawing.words import number, size

SIGNS = {"Add": "+", "Sub": "−", "Mult": "×", "MatMult": "@", "Div": "÷", "Pow": "^", "USub": "−"}


class _Step:
    """One step of an expression: its source, its sign, the steps it takes its inputs from, and its place."""

    def __init__(self, tree: Any, steps: list[_Step]) -> None:
        parts = {ast.BinOp: ("left", "right"), ast.UnaryOp: ("operand",), ast.Call: ("args",)}.get(type(tree), ())
        inputs = [i for part in parts for i in np.atleast_1d(np.array(getattr(tree, part), dtype=object))]
        self.source, self.row, self.constant = ast.unparse(tree), -99, isinstance(tree, ast.Constant)
        self.again = any(s.source == self.source for s in steps)  # a leaf is drawn for each step that takes it
        self.label = f"${self.source}$" if len(self.source) == 1 else self.source
        if isinstance(tree, ast.Call):
            self.label = ast.unparse(tree.func)
        elif inputs:
            self.label = SIGNS[type(tree.op).__name__]
        if self.label == "^" and isinstance(inputs[1], ast.Constant):
            self.label = f"( ){'⁰¹²³⁴⁵⁶⁷⁸⁹'[inputs.pop().value]}"
        known = [{s.source: s for s in steps if s.inputs}.get(ast.unparse(i)) for i in inputs]
        self.inputs: list[_Step] = [step or _Step(i, steps) for step, i in zip(known, inputs, strict=True)]
        self.column: int = 1 + max((s.column for s in self.inputs if s.inputs), default=-1)
        steps.append(self)

    def place(self, row: int) -> None:
        """The longest input keeps the row; others go above it or below, leaves next to the step that takes them."""
        self.row = row
        spine = max((s for s in self.inputs if s.inputs and s.row == -99), key=lambda s: s.column, default=None)
        for k, step in enumerate(self.inputs):
            if step.row == -99:
                side = -1 if k < (self.inputs.index(spine) if spine else 1) else 1
                if not step.inputs:
                    step.column = self.column
                    step.place(row + side)
                else:
                    step.place(row if step is spine else row + 3 * (side if row == 0 else int(math.copysign(1, row))))


class _Nudge(ast.NodeTransformer):
    """An expression with a little added to one step of it."""

    def __init__(self, source: str, by: float) -> None:
        self.source, self.by = source, by

    def visit(self, node: ast.AST) -> ast.AST:
        found = isinstance(node, ast.expr) and ast.unparse(node) == self.source
        return ast.BinOp(node, ast.Add(), ast.Constant(self.by)) if found else self.generic_visit(node)  # type: ignore[arg-type]


def graph(
    expression: str, known: dict[str, Any], below: dict[str, str] | None = None, letters: dict[int, str] | None = None
) -> Drawing:
    """The steps of "L = ...", left to right: the value of each above its line, its gradient below.

    Shapes: `known` has a value for each name. The gradients of scalars are found by nudging. Of tensors the shapes are
    shown, with `letters` for lengths, and `below` says gradients in words, under the source of their step.
    """
    name, formula = (part.strip() for part in expression.split("=", 1))
    steps: list[_Step] = []
    root = _Step(ast.parse(formula, mode="eval").body, steps)
    root.place(0)
    values, under = {s.source: eval(s.source, dict(known)) for s in steps}, dict(below or {})
    tensors = any(map(np.ndim, values.values()))
    above = {
        s: size([(letters or {}).get(n, n) for n in np.shape(v)]) if tensors else number(v) for s, v in values.items()
    }
    for s in () if tensors else steps:
        up, down = (
            eval(ast.unparse(_Nudge(s.source, by).visit(ast.parse(formula, mode="eval"))), dict(known))
            for by in (1e-5, -1e-5)
        )
        under[s.source] = number(round((up - down) / 2e-5, 6))
    card, high, rows = (45, 9.4, 62.0) if tensors else (36, 10, 62.0)
    pitch = min(80.0, (WIDTH - 2 * MARGIN - card / 2 - 8) / (root.column + 1))
    if pitch < 43:
        raise ValueError(f"{root.column + 1} steps in a row, and 7 can be read: name a part and draw it by itself")
    lanes = sorted({s.row for s in steps})
    said = [
        "; ".join(
            f"{s.label} {above[s.source]}" + f" (gradient {under.get(s.source)})" * (s.source in under)
            for s in steps
            if bool(s.inputs) is op and not s.again and not s.constant
        )
        for op in (False, True)
    ]
    alt = f"The graph of {expression}. Given: {said[0]}. Steps: {said[1]}."
    d = Drawing(39 + rows * len(lanes), alt.replace("$", "").replace("^T", "ᵀ").replace("_", ""))
    spots = {s: (MARGIN + card / 2 + pitch * s.column, 55 + rows * lanes.index(s.row)) for s in steps}
    half = {s: 11 if "$" in s.label or len(s.label) < 3 else 5 + 2.8 * len(s.label) for s in steps}
    for s, (x, y) in spots.items():
        after = [t for t in steps if s in t.inputs]
        along = [t for t in after if t.row == s.row]
        grad, lift = under.get(s.source, ""), 18 if s.inputs else 14
        if s.inputs:
            d.box((x - half[s], y - 11), (2 * half[s], 22), FORWARD, 1.2, 0.14, rounding=10.9)
        else:
            d.box((x - card / 2, y - 22), (card, 44), INK, dash=s.again, rounding=4)
        d.text(x, y, s.label, high=13 if "$" in s.label else 10)
        end = x + pitch - (half[along[0]] if along else 9 if s is root else 0)
        middle = (x + half[s] + end) / 2 if s.inputs else x
        d.text(middle, y - lift, "" if s.constant else above[s.source], FORWARD, high=high)
        d.text(middle, y + lift, "" if s.constant else grad, BACKWARD, high=11 if "$" in grad else 10)
        for t in after:
            u, v = spots[t]
            side = math.copysign(1, v - y)
            if t in along:
                d.line([(x + half[s], y), (u - half[t], v)], head=6)
            elif s.inputs:
                d.line([(x + half[s], y), (u, y), (u, v - 11 * side)], head=6)
            else:
                d.line([(x, y + 22 * side), (x, v - 11 * side)], head=6)
    x, y = spots[root]
    d.line([(x + half[root], y), (x + pitch - 8, y)], head=6)
    d.text(x + pitch, y, f"${name}$", high=14)
    d.key(bool(under))
    return d
