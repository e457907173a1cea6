"""A schedule: the rates after each step, in every group, also when it is saved and loaded on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from groundup.proof.claim import Claim, given, never_given
from groundup.proof.compare import Proof
from groundup.proof.values import brief

STEPS = 12  # where the case does not say how long it lasts
AFTER = 3  # steps beyond its end
HANDED = ("lr", "momentum", "betas", "initial_lr")  # what a schedule may change in a group
Sides = tuple[Any, Any]


def prove(proof: Proof, claim: Claim) -> None:
    """Compare on SGD and Adam, or on `parts["optimizer"]`, a function of the parameter groups.

    Raises: UnlockError at the first difference; ValueError for a case that is no dict.
    """
    makers: list[Any] = [claim.part("optimizer")] if claim.part("optimizer") else [_sgd, torch.optim.Adam]
    for number, case in enumerate(claim.inputs, start=1):
        if not isinstance(case, dict):
            raise ValueError(f"unlock({proof.name!r}): case {number} is no dict of keywords: write dict(T_max=10)")
        passed = True
        for maker in makers:
            proof.case = f"case {number} ({', '.join(f'{key}={brief(value)}' for key, value in case.items())})"
            proof.cases += 1
            passed &= _run(proof, claim, case, maker, ()) and _run(proof, claim, case, maker, (2, 5))
        if passed:
            proof.passed += 1
            proof.covers("groups", "steps after its end", "state_dict", *given(claim.real, (), case))
    proof.leaves_out(*never_given(claim.real, proof.covered), "two schedules on one optimizer")


def _sgd(groups: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def _run(proof: Proof, claim: Claim, case: dict[str, Any], maker: Callable[..., Any], stops: tuple[int, ...]) -> bool:
    """Whether both take the case; at each of `stops` the schedule is saved, and a new one goes on."""
    optimizers = _optimizer(maker), _optimizer(maker)
    made = _made(proof, claim, case, optimizers)
    if made is None:
        return False
    _compare(proof, "at the start", made, optimizers)
    for step in range(1, _length(case) + AFTER + 1):
        if step in stops:
            made, optimizers = _again(proof, claim, case, maker, (made, optimizers))
        for optimizer in optimizers:
            optimizer.step()
        if proof.both("step", made[0].step, made[1].step) is None:
            return step > 1  # both have come to their end
        _compare(proof, f"after step {step}" + (", having been saved and loaded" if stops else ""), made, optimizers)
        if step == _length(case):
            proof.measure(1, *(_timed(claim, case, maker, side) for side in (claim.by, claim.real)))
    return True


def _made(proof: Proof, claim: Claim, case: dict[str, Any], optimizers: Sides) -> Sides | None:
    made = proof.both(
        "construction", lambda: claim.by(optimizers[0], **case), lambda: claim.real(optimizers[1], **case)
    )
    for member in ("step", "state_dict", "load_state_dict"):
        if made is not None and not callable(getattr(made[0], member, None)):
            raise proof.error("construction", f"it has no {member}()")
    return made


def _again(
    proof: Proof, claim: Claim, case: dict[str, Any], maker: Callable[..., Any], before: tuple[Sides, Sides]
) -> tuple[Sides, Sides]:
    made, optimizers = before
    saved = proof.each("state_dict", made, lambda side: copy.deepcopy(side.state_dict()))
    groups = [[{key: group[key] for key in HANDED if key in group} for group in o.param_groups] for o in optimizers]
    fresh = _optimizer(maker), _optimizer(maker)
    new = _made(proof, claim, case, fresh)
    if saved is None or new is None:
        raise proof.error("state_dict", "it cannot be saved and made again")
    for optimizer, kept in zip(fresh, groups, strict=True):  # as the optimizer's own state_dict would do
        for group, values in zip(optimizer.param_groups, kept, strict=True):
            group.update(values)
    proof.each("state_dict", list(zip(new, saved, strict=True)), lambda pair: pair[0].load_state_dict(pair[1]))
    return new, fresh


def _compare(proof: Proof, when: str, made: Sides, optimizers: Sides) -> None:
    for key in ("lr", "momentum", "betas"):
        values = [[group[key] for group in o.param_groups if key in group] for o in optimizers]
        proof.equal("step", f"{when}: the {key} of group", *values)
    if hasattr(made[0], "get_last_lr"):
        last = proof.each("step", made, lambda side: side.get_last_lr())
        proof.equal("step", f"{when}: get_last_lr()", *(last or (None, None)))
        proof.covers("get_last_lr()")
    else:
        proof.leaves_out("get_last_lr()")


def _timed(claim: Claim, case: dict[str, Any], maker: Callable[..., Any], cls: Any) -> Callable[[], Any]:
    return lambda: [cls(_optimizer(maker), **case).step() for _ in range(3)]


def _optimizer(maker: Callable[..., Any]) -> Any:
    parameters = [torch.zeros(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    return maker([{"params": parameters[:1], "lr": 0.02}, {"params": parameters[1:], "lr": 0.1}])


def _length(case: dict[str, Any]) -> int:
    if "epochs" in case and "steps_per_epoch" in case:
        return case["epochs"] * case["steps_per_epoch"]
    return max([case.get(key) or 0 for key in ("total_steps", "T_max", "total_iters")]) or STEPS
