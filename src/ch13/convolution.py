# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Convolution and pooling: one small window of numbers, at every place of an image."""

import math

import torch
from torch import nn
from torch.nn.functional import pad


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """How many places a window has along one dimension of an image.

    Raises: ValueError where it does not fit even once, and for impossible settings.
    """
    room = size + 2 * padding - (dilation * (kernel - 1) + 1)
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        given = f"{size=}, {kernel=}, {stride=}, {padding=}, {dilation=}"
        raise ValueError(f"{given}: a setting is too small, or the window too long")
    return room // stride + 1


Size = int | tuple[int, int]  # for height and width together, or for each


def pair(value: Size) -> tuple[int, int]:
    """One number for height and width, or two."""
    height, width = (value, value) if isinstance(value, int) else value
    return height, width


def windows(
    x: torch.Tensor,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    value: float = 0.0,
) -> torch.Tensor:
    """A view of all windows; of `x` itself, if contiguous and not padded (by `value`).

    Shapes: x (N, C, H, W) -> (N, C, H', W', KH, KW). Raises: ValueError for others.
    """
    if x.dim() != 4:
        raise ValueError(f"images of shape {tuple(x.shape)}: give (N, C, H, W)")
    (KH, KW), (PH, PW) = pair(kernel_size), pair(padding)
    (SH, SW), (DH, DW) = pair(stride), pair(dilation)
    rows = output_size(x.shape[2], KH, SH, PH, DH)
    columns = output_size(x.shape[3], KW, SW, PW, DW)
    x = pad(x, (PW, PW, PH, PH), value=value) if PH or PW else x.contiguous()
    n, c, h, w = x.stride()
    shape = (*x.shape[:2], rows, columns, KH, KW)
    return x.as_strided(shape, (n, c, SH * h, SW * w, DH * h, DW * w))


def unfold(
    x: torch.Tensor,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> torch.Tensor:
    """What each window sees, as a column: im2col.

    Shapes: x (N, C, H, W) -> (N, C * KH * KW, H' * W').
    """
    seen = windows(x, kernel_size, stride, padding, dilation)
    return seen.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)


def conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Kernels over images, by a matrix product. Raises: ValueError for other shapes.

    Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, H', W').
    """
    channels = weight.shape[1] * groups if weight.dim() == 4 else None
    fits = groups > 0 and x.shape[1:2] == (channels,) and len(weight) % groups == 0
    if not fits or (bias is not None and bias.shape != weight.shape[:1]):
        given = [tuple(t.shape) for t in (x, weight, bias) if t is not None]
        raise ValueError(f"{given}, {groups=}: give (N, C, H, W), (O, C/g, k, k), (O,)")
    seen = windows(x, (weight.shape[2], weight.shape[3]), stride, padding, dilation)
    columns = seen.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)
    rows = weight.flatten(1).unflatten(0, (groups, -1))  # (groups, O / groups, ...)
    out = rows @ columns.unflatten(1, (groups, -1))  # (N, groups, O / groups, H' * W')
    out = out.flatten(1, 2).unflatten(2, seen.shape[2:4])
    return out if bias is None else out + bias[:, None, None]


class Conv2d(nn.Module):
    """Kernels over images: `out_channels` of them, and a bias for each.

    Shapes: (N, C, H, W) -> (N, O, H', W'). Raises: ValueError for impossible groups.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{groups=} must divide {in_channels} and {out_channels}")
        shape = (out_channels, in_channels // groups, *pair(kernel_size))
        bound = math.prod(shape[1:]) ** -0.5  # one over the root of the fan-in
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        drawn = torch.empty(out_channels).uniform_(-bound, bound) if bias else None
        self.bias = drawn if drawn is None else nn.Parameter(drawn)
        self.settings = stride, padding, dilation, groups

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Slide."""
        return conv2d(x, self.weight, self.bias, *self.settings)


def pooled(
    x: torch.Tensor, kernel_size: Size, stride: Size | None, padding: Size, value: float
) -> torch.Tensor:
    """What each window sees. Shapes: (N, C, H, W) -> (N, C, H', W', KH * KW)."""
    if any(2 * p > k for p, k in zip(pair(padding), pair(kernel_size), strict=True)):
        raise ValueError(f"{padding=} is more than half of {kernel_size=}: take less")
    stride = kernel_size if stride is None else stride
    return windows(x, kernel_size, stride, padding, value=value).flatten(4)


def max_pool2d(
    x: torch.Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> torch.Tensor:
    """The largest number in each window.

    Shapes: (N, C, H, W) -> (N, C, H', W'). Without a stride, it is the window's size.
    """
    seen = pooled(x, kernel_size, stride, padding, -math.inf)
    return seen.gather(-1, seen.argmax(-1, keepdim=True)).squeeze(-1)


def avg_pool2d(
    x: torch.Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> torch.Tensor:
    """The mean of each window, padding included. Shapes and stride: as `max_pool2d`."""
    return pooled(x, kernel_size, stride, padding, 0.0).mean(-1)
