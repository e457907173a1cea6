"""The imports of exported cells: those of libraries are kept, those of the previous checkpoint only checked.

Ruff sorts them, so that a comment on an import is not kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from groundup.checkpoint.draft import Draft
from groundup.checkpoint.modules import where

PACKAGE = re.compile(r"ch\d\d(\..*)?")


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that source imports, each with a statement that imports it alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = f"from {'.' * node.level}{node.module or ''} " if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                suffix = f" as {alias.asname}" if alias.asname else ""
                yield alias.asname or alias.name, f"{source}import {alias.name}{suffix}"


def apply_import(draft: Draft, file: str, tree: ast.Import | ast.ImportFrom, line: int) -> None:
    """Add what a statement imports to a module."""
    mistake = draft.problems.add
    module = tree.module or "" if isinstance(tree, ast.ImportFrom) else ""
    if isinstance(tree, ast.ImportFrom) and tree.level:
        return mistake(line, "a relative import: the export adds the imports of sibling modules: remove this one")
    if any(alias.name == "*" for alias in tree.names):
        return mistake(line, f"`import *` hides what is used: import the names from {module} one by one")
    if isinstance(tree, ast.ImportFrom) and PACKAGE.fullmatch(module):
        return _check_previous(draft, module, tree, line)
    for key, statement in imported(tree):
        if not module and PACKAGE.fullmatch(statement.split()[1]):
            mistake(line, f"`{statement}`: write `from {draft.previous or 'chNN'}.module import name`")
        else:
            _add(draft, file, "__future__" if module == "__future__" else key, statement, line)
    return None


def _add(draft: Draft, file: str, key: str, statement: str, line: int) -> None:
    module = draft.module(file)
    binding = key.partition(".")[0]
    if binding in module.definitions:
        remedy = f"`del {binding}` first, or remove this import"
        return draft.problems.add(line, f"{file} defines {binding} itself: {remedy}")
    # `import torch` and `import torch.nn` go together; any other two imports of one name do not.
    kept = {
        other: old
        for other, old in module.imports.items()
        if other.partition(".")[0] != binding or {old, statement} == {f"import {other}", f"import {key}"}
    }
    draft.modules[file] = replace(module, imports={**kept, key: statement})
    return None


def _check_previous(draft: Draft, source: str, tree: ast.ImportFrom, line: int) -> None:
    """An import of the previous checkpoint adds nothing, but what it names must be there."""
    mistake = draft.problems.add
    package, _, stem = source.partition(".")
    name = tree.names[0].name
    if draft.previous is None:
        return mistake(line, f"`from {source} import {name}`: there is no checkpoint before this chapter: remove this")
    if package != draft.previous:
        return mistake(line, f"`from {source} import {name}`: import from {draft.previous}, the previous checkpoint")
    if not stem:
        return mistake(line, f"`from {source} import {name}`: write `from {source}.module import name`")
    for alias in tree.names:
        home = where(draft.before, alias.name)
        if alias.asname:
            text = "a checkpoint has one name for a thing: import it without `as`"
            mistake(line, f"`{alias.name} as {alias.asname}`: {text}")
        elif home is None:
            mistake(line, f"{source} has no {alias.name}{draft.near(alias.name)}: import what is there")
        elif home != f"{stem}.py":
            remedy = f"write `from {package}.{home.removesuffix('.py')} import {alias.name}`"
            mistake(line, f"{source} has no {alias.name}: {remedy}")
    return None
