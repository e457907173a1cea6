"""What the cases of a proof are made of: arguments with other values, copies for each side, their tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

LARGE = 1e4  # exp overflows from 710 on
VALUES = ("as given", "normal values", "zeros", "large values", "not contiguous")


def seed_default(number: int) -> None:
    """`torch.manual_seed` for the processor alone: that for every other device takes a hundred times as long."""
    torch.default_generator.manual_seed(number)


def variants(arguments: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """The arguments as given, and with other values in the same shapes."""
    for values in VALUES:
        yield values, mapped(arguments, _filler(values, torch.Generator().manual_seed(seed)))


def copied(arguments: Any, requires_grad: bool, dtype: torch.dtype | None = torch.float64) -> Any:
    """A copy for one side: its float tensors in `dtype`, every tensor with its strides and its gradient."""

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        floating = tensor.is_floating_point()
        strides = tensor.stride()
        if 0 in strides:  # expanded: its elements share memory
            strides = torch.empty(tensor.shape, device="meta").stride()
        kept = dtype if floating and dtype else tensor.dtype
        result = torch.empty_strided(tensor.shape, strides, dtype=kept).copy_(tensor.detach())
        if tensor.is_leaf and tensor.grad is not None:
            result.grad = copy(tensor.grad)
        return result.requires_grad_(requires_grad and floating)

    return mapped(arguments, copy)


def mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same lists, tuples and dicts with every tensor changed; a generator is cloned, so that each side has its own.

    What is no list, tuple, dict, tensor or generator stays the same object.
    """
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, torch.Generator):
        return torch.Generator(value.device).set_state(value.get_state())
    return change(value) if isinstance(value, torch.Tensor) else value


def leaves(value: Any) -> Iterator[Any]:
    """What lists, tuples and dicts hold, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def tensors(arguments: Any) -> list[torch.Tensor]:
    """The tensors of the arguments, in order."""
    return [leaf for leaf in leaves(arguments) if isinstance(leaf, torch.Tensor)]


def floats(arguments: Any) -> list[torch.Tensor]:
    """The float tensors of the arguments, in order."""
    return [tensor for tensor in tensors(arguments) if tensor.is_floating_point()]


def size(arguments: Any) -> int:
    """How many numbers the tensors of the arguments hold."""
    return sum(tensor.numel() for tensor in tensors(arguments))


def split(arguments: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional arguments and keywords: a dict alone, or one in the last place of a tuple, holds keywords."""
    if isinstance(arguments, dict):
        return (), arguments
    if arguments and isinstance(arguments[-1], dict):
        return tuple(arguments[:-1]), arguments[-1]
    return tuple(arguments), {}


def call(function: Any, arguments: Any) -> Any:
    """Call with the arguments that `split` finds."""
    positional, keywords = split(arguments)
    return function(*positional, **keywords)


def brief(value: Any) -> str:
    """A tensor by its shape, everything else as it is, in at most 60 letters."""
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)}"
    if isinstance(value, torch.Generator):
        return "a generator"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def described(value: Any) -> str:
    """A tensor as such, everything else as `brief` does."""
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else brief(value)


def listed(arguments: Any) -> str:
    """The arguments in short, as they would be written."""
    positional, keywords = split(arguments if isinstance(arguments, dict | tuple) else (arguments,))
    named = [f"{key}={brief(value)}" for key, value in keywords.items()]
    return ", ".join([brief(leaf) for leaf in leaves(positional)] + named)


def _filler(values: str, generator: torch.Generator) -> Callable[[torch.Tensor], torch.Tensor]:
    def fill(tensor: torch.Tensor) -> torch.Tensor:
        if values == "as given" or not tensor.is_floating_point():
            return tensor
        result = _values(values, tensor.shape, generator)
        if tensor.is_leaf and tensor.grad is not None:
            result.grad = _values(values, tensor.shape, generator)
        return result

    return fill


def _values(values: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    result = torch.randn(shape, dtype=torch.float64, generator=generator)
    if values == "zeros":
        return torch.zeros_like(result)
    if values == "large values":
        return LARGE * result
    if values == "not contiguous":  # axes reversed in memory, with gaps between the elements
        reversed_axes = tuple(reversed(range(len(shape))))
        return torch.empty(*reversed(shape), 2, dtype=torch.float64)[..., 0].permute(reversed_axes).copy_(result)
    return result
