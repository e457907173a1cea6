"""Values as lines to print: their types, shapes and numbers, as few as tell enough."""

from __future__ import annotations

import reprlib
import sys
import types
from typing import Any

WIDTH = 100  # characters of a line
ROWS, COLUMNS = 5, 6  # of a matrix that is shown
FIELDS = 4  # of an object
STATE = 1_000  # bytes: as many and more are a generator's state


def as_lines(name: str, value: Any) -> list[str]:
    """A value by its name: on one line if it fits, else its rows below."""
    try:
        kind, rows = _described(value)
    except Exception as error:  # the reader's own class, perhaps
        kind, rows = f"{type(value).__name__}, which cannot be shown ({type(error).__name__})", []
    kind = f"{name}: {kind}"
    if len(rows) == 1 and len(kind) + len(rows[0]) < WIDTH:
        return [f"{kind} {rows[0]}" if value is not None else f"{name}: None"]
    return [kind, *(f"    {row if len(row) <= WIDTH else row[: WIDTH - 1] + '…'}" for row in rows)]


def _described(value: Any) -> tuple[str, list[str]]:
    """What a value is, and its numbers as rows: whole if they are few, else the corner."""
    torch = sys.modules.get("torch")
    kind = type(value).__name__
    if torch is not None and isinstance(value, torch.Tensor):
        corner = value.detach()
        while corner.dim() > 2:  # the first image, the first channel
            corner = corner[0] if len(corner) else corner.flatten(1)
        shown = corner[:ROWS, :COLUMNS] if corner.dim() == 2 else corner[:COLUMNS] if corner.dim() else corner
        part = "" if shown.numel() == value.numel() else ", of which"
        rows = [_row(row) for row in shown.tolist()] if shown.dim() == 2 else [_row(shown.tolist())]
        return f"{_kind(value)}, {str(value.dtype).removeprefix('torch.')}{part}", rows
    if isinstance(value, list | tuple) and any(isinstance(part, list | tuple) for part in value):
        return f"{kind} of {len(value)}", [*map(_row, value[:ROWS]), *["…"] * (len(value) > ROWS)]
    if isinstance(value, list | tuple):
        return f"{kind} of {len(value)}", [_row(value)]
    if isinstance(value, types.SimpleNamespace):
        return kind, [", ".join(f"{key} {_kind(part)}" for key, part in vars(value).items()) or "with nothing in it"]
    if isinstance(value, types.FunctionType):
        return f"the function {value.__name__}", []
    if type(value).__repr__ is object.__repr__:
        return kind, [_fields(value)] * bool(_fields(value))
    return kind, [_short.repr(value)]


def is_noise(value: Any) -> bool:
    """Whether a value tells nothing: the verdict of a check, a generator and its state, a function without a name."""
    if isinstance(value, bool | type | types.ModuleType) or type(value).__name__ == "Generator":
        return True
    if isinstance(value, types.FunctionType):
        return value.__name__ == "<lambda>"
    return str(getattr(value, "dtype", "")) == "torch.uint8" and value.dim() == 1 and len(value) > STATE


def _fields(value: Any) -> str:
    """The numbers that an object holds under names of its own, a few of them."""
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    held = {name: getattr(value, name, None) for name in (*slots, *getattr(value, "__dict__", ()))}
    numbers = [f"{name} {_row(part)}" for name, part in held.items() if isinstance(part, int | float)]
    return ", ".join(numbers[:FIELDS])


def _row(values: Any) -> str:
    if type(values).__repr__ is object.__repr__:
        return f"{type(values).__name__}({_fields(values)})"
    if type(values).__name__ == "Tensor" and values.numel() <= COLUMNS:
        return f"{_kind(values)} {_row(values.tolist())}"
    if isinstance(values, list | tuple):
        inside = ", ".join(map(_row, values[:COLUMNS]))
        return f"[{inside}{', …' * (len(values) > COLUMNS)}]"
    return f"{values:.6g}" if isinstance(values, float) else _kind(values) if _shape(values) else _short.repr(values)


def _kind(value: Any) -> str:
    """The type of a value, with its shape if it has one."""
    shape = _shape(value)
    return f"{'tensor' if type(value).__name__ == 'Tensor' else type(value).__name__} {shape}".strip()


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return str(tuple(shape)) if isinstance(shape, tuple) else ""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80
