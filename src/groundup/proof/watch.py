"""Whether a re-creation works by calling the very thing that it re-creates."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, resolve_name

from groundup.book.plan import PLAN, TWINS, operation

# what many classes of PyTorch share: to use it is no cheat
SHARED = (torch.nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.Tensor)
AUTOGRAD = (torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad, torch.func.grad, torch.func.vjp)


class Borrowed(BaseException):
    """The re-creation has called the real thing. Not an Exception, so that no `except Exception` hides it."""


class Watch:
    """Sees calls of the unlocked names, under every spelling, while `watching()` is entered.

    Functions in C are seen as a TorchFunctionMode sees them; functions and classes in Python by their code. What takes
    the place of an engine is forbidden all of PyTorch's.
    """

    def __init__(self, names: Iterable[str], things: Iterable[Any], engine: bool = False) -> None:
        given = set(names)
        own = set(map(operation, given))
        families = [{operation(name), *freed} for name, freed in freed_together().items()]
        words = own.union(*(family for family in families if own & family))
        self.words = words
        spelled = [_resolve(prefix + word) for word in words for prefix in ("", *TWINS)]
        self.codes = dict.fromkeys(code for thing in [*things, *spelled] for code in _codes(thing))
        self.engine = engine
        if self.engine:
            self.codes.update(dict.fromkeys(code for thing in AUTOGRAD for code in _codes(thing)))
        self.known: dict[Any, str] = {}
        self.seen = ""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Raises: Borrowed at a call of the real thing, also when the code below has swallowed it."""
        self.seen = ""
        before = sys.getprofile()
        with _Mode(self):
            sys.setprofile(self._profile)
            try:
                yield
            finally:
                sys.setprofile(before)
        if self.seen:
            raise Borrowed(self.seen)

    def called(self, function: Any, keywords: dict[str, Any]) -> None:
        """Raises: Borrowed when a function that was called is a spelling of what is being unlocked."""
        if function not in self.known:
            names = resolve_name(function) or "", f"torch.{getattr(function, '__name__', '')}"  # mm resolves to spmm
            self.known[function] = next(filter(None, map(self._spelling, names)), "")
        if self.known[function]:
            self._stop(self.known[function])
        if self.engine and keywords.get("requires_grad"):
            self._stop("torch.Tensor.requires_grad")

    def _spelling(self, name: str) -> str:
        """The name, when it is one of the forbidden ones; else nothing."""
        name = name.removesuffix(".__set__").removesuffix(".default")
        if name.startswith("aten."):
            name = f"torch.{name.split('.')[1]}"
        if self.engine and operation(name) == "requires_grad":
            return name
        return name if name and not name.endswith(".__get__") and operation(name) in self.words else ""

    def _stop(self, name: str) -> None:
        self.seen = name
        raise Borrowed(name)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in self.codes:
            module = frame.f_globals.get("__name__", "torch")
            self._stop(f"{module}.{frame.f_code.co_qualname}")


class _Mode(TorchFunctionMode):
    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.watch.called(function, kwargs or {})
        return function(*args, **(kwargs or {}))


def freed_together() -> dict[str, set[str]]:
    """What each unlock frees besides its own name, as words for functions and methods, and as full names."""
    return {lock.name: set(lock.also.split()) for chapter in PLAN for lock in chapter.locks}


def _resolve(name: str) -> Any:
    first, *rest = name.split(".")
    found: Any = torch if first == "torch" else None
    for part in rest:
        found = getattr(found, part, None)
    return found


def _codes(thing: Any) -> Iterator[CodeType]:
    """The code of a function of PyTorch written in Python, or of the functions of a class."""
    if inspect.isclass(thing):
        for cls in thing.__mro__:
            if cls is not thing and (cls in SHARED or not cls.__module__.startswith("torch.")):
                continue
            for member in vars(cls).values():
                if callable(member) and not inspect.isclass(member):
                    yield from _codes(member)
        return
    code = getattr(inspect.unwrap(thing), "__code__", None) if callable(thing) else None
    if code is not None:
        yield code
