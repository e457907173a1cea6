"""The site: executed chapters, the pages written by hand, and what is made from both, through MkDocs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from groundup.book import Book
from groundup.chapter import Chapter

KEY = ".key"
TOOL = Path(__file__).parents[1]
LIBRARIES = ("torch", "matplotlib")  # what a chapter shows depends on these, and its run is stale with another


def is_current(book: Book) -> bool:
    """Whether build/site is what a build would make of everything as it stands: then nobody need even ask."""
    stamp = book.site / KEY
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _key(book)


def build(book: Book, chapters: Mapping[int, Chapter]) -> None:
    """Build build/site from chapters that were exported and run.

    A failed build leaves the previous site as it was.
    Raises: BookError with every mistake on the pages, a line each.
    """
    from groundup.site import render, stage

    key = _key(book)
    book.build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=book.build, prefix="site-") as folder:
        pages, fresh, old = (Path(folder) / name for name in ("docs", "site", "old"))
        stage.stage(book, chapters, pages)
        render.render(book, chapters, pages, fresh)
        (fresh / KEY).write_text(key, encoding="utf-8")
        if book.site.exists():
            book.site.rename(old)
        try:
            fresh.rename(book.site)
        except BaseException:
            if old.exists():
                old.rename(book.site)
            raise


def _key(book: Book) -> str:
    """A hash of everything that the site is made from."""
    from groundup.site import bench

    digest = hashlib.sha256(os.environ.get("DATA", "").encode())
    digest.update(repr([bench.version(), *((name, version(name)) for name in LIBRARIES)]).encode())
    for path in _sources(book):
        content = path.read_bytes()
        digest.update(f"{path.parent.name}/{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(book: Book) -> Iterator[Path]:
    for folder, pattern in (
        (book.root / "chapters", "*.py"),
        (book.root / "docs", "**/*"),
        (book.root / "src", "ch*/*.py"),
        (TOOL, "**/*"),
        (book.build / "executed", "*.ipynb"),
        (book.build / "results", "*.json"),
    ):
        yield from (path for path in sorted(folder.glob(pattern)) if path.is_file() and path.suffix != ".pyc")
    for name in ("mkdocs.yml", "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "LICENSE-text"):
        if (book.root / name).is_file():
            yield book.root / name
