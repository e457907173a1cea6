"""What the commands that make the book do. A part of the tool is imported only when its command is asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.book import Book, BookError

if TYPE_CHECKING:
    from groundup.chapter import Chapter

PORT = 8000


def numbers(book: Book, asked: Iterable[str]) -> list[int]:
    """The chapters that are asked for, in order, or all. Raises: UsageError for one that does not exist."""
    existing = {path: number for number, path in book.chapters().items()}
    return sorted({existing[book.chapter(number)] for number in asked}) or list(existing.values())


def export(book: Book, options: Namespace) -> None:
    """Write the checkpoints src/ch01, src/ch02, … that the chapters export."""
    from groundup.chapter import parse_book

    if not _exported(book, parse_book(book)):
        print("the checkpoints are up to date")


def _exported(book: Book, chapters: Mapping[int, Chapter]) -> list[Path]:
    from groundup import checkpoint, rules

    rules.check_chapters(chapters)  # first, so that nothing is written where a name is locked
    changed = checkpoint.write(book, chapters)
    for path in changed:
        print(f"{'wrote' if path.exists() else 'removed'} {book.relative(path)}")
    return changed


def run(book: Book, options: Namespace) -> None:
    """Run chapters whose code, checkpoint or data has changed, and keep their outputs and numbers."""
    from groundup.chapter import parse_book
    from groundup.run import run, unheld

    asked = numbers(book, options.chapters)
    chapters = parse_book(book)
    _exported(book, chapters)
    ran = run(book, [chapters[number] for number in asked], force=options.force)
    if lines := unheld(book, asked):
        raise BookError("\n".join(lines))
    if not ran:
        print("nothing has changed since the last run (--force runs it again)")


def lint(book: Book, options: Namespace) -> None:
    """Look through the chapters without running them: format, exported checkpoints, locked names."""
    from groundup import checkpoint, rules
    from groundup.chapter import parse_book

    chapters = parse_book(book)
    problems = []
    try:
        rules.check_chapters(chapters)
    except BookError as error:
        problems.append(str(error))
    try:
        problems += checkpoint.stale(book, chapters)
    except BookError as error:
        problems.append(str(error))
    if problems:
        raise BookError("\n".join(problems))
    print(f"{len(chapters)} chapters and their checkpoints are in order")


def site(book: Book, options: Namespace) -> None:
    """Export, run what has changed, and build the site into build/site."""
    built = _built(book)
    print(f"{'built' if built else 'nothing has changed in'} {book.relative(book.site)}")


def _built(book: Book) -> bool:
    from groundup import site

    if site.is_current(book):
        return False
    from groundup.chapter import parse_book
    from groundup.run import run, unheld

    chapters = parse_book(book)
    _exported(book, chapters)
    run(book, chapters.values())
    for line in unheld(book, chapters):
        print(f"{line}\n  does not hold on this machine: the page says so, and all else is as it should be")
    if site.is_current(book):
        return False
    site.build(book, chapters)
    return True


def serve(book: Book, options: Namespace) -> None:
    """Build the site, then serve it on this computer until Ctrl-C."""
    from groundup.site import serve

    with serve.reserved(options.port, book.site) as server:
        _built(book)
        serve.serve(server)


def test(book: Book, options: Namespace) -> int:
    """Run the tests."""
    # Two processes: the book promises its times on two cores. Neighbours share what they need, so each gets a half.
    return _python(book, "-m", "pytest", "-n", "2", "--dist", "worksteal")


def bench(book: Book, options: Namespace) -> int:
    """Measure how fast the book itself is, against its targets."""
    return _python(book, "tests/speed.py")


def results(book: Book, options: Namespace) -> int:
    """Measure anew what pages show from docs/results, beside libraries that the book does not need."""
    return max(_python(book, f"benchmarks/{name}.py") for name in ("regularisation", "resnet", "learner"))


def _python(book: Book, *arguments: str) -> int:
    return subprocess.run([sys.executable, *arguments], cwd=book.root, check=False).returncode


def doctor(book: Book, options: Namespace) -> int:
    """Look whether this computer has what the book needs, and say what to do where not."""
    from groundup.cli import doctor

    return doctor.report(book, PORT)


def clean(book: Book, options: Namespace) -> None:
    """Remove build/: everything that can be made again."""
    if book.build.exists():
        shutil.rmtree(book.build)
    print(f"removed {book.relative(book.build)}")
