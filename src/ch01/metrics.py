# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Metrics: what people want to know about a model, rather than what it descends on."""


def error_rate(guesses: list[int], labels: list[int]) -> float:
    """Share of `guesses` that differ from `labels`, from 0 to 1. Shapes: both (n)."""
    return sum(g != y for g, y in zip(guesses, labels, strict=True)) / len(labels)
