# %% [markdown]
# # 8. A learner and its callbacks
#
# Skeleton.

# %%
import copy
import difflib
import json
import math
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import matplotlib.pyplot as plt
import torch

from ch07.saving import load_tensors, save_tensors
from groundup import plot, record, unlock

# %% export="learner.py"
"""A learner: the training loop, in which callbacks take part."""

EVENTS = (
    "before_fit",
    "before_epoch",
    "before_batch",
    "after_predict",
    "after_loss",
    "after_backward",
    "after_step",
    "after_batch",
    "after_epoch",
    "after_fit",
)


class CancelBatch(Exception):  # noqa: N818
    """For a callback to raise: the rest of this batch is left out."""


class CancelEpoch(Exception):  # noqa: N818
    """For a callback to raise: the rest of this epoch, validation too, is left out."""


class CancelFit(Exception):  # noqa: N818
    """For a callback to raise: training ends here."""


class Callback:
    """Takes part in training: its methods named as events are called with the learner.

    Lower `order` first. `state` names attributes that a resumed training needs back;
    `in_trials` says that a trial run, such as `find_lr`, needs it too.
    """

    order: int = 0
    state: tuple[str, ...] = ()
    in_trials: bool = False

    def __init_subclass__(cls) -> None:
        for name in vars(cls):
            near = difflib.get_close_matches(name, EVENTS, 1, 0.8)
            if name not in EVENTS and (near or name.startswith(("before_", "after_"))):
                known = f"did you mean {near[0]}?" if near else f"there are {EVENTS}"
                raise ValueError(f"{cls.__name__}.{name} is no event: {known}")


class Learner:
    """Trains a model; `epoch` and `step` count what is done, since the beginning.

    In events: `x`, `y`, `predictions`, `loss`, and `training`, False in validation.
    `history` has a dict of numbers for each epoch, `epochs` is where `fit` will end.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss_fn: Callable,
        optimizer: torch.optim.Optimizer,
        training: Iterable,
        validation: Iterable | None = None,
        callbacks: Iterable[Callback] = (),
    ) -> None:
        self.model, self.loss_fn, self.optimizer = model, loss_fn, optimizer
        self.training_loader, self.validation_loader = training, validation
        self.callbacks, self.listening = list(callbacks), []
        self.epoch = self.epochs = self.step = 0
        self.training, self.history = False, []

    def fit(self, epochs: int, callbacks: Iterable[Callback] = ()) -> None:
        """Train `epochs` more. `after_fit` comes, and the mode goes back, in any case.

        Raises: ValueError for impossible epochs or rates, and loaders without batches.
        """
        rates = [group["lr"] for group in self.optimizer.param_groups]
        listening = [*self.callbacks, *callbacks]
        if epochs < 0 or epochs % 1 or not all(rate >= 0 for rate in rates):
            raise ValueError(f"{epochs=}, {rates=}: give whole epochs, and rates, >= 0")
        if not all(isinstance(callback, Callback) for callback in listening):
            raise ValueError(f"{listening}: give objects of classes below Callback")
        self.listening = sorted(listening, key=lambda callback: callback.order)
        self.methods = {
            event: [getattr(c, event) for c in self.listening if hasattr(c, event)]
            for event in EVENTS
        }
        self.epochs = self.epoch + epochs
        try:
            with ExitStack() as stack:  # calls all that it is given, the last one first
                stack.callback(self.model.train, self.model.training)
                for method in reversed(self.methods["after_fit"]):
                    stack.callback(method, self)
                self.notify("before_fit")
                while self.epoch < self.epochs:
                    self.run_epoch()
        except CancelFit:
            pass

    def notify(self, event: str) -> None:
        """Call everyone who listens; then, if some have cancelled, the widest counts."""
        cancelled = []
        for method in self.methods[event]:
            try:
                method(self)
            except (CancelBatch, CancelEpoch, CancelFit) as cancel:
                cancelled.append(type(cancel))
        for kind in (CancelFit, CancelEpoch, CancelBatch):
            if kind in cancelled:
                raise kind

    def run_epoch(self) -> None:
        """Train on every batch, then validate."""
        try:
            self.notify("before_epoch")
            self.run_batches(self.training_loader, training=True)
            if self.validation_loader is not None:
                self.run_batches(self.validation_loader, training=False)
        except CancelEpoch:
            pass
        self.epoch += 1
        self.notify("after_epoch")

    def run_batches(self, loader: Iterable, training: bool) -> None:
        """One pass over a loader. Raises: ValueError when it gives nothing."""
        self.training, count = training, 0
        self.model.train(training)
        with torch.set_grad_enabled(training):
            for self.x, self.y in loader:
                self.run_batch()
                count += 1
        if count == 0:
            kind = "training" if training else "validation"
            raise ValueError(f"epoch {self.epoch}: no batches in the {kind} loader")

    def run_batch(self) -> None:
        """Predict and judge; in training, descend."""
        try:
            self.notify("before_batch")
            self.predictions = self.model(self.x)
            self.notify("after_predict")
            self.loss = self.loss_fn(self.predictions, self.y)
            self.notify("after_loss")
            if self.training:
                self.optimizer.zero_grad()
                self.loss.backward()
                self.notify("after_backward")
                self.optimizer.step()
                self.step += 1
                self.notify("after_step")
        except CancelBatch:
            pass
        self.notify("after_batch")


# %% export="metrics.py"
def error_rate(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of wrong classes, from 0 to 1. Shapes: (N,), or logits (N, K), and (N,)."""
    if predicted.dim() == 2:
        predicted = predicted.argmax(1)
    return (predicted != labels).double().mean().item()


