# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

from collections.abc import Callable, Iterable

import torch


@torch.no_grad()
def evaluate(
    model: torch.nn.Module, loss_fn: Callable, loader: Iterable
) -> tuple[float, float]:
    """Mean loss and error rate over all examples, in eval mode, without gradients.

    Puts the whole model back to `model.training`. Raises: ValueError for no examples.
    """
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    try:
        for x, y in loader:
            logits = model(x)
            loss += loss_fn(logits, y).item() * len(y)
            wrong += int((logits.argmax(1) != y).sum())
            count += len(y)
    finally:
        model.train(mode)
    if count == 0:
        raise ValueError("the loader gives no examples: there is nothing to evaluate")
    return loss / count, wrong / count


def fit(
    model: torch.nn.Module,
    loss_fn: Callable,
    optimizer: torch.optim.Optimizer,
    training: Iterable,
    validation: Iterable,
    epochs: int,
) -> list[tuple[float, float, float]]:
    """Train a classifier; by epochs: training loss, validation loss, error rate.

    The training loss is the mean over the epoch, each batch's before its own step.
    Leaves the model in training mode. Raises: ValueError when a loader gives nothing.
    """
    history = []
    for epoch in range(epochs):
        model.train()
        total, count = 0.0, 0
        for x, y in training:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(y), count + len(y)
        if count == 0:
            raise ValueError(f"epoch {epoch} has no examples to train on")
        history.append((total / count, *evaluate(model, loss_fn, validation)))
    return history
