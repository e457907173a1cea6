"""Honest re-creations of `Parameter`, `Module`, `Sequential` and of layers, as a reader would write them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn


class Parameter(Tensor):
    """A tensor that modules register."""

    @staticmethod
    def __new__(cls, data: Tensor, requires_grad: bool = True) -> Parameter:
        return torch.Tensor._make_subclass(cls, data, requires_grad)


class Handle:
    def __init__(self, hooks: dict, key: object) -> None:
        self.hooks, self.key = hooks, key

    def remove(self) -> None:
        self.hooks.pop(self.key, None)


class Module:
    def __init__(self) -> None:
        self._parameters: dict[str, Tensor] = {}
        self._buffers: dict[str, Tensor] = {}
        self._modules: dict[str, Module] = {}
        self._hooks: dict[object, Callable] = {}
        self.training = True

    def __setattr__(self, name: str, value: Any) -> None:
        for kind, registry in ((Parameter, "_parameters"), (Module, "_modules")):
            if isinstance(value, kind):
                getattr(self, registry)[name] = value
        super().__setattr__(name, value)

    def register_buffer(self, name: str, value: Tensor) -> None:
        self._buffers[name] = value
        super().__setattr__(name, value)

    def register_forward_hook(self, hook: Callable) -> Handle:
        key = object()
        self._hooks[key] = hook
        return Handle(self._hooks, key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.forward(*args, **kwargs)
        for hook in list(self._hooks.values()):
            changed = hook(self, args, result)
            result = result if changed is None else changed
        return result

    def named_modules(self, prefix: str = "", seen: set | None = None) -> Iterator[tuple[str, Module]]:
        seen = set() if seen is None else seen
        if id(self) not in seen:
            seen.add(id(self))
            yield prefix, self
            for name, module in self._modules.items():
                yield from module.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        return iter({id(module): module for module in self._modules.values()}.values())

    def _named(self, registry: str, once: bool = True) -> Iterator[tuple[str, Tensor]]:
        seen = set()
        for prefix, module in self.named_modules():
            for name, tensor in getattr(module, registry).items():
                if not once or id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{prefix}.{name}" if prefix else name), tensor

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        return self._named("_parameters")

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return self._named("_buffers")

    def parameters(self) -> Iterator[Tensor]:
        return (parameter for _, parameter in self.named_parameters())

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        state = {f"{prefix}{name}": tensor.detach() for name, tensor in (self._parameters | self._buffers).items()}
        for name, module in self._modules.items():
            state |= module.state_dict(f"{prefix}{name}.")
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        own = self.state_dict()
        if own.keys() != state.keys():
            raise KeyError(f"these names do not fit: {own.keys() ^ state.keys()}")
        for name, tensor in own.items():
            if tensor.shape != state[name].shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {tuple(state[name].shape)}")
            tensor.copy_(state[name])

    def train(self, mode: bool = True) -> Self:
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, dtype: torch.dtype) -> Self:
        for module in self.modules():
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                tensor.data = tensor.data.to(dtype)
        return self

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = None


class Sequential(Module):
    def __init__(self, *layers: Module) -> None:
        super().__init__()
        for index, layer in enumerate(layers):
            setattr(self, str(index), layer)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
        return x


class Linear(Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = Parameter(torch.empty(out_features).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        out = x @ self.weight.T
        return out if self.bias is None else out + self.bias


class HandLinear:
    """Linear with its backward pass by hand, without a Module."""

    def __init__(self, in_features: int, out_features: int) -> None:
        bound = 1 / math.sqrt(in_features)
        self.weight = (2 * torch.rand(out_features, in_features) - 1) * bound
        self.bias = (2 * torch.rand(out_features) - 1) * bound

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad: Tensor) -> Tensor:
        self.weight_grad = grad.flatten(0, -2).T @ self.x.flatten(0, -2)
        self.bias_grad = grad.flatten(0, -2).sum(0)
        return grad @ self.weight


class BatchNorm(Module):
    dims = ()

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = Parameter(torch.ones(num_features)), Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(self.dims), x.var(self.dims, correction=0)

    def update(self, mean: Tensor, variance: Tensor, count: int) -> None:
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)

    def forward(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1]
        if x.dim() != len(self.dims) + 1:
            raise ValueError("not this number of dimensions")
        if self.training:
            if count < 2:
                raise ValueError("one value has no variance")
            mean, variance = self.statistics(x)
            self.update(mean, variance, count)
        else:
            mean, variance = self.running_mean, self.running_var
        shape = (-1,) + (1,) * (len(self.dims) - 1)
        normal = (x - mean.reshape(shape)) / (variance.reshape(shape) + self.eps).sqrt()
        return normal * self.weight.reshape(shape) + self.bias.reshape(shape)


class BatchNorm1d(BatchNorm):
    dims = (0,)


class BatchNorm2d(BatchNorm):
    dims = (0, 2, 3)


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(normalized_shape)), nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / ((centred**2).mean(-1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


class GroupNorm(nn.Module):
    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = num_groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        grouped = x.reshape(len(x), self.groups, -1)
        centred = grouped - grouped.mean(-1, keepdim=True)
        normal = (centred / ((centred**2).mean(-1, keepdim=True) + self.eps).sqrt()).reshape(x.shape)
        shape = (-1,) + (1,) * (x.dim() - 2)
        return normal * self.weight.reshape(shape) + self.bias.reshape(shape)


class ReLU(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x > 0)


class Dropout(Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError("p is a probability")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.p == 1:
            return x * 0
        return x * (torch.rand(x.shape) >= self.p) / (1 - self.p)
