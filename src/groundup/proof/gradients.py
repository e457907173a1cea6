"""The gradients of two implementations, compared, and the step against them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from groundup.proof.compare import Proof, floats, leaves, mapped, size

LEARNING_RATE = 0.1


def call(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Call with positional arguments; a dict in the last place holds keywords."""
    if arguments and isinstance(arguments[-1], dict):
        return function(*arguments[:-1], **arguments[-1])
    return function(*arguments)


def gradients(
    proof: Proof, results: tuple[Any, Any], tensors: tuple[Any, Any], by_hand: Any = None
) -> tuple[Any, Any] | None:
    """The gradients of both sides with respect to `tensors`, for a random cotangent of the results.

    `by_hand` is a backward function and the arguments that our result came from; without it, autograd does both sides.
    Raises: UnlockError when they differ.
    """
    generator = torch.Generator().manual_seed(0)
    outputs = floats(results[1])
    cotangents = [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    if not size(outputs) or not size(tensors[1]):  # loops over nothing leave no graph: there is nothing to compare
        return None
    if by_hand is None:
        if any(out.requires_grad for out in outputs) and not any(out.requires_grad for out in floats(results[0])):
            remedy = "keep to operations on tensors" + (", or give backward=" if proof.kind == "function" else "")
            raise proof.error("backward", f"the result is cut off from the graph: {remedy}")
        ours = lambda: _autograd(results[0], tensors[0], cotangents)  # noqa: E731
    else:
        backward, arguments = by_hand
        cotangent = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        ours = lambda: list(leaves(call(backward, (cotangent, *arguments))))  # noqa: E731
    found = proof.both("backward", ours, lambda: _autograd(results[1], tensors[1], cotangents))
    if found is not None:
        proof.equal("backward", "gradient", *found)
    return found


def _autograd(outputs: Any, tensors: Sequence[torch.Tensor], cotangents: Sequence[torch.Tensor]) -> list[Any]:
    pairs = [(out, c) for out, c in zip(floats(outputs), cotangents, strict=True) if out.requires_grad]
    if not pairs or not tensors:
        return [None] * len(tensors)
    outs, cots = zip(*pairs, strict=True)
    return list(torch.autograd.grad(outs, tensors, cots, allow_unused=True))


def moved(arguments: Any, found: Sequence[torch.Tensor | None]) -> Any:
    """The arguments after one step against their gradients."""
    remaining = iter(found)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        gradient = next(remaining) if tensor.is_floating_point() else None
        return tensor.detach() if gradient is None else tensor.detach() - LEARNING_RATE * gradient

    return mapped(arguments, move)
