"""The site of the real book for the tests: run and built once, however many processes ask for it."""

from __future__ import annotations

import fcntl
import functools
from pathlib import Path

from groundup import site
from groundup.chapter import parse_book
from groundup.run import run
from helpers.books import BOOK


@functools.cache
def built_site() -> Path:
    """The folder of the site, up to date. Nothing is exported: a test says when the committed checkpoints are stale."""
    BOOK.build.mkdir(exist_ok=True)
    with (BOOK.build / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not site.is_current(BOOK):
            chapters = parse_book(BOOK)
            run(BOOK, chapters.values())
            site.build(BOOK, chapters)
    return BOOK.site