# %% export="callbacks.py"
"""Callbacks: what takes part in a learner's training."""


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


# %%
def clip_grad_norm_(
    parameters: Iterable[torch.Tensor], max_norm: float
) -> torch.Tensor:
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(g**2).sum() for g in grads]).sum().sqrt()
    for g in grads:
        g *= (max_norm / (norm + 1e-6)).clamp(max=1)
    return norm


def with_grad(*shape: int, scale: float) -> torch.Tensor:
    tensor = torch.randn(*shape)
    tensor.grad = scale * torch.randn(*shape)
    return tensor


unlock(
    "torch.nn.utils.clip_grad_norm_",
    by=clip_grad_norm_,
    inputs=[
        ([with_grad(3, 4, scale=5.0), with_grad(3, scale=2.0)], 1.5),
        ([with_grad(2, 3, scale=0.01), with_grad(5, scale=0.02)], 2.0),
    ],
)


# %% export="callbacks.py"
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


# %% export="progress.py"
"""How far training has come: a line that is rewritten, or a line for each epoch."""


class Progress(Callback):
    """A row of metrics for each epoch; in a terminal also a line that is rewritten."""

    order = 20

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def after_epoch(self, learner: Learner) -> None:
        """Print the newest metrics."""
        row = learner.history[-1] if learner.history else {"epoch": learner.epoch}
        print(row, file=self.file or sys.stdout, flush=True)


# %% export="lr_finder.py"
"""A learning-rate range test: rates grow until the loss explodes."""


class RangeTest(Callback):
    """Raises the learning rate at each step; `rates` and `losses` say what came."""

    def __init__(self, low: float, high: float, steps: int) -> None:
        self.low, self.high, self.steps = low, high, steps
        self.rates: list[float] = []
        self.losses: list[float] = []

    def before_batch(self, learner: Learner) -> None:
        """Set the rate of all groups."""
        share = len(self.rates) / (self.steps - 1)
        rate = self.low * (self.high / self.low) ** share
        for group in learner.optimizer.param_groups:
            group["lr"] = rate
        self.rates.append(rate)

    def after_loss(self, learner: Learner) -> None:
        """Note the loss; stop when it explodes, or all steps are done."""
        self.losses.append(learner.loss.item())
        if not self.losses[-1] < 4 * min(self.losses) or len(self.rates) == self.steps:
            raise CancelFit

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest."""
        return self.rates[len(self.rates) // 2]

    def plot(self, ax: Any) -> None:
        """Draw loss against rate, and the suggestion."""
        ax.plot(self.rates, self.losses)
        ax.axvline(self.suggestion, linestyle="--")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")


def find_lr(
    learner: Learner, low: float = 1e-5, high: float = 10.0, steps: int = 100
) -> RangeTest:
    """Try growing rates, then put model, optimizer and random states back.

    Paper: Smith 2017, arXiv:1506.01186, section 3.3.
    """
    before, test = copy.deepcopy(training_state(learner)), RangeTest(low, high, steps)
    needed = [callback for callback in learner.callbacks if callback.in_trials]
    parts = learner.model, learner.loss_fn, learner.optimizer, learner.training_loader
    try:
        Learner(*parts).fit(steps, [*needed, test])
    finally:
        restore_training(learner, before)
        learner.optimizer.zero_grad()
    return test


# %% export="saving.py"
def save_state(path: str | Path, state: Any) -> None:
    """Write dicts, lists and tuples of tensors, numbers and strings, all or none."""
    tensors: dict[str, torch.Tensor] = {}

    def packed(value: Any, place: str) -> Any:
        if isinstance(value, torch.Tensor):
            tensors[place] = value
            return {"tensor": place}
        if isinstance(value, dict):
            pairs = [[key, packed(v, f"{place}.{key}")] for key, v in value.items()]
            return {"dict": pairs}
        if isinstance(value, (list, tuple)):
            inside = [packed(v, f"{place}.{i}") for i, v in enumerate(value)]
            return {type(value).__name__: inside}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise ValueError(f"{place}: {value!r} is neither a tensor nor a number or text")

    text = json.dumps(packed(state, "")).encode()
    save_tensors(path, {"tree": torch.tensor([*text], dtype=torch.uint8), **tensors})


def load_state(path: str | Path) -> Any:
    """Read what `save_state` wrote. Raises: ValueError for any other file."""
    tensors = load_tensors(path)

    def unpacked(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((kind, inside),) = value.items()
        if kind == "tensor":
            return tensors[inside]
        if kind == "dict":
            return {key: unpacked(v) for key, v in inside}
        return {"list": list, "tuple": tuple}[kind](map(unpacked, inside))

    try:
        return unpacked(json.loads(bytes(tensors["tree"].tolist())))
    except Exception as error:  # whatever a file that lies has led to
        raise ValueError(f"{path} holds no state: {error!r}") from None


# %% export="checkpoint.py"
"""Checkpoints: the whole state of a training on disk, to go on from."""


def generators(learner: Learner) -> list[torch.Generator]:
    """PyTorch's own, and those of the loaders."""
    loaders = learner.training_loader, learner.validation_loader
    own = [getattr(loader, "generator", None) for loader in loaders]
    return [torch.default_generator, *(g for g in own if g is not None)]


