"""Each chapter executed once: scripts in, executed notebooks and recorded results out."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import nbformat

from groundup.book import Book, BookError, write_if_changed
from groundup.kernel import execute
from groundup.normalise import normalise
from groundup.parse import Chapter, ChapterError, parse
from groundup.progress import Progress

SIDE_BY_SIDE = 2  # chapters; each has one compute thread, for threads of two kernels would wait for one another
TOOL = Path(__file__).parent
MODULES = (  # of the tool, that a chapter's results depend on
    "__init__.py", "compare.py", "data.py", "download.py", "extend.py", "gradients.py", "kernel.py", "normalise.py",
    "plot.py", "proof.py", "record.py", "run.py", "unlock.py",
    *sorted(f"drawing/{path.name}" for path in (TOOL / "drawing").glob("*.py")),
)  # fmt: skip
LIBRARIES = ("torch", "matplotlib")


def run(book: Book, numbers: list[int], force: bool = False) -> list[int]:
    """Execute those of the chapters whose results are missing or out of date, or all with `force`; say which.

    Raises: ChapterError, after the other chapters have finished, with `file:line: error` of each that failed.
    """
    chapters = [parse(book.chapter(number)) for number in dict.fromkeys(numbers)]
    # The keys now, with the texts: whoever edits a chapter while it waits or runs will have it run again.
    keys = {chapter.number: key(book, chapter.number) for chapter in chapters}
    chapters = [chapter for chapter in chapters if force or not _is_current(book, chapter.number, keys[chapter.number])]
    failures = asyncio.run(_run_all(book, chapters, keys)) if chapters else []
    if failures:
        raise ChapterError("\n".join(failures))
    return [chapter.number for chapter in chapters]


def key(book: Book, number: int) -> str:
    """A hash of everything that the results of a chapter depend on."""
    files = [
        book.chapter(number),
        *sorted(book.checkpoint(number - 1).glob("*.py")),
        *(TOOL / name for name in MODULES),
    ]
    parts = [(path.name, _digest(path)) for path in files]
    parts += [("data", os.environ.get("DATA") or "embedded"), ("python", platform.python_version())]
    parts += [(name, importlib.metadata.version(name)) for name in LIBRARIES]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load_results(book: Book, number: int) -> dict:
    """What a chapter recorded in its last good run: its `key`, `seconds`, `records` by name and `certificates`.

    Raises: BookError when it has not been run.
    """
    try:
        return json.loads(book.results(number).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BookError(f"chapter {number} has no results: groundup run {number}") from None


def _is_current(book: Book, number: int, wanted: str) -> bool:
    try:
        results = load_results(book, number)
        return (results.get("key"), results.get("notebook")) == (wanted, _digest(book.executed(number)))
    except (BookError, OSError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def _run_all(book: Book, chapters: list[Chapter], keys: dict[int, str]) -> list[str]:
    gate = asyncio.Semaphore(min(SIDE_BY_SIDE, os.cpu_count() or 1))
    progress = Progress()

    async def guarded(chapter: Chapter) -> None:
        async with gate:
            await _run_one(book, chapter, keys[chapter.number], progress)

    outcomes = await asyncio.gather(*map(guarded, chapters), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, BookError):
            raise outcome
    return [str(outcome) for outcome in outcomes if outcome is not None]


async def _run_one(book: Book, chapter: Chapter, wanted: str, progress: Progress) -> None:
    started = time.monotonic()
    notebook = _notebook(chapter)
    steps = sum(cell.is_code for cell in chapter.cells)
    progress.start(chapter.package, steps)
    done = "failed"
    try:
        with tempfile.TemporaryDirectory(prefix="groundup-", ignore_cleanup_errors=True) as folder:
            step = functools.partial(progress.step, chapter.package)
            await execute(book, chapter, notebook, Path(folder), step)
            results = {"key": wanted, "chapter": chapter.number, **_recorded(chapter, Path(folder) / "records")}
        normalise(notebook)
        results["seconds"] = round(time.monotonic() - started, 1)
        # The results last: they say that the notebook beside them is complete, and which one it is.
        write_if_changed(book.executed(chapter.number), nbformat.writes(notebook) + "\n")
        results["notebook"] = _digest(book.executed(chapter.number))
        write_if_changed(book.results(chapter.number), json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        done = f"{steps} cells in {results['seconds']} s"
    except asyncio.CancelledError:
        done = "interrupted"
        raise
    except OSError as error:
        raise BookError(f"{chapter.file}: cannot be run: {error}") from None
    finally:
        progress.end(chapter.package, done)


def _notebook(chapter: Chapter) -> nbformat.NotebookNode:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    cells = [
        make[cell.kind](cell.source, id=cell.id, metadata={"tags": list(cell.tags), "line": cell.line, **cell.keys})
        for cell in chapter.cells
    ]
    return nbformat.v4.new_notebook(cells=cells)


def _recorded(chapter: Chapter, path: Path) -> dict:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    entries = [json.loads(line) for line in lines]
    records: dict = {}
    certificates = []
    for entry in entries:
        if entry.pop("entry") == "record":
            if entry["name"] in records:
                raise ChapterError(
                    f"{chapter.file}: {entry['name']!r} is recorded twice: give each number its own name"
                )
            records[entry["name"]] = entry["value"]
        else:
            certificates.append(entry)
    return {"records": records, "certificates": certificates}
