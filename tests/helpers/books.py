"""Books to try things on: small ones made for a test, and the real one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from groundup.book import Book

# the real one; what the tests make of it has a folder of its own, for under watch a chapter takes other times
BOOK = Book(Path(__file__).parents[2], made="build/tests")


def write_chapter(book: Book, number: int, cells: str) -> Path:
    """A chapter with these cells, in the percent format, below its title."""
    path = book.root / "chapters" / f"{number:02d}_chapter.py"
    path.write_text(f"# %% [markdown]\n# # {number}. A chapter\n\n{dedent(cells).strip()}\n", encoding="utf-8")
    return path


def make_book(root: Path, chapters: Mapping[int, str]) -> Book:
    """A book in the folder `root` with these chapters' cells."""
    for folder in ("chapters", "src"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    book = Book(root)
    for number, cells in chapters.items():
        write_chapter(book, number, cells)
    return book
