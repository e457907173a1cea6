# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Networks for images."""

import torch
from torch import nn

from .convolution import output_size


def small_cnn(
    channels: tuple[int, ...] = (16, 24, 32), classes: int = 10, gain: float = 0.5
) -> nn.Sequential:
    """Convolutions of stride 2 and a linear layer; He's initial weights times `gain`.

    Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """
    layers: list[nn.Module] = []
    into, side = 1, 28
    for out in channels:
        kernel = 3 if layers else 5
        layers += [nn.Conv2d(into, out, kernel, 2, kernel // 2), nn.ReLU()]
        into, side = out, output_size(side, kernel, 2, kernel // 2)
    layers += [nn.Flatten(), nn.Linear(into * side * side, classes)]
    with torch.no_grad():
        for parameter in (p for layer in layers for p in layer.parameters()):
            if parameter.dim() == 1:
                parameter.zero_()
            else:
                nn.init.kaiming_normal_(parameter)
                parameter *= gain
    return nn.Sequential(*layers)
