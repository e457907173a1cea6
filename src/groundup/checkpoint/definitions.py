"""A module's functions, classes, methods and constants by name, read from its text."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from textwrap import dedent

from groundup.book import BookError

PROGRAM = "__main__"  # what stands below `if __name__ == "__main__":`
OTHER = "(other statements)"
Functions = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Named:
    """A definition: its name, such as `Module.forward`, the line where it begins, and its text there.

    `nodes` is what it says: of a class without the methods, which have names of their own.
    """

    name: str
    line: int
    text: str
    nodes: tuple[ast.stmt, ...]

    @cached_property
    def said(self) -> str:
        """What it says, in one format and without comments."""
        return "\n".join(map(ast.unparse, self.nodes))

    @cached_property
    def code(self) -> str:
        """What it does: neither docstrings nor what annotations say of arguments."""
        return "\n".join(ast.unparse(_Undocumented().visit(copy.deepcopy(node))) for node in self.nodes)


Modules = Mapping[str, Mapping[str, Named]]  # by file name, such as nn.py, and by name


def read(texts: Mapping[str, Iterable[str]], folder: str) -> Modules:
    """What each module of a package defines, in order; imports are left out. `texts` are their lines, by file name.

    Raises: BookError when one is not Python.
    """
    return {file: _definitions("\n".join(lines), f"{folder}/{file}") for file, lines in texts.items()}


def _definitions(text: str, file: str) -> dict[str, Named]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise BookError(f"{file}:{error.lineno or 1}: not Python: {error.msg}: mend it first") from None
    except ValueError:
        raise BookError(f"{file}: not Python: it holds a null character: mend it first") from None
    lines, found = text.splitlines(), dict[str, Named]()
    for name, nodes, whole in _parts(tree):
        first = min(node.lineno for node in (whole, *getattr(whole, "decorator_list", ())))
        before = found.get(name)  # stated again, or one more statement
        part = dedent("\n".join(lines[first - 1 : whole.end_lineno]))
        found[name] = Named(
            name,
            before.line if before else first,
            f"{before.text}\n{part}" if before else part,
            (*before.nodes, *nodes) if before else nodes,
        )
    return found


def _parts(tree: ast.Module) -> Iterator[tuple[str, tuple[ast.stmt, ...], ast.stmt]]:
    """The name, what it says and the whole statement, of each definition."""
    for node in tree.body:
        if isinstance(node, Functions):
            yield node.name, (node,), node
        elif isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, Functions)]
            shell = ast.ClassDef(
                node.name, node.bases, node.keywords, [part for part in node.body if part not in methods],
                node.decorator_list,
            )  # fmt: skip
            yield node.name, (shell,), node
            for method in methods:
                yield f"{node.name}.{method.name}", (method,), method
        elif not _is_import(node):
            yield _name(node), (node,), node


def _name(node: ast.stmt) -> str:
    match node:
        case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
            return name
        case ast.If(test=ast.Compare(left=ast.Name("__name__"))):
            return PROGRAM
    return OTHER


def _is_import(node: ast.stmt) -> bool:
    """An import, imports for annotations, or a docstring."""
    if isinstance(node, ast.If):
        return all(map(_is_import, (*node.body, *node.orelse)))
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom) or is_text


class _Undocumented(ast.NodeTransformer):
    """Takes away docstrings, and annotations of arguments and results."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
            node.body = node.body or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        return node
