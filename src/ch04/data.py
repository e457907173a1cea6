# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Preparing data: inputs of mean 0 and standard deviation 1."""

import torch


def mean_std(x: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation of all numbers in `x`, to normalise with.

    Raises: ValueError where there is no spread to measure.
    """
    if x.numel() < 2:
        raise ValueError(f"{x.numel()} numbers have no spread: give at least two")
    return x.mean().item(), x.std().item()


def normalize(x: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """`x` in standard deviations from `mean`. Shapes: any.

    Raises: ValueError unless `std` is above 0.
    """
    if not std > 0:
        raise ValueError(f"std {std}: a spread above 0 is needed to divide by")
    return (x - mean) / std


def normalize_both(
    training: torch.Tensor, validation: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both normalised. Shapes: any."""
    mean, std = mean_std(training)
    return normalize(training, mean, std), normalize(validation, mean, std)
