"""A layer: its state as constructed, then its results, gradients, buffers and modes."""

from __future__ import annotations

from typing import Any

import torch

from groundup.proof.claim import Claim, given, never_given
from groundup.proof.compare import Proof
from groundup.proof.gradients import LEARNING_RATE, gradients
from groundup.proof.state import buffers, construct, equalise, own_parameters, same_construction
from groundup.proof.values import call, copied, floats, listed, seed_default, size, split, variants


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError for a case that is not (constructor, forward)."""
    for number, case in enumerate(claim.inputs, start=1):
        if not (isinstance(case, tuple) and len(case) == 2 and isinstance(case[1], tuple)):
            raise ValueError(f"unlock({proof.name!r}): case {number} is not (constructor arguments, forward arguments)")
        passed = False
        for values, arguments in variants(case[1], number):
            proof.case = f"case {number} ({listed(case[0])}; {listed(case[1])}), {values}"
            proof.cases += 1
            if values == "as given" and not same_construction(proof, claim, case[0]):
                break
            if _life(proof, claim, case[0], arguments) and values == "as given":
                passed = True
                with proof.in_float32():
                    _life(proof, claim, case[0], arguments, torch.float32)
        if passed:
            proof.passed += 1
            _time(proof, claim, case)
            positional, keywords = split(case[0])
            proof.covers(*(f"{t.dim()}-D" for t in floats(case[1])), *given(claim.real, positional, keywords))
    if proof.passed > 1:
        proof.covers("float64 and float32")
        proof.leaves_out(*never_given(claim.real, proof.covered), "other dtypes")


def _life(proof: Proof, claim: Claim, constructor: Any, arguments: Any, dtype: torch.dtype = torch.float64) -> bool:
    """Train, take a step, evaluate, train again, both sides with the real one's state."""
    made = construct(proof, claim, constructor)
    if made is None:
        return False
    mine, theirs = made[0], made[1].to(dtype)
    equalise(mine, theirs)
    by_hand = callable(getattr(mine, "backward", None))
    parameters = own_parameters(mine, theirs), dict(theirs.named_parameters())
    for stage, training in (("forward", True), ("step", True), ("eval", False), ("train again", True)):
        if stage in ("eval", "train again"):
            if not hasattr(mine, "train") or not hasattr(mine, "eval"):
                _need_no_modes(proof, theirs, arguments, dtype)
                return True
            proof.mine(stage, mine.train if training else mine.eval)
            theirs.train(training)
        inputs = copied(arguments, not by_hand, dtype), copied(arguments, True, dtype)
        results = proof.both(stage, lambda i=inputs: call(run(mine), i[0]), lambda i=inputs: call(theirs, i[1]))  # type: ignore[misc]
        if results is None:
            return False
        proof.equal(stage, _what(stage), *results)
        proof.equal(stage, "argument", *inputs)
        for name, buffer in buffers(theirs).items():
            proof.equal(stage, f"buffer {name}", buffers(mine, theirs).get(name, buffer), buffer)
        found = _gradients(proof, mine, results, inputs, parameters, by_hand)
        if stage == "forward" and found is not None:
            for own, gradients_of in zip(parameters, found, strict=True):
                for parameter, gradient in zip(own.values(), gradients_of, strict=True):
                    if gradient is not None:
                        parameter.data.sub_(LEARNING_RATE * gradient)
    proof.covers("train and eval")
    return True


def _what(stage: str) -> str:
    return {
        "forward": "the result",
        "step": "the result after a training step",
        "eval": "the result in eval mode",
        "train again": "the result after eval() and train()",
    }[stage]


def _gradients(
    proof: Proof, mine: Any, results: Any, inputs: Any, parameters: tuple[dict, dict], by_hand: bool
) -> tuple[list[Any], list[Any]] | None:
    """The gradients of the parameters on both sides, compared with those of the inputs; None when there are none."""
    names = list(parameters[1])
    wanted = [[*floats(side), *own.values()] for side, own in zip(inputs, parameters, strict=True)]

    def backward(cotangent: Any) -> list[Any]:
        for parameter in parameters[0].values():
            parameter.grad = None
        found = mine.backward(cotangent)
        found = list(found) if isinstance(found, list | tuple) else [found]
        return [*found, *(_kept(mine, name, parameters[0][name]) for name in names)]

    found = gradients(proof, results, (wanted[0], wanted[1]), backward if by_hand else None)
    return None if found is None else tuple(grads[len(grads) - len(names) :] for grads in found)  # type: ignore[return-value]


def _kept(layer: Any, name: str, parameter: torch.Tensor) -> Any:
    """The gradient that a backward pass by hand has kept: `weight_grad`, or `weight.grad`."""
    kept = getattr(layer, f"{name}_grad", None)
    return parameter.grad if kept is None else kept


def _need_no_modes(proof: Proof, theirs: torch.nn.Module, arguments: Any, dtype: torch.dtype) -> None:
    """Raises: UnlockError when the real one's results depend on its mode, and ours has none."""
    results = []
    for training in (True, False):
        theirs.train(training)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            seed_default(0)
            results.append(floats(call(theirs, copied(arguments, False, dtype))))
    if not all(torch.equal(a, b) for a, b in zip(*results, strict=True)):
        raise proof.error("eval", "it has no eval() and train(): the real one answers otherwise in evaluation")
    proof.leaves_out("train() and eval()")


def _time(proof: Proof, claim: Claim, case: Any) -> None:
    made = construct(proof, claim, case[0])
    if made is not None:
        arguments = copied(case[1], False, torch.float32)
        proof.measure(size(case), lambda: call(run(made[0]), arguments), lambda: call(made[1], arguments))


def run(layer: Any) -> Any:
    """What a layer is called by: itself, or its forward()."""
    return layer if callable(layer) else layer.forward
