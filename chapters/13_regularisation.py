# %% [markdown]
# # 13. Over-fit, then regularise
#
# The interface of this chapter: its text is being written.
#
# **You need:** chapters 7 to 12. **You will reach:** fewer errors. **Time:** about four hours.

# %%
import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ch12.callbacks import Recorder
from ch12.gradients import gradient_check
from ch12.learner import Callback, Learner
from ch12.losses import log_softmax
from groundup import plot, record, unlock

# %% export="augment.py"
"""Augmentation: other versions of the same images, whole batches at once."""


# %% export="augment.py"
def sample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images read between their pixels; beyond their edges there are zeros.

    `rows` and `columns` are places in pixels, 0 the middle of the first.
    Shapes: x (N, C, H, W), rows and columns (N, P, Q) -> (N, C, P, Q).
    """
    H, W = x.shape[2:]
    image = torch.arange(len(x), device=x.device)[:, None, None]
    top, left = rows.detach().floor(), columns.detach().floor()
    result = torch.zeros(len(x), x.shape[1], *rows.shape[1:], dtype=x.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            values = x[image, :, r, c].movedim(-1, 1)  # (N, C, P, Q)
            result = result + values * (share * inside)[:, None]
    return result


# %% export="augment.py"
def grid_sample(input: Tensor, grid: Tensor, align_corners: bool = False) -> Tensor:
    """Images read at the places of `grid`, -1 to 1 from edge to edge; (x, y), not (y, x).

    With `align_corners`, from the middle of the first pixel to that of the last.
    Shapes: input (N, C, H, W), grid (N, P, Q, 2) -> (N, C, P, Q).
    Raises: ValueError for other shapes, and two dtypes.
    """
    fits = input.dim() == grid.dim() == 4 and len(input) == len(grid)
    if (
        not fits
        or grid.shape[3] != 2
        or input.dtype != grid.dtype
        or 0 in input.shape[1:]
    ):
        given = f"images {tuple(input.shape)}, grid {tuple(grid.shape)}"
        raise ValueError(f"{given}: give (N, C, H, W) and (N, P, Q, 2), of one dtype")

    def pixel(place: Tensor, size: int) -> Tensor:
        return (
            (place + 1) / 2 * (size - 1)
            if align_corners
            else ((place + 1) * size - 1) / 2
        )

    H, W = input.shape[2:]
    return sample(input, pixel(grid[..., 1], H), pixel(grid[..., 0], W))


def affine_grid(
    theta: Tensor, size: tuple[int, ...], align_corners: bool = False
) -> Tensor:
    """The places at which an affine map reads an image, for `grid_sample`.

    Shapes: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2).
    Raises: ValueError for other shapes.
    """
    if (
        theta.dim() != 3
        or theta.shape[1:] != (2, 3)
        or len(size) != 4
        or len(theta) != size[0]
    ):
        given = f"theta {tuple(theta.shape)}, size {tuple(size)}"
        raise ValueError(f"{given}: give (N, 2, 3), and N, C, H and W")

    def places(n: int) -> Tensor:
        last = 1.0 if align_corners else (n - 1) / n
        ends = torch.linspace(-last, last, n, dtype=theta.dtype, device=theta.device)
        return ends if n > 1 else torch.zeros_like(ends)

    x, y = places(size[3]), places(size[2])[:, None]
    across, down, shift = theta[:, :, None, None].unbind(-1)  # each (N, 2, 1, 1)
    return (across * x + down * y + shift).movedim(1, -1)


# %% tags=["timing"]
source = torch.Generator().manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(shape, generator=source)


unlock(
    "torch.nn.functional.grid_sample",
    by=grid_sample,
    inputs=[
        (rand(2, 3, 4, 5), rand(2, 6, 7, 2), {"align_corners": False}),
        (rand(3, 1, 5, 2), rand(3, 1, 4, 2), {"align_corners": True}),
        (rand(1, 2, 1, 1), rand(1, 2, 2, 2), {"align_corners": False}),
    ],
)
unlock(
    "torch.nn.functional.affine_grid",
    by=affine_grid,
    inputs=[
        (rand(2, 2, 3), (2, 1, 4, 5), {"align_corners": False}),
        (rand(3, 2, 3), (3, 2, 1, 6), {"align_corners": True}),
        (rand(1, 2, 3), (1, 1, 7, 1), {"align_corners": False}),
    ],
)


# %% export="augment.py"
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
    evaluation mode. Shapes: x (N, C, H, W) -> (N, K). Raises: ValueError for no version.
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


# %% export="regularization.py"
"""Regularisation: what keeps a network from learning its images by heart."""


# %% export="regularization.py"
def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each number 0 with probability `p`, else divided by 1 - p; in training only."""
    if not training or p == 0:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - p)
    return x * (kept / (1 - p) if p < 1 else kept)


