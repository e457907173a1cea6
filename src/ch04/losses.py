# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Losses: one number that says how wrong the predictions are."""

import torch


def mse(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared error over all numbers. Units: those of the targets, squared."""
    return (errors(predictions, targets) ** 2).mean()


def mse_grad(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Gradient of `mse` for each prediction. Shapes: both (N, K) -> (N, K)."""
    return 2 * errors(predictions, targets) / predictions.numel()


def errors(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Predictions minus targets. Raises: ValueError when their shapes differ."""
    if predictions.shape != targets.shape:
        raise ValueError(
            f"predictions {tuple(predictions.shape)} for targets "
            f"{tuple(targets.shape)}: broadcasting would compare each with all"
        )
    return predictions - targets
