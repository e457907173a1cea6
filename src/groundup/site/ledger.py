"""The ledger: what is unlocked and how that was shown, what stays locked, and what was never locked."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from groundup.book import Book
from groundup.book.plan import PLAN
from groundup.rules import vocabulary
from groundup.run import load_results

Certificate = dict[str, Any]

BASE = {
    "Creating": vocabulary.CREATING,
    "Indexing": vocabulary.INDEXING,
    "Shaping": vocabulary.SHAPING,
    "Elementwise arithmetic": vocabulary.ARITHMETIC,
    "Reductions": vocabulary.REDUCTIONS,
    "Random numbers": vocabulary.RANDOM,
    "Types, devices, printing": vocabulary.DTYPES_DEVICES_PRINTING,
}
STAGES = {"forward": "results differ by", "backward": "gradients differ by", "step": "after one step, by"}
MINUTE = 1e-17  # anything smaller is no difference in float64


def certificates(book: Book) -> Iterator[tuple[int, Certificate]]:
    """Every certificate, with the number of the chapter that earned it."""
    for number in book.chapters():
        for certificate in load_results(book, number)["certificates"]:
            yield number, certificate


def card(number: int, found: Certificate) -> str:
    """One certificate: what was compared, how far the two were apart, and what was not compared."""
    name = html.escape(found["name"])
    also = "".join(f" <code>{html.escape(other)}</code>" for other in found["also"])
    rows = {"written as": f"<code>{html.escape(found['by'])}</code>", "compared on": f"{found['cases']} cases"}
    rows |= {words: _difference(found[part]) for part, words in STAGES.items() if found.get(part) is not None}
    rows["yours takes"] = _times(found["ratio"])
    lines = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows.items())
    notes = _notes("Compared", found.get("scope", [])) + _notes("Not covered", found.get("not_covered", []))
    return (
        f'<div class="certificate"><p class="kicker">Unlocked in chapter {number}</p>'
        f"<h4><code>{name}</code></h4>{f'<p>also{also}</p>' if also else ''}<dl>{lines}</dl>{notes}</div>"
    )


def unlocked(book: Book) -> str:
    """The certificates of all chapters."""
    found = list(certificates(book))
    if not found:
        return "Nothing yet."
    cards = "\n".join(
        f'<div id="{html.escape(certificate["name"])}">{card(number, certificate)}</div>'
        for number, certificate in found
    )
    return f'<div class="certificates">\n{cards}\n</div>'


def planned(book: Book) -> str:
    """What the chapters to come will unlock."""
    done = {name for _, found in certificates(book) for name in (found["name"], *found["also"])}
    rows = []
    for plan in PLAN:
        names = ", ".join(f"`{name}`" for name in plan.unlocks if name not in done)
        if names:
            rows.append(f"| {plan.number}. {plan.title} | {names} |")
    return "\n".join(["| chapter | will unlock |", "|:--|:--|", *rows])


def base_vocabulary(book: Book) -> str:
    """What PyTorch offers for arrays and random numbers, by theme."""
    lists = {theme: ", ".join(f"<code>{name}</code>" for name in sorted(names)) for theme, names in BASE.items()}
    return "\n".join(f"<details><summary>{theme}</summary><p>{names}</p></details>" for theme, names in lists.items())


def _difference(size: float) -> str:
    return "nothing" if size < MINUTE else f"{size:.0e}"


def _times(ratio: float) -> str:
    if ratio < 1.05:
        return "as long, or less"
    return f"{ratio:,.0f} × as long" if ratio >= 10 else f"{ratio:.1f} × as long"


def _notes(title: str, lines: list[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f'<div class="notes"><p>{title}</p><ul>{items}</ul></div>' if items else ""
