"""Models built of whatever container is to be tried: each function makes one and gives `(model, input)`."""

from __future__ import annotations

from typing import Any

import torch

X = torch.linspace(-1.0, 2.0, 12, dtype=torch.float64).reshape(4, 3)


def _values(*shape: int) -> torch.Tensor:
    count = int(torch.Size(shape).numel())
    return torch.linspace(-0.7, 0.9, count, dtype=torch.float64).reshape(shape)


def _layers(nn: Any) -> Any:
    class Linear(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(_values(outputs, inputs))
            self.bias = nn.Parameter(_values(outputs))
            self.size = (inputs, outputs)  # neither a parameter nor a module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.weight.T + self.bias

    class Double(nn.Module):  # type: ignore[misc]
        """Doubles in training only."""

        def forward(self, x: torch.Tensor, times: float = 2.0) -> torch.Tensor:
            return times * x if self.training else x

    return Linear, Double


def flat(nn: Any) -> Any:
    """a module of two parameters"""
    return _layers(nn)[0](3, 2), X


def without_parameters(nn: Any) -> Any:
    """a module without parameters"""
    return _layers(nn)[1](), X


def nested(nn: Any) -> Any:
    """modules in modules in a module"""
    linear, double = _layers(nn)

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(_values(1)[0])
            self.inner = linear(3, 3)
            self.noise = double()
            self.fixed = torch.ones(3, dtype=torch.float64)  # a tensor that is no parameter

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.noise(self.inner(x)) * self.scale + self.fixed.to(x.dtype)

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = Block()
            self.second = Block()
            self.last = linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.second(self.first(x)))

    return Model(), X


def shared(nn: Any) -> Any:
    """a module and a parameter that are held twice"""
    linear, _ = _layers(nn)

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.one = linear(3, 3)
            self.two = self.one
            self.three = linear(3, 3)
            self.three.weight = self.one.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.three(self.two(self.one(x)))

    return Model(), X


def replaced(nn: Any) -> Any:
    """a module whose layer was replaced by another"""
    linear, double = _layers(nn)

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = linear(3, 5)
            self.after = double()
            self.layer = linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.after(self.layer(x), times=3.0)

    return Model(), X


def buffered(nn: Any) -> Any:
    """a module with a buffer"""

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(_values(3))
            self.register_buffer("mean", _values(3) + 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - self.mean) * self.weight

    return Model(), X


def sequence(nn: Any) -> Any:
    """a Sequential of three layers"""
    linear, double = _layers(nn)
    return nn.Sequential(linear(3, 4), double(), linear(4, 2)), X


def nested_sequence(nn: Any) -> Any:
    """a Sequential in a Sequential in a module"""
    linear, double = _layers(nn)

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Sequential(linear(3, 3), double()), linear(3, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)

    return Model(), X


def empty_sequence(nn: Any) -> Any:
    """an empty Sequential"""
    return nn.Sequential(), X


MODELS = (flat, without_parameters, nested, shared, replaced)
SEQUENCES = (sequence, nested_sequence, empty_sequence)
