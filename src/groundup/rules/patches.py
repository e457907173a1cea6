"""Where a `TorchFunctionMode` sees nothing: constructors, and functions without an operation, are made to ask first."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch

from groundup.book.plan import PLAN
from groundup.rules import entries

Judge = Callable[[Callable[[], list[str]], Mapping[str, Any]], bool]
Resting = Callable[[], AbstractContextManager[None]]

OWNERS = ("torch", "torch.nn.functional", "torch.Tensor")
_MISSING = object()


@dataclass(frozen=True)
class _Target:
    """A function to patch, where it stands, and its full name; without one it makes an instance of its class."""

    owner: Any
    word: str
    function: Callable[..., Any]
    name: str = ""
    works_alone: bool = False  # it calls nobody back, unless it is given a closure

    @property
    def is_static(self) -> bool:
        return self.word in ("__new__", "_make_subclass")

    def names(self, args: tuple) -> list[str]:
        """What a call with these arguments uses."""
        cls = args[0] if args and isinstance(args[0], type) else type(args[0]) if args else object
        if not self.name:
            return [entries.of_class(cls)]
        is_method = isinstance(self.owner, type) and not self.is_static
        return entries.of_method(cls, self.owner.__qualname__, self.word) if is_method else [self.name]


@contextmanager
def patched(judge: Judge, resting: Resting) -> Iterator[None]:
    """Let every class and function of the plan call `judge` with its names and arguments before it does its work.

    What works alone, as an optimizer does, is done within `resting()`: to judge its every operation would take longer.
    """
    with ExitStack() as stack:
        for target in _targets():
            asking = _asking(target, judge, resting)
            before = vars(target.owner).get(target.word, _MISSING)
            setattr(target.owner, target.word, staticmethod(asking) if target.is_static else asking)
            stack.callback(_put_back, target, before)
        yield


def _put_back(target: _Target, before: Any) -> None:
    if before is _MISSING:
        delattr(target.owner, target.word)
    else:
        setattr(target.owner, target.word, before)


def _asking(target: _Target, judge: Judge, resting: Resting) -> Callable[..., Any]:
    """The function with a question before it."""

    @functools.wraps(target.function)
    def ask(*args: Any, **kwargs: Any) -> Any:
        judge(lambda: target.names(args), _given(target.function, args, kwargs))
        if target.works_alone and len(args) == 1 and not kwargs and not _hooks(args[0]):
            with resting():
                return target.function(*args)
        return target.function(*args, **kwargs)

    return ask


def _hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer calls somebody back at each step."""
    return any(getattr(optimizer, f"_optimizer_step_{when}_hooks", True) for when in ("pre", "post"))


def _given(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, also those that are given by their place, but for the first."""
    if len(args) < 2 and not kwargs:
        return {}
    try:
        given = dict(_signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # the call itself will say so
        return kwargs
    groups = given.get("params")  # of an optimizer: each may have a momentum of its own
    for group in groups if isinstance(groups, list | tuple) else ():
        given |= {word: value for word, value in group.items() if value} if isinstance(group, dict) else {}
    return given


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _targets() -> list[_Target]:
    found: dict[tuple[int, str], _Target] = {}
    covers = {cover for planned in PLAN for lock in planned.locks for cover in lock.covers}
    words = [cover for cover in covers if "." not in cover]  # twins of each are where they are
    for name in sorted(covers.difference(words) | {f"{owner}.{word}" for owner in OWNERS for word in words}):
        above, _, word = name.rpartition(".")
        owner = entries.resolve(above)
        value: Any = getattr(owner, word, None)
        if isinstance(value, type):
            for cls in value.__mro__:
                made = next((made for made in ("__init__", "__new__") if _is_python(vars(cls).get(made))), None)
                if made and cls.__module__.startswith("torch"):
                    found[id(cls), made] = _Target(cls, made, vars(cls)[made].__get__(None, cls))
        elif word == "_make_subclass" or (_is_python(value) and not _is_seen(value)):
            found[id(owner), word] = _Target(owner, word, value, name)
    for cls in (cls for cls in entries.index() if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
        for word in ("step", "zero_grad"):
            if word in vars(cls):
                found[id(cls), word] = _Target(cls, word, vars(cls)[word], f"{cls.__name__}.{word}", works_alone=True)
    return list(found.values())


def _is_python(value: Any) -> bool:
    return isinstance(value, FunctionType | staticmethod)


def _is_seen(function: Any) -> bool:
    """Whether a function hands itself to a `TorchFunctionMode`."""
    return any("torch_function" in name for name in function.__code__.co_names)
