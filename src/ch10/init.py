# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Random starting values for weights, scaled to keep what flows through a network."""

import math

import torch


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
