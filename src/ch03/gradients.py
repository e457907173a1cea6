# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable

import torch


def numerical_grad(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], step: float = 1e-5
) -> list[torch.Tensor]:
    """Slope of `loss()` for every number in `parameters`, by central differences.

    Each number is nudged where it stands and put back. Shapes: as `parameters`.
    """
    slopes = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, parameter_slopes in zip(parameters, slopes, strict=True):
        numbers, number_slopes = parameter.view(-1), parameter_slopes.view(-1)
        for i, knob in enumerate(numbers.tolist()):
            numbers[i] = knob + step
            up = loss()
            numbers[i] = knob - step
            number_slopes[i] = (up - loss()) / (2 * step)
            numbers[i] = knob
    return slopes
