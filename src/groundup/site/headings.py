"""A whole page's headings and terms: what only shows when all its cells are together."""

from __future__ import annotations

import html
import re

from bs4 import BeautifulSoup
from mkdocs.structure.toc import AnchorLink, TableOfContents

HEADING = re.compile(r'<h([1-6]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)
ABBREVIATION = re.compile(r'<abbr title="([^"]*)">(.*?)</abbr>', re.DOTALL)
NOT_THERE = re.compile(
    r'<h[1-6].*?</h[1-6]>|<summary.*?</summary>|<th.*?</th>|<a .*?</a>|<p class="admonition-title.*?</p>', re.DOTALL
)
NUMBERED = re.compile(r"_\d+$")
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
LONGEST_DESCRIPTION = 200


def unique(content: str) -> tuple[str, TableOfContents]:
    """Ids that are unique over all cells, and the contents made from what is shown."""
    seen: dict[str, int] = {}
    roots: list[AnchorLink] = []
    stack: list[AnchorLink] = []

    def one(match: re.Match[str]) -> str:
        level, slug, inner = int(match[1]), match[2], match[3]
        base = NUMBERED.sub("", slug)
        if base not in seen:  # else Markdown has counted the equal ones of its cell
            base = slug
        count = seen[base] = seen.get(base, 0) + 1
        fresh = base if count == 1 else f"{base}_{count - 1}"
        inner = inner.replace(f'href="#{slug}"', f'href="#{fresh}"')
        if not _folded(content, match.start()):  # a solution's headings would give it away
            link = AnchorLink(_plain(inner), fresh, level)
            while stack and stack[-1].level >= level:
                stack.pop()
            (stack[-1].children if stack else roots).append(link)
            stack.append(link)
        return f'<h{level} id="{fresh}">{inner}</h{level}>'

    return HEADING.sub(one, content), TableOfContents(roots)


def first_terms(content: str) -> str:
    """A tooltip where a term is first seen on the page, and not in headings, links or folds."""
    seen: set[str] = set()

    def one(match: re.Match[str]) -> str:
        if match[1] in seen or _folded(content, match.start()):
            return match[2]
        seen.add(match[1])
        return match[0]

    content = NOT_THERE.sub(lambda heading: ABBREVIATION.sub(r"\2", heading[0]), content)
    return ABBREVIATION.sub(one, content)


def description(content: str) -> str:
    """The first paragraph of a page, without markup, cut at a word."""
    found = PARAGRAPH.search(content)
    if found is None:
        return ""
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", found[1])).split())
    if len(text) > LONGEST_DESCRIPTION:
        text = text[:LONGEST_DESCRIPTION].rsplit(" ", 1)[0] + " …"
    return html.escape(text)


def _folded(content: str, position: int) -> bool:
    return content.count("<details", 0, position) > content.count("</details>", 0, position)


def _plain(heading: str) -> str:
    soup = BeautifulSoup(heading, "html.parser")
    for extra in soup.select(".headerlink, .katex-mathml annotation, .katex-html"):
        extra.decompose()
    return html.escape(soup.get_text().strip())
