"""Modules as lists of definitions, on libcst trees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import libcst as cst

Statement = cst.FunctionDef | cst.ClassDef | cst.SimpleStatementLine | cst.If
PROGRAM = "__main__"  # what `if __name__ == "__main__":` is called among the definitions: it stays the last one


@dataclass(frozen=True)
class Piece:
    """What an author wrote in one go: its text, and the line of the chapter where the text begins."""

    text: str
    file: str
    line: int
    member: str = ""  # of a method that @extend put into a class


@dataclass(frozen=True)
class Definition:
    """A function, class or constant of a module, and the pieces that it was made from, oldest first."""

    name: str
    node: Statement
    pieces: tuple[Piece, ...]
    imports: Mapping[str, str] = field(default_factory=dict)  # of libraries, for the names in use: the statement

    @cached_property
    def text(self) -> str:
        return node_text(self.node)


@dataclass(frozen=True)
class Module:
    """One module of a checkpoint. What it imports follows from its definitions."""

    docstring: str = ""
    definitions: dict[str, Definition] = field(default_factory=dict)

    def define(self, new: Definition) -> Module:
        """The module with a definition more, or with another one in the place of its namesake."""
        old = self.definitions.get(new.name)
        if old is not None:
            gap = is_blank(old.node.leading_lines[:1])
            new = replace(new, node=with_comments(new.node, new.node.leading_lines, gap))
        definitions = {**self.definitions, new.name: new}
        if PROGRAM in definitions:
            definitions[PROGRAM] = definitions.pop(PROGRAM)
        return replace(self, definitions=definitions)

    def without(self, name: str) -> Module:
        return replace(self, definitions={key: value for key, value in self.definitions.items() if key != name})


Checkpoint = dict[str, Module]  # by file name


def where(checkpoint: Checkpoint, name: str) -> str | None:
    """The module that defines `name`."""
    return next((file for file, module in checkpoint.items() if name in module.definitions), None)


def find(checkpoint: Checkpoint, name: str) -> Definition | None:
    """The definition of `name`."""
    home = where(checkpoint, name)
    return checkpoint[home].definitions[name] if home else None


def node_text(node: cst.CSTNode) -> str:
    """The source of a node, as if it stood at the top level."""
    return cst.Module([]).code_for_node(node)


def is_blank(lines: Sequence[cst.EmptyLine]) -> bool:
    return any(line.comment is None for line in lines)


def with_comments(node: Statement, lines: Iterable[cst.EmptyLine], gap: bool) -> Statement:
    """The statement with the comments of `lines` above it, and above these a blank line if there is a `gap`."""
    lines = list(lines)
    while lines and lines[0].comment is None:
        lines.pop(0)
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * gap + lines)
