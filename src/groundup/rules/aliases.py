"""Which modules, and which of their contents, the names in a piece of source stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from groundup.rules.escapes import literal
from groundup.rules.vocabulary import NAMESPACES


class Aliases(ast.NodeVisitor):
    """Follows names of modules and of what they hold through one file.

    A scope maps a name to its meaning: the full name that it stands for, or None when it is the file's own and
    unknown. `later` is the outermost scope as an earlier reading left it: a function may use a name that the file
    binds further down.
    """

    unbound: frozenset[str] = frozenset()  # builtins that are followed

    def __init__(self, later: dict[str, str | None]) -> None:
        self.later = later
        self.scopes: list[dict[str, str | None]] = [{}]
        self.branches = 0  # how many if and try statements are open

    @property
    def in_class(self) -> bool:
        """Whether what is being read stands in a class's body itself."""
        return isinstance(self.scopes[-1], _ClassScope)

    def meaning(self, name: str) -> str | None:
        """What a name stands for here."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return self.later.get(name, name if name in self.unbound else None)

    def full_name(self, node: ast.AST) -> str | None:
        """The full name of a module or of what one holds, when `node` is such a thing."""
        if isinstance(node, ast.Name):
            meaning = self.meaning(node.id)
            return None if meaning is None or meaning.startswith("<") else meaning
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else None
        if isinstance(node, ast.Call) and self.full_name(node.func) is None and is_getattr(node):
            owner = self.full_name(node.args[0])
            word = literal(node.args[1])
            return f"{owner}.{word}" if owner and word else None
        return None

    def bind(self, name: str, meaning: str | None = None) -> None:
        scope = self.scopes[-1]
        if meaning or not (self.branches and scope.get(name)):  # except ImportError: torch = None
            scope[name] = meaning

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assign(node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        self._assign([node.target], node.value, node.annotation)

    def _assign(self, targets: list[ast.expr], value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        name = self.full_name(value) if value else None
        # in a class, self.t would lead to it unseen
        plain = not self.in_class and all(isinstance(target, ast.Name) for target in targets)
        if value and not (plain and name in NAMESPACES):
            self.visit(value)
        for target in targets:
            self.visit(target)
            if name and isinstance(target, ast.Name):
                self.bind(target.id, name)
            else:
                self.assigned(target, value, annotation)

    def assigned(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None) -> None:
        """Called with what is bound to anything but a module or what one holds."""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        if node.returns:
            self.visit(node.returns)
        self.bind(node.name, self.defines(node))
        self._function(node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node.args, [node.body])

    def _function(self, arguments: ast.arguments, body: Iterable[ast.AST]) -> None:
        self.visit(arguments)
        with self.scope(self.arguments(arguments)):
            for statement in body:
                self.visit(statement)

    def arguments(self, arguments: ast.arguments) -> dict[str, str | None]:
        """The scope of a function with these arguments."""
        return {argument.arg: None for argument in ast.walk(arguments) if isinstance(argument, ast.arg)}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        self.bind(node.name, self.defines(node))
        with self.scope(_ClassScope()) as scope:
            for statement in node.body:
                self.visit(statement)
        self.leave_class(node, scope)

    def defines(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
        """What the name of a definition stands for."""
        return None

    def leave_class(self, node: ast.ClassDef, names: Iterable[str]) -> None:
        """Called with the names that a class's body binds."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        with self.scope({}):
            for part in node.generators:
                self.visit(part)
            for value in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                self.visit(value)

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    def visit_If(self, node: ast.If | ast.Try) -> None:
        self.branches += 1
        self.generic_visit(node)
        self.branches -= 1

    visit_Try = visit_If

    @contextmanager
    def scope(self, scope: dict[str, str | None]) -> Iterator[dict[str, str | None]]:
        outer = self.scopes
        # a method does not see the names of its class
        self.scopes = [*(s for s in outer if not isinstance(s, _ClassScope)), scope]
        yield scope
        self.scopes = outer


class _ClassScope(dict[str, str | None]):
    """The names that a class's body binds."""


def is_getattr(node: ast.Call, name: str = "getattr") -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == name and len(node.args) > 1
