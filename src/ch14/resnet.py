# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Residual networks for images."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import relu


class Identity(nn.Module):
    """Gives back what it is given; its arguments are ignored."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor."""
        return x


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut around them, added before the last ReLU.

    The shortcut is x itself, or a 1 × 1 convolution and a norm where the shape changes.
    `norm(channels)` makes the norms; with `zero_init` the last one's scale begins at 0.
    Shapes: (N, C, H, W) -> (N, O, H / stride, W / stride), rounded up.
    Paper: He et al. 2015, arXiv:1512.03385, eqs. 1 and 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        norm: Callable[[int], Any] = nn.BatchNorm2d,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """What comes in, and what the two convolutions add to it."""
        residual = self.norm2(self.conv2(relu(self.norm1(self.conv1(x)))))
        return relu(self.shortcut(x) + residual)


class ResNet(nn.Sequential):
    """A stem that halves the image, stages of residual blocks, one average, one layer.

    Stage after stage `widths` channels and `blocks` blocks; each but the first halves
    the image. Shapes: (N, in_channels, H, W), any H and W -> logits (N, classes).
    Raises: ValueError for sizes that are no positive whole numbers.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64),
        blocks: int = 1,
        classes: int = 10,
        in_channels: int = 1,
        norm: Callable[[int], Any] = nn.BatchNorm2d,
    ) -> None:
        sizes = [*widths, blocks, classes, in_channels]
        if not widths or not all(type(n) is int and n > 0 for n in sizes):
            given = f"{widths=}, {blocks=}, {classes=}, {in_channels=}"
            raise ValueError(f"{given}: give whole numbers, 1 or more")
        size = widths[0]
        stem = nn.Conv2d(in_channels, size, 5, 2, 2, bias=False)
        layers: list[nn.Module] = [stem, norm(size), nn.ReLU()]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(ResidualBlock(size, width, stride, norm))
                size = width
        head = nn.Linear(size, classes)
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
