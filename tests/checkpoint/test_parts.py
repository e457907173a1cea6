"""Diffs by definition: a reader's package beside a checkpoint, one part of a diff, the table, the history."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from helpers.books import BOOK

from groundup.book import Book, BookError, UsageError
from groundup.checkpoint import beside_mine, history, part, stat

LOSSES = '''"""Losses."""

import math
from .linear import predict


def mse(p: list, t: list) -> float:
    """Mean squared error."""
    # squared
    return sum((a - b) ** 2 for a, b in zip(p, t))


class Scale:
    """Scales."""

    factor = 2

    def forward(self, x):
        return x * self.factor

    def backward(self, g):
        return g


LIMIT = 3
'''
ONE = {"losses.py": LOSSES, "linear.py": "def predict(x):\n    return x\n"}
TWO = ONE | {
    "losses.py": LOSSES.replace("x * self.factor", "self.factor * x  # twice").replace("LIMIT = 3", "LIMIT = 4"),
    "linear.py": "def linear(x):\n    return x\n",
    "layers.py": "def predict(x):\n    return x\n\n\nclass Linear:\n    def forward(self):\n        return 1\n",
}
THREE = {"losses.py": LOSSES.replace("Mean squared", "The mean squared"), "layers.py": TWO["layers.py"]}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / "chapters").mkdir()
    for number, modules in enumerate((ONE, TWO, THREE), 1):
        (tmp_path / "chapters" / f"{number:02d}_x.py").touch()
        write(tmp_path / "src" / f"ch{number:02d}", {"__init__.py": "", **modules})
    return Book(tmp_path)


def write(folder: Path, modules: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in modules.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


# ---------------------------------------------------------------------------------------------- a package beside it


SAME = """from .linear import predict
import math as m, \\
    random
LIMIT=3
class Scale:
  factor = (2)
  def forward(self, x): return (x*self.factor)
  def backward(self, g):
      '''Another docstring.'''
      return g
def mse(p, t):
    return sum((a-b)**2 for a,b in zip(p, t))
