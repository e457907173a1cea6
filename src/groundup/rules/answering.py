"""The rule of the course for a reader's answer: what is locked where the exercise stands."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from groundup.book.plan import PLAN
from groundup.chapter import Chapter, Exercise
from groundup.rules.expressions import read
from groundup.rules.locks import Locks, Place, Unlocked, shown
from groundup.rules.receivers import Own
from groundup.rules.usage import Usage


def locked_in(chapter: Chapter, exercise: Exercise, answer: str, packages: Iterable[Path]) -> tuple[int, str] | None:
    """The first use of something locked in an answer: its line there, from 0, and why it may not be used.

    `packages` are folders whose modules the answer may import; what cannot be read there is left out.
    Raises: SyntaxError where the answer is no Python.
    """
    first = exercise.cells[0].line
    own: dict[str, Own] = {}
    known: set[str] = set()
    for module in _modules(packages):
        usage = _usage(module, module.stat().st_mtime_ns)
        own |= {name: found for _, name, found in usage.defined}
        known.update(name for _, name in usage.members)
    usage = read("\n".join([*chapter.text.split("\n")[: first - 1], answer]), own)
    known.update(own, (name for _, name in usage.members))
    locks = _locks(chapter, usage)
    for use in sorted(usage.uses, key=lambda use: use.line):
        if use.line < first or use.word in known:
            continue
        if why := locks.why(use.name, Place(chapter.number, 1)):
            remedy = "" if ": " in why else ": write it yourself"
            return use.line - first, f"uses {shown(use.name)}, {why}{remedy}"
    return None


def _locks(chapter: Chapter, usage: Usage) -> Locks:
    """What earlier chapters unlock, by the plan, and this one before the exercise."""
    earlier = [planned for planned in PLAN if planned.number < chapter.number]
    opened = {lock.name: Unlocked(Place(planned.number), 0) for planned in earlier for lock in planned.locks}
    return Locks(opened | {name: Unlocked(Place(chapter.number, 0), line) for line, (name, *_) in usage.unlocks})


def _modules(packages: Iterable[Path]) -> list[Path]:
    return [path for folder in packages for path in sorted(folder.rglob("*.py")) if path.is_file()]


@cache
def _usage(path: Path, time: int) -> Usage:
    """What a module uses, as it was written at a time."""
    try:
        return read(path.read_text(encoding="utf-8-sig"))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return Usage()
