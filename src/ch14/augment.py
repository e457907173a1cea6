# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Augmentation: other versions of the same images, whole batches at once."""

import math

import torch
from torch import Tensor, nn

from .learner import Callback, Learner


def sample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images read between their pixels; beyond their edges there are zeros.

    `rows` and `columns` are places in pixels, 0 the middle of the first.
    Shapes: x (N, C, H, W), rows and columns (N, P, Q) -> (N, C, P, Q).
    """
    H, W = x.shape[2:]
    image = torch.arange(len(x), device=x.device)[:, None, None]
    top, left = rows.detach().floor(), columns.detach().floor()
    result = x.new_zeros(len(x), x.shape[1], *rows.shape[1:])
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            values = x[image, :, r, c].movedim(-1, 1)  # (N, C, P, Q)
            result = result + values * (share * inside)[:, None]
    return result


def grid_sample(input: Tensor, grid: Tensor, align_corners: bool = False) -> Tensor:
    """Images read at the places of `grid`: (x, y), from -1 to 1, edge to edge.

    With `align_corners`, from the middle of the first pixel to that of the last.
    Shapes: input (N, C, H, W), grid (N, P, Q, 2) -> (N, C, P, Q).
    Raises: ValueError for other shapes, and two dtypes.
    """
    fits = input.dim() == grid.dim() == 4 and len(input) == len(grid)
    fits = fits and grid.shape[3] == 2 and 0 not in input.shape[1:]
    if not fits or input.dtype != grid.dtype:
        given = f"images {tuple(input.shape)}, grid {tuple(grid.shape)}"
        raise ValueError(f"{given}: give (N, C, H, W) and (N, P, Q, 2), of one dtype")

    def pixel(place: Tensor, size: int) -> Tensor:
        if align_corners:
            return (place + 1) / 2 * (size - 1)
        return ((place + 1) * size - 1) / 2

    H, W = input.shape[2:]
    return sample(input, pixel(grid[..., 1], H), pixel(grid[..., 0], W))


def affine_grid(
    theta: Tensor, size: tuple[int, ...], align_corners: bool = False
) -> Tensor:
    """The places at which an affine map reads an image, for `grid_sample`.

    Shapes: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2).
    Raises: ValueError for others.
    """
    fits = theta.shape[1:] == (2, 3) and len(size) == 4 and len(theta) == size[0]
    if theta.dim() != 3 or not fits:
        given = f"theta {tuple(theta.shape)}, size {tuple(size)}"
        raise ValueError(f"{given}: give (N, 2, 3), and N, C, H and W")

    def places(n: int) -> Tensor:
        last = 1.0 if align_corners else (n - 1) / n
        ends = torch.linspace(-last, last, n, dtype=theta.dtype, device=theta.device)
        return ends if n > 1 else torch.zeros_like(ends)

    x, y = places(size[3]), places(size[2])[:, None]
    across, down, shift = theta[:, :, None, None].unbind(-1)  # each (N, 2, 1, 1)
    return (across * x + down * y + shift).movedim(1, -1)


def random_affine(
    x: Tensor,
    rotate: float = 0.0,
    shift: float = 0.0,
    scale: float = 0.0,
    fill: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Each image turned, shifted and scaled by draws of its own.

    Up to `rotate` degrees either way, `shift` pixels along each axis, and a factor from
    1 - `scale` to 1 + `scale`; `fill` is what lies beyond the edges.
    Shapes: (N, C, H, W) -> the same. Raises: ValueError for impossible settings.
    """
    if x.dim() != 4 or min(rotate, shift, scale) < 0 or not scale < 1:
        given = f"shape {tuple(x.shape)}, {rotate=}, {shift=}, {scale=}"
        raise ValueError(f"{given}: give (N, C, H, W), and 0 or more; scale below 1")
    N, _, H, W = x.shape
    device = x.device if generator is None else generator.device
    draws = torch.rand(4, N, generator=generator, device=device).to(x) * 2 - 1
    angle, size = draws[0] * math.radians(rotate), 1 + draws[1] * scale
    along, across = angle.cos() / size, angle.sin() / size
    rows = [
        torch.stack([along, across * H / W, draws[2] * 2 * shift / W], -1),
        torch.stack([-across * W / H, along, draws[3] * 2 * shift / H], -1),
    ]
    grid = affine_grid(torch.stack(rows, 1), (N, 1, H, W))
    moved = nn.functional.grid_sample(x - fill, grid, align_corners=False)
    return moved + fill


