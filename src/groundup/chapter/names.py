"""What code does with the names of its module: which it reads, binds and changes.

It needs the standard library alone, for the page of an exercise has it in the browser too.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

IMPORTS = (ast.Import, ast.ImportFrom)
FIXED = (*IMPORTS, ast.FunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")


@dataclass(frozen=True)
class Names:
    """What the code of a cell does with the names of its module.

    `late` are read by functions, when they are called; `now` while the cell runs. `sure` are bound whatever happens,
    `bound` perhaps. `changed` are objects that a statement writes into, `passed` those that a call alone on its line
    may write into, `extended` the classes that are given a member, which reaches whatever was made of them before.
    `fixed` are imported, functions or classes: to be passed does not change them.
    """

    now: frozenset[str]
    late: frozenset[str]
    sure: frozenset[str]
    bound: frozenset[str]
    changed: frozenset[str]
    passed: frozenset[str]
    extended: frozenset[str]
    fixed: frozenset[str]
    imported: frozenset[str]


@cache
def names(source: str) -> Names:
    """What some code does with the names of its module.

    Raises: SyntaxError where it is no Python.
    """
    return names_of(ast.parse(source).body)


def names_of(statements: list[ast.stmt]) -> Names:
    reads = _Reads()
    sure = reads.block(statements, frozenset())
    tree = ast.Module(statements, [])
    bound = {name for statement in statements for name in _bound(statement)}
    fixed = {name for node in statements if isinstance(node, FIXED) for name in _bound(node)}
    imported = {name for node in statements if isinstance(node, IMPORTS) for name in _bound(node)}
    changed, passed, extended = set(_changed(tree)), set(_passed(tree)), set(_extended(tree))
    found = (reads.now, reads.late, sure, bound, changed, passed, extended, fixed, imported)
    return Names(*map(frozenset, found))


class _Reads:
    """The names that statements read and have not bound by then; those that functions read when they are called."""

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.late: set[str] = set()

    def block(self, statements: list[ast.stmt], sure: frozenset[str]) -> frozenset[str]:
        """Read statements after which the names in `sure` are bound; return those that then are."""
        for node in statements:
            sure = self._statement(node, sure)
        return sure

    def _statement(self, node: ast.stmt, sure: frozenset[str]) -> frozenset[str]:
        if isinstance(node, ast.For):
            self._read(node.iter, sure)
            self.block(node.body, sure | set(_bound(ast.Assign([node.target], ast.Constant(0)))))
            self.block(node.orelse, sure)
            return sure
        if isinstance(node, ast.While | ast.If):
            self._read(node.test, sure)
            after = [self.block(branch, sure) for branch in (node.body, node.orelse)]
            return after[0] & after[1] if isinstance(node, ast.If) else sure
        if isinstance(node, ast.With):
            for item in node.items:
                self._read(item.context_expr, sure)
                sure |= set(_bound(ast.With([item], [])))
            return self.block(node.body, sure)
        if isinstance(node, ast.Try | ast.Match):
            self._read(node, sure)
            return sure
        self._read(node, sure)
        if isinstance(node, ast.AugAssign):
            self._read(node.target, sure)
        return sure | set(_bound(node))

    def _read(self, node: ast.AST, sure: frozenset[str]) -> None:
        table = symtable.symtable(ast.unparse(node), "<cell>", "exec")
        self.now |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()} - sure
        for child in table.get_children():
            inside, called = _globals(child)
            self.now |= inside - sure
            self.late |= called


def _globals(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """The module's names that a scope reads where it is written (a class, a comprehension), and when it is called."""
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    now, late = (set(), own) if _is_called(table) else (own, set())
    for child in table.get_children():
        inside, called = _globals(child)
        (late if _is_called(table) else now).update(inside)
        late |= called
    return now, late


def _is_called(table: symtable.SymbolTable) -> bool:
    """Whether a scope is a function's that somebody calls, and not that of a class or a comprehension."""
    return table.get_type() == "function" and table.get_name() not in COMPREHENSIONS


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it but the bodies of functions."""
    yield node
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, FUNCTIONS):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _outside(child)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names of the module that a statement binds; a comprehension's are its own."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    own = {
        id(target)
        for node in ast.walk(statement)
        if isinstance(node, ast.comprehension)
        for target in ast.walk(node.target)
    }
    for node in _outside(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in own:
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _changed(tree: ast.Module) -> Iterator[str]:
    """The names whose objects are written into: `a[0] = …`, `a.b += …`."""
    for node in _outside(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            yield from _base(node)
        elif isinstance(node, ast.AugAssign):
            yield from _base(node.target)


def _passed(tree: ast.Module) -> Iterator[str]:
    """The names whose objects a call that gives nothing may write into: `a.append(…)`, `shuffle(a)`."""
    for node in _outside(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _is_print(node.value):
            for part in (node.value.func, *node.value.args):
                if not (isinstance(part, ast.Name) and part is node.value.func):
                    yield from _base(part)


def _is_print(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "print"


def _base(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _extended(tree: ast.Module) -> Iterator[str]:
    """The classes that are given a member by `@extend(Value)` above it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call):
                    for argument in decorator.args:
                        yield from _base(argument)
