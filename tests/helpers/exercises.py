"""Works a chapter's exercises: `python -m helpers.exercises 2 out.json` runs chapter 2 once, from top to bottom.

At each exercise the stub and every classic wrong answer is tried, each in a forked child of its own, before the
solution is run; so an attempt sees what a reader's notebook holds at that place, and leaves nothing behind.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
import types
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from groundup.chapter import Cell, Chapter, parse, parse_mistakes
from groundup.notebooks.stubs import stub
from helpers.books import BOOK

SECONDS = 60  # for one attempt: a wrong answer may loop for ever


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


@cache
def outcomes(number: int) -> dict[str, Outcome]:
    """Every attempt of a chapter by name: "mse: stub", "mse: <message>", "mse: solution"; and "" for the chapter."""
    target = BOOK.build / "exercises" / f"{number:02d}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}  # threads do not survive a fork
    environment.pop("GROUNDUP_RECORDS", None)
    environment["PYTHONPATH"] = os.pathsep.join([str(BOOK.root / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.exercises", str(number), str(target)],
        cwd=BOOK.root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert target.is_file(), f"chapter {number} ended without a result:\n{done.stdout}{done.stderr}"
    return {name: Outcome(**outcome) for name, outcome in json.loads(target.read_text()).items()}


def work(chapter: Chapter, wrong: dict[str, Cell]) -> dict[str, Outcome]:
    """Run a chapter in this process and try its exercises on the way."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # dataclasses and pickle look a cell's classes up there
    results = {}
    for cell in chapter.cells:
        exercise = chapter.exercises.get(cell.exercise or "")
        if exercise and cell is exercise.part("solution")[0]:
            answers = [part for part in exercise.part("solution") if part.is_code]
            stubs = [Cell("code", stub(part.source), part.line) for part in answers]
            attempts = {f"{exercise.name}: stub": stubs}
            attempts |= {name: [answer] for name, answer in wrong.items() if answer.exercise == exercise.name}
            for name, answer in attempts.items():
                results[name] = _forked(chapter, module, answer, exercise.part("check"))
        if cell.is_code:
            try:
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
    tree = ast.increment_lineno(ast.parse(cell.source), cell.line)
    exec(compile(tree, file, "exec"), module.__dict__)


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


def _forked(chapter: Chapter, module: types.ModuleType, answer: list[Cell], check: list[Cell]) -> Outcome:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
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
    chapter = parse(BOOK.chapter(number))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        results = work(chapter, mistakes(number))
    target.write_text(json.dumps({name: asdict(outcome) for name, outcome in results.items()}, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
