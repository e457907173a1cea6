"""The gradients of two implementations, compared, and the step against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from groundup.proof.compare import Proof
from groundup.proof.values import floats, leaves, mapped, size

LEARNING_RATE = 0.1


def gradients(
    proof: Proof, results: tuple[Any, Any], inputs: tuple[Any, Any], by_hand: Callable[[Any], Any] | None = None
) -> tuple[Any, Any] | None:
    """The gradients of both sides with respect to the tensors `inputs`, for a random cotangent of the results.

    `by_hand` takes the cotangent and gives our gradients; without it, autograd does both sides.
    Raises: UnlockError when they differ.
    """
    generator = torch.Generator().manual_seed(0)
    outputs = floats(results[1])
    cotangents = [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    if not size(outputs) or not size(inputs[1]):  # loops over nothing leave no graph: there is nothing to compare
        return None
    if by_hand is None:
        if any(out.requires_grad for out in outputs) and not any(out.requires_grad for out in floats(results[0])):
            remedy = "keep to operations on tensors" + (", or give backward=" if proof.kind == "function" else "")
            raise proof.error("backward", f"the result is cut off from the graph: {remedy}")
        ours = lambda: autograd(results[0], inputs[0], cotangents)  # noqa: E731
    else:
        cotangent = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        ours = lambda: list(leaves(by_hand(cotangent)))  # noqa: E731
    found = proof.both("backward", ours, lambda: autograd(results[1], inputs[1], cotangents))
    if found is not None:
        proof.equal("backward", "gradient", *found)
        proof.covers("backward pass by hand" if by_hand else "gradients")
    return found


def autograd(outputs: Any, inputs: Sequence[torch.Tensor], cotangents: Sequence[torch.Tensor]) -> list[Any]:
    """PyTorch's gradients of the outputs with respect to `inputs`; None for those that take no part."""
    pairs = [(out, c) for out, c in zip(floats(outputs), cotangents, strict=True) if out.requires_grad]
    if not pairs or not inputs:
        return [None] * len(inputs)
    outs, cots = zip(*pairs, strict=True)
    return list(torch.autograd.grad(outs, inputs, cots, allow_unused=True))


def moved(arguments: Any, found: Sequence[torch.Tensor | None]) -> Any:
    """The arguments after one step against their gradients."""
    remaining = iter(found)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        gradient = next(remaining) if tensor.is_floating_point() else None
        return tensor.detach() if gradient is None else tensor.detach() - LEARNING_RATE * gradient

    return mapped(arguments, move)
