# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A learning-rate range test: rates grow until the loss explodes."""

import copy
from typing import Any

from .checkpoint import restore_training, training_state
from .learner import Callback, CancelFit, Learner


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
