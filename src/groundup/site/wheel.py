"""The book as a wheel, beside the notebooks that readers take from the site: nothing is asked of any registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from groundup.book import Book, BookError
from groundup.site.render import DATE

BUILD = "import os, sys; os.umask(0o022); from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
NEVER = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
FILES = ("pyproject.toml", "README.md", "LICENSE", "LICENSE-text")


def write(book: Book, folder: Path) -> Path:
    """Build the wheel into `folder`: the tool, the checkpoints, the digits and the recorded results.

    The same book gives the same bytes.
    Raises: BookError when it cannot be built.
    """
    book.build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=book.build, prefix="wheel-") as outer:
        source, made = Path(outer, "book"), Path(outer, "made")
        shutil.copytree(book.root / "src", source / "src", ignore=NEVER)
        shutil.copytree(book.root / "docs" / "results", source / "src" / "groundup" / "results")
        for name in FILES:
            shutil.copy(book.root / name, source)
        for path in source.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(made)],
            cwd=source, env=os.environ | {"SOURCE_DATE_EPOCH": DATE}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        built = made / book.wheel
        if done.returncode or not built.is_file():
            why = (done.stderr.strip() or done.stdout.strip() or "setuptools said nothing").splitlines()[-1]
            raise BookError(
                f"the wheel for the notebooks could not be built: {why}: make setup installs what builds it"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(built, folder))
