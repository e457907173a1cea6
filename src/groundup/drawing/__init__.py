"""Drawings of structure: networks, graphs, products, shapes, strides, kernels, blocks and descents.

Each is 358 units wide, a unit being a pixel on a phone and a point in the SVG, and y grows downwards. Blue is forward,
orange is backward and nothing else; values stand above, gradients below; what is not really there (padding, copies)
is dashed. Every function gives back a `Drawing`, which says in words what it shows: `.alt`. Import groundup.plot
first: it sets the fonts.
"""

import ast
import io
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch, Polygon
from matplotlib.path import Path

INK, FORWARD, BACKWARD, QUIET = "#0a0b0c", "#4c78dc", "#c4611d", "#7c7f86"  # the last three read on white and on black
THEMES = {"light": ("#2b2f38", "#3564cf", "#b0500e", "#666b75"), "dark": ("#c9ceda", "#82a6f7", "#ef9a5d", "#969ca9")}
WIDTH, MARGIN = 358.0, 10.0
SIGNS = {"Add": "+", "Sub": "−", "Mult": "×", "MatMult": "@", "Div": "÷", "Pow": "^", "USub": "−"}

Point = tuple[float, float]
Table = Sequence[Sequence[Any]] | np.ndarray


def number(value: float) -> str:
    """Two decimals at most, no needless zeros, a true minus: 3.75, −2, 0, 1.5e−4."""
    text = f"{value:.1e}".replace("e-0", "e-") if 0 < abs(value) < 0.005 else f"{value:.2f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace("-", "−")


def listed(values: Iterable[Any], form: Callable[[Any], str] = number) -> str:
    return ", ".join(map(form, values))


def size(shape: Sequence[object]) -> str:
    """A shape as Python writes it: (N, 784), (10,)."""
    return f"({listed(shape, str)}{',' if len(shape) == 1 else ''})"


class Drawing:
    """A sheet 358 wide and `height` high, what is drawn on it, and `alt`, the same in words."""

    def __init__(self, height: float, alt: str) -> None:
        self.height, self.alt = height, alt
        self.figure = plt.figure(figsize=(WIDTH / 72, height / 72))
        self.ax = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        self.ax.set_axis_off()

    def svg(self, theme: str = "light") -> str:
        """The drawing as the site shows it, the same bytes each time."""
        self.figure.savefig(file := io.StringIO(), format="svg", transparent=True, metadata={"Date": None})
        text = file.getvalue()
        for drawn, shown in zip((INK, FORWARD, BACKWARD, QUIET), THEMES[theme], strict=True):
            text = text.replace(drawn, shown)
        return text

    def text(self, x: float, y: float, words: str, colour: str = INK, to: str = "center", high: float = 10) -> None:
        """Words on a line whose middle is at `y`, so that neighbours share a baseline."""
        self.ax.text(x, y + (0.25 if "$" in words else 0.36) * high, words, color=colour, size=high, ha=to)

    def line(self, points: Sequence[Point], colour: str = QUIET, width: float = 1, head: float = 0) -> None:
        """A line through `points`, with a head of this length at its end."""
        style = f"-|>,head_length={head},head_width={head / 2.6}" if head else "-"
        self.ax.add_patch(FancyArrowPatch(path=Path(points), arrowstyle=style, mutation_scale=1, color=colour, lw=width,
                                          fill=bool(head), joinstyle="round", capstyle="butt", shrinkA=0, shrinkB=0))

    def shape(self, patch: Patch, colour: str = INK, width: float = 1.1, tint: float = 0, dash: bool = False) -> None:
        """The outline of a patch, and a tint inside through which the page is seen."""
        patch.set(facecolor=(colour, tint), edgecolor=colour, linewidth=width, linestyle=(0, (2.5, 2)) if dash else "-")
        self.ax.add_patch(patch)

    def box(self, x: float, y: float, w: float, h: float, colour: str = INK, width: float = 1.1, tint: float = 0,
            dash: bool = False, corner: float = 0) -> None:
        """A box from its corner (x, y)."""
        style = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
        self.shape(FancyBboxPatch((x, y), w, h, boxstyle=style), colour, width, tint, dash)

    def grid(self, x: float, y: float, table: Table, cell: float, marked: Iterable[tuple[int, ...]] = (),
             ghosts: Iterable[tuple[int, ...]] = ()) -> None:
        """Cells with numbers from the corner (x, y). Shapes: table (rows, columns); marked and ghosts are places."""
        marked, ghosts = set(marked), set(ghosts)
        for (r, c), entry in np.ndenumerate(np.asarray(table, dtype=float)):
            inset, tint = 2.5 * ((r, c) in ghosts), 0.22 * ((r, c) in marked)
            self.box(x + c * cell + inset, y + r * cell + inset, cell - 2 * inset, cell - 2 * inset,
                     FORWARD if tint else QUIET, 0.8, tint, dash=inset > 0)
            self.text(x + (c + 0.5) * cell, y + (r + 0.5) * cell, number(entry), QUIET if inset else INK)

    def key(self, back: bool) -> None:
        """Which way is which: values and gradients differ in colour, in place and in direction."""
        self.text(MARGIN, 10, "values, forward →", FORWARD, "left")
        self.text(WIDTH - MARGIN, 10, "← gradients, backward" if back else "", BACKWARD, "right")


