"""An honest small autograd engine on tensors, as a reader would write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

recording = [True]


@contextmanager
def no_grad() -> Iterator[None]:
    before, recording[0] = recording[0], False
    try:
        yield
    finally:
        recording[0] = before


def unbroadcast(grad: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    grad = grad.sum(tuple(range(grad.dim() - len(shape)))) if grad.dim() > len(shape) else grad
    stretched = tuple(d for d, n in enumerate(shape) if n == 1 and grad.shape[d] != 1)
    return grad.sum(stretched, keepdim=True) if stretched else grad


class Tensor:
    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data = data if isinstance(data, torch.Tensor) else torch.tensor(data, dtype=torch.float64)
        self.requires_grad, self.grad = requires_grad, None
        self.parents: tuple[Tensor, ...] = ()
        self.vjp: Callable | None = None

    @staticmethod
    def result(data: torch.Tensor, parents: tuple[Tensor, ...], vjp: Callable) -> Tensor:
        out = Tensor(data, recording[0] and any(p.requires_grad for p in parents))
        if out.requires_grad:
            out.parents, out.vjp = parents, vjp
        return out

    def backward(self) -> None:
        if self.data.numel() != 1:
            raise RuntimeError("backward() begins at one number")
        order, seen, stack = [], set(), [(self, False)]
        while stack:  # no recursion: graphs are deep
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen and node.requires_grad:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent in node.parents)
        grads = {id(self): torch.ones_like(self.data)}
        for node in reversed(order):
            grad = grads.pop(id(node))
            if node.vjp is None:
                node.grad = grad.clone() if node.grad is None else node.grad + grad
                continue
            for parent, part in zip(node.parents, node.vjp(grad), strict=True):
                if parent.requires_grad:
                    part = unbroadcast(part, parent.data.shape)
                    grads[id(parent)] = grads[id(parent)] + part if id(parent) in grads else part

    def detach(self) -> Tensor:
        return Tensor(self.data)

    def requires_grad_(self) -> Tensor:
        self.requires_grad = True
        return self

    def __add__(self, other: Any) -> Tensor:
        other = other if isinstance(other, Tensor) else Tensor(other)
        return Tensor.result(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other: Any) -> Tensor:
        other = other if isinstance(other, Tensor) else Tensor(other)
        return Tensor.result(self.data * other.data, (self, other), lambda g: (g * other.data, g * self.data))

    def __pow__(self, n: float) -> Tensor:
        return Tensor.result(self.data**n, (self,), lambda g: (g * n * self.data ** (n - 1),))

    def __neg__(self) -> Tensor:
        return self * -1.0

    def __sub__(self, other: Any) -> Tensor:
        return self + (-other)

    def __rsub__(self, other: Any) -> Tensor:
        return -self + other

    def __truediv__(self, other: Any) -> Tensor:
        return self * other**-1

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other: Tensor) -> Tensor:
        if self.data.dim() != 2 or other.data.dim() != 2:
            raise ValueError("matrices only")
        a, b = self.data, other.data
        return Tensor.result(a @ b, (self, other), lambda g: (g @ b.T, a.T @ g))

    def sum(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        shape = self.data.shape
        if dim is None:
            return Tensor.result(self.data.sum(), (self,), lambda g: (g.expand(shape),))
        expand = lambda g: ((g if keepdim else g.unsqueeze(dim)).expand(shape),)  # noqa: E731
        return Tensor.result(self.data.sum(dim, keepdim=keepdim), (self,), expand)

    def mean(self) -> Tensor:
        return self.sum() * (1 / self.data.numel())

    def exp(self) -> Tensor:
        out = self.data.exp()
        return Tensor.result(out, (self,), lambda g: (g * out,))

    def log(self) -> Tensor:
        return Tensor.result(self.data.log(), (self,), lambda g: (g / self.data,))

    def relu(self) -> Tensor:
        positive = self.data > 0
        return Tensor.result(self.data * positive, (self,), lambda g: (g * positive,))

    @property
    def T(self) -> Tensor:
        return Tensor.result(self.data.T, (self,), lambda g: (g.T,))


__all__ = ["Tensor", "no_grad"]
