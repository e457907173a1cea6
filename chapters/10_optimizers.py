# %% [markdown]
# # 10. Optimizers and schedules
#
# Skeleton.

# %%
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from ch09.learner import Callback, Learner
from groundup import extend, record, unlock

# %% export="optim.py"
"""Optimizers: what becomes of a gradient."""


class Optimizer:
    """Changes parameters by their gradients: `update`, in a class below, says how.

    `params` are parameters, or groups of them: dicts of "params" and settings of their
    own. Raises: ValueError for none, for one that comes twice, for impossible settings.
    """

    limits: dict[str, float] = {}  # the settings from 0 to below these; others: from 0

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        given = list(params)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.param_groups = [
            {**settings, **group, "params": list(group["params"])} for group in groups
        ]
        everything = [p for group in self.param_groups for p in group["params"]]
        if not everything or len(set(everything)) < len(everything):
            raise ValueError(f"{len(everything)} parameters: give some, and each once")
        for group in self.param_groups:
            for name, value in group.items():
                for number in value if name == "betas" else [value]:
                    limit = 1 if name in ("betas",) else math.inf
                    if type(number) in (int, float) and not 0 <= number < limit:
                        raise ValueError(f"{name}={value}: from 0 to below {limit}")
        self.state: dict[torch.Tensor, dict[str, Any]] = {}
        self.joined: dict[tuple, list] = {}  # for speed, see `join`

    def update(
        self, p: torch.Tensor, grad: torch.Tensor, state: dict, group: dict
    ) -> None:
        """Change `p` in place, number by number. Shapes: p and grad the same, any."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.setdefault(p, {"step": 0})
                    state["step"] += 1
                    self.update(p, p.grad, state, group)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """In PyTorch's form: parameters are known by their numbers."""
        params = [p for group in self.param_groups for p in group["params"]]
        number = {p: n for n, p in enumerate(params)}
        groups = [
            {**group, "params": [number[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {number[p]: dict(state) for p, state in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take settings and state. Raises: ValueError when they are of other groups."""
        params = [p for group in self.param_groups for p in group["params"]]
        sizes = [
            [len(group["params"]) for group in groups]
            for groups in (self.param_groups, saved["param_groups"])
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(f"groups of {sizes[0]} parameters, and saved: {sizes[1]}")
        for group, kept in zip(self.param_groups, saved["param_groups"], strict=True):
            group.update({n: v for n, v in kept.items() if n != "params"})
        self.joined = {}
        self.state = {
            params[number]: {
                name: int(value) if name == "step" else value.clone()
                for name, value in state.items()
            }
            for number, state in saved["state"].items()
        }


# %% export="optim.py"
class SGD(Optimizer):
    """Gradient descent with momentum, by PyTorch's definition.

    Raises: ValueError for Nesterov's without momentum, or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(f"nesterov with {momentum=}, {dampening=}: give momentum")
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening,
            weight_decay=weight_decay, nesterov=nesterov,
        )  # fmt: skip

    def update(
        self, p: torch.Tensor, grad: torch.Tensor, state: dict, group: dict
    ) -> None:
        """The velocity is a sum of gradients, the older the less."""
        momentum = group["momentum"]
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        if momentum:
            if "momentum_buffer" in state:
                velocity = state["momentum_buffer"]
                velocity.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            else:
                velocity = state["momentum_buffer"] = grad.clone()
            grad = grad + momentum * velocity if group["nesterov"] else velocity
        p.sub_(grad, alpha=group["lr"])


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square of late."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay)

    def update(
        self, p: torch.Tensor, grad: torch.Tensor, state: dict, group: dict
    ) -> None:
        """Nothing is corrected: the first steps are long."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        square = state.setdefault("square_avg", torch.zeros_like(p))
        square.mul_(group["alpha"]).addcmul_(grad, grad, value=1 - group["alpha"])
        p.addcdiv_(grad, square.sqrt().add_(group["eps"]), value=-group["lr"])


class Adam(Optimizer):
    """Momentum, divided as in RMSprop, both with their bias corrected.

    Paper: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(
        self, p: torch.Tensor, grad: torch.Tensor, state: dict, group: dict
    ) -> None:
        """Weight decay is added to the gradient, or, decoupled, taken from `p`."""
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if self.decoupled:
            p.mul_(1 - lr * group["weight_decay"])
        elif group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        if state["step"] == 1:
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        mean, square, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = (square / (1 - beta2**t)).sqrt_().add_(group["eps"])
        p.addcdiv_(mean, root, value=-lr / (1 - beta1**t))


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Paper: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


# %% tags=["timing"]
unlock(
    "torch.optim.SGD(momentum=)",
    by=SGD,
    inputs=[{"lr": 0.1, "momentum": 0.9}, {"lr": 0.1}],
)
unlock("torch.optim.RMSprop", by=RMSprop, inputs=[{}, {"lr": 0.1, "alpha": 0.9}])
unlock("torch.optim.Adam", by=Adam, inputs=[{}, {"lr": 0.1, "weight_decay": 0.1}])
unlock("torch.optim.AdamW", by=AdamW, inputs=[{}, {"lr": 0.1, "weight_decay": 0.0}])

# %% export="schedules.py"
"""Schedules: settings that change in training, as functions of progress from 0 to 1."""

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


# %% export="schedules.py"
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