class Augment(Callback):
    """Trains on `random_affine` versions of the images, drawn anew for every batch."""

    def __init__(
        self, generator: torch.Generator | None = None, **settings: float
    ) -> None:
        self.generator, self.settings = generator, settings

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            own = self.generator
            learner.x = random_affine(learner.x, generator=own, **self.settings)


@torch.no_grad()
def tta(
    model: nn.Module,
    x: Tensor,
    versions: int = 8,
    generator: torch.Generator | None = None,
    **settings: float,
) -> Tensor:
    """Test-time augmentation: the mean of the probabilities for versions of each image.

    The images as they are, and `versions` - 1 by `random_affine`; the model is asked in
    evaluation mode. Shapes: x (N, C, H, W) -> (N, K). Raises: ValueError for none.
    """
    if versions < 1:
        raise ValueError(f"{versions=}: 1 or more are needed")
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        total = model(x).softmax(1)
        for _ in range(versions - 1):
            moved = random_affine(x, generator=generator, **settings)
            total = total + model(moved).softmax(1)
    finally:
        for module, mode in modes:
            module.training = mode
    return total / versions


def waves(x: Tensor, bend: float, generator: torch.Generator | None = None) -> Tensor:
    """Smooth displacements for `grid_sample`, 4 × 4 cosine waves with random heights.

    `bend` is their root mean square in pixels along each axis, the even shift left out.
    Shapes: x (N, C, H, W) -> (N, H, W, 2).
    """
    N, _, H, W = x.shape
    number = torch.arange(4.0)
    rows, columns = (
        (math.pi * (torch.arange(n)[:, None] + 0.5) / n * number).cos() for n in (H, W)
    )
    heights = torch.randn(N, 2, 4, 4, generator=generator)
    heights[:, :, 0, 0] = 0
    moved = bend * (rows @ heights @ columns.T) * math.sqrt(4 / 21)  # (N, 2, H, W)
    return (moved * torch.tensor([2 / W, 2 / H])[:, None, None]).movedim(1, -1)


def random_warp(
    x: Tensor,
    rotate: float = 0.0,
    shift: float = 0.0,
    scale: float = 0.0,
    bend: float = 0.0,
    fill: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """As `random_affine`, and bent by `waves`, in one reading of the image.

    Shapes: (N, C, H, W) -> the same. Raises: ValueError for impossible settings.
    Paper: Simard et al. 2003 (ICDAR), with other fields.
    """
    if x.dim() != 4 or min(rotate, shift, scale, bend) < 0 or not scale < 1:
        given = f"shape {tuple(x.shape)}, {rotate=}, {shift=}, {scale=}, {bend=}"
        raise ValueError(f"{given}: give (N, C, H, W), and 0 or more; scale below 1")
    if not len(x):
        return x
    N, _, H, W = x.shape
    draws = torch.rand(4, N, generator=generator) * 2 - 1
    angle, size = draws[0] * math.radians(rotate), 1 + draws[1] * scale
    along, across = angle.cos() / size, angle.sin() / size
    rows = [
        torch.stack([along, across * H / W, draws[2] * 2 * shift / W], -1),
        torch.stack([-across * W / H, along, draws[3] * 2 * shift / H], -1),
    ]
    grid = nn.functional.affine_grid(
        torch.stack(rows, 1), [N, 1, H, W], align_corners=False
    )
    grid = grid + waves(x, bend, generator)
    return nn.functional.grid_sample(x - fill, grid.to(x), align_corners=False) + fill


class Warp(Callback):
    """Trains on `random_warp` versions of the images, drawn anew for every batch."""

    def __init__(
        self, generator: torch.Generator | None = None, **settings: float
    ) -> None:
        self.generator, self.settings = generator, settings

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            own = self.generator
            learner.x = random_warp(learner.x, generator=own, **self.settings)
