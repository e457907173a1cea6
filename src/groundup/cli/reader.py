"""What the commands for a reader's own work do."""

from __future__ import annotations

from argparse import Namespace

from groundup.book import Book


def start(book: Book, options: Namespace) -> None:
    """Make a folder to work a chapter in: its exercises, the code before it, a package of your own."""
    from groundup.workspace.start import start

    for line in start(book, options.chapter, options.dir, fresh=options.fresh, source=options.source or ""):
        print(line)
