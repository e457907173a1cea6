"""A checkpoint in the making: its modules, and where the chapter said what."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from groundup.chapter import Chapter, Problems
from groundup.checkpoint.modules import Checkpoint, Definition, Module, Piece, find
from groundup.checkpoint.names import Load, names


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
    dropped: dict[str, int] = field(default_factory=dict)
    extended: list[tuple[str, str, int]] = field(default_factory=list)  # class, method and line

    def module(self, file: str) -> Module:
        """The module as the chapter has made it so far, a new one where there is none."""
        return self.modules.get(file, Module())

    def near(self, name: str) -> str:
        """A hint at the definition that was meant by `name`, as the end of a message."""
        known = [known for module in self.modules.values() for known in module.definitions]
        found = difflib.get_close_matches(name, known, n=1)
        return f" (did you mean {found[0]}?)" if found else ""

    def is_new(self, definition: Definition) -> bool:
        """Whether this chapter has made or changed it."""
        old = find(self.before, definition.name)
        return old is None or old.node is not definition.node

    def uses(self, definition: Definition) -> Iterator[tuple[Piece, int, Load]]:
        """What the definition uses in what this chapter wrote of it, with the line."""
        used = {load.name for load in names(definition.text).loads}
        for piece in definition.pieces:
            if piece.file == self.chapter.file:
                for load in names(piece.text).loads:
                    if load.name in used:
                        yield piece, piece.line + load.line - 1, load


@cache
def uses_of(text: str) -> frozenset[str]:
    """The top-level names that source runs."""
    return frozenset(load.name for load in names(text).loads if load.when in ("now", "later"))
