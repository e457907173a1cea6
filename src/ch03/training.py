# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

import random

import torch

from .losses import mse, mse_grad
from .network import Network, backward, forward


def sgd_epoch(
    network: Network,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lr: float,
    rng: random.Random,
    batch_size: int = 1,
) -> float:
    """Correct the network after every batch, once through all inputs in random order.

    Shapes: inputs (n, D), targets (n, K) -> the mean loss, each before its correction.
    """
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        x, wanted = inputs[batch], targets[batch]
        z, hidden, outputs = forward(network, x)
        total += len(batch) * mse(outputs, wanted).item()
        gradients = backward(network, x, z, hidden, mse_grad(outputs, wanted))
        for parameter, gradient in zip(
            network.parameters(), gradients.parameters(), strict=True
        ):
            parameter -= lr * gradient
    return total / len(inputs)
