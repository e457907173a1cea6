"""The notebook and the script of a workspace: one follows the other, and nothing that a reader wrote is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from groundup.book import BookError
from groundup.notebooks.reader import METADATA
from groundup.workspace.pair import CONFIG, Pair

FILES = ("05_back.ipynb", "05_back.py")
HIDDEN = {"jupyter": {"source_hidden": True}}
OUTPUT = nbformat.v4.new_output("stream", text="4\n")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A pair of four cells, in step."""
    v4 = nbformat.v4
    node = v4.new_notebook(metadata=METADATA)
    node.nbformat_minor = 5
    node.cells = [
        v4.new_markdown_cell("# 5. Back", id="ch05-000"),
        v4.new_code_cell("x = None", id="ch05-001", metadata={"tags": ["stub"], "exercise": "x"}),
        v4.new_code_cell("assert x == 4", id="ch05-002", metadata={"tags": ["check"], "exercise": "x", **HIDDEN}),
        v4.new_code_cell("print(x)", id="ch05-003", outputs=[OUTPUT]),
    ]
    pair = Pair(tmp_path / FILES[0], tmp_path / FILES[1])
    pair.write(node)
    (tmp_path / "jupytext.toml").write_text(CONFIG)
    return pair


def edit(path: Path, old: str, new: str, seconds: int = 0) -> None:
    """Change a file as if so many seconds later."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + seconds))


def files(pair: Pair) -> list[str]:
    return sorted(path.name for path in pair.notebook.parent.iterdir() if path.suffix in (".py", ".ipynb"))


def test_from_the_beginning(pair: Pair) -> None:
    before = pair.script.read_bytes(), pair.notebook.read_bytes()
    assert pair.script.read_text().startswith("# %% [markdown]\n# # 5. Back\n\n# %% ")
    assert 'exercise="x" tags=["check"]\nassert' in pair.script.read_text(), "how a cell looks is the notebook's"
    assert pair.in_step() == ""
    assert (pair.script.read_bytes(), pair.notebook.read_bytes()) == before


def test_the_notebook_follows_the_script(pair: Pair) -> None:
    edit(pair.script, "x = None", "x = 2 + 2\n\n# %%\nprint('more: ü')", seconds=-60)
    assert pair.in_step() == ""
    cells = nbformat.read(pair.notebook, as_version=4).cells
    assert [cell.source for cell in cells][1:3] == ["x = 2 + 2", "print('more: ü')"]
    assert [cell.id for cell in cells if cell.id.startswith("ch05")] == [f"ch05-00{n}" for n in range(4)]
    assert cells[1].metadata == {"tags": ["stub"], "exercise": "x"}
    assert cells[3].metadata.jupyter.source_hidden
    assert cells[4].outputs == [OUTPUT]
    assert files(pair) == list(FILES)


def test_the_script_follows_the_notebook(pair: Pair) -> None:
    edit(pair.notebook, "x = None", "x = 2 + 2", seconds=60)
    assert pair.in_step() == ""
    assert "\nx = 2 + 2\n" in pair.script.read_text()
    assert pair.script.stat().st_mtime_ns == pair.notebook.stat().st_mtime_ns, "or Jupyter's own pairing complains"
    assert pair.in_step() == ""


def test_to_run_a_notebook_is_not_to_change_it(pair: Pair) -> None:
    edit(pair.notebook, '"execution_count": null', '"execution_count": 7', seconds=60)
    edit(pair.script, "x = None", "x = 3")
    assert pair.in_step() == ""
    assert '"x = 3"' in pair.notebook.read_text()


@pytest.mark.parametrize(("newer", "older"), [FILES, FILES[::-1]])
def test_both_have_changed(pair: Pair, newer: str, older: str) -> None:
    folder = pair.notebook.parent
    edit(folder / newer, "x = None", "x = 'newer'", seconds=60)
    edit(folder / older, "x = None", "x = 'older'")
    lost = (folder / older).read_bytes()
    kept = f"05_back.backup-1{Path(older).suffix}"
    both = f"{newer} and {older} had both changed"
    assert pair.in_step() == f"{both}: {newer} is newer and counts, the other is kept as {kept}"
    assert (folder / kept).read_bytes() == lost
    assert all("x = 'newer'" in path.read_text() for path in (pair.notebook, pair.script))
    assert pair.in_step() == ""
    assert files(pair) == sorted([*FILES, kept])


def test_both_have_changed_alike(pair: Pair) -> None:
    for path in (pair.notebook, pair.script):
        edit(path, "x = None", "x = 3")
    assert pair.in_step() == ""
    edit(pair.script, "x = 3", "x = 4", seconds=-60)
    assert pair.in_step() == "", "they were in step in between"


def test_the_note_of_what_they_held_is_lost(pair: Pair) -> None:
    (pair.notebook.parent / ".05_back.sha256").unlink()
    assert pair.in_step() == ""
    (pair.notebook.parent / ".05_back.sha256").write_bytes(b"\xff")
    edit(pair.script, "x = None", "x = 3", seconds=60)
    assert pair.in_step().endswith("the other is kept as 05_back.backup-1.ipynb"), "nobody knows whether it had changed"


@pytest.mark.parametrize("gone", FILES)
def test_one_is_gone(pair: Pair, gone: str) -> None:
    folder = pair.notebook.parent
    [left] = {*FILES} - {gone}
    edit(folder / left, "x = None", "x = 3")
    (folder / gone).unlink()
    assert pair.in_step() == f"{gone} was gone: made again from {left}"
    assert "x = 3" in (folder / gone).read_text()
    nbformat.validate(nbformat.read(pair.notebook, as_version=4))
    assert nbformat.read(pair.notebook, as_version=4).metadata.kernelspec == METADATA["kernelspec"]
    assert pair.in_step() == ""


def test_both_are_gone(pair: Pair) -> None:
    pair.notebook.unlink()
    pair.script.unlink()
    with pytest.raises(BookError, match=r"05_back\.ipynb and 05_back\.py are gone: groundup start 5 --dir"):
        pair.in_step()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (FILES[0], b"", "is not a notebook"),
        (FILES[0], b"{", "is not a notebook"),
        (FILES[0], b"[]", "is not a notebook"),
        (FILES[0], b"{}", "is not a notebook"),
        (FILES[0], b'{"cells": []}', "is not a notebook"),
        (FILES[0], b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}', "is not a notebook"),
        (FILES[0], b'{"nbformat": 9, "nbformat_minor": 5, "metadata": {}, "cells": []}', "is not a notebook"),
        (FILES[0], b'{"a": "\xff"}', "is not UTF-8 text"),
        (FILES[1], b"", "is not a script of cells"),
        (FILES[1], b"\xff\xfe", "is not UTF-8 text"),
        (FILES[1], b'# %% tags="a"\n1\n', "is not a script of cells"),
    ],
)
def test_one_cannot_be_read(pair: Pair, name: str, content: bytes, message: str) -> None:
    """Whichever is newer: nothing is written over the other."""
    (pair.notebook.parent / name).write_bytes(content)
    before = {path: path.read_bytes() for path in (pair.notebook, pair.script)}
    with pytest.raises(BookError, match=rf"{name} {message}: mend it, or move it away, and it is made again from the "):
        pair.in_step()
    assert {path: path.read_bytes() for path in (pair.notebook, pair.script)} == before


def test_a_script_that_is_no_python_yet(pair: Pair) -> None:
    edit(pair.script, "x = None", "def x(:\n    '''")
    assert pair.in_step() == ""
    assert "def x(:" in pair.notebook.read_text()


def test_a_notebook_as_colab_saves_it(pair: Pair) -> None:
    """Without ids, with metadata of its own."""
    node = json.loads(pair.notebook.read_text())
    node["nbformat_minor"] = 0
    node["metadata"]["colab"] = {"provenance": []}
    for cell in node["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
    node["cells"][1]["source"] = ["x = 4"]
    pair.notebook.write_text(json.dumps(node))
    assert pair.in_step() == ""
    assert '# %% exercise="x" tags=["stub"]\nx = 4\n' in pair.script.read_text()


def test_jupytext_itself_finds_nothing_to_do(pair: Pair) -> None:
    before = pair.script.read_bytes()
    edit(pair.notebook, "x = None", "x = 2 + 2", seconds=60)
    pair.in_step()
    synced = pair.script.read_bytes(), jupytext.read(pair.notebook).cells
    command = [sys.executable, "-m", "jupytext", "--sync", pair.notebook.name]
    subprocess.run(command, cwd=pair.notebook.parent, check=True, capture_output=True)
    assert (pair.script.read_bytes(), jupytext.read(pair.notebook).cells) == synced
    assert synced[0] != before
    assert pair.in_step() == ""


def test_where_nothing_can_be_written(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(pair.script, "x = None", "x = 3")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(BookError, match=r"cannot write .*05_back\.ipynb: Permission denied"):
        pair.in_step()
    monkeypatch.undo()
    assert pair.in_step() == ""
    assert '"x = 3"' in pair.notebook.read_text()
