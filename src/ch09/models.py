# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Networks for images."""

from torch import nn


def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32), classes: int = 10
) -> nn.Sequential:
    """Three strided convolutions and a linear layer, with quiet initial weights.

    Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """
    layers: list[nn.Module] = []
    into = 1
    for size, out in zip((5, 3, 3), channels, strict=True):
        layers += [nn.Conv2d(into, out, size, stride=2, padding=size // 2), nn.ReLU()]
        into = out
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(into * 16, classes))
