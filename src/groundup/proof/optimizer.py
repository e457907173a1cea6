"""An optimizer: parameters after each step, groups, changed rates, missing gradients, zero_grad, saved state."""

from __future__ import annotations

import copy
from typing import Any

import torch

from groundup.proof.claim import Claim, given, never_given, parameters, takes
from groundup.proof.compare import Proof
from groundup.proof.values import brief

STEPS = 5
SHAPES = ((), (3,), (4, 5))  # of the parameters that it is tried on
# values that show what a keyword does: every keyword that the re-creation takes is tried
EDGES: dict[str, dict[str, Any]] = {
    "lr": {"lr": 0.05},
    "weight_decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9},
    "dampening": {"dampening": 0.3, "momentum": 0.9},
    "nesterov": {"nesterov": True, "momentum": 0.9},
    "betas": {"betas": (0.5, 0.9)},
    "eps": {"eps": 1e-3},
    "alpha": {"alpha": 0.6},
    "centered": {"centered": True},
    "amsgrad": {"amsgrad": True},
    "maximize": {"maximize": True},
}
Sides = tuple[Any, Any]


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError for a case that is no dict."""
    for number, case in enumerate(claim.inputs, start=1):
        if not isinstance(case, dict):
            text = f"case {number} is no dict of keyword arguments: write dict(lr=0.1)"
            raise ValueError(f"unlock({proof.name!r}): {text}")
        passed = _case(proof, claim, number, f"case {number}", case)
        proof.passed += passed
        if passed:
            proof.covers(*given(claim.real, (), case))
    if not proof.passed:
        return
    defaults = parameters(claim.real) or {}
    for keyword, edge in EDGES.items():
        wanted = {**claim.inputs[0], "lr": 0.1, **edge}
        known = all(key in defaults for key in wanted) and _takes(claim.by, edge)
        if not known or any(case.get(keyword, defaults[keyword]) == edge[keyword] for case in claim.inputs):
            continue
        if _case(proof, claim, len(EDGES), f"{keyword}, which was to be tried too,", wanted):
            proof.covers(f"{keyword}=")
    proof.leaves_out(*never_given(claim.real, proof.covered), "step(closure)")


def _takes(cls: Any, keywords: dict[str, Any]) -> bool:
    """Whether an optimizer takes these keywords; if it hands on what it is given, whether what is below takes them."""
    if not all(takes(cls, key) for key in keywords):
        return False
    try:
        cls([torch.zeros(1, requires_grad=True)], **{"lr": 0.1, **keywords})
    except TypeError:
        return keywords.keys() <= (parameters(cls) or {}).keys()
    except Exception:  # whatever else it has to say, it takes them
        return True
    return True


def _case(proof: Proof, claim: Claim, seed: int, what: str, keywords: dict[str, Any]) -> bool:
    proof.case = f"{what} ({', '.join(f'{key}={brief(value)}' for key, value in keywords.items())})"
    proof.cases += 1
    lives = (_plain, _grouped, _interrupted, _in_float32)
    return all(life(proof, claim, keywords, torch.Generator().manual_seed(seed)) for life in lives)


def _plain(proof: Proof, claim: Claim, keywords: dict[str, Any], generator: torch.Generator) -> bool:
    """A generator of parameters; some without a gradient; zero_grad in between."""
    sides = _starts(generator)
    made = _made(proof, claim, [(p for p in side) for side in sides], keywords)
    if made is None:
        return False
    for step in range(1, STEPS + 1):
        _fill(sides, generator)
        if step == 3:
            sides[0][1].grad = sides[1][1].grad = None
        _step(proof, made, sides, f"after step {step}" + (", one gradient being None" if step == 3 else ""))
        for none in (True, False):
            _fill(sides, generator)
            _zero(proof, made, none)
            proof.equal("zero_grad", "a gradient", [p.grad for p in sides[0]], [p.grad for p in sides[1]])
    _fill(sides, generator)
    proof.measure(sum(p.numel() for p in sides[0]), made[0].step, made[1].step)
    return True


def _zero(proof: Proof, made: Sides, none: bool) -> None:
    if none:
        proof.both("zero_grad", made[0].zero_grad, made[1].zero_grad)
    elif takes(made[0].zero_grad, "set_to_none"):
        proof.each("zero_grad", made, lambda side: side.zero_grad(set_to_none=False))
        proof.covers("zero_grad(set_to_none=)")
    else:
        proof.leaves_out("zero_grad(set_to_none=)")
        for side in made:
            for group in side.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None


def _grouped(proof: Proof, claim: Claim, keywords: dict[str, Any], generator: torch.Generator) -> bool:
    """Two groups with rates of their own, changed on the way."""
    sides = _starts(generator)
    groups = [[{"params": side[:1], "lr": 0.02}, {"params": side[1:]}] for side in sides]
    made = _made(proof, claim, groups, keywords)
    if made is None:
        return False
    for step in range(1, STEPS + 1):
        _fill(sides, generator)
        _step(proof, made, sides, f"with two groups: after step {step}")
        for optimizer in made:
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * 0.5 if step == 2 else group["lr"]
    proof.covers("groups", "changed rates")
    return True


def _interrupted(proof: Proof, claim: Claim, keywords: dict[str, Any], generator: torch.Generator) -> bool:
    """Saved after two steps; a new one goes on from there."""
    sides = _starts(generator)
    made = _made(proof, claim, list(sides), keywords)
    for step in range(1, STEPS + 1):
        if made is None:
            return False
        _fill(sides, generator)
        _step(proof, made, sides, ("saved after step 2 and loaded: " if step > 2 else "") + f"after step {step}")
        if step == 2:
            saved = proof.each("state_dict", made, lambda side: copy.deepcopy(side.state_dict()))
            again = _made(proof, claim, list(sides), {**keywords, "lr": 0.5})
            if saved is None or again is None:
                return False
            made = again
            proof.each("state_dict", list(zip(made, saved, strict=True)), lambda pair: pair[0].load_state_dict(pair[1]))
    proof.covers("state_dict")
    return True


def _in_float32(proof: Proof, claim: Claim, keywords: dict[str, Any], generator: torch.Generator) -> bool:
    sides = _starts(generator, torch.float32)
    made = _made(proof, claim, list(sides), keywords)
    if made is None:
        return False
    with proof.in_float32():
        for step in range(1, STEPS + 1):
            _fill(sides, generator)
            _step(proof, made, sides, f"after step {step}")
    proof.covers("float64 and float32")
    return True


def _made(proof: Proof, claim: Claim, given: list[Any], keywords: dict[str, Any]) -> Sides | None:
    made = proof.both("construction", lambda: claim.by(given[0], **keywords), lambda: claim.real(given[1], **keywords))
    if made is None:
        return None
    if isinstance(made[0], claim.real):
        raise proof.error("construction", "it gives PyTorch's own: give your re-creation")
    for member in ("step", "zero_grad", "state_dict", "load_state_dict"):
        if not callable(getattr(made[0], member, None)):
            raise proof.error("construction", f"it has no {member}()")
    rates = proof.each("construction", made, lambda side: [group["lr"] for group in side.param_groups])
    if rates is not None:
        proof.equal("construction", "the lr of param_groups", *rates)
    return made


def _step(proof: Proof, made: Sides, sides: Sides, when: str) -> None:
    if proof.both("step", made[0].step, made[1].step) is not None:
        proof.equal("step", f"{when}: parameter", *sides)


def _starts(generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Sides:
    start = [torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype) for shape in SHAPES]
    return tuple([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))  # type: ignore[return-value]


def _fill(sides: Sides, generator: torch.Generator) -> None:
    """New gradients, the same for both, of many magnitudes, so that it shows where epsilon goes."""
    for own, other in zip(*sides, strict=True):
        exponent = 5 * torch.rand(own.shape, dtype=torch.float64, generator=generator) - 4
        gradient = torch.randn(own.shape, dtype=torch.float64, generator=generator) * 10**exponent
        own.grad, other.grad = gradient.to(own.dtype), gradient.to(own.dtype)
