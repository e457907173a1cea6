# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Convolution and pooling: one small window of numbers, at every place of an image."""

import torch
from torch import nn
from torch.nn.functional import pad


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """One number for height and width, or two."""
    return (value, value) if isinstance(value, int) else tuple(value)


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """How many places a window has along one dimension of an image.

    Raises: ValueError where it does not fit even once, and for impossible settings.
    """
    given = f"{size=}, {kernel=}, {stride=}, {padding=}, {dilation=}"
    if min(kernel, stride, dilation) < 1 or min(size, padding) < 0:
        raise ValueError(f"{given}: kernel, stride and dilation are at least 1")
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(f"{given}: the window does not fit: pad more")
    return room // stride + 1


def unfold(
    x: torch.Tensor,
    kernel_size: int | tuple[int, int],
    dilation: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    stride: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """What each window sees, as a column: im2col.

    Shapes: x (N, C, H, W) -> (N, C * KH * KW, H' * W'), with a window of KH x KW.
    """
    if x.dim() != 4:
        raise ValueError(f"{tuple(x.shape)}: give images (N, C, H, W)")
    (N, C, H, W), (KH, KW) = x.shape, pair(kernel_size)
    (DH, DW), (PH, PW), (SH, SW) = pair(dilation), pair(padding), pair(stride)
    rows = output_size(H, KH, SH, PH, DH)
    columns = output_size(W, KW, SW, PW, DW)
    padded = pad(x, (PW, PW, PH, PH)) if PH or PW else x
    windows = [
        padded[
            :,
            :,
            i * DH : i * DH + (rows - 1) * SH + 1 : SH,
            j * DW : j * DW + (columns - 1) * SW + 1 : SW,
        ]
        for i in range(KH)
        for j in range(KW)
    ]
    return torch.stack(windows, 2).reshape(N, C * KH * KW, rows * columns)


def conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Slide the kernels of `weight` over images: a matrix product with the columns.

    Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, H', W').
    """
    (N, C, H, W), (O, _, KH, KW) = x.shape, weight.shape
    (DH, DW), (PH, PW), (SH, SW) = pair(dilation), pair(padding), pair(stride)
    columns = unfold(x, (KH, KW), dilation, padding, stride)
    columns = columns.view(N, groups, -1, columns.shape[2])
    out = (
        weight.reshape(groups, O // groups, -1) @ columns
    )  # (N, groups, O / groups, L)
    out = out.reshape(
        N, O, output_size(H, KH, SH, PH, DH), output_size(W, KW, SW, PW, DW)
    )
    return out if bias is None else out + bias[:, None, None]


class Conv2d(nn.Module):
    """`out_channels` kernels over images of `in_channels`, and a bias for each.

    Shapes: (N, C, H, W) -> (N, O, H', W').
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        shape = (out_channels, in_channels // groups, *pair(kernel_size))
        bound = (shape[1] * shape[2] * shape[3]) ** -0.5
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        drawn = torch.empty(out_channels).uniform_(-bound, bound) if bias else None
        self.bias = None if drawn is None else nn.Parameter(drawn)
        self.settings = stride, padding, dilation, groups

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Slide."""
        return conv2d(x, self.weight, self.bias, *self.settings)


def max_pool2d(
    x: torch.Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
) -> torch.Tensor:
    """The largest number in each window. Shapes: (N, C, H, W) -> (N, C, H', W')."""
    (N, C, H, W), (KH, KW), (PH, PW) = x.shape, pair(kernel_size), pair(padding)
    SH, SW = pair(kernel_size if stride is None else stride)
    padded = pad(x, (PW, PW, PH, PH), value=-torch.inf)
    windows = unfold(padded, kernel_size, stride=(SH, SW)).view(N, C, KH * KW, -1)
    best = windows.gather(2, windows.argmax(2, keepdim=True))  # at ties the first
    return best.view(N, C, output_size(H, KH, SH, PH), output_size(W, KW, SW, PW))


def avg_pool2d(
    x: torch.Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
) -> torch.Tensor:
    """The mean of each window. Shapes: (N, C, H, W) -> (N, C, H', W')."""
    (N, C, H, W), (KH, KW), (PH, PW) = x.shape, pair(kernel_size), pair(padding)
    SH, SW = pair(kernel_size if stride is None else stride)
    windows = unfold(x, kernel_size, 1, padding, (SH, SW)).view(N, C, KH * KW, -1)
    size = output_size(H, KH, SH, PH), output_size(W, KW, SW, PW)
    return windows.mean(2).view(N, C, *size)


class MaxPool2d(nn.Module):
    """The largest number in each window. Shapes: (N, C, H, W) -> (N, C, H', W')."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.settings = kernel_size, stride, padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool."""
        return max_pool2d(x, *self.settings)


class AvgPool2d(MaxPool2d):
    """The mean of each window. Shapes: (N, C, H, W) -> (N, C, H', W')."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool."""
        return avg_pool2d(x, *self.settings)
