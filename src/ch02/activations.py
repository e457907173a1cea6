# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Activation functions: what stands between two layers."""

import math


def relu(z: float) -> float:
    """`z` where it is positive, else 0."""
    return float(z) if z > 0 else 0.0


def relu_grad(z: float) -> float:
    """Derivative of `relu` at `z`; at its kink, where there is none, 0."""
    return 1.0 if z > 0 else 0.0


def sigmoid(z: float) -> float:
    """An S-shaped curve from 0 to 1, for any `z`.

    Paper: Rumelhart, Hinton & Williams 1986, Nature 323, eq. 2.
    """
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z: float) -> float:
    """Derivative of `sigmoid` at `z`: the same on both sides of 0, never above 1/4."""
    return sigmoid(z) * sigmoid(-z)  # 1 - sigmoid(z), without its rounding
