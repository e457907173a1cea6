"""The site: what a chapter's cells become, what stops a build, and whether the real book's pages hold together."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from helpers.books import BOOK
from helpers.built import built_site

from groundup import site
from groundup.book import Book, BookError
from groundup.chapter import parse, parse_book
from groundup.site import curve, pages, terms

CHAPTER = '''# %% [markdown]
# # 1. A small chapter
#
# A model of $w$ learns. The model, a second time.
#
# ## The `same` heading

# %% export="linear.py"
def predict(x):
    """Twice `x`."""
    return 2 * x

# %% tags=["figure"] alt="A dot & a line."
draw()

# %% [markdown] exercise="mse" tags=["prompt"] difficulty="hard" minutes=1
# ### Exercise 1.1: a loss
#
# Write it.

# %% [markdown] exercise="mse" tags=["hint"]
# First.

# %% [markdown] exercise="mse" tags=["hint"]
# Second.

# %% exercise="mse" tags=["solution"]
answer = 42

# %% [markdown] exercise="mse" tags=["solution"]
# #### Spoiler
#
# I guessed.

# %% exercise="mse" tags=["check"]
assert answer == 42

# %% tags=["oracle"]
compare()

# %% [markdown]
# ## The `same` heading
#
# $$\\hat y = 2x$$
#
# > [!BUG] Break it: the sign
# > It rises.
# >
# > > [!SUCCESS]- What was wrong
# > > The sign.

# %%
raise ValueError("too far")
'''
SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36">'
    '<metadata>today</metadata><path d="M 1.23456 0.015625 L 3 4" stroke="#0a0b0c"/></svg>'
)
OUTPUTS = {
    "draw()": {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": SVG, "text/plain": "<Figure>"}},
    "compare()": {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": "9 < 10"},
    },
    'raise ValueError("too far")': {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "too far",
        "traceback": ["Traceback", "  cell 7", "\x1b[31mValueError\x1b[39m: too far"],
    },
}


def execute(book: Book) -> None:
    """Write the executed notebook of the small chapter, with canned outputs."""
    chapter = parse(book.chapter(1))
    cells = []
    for cell in chapter.cells:
        metadata = {"tags": list(cell.tags), **cell.keys, "line": cell.line}
        node = {"id": cell.id, "cell_type": cell.kind, "metadata": metadata, "source": cell.source}
        if cell.is_code:
            node |= {"execution_count": None, "outputs": [OUTPUTS[cell.source]] if cell.source in OUTPUTS else []}
        cells.append(node)
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    book.executed(1).parent.mkdir(parents=True, exist_ok=True)
    book.executed(1).write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book of one small chapter, with the real book's pages around it."""
    small = Book(tmp_path)
    shutil.copytree(BOOK.root / "docs", tmp_path / "docs")
    shutil.copy(BOOK.root / "mkdocs.yml", tmp_path)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "01_linear_model.py").write_text(CHAPTER, encoding="utf-8")
    (tmp_path / "src" / "ch01").mkdir(parents=True)
    (tmp_path / "src" / "groundup").symlink_to(BOOK.root / "src" / "groundup")
    (tmp_path / "src" / "ch01" / "linear.py").write_text("def predict(x):\n    return 2 * x\n", encoding="utf-8")
    execute(small)
    certificate = {
        "name": "torch.relu", "also": ["torch.nn.functional.relu"], "by": "relu", "kind": "function",
        "cases": 12, "forward": 0.0, "backward": 2e-16, "step": 3e-16, "ratio": 3.21,
    }  # fmt: skip
    results = {
        "key": "",
        "chapter": 1,
        "seconds": 1.0,
        "records": {"error_rate": 0.0312},
        "certificates": [certificate],
    }
    small.results(1).parent.mkdir()
    small.results(1).write_text(json.dumps(results), encoding="utf-8")
    return small


def build(book: Book) -> bool:
    """Whether there was anything to build."""
    if site.is_current(book):
        return False
    site.build(book, parse_book(book))
    return True


def page(folder: Path, name: str = "chapters/01_linear_model") -> BeautifulSoup:
    return BeautifulSoup((folder / name / "index.html").read_text(encoding="utf-8"), "html.parser")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# ------------------------------------------------------------- a small book


