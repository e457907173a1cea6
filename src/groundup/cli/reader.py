"""What the commands for a reader's own work do."""

from __future__ import annotations

from argparse import Namespace

from groundup.book import Book, UsageError
from groundup.cli.commands import numbers


def start(book: Book, options: Namespace) -> None:
    """Make a folder to work a chapter in: its exercises, the code before it, a package of your own."""
    from groundup.workspace.start import start

    for line in start(book, options.chapter, options.dir, fresh=options.fresh, source=options.source or ""):
        print(line)


def check(book: Book, options: Namespace) -> int | None:
    """Check your exercises of a chapter, or a package of your own."""
    if options.package is not None:
        from groundup.workspace import suite

        if options.exercise:
            raise UsageError(f"a package is checked as a whole: leave out {options.exercise}")
        return suite.report(book, options.package, numbers(book, [options.chapter])[0])
    from groundup.workspace.checking import Checking

    checking = Checking(book, options.chapter, options.dir)
    for line in checking.said():
        print(line)
    exercise = checking.exercise(options.exercise) if options.exercise else None
    if options.hint:
        print(checking.hint(exercise))
    elif options.solution:
        if exercise is None:
            raise UsageError(
                f"what I did where? {checking.commands.solution('NAME')}, with one of {checking.names} as NAME"
            )
        print(checking.solution(exercise))
    elif options.watch:
        from groundup.workspace.watching import watch

        watch(checking, exercise)
    else:
        return int(not checking.show(checking.answers(exercise), force=options.force))
    return None


def notebooks(book: Book, options: Namespace) -> None:
    """Write notebooks to work in: exercises as stubs, hints and solutions folded."""
    from groundup.chapter import parse_book
    from groundup.notebooks import write_notebooks

    asked = numbers(book, options.chapters)
    chapters = parse_book(book)
    for path in write_notebooks(book, [chapters[number] for number in asked]):
        print(book.relative(path))