def network(layers: Table, weights: Sequence[Table], gradients: Table = (), weight_gradients: Sequence[Table] = (),
            names: Sequence[str] = ()) -> Drawing:
    """A layered network with its numbers, values above and gradients below, in the units and on the lines.

    Shapes: layers[l] and gradients[l] (D_l); weights[l] and weight_gradients[l] (D_l+1, D_l).
    """
    most, r, pitch, back = max(map(len, layers)), 20.0, 110.0, len(gradients) > 0
    if len(layers) * most > 9:
        raise ValueError("3 layers of 3 units can be read, or 4 of 2: draw more with big_network")
    d = Drawing(pitch * (most - 1) + 2 * r + 62, f"A network of {len(layers)} layers, each unit joined to all of the next. "
                f"Values: {' | '.join(map(listed, layers))}." + f" Gradients: {' | '.join(map(listed, gradients))}." * back)
    step, middle = (WIDTH - 2 * (MARGIN + r)) / (len(layers) - 1), 50 + r + pitch * (most - 1) / 2
    spots = [np.array([(MARGIN + r + step * k, middle + pitch * (u - (len(units) - 1) / 2)) for u in range(len(units))])
             for k, units in enumerate(layers)]
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
    d = Drawing(236, "A network of fully connected layers: " + ", then ".join(
        f"{s} {name}".strip() for s, name in zip(sizes, names, strict=True)) + ".")
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


class _Step:
    """One step of an expression: its source, its sign, the steps it takes its inputs from, and its place."""

    def __init__(self, tree: Any, steps: list["_Step"]) -> None:
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


def graph(expression: str, known: dict[str, Any], below: dict[str, str] | None = None,
          letters: dict[int, str] | None = None) -> Drawing:
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
    above = {s: size([(letters or {}).get(n, n) for n in np.shape(v)]) if tensors else number(v)
             for s, v in values.items()}
    for s in () if tensors else steps:
        up, down = (eval(ast.unparse(_Nudge(s.source, by).visit(ast.parse(formula, mode="eval"))), dict(known))
                    for by in (1e-5, -1e-5))
        under[s.source] = number(round((up - down) / 2e-5, 6))
    card, high, rows = (45, 9.4, 62.0) if tensors else (36, 10, 62.0)
    pitch = min(80.0, (WIDTH - 2 * MARGIN - card / 2 - 8) / (root.column + 1))
    if pitch < 43:
        raise ValueError(f"{root.column + 1} steps in a row, and 7 can be read: name a part and draw it by itself")
    lanes = sorted({s.row for s in steps})
    said = ["; ".join(f"{s.label} {above[s.source]}" + f" (gradient {under.get(s.source)})" * (s.source in under)
                      for s in steps if bool(s.inputs) is op and not s.again and not s.constant) for op in (False, True)]
    alt = f"The graph of {expression}. Given: {said[0]}. Steps: {said[1]}."
    d = Drawing(39 + rows * len(lanes), alt.replace("$", "").replace("^T", "ᵀ").replace("_", ""))
    spots = {s: (MARGIN + card / 2 + pitch * s.column, 55 + rows * lanes.index(s.row)) for s in steps}
    half = {s: 11 if "$" in s.label or len(s.label) < 3 else 5 + 2.8 * len(s.label) for s in steps}
    for s, (x, y) in spots.items():
        after = [t for t in steps if s in t.inputs]
        along = [t for t in after if t.row == s.row]
        grad, lift = under.get(s.source, ""), 18 if s.inputs else 14
        if s.inputs:
            d.box(x - half[s], y - 11, 2 * half[s], 22, FORWARD, 1.2, 0.14, corner=10.9)
        else:
            d.box(x - card / 2, y - 22, card, 44, INK, dash=s.again, corner=4)
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


