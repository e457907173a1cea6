"""Comparing two implementations: their results, their errors and their time."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from groundup.proof.values import described, leaves, seed_default
from groundup.proof.watch import Borrowed, Watch

TOLERANCE = 1e-10  # in float64: relative to the largest value of the reference, or to 1 where that is smaller
SINGLE = 1e-4  # in float32
ROUNDS = 7  # of timing
SEED = 3_141_592  # no case's own generator has it, so that it shows when ours draws from the default one instead


class UnlockError(AssertionError):
    """The re-creation differs from the real one."""


@dataclass
class Proof:
    """What was compared so far: cases, the largest difference of each stage, what was and was not tried."""

    name: str
    kind: str
    watch: Watch | None = None
    cases: int = 0
    passed: int = 0
    case: str = ""
    largest: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # the errors on which both sides agree
    covered: dict[str, None] = field(default_factory=dict)  # short phrases, in order
    not_covered: dict[str, None] = field(default_factory=dict)
    single: bool = False
    size: int = -1
    ours: float = 0.0
    real: float = 0.0

    def error(self, stage: str, what: str) -> UnlockError:
        return UnlockError(": ".join(filter(None, (f"{self.name}, {self.case}", stage, what))))

    def covers(self, *phrases: str) -> None:
        self.covered.update(dict.fromkeys(phrases))

    def leaves_out(self, *phrases: str) -> None:
        self.not_covered.update(dict.fromkeys(phrases))

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Compare with the tolerance of float32."""
        before, self.single, self.case = self.case, True, f"{self.case}, in float32"
        yield
        self.single, self.case = False, before

    def both(self, stage: str, ours: Callable[[], Any], real: Callable[[], Any]) -> tuple[Any, Any] | None:
        """The results of the two calls, with the same random numbers; None when both refuse.

        Raises: UnlockError when only one of them raises, or when ours calls the real one.
        """
        mine, my_error = self._outcome(ours, self.watch)
        reference, their_error = self._outcome(real, None)
        if my_error and not their_error:
            raise self.error(stage, f"the re-creation raises {said(my_error, True)}; the real one does not") from None
        if their_error and not my_error:
            raise self.error(stage, f"the real one raises {said(their_error)}; the re-creation does not") from None
        if their_error:
            self.refused.append(f"{self.case}: {said(their_error)}")
            return None
        return mine, reference

    def each(self, stage: str, sides: Sequence[Any], ask: Callable[[Any], Any]) -> tuple[Any, Any] | None:
        """What a question gives for ours and for the real one; None when both refuse.

        Raises: UnlockError when only one of them raises.
        """
        return self.both(stage, lambda: ask(sides[0]), lambda: ask(sides[1]))

    def alike(self, stage: str, what: str, sides: Sequence[Any], ask: Callable[[Any], Any]) -> None:
        """Compare what a question gives for ours and for the real one.

        Raises: UnlockError.
        """
        found = self.each(stage, sides, ask)
        if found is not None:
            self.equal(stage, what, *found)

    def mine(self, stage: str, ours: Callable[[], Any]) -> Any:
        """The result of a call of the re-creation alone.

        Raises: UnlockError when it raises, or calls the real one.
        """
        result, error = self._outcome(ours, self.watch)
        if error:
            raise self.error(stage, f"the re-creation raises {said(error, True)}") from None
        return result

    def _outcome(self, call: Callable[[], Any], watch: Watch | None) -> tuple[Any, Exception | None]:
        with torch.random.fork_rng(devices=[]):
            seed_default(SEED)
            try:
                with watch.watching() if watch else nullcontext():
                    return call(), None
            except Borrowed as borrowed:
                text = f"the re-creation calls {borrowed}, which is what it re-creates: write it from what is free"
                raise self.error("", text) from None
            except Exception as error:  # whatever it is, the other side has to raise too
                return None, error

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
        if isinstance(a, torch.Generator) and isinstance(b, torch.Generator):
            return
        if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
            numbers = all(isinstance(side, float | int) for side in (a, b)) and float in (type(a), type(b))
            if numbers:
                a, b = (torch.tensor(side, dtype=torch.float64) for side in (a, b))
            elif type(a) is not type(b) or (a is not b and a != b):
                raise self.error(stage, f"{what} is {described(a)}, not {described(b)}")
            else:
                return
        if a.shape != b.shape:
            raise self.error(stage, f"{what} has shape {tuple(a.shape)}, not {tuple(b.shape)}")
        if a.dtype != b.dtype:
            remedy = " (make new tensors with the dtype of the inputs)" if b.is_floating_point() else ""
            raise self.error(stage, f"{what} has dtype {a.dtype}, not {b.dtype}{remedy}")
        difference, scale = _difference(a.detach(), b.detach())
        column = "float32" if self.single else stage
        self.largest[column] = max(self.largest.get(column, 0.0), difference / scale)
        allowed = (SINGLE if self.single else TOLERANCE) * scale
        if difference == torch.inf:
            raise self.error(stage, f"{what} is NaN or infinite where the real one is not, or the reverse")
        if difference > allowed:
            raise self.error(stage, f"{what} differs by up to {difference:.2g} (allowed: {allowed:.2g})")

    def measure(self, size: int, ours: Callable[[], Any], real: Callable[[], Any]) -> None:
        """Time both calls alternately, when this case is the largest so far.

        Raises: UnlockError when ours, which has passed, raises now.
        """
        if size <= self.size:
            return
        self.size = size
        seconds: tuple[list[float], list[float]] = ([], [])
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            for _ in range(ROUNDS):
                for call, taken in zip((ours, real), seconds, strict=True):
                    start = time.perf_counter()
                    try:
                        call()
                    except Exception as error:
                        raise self.error("timing", f"the re-creation raises {said(error, call is ours)}") from None
                    taken.append(time.perf_counter() - start)
        self.ours, self.real = map(statistics.median, seconds)


def said(error: Exception, where: bool = False) -> str:
    """An exception in one line; with `where`, the function and line that raised it."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/groundup/proof/" not in frame.filename and "/torch/" not in frame.filename]
    return f"{text} (in {own[-1].name}, line {own[-1].lineno})" if where and own else text


def _difference(a: torch.Tensor, b: torch.Tensor) -> tuple[float, float]:
    """The largest difference, infinite where NaN or infinity differ, and the magnitude that it is measured against."""
    a, b = a.double(), b.double()
    finite = a.isfinite() & b.isfinite()
    if not (finite | (a == b) | (a.isnan() & b.isnan())).all():
        return torch.inf, 1.0
    a, b = a[finite], b[finite]
    return (float((a - b).abs().max()), max(1.0, float(b.abs().max()))) if b.numel() else (0.0, 1.0)
