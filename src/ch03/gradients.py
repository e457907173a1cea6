# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by nudging and by hand: the former are slow, and check the latter."""

from collections.abc import Callable

import torch


def numerical_grad(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], step: float = 1e-5
) -> list[torch.Tensor]:
    """Gradient of `loss()` for every number in `parameters`, by central differences.

    Give float64: float32 has too few digits for so small a step. Each number is
    changed in place and put back. Shapes: as `parameters`.
    """
    gradients = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        numbers, slots = parameter.view(-1), gradient.view(-1)
        for i, number in enumerate(numbers.tolist()):
            numbers[i] = number + step
            up = loss()
            numbers[i] = number - step
            slots[i] = (up - loss()) / (2 * step)
            numbers[i] = number
    return gradients
