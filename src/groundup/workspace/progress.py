"""What a reader has done in a workspace: a file that one can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from groundup.book import BookError, write_if_changed


@dataclass(frozen=True)
class Entry:
    """One exercise: its `state` at the last try, at `when`, a hash of that `answer`, and how much help was taken."""

    state: str = "not started"
    tries: int = 0
    hints: int = 0
    solution: int = 0
    answer: str = ""
    when: str = ""


class Progress:
    """The file `progress.json` of a workspace; `begun` is what a new one begins with. Changes are written at once."""

    def __init__(self, path: Path, begun: dict[str, Any]) -> None:
        self.path = path
        self.begun = begun

    def entry(self, exercise: str) -> Entry:
        return Entry(**self._content()["exercises"].get(exercise, {}))

    def change(self, exercise: str, **values: Any) -> Entry:
        """Set what is known of an exercise, and the time.

        Raises: BookError where the file cannot be written.
        """
        if not self.path.parent.is_dir():
            raise BookError(f"{self.path.parent} is gone: what was finished stood in it")
        content = self._content()
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        entry = replace(self.entry(exercise), **values, when=now)
        content["exercises"][exercise] = asdict(entry)
        self._write(content)
        return entry

    def mended(self) -> str:
        """Put a file that cannot be read aside and begin another; say so, or nothing where it is in order."""
        try:
            content = self._content()
            if not self.path.is_file():
                self._write(content)
            return ""
        except (ValueError, TypeError, AttributeError, RecursionError):
            kept = next(path for path in self._names() if not path.exists())
        try:
            self.path.rename(kept)
        except OSError as error:
            raise BookError(f"cannot rename {self.path}: {error.strerror}") from None
        self._write(self._content())
        return f"{self.path.name} cannot be read: it is kept as {kept.name}, and a new one is begun"

    def _write(self, content: dict[str, Any]) -> None:
        write_if_changed(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def _names(self) -> list[Path]:
        return [self.path.with_name(f"progress.old{number}.json") for number in ("", *range(2, 1000))]

    def _content(self) -> dict[str, Any]:
        """Raises: ValueError, TypeError or AttributeError where it is not what was written."""
        if not self.path.is_file():
            return {**self.begun, "exercises": {}}
        found = json.loads(self.path.read_text(encoding="utf-8"))
        found.setdefault("exercises", {})
        for entry in found["exercises"].values():
            kept = Entry(**entry)
            if not all(isinstance(getattr(kept, key), type(value)) for key, value in asdict(Entry()).items()):
                raise ValueError("an entry of another kind")
        return found