def training_state(learner: Learner) -> dict[str, Any]:
    """Everything that the next epoch depends on; tensors are shared, not copied."""
    return {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "epoch": learner.epoch,
        "step": learner.step,
        "history": learner.history,
        "generators": [g.get_state() for g in generators(learner)],
        "callbacks": [
            (type(c).__name__, {name: getattr(c, name) for name in c.state})
            for c in learner.listening
        ],
    }


def restore_training(learner: Learner, state: dict[str, Any]) -> None:
    """Put a state back. Raises: ValueError when it is of another training."""
    names = [type(callback).__name__ for callback in learner.listening]
    try:
        if names != [name for name, _ in state["callbacks"]]:
            raise ValueError(f"callbacks {names}, and saved: {state['callbacks']}")
        learner.model.load_state_dict(state["model"])
        learner.optimizer.load_state_dict(state["optimizer"])
        for generator, saved in zip(
            generators(learner), state["generators"], strict=True
        ):
            generator.set_state(saved)
        learner.epoch, learner.step = state["epoch"], state["step"]
        learner.history[:] = state["history"]
        for callback, (_, saved) in zip(
            learner.listening, state["callbacks"], strict=True
        ):
            for name, value in saved.items():
                setattr(callback, name, value)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"the state of another training: {error}") from error


class Checkpoint(Callback):
    """Saves the training after each epoch, and with `monitor` also the best model.

    In `folder`: `last.safetensors`, and `best.safetensors` with the model's tensors.
    With `resume`, `fit` goes on from the last, if there is one.
    """

    order = 100
    state = ("best",)

    def __init__(
        self, folder: str | Path, monitor: str | None = None, resume: bool = False
    ) -> None:
        self.folder, self.monitor, self.resume = Path(folder), monitor, resume
        self.best = math.inf

    def before_fit(self, learner: Learner) -> None:
        """Go on from the last checkpoint, unless this learner has trained already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.folder / "last.safetensors"
        if learner.epoch == 0 and last.exists():
            if not self.resume:
                raise ValueError(f"{last} is there: resume=True goes on, or delete it")
            restore_training(learner, load_state(last))

    def after_epoch(self, learner: Learner) -> None:
        """Save."""
        if self.monitor and monitored(learner, self.monitor) < self.best:
            self.best = monitored(learner, self.monitor)
            model = learner.model.state_dict()
            save_tensors(self.folder / "best.safetensors", model)
        save_state(self.folder / "last.safetensors", training_state(learner))


# %% export="event_log.py"
"""A log that TensorBoard opens: records of protocol buffers, with check sums."""


class EventLog(Callback):
    """Writes losses, rates and metrics to a file that TensorBoard shows."""

    order = 30

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
