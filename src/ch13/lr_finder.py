# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A learning-rate range test: the rate grows at each step until the loss explodes."""

import copy
from typing import Any

from .checkpoint import restore_training, training_state
from .learner import Callback, CancelFit, Learner


class RangeTest(Callback):
    """Raises every group's rate from `low` to `high`, by one factor at each step."""

    def __init__(self, low: float, high: float, steps: int) -> None:
        if not 0 < low < high or steps < 2:
            raise ValueError(f"{low=}, {high=}, {steps=}: 0 < low < high, and 2 steps")
        self.low, self.high, self.steps = low, high, steps
        self.rates: list[float] = []
        self.losses: list[float] = []

    def before_batch(self, learner: Learner) -> None:
        share = len(self.losses) / (self.steps - 1)
        self.rate = self.low * (self.high / self.low) ** share
        for group in learner.optimizer.param_groups:
            group["lr"] = self.rate

    def after_loss(self, learner: Learner) -> None:
        loss = learner.loss.item()
        lowest = min(self.losses, default=loss)
        if not loss <= lowest + 3 * abs(lowest):  # four times it; NaN ends it, too
            raise CancelFit
        self.rates.append(self.rate)
        self.losses.append(loss)
        if len(self.losses) == self.steps:
            raise CancelFit

    @property
    def smooth(self) -> list[float]:
        """For each loss the mean of 11, of those that there are."""
        count = len(self.losses)
        windows = [self.losses[max(0, i - 5) : i + 6] for i in range(count)]
        return [sum(window) / len(window) for window in windows]

    @property
    def suggestion(self) -> float:
        """Where `smooth` falls fastest. Raises: ValueError if it does not fall."""
        smooth = self.smooth
        lowest = smooth.index(min(smooth)) if smooth else 0
        falls = [smooth[i + 1] - smooth[i - 1] for i in range(1, lowest)]
        if not falls:
            bounds = f"other bounds than {self.low} and {self.high}, or more steps"
            raise ValueError(f"{len(smooth)} losses, and none falls: try {bounds}")
        return self.rates[1 + falls.index(min(falls))]

    def plot(self, ax: Any) -> None:
        """Draw the losses by rate, smoothed too, and where the suggestion is."""
        ax.plot(self.rates, self.losses, linewidth=0.7)
        ax.plot(self.rates, self.smooth)
        ax.axvline(self.suggestion, linestyle="--", color="gray")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")


def find_lr(
    learner: Learner, low: float = 1e-4, high: float = 10.0, steps: int = 100
) -> RangeTest:
    """Try growing rates; then put back what `training_state` holds; clear gradients.

    After Smith 2017, arXiv:1506.01186, section 3.3, where the rate grows linearly.
    """
    test = RangeTest(low, high, steps)
    before = copy.deepcopy(training_state(learner))
    needed = [callback for callback in learner.callbacks if callback.in_trials]
    parts = learner.model, learner.loss_fn, learner.optimizer, learner.training_loader
    try:
        Learner(*parts).fit(steps, [*needed, test])  # an epoch is a step, at least
    finally:
        restore_training(learner, before)
        learner.optimizer.zero_grad()
    return test
