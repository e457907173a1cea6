"""Where the steps of a computational graph stand: in columns and rows, with no line across another step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from groundup.drawing.steps import Step

Cell = tuple[int, int]  # column and row; row 0 is that of the last step, and rows grow downwards

FURTHER = (2, 3, 4, 5, 6)  # rows between a branch and the step that takes it, the nearest first
CROWDED = "more branches than can be drawn apart: name a part and draw it by itself"


@dataclass(eq=False)
class Leaf:
    """What is given, drawn beside a step that takes it; `again` where it is drawn a second time."""

    step: Step
    taker: Step
    cell: Cell
    again: bool


@dataclass(eq=False)
class Layout:
    """Cells of the steps, leaves beside them, and the corners of the lines that do not run straight along a row."""

    cells: dict[Step, Cell] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    along: list[tuple[Step, Step]] = field(default_factory=list)
    bent: list[tuple[Step, Step, int]] = field(default_factory=list)  # from, to, and the row that it runs along
    taken: set[Cell] = field(default_factory=set)

    def copy(self) -> Layout:
        return Layout(dict(self.cells), [*self.leaves], [*self.along], [*self.bent], set(self.taken))

    def free(self, cells: Iterable[Cell]) -> bool:
        return self.taken.isdisjoint(cells)


def lay_out(steps: list[Step]) -> Layout:
    """Place the steps that lead to the last one.

    Raises: ValueError when they cannot be drawn apart.
    """
    layout = _place(Layout(), steps[-1], 0)
    if layout is None:
        raise ValueError(CROWDED)
    for taker in reversed(steps):
        straight = {start for start, end in layout.along if end is taker}
        drawn = straight | {start for start, end, _ in layout.bent if end is taker}
        for step in taker.inputs:
            if step.inputs and step not in drawn:
                _again(layout, step, taker)
            drawn.discard(step)  # what a step takes twice has two lines
    return layout


def _place(layout: Layout, step: Step, row: int) -> Layout | None:
    """The layout with this step, what it takes, and what that takes; None where there is no room.

    The longest input keeps the row; leaves stand straight above and below the step; other inputs come from rows
    further away and are bent in.
    """
    if not layout.free([(step.column, row)]):
        return None
    layout = layout.copy()
    layout.cells[step] = (step.column, row)
    layout.taken.add((step.column, row))
    inner = [s for s in step.inputs if s.inputs and s not in layout.cells]
    spine = max(inner, key=lambda s: s.column, default=None)
    first = step.inputs.index(spine) if spine else 1
    if spine:
        layout.along.append((spine, step))
        between = {(column, row) for column in range(spine.column + 1, step.column)}
        placed = _place(layout, spine, row) if layout.free(between) else None
        if placed is None:
            return None
        layout = placed
        layout.taken |= between
    for k, leaf in enumerate(step.inputs):
        if not leaf.inputs:
            side = next((s for s in (_side(k, first), -_side(k, first)) if layout.free([(step.column, row + s)])), 0)
            if not side:
                return None
            layout.taken.add((step.column, row + side))
            again = not leaf.constant and any(other.step is leaf for other in layout.leaves)
            layout.leaves.append(Leaf(leaf, step, (step.column, row + side), again))
    for branch in dict.fromkeys(inner):
        if branch not in layout.cells:
            wanted = _side(step.inputs.index(branch), first) if row == 0 else int(math.copysign(1, row))
            rows = [row + side * far for side in (wanted, -wanted) for far in FURTHER]
            placed = next(filter(None, (_branch(layout, branch, step, row, other) for other in rows)), None)
            if placed is None:
                return None
            layout = placed
    return layout


def _side(place: int, first: int) -> int:
    """What comes before the longest input stands above it, what comes after it below."""
    return -1 if place < first else 1


def _branch(layout: Layout, branch: Step, taker: Step, row: int, other: int) -> Layout | None:
    """The layout with a branch on row `other`, bent in to a step on `row`."""
    way = {(column, other) for column in range(branch.column + 1, taker.column + 1)}
    way |= {(taker.column, r) for r in range(min(row, other) + 1, max(row, other))}
    placed = _place(layout, branch, other) if layout.free(way) else None
    if placed is None or not placed.free(way):
        return None
    placed.taken |= way
    placed.bent.append((branch, taker, other))
    return placed


def _again(layout: Layout, step: Step, taker: Step) -> None:
    """A second line from a step, around what stands between; or else the step's value, drawn a second time."""
    (column, row), (end, goal) = layout.cells[step], layout.cells[taker]
    for far in range(1, 6):
        for lane in (row + far, row - far):
            way = {(c, lane) for c in range(column, end + 1)}
            way |= {(column, r) for r in range(min(row, lane) + 1, max(row, lane))}
            way |= {(end, r) for r in range(min(goal, lane) + 1, max(goal, lane))}
            if lane != goal and layout.free(way):
                layout.taken |= way
                layout.bent.append((step, taker, lane))
                return
    for side in (1, -1):
        if layout.free([(end, goal + side)]):
            layout.taken.add((end, goal + side))
            layout.leaves.append(Leaf(step, taker, (end, goal + side), True))
            return
    raise ValueError(CROWDED)
