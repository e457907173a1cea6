"""Unlocking: a chapter proves that its re-creation equals PyTorch's function, which may be used from then on."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import operator
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from groundup.record import append

if TYPE_CHECKING:  # a chapter in pure Python imports this module: PyTorch is loaded by the first unlock
    from groundup.proof import Proof

OPERATORS = {"@": operator.matmul}  # spellings of an operation that are no names
KEYWORD = re.compile(r"(?P<name>[\w.]+)\((?P<keyword>\w+)=\)")  # torch.optim.SGD(momentum=)
WIDTH = 100  # of a certificate
SHOWN = 12  # phrases of what was and was not covered; all of them are recorded


def unlock(
    name: str,
    *,
    by: Callable[..., Any],
    inputs: Iterable[Any] = (),
    also: Iterable[str] = (),
    backward: Callable[..., Any] | None = None,
    parts: Mapping[str, Any] | None = None,
) -> None:
    """Prove that `by` equals PyTorch's `name` and show the certificate.

    `name` may end in a keyword, `torch.optim.SGD(momentum=)`, which some case has to give then. `inputs` are at least
    two cases: tuples of arguments for a function (a dict in the last place holds keywords), `(constructor arguments,
    forward arguments)` for a layer, dicts of keywords for an optimizer or scheduler. An autograd engine, a container, a
    hook and a loader are tried by the proof's own programs, to which `inputs` may add; `parts` are what else of the
    re-creation they need (see the modules of `groundup.proof`). `also` are other spellings of the same operation, which
    are compared too. `backward(cotangent, *arguments)` returns the gradients of the float tensors, for a function whose
    backward pass is written by hand.

    Raises: UnlockError (an AssertionError) that says what differs; ValueError when there is nothing to prove.
    """
    found = KEYWORD.fullmatch(name)
    plain, keyword = (found["name"], found["keyword"]) if found else (name, "")
    real = _resolve(plain)
    others = (also,) if isinstance(also, str) else tuple(also)
    spelled = {other: OPERATORS[other] if other in OPERATORS else _resolve(other) for other in others}
    _check_own(name, real, by)

    from groundup import proof  # here, because it imports torch

    claim = proof.Claim(plain, real, by, tuple(inputs), backward, parts)
    result = proof.prove(claim, spelled, keyword)
    title = getattr(by, "__qualname__", type(by).__name__)
    print(_certificate((name, *others), title, result))
    append(
        "certificate",
        {
            "name": name,
            "also": list(others),
            "by": title,
            "kind": result.kind,
            "cases": result.cases,
            "forward": result.largest.get("forward"),
            "backward": result.largest.get("backward"),
            "step": result.largest.get("step"),
            "float32": result.largest.get("float32"),
            "ratio": result.ours / result.real if result.real else None,
            "covered": list(result.covered),
            "not_covered": list(result.not_covered),
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
    maker = by if inspect.isclass(by) or inspect.isroutine(by) else type(by)
    borrowed = f"{getattr(maker, '__module__', None)}.".startswith("torch.")
    inherited = inspect.isclass(by) and inspect.isclass(real) and real in by.__mro__
    if by is real or (inspect.isroutine(by) and not hasattr(by, "__code__")) or borrowed or inherited:
        raise ValueError(f"unlock({name!r}): by={by!r} is PyTorch's own: give your re-creation")


def _certificate(names: tuple[str, ...], by: str, result: Proof) -> str:
    """Aligned lines that say what was proved, how exactly, how fast, and for which forms."""
    precisely = " in float64" if "float64 and float32" in result.covered else ""
    rows = [("cases", f"{result.cases}, all equal{precisely}")]
    for stage in ("forward", "backward", "step", "float32"):
        if stage in result.largest:
            rows.append((stage, f"largest difference {result.largest[stage]:.1e}"))
    if result.real:
        ratio = result.ours / result.real
        compared = f"{ratio:.2g} times as long" if ratio < 99.5 else f"{ratio:,.0f} times as long"
        rows.append(("time", f"{compared} ({_duration(result.ours)} for {_duration(result.real)})"))
    rows += [("covered", _wrapped(result.covered)), ("left out", _wrapped(result.not_covered))]
    lines = [f"unlocked  {', '.join(names)}, by {by}"]
    return "\n".join(lines + [f"{label:<9} {text}" for label, text in rows if text])


def _wrapped(found: Iterable[str]) -> str:
    phrases = list(found)
    if len(phrases) > SHOWN:
        phrases = [*phrases[: SHOWN - 1], f"and {len(phrases) - SHOWN + 1} more"]
    return textwrap.fill(", ".join(phrases), WIDTH - 10, break_on_hyphens=False).replace("\n", f"\n{'':<10}")


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
