# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Losses: one number that says how wrong the predictions are."""

import torch

from .autograd import Tensor


def mse(predictions: Tensor, targets: torch.Tensor) -> Tensor:
    """Mean squared error over all numbers. Units: those of the targets, squared."""
    return (errors(predictions, targets) ** 2).mean()


def errors(predictions: Tensor, targets: torch.Tensor) -> Tensor:
    """Predictions minus targets. Raises: ValueError when their shapes differ."""
    if predictions.shape != targets.shape:
        raise ValueError(
            f"predictions {tuple(predictions.shape)} for targets "
            f"{tuple(targets.shape)}: broadcasting would compare each with all"
        )
    return predictions - targets
