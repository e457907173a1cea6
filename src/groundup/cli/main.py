"""The command `groundup`: what can be typed, and what a mistake answers."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from groundup.book import Book, BookError
from groundup.cli import commands

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED, BROKEN_PIPE = 130, 141  # what a shell calls a process that died of SIGINT, of SIGPIPE


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code. The user's mistakes become messages, never tracebacks."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "command" not in options:
        parser.print_help()
        return 0
    try:
        code = options.command(Book.find(), options)
        sys.stdout.flush()  # here, so that a closed pipe is noticed here
    except BookError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("stopped: what was finished is kept", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return BROKEN_PIPE
    except OSError as error:
        if error.errno in NO_ROOM:
            return _fail("no room on the disk: free some (groundup clean removes build/), then run this again", 1)
        if error.filename:
            return _fail(
                f"{error.filename}: {error.strerror}: look whether it is there, and yours to read and write", 1
            )
        raise
    return code or 0


def _fail(message: str, code: int) -> int:
    """Several lines are mistakes with their places, and stay as they are."""
    print(message if "\n" in message else f"error: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="groundup",
        description="The tool of the book Deep Learning from the Ground Up.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:",
    )
    listed = parser.add_subparsers(metavar="COMMAND", help="one of those below; COMMAND --help tells more")

    def add(command: Callable[[Book, argparse.Namespace], int | None], example: str) -> argparse.ArgumentParser:
        name, text = command.__name__, (command.__doc__ or "").rstrip(".")
        new = listed.add_parser(name, description=f"{text}.", epilog=f"example: groundup {example}")
        parser.epilog = f"{parser.epilog}\n  {name:<10} {text}"  # argparse's own list breaks its longest name's line
        new.set_defaults(command=command)
        return new

    def chapters(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("chapters", nargs="*", metavar="N", help="chapters by number; all when none is given")

    add(commands.export, "export")
    run = add(commands.run, "run 2 3")
    chapters(run)
    run.add_argument("--force", action="store_true", help="run them even if nothing has changed")
    check = add(commands.check, "check --package my_work --chapter 5")
    check.add_argument(
        "--package", type=Path, metavar="DIR", help="check a package of your own instead: only locked names"
    )
    check.add_argument("--chapter", metavar="N", help="the chapter that your package has reached")
    diff = add(commands.diff, "diff 1 2    (or, your own package against the book's: groundup diff 5 --mine my_work)")
    diff.add_argument("old", metavar="OLD", help="a chapter; 0 is the empty checkpoint before chapter 1")
    diff.add_argument(
        "new", metavar="NEW", nargs="?", help="a chapter; without it, OLD is compared with the one before"
    )
    diff.add_argument("--mine", type=Path, metavar="DIR", help="compare one checkpoint with a package of your own")
    chapters(add(commands.notebooks, "notebooks 1"))
    add(commands.site, "site")
    serve = add(commands.serve, "serve --port 8001")
    serve.add_argument("--port", type=int, default=commands.PORT, help="the port on 127.0.0.1 (default: %(default)s)")
    add(commands.test, "test")
    add(commands.bench, "bench")
    add(commands.results, "results")
    add(commands.doctor, "doctor")
    add(commands.clean, "clean")
    return parser
