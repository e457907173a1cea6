"""The rule of the course, watched while code runs: a call of what is still locked stops it, however it is spelled."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import torch
from torch.overrides import TorchFunctionMode, _pop_mode_temporarily

from groundup.book import Book
from groundup.chapter import Cell, Chapter, ChapterError
from groundup.rules import entries
from groundup.rules.locks import Locks, Place, keywords, shown
from groundup.rules.patches import patched
from groundup.rules.reading import package_files

Result = TypeVar("Result")

TORCH = os.path.dirname(torch.__file__) + os.sep
LIBRARY = sysconfig.get_path("stdlib") + os.sep
INSTALLED = tuple({sysconfig.get_path("purelib") + os.sep, sysconfig.get_path("platlib") + os.sep})
OVERRIDES = torch.overrides.__file__  # hands calls to the watch
HERE = os.path.dirname(__file__) + os.sep
OWN = re.compile(r"/ch\d\d/\w+\.py$|/ipykernel_\d+/\d+\.py$")  # a module of a checkpoint, a cell in a kernel


UNWATCHED = {"oracle", "timing"}  # tags of cells; to watch takes time


class LockedError(ChapterError):
    """A call of what is still locked, as `chapters/07_x.py:88 uses …, which chapter 9 unlocks`."""


# Whose code a file holds: nobody's only hands calls on, others may do what they like.
PYTORCH, WATCHED, NOBODY, OTHERS = "PyTorch's", "watched", "nobody's", "others'"


def _whose(file: str, is_watched: Callable[[str], bool]) -> str:
    if file.startswith(TORCH):
        return NOBODY if file == OVERRIDES else PYTORCH
    if is_watched(file):
        return WATCHED
    # Python's own library, generated code, this watch
    is_nobodys = file.startswith(("<", HERE)) or (file.startswith(LIBRARY) and not file.startswith(INSTALLED))
    return NOBODY if is_nobodys else OTHERS


class Watch(TorchFunctionMode):
    """Judges each call that the watched code makes of PyTorch; what PyTorch and the book's tool call is theirs.

    `place` is where the code has got to; None while what runs is outside of the rules.
    """

    def __init__(self, locked: Locks, files: Callable[[str], bool], cells: Mapping[int, Place | None]) -> None:
        super().__init__()
        self.locked = locked
        self.whose = cache(lambda file: _whose(file, files))
        self.cells = cells
        self.place: Place | None = None
        self.found: list[str] = []
        self._free: set[str] = set()  # names, at this place
        self._direct: set[Callable[..., Any]] = set()  # functions that are free when the watched code calls them itself

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """For while a code cell of the chapter runs; an oracle cell is outside of the rules."""
        with self.at(self.cells[cell.line]):
            yield

    @contextmanager
    def at(self, place: Place | None) -> Iterator[None]:
        """For while code runs at a place; outside of the rules, nothing is looked at."""
        before, self.place, self._free, self._direct = self.place, place, set(), set()
        try:
            with self if place else nullcontext():
                yield
        finally:
            self.place = before

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if kwargs or func not in self._direct or self.whose(sys._getframe(1).f_code.co_filename) is not WATCHED:
            given = kwargs or {}
            if self.judge(lambda: [entries.of_function(func)], given) and not given:
                self._direct.add(func)
            return func(*args, **given)
        return func(*args)

    def judge(self, names: Callable[[], list[str]], given: Mapping[str, Any]) -> bool:
        """Stop at a call, two frames further out, that the watched code makes of something locked.

        `names` tells what is called when nothing of PyTorch stands between; `given` are its keyword arguments.
        Whether the watched code calls it itself. Raises: LockedError.
        """
        if self.place is None:
            return False
        caller, inside = self._caller(sys._getframe(2))
        if caller is None:
            return False
        entered = entries.of_frames(reversed(inside)) or names()
        if given and entered == names():
            entered = [*entered, *keywords(entered[0], [word for word, value in given.items() if _counts(value)])]
        for name in entered:
            if name in self._free:
                continue
            if why := self.locked.why(name, self.place):
                self.found.append(f"{_where(caller)} uses {shown(name)}, {why}")
                raise LockedError(self.found[-1])
            self._free.add(name)
        return not inside

    @contextmanager
    def resting(self) -> Iterator[None]:
        """For while PyTorch does what it was asked for, and calls nobody back: it may do it as it likes."""
        with _pop_mode_temporarily() if torch._C._len_torch_function_stack() else nullcontext():
            yield

    def _caller(self, frame: FrameType | None) -> tuple[FrameType | None, list[FrameType]]:
        """The watched frame that a call comes from, or None, and the frames of PyTorch between, innermost first."""
        inside: list[FrameType] = []
        while frame is not None:
            code = frame.f_code
            whose = self.whose(code.co_filename)
            if whose is PYTORCH:
                if code.co_name == "<module>":  # that is being imported
                    break
                inside.append(frame)
            elif whose is WATCHED:
                return frame, inside
            elif whose is OTHERS:
                break
            frame = frame.f_back
        return None, []


def _counts(value: Any) -> bool:
    """Whether an argument does anything: a momentum of 0 does not."""
    return bool(value) if value is None or isinstance(value, int | float) else True


def _where(frame: FrameType) -> str:
    file = frame.f_code.co_filename
    return f"{os.path.relpath(file) if os.path.isabs(file) else file}:{frame.f_lineno}"


@contextmanager
def watched(chapter: Chapter, locked: Locks) -> Iterator[Watch]:
    """Watch a chapter that is run within, each code cell under `watch.cell(cell)`; `locked` are the book's locks.

    The chapter's own code, and that of the checkpoints, is whatever is compiled under `chapter.file`, or as a cell by
    a Jupyter kernel, or stands in a module of `chNN`. Raises: LockedError, also at the end when the chapter caught it.
    """
    code = [cell for cell in chapter.cells if cell.is_code]
    cells = {cell.line: None if UNWATCHED & {*cell.tags} else Place(chapter.number, k) for k, cell in enumerate(code)}

    def is_own(file: str) -> bool:
        return file == chapter.file or file.endswith(f"/{chapter.file}") or bool(OWN.search(file))

    with _watching(Watch(locked, is_own, cells)) as watch:
        yield watch


def check_package_run(book: Book, locked: Locks, folder: Path, number: int, run: Callable[[Watch], Result]) -> Result:
    """What `run(watch)` gives, while each call that a package makes is held to what is unlocked by chapter `number`.

    `with watch.at(None)` leaves the rules for a while.

    Raises: LockedError; UsageError when there is no such chapter, folder or module.
    """
    book.chapter(number)
    files = {str(path.resolve()) for path in package_files(book, folder)}
    watch = Watch(locked, lambda file: os.path.realpath(file) in files, {})
    with _watching(watch), watch.at(Place(number)):
        return run(watch)


@contextmanager
def _watching(watch: Watch) -> Iterator[Watch]:
    entries.index()  # before anything is patched
    try:
        with patched(watch.judge, watch.resting):
            yield watch
    finally:
        if watch.found:  # also where the watched code has caught it, and gone on
            raise LockedError("\n".join(dict.fromkeys(watch.found)))
