"""An autograd engine: the same random programs on the re-created tensors and on PyTorch's.

How an engine is handed in: `by` is its class of tensors.

- A leaf is `by(data, requires_grad=True)`, `data` being a torch tensor without gradients; another way of making leaves
  is `parts={"leaf": function}`, with the same two arguments.
- A tensor has `data` (a torch tensor), `grad` (None, a torch tensor, or a tensor of the engine) and `backward()`.
- Operations are Python's operators and methods with torch's names; those that are functions instead are handed in by
  name, `parts={"relu": relu}`. What an engine does of FORMS is compared, what it does not is named as left out.
- `parts={"no_grad": no_grad}` hands in the context manager.

A case of `inputs` is `(program, *tensors)`: a function of leaves, written with operators and methods alone.
"""

from __future__ import annotations

from typing import Any

import torch

from groundup.proof.claim import Claim
from groundup.proof.compare import Proof
from groundup.proof.engine_behaviour import BEHAVIOURS
from groundup.proof.engine_programs import FORMS, SHAPES, Program, alone, has, made_up
from groundup.proof.engine_sides import Engine, Sides, plain

NAMES = ("torch.Tensor.backward", "torch.Tensor.requires_grad_", "torch.no_grad", "torch.autograd.backward")
PROGRAMS = 40
ALWAYS = ("torch.Tensor.backward", "torch.Tensor.grad", "torch.Tensor.requires_grad")
NEEDED = ("x + y", "x * y", "sum()")


def also(claim: Claim, name: str) -> bool:
    """Whether the proof of an engine holds for this name too."""
    method = name.removeprefix("torch.Tensor.")
    if name == "torch.no_grad":
        return claim.part("no_grad") is not None
    return name in ALWAYS or (method in ("requires_grad_", "detach") and hasattr(claim.by, method))


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError when `by` is no engine."""
    if not isinstance(claim.by, type) or not hasattr(claim.by, "backward"):
        raise ValueError(f"unlock({proof.name!r}): by={claim.by!r} is no engine: give its class of tensors")
    if claim.name == "torch.no_grad" and claim.part("no_grad") is None:
        raise ValueError(f"unlock({proof.name!r}): hand in the context manager: parts={{'no_grad': no_grad}}")
    sides = Engine(claim), Engine(None)
    proof.case = "a new leaf"
    proof.mine("construction", lambda: sides[0].leaf(torch.ones(2, dtype=torch.float64)))
    known = [form for form in FORMS if has(sides[0], form)]
    labels = [form.label for form in known]
    proof.case = "its operations"
    for label in NEEDED:
        if label not in labels:
            raise proof.error("forward", f"it does not do {label}: nothing could be learnt without")
    proof.covers(*labels)
    for behaviour in BEHAVIOURS:
        proof.case = behaviour.__doc__ or ""
        proof.cases += 1
        proof.passed += 1
        behaviour(proof, sides)
    proof.leaves_out(*(form.label for form in FORMS if form.label not in labels))
    for program, start in alone(known):
        shapes = (str(SHAPES[at]) for at in program.operations[0][1])
        proof.case = f"{program}, with {' and '.join(shapes)}"
        _case(proof, sides, program, start)
    for seed in range(PROGRAMS):
        program, start = made_up(known, seed)
        proof.case = f"random program {seed + 1}, {program}"
        _case(proof, sides, program, start)
    for number, case in enumerate(claim.inputs, start=1):
        if not (isinstance(case, tuple) and callable(case[0])):
            raise ValueError(f"unlock({proof.name!r}): case {number} is not (program, *tensors)")
        proof.case = f"case {number}"
        start = [tensor.detach().double() for tensor in case[1:]]
        _case(proof, sides, lambda side, leaves, program=case[0]: [program(*leaves)], start)  # type: ignore[misc]
    proof.leaves_out("backward twice through one graph", "gradients of gradients", "hooks", "in-place operations")


def _case(proof: Proof, sides: Sides, program: Program, start: list[torch.Tensor]) -> None:
    proof.cases += 1
    proof.passed += 1
    leaves = [[side.leaf(tensor) for tensor in start] for side in sides]
    proof.equal("forward", "a leaf", *([plain(leaf) for leaf in side] for side in leaves))
    for stage, label in (("backward", ""), ("backward", " after a second backward pass"), ("step", "")):
        nodes = proof.each("forward", list(zip(sides, leaves, strict=True)), lambda pair: program(*pair))
        if nodes is None:
            return
        proof.equal("forward", "the value of node", *([plain(node) for node in side] for side in nodes))
        losses = proof.each(stage, nodes, lambda n: n[-1].sum())
        if losses is None or proof.each(stage, losses, lambda loss: loss.backward()) is None:
            return
        grads = [[None if leaf.grad is None else plain(leaf.grad) for leaf in side] for side in leaves]
        proof.equal(stage, f"the gradient of leaf{label}", *grads)
        if label:  # one training step
            for side in leaves:
                for leaf in side:
                    if leaf.grad is not None:
                        leaf.data = leaf.data - 0.01 * plain(leaf.grad)
                    leaf.grad = None
    if proof.size < 0:
        fresh = [[side.leaf(tensor) for tensor in start] for side in sides]
        with torch.enable_grad():
            proof.measure(1, *(_timed(s, program, own) for s, own in zip(sides, fresh, strict=True)))


def _timed(side: Engine, program: Program, leaves: list[Any]) -> Any:
    def call() -> None:
        with torch.enable_grad():
            program(side, leaves)[-1].sum().backward()

    return call
