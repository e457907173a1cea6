# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Activations: the bends between two linear layers."""

import torch


def relu(z: torch.Tensor) -> torch.Tensor:
    """`z` where it is positive, else 0."""
    return z.clamp(min=0)


def relu_slope(z: torch.Tensor) -> torch.Tensor:
    """Derivative of `relu` at `z`; at the corner, 0 by convention."""
    return (z > 0).to(z.dtype)


def sigmoid(z: torch.Tensor) -> torch.Tensor:
    """An S-shaped curve from 0 to 1, for any `z`.

    Paper: Rumelhart, Hinton & Williams 1986, Nature 323, eq. 2.
    """
    return 1 / (1 + torch.exp(-z))  # a tensor overflows to infinity, and 1 / inf is 0


def sigmoid_slope(z: torch.Tensor) -> torch.Tensor:
    """Derivative of `sigmoid` at `z`: never above 1/4."""
    y = sigmoid(z)
    return y * (1 - y)
