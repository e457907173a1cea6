# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Losses: one number that says how wrong the predictions are."""

import torch


def logsumexp(z: torch.Tensor, dim: int) -> torch.Tensor:
    """The log of the sum of exponentials along `dim`, finite logits never overflow."""
    largest = z.detach().amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


def log_softmax(logits: torch.Tensor, dim: int) -> torch.Tensor:
    """The logarithms of the probabilities that softmax gives along `dim`."""
    return logits - logsumexp(logits, dim).unsqueeze(dim)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean of -log p for the right classes. Shapes: logits (N, K), labels (N,) -> ().

    Raises: ValueError for other shapes, no examples, and labels outside 0 to K - 1.
    """
    shapes = f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}"
    if logits.dim() != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(f"{shapes}: give (N, K) and (N,), with N of at least 1")
    K = logits.shape[1]
    if labels.dtype != torch.int64 or not 0 <= labels.amin() <= labels.amax() < K:
        raise ValueError(f"{shapes}: labels must be int64, from 0 to K - 1")
    return -log_softmax(logits, 1)[torch.arange(len(labels)), labels].mean()