# %% export="regularization.py"
class Dropout(nn.Module):
    """Sets numbers to 0 at random in training, and nothing in evaluation. Shapes: any.

    Raises: ValueError for a `p` that is no probability.
    Paper: Srivastava et al. 2014, JMLR 15, section 4; here scaled in training.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{p=}: a probability is needed, from 0 to 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Draw anew."""
        return dropout(x, self.p, self.training)


# %% tags=["timing"]
unlock(
    "torch.nn.Dropout",
    by=Dropout,
    inputs=[
        ((), (rand(5, 7),)),
        ((0.2,), (rand(3, 4, 5),)),
        ((0.0,), (rand(4, 3),)),
        ((1.0,), (rand(4, 3),)),
    ],
)


# %% export="losses.py"
def cross_entropy(
    logits: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Mean of -log p for the right classes. Shapes: logits (N, K) -> ().

    `labels` are classes, (N,), or the probabilities of all classes, (N, K). The share
    `label_smoothing` of them is dealt out evenly to all classes.
    Raises: ValueError for other shapes and dtypes, no examples, and classes outside 0
    to K - 1.
    """
    shapes = f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}"
    if logits.dim() != 2 or len(logits) == 0:
        raise ValueError(f"{shapes}: give logits (N, K), with N of at least 1")
    K = logits.shape[1]
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{label_smoothing=}: a share is needed, from 0 to 1")
    if labels.shape == logits.shape and labels.dtype == logits.dtype:
        wanted = labels
    elif labels.shape != logits.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(f"{shapes}: give int64 labels (N,), or probabilities (N, K)")
    elif not 0 <= labels.amin() <= labels.amax() < K:
        raise ValueError(f"{shapes}: labels must be from 0 to K - 1")
    else:
        wanted = one_hot(labels, K).to(logits)
    wanted = (1 - label_smoothing) * wanted + label_smoothing / K
    return -(wanted * log_softmax(logits, 1)).sum(1).mean()


# %% tags=["timing"]
unlock(
    "torch.nn.functional.cross_entropy(label_smoothing=)",
    by=cross_entropy,
    inputs=[
        (rand(4, 3), torch.tensor([2, 0, 1, 1]), {"label_smoothing": 0.1}),
        (rand(1, 5), torch.tensor([4]), {"label_smoothing": 1.0}),
        (rand(4, 3), torch.tensor([2, 0, 1, 1])),
        (rand(4, 3), rand(4, 3).softmax(1), {"label_smoothing": 0.3}),
        (rand(2, 6), rand(2, 6).softmax(1)),
    ],
)


# %% export="regularization.py"
def beta(alpha: float, count: int, generator: torch.Generator | None = None) -> Tensor:
    """`count` draws from the Beta distribution with both parameters `alpha`.

    By rejection (Jöhnk 1964): it is quick up to about 1. Raises: ValueError for an
    `alpha` that is not above 0 and at most 4.
    """
    if not 0 < alpha <= 4:
        raise ValueError(f"{alpha=}: give a number above 0, and 4 at most")
    found = torch.empty(0, dtype=torch.float64)
    while len(found) < count:
        pairs = torch.rand(2, count, generator=generator, dtype=torch.float64)
        first, second = pairs ** (1 / alpha)
        total = first + second
        found = torch.cat([found, (first / total)[(total <= 1) & (total > 0)]])
    return found[:count]


def mixup(
    x: Tensor, y: Tensor, alpha: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Each image mixed with another of its batch, and their labels in the same shares.

    `y` are the probabilities of all classes. Shapes: x (N, ...), y (N, K) -> the same.
    Raises: ValueError for others. Paper: Zhang et al. 2018, arXiv:1710.09412, eq. 1.
    """
    if y.dim() != 2 or len(x) != len(y) or not y.is_floating_point():
        given = f"images {tuple(x.shape)}, labels {tuple(y.shape)}, {y.dtype}"
        raise ValueError(f"{given}: give probabilities (N, K), by one_hot(...).float()")
    other = torch.randperm(len(x), generator=generator).to(x.device)
    share = beta(alpha, len(x), generator).to(x)
    by_image = share.view(-1, *[1] * (x.dim() - 1))
    mixed = by_image * x + (1 - by_image) * x[other]
    return mixed, share[:, None] * y + (1 - share[:, None]) * y[other]


class Mixup(Callback):
    """Trains on mixtures of two images, for losses that take probabilities as labels."""

    order = 10  # after Augment

    def __init__(
        self, alpha: float, classes: int = 10, generator: torch.Generator | None = None
    ) -> None:
        self.alpha, self.classes, self.generator = alpha, classes, generator

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            y = one_hot(learner.y, self.classes).to(learner.x)
            learner.x, learner.y = mixup(learner.x, y, self.alpha, self.generator)


# %% export="checkpoint.py"
def generators(learner: Learner) -> list[torch.Generator]:
    """PyTorch's own, those of the loaders, and those of the callbacks."""
    loaders = learner.training_loader, learner.validation_loader
    holders = [*loaders, *learner.listening]
    own = [getattr(holder, "generator", None) for holder in holders]
    return [torch.default_generator, *filter(None, own)]


# %% export="calibration.py"
"""Calibration: does what a network calls 90 % sure come true in 90 % of cases?"""


def reliability(
    probabilities: Tensor, labels: Tensor, bins: int = 10
) -> tuple[Tensor, Tensor, Tensor]:
    """By confidence, in bins from 0 to 1: how many, mean confidence, share right.

    Confidence is the largest probability. Shapes: (N, K), (N,) -> (bins,) each, nan in
    a bin without examples. Raises: ValueError for other shapes.
    """
    if probabilities.dim() != 2 or labels.shape != probabilities.shape[:1] or bins < 1:
        given = f"{tuple(probabilities.shape)}, {tuple(labels.shape)}, {bins=}"
        raise ValueError(f"{given}: give (N, K), (N,), and 1 bin or more")
    confidence, answers = probabilities.double().max(1)
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    inside = one_hot(number, bins).double()  # (N, bins)
    count = inside.sum(0)
    right = (answers == labels).double()
    mean_confidence = (confidence[:, None] * inside).sum(0) / count
    return count, mean_confidence, (right[:, None] * inside).sum(0) / count


# %% export="calibration.py"
def expected_calibration_error(
    probabilities: Tensor, labels: Tensor, bins: int = 10
) -> float:
    """Mean distance of confidence and share right, each bin by how many are in it.

    Paper: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    count, confidence, right = reliability(probabilities, labels, bins)
    gaps = (confidence - right).abs().nan_to_num()
    return ((count * gaps).sum() / count.sum()).item()


# %% export="calibration.py"
def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits by, for the lowest cross-entropy; from 0.01 to 100.

    Paper: Guo et al. 2017, section 4.2.
    """
    low, high = 0.01, 100.0  # of 1 / temperature, in which the loss is convex
    for _ in range(100):
        third = (high / low) ** (1 / 3)
        losses = [
            cross_entropy(logits.double() * low * third**n, labels).item()
            for n in (1, 2)
        ]
        if losses[0] < losses[1]:
            high /= third
        else:
            low *= third
    return 1 / math.sqrt(low * high)


# %% export="models.py"
def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32),
    classes: int = 10,
    gain: float = 0.5,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Three convolutions, two poolings, one linear layer; He's weights times `gain`.

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
    return model
