"""Hooks: when they are called and with what, in which order, what they may change, and that they can be taken off.

How one is handed in: `by` is a function of `(module, hook)` that gives a handle with `remove()`, such as
`Module.register_forward_hook`, or the class that has this method. It is tried on PyTorch's modules, or on modules made
of `parts={"Module": Module, "Parameter": Parameter}` where the method belongs to a class of one's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from groundup.proof.claim import Claim, word
from groundup.proof.compare import Proof

NAMES = tuple(f"torch.nn.Module.register_{what}_hook" for what in ("forward", "forward_pre", "full_backward"))
X = torch.linspace(-1.0, 2.0, 6, dtype=torch.float64).reshape(2, 3)
Register = Callable[[Any, Any], Any]
Scene = Callable[[Any, Register, str], Any]


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError when `by` is no such function."""
    register, module = _register(proof, claim)
    ours = SimpleNamespace(Module=module, Parameter=claim.part("Parameter", nn.Parameter))
    real = SimpleNamespace(Module=nn.Module, Parameter=nn.Parameter)
    kind = word(claim.name).removeprefix("register_").removesuffix("_hook")
    beside = inspect.isclass(claim.by) and all(
        hasattr(module, f"register_{way}_hook") for way in ("forward_pre", "forward")
    )
    for scene in (*SCENES, _beside) if beside else SCENES:
        proof.case = scene.__doc__ or ""
        proof.cases += 1
        proof.passed += 1
        sides = (ours, register), (real, claim.real)
        proof.alike("hook", "what was seen, in order, entry", sides, lambda side, scene=scene: scene(*side, kind))  # type: ignore[misc]
        proof.covers(proof.case)
    if kind != "full_backward":
        proof.leaves_out("hooks with keyword arguments")
    proof.leaves_out("prepend=", *["always_call="] * (kind == "forward"))


def _register(proof: Proof, claim: Claim) -> tuple[Register, Any]:
    name = word(claim.name)
    if inspect.isclass(claim.by):
        if not hasattr(claim.by, name):
            raise ValueError(f"unlock({proof.name!r}): {claim.by.__name__} has no {name}()")
        return getattr(claim.by, name), claim.by
    return claim.by, claim.part("Module", nn.Module)


def _model(space: Any) -> tuple[Any, Any]:
    class Scale(space.Module):  # type: ignore[misc]
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.weight = space.Parameter(torch.tensor([factor, 1.0, -factor], dtype=torch.float64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight

    class Model(space.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Scale(2.0), Scale(3.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x)) ** 2

    model = Model()
    return model, model.first


def _go(model: Any, kind: str, seen: list[Any]) -> None:
    """Run the model and note its result; for hooks of the backward pass, also the gradients."""
    x = X.clone().requires_grad_()
    out = model(x)
    seen.append(out.detach().clone())
    if kind == "full_backward":
        out.sum().backward()
        seen.append(x.grad)
        for parameter in (model.first.weight, model.second.weight):
            seen.append(parameter.grad.clone())
            parameter.grad = None


def _noting(seen: list[Any], mark: str, names: dict[int, str], result: Any = None) -> Callable[..., Any]:
    """A hook that notes its mark, the module, and the tensors that it was given."""

    def hook(module: Any, *arguments: Any) -> Any:
        tensors = [t if t is None else t.detach().clone() for t in _flat(arguments)]
        seen.extend([mark, names.get(id(module), "an unknown module"), [type(a) is tuple for a in arguments], tensors])
        return None if result is None else result(arguments)

    return hook


def _flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, tuple) else [value]


def _changed(kind: str) -> Callable[[Any], Any]:
    """What a hook gives back to change the output, the arguments or the gradient of the input."""
    if kind == "forward":
        return lambda arguments: arguments[1] + 1
    return lambda arguments: tuple(tensor * 2 for tensor in arguments[0])


def _names(model: Any) -> dict[int, str]:
    return {id(model): "model", id(model.first): "first", id(model.second): "second"}


def _seen(space: Any, register: Register, kind: str) -> Any:
    """arguments of a hook"""
    model, first = _model(space)
    seen: list[Any] = []
    handle = register(first, _noting(seen, "hook", _names(model)))
    _go(model, kind, seen)
    _go(model, kind, seen)
    return [seen, callable(getattr(handle, "remove", None))]


def _on_the_whole(space: Any, register: Register, kind: str) -> Any:
    """hooks on a model and its layers"""
    model, first = _model(space)
    seen: list[Any] = []
    for module, mark in ((model, "a"), (first, "b"), (model.second, "c")):
        register(module, _noting(seen, mark, _names(model)))
    _go(model, kind, seen)
    return seen


def _order(space: Any, register: Register, kind: str) -> Any:
    """several hooks on one layer"""
    model, first = _model(space)
    seen: list[Any] = []
    for mark in "abc":
        register(first, _noting(seen, mark, _names(model)))
    _go(model, kind, seen)
    return seen


def _changing(space: Any, register: Register, kind: str) -> Any:
    """what a hook changes"""
    model, first = _model(space)
    seen: list[Any] = []
    register(first, _noting(seen, "changes", _names(model), _changed(kind)))
    register(first, _noting(seen, "sees", _names(model)))
    _go(model, kind, seen)
    return seen


def _removing(space: Any, register: Register, kind: str) -> Any:
    """hooks taken off"""
    model, first = _model(space)
    seen: list[Any] = []
    handles = [register(first, _noting(seen, mark, _names(model), _changed(kind))) for mark in "abc"]
    for handle in (handles[1], handles[1], handles[0], handles[2]):
        handle.remove()
        _go(model, kind, seen)
    return seen


def _same_twice(space: Any, register: Register, kind: str) -> Any:
    """one hook put on twice"""
    model, first = _model(space)
    seen: list[Any] = []
    hook = _noting(seen, "hook", _names(model))
    handle = register(first, hook)
    register(first, hook)
    handle.remove()
    _go(model, kind, seen)
    return seen


def _beside(space: Any, register: Register, kind: str) -> Any:
    """beside hooks that change inputs and outputs"""
    model, first = _model(space)
    seen: list[Any] = []
    space.Module.register_forward_pre_hook(first, lambda module, inputs: (inputs[0] * 10,))
    register(first, _noting(seen, "hook", _names(model)))
    space.Module.register_forward_hook(first, lambda module, inputs, output: output * 5)
    _go(model, kind, seen)
    return seen


SCENES: tuple[Scene, ...] = (_seen, _on_the_whole, _order, _changing, _removing, _same_twice)
