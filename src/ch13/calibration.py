# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Calibration: does what a network calls 90 % sure come true in 90 % of cases?"""

import math

from torch import Tensor
from torch.nn.functional import one_hot

from .losses import cross_entropy


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


def expected_calibration_error(
    probabilities: Tensor, labels: Tensor, bins: int = 10
) -> float:
    """Mean distance of confidence and share right, each bin by how many are in it.

    Paper: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    count, confidence, right = reliability(probabilities, labels, bins)
    gaps = (confidence - right).abs().nan_to_num()
    return ((count * gaps).sum() / count.sum()).item()


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits by, for the lowest cross-entropy; from 0.01 to 100.

    Paper: Guo et al. 2017.
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
