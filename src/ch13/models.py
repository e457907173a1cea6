# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Networks for images."""

from collections.abc import Callable

import torch
from torch import nn


def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32),
    classes: int = 10,
    gain: float = 0.5,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Three convolutions, two poolings, a linear layer; Kaiming's weights times `gain`.

    `norm(channels)` makes what normalises each convolution's output, which then has no
    bias. With `dropout`, numbers are dropped before the last layer, the share that it
    says. Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """

    def block(size: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
        conv = nn.Conv2d(size, out, kernel, stride, kernel // 2, bias=norm is None)
        return [conv, nn.ReLU()] if norm is None else [conv, norm(out), nn.ReLU()]

    first, second, third = channels
    model = nn.Sequential(
        *block(1, first, 5, 2),
        *block(first, second, 3), nn.MaxPool2d(2),
        *block(second, third, 3), nn.MaxPool2d(2),
        nn.Flatten(), *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(third * 3 * 3, classes),
    )  # fmt: skip
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight).mul_(gain)
                if layer.bias is not None:
                    layer.bias.zero_()
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
