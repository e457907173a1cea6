"""A data loader: batches and their order, the last one, its length; shuffling by what many epochs show.

A case of `inputs` is `(dataset, keywords)`; the proof adds its own. What needs luck is compared only as far as luck
allows: the same seed gives the same order again, every item comes once in an epoch, every order is as likely.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import torch

from groundup.proof.claim import Claim, never_given, takes
from groundup.proof.compare import Proof
from groundup.proof.values import brief, seed_default

EPOCHS = 1200
WORST = 7.0  # standard deviations that the counts of a fair shuffle may lie off


class Numbers:
    """A data set of `(row, label)`."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return torch.tensor([float(index), 0.5]), int(index)


class Rows(Numbers):
    """A data set of single tensors."""

    def __getitem__(self, index: int) -> torch.Tensor:  # type: ignore[override]
        return super().__getitem__(index)[0]


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError for a case of another form."""
    own: list[Any] = [(data, {"batch_size": size}) for data in (Numbers(10), Rows(7)) for size in (1, 3, 10, 20)]
    own += [(Numbers(length), {"batch_size": 3, "drop_last": True}) for length in (9, 10, 2)]
    own += [([torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])], {"batch_size": 2}), (Numbers(4), {})]
    for number, case in enumerate([*claim.inputs, *own], start=1):
        if not (isinstance(case, tuple) and len(case) == 2 and isinstance(case[1], dict)):
            raise ValueError(f"unlock({proof.name!r}): case {number} is not (dataset, keywords)")
        data, keywords = case
        proof.case = f"{len(data)} items, {', '.join(f'{k}={brief(v)}' for k, v in keywords.items())}"
        proof.cases += 1
        if not keywords.get("shuffle"):
            proof.passed += _in_order(proof, claim, data, keywords)
            proof.covers(*(f"{key}=" for key in keywords))
    for keywords in ({"batch_size": 3}, {"batch_size": 4, "drop_last": True}):
        proof.case = f"10 items, shuffle=True, {', '.join(f'{k}={v}' for k, v in keywords.items())}"
        proof.cases += 1
        proof.passed += _shuffled(proof, claim, keywords)
    if takes(claim.by, "generator"):
        proof.case = "10 items, shuffle=True, generator="
        _seeded(proof, claim)
        proof.covers("generator=")
    if takes(claim.by, "sampler"):
        proof.case = "10 items, sampler="
        _in_order(proof, claim, Numbers(10), {"batch_size": 3, "sampler": [4, 4, 1, 9, 0]})
        proof.covers("sampler=")
    proof.covers("shuffle=", "len()", "several epochs")
    proof.leaves_out(*never_given(claim.real, proof.covered))


def _in_order(proof: Proof, claim: Claim, data: Any, keywords: dict[str, Any]) -> bool:
    made = proof.each("construction", (claim.by, claim.real), lambda loader: loader(data, **keywords))
    if made is None:
        return False
    if isinstance(made[0], claim.real):
        raise proof.error("construction", "it gives PyTorch's own: give your re-creation")
    lengths = proof.each("length", made, len)
    proof.equal("length", "len()", *(lengths or (0, 0)))
    for epoch in ("", " of the second epoch"):
        batches = proof.each("forward", made, list)
        if batches is not None:
            if len(batches[0]) != len(batches[1]):
                raise proof.error("forward", f"{len(batches[0])} batches{epoch}, not {len(batches[1])}")
            for number, pair in enumerate(zip(*batches, strict=True), start=1):
                proof.equal("forward", f"batch {number}{epoch}: tensor", *pair)
    proof.measure(len(data), lambda: list(made[0]), lambda: list(made[1]))
    return True


def _epochs(proof: Proof, claim: Claim, keywords: dict[str, Any], count: int) -> list[list[int]]:
    """The labels in the order in which our loader gives them."""

    def run() -> list[list[int]]:
        seed_default(7)
        loader = claim.by(Numbers(10), shuffle=True, **keywords)
        return [[int(label) for _, labels in loader for label in labels] for _ in range(count)]

    return proof.mine("shuffle", run)


def _shuffled(proof: Proof, claim: Claim, keywords: dict[str, Any]) -> bool:
    sizes = [
        proof.mine("shuffle", lambda: [len(y) for _, y in claim.by(Numbers(10), shuffle=True, **keywords)]),
        [len(y) for _, y in claim.real(Numbers(10), shuffle=True, **keywords)],
    ]
    proof.equal("shuffle", "the size of batch", *sizes)
    found = _epochs(proof, claim, keywords, EPOCHS)
    for epoch in found:
        if len(set(epoch)) != len(epoch) or len(epoch) != sum(sizes[1]):
            raise proof.error("shuffle", f"an epoch gives {epoch}: every item is to come once")
    if len({tuple(epoch) for epoch in found}) < EPOCHS * 0.9:
        raise proof.error("shuffle", "the order is the same in many epochs")
    places = Counter((place, item) for epoch in found for place, item in enumerate(epoch))
    neighbours = Counter(pair for epoch in found for pair in pairwise(epoch))
    for what, counts, cells in (("place", places, 10 * len(found[0])), ("neighbour", neighbours, 90)):
        expected = sum(counts.values()) / cells
        pairs = [(a, b) for a in range(10) for b in range(10) if what == "place" or a != b][:cells]
        off = sum((counts[pair] - expected) ** 2 / expected for pair in pairs)  # as Pearson's chi-squared
        if off - cells * (1 - expected / EPOCHS) > WORST * (2 * cells) ** 0.5:
            worst = max(pairs, key=lambda pair: abs(counts[pair] - expected))
            text = f"{what} {worst} came {counts[worst]} times in {EPOCHS} epochs, not about {expected:.0f} times"
            raise proof.error("shuffle", f"not every order is as likely: {text}")
    return True


def _seeded(proof: Proof, claim: Claim) -> None:
    """The same generator gives the same order again, and the global one has no say."""
    found = []
    for seed, other in ((3, 1), (3, 2), (4, 1)):
        keywords = {"batch_size": 3, "generator": torch.Generator().manual_seed(seed)}

        def run(keywords: dict[str, Any] = keywords, other: int = other) -> list[int]:
            seed_default(other)
            loader = claim.by(Numbers(10), shuffle=True, **keywords)
            return [int(label) for _ in range(3) for _, labels in loader for label in labels]

        found.append(proof.mine("shuffle", run))
    if found[0] != found[1]:
        raise proof.error("shuffle", "the same generator gives another order: draw from generator=")
    if found[0] == found[2]:
        raise proof.error("shuffle", "another generator gives the same order: draw from generator=")
