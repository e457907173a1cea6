"""What became of a module or a definition over the chapters."""

from __future__ import annotations

from collections.abc import Iterator

from groundup.book import Book
from groundup.checkpoint.definitions import Modules
from groundup.checkpoint.diff import changes
from groundup.checkpoint.parts import Wanted, between, checkpoint, summary, wanted


def history(book: Book, text: str, *, colour: bool = False) -> str:
    """In which chapters a module or definition came, changed, moved and went; of a definition, with what changed.

    Raises: UsageError when no checkpoint has such a one.
    """
    checkpoints: dict[int, Modules] = {0: {}} | {number: checkpoint(book, number) for number in book.chapters()}
    asked = wanted(text, [*checkpoints.values()], "any checkpoint")
    steps = zip(checkpoints, [*checkpoints][1:], strict=False)
    if asked.name:
        return "\n".join(step for old, new in steps for step in _definition(checkpoints, old, new, asked, colour))
    return "".join(step for old, new in steps for step in _module(book, checkpoints, old, new, asked.file))


def _module(book: Book, checkpoints: dict[int, Modules], old: int, new: int, file: str) -> Iterator[str]:
    for change in changes(book, old, new):
        if change.name == file:
            what = summary(change, checkpoints[old].get(file, {}), checkpoints[new].get(file, {}))
            yield f"chapter {new:>2}  {change.counts}  {what}\n"


def _definition(checkpoints: dict[int, Modules], old: int, new: int, asked: Wanted, colour: bool) -> Iterator[str]:
    """What a chapter did to a definition: a heading, and the difference."""
    before, after = (
        {file: names[asked.name] for file, names in checkpoints[number].items() if asked.name in names}
        for number in (old, new)
    )
    gone, came = sorted({*before} - {*after}), sorted({*after} - {*before})
    moved = dict(zip(came, gone, strict=False)) if len(gone) == len(came) else {}
    for file in sorted({*before, *after}):
        origin = moved.get(file, file)
        if asked.file not in ("", file, origin) or file in moved.values():
            continue
        one, other = before.get(origin), after.get(file)
        if origin != file:
            heading = f"moved from {origin} to {file}"
        elif one is None or other is None:
            heading = f"came, in {file}" if other else f"went, from {file}"
        elif one.text != other.text:
            heading = f"changed, in {file}"
        else:
            continue
        text = between(one, other, f"src/ch{old:02d}/{origin}", f"src/ch{new:02d}/{file}", colour)
        yield f"chapter {new}: {asked.name} {heading}\n{text}"
