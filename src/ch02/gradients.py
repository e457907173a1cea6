# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable

from .linear import predict


def numerical_grad(
    loss: Callable[[], float], parameters: list[list[float]], step: float = 1e-5
) -> list[list[float]]:
    """Slope of `loss()` for every number in `parameters`, by central differences.

    Each number is nudged where it stands and put back. Shapes: as `parameters`.
    """
    slopes = [[0.0] * len(row) for row in parameters]
    for row, row_slopes in zip(parameters, slopes, strict=True):
        for i, knob in enumerate(row):
            row[i] = knob + step
            up = loss()
            row[i] = knob - step
            row_slopes[i] = (up - loss()) / (2 * step)
            row[i] = knob
    return slopes


def linear_grad(
    inputs: list[list[float]], targets: list[float], weights: list[float], bias: float
) -> tuple[list[float], float]:
    """Gradient of the linear model's mean squared error, by hand.

    Shapes: inputs (N, D), targets (N), weights (D) -> weight gradient (D), one number.
    """
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets, strict=True):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [
            total + output_grad * value
            for total, value in zip(weight_grad, x, strict=True)
        ]
        bias_grad += output_grad
    return weight_grad, bias_grad
