# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A network with one hidden layer of ReLU units, for batches of inputs."""

from dataclasses import dataclass

import torch

from .activations import relu, relu_grad
from .init import kaiming_normal_
from .linear import linear


@dataclass
class Network:
    """The parameters of the network, or one gradient for each of them.

    Shapes: hidden_weight (H, D), hidden_bias (H,), output_weight (K, H),
    output_bias (K,).
    """

    hidden_weight: torch.Tensor
    hidden_bias: torch.Tensor
    output_weight: torch.Tensor
    output_bias: torch.Tensor

    def parameters(self) -> list[torch.Tensor]:
        """The four tensors: change them and the network changes."""
        return [
            self.hidden_weight,
            self.hidden_bias,
            self.output_weight,
            self.output_bias,
        ]


def forward(
    network: Network, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pre-activations, activations and outputs for a batch of inputs.

    Shapes: x (N, D) -> z (N, H), hidden (N, H), outputs (N, K).
    """
    z = linear(x, network.hidden_weight, network.hidden_bias)
    hidden = relu(z)
    return z, hidden, linear(hidden, network.output_weight, network.output_bias)


def backward(
    network: Network,
    x: torch.Tensor,
    z: torch.Tensor,
    hidden: torch.Tensor,
    output_grad: torch.Tensor,
) -> Network:
    """The gradient of the loss for every parameter, given that of the outputs.

    Shapes: x (N, D), z (N, H), hidden (N, H), output_grad (N, K) -> the network's.
    """
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)  # (N, H)
    return Network(
        z_grad.T @ x,  # (H, N) @ (N, D)
        z_grad.sum(0),
        output_grad.T @ hidden,  # (K, N) @ (N, H)
        output_grad.sum(0),
    )


def init_network(
    in_features: int,
    hidden_features: int,
    out_features: int,
    rng: torch.Generator,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Network:
    """Weights that keep mean squares as they are, times `scales`; biases of 0.

    `scales` are for hidden and output weights: below 1 the network begins quietly.
    """
    hidden_weight = torch.empty(hidden_features, in_features)
    output_weight = torch.empty(out_features, hidden_features)
    return Network(
        scales[0] * kaiming_normal_(hidden_weight, generator=rng),
        torch.zeros(hidden_features),
        scales[1] * kaiming_normal_(output_weight, a=1.0, generator=rng),
        torch.zeros(out_features),
    )
