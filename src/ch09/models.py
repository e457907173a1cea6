# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Networks for images."""

import torch
from torch import nn


def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32), classes: int = 10, gain: float = 0.5
) -> nn.Sequential:
    """Three convolutions, two poolings, a linear layer; Kaiming's weights times `gain`.

    Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """
    first, second, third = channels
    model = nn.Sequential(
        nn.Conv2d(1, first, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(third * 3 * 3, classes),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
            if parameter.dim() > 1:  # no bias
                nn.init.kaiming_normal_(parameter).mul_(gain)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
