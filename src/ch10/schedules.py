# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Schedules: settings that change in training, as functions of progress from 0 to 1."""

import math
from collections.abc import Callable

from .learner import Callback, Learner

Schedule = Callable[[float], float]


def constant(value: float) -> Schedule:
    """Always `value`."""
    return lambda progress: value


def linear(start: float, end: float) -> Schedule:
    """In a straight line."""
    return lambda progress: start + (end - start) * progress


def cosine(start: float, end: float) -> Schedule:
    """Along half a wave: slowly off, slowly in.

    Paper: Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5.
    """
    return lambda progress: end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def chained(*parts: tuple[float, Schedule]) -> Schedule:
    """Schedules one after another: pairs of a share of the progress and a schedule.

    Raises: ValueError unless the shares are above 0 and add up to 1.
    """
    shares = [share for share, _ in parts]
    if not shares or min(shares) <= 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"{shares=}: give shares above 0 that add up to 1")

    def schedule(progress: float) -> float:
        begun = 0.0
        for share, part in parts[:-1]:
            if progress < begun + share:
                return part((progress - begun) / share)
            begun += share
        share, part = parts[-1]
        return part((progress - begun) / share)

    return schedule


def one_cycle(
    high: float, warm_up: float = 0.3, low: float | None = None, end: float = 0.0
) -> Schedule:
    """From `low` (`high` / 25) up to `high` and down to `end`, along cosines.

    Paper: Smith and Topin 2018, arXiv:1708.07120.
    """
    low = high / 25 if low is None else low
    return chained((warm_up, cosine(low, high)), (1 - warm_up, cosine(high, end)))


class Scheduled(Callback):
    """Sets settings of all parameter groups before each step, by schedules.

    `Scheduled(lr=one_cycle(0.1), momentum=…)`; progress is the share of the steps of
    this `fit` that are done. For Adam, `momentum` is the first of its betas.
    """

    state = ("begun",)

    def __init__(self, **schedules: Schedule) -> None:
        self.schedules = schedules
        self.begun: tuple[int, int] = (0, 0)  # epoch and step at which `fit` began

    def before_fit(self, learner: Learner) -> None:
        """Note where it begins. Raises: ValueError for settings that nobody has."""
        self.begun = learner.epoch, learner.step
        for group in learner.optimizer.param_groups:
            known = {*group, *(["momentum"] if "betas" in group else [])}
            if not known >= {*self.schedules}:
                raise ValueError(f"{[*self.schedules]}: this group has {sorted(known)}")

    def before_batch(self, learner: Learner) -> None:
        """Set them."""
        if not learner.training:
            return
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        progress = min(1.0, (learner.step - step) / steps)
        for name, schedule in self.schedules.items():
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (schedule(progress), group["betas"][1])
                else:
                    group[name] = schedule(progress)
