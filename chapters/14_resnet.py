# %% [markdown]
# # 14. A ResNet
#
# Skeleton.
#
# **You need:** chapters 9 to 13. **You will reach:** a ResNet. **Time:** about four hours, half of them for the exercises; the computer needs about a minute.

# %%
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from groundup import unlock

# %% export="pooling.py"
"""Pooling to a size that is asked for, whatever comes."""


def shares(size: int, out: int) -> Tensor:
    """The matrix that averages `size` numbers to `out`: each row adds up to 1.

    Row i is spread over the places from i * size / out, rounded down, to
    (i + 1) * size / out, rounded up. Shapes: (out, size).
    """
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% export="pooling.py"
class AdaptiveAvgPool2d(nn.Module):
    """Averages images to `output_size`, a number or a pair; None leaves an axis alone.

    Shapes: (N, C, H, W) -> (N, C, H', W'), or without N. Raises: ValueError for others.
    """

    def __init__(self, output_size: int | None | tuple[int | None, int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Average the rows, then the columns."""
        if x.dim() not in (3, 4) or 0 in x.shape[-3:]:
            raise ValueError(
                f"images of shape {tuple(x.shape)}: (N, C, H, W) is wanted"
            )
        size = self.output_size
        wanted = size if isinstance(size, tuple) else (size, size)
        if not all(n is None or (type(n) is int and n > 0) for n in wanted):
            raise ValueError(f"output_size {size}: give sizes of 1 or more, or None")
        height, width = (
            shares(n, n if out is None else out).to(x)
            for n, out in zip(x.shape[-2:], wanted, strict=True)
        )
        return height @ x @ width.T


# %% export="resnet.py"
"""Residual networks for images."""


class Identity(nn.Module):
    """Gives back what it is given; its arguments are ignored."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor."""
        return x


# %% tags=["timing"]
source = torch.Generator().manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(shape, generator=source)


unlock(
    "torch.nn.AdaptiveAvgPool2d",
    by=AdaptiveAvgPool2d,
    inputs=[
        ((1,), (rand(3, 4, 5, 7),)),
        (((3, 2),), (rand(2, 3, 7, 5),)),
        (((None, 4),), (rand(3, 5, 9),)),
        ((6,), (rand(2, 3, 4, 5),)),
        ((2,), (rand(4, 5),)),
    ],
)
unlock(
    "torch.nn.Identity",
    by=Identity,
    inputs=[((), (rand(3, 4),)), ((7, {"bias": False}), (rand(2, 3, 4),))],
)

# %% export="resnet.py"


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut around them, added before the last ReLU.

    The last norm's scale begins at 0, so that a new block gives the ReLU of its
    shortcut, which is x itself, or a 1 × 1 convolution where the shape changes.
    `norm(channels)` makes the norms. Shapes: (N, C, H, W) -> (N, O, H / stride,
    W / stride), rounded up. Paper: He et al. 2015, arXiv:1512.03385, eqs. 1 and 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
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
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
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


# %% export="summary.py"
"""What a network consists of: layers, shapes, parameters, multiply-adds."""


def multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products that are added up, for one image: convolutions and linear layers.

    Shapes: output (N, O, H, W) or (N, O). Other layers count as nothing.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return output[0].numel() * layer.weight[0].numel()
    return 0


def summary(model: nn.Module, shape: tuple[int, ...]) -> str:
    """A table of the layers that an image of `shape` (C, H, W) passes, in order.

    Each with the shape of its output, its parameters and its multiply-adds for one
    image, and their sums. The model is afterwards as it was.
    """
    rows: list[tuple[str, str, tuple[int, ...], int, int]] = []

    def note(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: object, output: Tensor) -> None:
            own = sum(p.numel() for p in layer.parameters())
            kind, size = type(layer).__name__, tuple(output.shape[1:])
            rows.append((name, kind, size, own, multiply_adds(layer, output)))

        return hook

    leaves = {n: m for n, m in model.named_modules() if not [*m.children()]}
    handles = [m.register_forward_hook(note(n)) for n, m in leaves.items()]
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    lines = [
        f"{'layer':16} {'kind':18} {'output':14} {'parameters':>10} {'mult-adds':>11}"
    ]
    for name, kind, size, own, products in rows:
        sizes = " × ".join(map(str, size))
        lines.append(f"{name:16} {kind:18} {sizes:14} {own:10,} {products:11,}")
    parameters, products = sum(r[3] for r in rows), sum(r[4] for r in rows)
    return "\n".join([*lines, f"{'':50} {parameters:10,} {products:11,}"])


# %% tags=["claim"]
print(summary(ResNet(), (1, 28, 28)))