def product(a: Any, b: Any, at: tuple[int, int] = (0, 0), names: str = "ABC", letters: str = "ij") -> Drawing:
    """C = A @ B: A to the left, B above, C in the corner, one row × one column.

    Shapes: a (m, k) and b (k, n), tables of numbers; or, of tables too large to draw, the two shapes, with letters too.
    """
    big = np.ndim(a) == 1
    (m, k), (inner, n) = ab = (a, b) if big else (np.shape(a), np.shape(b))
    if k != inner or (not big and k + n > 14):
        raise ValueError(f"{size(ab[0])} @ {size(ab[1])}: " + ("inner lengths differ" if k != inner else "give the shapes alone"))
    thick = 12.0 if big else min(34.0, (WIDTH - 2 * MARGIN - 34) / (k + n))
    tall, long, wide = (44 + 18 * (math.log10(s) if isinstance(s, int) else 2) if big else s * thick for s in (m, k, n))
    left, top = (WIDTH - long - wide - 34) / 2, 26.0
    x, y = left + long + 34, top + long + 34
    row, column = (y + tall * 0.55, x + wide * 0.6) if big else (y + at[0] * thick, x + at[1] * thick)
    tables = [np.asarray(a), np.asarray(b), np.array([])]
    says = f"Row {letters[0]} of {names[0]} and column {letters[1]} of {names[1]}, both {k} long, give one number of {names[2]}"
    if not big:
        tables[2] = tables[0] @ tables[1]
        says = " + ".join("·".join(f"({number(v)})" if v < 0 else number(v) for v in pair) for pair in zip(
            tables[0][at[0]], tables[1][:, at[1]], strict=True)) + f" = {number(tables[2][at])}"
    d = Drawing(y + tall + (10 if big else 34), f"{names[2]} = {names[0]} @ {names[1]}, {size(ab[0])} @ {size(ab[1])} → {size((m, n))}. "
                + f"Row {at[0]} times column {at[1]}: " * (not big) + f"{says}.")
    for name, table, (u, v, w, h), strip in zip(names, tables, ((left, y, long, tall), (x, top, wide, long), (x, y, wide, tall)), (
            (left, row, long, thick), (column, top, thick, long), (column, row, thick, thick)), strict=True):
        if big:
            d.box(u, v, w, h, QUIET)
        else:
            d.grid(u, v, table, thick)
        d.box(*strip, FORWARD, 2, 0.22)
        d.text(*((u + 15, v + 15) if big else (u + w / 2, v - 13)), f"${name}$" + ("" if big else f"  {size(table.shape)}"), high=15 if big else 11)
    i, j = letters[0], letters[1]
    for u, v, words, colour, to in (
            (left - 7, y + tall / 4, m, INK, "right"), (left + long / 2, y - 10, k, FORWARD, "center"),
            (x - 7, top + long / 2, k, FORWARD, "right"), (x + wide / 4, top - 10, n, INK, "center"),
            (left - 7, row + 6, f"${i}$", FORWARD, "right"), (column + 6, top - 10, f"${j}$", FORWARD, "center"),
            (x + wide + 6, row + 6, f"${names[2]}_{{{i}{j}}}$", FORWARD, "left")) if big else ():
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
            d.box(x, y - 14, w - 8, 28, FORWARD if own is result else QUIET if dash else INK, tint=0.16 * (own is result and to != "≠"), dash=dash, corner=4)
            d.text(x + w / 2 - 4, y, f"{'(1)' if missing else length} → {to}" if dash else str(length), QUIET if dash else INK)
    return d


