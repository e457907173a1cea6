"""The rule of the course, checked without running anything: what is not yet unlocked is not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from groundup.book import Book, UsageError, read_text
from groundup.chapter import Chapter, ChapterError
from groundup.rules.expressions import read
from groundup.rules.imports import why_not
from groundup.rules.locks import CHAPTER_OF, Locks, Place, Unlocked, locks_of, shown
from groundup.rules.oracles import leaks
from groundup.rules.receivers import Own
from groundup.rules.usage import Usage

COMPARED = ("micrograd",)  # others' work, for oracle cells to compare with
ROW = "mend the unlock, or the table in src/groundup/book/plan.py"


@dataclass(frozen=True)
class _Source:
    """One file under the rules. `cells` are the first lines of its code cells, `oracles` positions among them."""

    file: str
    number: int
    usage: Usage
    cells: tuple[int, ...] = (1,)
    oracles: frozenset[int] = frozenset()
    known: frozenset[str] = frozenset()  # attributes that the previous checkpoint or the package defines
    siblings: frozenset[str] | None = None  # modules of the package that the file belongs to; None for a chapter

    def cell(self, line: int) -> int:
        """The position of the cell that a line belongs to."""
        return sum(first <= line for first in self.cells) - 1

    def place(self, line: int) -> Place:
        return Place(self.number, self.cell(line) if self.siblings is None else None)


def check_chapters(chapters: Mapping[int, Chapter]) -> None:
    """Check every chapter, cell by cell.

    Raises: ChapterError with every violation, a line each, as `chapters/07_x.py:88 uses …, which chapter 9 unlocks`.
    """
    sources = _chapters(chapters)
    locks = _locks(sources)
    _raise_if_any([line for source in sources for line in _violations(source, locks)])


def book_locks(chapters: Mapping[int, Chapter]) -> Locks:
    """The locks of a book, and where its chapters open them."""
    return _locks(_chapters(chapters))


def check_package(book: Book, locked: Locks, folder: Path, number: int) -> None:
    """Check every module of a package that may use what chapters up to `number` unlock; `locked` are the book's locks.

    Raises: ChapterError as `check_chapters` does; BookError for a file that is no UTF-8; UsageError when there is no
    such chapter, folder or module.
    """
    book.chapter(number)
    texts = {path: read_text(path, book.relative(path)) for path in package_files(book, folder)}
    own: dict[str, Own] = {}
    for path, text in texts.items():
        own |= {name: found for _, name, found in _read(text, book.relative(path), {}).defined}
    usages = {book.relative(path): _read(text, book.relative(path), own) for path, text in texts.items()}
    known = frozenset(own).union(name for usage in usages.values() for _, name in usage.members)  # network.backward
    modules = {path.relative_to(folder).parts[0].removesuffix(".py") for path in texts}
    siblings = frozenset({folder.resolve().name, *modules})
    sources = [_Source(file, number, usage, known=known, siblings=siblings) for file, usage in usages.items()]
    _raise_if_any([line for source in sources for line in _violations(source, locked)])


def package_files(book: Book, folder: Path) -> list[Path]:
    """The modules of a reader's package.

    Raises: UsageError when there are none.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {book.relative(folder)}: give the folder of a package")
    paths = [path for path in sorted(folder.rglob("*.py")) if not _is_hidden(path.relative_to(folder))]
    if not paths:
        raise UsageError(f"there is no Python file in {book.relative(folder)}: give the folder of a package")
    return paths


def _chapters(chapters: Mapping[int, Chapter]) -> list[_Source]:
    sources: list[_Source] = []
    known: frozenset[str] = frozenset()
    own: dict[str, Own] = {}
    for number, chapter in chapters.items():
        code = [cell for cell in chapter.cells if cell.is_code]
        oracles = frozenset(position for position, cell in enumerate(code) if "oracle" in cell.tags)
        usage = read(chapter.text, own)
        usage.faults += leaks(code)
        source = _Source(chapter.file, number, usage, tuple(cell.line for cell in code), oracles, known)
        known = known.union(name for line, name in usage.members if code[source.cell(line)].export)
        own |= {name: found for line, name, found in usage.defined if code[source.cell(line)].export}
        sources.append(source)
    return sources


def _is_hidden(path: Path) -> bool:
    """Whether a path leads through a folder such as .venv or __pycache__."""
    return any(part[0] == "." or part == "__pycache__" for part in path.parts[:-1])


def _read(text: str, file: str, known: Mapping[str, Own]) -> Usage:
    try:
        return read(text, known)
    except SyntaxError as error:
        raise ChapterError(f"{file}:{error.lineno or 1}: not Python: {error.msg}: mend it first") from None
    except ValueError:
        raise ChapterError(f"{file}: not Python: it holds a null character: mend it first") from None


def _locks(sources: list[_Source]) -> Locks:
    """Where each row of the plan is unlocked already."""
    opened: dict[str, Unlocked] = {}
    for source in sources:
        for line, (name, *also) in source.usage.unlocks:
            if name in CHAPTER_OF:
                opened.setdefault(name, Unlocked(source.place(line), line))
            else:
                rows = "".join(f" (the row {row.name} covers it)" for row in locks_of(name)[:1])
                source.usage.faults.append((line, f"unlocks {name}, which has no row in the plan{rows}: {ROW}"))
            beside = [other for other in also if name not in (row.name for row in locks_of(other))]
            if name in CHAPTER_OF and beside:
                text = f"unlocks {beside[0]} beside {name}, whose row in the plan does not cover it: {ROW}"
                source.usage.faults.append((line, text))
    return Locks(opened)


def _violations(source: _Source, locks: Locks) -> list[str]:
    found = [(line, text) for line, text in source.usage.faults if source.cell(line) not in source.oracles]
    for line, module, dots in source.usage.imports:
        if module.split(".")[0] in COMPARED and source.cell(line) in source.oracles:
            continue
        if text := _import(source, module, dots):
            found.append((line, text))
    for use in source.usage.uses:
        if source.cell(use.line) in source.oracles or (use.word and _may_be_own(source, use.word, use.line)):
            continue
        if text := locks.why(use.name, source.place(use.line)):
            found.append((use.line, f"uses {shown(use.name)}, {text}"))
    return [f"{source.file}:{line} {text}" for line, text in sorted(set(found))]


def _may_be_own(source: _Source, word: str, line: int) -> bool:
    """Whether a class of the chapter so far, the previous checkpoint or the package defines an attribute."""
    cell = source.cell(line)
    return word in source.known or any(
        member == word and source.cell(place) <= cell for place, member in source.usage.members
    )


def _import(source: _Source, module: str, dots: int) -> str:
    """Why the import breaks the rules; nothing when it does not."""
    if dots:
        return "" if source.siblings is not None else "imports relatively: a chapter is a script, name the package"
    return why_not(module, source.number, source.siblings or ())


def _raise_if_any(lines: list[str]) -> None:
    if lines:
        raise ChapterError("\n".join(lines))
