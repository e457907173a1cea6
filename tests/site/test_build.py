"""Building the site: what is made from the book, what stops a build, and what is not done twice."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from helpers.books import BOOK
from helpers.small import CERTIFICATE, CHAPTER, execute, small_book

from groundup import site
from groundup.book import Book, BookError
from groundup.chapter import parse_book
from groundup.site import components, curve, headings, ledger, pages, terms, wheel


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """Without the wheel, which has its own test and takes a second to build."""
    monkeypatch.setattr(wheel, "write", lambda book, folder: book.root / "pyproject.toml")
    return small_book(tmp_path)


def build(book: Book) -> bool:
    """Whether there was anything to build."""
    if site.is_current(book):
        return False
    site.build(book, parse_book(book))
    return True


def page(folder: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((folder / name / "index.html").read_text(encoding="utf-8"), "html.parser")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_home(book: Book) -> None:
    build(book)
    home = page(book.site, ".")
    assert home.select_one(".curve img")["alt"] == "Validation error: pixel similarity, 6.0 %, chapter 1, 3.1 %"
    drawn = (book.site / "assets/images/error-curve-wide-light.svg").read_text(encoding="utf-8")
    assert drawn.count("<circle") == 2, "the baseline and one chapter: none for those that are not there"
    assert "pixel similarity" in drawn
    written = home.select(".map li")
    assert [item.a["href"] for item in written] == ["chapters/01_linear_model/"]
    assert written[0].select_one(".rate").text == "3.1 %"
    assert written[0].select_one("[data-chapter]")["data-chapter"] == "01_linear_model"
    script = (book.site / "assets/javascripts/book.js").read_text(encoding="utf-8")
    assert script.startswith('const EXERCISES = {\n "01_linear_model": [\n  "1.mse"\n ]\n}\n')


def test_taste(book: Book) -> None:
    build(book)
    taste = page(book.site, ".").select_one(".taste")
    card = taste.select_one(".exercise")
    assert [fold.summary.get_text(" ", strip=True) for fold in card.select(".rows > details")] == [
        "Hint 1", "Hint 2", "What I did ch01/losses.py", "How it is checked 2 checks",
    ]  # fmt: skip
    assert taste.select_one(".certificate h4").text == "torch.relu"
    links = [link["href"] for link in taste.select(".more a")]
    assert links == ["chapters/01_linear_model/#exercise-11-a-loss", "ledger/"], "no diff: nothing has changed yet"
    assert not card.select(".headerlink")


def test_ledger(book: Book) -> None:
    build(book)
    content = page(book.site, "ledger").article
    card = content.select_one(".certificate")
    values = dict(zip([t.text for t in card.select("dt")], [t.text for t in card.select("dd")], strict=True))
    assert values == {
        "written as": "relu",
        "compared on": "12 cases",
        "results differ by": "nothing",
        "gradients differ by": "2e-16",
        "after one step, by": "3e-16",
        "yours takes": "3.2 × as long",
    }
    assert [note.text for note in card.select(".notes")] == ["Coveredfloat64", "Not coveredinplace=True"]
    folds = {fold.summary.text: fold for fold in content.select("details")}
    assert "full_like" in folds["Creating"].text
    normalising = [row.text for row in folds["12. Normalisation"].select("tbody tr")]
    assert normalising[2] == "torch.nn.LayerNormlayerlayer_norm"
    assert "What no check decides" in content.text


def test_looking_back(book: Book) -> None:
    build(book)
    content = page(book.site, "looking-back").article
    assert page(book.site, "chapters/01_linear_model").select_one(".next-chapter")["href"] == "../../looking-back/"
    lines = [cell.text for cell in content.select("table")[0].select("tbody tr td")]
    written = len((book.checkpoint(1) / "linear.py").read_text(encoding="utf-8").splitlines())
    total = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules(book))
    assert lines[:3] == ["I · Gradient descent by hand", str(total), str(total)]
    assert lines[3:6] == ["II · Matrices", "0", "0"]
    boxes = {box.a.text: box.get_text(" ", strip=True) for box in content.select(".package li")}
    assert list(boxes) == sorted(path.name for path in modules(book))
    assert f"{written} lines, chapter 1" in boxes["linear.py"]
    assert content.select('a[href="../ledger/#torch.relu"]')


def modules(book: Book) -> list[Path]:
    return [path for path in book.checkpoint(1).glob("*.py") if path.name != "__init__.py"]


def test_a_certificate_without_its_scope() -> None:
    bare = {key: value for key, value in CERTIFICATE.items() if key not in ("covered", "not_covered", "step")}
    assert "notes" not in ledger.card(3, bare)
    assert "step" not in ledger.card(3, bare)


def test_nothing_is_done_twice(book: Book) -> None:
    assert build(book)
    assert not build(book)
    script = "docs/assets/javascripts/04-start.js"
    chapter, module, results = "chapters/01_linear_model.py", "src/ch01/linear.py", "build/results/01.json"
    for change in ("docs/setup.md", script, chapter, module, results):
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
MISTAKES = [  # file, what stands there, what somebody wrote instead, what is said of it
    ("docs/setup.md", "Then, in", "[Then](gone.md), in", ["docs/setup.md", "gone.md", "mend the link"]),
    ("docs/setup.md", "gone.md), in", "gone.md), [in](ledger.md#gone)", ["docs/setup.md", "#gone"]),
    ("docs/notation.md", r"$\hat y$", r"$\hatt y$", ["docs/notation.md", r"\hatt y"]),
    (CHAPTER_FILE, "I guessed", "[I](gone.md) guessed", [CHAPTER_FILE, "gone.md"]),
    (CHAPTER_FILE, "guessed", "[guessed](#gone)", [CHAPTER_FILE, "#gone"]),
    (CHAPTER_FILE, r"\hat y", r"\hatt y", [f"{CHAPTER_FILE}:{FORMULA}: ", r"\hatt y"]),
    (CHAPTER_FILE, ' tags=["figure"] alt="A dot alone."', "", [CHAPTER_FILE, "alt="]),
    (CHAPTER_FILE, "draw(2)", "SVG(circle)", [CHAPTER_FILE, "Matplotlib did not draw"]),
]


def test_mistakes_stop_the_build_and_all_are_named(book: Book) -> None:
    build(book)
    before = (book.site / "index.html").read_bytes()
    for file, old, new, _ in MISTAKES:
        replace(book.root / file, old, new)
    execute(book)
    with pytest.raises(BookError) as caught:
        build(book)
    lines = str(caught.value).splitlines()
    for *_, words in MISTAKES:
        said = [line for line in lines if all(word in line for word in words)]
        assert len(said) == 1, (words, lines)
        lines.remove(said[0])
    assert lines == []
    assert (book.site / "index.html").read_bytes() == before
    assert not list(book.build.glob("site-*")), "nothing half-made is left"


@pytest.mark.parametrize(("file", "old", "new", "words"), [MISTAKES[0], MISTAKES[5]])
def test_one_mistake_is_enough(book: Book, file: str, old: str, new: str, words: list[str]) -> None:
    """One that MkDocs counts, and one of ours."""
    replace(book.root / file, old, new)
    execute(book)
    with pytest.raises(BookError) as caught:
        build(book)
    assert all(word in str(caught.value) for word in words)
    assert not book.site.exists()


def test_a_part_that_nobody_makes(book: Book) -> None:
    replace(book.root / "docs/index.md", "<!-- chapter map -->", "<!-- map -->")
    with pytest.raises(BookError, match=r"docs/index\.md: .*'map'"):
        build(book)
    assert not book.site.exists()


def test_a_chapter_that_was_not_run(book: Book) -> None:
    book.executed(1).unlink()
    with pytest.raises(BookError, match=r"01_linear_model\.py has not been run: make run"):
        build(book)


@pytest.mark.parametrize(
    ("file", "more", "said"),
    [
        ("docs/setup.md", b"caf\xe9", r"docs/setup\.md: not UTF-8 text \(byte \d+\): save it as UTF-8"),
        ("docs/glossary.md", b"\xff", r"docs/glossary\.md: not UTF-8 text"),
        ("docs/assets/stylesheets/05-cells.css", b"\xff", r"docs/assets/stylesheets/05-cells\.css: not UTF-8 text"),
        ("mkdocs.yml", b"\xff", r"mkdocs\.yml: not UTF-8 text"),
        ("mkdocs.yml", b"\nfrobnicate: 1\n", r"mkdocs\.yml: .*frobnicate"),
        ("pyproject.toml", b"\n[project", r"pyproject\.toml: no version .*: mend it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(book: Book, file: str, more: bytes, said: str) -> None:
    path = book.root / file
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(BookError, match=said):
        build(book)
    assert not book.site.exists()


def test_what_an_editor_leaves_is_no_page(book: Book) -> None:
    (book.root / "docs" / ".#setup.md").symlink_to("me@here.1234:56")
    assert build(book)


def test_a_site_that_cannot_take_the_old_ones_place_leaves_it(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    build(book)
    before = (book.site / "index.html").read_bytes()
    rename = Path.rename

    def stopped(path: Path, target: Path) -> Path:
        if path.name == "site" and target == book.site:
            raise KeyboardInterrupt
        return rename(path, target)

    replace(book.root / "docs/index.md", "# ", "# New ")
    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(book)
    assert (book.site / "index.html").read_bytes() == before
    assert not list(book.build.glob("site-*"))


def test_equal_headings_have_an_anchor_each() -> None:
    cells = ['<h2 id="same">Same</h2>', '<h2 id="same">Same</h2><h3 id="same_1">Same</h3><h2 id="part_2">Part 2</h2>']
    content, contents = headings.unique("".join(cells))
    assert re.findall(r'id="(\w+)"', content) == ["same", "same_1", "same_2", "part_2"]
    assert [link.id for link in contents] == ["same", "same_1", "part_2"]
    assert [link.id for link in contents.items[1].children] == ["same_2"]


# ------------------------------------------------------------- glossary, curve, mentions


def test_terms() -> None:
    glossary = "# Glossary\n\nLoss\n:   One `number`, see [here](x.md). More.\n\nReLU\n:   An *activation*.\n"
    glossary += "\nVector-Jacobian product\n:   A gradient.\n"
    found = terms.abbreviations(glossary)
    assert found["loss"] == found["Losses"] == "One number, see here."
    assert found["ReLU"] == "An activation."
    assert "relu" not in found
    assert found["vector-Jacobian product"] == "A gradient."
    assert "Loss { #loss }\n:   One" in terms.with_anchors(glossary)


def test_terms_that_mean_the_same() -> None:
    glossary = "Axis\nDimension\n:   A direction. Really.\n"
    assert terms.abbreviations(glossary)["dimensions"] == terms.abbreviations(glossary)["axis"] == "A direction."
    assert terms.anchors(glossary)["dimension"] == "axis"
    assert terms.with_anchors(glossary) == "Axis { #axis }\nDimension\n:   A direction. Really.\n"


def test_an_everyday_word_has_no_tooltip_and_is_linked_all_the_same() -> None:
    glossary = "Heap { .everyday }\n:   A list.\n\nHeapify\n:   To make one.\n"
    assert {*terms.abbreviations(glossary)} == {"heapify", "heapifies", "Heapify", "Heapifies"}
    assert terms.anchors(glossary)["heaps"] == "heap"
    assert terms.with_anchors(glossary).startswith("Heap { #heap }\n:   A list.\n")


def test_every_line_of_the_glossary_belongs_to_an_entry() -> None:
    glossary = (BOOK.root / "docs" / "glossary.md").read_text(encoding="utf-8")
    _title, _introduction, entries = glossary.split("\n\n", 2)
    heads = [head for entry in terms.ENTRY.finditer(entries) for head in terms.terms_of(entry)]
    assert terms.ENTRY.sub("", entries).split() == []
    assert len(set(heads)) == len(heads) > 300
    assert [head for head in heads if head not in terms.anchors(glossary)] == []
    assert terms.anchors(glossary)["overfitting"] == terms.anchors(glossary)["over-fitting"] == "over-fitting"


@pytest.mark.parametrize("number", BOOK.chapters())
def test_terms_of_a_chapter_are_in_the_glossary(number: int) -> None:
    known = terms.anchors((BOOK.root / "docs" / "glossary.md").read_text(encoding="utf-8"))
    (listed,) = re.findall(r"^# \*\*Terms:\*\* (.+)$", BOOK.chapter(number).read_text(encoding="utf-8"), re.MULTILINE)
    words = components.BETWEEN_TERMS.split(listed)[::2]
    assert [word for word in words if word and word not in known] == []


@pytest.mark.parametrize(
    ("term", "plural"),
    [("weight", "weights"), ("bias", "biases"), ("entropy", "entropies"), ("matrix", "matrices"), ("array", "arrays")],
)
def test_plurals(term: str, plural: str) -> None:
    assert plural in terms.abbreviations(f"{term}\n:   A thing.\n")


@pytest.mark.parametrize(
    ("rate", "top"), [(0.071, 0.08), (0.1, 0.12), (0.192, 0.24), (0.026, 0.032), (0.0099, 0.012), (0.9, 1.0)]
)
def test_the_curve_fits(rate: float, top: float) -> None:
    assert curve.ceiling(rate) == pytest.approx(top)


def test_labels_of_the_curve_cover_none_of_each_other() -> None:
    labels: list[tuple[float, float]] = []
    for number, height in enumerate([15.1, 11.1, 6.4, 5.5, 4.7, 4.6, 4.6, 4.0, 3.2, 2.1, 2.2, 2.1, 1.2, 0.8]):
        labels.append(curve.free(labels, 20.0 * number, -9 * height, 12))
    pairs = [(one, other) for place, one in enumerate(labels) for other in labels[:place]]
    assert all(abs(a - c) >= 28 or abs(b - d) >= 12 for (a, b), (c, d) in pairs)
    assert labels[0] == (0, -9 * 15.1)


def test_chapters_that_exist_are_linked(book: Book) -> None:
    filled = pages.fill("{Chapter 1}, {chapter 9}", book, "docs/x.md")
    assert filled == "[Chapter&nbsp;1](chapters/01_linear_model.md), chapter&nbsp;9"


@pytest.mark.parametrize("folder", ["docs/assets", "src/groundup/site/vendor", "tests/site/vendor"])
def test_what_is_not_ours_is_unchanged(folder: str) -> None:
    root = BOOK.root / folder
    listed = [line.split("  ") for line in (root / "README.txt").read_text().partition("SHA-256:\n")[2].splitlines()]
    assert listed
    for digest, name in listed:
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest, name
    vendored = {str(path.relative_to(root)) for kind in ("woff2", "min.js") for path in root.rglob(f"*.{kind}")}
    assert vendored <= {name for _, name in listed}
