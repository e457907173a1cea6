# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Optimizers: what becomes of a gradient."""

import math
from collections.abc import Iterable
from typing import Any

import torch


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
