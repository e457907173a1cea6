# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Metrics: what people want to know about a model, rather than what it descends on."""

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
