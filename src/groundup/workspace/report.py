"""What a reader sees of the checks in the terminal."""

from __future__ import annotations

import linecache
import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from groundup.chapter import Exercise
from groundup.workspace.task import Outcome

STATES = {
    "passed": "passed", "not started": "not started", "failed": "failed", "error": "error", "unfinished": "unfinished",
    "changed": "not checked", "ended": "ended", "too long": "too long", "book": "not tried",
}  # fmt: skip
HELPED = ("failed", "error", "too long", "unfinished")  # by a hint; the others say what is to be done
WIDEST = 100  # characters of a line
INDENT = 14  # of what stands beside the name of a rung


@dataclass(frozen=True)
class Commands:
    """What a reader can type, for a chapter in a folder."""

    number: int
    dir: Path | None

    @property
    def start(self) -> str:
        return f"groundup start {self.number}{self._where}"

    @property
    def check(self) -> str:
        return f"groundup check {self.number}{self._where}"

    def hint(self, name: str) -> str:
        return f"groundup check {self.number} {name} --hint{self._where}"

    def solution(self, name: str) -> str:
        return f"groundup check {self.number} {name} --solution{self._where}"

    @property
    def notebooks(self) -> str:
        return f"groundup notebooks {self.number}"

    @property
    def diff(self) -> str:
        return f"groundup diff {self.number - 1} {self.number} --stat"  # the whole of it holds the answers

    def no_more(self, name: str) -> str:
        return f"These are all hints. What I did: {self.solution(name)}"

    @property
    def _where(self) -> str:
        return f' --dir "{self.dir}"' if self.dir else ""


def row(exercise: Exercise, outcome: Outcome) -> str:
    """An exercise as a line of the table."""
    line = f"{exercise.name:<20} {STATES[outcome.result]:<12} {outcome.message}".split("\n")[0].rstrip()
    return line if len(line) <= _width() else line[: _width() - 1] + "…"


def failure(exercise: Exercise, outcome: Outcome, commands: Commands) -> str:
    """Why an exercise does not pass, and the ladder of what helps."""
    rungs = [
        ("it printed", "\n".join(outcome.printed)),
        *((("hint 1", _text(exercise.part("hint")[0].source)),) if outcome.result in HELPED else ()),
        ("hint 2" if outcome.result in HELPED else "a hint", commands.hint(exercise.name)),
        ("the case", "\n".join(outcome.case)),
        ("the diff", commands.diff),
        ("What I did", commands.solution(exercise.name)),
    ]
    lines = [exercise.name, textwrap.indent(_text(why(outcome)), "  "), ""]
    for name, text in rungs:
        if text:
            lines.append(f"  {name:<{INDENT - 2}}{textwrap.indent(text, ' ' * INDENT).strip()}")
    return "\n".join(lines)


def note(exercise: Exercise, outcome: Outcome) -> str:
    """Why an exercise is not started although something is written, or its place is gone."""
    return f"{exercise.name}\n{textwrap.indent(_text(outcome.message), '  ')}"


def why(outcome: Outcome) -> str:
    """Why an answer does not pass, with the reader's line."""
    at = f"{Path(outcome.file).name}:{outcome.line}" if outcome.line else ""
    linecache.checkcache(outcome.file)
    line = linecache.getline(outcome.file, outcome.line).strip() if outcome.line else ""
    where = f"\nat {at}: {line}" if line else f"\nat {at}" if at else ""
    message = {
        "ended": f"your code ends the program{outcome.message}: leave out exit(), quit() and the like",
        "too long": f"stopped after {outcome.message}: a loop may never end",
    }.get(outcome.result, outcome.message)
    return message + where


def summary(outcomes: Iterable[Outcome]) -> str:
    """How many passed, and how many did not."""
    results = [outcome.result for outcome in outcomes]
    passed, empty = results.count("passed"), results.count("not started")
    if passed == len(results):
        return f"all {passed} pass" if passed > 1 else "it passes"
    unfinished = results.count("unfinished")
    failed = len(results) - passed - empty - unfinished
    parts = [
        f"{passed} of {len(results)} passed",
        f"{failed} failed" * bool(failed),
        f"{unfinished} not finished" * bool(unfinished),
        f"{empty} not started" * bool(empty),
    ]
    return ", ".join(filter(None, parts))


def differing(names: Iterable[str]) -> str:
    """That the checks of some exercises are no longer the book's in the reader's file."""
    return f"your copy of the check of {', '.join(names)} differs: the book's own was used"


def hints(exercise: Exercise, which: Iterable[int]) -> str:
    """Some hints of an exercise."""
    all_of_them = exercise.part("hint")
    return "\n\n".join(f"{exercise.name}, hint {n + 1}\n\n{_text(all_of_them[n].source)}" for n in which)


def solution(exercise: Exercise) -> str:
    """What I did: code and prose."""
    parts = [
        textwrap.indent(cell.source, "    ") if cell.is_code else _text(cell.source)
        for cell in exercise.part("solution")
    ]
    return "\n\n".join([f"{exercise.name}: what I did", *parts])


def _text(markdown: str) -> str:
    """Prose, its lines no longer than the terminal's; code and tables stay as they are."""
    lines, is_code = [], False
    for line in markdown.split("\n"):
        is_code ^= line.lstrip().startswith("```")
        stays = is_code or line.startswith(("|", "    ", "```"))
        lines.append(line if stays else textwrap.fill(line, _width() - INDENT))
    return "\n".join(lines)


def _width() -> int:
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
