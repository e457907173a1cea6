# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""The linear layer: every output a weighted sum of all inputs, plus a bias."""

from .autograd import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Biased weighted sums. Shapes: x (N, D), weight (K, D), bias (K,) -> (N, K)."""
    return x @ weight.T + bias
