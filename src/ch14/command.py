# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Programs: mistakes in one line, and an exit code."""

import sys
from collections.abc import Callable

from groundup.download import DataError


def program(main: Callable[[], int], package: str | None) -> None:
    """End with its exit code, if Python was started with -m; in a notebook, nothing."""
    if package:
        sys.exit(main())


def in_one_line(work: Callable[[], None], interrupted: str) -> int:
    """Do it; what goes wrong becomes one line of error. Returns the exit code."""
    try:
        work()
    except KeyboardInterrupt:
        print(f"\ninterrupted: {interrupted}", file=sys.stderr)
        return 130
    except (ValueError, OSError, FloatingPointError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
