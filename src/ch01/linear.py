# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""The linear model: a weighted sum of its inputs, plus a bias."""

from operator import mul


def predict(x: list[float], weights: list[float], bias: float) -> float:
    """The model's output for one input: a dot product, plus the bias.

    Shapes: x (D), weights (D) -> one number.
    Raises: ValueError when `x` and `weights` differ in length.
    """
    if len(x) != len(weights):
        raise ValueError(f"{len(x)} inputs for {len(weights)} weights: make them equal")
    return sum(map(mul, x, weights)) + bias
