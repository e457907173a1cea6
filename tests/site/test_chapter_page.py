"""A chapter's page: what each kind of cell becomes, seen on a small chapter that has them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from helpers.small import small_book

from groundup import site
from groundup.chapter import parse_book


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the small book."""
    book = small_book(tmp_path_factory.mktemp("small"))
    site.build(book, parse_book(book))
    return book.site


@pytest.fixture(scope="module")
def soup(folder: Path) -> BeautifulSoup:
    return BeautifulSoup((folder / "chapters/01_linear_model/index.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def article(soup: BeautifulSoup) -> Tag:
    assert soup.article
    return soup.article


def words(tag: Tag | None) -> str:
    assert tag is not None
    return " ".join(tag.get_text(" ").split())


def facts(tag: Tag) -> dict[str, str]:
    return {words(item.dt): words(item.dd) for item in tag.select("div:has(> dt)")}


def test_head(article: Tag) -> None:
    head = article.select_one(".chapter-head")
    assert words(head.select_one(".kicker")) == "Part I · Gradient descent by hand Chapter 1 of 14"
    assert [tick.get("class") for tick in head.select(".ticks i")][:2] == [["here"], None]
    assert len(head.select(".ticks i")) == 14
    assert head.h1.get_text() == "1. A small chapter"
    assert words(head.select_one(".lead")).startswith("A model of")
    assert facts(head.dl) == {
        "You need": "A pencil",
        "You will reach": "The end, and no more",
        "Time": "A minute. It is short.",
        "To take along": "The notebook The wheel that it needs elsewhere The diff of this chapter",
    }
    links = [link["href"] for link in head.select("dd a")]
    wheel = "../../notebooks/groundup-0.1.0-py3-none-any.whl"
    assert links == ["../../notebooks/01_linear_model.ipynb", wheel, "../../diffs/01/"]
    assert words(head.find_next_sibling()) == "Code comes first.", "what stands below the facts stays"


def test_foot(article: Tag) -> None:
    foot = article.select_one(".chapter-foot")
    assert words(foot.select_one(".remember")) == "Small is enough."
    assert words(foot.select_one(".why")) == "Nearly."
    assert facts(foot.dl) == {
        "Terms": "Model , weights and walrus.",
        "Unlocked": "Nothing yet. What unlocking means",
        "What changed in the checkpoint": "linear.py is new. Read the diff",
        "To read on": "A Book .",
    }
    assert [link["href"] for link in foot.select(".terms a")] == ["../../glossary/#model", "../../glossary/#weight"]
    assert words(foot.select_one(".next-chapter b")) == "Looking back", "the book of this test ends here"
    assert words(foot.find_previous_sibling("p")) == "It was small."


def test_saved(article: Tag) -> None:
    title = article.select_one(".filename")
    assert words(title) == "saved to ch01/linear.py without old , Thing.method what is that?"
    assert [link["href"] for link in title.select("a")] == ["../../diffs/01/#linear.py", "../../how-to-read/#saved"]
    assert title["title"]
    assert len(article.select(".filename .what")) == 1, "explained where it first appears"


def test_claims(article: Tag) -> None:
    first = article.select_one("details.claim")
    assert first.find_previous_sibling()["class"] == ["cell"]
    assert words(first.summary) == "checked"
    assert first.summary["aria-label"] == "checked: predict(1) == 2; predict(0) == 0", "neighbours are merged"
    assert "predict(1)" in first.code.text
    assert "record" in first.code.text
    assert [len(claim.select(".what")) for claim in article.select("details.claim")] == [1, 0, 0, 1]
    unheld = article.select_one("details.unheld")
    assert words(unheld.summary) == "not so here"
    assert unheld.summary["aria-label"] == "not so here: predict(2) == 5"
    assert "is not so where this page was built" in words(unheld)
    assert unheld.pre
    assert len(article.select("details.unheld")) == 1


def test_figures(article: Tag, folder: Path) -> None:
    pair, alone = article.select(":scope > .cell-figure")
    assert [image["alt"] for image in pair.select("img")] == ["A dot & a line."] * 2 + ["Another dot."] * 2
    assert [len(figure.select("figcaption")) for figure in pair.select(".figures > figure")] == [1, 0]
    assert pair.figcaption.em.text == "dot"
    assert words(pair.select_one("details.drawn > summary")) == "How they are drawn"
    assert pair.select_one("details.drawn code").text == "draw()\n\ndraw(2)\n"
    assert words(alone.select_one("details.drawn > summary")) == "How it is drawn"
    assert not alone.select(".figures")

    images = alone.select("img")
    assert [image["width"] for image in images] == ["96", "96"]
    light, dark = (image["src"].partition("#") for image in images)
    assert (light[2], dark[2]) == ("only-light", "only-dark")
    drawn = (folder / "chapters/01_linear_model" / dark[0]).read_text(encoding="utf-8")
    assert "#0a0b0c" not in drawn
    assert "today" not in drawn
    assert 'd="M 1.23 0.01562 L 3 4"' in drawn


def test_predict(article: Tag) -> None:
    text, picture = article.select("section.predict")
    assert words(text.select_one(".question p:last-child")) == "What is 6 times 7?"
    assert words(text.select_one(":scope > .cell")) == "print ( 6 * 7 )", "the code without what it prints"
    assert words(text.select_one(".guess.js-only label")) == "Your guess"
    assert text.select_one("label")["for"] == text.input["id"] == text.input["name"]
    happened = text.select_one(":scope > details.happened")
    assert words(happened.summary) == "What happened"
    assert words(happened.select_one("pre.out")) == "42"
    assert words(happened.select_one(":scope > p")) == "Forty-two it is."
    assert happened.select_one("details.claim"), "its claim would give the answer away"

    assert not picture.select(":scope > .cell")
    assert picture.select_one("details.happened figure.plot")
    assert picture.select_one("details.happened details.drawn")
    assert words(picture.select_one("details.happened > p")) == "Like a dot."


def test_exercise(article: Tag) -> None:
    card = article.select_one("section.exercise")
    assert card.h3["id"] == "exercise-11-a-loss"
    assert words(card.h3.select_one(".kicker")) == "Exercise 1.1 :"
    assert card.h3.get_text().startswith("Exercise 1.1: A loss")
    assert words(card.select_one(".labels")) == "hard about 1 minute Stuck? Done : Exercise 1.1"
    assert card.select_one(".done.js-only input")["name"] == "done.1.mse"
    rows = card.select(".rows > details")
    assert [(row["class"], words(row.summary)) for row in rows] == [
        (["hint"], "Hint 1"),
        (["hint"], "Hint 2"),
        (["solution"], "What I did ch01/losses.py"),
        (["check"], "How it is checked 2 checks"),
    ]
    assert "answer = 42" in rows[2].text
    assert "I guessed" in rows[2].text
    assert rows[2].select_one("details #deep"), "a fold may hold another"
    assert "assert answer" in rows[3].text


def test_asides(article: Tag) -> None:
    asides = article.select("details.aside")
    assert [words(aside.summary)[:15] for aside in asides] == ["Aside: why x ?", "Aside: a second", "Aside: a callou"]
    assert "aardvark" in asides[0].text
    assert words(asides[0].select_one("pre.out")) == "aside"
    assert asides[1].select_one("details.claim"), "what an aside says is checked where it says it"
    assert not article.select("h4:not(details h4)")


def test_outputs_and_labels(article: Tag) -> None:
    assert words(article.select_one(".cell-oracle > .cell-label")) == "Compared with PyTorch"
    label = words(article.select_one(".cell-timing > .cell-label"))
    assert label == "Timed where this page was built; yours will differ"
    assert article.select_one(".cell-oracle .out-value").text == "9 < 10"
    assert article.select_one(".out-err").text == "ValueError: too far"
    assert words(article.select_one(".admonition.bug details summary")) == "What was wrong"
    assert len(article.select(".admonition.quote td")) == 3


def test_nothing_is_open_and_no_fold_needs_a_script(article: Tag) -> None:
    assert not article.select("details[open]")
    assert all(fold.find(True).name == "summary" for fold in article.select("details"))
    scripted = {tag["class"][0] for tag in article.select(".js-only")}
    assert scripted - {"work"} == {"guess", "done"}, "and the bench, where it could be had"


def test_headings_formulas_and_terms(soup: BeautifulSoup, article: Tag) -> None:
    assert [h["id"] for h in article.select("h2")] == ["the-same-heading", "the-same-heading_1", "recap"]
    contents = [link.text.strip() for link in soup.select(".md-sidebar--secondary .md-nav__link")]
    assert contents == ["The same heading", "Exercise 1.1: A loss", "The same heading", "Recap"], (
        "a heading in a fold would give it away"
    )
    assert len(article.select(".katex math")) == 1, "a letter alone is read as it is"
    assert [letter.text for letter in article.select(".katex > .mord")] == ["w", "x", "x", "q"]
    assert not article.select(".arithmatex")
    assert [term.text for term in article.select("abbr")] == ["model"], "only the first time"
    assert soup.find("meta", {"name": "description"})["content"].startswith("A model of")


def test_the_search_leaves_out_what_nobody_looks_for(folder: Path) -> None:
    index = (folder / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "zebra" not in index, "a solution stays folded"
    assert "Because of the aardvark" in index
    assert "predict(x)" in index, "code that is kept is found"
    assert "stopwatch" not in index
    assert "How it is checked" not in index
