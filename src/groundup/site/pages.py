"""The parts of hand-written pages that are made from the book: `<!-- chapter map -->` and its kin."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from groundup.book import Book, BookError
from groundup.book.plan import PARTS, PLAN, Planned
from groundup.checkpoint import diff
from groundup.rules import vocabulary
from groundup.run import load_results
from groundup.site import curve, mosaic
from groundup.site.navigation import ROMAN

MARKER = re.compile(r"^<!-- ([\w ]+) -->$", re.MULTILINE)
MENTION = re.compile(r"\{chapter (\d+)\}")


def fill(text: str, book: Book, file: str) -> str:
    """A page with its markers replaced, and `{chapter 2}` linked when there is a chapter 2.

    Raises: BookError when nothing makes what a marker asks for.
    """

    def part(marker: re.Match[str]) -> str:
        if marker[1] not in GENERATED:
            raise BookError(f"{file}: nothing makes {marker[1]!r}: the parts are {', '.join(GENERATED)}")
        return GENERATED[marker[1]](book)

    return MENTION.sub(lambda mention: _linked(book, int(mention[1])), MARKER.sub(part, text))


def diffs(book: Book) -> dict[str, str]:
    """The page of each chapter's diff, and the page that lists them, by file name."""
    rows, found = [], {}
    for number, path in book.chapters().items():
        changes = diff.changes(book, number - 1, number)
        counts = [f"[`{c.name}`]({number:02d}.md#{c.name}) {_counts(c)}" for c in changes]
        rows.append(f"| [Chapter {number}]({number:02d}.md) | {', '.join(counts) or 'nothing'} |")
        found[f"{number:02d}.md"] = _diff_page(book, number, path.stem, changes)
    found["index.md"] = "\n".join([DIFFS, "| chapter | modules |", "|:--|:--|", *rows, ""])
    return found


# A search finds the code in its chapter; without contents at its side the page has room for long lines.
FRONT = "---\nhide: [toc]\nsearch: {exclude: true}\n---\n\n"
DIFFS = """# What each chapter changes

A chapter's code is an edit to the code of the chapter before. Each page below shows one such edit, \
module by module, as it stands in `src/`.
"""


def _diff_page(book: Book, number: int, stem: str, changes: list[diff.Change]) -> str:
    chapter = f"[Chapter {number}](../chapters/{stem}.ipynb)"
    if not changes:
        return f"{FRONT}# Diff of chapter {number}\n\n{chapter} leaves every module as it was.\n"
    start = f"the checkpoint `src/ch{number - 1:02d}`" if number > 1 else "an empty folder"
    modules = "\n".join(f"- [`{c.name}`](#{c.name}) {_counts(c)}" for c in changes)
    return (
        f"{FRONT}# Diff of chapter {number}\n\n"
        f"{chapter} starts from {start} and ends with `src/ch{number:02d}`. "
        f"Lines with a plus came in, lines with a minus went out. The same in a terminal:\n\n"
        f"```console\n$ make diff FROM={number - 1} TO={number}\n```\n\n"
        f"{modules}\n\n{diff.html(book, number - 1, number)}\n"
    )


def _counts(change: diff.Change) -> str:
    return f'<span class="added">+{change.added}</span> <span class="removed">−{change.removed}</span>'


def _linked(book: Book, number: int) -> str:
    path = book.chapters().get(number)
    name = f"chapter&nbsp;{number}"
    return f"[{name}](chapters/{path.stem}.ipynb)" if path else name


def _chapter_map(book: Book) -> str:
    chapters = book.chapters()
    lines = ['<div class="map">']
    for part, title in enumerate(PARTS, 1):
        lines.append(f'<section class="part"><h3 id="part-{part}"><span>Part {ROMAN[part - 1]}</span> {title}</h3>')
        lines.append(f'<ol start="{next(plan.number for plan in PLAN if plan.part == part)}">')
        lines += [_map_item(plan, chapters) for plan in PLAN if plan.part == part]
        lines.append("</ol></section>")
    return "\n".join([*lines, "</div>"])


