"""What restating a definition would lose."""

from __future__ import annotations

import ast

import libcst as cst

from groundup.checkpoint.draft import Draft, uses_of
from groundup.checkpoint.members import members
from groundup.checkpoint.modules import Module, Statement, find, node_text


def check_restated(draft: Draft, module: Module, name: str, node: Statement, line: int) -> None:
    """A class that is restated keeps its members, or gets them from its bases: losing one in silence is a mistake."""
    old = module.definitions.get(name)
    if old is None:
        return
    kept = _inherited(draft, node)
    lost = [member for member in members(old.node) if member not in kept]
    if lost:
        remedy = f'keep them, or write drop="{" ".join(f"{name}.{member}" for member in lost)}" in the cell\'s header'
        draft.problems.add(line, f"{name} loses {', '.join(lost)} here: {remedy}")


def _inherited(draft: Draft, node: Statement) -> set[str]:
    """What a class has, and what the classes that it is made from have."""
    found = set(members(node))
    bases = [base.value for base in node.bases] if isinstance(node, cst.ClassDef) else [getattr(node, "value", None)]
    for base in bases:
        definition = find(draft.modules, base.value) if isinstance(base, cst.Name) else None
        if definition is not None and isinstance(definition.node, cst.ClassDef) and definition.node is not node:
            found |= _inherited(draft, definition.node)
    return found


def check_registered(draft: Draft, module: Module, name: str, node: Statement, line: int) -> None:
    """What a decorator has registered stays in the live chapter when its name is given to another function."""
    old = module.definitions.get(name)
    if old is None or not isinstance(old.node, cst.FunctionDef | cst.ClassDef):
        return
    kept = [dec for dec in ast.parse(old.text).body[0].decorator_list if _may_register(draft, dec)]  # type: ignore[attr-defined]
    if kept and _registration(old.node) != _registration(node):
        text = f"`@{ast.unparse(kept[0])}` may have kept the {name} above, and the checkpoint would lose it"
        draft.problems.add(line, f"{text}: give each a name of its own")


def _may_register(draft: Draft, decorator: ast.expr) -> bool:
    """Whether a decorator is `….register`, or one of the book's own that reads more than numbers and texts."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute) and called.attr == "register":
        return True
    while isinstance(called, ast.Attribute):
        called = called.value
    own = find(draft.modules, called.id) if isinstance(called, ast.Name) else None
    if own is None:
        return False
    used = [own, *filter(None, (find(draft.modules, name) for name in uses_of(own.text)))]
    return any(_is_table(definition.node) for definition in used)


def _is_table(node: Statement) -> bool:
    """Whether a constant is an object that can be filled."""
    values = [getattr(each, "value", None) for each in node.body] if isinstance(node, cst.SimpleStatementLine) else []
    return any(not isinstance(value, cst.BaseNumber | cst.BaseString | cst.Name) for value in values)


def _registration(node: Statement) -> tuple[str, ...]:
    """What tells one registration from the next: the decorators, and for `….register` the types that it reads."""
    if not isinstance(node, cst.FunctionDef | cst.ClassDef):
        return ()
    parts = [node_text(decorator.decorator) for decorator in node.decorators]
    if isinstance(node, cst.FunctionDef) and any(part.endswith(".register") for part in parts):
        parts += [node_text(each.annotation.annotation) for each in node.params.params if each.annotation]
    return tuple(parts)
