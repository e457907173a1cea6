# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

from .gradients import linear_grad
from .linear import predict
from .losses import mse


def gradient_descent(
    inputs: list[list[float]], targets: list[float], lr: float, steps: int
) -> tuple[list[float], float, list[float]]:
    """Fit a linear model by gradient descent on the mean squared error, from zero.

    Shapes: inputs (n, d), targets (n) -> weights (d), bias, the loss before each step.
    """
    weights, bias, losses = [0.0] * len(inputs[0]), 0.0, []
    for _ in range(steps):
        losses.append(mse([predict(x, weights, bias) for x in inputs], targets))
        slopes, bias_slope = linear_grad(inputs, targets, weights, bias)
        weights = [w - lr * s for w, s in zip(weights, slopes, strict=True)]
        bias -= lr * bias_slope
    return weights, bias, losses
