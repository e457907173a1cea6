"""Computational graphs as steps: read from an expression, or from the objects of an autograd engine."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groundup.drawing.words import RAISED, number

OPERATORS: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("−", operator.sub),
    ast.Mult: ("×", operator.mul),
    ast.MatMult: ("@", operator.matmul),
    ast.Div: ("÷", operator.truediv),
    ast.Pow: ("^", operator.pow),
    ast.USub: ("−", operator.neg),
}
SIGNS = {"-": "−", "*": "×", "/": "÷", "neg": "−"}  # what an engine calls its operations
ALLOWED = "names, numbers, + − * / @ **, and calls of functions that `known` names"
MOST, NUDGE = 60, 1e-5


@dataclass(eq=False)
class Step:
    """A node of a graph: what is given, or what is made of inputs. `source` is its name in `below`."""

    label: str
    value: Any
    gradient: Any = None
    inputs: list[Step] = field(default_factory=list)
    source: str = ""
    constant: bool = False
    column: int = 0  # steps only: the longest way from what is given


def from_expression(formula: str, known: Mapping[str, Any]) -> list[Step]:
    """The steps of a formula, each after its inputs; of scalars with gradients, which finite differences find.

    Nothing is evaluated but names, numbers, operators and calls of what `known` has.
    Raises: ValueError for anything else, and for a gradient at a kink.
    """
    tree = ast.parse(formula.strip(), mode="eval").body
    steps: dict[str, Step] = {}
    _read(tree, known, steps)
    if not any(np.ndim(step.value) for step in steps.values()):
        for source, step in steps.items():
            step.gradient = None if step.constant else _difference(tree, known, source)
    return list(steps.values())


def _read(tree: ast.expr, known: Mapping[str, Any], steps: dict[str, Step]) -> Step:
    source = ast.unparse(tree)
    if source in steps:
        return steps[source]
    value, constant, inputs = _value(tree, known), _constant(tree), []
    label = named(source)
    if constant is not None:
        label = source.replace("-", "−")
    elif isinstance(tree, ast.BinOp):
        label, inputs = OPERATORS[type(tree.op)][0], [tree.left, tree.right]
        power = _constant(tree.right)
        if label == "^" and isinstance(power, int):
            label, inputs = raised(str(power)), [tree.left]
    elif isinstance(tree, ast.UnaryOp):
        label, inputs = OPERATORS[type(tree.op)][0], [tree.operand]
    elif isinstance(tree, ast.Call):
        label, inputs = ast.unparse(tree.func), tree.args
    made = [_read(part, known, steps) for part in inputs]
    steps[source] = _step(label, value, None, made, source, constant is not None)
    return steps[source]


def _step(label: str, value: Any, gradient: Any, inputs: list[Step], source: str, constant: bool) -> Step:
    column = 1 + max((step.column for step in inputs if step.inputs), default=-1)
    return Step(label, value, gradient, inputs, source, constant, column)


def _constant(tree: ast.expr) -> float | None:
    """The number that is written there, if it is one."""
    sign = 1
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        sign, tree = -1, tree.operand
    return sign * tree.value if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) else None


def _value(tree: ast.expr, known: Mapping[str, Any], source: str = "", by: float = 0) -> Any:
    """The value of an expression, with `by` added wherever `source` stands in it."""
    match tree:
        case ast.Constant(value=int() | float() as value):
            pass
        case ast.Name(id=name) if name in known:
            value = known[name]
        case ast.UnaryOp(op=op, operand=part) if type(op) in OPERATORS:
            value = OPERATORS[type(op)][1](_value(part, known, source, by))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in OPERATORS:
            value = OPERATORS[type(op)][1](_value(left, known, source, by), _value(right, known, source, by))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if callable(known.get(name)):
            value = known[name](*[_value(part, known, source, by) for part in args])
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            raise ValueError(f"{name} in the graph's expression: `known` needs it")
        case _:
            raise ValueError(f"{ast.unparse(tree)} in the graph's expression: {ALLOWED} can be drawn")
    return value + by if by and ast.unparse(tree) == source else value


def _difference(tree: ast.expr, known: Mapping[str, Any], source: str) -> float:
    up, at, down = (float(_value(tree, known, source, by)) for by in (NUDGE, 0, -NUDGE))
    right, left = (up - at) / NUDGE, (at - down) / NUDGE
    if abs(right - left) > 1e-2 * (1 + abs(right) + abs(left)):
        raise ValueError(f"the gradient of {source} stands at a kink: choose other numbers")
    return round((up - down) / (2 * NUDGE), 6)


def from_objects(root: Any, known: Mapping[str, Any]) -> list[Step]:
    """The steps that lead to an object, each after its inputs, with the value and the gradient that it has.

    An object has `data` (a number, or an array), `grad` (the same, or None), and `parents` in their order, empty for a
    leaf (micrograd's `_prev` will do, or `edges`, tuples that begin with a parent). A step says what it does in `op`
    (or `_op`): "+", "*", "**2", "relu". A name is that under which `known` has the object, or else its own `label`.
    """
    names = {id(thing): name for name, thing in known.items()}
    steps: dict[int, Step] = {}
    stack: list[Any] = [root]
    while stack:  # not by recursion: a graph by mistake too long has its own message
        thing = stack[-1]
        parents = _parents(thing, names)
        waiting = [parent for parent in parents if id(parent) not in steps]
        stack.extend(reversed(waiting))
        if len(stack) + len(steps) > MOST:
            raise ValueError(f"more than {MOST} objects: draw a part of this graph, from an object further back")
        if not waiting and id(stack.pop()) not in steps:
            name = _name(thing, names)
            sign = str(getattr(thing, "op", getattr(thing, "_op", ""))) if parents else named(name)
            sign = raised(sign[2:]) if re.fullmatch(r"\*\*-?\d+", sign) else SIGNS.get(sign, sign)
            made = [steps[id(parent)] for parent in parents]
            steps[id(thing)] = _step(
                sign or number(float(thing.data)), thing.data, thing.grad, made, name, not parents and not name
            )
    return list(steps.values())


def _parents(thing: Any, names: Mapping[int, str]) -> list[Any]:
    if not hasattr(thing, "data") or not hasattr(thing, "grad"):
        raise ValueError(f"{thing!r} in a graph: give an expression, or an object with data, grad, parents and op")
    parents: Iterable[Any] | None = getattr(thing, "parents", getattr(thing, "_prev", None))
    if parents is None:
        parents = [edge[0] for edge in getattr(thing, "edges", None) or ()]
    if isinstance(parents, set | frozenset):  # micrograd's, which have no order: the same one each time
        return sorted(parents, key=lambda parent: (_name(parent, names), np.ravel(parent.data).tolist()))
    return list(parents)


def _name(thing: Any, names: Mapping[int, str]) -> str:
    return names.get(id(thing)) or str(getattr(thing, "label", ""))


def raised(power: str) -> str:
    return f"( ){power.translate(RAISED)}"


def named(name: str) -> str:
    """A name as it is drawn: one letter, and an index, as a formula has them."""
    found = re.fullmatch(r"([A-Za-z])_?(\d*)", name)
    return name if not found else f"${found[1]}_{{{found[2]}}}$" if found[2] else f"${name}$"
