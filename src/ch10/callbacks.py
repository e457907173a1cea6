# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Callbacks: what takes part in a learner's training."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch

from .learner import Callback, CancelFit, Learner


class Metrics(Callback):
    """Means over all examples of an epoch, as a dict in the learner's `history`.

    The training loss, and of the validation images the loss and each metric, which is
    `metric(predictions, y)`, a mean over the batch.
    """

    order = -10

    def __init__(self, **metrics: Callable) -> None:
        self.metrics = metrics

    def before_epoch(self, learner: Learner) -> None:
        """Begin to count."""
        self.totals: dict[str, float] = {}
        self.counts = {True: 0, False: 0}

    def after_loss(self, learner: Learner) -> None:
        """Add a batch, weighed by its examples."""
        size, training = len(learner.y), learner.training
        values = {"training_loss" if training else "validation_loss": learner.loss}
        if not training:
            given = learner.predictions, learner.y
            values |= {name: metric(*given) for name, metric in self.metrics.items()}
        for name, value in values.items():
            self.totals[name] = self.totals.get(name, 0.0) + float(value) * size
        self.counts[training] += size

    def after_epoch(self, learner: Learner) -> None:
        """Write the means down."""
        row = {"epoch": learner.epoch, "step": learner.step}
        for name, total in self.totals.items():
            row[name] = total / self.counts[name == "training_loss"]
        learner.history.append(row)


class Recorder(Callback):
    """The loss and the learning rate of each step."""

    state = ("losses", "rates")

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []

    def before_fit(self, learner: Learner) -> None:
        """Know where the history is, for the plot."""
        self.history = learner.history

    def after_step(self, learner: Learner) -> None:
        """Note this step's."""
        self.losses.append(learner.loss.item())
        self.rates.append(learner.optimizer.param_groups[0]["lr"])

    def plot(self, ax: Any) -> None:
        """Draw the losses by step, and the validation losses as points."""
        ax.plot(range(1, len(self.losses) + 1), self.losses, linewidth=0.6)
        rows = [row for row in self.history if "validation_loss" in row]
        losses = [row["validation_loss"] for row in rows]
        ax.plot([row["step"] for row in rows], losses, "o")
        ax.set(xlabel="step", ylabel="loss")


class ToDevice(Callback):
    """Model and batches go to `device`."""

    order = -100
    in_trials = True

    def __init__(self, device: str | torch.device) -> None:
        self.device = torch.device(device)

    def before_fit(self, learner: Learner) -> None:
        """Move the model: its parameters stay the ones that the optimizer holds."""
        learner.model.to(self.device)

    def before_batch(self, learner: Learner) -> None:
        """Move the batch."""
        learner.x = learner.x.to(self.device)
        learner.y = learner.y.to(self.device)


class ClipGradients(Callback):
    """Gradients longer than `max_norm`, all together, are scaled down to it."""

    in_trials = True

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def after_backward(self, learner: Learner) -> None:
        """Clip; `norm` is what it was."""
        parameters = learner.model.parameters()
        self.norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)


class EarlyStopping(Callback):
    """Stops when `monitor` has not fallen for `patience` epochs; keeps the best."""

    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor: str = "validation_loss", patience: int = 3) -> None:
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner: Learner) -> None:
        """Better: keep the weights. Not for long enough: stop."""
        value = monitored(learner, self.monitor)
        self.waited += 1
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner: Learner) -> None:
        """Put the best weights back."""
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


def monitored(learner: Learner, name: str) -> float:
    """The newest value of a metric. Raises: ValueError when there is none."""
    row = learner.history[-1] if learner.history else {}
    if row.get("epoch") != learner.epoch or name not in row:
        raise ValueError(f"no {name!r} in {row}: is Metrics among the callbacks?")
    return row[name]


class StopAtNaN(Callback):
    """Stops with an error at the first loss or gradient that is not finite."""

    order = -50

    def after_loss(self, learner: Learner) -> None:
        """Look for the layer, if the loss is not finite."""
        if not math.isfinite(learner.loss.item()):
            raise FloatingPointError(f"step {learner.step}: loss {learner.loss}")