def broadcast(a: Any, b: Any, sign: str = "+") -> Drawing:
    """Broadcasting with numbers: each part and, dashed, its copies; then the result. Shapes: those of a table together."""
    parts = [np.asarray(a), np.asarray(b)]
    parts.append({"+": np.add, "−": np.subtract, "×": np.multiply}[sign](*parts))
    rows, columns = parts[2].shape
    cell = min(26.0, (WIDTH - 2 * MARGIN - 48) / (3 * columns))
    d = Drawing(cell * rows + 38, f"{size(parts[0].shape)} {sign} {size(parts[1].shape)} → {size(parts[2].shape)}: " + f" {sign} ".join(
        str(p.tolist()) for p in parts[:2]) + f" = {parts[2].tolist()}. Copies are dashed.")
    for k, part in enumerate(parts):
        x = (WIDTH - 3 * columns * cell - 48) / 2 + k * (columns * cell + 24)
        own = set(np.ndindex((1,) * (2 - part.ndim) + part.shape))
        d.grid(x, 10, np.broadcast_to(part, (rows, columns)), cell, own, set(np.ndindex(rows, columns)) - own)
        d.text(x + columns * cell / 2, cell * rows + 25, size(part.shape))
        d.text(x + columns * cell + 12, 10 + cell * rows / 2, (sign, "=", "")[k], high=13)
    return d


def strides(memory: Sequence[float], shape: tuple[int, int], steps: tuple[int, int], start: int = 0) -> Drawing:
    """A row of memory, with arrows for a step right (above) and a step down (below), and the table that is read so."""
    (rows, columns), cell, y = shape, min(28.0, (WIDTH - 2 * MARGIN) / len(memory)), 50.0
    place = start + np.add.outer(np.arange(rows) * steps[0], np.arange(columns) * steps[1])
    table, (_, new) = np.asarray(memory)[place], np.unique(place, return_index=True)
    d = Drawing(150 + 26 * rows, f"Memory {listed(memory)}, read from place {start} with shape {size(shape)} and strides {size(steps)}. The rows "
                f"that are read: {'; '.join(map(listed, table))}.")
    x, real = (WIDTH - cell * len(memory)) / 2, {tuple(map(int, np.unravel_index(n, shape))) for n in new}
    d.grid(x, y, [memory], cell, {(0, int(p)) for p in place.ravel()})
    for way, hops, step, name, colour in ((-1, place[0], steps[1], "right", FORWARD), (1, place[:, 0], steps[0], "down", INK)):
        base = y + (cell + 2 if way > 0 else -2)
        for p, q in list(pairwise(hops))[: None if step else 1]:
            a, b = (x + cell * (p + 0.5) + 2, x + cell * (q + 0.5) - 2) if step else (x + cell * (p + 0.5) - 6, x + cell * (p + 0.5) + 6)
            turn = np.linspace(math.pi, 0.12, 30)
            d.line([((a + b) / 2 + (b - a) / 2 * math.cos(t), base + way * 17 * math.sin(t)) for t in turn], colour, 1.3, 6)
        d.text(WIDTH / 2, base + way * 30, f"one step {name}: {step} place{'s' * (step != 1)} further", colour)
    left, top = WIDTH / 2 - 13 * columns, y + cell + 56
    d.grid(left, top, table, 26, real, set(np.ndindex(shape)) - real)
    d.text(left - 10, top + 13 * rows, f"shape {size(shape)}", to="right")
    d.text(left + 26 * columns + 10, top + 13 * rows, f"strides {size(steps)}", to="left")
    return d


