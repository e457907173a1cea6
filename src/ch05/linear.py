# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""The linear layer: every output a weighted sum of all inputs, plus a bias."""

import torch


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Biased weighted sums. Shapes: x (N, D), weight (K, D), bias (K,) -> (N, K)."""
    return x @ weight.T + bias
