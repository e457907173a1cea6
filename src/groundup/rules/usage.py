"""What a piece of source takes from PyTorch, read from its syntax tree without running it.

Limits, since Python does not say what type a name has: `x.softmax` counts as a tensor's method for every `x` that is
not `self`, and `a @ b` as a product of tensors; what a function defined in an oracle cell does is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from groundup.rules.aliases import Aliases, is_getattr, literal
from groundup.rules.vocabulary import GETTERS, METHODS, NAMESPACES, OPERATOR_FUNCTIONS, UNSEEN


@dataclass(frozen=True)
class Use:
    """A name of PyTorch at a line: a full name, `@`, or `.word` for a method of an object of unknown type."""

    line: int
    name: str


@dataclass
class Usage:
    """Everything that matters for the rules in one file."""

    uses: list[Use] = field(default_factory=list)
    imports: list[tuple[int, str, int]] = field(default_factory=list)  # line, module, leading dots
    unlocks: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    members: list[tuple[int, str]] = field(default_factory=list)  # attributes that the file's own classes define


def read(source: str) -> Usage:
    """What `source` uses.

    Raises: SyntaxError.
    """
    tree = ast.parse(source)
    first = _Reader({})
    first.visit(tree)
    again = _Reader(first.scopes[0])  # a function may use a name that the file binds further down
    again.visit(tree)
    return again.usage


class _Reader(Aliases):
    """Notes what one file uses, imports, unlocks and defines."""

    unbound = UNSEEN

    def __init__(self, later: dict[str, str | None]) -> None:
        super().__init__(later)
        self.usage = Usage()
        self.statement: ast.AST | None = None  # the top-level statement that is being read

    def visit_Module(self, node: ast.Module) -> None:
        for self.statement in node.body:
            self.visit(self.statement)

    def use(self, line: int, name: str) -> None:
        """Note that a full name is used as a value."""
        if name in UNSEEN:
            self.fault(line, f"uses {name}, behind which nothing can be checked: write the code, or the import, out")
        elif name in OPERATOR_FUNCTIONS:
            self.usage.uses.append(Use(line, "@"))
        elif name in NAMESPACES:
            self.fault(line, f"hands {name} around as a whole: name what you use of it")
        elif name.startswith("torch."):
            self.usage.uses.append(Use(line, name))

    def fault(self, line: int, text: str) -> None:
        self.usage.faults.append((line, text))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if name := self.full_name(node):
                self.use(node.lineno, name)
        else:
            self.bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        line = node.end_lineno or node.lineno
        name = self.full_name(node)
        if name:
            self.use(line, name)
            if not name.startswith("torch."):
                self._through_module(node, name)
            return
        if not self.is_own(node.value):
            self._word(line, node.attr)
        elif isinstance(node.ctx, ast.Store):
            self.usage.members.append((line, node.attr))
        self.visit(node.value)

    def _through_module(self, node: ast.Attribute, name: str) -> None:
        """What is reached through another module: PyTorch itself, or a method of one of its variables."""
        if "torch" in name.split("."):
            self.fault(node.lineno, f"reaches torch through {name.lstrip('.').split('.')[0]}: write import torch")
        elif isinstance(node.value, ast.Attribute):
            self._word(node.end_lineno or node.lineno, node.attr)

    def visit_BinOp(self, node: ast.BinOp | ast.AugAssign) -> None:
        if isinstance(node.op, ast.MatMult):
            left = node.left if isinstance(node, ast.BinOp) else node.target
            self.usage.uses.append(Use(left.end_lineno or node.lineno, "@"))
        self.generic_visit(node)

    visit_AugAssign = visit_BinOp

    def visit_Call(self, node: ast.Call) -> None:
        name = self.full_name(node.func)
        if name in ("groundup.unlock", "groundup.unlock.unlock"):
            self._unlock(node)
        if name is None and is_getattr(node):
            self._getattr(node)
            return
        if name in GETTERS:
            for word in filter(None, map(literal, node.args)):
                self._word(node.lineno, word.split(".")[-1])
        asks = any(keyword.arg == "requires_grad" for keyword in node.keywords)
        if asks and (isinstance(node.func, ast.Attribute) or (name or "").startswith("torch.")):
            self.usage.uses.append(Use(node.lineno, ".requires_grad"))
        self.generic_visit(node)

    def _getattr(self, node: ast.Call) -> None:
        owner, word = self.full_name(node.args[0]), literal(node.args[1])
        if owner and word:
            self.use(node.lineno, f"{owner}.{word}")
        elif owner in NAMESPACES or owner == "torch.Tensor":
            self.fault(node.lineno, f"takes a computed name from {owner}: write the name out")
        else:
            if word and not self.is_own(node.args[0]):
                self._word(node.lineno, word)
            self.visit(node.args[0])
        for rest in node.args[1:]:
            self.visit(rest)

    def _word(self, line: int, word: str) -> None:
        if word in METHODS or word.removesuffix("_") in METHODS:
            self.usage.uses.append(Use(line, f".{word}"))

    def _unlock(self, node: ast.Call) -> None:
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
            if item.name == "*" and (torch or module == "operator"):
                self.fault(item.lineno, f"imports * from {module}: import the names that you use")
            elif item.name == "torch" and not torch:
                self.fault(item.lineno, f"imports torch from {module or '.'}: write import torch")
            if name not in NAMESPACES:
                self.use(item.lineno, name)
            known = torch or module in (
                "groundup",
                "groundup.unlock",
                "operator",
                "_operator",
                "importlib",
                "pkgutil",
                "sys",
            )
            is_module = not module or re.fullmatch(r"ch\d\d", module) is not None
            self.bind(item.asname or item.name, name if known or is_module else None)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        calls = [decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
        if any(isinstance(function, ast.Name) and function.id == "extend" for function in calls):
            self.usage.members.append((node.lineno, node.name))
        super().visit_FunctionDef(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def leave_class(self, node: ast.ClassDef, names: Iterable[str]) -> None:
        self.usage.members += [(node.lineno, name) for name in names]
