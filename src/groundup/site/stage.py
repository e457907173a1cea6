"""The folder that MkDocs reads: hand-written pages with their generated parts, notebooks, diffs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from groundup.book import Book, BookError, digest, read_text
from groundup.chapter import Chapter
from groundup.notebooks import notebooks
from groundup.site import bench, curve, diffs, mosaic, pages, terms, wheel

NOTEBOOKS = "notebooks"  # the folder of the site that holds them, and the wheel that they need elsewhere
NOT_STAGED = shutil.ignore_patterns("overrides", "*.part", ".*")  # .*: what an editor leaves
JOINED = {"stylesheets": "site.css", "javascripts": "book.js"}  # written as files of one idea, sent as one


def stage(book: Book, chapters: Mapping[int, Chapter], folder: Path) -> None:
    """Gather everything that the site consists of in `folder`.

    Raises: BookError when a chapter has not been run, or a page asks for a part that nobody makes.
    """
    shutil.copytree(book.root / "docs", folder, ignore=NOT_STAGED)
    _write(folder / "assets" / "javascripts" / "00-exercises.js", _exercises(chapters))
    for kind, name in JOINED.items():
        _join(folder / "assets" / kind, name)
    for number in chapters:
        _chapter(book, number, folder / "chapters")
    built = wheel.write(book, folder / NOTEBOOKS)
    address = f"{book.address}{NOTEBOOKS}/{built.name}#sha256={digest(built)}"
    for name, text in notebooks(chapters.values(), address).items():
        _write(folder / NOTEBOOKS / name, text)
    for page in sorted(folder.glob("*.md")):
        text = read_text(page, f"docs/{page.name}")
        page.write_text(pages.fill(text, book, f"docs/{page.name}"), encoding="utf-8")
    glossary = folder / "glossary.md"
    glossary.write_text(terms.with_anchors(read_text(glossary, "docs/glossary.md")), encoding="utf-8")
    for name, text in diffs.pages(book, chapters).items():
        _write(folder / "diffs" / name, text)
    for name, text in curve.drawings(book).items():
        _write(folder / "assets" / "images" / name, text)
    bench.stage(book, chapters, folder)
    mosaic.draw(folder / "assets" / "images" / "digits.png")


def _exercises(chapters: Mapping[int, Chapter]) -> str:
    """The exercises of each chapter, by the names under which a reader's browser remembers what is done."""
    names = {chapter.stem: [f"{number}.{name}" for name in chapter.exercises] for number, chapter in chapters.items()}
    return f"const EXERCISES = {json.dumps(names, indent=1)}\n"


def _join(folder: Path, name: str) -> None:
    """Put the files of a folder into one, in the order of their names, which begin with numbers."""
    parts = sorted(folder.glob(f"*{Path(name).suffix}"))
    text = "\n".join(read_text(part, f"docs/assets/{folder.name}/{part.name}") for part in parts)
    for part in parts:
        part.unlink()
    _write(folder / name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _chapter(book: Book, number: int, folder: Path) -> None:
    if not book.executed(number).is_file():
        raise BookError(f"{book.relative(book.chapter(number))} has not been run: make run")
    _write(folder / f"{book.chapter(number).stem}.md", "")  # hooks.py fills it from the notebook
