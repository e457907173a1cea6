"""Notebooks for readers, and the stubs in them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from helpers.books import BOOK

from groundup.book import Book, BookError
from groundup.chapter import parse, parse_book
from groundup.notebooks import notebook as notebook_of
from groundup.notebooks import write_notebooks
from groundup.notebooks.reader import callouts
from groundup.notebooks.stubs import stub

CHAPTER = '''\
# %% [markdown]
# # 3. Numbers
#
# > [!TIP] Look
# > twice.

# %% export="numbers.py"
ONE = 1


# %% [markdown] exercise="double" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise 3.1: twice
#
# Write `double`.

# %% [markdown] tags=["hint"]
# Add.

# %% [markdown] tags=["hint"]
# Add it to itself.

# %% tags=["solution"] export="numbers.py"
def double(x: int) -> int:
    """Twice `x`."""
    return x + x  # ```


# %% [markdown] tags=["solution"]
# I added.

# %% tags=["solution"]
print(double(2))

# %% tags=["check"]
assert double(2) == 4

# %% [markdown] tags=["predict"]
# How many?

# %% tags=["figure"] alt="Nothing."
double(3)

# %% [markdown] tags=["answer"]
# Six.

# %% tags=["claim"]
assert double(3) == 6
'''


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "03_numbers.py").write_text(CHAPTER)
    return Book(tmp_path)


def test_notebook(book: Book) -> None:
    [path] = write_notebooks(book, parse_book(book).values())
    assert path == book.root / "notebooks" / "03_numbers.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [(c.cell_type, c.id, *c.metadata.get("tags", [])) for c in notebook.cells] == [
        ("markdown", "ch03-000"),
        ("code", "ch03-setup", "setup"),
        ("code", "ch03-001"),
        ("markdown", "ch03-002", "prompt"),
        ("markdown", "ch03-003", "hint"),
        ("markdown", "ch03-004", "hint"),
        ("code", "ch03-005-stub", "stub"),
        ("code", "ch03-008", "check"),
        ("markdown", "ch03-005-solution", "solution"),
        ("markdown", "ch03-009", "predict"),
        ("code", "ch03-010", "figure"),
        ("markdown", "ch03-011", "answer"),
        ("code", "ch03-012", "claim"),
    ]
    exercises = [cell.metadata.get("exercise") for cell in notebook.cells]
    assert exercises == [None] * 3 + ["double"] * 6 + [None] * 4
    sources = {cell.id: cell.source for cell in notebook.cells}
    assert sources["ch03-000"] == "# 3. Numbers\n\n> **Look.**\n> twice."
    assert sources["ch03-011"] == "<details><summary>What happened</summary>\n\nSix.\n\n</details>"
    assert sources["ch03-012"] == "# @title Checked\nassert double(3) == 6"
    hidden = {cell.id for cell in notebook.cells if cell.metadata.get("jupyter", {}).get("source_hidden")}
    assert (
        hidden
        == {"ch03-setup", "ch03-008", "ch03-012"}
        == {c.id for c in notebook.cells if c.metadata.get("cellView") == "form"}
    )
    assert sources["ch03-001"] == "# saved to ch03/numbers.py\nONE = 1"
    assert sources["ch03-004"] == "<details><summary>Hint 2</summary>\n\nAdd it to itself.\n\n</details>"
    assert sources["ch03-005-stub"] == (
        '# saved to ch03/numbers.py\ndef double(x: int) -> int:\n    """Twice `x`."""\n    raise NotImplementedError'
    )
    assert sources["ch03-005-solution"] == (
        "<details><summary>What I did</summary>\n\n"
        '````python\ndef double(x: int) -> int:\n    """Twice `x`."""\n    return x + x  # ```\n````\n\n'
        "I added.\n\n```python\nprint(double(2))\n```\n\n</details>"
    )
    assert all(not c.outputs and c.execution_count is None for c in notebook.cells if c.cell_type == "code")


def test_a_solution_without_a_signature_leaves_a_place_for_the_answer(book: Book) -> None:
    text = CHAPTER.replace('def double(x: int) -> int:\n    """Twice `x`."""\n    return x + x  # ```\n', "print(4)\n")
    chapter = book.chapter(3)
    chapter.write_text(text)
    stubs = [c.source for c in notebook_of(parse(chapter)).cells if c.id.endswith("-stub")]
    assert stubs == ["# saved to ch03/numbers.py\n# your code"]


def test_written_again_it_is_the_same(book: Book) -> None:
    [path] = write_notebooks(book, parse_book(book).values())
    first, written = path.read_bytes(), path.stat().st_mtime_ns
    write_notebooks(book, parse_book(book).values())
    assert path.stat().st_mtime_ns == written
    path.unlink()
    write_notebooks(book, parse_book(book).values())
    assert path.read_bytes() == first


def test_a_notebook_that_the_reader_worked_in_is_left_alone(book: Book) -> None:
    [path] = write_notebooks(book, parse_book(book).values())
    book.chapter(3).write_text(CHAPTER.replace("twice", "three times"))
    assert write_notebooks(book, parse_book(book).values()) == [path], "nobody worked in it: it follows its chapter"
    assert "three times" in path.read_text()
    path.write_text(path.read_text().replace("raise NotImplementedError", "return 2 * x"))
    mine = path.read_bytes()
    with pytest.raises(BookError, match=r"notebooks/03_numbers\.ipynb: you have worked in it"):
        write_notebooks(book, parse_book(book).values())
    assert path.read_bytes() == mine
    path.unlink()
    assert write_notebooks(book, parse_book(book).values()) == [path]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x): return x", "def f(x):\n    …"),
        ("def f(\n    x: int,  # rows\n) -> int:\n    return x", "def f(\n    x: int,  # rows\n) -> int:\n    …"),
        ("async def f():\n    '''Doc.'''\n    return 1", "async def f():\n    '''Doc.'''\n    …"),
        ("import math\n\ndef f():\n    return math.pi", "import math\n\ndef f():\n    …"),
        ("@extend(Tensor)\n@property\ndef f(self):\n    return 1", "@extend(Tensor)\n@property\ndef f(self):\n    …"),
        ("answer = 6 * 7", "answer = None  # your answer"),
        ("answer: int = 6 * 7", "answer = None  # your answer"),
        ("w, (b) = fit(1)", "w, b = None, None  # your answer"),
        ("best = worst = 3", "best = None  # your answer\nworst = None  # your answer"),
        ("for k in range(3):\n    print(k)", ""),
        ("print(1)\n\n\nanswer = 1", "answer = None  # your answer"),
        ("Tensor.relu = relu", ""),
        ("'''The module.'''\n\n\nX = 1", "'''The module.'''\n\n\nX = None  # your answer"),
        ("del old", "del old"),
        ("# a spoiler\ndef f():\n    # another\n    return 1  # a third", "def f():\n    …"),
        (
            "@dataclass\nclass C(Base):\n    'C.'\n\n    x = 0\n\n    def f(self):\n        'F.'\n        return 1",
            "@dataclass\nclass C(Base):\n    'C.'\n\n    x = 0\n\n    def f(self):\n        'F.'\n        …",
        ),
        (
            "class C:\n    class D:\n        def f(self): return 1\n    def g(self): return 1",
            "class C:\n    class D:\n        def f(self):\n            …\n    def g(self):\n        …",
        ),
        ("class C: pass", "class C: pass"),
    ],
)
def test_stub(source: str, expected: str) -> None:
    """In the table, … stands for what a reader finds in place of a body."""
    assert stub(source) == expected.replace("…", "raise NotImplementedError")
    compile(stub(source), "stub", "exec")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("> [!TIP] Title\n> text", "> **Title.**\n> text"),
        ("> [!TIP]\n> text", "> **Tip.**\n> text"),
        ("> [!BUG] Break it: why?\n>\n> text", "> **Break it: why?**\n>\n> text"),
        (
            "> [!BUG] Break it\n> text\n>\n> > [!SUCCESS]- What was wrong\n> > it\n\nafter",
            "> **Break it.**\n> text\n>\n"
            "> > <details><summary>What was wrong</summary>\n> >\n> > it\n> >\n> > </details>\n\nafter",
        ),
        ("> [!SUCCESS]- Fold\n> it", "> <details><summary>Fold</summary>\n>\n> it\n>\n> </details>"),
        ("> a quote\n\n[!TIP] no quote", "> a quote\n\n[!TIP] no quote"),
        ("```\n> [!TIP] code\n```", "```\n> [!TIP] code\n```"),
    ],
)
def test_callouts(text: str, expected: str) -> None:
    assert callouts(text) == expected


@pytest.mark.parametrize("number", BOOK.chapters())
def test_real_chapters(number: int) -> None:
    chapter = parse(BOOK.chapter(number))
    notebook = notebook_of(chapter)
    nbformat.validate(notebook)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "[!" not in "\n".join(cell.source for cell in notebook.cells)
    for exercise in chapter.exercises.values():
        answers = [cell.source for cell in exercise.part("solution") if cell.is_code]
        assert not [answer for answer in answers if answer in code], f"the solution of {exercise.name} shows"


def test_jupytext_opens_a_chapter(tmp_path: Path) -> None:
    """The plain command does what our own reader does, without a header in the file."""
    target = tmp_path / "chapter.ipynb"
    path = next(iter(BOOK.chapters().values()))
    subprocess.run([sys.executable, "-m", "jupytext", "--to", "notebook", path, "-o", target], check=True)
    cells = nbformat.read(target, as_version=4).cells
    assert [(c.cell_type, c.source) for c in cells] == [(cell.kind, cell.source) for cell in parse(path).cells], (
        textwrap.shorten(str(path), 200)
    )
