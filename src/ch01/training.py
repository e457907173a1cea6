# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

from .gradients import linear_grad
from .linear import predict
from .losses import mse


def gradient_descent(
    inputs: list[list[float]],
    targets: list[float],
    lr: float,
    steps: int,
    print_every: int = 0,
) -> tuple[list[float], float, list[float]]:
    """Fit a linear model by gradient descent on the mean squared error, from zero.

    Shapes: inputs (N, D), targets (N) -> weights (D), bias, the loss before each step.
    """
    weights, bias, losses = [0.0] * len(inputs[0]), 0.0, []
    for step in range(steps):
        losses.append(mse([predict(x, weights, bias) for x in inputs], targets))
        if print_every and step % print_every == 0:
            print(f"step {step}: loss {losses[-1]:.4f}", flush=True)
        weight_grad, bias_grad = linear_grad(inputs, targets, weights, bias)
        weights = [w - lr * g for w, g in zip(weights, weight_grad, strict=True)]
        bias -= lr * bias_grad
    return weights, bias, losses
