# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Callbacks: what takes part in a learner's training."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch

from .learner import Callback, CancelFit, Learner


class Metrics(Callback):
    """Means over the examples of each epoch, a dict in the learner's `history`.

    The loss of training and validation, and in validation `metric(predictions, y)` for
    each metric: a loss and a metric are means over the batch.
    """

    order = -10

    def __init__(self, **metrics: Callable) -> None:
        self.metrics = metrics

    def before_epoch(self, learner: Learner) -> None:
        self.totals: dict[str, float] = {}
        self.counts = {True: 0, False: 0}

    def after_loss(self, learner: Learner) -> None:
        if learner.training:
            values = {"training_loss": learner.loss.item()}
        else:
            given = learner.predictions, learner.y
            values = {"validation_loss": learner.loss.item()}
            values |= {name: float(f(*given)) for name, f in self.metrics.items()}
        for name, value in values.items():
            self.totals[name] = self.totals.get(name, 0.0) + value * len(learner.y)
        self.counts[learner.training] += len(learner.y)

    def after_epoch(self, learner: Learner) -> None:
        row: dict[str, float] = {"epoch": learner.epoch, "step": learner.step}
        for name, total in self.totals.items():
            row[name] = total / self.counts[name == "training_loss"]
        learner.history.append(row)


class Recorder(Callback):
    """The loss and the learning rate of every step."""

    state = ("losses", "rates")

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []

    def before_fit(self, learner: Learner) -> None:
        self.history = learner.history

    def after_step(self, learner: Learner) -> None:
        self.losses.append(learner.loss.item())
        self.rates.append(learner.optimizer.param_groups[0]["lr"])

    def plot(self, ax: Any) -> None:
        """Draw the losses by step, and the validation losses as points."""
        ax.plot(range(1, len(self.losses) + 1), self.losses, linewidth=0.7)
        rows = [row for row in self.history if "validation_loss" in row]
        means = [row["validation_loss"] for row in rows]
        ax.plot([row["step"] for row in rows], means, "o")
        ax.set(xlabel="step", ylabel="loss", ylim=(0, None))


class ClipGradients(Callback):
    """Shortens all gradients, as one vector, to `max_norm`; `norm` is what it was."""

    in_trials = True

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def after_backward(self, learner: Learner) -> None:
        parameters = learner.model.parameters()
        self.norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)


@torch.no_grad()
def first_not_finite(model: torch.nn.Module, x: torch.Tensor) -> str | None:
    """The name of the first module whose output is not finite, or "the input"."""
    names = [] if x.isfinite().all() else ["the input"]

    def watched(name: str, forward: Callable) -> Callable:
        def look(*arguments: Any, **options: Any) -> Any:
            output = forward(*arguments, **options)
            if isinstance(output, torch.Tensor) and not output.isfinite().all():
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[0] if names else None


class StopAtNaN(Callback):
    """Stops at the first loss or gradient that is not finite, and says where it began.

    Raises: FloatingPointError, before the optimizer has used it.
    """

    order = -50

    def after_loss(self, learner: Learner) -> None:
        if not math.isfinite(loss := learner.loss.item()):
            name = first_not_finite(learner.model, learner.x)
            where = "the loss function" if name is None else repr(name)
            raise FloatingPointError(f"step {learner.step}: {loss} began in {where}")

    def after_backward(self, learner: Learner) -> None:
        for name, p in reversed([*learner.model.named_parameters()]):
            grad = torch.zeros(()) if p.grad is None else p.grad
            if not (grad.sum().isfinite() or grad.isfinite().all()):  # the sum is quick
                where = f"step {learner.step}: the gradient of {name!r} is not finite"
                raise FloatingPointError(where)


def monitored(learner: Learner, name: str) -> float:
    """A metric of the epoch just ended. Raises: ValueError if there is none."""
    row = learner.history[-1] if learner.history else {}
    if row.get("epoch") != learner.epoch or name not in row:
        raise ValueError(f"no {name!r} in {row}: is there a Metrics that measures it?")
    return row[name]


class EarlyStopping(Callback):
    """Ends a training after `patience` epochs without a new lowest `monitor`.

    The model ends with the weights of the best epoch.
    """

    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor: str = "validation_loss", patience: int = 3) -> None:
        self.monitor, self.patience = monitor, patience
        self.best, self.waited = math.inf, 0
        self.weights: dict[str, torch.Tensor] | None = None

    def after_epoch(self, learner: Learner) -> None:
        self.waited += 1
        if monitored(learner, self.monitor) < self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner: Learner) -> None:
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


class ToDevice(Callback):
    """Model and batches go to `device`."""

    order = -100
    in_trials = True

    def __init__(self, device: str | torch.device) -> None:
        self.device = device

    def before_fit(self, learner: Learner) -> None:
        learner.model.to(self.device)

    def before_batch(self, learner: Learner) -> None:
        learner.x, learner.y = learner.x.to(self.device), learner.y.to(self.device)
