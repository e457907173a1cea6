"""What an unlock claims: that one thing of PyTorch equals another, of the reader's making."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch.overrides import get_testing_overrides

OLD = ("size_average", "reduce", "_stacklevel", "_freeze")  # parameters that nobody should give


@dataclass(frozen=True)
class Claim:
    """`name` is PyTorch's `real`; `by` is the re-creation.

    `inputs`, `backward` and `parts` are what its kind of proof needs besides.
    """

    name: str
    real: Any
    by: Any
    inputs: tuple[Any, ...] = ()
    backward: Callable[..., Any] | None = None
    parts: Mapping[str, Any] | None = None

    def part(self, name: str, otherwise: Any = None) -> Any:
        return (self.parts or {}).get(name, otherwise)


def parameters(thing: Any) -> dict[str, Any] | None:
    """The parameters of a function or constructor with their defaults (`inspect._empty` for none); None if unknown."""
    signature = _signature(thing)
    if signature is None:
        return None
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and name not in OLD
    }


def variadic(thing: Any) -> bool:
    """Whether a function takes any number of positional arguments."""
    signature = _signature(thing)
    return signature is not None and any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())


def _signature(thing: Any) -> inspect.Signature | None:
    for source in (get_testing_overrides().get(thing, thing), thing):  # a stand-in, for what is written in C
        with suppress(TypeError, ValueError):
            return inspect.signature(source)
    return None


def takes(thing: Any, keyword: str) -> bool:
    """Whether a callable takes this keyword."""
    try:
        found = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return False
    return keyword in found or any(parameter.kind is parameter.VAR_KEYWORD for parameter in found.values())


def given(thing: Any, positional: Sequence[Any], keywords: Mapping[str, Any]) -> list[str]:
    """The optional parameters of `thing` to which these arguments give another value than their default."""
    known = parameters(thing) or {}
    optional = {key: value for key, value in zip(known, positional) if known[key] is not inspect.Parameter.empty}  # noqa: B905 (there may be more)
    return [f"{key}=" for key, value in {**optional, **keywords}.items() if not _is_default(value, known.get(key, ...))]


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, float | int | str | tuple) and value == default)


def never_given(thing: Any, covered: Mapping[str, Any]) -> list[str]:
    """The optional parameters of `thing` to which no case gave a value of its own."""
    known = parameters(thing) or {}
    return [
        f"{name}="
        for name, default in known.items()
        if default is not inspect.Parameter.empty and f"{name}=" not in covered
    ]


def word(name: str) -> str:
    """The last word of a full name."""
    return name.rpartition(".")[2]
