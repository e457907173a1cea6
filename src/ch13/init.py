# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Random starting values for weights, scaled to keep what flows through a network."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from .hooks import Hooks


def fans(weight: torch.Tensor) -> tuple[int, int]:
    """How many inputs and outputs meet in a weight matrix: fan-in, fan-out.

    Shapes: weight (K, D) -> D, K. Raises: ValueError for other shapes.
    """
    if weight.dim() != 2 or not weight.numel():
        raise ValueError(
            f"weights of shape {tuple(weight.shape)}: give a matrix of at least one "
            "row (outputs) and one column (inputs)"
        )
    return weight.shape[1], weight.shape[0]


def xavier_normal_(
    weight: torch.Tensor, gain: float = 1.0, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Fill `weight` with normal numbers of variance gain² · 2 / (fan-in + fan-out).

    Shapes: weight (K, D). Paper: Glorot and Bengio 2010, section 4.2.1.
    """
    std = gain * math.sqrt(2 / sum(fans(weight)))
    return weight.normal_(0, std, generator=generator)


def kaiming_normal_(
    weight: torch.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Fill `weight` with normal numbers that keep mean squares as they are.

    `a` is the slope of the leaky ReLU for negative numbers that comes after, 0 for
    ReLU. Shapes: weight (K, D). Raises: ValueError for an unknown mode.
    Paper: He et al. 2015, arXiv:1502.01852, eq. 10, 14 and 15.
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode {mode!r}: give 'fan_in' or 'fan_out'")
    fan_in, fan_out = fans(weight)
    fan = fan_in if mode == "fan_in" else fan_out
    std = math.sqrt(2 / ((1 + a**2) * fan))
    return weight.normal_(0, std, generator=generator)


@torch.no_grad()
def lsuv_(model: nn.Module, batch: Tensor) -> nn.Module:
    """Scale and shift every layer's output on `batch` to mean 0 and deviation 1.

    Layers: `nn.Conv2d` and `nn.Linear`, each by one number for its weights and one for
    its biases. Raises: ValueError for a layer whose output is constant.
    Paper: Mishkin and Matas 2016, arXiv:1511.06422, algorithm 1, with the mean beside.
    """

    def scale(layer: Any, inputs: Any, output: Tensor) -> Tensor:
        if not output.numel() or not output.amax() > output.amin():
            raise ValueError(f"{layer} puts out the same everywhere: nothing to scale")
        mean, std = output.mean(), output.std()
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model
