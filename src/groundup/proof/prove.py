"""One proof: its kind is found, its cases are compared, and so is every other name that it is to hold for."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from groundup.proof.claim import Claim
from groundup.proof.compare import Proof, UnlockError
from groundup.proof.kinds import Kind, kind_of
from groundup.proof.watch import Watch


def prove(claim: Claim, also: Mapping[str, Any], keyword: str = "") -> Proof:
    """Compare `claim.by` with `claim.real`, and what the names of `also` spell with it too.

    `keyword` is one that some case has to give, for a name such as `torch.optim.SGD(momentum=)`.
    Raises: UnlockError at the first difference; ValueError when the cases prove nothing.
    """
    kind = kind_of(claim.name, claim.real)
    if claim.backward is not None and kind.name != "function":
        raise ValueError(
            f"unlock({claim.name!r}): backward= is for functions: "
            "a layer's gradients come from autograd, or from its own backward()"
        )
    proof = Proof(claim.name, kind.name, Watch([claim.name], [claim.real], kind.name == "engine"))
    with _aside():
        kind.prove(proof, claim)
    if proof.passed < kind.least:
        text = f"{proof.passed} case{'s' * (proof.passed != 1)} that the real one takes is too few: give at least 2"
        reasons = f" ({'; '.join(dict.fromkeys(proof.refused))})" if proof.refused else ""
        raise ValueError(f"unlock({claim.name!r}): {text}{reasons}")
    if keyword and f"{keyword}=" not in proof.covered:
        raise ValueError(f"unlock({claim.name!r}): no case gives {keyword}= another value than its default")
    for name, other in also.items():
        _same(claim, kind, name, other)
    return proof


@contextmanager
def _aside() -> Iterator[None]:
    """Leave the chapter's own random numbers alone, and its page without warnings of odd cases."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _same(claim: Claim, kind: Kind, name: str, other: Any) -> None:
    """Raises: UnlockError when `name` is neither the same object, nor part of the proof, nor equal on its cases."""
    if other is claim.real or kind.also(claim, name):
        return
    refusal = f"{claim.name}: also={name!r} is not proved with it"
    if kind.least == 0 or inspect.isclass(other) != inspect.isclass(claim.real) or not callable(other):
        raise UnlockError(f"{refusal}: give it an unlock of its own")
    spelled = Claim(claim.name, claim.real, other, claim.inputs, None, claim.parts)
    try:
        with _aside():
            kind.prove(Proof(claim.name, kind.name), spelled)
    except UnlockError as error:
        text = str(error).removeprefix(f"{claim.name}, ").replace("the re-creation", name)
        raise UnlockError(f"{refusal}: {text}") from None
