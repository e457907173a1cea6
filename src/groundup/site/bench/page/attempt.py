"""One attempt at an exercise: the statements of the book that it stands on, the reader's answer, and the book's check.

It needs the standard library alone: Pyodide runs it in the reader's browser (worker.js), and tests run it as it is.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import itertools
import json
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from names import names  # type: ignore[import-not-found]  # the tool's own, chapter/names.py
from printed import Emit, Printed  # type: ignore[import-not-found]  # beside it, in the browser too

ANSWER = "your answer"  # what the reader's code has for a file name
TO_REPLACE = "raise NotImplementedError"
LONGEST_MESSAGE = 2000  # letters of an error's message
BROWSER = {"js", "pyodide_js", "pyodide", "_pyodide"}  # with these, code could end the worker or write to the page


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    `stage` is "passed", or where it stopped: in the reader's "answer", in the "check", or in the "book"; it is
    "untouched" if the answer is nothing but the stub, and "unchecked" if its names are in the check's way. `line` is
    the line of the answer that the error came from (or the first that is to be written over), and 0 where it came from
    none.
    """

    stage: str
    error: str = ""
    message: str = ""
    line: int = 0


def work(lesson: str, exercise: str, answer: str, emit: Emit) -> str:
    """Work one exercise of a lesson, as lessons.py wrote it, and give what is printed to `emit`.

    Return the outcome. Both it and the lesson are JSON.
    """
    return json.dumps(asdict(_work(json.loads(lesson), exercise, answer, emit)))


def _work(lesson: dict[str, Any], exercise: str, answer: str, emit: Emit) -> Outcome:
    task = lesson["exercises"][exercise]
    try:
        code, does = compile(answer, ANSWER, "exec", dont_inherit=True), names(answer)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return _failure("answer", error)
    if _is_untouched(answer, task["stub"]):
        lines = enumerate(answer.split("\n"), 1)
        return Outcome("untouched", line=next((number for number, line in lines if TO_REPLACE in line), 0))
    asked = names(task["stub"]).bound
    nameless = f"after your code there is no `{min(asked)}`: keep the name that the stub has"
    if why := _in_the_way(answer, task):
        return Outcome("unchecked", message=why)
    found = [task["needs"], *(task["names"].get(name, []) for name in does.now | does.late)]
    stages: list[tuple[str, str | types.CodeType]] = [
        *(("book", lesson["statements"][index]) for index in sorted({*itertools.chain(*found)})),
        ("answer", code),
        *(("check", cell) for cell in task["check"]),
    ]
    printed, unseen = Printed(emit), io.StringIO()
    stage, failed = "passed", None
    with _apart(lesson["modules"]) as module:
        for stage, cell in stages:
            sys.stdout = sys.stderr = unseen if stage == "book" else printed
            try:
                exec(cell, module.__dict__)
            except BaseException as error:  # exit() too
                failed = error
                break
            if stage == "answer" and asked.isdisjoint(module.__dict__):
                return Outcome("unchecked", message=nameless)
    return Outcome("passed") if failed is None else _failure(stage, failed)


def _is_untouched(answer: str, stub: str) -> bool:
    """Whether there is no code in an answer but the stub's; formatting and comments do not count."""
    code = ast.parse(answer)
    try:
        return not code.body or ast.dump(code) == ast.dump(ast.parse(stub))
    except RecursionError:  # so deep is no stub
        return False


def _in_the_way(answer: str, task: dict[str, Any]) -> str:
    """Which name of an answer keeps the check from meaning what it says, in words; nothing when none does."""
    wanted, mine = names(task["stub"]), names(answer)
    check = names("\n\n".join(task["check"]))
    own = mine.bound - mine.imported - wanted.bound
    if taken := own & (check.now | check.late - check.sure):
        return f"the check relies on `{min(taken)}`: give yours another name"
    if taken := own & check.bound & mine.late:
        return f"`{min(taken)}` is also a name of the check's own, which takes its place: give yours another name"
    return ""


def _failure(stage: str, error: BaseException) -> Outcome:
    line, last = 0, ""
    if isinstance(error, SyntaxError) and error.filename == ANSWER and isinstance(error.lineno, int):
        line = error.lineno
    for frame, number in traceback.walk_tb(error.__traceback__):
        last = frame.f_code.co_filename
        if last == ANSWER:
            line = number
    if isinstance(error, AssertionError) and last == ANSWER:
        stage = "answer"  # an assert of the reader's own
    return Outcome(stage, type(error).__name__, _message(error), line)


def _message(error: BaseException) -> str:
    try:
        message = str(error)
    except BaseException:  # it is the reader's own, and its text fails
        return ""
    if isinstance(error, SystemExit):
        message = "it ended the attempt before its check"
    elif isinstance(error, SyntaxError):
        message = str(error.msg)
    elif isinstance(error, ModuleNotFoundError) and error.name:
        message = f"there is no {error.name} in this page: plain Python is all that this exercise asks for"
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} … (and more)"


@contextlib.contextmanager
def _apart(modules: dict[str, str]) -> Iterator[types.ModuleType]:
    """A fresh `__main__` with the book's modules to import; what an attempt does to Python is undone after it."""
    module = types.ModuleType("__main__")
    loaded: dict[str, Any] = sys.modules
    known, path, limit = dict(loaded), list(sys.path), sys.getrecursionlimit()
    contents = [(vars(part), dict(vars(part))) for part in known.values() if isinstance(part, types.ModuleType)]
    contents.sort(key=lambda pair: pair[0] is not vars(builtins))  # these first: to restore the others takes them
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        for name, source in modules.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source, encoding="utf-8")
        sys.path.insert(0, folder)
        hidden = [name for name in (*known, *BROWSER) if name.partition(".")[0] in BROWSER]
        loaded.update({**_stand_ins(), **dict.fromkeys(hidden), "__main__": module})  # None: there is no such module
        builtins.input = _no_keyboard
        try:
            yield module
        finally:
            for mapping, before in [*contents, (loaded, known)]:
                mapping.update(before)
                for name in mapping.keys() - before.keys():
                    del mapping[name]
            sys.path[:] = path
            sys.setrecursionlimit(limit)


class Nothing(types.ModuleType):
    """Stands in for what draws, since the figures are on the page: whatever is asked of it, it gives itself."""

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Nothing:
        return self

    def __getitem__(self, key: object) -> Nothing:
        return self

    def __iter__(self) -> Iterator[Nothing]:
        return iter((self, self))  # figure, axes


def _stand_ins() -> dict[str, types.ModuleType]:
    """The modules that chapters import and a page cannot have."""
    tool, data, nothing = types.ModuleType("groundup"), types.ModuleType("groundup.data"), Nothing("matplotlib")
    vars(tool).update(plot=nothing, record=lambda name, value: None, data=data, __path__=[])
    vars(data).update(mnist=_no_digits)
    return {"groundup": tool, "groundup.data": data, "groundup.plot": nothing} | dict.fromkeys(
        ("matplotlib", "matplotlib.pyplot"), nothing
    )


def _no_keyboard(prompt: object = "") -> str:
    raise RuntimeError("nobody can type an answer here: write the value into the code")


def _no_digits() -> None:
    raise RuntimeError("the digits are not in this page, for they would make it heavy: use the chapter's notebook")
