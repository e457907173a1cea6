"""What a run leaves behind: the executed notebook, and the records and certificates beside it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from groundup.book import Book, BookError, digest
from groundup.chapter import Chapter, ChapterError

TOOL = Path(__file__).parents[1]
# What a chapter imports, what that needs and reads, and what runs it.
PARTS = ("*.py", "assets/*.npz", "assets/*.ttf", "book/plan.py", "drawing/*.py", "live/*.py", "proof/*.py", "run/*.py")
LIBRARIES = ("torch", "matplotlib")


def key(book: Book, number: int) -> str:
    """A hash of everything that the results of a chapter depend on."""
    files = [
        book.chapter(number),
        *(path for n in (number - 1, number) for path in sorted(book.checkpoint(n).glob("*.py"))),
        *sorted((book.root / "docs" / "results").glob("*.json")),
        *(path for part in PARTS for path in sorted(TOOL.glob(part))),
    ]
    parts = [(path.name, digest(path)) for path in files]
    parts += [("data", os.environ.get("DATA") or "embedded"), ("python", platform.python_version())]
    parts += [(name, importlib.metadata.version(name)) for name in LIBRARIES]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load_results(book: Book, number: int) -> dict[str, Any]:
    """What a chapter's last run to its end left: `chapter`, `key`, `seconds`, `records` by name and `certificates`.

    `unheld` are the claims that do not hold on this machine, each with its line, and `notebook` is the digest of the
    executed notebook.
    Raises: BookError when it has not been run.
    """
    try:
        results = json.loads(book.results(number).read_text(encoding="utf-8"))
        if not isinstance(results, dict):
            raise ValueError("no object")
        return results
    except (OSError, ValueError):
        raise BookError(f"chapter {number} has no results: groundup run {number}") from None


def unheld(book: Book, numbers: Iterable[int]) -> list[str]:
    """The claims of some chapters that do not hold on this machine, `file:line: error`.

    Raises: BookError when one of them has not been run.
    """
    return [line for number in numbers for line in load_results(book, number)["unheld"]]


def is_current(book: Book, number: int, wanted: str) -> bool:
    """Whether the results of a chapter are those of the key `wanted`, and its notebook the one that they belong to."""
    try:
        results = load_results(book, number)
        return (results.get("key"), results.get("notebook")) == (wanted, digest(book.executed(number)))
    except (BookError, OSError):
        return False


def recorded(chapter: Chapter, path: Path) -> dict[str, Any]:
    """The records and certificates in the file that a run has filled.

    Raises: ChapterError when a name was recorded twice, or by anything but `record` and `unlock`.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    try:
        entries = [json.loads(line) for line in lines]
        kinds = [(entry.pop("entry"), entry["name"])[0] for entry in entries]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ChapterError(f"{chapter.file}: something else wrote into the file of its records") from None
    records: dict[str, Any] = {}
    certificates = []
    for kind, entry in zip(kinds, entries, strict=True):
        if kind == "record":
            if entry["name"] in records:
                raise ChapterError(
                    f"{chapter.file}: {entry['name']!r} is recorded twice: give each number its own name"
                )
            records[entry["name"]] = entry["value"]
        else:
            certificates.append(entry)
    return {"records": records, "certificates": certificates}
