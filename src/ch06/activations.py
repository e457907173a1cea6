# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Activation functions: what stands between two layers."""

from .autograd import Tensor


def relu(z: Tensor) -> Tensor:
    """`z` where it is positive, else 0."""
    return z.relu()


def leaky_relu(z: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`z` where it is positive, else `negative_slope` times `z`."""
    return negative_slope * z + (1 - negative_slope) * z.relu()
