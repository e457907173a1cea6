"""The suite over the book's checkpoints, on a package of the reader's own."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from groundup import rules
from groundup.book import Book, BookError, UsageError
from groundup.chapter import ChapterError, parse
from groundup.workspace import importing
from groundup.workspace.behaviours import Failure, Findings
from groundup.workspace.suite_process import SUITE, Job, Package, events

__all__ = ["Failure", "failures", "report"]

SECONDS = 60.0  # for one case; the longest of the book's own takes 10
LIVES = 3  # so many processes may be lost


def failures(book: Book, package: Path, number: int) -> list[Failure]:
    """What a reader's package does not do that checkpoint `number` does, and where it breaks the rule of the course.

    Runs the suite in a process of its own, which takes from 5 to 60 seconds. Nothing when all holds.
    Raises: UsageError when there is no such chapter, folder or module; BookError for a module that is no UTF-8.
    """
    return _examine(book, package, number, lambda findings, module: None).failures()


def report(book: Book, package: Path, number: int) -> int:
    """Print what `failures` finds, and how many behaviours hold; 1 when there is a failure.

    Raises: as `failures` does.
    """
    progress = _Progress()
    findings = _examine(book, package, number, progress.show)
    progress.clear()
    found, name = findings.failures(), book.relative(package)
    module = ""
    for failure in found:
        if failure.module != module:
            module = failure.module
            print(f"{module}.py\n" if module else "besides\n")
        print(f"  {failure.behaviour}: {failure.message}\n")
    print(f"{findings.held} of {len(findings.tests)} behaviours of checkpoint {number} hold in {name}", end="")
    beside = f"\nbeside the book's, name by name: groundup diff {number} --mine {shlex.quote(name)}"
    print(beside if found else ", and it uses nothing that is locked in that chapter")
    return int(bool(found))


def _examine(book: Book, folder: Path, number: int, show: Callable[[Findings, str], None]) -> Findings:
    book.chapter(number)  # or there is none
    if folder.is_file():
        home = book.relative(book.checkpoint(number))
        raise UsageError(f"{folder} is a file: give the folder of a package, with modules named as in {home}")
    if book.root.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} holds the whole book: give the folder of a package")
    rules.package_files(book, folder)  # or there is no package
    if not any((book.root / "tests").glob(SUITE)):
        raise BookError(f"there is no suite in {book.root / 'tests'}: get the book's whole repository")
    locked = rules.book_locks({each: parse(path) for each, path in book.chapters().items() if each <= number})
    package = Package(folder.absolute(), book.relative(folder), book.checkpoint(number).name)
    findings = Findings()
    try:
        rules.check_package(book, locked, folder, number)
    except ChapterError as error:
        findings.locked(str(error).splitlines())
    job = Job(book, locked, package, number, SECONDS, importing.SECONDS)
    for _ in range(LIVES):
        for event in events(job):
            findings.add(event)
            if event["event"] == "begin":
                show(findings, event["module"])
        if findings.is_over:
            break
        job = replace(job, done=frozenset(findings.done), hung=findings.hung)
    return findings


class _Progress:
    """How far the suite has come, on standard error: one line that is rewritten, or in a pipe each module once."""

    def __init__(self) -> None:
        self.is_live = sys.stderr.isatty()
        self.seen: set[str] = set()

    def show(self, findings: Findings, module: str) -> None:
        """The suite is at a behaviour of `module`."""
        if self.is_live:
            count = f"{len(findings.tried)} of {len(findings.tests)} behaviours"
            print(f"\r\x1b[K{count}  {module}", end="", file=sys.stderr, flush=True)
        elif module and module not in self.seen:
            self.seen.add(module)
            print(f"{module} …", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.is_live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
