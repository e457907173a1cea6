"""Each chapter executed once, two side by side: cells in, executed notebooks and recorded results out."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

from groundup.book import Book, BookError, digest, write_if_changed
from groundup.chapter import Chapter, ChapterError
from groundup.run.kernel import execute
from groundup.run.normalise import normalise
from groundup.run.progress import Progress
from groundup.run.results import is_current, key, recorded

SIDE_BY_SIDE = 2  # chapters; each has one compute thread, for threads of two kernels would wait for one another
TICK = 5.0  # seconds


def run(
    book: Book, chapters: Iterable[Chapter], force: bool = False, prelude: Callable[[Chapter], str] = lambda chapter: ""
) -> list[int]:
    """Execute those of the chapters whose results are missing or out of date, or all with `force`; say which.

    `prelude` gives code that a chapter's kernel executes first, as a test does to look on.

    Raises: ChapterError, after the other chapters have finished, with `file:line: error` of each that failed.
    """
    # The keys now, with the texts: whoever edits a chapter while it waits or runs will have it run again.
    keys = {chapter.number: key(book, chapter.number) for chapter in chapters}
    todo = [chapter for chapter in chapters if force or not is_current(book, chapter.number, keys[chapter.number])]
    failures = asyncio.run(_run_all(book, todo, keys, prelude)) if todo else []
    if failures:
        raise ChapterError("\n".join(failures))
    return [chapter.number for chapter in todo]


async def _run_all(
    book: Book, chapters: list[Chapter], keys: dict[int, str], prelude: Callable[[Chapter], str]
) -> list[str]:
    gate = asyncio.Semaphore(min(SIDE_BY_SIDE, os.cpu_count() or 1))
    progress = Progress()

    async def guarded(chapter: Chapter) -> None:
        async with gate:
            await _run_one(book, chapter, keys[chapter.number], progress, prelude(chapter))

    clock = asyncio.create_task(_tick(progress))
    try:
        outcomes = await asyncio.gather(*map(guarded, chapters), return_exceptions=True)
    finally:
        clock.cancel()
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, BookError):
            raise outcome
    return [str(outcome) for outcome in outcomes if outcome is not None]


async def _tick(progress: Progress) -> None:
    """Let a cell that takes long be seen to take long."""
    while True:
        await asyncio.sleep(TICK)
        progress.wait(TICK)


async def _run_one(book: Book, chapter: Chapter, wanted: str, progress: Progress, prelude: str) -> None:
    started = time.monotonic()
    notebook = _notebook(chapter)
    steps = sum(cell.is_code for cell in chapter.cells)
    progress.start(chapter.package, steps)
    done = "failed"
    try:
        book.build.mkdir(parents=True, exist_ok=True)  # there: what a killed run leaves goes with `make clean`
        with tempfile.TemporaryDirectory(dir=book.build, prefix="run-", ignore_cleanup_errors=True) as folder:
            step = functools.partial(progress.step, chapter.package)
            unheld = await execute(book, chapter, notebook, Path(folder), step, prelude)
            records = recorded(chapter, Path(folder) / "records")
            results = {"key": wanted, "chapter": chapter.number, "unheld": unheld, **records}
        normalise(notebook)
        results["seconds"] = round(time.monotonic() - started, 1)
        # The results last: they say that the notebook beside them is complete, and which one it is.
        write_if_changed(book.executed(chapter.number), nbformat.writes(notebook) + "\n")
        results["notebook"] = digest(book.executed(chapter.number))
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
