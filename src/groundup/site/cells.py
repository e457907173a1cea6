"""A chapter's cells as HTML: the filters that templates/mkdocs_html/notebook.html.j2 calls."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown import Markdown
from nbconvert.filters import ansi2html, strip_ansi
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from groundup.site import figures, katex

LABELS = {
    "check": "Check your work",
    "oracle": "Compared with PyTorch",
    "timing": "Measured where this page was built: your times will differ",
}
HEADING = re.compile(r"</h[1-6]>")


@dataclass
class ChapterPage:
    """The chapter whose page is being rendered; nbconvert's filters know only the cell."""

    file: str
    package: str
    diff: str
    folder: Path
    markdown: Markdown
    report: Callable[[str], None]

    def at(self, cell: Any) -> Callable[[str], None]:
        """How to report a mistake in one cell."""
        return lambda text: self.report(f"{self.file}:{cell.metadata.line}: {text}")


current: ChapterPage | None = None


def _chapter() -> ChapterPage:
    assert current is not None, "hooks.on_pre_page sets the chapter before its page is rendered"
    return current


def page_markdown(cell: Any) -> str:
    """A markdown cell, rendered as MkDocs renders a page; an exercise's prompt gets its labels."""
    chapter = _chapter()
    chapter.markdown.reset()
    rendered = katex.render_all(chapter.markdown.convert(cell.source), chapter.at(cell))
    return HEADING.sub(lambda m: m[0] + _labels(cell.metadata), rendered, count=1) if _is_prompt(cell) else rendered


def page_code(cell: Any) -> str:
    """A code cell's source in Python's colours; an exported one is titled with its module."""
    body = highlight(cell.source, PythonLexer(), HtmlFormatter(nowrap=True))
    module, title = cell.metadata.get("export"), ""
    unsearched = "" if module else " data-search-exclude"  # keeps the index small: what is kept is what is looked for
    if module:
        chapter = _chapter()
        name = html.escape(f"{chapter.package}/{module}")
        title = f'<span class="filename"><a href="{chapter.diff}#{html.escape(module)}">{name}</a></span>'
    return (
        f'<div class="language-python highlight">{title}<pre{unsearched}><span></span><code>{body}</code></pre></div>'
    )


def page_label(cell: Any) -> str:
    """What kind of cell it is, where that is not plain."""
    return "".join(f'<p class="cell-label">{LABELS[tag]}</p>' for tag in cell.metadata.tags if tag in LABELS)


def page_error(output: Any) -> str:
    """An error as a reader needs it: its last line, without the way there."""
    lines = [line for line in strip_ansi("\n".join(output.traceback)).splitlines() if line.strip()]
    return ansi2html(lines[-1] if lines else f"{output.ename}: {output.evalue}")


def page_svg(source: str, cell: Any) -> str:
    return figures.svg(source, _alt(cell), _chapter().folder)


def page_png(encoded: str, cell: Any) -> str:
    return figures.png(encoded, _alt(cell), _chapter().folder)


FILTERS = {f.__name__: f for f in (page_markdown, page_code, page_label, page_error, page_svg, page_png)}


def _alt(cell: Any) -> str:
    if "alt" not in cell.metadata:
        _chapter().at(cell)('draws a figure without alt text: # %% tags=["figure"] alt="what it shows"')
    return cell.metadata.get("alt", "")


def _is_prompt(cell: Any) -> bool:
    return "prompt" in cell.metadata.tags


def _labels(metadata: Any) -> str:
    level, minutes = html.escape(metadata.difficulty), metadata.minutes
    unit = "minute" if minutes == 1 else "minutes"
    return f'\n<p class="labels"><span class="label {level}">{level}</span> about {minutes} {unit}</p>'
