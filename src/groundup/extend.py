"""Growing a class across cells: `@extend(Tensor)` above a function makes it a method of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def extend(cls: type) -> Callable[[Any], Any]:
    """Put the function (or property) below into `cls`, replacing one of the same name.

    Raises: TypeError when what stands below has no name.
    """

    def put(member: Any) -> Any:
        named = getattr(member, "fget", None) or getattr(member, "func", member)  # of a property, of a cached one
        name = getattr(named, "__name__", None)
        if name is None:
            raise TypeError(f"@extend({cls.__name__}) stands above a {type(member).__name__}, which has no name")
        setattr(cls, name, member)
        if hasattr(type(member), "__set_name__"):  # as Python does where it makes a class
            member.__set_name__(cls, name)
        return member

    return put
