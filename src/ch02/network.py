# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A multi-layer perceptron with one hidden layer of ReLU units, in plain lists."""

import math
import random
from dataclasses import dataclass

from .activations import relu, relu_grad
from .linear import predict


@dataclass
class Network:
    """The parameters of the network, or one gradient for each of them.

    Shapes: hidden_weight (H, D), hidden_bias (H), output_weight (K, H),
    output_bias (K).
    """

    hidden_weight: list[list[float]]
    hidden_bias: list[float]
    output_weight: list[list[float]]
    output_bias: list[float]

    def parameters(self) -> list[list[float]]:
        """The lists that hold all numbers: change them and the network changes."""
        return [
            *self.hidden_weight,
            self.hidden_bias,
            *self.output_weight,
            self.output_bias,
        ]


def forward(
    network: Network, x: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Pre-activations, activations and outputs for one input.

    Shapes: x (D) -> z (H), hidden (H), outputs (K).
    """
    hidden_units = zip(network.hidden_weight, network.hidden_bias, strict=True)
    z = [predict(x, weights, bias) for weights, bias in hidden_units]
    hidden = [relu(value) for value in z]
    output_units = zip(network.output_weight, network.output_bias, strict=True)
    outputs = [predict(hidden, weights, bias) for weights, bias in output_units]
    return z, hidden, outputs


def backward(
    network: Network,
    x: list[float],
    z: list[float],
    hidden: list[float],
    output_grad: list[float],
) -> Network:
    """The gradient of the loss for every parameter, given that of the outputs.

    Shapes: x (D), z (H), hidden (H), output_grad (K) -> the network's own shapes.
    """
    columns = zip(*network.output_weight, strict=True)
    hidden_grad = [predict(output_grad, list(column), 0.0) for column in columns]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z, strict=True)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        list(output_grad),
    )


def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: random.Random
) -> Network:
    """A network of random weights, scaled to keep sums in bounds, and biases of 0."""

    def matrix(rows: int, columns: int, scale: float) -> list[list[float]]:
        return [[rng.gauss(0, scale) for _ in range(columns)] for _ in range(rows)]

    return Network(
        matrix(hidden_features, in_features, math.sqrt(2 / in_features)),
        [0.0] * hidden_features,
        matrix(out_features, hidden_features, math.sqrt(1 / hidden_features)),
        [0.0] * out_features,
    )
