"""A container, `Module`, `Parameter` or `Sequential`: what it registers, and what it does with all that it holds.

How one is handed in: `by` is the class. `Module` needs `parts={"Parameter": Parameter}` where the re-creation has one
of its own; `Sequential` may have `parts={"Module": Module, "Parameter": Parameter}`. Both sides build their models by
the same functions of a namespace `nn` with `Module`, `Parameter` and `Sequential`. More such functions, giving
`(model, input)`, are what `inputs` may add.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from groundup.proof.claim import Claim, word
from groundup.proof.compare import Proof
from groundup.proof.container_behaviour import behaves_alike
from groundup.proof.container_models import MODELS, SEQUENCES, buffered

NAMES = ("torch.nn.Module", "torch.nn.Parameter", "torch.nn.Sequential", "torch.nn.ModuleList")
REQUIRED = ("parameters", "named_parameters", "state_dict", "load_state_dict", "train", "eval")


def also(claim: Claim, name: str) -> bool:
    """Whether the proof of a container holds for this name too: it was handed in as a part of it."""
    return name in NAMES and claim.part(word(name)) is not None


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError when `by` is no class, or a part is missing."""
    if not isinstance(claim.by, type):
        raise ValueError(f"unlock({proof.name!r}): by={claim.by!r} is no class")
    if claim.name == "torch.nn.Parameter" and claim.part("Module") is None:
        raise ValueError(f"unlock({proof.name!r}): hand in what it is registered by: parts={{'Module': Module}}")
    sides = _namespace(claim), SimpleNamespace(Module=nn.Module, Parameter=nn.Parameter, Sequential=nn.Sequential)
    if claim.name == "torch.nn.ModuleList":
        raise ValueError(f"unlock({proof.name!r}): no proof is for it yet: it is freed with Sequential")
    _has_what_it_needs(proof, sides[0])
    sequential = hasattr(sides[0], "Sequential")
    models = [*(MODELS if claim.name != "torch.nn.Sequential" else ()), *(SEQUENCES if sequential else ())]
    if hasattr(sides[0].Module, "register_buffer"):
        models.append(buffered)
        proof.covers("register_buffer()")
    else:
        proof.leaves_out("register_buffer()")
    models += claim.inputs
    for model in models:
        proof.case = model.__doc__ or model.__name__
        proof.cases += 1
        proof.passed += 1
        behaves_alike(proof, model, sides)
    proof.covers("registration and names", "state_dict saved and loaded", "train and eval", "all gradients")


def _namespace(claim: Claim) -> SimpleNamespace:
    own = {word(claim.name): claim.by, **(claim.parts or {})}
    found = SimpleNamespace(Module=own.get("Module", nn.Module), Parameter=own.get("Parameter", nn.Parameter))
    if "Sequential" in own:
        found.Sequential = own["Sequential"]
    return found


def _has_what_it_needs(proof: Proof, side: SimpleNamespace) -> None:
    made: Any = getattr(side, "Sequential", side.Module)
    proof.case = f"the class {made.__name__}"
    for member in REQUIRED:
        if not callable(getattr(made, member, None)):
            raise proof.error("construction", f"it has no {member}()")
    if not callable(made):
        raise proof.error("construction", "it cannot be called")
    parameter = proof.mine("construction", lambda: side.Parameter(torch.zeros(2)))
    if not isinstance(parameter, torch.Tensor) or not parameter.requires_grad or not parameter.is_leaf:
        raise proof.error("construction", "a Parameter is to be a tensor, a leaf that requires a gradient")
