"""What a file is noted to take from PyTorch: its imports and unlocks here, its expressions in `expressions`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from groundup.rules import escapes
from groundup.rules.escapes import literal
from groundup.rules.receivers import Own, Receivers
from groundup.rules.vocabulary import NAMESPACES


@dataclass(frozen=True)
class Use:
    """A name of PyTorch at a line. `word` is the method that it is when the object may also be an own one."""

    line: int
    name: str
    word: str = ""


@dataclass
class Usage:
    """Everything that matters for the rules in one file."""

    uses: list[Use] = field(default_factory=list)
    imports: list[tuple[int, str, int]] = field(default_factory=list)  # line, module, leading dots
    unlocks: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    members: list[tuple[int, str]] = field(default_factory=list)  # attributes that the file's own classes define
    defined: list[tuple[int, str, Own]] = field(default_factory=list)  # its classes and functions


class Notes(Receivers):
    """Notes what one file uses, imports and unlocks."""

    unbound = escapes.BUILTINS

    def __init__(self, later: dict[str, str | None], known: Mapping[str, Own]) -> None:
        super().__init__(later, known)
        self.usage = Usage()
        self.statement: ast.AST | None = None  # the top-level statement that is being read

    def visit_Module(self, node: ast.Module) -> None:
        for self.statement in node.body:
            self.visit(self.statement)

    def use(self, line: int, name: str) -> None:
        """Note that a full name is used as a value."""
        if fault := escapes.unseen(name):
            self.fault(line, fault)
        elif name in escapes.PRODUCTS:
            self.usage.uses.append(Use(line, "@"))
        elif name in NAMESPACES:
            self.fault(line, f"hands {name} around as a whole: name what you use of it")
        elif name.startswith("torch."):
            self.usage.uses.append(Use(line, name))

    def fault(self, line: int, text: str | None) -> None:
        if text:
            self.usage.faults.append((line, text))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if name := self.full_name(node):
                self.use(node.lineno, name)
        else:
            self.bind(node.id)

    def unlock(self, node: ast.Call) -> None:
        """Note a call of unlock, with the names that it is given."""
        first = node.args[0] if node.args else None
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        also = given.get("also", ast.Tuple(elts=[]))
        items = also.elts if isinstance(also, ast.Tuple | ast.List) else [also]
        names = [literal(item) for item in (first or given.get("name"), *items)]
        if not all(names):
            self.fault(node.lineno, 'unlocks a computed name: write it out, as in unlock("torch.matmul", …)')
        elif not (isinstance(self.statement, ast.Expr) and self.statement.value is node):
            self.fault(node.lineno, "calls unlock inside other code: let it stand by itself, where it is sure to run")
        else:
            self.usage.unlocks.append((node.lineno, tuple(filter(None, names))))

    def visit_Import(self, node: ast.Import) -> None:
        for item in node.names:
            self.usage.imports.append((item.lineno, item.name, 0))
            if item.name not in NAMESPACES:
                self.use(item.lineno, item.name)
            root = item.name.split(".")[0]
            self.bind(item.asname or root, item.name if item.asname else root)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self.usage.imports.append((node.lineno, module, node.level))
        for item in node.names:
            name = "." * node.level + f"{module}.{item.name}".strip(".")
            torch = module.split(".")[0] == "torch" and not node.level
            if item.name == "*" and escapes.is_library(module) and not node.level:
                self.fault(item.lineno, f"imports * from {module}: import the names that you use")
            elif item.name == "torch" and not torch:
                self.fault(item.lineno, f"imports torch from {module or '.'}: write import torch")
            elif not torch:
                self.fault(item.lineno, escapes.borrowed(name))
            if name not in NAMESPACES:
                self.use(item.lineno, name)
            own = None if escapes.is_library(module) and not node.level else self.own(item.name)
            known = torch or escapes.is_followed(module)
            self.bind(item.asname or item.name, f"<= {item.name}>" if own else name if known else None)
