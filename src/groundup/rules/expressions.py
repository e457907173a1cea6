"""What a piece of source takes from PyTorch, read from its syntax tree without running it.

What the object is whose method is called, a reader of the source knows only sometimes (`receivers`). A locked method
of a known tensor is a use of it, one of an own object is none; of an unknown object it is one, unless a class that is
there by then defines the word: then the watched run decides.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from groundup.rules import escapes
from groundup.rules.aliases import is_getattr
from groundup.rules.escapes import keyword_names, literal
from groundup.rules.locks import keywords, method
from groundup.rules.receivers import TENSOR, Own
from groundup.rules.usage import Notes, Usage, Use


def read(source: str, known: Mapping[str, Own] | None = None) -> Usage:
    """What `source` uses; `known` are own classes and functions of elsewhere.

    Raises: SyntaxError.
    """
    tree = ast.parse(source)
    first = _Reader({}, known or {})
    first.visit(tree)
    # a function may use a name that the file binds further down
    again = _Reader(first.scopes[0], {**(known or {}), **first.defined})
    again.visit(tree)
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    again.usage.defined = [(line, name, again.defined[name]) for name, line in lines.items() if name in again.defined]
    return again.usage


class _Reader(Notes):
    """Notes what the expressions and definitions of one file use."""

    def visit_Attribute(self, node: ast.Attribute) -> None:
        line = node.end_lineno or node.lineno
        if name := self.full_name(node):
            self.use(line, name)
            self.fault(node.lineno, escapes.borrowed(name))
            if not name.startswith("torch.") and isinstance(node.value, ast.Attribute):
                self._word(line, node.attr)  # of a module's variable
            return
        self._member(line, node.value, node.attr)
        if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self":
            self.usage.members.append((line, node.attr))
        self.visit(node.value)

    def _member(self, line: int, owner: ast.expr, word: str) -> None:
        """Note the use of an attribute, whatever its owner is."""
        self.fault(line, escapes.door(word))
        above = isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
        kind = (self.within[-1] if self.within else None) if above else self.kind(owner) or self.own_name(owner)
        if kind is None:
            self._word(line, word)
        elif kind == TENSOR:
            extended = self.own(TENSOR)
            if (name := method(word)) and not (extended and word in extended.members):
                self.usage.uses.append(Use(line, name))
        elif (name := method(word)) and self.is_torchs(kind, word, above=above):
            self.usage.uses.append(Use(line, name))

    def _word(self, line: int, word: str) -> None:
        if name := method(word):
            self.usage.uses.append(Use(line, name, word))

    def visit_BinOp(self, node: ast.BinOp | ast.AugAssign) -> None:
        if isinstance(node.op, ast.MatMult):
            left = node.left if isinstance(node, ast.BinOp) else node.target
            self.usage.uses.append(Use(left.end_lineno or node.lineno, "@"))
        self.generic_visit(node)

    visit_AugAssign = visit_BinOp

    def visit_Call(self, node: ast.Call) -> None:
        name = self.full_name(node.func)
        if name in ("groundup.unlock", "groundup.unlock.unlock"):
            self.unlock(node)
        self._keywords(node, name)
        if name in escapes.GETTERS:
            for word in map(literal, node.args[: 1 if name.endswith("methodcaller") else None]):
                for part in word.split("."):
                    self._word(node.lineno, part)
                if not word:
                    self.fault(node.lineno, "takes a computed name: write the method, or the attribute, out")
        if name == "vars" and not (node.args and not (self.full_name(node.args[0]) or "").startswith("torch")):
            self.fault(node.lineno, "takes all that stands in vars(): name what you use")
        if name is None and (is_getattr(node) or is_getattr(node, "setattr")):
            self._getattr(node)
            return
        self.generic_visit(node)

    def _keywords(self, node: ast.Call, name: str | None) -> None:
        """Note keyword arguments with a lock of their own, also those that partial() is given for a function."""
        plain, packed = keyword_names(node)
        handed = [full for full in map(self.full_name, node.args) if full and full.startswith("torch.")]
        function = node.func
        own = self.own_name(function) or (isinstance(function, ast.Attribute) and self.own_kind(function.value))
        if (name or "").startswith("torch.") or (isinstance(function, ast.Attribute) and not own) or handed:
            packed += plain
        for full in () if own else (name, *handed):
            self.usage.uses += [Use(node.lineno, lock) for lock in keywords(full, packed)]

    def own_kind(self, node: ast.expr) -> bool:
        """Whether an expression gives an instance of an own class that has nothing from PyTorch."""
        kind = self.kind(node)
        return kind not in (None, TENSOR) and not self.is_torchs(str(kind), "new_zeros")

    def _getattr(self, node: ast.Call) -> None:
        owner, word = self.full_name(node.args[0]), literal(node.args[1])
        if owner and word:
            self.use(node.lineno, f"{owner}.{word}")
        elif (owner or "").split(".")[0] == "torch":
            self.fault(node.lineno, f"takes a computed name from {owner}: write the name out")
        else:
            if word:
                self._member(node.lineno, node.args[0], word)
            elif self.kind(node.args[0]) == TENSOR:
                self.fault(node.lineno, "takes a computed name from a tensor: write the name out")
            self.visit(node.args[0])
        for rest in node.args[1:]:
            self.visit(rest)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        calls = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "extend" and call.args:
                self.usage.members.append((node.lineno, node.name))
                tensor = self.full_name(call.args[0]) == "torch.Tensor"
                if grown := TENSOR if tensor else self.own_name(call.args[0]):
                    self.define(grown, Own(members={node.name}))
        super().visit_FunctionDef(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def leave_class(self, node: ast.ClassDef, names: Iterable[str]) -> None:
        super().leave_class(node, names)
        self.usage.members += [(node.lineno, name) for name in names]
