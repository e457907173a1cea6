"""The pages that show what each chapter changed in the code, module by module."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from groundup.book import Book
from groundup.chapter import Chapter
from groundup.checkpoint import Change, changes
from groundup.site.sections import Section, sections
from groundup.site.words import Range, changed, coloured

CONTEXT = 3  # lines around a change that stay in view
FOLD = 4  # at least so many lines are worth folding
EXCERPT = 12  # rows of a taste
TAGS, WORDS = re.compile(r"<[^>]+>"), re.compile(r"\w")
LINKS = 3  # sections named as those that explain a module

# A search finds the code in its chapter; without contents at its side the page has room for long lines.
FRONT = "---\nhide: [toc]\nsearch: {exclude: true}\n---\n\n"
INDEX = """# What each chapter changes

A chapter's code is an edit to the code of the chapter before. Each page below shows one such edit, \
module by module, as it stands in `src/`.
"""


@dataclass
class Run:
    """Rows that are shown or folded together."""

    folded: bool
    rows: list[str] = field(default_factory=list)


def pages(book: Book, chapters: Mapping[int, Chapter]) -> dict[str, str]:
    """The page of each chapter's diff, and the page that lists them, by file name."""
    rows, found = [], {}
    for number, chapter in chapters.items():
        modules = changes(book, number - 1, number)
        counts = [f"[`{c.name}`]({number:02d}.md#{c.name}) {_counts(c)}" for c in modules]
        rows.append(f"| [Chapter {number}]({number:02d}.md) | {', '.join(counts) or 'nothing'} |")
        found[f"{number:02d}.md"] = _page(chapter, modules)
    found["index.md"] = "\n".join([INDEX, "| chapter | modules |", "|:--|:--|", *rows, ""])
    return found


def excerpt(book: Book, number: int) -> str:
    """A few rows that show well how this chapter changes the code: a marked word, and not too much else."""
    best: tuple[int, Change, list[str]] | None = None
    for change in changes(book, number - 1, number):
        rows = [row for run in _runs(change) if not run.folded for row in run.rows]
        for start in range(max(1, len(rows) - EXCERPT + 1)):
            window = rows[start : start + EXCERPT]
            changed_rows = sum(row.startswith(("<del>", "<ins>")) for row in window)
            blank = sum(not WORDS.search(TAGS.sub("", row)) for row in window)
            if any("<mark>" in row for row in window[1:-1]) and (best is None or changed_rows + blank < best[0]):
                best = (changed_rows + blank, change, window)
    return _figure(best[1], number, [Run(False, best[2])], "", anchor=False) if best else ""


def _page(chapter: Chapter, modules: Sequence[Change]) -> str:
    number, link = chapter.number, f"[Chapter {chapter.number}](../chapters/{chapter.stem}.md)"
    if not modules:
        return f"{FRONT}# Diff of chapter {number}\n\n{link} leaves every module as it was.\n"
    start = f"the checkpoint `src/ch{number - 1:02d}`" if number > 1 else "an empty folder"
    files = "".join(f'<li><a href="#{c.name}"><code>{c.name}</code>{_counts(c)}</a></li>' for c in modules)
    explained = sections(chapter)
    figures = "\n".join(
        _figure(module, number, _runs(module), _explained(chapter, explained.get(module.name, ())))
        for module in modules
    )
    return (
        f"{FRONT}# Diff of chapter {number}\n\n"
        f"{link} starts from {start} and ends with the checkpoint `src/ch{number:02d}`, "
        "the package that the next chapter imports. "
        "Lines with a plus came in, lines with a minus went out. The same in a terminal:\n\n"
        f"```console\n$ make diff FROM={number - 1} TO={number}\n```\n\n"
        f'<div class="diff-page">\n<nav class="file-list" aria-label="Files">'
        f'<p class="kicker">{len(modules)} {"file" if len(modules) == 1 else "files"}</p><ul>{files}</ul></nav>\n'
        f'<div class="file-diffs">\n{figures}\n</div>\n</div>\n'
    )


def _counts(change: Change) -> str:
    return f'<span class="added">+{change.added}</span> <span class="removed">−{change.removed}</span>'


def _explained(chapter: Chapter, found: Sequence[Section]) -> str:
    page = f"../../chapters/{chapter.stem}/"
    links = [f'<a href="{page}#{section.anchor}">{html.escape(section.title)}</a>' for section in found[:LINKS]]
    return f'<span class="why">explained in {", ".join(links)}</span>' if links else ""


def _figure(change: Change, number: int, runs: Sequence[Run], explained: str, anchor: bool = True) -> str:
    name = html.escape(change.name)
    state = " <span>new</span>" if not change.before else "" if change.after else " <span>gone</span>"
    body = "".join(_folded(run) if run.folded else _pre(run) for run in runs)
    package = f"ch{number if change.after else number - 1:02d}"
    kind, place = "diff" if change.before else "diff new", f' id="{name}"' if anchor else ""
    return (
        f'<figure class="{kind}"{place}>'
        f"<figcaption><code>{package}/{name}</code>{state} {_counts(change)} {explained}</figcaption>"
        f'<div class="highlight"><div class="diff-body" tabindex="0" role="region" aria-label="{name}">'
        f"{body}</div></div></figure>"
    )


def _pre(run: Run) -> str:
    return f"<pre><code>{''.join(run.rows)}</code></pre>"


def _folded(run: Run) -> str:
    return f"<details><summary>{len(run.rows)} unchanged lines</summary>{_pre(run)}</details>"


def _runs(change: Change) -> list[Run]:
    """The rows of a changed module, those far from every change folded."""
    opcodes = change.matcher.get_opcodes()
    old_marks: dict[int, list[Range]] = {}
    new_marks: dict[int, list[Range]] = {}
    for what, i1, i2, j1, j2 in opcodes:
        if what == "replace":
            old, new = changed(change.before[i1:i2], change.after[j1:j2])
            old_marks |= {i1 + index: ranges for index, ranges in old.items()}
            new_marks |= {j1 + index: ranges for index, ranges in new.items()}
    before, after = coloured("\n".join(change.before), old_marks), coloured("\n".join(change.after), new_marks)
    runs = [Run(False)]
    for place, (what, i1, i2, j1, j2) in enumerate(opcodes):
        if what != "equal":
            runs[-1].rows += [f"<del>- {line}</del>" for line in before[i1:i2]]
            runs[-1].rows += [f"<ins>+ {line}</ins>" for line in after[j1:j2]]
            continue
        rows = [f"<span>  {line}</span>" for line in after[j1:j2]]
        top = CONTEXT if place > 0 else 0
        bottom = len(rows) - (CONTEXT if place < len(opcodes) - 1 else 0)
        if bottom - top < FOLD:
            runs[-1].rows += rows
        else:
            runs[-1].rows += rows[:top]
            runs += [Run(True, rows[top:bottom]), Run(False, rows[bottom:])]
    return [run for run in runs if run.rows]
