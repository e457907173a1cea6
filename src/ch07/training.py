# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Training: walk downhill."""

from collections.abc import Callable, Iterable

import torch


@torch.no_grad()
def evaluate(
    model: torch.nn.Module, loss_fn: Callable, loader: Iterable
) -> tuple[float, float]:
    """Mean loss and error rate over all examples, in eval mode, without gradients.

    Raises: ValueError when the loader gives nothing.
    """
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
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
    """Train, and give back for each epoch: training loss, validation loss, error rate.

    The training loss is the mean over the epoch, each image's before its step.
    """
    history = []
    for _ in range(epochs):
        model.train()
        total, count = 0.0, 0
        for x, y in training:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(y), count + len(y)
        history.append((total / count, *evaluate(model, loss_fn, validation)))
    return history
