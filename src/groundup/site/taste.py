"""A taste of the book on its home page: an exercise, a diff and a certificate, each as it stands in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from markdown import Markdown

from groundup.book import Book
from groundup.site import components, diffs, layout, ledger
from groundup.site.cells import ChapterPage

MARKER = re.compile(r"<!-- taste: (?P<name>\w+) -->")


def fill(content: str, book: Book, folder: Path, markdown: Markdown) -> str:
    """A page with `<!-- taste: exercise -->` and its kin replaced; where the book has none yet, by nothing."""

    def one(marker: re.Match[str]) -> str:
        return TASTES[marker["name"]](book, folder, markdown)

    return MARKER.sub(one, content)


def _exercise(book: Book, folder: Path, markdown: Markdown) -> str:
    """The book's first exercise, folds and all."""
    import nbformat

    for number, path in book.chapters().items():
        notebook = nbformat.reads(book.executed(number).read_text(encoding="utf-8"), as_version=4)
        page = ChapterPage(number, path.stem, "", folder, markdown, _ignore)
        page.explained |= {"saved", "claim"}
        found = next((b for b in layout.blocks(notebook.cells) if isinstance(b, layout.Exercise)), None)
        if found:
            place = f"chapters/{path.stem}/"
            card = re.sub(r'<a class="headerlink".*?</a>', "", components.exercise(page, found))
            anchor = re.search(r'<h3 id="([^"]+)"', card)
            link = f'<a href="{place}#{anchor[1]}">In its place in chapter {number}</a>' if anchor else ""
            return f'{card.replace("<h3 ", "<h4 ").replace("</h3>", "</h4>")}<p class="more">{link}</p>'
    return ""


def _diff(book: Book, folder: Path, markdown: Markdown) -> str:
    """An excerpt of the first diff that has a changed line to show."""
    for number in book.chapters():
        found = diffs.excerpt(book, number)
        if found:
            return f'{found}<p class="more"><a href="diffs/{number:02d}/">All that chapter {number} changes</a></p>'
    return ""


def _certificate(book: Book, folder: Path, markdown: Markdown) -> str:
    """The last certificate that the book has so far."""
    found = list(ledger.certificates(book))
    if not found:
        return ""
    return f'{ledger.card(*found[-1])}<p class="more"><a href="ledger/">The ledger: all that is unlocked</a></p>'


def _ignore(text: str) -> None:
    """The chapter's own page reports it."""


TASTES: dict[str, Callable[[Book, Path, Markdown], str]] = {
    "exercise": _exercise,
    "diff": _diff,
    "certificate": _certificate,
}
