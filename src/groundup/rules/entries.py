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
    for module in sorted(NAMESPACES, key=lambda name: (name.count("."), name)):
        for word in dir(resolve(module)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = getattr(resolve(module), word, None)
            if isinstance(value, type) and not word.startswith("_"):
                found.setdefault(value, f"{module}.{word}")
            elif isinstance(value, FunctionType) and not word.startswith("_"):
                for code in _codes(value):
                    found.setdefault(code, f"{module}.{word}")
    return found


def _codes(function: FunctionType) -> Iterator[CodeType]:
    """The code of a function, and of those that it wraps or chooses from."""
    yield function.__code__
    for inner in (cell.cell_contents for cell in function.__closure__ or ()):
        if isinstance(inner, FunctionType) and inner.__module__.startswith("torch"):
            yield inner.__code__


def resolve(name: str) -> Any:
    """The module, or what it holds, that a full name spells; None when there is none."""
    found: Any = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found


def of_class(cls: type) -> str:
    """The public name of a class of PyTorch, or of the nearest one that a class inherits from."""
    public = index()
    names = [public[base] for base in cls.__mro__ if base in public]
    torchs = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "torch"]
    nearest = torchs[0] if torchs else cls
    return names[0] if names else f"{nearest.__module__}.{nearest.__qualname__}"


@cache
def of_function(function: Callable[..., Any]) -> str:
    """The name of a function as a `TorchFunctionMode` meets it."""
    name = resolve_name(function) or f"torch.{function.__name__}"
    name = re.sub(r"\.__(get|set|delete)__$", "", name).replace("torch.functional.", "torch.")
    if not name.startswith("torch."):
        return f"torch.ops.{name}"
    return f"torch.{function.__name__}" if name.count(".") == 1 else name


def of_frames(frames: Iterable[FrameType]) -> list[str]:
    """What was entered, read from the frames inside PyTorch, the outermost first; nothing when all only wrap."""
    for frame in frames:
        code = frame.f_code
        if name := index().get(code):
            return [name]
        above, _, method = code.co_qualname.rpartition(".")
        if "<locals>" in code.co_qualname:
            continue  # a wrapper round what comes next
        if above and code.co_argcount:
            first = frame.f_locals.get(code.co_varnames[0])
            cls = first if isinstance(first, type) else type(first)
            if any(base.__qualname__ == above for base in cls.__mro__):
                return of_method(cls, above, method)
        return [f"{frame.f_globals.get('__name__', 'torch')}.{code.co_qualname}"]
    return []


def of_method(cls: type, above: str, method: str) -> list[str]:
    """The names that a method of a class must be free by: the class's, and its own where it has a lock of its own."""
    defining = next(base for base in cls.__mro__ if base.__qualname__ == above)
    if defining is torch.Tensor:
        return [f"torch.Tensor.{method}"]
    own = f"{of_class(defining)}.{method}"
    return [of_class(cls), *([own] if has_row(own) else [])]
