"""The ledger: what is unlocked and how that was shown, and what was never locked."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Any

from groundup.book import Book
from groundup.book.plan import PLAN
from groundup.rules import FREE, FREED, UNDECIDED
from groundup.run import load_results

Certificate = dict[str, Any]

STAGES = {"forward": "results differ by", "backward": "gradients differ by", "step": "after one step, by"}
KINDS = {
    "function": "function",
    "layer": "layer",
    "optimizer": "optimizer",
    "scheduler": "learning-rate schedule",
    "engine": "engine of gradients",
    "container": "container of parameters",
    "loader": "loader of batches",
    "hook": "hook",
    "random": "function of random numbers",
}
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
    notes = _notes("Covered", found.get("covered", [])) + _notes("Not covered", found.get("not_covered", []))
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


def base_vocabulary(book: Book) -> str:
    """What PyTorch offers for arrays and random numbers, by theme."""
    return "\n".join(_fold(theme, f"<p>{_codes(names)}</p>") for theme, names in FREE.items())


def freed(book: Book) -> str:
    """What each unlock frees beside its own name, and by which kind of comparison."""
    head = "<thead><tr><th>name</th><th>compared as</th><th>free with it</th></tr></thead>"
    titles = {planned.number: planned.title for planned in PLAN}
    folds = []
    for number, locks in FREED.items():
        rows = "".join(
            f"<tr><td><code>{html.escape(lock.name)}</code></td><td>{KINDS[lock.kind]}</td>"
            f"<td>{_codes(lock.covers[1:])}</td></tr>"
            for lock in locks
        )
        folds.append(_fold(f"{number}. {titles[number]}", f"<table>{head}<tbody>{rows}</tbody></table>"))
    return "\n".join(folds)


def undecided(book: Book) -> str:
    """What no check of the rules decides."""
    return UNDECIDED


def _fold(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>{inside}</details>"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"<code>{html.escape(name)}</code>" for name in names)


def _difference(size: float) -> str:
    return "nothing" if size < MINUTE else f"{size:.0e}"


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "not timed"
    if ratio < 1.05:
        return "as long, or less"
    return f"{ratio:,.0f} × as long" if ratio >= 10 else f"{ratio:.1f} × as long"


def _notes(title: str, phrases: list[str]) -> str:
    return f'<div class="notes"><p>{title}</p><p>{html.escape(", ".join(phrases))}</p></div>' if phrases else ""
