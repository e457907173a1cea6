# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by nudging and by hand: the former are slow, and check the latter."""

from collections.abc import Callable

from .linear import predict


def numerical_grad(
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


def linear_grad(
    inputs: list[list[float]], targets: list[float], weights: list[float], bias: float
) -> tuple[list[float], float]:
    """Gradient of the linear model's mean squared error, by hand.

    Shapes: inputs (n, d), targets (n), weights (d) -> slopes (d) and one slope.
    """
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets, strict=True):
        slope = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_slopes = [
            total + slope * value for total, value in zip(weight_slopes, x, strict=True)
        ]
        bias_slope += slope
    return weight_slopes, bias_slope
