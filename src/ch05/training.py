# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

import math
import random

import torch

from .losses import mse, mse_grad
from .network import Network


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
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs and {len(targets)} targets: give pairs")
    if not (batch_size >= 1 and 0 <= lr < math.inf):
        raise ValueError(f"lr {lr}, batch_size {batch_size}: give lr ≥ 0, size ≥ 1")
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        outputs = network.forward(inputs[batch])
        total += len(batch) * mse(outputs, targets[batch]).item()
        network.backward(mse_grad(outputs, targets[batch]))
        for parameter, grad in zip(network.parameters(), network.grads(), strict=True):
            parameter -= lr * grad
    return total / len(inputs)