def convolution(image: Table, kernel: Table, stride: int = 1, padding: int = 0, at: tuple[int, int] = (0, 0)) -> Drawing:
    """A kernel over an image, and the number that it gives at `at`. Shapes: image (H, W), kernel (h, w)."""
    inner, kernel = np.asarray(image), np.asarray(kernel)
    image, (h, w), (i, j) = np.pad(inner, padding), kernel.shape, at
    result = (np.lib.stride_tricks.sliding_window_view(image, (h, w))[::stride, ::stride] * kernel).sum((2, 3))
    beside = max(w, result.shape[1])
    cell = min(26.0, (WIDTH - 2 * MARGIN - 36) / (image.shape[1] + beside))
    if cell < 19:
        raise ValueError(f"{image.shape[1]} columns and {beside} beside them: 17 together can be read")
    x, y, body, right = MARGIN, 26.0, max(image.shape[0] * cell, (h + len(result)) * cell + 34), WIDTH - MARGIN - cell * beside
    d = Drawing(y + body + 48, f"A kernel {size(kernel.shape)} on an image {size(inner.shape)} with padding {padding} and stride {stride} gives {size(result.shape)}. "
                f"With its corner at row {i * stride}, column {j * stride} of the padded image it gives {number(result[i, j])}.")
    real = {(r + padding, c + padding) for r, c in np.ndindex(inner.shape)}
    window = {(i * stride + r, j * stride + c) for r, c in np.ndindex(h, w)}
    d.grid(x, y, image, cell, window, set(np.ndindex(image.shape)) - real)
    low, across = y + body - cell * len(result), x + j * stride * cell
    d.grid(right, y, kernel, cell)
    d.grid(right, low, result, cell, {at})
    d.box(across, y + i * stride * cell, w * cell, h * cell, FORWARD, 2)
    d.box(right + j * cell, low + i * cell, cell, cell, FORWARD, 2)
    if j + 1 < result.shape[1]:
        d.box(across + stride * cell, y + i * stride * cell, w * cell, h * cell, FORWARD, 1.5, dash=True)
        d.line([(across, y + body + 12), (across + stride * cell, y + body + 12)], FORWARD, 1.3, 6)
    d.text(across + stride * cell + 8, y + body + 12, f"stride {stride}", FORWARD, "left")
    for tx, ty, words in ((x, 12, f"image {size(inner.shape)}, padding {padding}"), (right, 12, f"kernel {size(kernel.shape)}"), (right, low - 12, f"result {size(result.shape)}")):
        d.text(tx, ty, words, to="left")
    d.text(x, y + body + 34, f"window × kernel, added up: {number(result[i, j])}", to="left")
    return d


def receptive_field(kernels: Sequence[int] = (3, 3)) -> Drawing:
    """What one number of the last layer has seen, layer by layer, at stride 1. Shapes: kernels (layers), their sides."""
    fields = [1 + sum(k - 1 for k in kernels[len(kernels) - n:]) for n in range(len(kernels) + 1)]
    cell, gap, top = 22.0, 38.0, 12.0
    seen: list[Point] = []
    d = Drawing(sum((f + 2) * cell * 0.5 + gap for f in fields) - gap + 24, f"One number of layer {len(kernels)} has seen "
                + ", then ".join(f"{f} × {f} numbers of {'layer ' + str(len(kernels) - n) if n < len(kernels) else 'the input'}" for n, f in enumerate(fields) if n) + ".")
    for n, f in enumerate(fields):
        def corner(r: int, c: int, side: int = f + 2, top: float = top) -> Point:
            return 205 + cell * (c - side / 2 - 0.45 * (r - side / 2)), top + 0.5 * cell * r
        for r, c in np.ndindex(f + 2, f + 2):
            mark = 0 < r <= f and 0 < c <= f
            d.shape(Polygon([corner(r, c), corner(r, c + 1), corner(r + 1, c + 1), corner(r + 1, c)]), FORWARD if mark else QUIET, 0.8, 0.25 * mark)
        ring = [corner(1, 1), corner(1, f + 1), corner(f + 1, f + 1), corner(f + 1, 1)]
        d.shape(Polygon(ring), FORWARD, 2)
        for a, b in zip(seen, ring, strict=False):
            d.line([a, b], FORWARD, 0.9)
        middle = top + (f + 2) * cell * 0.25
        d.text(MARGIN, middle - 7, f"layer {len(kernels) - n}" if n < len(kernels) else "input", to="left")
        d.text(MARGIN, middle + 7, f"{f} × {f}", FORWARD, "left")
        seen, top = ring, top + (f + 2) * cell * 0.5 + gap
    return d


