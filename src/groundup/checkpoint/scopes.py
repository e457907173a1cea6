"""Whose name it is that Python source uses: the symbol tables of Python's own compiler say."""

from __future__ import annotations

import symtable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Scope:
    """A scope that is being read."""

    kind: Literal["function", "class", "types", "comprehension"]
    name: str = ""
    line: int = 0
    parameters: frozenset[str] | None = None  # of a lambda: they tell two on a line apart
    targets: frozenset[str] = frozenset()  # what a comprehension binds: from Python 3.12 on it has no table

    @property
    def is_def(self) -> bool:
        """Whether it is that of a function which has statements."""
        return self.kind == "function" and self.parameters is None


class Scopes:
    """The scopes around the place that is being read, outermost first."""

    def __init__(self, source: str) -> None:
        self.open: list[Scope] = []
        self.tables: dict[tuple[str, int], list[symtable.SymbolTable]] = {}
        stack = symtable.symtable(source, "<chapter>", "exec").get_children()
        while stack:
            table = stack.pop()
            stack += table.get_children()
            self.tables.setdefault((table.get_name().strip("<>"), table.get_lineno()), []).append(table)

    @contextmanager
    def within(self, *scopes: Scope) -> Iterator[None]:
        """Read inside of these scopes."""
        outer, self.open = self.open, [*self.open, *scopes]
        yield
        self.open = outer

    @property
    def in_function(self) -> bool:
        return any(scope.kind == "function" for scope in self.open)

    @property
    def in_def(self) -> bool:
        return any(scope.is_def for scope in self.open)

    def is_global(self, name: str) -> bool:
        """Whether `name` means here what it means at the top level."""
        classes = [scope.name for scope in self.open if scope.kind == "class"]
        spellings = {name, f"_{classes[-1].lstrip('_')}{name}" if classes else name}
        for scope in reversed(self.open):
            if name in scope.targets:
                return False
            if scope.kind == "class" and scope is not self.open[-1]:
                continue  # a method does not see the names of its class
            symbols = [
                table.lookup(found) for table in self._of(scope) for found in spellings & {*table.get_identifiers()}
            ]
            if symbols:
                return all(symbol.is_global() for symbol in symbols)
        return True

    def _of(self, scope: Scope) -> list[symtable.SymbolTable]:
        tables = self.tables.get((scope.name, scope.line), [])
        if scope.parameters is None:
            return tables
        functions = [table for table in tables if isinstance(table, symtable.Function)]
        return [table for table in functions if {*table.get_parameters()} == scope.parameters]
