# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A network with one hidden layer of ReLU units, for batches of inputs."""

import math
from dataclasses import dataclass

import torch

from .activations import relu, relu_slope
from .linear import linear


@dataclass
class Network:
    """The knobs of the network, or one slope for each of them.

    Shapes: hidden_weights (H, D), hidden_biases (H), output_weights (K, H),
    output_biases (K).
    """

    hidden_weights: torch.Tensor
    hidden_biases: torch.Tensor
    output_weights: torch.Tensor
    output_biases: torch.Tensor

    def parameters(self) -> list[torch.Tensor]:
        """The four tensors: change them and the network changes."""
        return [
            self.hidden_weights,
            self.hidden_biases,
            self.output_weights,
            self.output_biases,
        ]


def forward(
    network: Network, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pre-activations, activations and outputs for a batch of inputs.

    Shapes: x (N, D) -> z (N, H), hidden (N, H), outputs (N, K).
    """
    z = linear(x, network.hidden_weights, network.hidden_biases)
    hidden = relu(z)
    return z, hidden, linear(hidden, network.output_weights, network.output_biases)


def backward(
    network: Network,
    x: torch.Tensor,
    z: torch.Tensor,
    hidden: torch.Tensor,
    output_slopes: torch.Tensor,
) -> Network:
    """The slope of the loss for every knob, given its slopes for the outputs.

    Shapes: x (N, D), z (N, H), hidden (N, H), output_slopes (N, K) -> the network's.
    """
    z_slopes = (output_slopes @ network.output_weights) * relu_slope(z)  # (N, H)
    return Network(
        z_slopes.T @ x,  # (H, N) @ (N, D)
        z_slopes.sum(0),
        output_slopes.T @ hidden,  # (K, N) @ (N, H)
        output_slopes.sum(0),
    )


def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: torch.Generator
) -> Network:
    """A network of random weights, scaled to keep sums in bounds, and biases of 0."""

    def table(rows: int, columns: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(rows, columns, generator=rng)

    return Network(
        table(hidden_features, in_features, math.sqrt(2 / in_features)),
        torch.zeros(hidden_features),
        table(out_features, hidden_features, math.sqrt(1 / hidden_features)),
        torch.zeros(out_features),
    )
