# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Schedules: settings that change in training, as functions of progress from 0 to 1."""

import math
from collections.abc import Callable, Sized
from typing import cast

from .learner import Callback, Learner

Schedule = Callable[[float], float]


def constant(value: float) -> Schedule:
    """Always the same."""
    return lambda progress: value


def linear(start: float, end: float) -> Schedule:
    """In a straight line."""
    return lambda progress: start + (end - start) * progress


def cosine(start: float, end: float) -> Schedule:
    """Along half a cosine wave: slowly off, slowly in.

    Paper: Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5.
    """
    return lambda progress: end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def chained(*pieces: tuple[float, Schedule]) -> Schedule:
    """Schedules one after another: pairs of a share of the progress and a schedule.

    Raises: ValueError unless the shares are above 0 and add up to 1.
    """
    shares = [share for share, _ in pieces]
    if not shares or min(shares) <= 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"{shares=}: give shares above 0 that add up to 1")

    def schedule(progress: float) -> float:
        begun = 0.0
        for share, piece in pieces[:-1]:
            if progress < begun + share:
                return piece((progress - begun) / share)
            begun += share
        return pieces[-1][1]((progress - begun) / (1 - begun))

    return schedule


def one_cycle(high: float, warm_up: float = 0.3, low: float | None = None) -> Schedule:
    """From `low` (or `high` / 25) up to `high`, then down to `low` / 10,000.

    Paper: Smith and Topin 2018, arXiv:1708.07120, in straight lines and three phases;
    two phases along cosines are fastai's form, and PyTorch's.
    """
    low = high / 25 if low is None else low
    up, down = cosine(low, high), cosine(high, low / 1e4)
    return chained((warm_up, up), (1 - warm_up, down))


class Scheduled(Callback):
    """Sets settings of all parameter groups before each step, by schedules.

    Progress is the share of this `fit`'s steps that are done. Adam's `momentum` is the
    first of its betas.
    """

    def __init__(self, **schedules: Schedule) -> None:
        self.schedules = schedules
        self.begun = (0, 0)  # the epoch and the step at which `fit` began
        self.state = ("begun",)

    def before_fit(self, learner: Learner) -> None:
        """Note where it begins. Raises: ValueError for settings that a group lacks."""
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups:
            known = {*group} | ({"momentum"} if "betas" in group else set())
            if self.schedules.keys() - known:
                missing = sorted(self.schedules.keys() - known)
                raise ValueError(f"no setting {missing}: there are {sorted(known)}")

    def before_batch(self, learner: Learner) -> None:
        """Set them."""
        if not learner.training:
            return
        (epoch, step), loader = self.begun, cast(Sized, learner.training_loader)
        steps = (learner.epochs - epoch) * len(loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - step) / steps)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value
