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
    """One step of gradient descent after every batch, once through all in random order.

    Shapes: inputs (N, D), targets (N, K) -> the mean loss, each before its step.
    """
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        x, wanted = inputs[batch], targets[batch]
        z, hidden, outputs = forward(network, x)
        total += len(batch) * mse(outputs, wanted).item()
        grads = backward(network, x, z, hidden, mse_grad(outputs, wanted))
        for parameter, grad in zip(
            network.parameters(), grads.parameters(), strict=True
        ):
            parameter -= lr * grad
    return total / len(inputs)
