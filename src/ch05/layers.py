# Generated from chapters/ by `make export`: edit the chapter, not this file.

import torch

from .activations import relu, relu_grad
from .linear import linear


class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight and weight_grad (K, D), bias and bias_grad (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight, self.bias = weight, weight.new_zeros(weight.shape[0])
        self.weight_grad = torch.zeros_like(self.weight)
        self.bias_grad = torch.zeros_like(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted sums of `x`, which is kept for `backward`. Shapes: (N, D) -> (N, K)."""
        self.x = x
        return linear(x, self.weight, self.bias)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept.

        Shapes: (N, K) -> (N, D).
        """
        self.weight_grad = output_grad.T @ self.x  # (K, N) @ (N, D)
        self.bias_grad = output_grad.sum(0)
        return output_grad @ self.weight

    def parameters(self) -> list[torch.Tensor]:
        """The weight and the bias: change them and the layer changes."""
        return [self.weight, self.bias]

    def grads(self) -> list[torch.Tensor]:
        """The gradients that the last `backward` found, in the order of `parameters`."""
        return [self.weight_grad, self.bias_grad]


class ReLU:
    """The activation `relu` as a layer."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """`z` where it is positive, else 0; `z` is kept for `backward`. Shapes: any."""
        self.z = z
        return relu(z)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient where `z` was positive, else 0."""
        return output_grad * relu_grad(self.z)

    def parameters(self) -> list[torch.Tensor]:
        """None."""
        return []

    def grads(self) -> list[torch.Tensor]:
        """None."""
        return []
