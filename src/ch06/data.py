# Generated from chapters/ by `make export`: edit the chapter, not this file.

import torch


def normalize(x: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """`x` in standard deviations from `mean`. Shapes: any."""
    return (x - mean) / std
