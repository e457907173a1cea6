"""Wrong answers made from right ones: one small change each, by the operators of mutmut and some of our own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import libcst as cst
from mutmut.mutation import mutators

Operator = tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]

COMMUTATIVE = (cst.Add, cst.Multiply, cst.BitAnd, cst.BitOr)
IN_PLACE = {cst.Add: cst.AddAssign, cst.Subtract: cst.SubtractAssign, cst.Multiply: cst.MultiplyAssign}


def mutants(source: str) -> dict[str, str]:
    """The mutants of an answer's code, each under the line that was changed, as it reads now.

    Docstrings, annotations, imports and the texts of errors are left alone: no check reads them.
    """
    module = cst.parse_module(source)
    finder = _Finder()
    module.visit(finder)
    found: dict[str, str] = {}
    for old, new in finder.changes:
        text = module.deep_replace(old, new).code if new is not None else module.deep_remove(old).code  # type: ignore[arg-type, union-attr]
        if _compiles(text) and text not in found.values():
            name = _name(source, text)
            while name in found:
                name += " "
            found[name] = text
    return found


def _compiles(text: str) -> bool:
    try:
        compile(text, "<mutant>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _name(source: str, text: str) -> str:
    lines = [line[1:].strip() for line in difflib.ndiff(source.splitlines(), text.splitlines()) if line[0] in "+-"]
    new = [line[1:].strip() for line in difflib.ndiff(source.splitlines(), text.splitlines()) if line[0] == "+"]
    return " ".join(new) if new else "without " + " ".join(lines)


class _Finder(cst.CSTVisitor):
    """Collects what could be changed: a node, and what takes its place (None: nothing)."""

    def __init__(self) -> None:
        self.changes: list[tuple[cst.CSTNode, cst.CSTNode | None]] = []

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_Raise(self, node: cst.Raise) -> bool:
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        return False

    def visit_Expr(self, node: cst.Expr) -> bool:
        return not isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if not super().on_visit(node):
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.changes += [(node, new) for new in operator(node)]
        if isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.AugAssign):
            self.changes.append((node, cst.SimpleStatementLine([cst.Pass()])))
        return True


def _number(node: cst.Integer | cst.Float) -> Iterator[cst.CSTNode]:
    """Twice the number; with mutmut's, one more, that tells factors and exponents apart."""
    if node.evaluated_value not in (0, 1):
        yield node.with_changes(value=repr(node.evaluated_value * 2))
    if node.evaluated_value == 1:
        yield node.with_changes(value=repr(node.evaluated_value - 1))


def _terms(node: cst.BinaryOperation) -> Iterator[cst.CSTNode]:
    """One side alone; the sides swapped where the order counts."""
    own = {"lpar": [cst.LeftParen()], "rpar": [cst.RightParen()]}
    yield node.left.with_changes(**own)
    yield node.right.with_changes(**own)
    if not isinstance(node.operator, COMMUTATIVE):
        yield node.with_changes(left=node.right.with_changes(**own), right=node.left.with_changes(**own))


def _arguments(node: cst.Call) -> Iterator[cst.CSTNode]:
    """The first two arguments of a call swapped."""
    plain = [arg for arg in node.args if arg.keyword is None and not arg.star]
    if len(plain) >= 2 and plain == list(node.args[: len(plain)]):
        first, second = node.args[:2]
        swapped = [first.with_changes(value=second.value), second.with_changes(value=first.value)]
        yield node.with_changes(args=[*swapped, *node.args[2:]])


def _returned(node: cst.Return) -> Iterator[cst.CSTNode]:
    """The result with its sign turned round."""
    if node.value is not None and not isinstance(node.value, cst.Tuple | cst.List | cst.ListComp | cst.Call):
        inner = node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        negated = cst.UnaryOperation(cst.Minus(), inner)
        yield node.with_changes(value=negated, whitespace_after_return=cst.SimpleWhitespace(" "))


def _in_place(node: cst.Assign) -> Iterator[cst.CSTNode]:
    """`x = x - y` as `x -= y`: the caller's own thing may change."""
    value = node.value
    if len(node.targets) == 1 and isinstance(value, cst.BinaryOperation) and type(value.operator) in IN_PLACE:
        target = node.targets[0].target
        if isinstance(target, cst.Name) and value.left.deep_equals(target):
            yield cst.AugAssign(target, IN_PLACE[type(value.operator)](), value.right)


def _transposed(node: cst.Attribute) -> Iterator[cst.CSTNode]:
    if node.attr.value == "T":
        yield node.value


OPERATORS: tuple[Operator, ...] = (
    (cst.BaseNumber, mutators.operator_number),
    (cst.SimpleString, mutators.operator_string),
    (cst.Name, mutators.operator_name),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.Integer, _number),
    (cst.Float, _number),
    (cst.BinaryOperation, _terms),
    (cst.Call, _arguments),
    (cst.Return, _returned),
    (cst.Assign, _in_place),
    (cst.Attribute, _transposed),
)
