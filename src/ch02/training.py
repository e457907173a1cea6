# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

import random

from .gradients import linear_grad
from .linear import predict
from .losses import mse, mse_grad
from .network import Network, backward, forward


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


def sgd_epoch(
    network: Network,
    inputs: list[list[float]],
    targets: list[list[float]],
    lr: float,
    rng: random.Random,
) -> float:
    """Correct the network after every example, once through all in random order.

    Shapes: inputs (n, D), targets (n, K) -> the mean loss, each before its correction.
    """
    total = 0.0
    for i in rng.sample(range(len(inputs)), len(inputs)):
        z, hidden, outputs = forward(network, inputs[i])
        total += mse(outputs, targets[i])
        output_grad = mse_grad(outputs, targets[i])
        slopes = backward(network, inputs[i], z, hidden, output_grad)
        for row, row_slopes in zip(
            network.parameters(), slopes.parameters(), strict=True
        ):
            row[:] = [w - lr * s for w, s in zip(row, row_slopes, strict=True)]
    return total / len(inputs)
