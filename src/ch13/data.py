# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Preparing data: inputs of mean 0 and standard deviation 1."""

from collections.abc import Iterator

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


class BatchLoader:
    """Batches of rows, as tuples; with `shuffle`, `generator` draws each epoch's order.

    Raises: ValueError for tensors of different lengths, and batches of less than 1.
    """

    def __init__(
        self,
        *tensors: torch.Tensor,
        batch_size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
    ) -> None:
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1 or batch_size < 1 or batch_size % 1:
            raise ValueError(
                f"{lengths=}, {batch_size=}: give equal ones, and 1 or more"
            )
        self.tensors, self.batch_size = tensors, batch_size
        self.shuffle, self.generator, self.drop_last = shuffle, generator, drop_last

    def __len__(self) -> int:
        whole, rest = divmod(len(self.tensors[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        order = torch.arange(len(self.tensors[0]))
        if self.shuffle:
            order = torch.randperm(len(order), generator=self.generator)
        for batch in order.split(self.batch_size)[: len(self)]:
            yield tuple(tensor[batch] for tensor in self.tensors)
