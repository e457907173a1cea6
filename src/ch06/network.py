# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A network of any depth: linear layers with a ReLU between any two."""

from itertools import pairwise

import torch

from .autograd import Tensor
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
        """Kaiming's weights before a ReLU, Xavier's last, times `scale`; biases 0."""
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}: give inputs and outputs, as [784, 10]")
        self.layers: list[Linear | ReLU] = []
        for in_features, out_features in pairwise(sizes):
            last = len(self.layers) == 2 * (len(sizes) - 2)
            init = xavier_normal_ if last else kaiming_normal_
            weight = torch.empty(out_features, in_features)
            init(weight, generator=generator)
            self.layers += [Linear(scale * weight), ReLU()]
        del self.layers[-1]

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for a batch of inputs. Shapes: (N, D) -> (N, K)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def parameters(self) -> list[Tensor]:
        """Of all layers, from the first to the last."""
        return [p for layer in self.layers for p in layer.parameters()]
