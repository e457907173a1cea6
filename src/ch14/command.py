# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Programs: what is asked of them, mistakes in one line, and an exit code."""

import argparse
import io
import sys
from collections.abc import Callable
from typing import Any

from groundup.download import DataError


def between(kind: type, low: float, high: float) -> Callable[[str], Any]:
    """A type for `argparse`: numbers from `low` to `high`."""

    def read(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: give {low} to {high}")
        return value

    read.__name__ = kind.__name__
    return read


def program(main: Callable[[], int], package: str | None) -> None:
    """End with its exit code, if Python was started with -m; in a notebook, nothing."""
    if package:
        if isinstance(sys.stdout, io.TextIOWrapper):  # for letters that it has not
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.exit(main())


def in_one_line(work: Callable[[], None], interrupted: str) -> int:
    """Do it; what goes wrong becomes one line of error. Returns the exit code."""
    try:
        work()
    except (KeyboardInterrupt, BrokenPipeError):  # or nobody reads what is printed
        print(f"\ninterrupted: {interrupted}", file=sys.stderr)
        return 130
    except (ValueError, OSError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" not in str(error):
            raise
        remedy = "smaller images, --widths or --batch-size need less"
        print(f"error: there is not enough memory: {remedy}", file=sys.stderr)
        return 1
    return 0
