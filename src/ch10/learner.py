# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A learner: the training loop, in which callbacks take part."""

import difflib
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import torch

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
