"""The head and the foot of a chapter, taken from its own first and last words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from groundup.site.layout import Cell

TITLE = re.compile(r"# (?P<number>\d+)\. (?P<title>.+)")
FACTS = "**You need:**"
FACT = re.compile(r"\*\*(?P<name>[^*:]+):\*\*[ \n]*(?P<text>.*?)[ \n]*(?=\*\*[^*:]+:\*\*|\Z)", re.DOTALL)
RECAP = re.compile(r"^## Recap[ ]*$", re.MULTILINE)
REMEMBER = re.compile(r"If you remember one thing[^*\n]*\*\*(?P<bold>.+?)\*\*(?P<rest>.*)\Z", re.DOTALL)
LABELLED = re.compile(r"\*\*(?P<name>[^*:]+):\*\*[ \n]*(?P<text>.+)", re.DOTALL)


@dataclass(frozen=True)
class Head:
    """Markdown: the title, the paragraphs that lead in, and facts by name."""

    title: str
    lead: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Foot:
    """Markdown: the one thing to remember and what is said about it, and what else the recap lists, by name."""

    remember: str
    why: str
    facts: dict[str, str]


def head(cells: Sequence[Cell]) -> tuple[Head, list[Cell]]:
    """A chapter's head, and its cells without what the head took over."""
    paragraphs = _paragraphs(cells[0].source)
    title = TITLE.fullmatch(paragraphs.pop(0).strip())
    assert title is not None, "the parser makes sure of the title"
    place = next((n for n, text in enumerate(paragraphs) if text.startswith(FACTS)), None)
    lead, below = (paragraphs[:1], paragraphs[1:]) if place is None else (paragraphs[:place], paragraphs[place + 1 :])
    found = [] if place is None else FACT.finditer(paragraphs[place])
    facts = {fact["name"]: _entry(fact["text"]) for fact in found}
    rest = [_with(cells[0], below)] if below else []
    return Head(title["title"], "\n\n".join(lead), facts), [*rest, *cells[1:]]


def foot(cells: Sequence[Cell]) -> tuple[Foot, list[Cell]]:
    """A chapter's foot, and its cells without what the foot took over."""
    remember, why, kept, recap = "", "", [], False
    facts: dict[str, str] = {}
    for cell in cells:
        begins = cell.cell_type == "markdown" and RECAP.search(cell.source)
        recap = recap or bool(begins)
        if not recap or cell.cell_type != "markdown":
            kept.append(cell)
            continue
        at = begins.start() if begins else 0
        stay = [cell.source[:at].strip()] if at else []
        for paragraph in _paragraphs(cell.source[at:]):
            if one := REMEMBER.search(paragraph):
                remember, why = _sentence(one["bold"]), one["rest"].strip()
                stay += [paragraph[: one.start()].strip()] if one.start() else []
            elif fact := LABELLED.match(paragraph):
                facts[fact["name"]] = _sentence(fact["text"])
            else:
                stay.append(paragraph)
        if stay:
            kept.append(_with(cell, stay))
    return Foot(remember, why, facts), kept


def _paragraphs(source: str) -> list[str]:
    return [text for text in re.split(r"\n[ \t]*\n", source.strip()) if text.strip()]


def _with(cell: Cell, paragraphs: list[str]) -> Any:
    return type(cell)({**cell, "source": "\n\n".join(paragraphs)})


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:]


def _entry(text: str) -> str:
    """A short entry of a list has no full stop."""
    entry = _sentence(text)
    return entry if ". " in entry else entry.removesuffix(".")
