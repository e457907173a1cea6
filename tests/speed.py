"""`make bench`: how fast the book itself is, beside what it promises. Everything is measured on a copy of the book."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.book import Book
from groundup.chapter import parse_book
from groundup.checkpoint import checkpoints
from groundup.cli.doctor import BROWSERS
from groundup.run import load_results
from groundup.site import serve, wheel

if TYPE_CHECKING:
    from playwright.sync_api import Request

REPEATS = 5
CHAPTERS = 14  # chapters
SQUEEZABLE = {".html", ".css", ".js", ".svg", ".json", ".xml", "", ".ico"}  # a woff2 or png is compressed already

Row = tuple[str, float, str, float]  # what, measured, unit, and the most that it may be


def main() -> None:
    original = Book.find()
    with tempfile.TemporaryDirectory() as folder:
        book = copied(original, Path(folder))
        print(f"{'':60}{'measured':>12}{'target':>12}")
        for what, measured, unit, target in rows(book, Path(folder)):
            verdict = "" if measured <= target else "   missed"
            digits = 0 if unit == "KB" else 2
            print(f"{what:60}{measured:9,.{digits}f} {unit:2}{f'≤ {target:g} {unit}':>12}{verdict}", flush=True)


def rows(book: Book, folder: Path) -> Iterator[Row]:
    last = max(book.chapters())
    yield "groundup --help", median(partial(groundup, book, "--help")), "s", 0.2

    yield f"export, all {last} chapters, from nothing", median(partial(export_afresh, book)), "s", 3
    small, large = (synthetic(folder / f"synthetic{n}", n) for n in (CHAPTERS // 2, CHAPTERS))
    ratios, seconds = [], []
    for _ in range(REPEATS):  # alternately, so that a busy machine slows both
        half = timed(lambda: checkpoints(parse_book(small)))
        seconds.append(timed(lambda: checkpoints(parse_book(large))))
        ratios.append(seconds[-1] / half)
    what = f"export, {CHAPTERS} chapters that fill 8 modules of 250 lines"
    yield what, statistics.median(seconds), "s", 3
    yield "  the same, over half as many chapters", statistics.median(ratios), "×", 2.5

    total = timed(partial(groundup, book, "run", "--force"))
    for number in book.chapters():
        yield f"run chapter {number}", load_results(book, number)["seconds"], "s", 60
    yield f"run all {last} chapters, cold", total, "s", 300

    groundup(book, "site")
    yield "site, nothing changed", median(partial(groundup, book, "site")), "s", 1
    for number in (min(book.chapters()), last):  # the others would take a quarter of an hour to run once more
        with book.chapter(number).open("a", encoding="utf-8") as chapter:
            chapter.write("\n# %% [markdown]\n# One sentence more.\n")
        seconds_in_all = timed(partial(groundup, book, "site"))
        rest = seconds_in_all - load_results(book, number)["seconds"]
        yield f"site, the text of chapter {number} changed, less its run", rest, "s", 15

    for name, html, everything in pages(book):
        yield f"{name}: HTML, compressed", html / 1024, "KB", 40
        yield f"{name}: first view, all of it, compressed", everything / 1024, "KB", 350


def copied(book: Book, folder: Path) -> Book:
    """The book's sources in another folder, without what was made from them."""
    target = folder / "book"
    for name in ("chapters", "docs", "src"):
        shutil.copytree(book.root / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("mkdocs.yml", "constraints.txt", *wheel.FILES):
        shutil.copy(book.root / name, target)
    return Book(target)


def synthetic(folder: Path, chapters: int) -> Book:
    """A book as large as ours: chapter 1 fills the modules, every later one restates a function of each."""
    (folder / "chapters").mkdir(parents=True)
    (folder / "src").mkdir()
    for number in range(1, chapters + 1):
        cells = [f"# %% [markdown]\n# # {number}. Synthetic\n"]
        for module in range(8):
            cells.append(f'# %% export="module_{module}.py"\n')
            cells += [function(module, k, number) for k in (range(20) if number == 1 else [number])]
        (folder / "chapters" / f"{number:02d}_synthetic.py").write_text("\n".join(cells))
    return Book(folder)


def function(module: int, index: int, number: int) -> str:
    body = "\n".join(f"    x = x + {k + number}" for k in range(8))
    return f'def work_{module}_{index}(x: float) -> float:\n    """Work on `x`."""\n{body}\n    return x\n\n'


def groundup(book: Book, *arguments: str) -> None:
    command = [sys.executable, "-m", "groundup", *arguments]
    done = subprocess.run(command, cwd=book.root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"groundup {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def export_afresh(book: Book) -> None:
    for number in book.chapters():
        shutil.rmtree(book.checkpoint(number), ignore_errors=True)
    groundup(book, "export")


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median(work: Callable[[], object]) -> float:
    return statistics.median(timed(work) for _ in range(REPEATS))


def pages(book: Book) -> Iterator[tuple[str, int, int]]:
    """Each chapter's page in a browser with an empty cache: bytes of its HTML, and of all that it asks for."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print("(no browser here: pages are not measured; install chromium)")
        return
    from playwright.sync_api import sync_playwright

    with served(book) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for path in book.chapters().values():
            fetched: list[Request] = []
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.on("requestfinished", lambda request, fetched=fetched: fetched.append(request))
            page.goto(f"{base}chapters/{path.stem}/", wait_until="networkidle")
            sizes = {request.url: weight(request) for request in fetched if request.url.startswith("http")}
            yield path.stem, sizes[page.url], sum(sizes.values())
        browser.close()


@contextlib.contextmanager
def served(book: Book) -> Iterator[str]:
    with serve.reserved(0, book.site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def weight(request: Request) -> int:
    """How many bytes a server that compresses would send."""
    body = request.response().body()
    suffix = Path(request.url.partition("?")[0]).suffix
    return len(gzip.compress(body, 9)) if suffix in SQUEEZABLE else len(body)


if __name__ == "__main__":
    main()
