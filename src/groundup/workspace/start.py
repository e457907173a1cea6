"""`groundup start`: a workspace that is there completely or not at all, and never in the place of another."""

from __future__ import annotations

import contextlib
import glob
import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from groundup.book import Book, BookError, UsageError
from groundup.chapter import parse
from groundup.notebooks import notebook
from groundup.workspace import mine, welcome
from groundup.workspace.backup import backup_name
from groundup.workspace.folder import Workspace, edition
from groundup.workspace.pair import CONFIG, Pair

MINE = "mine"


def start(
    book: Book, number: int | str, dir: Path | None = None, *, fresh: bool = False, source: str = ""
) -> list[str]:
    """Make the workspace of a chapter, or say what is there; return the lines for the reader.

    `source` is a package of the reader's to build on: "mine" for that of the workspace before, or a folder.
    Raises: UsageError where there is no such chapter or package, BookError where the folder cannot be made.
    """
    workspace = Workspace.of(book, number, dir)
    package = _package(book, workspace, source) if source else None
    if workspace.is_begun and not fresh:
        if package:
            raise UsageError(
                f"{book.relative(workspace.folder)} is there already, and --from begins anew: add --fresh, "
                "and what is there is kept beside it"
            )
        return _look(book, workspace)
    if not workspace.is_begun:
        _check_free(book, workspace)
    said: list[str] = []
    folder = workspace.folder
    with _part(book, workspace, folder if folder.is_dir() and not workspace.is_begun else folder.parent) as part:
        said += _fill(book, Workspace(part, book.chapter(number).stem), package, _option(book, workspace))
        if workspace.is_begun:
            said += [_set_aside(book, folder)]
        _move(part, folder)
    return [*welcome.made(book, Workspace.of(book, number, dir)), *said]


def _package(book: Book, workspace: Workspace, source: str) -> Path:
    """The reader's package that `--from` names."""
    before = workspace.number - 1
    if not before:
        raise UsageError("chapter 1 builds on nothing: leave out --from")
    package = Workspace.of(book, before).mine if source == MINE else Path(source)
    if not any(package.glob("*.py")):
        raise UsageError(
            f"{book.relative(package)} holds no package of yours: give its folder, --from DIR, or leave out --from "
            f"to build on the book's chapter {before}"
        )
    return package


def _check_free(book: Book, workspace: Workspace) -> None:
    """Raises: UsageError when the folder is no folder, or something else is in it; what is hidden may be."""
    folder = workspace.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: give a folder, --dir DIR")
    taken = sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))
    if taken:
        names = ", ".join([*taken[:3], *["…"] * (len(taken) > 3)])
        new = shlex.quote(f"{book.relative(folder)}/{workspace.number:02d}")
        raise UsageError(f"{book.relative(folder)} holds other work ({names}): give a new folder, such as --dir {new}")


@contextlib.contextmanager
def _part(book: Book, workspace: Workspace, home: Path) -> Iterator[Path]:
    """A folder in `home`, on the same disk as the workspace, to make its parts in."""
    folder = workspace.folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        for left in home.glob(f".{glob.escape(folder.name)}.*.part"):  # by one that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".part", dir=home) as outer:
            part = Path(outer, folder.name)
            part.mkdir()
            yield part
    except OSError as error:
        remedy = f"choose another place: groundup start {workspace.number} --dir DIR"
        raise BookError(f"cannot make {book.relative(folder)}: {error.strerror or error}: {remedy}") from None


def _option(book: Book, workspace: Workspace) -> str:
    return "" if welcome.is_usual(book, workspace) else " --dir ."


def _fill(book: Book, workspace: Workspace, package: Path | None, option: str) -> list[str]:
    """Make everything that a workspace holds; return what is to be said of the reader's package.

    `option` is what the README adds to the commands, so that they find the folder from within.
    """
    said: list[str] = []
    number = workspace.number
    if workspace.previous is None:
        workspace.mine.mkdir()
        (workspace.mine / "__init__.py").write_text('"""My own package."""\n', encoding="utf-8")
    else:
        checkpoint = book.checkpoint(number - 1)
        if not checkpoint.is_dir():
            raise BookError(f"{book.relative(checkpoint)} is not there yet: make export")
        if package is None:
            mine.copy(checkpoint, workspace.previous)
        else:
            said = mine.build(book, package, number - 1, workspace.previous)
        shutil.copytree(workspace.previous, workspace.mine)
    begun = {"chapter": number, "book": edition(book, number), "begun": date.today().isoformat()}
    workspace.progress.write_text(json.dumps(begun, indent=1) + "\n", encoding="utf-8")
    workspace.config.write_text(CONFIG, encoding="utf-8")
    workspace.readme.write_text(welcome.readme(workspace, option), encoding="utf-8")
    Pair(workspace.notebook, workspace.script).write(notebook(parse(book.chapter(number))))
    return said


def _set_aside(book: Book, folder: Path) -> str:
    """Rename a workspace; from then on it is a backup."""
    if Path.cwd().is_relative_to(folder.resolve()):
        raise BookError(f"you are in {book.relative(folder)}, which is to be renamed: cd .. first, then run this again")
    kept = backup_name(folder)
    folder.rename(kept)
    return f"what was there is in {book.relative(kept)}"


def _move(part: Path, folder: Path) -> None:
    """Put what was made where it belongs; into a folder that is there the two files last, which make it a workspace."""
    if not folder.is_dir():
        part.rename(folder)
        return
    for path in sorted(part.iterdir(), key=lambda path: path.suffix in (".ipynb", ".py")):
        if not (folder / path.name).exists():
            path.rename(folder / path.name)


def _look(book: Book, workspace: Workspace) -> list[str]:
    """What is in a workspace, after what is missing was put back and the pair brought in step."""
    pair = {workspace.notebook, workspace.script}  # one of them is made from the other, which has the reader's work
    kept = pair if any(path.exists() for path in pair) else set()
    missing = [path for path in workspace.parts if path not in kept and not path.exists()]
    said = [workspace.changed(book)]
    if missing:
        with _part(book, workspace, workspace.folder) as part:
            _fill(book, Workspace(part, workspace.stem), None, _option(book, workspace))
            for path in missing:
                (part / path.name).rename(path)
        said.append(f"put back, for it was gone: {', '.join(path.name for path in missing)}")
    said.append(workspace.in_step())
    return [*welcome.there(book, workspace), *filter(None, said)]
