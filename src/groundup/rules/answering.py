"""The rule of the course for a reader's answer: what is locked where the exercise stands."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

from groundup.book.plan import PLAN
from groundup.chapter import Chapter, Exercise
from groundup.rules.expressions import read
from groundup.rules.imports import why_not
from groundup.rules.locks import Locks, Place, Unlocked, shown
from groundup.rules.receivers import Own
from groundup.rules.usage import Usage


def locked_in(
    chapter: Chapter, exercise: Exercise, answer: str, previous: Path | None, mine: Path
) -> tuple[int, str] | None:
    """The first thing in an answer that the rule does not allow yet: its line there, from 0, and why.

    The answer may import the folders `previous`, a checkpoint, and `mine`, whose modules are held to the rule too once
    it does. What cannot be read there is left out.
    Raises: SyntaxError where the answer is no Python.
    """
    first = exercise.cells[0].line
    own: dict[str, Own] = {}
    known: set[str] = set()
    usages = {module: _usage(module, module.stat().st_mtime_ns) for module in _modules(previous, mine)}
    for usage in usages.values():
        own |= {name: found for _, name, found in usage.defined}
        known.update(name for _, name in usage.members)
    usage = read("\n".join([*chapter.text.split("\n")[: first - 1], answer]), own)
    known.update(own, (name for _, name in usage.members))
    locks = _locks(chapter, usage)
    imports = [(line, module) for line, module, dots in usage.imports if line >= first and not dots]
    for line, module in imports:
        if why := why_not(module, chapter.number, [mine.name]):
            return line - first, why
    if found := _locked(usage, first, known, locks, chapter.number):
        return found[0] - first, found[1]
    for line, module in imports:
        if module.split(".")[0] == mine.name:
            for path, used in usages.items():
                if path.is_relative_to(mine) and (found := _locked(used, 1, known, locks, chapter.number)):
                    where = f"{path.relative_to(mine.parent).as_posix()}:{found[0]}"
                    return line - first, f"{where} {found[1]}"
    return None


def _locked(usage: Usage, first: int, known: Collection[str], locks: Locks, number: int) -> tuple[int, str] | None:
    """The first use of something locked from a line on: its line, and why it may not be used."""
    for use in sorted(usage.uses, key=lambda use: use.line):
        if use.line < first or use.word in known:
            continue
        if why := locks.why(use.name, Place(number, 1)):
            return use.line, f"uses {shown(use.name)}, {why}{'' if ': ' in why else ': write it yourself'}"
    return None


def _locks(chapter: Chapter, usage: Usage) -> Locks:
    """What earlier chapters unlock, by the plan, and this one before the exercise."""
    earlier = [planned for planned in PLAN if planned.number < chapter.number]
    opened = {lock.name: Unlocked(Place(planned.number), 0) for planned in earlier for lock in planned.locks}
    return Locks(opened | {name: Unlocked(Place(chapter.number, 0), line) for line, (name, *_) in usage.unlocks})


def _modules(*packages: Path | None) -> list[Path]:
    return [path for folder in packages if folder for path in sorted(folder.rglob("*.py")) if path.is_file()]


@cache
def _usage(path: Path, time: int) -> Usage:
    """What a module uses, as it was written at a time."""
    try:
        return read(path.read_text(encoding="utf-8-sig"))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return Usage()
