# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by nudging and by hand: the former are slow, and check the latter."""

from collections.abc import Callable

import torch


def finite_difference(
    f: Callable[[list[float]], float], knobs: list[float], step: float = 1e-4
) -> list[float]:
    """Slope of `f` with respect to each of `knobs`, by central differences.

    Shapes: knobs (n) -> slopes (n). Calls `f` 2n times.
    """
    slopes = []
    for i, knob in enumerate(knobs):
        up = [*knobs[:i], knob + step, *knobs[i + 1 :]]
        down = [*knobs[:i], knob - step, *knobs[i + 1 :]]
        slopes.append((f(up) - f(down)) / (2 * step))
    return slopes


def nudge_parameters(
    parameters: list[torch.Tensor], loss: Callable[[], torch.Tensor], step: float = 1e-5
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
