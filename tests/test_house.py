"""The house's own order: lint, format and types of the code, and what the README repeats."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import ruff
from helpers.differing import asked

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


LOADED = """
import importlib, json, sys
found = {}
for word in sys.argv[2:]:
    for name in [name for name in sys.modules if name.startswith(f"{sys.argv[1]}.")]:
        del sys.modules[name]
    importlib.import_module(f"{sys.argv[1]}.{word}")
    found[word] = [name.partition(".")[2] for name in sys.modules if name.startswith(f"{sys.argv[1]}.")]
print(json.dumps(found))
"""


def test_which_modules_a_file_of_tests_asks_for(tmp_path: Path) -> None:
    """`differing` reads it from the source, to say for which checkpoints a test has to run; here Python is asked."""
    package = BOOK.checkpoint(max(BOOK.chapters()))
    words = [path.stem for path in package.glob("*.py") if path.stem != "__init__"]
    command = [sys.executable, "-c", LOADED, package.name, *words]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert loaded.keys() == set(words)
    for word, modules in loaded.items():
        test = tmp_path / f"{word}.py"
        test.write_text(f"MODULE = {word!r}\n", encoding="utf-8")
        assert set(modules) <= asked(test, package).keys(), word
    assert max(map(len, loaded.values())) > 10
