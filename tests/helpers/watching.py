"""Looks on while a chapter runs, in its kernel: under the rules' watch, and with its exercises tried on the way.

At each exercise the stub, every classic wrong answer and every mutant of the solution is tried, each in a forked child
of its own, before the solution is run; so an attempt sees what a reader's notebook holds at that place, and leaves
nothing behind. The chapter itself is watched, an attempt is not.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult

from groundup.chapter import Chapter
from groundup.record import RECORDS
from groundup.rules.locks import Locks
from groundup.rules.watch import LockedError, watched
from groundup.workspace.task import Part, compiled
from helpers.exercises import Outcome, attempts, keep, key_of, mistakes
from helpers.forks import forked, use_large_pages

SECONDS = 60  # for one attempt: a wrong answer may loop for ever
MUTANT_SECONDS = 10


def begin(number: int, plans: str) -> None:
    """Look on while a chapter of the real book runs, and keep what came of its exercises.

    `plans` is a file with the chapters and the book's locks, pickled: to read them from the source takes seconds.
    """
    wanted = key_of(number)
    chapters, locked = pickle.loads(Path(plans).read_bytes())
    look_on(chapters[number], locked, lambda found: keep(number, wanted, found))


def look_on(chapter: Chapter, locked: Locks, done: Callable[[dict[str, Outcome]], None]) -> None:
    """Look on from the next cell that runs, which is the chapter's first; `done` hears it all after the last."""
    looker = _Looker(chapter, locked, done)
    shell = get_ipython()
    shell.events.register("pre_run_cell", looker.before)
    shell.events.register("post_run_cell", looker.after)


class _Looker:
    """What IPython calls before and after each cell."""

    def __init__(self, chapter: Chapter, locked: Locks, done: Callable[[dict[str, Outcome]], None]) -> None:
        self.chapter = chapter
        self.done = done
        self.wrong = mistakes(chapter.number)
        self.found: dict[str, Outcome] = {}
        # a blank cell is not executed
        self.cells = [cell for cell in self.chapter.cells if cell.is_code and cell.source.strip()]
        self.watching = ExitStack()  # while the chapter runs
        self.looking = ExitStack()  # while a cell runs
        self.watch = self.watching.enter_context(watched(chapter, locked))

    def before(self, info: ExecutionInfo) -> None:
        cell = self.cells[0]
        assert info.raw_cell == cell.source
        exercise = self.chapter.exercises.get(cell.exercise or "")
        if exercise and cell is exercise.part("solution")[0]:
            check = [Part(self.chapter.file, part.line + 1, part.source) for part in exercise.part("check")]
            for part in check:
                compiled(part)  # here once, and not in every child
            use_large_pages()
            for name, cells in attempts(exercise, self.wrong).items():
                seconds = MUTANT_SECONDS if name.startswith(f"{exercise.name} ~") else SECONDS
                answer = [Part(self.chapter.file, cell.line + 1, cell.source) for cell in cells]
                found, code = forked(partial(_attempt, answer, check), seconds)
                self.found[name] = Outcome(*found) if found else Outcome("answer", "Killed", f"ended with {code}")
        self.looking.enter_context(self.watch.cell(cell))

    def after(self, result: ExecutionResult) -> None:
        self.looking.close()
        cell = self.cells.pop(0)
        exercise = self.chapter.exercises.get(cell.exercise or "")
        if exercise and cell is exercise.part("check")[-1] and result.success:
            self.found[f"{exercise.name}: solution"] = Outcome("passed")
        if not self.cells:
            try:
                self.watching.close()
                self.found[""] = Outcome("passed")
            except LockedError as error:  # also when the chapter has caught it
                self.found[""] = Outcome("cell", "LockedError", str(error))
            self.done(self.found)


def _attempt(answer: list[Part], check: list[Part]) -> tuple[str, ...]:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # the kernel's own go to the page
    os.environ.pop(RECORDS)
    for stage, parts in (("answer", answer), ("check", check)):
        for part in parts:
            try:
                part.execute(sys.modules["__main__"])
            except Exception as error:
                return _failure(stage, error, part.file)
    return ("passed",)


def _failure(stage: str, error: Exception, file: str) -> tuple[str, ...]:
    trace, line = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{file}:{line}: " if stage != "check" else ""
    return stage, type(error).__name__, f"{where}{error}"
