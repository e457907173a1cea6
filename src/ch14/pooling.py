# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Pooling to a size that is asked for, whatever comes."""

import torch
from torch import Tensor, nn


def shares(size: int, out: int) -> Tensor:
    """The matrix that averages `size` numbers to `out`: each row adds up to 1.

    Row i is spread evenly over the places from i * size / out, rounded down, up to and
    without (i + 1) * size / out, rounded up. Shapes: (out, size).
    """
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first:last] = 1 / (last - first)
    return rows


class AdaptiveAvgPool2d(nn.Module):
    """Averages images to `output_size`, a number or a pair; None leaves an axis alone.

    Shapes: (N, C, H, W) -> (N, C, H', W'), or without N. Raises: ValueError for others.
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Average the rows, then the columns."""
        if x.dim() not in (3, 4) or 0 in x.shape[-3:]:
            raise ValueError(
                f"images of shape {tuple(x.shape)}: (N, C, H, W) is wanted"
            )
        size = self.output_size
        wanted = size if isinstance(size, (tuple, list)) else (size, size)
        if not all(n is None or (type(n) is int and n > 0) for n in wanted):
            raise ValueError(f"output_size {size}: give sizes of 1 or more, or None")
        height, width = (
            shares(n, n if out is None else out).to(x)
            for n, out in zip(x.shape[-2:], wanted, strict=True)
        )
        return height @ x @ width.T
