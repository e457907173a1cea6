"""What becomes of every attempt at the exercises of the book: the stubs, the solutions, mistakes and mutants.

`python -m helpers.exercises` runs the chapters that have changed, with `helpers.watching` in their kernels. What came
of it is kept in build/tests/exercises, and the notebooks beside it, for all tests and until something changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from groundup.book import write_if_changed
from groundup.chapter import Cell, Chapter, ChapterError, Exercise, parse_book, parse_mistakes
from groundup.notebooks.stubs import stub
from groundup.rules import book_locks
from groundup.run import run
from groundup.run.results import key
from helpers.books import BOOK
from helpers.mutants import mutants

PATHS = [str(BOOK.root / "tests"), str(BOOK.root / "src")]
PRELUDE = """
__import__("sys").path[:0] = {paths}
__import__("helpers.watching").watching.begin({number}, {plans!r})
"""


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
    wrong = work_book()
    assert is_worked(number), wrong
    found = json.loads(_worked(number).read_text(encoding="utf-8"))["outcomes"]
    return {name: Outcome(**outcome) for name, outcome in found.items()}


@cache
def work_book() -> str:
    """Run the chapters that have changed, two side by side, and try their exercises; say what went wrong.

    One process works them, however many ask; it is another one, because Playwright has an event loop already.
    """
    BOOK.build.mkdir(parents=True, exist_ok=True)
    with (BOOK.build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "helpers.exercises"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""


def main() -> None:
    stale = [number for number in BOOK.chapters() if not is_worked(number)]
    for number in stale:
        BOOK.results(number).unlink(missing_ok=True)
    chapters = parse_book(BOOK)
    with tempfile.NamedTemporaryFile() as plans:
        plans.write(pickle.dumps((chapters, book_locks(chapters))))
        plans.flush()

        def prelude(chapter: Chapter) -> str:
            return PRELUDE.format(paths=PATHS, number=chapter.number, plans=plans.name)

        try:
            run(BOOK, chapters.values(), prelude=prelude)
        except ChapterError as error:
            sys.exit(str(error))


def is_worked(number: int) -> bool:
    """Whether a chapter's exercises were tried as everything stands."""
    target = _worked(number)
    return target.is_file() and json.loads(target.read_text(encoding="utf-8"))["key"] == key_of(number)


def keep(number: int, wanted: str, found: dict[str, Outcome]) -> None:
    """Write down the outcomes of a chapter that has just been run, and the key that it had when it began."""
    content = {"key": wanted, "outcomes": {name: asdict(outcome) for name, outcome in found.items()}}
    _worked(number).parent.mkdir(parents=True, exist_ok=True)
    write_if_changed(_worked(number), json.dumps(content, indent=1))


def _worked(number: int) -> Path:
    return BOOK.build / "exercises" / f"{number:02d}.json"


def key_of(number: int) -> str:
    """A hash of everything that the outcomes depend on."""
    files = [BOOK.root / "tests" / "mistakes" / f"{number:02d}.py"]
    files += [Path(__file__).with_name(f"{name}.py") for name in ("exercises", "forks", "mutants", "watching")]
    files += sorted((BOOK.root / "src" / "groundup").rglob("*.py"))
    content = b"".join(path.read_bytes() for path in files if path.is_file())
    return hashlib.sha256(key(BOOK, number).encode() + content).hexdigest()


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


if __name__ == "__main__":
    main()
