"""A chapter's cells as the parts of its page: what belongs together is put together, and nothing is rendered yet."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Cell = Any  # a cell of a notebook, as nbformat reads it
HEADING = re.compile(r"\A\s*#{1,6}[ ]+(?P<title>[^\n]+)\n*")


@dataclass(frozen=True)
class Text:
    """A markdown cell."""

    cell: Cell


@dataclass(frozen=True)
class Code:
    """A code cell, and what it put out below it."""

    cell: Cell


@dataclass(frozen=True)
class Figures:
    """Figures beside each other, their code folded beneath them."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Claims:
    """Neighbouring claims, one mark for all."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Aside:
    """What belongs to the topic and not to the line of argument."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Predict:
    """A question, the code that will answer it, and folded away what happened.

    `asked` is the code whose output is folded; it is None where the answer is a figure, among `happened`.
    """

    question: tuple[Cell, ...]
    asked: Cell | None
    happened: tuple[Block, ...]


@dataclass(frozen=True)
class Exercise:
    """A prompt and its rows."""

    prompt: tuple[Cell, ...]
    hints: tuple[Cell, ...]
    solution: tuple[Cell, ...]
    checks: tuple[Cell, ...]

    @property
    def solved(self) -> tuple[Block, ...]:
        return blocks(self.solution)


Block = Text | Code | Figures | Claims | Aside | Predict | Exercise


def blocks(cells: Iterable[Cell]) -> tuple[Block, ...]:
    """The parts of a page, in order."""
    rest = deque(cells)
    found: list[Block] = []
    while rest:
        found += _next(rest)
    return tuple(found)


def tags(cell: Cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _next(rest: deque[Cell]) -> list[Block]:
    first = tags(rest[0])
    if "prompt" in first:
        return [_exercise(rest)]
    if "predict" in first:
        return [_predict(rest)]
    if "aside" in first:
        return _asides(rest)
    if "claim" in first:
        return [Claims(_take(rest, "claim"))]
    if "figure" in first:
        return [_figures(rest)]
    cell = rest.popleft()
    return [Code(cell) if cell.cell_type == "code" else Text(cell)]


def _take(rest: deque[Cell], tag: str) -> tuple[Cell, ...]:
    """The cells with this tag at the beginning."""
    taken = []
    while rest and tag in tags(rest[0]):
        taken.append(rest.popleft())
    return tuple(taken)


def _exercise(rest: deque[Cell]) -> Exercise:
    prompt = _take(rest, "prompt")
    parts: dict[str, list[Cell]] = {"hint": [], "solution": [], "check": []}
    while rest and (role := next((tag for tag in parts if tag in tags(rest[0])), None)):
        parts[role].append(rest.popleft())
    return Exercise(prompt, *(tuple(cells) for cells in parts.values()))


def _figures(rest: deque[Cell]) -> Figures:
    cells = [rest.popleft()]
    while rest and {"figure", "beside"} <= tags(rest[0]):
        cells.append(rest.popleft())
    return Figures(tuple(cells))


def _asides(rest: deque[Cell]) -> list[Block]:
    """A run of cells of asides: each heading among them begins one."""
    found: list[tuple[str, list[Cell]]] = []
    for cell in _take(rest, "aside"):
        heading = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if heading or not found:
            found.append((heading["title"].strip() if heading else "Aside", []))
        below = cell.source[heading.end() :] if heading else cell.source
        if below.strip():
            found[-1][1].append(type(cell)({**cell, "source": below, "metadata": _without(cell, "aside")}))
    found[-1][1].extend(_take(rest, "claim"))  # what an aside says is checked where it says it
    return [Aside(title, blocks(cells)) for title, cells in found]


def _without(cell: Cell, tag: str) -> Any:
    metadata = cell.metadata
    return type(metadata)({**metadata, "tags": [other for other in metadata.tags if other != tag]})


def _predict(rest: deque[Cell]) -> Predict:
    """The parser makes sure that the code cell which answers comes next; its claims would give the answer away."""
    question = _take(rest, "predict")
    asked = None if "figure" in tags(rest[0]) else rest.popleft()
    shown: tuple[Block, ...] = () if asked else (_figures(rest),)
    answers = tuple(Text(cell) for cell in _take(rest, "answer"))
    claims = _take(rest, "claim")
    return Predict(question, asked, (*shown, *answers, *((Claims(claims),) if claims else ())))
