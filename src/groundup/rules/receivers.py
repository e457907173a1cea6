"""What the objects are whose methods a file calls: tensors, instances of its own classes, or unknown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from groundup.rules.aliases import Aliases

TENSOR = "a tensor"  # beside it, a kind is the name of an own class
TENSORS = ("torch.Tensor", "torch.nn.Parameter", "torch.nn.parameter.Parameter")


@dataclass
class Own:
    """What the source says of an own class or function. `kinds` are of its attributes, or of what these give back."""

    bases: set[str] = field(default_factory=set)  # full names, those of own classes among them
    members: set[str] = field(default_factory=set)
    kinds: dict[str, str | None] = field(default_factory=dict)
    gives: str | None = None  # the kind of what a call of it gives

    def merge(self, other: Own) -> Own:
        """Both of them, for a name that is defined again."""
        kinds = {**self.kinds, **other.kinds}
        return Own(self.bases | other.bases, self.members | other.members, kinds, other.gives or self.gives)


class Receivers(Aliases):
    """Follows what is known of objects: by annotations, by calls of own classes, by what tensors give.

    In a scope, such a meaning stands in angle brackets: `<a tensor>`, `<Linear>`; an own class or function is
    `<= Linear>`.
    """

    def __init__(self, later: dict[str, str | None], known: Mapping[str, Own]) -> None:
        super().__init__(later)
        self.known = known  # own things of elsewhere, and of this file's first reading
        self.defined: dict[str, Own] = {}
        self.within: list[str] = []  # the classes that are being read

    def own(self, name: str) -> Own | None:
        here, elsewhere = self.defined.get(name), self.known.get(name)
        return elsewhere.merge(here) if here and elsewhere else here or elsewhere

    def is_torchs(self, kind: str, word: str, *, above: bool = False) -> bool:
        """Whether an own class's attribute comes from a class of PyTorch (`above`: asked of what it inherits)."""
        own, seen = self.own(kind), {kind}
        members = set() if above or own is None else set(own.members)
        bases = list(own.bases) if own else []
        torch = False
        while bases:
            base = bases.pop()
            torch = torch or base.startswith("torch.")
            own_base = base not in seen and not base.startswith("torch.")
            found = self.own(base.rpartition(".")[2]) if own_base else None
            seen.add(base)
            if found:
                members |= found.members
                bases += found.bases
        return torch and word not in members

    def kind(self, node: ast.AST | None) -> str | None:
        """What an expression gives: TENSOR, the name of an own class, or None when that cannot be read."""
        if isinstance(node, ast.Name):
            meaning = self.meaning(node.id) or ""
            return meaning[1:-1] if meaning.startswith("<") and not meaning.startswith("<=") else None
        if isinstance(node, ast.Call):
            return self._given(node)
        if isinstance(node, ast.Attribute):
            return self._part(self.kind(node.value), node.attr)
        if isinstance(node, ast.BinOp):
            return TENSOR if TENSOR in (self.kind(node.left), self.kind(node.right)) else None
        if isinstance(node, ast.UnaryOp):
            return self.kind(node.operand)
        if isinstance(node, ast.Subscript):
            return TENSOR if self.kind(node.value) == TENSOR else None
        return self.kind(node.value) if isinstance(node, ast.NamedExpr) else None

    def _given(self, call: ast.Call) -> str | None:
        name = self.full_name(call.func) or ""
        if name in TENSORS or re.fullmatch(r"torch\.(nn\.functional\.)?[a-z]\w*", name):
            return TENSOR  # where it gives something else, none of a tensor's locked methods is called on it
        if own := self.own_name(call.func):
            return self._made(own)
        return self._part(self.kind(call.func.value), call.func.attr) if isinstance(call.func, ast.Attribute) else None

    def _made(self, name: str | None) -> str | None:
        own = self.own(name) if name else None
        return own.gives if own else None

    def _part(self, kind: str | None, word: str) -> str | None:
        if kind == TENSOR:
            return TENSOR
        own = self.own(kind) if kind else None
        return own.kinds.get(word) if own else None

    def annotated(self, node: ast.expr | None) -> str | None:
        """The kind that an annotation names."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.annotated(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.annotated(node.left) or self.annotated(node.right)
        if node is None:
            return None
        return TENSOR if self.full_name(node) in TENSORS else self._made(self.own_name(node))

    def bind_kind(self, name: str, kind: str | None) -> None:
        if kind:
            self.bind(name, f"<{kind}>")

    def define(self, name: str, own: Own) -> None:
        before = self.defined.get(name)
        self.defined[name] = before.merge(own) if before else own

    def own_name(self, node: ast.AST) -> str | None:
        """The name of the own class or function that an expression names."""
        meaning = (self.meaning(node.id) if isinstance(node, ast.Name) else self.full_name(node)) or ""
        if meaning.startswith("<="):
            return meaning[3:-1]
        return meaning.rpartition(".")[2] if re.match(r"ch\d\d\.", meaning) else None

    def arguments(self, arguments: ast.arguments) -> dict[str, str | None]:
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        scope: dict[str, str | None] = {a.arg: None for a in (arguments.vararg, arguments.kwarg) if a}
        for argument in given:
            kind = self.annotated(argument.annotation)
            scope[argument.arg] = f"<{kind}>" if kind else None
        first = given[0].arg if given else ""
        if self.within and self.in_class and first in ("self", "cls"):
            scope[first] = f"<{self.within[-1]}>"
        return scope

    def assigned(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        kind = self.annotated(annotation) or self.kind(value)
        if isinstance(target, ast.Name):
            self.bind_kind(target.id, kind)
            if self.in_class and self.within:
                self.define(self.within[-1], Own(members={target.id}, kinds={target.id: kind}))
        elif isinstance(target, ast.Attribute) and (owner := self.kind(target.value)) and self.own(owner):
            self.define(owner, Own(members={target.attr}, kinds={target.attr: kind}))

    def defines(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
        if isinstance(node, ast.ClassDef):
            return f"<= {node.name}>"
        gives = self.annotated(node.returns)
        if self.in_class and self.within:
            self.define(self.within[-1], Own(kinds={node.name: gives}))
        elif len(self.scopes) == 1:
            self.define(node.name, Own(gives=gives))
            return f"<= {node.name}>"
        return None

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = {self.own_name(base) or self.full_name(base) for base in node.bases}
        self.define(node.name, Own({base for base in bases if base}, gives=node.name))
        self.within.append(node.name)
        super().visit_ClassDef(node)
        self.within.pop()

    def leave_class(self, node: ast.ClassDef, names: Iterable[str]) -> None:
        self.define(node.name, Own(members=set(names)))
