"""What changed between two checkpoints."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from groundup.book import Book, BookError, read_text

CONTEXT = 3
COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}
BOLD, PLAIN = "\033[1m", "\033[0m"


@dataclass(frozen=True)
class Change:
    """One module that differs. An empty `before` means that it is new, an empty `after` that it is gone."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    before_file: str
    after_file: str

    @cached_property
    def matcher(self) -> difflib.SequenceMatcher:
        """The comparison of the two texts, line by line."""
        return difflib.SequenceMatcher(None, self.before, self.after, autojunk=False)

    @property
    def added(self) -> int:
        """How many lines came in."""
        return sum(j2 - j1 for what, _, _, j1, j2 in self.matcher.get_opcodes() if what != "equal")

    @property
    def removed(self) -> int:
        """How many lines went out."""
        return sum(i2 - i1 for what, i1, i2, _, _ in self.matcher.get_opcodes() if what != "equal")

    @property
    def counts(self) -> str:
        """How many lines came in and went out, in two columns."""
        return f"{f'+{self.added}' if self.added else '':>5} {f'−{self.removed}' if self.removed else '':>5}"

    def unified(self, colour: bool) -> str:
        """The change as `diff -u` would print it."""
        return unified_lines(self.before, self.after, self.before_file, self.after_file, colour)


def unified_lines(before: Sequence[str], after: Sequence[str], old: str, new: str, colour: bool) -> str:
    """Two texts, called `old` and `new`, compared line by line, in a terminal's colours if asked for."""
    text = ""
    for position, line in enumerate(difflib.unified_diff(before, after, old, new, n=CONTEXT, lineterm="")):
        start = BOLD if position < 2 else COLOURS.get(line[0])
        text += f"{start}{line}{PLAIN}\n" if colour and start else f"{line}\n"
    return text


def changes(book: Book, old: int, new: int) -> list[Change]:
    """The modules that differ between two checkpoints, by name; checkpoint 0 is empty.

    Raises: UsageError when a chapter does not exist, BookError when its checkpoint was never exported.
    """
    return _changes(read_checkpoint(book, old), read_checkpoint(book, new), f"src/ch{old:02d}", f"src/ch{new:02d}")


def unified(book: Book, old: int, new: int, *, colour: bool = False) -> str:
    """Two checkpoints compared, as `diff -u` would print it.

    Raises: UsageError, BookError as `changes` does.
    """
    text = "".join(change.unified(colour) for change in changes(book, old, new))
    return text or f"checkpoints {old} and {new} are identical\n"


def read_checkpoint(book: Book, number: int) -> dict[str, list[str]]:
    """The lines of each module of a checkpoint, by file name; checkpoint 0 has none.

    Raises: UsageError, BookError as `changes` does.
    """
    if number == 0:
        return {}
    book.chapter(number)
    folder = book.checkpoint(number)
    if not any(folder.glob("*.py")):  # one without modules has its __init__.py
        raise BookError(f"src/ch{number:02d} is not there yet: make export")
    return read_modules(folder)


def read_modules(folder: Path) -> dict[str, list[str]]:
    """The lines of each module of a package; `__init__.py` holds no code in a checkpoint and is left out.

    Raises: BookError for what is not UTF-8.
    """
    paths = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    return {path.name: read_text(path, str(path)).splitlines() for path in paths}


def _changes(before: dict[str, list[str]], after: dict[str, list[str]], old: str, new: str) -> list[Change]:
    return [
        Change(
            name,
            tuple(before.get(name, ())),
            tuple(after.get(name, ())),
            f"{old}/{name}" if name in before else "/dev/null",
            f"{new}/{name}" if name in after else "/dev/null",
        )
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
