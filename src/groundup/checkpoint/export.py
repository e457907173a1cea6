"""Checkpoints: the packages src/chNN, each the one before plus the exported cells of its chapter."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import ruff

from groundup.book import Book, BookError, write_if_changed
from groundup.chapter import Chapter, ChapterError
from groundup.checkpoint.edit import edit
from groundup.checkpoint.modules import Checkpoint, Module
from groundup.checkpoint.resolve import Needs, resolve
from groundup.checkpoint.shadows import check_shadows

GENERATED = "# Generated from chapters/ by `make export`: edit the chapter, not this file."
INIT = f'{GENERATED}\n"""The code of the book, as it stands after one of its chapters."""\n'
CONFIG = (
    "--isolated",  # the same result in whatever folder the book is
    "--no-cache",
    "--quiet",
    "--config=line-length=88",  # as wide as a chapter's code, so that the two read alike
    '--config=target-version="py311"',
)
SORT = ("--config=lint.select=['I']", "--config=lint.isort.known-first-party=['groundup']")


def checkpoints(chapters: Mapping[int, Chapter]) -> dict[int, dict[str, str]]:
    """The texts of every checkpoint's modules, by chapter and file name.

    Raises: ChapterError with every mistake of the first chapter that has any.
    """
    missing = set(range(1, max(chapters, default=0))) - {*chapters}
    if missing:
        raise ChapterError(f"chapter {min(missing)} is missing: each chapter builds on the one before")
    raw: dict[int, dict[str, str]] = {}
    before: Checkpoint = {}
    previous = None
    for chapter in chapters.values():
        draft = edit(chapter, before, previous)
        needs = resolve(draft)
        check_shadows(draft)
        draft.problems.raise_if_any()
        before = {file: _pruned(module, needs[file]) for file, module in sorted(draft.modules.items())}
        previous = chapter.package
        raw[chapter.number] = {file: render(module, needs[file]) for file, module in before.items()}
    done = _formatted({text for texts in raw.values() for text in texts.values()})
    return {
        number: {"__init__.py": INIT, **{file: done[text] for file, text in texts.items()}}
        for number, texts in raw.items()
        if texts
    }


def write(book: Book, chapters: Mapping[int, Chapter]) -> list[Path]:
    """Write what differs and remove what no chapter exports any more; return the files that changed.

    Raises: ChapterError before anything is written.
    """
    changed = []
    wanted = _by_path(book, chapters)
    for path, text in wanted.items():
        if write_if_changed(path, text):
            changed.append(path)
    for path in _committed(book):
        if path not in wanted and _is_generated(path):
            path.unlink()
            changed.append(path)
            _remove_if_empty(path.parent)
    return changed


def stale(book: Book, chapters: Mapping[int, Chapter]) -> list[str]:
    """A line for each file of a checkpoint that was draft, is missing, or is exported by no chapter."""
    lines = []
    wanted = _by_path(book, chapters)
    for path in sorted({*wanted, *_committed(book)}):
        name = book.relative(path)
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
        if path not in wanted:
            remedy = "`make export` removes it" if _is_generated(path) else "move it elsewhere"
            lines.append(f"{name} is exported by no chapter: {remedy}")
        elif text is None:
            lines.append(f"{name} is missing: run `make export`")
        elif text != wanted[path]:
            chapter = book.relative(book.chapter(int(path.parent.name[2:])))
            lines.append(f"{name} differs from what {chapter} exports: edit the chapter, then `make export`")
    return lines


def render(module: Module, needs: Needs) -> str:
    """The text of a module, not yet formatted."""
    imports = list(module.imports.values())
    if needs.lazy and "__future__" not in module.imports:
        imports.append("from __future__ import annotations")
    for sibling, names in needs.siblings.items():
        imports += [f"from .{sibling.removesuffix('.py')} import {name}" for name in sorted(names)]
    head = [GENERATED, *([module.docstring] if module.docstring else []), *(["", *imports] if imports else [])]
    body = "".join(definition.text for definition in module.definitions.values())
    return "\n".join([*head, "", body.lstrip("\n")])


def _pruned(module: Module, needs: Needs) -> Module:
    """The module without the imports that nothing in it uses."""
    used = needs.imports | {"__future__"}
    imports = {key: line for key, line in module.imports.items() if key in used}
    return module if imports == module.imports else replace(module, imports=imports)


def _formatted(texts: set[str]) -> dict[str, str]:
    """Each text with sorted imports and formatted, all by the same two runs of ruff."""
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {text: Path(folder, f"module_{number}.py") for number, text in enumerate(sorted(texts))}
        for text, path in paths.items():
            path.write_text(text, encoding="utf-8")
        for command in (("check", "--fix", *SORT), ("format",)):
            run = subprocess.run(
                [ruff.find_ruff_bin(), *command, *CONFIG, folder], capture_output=True, text=True, check=False
            )
            if run.returncode:
                raise BookError(f"ruff {command[0]} failed on the exported modules: {run.stderr or run.stdout}")
        return {text: path.read_text(encoding="utf-8") for text, path in paths.items()}


def _by_path(book: Book, chapters: Mapping[int, Chapter]) -> dict[Path, str]:
    return {
        book.checkpoint(number) / file: text
        for number, texts in checkpoints(chapters).items()
        for file, text in texts.items()
    }


def _committed(book: Book) -> list[Path]:
    return sorted((book.root / "src").glob("ch[0-9][0-9]/*.py"))


def _is_generated(path: Path) -> bool:
    return path.read_text(encoding="utf-8", errors="replace").startswith(GENERATED)


def _remove_if_empty(folder: Path) -> None:
    """Remove a package of which only Python's cache is left."""
    cache = folder / "__pycache__"
    if {*folder.iterdir()} <= {cache}:
        for file in cache.glob("*"):
            file.unlink()
        for empty in (cache, folder):
            if empty.is_dir():
                empty.rmdir()
