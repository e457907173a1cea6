# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Activation functions: what stands between two layers."""

import torch


def relu(z: torch.Tensor) -> torch.Tensor:
    """`z` where it is positive, else 0."""
    return z.masked_fill(z <= 0, 0)


def relu_grad(z: torch.Tensor) -> torch.Tensor:
    """Derivative of `relu` at `z`; at 0, where it has none, 0 by convention."""
    return (z > 0).to(z.dtype)


def leaky_relu(z: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    """`z` where it is positive, else `negative_slope` times `z`."""
    return torch.where(z > 0, z, negative_slope * z)
