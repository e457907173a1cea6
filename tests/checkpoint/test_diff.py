"""Checkpoint diffs, as text and as HTML."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from groundup.book import Book, BookError, UsageError
from groundup.checkpoint import diff

ONE = {"__init__.py": '"""One."""\n', "linear.py": "def predict(x):\n    return x\n", "old.py": "GONE = 1\n"}
TWO = {
    "__init__.py": '"""Two."""\n',
    "linear.py": 'def predict(x):\n    """A < B."""\n    return 2 * x\n',
    "new.py": "NEW = '''a\nb'''\n",
}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    for number, modules in enumerate((ONE, TWO, TWO), 1):
        (tmp_path / "chapters").mkdir(exist_ok=True)
        (tmp_path / "chapters" / f"{number:02d}_x.py").touch()
        write(tmp_path / "src" / f"ch{number:02d}", modules)
    return Book(tmp_path)


def write(folder: Path, modules: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in modules.items():
        (folder / name).write_text(text)


def test_text(book: Book) -> None:
    assert diff.unified(book, 1, 2) == (
        "--- src/ch01/linear.py\n+++ src/ch02/linear.py\n@@ -1,2 +1,3 @@\n def predict(x):\n-    return x\n"
        '+    """A < B."""\n+    return 2 * x\n'
        "--- /dev/null\n+++ src/ch02/new.py\n@@ -0,0 +1,2 @@\n+NEW = '''a\n+b'''\n"
        "--- src/ch01/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-GONE = 1\n"
    )


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch command here")
def test_text_is_a_patch(book: Book) -> None:
    subprocess.run(
        ["patch", "-s", "-p2", "-d", book.checkpoint(1)], input=diff.unified(book, 1, 2), text=True, check=True
    )
    found = {path.name: path.read_text() for path in book.checkpoint(1).glob("*.py")}
    assert found == TWO | {"__init__.py": ONE["__init__.py"]}


def test_colours_only_when_asked(book: Book) -> None:
    lines = diff.unified(book, 1, 2, colour=True).splitlines()
    assert lines[:5] == [
        "\033[1m--- src/ch01/linear.py\033[0m",
        "\033[1m+++ src/ch02/linear.py\033[0m",
        "\033[36m@@ -1,2 +1,3 @@\033[0m",
        " def predict(x):",
        "\033[31m-    return x\033[0m",
    ]
    assert "\033" not in diff.unified(book, 1, 2)


def test_a_removed_line_that_looks_like_a_header(book: Book) -> None:
    (book.checkpoint(1) / "linear.py").write_text("-- x\n")
    assert "\033[31m--- x\033[0m\n" in diff.unified(book, 1, 2, colour=True)


def test_the_first_chapter_is_compared_with_nothing(book: Book) -> None:
    assert [(c.name, c.before, c.added, c.removed) for c in diff.changes(book, 0, 1)] == [
        ("linear.py", (), 2, 0),
        ("old.py", (), 1, 0),
    ]


def test_identical_says_so(book: Book) -> None:
    assert diff.unified(book, 2, 3) == "checkpoints 2 and 3 are identical\n"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda book: diff.unified(book, 2, 9), UsageError, "there is no chapter 9: the chapters are 1, 2, 3"),
        (lambda book: diff.unified(book, 1, 4), BookError, "src/ch04 is not there yet: make export"),
    ],
)
def test_errors(book: Book, call, error: type, message: str) -> None:
    (book.root / "chapters" / "04_x.py").touch()
    if "9" in message:
        (book.root / "chapters" / "04_x.py").unlink()
    with pytest.raises(error, match=message) as caught:
        call(book)
    assert caught.type is error
