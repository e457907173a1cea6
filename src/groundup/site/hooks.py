"""MkDocs events: navigation, chapters in Material's own markup, formulas, contents, descriptions."""

from __future__ import annotations

import html
import logging
import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from markdown import Markdown
from mkdocs.structure.pages import _RelativePathTreeprocessor
from mkdocs.structure.toc import AnchorLink, TableOfContents
from mkdocs_jupyter.config import settings
from nbconvert.exporters.templateexporter import default_filters

from groundup.book import CHAPTER_FILE, Book
from groundup.book.plan import PARTS, PLAN
from groundup.site import cells, katex, terms

settings.templates_dir = str(Path(__file__).parent / "templates")
default_filters.update(cells.FILTERS)

log = logging.getLogger("mkdocs.groundup")  # below "mkdocs", so that strict mode counts what is reported

HEADING = re.compile(r'<h([1-6]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)
ABBREVIATION = re.compile(r'<abbr title="([^"]*)">(.*?)</abbr>', re.DOTALL)
NOT_THERE = re.compile(
    r'<h[1-6].*?</h[1-6]>|<summary.*?</summary>|<th.*?</th>|<p class="admonition-title.*?</p>', re.DOTALL
)
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
LONGEST_DESCRIPTION = 200


def on_config(config: Any) -> Any:
    book = Book(Path(config.config_file_path).parent)
    glossary = book.root / "docs" / "glossary.md"
    config.mdx_configs["abbr"] = {"glossary": terms.abbreviations(glossary.read_text(encoding="utf-8"))}
    return config


def on_pre_page(page: Any, config: Any, files: Any) -> Any:
    chapter = CHAPTER_FILE.fullmatch(Path(page.file.src_uri).stem + ".py")
    if not page.file.src_uri.endswith(".ipynb") or chapter is None:
        return page
    markdown = Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)
    links = _RelativePathTreeprocessor(page.file, files, config)
    links._register(markdown)
    page.links_to_anchors = links.links_to_anchors  # MkDocs then checks them
    cells.current = cells.ChapterPage(
        file=f"chapters/{chapter[0]}",
        package=f"ch{chapter[1]}",
        diff=f"../../diffs/{chapter[1]}/",
        folder=Path(page.file.abs_dest_path).parent,
        markdown=markdown,
        report=log.warning,
    )
    return page


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    page.meta.setdefault("description", _description(content))
    if page.file.src_uri.endswith(".ipynb"):
        # mkdocs-jupyter appends a <style> that holds the repr of a Python list
        content = re.sub(r"\s*<style>\s*\[.*?\]\s*</style>\s*$", "\n", content, flags=re.DOTALL)
        content, page.toc = _unique_headings(content)
        page.present_anchor_ids = set(re.findall(r' id="([^"]+)"', content))
        _describe_chapter(page)
    else:
        content = katex.render_all(content, lambda text: log.warning(f"docs/{page.file.src_uri}: {text}"))
    return _first_abbreviations(content, keep=page.file.src_uri.endswith(".ipynb"))


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    page.canonical_url = None  # the address is the reader's own machine
    return context


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Names that Material's own templates leave out (axe: aria-dialog-name, aria-progressbar-name)."""
    search = 'data-md-component="search" role="dialog"'
    output = output.replace(search, f'{search} aria-label="Search"')
    return output.replace('role="progressbar"', 'role="progressbar" aria-label="Loading"')


def _describe_chapter(page: Any) -> None:
    number = int(Path(page.file.src_uri).name[:2])
    planned = next((plan for plan in PLAN if plan.number == number), None)
    page.meta["chapter"] = number
    page.meta["part"] = PARTS[planned.part - 1] if planned else ""
    page.meta["notebook"] = f"notebooks/{page.file.name}.ipynb"
    page.meta["diff"] = f"diffs/{number:02d}/"


def _description(content: str) -> str:
    """The first paragraph of a page, without markup, cut at a word."""
    found = PARAGRAPH.search(content)
    if found is None:
        return ""
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", found[1])).split())
    if len(text) > LONGEST_DESCRIPTION:
        text = text[:LONGEST_DESCRIPTION].rsplit(" ", 1)[0] + " …"
    return html.escape(text)


def _first_abbreviations(content: str, *, keep: bool) -> str:
    """A tooltip where a term is first seen on the page: not in headings or folds, and nowhere unless `keep`."""
    seen: set[str] = set()

    def one(match: re.Match[str]) -> str:
        if not keep or match[1] in seen or _folded(content, match.start()):
            return match[2]
        seen.add(match[1])
        return match[0]

    content = NOT_THERE.sub(lambda heading: ABBREVIATION.sub(r"\2", heading[0]), content)
    return ABBREVIATION.sub(one, content)


def _unique_headings(content: str) -> tuple[str, TableOfContents]:
    """Ids that are unique over all cells, and the contents made from what is shown."""
    seen: dict[str, int] = {}
    roots: list[AnchorLink] = []
    stack: list[AnchorLink] = []

    def one(match: re.Match[str]) -> str:
        level, slug, inner = int(match[1]), match[2], match[3]
        count = seen[slug] = seen.get(slug, 0) + 1
        fresh = slug if count == 1 else f"{slug}_{count - 1}"
        inner = inner.replace(f'href="#{slug}"', f'href="#{fresh}"')
        if not _folded(content, match.start()):  # a solution's headings would give it away
            link = AnchorLink(_plain(inner), fresh, level)
            while stack and stack[-1].level >= level:
                stack.pop()
            (stack[-1].children if stack else roots).append(link)
            stack.append(link)
        return f'<h{level} id="{fresh}">{inner}</h{level}>'

    return HEADING.sub(one, content), TableOfContents(roots)


def _folded(content: str, position: int) -> bool:
    return content.count("<details", 0, position) > content.count("</details>", 0, position)


def _plain(heading: str) -> str:
    soup = BeautifulSoup(heading, "html.parser")
    for extra in soup.select(".headerlink, .katex-mathml annotation, .katex-html"):
        extra.decompose()
    return html.escape(soup.get_text().strip())
