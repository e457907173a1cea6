"""Modules as lists of definitions, and the edits that a chapter makes to them, on libcst trees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import libcst as cst

Statement = cst.FunctionDef | cst.ClassDef | cst.SimpleStatementLine


@dataclass(frozen=True)
class Piece:
    """What an author wrote in one go: its text, and the line of the chapter where the text begins."""

    text: str
    file: str
    line: int


@dataclass(frozen=True)
class Definition:
    """A function, class or constant of a module, and the pieces that it was made from, oldest first."""

    name: str
    node: Statement
    pieces: tuple[Piece, ...]

    @cached_property
    def text(self) -> str:
        return cst.Module([]).code_for_node(self.node)

    def with_method(self, method: cst.FunctionDef, piece: Piece) -> Definition:
        """The class with a method more, or with another one in the place of its namesake."""
        node = put_member(self.node, method)
        return replace(self, node=node, pieces=(*self.pieces, piece))

    def without_member(self, name: str) -> Definition:
        return replace(self, node=_with_body(self.node, _without(_body(self.node), name)))


@dataclass(frozen=True)
class Module:
    """One module of a checkpoint. Imports of siblings are not kept: they follow from the names in use."""

    docstring: str = ""
    imports: dict[str, str] = field(default_factory=dict)  # what is imported: the line that imports it
    definitions: dict[str, Definition] = field(default_factory=dict)

    def define(self, new: Definition) -> Module:
        """The module with a definition more, or with another one in the place of its namesake."""
        old = self.definitions.get(new.name)
        if old is not None:
            gap = is_blank(old.node.leading_lines[:1])
            new = replace(new, node=with_comments(new.node, new.node.leading_lines, gap))
        imports = {key: line for key, line in self.imports.items() if key != new.name}
        return replace(self, imports=imports, definitions={**self.definitions, new.name: new})

    def without(self, name: str) -> Module:
        return replace(self, definitions={key: value for key, value in self.definitions.items() if key != name})


Checkpoint = dict[str, Module]  # by file name


def where(checkpoint: Checkpoint, name: str) -> str | None:
    """The module that defines `name`."""
    return next((file for file, module in checkpoint.items() if name in module.definitions), None)


def is_blank(lines: Sequence[cst.EmptyLine]) -> bool:
    return any(line.comment is None for line in lines)


def with_comments(node: Statement, lines: Iterable[cst.EmptyLine], gap: bool) -> Statement:
    """The statement with the comments of `lines` above it, and above these a blank line if there is a `gap`."""
    lines = list(lines)
    while lines and lines[0].comment is None:
        lines.pop(0)
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * gap + lines)


def members(node: Statement) -> dict[str, bool]:
    """What the body of a class binds, by name, and whether it is a method (or stands for one, as `b = a` does)."""
    found: dict[str, bool] = {}
    if not isinstance(node, cst.ClassDef):
        return found
    for statement in _body(node):
        for name in _bound(statement):
            found[name] = isinstance(statement, cst.FunctionDef) or found.get(name, False)
    for statement in _body(node):
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                if isinstance(small, cst.Assign) and isinstance(small.value, cst.Name) and small.value.value in found:
                    found |= dict.fromkeys(_targets(small), found[small.value.value])
    return found


def uses_of_member(node: Statement, name: str) -> list[str]:
    """The members of a class whose statements use the member `name` in the class's own scope, as `b = a` does."""
    users = []
    for statement in _body(node):
        if isinstance(statement, cst.SimpleStatementLine):
            values = [small.value for small in statement.body if isinstance(small, cst.Assign | cst.AnnAssign)]
        elif isinstance(statement, cst.FunctionDef):
            values = [decorator.decorator for decorator in statement.decorators]
        else:
            continue
        for value in values:
            while isinstance(value, cst.Attribute | cst.Call):
                value = value.value if isinstance(value, cst.Attribute) else value.func
            if isinstance(value, cst.Name) and value.value == name:
                users += [user for user in _bound(statement) if user != name]
    return users


def put_member(node: Statement, method: cst.FunctionDef) -> Statement:
    """The class with the method in the place of its namesake, or at its end."""
    name = method.name.value
    body = _body(node)
    old = [number for number, statement in enumerate(body) if name in _bound(statement)]
    at = old[0] if old else len(body)
    comments = [line for line in method.leading_lines if line.comment is not None]
    method = method.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * (at > 0) + comments)
    return _with_body(node, [*_without(body[:at], name), method, *_without(body[at:], name)])


def _body(node: Statement) -> list[cst.CSTNode]:
    """The statements of a class one by one, those of `class A: x = 1; y = 2` too, without a `pass`."""
    block = node.body
    suite = isinstance(block, cst.SimpleStatementSuite)
    statements = [cst.SimpleStatementLine(block.body)] if suite else block.body  # type: ignore[union-attr,arg-type]
    found: list[cst.CSTNode] = []
    for statement in statements:
        if not isinstance(statement, cst.SimpleStatementLine):
            found.append(statement)
        elif len(statement.body) == 1:
            found += [] if isinstance(statement.body[0], cst.Pass) else [statement]
        else:
            small = [each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for each in statement.body]
            found += [cst.SimpleStatementLine([each]) for each in small if not isinstance(each, cst.Pass)]
    return found


def _with_body(node: Statement, body: list[cst.CSTNode]) -> Statement:
    block = node.body if isinstance(node.body, cst.IndentedBlock) else cst.IndentedBlock([])
    return node.with_changes(body=block.with_changes(body=body or [cst.SimpleStatementLine([cst.Pass()])]))


def _without(body: Iterable[cst.CSTNode], name: str) -> list[cst.CSTNode]:
    return [statement for statement in body if name not in _bound(statement)]


def _bound(statement: cst.CSTNode) -> list[str]:
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return [statement.name.value]
    if isinstance(statement, cst.SimpleStatementLine):
        return [name for small in statement.body for name in _targets(small)]
    return []


def _targets(small: cst.CSTNode) -> list[str]:
    if isinstance(small, cst.Assign):
        targets: list[cst.CSTNode] = [target.target for target in small.targets]
    else:
        targets = [small.target] if isinstance(small, cst.AnnAssign) else []
    return [target.value for target in targets if isinstance(target, cst.Name)]
