# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Layers: each knows its way forward, and from what it kept there its way back."""

import torch

from .activations import relu, relu_grad
from .linear import linear


class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight and weight_grad (K, D), bias and bias_grad (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        if weight.dim() != 2:
            raise ValueError(f"a weight {tuple(weight.shape)}: give (K, D)")
        self.weight, self.bias = weight, weight.new_zeros(weight.shape[0])
        self.weight_grad = torch.zeros_like(self.weight)
        self.bias_grad = torch.zeros_like(self.bias)
        self.x = weight.new_zeros(0, weight.shape[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted sums of `x`, which is kept for `backward`. Shapes: (N, D) -> (N, K).

        Raises: ValueError when `x` has another shape or dtype than the weight takes.
        """
        if x.shape[1:] != self.weight.shape[1:] or x.dtype != self.weight.dtype:
            raise ValueError(
                f"inputs {tuple(x.shape)} of {x.dtype}: give (N, "
                f"{self.weight.shape[1]}) of {self.weight.dtype}"
            )
        self.x = x
        return linear(x, self.weight, self.bias)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept.

        Shapes: (N, K) -> (N, D), for the N inputs of the last `forward`.
        """
        wanted = (len(self.x), len(self.bias))
        if output_grad.shape != wanted:
            raise ValueError(f"gradient {tuple(output_grad.shape)}: give {wanted}")
        self.weight_grad = output_grad.T @ self.x  # (K, N) @ (N, D)
        self.bias_grad = output_grad.sum(0)
        return output_grad @ self.weight  # (N, K) @ (K, D)

    def parameters(self) -> list[torch.Tensor]:
        """The weight and the bias: change them and the layer changes."""
        return [self.weight, self.bias]

    def grads(self) -> list[torch.Tensor]:
        """The gradients of the last `backward`, in the order of `parameters`."""
        return [self.weight_grad, self.bias_grad]


class ReLU:
    """The activation `relu` as a layer."""

    def __init__(self) -> None:
        self.z = torch.zeros(0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """`z` where it is positive, else 0; `z` is kept for `backward`. Shapes: any."""
        self.z = z
        return relu(z)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient where `z` was positive, else 0. Shapes: those of `z`."""
        if output_grad.shape != self.z.shape:
            raise ValueError(
                f"gradient {tuple(output_grad.shape)}: give {tuple(self.z.shape)}"
            )
        return output_grad * relu_grad(self.z)

    def parameters(self) -> list[torch.Tensor]:
        """No parameters: an empty list."""
        return []

    def grads(self) -> list[torch.Tensor]:
        """No gradients: an empty list."""
        return []
