# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Losses: one number that says how wrong the predictions are."""


def mse(predictions: list[float], targets: list[float]) -> float:
    """Mean squared error of `predictions` (n numbers) against `targets` (n numbers).

    Units: those of the targets, squared.
    Raises: ValueError when the two lists differ in length.
    """
    if len(predictions) != len(targets):
        raise ValueError(
            f"{len(predictions)} predictions for {len(targets)} targets: "
            "they must be equally many"
        )
    pairs = zip(predictions, targets, strict=True)
    return sum((p - t) ** 2 for p, t in pairs) / len(targets)


def mse_grad(predictions: list[float], targets: list[float]) -> list[float]:
    """Gradient of `mse` for each prediction. Shapes: both (K) -> (K)."""
    pairs = zip(predictions, targets, strict=True)
    return [2 * (p - t) / len(targets) for p, t in pairs]
