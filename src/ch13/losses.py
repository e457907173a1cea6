# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Losses: one number that says how wrong the predictions are."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def logsumexp(z: torch.Tensor, dim: int) -> torch.Tensor:
    """The log of the sum of exponentials along `dim`, finite logits never overflow."""
    largest = z.detach().amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


def log_softmax(logits: torch.Tensor, dim: int) -> torch.Tensor:
    """The logarithms of the probabilities that softmax gives along `dim`."""
    return logits - logsumexp(logits, dim).unsqueeze(dim)


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