def test_each_kind_of_cell(book: Book) -> None:
    assert build(book)
    article = page(book.site).article

    title = article.select_one(".filename a")
    assert (title.text, title["href"]) == ("ch01/linear.py", "../../diffs/01/#linear.py")
    card = article.select_one("section.exercise")
    assert card.select_one("h3").text.startswith("Exercise 1.1")
    assert card.select_one(".labels").text == "hard about 1 minute"
    assert [fold.summary.text for fold in card.select("details")] == ["Hint 1", "Hint 2", "What I did"]
    assert "answer = 42" in card.select_one("details.solution").text
    assert "I guessed." in card.select_one("details.solution").text
    assert card.select_one(".cell-check .cell-label").text == "Check your work"
    assert article.select_one(".cell-oracle .cell-label").text == "Compared with PyTorch"
    assert article.select_one(".out-value").text == "9 < 10"
    assert article.select_one(".out-err").text == "ValueError: too far"
    assert article.select_one(".admonition.bug details summary").text == "What was wrong"
    assert not article.select("details[open]")

    images = article.select("figure.plot img")
    assert [image["alt"] for image in images] == ["A dot & a line."] * 2
    assert [image["width"] for image in images] == ["96", "96"]
    light, dark = (image["src"].partition("#") for image in images)
    assert (light[2], dark[2]) == ("only-light", "only-dark")
    drawn = (book.site / "chapters/01_linear_model" / dark[0]).read_text(encoding="utf-8")
    assert "#0a0b0c" not in drawn
    assert "today" not in drawn
    assert 'd="M 1.23 0.01562 L 3 4"' in drawn


def test_headings_formulas_and_terms(book: Book) -> None:
    build(book)
    chapter = page(book.site)
    assert [h["id"] for h in chapter.article.select("h2")] == ["the-same-heading", "the-same-heading_1"]
    contents = [link.text.strip() for link in chapter.select(".md-sidebar--secondary .md-nav__link")]
    assert contents == ["The same heading", "Exercise 1.1: a loss", "The same heading"], (
        "a solution's heading gives it away"
    )
    assert len(chapter.select(".katex math")) == 2
    assert not chapter.select(".arithmatex")
    assert [term.text for term in chapter.article.select("abbr")] == ["model"], "only the first time"
    assert chapter.find("meta", {"name": "description"})["content"].startswith("A model of")
    assert [link["href"] for link in chapter.select(".chapter-bar a")] == [
        "../../notebooks/01_linear_model.ipynb",
        "../../diffs/01/",
    ]


def test_generated_parts(book: Book) -> None:
    build(book)
    home = page(book.site, ".")
    assert home.select_one(".curve img")["alt"] == "Validation error by chapter: chapter 1, 3.1 %"
    assert [item.a["href"] for item in home.select(".map li:not(.planned)")] == ["chapters/01_linear_model/"]
    assert len(home.select(".map li")) == 14
    ledger = page(book.site, "ledger").select("table")
    row = [cell.text for cell in ledger[0].select("td")]
    assert row == [
        "torch.relu, torch.nn.functional.relu",
        "relu",
        "chapter\xa01",
        "12",
        "0e+00",
        "2e-16",
        "3e-16",
        "3.2 ×",
    ]
    assert "torch.nn.functional.relu" not in ledger[1].text
    diff = page(book.site, "diffs/01")
    assert diff.select_one("figure.diff")["id"] == "linear.py"
    assert "make diff FROM=0 TO=1" in diff.text


def test_nothing_is_done_twice(book: Book) -> None:
    assert build(book)
    assert not build(book)
    for change in ("docs/setup.md", "chapters/01_linear_model.py", "src/ch01/linear.py", "build/results/01.json"):
        path = book.root / change
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        assert build(book), change
    assert not build(book)


