"""The site: executed chapters, the pages written by hand, and what is made from both, through MkDocs."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from groundup.book import Book

KEY = ".key"
TOOL = Path(__file__).parents[1]


def build(book: Book) -> bool:
    """Build build/site from chapters that were exported and run; False when nothing had changed.

    A failed build leaves the previous site as it was.
    Raises: BookError with every mistake on the pages, a line each.
    """
    key = _key(book)
    stamp = book.site / KEY
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return False

    from groundup.site import render, stage

    book.build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=book.build, prefix="site-") as folder:
        pages, fresh, old = (Path(folder) / name for name in ("docs", "site", "old"))
        stage.stage(book, pages)
        render.render(book, pages, fresh)
        (fresh / KEY).write_text(key, encoding="utf-8")
        if book.site.exists():
            book.site.rename(old)
        fresh.rename(book.site)
    return True


def _key(book: Book) -> str:
    """A hash of everything that the site is made from."""
    digest = hashlib.sha256(os.environ.get("DATA", "").encode())
    for path in _sources(book):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            shutil.copyfileobj(file, _Sink(digest))
    return digest.hexdigest()


class _Sink:
    """Lets `copyfileobj` feed a hash."""

    def __init__(self, digest: hashlib._Hash) -> None:
        self.write = digest.update


def _sources(book: Book) -> Iterator[Path]:
    for folder, pattern in (
        (book.root / "chapters", "*.py"),
        (book.root / "docs", "**/*"),
        (book.root / "src", "ch*/*.py"),
        (TOOL, "**/*.py"),
        (TOOL / "site", "**/*.j2"),
        (book.build / "executed", "*.ipynb"),
        (book.build / "results", "*.json"),
    ):
        yield from (path for path in sorted(folder.glob(pattern)) if path.is_file())
    for name in ("mkdocs.yml", "constraints.txt"):
        if (book.root / name).is_file():
            yield book.root / name
