"""Chapters as cells: the format is Jupytext's, and every mistake is named with its line and its remedy."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import jupytext
import pytest
from helpers.cases import read_mistakes
from jupytext.magics import is_magic

from groundup.chapter import Cell, ChapterError, parse, parse_mistakes
from groundup.chapter.lint import COMMAND

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("*.py"))

SAMPLE = r'''
# %% [markdown] tags=["slide"]
# # 1. A chapter
#
#   indented
# * a list
#     with code
#
# %%


x = 1


# a comment at the end

# %% tags=["figure", "timing"] alt="it says \"hi\", é, [x] = 'q'"
def f():
    # copy that, in a function
    return """
cat this
"""



class A:
    pass
# %% [markdown] exercise="one" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise

# with a gap
# %% [markdown] tags=["hint"]
# First.
# %% [markdown] tags=["hint"]
# Second.
# %% tags=["solution"] export="a.py"
@staticmethod
def g(): pass
# %% [markdown] tags=["solution"]
# What I did.
# %% tags=["check"]
assert g
'''.lstrip()


def write(folder: Path, text: str, name: str = "01_chapter.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def own(cell: Cell) -> dict:
    """The keys of a cell's header, without the exercise that a part has from its prompt."""
    return {key: value for key, value in cell.keys.items() if key != "exercise" or cell.role == "prompt"}


def cells_of(path: Path) -> list[tuple]:
    return [
        (cell.kind, cell.source.strip(), {**own(cell), **({"tags": list(cell.tags)} if cell.tags else {})})
        for cell in parse(path).cells
    ]


def cells_of_jupytext(text: str) -> list[tuple]:
    cells = jupytext.reads(text, fmt="py:percent").cells
    own = {"lines_to_next_cell", "lines_to_end_of_cell_marker"}  # jupytext's notes to itself
    return [
        (cell.cell_type, cell.source.strip(), {key: value for key, value in cell.metadata.items() if key not in own})
        for cell in cells
    ]


def test_cells_are_those_of_jupytext(tmp_path: Path) -> None:
    cells = cells_of(write(tmp_path, SAMPLE))
    assert len(cells) == 9
    assert cells == cells_of_jupytext(SAMPLE)


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_cells_of_the_book_are_those_of_jupytext(path: Path) -> None:
    assert cells_of(path) == cells_of_jupytext(path.read_text(encoding="utf-8"))


def test_lines_ids_and_parts(tmp_path: Path) -> None:
    chapter = parse(write(tmp_path, SAMPLE))
    lines = SAMPLE.split("\n")
    assert (chapter.number, chapter.stem, chapter.title, chapter.package) == (1, "01_chapter", "A chapter", "ch01")
    assert [cell.id for cell in chapter.cells] == [f"ch01-{number:03d}" for number in range(9)]
    for cell in chapter.cells:
        assert lines[cell.line - 1].startswith("# %%")
        if cell.is_code:
            first, *_ = cell.source.split("\n")
            assert lines[cell.line] == first
    exercise = chapter.exercises["one"]
    assert exercise.title == "Exercise"
    assert [len(exercise.part(role)) for role in ("prompt", "hint", "solution", "check")] == [1, 2, 2, 1]
    assert [cell.export for cell in exercise.part("solution")] == ["a.py", None]


@pytest.mark.parametrize("text", ["\ufeff" + SAMPLE, SAMPLE.replace("\n", "\r\n")], ids=["byte order mark", "CRLF"])
def test_what_editors_add(tmp_path: Path, text: str) -> None:
    path = tmp_path / "01_chapter.py"
    path.write_bytes(text.encode())
    assert cells_of(path) == cells_of(write(tmp_path, SAMPLE, "01_other.py"))


def test_only_newlines_end_lines(tmp_path: Path) -> None:
    text = '# %% [markdown]\n# # 1. A chapter\n\n# %%\nx = "a\x0cb\u2028c"\ny = 1\n'
    assert parse(write(tmp_path, text)).cells[1].source == 'x = "a\x0cb\u2028c"\ny = 1'


@pytest.mark.parametrize(("cells", "said", "mended"), read_mistakes("chapter/parse_mistakes.txt"))
def test_mistakes(tmp_path: Path, cells: str, said: list[tuple[int, str]], mended: str) -> None:
    title = "# %% [markdown]\n# # 1. A chapter\n"
    above = 0 if "# 1. " in mended else 2
    with pytest.raises(ChapterError) as error:
        parse(write(tmp_path, title * (above > 0) + cells))
    assert str(error.value).split("\n") == [f"chapters/01_chapter.py:{line + above}: {text}" for line, text in said]
    assert parse(write(tmp_path, title * (above > 0) + mended)).cells


def test_file_name(tmp_path: Path) -> None:
    with pytest.raises(ChapterError, match=r"chapters/chapter.py: a chapter is named like 05_backward_pass.py"):
        parse(write(tmp_path, SAMPLE, "chapter.py"))


def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "01_chapter.py"
    with pytest.raises(ChapterError, match=r"chapters/01_chapter.py: cannot be read: No such file"):
        parse(path)
    path.write_bytes(b"# %% [markdown]\n# \xff")
    with pytest.raises(ChapterError, match=r"chapters/01_chapter.py: not UTF-8 text \(byte 18\): save it as UTF-8"):
        parse(path)


def test_nested_too_deeply(tmp_path: Path) -> None:
    text = "# %% [markdown]\n# # 1. A chapter\n\n# %%\nx = 1\ny = " + "-" * 5000 + "x\n"
    with pytest.raises(ChapterError, match=r"01_chapter.py:\d: not plain Python: .*: mend it"):
        parse(write(tmp_path, text))


def test_wrong_answers(tmp_path: Path) -> None:
    text = '# %% [markdown]\n# Why.\n# %% exercise="mse" message="divide by"\ndef mse(): return 0\n'
    (cell,) = parse_mistakes(write(tmp_path, text, "01.py"))
    assert (cell.exercise, cell.keys["message"], cell.line) == ("mse", "divide by", 3)
    with pytest.raises(ChapterError) as error:
        parse_mistakes(write(tmp_path, '# %% exercise="mse" export="a.py"\n# %% message="x"\n', "01.py"))
    assert str(error.value).split("\n") == [
        'mistakes/01.py:1: a wrong answer without its message: add message="…" to the cell',
        "mistakes/01.py:1: unknown key 'export': the keys are exercise, message",
        'mistakes/01.py:2: a wrong answer without its exercise: add exercise="…" to the cell',
    ]


COMMENTS = """
# copy the weights|# copied|#copy|# cat = 3|# cat, dog|# ls|# ls |# %time|#%time|# 100 % sure|# % sure|# !pip install
# !!|# ? what|# ?help|# why?|# why not?|# x = !ls|# x = %time f()|# x = 5 % 2|# mkdirs|# echo off|# rm -r|# ren|# > 0
# $5|# move|# Copy|# cd|# cd(x)|# mv: two|# %|## copy it|#  copy it|# ~/x|# !~/x
""".strip()


@pytest.mark.parametrize("comment", COMMENTS.replace("\n", "|").split("|"))
def test_comments_that_jupytext_would_run(comment: str) -> None:
    assert bool(COMMAND.match(comment)) == bool(is_magic(comment, "python", explicitly_code=True))


def test_dedented(tmp_path: Path) -> None:
    text = dedent(
        """
        # %% [markdown]
        # # 1. A chapter

        # %% [markdown]
        """
    ).lstrip()
    assert [cell.source for cell in parse(write(tmp_path, text)).cells] == ["# 1. A chapter", ""]
