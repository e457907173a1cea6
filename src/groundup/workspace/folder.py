"""A workspace: the folder in which a reader works one chapter."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundup.book import CHAPTER_FILE, Book, BookError, digest

FOLDER = "work"  # in the book's root; version control leaves it out


@dataclass(frozen=True)
class Workspace:
    """Where the parts of a workspace are. `stem` is the chapter's, `05_backward_pass`, and that of its two files."""

    folder: Path
    stem: str = ""

    def __post_init__(self) -> None:
        """Raises: BookError where no stem is given and the folder has no file that tells it."""
        if self.stem:
            return
        stem = next(_stems(self.folder), None)
        if stem is None:
            raise BookError(f"{self.folder} is no workspace: groundup start 5 makes one (for chapter 5)")
        object.__setattr__(self, "stem", stem)

    @classmethod
    def of(cls, book: Book, number: int | str, dir: Path | None = None) -> Workspace:
        """The workspace of a chapter, which need not be there yet: in `work/05`, or in `dir`.

        Raises: UsageError when there is no such chapter.
        """
        chapter = book.chapter(number)
        digits = chapter.stem[:2]
        folder = cls.usual(book, int(digits)) if dir is None else Path(os.path.abspath(dir))
        stems = [stem for stem in _stems(folder) if stem.startswith(digits)]  # of an older book, perhaps
        return cls(folder, stems[0] if stems else chapter.stem)

    @classmethod
    def here(cls, book: Book, number: int | str) -> Workspace | None:
        """The workspace of a chapter that the current folder is.

        Raises: UsageError when there is no such chapter.
        """
        found = cls.of(book, number, Path.cwd())
        return found if found.config.is_file() and found.is_begun else None

    @property
    def parts(self) -> tuple[Path, ...]:
        """Everything that a workspace holds."""
        previous = (self.previous,) if self.previous else ()
        return (*previous, self.mine, self.readme, self.config, self.progress, self.script, self.notebook)

    @property
    def is_begun(self) -> bool:
        """Whether it is there, be it incomplete."""
        return self.notebook.exists() or self.script.exists() or self._begun().get("chapter") == self.number

    def in_step(self) -> str:
        """Bring the notebook and the script in step; see `Pair.in_step` for what is returned and raised."""
        from groundup.workspace.pair import Pair

        return Pair(self.notebook, self.script).in_step()

    def changed(self, book: Book) -> str:
        """A line for the reader where the book has changed its chapter since the workspace was begun, or nothing."""
        begun, now = self._begun().get("book"), edition(book, self.number)
        if begun == now:
            return ""
        where = "" if self.folder == self.usual(book, self.number) else f' --dir "{self.folder}"'
        return (
            f"begun with version {begun or 'unknown'} of the book, which is {now} now: go on with what you have, "
            f"or take the new one: groundup start {self.number}{where} --fresh"
        )

    @property
    def passed(self) -> set[str]:
        """The exercises that have passed, by progress.json."""
        exercises = self._begun().get("exercises")
        entries = exercises.items() if isinstance(exercises, dict) else ()
        return {name for name, entry in entries if isinstance(entry, dict) and entry.get("state") == "passed"}

    def _begun(self) -> dict[str, Any]:
        """What progress.json says; nothing where it cannot be read."""
        try:
            begun = json.loads(self.progress.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return begun if isinstance(begun, dict) else {}

    @staticmethod
    def usual(book: Book, number: int) -> Path:
        """The folder where a command looks for a workspace."""
        return book.root / FOLDER / f"{number:02d}"

    @property
    def number(self) -> int:
        """The chapter's number."""
        return int(self.stem[:2])

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.stem}.ipynb"

    @property
    def script(self) -> Path:
        """The same as a percent script."""
        return self.folder / f"{self.stem}.py"

    @property
    def config(self) -> Path:
        """Tells jupytext that the two are a pair."""
        return self.folder / "jupytext.toml"

    @property
    def readme(self) -> Path:
        return self.folder / "README.md"

    @property
    def progress(self) -> Path:
        """What passed, what was tried, how many hints were shown."""
        return self.folder / "progress.json"

    @property
    def mine(self) -> Path:
        """The reader's own package."""
        return self.folder / "mine"

    @property
    def previous(self) -> Path | None:
        """The previous checkpoint, to build on; None in chapter 1."""
        return self.folder / f"ch{self.number - 1:02d}" if self.number > 1 else None


def edition(book: Book, number: int) -> str:
    """The version of the book with a hash of one chapter: another one means that the chapter has changed."""
    return f"{book.version}+{digest(book.chapter(number))[:8]}"


def _stems(folder: Path) -> Iterator[str]:
    """The stems of the files of a chapter in a folder, those that have both formats first."""
    found = [
        path.stem
        for path in sorted(folder.glob("[0-9][0-9]_*"))
        if path.suffix in (".ipynb", ".py") and CHAPTER_FILE.fullmatch(f"{path.stem}.py")
    ]
    yield from sorted(dict.fromkeys(found), key=lambda stem: -found.count(stem))
