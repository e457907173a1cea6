# Generated from chapters/ by `make export`: edit the chapter, not this file.

import math

import torch


def fans(weight: torch.Tensor) -> tuple[int, int]:
    """How many inputs and outputs meet in a weight matrix. Shapes: weight (K, D) -> D, K."""
    return weight.shape[1], weight.shape[0]


def xavier_normal_(
    weight: torch.Tensor, gain: float = 1.0, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Fill `weight` with normal numbers of variance gain² · 2 / (fan_in + fan_out).

    Paper: Glorot and Bengio 2010.
    """
    std = gain * math.sqrt(2 / sum(fans(weight)))
    return weight.normal_(0, std, generator=generator)


def kaiming_normal_(
    weight: torch.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Fill `weight` with normal numbers of variance 2 / ((1 + a²) fan).

    Paper: He et al. 2015.
    """
    fan_in, fan_out = fans(weight)
    fan = {"fan_in": fan_in, "fan_out": fan_out}[mode]
    std = math.sqrt(2 / ((1 + a**2) * fan))
    return weight.normal_(0, std, generator=generator)
