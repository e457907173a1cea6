# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A learner: the training loop, in which callbacks take part."""

import difflib
import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import torch


class CancelBatch(Exception):
    """Raised from before_batch to after_step: the rest of this batch is left out."""


class CancelEpoch(Exception):
    """Raised from before_epoch to after_batch: validation, too, is left out."""


class CancelFit(Exception):
    """Raised by a callback: training ends here, and not by an error."""


def notify(methods: Iterable[Callable], learner: Any) -> None:
    """Call them all; then, if some have cancelled, raise the widest of it."""
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for one in cancelled:
            if isinstance(one, kind):
                raise one


EVENTS = (
    "before_fit", "before_epoch", "before_batch", "after_predict", "after_loss",
    "after_backward", "after_step", "after_batch", "after_epoch", "after_fit",
)  # fmt: skip


class Callback:
    """Takes part in training: its methods named as events are called with the learner.

    A lower `order` comes first; `state` names attributes that a resumed training needs,
    there from `__init__` on; a trial such as `find_lr` takes only those with
    `in_trials`. If another's before_fit fails, after_fit comes without before_fit.
    """

    order: int = 0
    state: tuple[str, ...] = ()
    in_trials: bool = False

    def __init_subclass__(cls) -> None:
        for name in {*dir(cls)} - {*EVENTS, *dir(Callback)}:
            near = difflib.get_close_matches(name, EVENTS, 1, 0.8)
            if near or name.startswith(("before_", "after_", "on_", "begin_")):
                known = f"is it to be {near[0]}?" if near else f"known are {EVENTS}"
                raise ValueError(f"{cls.__name__}.{name} is no event: {known}")


class Learner:
    """Trains a model; `epoch` and `step` count what is done, from the beginning.

    An epoch counts also if it was cancelled.
    For callbacks: in a batch `x`, `y`, `predictions`, `loss`, and `training`, False in
    validation; `history`, numbers of each epoch; `epochs`, where this fit will end.
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
        self.callbacks, self.training = list(callbacks), False
        self.listening: list[Callback] = []
        self.predictions: Any = None
        self.loss: Any = None
        self.history: list[dict[str, float]] = []
        self.epoch = self.epochs = self.step = 0

    def fit(self, epochs: int, callbacks: Iterable[Callback] = ()) -> None:
        """Train `epochs` more; `after_fit` comes in any case, and all modes go back.

        Each epoch puts every module into training mode, also one that was frozen.
        Raises: ValueError for impossible epochs or rates, loaders without batches, and
        cancellations where there is nothing to cancel.
        """
        rates = [group["lr"] for group in self.optimizer.param_groups]
        possible = isinstance(epochs, int) and epochs >= 0
        if not possible or not all(0 <= rate < math.inf for rate in rates):
            raise ValueError(f"{epochs=}, {rates=}: give whole epochs, and rates, >= 0")
        listening = [*self.callbacks, *callbacks]
        kinds = all(isinstance(callback, Callback) for callback in listening)
        if not kinds or len({*map(id, listening)}) < len(listening):
            raise ValueError(
                f"{listening}: give objects of classes below Callback, once"
            )
        self.listening = sorted(listening, key=lambda callback: callback.order)
        self.methods = {
            event: [getattr(c, event) for c in self.listening if hasattr(c, event)]
            for event in EVENTS
        }
        self.epochs = self.epoch + epochs
        with suppress(CancelFit), ExitStack() as stack:
            for module in self.model.modules():  # what is given first comes last
                stack.callback(setattr, module, "training", module.training)
            for method in reversed(self.methods["after_fit"]):
                stack.callback(self.finish, method)
            self.tell("before_fit")
            while self.epoch < self.epochs:
                self.run_epoch()

    def tell(self, event: str) -> None:
        """Let everyone who listens to it know."""
        try:
            if self.methods[event]:
                notify(self.methods[event], self)
        except (CancelBatch, CancelEpoch) as cancel:
            batch = isinstance(cancel, CancelBatch)
            if event not in (EVENTS[2:7] if batch else EVENTS[1:8]):
                what = "batch" if batch else "epoch"
                where = f"{cancel!r} in {event}: there is no {what} to leave"
                raise ValueError(where) from cancel
            raise

    def finish(self, method: Callable) -> None:
        """Call one at `after_fit`, where nothing is left that could be cancelled."""
        with suppress(CancelBatch, CancelEpoch, CancelFit):
            method(self)

    def run_epoch(self) -> None:
        """Train on every batch, then validate."""
        with suppress(CancelEpoch):
            self.tell("before_epoch")
            self.run_batches(self.training_loader, training=True)
            if self.validation_loader is not None:
                self.run_batches(self.validation_loader, training=False)
        self.epoch += 1
        self.tell("after_epoch")

    def run_batches(self, loader: Iterable, training: bool) -> None:
        """One pass over a loader. Raises: ValueError when it gives nothing."""
        self.training, count = training, 0
        self.model.train(training)
        with torch.set_grad_enabled(training):
            for self.x, self.y in loader:
                count += 1
                self.run_batch()
                # let go of it, so that the next one is made in its place in memory
                self.x = self.y = self.predictions = self.loss = None
        if count == 0:
            kind = "training" if training else "validation"
            why = f"no batches in the {kind} loader: is it an iterator, and used up?"
            raise ValueError(f"epoch {self.epoch}: {why}")

    def run_batch(self) -> None:
        """Predict and judge; in training, descend."""
        with suppress(CancelBatch):
            self.tell("before_batch")
            self.predictions = self.model(self.x)
            self.tell("after_predict")
            self.loss = self.loss_fn(self.predictions, self.y)
            self.tell("after_loss")
            if self.training:
                self.optimizer.zero_grad()
                self.loss.backward()
                self.tell("after_backward")
                self.optimizer.step()
                self.step += 1
                self.tell("after_step")
        self.tell("after_batch")
