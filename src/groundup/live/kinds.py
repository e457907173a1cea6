"""What makes an object of Python what it is."""

from __future__ import annotations

import dataclasses
import functools
import re
import reprlib
import sys
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType
from typing import Any

BOOK = re.compile(r"__main__|ch\d\d(\..*)?")
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
# What Python, dataclasses and abc keep in a class beside what its body says.
BESIDE = {
    *("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__", "__annotate__"),
    *("__firstlineno__", "__static_attributes__", "__dataclass_fields__", "__dataclass_params__", "__parameters__"),
    *("__orig_bases__", "__type_params__", "__annotate_func__", "__annotations_cache__", "_abc_impl"),
}
STATE = ("weakref", "_weakrefset", "random", "threading", "_thread", "io", "_io")
# Kinds of objects by the parts that make them what they are.
PARTS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (staticmethod, ("__func__",)),
    (classmethod, ("__func__",)),
    (property, ("fget", "fset", "fdel")),
    (functools.cached_property, ("func",)),
    (type(functools.cache(len)), ("__wrapped__",)),
    (functools.partial, ("func", "args", "keywords")),
    (functools.partialmethod, ("func", "args", "keywords")),
    (MethodType, ("__func__", "__self__")),
    (dataclasses.Field, ("name", "type", "default", "default_factory", "init", "repr", "hash", "compare", "kw_only")),
)


def is_book(cls: type) -> bool:
    return isinstance(cls.__module__, str) and bool(BOOK.fullmatch(cls.__module__))


def attributes(value: Any) -> dict[str, Any]:
    slots = [name for cls in type(value).__mro__ for name, member in vars(cls).items()
             if isinstance(member, MemberDescriptorType) and hasattr(value, name)]  # fmt: skip
    found = {name: getattr(value, name) for name in slots if is_book(type(value))} | getattr(value, "__dict__", {})
    return {name: each for name, each in found.items() if name not in BESIDE}


def key(key: Any) -> Any:
    """A class of the chapter and its namesake in the checkpoint are one key."""
    return ("class", key.__name__) if isinstance(key, type) and is_book(key) else key


def content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def paired(one: tuple | None, two: tuple | None) -> list[tuple[Any, Any]]:
    """The defaults of two functions, the last ones first."""
    longest = max(len(one or ()), len(two or ()))
    filled = ([*(each or ())[::-1], *[MISSING] * (longest - len(each or ()))] for each in (one, two))
    return list(zip(*filled, strict=True))


def names(classes: tuple[type, ...]) -> str:
    return ", ".join(each.__name__ for each in classes)


def both(live: Any, made: Any) -> str:
    return f"{_short(live)} here, {_short(made)} there"


def _short(value: Any) -> str:
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    return reprlib.repr(value)


def members(cls: type, dropped: set[str]) -> dict[str, Any]:
    """What the body of a class has given it, without what the checkpoint has dropped."""
    found = {name: value for name, value in vars(cls).items() if name not in BESIDE}
    return {name: value for name, value in found.items() if f"{cls.__name__}.{name}" not in dropped}


def values_differ(live: Any, made: Any) -> str:
    """How two numbers, texts, tensors or other values of one type differ, or nothing."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if (torch and isinstance(live, torch.Tensor)) or (numpy and isinstance(live, numpy.ndarray)):
        if live.shape != made.shape or live.dtype != made.dtype:
            return f"{live.dtype} {tuple(live.shape)} here, {made.dtype} {tuple(made.shape)} there"
        same = bool(((live == made) | ((live != live) & (made != made))).all())
        return "" if same else "its numbers are others"
    if (live == made) is False and repr(live) != repr(made):  # two NaN are the same
        return both(live, made)
    return both(live, made) if isinstance(live, float) and repr(live) != repr(made) else ""


def is_definition(value: Any) -> bool:
    """Whether an object is made by `def` or `class` in the book."""
    if isinstance(value, type):
        return is_book(value)
    return isinstance(value, FunctionType | staticmethod | classmethod | property | functools.cached_property)


def is_state(value: Any) -> bool:
    """Whether an object is there to change: a random generator, a cache, a file, a lock, an iterator."""
    return type(value).__module__ in STATE or hasattr(value, "__next__") or type(value).__name__ == "Generator"


def is_value(value: Any) -> bool:
    """Whether `==` compares an object by what it holds."""
    return type(value).__eq__ is not object.__eq__ and not is_book(type(value))
