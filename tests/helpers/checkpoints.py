"""What the suite over all checkpoints needs: a checkpoint's modules, and lists or tensors as it takes them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

TENSORS = 3  # the chapter from which the checkpoints compute with tensors


@dataclass(frozen=True)
class Checkpoint:
    """The package of one chapter."""

    number: int

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"ch{self.number:02d}.{name}")

    def give(self, tensor: torch.Tensor) -> Any:
        """A tensor as this checkpoint takes it: before chapter 3, as plain lists."""
        return tensor if self.number >= TENSORS else tensor.tolist()

    def take(self, value: Any) -> torch.Tensor:
        """What the checkpoint gave back, as a tensor in float64 to compare with PyTorch's."""
        return torch.as_tensor(value, dtype=torch.float64)

    def network(self, parameters: list[torch.Tensor]) -> Any:
        """The checkpoint's network with these parameters, which it may change."""
        return self.module("network").Network(*(self.give(parameter.clone()) for parameter in parameters))

    def forward(self, network: Any, x: torch.Tensor) -> list[torch.Tensor]:
        """z, hidden and outputs for a batch, (N, D), also where the checkpoint knows only single inputs."""
        if self.number >= TENSORS:
            return list(self.module("network").forward(network, x))
        parts = zip(*(self.module("network").forward(network, row) for row in x.tolist()), strict=True)
        return [self.take(list(part)) for part in parts]

    def backward(self, network: Any, x: torch.Tensor, output_grads: torch.Tensor) -> list[torch.Tensor]:
        """Gradients of the four parameters for a batch, the sum over its inputs."""
        if self.number >= TENSORS:
            z, hidden, _ = self.module("network").forward(network, x)
            return fields(self.module("network").backward(network, x, z, hidden, output_grads))
        sums: list[torch.Tensor] = []
        for row, output_grad in zip(x.tolist(), output_grads.tolist(), strict=True):
            z, hidden, _ = self.module("network").forward(network, row)
            found = [
                self.take(part)
                for part in fields(self.module("network").backward(network, row, z, hidden, output_grad))
            ]
            sums = [a + b for a, b in zip(sums, found, strict=True)] if sums else found
        return sums


def fields(network: Any) -> list[Any]:
    """The four parameters of a network, or of a network of gradients, in order."""
    return [network.hidden_weight, network.hidden_bias, network.output_weight, network.output_bias]
