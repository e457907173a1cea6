"""The folder that MkDocs reads: hand-written pages with their generated parts, notebooks, diffs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from groundup.book import Book, BookError
from groundup.chapter import Chapter
from groundup.notebooks import notebooks
from groundup.site import curve, mosaic, pages, terms


def stage(book: Book, chapters: Mapping[int, Chapter], folder: Path) -> None:
    """Gather everything that the site consists of in `folder`.

    Raises: BookError when a chapter has not been run, or a page asks for a part that nobody makes.
    """
    shutil.copytree(book.root / "docs", folder, ignore=shutil.ignore_patterns("overrides", "*.part"))
    for number in chapters:
        _chapter(book, number, folder / "chapters")
    for name, text in notebooks(chapters.values()).items():
        _write(folder / "notebooks" / name, text)
    for page in sorted(folder.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(pages.fill(text, book, f"docs/{page.name}"), encoding="utf-8")
    glossary = folder / "glossary.md"
    glossary.write_text(terms.with_anchors(glossary.read_text(encoding="utf-8")), encoding="utf-8")
    for name, text in pages.diffs(book).items():
        _write(folder / "diffs" / name, text)
    for name, text in curve.drawings(book).items():
        _write(folder / "assets" / "images" / name, text)
    mosaic.draw(folder / "assets" / "images" / "digits.png")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _chapter(book: Book, number: int, folder: Path) -> None:
    executed = book.executed(number)
    if not executed.is_file():
        raise BookError(f"{book.relative(book.chapter(number))} has not been run: make run")
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    place_cells(notebook["cells"])
    _write(folder / executed.name, json.dumps(notebook))


def place_cells(cells: list[dict[str, Any]]) -> None:
    """Note in each cell's metadata what the template cannot see: its hint's number, where folds begin and end."""
    hints: dict[str, int] = {}
    for cell in cells:
        metadata = cell["metadata"]
        metadata.setdefault("tags", [])
        metadata["page"] = {}
        if "hint" in metadata["tags"]:
            name = metadata["exercise"]
            metadata["page"]["hint"] = hints[name] = hints.get(name, 0) + 1
    for kind, name_of in (("exercise", _exercise), ("solution", _solution)):
        for before, after in pairwise([None, *cells, None]):
            if name_of(before) != name_of(after):
                if before and name_of(before):
                    before["metadata"]["page"][f"closes_{kind}"] = True
                if after and name_of(after):
                    after["metadata"]["page"][f"opens_{kind}"] = True


def _exercise(cell: dict[str, Any] | None) -> str | None:
    return cell["metadata"].get("exercise") if cell else None


def _solution(cell: dict[str, Any] | None) -> str | None:
    return _exercise(cell) if cell and "solution" in cell["metadata"]["tags"] else None
