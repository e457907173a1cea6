"""A reader's own package beside a checkpoint, definition by definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groundup.book import Book, UsageError
from groundup.checkpoint.definitions import Modules, read
from groundup.checkpoint.diff import read_modules, unified_lines
from groundup.checkpoint.parts import checkpoint, wanted


def beside_mine(
    book: Book, number: int, folder: Path, text: str = "", *, only_table: bool = False, colour: bool = False
) -> str:
    """What a reader's package lacks, adds and does otherwise than checkpoint `number`; then the code that differs.

    Formatting, comments, docstrings and imports do not count. `text` is one module or definition, all if empty. Lines
    with a + are the reader's.
    Raises: UsageError when the folder holds no modules, or nothing is called so; BookError for what is not Python.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file: give the folder of your package, such as my_nn")
    texts = read_modules(folder)
    if not texts:
        raise UsageError(f"{folder}: no Python modules there: give the folder of your package, such as my_nn")
    home, mine = f"src/ch{number:02d}", folder.as_posix()
    theirs, own = checkpoint(book, number), read(texts, mine)
    if text:
        asked = wanted(text, (theirs, own), f"checkpoint {number} and {mine}")
        theirs, own = asked.of(theirs), asked.of(own)
    table = "".join(f"{line}\n" for line in _table(theirs, own))
    return table if only_table else table + "".join(_code(theirs, own, (home, mine), colour))


def _table(theirs: Modules, mine: Modules) -> Iterator[str]:
    """For each module what is missing, extra and different, and how many definitions there are of each kind."""
    counts = dict.fromkeys(("the same", "different", "missing", "extra"), 0)
    for file in sorted({*theirs, *mine}):
        ours, own = theirs.get(file, {}), mine.get(file, {})
        rows = {
            "the same": [name for name in ours if name in own and ours[name].code == own[name].code],
            "different": [name for name in ours if name in own and ours[name].code != own[name].code],
            "missing": [name for name in ours if name not in own],
            "extra": [name for name in own if name not in ours],
        }
        for kind, names in rows.items():
            counts[kind] += len(names)
        shown = {kind: names for kind, names in rows.items() if names and kind != "the same"}
        if shown:
            yield file
        for kind, names in shown.items():
            whose, others = ("yours", mine) if kind == "missing" else ("the book's", theirs)
            yield f"  {kind:<10} {', '.join(name + _home(name, file, whose, others) for name in names)}"
    yield ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing to compare"


def _home(name: str, file: str, whose: str, modules: Modules) -> str:
    homes = [other for other, found in modules.items() if name in found and other != file]
    return f" ({whose} is in {homes[0]})" if homes else ""


def _code(theirs: Modules, mine: Modules, folders: tuple[str, str], colour: bool) -> Iterator[str]:
    for file in sorted({*theirs} & {*mine}):
        for name, ours in theirs[file].items():
            own = mine[file].get(name)
            if own is not None and own.code != ours.code:
                old, new = f"{folders[0]}/{file}:{ours.line} {name}", f"{folders[1]}/{file}:{own.line} {name}"
                yield "\n" + unified_lines(ours.code.splitlines(), own.code.splitlines(), old, new, colour)
