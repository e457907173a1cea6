# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A network of any depth: linear layers with a ReLU between any two."""

from itertools import pairwise

import torch

from .init import kaiming_normal_, xavier_normal_
from .layers import Linear, ReLU


class Network:
    """Linear layers of the given sizes, with a ReLU between any two.

    Shapes: sizes [D, …, K] makes inputs (N, D) into outputs (N, K).
    """

    def __init__(
        self,
        sizes: list[int],
        generator: torch.Generator | None = None,
        scale: float = 1.0,
    ) -> None:
        """Kaiming weights before a ReLU, Xavier at the end, times `scale`; biases 0."""
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}: give inputs and outputs, as [784, 10]")
        self.layers: list[Linear | ReLU] = []
        for i, (in_features, out_features) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            weight = init(torch.empty(out_features, in_features), generator=generator)
            self.layers += [Linear(scale * weight), ReLU()]
        del self.layers[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The outputs for a batch of inputs. Shapes: (N, D) -> (N, K)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept in the layers.

        Shapes: (N, K) -> (N, D).
        """
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self) -> list[torch.Tensor]:
        """Of all layers, from the first to the last."""
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self) -> list[torch.Tensor]:
        """The gradients of the last `backward`, in the order of `parameters`."""
        return [g for layer in self.layers for g in layer.grads()]
