"""Comparing two implementations: their tensors, their errors and their time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

TOLERANCE = 1e-10  # relative to the largest value of the reference, or to 1 where that is smaller
LARGE = 1e4  # exp overflows from 710 on
ROUNDS = 7  # of timing
VALUES = ("as given", "normal values", "zeros", "large values", "not contiguous")


class UnlockError(AssertionError):
    """The re-creation differs from the real one."""


@dataclass
class Proof:
    """What was compared so far: the largest difference of each stage, the seconds of both on the largest case."""

    name: str
    kind: str
    cases: int = 0
    case: str = ""
    largest: dict[str, float] = field(default_factory=dict)
    size: int = -1
    ours: float = 0.0
    real: float = 0.0

    def error(self, stage: str, what: str) -> UnlockError:
        return UnlockError(f"{self.name}, {self.case}: {stage}: {what}")

    def both(self, stage: str, ours: Callable[[], Any], real: Callable[[], Any]) -> tuple[Any, Any] | None:
        """The results of the two calls, with the same random numbers; None when both refuse.

        Raises: UnlockError when only one of them raises.
        """
        mine, my_error = _outcome(ours)
        reference, their_error = _outcome(real)
        if my_error and not their_error:
            text = f"the re-creation raises {type(my_error).__name__}: {my_error}"
            raise self.error(stage, f"{text}; the real one does not") from my_error
        if their_error and not my_error:
            text = f"the real one raises {type(their_error).__name__}: {their_error}"
            raise self.error(stage, f"{text}; the re-creation does not")
        return None if my_error else (mine, reference)

    def equal(self, stage: str, what: str, ours: Any, real: Any) -> None:
        """Compare two results, tensor by tensor: how many, shape, dtype, values.

        Raises: UnlockError.
        """
        mine, reference = list(leaves(ours)), list(leaves(real))
        if len(mine) != len(reference):
            raise self.error(stage, f"{what}: {len(mine)} of them, not {len(reference)}")
        for position, (a, b) in enumerate(zip(mine, reference, strict=True), start=1):
            self._equal(stage, what if len(mine) == 1 else f"{what} {position}", a, b)

    def _equal(self, stage: str, what: str, a: Any, b: Any) -> None:
        if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
            if type(a) is not type(b) or (a is not b and a != b):
                raise self.error(stage, f"{what} is {_brief(a)}, not {_brief(b)}")
            return
        if a.shape != b.shape:
            raise self.error(stage, f"{what} has shape {tuple(a.shape)}, not {tuple(b.shape)}")
        if a.dtype != b.dtype:
            remedy = " (make new tensors with the dtype of the inputs)" if b.dtype == torch.float64 else ""
            raise self.error(stage, f"{what} has dtype {a.dtype}, not {b.dtype}{remedy}")
        difference, scale = _difference(a.detach(), b.detach())
        self.largest[stage] = max(self.largest.get(stage, 0.0), difference / scale)
        if difference == torch.inf:
            raise self.error(stage, f"{what} is NaN or infinite where the real one is not, or the reverse")
        if difference > TOLERANCE * scale:
            raise self.error(stage, f"{what} differs by up to {difference:.2g} (allowed: {TOLERANCE * scale:.2g})")

    def measure(self, size: int, ours: Callable[[], Any], real: Callable[[], Any]) -> None:
        """Time both calls alternately, when this case is the largest so far."""
        if size <= self.size:
            return
        self.size = size
        seconds: tuple[list[float], list[float]] = ([], [])
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            for _ in range(ROUNDS):
                for call, taken in zip((ours, real), seconds, strict=True):
                    start = time.perf_counter()
                    call()
                    taken.append(time.perf_counter() - start)
        self.ours, self.real = map(statistics.median, seconds)


def variants(arguments: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """The arguments as given, and with other values in the same shapes."""
    for values in VALUES:
        yield values, mapped(arguments, _filler(values, torch.Generator().manual_seed(seed)))


def copied(arguments: Any, requires_grad: bool) -> Any:
    """A copy for one side: its float tensors in float64, every tensor with its strides."""

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        floating = tensor.is_floating_point()
        dtype = torch.float64 if floating else tensor.dtype
        strides = tensor.stride()
        if 0 in strides:  # expanded: its elements share memory
            strides = torch.empty(tensor.shape, device="meta").stride()
        result = torch.empty_strided(tensor.shape, strides, dtype=dtype).copy_(tensor.detach())
        return result.requires_grad_(requires_grad and floating)

    return mapped(arguments, copy)


def mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same lists, tuples and dicts, with every tensor changed."""
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(mapped(item, change) for item in value)
    return change(value) if isinstance(value, torch.Tensor) else value


def leaves(value: Any) -> Iterator[Any]:
    """What lists, tuples and dicts hold, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def floats(arguments: Any) -> list[torch.Tensor]:
    """The float tensors of the arguments, in order."""
    return [leaf for leaf in leaves(arguments) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]


def size(arguments: Any) -> int:
    """How many numbers the tensors of the arguments hold."""
    return sum(leaf.numel() for leaf in leaves(arguments) if isinstance(leaf, torch.Tensor))


def shapes(arguments: Any) -> str:
    """The arguments in short: a tensor by its shape, everything else as it is."""
    return ", ".join(_brief(leaf) for leaf in leaves(arguments))


def _filler(values: str, generator: torch.Generator) -> Callable[[torch.Tensor], torch.Tensor]:
    def fill(tensor: torch.Tensor) -> torch.Tensor:
        if values == "as given" or not tensor.is_floating_point():
            return tensor
        shape = tensor.shape
        result = torch.randn(shape, dtype=torch.float64, generator=generator)
        if values == "zeros":
            return torch.zeros_like(result)
        if values == "large values":
            return LARGE * result
        if values == "not contiguous":  # axes reversed in memory, with gaps between the elements
            axes = range(len(shape))
            return (
                torch.empty(*reversed(shape), 2, dtype=torch.float64)[..., 0]
                .permute(tuple(reversed(axes)))
                .copy_(result)
            )
        return result

    return fill


def _outcome(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return call(), None
        except Exception as error:  # whatever it is, the other side has to raise too
            return None, error


def _difference(a: torch.Tensor, b: torch.Tensor) -> tuple[float, float]:
    """The largest difference, infinite where NaN or infinity differ, and the magnitude that it is measured against."""
    a, b = a.double(), b.double()
    finite = a.isfinite() & b.isfinite()
    if not (finite | (a == b) | (a.isnan() & b.isnan())).all():
        return torch.inf, 1.0
    a, b = a[finite], b[finite]
    return (float((a - b).abs().max()), max(1.0, float(b.abs().max()))) if b.numel() else (0.0, 1.0)


def _brief(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
