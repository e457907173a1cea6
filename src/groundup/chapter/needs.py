"""What an exercise stands on: the cells before it that bind or change a name that it reads.

A chapter trains for half a minute before its last exercise, and hardly any of that is needed to check it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cache

from groundup.chapter.cells import Cell, Chapter, Exercise
from groundup.chapter.names import Names, names, names_of

LEFT_OUT = {"figure", "claim", "oracle", "timing", "check"}  # they leave nothing behind that is used later


def needed(chapter: Chapter, exercise: Exercise, answer: str = "") -> list[Cell]:
    """The code cells that must have run before an exercise is worked, in order: of each the statements that matter.

    They suffice for its solution and its check, and for `answer`, another solution, if it is given. Of earlier
    exercises they are the solutions. Statements that are left out leave their lines empty.

    Raises: SyntaxError where `answer` is no Python.
    """
    cells = list(chapter.cells)
    before = [unit for cell in cells[: cells.index(exercise.cells[0])] if cell.is_code for unit in _units(cell)]
    fixed = frozenset(name for unit in before for name in unit.names.fixed)
    own = [part for role in ("solution", "check") for part in exercise.part(role) if part.is_code]
    reads = [names(part.source) for part in own] + [names(answer)]
    wanted = {name for read in reads for name in read.now | read.late - read.sure}
    used = set(wanted)
    while True:
        found = _slice(before, wanted, used, fixed)
        # read when it is called, perhaps after it is bound anew
        late = wanted.union(*(unit.names.late for unit in found))
        read = used.union(*(unit.names.now | unit.names.late for unit in found))
        if (late, read) == (wanted, used):
            return _cells(found)
        wanted, used = late, read


@dataclass(frozen=True)
class _Unit:
    """A statement of a cell, or several that share a line: lines `first` to `last`, counted from 0."""

    cell: Cell
    first: int
    last: int
    names: Names


@cache
def _parsed(source: str) -> tuple[tuple[int, int, Names], ...]:
    found: list[tuple[int, int, list[ast.stmt]]] = []
    for node in ast.parse(source).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        last = (node.end_lineno or node.lineno) - 1
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], last, [*found[-1][2], node])
        else:
            found.append((first, last, [node]))
    return tuple((first, last, names_of(nodes)) for first, last, nodes in found)


def _units(cell: Cell) -> list[_Unit]:
    return [_Unit(cell, *unit) for unit in _parsed(cell.source)]


def _cells(units: list[_Unit]) -> list[Cell]:
    """The cells of some statements, with the others' lines empty."""
    kept: dict[int, tuple[Cell, set[int]]] = {}
    for unit in units:
        kept.setdefault(unit.cell.line, (unit.cell, set()))[1].update(range(unit.first, unit.last + 1))
    return [
        replace(cell, source="\n".join(text if n in lines else "" for n, text in enumerate(cell.source.split("\n"))))
        for cell, lines in kept.values()
    ]


def _slice(before: list[_Unit], wanted: set[str], used: set[str], fixed: frozenset[str]) -> list[_Unit]:
    """The statements that the names `wanted` at the end depend on, and that extend a class which is used."""
    missing, found = set(wanted), []
    for unit in reversed(before):
        does = unit.names
        if LEFT_OUT & set(unit.cell.tags) and not does.bound & missing:
            continue
        if (does.bound | does.changed | does.passed - fixed) & missing or does.extended & used:
            found.append(unit)
            missing = (missing - does.sure) | does.now | does.late
    return found[::-1]
