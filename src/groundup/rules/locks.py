"""What is locked where: the plan's table, and the places at which the chapters turn its locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from groundup.book.plan import PLAN, Lock, operation
from groundup.rules.vocabulary import COMMON, METHODS, NAMESPACES, is_base


@dataclass(frozen=True)
class Place:
    """Where code stands: a chapter and the position of a code cell in it; a package is beyond all cells."""

    chapter: int
    cell: int | None = None


@dataclass(frozen=True)
class Unlocked:
    """The place and line of a chapter's `unlock`."""

    place: Place
    line: int

    def is_before(self, place: Place) -> bool:
        here = self.place
        if place.cell is not None and here.chapter == place.chapter:
            return here.cell is not None and here.cell < place.cell
        return here.chapter <= place.chapter


CHAPTER_OF = {lock.name: planned.number for planned in PLAN for lock in planned.locks}


def _index() -> dict[str, list[Lock]]:
    found: dict[str, list[Lock]] = {}
    for planned in PLAN:
        for lock in planned.locks:
            for cover in lock.covers:
                found.setdefault(operation(cover), []).append(lock)
    return found


_COVERED = _index()
_OF_MODULES = {name.rpartition(".")[2]: name for name in _COVERED if name.startswith("torch.nn.Module.")}


def locks_of(name: str) -> list[Lock]:
    """The rows of the plan that free a full name: its own ones, else those of the name closest above it."""
    own = _COVERED.get(operation(name), [])
    while not own and "." in name and "(" not in name and name not in NAMESPACES:
        name = name.rpartition(".")[0]
        own = _COVERED.get(operation(name), []) if name not in NAMESPACES else []
    return own


def has_row(name: str) -> bool:
    """Whether a full name, as it stands, has a row in the plan or is covered by one."""
    return operation(name) in _COVERED


def method(word: str, *, of_tensor: bool = False) -> str | None:
    """The full name of PyTorch's that a locked method has on an object that may be anything; None for other words.

    With `of_tensor`, the words that are common elsewhere count as well.
    """
    stem = word if word.endswith("__") else word.removesuffix("_")
    if word in METHODS or stem in METHODS or (of_tensor and word in COMMON):
        return f"torch.Tensor.{word}"
    return _OF_MODULES.get(word)


def keywords(function: str | None, words: Iterable[str]) -> list[str]:
    """Those keyword arguments of a function that have a lock of their own."""
    return [name for word in words for name in (f"{function}({word}=)", f"({word}=)") if has_row(name)]


def shown(name: str) -> str:
    """A name as a message says it: `requires_grad=` for that of whatever function."""
    return name[1:-1] if name.startswith("(") else name


@dataclass(frozen=True)
class Locks:
    """The locks of a book: `opened` tells where each row of the plan is unlocked already."""

    opened: Mapping[str, Unlocked]

    def why(self, name: str, place: Place) -> str:
        """Why a full name may not be used at a place; nothing when it may."""
        if name.startswith("torch.") and is_base(name):
            return ""
        rows = locks_of(name)
        opened = [self.opened[row.name] for row in rows if row.name in self.opened]
        if any(unlocked.is_before(place) for unlocked in opened):
            return ""
        if not rows:
            return "which no chapter unlocks: write it from the base vocabulary"
        here = [unlocked.line for unlocked in opened if unlocked.place.chapter == place.chapter]
        if here and place.cell is not None:
            return f"which line {min(here)} unlocks: use it from the next cell on"
        planned = [CHAPTER_OF[row.name] for row in rows if row.name not in self.opened]
        return f"which chapter {min([*planned, *(unlocked.place.chapter for unlocked in opened)])} unlocks"
