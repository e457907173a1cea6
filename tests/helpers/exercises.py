"""Works a chapter's exercises: `python -m helpers.exercises 2 out.json` runs chapter 2 once, from top to bottom.

At each exercise the stub, every classic wrong answer and every mutant of the solution is tried, each in a forked child
of its own, before the solution is run; so an attempt sees what a reader's notebook holds at that place, and leaves
nothing behind. The chapter itself runs under the rules' watch, an attempt does not. What came of it is kept in
build/exercises, for all tests and until something changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from groundup.chapter import Cell, Chapter, Exercise, parse_book, parse_mistakes
from groundup.notebooks.stubs import stub
from groundup.run.results import key
from groundup.workspace.task import Part
from helpers.books import BOOK
from helpers.mutants import mutants

SECONDS = 60  # for one attempt: a wrong answer may loop for ever
MUTANT_SECONDS = 10
HERE = Path(__file__).parent
Watching = Callable[[Cell], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: `stage` is "answer" or "check" where it failed, or "passed"."""

    stage: str
    error: str = ""
    message: str = ""


def mistakes(number: int) -> dict[str, Cell]:
    """The classic wrong answers to a chapter's exercises, by a name that says which one it is."""
    path = BOOK.root / "tests" / "mistakes" / f"{number:02d}.py"
    cells = parse_mistakes(path) if path.is_file() else []
    names = {f"{cell.exercise}: {cell.keys['message']}": cell for cell in cells}
    assert len(names) == len(cells), f"{path.name}: two wrong answers with one message"
    return names


def equivalents(number: int) -> dict[str, dict[str, str]]:
    """By exercise, the mutants that are no wrong answers, each with the reason: `tests/mistakes/02.toml`."""
    path = BOOK.root / "tests" / "mistakes" / f"{number:02d}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@cache
def outcomes(number: int) -> dict[str, Outcome]:
    """Every attempt of a chapter by name, and "" for the chapter itself.

    The names: "mse: stub", "mse: solution", "mse: <message>" of a classic mistake, "mse ~ <line>" of a mutant.
    """
    target = BOOK.build / "exercises" / f"{number:02d}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process works them, however many ask
        wanted = _key(number)
        found = json.loads(target.read_text()) if target.is_file() else {}
        if found.get("key") != wanted:
            _work_elsewhere(number, target)
            found = {"key": wanted, "outcomes": json.loads(target.read_text())}
            target.write_text(json.dumps(found, indent=1))
    return {name: Outcome(**outcome) for name, outcome in found["outcomes"].items()}


def _key(number: int) -> str:
    """A hash of everything that the outcomes depend on."""
    files = [BOOK.root / "tests" / "mistakes" / f"{number:02d}.py", HERE / "exercises.py", HERE / "mutants.py"]
    files += sorted((BOOK.root / "src" / "groundup").rglob("*.py"))
    content = b"".join(path.read_bytes() for path in files if path.is_file())
    return hashlib.sha256(key(BOOK, number).encode() + content).hexdigest()


def _work_elsewhere(number: int, target: Path) -> None:
    target.unlink(missing_ok=True)
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}  # threads do not survive a fork
    environment.pop("GROUNDUP_RECORDS", None)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(BOOK.root / "tests"), str(BOOK.root / "src"), os.environ.get("PYTHONPATH", "")]
    )
    done = subprocess.run(
        [sys.executable, "-m", "helpers.exercises", str(number), str(target)],
        cwd=BOOK.root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert target.is_file(), f"chapter {number} ended without a result:\n{done.stdout}{done.stderr}"


def attempts(exercise: Exercise, wrong: dict[str, Cell]) -> dict[str, list[Cell]]:
    """What is tried at an exercise: the cells of each attempt by its name."""
    answers = [part for part in exercise.part("solution") if part.is_code]
    found = {f"{exercise.name}: stub": [Cell("code", stub(part.source), part.line) for part in answers]}
    found |= {name: [answer] for name, answer in wrong.items() if answer.exercise == exercise.name}
    for position, part in enumerate(answers):
        for line, text in mutants(part.source).items():
            mutant = [*answers[:position], Cell("code", text, part.line), *answers[position + 1 :]]
            found[f"{exercise.name} ~ {line}"] = mutant
    return found


def watched_work(chapters: dict[int, Chapter], number: int, wrong: dict[str, Cell]) -> dict[str, Outcome]:
    """Run a chapter in this process, under watch, and try its exercises on the way."""
    from groundup.rules.watch import LockedError, watched  # here, because it imports torch

    results: dict[str, Outcome] = {}
    try:
        with watched(chapters, number) as watch:
            results = work(chapters[number], wrong, watch.cell)
    except LockedError as error:  # also when the chapter has caught it
        results[""] = _failure("cell", error, chapters[number])
    return results


def work(chapter: Chapter, wrong: dict[str, Cell], watching: Watching) -> dict[str, Outcome]:
    """Run a chapter in this process and try its exercises on the way, each of its cells within `watching(cell)`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # dataclasses and pickle look a cell's classes up there
    results = {}
    for cell in chapter.cells:
        exercise = chapter.exercises.get(cell.exercise or "")
        if exercise and cell is exercise.part("solution")[0]:
            for name, answer in attempts(exercise, wrong).items():
                seconds = MUTANT_SECONDS if name.startswith(f"{exercise.name} ~") else SECONDS
                results[name] = _forked(chapter, module, answer, exercise.part("check"), seconds)
        if cell.is_code:
            try:
                with watching(cell):
                    _execute(chapter.file, module, cell)
            except Exception as error:
                results[f"{cell.exercise}: solution" if exercise else ""] = _failure(
                    cell.role or "cell", error, chapter
                )
                break
        if exercise and cell is exercise.part("check")[-1]:
            results[f"{exercise.name}: solution"] = Outcome("passed")
    else:
        results[""] = Outcome("passed")
    return results


def _execute(file: str, module: types.ModuleType, cell: Cell) -> None:
    Part(file, cell.line + 1, cell.source).execute(module)


def _attempt(chapter: Chapter, module: types.ModuleType, answer: list[Cell], check: list[Cell]) -> Outcome:
    for stage, cells in (("answer", answer), ("check", check)):
        for cell in cells:
            try:
                _execute(chapter.file, module, cell)
            except Exception as error:
                return _failure(stage, error, chapter)
    return Outcome("passed")


def _failure(stage: str, error: Exception, chapter: Chapter) -> Outcome:
    trace, line = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == chapter.file:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{chapter.file}:{line}: " if stage != "check" else ""
    return Outcome(stage, type(error).__name__, f"{where}{error}")


def _forked(chapter: Chapter, module: types.ModuleType, answer: list[Cell], check: list[Cell], seconds: int) -> Outcome:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        try:
            outcome = _attempt(chapter, module, answer, check)
            os.write(writer, json.dumps(asdict(outcome)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answered = pipe.read()
    _, status = os.waitpid(child, 0)
    return Outcome(**json.loads(answered)) if answered else Outcome("answer", "Killed", f"ended with status {status}")


def main(number: int, target: Path) -> None:
    chapters = parse_book(BOOK)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        results = watched_work(chapters, number, mistakes(number))
    target.write_text(json.dumps({name: asdict(outcome) for name, outcome in results.items()}, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
