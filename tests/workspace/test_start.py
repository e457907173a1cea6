"""`groundup start`: a workspace for every chapter, never in the place of a reader's work."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
import pytest
from helpers.books import BOOK, make_book

from groundup import cli
from groundup.book import Book, BookError, UsageError
from groundup.chapter import parse
from groundup.workspace import Workspace, importing, suite
from groundup.workspace.start import start
from groundup.workspace.suite import Failure

CELLS = """
# %% export="numbers.py"
ONE = 1

# %% [markdown] exercise="double" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise: twice
#
# Write `double`.

# %% [markdown] tags=["hint"]
# Add.

# %% [markdown] tags=["hint"]
# Add it to itself.

# %% tags=["solution"] export="numbers.py"
def double(x: int) -> int:
    return x + x

# %% [markdown] tags=["solution"]
# I added.

# %% tags=["check"]
assert double(2) == 4
"""
NUMBERS = '''\
# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Numbers."""

from math import pi

from .text import shown

ONE = 1


def half(x: float) -> float:
    return x / 2


# A circle.
def area(radius: float) -> float:
    return pi * radius**2


class Number:
    def show(self) -> str:
        return shown(ONE)
'''
TEXT = '"""Text."""\n\n\ndef shown(x: object) -> str:\n    return str(x)\n'


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book of two chapters, the first of them exported; the current folder is its root."""
    book = make_book(tmp_path / "the book", {1: CELLS, 2: CELLS.replace('export="numbers.py"', "")})
    folder = book.checkpoint(1)
    folder.mkdir()
    for name, text in {"__init__": "", "numbers": NUMBERS, "text": TEXT}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.chdir(book.root)
    return book


@pytest.fixture
def suite_says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Has the checkpoint suite answer with these failures, once each; returns the packages that it was asked about."""

    def says(*answers: list[Failure]) -> list[Path]:
        waiting, asked = [*answers, []], list[Path]()

        def failures(book: Book, package: Path, number: int) -> list[Failure]:
            asked.append(package)
            return waiting.pop(0)

        monkeypatch.setattr(suite, "failures", failures)
        return asked

    return says


def cells(path: Path) -> list[tuple]:
    node = jupytext.read(path)
    return [(c.cell_type, c.source, c.metadata.get("tags"), c.metadata.get("exercise")) for c in node.cells]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("number", BOOK.chapters())
def test_every_chapter(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "mein Übungsheft" / "05"
    said = start(BOOK, number, folder)
    workspace = Workspace(folder)
    assert workspace.number == number
    assert all(path.exists() for path in workspace.parts)
    nbformat.validate(nbformat.read(workspace.notebook, as_version=4))
    assert cells(workspace.notebook) == cells(workspace.script)
    names = {cell.metadata["exercise"] for cell in jupytext.read(workspace.script).cells if "exercise" in cell.metadata}
    assert names == set(parse(BOOK.chapter(number)).exercises)
    compile(workspace.script.read_text(encoding="utf-8"), workspace.script.name, "exec")
    if workspace.previous:
        assert content(workspace.previous) == content(workspace.mine)
        assert "make export" not in (workspace.mine / "__init__.py").read_text()
    assert any(f'groundup check {number} --dir "{folder}"' in line for line in said)
    before = content(folder)
    assert workspace.in_step() == ""
    assert content(folder) == before


def test_in_the_book(book: Book, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["start", "2"]) == 0
    folder = book.root / "work" / "02"
    out = capsys.readouterr().out
    assert out.startswith("chapter 2 is ready to be worked in work/02:\n  02_chapter.ipynb ")
    assert out.endswith("groundup check 2\n")
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "02_chapter.ipynb", "02_chapter.py", "README.md", "ch01", "jupytext.toml", "mine", "progress.json",
    ]  # fmt: skip
    assert [path.name for path in (book.root / "work").iterdir()] == ["02"]
    assert '# %% exercise="double" tags=["stub"]\n' in (folder / "02_chapter.py").read_text()
    assert (folder / "ch01" / "numbers.py").read_text() == NUMBERS.split("\n", 1)[1]
    assert "groundup check 2 --hint" in (folder / "README.md").read_text()
    assert json.loads((folder / "progress.json").read_text())["chapter"] == 2


def test_the_first_chapter_builds_on_nothing(book: Book) -> None:
    start(book, 1)
    workspace = Workspace.of(book, 1)
    assert workspace.previous is None
    assert list(content(workspace.mine)) == ["__init__.py"]
    with pytest.raises(UsageError, match="chapter 1 builds on nothing"):
        start(book, 1, fresh=True, source="mine")


def test_a_second_start_says_what_is_there(book: Book, capsys: pytest.CaptureFixture) -> None:
    start(book, 2)
    workspace = Workspace.of(book, 2)
    (workspace.mine / "numbers.py").write_text("mine")
    begun = json.loads(workspace.progress.read_text())
    workspace.progress.write_text(json.dumps(begun | {"exercises": {"double": {"state": "passed"}, "x": 3}}))
    before = content(workspace.folder)
    assert cli.main(["start", "2"]) == 0
    out = capsys.readouterr().out
    assert "work/02 is there already, with 1 of 1 exercises passed" in out
    assert "groundup start 2 --fresh  (what is there is kept as work/02.backup-1)" in out
    assert content(workspace.folder) == before
    with pytest.raises(UsageError, match="--from begins anew: add --fresh"):
        start(book, 2, source=str(workspace.mine))


def test_fresh_keeps_what_was_there(book: Book) -> None:
    start(book, 2)
    folder = Workspace.of(book, 2).folder
    new = content(folder)
    kept = []
    for number in (1, 2):
        (folder / "02_chapter.py").write_text(f"# %%\n{number}\n")
        kept.append(content(folder))
        said = start(book, 2, fresh=True)
        assert said[-1] == f"what was there is in work/02.backup-{number}"
        assert content(folder) == new
    assert [content(folder.with_name(f"02.backup-{number}")) for number in (1, 2)] == kept


def test_fresh_from_within_is_refused(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the reader's shell would stand in the backup."""
    start(book, 2)
    monkeypatch.chdir(Workspace.of(book, 2).mine)
    with pytest.raises(BookError, match="you are in work/02, which is to be renamed"):
        start(book, 2, fresh=True)
    assert [path.name for path in (book.root / "work").iterdir()] == ["02"]


@pytest.mark.parametrize("gone", ["ch01", "mine", "README.md", "jupytext.toml", "progress.json"])
def test_what_is_gone_is_put_back(book: Book, gone: str) -> None:
    start(book, 2)
    folder = Workspace.of(book, 2).folder
    (folder / "mine" / "numbers.py").write_text("mine")
    before = content(folder)
    for name in [name for name in before if name.startswith(gone)]:
        (folder / name).unlink()
    if (folder / gone).is_dir():
        (folder / gone).rmdir()
    assert f"put back, for it was gone: {gone}" in start(book, 2)
    after = content(folder)
    assert after.keys() == before.keys()
    assert gone == "mine" or after == before


def test_both_files_gone(book: Book) -> None:
    start(book, 2)
    workspace = Workspace.of(book, 2)
    before = content(workspace.folder)
    workspace.notebook.unlink()
    workspace.script.unlink()
    with pytest.raises(BookError, match=r"are gone: groundup start 2 --dir .* makes new ones"):
        workspace.in_step()
    assert "put back, for it was gone: 02_chapter.py, 02_chapter.ipynb" in start(book, 2)
    assert content(workspace.folder) == before


@pytest.mark.parametrize(("step", "fresh"), [("_fill", False), ("_move", False), ("_fill", True), ("_move", True)])
def test_killed_half_way(book: Book, monkeypatch: pytest.MonkeyPatch, step: str, fresh: bool) -> None:
    """A process that is killed cleans nothing up: the next start does, and nobody sees a half."""
    folder = book.root / "work" / "02"
    if fresh:
        start(book, 2)
        (folder / "mine" / "numbers.py").write_text("mine")
    before = content(folder)
    child = os.fork()
    if child == 0:
        module = __import__("groundup.workspace.start", fromlist=["start"])
        wanted = getattr(module, step)
        monkeypatch.setattr(module, step, lambda *rest: (wanted(*rest) if step == "_fill" else None, os._exit(9)))
        try:
            start(book, 2, fresh=fresh)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    kept = folder.with_name("02.backup-1")
    assert content(kept if kept.exists() else folder) == before
    start(book, 2, fresh=fresh and not kept.exists())
    assert Workspace(folder).in_step() == ""
    assert sorted(path.name for path in folder.parent.iterdir()) == ["02", *["02.backup-1"] * fresh]


def test_an_older_book(book: Book) -> None:
    start(book, 2)
    workspace = Workspace.of(book, 2)
    assert workspace.changed(book) == ""
    script = workspace.script.read_text()
    chapter = book.chapter(2)
    chapter.write_text(chapter.read_text().replace("Add it to itself", "Think"))
    assert [line for line in start(book, 2) if "begun with version 0+" in line]
    assert workspace.script.read_text() == script
    for text in ("{}", "[]", "no JSON", '{"book": 3, "exercises": [1]}', "[" * 100_000):
        workspace.progress.write_text(text)
        assert [line for line in start(book, 2) if "of the book, which is 0+" in line], text
    chapter.rename(chapter.with_name("02_renamed.py"))
    assert Workspace.of(book, 2).script == workspace.script, "the reader's files have the name that they had"


def test_a_folder_that_is_there(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own [1]" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "own [1]")
    start(book, 2, Path())
    workspace = Workspace(Path())
    assert all(path.exists() for path in (*workspace.parts, Path(".git")))
    assert "groundup check 2 --dir . --hint" in workspace.readme.read_text()
    assert workspace.in_step() == ""
    assert not [path for path in Path().iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("dir", "message"),
    [
        ("full", r"full holds other work \(thesis\.txt\): give a new folder, such as --dir full/02"),
        ("work/01", r"holds other work \(01_chapter\.ipynb, 01_chapter\.py, README\.md, …\): give a new folder"),
        ("file", "file is a file: give a folder"),
        ("file/below", "cannot make file/below: File exists: choose another place: groundup start 2 --dir DIR"),
    ],
)
def test_a_folder_that_is_taken(book: Book, dir: str, message: str) -> None:
    start(book, 1)
    (book.root / "full").mkdir()
    (book.root / "full" / "thesis.txt").write_text("mine")
    (book.root / "file").touch()
    before = content(book.root)
    with pytest.raises(BookError, match=message):
        start(book, 2, Path(dir))
    assert content(book.root) == before


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "No space left on device")])
def test_where_nothing_can_be_written(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, error: OSError
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert cli.main(["start", "2"]) == 1
    wanted = f"error: cannot make work/02: {error.strerror}: choose another place: groundup start 2 --dir DIR\n"
    assert capsys.readouterr().err == wanted


def test_no_checkpoint_yet(book: Book) -> None:
    book.checkpoint(1).rename(book.root / "elsewhere")
    with pytest.raises(BookError, match=r"src/ch01 is not there yet: make export"):
        start(book, 2)
    assert list((book.root / "work").iterdir()) == []


def mine(book: Book, **modules: str) -> Path:
    """The reader's package in the workspace of chapter 1."""
    start(book, 1)
    folder = Workspace.of(book, 1).mine
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_from_a_complete_package(book: Book, suite_says: Callable[..., list[Path]]) -> None:
    text = f"# All my own.\n{TEXT}"
    numbers = NUMBERS.split("\n", 1)[1].replace("x / 2", "0.5 * x")
    package = mine(book, text=text, numbers=numbers, extra="MORE = 1\n")
    before, asked = content(package), suite_says([])
    for folder in ("__pycache__", ".git", "data"):
        (package / folder).mkdir()
    said = start(book, 2, source="mine")
    workspace = Workspace.of(book, 2)
    assert content(workspace.mine) == before == content(package)
    assert not any(path.is_dir() for path in workspace.mine.iterdir())
    assert workspace.previous
    assert content(workspace.previous) == before
    assert [line for line in said if "checkpoint" in line] == []
    assert "ch01 and mine are made from work/01/mine, which stays as it is" in said
    assert [path.name for path in asked] == ["ch01"]


def test_from_an_incomplete_package(book: Book, suite_says: Callable[..., list[Path]]) -> None:
    suite_says([])
    own = "import math\n\n\ndef area(radius):\n    return math.pi * radius * radius\n"
    mine(book, numbers=own)
    said = start(book, 2, source="mine")
    assert "still from the checkpoint: numbers.ONE, numbers.half, numbers.Number, all of text" in said
    previous = Workspace.of(book, 2).previous
    assert previous
    assert (previous / "numbers.py").read_text() == own + (
        "\n\n# What the book's checkpoint has and this module had not.\nfrom .text import shown\n\n\nONE = 1\n\n\n"
        "def half(x: float) -> float:\n    return x / 2\n\n\n"
        "class Number:\n    def show(self) -> str:\n        return shown(ONE)\n"
    )
    assert (previous / "text.py").read_text() == TEXT


def test_from_a_package_in_another_folder(book: Book, suite_says: Callable[..., list[Path]], tmp_path: Path) -> None:
    suite_says([])
    folder = tmp_path / "my nn"
    mine(book).rename(folder)
    (folder / "text.py").write_text("from .numbers import *\n\n\ndef shown(x):\n    return repr(x)\n")
    said = start(book, 2, source=str(folder))
    assert "still from the checkpoint: all of numbers" in said
    with pytest.raises(UsageError, match="work/01/mine holds no package of yours"):
        start(book, 2, fresh=True, source="mine")


def test_from_a_broken_package(book: Book, suite_says: Callable[..., list[Path]]) -> None:
    """Of two modules that fail, the one that the other imports is replaced first, and that suffices."""
    wrong = TEXT.replace("str(x)", "repr(x)")
    numbers = NUMBERS.replace("2", "3")
    package = mine(book, numbers=numbers, text=wrong)
    fails = Failure("text", "text.shown: shows text as it is", "got 'a'", "shown")
    asked = suite_says([Failure("numbers", "numbers.Number: shows one", "got 2"), fails], [])
    said = start(book, 2, source="mine")
    assert said[-4:] == [
        "ch01 and mine are made from work/01/mine, which stays as it is",
        "text: now the checkpoint's, for the suite fails with yours:",
        "  text.shown: shows text as it is",
        "  (more about it: groundup check 1 --package work/01/mine)",
    ]
    assert len(asked) == 2
    seed = Workspace.of(book, 2).mine
    assert ((seed / "text.py").read_text(), (seed / "numbers.py").read_text()) == (TEXT, numbers)
    assert (package / "text.py").read_text() == wrong


def test_from_a_seed_that_nobody_touched(book: Book, suite_says: Callable[..., list[Path]]) -> None:
    make_book(book.root, {3: CELLS.replace('export="numbers.py"', "")})
    for number, text in {1: TEXT, 2: TEXT.replace("shown", "spelt")}.items():
        shutil.rmtree(book.checkpoint(number), ignore_errors=True)
        book.checkpoint(number).mkdir()
        (book.checkpoint(number) / "text.py").write_text(text)
    asked = suite_says()
    start(book, 2)
    said = start(book, 3, source="mine")
    assert said[-1] == "work/02/mine is still the code of chapter 1: all of chapter 2 comes from the book"
    assert content(Workspace.of(book, 3).mine) == {"text.py": TEXT.replace("shown", "spelt").encode()}
    assert asked == []
    (Workspace.of(book, 2).mine / "more.py").write_text("MORE = 1\n")
    suite_says([])
    said = start(book, 3, source="mine", fresh=True)
    assert "still from the checkpoint: all of text (yours is still chapter 1's)" in said
    assert content(Workspace.of(book, 3).mine) == {
        "text.py": TEXT.replace("shown", "spelt").encode(),
        "more.py": b"MORE = 1\n",
    }


def test_what_an_exchange_breaks_is_exchanged_too(
    book: Book, suite_says: Callable[..., list[Path]], capsys: pytest.CaptureFixture
) -> None:
    """`numbers` was sound beside the reader's own `text`; a module that the checkpoint has not is named."""
    own = f"{TEXT}\n\ndef own():\n    return 1\n"
    uses = "from .text import own\n"
    mine(book, text=own, numbers=f"{uses}{NUMBERS}", plots=f"{uses}", ends="exit()\n")
    fails = Failure("text", "text.shown: shows text as it is", "got 'a'", "shown")
    asked = suite_says([fails], [])
    said = start(book, 2, source="mine")
    why = "ImportError: cannot import name 'own' from 'ch01.text'"
    assert said[-8:-1] == [
        "text: now the checkpoint's, for the suite fails with yours:",
        "  text.shown: shows text as it is",
        "numbers: now the checkpoint's, for yours cannot be imported beside the others:",
        f"  numbers: {why}",
        "yours all the same, though it fails:",
        "  ends: it ends the program",
        f"  plots: {why}",
    ]
    assert len(asked) == 2
    assert capsys.readouterr().out.splitlines() == [
        "trying work/01/mine on the suite of chapter 1: up to a minute",
        "trying it once more, with the checkpoint's numbers, text, on the suite of chapter 1: up to a minute",
    ]


def test_what_keeps_a_package_from_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "SECONDS", 0.5)
    modules = {
        "__init__": "from .b import *", "a": "print(1)", "b": "import no_such_module", "c": "from .d import x",
        "d": "def (:", "e": "while True: pass", "f": "exit(3)",
    }  # fmt: skip
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert importing.unimportable(tmp_path) == {"b": "ModuleNotFoundError: No module named 'no_such_module'"}
    (tmp_path / "b.py").write_text("")
    found = importing.unimportable(tmp_path)
    assert found == {
        "d": "SyntaxError: invalid syntax",
        "e": "its import takes more than 0.5 seconds, or ends the process",
        "f": "it ends the program",
    }


def test_from_a_package_that_fails_as_a_whole(book: Book, suite_says: Callable[..., list[Path]]) -> None:
    mine(book, numbers="ONE = 1\n", text=TEXT + "# mine\n", plots="import torch\n")
    rule = Failure("plots", "plots.py:1 uses torch", "")
    suite_says([Failure("", "it can be imported", "a circle"), rule], [rule])
    said = start(book, 2, source="mine")
    assert "__init__, numbers, text: now the checkpoint's, for the suite fails with yours:" in said
    assert said[-3:-1] == ["yours all the same, though it fails:", "  plots.py:1 uses torch"]
    seed = Workspace.of(book, 2).mine
    assert (seed / "text.py").read_text() == TEXT
    assert (seed / "plots.py").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def (:\n", "yours has in line 1: invalid syntax"),
        (b"x = '\xff'\n", "yours is not UTF-8 text"),
        ("x = '\0'\n", "yours "),
    ],
)
def test_from_modules_that_cannot_be_read(
    book: Book, suite_says: Callable[..., list[Path]], text: str | bytes, why: str
) -> None:
    suite_says([])
    package = mine(book, text=TEXT)
    (package / "numbers.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    [line] = [line for line in start(book, 2, source="mine") if "still from" in line]
    assert line.startswith(f"still from the checkpoint: all of numbers ({why}")
