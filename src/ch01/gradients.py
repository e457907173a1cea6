# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable

from .linear import predict


def numerical_grad(
    f: Callable[[list[float]], float], parameters: list[float], step: float = 1e-4
) -> list[float]:
    """Gradient of `f` at `parameters`, by central finite differences.

    Shapes: parameters (P) -> gradient (P). Calls `f` 2P times.
    """
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


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
