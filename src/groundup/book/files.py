"""Files written in one step, so that no half-written one is ever seen."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from groundup.book.errors import BookError


def read_text(path: Path, shown: str) -> str:
    """The text of a file that is written by hand, which its author knows as `shown`.

    Raises: BookError when it is not there, or no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin with a mark of the encoding
    except UnicodeDecodeError as error:
        raise BookError(f"{shown}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise BookError(f"{shown}: cannot be read: {error.strerror}") from None


def write_if_changed(path: Path, text: str) -> bool:
    """Write `text` in one step, so that no half-written file is ever seen; say whether it differed."""
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return True


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour of `path` that takes its place only if nothing goes wrong."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise BookError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing was
            part.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
