"""The two sides that an engine's programs run on: the re-creation and PyTorch, spoken to in the same way."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch

from groundup.proof.claim import Claim


class Engine:
    """One side: how it makes leaves, does an operation and stops its recording. Without a claim it is PyTorch."""

    def __init__(self, claim: Claim | None) -> None:
        self.claim = claim

    def leaf(self, data: torch.Tensor, requires_grad: bool = True) -> Any:
        if self.claim is None:
            return data.clone().requires_grad_(requires_grad)
        return self.claim.part("leaf", self.claim.by)(data.clone(), requires_grad=requires_grad)

    def has(self, name: str) -> bool:
        return self.claim is None or self.claim.part(name) is not None or hasattr(self.claim.by, name)

    def do(self, name: str, x: Any, *arguments: Any, **keywords: Any) -> Any:
        """One operation: the function that was handed in, else a method, else a property."""
        handed = None if self.claim is None else self.claim.part(name)
        if handed is not None:
            return handed(x, *arguments, **keywords)
        member = getattr(x, name)
        return member(*arguments, **keywords) if callable(member) else member

    def no_grad(self) -> AbstractContextManager[Any]:
        return torch.no_grad() if self.claim is None else self.claim.part("no_grad")()


Sides = tuple[Engine, Engine]


def plain(tensor: Any) -> torch.Tensor:
    """The numbers of a tensor of either side, out of every graph."""
    data = tensor if isinstance(tensor, torch.Tensor) else tensor.data
    return data.detach().clone()
