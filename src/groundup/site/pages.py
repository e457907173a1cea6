"""The parts of hand-written pages that are made from the book: `<!-- chapter map -->` and its kin."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from groundup.book import Book, BookError
from groundup.book.plan import PARTS, PLAN, Planned
from groundup.site import curve, ledger, looking_back, mosaic
from groundup.site.navigation import ROMAN

MARKER = re.compile(r"^<!-- ([\w ]+) -->$", re.MULTILINE)  # those with a colon are filled in when the page is HTML
MENTION = re.compile(r"\{([Cc]hapter) (\d+)\}")


def fill(text: str, book: Book, file: str) -> str:
    """A page with its markers replaced, and `{chapter 2}` linked when there is a chapter 2.

    Raises: BookError when nothing makes what a marker asks for.
    """

    def part(marker: re.Match[str]) -> str:
        if marker[1] not in GENERATED:
            raise BookError(f"{file}: nothing makes {marker[1]!r}: the parts are {', '.join(GENERATED)}")
        return GENERATED[marker[1]](book)

    return MENTION.sub(lambda mention: _linked(book, mention[1], int(mention[2])), MARKER.sub(part, text))


def _linked(book: Book, word: str, number: int) -> str:
    path = book.chapters().get(number)
    name = f"{word}&nbsp;{number}"
    return f"[{name}](chapters/{path.stem}.md)" if path else name


def _chapter_map(book: Book) -> str:
    chapters, rates = book.chapters(), curve.error_rates(book)
    lines = ['<div class="map">']
    for part, title in enumerate(PARTS, 1):
        plans = [plan for plan in PLAN if plan.part == part and plan.number in chapters]
        if plans:
            lines.append(f'<section class="part"><h3 id="part-{part}"><span>Part {ROMAN[part - 1]}</span> {title}</h3>')
            lines.append(f'<ol start="{plans[0].number}">')
            lines += [_map_item(book, plan, rates.get(plan.number)) for plan in plans]
            lines.append("</ol></section>")
    return "\n".join([*lines, "</div>"])


def _map_item(book: Book, plan: Planned, rate: float | None) -> str:
    title, promise, path = html.escape(plan.title), html.escape(plan.promise), book.chapter(plan.number)
    wrong = f'<span><span class="rate">{curve.percent(rate)}</span> of the digits read wrongly</span>' if rate else ""
    progress = f'<span class="js-only" data-chapter="{path.stem}"></span>'
    link = f'<a href="chapters/{path.stem}/">{title}</a>'
    return f'<li value="{plan.number}">{link}<p>{promise}</p><p class="state">{wrong} {progress}</p></li>'


def _digits(book: Book) -> str:
    size = f'width="{28 * 10}" height="{28 * mosaic.ROWS}"'
    return f'<img class="digits" src="assets/images/digits.png" alt="{mosaic.ALT}" {size}>'


def _error_curve(book: Book) -> str:
    rates = curve.error_rates(book)
    if not rates:
        return ""
    start = curve.baseline(book)
    named = ({"pixel similarity": start} if start else {}) | {f"chapter {n}": rate for n, rate in rates.items()}
    alt = "Validation error: " + ", ".join(f"{name}, {curve.percent(rate)}" for name, rate in named.items())
    width, height, _ = curve.SHAPES["wide"]
    pictures = "".join(
        '<picture><source media="(max-width: 44.98em)" '
        f'srcset="assets/images/error-curve-narrow-{scheme}.svg">'
        f'<img src="assets/images/error-curve-wide-{scheme}.svg#only-{scheme}" alt="{alt}" '
        f'width="{width}" height="{height}"></picture>'
        for scheme in curve.SCHEMES
    )
    rows = "".join(f"<tr><td>{name}</td><td>{curve.percent(rate)}</td></tr>" for name, rate in named.items())
    return (
        f'<figure class="curve">{pictures}</figure>\n\n'
        '<details class="quiet"><summary>The same as a table</summary>\n'
        f"<table><thead><tr><th>model of</th><th>validation error</th></tr></thead><tbody>{rows}</tbody></table>"
        "\n</details>"
    )


GENERATED: dict[str, Callable[[Book], str]] = {
    "digits": _digits,
    "chapter map": _chapter_map,
    "error curve": _error_curve,
    "unlocked names": ledger.unlocked,
    "lines written": looking_back.lines_written,
    "map of the package": looking_back.package_map,
    "unlocked by chapter": looking_back.unlocked_names,
    "to read on": looking_back.to_read,
    "base vocabulary": ledger.base_vocabulary,
    "freed names": ledger.freed,
    "what is undecided": ledger.undecided,
}
