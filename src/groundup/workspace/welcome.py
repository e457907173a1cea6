"""What `groundup start` tells, and the README that it leaves in a workspace."""

from __future__ import annotations

from groundup.book import Book
from groundup.chapter import parse
from groundup.workspace.backup import backup_name
from groundup.workspace.folder import Workspace
from groundup.workspace.report import Commands

README = """\
# Chapter {number}

This folder is yours: nothing overwrites what you write here.

{parts}

Work in the notebook or in the script, as you like: a check brings the other one in step.
The script shows hints, checks and solutions below each stub; the notebook folds them away.
In this folder, with the book's environment active:

```console
groundup check {number}{option}           which exercises pass, and why the others do not
groundup check {number}{option} --hint    the next hint
groundup check {number}{option} --watch   the same again, whenever you save
groundup start {number}{option} --fresh   begin again; what is here is kept beside it
```
"""


def readme(workspace: Workspace, option: str) -> str:
    """`option` is the one that the commands need to find the folder."""
    parts = "\n".join(f"- `{name}`: {text}" for name, text in _parts(workspace).items())
    return README.format(number=workspace.number, parts=parts, option=option)


def made(book: Book, workspace: Workspace) -> list[str]:
    """What a new workspace is, and how to go on."""
    parts = _parts(workspace)
    width = max(map(len, parts))
    return [
        f"chapter {workspace.number} is ready to be worked in {book.relative(workspace.folder)}:",
        *(f"  {name:<{width}}  {text}" for name, text in parts.items()),
        f"Write your answers into the notebook or the script, then: {_commands(book, workspace).check}",
    ]


def there(book: Book, workspace: Workspace) -> list[str]:
    """That a workspace is there, what is done in it, and how to go on or to begin again."""
    commands, kept = _commands(book, workspace), book.relative(backup_name(workspace.folder))
    exercises = parse(book.chapter(workspace.number)).exercises
    passed = [name for name in exercises if name in workspace.passed]
    return [
        f"{book.relative(workspace.folder)} is there already, with {len(passed)} of {len(exercises)} exercises passed; "
        "nothing in it was overwritten",
        f"  go on:        {commands.check}",
        f"  begin again:  {commands.start} --fresh  (what is there is kept as {kept})",
    ]


def is_usual(book: Book, workspace: Workspace) -> bool:
    """Whether it is where a command looks for it without `--dir`."""
    return workspace.folder == Workspace.usual(book, workspace.number)


def _commands(book: Book, workspace: Workspace) -> Commands:
    return Commands(workspace.number, None if is_usual(book, workspace) else workspace.folder)


def _parts(workspace: Workspace) -> dict[str, str]:
    parts = {
        workspace.notebook.name: "the chapter with its exercises, as a notebook",
        workspace.script.name: "the same as a script",
    }
    if workspace.previous:
        parts[f"{workspace.previous.name}/"] = f"the code of chapter {workspace.number - 1}, to build on"
    parts["mine/"] = "a package of your own" + (", seeded from it" if workspace.previous else "")
    parts["progress.json"] = "what you have passed, and when"
    return parts
