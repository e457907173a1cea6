# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Numbers that remember what they were made of, and find their own gradients."""

import math
from typing import Any


class Arithmetic:
    """The operators that follow from `+`, `*` and `**`."""

    __slots__ = ()

    def __neg__(self: Any) -> Any:
        return self * -1.0

    def __sub__(self: Any, other: Any) -> Any:
        return self + -other

    def __rsub__(self: Any, other: Any) -> Any:
        return -self + other

    def __truediv__(self: Any, other: Any) -> Any:
        return self * other**-1.0

    def __rtruediv__(self: Any, other: Any) -> Any:
        return self**-1.0 * other


class Value(Arithmetic):
    """A number, its parents, and how fast it grows with each of these (`local`)."""

    __slots__ = ("data", "grad", "local", "op", "parents")

    def __init__(
        self, data: float, op: str = "", parents: tuple = (), local: tuple = ()
    ) -> None:
        self.data, self.grad = data, 0.0
        self.op, self.parents, self.local = op, parents, local

    def __add__(self, other: "Value | float") -> "Value":
        b = other if isinstance(other, Value) else Value(other)
        return Value(self.data + b.data, "+", (self, b), (1.0, 1.0))

    def __mul__(self, other: "Value | float") -> "Value":
        b = other if isinstance(other, Value) else Value(other)
        return Value(self.data * b.data, "*", (self, b), (b.data, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n: float) -> "Value":
        derivative = n * self.data ** (n - 1) if n else 0.0
        return Value(self.data**n, f"**{n}", (self,), (derivative,))

    def relu(self) -> "Value":
        """The number where it is positive, else 0."""
        off = self.data <= 0
        return Value(0.0 if off else self.data, "relu", (self,), (float(not off),))

    def backward(self) -> None:
        """Add to the `grad` of each leaf the derivative of this number by that leaf."""
        order = topological_order(self)
        for value in order:
            if value.parents:
                value.grad = 0.0
        self.grad += 1.0
        for value in reversed(order):
            for parent, derivative in zip(value.parents, value.local, strict=True):
                parent.grad += value.grad * derivative

    def exp(self) -> "Value":
        """e to the power of the number."""
        out = math.exp(self.data)
        return Value(out, "exp", (self,), (out,))

    def log(self) -> "Value":
        """The natural logarithm of the number."""
        return Value(math.log(self.data), "log", (self,), (1 / self.data,))

    def tanh(self) -> "Value":
        """A smooth S from -1 to 1."""
        out = math.tanh(self.data)
        return Value(out, "tanh", (self,), (1 - out**2,))


def topological_order(root: Value) -> list[Value]:
    """All that `root` was made of, each after its own parents; `root` comes last."""
    order: list[Value] = []
    opened: set[Value] = set()
    stack = [(root, False)]
    while stack:
        value, parents_done = stack.pop()
        if parents_done:
            order.append(value)
        elif value not in opened:
            opened.add(value)
            stack.append((value, True))
            stack += [(parent, False) for parent in value.parents]
    return order
