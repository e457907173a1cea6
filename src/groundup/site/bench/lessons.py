"""A chapter's exercises as the bench needs them: one JSON file with the statements, stubs and checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from groundup.book import Book
from groundup.chapter import Cell, Chapter, Exercise, needed
from groundup.chapter.names import names
from groundup.notebooks.reader import NOTHING_TO_KEEP
from groundup.notebooks.stubs import stub


def lesson(book: Book, chapter: Chapter) -> dict[str, Any]:
    """What attempt.py works a chapter's exercises with.

    `modules` are the files of the previous checkpoint, `statements` those of the chapter's cells. To each exercise
    belong the text that its answer begins with, its checks, the statements that it needs, as indices, and by name those
    that an answer needs as well if it reads that name.
    """
    statements = {(cell.id, line): text for cell in chapter.cells if cell.is_code for line, text in _statements(cell)}
    place = {key: index for index, key in enumerate(statements)}

    def indices(cells: Iterable[Cell]) -> list[int]:
        """Where the statements of these cells are that have not been left out: those that do not begin empty."""
        lines = ((cell.id, line) for cell in cells for line, text in enumerate(cell.source.split("\n")) if text.strip())
        return [place[line] for line in lines if line in place]

    exercises = {}
    for name, exercise in chapter.exercises.items():
        needs = indices(needed(chapter, exercise))
        before = chapter.cells[: chapter.cells.index(exercise.cells[0])]
        known = sorted({bound for cell in before if cell.is_code for bound in names(cell.source).bound})
        more = {bound: sorted({*indices(needed(chapter, exercise, bound))} - {*needs}) for bound in known}
        exercises[name] = {
            "stub": _stub(exercise),
            "check": [cell.source for cell in exercise.part("check") if cell.is_code],
            "needs": needs,
            "names": {bound: extra for bound, extra in more.items() if extra},
        }
    checkpoint = book.checkpoint(chapter.number - 1)
    modules = {
        f"{checkpoint.name}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(checkpoint.glob("*.py"))
    }
    return {"modules": modules, "statements": list(statements.values()), "exercises": exercises}


def _statements(cell: Cell) -> Iterator[tuple[int, str]]:
    """The statements of a cell, each with its first line, counted from 0; those that share a line are one."""
    lines = cell.source.split("\n")
    found: list[tuple[int, int]] = []
    for node in cell.tree.body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        if found and found[-1][1] == first:
            first = found.pop()[0]
        found.append((first, node.end_lineno or first))
    for first, last in found:
        yield first - 1, "\n".join(lines[first - 1 : last])


def _stub(exercise: Exercise) -> str:
    kept = [stub(cell.source) for cell in exercise.part("solution") if cell.is_code]
    return "\n\n\n".join(filter(None, kept)) or NOTHING_TO_KEEP
