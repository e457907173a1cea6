"""Notebooks for readers: exercises as stubs, hints and solutions folded, no outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from groundup.book import Book, BookError, digest, write_if_changed
from groundup.chapter import Cell, Chapter, Exercise
from groundup.notebooks import set_up
from groundup.notebooks.stubs import stub

if TYPE_CHECKING:
    from nbformat import NotebookNode

CALLOUT = re.compile(r"(?P<quote>(?:> ?)+)\[!(?P<kind>\w+)\](?P<fold>-?)[ \t]*(?P<title>.*)")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NOTHING_TO_KEEP = "# your code"
HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # for Jupyter, and for Colab


def notebooks(chapters: Iterable[Chapter], wheel: str = "") -> dict[str, str]:
    """The notebooks of some chapters by file name. `wheel` is the address that they can be set up from."""
    import nbformat

    return {f"{chapter.stem}.ipynb": nbformat.writes(notebook(chapter, wheel)) + "\n" for chapter in chapters}


def write_notebooks(book: Book, chapters: Iterable[Chapter]) -> list[Path]:
    """Write the notebooks of some chapters into notebooks/; return their paths.

    Not into build/, for from then on they are the reader's.

    Raises: BookError, after the others were written, for those that a reader has worked in.
    """
    written, kept = [], []
    for name, text in notebooks(chapters).items():
        path = book.root / "notebooks" / name
        if _is_worked_in(path):
            kept.append(path)
            continue
        write_if_changed(path, text)
        write_if_changed(_mark(path), digest(path))
        written.append(path)
    if kept:
        names = ", ".join(map(book.relative, kept))
        raise BookError(f"{names}: you have worked in it, so it was left alone: move it elsewhere to get a new one")
    return written


def _is_worked_in(path: Path) -> bool:
    """Whether a notebook is there and is no longer what was written."""
    return path.is_file() and not (_mark(path).is_file() and _mark(path).read_text() == digest(path))


def _mark(path: Path) -> Path:
    """The hidden file beside a notebook that holds the hash of what was written."""
    return path.with_name(f".{path.stem}.sha256")


def notebook(chapter: Chapter, wheel: str = "") -> NotebookNode:
    """One chapter as a notebook to work in. `wheel` is the address that it can be set up from."""
    from nbformat import v4

    needed = ["groundup", *([f"ch{chapter.number - 1:02d}"] if chapter.number > 1 else [])]
    setting_up = Cell("code", set_up.cell(needed, wheel), 0, f"{chapter.package}-setup", ("setup",))
    node = v4.new_notebook(metadata=METADATA)
    title, *rest = _cells(chapter)
    node.cells = [title, _node(setting_up, setting_up.source, HIDDEN), *rest]
    node.nbformat_minor = 5  # the first with cell ids, so that what is written depends on no library's version
    return node


def _cells(chapter: Chapter) -> Iterator[NotebookNode]:
    last = {exercise.part("check")[-1].id: exercise for exercise in chapter.exercises.values()}
    hints = {c.id: n for e in chapter.exercises.values() for n, c in enumerate(e.part("hint"), 1)}
    empty = {e.part("solution")[0].id for e in chapter.exercises.values() if not any(map(stub, _code(e)))}
    for cell in chapter.cells:
        if cell.role == "solution":
            text = stub(cell.source) if cell.is_code else ""
            text = text or (NOTHING_TO_KEEP if cell.id in empty else "")
            if text:
                yield _node(_part(cell, "code", "stub"), _saved(chapter, cell, text))
        elif cell.role == "hint":
            yield _node(cell, _fold(f"Hint {hints[cell.id]}", callouts(cell.source)))
        elif "answer" in cell.tags:
            yield _node(cell, _fold("What happened", callouts(cell.source)))
        elif title := _hidden(cell):
            yield _node(cell, f"# @title {title}\n{cell.source}", HIDDEN)
        elif cell.role == "prompt":
            yield _node(cell, _labelled(cell))
        elif cell.is_code:
            yield _node(cell, _saved(chapter, cell, cell.source))
        else:
            yield _node(cell, callouts(cell.source))
        if cell.id in last:
            exercise = last[cell.id]
            yield _node(_part(exercise.part("solution")[0], "markdown", "solution"), _folded(exercise))


def _part(solution: Cell, kind: str, tag: str) -> Cell:
    """The cell that stands for one of a solution in the notebook."""
    return replace(solution, kind=kind, id=f"{solution.id}-{tag}", tags=(tag,))


def _node(cell: Cell, source: str, look: Mapping[str, Any] = MappingProxyType({})) -> NotebookNode:
    """A cell as one of the notebook, with its tags and the name of its exercise."""
    from nbformat import v4

    new = v4.new_code_cell if cell.is_code else v4.new_markdown_cell
    metadata = {"tags": list(cell.tags), "exercise": cell.exercise}
    return new(source, id=cell.id, metadata={**{key: value for key, value in metadata.items() if value}, **look})


def _hidden(cell: Cell) -> str:
    """The title of a cell that one runs before one reads it; nothing of any other."""
    return "How it is checked" if cell.role == "check" else "Checked" if "claim" in cell.tags else ""


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _labelled(prompt: Cell) -> str:
    """An exercise with its difficulty and time below its heading."""
    heading, _, text = callouts(prompt.source).partition("\n")
    return f"{heading}\n\n*{prompt.keys['difficulty']}, about {prompt.keys['minutes']} minutes*\n{text}"


def _code(exercise: Exercise) -> list[str]:
    return [cell.source for cell in exercise.part("solution") if cell.is_code]


def _saved(chapter: Chapter, cell: Cell, source: str) -> str:
    return f"# saved to {chapter.package}/{cell.export}\n{source}".rstrip() if cell.export else source


def _folded(exercise: Exercise) -> str:
    parts = [_fenced(c.source) if c.is_code else callouts(c.source) for c in exercise.part("solution")]
    return _fold("What I did", "\n\n".join(parts))


def _fenced(source: str) -> str:
    longest = max((len(ticks) for ticks in re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{source}\n{fence}"


def callouts(text: str) -> str:
    """Callouts as Jupyter can show them: a bold title, or a fold where `[!KIND]-` asks for one."""
    lines: list[str] = []
    fold = ""  # the quote marks of the fold that is open
    fence = False

    def close() -> None:
        nonlocal fold
        if fold:
            lines.extend([fold, f"{fold} </details>"])
        fold = ""

    for line in text.splitlines():
        if fold and not line.startswith(fold):
            close()
        if re.match(r"[> ]*(```|~~~)", line):
            fence = not fence
        found = None if fence else CALLOUT.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        quote = found["quote"].rstrip()
        title = found["title"].strip() or found["kind"].capitalize()
        if found["fold"]:
            close()
            fold = quote
            lines += [f"{quote} <details><summary>{title}</summary>", quote]
        else:
            lines += [f"{quote} **{title if title[-1] in '.?!:' else title + '.'}**"]
    close()
    return "\n".join(lines)
