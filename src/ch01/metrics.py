# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Metrics: what people want to know about a model, rather than what it descends on."""


def error_rate(predicted: list[int], labels: list[int]) -> float:
    """Share of `predicted` that differ from `labels`, from 0 to 1. Shapes: both (N)."""
    return sum(p != y for p, y in zip(predicted, labels, strict=True)) / len(labels)
