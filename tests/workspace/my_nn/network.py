import math

from . import activations
from .linear import predict


class Network:
    def __init__(self, hidden_weight, hidden_bias, output_weight, output_bias):
        self.hidden_weight, self.hidden_bias = hidden_weight, hidden_bias
        self.output_weight, self.output_bias = output_weight, output_bias

    def parameters(self):
        return self.hidden_weight + [self.hidden_bias] + self.output_weight + [self.output_bias]  # noqa: RUF005


def layer(weight, bias, x):
    return [predict(x, row, b) for row, b in zip(weight, bias, strict=True)]


def forward(network, x):
    z = layer(network.hidden_weight, network.hidden_bias, x)
    hidden = [activations.relu(value) for value in z]
    return z, hidden, layer(network.output_weight, network.output_bias, hidden)


def outer(column, row):
    return [[a * b for b in row] for a in column]


def backward(network, x, z, hidden, output_grad):
    z_grad = []
    for unit, value in enumerate(z):
        through = sum(g * row[unit] for g, row in zip(output_grad, network.output_weight, strict=True))
        z_grad.append(through * activations.relu_grad(value))
    return Network(outer(z_grad, x), z_grad, outer(output_grad, hidden), [*output_grad])


def init_network(in_features, hidden_features, out_features, rng):
    def normal(rows, columns, variance):
        return [[rng.normalvariate(0, math.sqrt(variance)) for _ in range(columns)] for _ in range(rows)]

    return Network(
        normal(hidden_features, in_features, 2 / in_features),
        [0.0] * hidden_features,
        normal(out_features, hidden_features, 1 / hidden_features),
        [0.0] * out_features,
    )
