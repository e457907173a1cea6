# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Optimizers: what becomes of a gradient."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor


class Optimizer:
    """Changes parameters by their gradients; `update`, in classes below, says how.

    `params` are parameters, or groups: dicts of "params" and settings of their own.
    Raises: ValueError for none, one that comes twice, and impossible settings;
    TypeError for unknown ones.
    """

    defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "weight_decay": 0.0}
    decoupled = False  # the weight decay, which comes later

    def __init__(
        self, params: Iterable[Any], lr: float | None = None, **settings: Any
    ) -> None:
        given = list(params)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        settings = {**self.defaults, **settings}
        settings["lr"] = settings["lr"] if lr is None else lr
        self.param_groups = [
            {**settings, **group, "params": list(group["params"])} for group in groups
        ]
        params = self.parameters()
        if not params or len(set(params)) < len(params):
            raise ValueError(f"{len(params)} parameters: give some, and each once")
        for group in self.param_groups:
            self.check(group)
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.joined: dict[tuple[Tensor, ...], list] = {}  # what `join` has joined

    def parameters(self) -> list[Tensor]:
        """Those of all groups, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    def check(self, group: dict[str, Any]) -> None:
        """Raises: TypeError for unknown settings, ValueError for impossible ones."""
        for name in group.keys() - {"params"}:
            if name not in self.defaults:
                raise TypeError(f"no setting {name!r}: there are {[*self.defaults]}")
            numbers = group[name] if name == "betas" else [group[name]]
            limit, end = (1, "below 1") if name == "betas" else (math.inf, "finite")
            if not all(0 <= number < limit for number in numbers):
                raise ValueError(f"{name}={group[name]}: give 0 or more, {end}")
        if group.get("nesterov") and (not group["momentum"] or group["dampening"]):
            raise ValueError("nesterov needs momentum, and no dampening")

    def update(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """Change p in place, number by number. Shapes: p and grad the same, any."""
        raise NotImplementedError

    def descend(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """One step of one tensor: weight decay, then the rule."""
        state["step"] += 1
        if group["weight_decay"]:
            grad = decay(p, grad, group["lr"], group["weight_decay"], self.decoupled)
        self.update(p, grad, state, group)

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient, small ones together."""
        for group in self.param_groups:
            members = tuple(p for p in group["params"] if p.grad is not None)
            if members not in self.joined:
                self.join(members)
            for together, state, flat, grad, pieces in self.joined[members]:
                if len(together) == 1:
                    self.descend(together[0], together[0].grad, state, group)
                    continue
                torch.cat([p.flatten() for p in together], out=flat)
                torch.cat([p.grad.flatten() for p in together], out=grad)
                self.descend(flat, grad, state, group)
                for p, piece in zip(together, pieces, strict=True):
                    p.copy_(piece)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters():
            p.grad = None

    def join(self, members: tuple[Tensor, ...]) -> None:
        """Make one vector of small parameters, equal in steps, and one of their states."""
        self.separate(members)
        alike: dict[Any, list[Tensor]] = {}
        for p in members:
            state = self.state.setdefault(p, {"step": 0})
            alone = id(p) if p.numel() > LARGE else None
            kind = p.dtype, p.device, alone, *state, state["step"]
            alike.setdefault(kind, []).append(p)
        self.joined[members] = []
        for together in alike.values():
            states = [self.state.pop(p) for p in together]
            state, flat = states[0], together[0]
            if len(together) > 1:
                flat = torch.cat([p.flatten() for p in together])
                for name in state.keys() - {"step"}:
                    state[name] = torch.cat([each[name].flatten() for each in states])
            row = together, state, flat, torch.empty_like(flat), parts(flat, together)
            self.joined[members].append(row)

    def separate(self, members: Iterable[Tensor]) -> None:
        """Give parameters, and those joined with them, a state of their own again."""
        members = {*members}
        for key in [key for key in self.joined if members & {*key}]:
            for together, state, *_ in self.joined.pop(key):
                named = {n: parts(t, together) for n, t in state.items() if n != "step"}
                for number, p in enumerate(together):
                    own = {name: pieces[number] for name, pieces in named.items()}
                    self.state[p] = {"step": state["step"], **own}

    def state_dict(self) -> dict[str, Any]:
        """Settings and state in PyTorch's form: parameters are known by their numbers."""
        numbers = {p: n for n, p in enumerate(self.parameters())}
        self.separate(numbers)
        groups = [
            {**group, "params": [numbers[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[p]: dict(state) for p, state in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take settings and state. Raises: ValueError when they are of other groups."""
        params, groups = self.parameters(), saved["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        if sizes != [len(group["params"]) for group in groups]:
            raise ValueError(
                f"here are groups of {sizes} parameters, and saved: {groups}"
            )
        for group, other in zip(self.param_groups, groups, strict=True):
            group.update({name: other.get(name, group[name]) for name in self.defaults})
        self.joined, self.state = {}, {}
        for number, state in saved["state"].items():
            kept = {
                n: t.clone() for n, t in state.items() if n != "step" and t is not None
            }
            self.state[params[number]] = {"step": int(state.get("step", 0)), **kept}


class SGD(Optimizer):
    """Gradient descent, with momentum by PyTorch's definition."""

    defaults: ClassVar[dict[str, Any]] = {
        **Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False,
    }  # fmt: skip

    def update(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """The velocity is a sum of gradients, the older the less."""
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                velocity = state["momentum_buffer"]
                velocity *= momentum
                velocity += (1 - group["dampening"]) * grad
            else:
                velocity = state["momentum_buffer"] = grad.clone()
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square of late."""

    defaults: ClassVar[dict[str, Any]] = {
        **Optimizer.defaults,
        "lr": 1e-2,
        "alpha": 0.99,
        "eps": 1e-8,
    }

    def update(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """The mean square begins at 0, so that the first steps are long."""
        if "square_avg" not in state:
            state["square_avg"] = torch.zeros_like(p)
        square = state["square_avg"]
        square.mul_(group["alpha"]).addcmul_(grad, grad, value=1 - group["alpha"])
        p.addcdiv_(grad, square.sqrt().add_(group["eps"]), value=-group["lr"])


def corrected(average: Tensor | float, beta: float, step: int) -> Any:
    """An average that began at 0, divided by the weight of its numbers. Shapes: any."""
    return average / (1 - beta**step)


class Adam(Optimizer):
    """Momentum and RMSprop in one, with averages that are corrected.

    Paper: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    defaults: ClassVar[dict[str, Any]] = {
        **Optimizer.defaults,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
    }

    def update(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """The mean gradient, divided by the root of the mean square."""
        (beta1, beta2), step = group["betas"], state["step"]
        if "exp_avg" not in state:
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)  # beta1 * mean + (1 - beta1) * grad
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = corrected(square, beta2, step).sqrt_().add_(group["eps"])
        p.addcdiv_(corrected(mean, beta1, step), root, value=-group["lr"])


def decay(
    p: Tensor, grad: Tensor, lr: float, weight_decay: float, decoupled: bool
) -> Tensor:
    """Shrink p in place, if decoupled; the gradient that is left to descend along."""
    if decoupled:
        p *= 1 - lr * weight_decay
        return grad
    return grad + weight_decay * p


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Paper: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2; as in PyTorch, the
    decay is multiplied by the whole rate, in the paper by its schedule alone.
    """

    defaults: ClassVar[dict[str, Any]] = {**Adam.defaults, "weight_decay": 1e-2}
    decoupled = True


LARGE = 2**14  # numbers: a parameter that has more is updated on its own


def parts(flat: Tensor, like: list[Tensor]) -> list[Tensor]:
    """A vector as views with the shapes of these tensors."""
    pieces = flat.flatten().split([p.numel() for p in like])
    return [piece.view(p.shape) for piece, p in zip(pieces, like, strict=True)]
