"""What each command of `groundup` does. A part of the tool is imported only when its command is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from groundup.book import Book, BookError, UsageError

PORT = 8000


def _numbers(book: Book, asked: Iterable[str]) -> list[int]:
    existing = {path: number for number, path in book.chapters().items()}
    return sorted({existing[book.chapter(number)] for number in asked}) or list(existing.values())


def export(book: Book, options: Namespace) -> None:
    """Write the checkpoints src/ch01, src/ch02, … that the chapters export."""
    if not _exported(book):
        print("the checkpoints are up to date")


def _exported(book: Book) -> list[Path]:
    from groundup import export, rules

    rules.check_chapters(book)  # first, so that nothing is written where a name is locked
    changed = export.write(book)
    for path in changed:
        print(f"{'wrote' if path.exists() else 'removed'} {book.relative(path)}")
    return changed


def run(book: Book, options: Namespace) -> None:
    """Run chapters whose code, checkpoint or data has changed, and keep their outputs and numbers."""
    from groundup import run

    numbers = _numbers(book, options.chapters)
    _exported(book)
    if not run.run(book, numbers, force=options.force):
        print("nothing has changed since the last run (--force runs it again)")


def check(book: Book, options: Namespace) -> None:
    """Check the chapters without running them: format, exported checkpoints, locked names."""
    from groundup import parse, rules

    if (options.package is None) != (options.chapter is None):
        raise UsageError("your own package is checked as of a chapter: groundup check --package my_work --chapter 5")
    if options.package is not None:
        [number] = _numbers(book, [options.chapter])
        rules.check_package(book, options.package, number)
        print(f"{options.package} uses nothing that is locked in chapter {number}")
        return
    problems = _problems(parse.parse, book.chapters().values())
    if not problems:
        problems = [*_problems(rules.check_chapters, [book]), *_problems(_stale, [book])]
    if problems:
        raise BookError("\n".join(problems))
    print(f"{len(book.chapters())} chapters and their checkpoints are in order")


def _problems(check: Callable, things: Iterable) -> list[str]:
    found = []
    for thing in things:
        try:
            check(thing)
        except BookError as error:
            found.append(str(error))
    return found


def _stale(book: Book) -> None:
    from groundup import export

    if stale := export.stale(book):
        raise BookError("\n".join(stale))


def diff(book: Book, options: Namespace) -> None:
    """Show what changed between two checkpoints."""
    from groundup import diff

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    old, new = (_checkpoint(book, number) for number in (options.old, options.new or options.old))
    if options.mine is not None:
        if options.new is not None:
            raise UsageError("one checkpoint is compared with your own package: groundup diff 5 --mine my_work")
        text = diff.unified_mine(book, new, options.mine, colour=colour)
    else:
        text = diff.unified(book, old if options.new else max(old - 1, 0), new, colour=colour)
    print(text, end="")


def _checkpoint(book: Book, number: str) -> int:
    return 0 if number == "0" else _numbers(book, [number])[0]


def notebooks(book: Book, options: Namespace) -> None:
    """Write notebooks to work in: exercises as stubs, hints and solutions folded."""
    from groundup import editions

    for path in editions.write_notebooks(book, _numbers(book, options.chapters)):
        print(book.relative(path))


def site(book: Book, options: Namespace) -> None:
    """Export, run what has changed, and build the site into build/site."""
    built = _built(book)
    print(f"{'built' if built else 'nothing has changed in'} {book.relative(book.site)}")


def _built(book: Book) -> bool:
    from groundup import run, site

    _exported(book)
    run.run(book, list(book.chapters()))
    return site.build(book)


def serve(book: Book, options: Namespace) -> None:
    """Build the site, then serve it on this computer until Ctrl-C."""
    from groundup import serve

    with serve.reserved(options.port, book.site) as server:
        _built(book)
        serve.serve(server)


def test(book: Book, options: Namespace) -> int:
    """Run the tests."""
    # Two processes: the book promises its times on two cores. Tests of one group share what they need to run first.
    return _python(book, "-m", "pytest", "-n", "2", "--dist", "loadgroup")


def bench(book: Book, options: Namespace) -> int:
    """Measure how fast the book itself is, against its targets."""
    return _python(book, "tests/bench.py")


def _python(book: Book, *arguments: str) -> int:
    return subprocess.run([sys.executable, *arguments], cwd=book.root, check=False).returncode


def doctor(book: Book, options: Namespace) -> int:
    """Look whether this computer has what the book needs, and say what to do where not."""
    from groundup import doctor

    return doctor.report(book, PORT)


def clean(book: Book, options: Namespace) -> None:
    """Remove build/: everything that can be made again."""
    if book.build.exists():
        shutil.rmtree(book.build)
    print(f"removed {book.relative(book.build)}")
