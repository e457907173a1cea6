# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Layers: each knows its way forward, and from what it kept there its way back."""

import torch

from .activations import relu
from .autograd import Tensor
from .linear import linear


class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight (K, D), bias (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        if weight.dim() != 2:
            raise ValueError(f"a weight {tuple(weight.shape)}: give (K, D)")
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(weight.new_zeros(weight.shape[0]), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        """Weighted sums of `x`. Shapes: (N, D) -> (N, K).

        Raises: ValueError when `x` has another shape or dtype than the weight takes.
        """
        weight = self.weight.data
        if x.shape[1:] != weight.shape[1:] or x.data.dtype != weight.dtype:
            raise ValueError(
                f"inputs {tuple(x.shape)} of {x.data.dtype}: give (N, "
                f"{weight.shape[1]}) of {weight.dtype}"
            )
        return linear(x, self.weight, self.bias)

    def parameters(self) -> list[Tensor]:
        """The weight and the bias."""
        return [self.weight, self.bias]


class ReLU:
    """The activation `relu` as a layer."""

    def forward(self, z: Tensor) -> Tensor:
        """`z` where it is positive, else 0. Shapes: any."""
        return relu(z)

    def parameters(self) -> list[Tensor]:
        """None."""
        return []
