"""The top-level names that Python source uses and binds; which names those are, Python's own compiler says."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Literal

BUILTINS = frozenset(dir(builtins)) | {"__name__"}
FUTURE = re.compile(r"(?m)^from __future__ import \w+")

When = Literal["now", "later", "annotation", "quoted"]
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Load:
    """One use of a top-level name. `when`: as its statement runs, in a function, in an annotation, in a quoted one."""

    name: str
    line: int
    when: When


@dataclass(frozen=True)
class Names:
    """What a piece of source uses, in the order of lines, and what it binds, by first line. Lines count from 1."""

    loads: tuple[Load, ...]
    bound: dict[str, int]


@cache
def names(source: str) -> Names:
    """Analyse source. Annotations count, quoted ones too."""
    # Under the future import the compiler skips annotations, and their names would go unseen.
    source = FUTURE.sub("pass", source)
    walk = _Walk(symtable.symtable(source, "<chapter>", "exec"))
    walk.visit(ast.parse(source))
    return Names(tuple(sorted(walk.loads, key=lambda load: load.line)), walk.bound)


@dataclass(frozen=True)
class _Scope:
    kind: Literal["function", "class", "types", "comprehension"]
    name: str = ""
    line: int = 0
    parameters: frozenset[str] | None = None  # of a lambda: they tell two on a line apart
    targets: frozenset[str] = frozenset()  # what a comprehension binds: from Python 3.12 on it has no table


class _Walk(ast.NodeVisitor):
    """Finds the line of each use, and asks the symbol tables of the scopes around it whose name it is."""

    def __init__(self, top: symtable.SymbolTable) -> None:
        self.loads: list[Load] = []
        self.bound: dict[str, int] = {}
        self.scopes: list[_Scope] = []
        self.annotated: tuple[int, When] | None = None  # the line of the annotation that is being read, and its kind
        self.tables: dict[tuple[str, int], list[symtable.SymbolTable]] = {}
        stack = top.get_children()
        while stack:
            table = stack.pop()
            stack += table.get_children()
            self.tables.setdefault((table.get_name().strip("<>"), table.get_lineno()), []).append(table)

    def is_global(self, name: str) -> bool:
        classes = [scope.name for scope in self.scopes if scope.kind == "class"]
        spellings = {name, f"_{classes[-1].lstrip('_')}{name}" if classes else name}
        for scope in reversed(self.scopes):
            if name in scope.targets:
                return False
            if scope.kind == "class" and scope is not self.scopes[-1]:
                continue  # a method does not see the names of its class
            symbols = [
                table.lookup(found) for table in self.of(scope) for found in spellings & {*table.get_identifiers()}
            ]
            if symbols:
                return all(symbol.is_global() for symbol in symbols)
        return True

    def of(self, scope: _Scope) -> list[symtable.SymbolTable]:
        tables = self.tables.get((scope.name, scope.line), [])
        if scope.parameters is None:
            return tables
        functions = [table for table in tables if isinstance(table, symtable.Function)]
        return [table for table in functions if {*table.get_parameters()} == scope.parameters]

    @contextmanager
    def scope(self, *scopes: _Scope) -> Iterator[None]:
        outer, self.scopes = self.scopes, [*self.scopes, *scopes]
        yield
        self.scopes = outer

    def each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def bind(self, name: str | None, line: int) -> None:
        if name and self.is_global(name):
            self.bound.setdefault(name, line)

    def visit_Name(self, node: ast.Name) -> None:
        line, when = self.annotated or (node.lineno, "now")
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id, line)
        elif isinstance(node.ctx, ast.Load) and self.is_global(node.id):
            later = any(scope.kind == "function" for scope in self.scopes)
            self.loads.append(Load(node.id, line, "later" if later else when))

    def visit_alias(self, node: ast.alias) -> None:
        self.bind(node.asname or node.name.partition(".")[0], node.lineno)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.bind(node.name, node.lineno)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.bind(node.name, node.lineno)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bind(node.name, node.lineno)
        arguments = node.args
        self.each([*node.decorator_list, *arguments.defaults, *arguments.kw_defaults])
        with self.scope(*_types(node)):
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            for annotation in (*(argument.annotation for argument in every if argument), node.returns):
                if annotation:
                    self.annotation(annotation)
            self.each(getattr(node, "type_params", ()))
            with self.scope(_Scope("function", node.name, node.lineno)):
                self.each(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, node.lineno)
        self.each(node.decorator_list)
        with self.scope(*_types(node)):
            self.each([*node.bases, *node.keywords, *getattr(node, "type_params", ())])
            with self.scope(_Scope("class", node.name, node.lineno)):
                self.each(node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.each([*node.args.defaults, *node.args.kw_defaults])
        parameters = frozenset(each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg))
        with self.scope(_Scope("function", "lambda", node.lineno, parameters)):
            self.visit(node.body)

    def visit_ListComp(self, node: Comprehension) -> None:
        first, *others = node.generators
        bound = {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        self.visit(first.iter)  # in the scope around the comprehension
        with self.scope(_Scope("comprehension", targets=frozenset(bound))):
            self.each([*first.ifs, *others])
            self.each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        self.each([node.target, node.value])

    def annotation(self, annotation: ast.expr) -> None:
        self.annotated = (annotation.lineno, "annotation")
        self.visit(annotation)
        self.annotated = (annotation.lineno, "quoted")
        self.each(_quoted(annotation))
        self.annotated = None


def _types(node: ast.AST) -> list[_Scope]:
    """The scope of a generic function's or class's type parameters."""
    return [_Scope("types", node.name, node.lineno)] if getattr(node, "type_params", None) else []  # type: ignore[attr-defined]


def _quoted(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions in the quoted parts of an annotation; the strings of a `Literal` are no names."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        with suppress(SyntaxError):
            yield ast.parse(node.value.strip(), mode="eval").body
    elif not (isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")):
        for child in ast.iter_child_nodes(node):
            yield from _quoted(child)