def _map_item(plan: Planned, chapters: dict[int, Any]) -> str:
    title, promise = html.escape(plan.title), html.escape(plan.promise)
    if plan.number in chapters:
        link = f'<a href="chapters/{chapters[plan.number].stem}/">{title}</a>'
        return f'<li value="{plan.number}">{link}<p>{promise}</p></li>'
    return f'<li value="{plan.number}" class="planned"><b>{title}</b> <i>planned</i><p>{promise}</p></li>'


def _digits(book: Book) -> str:
    size = f'width="{28 * 10}" height="{28 * mosaic.ROWS}"'
    return f'<img class="digits" src="assets/images/digits.png" alt="{mosaic.ALT}" {size}>'


def _error_curve(book: Book) -> str:
    rates = curve.error_rates(book)
    if not rates:
        return ""
    alt = "Validation error by chapter: " + ", ".join(f"chapter {n}, {curve.percent(r)}" for n, r in rates.items())
    width, height, _ = curve.SHAPES["wide"]
    pictures = "".join(
        '<picture><source media="(max-width: 44.98em)" '
        f'srcset="assets/images/error-curve-narrow-{scheme}.svg">'
        f'<img src="assets/images/error-curve-wide-{scheme}.svg#only-{scheme}" alt="{alt}" '
        f'width="{width}" height="{height}"></picture>'
        for scheme in curve.SCHEMES
    )
    rows = "".join(f"<tr><td>{n}</td><td>{curve.percent(r)}</td></tr>" for n, r in rates.items())
    return (
        f'<figure class="curve">{pictures}</figure>\n\n'
        '<details class="quiet"><summary>The same as a table</summary>\n'
        f"<table><thead><tr><th>chapter</th><th>validation error</th></tr></thead><tbody>{rows}</tbody></table>"
        "\n</details>"
    )


def _certificates(book: Book) -> Iterator[tuple[int, dict[str, Any]]]:
    for number in book.chapters():
        for certificate in load_results(book, number)["certificates"]:
            yield number, certificate


def _unlocked(book: Book) -> str:
    rows = [_certificate(book, number, certificate) for number, certificate in _certificates(book)]
    if not rows:
        return "Nothing yet."
    head = ("name", "written as", "in", "cases", "forward", "backward", "step", "time")
    table = ["| " + " | ".join(head) + " |", "|:--|:--|:--|--:|--:|--:|--:|--:|", *rows]
    return "\n".join(table)


def _certificate(book: Book, number: int, found: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in (found["name"], *found["also"]))
    differences = " | ".join(f"{found[part]:.0e}" for part in ("forward", "backward", "step"))
    ratio = found["ratio"]
    time = f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"
    return f"| {names} | `{found['by']}` | {_linked(book, number)} | {found['cases']} | {differences} | {time} |"


def _planned(book: Book) -> str:
    done = {name for _, found in _certificates(book) for name in (found["name"], *found["also"])}
    rows = []
    for plan in PLAN:
        names = ", ".join(f"`{name}`" for name in plan.unlocks if name not in done)
        if names:
            rows.append(f"| {plan.number}. {plan.title} | {names} |")
    return "\n".join(["| chapter | will unlock |", "|:--|:--|", *rows])


BASE = {
    "Creating": vocabulary.CREATING,
    "Indexing": vocabulary.INDEXING,
    "Shaping": vocabulary.SHAPING,
    "Elementwise arithmetic": vocabulary.ARITHMETIC,
    "Reductions": vocabulary.REDUCTIONS,
    "Random numbers": vocabulary.RANDOM,
    "Types, devices, printing": vocabulary.DTYPES_DEVICES_PRINTING,
}


def _base_vocabulary(book: Book) -> str:
    lists = {theme: ", ".join(f"<code>{name}</code>" for name in sorted(names)) for theme, names in BASE.items()}
    return "\n".join(f"<details><summary>{theme}</summary><p>{names}</p></details>" for theme, names in lists.items())


GENERATED: dict[str, Callable[[Book], str]] = {
    "digits": _digits,
    "chapter map": _chapter_map,
    "error curve": _error_curve,
    "unlocked names": _unlocked,
    "planned names": _planned,
    "base vocabulary": _base_vocabulary,
}