"""


def test_formatting_comments_docstrings_and_imports_do_not_count(book: Book) -> None:
    mine = write(book.root / "my nétz", ONE | {"losses.py": SAME})
    assert beside_mine(book, 1, mine) == "6 the same\n"


def test_a_package_that_differs(book: Book) -> None:
    losses = SAME.replace("x*self.factor", "x+self.factor").replace("(2)", "3").replace("LIMIT", "LIMITS")
    mine = write(book.root / "my_nn", {"losses.py": losses, "lines.py": "def predict(x): return x\n", "empty.py": ""})
    text = beside_mine(book, 1, mine)
    assert text == (
        "linear.py\n  missing    predict (yours is in lines.py)\n"
        "lines.py\n  extra      predict (the book's is in linear.py)\n"
        "losses.py\n  different  Scale, Scale.forward\n  missing    LIMIT\n  extra      LIMITS\n"
        "2 the same, 2 different, 2 missing, 2 extra\n"
        f"\n--- src/ch01/losses.py:13 Scale\n+++ {mine}/losses.py:5 Scale\n@@ -1,2 +1,2 @@\n class Scale:\n"
        "-    factor = 2\n+    factor = 3\n"
        f"\n--- src/ch01/losses.py:18 Scale.forward\n+++ {mine}/losses.py:7 Scale.forward\n@@ -1,2 +1,2 @@\n"
        " def forward(self, x):\n-    return x * self.factor\n+    return x + self.factor\n"
    )
    assert beside_mine(book, 1, mine, "losses.LIMIT") == "losses.py\n  missing    LIMIT\n1 missing\n"
    assert beside_mine(book, 1, mine, "LIMITS") == "losses.py\n  extra      LIMITS\n1 extra\n"
    assert beside_mine(book, 1, mine, only_table=True) == text.partition("\n\n")[0] + "\n"
    assert "\033[31m-    factor = 2\033[0m\n" in beside_mine(book, 1, mine, "Scale", colour=True)


@pytest.mark.parametrize(
    ("modules", "error", "message"),
    [
        ({}, UsageError, "no Python modules there: give the folder of your package, such as my_nn"),
        ({"a.py": "x = (\n"}, BookError, r"my_nn/a\.py:1: not Python: .*: mend it first"),
        ({"a.py": "x = '\0'\n"}, BookError, r"my_nn/a\.py.*: not Python: .*: mend it first"),
    ],
)
def test_what_cannot_be_compared(book: Book, modules: Mapping[str, str], error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        beside_mine(book, 1, write(book.root / "my_nn", modules))
    assert caught.type is error


def test_what_is_no_package(book: Book) -> None:
    mine = write(book.root / "my_nn", {})
    (mine / "a.py").write_bytes(b"# \xff\n")
    with pytest.raises(BookError, match=r"my_nn/a\.py: not UTF-8 text \(byte \d+\): save it as UTF-8"):
        beside_mine(book, 1, mine)
    with pytest.raises(UsageError, match=r"a\.py is a file: give the folder"):
        beside_mine(book, 1, mine / "a.py")
    with pytest.raises(UsageError, match="nowhere: no Python modules there"):
        beside_mine(book, 1, book.root / "nowhere")


# -------------------------------------------------------------------------------------------------- one part of a diff


@pytest.mark.parametrize("name", ["Scale.forward", "losses.Scale.forward"])
def test_one_method(book: Book, name: str) -> None:
    assert part(book, 1, 2, name) == (
        "--- src/ch01/losses.py Scale.forward\n+++ src/ch02/losses.py Scale.forward\n@@ -1,2 +1,2 @@\n"
        " def forward(self, x):\n-    return x * self.factor\n+    return self.factor * x  # twice\n"
    )


def test_one_module(book: Book) -> None:
    whole = part(book, 1, 2, "losses.py")
    assert whole.startswith("--- src/ch01/losses.py\n+++ src/ch02/losses.py\n@@ ")
    assert whole == part(book, 1, 2, "losses") == part(book, 1, 2, "src/ch02/losses.py")


def test_a_function_that_moves_came_and_went(book: Book) -> None:
    text = part(book, 1, 2, "predict")
    assert text.count("/dev/null") == 2
    assert "+++ src/ch02/layers.py predict\n" in text
    assert "--- src/ch01/linear.py predict\n" in text


def test_what_is_the_same_says_so(book: Book) -> None:
    assert part(book, 1, 2, "mse") == "mse is the same in checkpoints 1 and 2\n"
    assert stat(book, 3, 3) == "checkpoints 3 and 3 are identical\n"


def test_the_table(book: Book) -> None:
    assert stat(book, 1, 2) == (
        "layers.py     +7        the module is new; new: predict, Linear\n"
        "linear.py     +1    −1  new: linear; gone: predict\n"
        "losses.py     +2    −2  changed: Scale.forward, LIMIT\n"
        "3 modules, +10 −3 lines\n"
    )
    assert stat(book, 1, 2, "LIMIT").splitlines()[-1] == "1 module, +2 −2 lines"
    assert "the module is gone; gone: linear\n" in stat(book, 2, 3)
    assert "changed: mse, " in stat(book, 2, 3), "a docstring is a change between checkpoints"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda book: part(book, 1, 2, "msee"), "there is no msee in checkpoints 1 and 2: did you mean mse?"),
        (
            lambda book: part(book, 1, 2, "Forward"),
            "there is no Forward in .*: did you mean Linear.forward or Scale.forward",
        ),
        (lambda book: part(book, 1, 2, "loses.py"), "there is no loses.py in .*: did you mean losses.py?"),
        (lambda book: part(book, 1, 2, "losses.predict"), r"there is no losses\.predict in .*"),
        (lambda book: part(book, 1, 1, "Linear"), "there is no Linear in .* 1 and 1: chapter 2 has it: groundup log "),
        (
            lambda book: part(book, 2, 3, "zzz"),
            "there is no zzz in .*: the modules are layers.py, linear.py, losses.py",
        ),
        (lambda book: stat(book, 1, 2, "zzz"), "there is no zzz in checkpoints 1 and 2"),
        (lambda book: history(book, "lineer"), "there is no lineer in any checkpoint: did you mean linear"),
        (lambda book: part(book, 1, 9, "mse"), "there is no chapter 9: the chapters are 1, 2, 3"),
    ],
)
def test_unknown_names(book: Book, call: Callable[[Book], str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(book)


# ----------------------------------------------------------------------------------------------------------- history


def headings(text: str) -> list[str]:
    return re.findall(r"^chapter .*$", text, re.M)


def test_the_history_of_a_definition(book: Book) -> None:
    assert headings(history(book, "predict")) == [
        "chapter 1: predict came, in linear.py",
        "chapter 2: predict moved from linear.py to layers.py",
    ]
    assert headings(history(book, "Scale.forward")) == [
        "chapter 1: Scale.forward came, in losses.py",
        "chapter 2: Scale.forward changed, in losses.py",
        "chapter 3: Scale.forward changed, in losses.py",
    ]
    assert headings(history(book, "linear.linear")) == [
        "chapter 2: linear came, in linear.py",
        "chapter 3: linear went, from linear.py",
    ]
    changed = history(book, "LIMIT")
    assert changed.endswith(
        "\nchapter 3: LIMIT changed, in losses.py\n"
        "--- src/ch02/losses.py LIMIT\n+++ src/ch03/losses.py LIMIT\n@@ -1 +1 @@\n-LIMIT = 4\n+LIMIT = 3\n"
    )


def test_the_history_of_a_class_has_its_methods(book: Book) -> None:
    assert "+        return self.factor * x  # twice\n" in history(book, "Scale")


def test_the_history_of_a_module(book: Book) -> None:
    assert history(book, "linear.py") == (
        "chapter  1     +2        the module is new; new: predict\n"
        "chapter  2     +1    −1  new: linear; gone: predict\n"
        "chapter  3           −2  the module is gone; gone: linear\n"
    )


def test_every_checkpoint_of_the_book_can_be_read() -> None:
    found = headings(history(BOOK, "losses.mse"))
    assert found[0] == "chapter 1: mse came, in losses.py"
    assert found[-1] == "chapter 7: mse went, from losses.py"
    assert "gradient_check" in stat(BOOK, 4, 5)
    assert re.fullmatch(r"\d+ the same\n", beside_mine(BOOK, 5, BOOK.checkpoint(5)))
