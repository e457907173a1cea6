"""The imports of a chapter: what each binds, and what is wrong with one in an exported cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from groundup.chapter import Cell
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.modules import where

PACKAGE = re.compile(r"ch\d\d(\..*)?")


@dataclass(frozen=True)
class Imported:
    """One name that is imported, and the statement that imports it alone."""

    name: str
    statement: str
    line: int
    module: str  # "" for `import a`
    original: str  # the name in that module

    @property
    def from_checkpoint(self) -> bool:
        return bool(PACKAGE.fullmatch(self.module or self.original))


def imported(tree: ast.AST) -> Iterator[Imported]:
    """What source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                source = f"from {module} " if module else ""
                suffix = f" as {alias.asname}" if alias.asname else ""
                name = alias.asname or alias.name.partition(".")[0]
                yield Imported(name, f"{source}import {alias.name}{suffix}", alias.lineno, module, alias.name)


def check_imports(draft: Draft, cell: Cell, tree: ast.stmt) -> None:
    """Add what is wrong with the imports of a statement in an exported cell."""
    nested = not isinstance(tree, ast.Import | ast.ImportFrom)
    for each in imported(tree):
        line = cell.line + each.line
        if each.module.startswith("."):
            draft.problems.add(
                line, "a relative import: the export adds the imports of sibling modules: remove this one"
            )
        elif each.original == "*":
            text = "`import *` hides what is used: import the names"
            draft.problems.add(line, f"{text} from {each.module} one by one")
        elif each.from_checkpoint and nested:
            text = f"`{each.statement}` would stay as it is in every later checkpoint"
            draft.problems.add(line, f"{text}: put it at the top of a cell: the export imports what the function needs")
        elif each.from_checkpoint:
            text = mistake(draft, each)
            if text:
                draft.problems.add(line, text)


def check_words(draft: Draft) -> None:
    """Add imports of a chapter by which its words would mean something else than the export takes them for."""
    for cell in draft.chapter.cells:
        if not cell.is_code or not re.search(r"__future__|\bextend\s+as\b", cell.source):
            continue
        for each in imported(cell.tree):
            if each.module == "__future__":
                text = f"a checkpoint has no `{each.statement}`"
                remedy = "remove it, and write a type that stands below in quotes"
                draft.problems.add(cell.line + each.line, f"{text}: {remedy}")
            if each.original == "extend" and each.module.startswith("groundup") and each.name != "extend":
                text = f"`{each.statement}`: the export knows @extend by its name"
                draft.problems.add(cell.line + each.line, f"{text}: import it without `as`")


def mistake(draft: Draft, each: Imported) -> str:
    """What is wrong with an import from a checkpoint, or nothing."""
    package, _, stem = each.module.partition(".")
    home = where(draft.before, each.original)
    if draft.previous is None:
        return f"`{each.statement}`: there is no checkpoint before this chapter: remove this"
    if not each.module:
        return f"`{each.statement}`: write `from {draft.previous}.module import name`"
    if package != draft.previous:
        return f"`{each.statement}`: import from {draft.previous}, the previous checkpoint"
    if not stem:
        return f"`{each.statement}`: write `from {each.module}.module import name`"
    if home is None:
        return f"{each.module} has no {each.original}{draft.near(each.original)}: import what is there"
    if home != f"{stem}.py":
        remedy = f"write `from {package}.{home.removesuffix('.py')} import {each.original}`"
        return f"{each.module} has no {each.original}: {remedy}"
    if each.name != each.original:
        text = "a checkpoint has one name for a thing, and its newest version"
        remedy = "import it without `as`, or write the old version out under a name of its own"
        return f"`{each.original} as {each.name}`: {text}: {remedy}"
    return ""


def is_previous(draft: Draft, each: Imported) -> bool:
    """Whether this imports a definition of the previous checkpoint under its own name."""
    return each.from_checkpoint and not mistake(draft, each)
