"""Stubs: a solution's code with the answers taken out."""

from __future__ import annotations

import libcst as cst


def stub(source: str) -> str:
    """A solution's code without its answers.

    Imports and docstrings stay, functions and methods keep their signature and raise `NotImplementedError`,
    a name that is assigned to becomes `None`, and every other statement goes.
    """
    module = cst.parse_module(source)
    kept = []
    for statement in module.body:
        blank = [line for line in statement.leading_lines if not line.comment]  # a comment may tell the answer
        kept += [part.with_changes(leading_lines=blank) for part in _statement(statement)]
    return module.with_changes(body=kept, header=[], footer=[]).code.strip()


def _statement(node: cst.BaseStatement) -> list[cst.BaseStatement]:
    """What a stub keeps of one statement of a solution."""
    if isinstance(node, cst.FunctionDef):
        return [_function(node)]
    if isinstance(node, cst.ClassDef):
        return [_class(node)]
    if not isinstance(node, cst.SimpleStatementLine):
        return []
    small = node.body[0]
    if isinstance(small, cst.Import | cst.ImportFrom | cst.Del) or _is_docstring(node):
        return [node]
    if isinstance(small, cst.AnnAssign):
        targets: list[cst.BaseExpression] = [small.target]
    elif isinstance(small, cst.Assign):
        targets = [target.target for target in small.targets]
    else:
        return []
    answers = [answer for answer in map(_answer, targets) if answer]
    return [
        cst.ensure_type(cst.parse_statement(f"{answer}  # your answer\n"), cst.SimpleStatementLine)
        for answer in answers
    ]


def _answer(target: cst.BaseExpression) -> str | None:
    if isinstance(target, cst.Name):
        return f"{target.value} = None"
    if isinstance(target, cst.Tuple | cst.List):
        names = [element.value.value for element in target.elements if isinstance(element.value, cst.Name)]
        return f"{', '.join(names)} = {', '.join(['None'] * len(names))}" if names else None
    return None


def _function(node: cst.FunctionDef) -> cst.FunctionDef:
    body = node.body.body
    kept = [line for line in body[:1] if _is_docstring(line)]
    return node.with_changes(body=cst.IndentedBlock([*kept, cst.parse_statement("raise NotImplementedError")]))  # type: ignore[list-item]


def _class(node: cst.ClassDef) -> cst.ClassDef:
    """A class with its methods stubbed; its fields are part of its interface and stay."""
    stubs = [
        _function(part)
        if isinstance(part, cst.FunctionDef)
        else _class(part)
        if isinstance(part, cst.ClassDef)
        else part
        for part in node.body.body
    ]
    return node.with_changes(body=node.body.with_changes(body=stubs))


def _is_docstring(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Expr)
        and isinstance(node.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )
