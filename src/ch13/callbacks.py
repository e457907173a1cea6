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
    each metric: a loss and a metric are means over the batch. One for each learner.
    """

    order = -10

    def __init__(self, **metrics: Callable) -> None:
        if {"epoch", "step", "training_loss", "validation_loss"} & metrics.keys():
            raise ValueError(f"{[*metrics]}: the row has such a name: take another")
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


def latest(learner: Learner) -> dict[str, float]:
    """The row of the epoch just ended, empty if nobody has measured it."""
    row = learner.history[-1] if learner.history else {}
    return row if row.get("epoch") == learner.epoch else {}


class Recorder(Callback):
    """The loss and the learning rate of every step."""

    state = ("losses", "rates")

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.history: list[dict[str, float]] = []

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
        if not max_norm > 0:
            raise ValueError(f"{max_norm=}: a length above 0 is needed")
        self.max_norm = max_norm

    def after_backward(self, learner: Learner) -> None:
        parameters = learner.model.parameters()
        self.norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)


def finite(value: Any) -> bool:
    """Whether a tensor is finite, or all tensors in a tuple, a list or a dict are."""
    if isinstance(value, torch.Tensor):
        return bool(value.isfinite().all())
    inside = value.values() if isinstance(value, dict) else value
    return not isinstance(value, (tuple, list, dict)) or all(map(finite, inside))


@torch.no_grad()
def first_not_finite(model: torch.nn.Module, x: Any) -> str | None:
    """The name of the first module whose output is not finite, or "the input".

    The model runs once more, and is as it was afterwards.
    """
    names = [] if finite(x) else ["the input"]

    def watched(name: str, forward: Callable) -> Callable:
        def look(*arguments: Any, **options: Any) -> Any:
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    modules = dict(model.named_modules())
    before = {name: dict(module.__dict__) for name, module in modules.items()}
    try:
        for name, module in modules.items():
            module.__dict__["_buffers"] = copy.deepcopy(module._buffers)
            module.forward = watched(name, module.forward)
        model(x)
    finally:
        for name, module in modules.items():
            module.__dict__.clear()
            module.__dict__.update(before[name])
    return names[0] if names else None


class StopAtNaN(Callback):
    """Stops where a loss or a gradient is not finite: names the module or parameters.

    Random numbers from elsewhere than PyTorch's own generator (a graphics card's) are
    not drawn again. Raises: FloatingPointError, before the optimizer has used it.
    """

    order = -50

    def before_batch(self, learner: Learner) -> None:
        self.random_state = torch.default_generator.get_state()

    def after_loss(self, learner: Learner) -> None:
        if not math.isfinite(loss := learner.loss.item()):
            torch.default_generator.set_state(self.random_state)
            name = first_not_finite(learner.model, learner.x)
            again = "the loss function (the model, run again, puts out finite numbers)"
            where = again if name is None else repr(name)
            raise FloatingPointError(f"step {learner.step}: {loss} began in {where}")

    def after_backward(self, learner: Learner) -> None:
        grads = {n: p.grad for n, p in learner.model.named_parameters()}
        wrong = [
            n for n, g in grads.items() if g is not None and not g.sum().isfinite()
        ]
        wrong = [n for n in wrong if not finite(grads[n])]  # the sum is quick
        if wrong:
            where = f"step {learner.step}: gradients of {wrong} are not finite"
            raise FloatingPointError(f"{where}: look at what the model does after them")


def monitored(learner: Learner, name: str) -> float:
    """A metric of the epoch just ended. Raises: ValueError if there is none."""
    row = latest(learner)
    if name not in row:
        why = "no Metrics that measures it, or the epoch was cancelled before"
        raise ValueError(f"no {name!r} in {row}: there is {why}")
    return row[name]


class EarlyStopping(Callback):
    """Ends a fit after `patience` epochs without a new lowest `monitor`.

    The model ends with the state of the fit's best epoch. Raises: ValueError for a
    patience below 1.
    """

    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor: str = "validation_loss", patience: int = 3) -> None:
        if patience < 1:
            raise ValueError(f"{patience=}: at least 1 epoch has to be waited for")
        self.monitor, self.patience = monitor, patience
        self.before_fit()

    def before_fit(self, learner: Learner | None = None) -> None:
        """Begin anew."""
        self.best, self.waited = math.inf, 0
        self.weights: dict[str, torch.Tensor] | None = None

    def before_epoch(self, learner: Learner) -> None:
        """What a checkpoint has brought back may have had enough already."""
        if self.waited >= self.patience:
            raise CancelFit

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
