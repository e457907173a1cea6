# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Regularisation: what keeps a network from learning its images by heart."""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from .learner import Callback, Learner


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each number 0 with probability `p`, else divided by 1 - p; in training only."""
    if not training or p == 0:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - p)
    return x * (kept / (1 - p) if p < 1 else kept)


class Dropout(nn.Module):
    """Sets numbers to 0 at random in training, and nothing in evaluation. Shapes: any.

    Raises: ValueError for a `p` that is no probability.
    Paper: Srivastava et al. 2014, JMLR 15; here it is scaled in training.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{p=}: a probability is needed, from 0 to 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Draw anew."""
        return dropout(x, self.p, self.training)


def beta(alpha: float, count: int, generator: torch.Generator | None = None) -> Tensor:
    """`count` draws from the Beta distribution with both parameters `alpha`.

    By rejection (Jöhnk 1964): quick up to about 1. Raises: ValueError for an `alpha`
    that is not above 0 and at most 4.
    """
    if not 0 < alpha <= 4:
        raise ValueError(f"{alpha=}: give a number above 0, and 4 at most")
    device = generator.device if generator else "cpu"
    found = torch.empty(0, dtype=torch.float64, device=device)
    while len(found) < count:
        pairs = torch.rand(
            2, count, generator=generator, dtype=found.dtype, device=device
        )
        first, second = pairs ** (1 / alpha)
        total = first + second
        found = torch.cat([found, (first / total)[(total <= 1) & (total > 0)]])
    return found[:count]


def mixup(
    x: Tensor, y: Tensor, alpha: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Each image mixed with another of its batch, and their labels in the same shares.

    `y` are the probabilities of all classes. Shapes: x (N, ...), y (N, K) -> the same.
    Raises: ValueError for others. Paper: Zhang et al. 2018, arXiv:1710.09412.
    """
    if y.dim() != 2 or len(x) != len(y) or not y.is_floating_point():
        given = f"images {tuple(x.shape)}, labels {tuple(y.shape)}, {y.dtype}"
        raise ValueError(f"{given}: give probabilities (N, K), by one_hot(...).float()")
    device = x.device if generator is None else generator.device
    other = torch.randperm(len(x), generator=generator, device=device).to(x.device)
    share = beta(alpha, len(x), generator).to(x)
    by_image = share.view(-1, *[1] * (x.dim() - 1))
    mixed = by_image * x + (1 - by_image) * x[other]
    return mixed, share[:, None] * y + (1 - share[:, None]) * y[other]


class Mixup(Callback):
    """Trains on mixtures of two images; the loss must take probabilities as labels."""

    order = 10  # after Augment

    def __init__(
        self, alpha: float, classes: int = 10, generator: torch.Generator | None = None
    ) -> None:
        self.alpha, self.classes, self.generator = alpha, classes, generator

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            y = one_hot(learner.y, self.classes).to(learner.x)
            learner.x, learner.y = mixup(learner.x, y, self.alpha, self.generator)