def residual(branch: Sequence[str], after: str = "ReLU", shape: Sequence[object] = ()) -> Drawing:
    """A residual block, top to bottom: the branch, the shortcut around it, and the sum. Shapes: `shape`, of x and of y."""
    x, side, ys = 104.0, 214.0, [58 + 38.0 * k for k in range(len(branch) + (2 if after else 1))]
    d = Drawing(ys[-1] + 48, f"x goes through {', '.join(branch)}. A shortcut carries x around them unchanged, and the two are added"
                f"{', then ' + after if after else ''}. On the way back the shortcut carries the gradient, unchanged too.")
    plus = ys[len(branch)]
    for y, words in zip(ys, [*branch, "", after], strict=False):
        d.line([(x, y - 38 + (11 if y != ys[0] else 10)), (x, y - 12)], INK, head=6)
        if y == plus:
            d.shape(Circle((x, y), 12), FORWARD, 1.4, 0.16)
        else:
            d.box(x - 60, y - 13, 120, 26, corner=4)
        d.text(x, y, words or "+", high=10 if words else 14)
    d.line([(x, ys[-1] + 13), (x, ys[-1] + 32)], INK, head=6)
    d.line([(x, 37), (side, 37), (side, plus), (x + 13, plus)], FORWARD, 1.8, 7)
    d.line([(side + 9, plus), (side + 9, 37)], BACKWARD, 1.3, 7)
    d.text(x, 10, "$x$", high=15)
    d.text(x, ys[-1] + 40, "$y$", high=15)
    d.text(x + 14, 10, size(shape) if shape else "", QUIET, "left")
    for k, (words, colour) in enumerate((("shortcut:", INK), ("↓ x, unchanged", FORWARD), ("↑ its gradient,", BACKWARD), ("unchanged", BACKWARD))):
        d.text(side + 20, (37 + plus) / 2 + 15 * (k - 1.5), words, colour, "left")
    return d


def descent(loss: Callable[[float, float], float], path: Sequence[Point], x: Point, y: Point, levels: Sequence[float],
            names: tuple[str, str] = ("w", "b"), leaps: int = 8) -> Drawing:
    """Contours of a loss over two knobs, and a descent, its first leaps as numbered arrows. Shapes: path (steps, 2)."""
    d = Drawing(304, f"Contours of the loss over {names[0]} and {names[1]}. The descent starts at ({listed(path[0])}) with a loss of "
                f"{number(loss(*path[0]))}; after {len(path) - 1} leaps it is at ({listed(path[-1])}), with {number(loss(*path[-1]))}.")
    left, top, wide, high = 34.0, 10.0, WIDTH - 44, 262.0
    grid = [np.linspace(*x, 161), np.linspace(*y, 161)]
    heights = np.array([[loss(u, v) for u in grid[0]] for v in grid[1]])
    across, down = left + wide * np.linspace(0, 1, 161), top + high * np.linspace(1, 0, 161)
    lines = d.ax.contour(across, down, heights, levels=list(levels), colors=QUIET, linewidths=0.8)
    spots = np.array([(np.interp(u, grid[0], across), top + high * (y[1] - v) / (y[1] - y[0])) for u, v in path])
    row, column = np.unravel_index(heights.argmin(), heights.shape)
    best = np.array([across[column], down[row]])
    ray = [best + t * (best - spots[0]) / math.dist(best, spots[0]) for t in range(400)]  # labels stand beyond the minimum
    over = [[np.interp(p[0], across, grid[0]), np.interp(p[1], down[::-1], grid[1][::-1])] for p in ray]
    marks = [next((p for p, o in zip(ray, over, strict=True) if loss(*o) >= level), None) for level in levels]
    d.ax.clabel(lines, fontsize=9.4, fmt=number, inline_spacing=3, manual=[tuple(p) for p in marks if p is not None])
    for k, (p, q) in enumerate(pairwise(spots)):
        far = math.dist(p, q)
        cut = (q - p) / max(far, 1e-9) * min(3.5, far / 3)
        d.line([p + cut, q - cut], FORWARD, 1.4 if k < leaps else 0.9, 7 if k < leaps and far > 14 else 0)
    for k, p in enumerate(spots):
        d.shape(Circle(p, 2.4 if k <= leaps else 1), FORWARD, 1, 1)
        if k < 4:
            out = p - spots[k + 1]
            at = p + 10 * out / math.hypot(*out)
            d.text(at[0], at[1], str(k), FORWARD)
    d.text(best[0], best[1], "×", high=16)
    d.text(left + wide, top + 5, "lines of equal loss", QUIET, "right")
    for tx, ty, words, to in ((left, top + high + 14, number(x[0]), "left"), (left + wide, top + high + 14, number(x[1]), "right"),
                              (left - 6, top + high - 4, number(y[0]), "right"), (left - 6, top + 5, number(y[1]), "right")):
        d.text(tx, ty, words, to=to)
    d.text(left + wide / 2, top + high + 14, f"${names[0]}$", high=14)
    d.text(left - 6, top + high / 2, f"${names[1]}$", to="right", high=14)
    return d
