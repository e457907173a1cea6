"""Which sections of a chapter explain which module: the heading above each cell that is saved to it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from markdown.extensions.toc import slugify

from groundup.chapter import Cell, Chapter

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *#* *$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A heading and its anchor on the chapter's page."""

    title: str
    anchor: str


def sections(chapter: Chapter) -> dict[str, list[Section]]:
    """The sections in which each module is saved to, by module, in order."""
    seen: Counter[str] = Counter()
    current: Section | None = None
    found: dict[str, list[Section]] = {}
    for cell in chapter.cells:
        if not cell.is_code:
            for level, title in _headings(cell):
                slug = slugify(title, "-")
                anchor = f"{slug}_{seen[slug]}" if seen[slug] else slug
                seen[slug] += 1
                current = Section(re.sub(r"[`*$]", "", title), anchor) if level <= 3 else current
        elif cell.export and current and current not in found.setdefault(cell.export, []):
            found[cell.export].append(current)
    return found


def _headings(cell: Cell) -> list[tuple[int, str]]:
    if "aside" in cell.tags:
        return []  # its heading is the title of a fold
    return [(len(marks), title) for marks, title in HEADING.findall(FENCE.sub("", cell.source))]
