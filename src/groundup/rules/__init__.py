"""The rule of the course: which names of torch a chapter, or a reader's package, may use.

What needs PyTorch itself, the watched run, is behind `groundup.rules.watch`, so that reading the source stays quick.
"""

from groundup.rules.answering import locked_in
from groundup.rules.ledger import FREE, FREED, UNDECIDED
from groundup.rules.reading import book_locks, check_chapters, check_package, package_files

__all__ = ["FREE", "FREED", "UNDECIDED", "book_locks", "check_chapters", "check_package", "locked_in", "package_files"]
