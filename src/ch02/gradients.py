# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by nudging and by hand: the former are slow, and check the latter."""

from collections.abc import Callable

from .linear import predict


def numerical_grad(
    loss: Callable[[], float], parameters: list[list[float]], step: float = 1e-5
) -> list[list[float]]:
    """Gradient of `loss()` for every number in `parameters`, by central differences.

    Each number is changed where it stands and put back. Shapes: as `parameters`.
    """
    grads = [[0.0] * len(row) for row in parameters]
    for row, row_grads in zip(parameters, grads, strict=True):
        for i, value in enumerate(row):
            row[i] = value + step
            up = loss()
            row[i] = value - step
            row_grads[i] = (up - loss()) / (2 * step)
            row[i] = value
    return grads


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
