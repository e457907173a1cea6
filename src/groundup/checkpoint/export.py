"""Checkpoints: the packages src/chNN, each the one before plus the exported cells of its chapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from groundup.book import Book, write_if_changed
from groundup.chapter import Chapter, ChapterError
from groundup.checkpoint.bindings import Bindings
from groundup.checkpoint.circles import open_circles
from groundup.checkpoint.edit import edit
from groundup.checkpoint.meanings import settle
from groundup.checkpoint.modules import Checkpoint
from groundup.checkpoint.render import GENERATED, formatted, render
from groundup.checkpoint.resolve import check_needs, needs
from groundup.checkpoint.shadows import check_shadows
from groundup.checkpoint.state import check_state

INIT = f'{GENERATED}\n"""The code of the book, as it stands after one of its chapters."""\n'


def checkpoints(chapters: Mapping[int, Chapter]) -> dict[int, dict[str, str]]:
    """The texts of every checkpoint's modules, by chapter and file name.

    Raises: ChapterError with every mistake of the first chapter that has any.
    """
    missing = set(range(1, max(chapters, default=0))) - {*chapters}
    if missing:
        raise ChapterError(f"chapter {min(missing)} is missing: each chapter builds on the one before")
    raw: dict[int, dict[str, str]] = {}
    before: Checkpoint = {}
    previous = None
    for chapter in chapters.values():
        draft = edit(chapter, before, previous)
        bindings = Bindings(draft)
        reported = settle(draft, bindings)
        found = {file: needs(draft.modules, file) for file in draft.modules}
        check_needs(draft, found, reported)
        open_circles(draft, found)
        check_shadows(draft, bindings)
        check_state(draft, bindings)
        draft.problems.raise_if_any()
        before = dict(sorted(draft.modules.items()))
        previous = chapter.package
        raw[chapter.number] = {file: render(module, found[file]) for file, module in before.items()}
    done = formatted({text for texts in raw.values() for text in texts.values()})
    return {
        number: {"__init__.py": INIT, **{file: done[text] for file, text in texts.items()}}
        for number, texts in raw.items()
    }


def write(book: Book, chapters: Mapping[int, Chapter]) -> list[Path]:
    """Write what differs and remove what no chapter exports any more; return the files that changed.

    Raises: ChapterError before anything is written.
    """
    changed = []
    wanted = _by_path(book, chapters)
    for path, text in wanted.items():
        if write_if_changed(path, text):
            changed.append(path)
    for path in _committed(book):
        if path not in wanted and _is_generated(path):
            path.unlink()
            changed.append(path)
            _remove_if_empty(path.parent)
    return changed


def stale(book: Book, chapters: Mapping[int, Chapter]) -> list[str]:
    """A line for each file of a checkpoint that was edited, is missing, or is exported by no chapter."""
    lines = []
    wanted = _by_path(book, chapters)
    for path in sorted({*wanted, *_committed(book)}):
        name = book.relative(path)
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
        if path not in wanted:
            remedy = "`make export` removes it" if _is_generated(path) else "move it elsewhere"
            lines.append(f"{name} is exported by no chapter: {remedy}")
        elif text is None:
            lines.append(f"{name} is missing: run `make export`")
        elif text != wanted[path]:
            chapter = book.relative(book.chapter(int(path.parent.name[2:])))
            lines.append(f"{name} differs from what {chapter} exports: edit the chapter, then `make export`")
    return lines


def _by_path(book: Book, chapters: Mapping[int, Chapter]) -> dict[Path, str]:
    return {
        book.checkpoint(number) / file: text
        for number, texts in checkpoints(chapters).items()
        for file, text in texts.items()
    }


def _committed(book: Book) -> list[Path]:
    return sorted(path for path in (book.root / "src").glob("ch[0-9][0-9]/*.py") if not path.name.startswith("."))


def _is_generated(path: Path) -> bool:
    return path.read_text(encoding="utf-8", errors="replace").startswith(GENERATED)


def _remove_if_empty(folder: Path) -> None:
    """Remove a package of which only Python's cache is left."""
    cache = folder / "__pycache__"
    if {*folder.iterdir()} <= {cache}:
        for file in cache.glob("*"):
            file.unlink()
        for empty in (cache, folder):
            if empty.is_dir():
                empty.rmdir()
