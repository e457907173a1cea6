"""The order of the pages: how to start, the chapters by part, a look back, the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.book.plan import PARTS, PLAN
from groundup.chapter import Chapter

ROMAN = ("I", "II", "III", "IV")

Nav = list[dict[str, Any]]


def nav(chapters: Mapping[int, Chapter]) -> Nav:
    """MkDocs' `nav`, made from the chapters that exist."""
    part_of = {plan.number: plan.part for plan in PLAN}
    parts: Nav = []
    for part, title in enumerate(PARTS, 1):
        pages = [_page(chapter) for number, chapter in chapters.items() if part_of.get(number) == part]
        if pages:
            parts.append({f"{ROMAN[part - 1]} · {title}": pages})
    diffs = [{f"Chapter {number}": f"diffs/{number:02d}.md"} for number in chapters]
    return [
        {"Home": "index.md"},
        {"Start here": [{"Set-up": "setup.md"}, {"How to read this book": "how-to-read.md"}]},
        *parts,
        {"The end": [{"Looking back": "looking-back.md"}]},
        {
            "Reference": [
                {"The ledger": "ledger.md"},
                {"Notation": "notation.md"},
                {"Glossary": "glossary.md"},
                {"Diffs": [{"All chapters": "diffs/index.md"}, *diffs]},
            ]
        },
    ]


def _page(chapter: Chapter) -> dict[str, str]:
    return {f"{chapter.number}. {chapter.title}": f"chapters/{chapter.stem}.md"}
