"""Growing a class across cells: `@extend(Tensor)` above a function makes it a method of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def extend(cls: type) -> Callable[[Any], Any]:
    """Put the function (or property) below into `cls`, replacing one of the same name.

    Raises: TypeError when what stands below has no name.
    """

    def put(member: Any) -> Any:
        name = getattr(member, "fget", member).__name__
        setattr(cls, name, member)
        return member

    return put
