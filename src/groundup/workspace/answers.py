"""The reader's answers, out of the script of a workspace."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from groundup.book import read_text
from groundup.chapter import Chapter, Exercise
from groundup.chapter.cells import TAGS
from groundup.chapter.names import names
from groundup.notebooks.stubs import stub
from groundup.workspace.task import Part


@dataclass(frozen=True)
class Answer:
    """What a reader has written for one exercise: `parts` of the script, with their lines.

    `keeps_check` is whether the script has the book's check behind it.
    """

    exercise: Exercise
    parts: tuple[Part, ...]
    keeps_check: bool = True

    @cached_property
    def source(self) -> str:
        return "\n\n".join(part.source for part in self.parts)

    @cached_property
    def stub(self) -> dict[str, str]:
        """What the stub defines, by name."""
        return _definitions("\n".join(stub(cell.source) for cell in self.exercise.part("solution") if cell.is_code))

    @property
    def is_started(self) -> bool:
        """Whether there is more than the stub: formatting, comments and annotations do not count.

        Raises: SyntaxError where it is no Python.
        """
        mine = _definitions(self.source)
        if not self.stub.keys() & mine.keys():
            return bool(ast.parse(self.source).body)  # perhaps under another name
        return any(mine.get(name, body) != body for name, body in self.stub.items())

    @property
    def is_covered(self) -> bool:
        """Whether something is written, and a stub further down takes its name.

        Raises: SyntaxError where it is no Python.
        """
        above = [_definitions(part.source) for part in self.parts[:-1]]
        return any(found.get(name, body) != body for found in above for name, body in self.stub.items())

    @property
    def hidden(self) -> str:
        """A name of the answer's to which its check gives another meaning; nothing where there is none.

        Raises: SyntaxError where it is no Python.
        """
        parts = (self.exercise.part(role) for role in ("solution", "check"))
        solution, check = (names("\n\n".join(cell.source for cell in part if cell.is_code)) for part in parts)
        own = names(self.source)
        return min(own.bound & own.late & check.bound - check.imported - solution.bound, default="")

    def place(self, line: int) -> tuple[str, int]:
        """The file, and the line there, of a line of `source`, from 0."""
        for part in self.parts:
            count = part.source.count("\n") + 2  # with the empty line behind it
            if line < count:
                break
            line -= count
        return part.file, part.line + line


def answers(script: Path, chapter: Chapter) -> dict[str, Answer]:
    """The answers in a script by exercise: every code cell from its prompt, or what is left of it, to its check.

    Raises: BookError where the script cannot be read.
    """
    import jupytext

    text = read_text(script, str(script)).replace("\r\n", "\n")
    cells = jupytext.reads(text, {"extension": ".py", "format_name": "percent", "comment_magics": False}).cells
    books = {cell.source for cell in chapter.cells if cell.is_code and not cell.exercise}
    found: dict[str, list[Part]] = {name: [] for name in chapter.exercises}
    checks: dict[str, list[str]] = {name: [] for name in chapter.exercises}
    at, open_exercise = 0, None
    for cell in cells:
        start = text.find(cell.source, at) if cell.cell_type == "code" else at
        at = max(start, at)
        exercise, tags = cell.metadata.get("exercise"), cell.metadata.get("tags", [])
        if exercise in found and tags == ["check"] and cell.cell_type == "code":
            checks[exercise].append(_plain(cell.source))
        if exercise in found and tags != ["check"]:
            open_exercise = exercise
        elif exercise in found or set(tags) & set(TAGS) or cell.source in books:
            open_exercise = None
        if open_exercise and cell.cell_type == "code" and cell.source.strip():
            part = Part(str(script), text.count("\n", 0, at) + 1, _without_magics(cell.source))
            found[open_exercise].append(part)
        at += len(cell.source) if start == at and cell.cell_type == "code" else 0
    kept = {
        name: checks[name] == [_plain(cell.source) for cell in exercise.part("check") if cell.is_code]
        for name, exercise in chapter.exercises.items()
    }
    return {name: Answer(chapter.exercises[name], tuple(parts), kept[name]) for name, parts in found.items()}


def _without_magics(source: str) -> str:
    """Python without the commands of a notebook, such as `%timeit` and `!pip`."""
    return "\n".join(f"# {line}" if line.startswith(("%", "!")) else line for line in source.split("\n"))


def _plain(source: str) -> str:
    """Code without comments and formatting, such as the title that a notebook gives to a check."""
    try:
        return ast.unparse(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return source


def _definitions(source: str) -> dict[str, str]:
    """What some code defines, by name, with what of it is not written yet left as `…`."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = _written(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                found[ast.unparse(target)] = ast.unparse(node.value)
    return found


def _written(node: ast.AST) -> str:
    """The bodies of a function, or of a class with its functions; a body that does nothing yet is `…`."""
    body = [part for part in getattr(node, "body", []) if not _is_text(part)]
    if isinstance(node, ast.ClassDef):
        return "\n".join(f"{getattr(part, 'name', '')}: {_written(part)}" for part in body)
    if not isinstance(node, ast.FunctionDef):
        return ast.unparse(node)
    if all(_is_empty(part) for part in body):
        return "…"
    return "\n".join(map(ast.unparse, body))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_empty(node: ast.AST) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node))
