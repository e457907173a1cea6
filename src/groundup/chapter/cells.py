"""What a chapter is made of: cells, exercises, and the list of its mistakes."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property

from groundup.book import BookError

ROLES = ("prompt", "hint", "solution", "check")
TAGS = (*ROLES, "claim", "predict", "answer", "aside", "figure", "beside", "oracle", "timing", "slide")
KEYS = ("export", "drop", "exercise", "difficulty", "minutes", "alt", "caption", "tags")
DIFFICULTIES = ("easy", "medium", "hard")


class ChapterError(BookError):
    """One or more mistakes in a chapter, a line each."""


@dataclass(frozen=True)
class Cell:
    """One cell of a chapter. `line` is its header's line in the file; its text begins on the next."""

    kind: str
    source: str
    line: int
    id: str = ""
    tags: tuple[str, ...] = ()
    keys: dict[str, str | int] = field(default_factory=dict)

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @property
    def tree(self) -> ast.Module:
        """Its Python, parsed once for all who read it, so that nobody may change it. Raises: as `ast.parse` does."""
        return _parsed(self.source)

    @property
    def export(self) -> str | None:
        """The module of the checkpoint that this cell edits."""
        return self.keys.get("export")  # type: ignore[return-value]

    @property
    def drop(self) -> tuple[str, ...]:
        """The names, and members of classes as `Class.method`, that leave this module with this cell."""
        return tuple(str(self.keys.get("drop", "")).split())

    @property
    def exercise(self) -> str | None:
        return self.keys.get("exercise")  # type: ignore[return-value]

    @property
    def role(self) -> str | None:
        """The part of its exercise that this cell is: prompt, hint, solution or check."""
        return next((tag for tag in self.tags if tag in ROLES), None)


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter and the cells that it consists of."""

    name: str
    cells: tuple[Cell, ...]

    def part(self, role: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.role == role]

    @property
    def title(self) -> str:
        return next(line.lstrip("# ") for line in self.part("prompt")[0].source.splitlines() if line.startswith("#"))

    @property
    def number(self) -> str:
        """As its title has it: 7.1 for the first one of chapter 7."""
        return self.title.partition(":")[0].removeprefix("Exercise ")


@dataclass(frozen=True)
class Chapter:
    """A chapter script, cut into cells."""

    number: int
    stem: str
    title: str
    cells: tuple[Cell, ...]
    text: str = field(default="", repr=False)  # the whole script

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by name, in order."""
        names = dict.fromkeys(cell.exercise for cell in self.cells if cell.exercise)
        return {name: Exercise(name, tuple(c for c in self.cells if c.exercise == name)) for name in names}

    @property
    def package(self) -> str:
        return f"ch{self.number:02d}"

    @property
    def file(self) -> str:
        return f"chapters/{self.stem}.py"


class Problems:
    """Collects mistakes, so that an author sees all of them at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        self.lines.append((line, f"{self.file}:{line}: {text}"))

    def unknown(self, line: int, what: str, word: str, known: Iterable[str]) -> None:
        known = list(known)
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"the {what}s are {', '.join(known)}"
        self.add(line, f"unknown {what} {word!r}: {remedy}")

    def raise_if_any(self) -> None:
        if self.lines:
            raise ChapterError("\n".join(text for _, text in sorted(self.lines)))
