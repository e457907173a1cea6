"""The top-level names that Python source uses and binds, and how."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Literal

from groundup.checkpoint.scopes import Scope, Scopes

BUILTINS = frozenset(dir(builtins)) | {"__name__"}
FUTURE = re.compile(r"(?m)^from __future__ import \w+")

When = Literal["now", "later", "annotation", "quoted"]
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Load:
    """One use of a top-level name.

    `when`: as its statement runs, as a function runs, in a function's annotation, or in an annotation that nothing
    evaluates. `called`: the statement calls it as it runs. `member`: `f` of `name.f`. `inside`: in a function that has
    statements, and so can hold an import.
    """

    name: str
    line: int
    when: When
    called: bool = False
    member: str = ""
    inside: bool = False


@dataclass(frozen=True)
class Names:
    """What a piece of source uses, in the order of lines; what it binds, and what its functions rebind by `global`.

    Lines count from 1.
    """

    loads: tuple[Load, ...]
    bound: dict[str, list[int]]
    rebound: dict[str, int]


@cache
def names(source: str) -> Names:
    """Analyse source. Annotations count, quoted ones too."""
    # Under the future import the compiler skips annotations, and their names would go unseen.
    source = FUTURE.sub("pass", source)
    walk = _Walk(Scopes(source))
    walk.visit(ast.parse(source))
    return Names(tuple(sorted(walk.loads, key=lambda load: load.line)), walk.bound, walk.rebound)


class _Walk(ast.NodeVisitor):
    """Finds each use and its line."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self.loads: list[Load] = []
        self.bound: dict[str, list[int]] = {}
        self.rebound: dict[str, int] = {}
        self.annotated: tuple[int, When] | None = None  # the line of the annotation that is being read, and its kind

    def each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def bind(self, name: str | None, line: int) -> None:
        if not name or not self.scopes.is_global(name):
            return
        if self.scopes.in_function:
            self.rebound.setdefault(name, line)
        else:
            self.bound.setdefault(name, []).append(line)

    def load(self, node: ast.Name, called: bool = False, member: str = "") -> None:
        line, when = self.annotated or (node.lineno, "now")
        if self.scopes.is_global(node.id):
            if self.scopes.in_function and when != "quoted":
                when = "later"
            self.loads.append(Load(node.id, line, when, called and when == "now", member, self.scopes.in_def))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id, node.lineno)
        elif isinstance(node.ctx, ast.Load):
            self.load(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and isinstance(node.value.ctx, ast.Load):
            self.load(node.value, member=node.attr)
        else:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self.called(node.func)
        self.each([*node.args, *node.keywords])

    def called(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            self.load(node, called=True)
        else:
            self.visit(node)

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
        for decorator in node.decorator_list:
            self.called(decorator)
        arguments = node.args
        self.each([*arguments.defaults, *arguments.kw_defaults])
        with self.scopes.within(*_types(node)):
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            for annotation in (*(argument.annotation for argument in every if argument), node.returns):
                self.annotation(annotation, "annotation")
            self.each(getattr(node, "type_params", ()))
            with self.scopes.within(Scope("function", node.name, node.lineno)):
                self.each(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, node.lineno)
        for decorator in node.decorator_list:
            self.called(decorator)
        with self.scopes.within(*_types(node)):
            self.each([*node.bases, *node.keywords, *getattr(node, "type_params", ())])
            with self.scopes.within(Scope("class", node.name, node.lineno)):
                self.each(node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.each([*node.args.defaults, *node.args.kw_defaults])
        parameters = frozenset(each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg))
        with self.scopes.within(Scope("function", "lambda", node.lineno, parameters)):
            self.visit(node.body)

    def visit_ListComp(self, node: Comprehension) -> None:
        first, *others = node.generators
        bound = {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        self.visit(first.iter)  # in the scope around the comprehension
        with self.scopes.within(Scope("comprehension", targets=frozenset(bound))):
            self.each([*first.ifs, *others])
            self.each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # Python evaluates the annotation of a class's or module's variable, and never that of a local one.
        self.annotation(node.annotation, "quoted" if self.scopes.in_function else "now")
        if not (node.value is None and isinstance(node.target, ast.Name)):
            self.visit(node.target)
        self.each([node.value])

    def annotation(self, annotation: ast.expr | None, when: When) -> None:
        if annotation is not None:
            self.annotated = (annotation.lineno, when)
            self.visit(annotation)
            self.annotated = (annotation.lineno, "quoted")
            self.each(_quoted(annotation))
            self.annotated = None


def _types(node: ast.AST) -> list[Scope]:
    """The scope of a generic function's or class's type parameters."""
    return [Scope("types", node.name, node.lineno)] if getattr(node, "type_params", None) else []  # type: ignore[attr-defined]


def _quoted(node: ast.AST) -> Iterator[ast.expr]:
    """The types in the quoted parts of an annotation: not in a `Literal`, and not beside the type of an `Annotated`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        with suppress(SyntaxError):
            parsed = ast.parse(node.value.strip(), mode="eval").body
            if not isinstance(parsed, ast.Tuple):  # "N, C, H, W" is a shape
                yield parsed
    elif not isinstance(node, ast.Subscript):
        for child in ast.iter_child_nodes(node):
            yield from _quoted(child)
    elif ast.unparse(node.value).endswith("Annotated") and isinstance(node.slice, ast.Tuple):
        yield from _quoted(node.slice.elts[0])
    elif not ast.unparse(node.value).endswith("Literal"):
        yield from _quoted(node.slice)
