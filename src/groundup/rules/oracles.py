"""What an oracle cell makes stays in it: a name that it binds is not used in a later cell that is no oracle."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence

from groundup.chapter import Cell


def leaks(code: Sequence[Cell]) -> list[tuple[int, str]]:
    """Each use outside of what an oracle cell bound, by line; what it imports is judged by what that is."""
    made: dict[str, int] = {}
    found: list[tuple[int, str]] = []
    for cell in code:
        if not made and "oracle" not in cell.tags:
            continue
        for statement in cell.tree.body:
            bound, used = _names(statement)
            if "oracle" in cell.tags:
                made |= dict.fromkeys(bound, cell.line)
                continue
            for name in sorted((used - _set_first(statement)) & set(made)):
                line = cell.line + _line(statement, name)
                oracle = f"which the oracle cell at line {made[name]} made"
                found.append((line, f"uses {name}, {oracle}: make it again, in a cell that keeps the rules"))
            for name in bound:
                made.pop(name, None)
    return found


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement binds at the top, imports excepted, and those of the top that it reads."""
    table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
    top = table.get_symbols()
    bound = {s.get_name() for s in top if s.is_assigned() and not s.is_imported()}
    read = {s.get_name() for s in top if s.is_referenced()}
    inner = [s for child in _below(table.get_children()) for s in child.get_symbols() if s.is_global()]
    bound |= {s.get_name() for s in inner if s.is_assigned()}
    return bound, read | {s.get_name() for s in inner if s.is_referenced()}


def _set_first(statement: ast.stmt) -> set[str]:
    """The names that the head of a `for` or a `with` sets before anything reads them."""
    heads: list[ast.AST | None] = []
    if isinstance(statement, ast.For):
        heads = [statement.target, statement.iter]
    elif isinstance(statement, ast.With):
        heads = [part for item in statement.items for part in (item.context_expr, item.optional_vars)]
    names = [node for head in heads if head for node in ast.walk(head) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return {name.id for name in names if isinstance(name.ctx, ast.Store)} - read


def _below(tables: Iterable[symtable.SymbolTable]) -> Iterator[symtable.SymbolTable]:
    for table in tables:
        yield table
        yield from _below(table.get_children())


def _line(statement: ast.stmt, name: str) -> int:
    lines = [node.lineno for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name]
    return min(lines, default=statement.lineno)
