"""The site of the real book for the tests: run and built once, however many processes ask for it."""

from __future__ import annotations

import fcntl
import functools
from pathlib import Path

from groundup import site
from groundup.chapter import parse_book
from helpers.books import BOOK
from helpers.exercises import work_book


@functools.cache
def built_site() -> Path:
    """The folder of the site, up to date. Nothing is exported: a test says when the committed checkpoints are stale."""
    wrong = work_book()
    assert not wrong, wrong
    with (BOOK.build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not site.is_current(BOOK):
            site.build(BOOK, parse_book(BOOK))
    return BOOK.site
