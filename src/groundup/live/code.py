"""Whether two functions were compiled from the same code, wherever it stands and however it is laid out."""

from __future__ import annotations

import ast
import dis
import inspect
import re
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

LOAD_GLOBAL, LOAD_NAME, STORE_DEREF = (dis.opmap[each] for each in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_DEREF"))
# Instructions that depend on how lines are broken, or on whether `math` of `math.exp(x)` is imported in the same text.
LAYOUT = {"NOP", "CACHE", "EXTENDED_ARG", "RESUME", "PUSH_NULL"}
ALIKE = {"LOAD_METHOD": "LOAD_ATTR"}
FLAGS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
FLAGS |= inspect.CO_ASYNC_GENERATOR
INNER = re.compile(r"(?m)^[ \t]+from \.\w+ import ")


def same_code(one: CodeType, two: CodeType) -> bool:
    """Whether two code objects do the same; file, lines and the indentation of a docstring do not count."""
    if one is two:
        return True
    shape = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_varnames", "co_freevars", "co_cellvars")
    if any(getattr(one, each) != getattr(two, each) for each in shape) or (one.co_flags ^ two.co_flags) & FLAGS:
        return False
    if one.co_code == two.co_code and one.co_names == two.co_names and len(one.co_consts) == len(two.co_consts):
        return all(
            _same_constant(a, b, is_doc=n == 0)
            for n, (a, b) in enumerate(zip(one.co_consts, two.co_consts, strict=True))
        )
    first, second = _instructions(one), _instructions(two)
    return len(first) == len(second) and all(
        a[0] == b[0] and _same_constant(a[1], b[1], is_doc=False) for a, b in zip(first, second, strict=True)
    )


def _instructions(code: CodeType) -> list[tuple[str, Any]]:
    """The instructions and what they work on; jumps by the number of the instruction that they lead to."""
    every = list(dis.get_instructions(code))
    kept = [each for each in every if each.opname not in LAYOUT]
    number = {each.offset: sum(other.offset < each.offset for other in kept) for each in every if each.is_jump_target}
    jumps = {*dis.hasjrel, *dis.hasjabs}
    named = [(ALIKE.get(each.opname, each.opname), each) for each in kept]
    return [(name, number[each.argval] if each.opcode in jumps else each.argval) for name, each in named]


def _same_constant(one: Any, two: Any, is_doc: bool) -> bool:
    if isinstance(one, CodeType) and isinstance(two, CodeType):
        return same_code(one, two)
    if type(one) is not type(two):
        return False
    if isinstance(one, str) and is_doc:
        return same_text(one, two)
    if isinstance(one, tuple):
        return len(one) == len(two) and all(_same_constant(a, b, is_doc=False) for a, b in zip(one, two, strict=True))
    return one == two if isinstance(one, frozenset | str | bytes) else repr(one) == repr(two)


def same_text(one: str | None, two: str | None) -> bool:
    """Whether two docstrings are equal but for their indentation."""
    if one is None or two is None:
        return one is two
    plain = ("\n".join(map(str.rstrip, inspect.cleandoc(each).splitlines())).strip() for each in (one, two))
    return next(plain) == next(plain)


def globals_read(code: CodeType) -> Iterator[str]:
    """The global names that code and the functions in it read."""
    for operation, argument in _operations(code):
        if operation == LOAD_GLOBAL:
            yield code.co_names[argument >> 1]  # the lowest bit says something else
        elif operation == LOAD_NAME:
            yield code.co_names[argument]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from globals_read(constant)


def rebinds(code: CodeType) -> bool:
    """Whether code changes a variable of the function around it."""
    return any(operation == STORE_DEREF for operation, _ in _operations(code))


def _operations(code: CodeType) -> Iterator[tuple[int, int]]:
    argument = 0
    raw = code.co_code
    for operation, byte in zip(raw[::2], raw[1::2], strict=True):
        argument = argument << 8 | byte
        if operation != dis.EXTENDED_ARG:
            yield operation, argument
            argument = 0


class InnerImports:
    """Imports of siblings that the export has put into functions: the chapter's functions do not have them."""

    def __init__(self, modules: list[ModuleType], sources: dict[str, str]) -> None:
        self.codes: dict[tuple[str, str], CodeType] = {}
        self.names: dict[tuple[str, str], str] = {}  # by module and name: the sibling
        for module in modules:
            source = sources.get(module.__name__, "")
            if INNER.search(source):
                tree = ast.parse(source)
                strip = _Strip()
                strip.visit(tree)
                package = module.__name__.rpartition(".")[0]
                self.names |= {(module.__name__, name): f"{package}.{home}" for name, home in strip.found.items()}
                self._collect(module.__name__, compile(tree, "<checkpoint>", "exec", dont_inherit=True))

    def _collect(self, module: str, code: CodeType) -> None:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self.codes[module, constant.co_qualname] = constant
                self._collect(module, constant)

    def code(self, function: FunctionType) -> CodeType:
        """The function's code without those imports."""
        return self.codes.get((function.__module__, function.__code__.co_qualname), function.__code__)

    def find(self, function: FunctionType, name: str, default: object) -> object:
        """What the function finds under a global name, or imports under it."""
        sibling = self.names.get((function.__module__, name))
        if sibling is not None and name not in function.__globals__:
            return getattr(sys.modules.get(sibling), name, default)
        return function.__globals__.get(name, default)


class _Strip(ast.NodeTransformer):
    """Takes the imports of siblings out of functions."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        if not (self.depth and node.level):
            return node
        self.found |= {alias.name: node.module or "" for alias in node.names}
        return None
