"""What an answer must leave as it was, so that a check means what it says."""

from __future__ import annotations

import ast
import builtins
import operator
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from groundup.chapter.names import names
from groundup.workspace.task import Part, compiled, parsed

MISSING = object()
MANY, MOST = 10_000, 200  # numbers of a tensor, and values of a list, that are compared one by one


class Guard:
    """Remembers what the book's code relies on, as it is before an answer runs.

    These are the names that it reads, builtins among them; the functions and classes in the modules that it uses; the
    numbers that it has prepared. What the book's own answer binds or changes, an answer may bind and change.
    """

    def __init__(self, module: types.ModuleType, sources: list[str], solution: str) -> None:
        read = [names(source) for source in sources]
        allowed = names(solution)
        self.namespace = module.__dict__
        self.free = allowed.bound | allowed.changed | allowed.passed | allowed.extended
        last = read[-1]
        wanted = frozenset[str]().union(last.now, *(does.late for does in read)) | {"__builtins__"}
        self.names = {name: self._get(name) for name in sorted(wanted - self.free - last.sure)}
        self.members = [(where, owner, vars(owner).copy()) for where, owner in self._owners()]
        self.values = {name: _seen(value) for name, value in self.names.items()}
        self.settings = _settings()

    def changed(self, after: Iterable[str] = ()) -> str:
        """What is no longer as it was, in words; nothing when all is. `after` is the book's code that has run since."""
        own = frozenset[str]().union(*(names(source).bound | names(source).changed for source in after))
        for name, value in self.names.items():
            now = self._get(name)
            if name not in own and now is not value:
                what = "is gone" if now is MISSING else "has a new meaning after your code"
                return f"`{name}` {what}, and the check relies on it: give yours another name"
        for setting, value in _settings().items():
            if self.settings.get(setting, value) != value:
                return f"your code leaves `torch.{setting}` changed to {value}: set it back at its end"
        for where, owner, before in self.members:
            if name := _changed(owner, before):
                return f"your code has changed `{where}.{name}`, and the check relies on it: leave it as it is"
        if not after:
            for name, before in self.values.items():
                if _seen(self.names[name]) != before:
                    return f"your code has changed the values in `{name}`, and the check relies on them: work on a copy"
        return ""

    def replaced(self, check: Part) -> str:
        """Whether a function of a cell of the check is no longer the cell's own, in words."""
        own = {code.co_name: code for code in compiled(check).co_consts if isinstance(code, types.CodeType)}
        for node in parsed(check).body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                function = self.namespace.get(node.name)
                if isinstance(function, types.FunctionType) and function.__code__ is not own[node.name]:
                    return f"`{node.name}` is the check's own, and your code has put another in its place: leave it"
        return ""

    def _get(self, name: str) -> Any:
        return self.namespace.get(name, getattr(builtins, name, MISSING))

    def _owners(self) -> Iterator[tuple[str, Any]]:
        """The modules that the names come from, and the classes that were made in them."""
        used = {id(found): found for found in (builtins, *map(_module, self.names.values())) if found}
        for module in used.values():
            yield module.__name__, module
            for name, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == module.__name__ and name not in self.free:
                    yield f"{module.__name__}.{name}", value


def _module(value: Any) -> types.ModuleType | None:
    """The module that a value is, or that a function or class comes from; none for one of the chapter itself."""
    if isinstance(value, types.ModuleType):
        return value
    name = getattr(value, "__module__", None) if isinstance(value, type | types.FunctionType) else None
    return sys.modules.get(name) if isinstance(name, str) and name != "__main__" else None


def _settings() -> dict[str, object]:
    """The settings of PyTorch that change what a check computes."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {"set_default_dtype": torch.get_default_dtype(), "set_grad_enabled": torch.is_grad_enabled()}


def _changed(owner: Any, before: dict[str, Any]) -> str:
    """The name of a function in a module or class that is no longer the same, or stands before an inherited one."""
    now = vars(owner)
    if list(now) == list(before) and all(map(operator.is_, now.values(), before.values())):
        return ""  # nearly always, and there are thousands of members
    changed = (name for name, value in before.items() if now.get(name) is not value and _is_other(value, now.get(name)))
    bases = owner.__mro__[1:] if isinstance(owner, type) else ()
    hides = (name for name in now.keys() - before.keys() if any(name in vars(base) for base in bases))
    return next(iter([*changed, *hides]), "")


def _is_other(before: Any, now: Any) -> bool:
    """Whether a function is another one, and not the same that its library has put a wrapper around since."""
    return callable(before) and (
        type(now) is not type(before) or getattr(now, "__name__", 0) != getattr(before, "__name__", 0)
    )


def _seen(value: Any) -> Any:
    """Something that differs when the numbers in a value do; None for what is no plain data."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.numel() > MANY or value.layout != torch.strided:
            return (tuple(value.shape), value._version)
        return (tuple(value.shape), value.dtype, bytes(value.detach().cpu().reshape(-1).view(torch.uint8).tolist()))
    if isinstance(value, types.SimpleNamespace):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return (len(value), [_seen(part) for part in value[:MOST]])
    return value if isinstance(value, int | float | str | bytes) else None
