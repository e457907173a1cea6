"""The house's own order: lint, format and types of the code, and what the README repeats."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import ruff

from groundup.book import Book
from groundup.book.plan import PLAN
from groundup.chapter import parse

BOOK = Book(Path(__file__).parents[1])
TOOL_LINES = 200


@pytest.mark.parametrize(
    "command",
    [
        (ruff.find_ruff_bin(), "check", "--quiet", "--output-format=concise"),
        (ruff.find_ruff_bin(), "format", "--check", "--quiet"),
        (sys.executable, "-m", "mypy", "--no-error-summary"),
    ],
    ids=("lint", "format", "types"),
)
def test_code_is_in_order(command: tuple[str, ...]) -> None:
    done = subprocess.run(command, cwd=BOOK.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_of_the_tool_are_small() -> None:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (BOOK.root / "src/groundup").rglob("*.py")
    }
    assert sizes
    assert {book_path.name: size for book_path, size in sizes.items() if size > TOOL_LINES} == {}


def test_readme_and_chapters_agree_with_the_plan() -> None:
    readme = (BOOK.root / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$", readme, re.M)
    plan = {planned.number: planned for planned in PLAN}
    wanted = [
        (str(number), plan[number].title, BOOK.relative(path), plan[number].promise)
        for number, path in BOOK.chapters().items()
    ]
    assert rows == wanted
    assert [parse(path).title for path in BOOK.chapters().values()] == [title for _, title, _, _ in wanted]


def test_the_readme_points_at_what_is_there() -> None:
    table = re.findall(r"^\|[^|]+\|([^|]+)\|$", (BOOK.root / "README.md").read_text(encoding="utf-8"), re.M)
    paths = [path for cell in table for path in re.findall(r"`([\w/.]+)`", cell)]
    assert len(paths) > 15
    assert [path for path in paths if not any((BOOK.root / top / path).exists() for top in ("", "src/groundup"))] == []
