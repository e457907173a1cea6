"""The site of the real book for the tests: run and built once, however many processes ask for it."""

from __future__ import annotations

import fcntl
import functools
from pathlib import Path

from groundup import run, site
from groundup.book import Book

BOOK = Book(Path(__file__).parents[1])


@functools.cache
def built_site() -> Path:
    """The folder of the site, up to date. Nothing is exported: a test says when the committed checkpoints are stale."""
    BOOK.build.mkdir(exist_ok=True)
    with (BOOK.build / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run.run(BOOK, list(BOOK.chapters()))
        site.build(BOOK)
    return BOOK.site
