# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A tape: tensors that record what is made of them, and so find their gradients."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Any, ClassVar

import torch

from .scalar import Arithmetic


def unbroadcast(grad: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Add up what broadcasting has repeated, so that `grad` has the operand's shape."""
    added = grad.dim() - len(shape)
    stretched = [d for d, n in enumerate(shape, added) if n == 1 != grad.shape[d]]
    dims = (*range(added), *stretched)
    return grad.sum(dims).reshape(shape) if dims else grad


VJP = Callable[[torch.Tensor], torch.Tensor]


class Tensor(Arithmetic):
    """A tensor of PyTorch's, `data`, that records what is made of it.

    It has an edge to each parent that wants a gradient: the parent, and the
    vector-Jacobian product, from the gradient of this tensor to that of the parent.
    """

    __slots__ = ("data", "edges", "grad", "number", "op", "requires_grad")
    recording: ClassVar[bool] = True
    numbers: ClassVar[Iterator[int]] = count(1)

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data, self.requires_grad = torch.as_tensor(data), requires_grad
        if requires_grad and not self.data.is_floating_point():
            raise ValueError(f"{self.data.dtype} has no gradients: give it as a float")
        self.grad: torch.Tensor | None = None
        self.edges: list[tuple[Tensor, VJP]] | None = []  # None when they are used up
        self.number, self.op = 0, ""  # 0 for a leaf

    @property
    def shape(self) -> torch.Size:
        """The lengths of its dimensions."""
        return self.data.shape

    def detach(self) -> "Tensor":
        """The same numbers, outside of the graph."""
        return Tensor(self.data)

    def __add__(self, other: "Operand") -> "Tensor":
        return recorded("+", self.data + plain(other), (self, same), (other, same))

    def __mul__(self, other: "Operand") -> "Tensor":
        a, b = self.data, plain(other)
        return recorded("*", a * b, (self, lambda G: G * b), (other, lambda G: G * a))

    __radd__, __rmul__ = __add__, __mul__

    def sum(self, dim: int | None = None, keepdim: bool = False) -> "Tensor":
        """The sum of all numbers, or along one dimension."""
        x, out = self.data, self.data.sum(dim, keepdim=keepdim)
        return recorded("sum", out, (self, lambda G: spread(G, x, dim, keepdim)))

    def relu(self) -> "Tensor":
        """What is positive, and 0 for the rest; there, and at 0, no gradient passes."""
        out = self.data.clamp(min=0)
        return recorded("relu", out, (self, lambda G: G.masked_fill(out == 0, 0)))

    def backward(self) -> None:
        """Add the gradient of this number to the `grad` of each leaf; free the graph.

        Raises: ValueError when this is not one number, or was not recorded (a leaf);
        RuntimeError when a part of the graph has been freed before.
        """
        if self.data.numel() != 1 or self.number == 0:
            raise ValueError(
                f"backward() of {tuple(self.shape)}, made by {self.op or 'nothing'}: "
                "begin at a single number that was recorded"
            )
        waiting = [(-self.number, self)]
        grads = {self: torch.ones_like(self.data)}
        while waiting:
            node = heappop(waiting)[1]  # the youngest: all that used it has handed on
            grad, edges, node.edges = grads.pop(node), node.edges, None
            if edges is None:
                raise RuntimeError("an earlier backward() has freed this graph")
            for parent, vjp in edges:
                part, x = vjp(grad), parent.data
                if part.shape != x.shape or part.dtype != x.dtype:
                    part = unbroadcast(part.to(x.dtype), x.shape)
                if parent in grads:
                    grads[parent] = grads[parent] + part
                elif parent.number:
                    grads[parent] = part
                    heappush(waiting, (-parent.number, parent))
                elif parent.grad is None:  # a leaf: numbers that are its own
                    parent.grad = part.clone(memory_format=torch.contiguous_format)
                else:
                    parent.grad = parent.grad + part

    def __pow__(self, n: float) -> "Tensor":
        a = self.data
        return recorded(
            f"**{n}", a**n, (self, lambda G: G * (n * a ** (n - 1) if n else 0))
        )

    def __matmul__(self, other: "Operand") -> "Tensor":
        a, b = self.data, plain(other)
        if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
            raise ValueError(
                f"{tuple(a.shape)} @ {tuple(b.shape)}: not (n, m) @ (m, p)"
            )
        return recorded(
            "@", a @ b, (self, lambda G: G @ b.T), (other, lambda G: (G.T @ a).T)
        )

    def __rmatmul__(self, other: torch.Tensor) -> "Tensor":
        return Tensor(other) @ self

    @property
    def T(self) -> "Tensor":
        """Rows and columns swapped."""
        return recorded("T", self.data.T, (self, lambda G: G.T))

    def reshape(self, *shape: int) -> "Tensor":
        """The same numbers, in the same order, in another shape."""
        old, out = self.data.shape, self.data.reshape(*shape)
        return recorded("reshape", out, (self, lambda G: G.reshape(old)))

    def __getitem__(self, index: Any) -> "Tensor":
        x = self.data

        def vjp(G: torch.Tensor) -> torch.Tensor:
            places = (
                torch.arange(x.numel(), device=x.device)
                .reshape(x.shape)[index]
                .reshape(-1)
            )
            zeros = x.new_zeros(x.numel())
            return zeros.index_add(0, places, G.reshape(-1)).reshape(x.shape)

        return recorded("[]", x[index], (self, vjp))

    def mean(self, dim: int | None = None, keepdim: bool = False) -> "Tensor":
        """The mean of all numbers, or along one dimension."""
        total, n = self.sum(dim, keepdim), self.data.numel()
        return total * (total.data.numel() / n if n else math.nan)

    def exp(self) -> "Tensor":
        """e to the power of each number."""
        out = self.data.exp()
        return recorded("exp", out, (self, lambda G: G * out))

    def log(self) -> "Tensor":
        """The natural logarithm of each number."""
        x = self.data
        return recorded("log", x.log(), (self, lambda G: G / x))

    def amax(self, dim: int, keepdim: bool = False) -> "Tensor":
        """The largest along a dimension; several equally large ones share the gradient."""
        x, out = self.data, self.data.amax(dim, keepdim=keepdim)
        largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
        share = largest / largest.sum(dim, keepdim=True)
        return recorded(
            "amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share)
        )


Operand = Tensor | torch.Tensor | float


def recorded(op: str, data: torch.Tensor, *edges: tuple[Operand, VJP]) -> Tensor:
    """`data`, as a tensor made by `op` of the parents in `edges`."""
    out = Tensor(data)
    if Tensor.recording:
        kept = [(p, f) for p, f in edges if isinstance(p, Tensor) and p.requires_grad]
        if kept:
            out.requires_grad, out.edges, out.op = True, kept, op
            out.number = next(Tensor.numbers)
    return out


def plain(x: Operand) -> Any:
    """The numbers of an operand, without the tape."""
    return x.data if isinstance(x, Tensor) else x


def same(G: torch.Tensor) -> torch.Tensor:
    """The gradient as it came."""
    return G


def spread(
    grad: torch.Tensor, x: torch.Tensor, dim: int | None, keepdim: bool
) -> torch.Tensor:
    """What a reduction of `x` along `dim` gave, stretched to the shape of `x`."""
    if dim is not None and not keepdim and x.dim():
        grad = grad.unsqueeze(dim)
    return grad.expand(x.shape)


@contextmanager
def no_grad() -> Iterator[None]:
    """Nothing is recorded within, by any thread; an error ends it, too."""
    before, Tensor.recording = Tensor.recording, False
    try:
        yield
    finally:
        Tensor.recording = before
