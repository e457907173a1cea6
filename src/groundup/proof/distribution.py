"""Whether two samples of random tensors come from one distribution: values, moments, independence, positions."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from groundup.proof.compare import Proof

ALPHA = 1e-6  # how seldom an equal one may be refused; seeds are fixed, so that it is refused never or always
DEVIATIONS = 7.0  # standard errors between two means
MOST = 20_000  # numbers in one comparison
ROUNDING = 1e-6  # values closer than this, relative to the largest, count as equal


def same_distribution(proof: Proof, stage: str, what: str, mine: torch.Tensor, real: torch.Tensor) -> None:
    """Compare two samples, each `(draws, *shape)`.

    Raises: UnlockError that says in what they differ.
    """
    if mine.shape != real.shape:
        raise proof.error(stage, f"{what} has shape {tuple(mine.shape[1:])}, not {tuple(real.shape[1:])}")
    if not bool(mine.isfinite().all()):
        raise proof.error(stage, f"{what} is not finite")
    if not real[0].numel():
        return
    ours, other = mine.flatten(1), real.flatten(1)
    about = (
        f"mean {float(ours.mean()):.4g} and standard deviation {float(ours.std(correction=0)):.4g}, "
        f"not {float(other.mean()):.4g} and {float(other.std(correction=0)):.4g}"
    )
    if _apart(ours.mean(1), other.mean(1)):
        raise proof.error(stage, f"{what} has another mean: {about}")
    if _apart((ours**2).mean(1), (other**2).mean(1)):
        raise proof.error(stage, f"{what} has another scale: {about}")
    if _distance(ours, other) > _allowed(ours, other, _effect(other)):
        raise proof.error(stage, f"{what} has another distribution ({about})")
    for where, a, b in _slices(mine, real):
        if _distance(a, b) > _allowed(a, b, max(_effect(a), _effect(b))):
            raise proof.error(stage, f"{what} is not as independent {where} as the real one's")
    if bool((((ours == ours[0]).all(0)) & ~(other == other[0]).all(0)).any()):
        raise proof.error(stage, f"{what} is not alike in all its places as the real one's: some never change")
    for moment in (1, 2):
        if bool(_deviations(ours**moment, other**moment).max() > DEVIATIONS + 1):
            raise proof.error(stage, f"{what} is not alike in all its places as the real one's")
    proof.covers("random numbers by their distribution")


def _slices(mine: torch.Tensor, real: torch.Tensor) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Means over each axis, and over everything: they spread more, or less, where values depend on each other."""
    for axis in range(1, mine.dim()):
        if mine.shape[axis] > 1 and mine.dim() > 2:
            yield f"along dimension {axis - 1}", mine.mean(axis).flatten(1), real.mean(axis).flatten(1)
    if mine[0].numel() > 1:
        yield "over the whole", mine.flatten(1).mean(1, keepdim=True), real.flatten(1).mean(1, keepdim=True)
        yield "over the whole", mine.flatten(1).std(1, keepdim=True), real.flatten(1).std(1, keepdim=True)


def _deviations(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """How many standard errors the means of two samples lie apart, for each column."""
    difference = (a.mean(0) - b.mean(0)).abs()
    error = ((a.var(0) + b.var(0)) / len(a)).sqrt()
    scale = max(float(b.abs().max()), 1e-30)
    return torch.where(difference <= ROUNDING * scale, 0.0, difference / error.clamp(min=1e-30))


def _apart(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool(_deviations(a[:, None], b[:, None]) > DEVIATIONS)


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest distance between the two cumulative distributions (Kolmogorov and Smirnov)."""
    a, b = (_thinned(side).sort().values for side in (a, b))
    tolerance = ROUNDING * max(float(b.abs().max()), 1e-30)

    def above(one: torch.Tensor, other: torch.Tensor) -> float:
        share = torch.searchsorted(one, one, right=True) / len(one)  # where it jumps up
        return float((share - torch.searchsorted(other, one + tolerance, right=True) / len(other)).max())

    return max(above(a, b), above(b, a))


def _allowed(a: torch.Tensor, b: torch.Tensor, effect: float) -> float:
    n, m = (min(side.numel(), MOST) / effect for side in (a, b))
    return math.sqrt(-math.log(ALPHA / 2) / 2) * math.sqrt((n + m) / (n * m))


def _effect(sample: torch.Tensor) -> float:
    """By how much the numbers of one draw hang together: 1 when they are independent, their count when all are one."""
    total = float(sample.var())
    return max(1.0, sample.shape[1] * float(sample.mean(1).var()) / total) if total and sample.shape[1] > 1 else 1.0


def _thinned(sample: torch.Tensor) -> torch.Tensor:
    flat = sample.flatten()
    if len(flat) <= MOST:
        return flat
    return flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:MOST]]
