"""The rule of the course, checked without running anything: what is not yet unlocked is not used."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from groundup.book import Book, UsageError
from groundup.book.plan import PLAN
from groundup.chapter import Chapter, ChapterError
from groundup.rules.usage import Usage, read
from groundup.rules.vocabulary import covering, is_base

TORCH_FROM = 3  # the chapter that brings PyTorch's arrays in
ALLOWED = ("matplotlib", "mpl_toolkits", "groundup")


@dataclass(frozen=True)
class _Unlock:
    """Where a name is unlocked: the chapter, and its cell and line when an unlock() stands there already."""

    chapter: int
    cell: int = -1
    line: int = 0


@dataclass(frozen=True)
class _Source:
    """One file under the rules. `cells` are the first lines of its code cells, `oracles` positions among them."""

    file: str
    number: int
    usage: Usage
    cells: tuple[int, ...] = (1,)
    oracles: frozenset[int] = frozenset()
    known: frozenset[str] = frozenset()  # attributes that classes of the previous checkpoint or the package define
    siblings: frozenset[str] | None = None  # modules of the package that the file belongs to; None for a chapter

    def cell(self, line: int) -> int:
        """The position of the cell that a line belongs to."""
        return sum(first <= line for first in self.cells) - 1


def check_chapters(chapters: Mapping[int, Chapter]) -> None:
    """Check every chapter, cell by cell.

    Raises: ChapterError with every violation, a line each, as `chapters/07_x.py:88 uses …, which chapter 9 unlocks`.
    """
    sources = _chapters(chapters)
    unlocks = _unlocks(sources)
    _raise_if_any([line for source in sources for line in _violations(source, unlocks)])


def check_package(book: Book, chapters: Mapping[int, Chapter], folder: Path, number: int) -> None:
    """Check every module of a package that may use what chapters up to `number` unlock.

    Raises: ChapterError as `check_chapters` does; UsageError when there is no such chapter, folder or module.
    """
    book.chapter(number)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {book.relative(folder)}: give the folder of a package")
    paths = [path for path in sorted(folder.rglob("*.py")) if not _is_hidden(path.relative_to(folder))]
    if not paths:
        raise UsageError(f"there is no Python file in {book.relative(folder)}: give the folder of a package")
    usages = {book.relative(path): _read(path, book.relative(path)) for path in paths}
    known = frozenset(name for usage in usages.values() for _, name in usage.members)
    modules = {path.relative_to(folder).parts[0].removesuffix(".py") for path in paths}
    siblings = frozenset({folder.resolve().name, *modules})
    unlocks = _unlocks(_chapters(chapters))
    sources = [_Source(file, number, usage, known=known, siblings=siblings) for file, usage in usages.items()]
    _raise_if_any([line for source in sources for line in _violations(source, unlocks)])


def _chapters(chapters: Mapping[int, Chapter]) -> list[_Source]:
    sources: list[_Source] = []
    known: frozenset[str] = frozenset()
    for number, chapter in chapters.items():
        code = [cell for cell in chapter.cells if cell.is_code]
        oracles = frozenset(position for position, cell in enumerate(code) if "oracle" in cell.tags)
        source = _Source(chapter.file, number, read(chapter.text), tuple(cell.line for cell in code), oracles, known)
        exported = (name for line, name in source.usage.members if code[source.cell(line)].export)
        known = known.union(exported)
        sources.append(source)
    return sources


def _is_hidden(path: Path) -> bool:
    """Whether a path leads through a folder such as .venv or __pycache__."""
    return any(part[0] == "." or part == "__pycache__" for part in path.parts[:-1])


def _read(path: Path, file: str) -> Usage:
    try:
        return read(path.read_text(encoding="utf-8-sig"))
    except SyntaxError as error:
        raise ChapterError(f"{file}:{error.lineno or 1}: not Python: {error.msg}: mend it first") from None
    except (UnicodeDecodeError, ValueError):
        raise ChapterError(f"{file}: not UTF-8 text: save it as UTF-8") from None


def _unlocks(sources: list[_Source]) -> dict[str, _Unlock]:
    """Where each name is unlocked, or will be by the plan."""
    found: dict[str, _Unlock] = {}
    for source in sources:
        for line, names in source.usage.unlocks:
            for name in names:
                found.setdefault(name, _Unlock(source.number, source.cell(line), line))
    planned = {name: _Unlock(chapter.number) for chapter in PLAN for name in chapter.unlocks}
    return planned | found


def _violations(source: _Source, unlocks: dict[str, _Unlock]) -> list[str]:
    found = [(line, text) for line, text in source.usage.faults if source.cell(line) not in source.oracles]
    for line, module, dots in source.usage.imports:
        if text := _import(source, module, dots):
            found.append((line, text))
    for use in source.usage.uses:
        cell = source.cell(use.line)
        if cell in source.oracles or _is_own_method(source, use.name, cell):
            continue
        name = f"torch.Tensor{use.name}" if use.name.startswith(".") else use.name
        if text := _locked(source, name, cell, unlocks):
            found.append((use.line, f"uses {name}, {text}"))
    return [f"{source.file}:{line} {text}" for line, text in sorted(set(found))]


def _is_own_method(source: _Source, name: str, cell: int) -> bool:
    """Whether a class of the chapter so far, the previous checkpoint or the package defines the attribute `.name`."""
    word = name.removeprefix(".")
    here = any(member == word and source.cell(line) <= cell for line, member in source.usage.members)
    return name.startswith(".") and (here or word in source.known)


def _locked(source: _Source, name: str, cell: int, unlocks: dict[str, _Unlock]) -> str:
    """Why the name may not be used at this cell; nothing when it may."""
    if name.startswith("torch.") and is_base(name):
        return ""
    where = [unlocks[target] for target in covering(name, unlocks)]
    if any(_is_open(source, unlock, cell) for unlock in where):
        return ""
    if not where:
        return "which no chapter unlocks: write it from the base vocabulary"
    first = min(where, key=lambda unlock: unlock.chapter)
    if first.chapter == source.number and first.line and source.siblings is None:
        return f"which line {first.line} unlocks: use it from the next cell on"
    return f"which chapter {first.chapter} unlocks"


def _is_open(source: _Source, unlock: _Unlock, cell: int) -> bool:
    if not unlock.line:  # only planned
        return False
    if source.siblings is None and unlock.chapter == source.number:
        return unlock.cell < cell
    return unlock.chapter <= source.number


def _import(source: _Source, module: str, dots: int) -> str:
    """Why the import breaks the rules; nothing when it does not."""
    top = module.split(".")[0]
    if dots:
        return "" if source.siblings is not None else "imports relatively: a chapter is a script, name the package"
    if top in sys.stdlib_module_names or top in ALLOWED or top in (source.siblings or ()):
        return ""
    if top == "torch":
        early = f"imports torch: PyTorch's arrays come in with chapter {TORCH_FROM}"
        return early if source.number < TORCH_FROM else ""
    if re.fullmatch(r"ch\d\d", top):
        previous = f"ch{source.number - 1:02d}"
        if source.number == 1:
            return f"imports {top}: chapter 1 has no checkpoint before it"
        return "" if top == previous else f"imports {top}: chapter {source.number} builds on {previous}"
    rules = f"the standard library, matplotlib, and torch from chapter {TORCH_FROM}"
    return f"imports {top}: {top} is not part of the rules: {rules}"


def _raise_if_any(lines: list[str]) -> None:
    if lines:
        raise ChapterError("\n".join(lines))
