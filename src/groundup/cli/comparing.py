"""The commands that compare: checkpoints with each other, and a reader's package with one."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from groundup.book import Book, UsageError


def diff(book: Book, options: Namespace) -> None:
    """Show what changed between two checkpoints, or what your own package does otherwise than one."""
    from groundup import checkpoint

    new, what = options.new, options.what
    if new is not None and what is None and not new.isdecimal():
        new, what = None, new
    if options.mine is not None and new is not None:
        raise UsageError("one checkpoint is compared with your own package: groundup diff 5 --mine my_nn")
    last = _number(book, new or options.old)
    first = _number(book, options.old) if new else max(last - 1, 0)
    if options.mine is not None:
        text = checkpoint.beside_mine(
            book, last, options.mine, what or "", only_table=options.stat, colour=_has_colours()
        )
    elif options.stat:
        text = checkpoint.stat(book, first, last, what or "")
    elif what:
        text = checkpoint.part(book, first, last, what, colour=_has_colours())
    else:
        text = checkpoint.unified(book, first, last, colour=_has_colours())
    print(text, end="")


def log(book: Book, options: Namespace) -> None:
    """Show the history of a module, function, class or method: where it came, changed, moved and went."""
    from groundup import checkpoint

    print(checkpoint.history(book, ".".join(options.what).replace(".py.", "."), colour=_has_colours()), end="")


def _number(book: Book, text: str) -> int:
    if text == "0":
        return 0
    path = book.chapter(text)
    return next(number for number, other in book.chapters().items() if other == path)


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
