# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable

import torch


def numerical_grad(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], step: float = 1e-5
) -> list[torch.Tensor]:
    """Gradient of `loss()` for every number in `parameters`, by central differences.

    Give float64: in float32 so small a step drowns in rounding.
    Each number is changed where it stands and put back. Shapes: as `parameters`.
    """
    grads = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, grad in zip(parameters, grads, strict=True):
        row, row_grads = parameter.view(-1), grad.view(-1)
        for i, value in enumerate(row.tolist()):
            row[i] = value + step
            up = loss()
            row[i] = value - step
            row_grads[i] = (up - loss()) / (2 * step)
            row[i] = value
    return grads


def gradient_check(
    loss: Callable[[], torch.Tensor],
    parameters: list[torch.Tensor],
    grads: list[torch.Tensor],
) -> float:
    """The largest relative error of `grads` against finite differences. Give float64."""
    errors = []
    for grad, judged in zip(grads, numerical_grad(loss, parameters), strict=True):
        size = max(grad.abs().max().item(), judged.abs().max().item(), 1e-12)
        errors.append((grad - judged).abs().max().item() / size)
    return max(errors)
