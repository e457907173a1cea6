"""What an attempt at an exercise executes, and what can become of it."""

from __future__ import annotations

import ast
import json
import types
from dataclasses import asdict, dataclass
from functools import cache


@dataclass(frozen=True)
class Part:
    """Some code: `source` begins on line `line` of `file`."""

    file: str
    line: int
    source: str

    def execute(self, module: types.ModuleType) -> None:
        exec(compiled(self), module.__dict__)

    def holds(self, file: str, line: int) -> bool:
        return file == self.file and 0 <= line - self.line <= self.source.count("\n")


@cache
def compiled(part: Part) -> types.CodeType:
    """Raises: SyntaxError, with its line in the file."""
    return compile(_in_place(part), part.file, "exec", dont_inherit=True)


@cache
def parsed(part: Part) -> ast.Module:
    """Raises: SyntaxError, with its line in the file."""
    return ast.parse(_in_place(part), part.file)


def _in_place(part: Part) -> str:
    """The source where it stands in its file, or the lines in messages would be others."""
    return "\n" * (part.line - 1) + part.source


@dataclass(frozen=True)
class Task:
    """What an attempt executes: `book`, then `answer`, then `check`, in one module.

    `solution` is the book's own answer: what it binds, an answer may bind, and one of `names` at least, which are
    those of the stub. `folder` is the workspace, and `texts` are the files that the parts come from. `seconds` is how
    long answer and check may take.
    """

    book: list[Part]
    answer: list[Part]
    check: list[Part]
    solution: str
    names: list[str]
    folder: str
    texts: dict[str, str]
    seconds: float

    def json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        task = json.loads(text)
        parts = {key: [Part(**part) for part in task[key]] for key in ("book", "answer", "check")}
        return cls(**{**task, **parts})


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `printed` are the first lines that the answer printed.

    `result` is one of "passed", "not started", "failed" (the check says why), "error" (in the answer), "unfinished" (a
    part of it is not written yet), "changed" (the answer has changed what the check relies on), "ended" (it ended the
    program), "too long" and "book" (the book's own preparation did not run). `line` is the reader's, in `file`; `case`
    is what the check looked at, as lines to print.
    """

    result: str
    message: str = ""
    file: str = ""
    line: int = 0
    case: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        outcome = json.loads(text)
        return cls(**{**outcome, **{key: tuple(outcome[key]) for key in ("case", "printed")}})
