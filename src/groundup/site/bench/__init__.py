"""The bench: the exercises of the first chapters, worked in the page with nothing installed."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from groundup.book import Book
from groundup.chapter import Chapter, names
from groundup.site.bench.fetching import LICENCES, PAGE, MissingError, fetched

CHAPTERS = (1, 2)  # plain Python, with nothing to install; from chapter 3 on there are PyTorch's arrays
ASSETS = Path("assets", "bench")
OWN = (PAGE / "worker.js", PAGE / "attempt.py", PAGE / "printed.py", Path(names.__file__))


@functools.cache
def found() -> tuple[Path | None, str]:
    """Where the bench's files are, or why they are nowhere: asked once, for to fetch them in vain takes a while."""
    try:
        return fetched(), ""
    except MissingError as error:
        return None, str(error)


def version() -> str:
    """What the bench is made of, by a name that changes with it; "" where there is none."""
    folder, _ = found()
    return folder.name if folder else ""


def stage(book: Book, chapters: Mapping[int, Chapter], docs: Path) -> None:
    """Put the bench among the site's assets; where it cannot be had, say so."""
    from groundup.site.bench.lessons import lesson

    files, reason = found()
    if files is None:
        return print(f"no exercise can be worked in the page: {reason}", file=sys.stderr)
    folder = docs / ASSETS
    shutil.copytree(files, folder)
    for path in OWN:
        shutil.copy(path, folder)
    for number in set(CHAPTERS) & chapters.keys():
        text = json.dumps(lesson(book, chapters[number]), ensure_ascii=False)
        (folder / f"{number:02d}.json").write_text(text, encoding="utf-8")


def size(docs: Path, number: int) -> int:
    """How many bytes a reader's browser fetches to work the exercises of a chapter; 0 where they have no bench."""
    folder = docs / ASSETS
    if not (folder / f"{number:02d}.json").is_file():
        return 0
    lessons = {f"{other:02d}.json" for other in CHAPTERS if other != number}
    return sum(path.stat().st_size for path in folder.iterdir() if path.name not in {LICENCES, *lessons})
