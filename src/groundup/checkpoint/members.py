"""The body of a class, member by member, on libcst trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import libcst as cst

from groundup.checkpoint.modules import Statement, node_text


def members(node: cst.CSTNode) -> list[str]:
    """The names that the body of a class binds."""
    found = [name for statement in _body(node) for name in _bound(statement)] if isinstance(node, cst.ClassDef) else []
    return list(dict.fromkeys(found))


def uses_of_member(node: Statement, name: str) -> list[str]:
    """The members of a class that are made from its member `name` in the class's own scope, as `b = a` is."""
    users = []
    tree = ast.parse(node_text(node)).body[0]
    for statement in tree.body if isinstance(tree, ast.ClassDef) else ():
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            made_from = [*statement.decorator_list, *statement.args.defaults, *statement.args.kw_defaults]
            bound = [statement.name]
        else:
            made_from = [getattr(statement, "value", None)]
            bound = [target.id for target in _all_targets(statement) if isinstance(target, ast.Name)]
        uses = [each for part in made_from if part for each in ast.walk(part) if isinstance(each, ast.Name)]
        if name in {each.id for each in uses}:
            users += [user for user in bound if user != name]
    return users


def _all_targets(statement: ast.stmt) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", ast.Constant(0))]


def put_member(node: Statement, method: cst.FunctionDef) -> Statement:
    """The class with the method in the place of its namesake, or at its end.

    A part of a property, such as `@x.setter`, stands below the property and takes the place of the same part only.
    """
    name = method.name.value
    body = _body(node)
    namesakes = [number for number, statement in enumerate(body) if name in _bound(statement)]
    part = property_part(method)
    if part and namesakes:
        at = namesakes[-1] + 1
        above = [each for each in body[:at] if property_part(each) != part]
        below = body[at:]
    else:
        at = namesakes[0] if namesakes else len(body)
        above, below = _without(body[:at], name), _without(body[at:], name)
    comments = [line for line in method.leading_lines if line.comment is not None]
    method = method.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * (at > 0) + comments)
    return _with_body(node, [*above, method, *below])


def property_part(node: cst.CSTNode) -> str:
    """`x.setter` of a method `x` under `@x.setter`, else nothing."""
    for decorator in node.decorators if isinstance(node, cst.FunctionDef) else ():
        match decorator.decorator:
            case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value=part)) if name in _bound(node):
                return f"{name}.{part}"
    return ""


def without_member(node: Statement, name: str) -> Statement:
    return _with_body(node, _without(_body(node), name))


def methods(node: Statement) -> Iterator[cst.FunctionDef]:
    """The methods of a class, and those of the classes in it; a function itself."""
    if isinstance(node, cst.FunctionDef):
        yield node
    elif isinstance(node, cst.ClassDef):
        for statement in _body(node):
            if isinstance(statement, cst.FunctionDef | cst.ClassDef):
                yield from methods(statement)


def fields(node: Statement) -> set[str]:
    """What the body of a class annotates, as a dataclass's fields are, and the names of its `__slots__`."""
    found = set()
    for statement in _body(node):
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        for small in statement.body:
            if isinstance(small, cst.AnnAssign) and isinstance(small.target, cst.Name):
                found.add(small.target.value)
            elif isinstance(small, cst.Assign) and "__slots__" in _targets(small):
                found |= set(re.findall(r"[\"'](\w+)[\"']", node_text(small)))
    return found


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
