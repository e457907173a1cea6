"""One attempt at an exercise, in the process that it is given: the book's preparation, the answer, the book's check.

`python -m groundup.workspace.trial` is the process that `attempt` starts; the tests of the chapters fork theirs.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import json
import linecache
import os
import re
import sys
import types
from dataclasses import asdict, replace
from pathlib import Path
from traceback import walk_tb

from groundup.workspace import case
from groundup.workspace.failing import failure, said
from groundup.workspace.guard import Guard
from groundup.workspace.printed import Printed
from groundup.workspace.task import Outcome, Task

ADDRESS = re.compile("0x[0-9a-f]+")  # of an object, another one at every run
PREPARATION = 300  # seconds: the book's own cells, on a slow computer


def emptied(task: Task) -> types.ModuleType:
    """A module for a task to run in, with nothing in it yet; from then on it is `__main__`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # dataclasses and pickle look a cell's classes up there
    module.__dict__.update(__builtins__=builtins, display=print)  # a notebook has both
    for file, text in task.texts.items():  # for tracebacks, and inspect.getsource
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return module


def tried(task: Task, module: types.ModuleType) -> Outcome:
    """What becomes of the answer, in a module in which the book's cells have run."""
    guard = Guard(module, [part.source for part in (*task.book, *task.check)], task.solution)
    try:
        for part in task.answer:
            part.execute(module)
    except BaseException as error:
        return failure(error, task)
    if task.names and not any(name in module.__dict__ for name in task.names):
        missing = " or ".join(f"`{name}`" for name in task.names)
        return Outcome("error", f"after your code there is no {missing}: define it in a cell below the exercise's text")
    if changed := guard.changed():
        return Outcome("changed", changed)
    outcome = Outcome("passed")
    try:
        for part in task.check:
            part.execute(module)
    except BaseException as error:
        outcome = failure(error, task)
    whys = [guard.changed(after=[part.source for part in task.check]), *map(guard.replaced, task.check)]
    return next((Outcome("changed", why) for why in whys if why), outcome)


def with_call(outcome: Outcome, task: Task, module: types.ModuleType) -> Outcome:
    """A failure with the last call of the answer: the check runs once more. As it was, if it ends otherwise now."""
    calls = case.Calls({part.file for part in task.answer})
    try:
        with calls:
            for part in task.check:
                part.execute(module)
    except BaseException as error:
        if ADDRESS.sub("", failure(error, task).message) == ADDRESS.sub("", outcome.message):
            return replace(outcome, case=case.together(calls.lines(), outcome.case))
    return outcome


def main(task_file: str, outcome_file: str, stopped_file: str, printed_file: str) -> None:
    """Try the task that stands in a file; write into others what came of it, where it was stopped, what it printed."""
    task = Task.from_json(Path(task_file).read_text(encoding="utf-8"))
    end, move = os._exit, os.replace  # as they are now
    sys.argv = [""]
    sys.path.insert(0, task.folder)

    def write(outcome: Outcome) -> None:
        part = outcome_file + ".part"
        with open(part, "w", encoding="utf-8") as file:
            json.dump(asdict(outcome), file)
        move(part, outcome_file)

    with (
        open(stopped_file, "w", encoding="utf-8") as stopped,
        open(printed_file, "w", encoding="utf-8", errors="replace") as file,
    ):
        printed = Printed(file)
        # A thread of its own, in C: it ends this process whatever that does, and when its parent is gone.
        faulthandler.dump_traceback_later(PREPARATION, exit=True, file=stopped)
        try:
            module = emptied(task)
            for part in task.book:
                part.execute(module)
        except BaseException as error:
            frame, line = list(walk_tb(error.__traceback__))[-1]
            where, what = f"{frame.f_code.co_filename}:{line}", f"{type(error).__name__}: {said(error)}"
            remedy = "look whether the checkpoint in your workspace was changed"
            write(Outcome("book", f"the book's own code before it stops at {where}: {what}: {remedy}"))
            end(0)
        write(Outcome("running"))
        faulthandler.dump_traceback_later(task.seconds, exit=True, file=stopped)
        try:
            with contextlib.redirect_stdout(printed):
                outcome = tried(task, module)
        except Exception as error:
            outcome = Outcome("book", f"groundup itself failed: {error!r}")
        printed.finish()
        file.flush()
        write(outcome)
        if outcome.result in ("failed", "error"):
            write(with_call(outcome, task, module))
        end(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
