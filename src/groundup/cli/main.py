"""The command `groundup`: what can be typed, and what a mistake answers."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from groundup.book import Book, BookError
from groundup.cli import commands, comparing, reader

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FULL = "no room on the disk: free some (groundup clean removes build/), then run this again"
STOPPED = "stopped: what was finished is kept"
UNREADABLE = "look whether it is there, and yours to read and write"
INTERRUPTED, BROKEN_PIPE = 130, 141  # what a shell calls a process that died of SIGINT, of SIGPIPE
OBJECTS = 500_000  # new ones, before Python looks for garbage: a book's trees are millions that stay


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code. The user's mistakes become messages, never tracebacks."""
    gc.set_threshold(OBJECTS)
    parser = _parser()
    options = parser.parse_args(arguments)
    if "command" not in options:
        parser.print_help()
        return 0
    try:
        with _clearing_up():
            code = options.command(Book.find(), options)
        sys.stdout.flush()  # here, so that a closed pipe is noticed here
    except BookError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail(STOPPED, INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return BROKEN_PIPE
    except shutil.Error as error:  # of a folder that was to be copied: its files, each with the reason
        if any(os.strerror(number) in why for _, _, why in error.args[0] for number in NO_ROOM):
            return _fail(FULL, 1)
        return _fail("\n".join(f"{source}: {why}: {UNREADABLE}" for source, _, why in error.args[0]), 1)
    except OSError as error:
        if error.errno in NO_ROOM:
            return _fail(FULL, 1)
        if error.filename:
            return _fail(f"{error.filename}: {error.strerror}: {UNREADABLE}", 1)
        raise
    except Exception as error:
        if _interrupted(error):
            return _fail(STOPPED, INTERRUPTED)
        raise
    return code or 0


@contextmanager
def _clearing_up() -> Iterator[None]:
    """Whoever asks this process to end stops it as Ctrl-C does, unless that is ignored, as in a script's jobs."""
    if not callable(signal.getsignal(signal.SIGINT)):
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: while a library is imported, it may come out as another one."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _fail(message: str, code: int) -> int:
    """Several lines are mistakes with their places, and stay as they are."""
    print(message if "\n" in message else f"error: {message}", file=sys.stderr)
    return code


class _Command(argparse.ArgumentParser):
    """The parser of one command: its options may stand anywhere, also between its arguments."""

    mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:  # type: ignore[override]
        if self.mixing:
            return super().parse_known_args(args, namespace)
        self.mixing = True
        return self.parse_known_intermixed_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="groundup",
        description="The tool of the book Deep Learning from the Ground Up.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="to read it and work in it:",
    )
    listed = parser.add_subparsers(
        parser_class=_Command, metavar="COMMAND", help="one of those below; COMMAND --help tells more"
    )

    def add(command: Callable[[Book, argparse.Namespace], int | None], example: str) -> argparse.ArgumentParser:
        name, text = command.__name__, (command.__doc__ or "").rstrip(".")
        new = listed.add_parser(name, description=f"{text}.", epilog=f"example: groundup {example}")
        parser.epilog = f"{parser.epilog}\n  {name:<10} {text}"  # argparse's own list breaks its longest name's line
        new.set_defaults(command=command)
        return new

    def chapters(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("chapters", nargs="*", metavar="N", help="chapters by number; all when none is given")

    serve = add(commands.serve, "serve --port 8001")
    serve.add_argument("--port", type=int, default=commands.PORT, help="the port on 127.0.0.1 (default: %(default)s)")
    start = add(reader.start, "start 5")
    start.add_argument("chapter", metavar="N", help="a chapter by its number")
    start.add_argument("--dir", type=Path, metavar="DIR", help="the folder to make (default: work/05 in the book's)")
    start.add_argument("--fresh", action="store_true", help="begin again; what is there is kept beside it")
    start.add_argument(
        "--from",
        dest="source",
        metavar="mine",
        help="build on your own package of the chapter before, work/04/mine, or on the one in the folder given here",
    )
    check = add(reader.check, "check 5    (or, a package of your own: groundup check 5 --package my_nn)")
    check.add_argument("chapter", metavar="N", help="a chapter by its number")
    check.add_argument("--dir", type=Path, metavar="DIR", help="the workspace, if it is not work/05")
    check.add_argument("exercise", metavar="NAME", nargs="?", default="", help="one exercise; all when none is given")
    what = check.add_mutually_exclusive_group()
    what.add_argument("--hint", action="store_true", help="its next hint; without a name, to the first that fails")
    what.add_argument("--solution", action="store_true", help="what I did, once it passes or you have asked twice")
    what.add_argument("--watch", action="store_true", help="check what has changed, whenever you save")
    what.add_argument("--force", action="store_true", help="try what has passed once more")
    what.add_argument("--package", type=Path, metavar="DIR", help="check a package of your own instead")
    diff = add(
        comparing.diff, "diff 4 5 layers.py    (or, your own package beside the book's: groundup diff 5 --mine my_nn)"
    )
    diff.add_argument("old", metavar="OLD", help="a chapter; 0 is the empty checkpoint before chapter 1")
    diff.add_argument(
        "new", metavar="NEW", nargs="?", help="a chapter; without it, OLD is compared with the one before"
    )
    diff.add_argument(
        "what",
        metavar="NAME",
        nargs="?",
        help="one module (losses.py), function (mse) or method (Network.forward); all without it",
    )
    diff.add_argument("--stat", action="store_true", help="only a table of what changed, by module")
    diff.add_argument("--mine", type=Path, metavar="DIR", help="compare one checkpoint with a package of your own")
    log = add(comparing.log, "log losses.py mse")
    log.add_argument("what", metavar="NAME", nargs="+", help="a module, a function, a class or a method of one")
    chapters(add(reader.notebooks, "notebooks 1"))
    add(commands.doctor, "doctor")
    parser.epilog = f"{parser.epilog}\n\nto write the book:"
    add(commands.export, "export")
    run = add(commands.run, "run 2 3")
    chapters(run)
    run.add_argument("--force", action="store_true", help="run them even if nothing has changed")
    add(commands.lint, "lint")
    add(commands.site, "site")
    add(commands.test, "test")
    add(commands.bench, "bench")
    add(commands.results, "results")
    add(commands.clean, "clean")
    return parser
