"""Honest re-creations of optimizers, a schedule and a data loader, as a reader would write them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


class Optimizer:
    def __init__(self, params: Iterable, **defaults: Any) -> None:
        given = list(params)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.param_groups = [{**defaults, **group, "params": list(group["params"])} for group in groups]
        self.state: dict[int, dict[str, Any]] = defaultdict(dict)

    def step(self) -> None:
        number = 0
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self.update(p, self.state[number], group)
                    number += 1

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        groups = [{key: value for key, value in group.items() if key != "params"} for group in self.param_groups]
        return {"groups": groups, "state": dict(self.state)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        for group, values in zip(self.param_groups, saved["groups"], strict=True):
            group.update(values)
        self.state = defaultdict(dict, saved["state"])


class SGD(Optimizer):
    def __init__(self, params: Iterable, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        step = p.grad + group["weight_decay"] * p
        if group["momentum"]:
            before = state.get("velocity")
            step = step if before is None else group["momentum"] * before + step
            state["velocity"] = step
        p -= group["lr"] * step


class Adam(Optimizer):
    decoupled = False

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        grad, (first, second) = p.grad, group["betas"]
        if self.decoupled:
            p *= 1 - group["lr"] * group["weight_decay"]
        else:
            grad = grad + group["weight_decay"] * p
        state["t"] = t = state.get("t", 0) + 1
        state["m"] = m = first * state.get("m", torch.zeros_like(p)) + (1 - first) * grad
        state["v"] = v = second * state.get("v", torch.zeros_like(p)) + (1 - second) * grad**2
        p -= group["lr"] * (m / (1 - first**t)) / ((v / (1 - second**t)).sqrt() + group["eps"])


class AdamW(Adam):
    decoupled = True

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


class RMSprop(Optimizer):
    def __init__(self, params: Iterable, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps)

    def update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        alpha = group["alpha"]
        state["v"] = v = alpha * state.get("v", torch.zeros_like(p)) + (1 - alpha) * p.grad**2
        p -= group["lr"] * p.grad / (v.sqrt() + group["eps"])


class CosineAnnealingLR:
    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0) -> None:
        self.optimizer, self.length, self.least, self.steps = optimizer, T_max, eta_min, 0
        self.rates = [group["lr"] for group in optimizer.param_groups]

    def step(self) -> None:
        self.steps += 1
        share = (1 + math.cos(math.pi * self.steps / self.length)) / 2
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = self.least + (rate - self.least) * share

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "rates": self.rates}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.steps, self.rates = saved["steps"], saved["rates"]


class DataLoader:
    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.drop_last, self.generator = drop_last, generator

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self) -> list[int]:
        count = len(self.dataset)
        return torch.randperm(count, generator=self.generator).tolist() if self.shuffle else list(range(count))

    def __iter__(self) -> Iterator[Any]:
        order = self.order()
        for number in range(len(self)):
            items = [self.dataset[i] for i in order[number * self.batch_size : (number + 1) * self.batch_size]]
            yield collate(items)


def collate(items: list[Any]) -> Any:
    if isinstance(items[0], Tensor):
        return torch.stack(items)
    if isinstance(items[0], tuple):
        return [collate(list(column)) for column in zip(*items, strict=True)]
    return torch.tensor(items)
