"""Honest re-creations of functions, as a reader would write them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"{tuple(a.shape)} times {tuple(b.shape)}: the inner lengths must agree")
    return (a[:, :, None] * b[None]).sum(1)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    shifted = x - x.max(dim, keepdim=True).values.detach()
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    if logits.dim() != 2 or labels.dim() != 1:
        raise ValueError("logits are (N, classes), labels (N)")
    log_p = log_softmax(logits, 1)
    picked = -log_p[torch.arange(len(labels)), labels].mean()
    return (1 - label_smoothing) * picked - label_smoothing * log_p.mean(1).mean()


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    fan_out, fan_in = tensor.shape[:2]
    return tensor.normal_(0, gain * math.sqrt(2 / (fan_in + fan_out)), generator=generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    area = tensor[0][0].numel()
    fan = tensor.shape[mode == "fan_in"] * area
    gain = math.sqrt(2 / (1 + a**2)) if nonlinearity == "leaky_relu" else math.sqrt(2)
    draws = torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator)
    return tensor.copy_(draws * gain / math.sqrt(fan))


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    gradients = [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    total = sum((g**2).sum() for g in gradients) ** 0.5
    for gradient in gradients:
        gradient.mul_((max_norm / (total + 1e-6)).clamp(max=1.0))
    return total


def windows(x: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Every window of a batch of images, (N, C, H', W', h, w), without a copy."""
    n, c, height, width = x.shape
    rows, columns = (height - size[0]) // stride + 1, (width - size[1]) // stride + 1
    s = x.stride()
    return x.as_strided((n, c, rows, columns, *size), (s[0], s[1], stride * s[2], stride * s[3], s[2], s[3]))


def padded(x: Tensor, padding: int) -> Tensor:
    n, c, height, width = x.shape
    result = x.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    result[:, :, padding : padding + height, padding : padding + width] = x
    return result


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0) -> Tensor:
    patches = windows(padded(x, padding), tuple(weight.shape[2:]), stride)
    out = (patches[:, None] * weight[None, :, :, None, None]).sum((2, 5, 6))
    return out if bias is None else out + bias[:, None, None]


def max_pool2d(x: Tensor, kernel_size: int) -> Tensor:
    return windows(x, (kernel_size, kernel_size), kernel_size).flatten(-2).max(-1).values