def test_the_choice_of_data_counts(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build(book)
    monkeypatch.setenv("DATA", "embedded")
    assert build(book)


def test_an_unchanged_site_needs_no_imports(book: Book) -> None:
    build(book)
    code = (
        "import sys; from pathlib import Path; from groundup import site; from groundup.book import Book\n"
        f"print(site.is_current(Book(Path({str(book.root)!r}))), {{'mkdocs', 'numpy', 'torch'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True set()\n"


def test_two_builds_are_the_same(book: Book) -> None:
    def tree() -> dict[str, str]:
        files = [path for path in sorted(book.site.rglob("*")) if path.is_file()]
        return {str(path.relative_to(book.site)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    build(book)
    first = tree()
    shutil.rmtree(book.site)
    build(book)
    assert tree() == first


CHAPTER_FILE = "chapters/01_linear_model.py"
FORMULA = CHAPTER.splitlines().index("# $$\\hat y = 2x$$") - 2  # its cell's header
MISTAKES = {
    "a dead link in a page": (
        "docs/setup.md",
        "Then, in",
        "[Then](gone.md), in",
        ["docs/setup.md", "gone.md", "mend the link"],
    ),
    "a dead anchor in a page": ("docs/setup.md", "Then, in", "[T](ledger.md#gone), in", ["docs/setup.md", "#gone"]),
    "a dead link in a chapter": (CHAPTER_FILE, "I guessed.", "[I](gone.md) guessed.", [CHAPTER_FILE, "gone.md"]),
    "a dead anchor in a chapter": (CHAPTER_FILE, "I guessed.", "[I](#gone) guessed.", [CHAPTER_FILE, "#gone"]),
    "bad TeX in a page": ("docs/notation.md", r"$\hat y$", r"$\hatt y$", ["docs/notation.md", r"\hatt y"]),
    "bad TeX in a chapter": (CHAPTER_FILE, r"\hat y", r"\hatt y", [f"{CHAPTER_FILE}:{FORMULA}: ", r"\hatt y"]),
    "a figure without alt text": (CHAPTER_FILE, ' tags=["figure"] alt="A dot & a line."', "", [CHAPTER_FILE, "alt="]),
    "a part that nobody makes": ("docs/index.md", "<!-- chapter map -->", "<!-- map -->", ["docs/index.md", "'map'"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_stop_the_build(book: Book, mistake: str) -> None:
    file, old, new, words = MISTAKES[mistake]
    build(book)
    before = (book.site / "index.html").read_bytes()
    replace(book.root / file, old, new)
    execute(book)
    with pytest.raises(BookError) as caught:
        build(book)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) == 1, message
    assert (book.site / "index.html").read_bytes() == before
    assert not list(book.build.glob("site-*")), "nothing half-made is left"


def test_all_mistakes_are_named(book: Book) -> None:
    replace(book.root / "docs/setup.md", "Then, in", "[Then](gone.md), in")
    replace(book.root / "docs/notation.md", r"$\hat y$", r"$\hatt y$")
    with pytest.raises(BookError) as caught:
        build(book)
    assert len(str(caught.value).splitlines()) == 2


def test_a_chapter_that_was_not_run(book: Book) -> None:
    book.executed(1).unlink()
    with pytest.raises(BookError, match=r"01_linear_model\.py has not been run: make run"):
        build(book)


# ------------------------------------------------------------- glossary, curve, mentions


def test_terms() -> None:
    glossary = "# Glossary\n\nLoss\n:   One `number`, see [here](x.md). More.\n\nReLU\n:   An *activation*.\n"
    found = terms.abbreviations(glossary)
    assert found["loss"] == found["Losses"] == "One number, see here."
    assert found["ReLU"] == "An activation."
    assert "relu" not in found
    assert "Loss { #loss }\n:   One" in terms.with_anchors(glossary)


@pytest.mark.parametrize(
    ("term", "plural"),
    [("weight", "weights"), ("bias", "biases"), ("entropy", "entropies"), ("matrix", "matrices"), ("array", "arrays")],
)
def test_plurals(term: str, plural: str) -> None:
    assert plural in terms.abbreviations(f"{term}\n:   A thing.\n")


@pytest.mark.parametrize(("rate", "top"), [(0.071, 0.08), (0.1, 0.12), (0.026, 0.04), (0.0099, 0.012), (0.9, 1.0)])
def test_the_curve_fits(rate: float, top: float) -> None:
    assert curve.ceiling(rate) == pytest.approx(top)


def test_chapters_that_exist_are_linked(book: Book) -> None:
    filled = pages.fill("{chapter 1}, {chapter 9}", book, "docs/x.md")
    assert filled == "[chapter&nbsp;1](chapters/01_linear_model.ipynb), chapter&nbsp;9"


@pytest.mark.parametrize("folder", ["docs/assets", "src/groundup/site/vendor", "tests/site/vendor"])
def test_what_is_not_ours_is_unchanged(folder: str) -> None:
    root = BOOK.root / folder
    listed = [line.split("  ") for line in (root / "README.txt").read_text().partition("SHA-256:\n")[2].splitlines()]
    assert listed
    for digest, name in listed:
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest, name
    vendored = {str(path.relative_to(root)) for kind in ("woff2", "min.js") for path in root.rglob(f"*.{kind}")}
    assert vendored <= {name for _, name in listed}


# ------------------------------------------------------------- the real book


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


def test_solutions_and_hints_are_folded(real: dict[str, BeautifulSoup]) -> None:
    for path in BOOK.chapters().values():
        chapter = parse(path)
        soup = real[f"/chapters/{path.stem}/"]
        assert not soup.select("details[open]")
        assert len(soup.select("details.solution")) == len(chapter.exercises)
        shown = BeautifulSoup(str(soup.article), "html.parser")
        for fold in shown.select("details"):
            fold.decompose()
        text = "".join(shown.text.split())
        for cell in chapter.cells:
            if cell.role == "solution" and cell.is_code:
                assert "".join(cell.source.split()) not in text, cell.line
            if cell.role == "hint":
                assert not shown.select(".hint")


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
        assert len(gzip.compress(page, 9, mtime=0)) <= 40 * 1024, path.name
