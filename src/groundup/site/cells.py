"""Single cells as HTML: their text, their code, what the code says of itself, and what it put out."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown import Markdown
from markupsafe import Markup
from nbconvert.filters import ansi2html, strip_ansi

from groundup.site import figures, katex, words
from groundup.site.layout import Cell

LONGEST_LABEL = 160  # letters of what a screen reader is told that a claim checks
ASIDE = re.compile(r'<details class="[^"]*">(?=\s*<summary>Aside\b)')
PARAGRAPH = re.compile(r"\A\s*<p>(.*)</p>\s*\Z", re.DOTALL)


@dataclass
class ChapterPage:
    """The page that is being rendered: whose cells these are, and how their text becomes HTML."""

    number: int
    stem: str
    root: str  # the way from the page to the site's first folder
    folder: Path
    markdown: Markdown
    report: Callable[[str], None]
    wheel: str = ""  # the file beside the notebooks
    bench: int = 0  # how many bytes it takes to work the exercises in the page; 0 where one cannot
    explained: set[str] = field(default_factory=set)

    @property
    def package(self) -> str:
        return f"ch{self.number:02d}"

    @property
    def diff(self) -> str:
        return f"{self.root}diffs/{self.number:02d}/"

    def first(self, what: str) -> bool:
        """Whether the page shows `what` for the first time, so that it needs explaining."""
        new = what not in self.explained
        self.explained.add(what)
        return new

    def at(self, cell: Cell) -> Callable[[str], None]:
        """How to report a mistake in one cell."""
        return lambda text: self.report(f"chapters/{self.stem}.py:{cell.metadata.line}: {text}")

    def text(self, cell: Cell) -> Markup:
        """A markdown cell, rendered as MkDocs renders a page."""
        return self.prose(cell.source, self.at(cell))

    def prose(self, source: str, report: Callable[[str], None] | None = None) -> Markup:
        """Markdown as HTML."""
        self.markdown.reset()
        rendered = katex.render_all(self.markdown.convert(source), report or self._anywhere)
        return Markup(ASIDE.sub('<details class="aside">', rendered))

    def phrase(self, source: str) -> Markup:
        """Markdown of one paragraph as HTML, without the paragraph."""
        rendered = self.prose(source)
        inner = PARAGRAPH.match(rendered)
        return Markup(inner[1]) if inner and "<p>" not in inner[1] else rendered

    def outputs(self, cell: Cell) -> Markup:
        """What a cell put out, in order."""
        return Markup("").join(self._output(cell, output) for output in cell.outputs)

    def images(self, cell: Cell) -> Markup:
        """The pictures of a figure's cell."""
        return Markup("").join(self._image(cell, output.data) for output in cell.outputs if _has_image(output))

    def printed(self, cell: Cell) -> Markup:
        """What a figure's cell put out besides."""
        return Markup("").join(self._output(cell, output) for output in cell.outputs if not _has_image(output))

    def _output(self, cell: Cell, output: Any) -> Markup:
        if output.output_type == "stream":
            return _block(ansi2html(output.text), "out out-err" if output.name == "stderr" else "out")
        if output.output_type == "error":
            return _block(_last_line(output), "out out-err")
        if _has_image(output):
            return Markup('<figure class="plot">{}</figure>').format(self._image(cell, output.data))
        if "text/html" in output.data:
            return Markup(f'<div class="out-html" tabindex="0">{output.data["text/html"]}</div>')
        return _block(ansi2html(output.data.get("text/plain", "")), "out out-value")

    def _image(self, cell: Cell, data: Any) -> Markup:
        if "alt" not in cell.metadata:
            self.at(cell)('draws a figure without alt text: # %% tags=["figure"] alt="what it shows"')
            return Markup("")
        alt = cell.metadata["alt"]
        if "image/svg+xml" not in data:
            return Markup(figures.png(data["image/png"], alt, self.folder))
        try:
            return Markup(figures.svg(data["image/svg+xml"], alt, self.folder))
        except ValueError as error:
            self.at(cell)(str(error))
            return Markup("")

    def _anywhere(self, text: str) -> None:
        self.report(f"chapters/{self.stem}.py: {text}")


def python(source: str) -> Markup:
    """Python's colours for source code."""
    return Markup("\n".join(words.coloured(source)) + "\n")


def joined(cells: Iterable[Cell]) -> str:
    """The code of neighbouring cells as one."""
    return "\n\n".join(cell.source.strip() for cell in cells)


def asserts(cells: Iterable[Cell]) -> list[ast.Assert]:
    """Every assert in the code, however deep."""
    return [node for cell in cells for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Assert)]


def claimed(cells: Iterable[Cell]) -> str:
    """What the asserts of claims demand, in one line."""
    text = "; ".join(ast.unparse(found.test) for found in asserts(cells))
    return text if len(text) <= LONGEST_LABEL else text[:LONGEST_LABEL].rsplit(" ", 1)[0] + " …"


def fails(cells: Iterable[Cell]) -> bool:
    """Whether one of them has stopped at an error."""
    return any(output.output_type == "error" for cell in cells for output in cell.outputs)


def modules(cells: Iterable[Cell]) -> list[str]:
    """The modules that cells are saved to, each once."""
    return list(dict.fromkeys(cell.metadata.export for cell in cells if "export" in cell.metadata))


def _has_image(output: Any) -> bool:
    return any(kind in output.get("data", {}) for kind in ("image/svg+xml", "image/png"))


def _block(text: str, kind: str) -> Markup:
    return Markup(f'<pre class="{kind}" data-search-exclude tabindex="0">{text.rstrip()}</pre>')


def _last_line(output: Any) -> str:
    """An error as a reader needs it: its last line, without the way there."""
    lines = [line for line in strip_ansi("\n".join(output.traceback)).splitlines() if line.strip()]
    return ansi2html(lines[-1] if lines else f"{output.ename}: {output.evalue}")
