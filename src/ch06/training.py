# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

import math
import random

import torch

from .autograd import Tensor
from .losses import mse
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
        loss = mse(network.forward(Tensor(inputs[batch])), targets[batch])
        total += len(batch) * loss.data.item()
        loss.backward()
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.data -= lr * parameter.grad
            parameter.grad = None
    return total / len(inputs)
