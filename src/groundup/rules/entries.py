"""By which of PyTorch's public names a call went in: of a function, of a class, of a method."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
from torch.overrides import resolve_name

from groundup.rules.locks import has_row
from groundup.rules.vocabulary import NAMESPACES


@cache
def index() -> dict[Any, str]:
    """The shortest public name of every class, and of the code of every function, that a module offers."""
    found: dict[Any, str] = {}
    inner: dict[Any, str] = {}  # of the functions that a function wraps or chooses from
    for name, value in _public():
        if isinstance(value, type):
            found.setdefault(value, name)
        elif isinstance(value, FunctionType):
            if not is_wrapper(value.__code__):
                found.setdefault(value.__code__, name)
            for cell in value.__closure__ or ():
                if isinstance(cell.cell_contents, FunctionType):
                    inner.setdefault(cell.cell_contents.__code__, name)
    return {**inner, **found}


def _public() -> Iterator[tuple[str, Any]]:
    for module in sorted(NAMESPACES, key=lambda name: (name.count("."), name)):
        for word in dir(resolve(module)):
            if not word.startswith("_"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    yield f"{module}.{word}", getattr(resolve(module), word, None)


def is_wrapper(code: CodeType) -> bool:
    """Whether code is of a function made by a function, and so may be that of many."""
    return "<locals>" in code.co_qualname


def resolve(name: str) -> Any:
    """The module, or what it holds, that a full name spells; None when there is none."""
    found: Any = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found


@cache
def of_class(cls: type) -> str:
    """The public name of a class of PyTorch, or of the nearest one that a class inherits from."""
    public = index()
    names = [public[base] for base in cls.__mro__ if base in public]
    torchs = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "torch"]
    nearest = torchs[0] if torchs else cls
    return names[0] if names else _doors().get(nearest.__module__, f"{nearest.__module__}.{nearest.__qualname__}")


@cache
def _doors() -> dict[str, str]:
    """By module, a public class with a lock of its own, which private ones beside it serve."""
    public = {value: name for value, name in index().items() if isinstance(value, type) and has_row(name)}
    return {value.__module__: name for value, name in public.items()}


@cache
def of_function(function: Callable[..., Any]) -> str:
    """The name of a function as a `TorchFunctionMode` meets it."""
    name = resolve_name(function) or f"torch.{function.__name__}"
    name = re.sub(r"\.__(get|set|delete)__$", "", name).replace("torch.functional.", "torch.")
    if not name.startswith("torch."):
        return f"torch.ops.{name}"
    return f"torch.{function.__name__}" if name.count(".") == 1 else name


# What code is entered by, by its identity: to hash it takes longer than all else. It is kept, so its number is its own.
_found: dict[tuple[int, type], tuple[CodeType, list[str]]] = {}


def of_frames(frames: Iterable[FrameType]) -> list[str]:
    """What was entered, read from the frames inside PyTorch, the outermost first; nothing when all only wrap."""
    for frame in frames:
        code = frame.f_code
        word = "self" if is_wrapper(code) else code.co_varnames[0] if code.co_argcount else ""
        first = frame.f_locals.get(word)
        cls = first if isinstance(first, type) else type(first)
        key = (id(code), cls)
        if key not in _found:
            _found[key] = code, _of_code(code, cls, frame.f_globals.get("__name__", "torch"))
        if names := _found[key][1]:
            return names
    return []


def _of_code(code: CodeType, cls: type, module: str) -> list[str]:
    """What code of PyTorch is entered by, whose first argument is of a class; nothing when it only wraps."""
    if name := index().get(code):
        return [name]
    above, _, method = code.co_qualname.rpartition(".")
    if is_wrapper(code):
        is_optimizers = issubclass(cls, torch.optim.Optimizer)
        return [of_class(cls)] if is_optimizers else []  # else, round what comes next
    if above and code.co_argcount and any(base.__qualname__ == above for base in cls.__mro__):
        return of_method(cls, above, method)
    return [f"{module}.{code.co_qualname}"]


def of_method(cls: type, above: str, method: str) -> list[str]:
    """The names that a method of a class must be free by: the class's, and its own where it has a lock of its own."""
    defining = next(base for base in cls.__mro__ if base.__qualname__ == above)
    if defining is torch.Tensor:
        return [f"torch.Tensor.{method}"]
    own = f"{of_class(defining)}.{method}"
    return [of_class(cls), *([own] if has_row(own) else [])]
