# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Activation functions."""

import math

from torch import Tensor, nn
from torch.nn.functional import leaky_relu


def centring_shift(leak: float) -> float:
    """What a leaky ReLU has to lose for mean 0, if its input is standard normal."""
    return (1 - leak) / math.sqrt(2 * math.pi)


class GeneralReLU(nn.Module):
    """ReLU with a slope of `leak` below 0, moved down by `shift`, at most `limit`."""

    def __init__(
        self, leak: float = 0.0, shift: float = 0.0, limit: float = math.inf
    ) -> None:
        super().__init__()
        self.leak, self.shift, self.limit = leak, shift, limit

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: any, the same."""
        x = leaky_relu(x, self.leak) - self.shift
        return x if self.limit == math.inf else x.clamp(max=self.limit)
