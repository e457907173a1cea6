"""Whether a re-creation equals the real thing: forward, backward and one training step, in float64."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from groundup.proof.compare import Proof, copied, floats, leaves, shapes, size, variants
from groundup.proof.gradients import LEARNING_RATE, call, gradients, moved

STEPS = 5  # of an optimizer
PARAMETERS = ((), (3,), (4, 5))  # the shapes that an optimizer is tried on


def prove(
    name: str, real: Any, by: Callable[..., Any], inputs: list[Any], backward: Callable[..., Any] | None
) -> Proof:
    """Compare `by` with `real` on every case.

    Raises: UnlockError at the first difference; ValueError when the cases prove nothing.
    """
    optimizer = inspect.isclass(real) and issubclass(real, torch.optim.Optimizer)
    module = inspect.isclass(real) and issubclass(real, torch.nn.Module)
    if not callable(real) or (inspect.isclass(real) and not (optimizer or module)):
        raise ValueError(f"unlock({name!r}): only functions, modules and optimizers can be compared: name it in also=")
    if backward is not None and (optimizer or module):
        raise ValueError(f"unlock({name!r}): backward= is for functions: a module's gradients come from autograd")
    proof = Proof(name, "optimizer" if optimizer else "module" if module else "function")
    passed = 0
    for number, case in enumerate(inputs, start=1):
        proof.case = f"case {number}"
        if optimizer:
            passed += _optimizer(proof, number, real, by, case)
        elif module:
            passed += _module(proof, number, real, by, case)
        else:
            passed += _function(proof, number, real, by, case, backward)
    if passed < 2:
        raise ValueError(f"unlock({name!r}): {passed} case that the real one takes is too few: give at least 2")
    return proof


def _function(proof: Proof, number: int, real: Any, by: Any, case: Any, backward: Any) -> bool:
    if not isinstance(case, tuple):
        raise ValueError(f"unlock({proof.name!r}): case {number} is no tuple of arguments: write (a, b) or (a,)")
    in_place = proof.name.endswith("_")  # it changes its arguments, so that these cannot require gradients
    passed = False
    for values, arguments in variants(case, number):
        if in_place and values == "not contiguous":
            continue  # random numbers fill memory in its own order
        proof.case = f"case {number} ({shapes(case)}), {values}"
        proof.cases += 1
        mine, theirs = copied(arguments, not in_place and backward is None), copied(arguments, not in_place)
        results = proof.both("forward", lambda a=mine: call(by, a), lambda a=theirs: call(real, a))  # type: ignore[misc]
        if results is None:
            continue
        passed |= values == "as given"
        if not any(isinstance(leaf, torch.Tensor) for leaf in leaves(results[1])):
            raise ValueError(f"unlock({proof.name!r}): it returns no tensor to compare: name it in also= of another")
        proof.equal("forward", "the result", *results)
        proof.equal("forward", "argument", mine, theirs)
        if in_place:
            continue
        tensors = floats(mine), floats(theirs)
        found = gradients(proof, results, tensors, None if backward is None else (backward, mine))
        if found is not None:
            after = tuple(moved(side, grads) for side, grads in zip((mine, theirs), found, strict=True))
            again = proof.both("step", lambda a=after[0]: call(by, a), lambda a=after[1]: call(real, a))  # type: ignore[misc]
            if again is not None:
                proof.equal("step", "the result after a training step", *again)
    if passed:
        arguments = copied(case, False)
        proof.measure(size(case), lambda: call(by, arguments), lambda: call(real, arguments))
    return passed


def _module(proof: Proof, number: int, real: Any, by: Any, case: Any) -> bool:
    if not (isinstance(case, tuple) and len(case) == 2 and isinstance(case[1], tuple)):
        raise ValueError(f"unlock({proof.name!r}): case {number} is not (constructor arguments, forward arguments)")
    passed = False
    for values, arguments in variants(case[1], number):
        proof.case = f"case {number} ({shapes(case[0])}; {shapes(case[1])}), {values}"
        proof.cases += 1
        made = proof.both("construction", lambda: _construct(by, case[0]), lambda: _construct(real, case[0]).double())
        if made is None:
            continue
        parameters = _same_state(proof, *made)
        inputs = copied(arguments, True), copied(arguments, True)
        results = _forward(proof, "forward", "the result", made, inputs)
        if results is None:
            continue
        passed |= values == "as given"
        proof.equal("forward", "buffer", *_buffers(*made))
        tensors = [*floats(inputs[0]), *parameters[0]], [*floats(inputs[1]), *parameters[1]]
        found = gradients(proof, results, tensors)
        for own, grads in zip(parameters, found or (), strict=False):
            for parameter, gradient in zip(own, grads[len(grads) - len(own) :], strict=True):
                if gradient is not None:
                    parameter.data.sub_(LEARNING_RATE * gradient)
        _forward(proof, "step", "the result after a training step", made, inputs)
        if hasattr(made[0], "eval"):
            for module in made:
                module.eval()
            _forward(proof, "forward", "the result in eval mode", made, inputs)
        if values == "as given":
            proof.measure(size(case), lambda m=made, a=inputs: m[0](*a[0]), lambda m=made, a=inputs: m[1](*a[1]))  # type: ignore[misc]
    return passed


def _optimizer(proof: Proof, number: int, real: Any, by: Any, case: Any) -> bool:
    if not isinstance(case, dict):
        raise ValueError(f"unlock({proof.name!r}): case {number} is no dict of keyword arguments: write dict(lr=0.1)")
    proof.case = f"case {number} ({', '.join(f'{key}={value!r}' for key, value in case.items())})"
    proof.cases += 1
    generator = torch.Generator().manual_seed(number)
    start = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in PARAMETERS]
    mine, theirs = copied(start, True), copied(start, True)
    made = proof.both("construction", lambda: by(mine, **case), lambda: real(theirs, **case))
    if made is None:
        return False
    for step in range(1, STEPS + 1):
        for own, other in zip(mine, theirs, strict=True):
            # of many magnitudes, so that it shows where epsilon goes
            exponent = 5 * torch.rand(own.shape, dtype=torch.float64, generator=generator) - 4
            own.grad = torch.randn(own.shape, dtype=torch.float64, generator=generator) * 10**exponent
            other.grad = own.grad.clone()
        proof.both("step", made[0].step, made[1].step)
        proof.equal("step", f"after step {step}: parameter", mine, theirs)
    proof.measure(size(start), made[0].step, made[1].step)
    return True


def _construct(cls: Any, arguments: Any) -> Any:
    return cls(**arguments) if isinstance(arguments, dict) else cls(*arguments)


def _forward(proof: Proof, stage: str, what: str, made: Any, inputs: Any) -> tuple[Any, Any] | None:
    results = proof.both(stage, lambda: made[0](*inputs[0]), lambda: made[1](*inputs[1]))
    if results is not None:
        proof.equal(stage, what, *results)
    return results


def _same_state(proof: Proof, mine: Any, theirs: Any) -> tuple[list[Any], list[Any]]:
    """Give our module the parameters and buffers of the real one; return the parameters of both."""
    parameters = list(getattr(mine, "parameters", list)()), list(theirs.parameters())
    for what, own, reference in (("parameter", *parameters), ("buffer", *_buffers(mine, theirs))):
        shapes_of = [[tuple(tensor.shape) for tensor in side] for side in (own, reference)]
        if shapes_of[0] != shapes_of[1]:
            raise proof.error("construction", f"its {what}s have the shapes {shapes_of[0]}, not {shapes_of[1]}")
        for position, (tensor, source) in enumerate(zip(own, reference, strict=True), start=1):
            if tensor.requires_grad != source.requires_grad:
                raise proof.error("construction", f"{what} {position} has requires_grad={tensor.requires_grad}")
            tensor.data = source.detach().clone()
    return parameters


def _buffers(mine: Any, theirs: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The float buffers of both modules; none when ours keeps none."""
    if not hasattr(mine, "buffers"):
        return [], []
    return floats(list(mine.buffers())), floats(list(theirs.buffers()))
