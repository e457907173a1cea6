"""The reader's exercises of a chapter, checked: what passes, why the others do not, and what helps."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from groundup.book import Book, BookError, UsageError
from groundup.chapter import Chapter, Exercise, parse
from groundup.rules import locked_in
from groundup.workspace import report
from groundup.workspace.answers import Answer, answers
from groundup.workspace.attempt import attempted, task
from groundup.workspace.folder import Workspace, edition
from groundup.workspace.progress import Progress
from groundup.workspace.task import Outcome, Task, compiled

PASSED = Outcome("passed")
LIBRARIES = {*sys.stdlib_module_names, "torch", "numpy", "matplotlib", "groundup"}
HIDDEN = 2  # how often a solution is asked for before it is shown, as long as the exercise does not pass


class Checking:
    """The checks of one workspace: that in `dir`, else the current folder, else the usual one.

    Raises: BookError when there is none, UsageError when there is no such chapter.
    """

    def __init__(self, book: Book, number: int | str, dir: Path | None = None) -> None:
        self.book = book
        here = Workspace.here(book, number) if dir is None else None
        self.workspace = here or Workspace.of(book, number, dir)
        self.chapter: Chapter = parse(book.chapter(number))
        self.commands = report.Commands(self.chapter.number, dir)
        if not self.workspace.is_begun:
            raise BookError(
                f"there is no workspace for chapter {self.chapter.number} here yet: {self.commands.start} makes it"
            )
        begun = {"chapter": self.chapter.number, "book": edition(book, self.chapter.number)}
        self.progress = Progress(self.workspace.progress, begun)
        self.outcomes: dict[str, Outcome] = {}

    def said(self) -> list[str]:
        """What is to be told of the workspace itself: something was gone, damaged or has changed."""
        return [line for line in (self.progress.mended(), self.workspace.changed(self.book), *self._hiding()) if line]

    def show(self, found: Mapping[str, Answer], *, force: bool = False) -> bool:
        """Check answers, and print what becomes of them and what helps; say whether all exercises pass."""
        outcomes, waiting = dict[str, Outcome](), list(found)
        for exercise, outcome in self.check(found, force=force):
            outcomes[exercise.name] = outcome
            while waiting and waiting[0] in outcomes:  # in the chapter's order, whatever takes longest
                name = waiting.pop(0)
                print(report.row(self.chapter.exercises[name], outcomes[name]), flush=True)
        for name in found:
            if outcomes[name].result == "not started" and outcomes[name].message:
                print(f"\n{report.note(self.chapter.exercises[name], outcomes[name])}")
            elif outcomes[name].result not in ("passed", "not started"):
                print(f"\n{report.failure(self.chapter.exercises[name], outcomes[name], self.commands)}")
        if differing := [name for name, answer in found.items() if not answer.keeps_check]:
            print(f"\n{report.differing(differing)}")
        self.outcomes |= outcomes
        print(f"\n{report.summary(self.outcomes.values())}", flush=True)
        return all(outcome.result == "passed" for outcome in self.outcomes.values())

    def check(self, found: Mapping[str, Answer], *, force: bool = False) -> Iterator[tuple[Exercise, Outcome]]:
        """What becomes of some answers, as it comes. One that has passed and is unchanged is tried again by `force`."""
        tasks: dict[str, Task] = {}
        for name, answer in found.items():
            tried = self._without_trying(answer)
            if isinstance(tried, Outcome):
                yield answer.exercise, self._kept(name, tried)
                continue
            entry = self.progress.entry(name)
            if not force and (entry.state, entry.answer) == ("passed", _hash(tried)):
                yield answer.exercise, PASSED
            elif refused := self._refused(answer):
                yield answer.exercise, self._kept(name, refused, _hash(tried))
            else:
                tasks[name] = tried
        for name, outcome in attempted(tasks):
            yield self.chapter.exercises[name], self._kept(name, outcome, _hash(tasks[name]))

    def answers(self, only: Exercise | None = None) -> dict[str, Answer]:
        """The reader's answers, or that to one exercise, after the notebook and the script were brought in step.

        Raises: BookError when they cannot be read.
        """
        if line := self.workspace.in_step():
            print(line)
        found = answers(self.workspace.script, self.chapter)
        return found if only is None else {only.name: found[only.name]}

    def hint(self, exercise: Exercise | None = None) -> str:
        """The next hint of an exercise, or of the first one that does not pass; all of them after the last."""
        exercise = exercise or self._first()
        if exercise is None:
            return "every exercise passes: there is nothing to hint at"
        hints = exercise.part("hint")
        shown = self.progress.entry(exercise.name).hints
        if shown >= len(hints):
            return report.hints(exercise, range(len(hints))) + "\n\n" + self.commands.no_more(exercise.name)
        self.progress.change(exercise.name, hints=shown + 1)
        return report.hints(exercise, [shown])

    def solution(self, exercise: Exercise) -> str:
        """What I did, once an exercise passes or it is asked for twice.

        Raises: BookError at the first time, when it does not pass.
        """
        name = exercise.name
        entry = self.progress.entry(name)
        asked = self.progress.change(name, solution=entry.solution + 1).solution
        if entry.state != "passed" and asked < HIDDEN:
            raise BookError(f"{name} does not pass yet: ask once more to see what I did, or {self.commands.hint(name)}")
        return report.solution(exercise)

    def exercise(self, name: str) -> Exercise:
        """An exercise by its name, its number, such as 7.1, or what its stub defines.

        Raises: UsageError, naming the exercises that there are.
        """
        every = self.chapter.exercises.values()
        also = {other: each.name for each in every for other in (*Answer(each, ()).stub, each.number)}
        name = name if name in self.chapter.exercises else also.get(name, name)
        if name not in self.chapter.exercises:
            raise UsageError(f"chapter {self.chapter.number} has no exercise {name}: its exercises are {self.names}")
        return self.chapter.exercises[name]

    @property
    def names(self) -> str:
        """The exercises that there are, with their numbers."""
        return ", ".join(f"{name} ({each.number})" for name, each in self.chapter.exercises.items()) or "none"

    def _hiding(self) -> list[str]:
        """That files of the workspace are imported in the place of libraries, and so by the book's code too."""
        found = {path.stem: path.name for path in self.workspace.folder.glob("*") if path.suffix in (".py", "")}
        return [
            f"{found[name]} hides the library {name} from the book's code: rename it"
            for name in sorted(found.keys() & LIBRARIES)
        ]

    def _first(self) -> Exercise | None:
        """The first exercise that fails; if none does, the first that is not started."""
        found = sorted(
            ((exercise, outcome) for exercise, outcome in self.check(self.answers()) if outcome.result != "passed"),
            key=lambda pair: (pair[1].result == "not started", list(self.chapter.exercises).index(pair[0].name)),
        )
        return found[0][0] if found else None

    def _without_trying(self, answer: Answer) -> Outcome | Task:
        """What is to be tried; or what becomes of an answer that is not there, or is no Python."""
        for part in answer.parts:
            try:
                compiled(part)
            except SyntaxError as error:
                return Outcome("error", f"{type(error).__name__}: {error.msg}", part.file, error.lineno or part.line)
            except (ValueError, RecursionError, MemoryError) as error:
                return Outcome("error", f"this is no Python: {error}", part.file, part.line)
        if not answer.parts:
            names = " and ".join(f"`{name}`" for name in answer.stub)
            where = f"define {names} in a cell of your own below its text"
            return Outcome("not started", f"its cell is gone: {where}, or copy it from: {self.commands.notebooks}")
        if not answer.is_started:
            covered = "what you wrote stands above the stub, which takes its place: delete the stub"
            return Outcome("not started", covered if answer.is_covered else "")
        return task(self.chapter, answer, self.workspace.folder, self.workspace.script.read_text(encoding="utf-8"))

    def _refused(self, answer: Answer) -> Outcome | None:
        """What becomes of an answer that is not tried: it uses what is still locked, or a name of the check's own."""
        if name := answer.hidden:
            why = "is also a name of the check's own, which takes its place: give yours another name"
            return Outcome("changed", f"`{name}` {why}")
        previous, mine = self.workspace.previous, self.workspace.mine
        found = locked_in(self.chapter, answer.exercise, answer.source, previous, mine)
        return Outcome("failed", found[1], *answer.place(found[0])) if found else None

    def _kept(self, name: str, outcome: Outcome, hashed: str = "") -> Outcome:
        """Keep in the workspace what became of an answer."""
        entry = self.progress.entry(name)
        if outcome.result == "not started":
            if entry.state != outcome.result:
                self.progress.change(name, state=outcome.result, answer="")
            return outcome
        hints = max(entry.hints, int(outcome.result in report.HELPED))  # the first is shown then
        self.progress.change(name, state=outcome.result, tries=entry.tries + 1, answer=hashed, hints=hints)
        return outcome


def _hash(task: Task) -> str:
    """A hash of all that an attempt executes, wherever it stands."""
    text = json.dumps([[part.source for part in parts] for parts in (task.book, task.answer, task.check)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
