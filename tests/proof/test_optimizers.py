"""Optimizers and schedules: which re-creations are accepted, and which false ones are refused, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from proof.recreated_training import SGD, Adam, AdamW, CosineAnnealingLR, Optimizer, RMSprop
from torch import Tensor

from groundup import unlock
from groundup.proof import UnlockError

O = "torch.optim."  # noqa: E741
COSINE = "torch.optim.lr_scheduler.CosineAnnealingLR"
RATES = [{"lr": 0.1}, {"lr": 0.01}]


class PlainSGD(Optimizer):
    """As a chapter that knows no momentum yet would have it."""

    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        super().__init__(params, lr=lr)

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        p -= group["lr"] * p.grad


class HandsOn(SGD):
    """Takes whatever keywords the class above takes."""

    def __init__(self, params: Iterable, **keywords: Any) -> None:
        super().__init__(params, **keywords)


ACCEPTED = [
    ("SGD", PlainSGD, RATES),
    ("SGD", HandsOn, RATES),
    ("SGD", SGD, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}]),
    ("SGD(momentum=)", SGD, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}]),
    ("Adam", Adam, [{}, {"lr": 0.1, "betas": (0.5, 0.9)}, {"eps": 1e-3}]),
    ("AdamW", AdamW, [{}, {"lr": 0.1, "weight_decay": 0.0}]),
    ("RMSprop", RMSprop, [{}, {"lr": 0.1}]),
    ("lr_scheduler.CosineAnnealingLR", CosineAnnealingLR, [{"T_max": 10}, {"T_max": 7, "eta_min": 0.001}]),
]


@pytest.mark.parametrize(("name", "by", "inputs"), ACCEPTED, ids=[f"{row[0]}-{row[1].__name__}" for row in ACCEPTED])
def test_honest_optimizers_are_accepted(name: str, by: Callable, inputs: list) -> None:
    unlock(O + name, by=by, inputs=inputs)


class Blind(PlainSGD):
    """Blind to param_groups[0]["lr"]."""

    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        super().__init__(params, lr)
        self.rates = [group["lr"] for group in self.param_groups]

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        p -= self.rates[self.param_groups.index(group)] * p.grad


class OneRate(PlainSGD):
    """One rate for all groups."""

    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        super().__init__(params, lr)
        for group in self.param_groups:
            group["lr"] = lr


class Keeps(PlainSGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


class Zeroes(PlainSGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(False)


class NoneOnly(PlainSGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(True)


class NeedsAll(PlainSGD):
    """Fails where a gradient is None."""

    def step(self) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad


class KeepsGenerator(PlainSGD):
    """Keeps the parameters as the generator that they came as."""

    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        super().__init__([], lr)
        self.param_groups[0]["params"] = params


class Forgets(SGD):
    """Does not save its velocities."""

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "state": {}}


class ForgetsRate(PlainSGD):
    def load_state_dict(self, saved: dict[str, Any]) -> None:
        pass


class Dampened(SGD):
    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        step = p.grad + group["weight_decay"] * p
        before = state.get("velocity")
        weight = 1 - group["momentum"]
        state["velocity"] = step if before is None else group["momentum"] * before + weight * step
        p -= group["lr"] * state["velocity"]


class EpsilonInside(Adam):
    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        state["t"] = t = state.get("t", 0) + 1
        state["m"] = m = first * state.get("m", torch.zeros_like(p)) + (1 - first) * p.grad
        state["v"] = v = second * state.get("v", torch.zeros_like(p)) + (1 - second) * p.grad**2
        p -= group["lr"] * (m / (1 - first**t)) / (v / (1 - second**t) + group["eps"]).sqrt()


class Uncorrected(Adam):
    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["t"] = 10_000
        super().update(p, state, group)


class Sequence(PlainSGD):
    def step(self) -> None:
        raise KeyError("lr")


class InDouble(PlainSGD):
    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        p.data = (p.double() - group["lr"] * p.grad.double()).data


class Wrapper:
    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        self.inner = torch.optim.SGD(params, lr=lr)
        self.step, self.zero_grad, self.param_groups = self.inner.step, self.inner.zero_grad, self.inner.param_groups


class WithoutState:
    def __init__(self, params: Iterable, lr: float = 1e-3) -> None:
        self.params = list(params)

    def step(self) -> None: ...

    def zero_grad(self) -> None: ...


class Swallows(PlainSGD):
    """Takes whatever keywords there are, and does nothing with them."""

    def __init__(self, params: Iterable, lr: float, **keywords: Any) -> None:
        super().__init__(params, lr)


NO_DECAY = [{"weight_decay": 0.0}, {"lr": 0.1, "weight_decay": 0.0}]
FALSE = [
    ("SGD", Blind, RATES, r"case 1 \(lr=0.1\): step: with two groups: after step 3: parameter \d differs"),
    ("SGD", OneRate, RATES, r"construction: the lr of param_groups 1 differs"),
    ("SGD", Keeps, RATES, r"case 1 \(lr=0.1\): zero_grad: a gradient 1 is a tensor of shape \(\), not None"),
    ("SGD", Zeroes, RATES, r"zero_grad: a gradient 1 is a tensor of shape \(\), not None"),
    ("SGD", NoneOnly, RATES, r"zero_grad: a gradient 1 is None, not a tensor of shape \(\)"),
    ("SGD", NeedsAll, RATES, r"case 1 .*: step: the re-creation raises TypeError: .* \(in step, line \d+\); the real"),
    ("SGD", KeepsGenerator, RATES, r"zero_grad: a gradient 1 is a tensor of shape \(\), not None"),
    ("SGD", Forgets, [{"lr": 0.1, "momentum": 0.9}] * 2, "saved after step 2 and loaded: after step 3: parameter 1 "),
    ("SGD", ForgetsRate, RATES, "saved after step 2 and loaded: after step 3: parameter 1 differs"),
    ("SGD", Dampened, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}],
     r"case 2 \(lr=0.1, momentum=0.9\): step: after step 2: parameter 1 differs"),
    ("SGD", Dampened, RATES, r"momentum, which was to be tried too, \(lr=0.1, momentum=0.9\): step: after step 2: "),
    ("SGD", Swallows, RATES, r"weight_decay, which was to be tried too, \(lr=0.1, weight_decay=0.1\): step: after"),
    ("SGD", Sequence, RATES, r"step: the re-creation raises KeyError: 'lr' \(in step, line \d+\)"),
    ("SGD", InDouble, RATES, "in float32: step: after step 1: parameter 1 has dtype torch.float64, not torch.float32"),
    ("SGD", Wrapper, RATES, "the re-creation calls torch.optim.(sgd|optimizer)"),
    ("SGD", lambda params, lr: torch.optim.SGD(params, lr), RATES, "the re-creation calls torch.optim.(sgd|optimizer)"),
    ("SGD", WithoutState, RATES, r"construction: it has no state_dict\(\)"),
    ("SGD", SGD, [{"lr": 0.1}, {"lr": 0.1, "nesterov": True, "momentum": 0.9}],
     r"case 2 .*: construction: the re-creation raises TypeError"),
    ("SGD", SGD, [{"lr": -1.0}, {"lr": 0.1}], r"construction: the real one raises ValueError"),
    ("Adam", EpsilonInside, [{}, {"lr": 0.1}], r"case 1 \(\): step: after step 1: parameter \d differs"),
    ("Adam", Uncorrected, [{}, {"lr": 0.1}], r"case 1 \(\): step: after step 1: parameter \d differs"),
    ("AdamW", Adam, NO_DECAY, "weight_decay, which was to be tried too, .*: step: after step 1: parameter"),
    ("Adam", AdamW, NO_DECAY, "weight_decay, which was to be tried too, .*: step: after step 1: parameter"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "by", "inputs", "message"), FALSE, ids=[f"{row[0]}-{row[1].__name__}-{i}" for i, row in enumerate(FALSE)]
)
def test_false_optimizers_are_refused(name: str, by: Callable, inputs: list, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^{O}{name}, .*{message}") as raised:
        unlock(O + name, by=by, inputs=inputs)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


class OnlyFirst(CosineAnnealingLR):
    def step(self) -> None:
        rates = [group["lr"] for group in self.optimizer.param_groups[1:]]
        super().step()
        for group, rate in zip(self.optimizer.param_groups[1:], rates, strict=True):
            group["lr"] = rate


class OneBehind(CosineAnnealingLR):
    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer, T_max, eta_min)
        self.steps = -1


class NotSaved(CosineAnnealingLR):
    def load_state_dict(self, saved: dict[str, Any]) -> None:
        pass


class HalfSaved(CosineAnnealingLR):
    """Saves where it is, and not the rates that it started from."""

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.steps, self.rates = saved["steps"], [0.1 for _ in self.rates]


class Clamped(CosineAnnealingLR):
    def step(self) -> None:
        if self.steps < self.length:
            super().step()


class HalfPeriod(CosineAnnealingLR):
    def step(self) -> None:
        self.steps += 1
        share = 1 - math.sin(math.pi * self.steps / self.length / 2)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = self.least + (rate - self.least) * share


SCHEDULES = [
    (OnlyFirst, "after step 1: the lr of group 2 differs"),
    (OneBehind, "after step 1: the lr of group 1 differs"),
    (NotSaved, "after step 2, having been saved and loaded: the lr of group 1 differs"),
    (HalfSaved, "having been saved and loaded: the lr of group 1 differs"),
    (Clamped, "after step 11: the lr of group 1 differs"),
    (HalfPeriod, "after step 1: the lr of group 1 differs"),
    (
        lambda o, **k: torch.optim.lr_scheduler.CosineAnnealingLR(o, **k),
        "the re-creation calls torch.optim.lr_scheduler",
    ),
]


@pytest.mark.parametrize(("by", "message"), SCHEDULES, ids=[by.__name__ for by, _ in SCHEDULES])
def test_false_schedules_are_refused(by: Callable, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^{COSINE}, case 1 .*{message}"):
        unlock(COSINE, by=by, inputs=[{"T_max": 10}, {"T_max": 7, "eta_min": 0.001}])
