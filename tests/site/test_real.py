"""The real book's pages: whether they hold together."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from helpers.books import BOOK
from helpers.built import built_site

from groundup.book import digest
from groundup.chapter import parse
from groundup.run import unheld

HEAVIEST = 72 * 1024  # of a chapter's HTML, packed: its words and its code alone are 55 KB


@pytest.fixture(scope="module")
def real() -> dict[str, BeautifulSoup]:
    """Every page of the real book by its address."""
    folder = built_site()
    found = {}
    for path in sorted(folder.rglob("*.html")):
        address = path.relative_to(folder).as_posix().removesuffix("index.html")
        found[f"/{address}"] = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    assert len(found) > len(BOOK.chapters())
    return found


def test_every_claim_holds_here() -> None:
    """Where one does not, `python tests/rounding.py 5` tells whether it is a matter of luck."""
    built_site()
    assert unheld(BOOK, BOOK.chapters()) == []


RESOURCES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "srcset", "iframe": "src"}


def addresses(soup: BeautifulSoup) -> list[tuple[str, str]]:
    return [
        (tag.name, tag[RESOURCES[tag.name]]) for tag in soup.find_all(list(RESOURCES)) if tag.get(RESOURCES[tag.name])
    ]


def test_every_link_and_anchor_resolves(real: dict[str, BeautifulSoup]) -> None:
    folder = built_site()

    @cache
    def anchors(path: str) -> set[str]:
        return {tag["id"] for tag in real[path].find_all(id=True)} | {"__search", "__drawer"}

    dead = []
    for address, soup in real.items():
        for _, link in addresses(soup):
            target = urlsplit(urljoin(f"https://book{address}", link))
            if target.netloc != "book":
                continue
            path, anchor = unquote(target.path), unquote(target.fragment)
            if path in real:
                if anchor and anchor not in anchors(path):
                    dead.append(f"{address} -> {link}")
            elif not (folder / path.lstrip("/")).is_file():
                dead.append(f"{address} -> {link}")
    assert not dead


def test_nothing_comes_from_elsewhere(real: dict[str, BeautifulSoup]) -> None:
    loaded = [
        (address, link)
        for address, soup in real.items()
        for name, link in addresses(soup)
        if name != "a" and urlsplit(link).netloc
    ]
    assert not loaded
    styles = [path for path in built_site().rglob("*.css") if "url(http" in path.read_text(encoding="utf-8")]
    assert not styles


def test_what_is_folded_is_folded(real: dict[str, BeautifulSoup]) -> None:
    for path in BOOK.chapters().values():
        chapter = parse(path)
        soup = real[f"/chapters/{path.stem}/"]
        assert not soup.select("details[open]")
        assert len(soup.select("details.solution")) == len(soup.select("details.check")) == len(chapter.exercises)
        contents = soup.select_one(".md-sidebar--secondary").text
        shown = BeautifulSoup(str(soup.article), "html.parser")
        for fold in shown.select("details"):
            fold.decompose()
        text = "".join(shown.text.split())
        for cell in chapter.cells:
            if cell.is_code and (cell.role in ("solution", "check") or "claim" in cell.tags):
                assert "".join(cell.source.split()) not in text, cell.line
            if "aside" in cell.tags and cell.source.startswith("#### "):
                assert cell.source.splitlines()[0].strip("# ") not in contents, cell.line


def test_a_term_explains_itself_once_on_a_page(real: dict[str, BeautifulSoup]) -> None:
    """By its meaning, which several spellings share; also one that begins with a quotation mark."""
    for address, soup in real.items():
        twice = Counter(term["title"] for term in soup.article.select("abbr")) if soup.article else Counter[str]()
        assert (address, [title for title, count in twice.items() if count > 1]) == (address, [])


def test_terms_of_the_glossary_are_met(real: dict[str, BeautifulSoup]) -> None:
    entries = {entry.text.strip("¶\n ") for entry in real["/glossary/"].article.select("dt")}
    chapters = [soup for address, soup in real.items() if address.startswith("/chapters/")]
    explained = {term["title"] for soup in chapters for term in soup.article.select("abbr")}
    assert len(explained) > 20
    assert len(entries) >= len(explained)


def test_pages_are_complete(real: dict[str, BeautifulSoup]) -> None:
    for address, soup in real.items():
        if address == "/404.html":
            continue
        assert len(soup.article.select("h1")) == 1, address
        assert soup.find("meta", {"name": "description"})["content"], address
        assert all(image.get("alt") is not None for image in soup.select("img")), address
        assert all(image["alt"] for image in soup.article.select("img")), address
        ids = [tag["id"] for tag in soup.article.find_all(id=True)]
        assert len(ids) == len(set(ids)), address


def test_chapter_pages_are_light(real: dict[str, BeautifulSoup]) -> None:
    for path in BOOK.chapters().values():
        page = (built_site() / "chapters" / path.stem / "index.html").read_bytes()
        assert len(gzip.compress(page, 9, mtime=0)) <= HEAVIEST, path.name


def test_figures_can_be_read_on_a_phone(real: dict[str, BeautifulSoup]) -> None:
    """No label of a figure is below 9 pixels where the column is 358 wide; Matplotlib draws glyphs at size / 100."""
    small = {}
    for number in BOOK.chapters():
        notebook = json.loads(BOOK.executed(number).read_text(encoding="utf-8"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        drawn = ["".join(output.get("data", {}).get("image/svg+xml", "")) for output in outputs]
        for place, svg in enumerate(filter(None, drawn), start=1):
            width = float(re.search(r'width="([\d.]+)pt"', svg)[1])
            points = [100 * float(scale) for scale in re.findall(r"scale\((0\.[\d]+) -0\.[\d]+\)", svg)]
            size = min(points, default=math.inf) * min(4 / 3, 358 / width)
            if size < 9:
                small[f"chapter {number}, figure {place}"] = size
    assert small == {}


def test_every_term_of_a_chapter_is_in_the_glossary(real: dict[str, BeautifulSoup]) -> None:
    for address in (f"/chapters/{path.stem}/" for path in BOOK.chapters().values()):
        terms = real[address].select_one(".terms p")
        unlinked = "".join(text for text in terms.find_all(string=True) if text.find_parent("a") is None)
        assert re.sub(r"[,;.()\s]|\band\b", "", unlinked) == "", address


def test_titles_of_exercises_begin_with_a_capital_or_with_code(real: dict[str, BeautifulSoup]) -> None:
    for address in (f"/chapters/{path.stem}/" for path in BOOK.chapters().values()):
        titles = [heading.find_all(recursive=False)[0].next_sibling for heading in real[address].select(".exercise h3")]
        assert titles
        assert all(title.name == "code" or title.get_text()[0].isupper() for title in titles), (address, titles)


def test_notebooks_know_the_wheel_beside_them() -> None:
    folder = built_site() / "notebooks"
    assert (folder / BOOK.wheel).is_file()
    address = f"{BOOK.address}notebooks/{BOOK.wheel}#sha256={digest(folder / BOOK.wheel)}"
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}
    assert len(texts) == len(BOOK.chapters())
    assert [name for name, text in texts.items() if address not in text] == []
