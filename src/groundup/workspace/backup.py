"""Copies that stand beside what they are copies of, numbered: a reader's work is never lost."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from groundup.book import replacing


def backup_name(path: Path) -> Path:
    """The next free name: `05.backup-1` for a folder, `05_backward_pass.backup-1.py` for a file."""
    suffix = path.suffix if path.is_file() else ""
    names = (path.with_name(f"{path.name.removesuffix(suffix)}.backup-{number}{suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def keep(path: Path) -> Path:
    """A copy of a file beside it."""
    kept = backup_name(path)
    with replacing(kept) as part:
        shutil.copy2(path, part)
    return kept
