# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Numbers in standard deviations from their mean, and the way back."""

from typing import Any

import torch
from torch import Tensor

Axes = tuple[int, ...]


def standardize(x: Tensor, dims: Axes, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`x` in standard deviations from its mean over `dims`; the mean; the variance.

    The variance is the biased one, and `eps` is added to it under the root.
    Shapes: any; mean and variance are 1 long along `dims`.
    """
    mean = x.mean(dims, keepdim=True)
    var = ((x - mean) ** 2).mean(dims, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), mean, var


def standardize_grad(grad: Tensor, normal: Tensor, std: Tensor, dims: Axes) -> Tensor:
    """The gradient of `standardize`'s input, from that of what came out, `normal`.

    `std` is the root that was divided by. Shapes: grad and normal any, alike.
    """
    common = grad.mean(dims, keepdim=True)
    along = (grad * normal).mean(dims, keepdim=True)
    return (grad - common - normal * along) / std


class Standardized(torch.autograd.Function):
    """`standardize`, with its gradient by hand; mean and variance have none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Axes, eps: float) -> tuple[Tensor, ...]:
        """Keep what the way back needs."""
        normal, mean, var = standardize(x, dims, eps)
        ctx.save_for_backward(x, normal, (var + eps).sqrt())
        ctx.mark_non_differentiable(mean, var)
        ctx.dims, ctx.eps = dims, eps
        return normal, mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """Through the mean and the variance, too."""
        x, normal, std = ctx.saved_tensors
        if torch.is_grad_enabled():  # for second derivatives, the engine must see how
            normal, _, var = standardize(x, ctx.dims, ctx.eps)
            std = (var + ctx.eps).sqrt()
        return standardize_grad(grads[0], normal, std, ctx.dims), None, None


def track(
    running: tuple[Tensor, Tensor], mean: Tensor, var: Tensor, n: int, momentum: float
) -> None:
    """Move a running mean and variance towards those of a batch, in place.

    `n` numbers had the biased variance `var`; the running one is of the unbiased.
    """
    running_mean, running_var = running
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(var * n / (n - 1), momentum)


def standardize_groups(x: Tensor, num_groups: int, eps: float) -> Tensor:
    """Each group of neighbouring channels of each example, standardised by itself.

    Shapes: x (N, C, ...) -> the same.
    """
    groups = x.unflatten(1, (num_groups, -1))  # (N, groups, C / groups, ...)
    dims = tuple(range(2, groups.dim()))
    return Standardized.apply(groups, dims, eps)[0].flatten(1, 2)
