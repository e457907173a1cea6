# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Metrics: what people want to know about a model, rather than what it descends on."""

from .network import Network, forward


def error_rate(predicted: list[int], labels: list[int]) -> float:
    """Share of `predicted` that differ from `labels`, from 0 to 1. Shapes: both (N)."""
    return sum(p != y for p, y in zip(predicted, labels, strict=True)) / len(labels)


def dead_units(network: Network, inputs: list[list[float]]) -> int:
    """How many hidden units give 0 for every input. Shapes: inputs (n, D)."""
    table = [forward(network, x)[1] for x in inputs]
    return sum(not any(column) for column in zip(*table, strict=True))
