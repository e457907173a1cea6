"""Where the parts of a copy of the book are."""

from __future__ import annotations

import contextlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from groundup.book.errors import BookError, UsageError
from groundup.book.files import read_text

CHAPTER_FILE = re.compile(r"(0[1-9]|[1-9]\d)_([a-z0-9_]+)\.py")


@dataclass(frozen=True)
class Book:
    """The folders of one copy of the book; `made` is the one of all that is made and not committed."""

    root: Path
    made: str = "build"

    @classmethod
    def find(cls) -> Book:
        """The book that this tool was installed from, or the one around the current folder.

        Raises: BookError when there is none.
        """
        here = Path.cwd()
        for root in (here, *here.parents, Path(__file__).parents[3]):
            if (root / "chapters").is_dir() and (root / "src").is_dir():
                return cls(root)
        raise BookError("no chapters/ here: run this in the folder of the book (the one that holds the Makefile)")

    @property
    def version(self) -> str:
        """The version of the book, as pyproject.toml has it; "0" where there is none."""
        project = self.root / "pyproject.toml"
        if not project.is_file():
            return "0"
        try:
            return str(tomllib.loads(read_text(project, project.name))["project"]["version"])
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise BookError(f"pyproject.toml: no version of the project can be read there ({error}): mend it") from None

    @property
    def wheel(self) -> str:
        """The name of the wheel that the site carries."""
        return f"groundup-{self.version}-py3-none-any.whl"

    @property
    def address(self) -> str:
        """The address that the site is built for, with a slash at its end: `site_url` in mkdocs.yml."""
        found = re.search(r"^site_url: *(\S+)", read_text(self.root / "mkdocs.yml", "mkdocs.yml"), re.M)
        if found is None:
            raise BookError("mkdocs.yml: no site_url: give the address that the site is built for")
        return found[1].strip("\"'/") + "/"

    @property
    def build(self) -> Path:
        return self.root / self.made

    @property
    def site(self) -> Path:
        return self.build / "site"

    def chapters(self) -> dict[int, Path]:
        """The chapter scripts by number, in order."""
        found: dict[int, Path] = {}
        for path in sorted((self.root / "chapters").glob("[!.]*.py")):  # an editor's lock file begins with a dot
            name = CHAPTER_FILE.fullmatch(path.name)
            if name is None:
                raise BookError(f"{self.relative(path)}: a chapter is named like 05_backward_pass.py, from 01 on")
            number = int(name[1])
            if number in found:
                raise BookError(f"{self.relative(path)}: chapter {number} exists already, as {found[number].name}")
            found[number] = path
        return found

    def chapter(self, number: int | str) -> Path:
        """The script of one chapter.

        Raises: UsageError, naming the chapters that exist.
        """
        chapters = self.chapters()
        with contextlib.suppress(ValueError):
            if int(number) in chapters:
                return chapters[int(number)]
        existing = ", ".join(map(str, chapters)) or "none"
        raise UsageError(f"there is no chapter {number}: the chapters are {existing}")

    def checkpoint(self, number: int) -> Path:
        """The package that chapter `number` exports."""
        return self.root / "src" / f"ch{number:02d}"

    def executed(self, number: int) -> Path:
        """The executed notebook of a chapter."""
        return self.build / "executed" / f"{self.chapter(number).stem}.ipynb"

    def results(self, number: int) -> Path:
        """What a chapter recorded when it ran."""
        return self.build / "results" / f"{number:02d}.json"

    def relative(self, path: Path) -> str:
        """`path` as the reader would type it in the book's folder."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
