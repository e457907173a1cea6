"""A checkpoint in the making: its modules, and where the chapter said what."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from groundup.chapter import Chapter, Problems
from groundup.checkpoint.modules import Checkpoint, Module


@dataclass
class Draft:
    """The checkpoint after a chapter's edits. Lines are those of the chapter."""

    chapter: Chapter
    before: Checkpoint
    previous: str | None  # the package of the checkpoint before
    modules: Checkpoint
    problems: Problems
    exported: dict[str, int] = field(default_factory=dict)  # definitions, by the line that exports them last
    restated: dict[str, int] = field(default_factory=dict)  # names of `before`, by the line that changes them first
    deleted: dict[str, int] = field(default_factory=dict)
    methods: dict[str, tuple[str, int]] = field(default_factory=dict)  # extended: class and line

    def module(self, file: str) -> Module:
        """The module as draft so far, a new one where there is none."""
        return self.modules.get(file, Module())

    def near(self, name: str) -> str:
        """A hint at the definition that was meant by `name`, as the end of a message."""
        known = [known for module in self.modules.values() for known in module.definitions]
        found = difflib.get_close_matches(name, known, n=1)
        return f" (did you mean {found[0]}?)" if found else ""
