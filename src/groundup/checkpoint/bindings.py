"""What each top-level name stands for in the live chapter, from line to line."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from groundup.chapter import Cell
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.imports import imported, is_previous, mistake
from groundup.checkpoint.names import names

Kind = Literal["export", "method", "previous", "import", "plain", "refused"]


@dataclass(frozen=True)
class Binding:
    """What gives a name its meaning from `line` on.

    `kind`: an exported definition, the method below an `@extend`, an import of the previous checkpoint, another import,
    anything in a cell without export, or a statement that is refused elsewhere.
    """

    line: int
    kind: Kind
    statement: str = ""  # of an import
    mistake: str = ""  # of an import that no checkpoint could have

    def is_same(self, other: Binding) -> bool:
        """Whether the two are imports of one thing; `import a` and `import a.b` both bind the package a."""
        first, second = (each.statement.partition(".")[0] for each in (self, other))
        dotted = first == second and " as " not in self.statement + other.statement and first.startswith("import ")
        return self == other or (bool(self.statement) and (self.statement == other.statement or dotted))


class Bindings:
    """The bindings of a chapter, by name, in the order of lines."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.found: dict[str, list[Binding]] = {}
        for cell in draft.chapter.cells:
            if cell.is_code:
                self._read(cell)

    def last(self, name: str) -> Binding | None:
        """What `name` stands for when the chapter has run."""
        return self.found[name][-1] if name in self.found else None

    def at(self, name: str, line: int) -> Binding | None:
        """What `name` stands for just above a line."""
        above = [each for each in self.found.get(name, ()) if each.line < line]
        return above[-1] if above else None

    def imports(self, name: str) -> list[str]:
        """Every import that binds `name` in this chapter."""
        return list(dict.fromkeys(each.statement for each in self.found.get(name, ()) if each.kind == "import"))

    def _read(self, cell: Cell) -> None:
        tree = cell.tree
        imports = {(each.name, each.line): each for each in imported(tree)} if "import" in cell.source else {}
        exported = {statement.lineno: statement for statement in tree.body} if cell.export else {}
        bound = [(line, name) for name, lines in names(cell.source).bound.items() for line in lines]
        if not cell.export:
            bound += [(line, name) for name, line in names(cell.source).rebound.items()]
        for line, name in sorted(bound):
            at = cell.line + line
            kind: Kind
            if (name, line) in imports:
                each = imports[name, line]
                kind = "previous" if is_previous(self.draft, each) else "import"
                text = mistake(self.draft, each) if each.from_checkpoint else ""
                if text and cell.export:
                    kind = "refused"
                binding = Binding(at, kind, each.statement, text)
            else:
                kind = "plain"
                if cell.export:
                    kind = _kind(exported.get(line), name)
                    if kind == "plain":  # within an exported statement, such as `A = (b := 1)`
                        kind = "export" if name in self.draft.exported else "refused"
                binding = Binding(at, kind)
            self.found.setdefault(name, []).append(binding)


def _kind(statement: ast.stmt | None, name: str) -> Kind:
    match statement:
        case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
            return "method" if any(map(is_extend, decorators)) else "export"
        case ast.ClassDef() | ast.Assign(targets=[ast.Name()]) | ast.AnnAssign():
            return "export"
        case _:
            return "plain"


def is_extend(decorator: ast.expr) -> bool:
    """Whether this is `@extend(…)` or `@groundup.extend(…)`."""
    match decorator:
        case ast.Call(func=ast.Name("extend") | ast.Attribute(ast.Name("groundup"), "extend")):
            return True
    return False
