"""Unlocking: a chapter proves that its re-creation equals PyTorch's function, which may be used from then on."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from groundup.record import append

if TYPE_CHECKING:  # a chapter in pure Python imports this module: PyTorch is loaded by the first unlock
    from groundup.proof import Proof

OPERATORS = ("@",)  # spellings of an operation that are no names


def unlock(
    name: str,
    *,
    by: Callable[..., Any],
    inputs: Iterable[Any],
    also: Iterable[str] = (),
    backward: Callable[..., Any] | None = None,
) -> None:
    """Prove that `by` equals PyTorch's `name` and show the certificate.

    `inputs` are at least two cases: tuples of arguments for a function (a dict in the last place holds keywords),
    `(constructor arguments, forward arguments)` for a module, dicts of keywords for an optimizer. `also` are other
    spellings of the same operation. `backward(cotangent, *arguments)` returns the gradients of the float tensors,
    for a function whose backward pass is written by hand.

    Raises: UnlockError (an AssertionError) that says what differs; ValueError when there is nothing to prove.
    """
    real = _resolve(name)
    also = (also,) if isinstance(also, str) else tuple(also)
    for other in also:
        if other not in OPERATORS:
            _resolve(other)
    _check_own(name, real, by)

    from groundup import proof  # here, because it imports torch

    result = proof.prove(name, real, by, list(inputs), backward)
    title = getattr(by, "__qualname__", type(by).__name__)
    print(_certificate((name, *also), title, result))
    append(
        "certificate",
        {
            "name": name,
            "also": list(also),
            "by": title,
            "kind": result.kind,
            "cases": result.cases,
            "forward": result.largest.get("forward"),
            "backward": result.largest.get("backward"),
            "step": result.largest.get("step"),
            "ratio": result.ours / result.real,
        },
    )


def _resolve(name: str) -> Any:
    """The object of PyTorch that `name` spells.

    Raises: ValueError with the nearest name that exists.
    """
    first, *rest = name.split(".")
    if first != "torch" or not rest:
        raise ValueError(f"unlock({name!r}): write the full name, such as 'torch.nn.functional.relu'")
    found: Any = importlib.import_module("torch")
    for depth, part in enumerate(rest, start=1):
        if not hasattr(found, part):
            parent = ".".join([first, *rest[: depth - 1]])
            near = difflib.get_close_matches(part, dir(found), n=1, cutoff=0.4)
            remedy = f"did you mean {f'{parent}.{near[0]}'!r}?" if near else "see the names of PyTorch's manual"
            raise ValueError(f"unlock({name!r}): {parent} has no {part!r}: {remedy}")
        found = getattr(found, part)
    return found


def _check_own(name: str, real: Any, by: Any) -> None:
    """Raises: ValueError when `by` is PyTorch's own work."""
    if not callable(by):
        raise ValueError(f"unlock({name!r}): by={by!r} cannot be called: give your function or class")
    while isinstance(by, functools.partial):
        by = by.func
    borrowed = f"{getattr(by, '__module__', None)}.".startswith("torch.") or type(by).__module__.startswith("torch.")
    inherited = inspect.isclass(by) and inspect.isclass(real) and issubclass(by, real)
    if by is real or (inspect.isroutine(by) and not hasattr(by, "__code__")) or borrowed or inherited:
        raise ValueError(f"unlock({name!r}): by={by!r} is PyTorch's own: give your re-creation")


def _certificate(names: tuple[str, ...], by: str, result: Proof) -> str:
    """Up to six aligned lines that say what was proved."""
    rows = [("cases", f"{result.cases}, all equal in float64")]
    for stage in ("forward", "backward", "step"):
        if stage in result.largest:
            rows.append((stage, f"largest difference {result.largest[stage]:.1e}"))
    ratio = result.ours / result.real
    compared = f"{ratio:.2g} times as long" if ratio < 99.5 else f"{ratio:,.0f} times as long"
    rows.append(("time", f"{compared} ({_duration(result.ours)} for {_duration(result.real)})"))
    lines = [f"unlocked  {', '.join(names)}, by {by}"]
    return "\n".join(lines + [f"{label:<9} {text}" for label, text in rows])


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
