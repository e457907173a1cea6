# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Metrics: what people want to know about a model, rather than what it descends on."""

import math
from collections.abc import Callable

import torch


def error_rate(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of wrong classes, from 0 to 1. Shapes: (N,) or logits (N, K), and (N,)."""
    if predicted.dim() == 2:
        predicted = predicted.argmax(1)
    return (predicted != labels).double().mean().item()


def layer_stds(
    x: torch.Tensor,
    weights: list[torch.Tensor],
    activation: Callable[[torch.Tensor], torch.Tensor],
) -> list[float]:
    """Standard deviation of the activations after each layer, computed in float64.

    Shapes: x (N, D), each weight (H, D), where D is the H of the layer before.
    """
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().std().item())
    return stds


def sign_test(first_only: int, second_only: int) -> float:
    """The probability that coins divide so many images at least as unevenly.

    For two models on the same images: on how many is the one wrong, and not the other?
    Raises: ValueError for negative counts.
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"{first_only=}, {second_only=}: give counts, 0 or more")
    n, uneven = first_only + second_only, abs(first_only - second_only)
    rows = sum(math.comb(n, k) for k in range(n + 1) if abs(n - 2 * k) >= uneven)
    return rows / 2**n
