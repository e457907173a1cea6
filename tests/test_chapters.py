"""The chapters keep the rules of the house; without running them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from helpers.books import BOOK

from groundup import checkpoint, rules
from groundup.chapter import Cell, Chapter, parse_book
from groundup.checkpoint import Change, changes
from groundup.rules import book_locks

PARSED = parse_book(BOOK)
CHAPTERS = sorted(PARSED)
MODULES = sorted(path for number in CHAPTERS for path in BOOK.checkpoint(number).glob("*.py"))
BANNED = {"xb", "yb", "dls", "cbs", "ni", "nf"}
WORDS = range(2_000, 4_001)  # of prose in the main line: without hints, solutions, asides and other folds
EXERCISES = range(4, 7)
CHANGED_LINES = 150
MORE_LINES = {
    6: 296,  # two engines, one for numbers (74 lines) and one for tensors (169); the rest moves the library
    8: 650,  # the learner (150), and eleven callbacks of 10 to 55 lines, each of which is read on its own
    10: 275,  # four optimizers, with one vector for speed (61 lines), saving and checking; schedules (70)
    11: 170,  # instruments (75 lines), a start, an activation and two maps, each with what it refuses
    12: 230,  # five layers, each with its docstring and what it refuses (165), their backward pass, folding
    13: 300,  # bilinear sampling and grids (60 lines), random maps (40), mixup (45), calibration (45), dropout, a loss
    14: 950,  # a network, its count, its bends (250); sets of images and what can be wrong with them (200); programs
}
MODULE_LINES = 250
COLUMNS = 88  # what a page shows without scrolling


def chapter(number: int) -> Chapter:
    return PARSED[number]


def prose(number: int) -> str:
    return "\n\n".join(c.source for c in chapter(number).cells if not c.is_code)


def main_line(number: int) -> str:
    """The prose that stands open on the page."""
    cells = [c for c in chapter(number).cells if not c.is_code and c.role not in ("hint", "solution")]
    text = "\n\n".join(c.source for c in cells if "aside" not in c.tags)
    return re.sub(r"^> \[!\w+\]-.*\n(>.*\n?)*", "", text, flags=re.M)


def words(text: str) -> int:
    """Counts as a reader does: a formula is no word, nor is a code block, a link's address or the mark of a list."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$", " ", text, flags=re.S)
    text = re.sub(r"\$[^$]*\$|\]\([^)]*\)", " ", text)
    return len(re.findall(r"[^\W_][\w'’.,%-]*", text))


def identifiers(source: str) -> set[str]:
    return {
        token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.NAME
    }


def changed_lines(change: Change) -> int:
    """Lines that the chapter writes or rewrites: blank ones do not count, and to delete is no work."""
    edits = [edit for edit in change.matcher.get_opcodes() if edit[0] != "equal"]
    return sum(full(change.after[j1:j2]) for _, _, _, j1, j2 in edits)


def full(lines: tuple[str, ...]) -> int:
    return sum(bool(line.strip()) for line in lines)


def undocumented(tree: ast.Module) -> list[str]:
    """What is public and has no docstring; a nested function explains itself, and so does an event of a callback."""
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        parts = node.body if isinstance(node, ast.ClassDef) else []
        methods = [part for part in parts if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")]
        methods = [part for part in methods if not part.name.startswith(("before_", "after_"))]
        missing += [part.name for part in (node, *methods) if not ast.get_docstring(part)]
    return missing


def test_there_are_chapters_without_a_gap() -> None:
    assert list(range(1, len(CHAPTERS) + 1)) == CHAPTERS
    assert CHAPTERS


def test_committed_checkpoints_are_what_the_chapters_export() -> None:
    stale = checkpoint.stale(BOOK, PARSED)
    assert not stale, "\n" + "\n".join(stale)


def test_no_chapter_uses_a_locked_name() -> None:
    rules.check_chapters(PARSED)


def test_no_checkpoint_uses_a_locked_name() -> None:
    """As `groundup check 6 --package` would say; what the checkpoints are made of is looked at above, cell by cell."""
    locked = book_locks(PARSED)
    for number in CHAPTERS[1::4]:
        rules.check_package(BOOK, locked, BOOK.checkpoint(number), number)


@pytest.mark.parametrize("number", CHAPTERS)
def test_four_to_six_exercises(number: int) -> None:
    assert len(chapter(number).exercises) in EXERCISES


@pytest.mark.parametrize("number", CHAPTERS)
@pytest.mark.parametrize(
    "pattern",
    [
        r"^> \[!BUG\] Break it\b",
        r"^> \[!QUOTE\] Paper box\b",
        r"^## Recap$",
        r"What changed in the checkpoint",
        r"\*\*Unlocked\b",
        r"\*\*Time:\*\*",
    ],
)
def test_parts_of_a_chapter(number: int, pattern: str) -> None:
    found = re.findall(pattern, prose(number), re.M)
    assert len(found) == 1, f"{BOOK.chapter(number).name}: {len(found)} × {pattern}, and there should be one"


@pytest.mark.parametrize("number", CHAPTERS)
def test_length(number: int) -> None:
    count = words(main_line(number))
    assert count in WORDS, f"{BOOK.chapter(number).name}: {count} words: 2,000 to 4,000 are right"


@pytest.mark.parametrize("number", CHAPTERS)
def test_checkpoint_changes_little(number: int) -> None:
    changed = sum(map(changed_lines, changes(BOOK, number - 1, number)))
    most = MORE_LINES.get(number, CHANGED_LINES)
    assert changed <= most, f"chapter {number} changes {changed} exported lines: at most {most}"


@pytest.mark.parametrize("number", CHAPTERS)
def test_code_fits_the_page(number: int) -> None:
    def wide(cell: Cell) -> list[str]:
        lines = cell.source.splitlines()
        return [f"{cell.line + n}: {len(line)}" for n, line in enumerate(lines, 1) if len(line) > COLUMNS]

    found = [place for cell in chapter(number).cells if cell.is_code for place in wide(cell)]
    assert not found, f"{BOOK.chapter(number).name}: lines wider than {COLUMNS} columns: {found}"


@pytest.mark.parametrize("number", CHAPTERS)
def test_names_are_the_fields_words(number: int) -> None:
    code = [cell.source for cell in chapter(number).cells if cell.is_code]
    assert not BANNED & set().union(*map(identifiers, code))
    assert not [line for source in code for line in re.findall(r"^\s*from \S+ import \*", source, re.M)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_module_of_a_checkpoint(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MODULE_LINES
    assert not BANNED & identifiers(source)
    assert undocumented(ast.parse(source)) == []


def test_the_counts_count() -> None:
    """The measures of this file, on texts whose measure is known."""
    assert words("Two words, and $x + y$ then [a link](https://example.org) at 2 %.") == 8
    assert words("## Title\n\n- one\n- two-fold\n\n$$\na b c\n$$\n\n```python\nnone\n```") == 3
    assert undocumented(
        ast.parse("def f(): pass\nclass C:\n    '''C.'''\n    def g(self): pass\n    def _h(self): pass")
    ) == [
        "the module",
        "f",
        "g",
    ]
