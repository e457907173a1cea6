# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Layers that normalise: in a network, numbers of mean 0 and variance 1."""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .standardizing import Axes, Standardized, standardize_groups, track


def by_channel(values: Tensor, x: Tensor) -> Tensor:
    """One number for each channel of x. Shapes: (C,), x (N, C, ...) -> (C, 1, ...)."""
    return values.view(-1, *[1] * (x.dim() - 2))


class BatchNorm(nn.Module):
    """Each channel standardised over the batch and all places, scaled and shifted.

    In evaluation, by the running mean and variance. Shapes: (N, C, ...) -> the same.
    Raises: ValueError for other shapes, and to train on one number for each channel.
    Paper: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    sizes: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)  # how many axes x may have
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise, by the batch or by what was seen in training."""
        if x.dim() not in self.sizes or x.shape[1] != self.num_features:
            wanted = f"(N, {self.num_features}, ...), {self.sizes} axes"
            raise ValueError(f"numbers of shape {tuple(x.shape)}: give {wanted}")
        if self.training:
            n = x.numel() // self.num_features
            if n < 2:
                why = f"{n} number for each channel has no spread"
                raise ValueError(f"shape {tuple(x.shape)}: {why}: train on more")
            dims = (0, *range(2, x.dim()))
            normal, mean, var = Standardized.apply(x, dims, self.eps)
            running = self.running_mean, self.running_var
            track(running, mean.flatten(), var.flatten(), n, self.momentum)
            self.num_batches_tracked += 1
        else:
            std = (self.running_var + self.eps).sqrt()
            normal = (x - by_channel(self.running_mean, x)) / by_channel(std, x)
        if self.weight is None or self.bias is None:
            return normal
        return normal * by_channel(self.weight, x) + by_channel(self.bias, x)


class BatchNorm1d(BatchNorm):
    """For units, or for channels of sequences. Shapes: (N, C) or (N, C, L)."""

    sizes = (2, 3)


class BatchNorm2d(BatchNorm):
    """For channels of images. Shapes: (N, C, H, W)."""

    sizes = (4,)


class GroupNorm(nn.Module):
    """Each example standardised in groups of channels, scaled and shifted by channel.

    Shapes: (N, C, ...) -> the same. Raises: ValueError for groups that do not divide C.
    Paper: Wu and He 2018, arXiv:1803.08494.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"{num_channels=} cannot be dealt into {num_groups=}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Standardise each group of each example."""
        if x.dim() < 2 or x.shape[1] != self.num_channels:
            wanted = f"(N, {self.num_channels}, ...)"
            raise ValueError(f"numbers of shape {tuple(x.shape)}: give {wanted}")
        normal = standardize_groups(x, self.num_groups, self.eps)
        if self.weight is None or self.bias is None:
            return normal
        return normal * by_channel(self.weight, x) + by_channel(self.bias, x)


def as_tuple(shape: int | Axes) -> Axes:
    """One length, or several, as a tuple."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def last_axes(x: Tensor, shape: Axes) -> Axes:
    """The axes of x that end it in `shape`. Raises: ValueError if it does not."""
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"numbers of shape {tuple(x.shape)}: they must end in {shape}")
    return tuple(range(-len(shape), 0))


class LayerNorm(nn.Module):
    """Each example standardised over its last axes, scaled and shifted by number.

    Shapes: (..., *normalized_shape) -> the same. Raises: ValueError for others.
    Paper: Ba et al. 2016, arXiv:1607.06450.
    """

    def __init__(
        self,
        normalized_shape: int | Axes,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = as_tuple(normalized_shape)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(shape)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(shape)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Standardise each example."""
        dims = last_axes(x, self.normalized_shape)
        normal = Standardized.apply(x, dims, self.eps)[0]
        if self.weight is None or self.bias is None:
            return normal
        return normal * self.weight + self.bias


class RMSNorm(nn.Module):
    """Each example divided by its root mean square, and scaled by number.

    Without `eps`, the smallest that the numbers' dtype tells from 1 is added.
    Shapes and errors: as LayerNorm's. Paper: Zhang and Sennrich 2019, arXiv:1910.07467.
    """

    def __init__(
        self,
        normalized_shape: int | Axes,
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = as_tuple(normalized_shape)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(shape)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Divide."""
        dims = last_axes(x, self.normalized_shape)
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        normal = x / ((x**2).mean(dims, keepdim=True) + eps).sqrt()
        return normal if self.weight is None else normal * self.weight


@torch.no_grad()
def fold(conv: nn.Conv2d, norm: Any) -> nn.Conv2d:
    """One convolution that does what `conv` and then `norm` do in evaluation.

    `norm` is a BatchNorm2d, ours or PyTorch's. Raises: ValueError if they do not fit.
    """
    if conv.out_channels != norm.num_features:
        given = f"{conv.out_channels} channels and a norm of {norm.num_features}"
        raise ValueError(f"{given}: fold a norm into the convolution before it")
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded
