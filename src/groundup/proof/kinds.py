"""The kinds of proof, and which one a thing of PyTorch takes."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from groundup.proof import container, engine, function, hook, layer, loader, optimizer, randomness, scheduler
from groundup.proof.claim import Claim
from groundup.proof.compare import Proof

Test = Callable[[str, Any], bool]


@dataclass(frozen=True)
class Kind:
    """A kind of proof: what it is for (`fits`), what does it (`prove`), and what it holds beside the name (`also`)."""

    name: str
    fits: Test
    prove: Callable[[Proof, Claim], None]
    least: int = 2  # cases that the real one has to take
    also: Callable[[Claim, str], bool] = lambda claim, name: False


def _is(*bases: type) -> Test:
    return lambda name, real: inspect.isclass(real) and issubclass(real, bases)


def _named(*names: str) -> Test:
    return lambda name, real: name in names


KINDS = (
    Kind("engine", _named(*engine.NAMES), engine.prove, 0, engine.also),
    Kind("container", _named(*container.NAMES), container.prove, 0, container.also),
    Kind("hook", _named(*hook.NAMES), hook.prove, 0),
    Kind("loader", _is(torch.utils.data.DataLoader), loader.prove, 0),
    Kind("random", randomness.is_random, randomness.prove),
    Kind("optimizer", _is(torch.optim.Optimizer), optimizer.prove),
    Kind("scheduler", _is(torch.optim.lr_scheduler.LRScheduler), scheduler.prove),
    Kind("layer", _is(nn.Module), layer.prove),
    Kind("function", lambda name, real: callable(real) and not inspect.isclass(real), function.prove),
)


def kind_of(name: str, real: Any) -> Kind:
    """The first kind that fits.

    Raises: ValueError when none does.
    """
    for kind in KINDS:
        if kind.fits(name, real):
            return kind
    if isinstance(real, types.ModuleType):
        raise ValueError(f"unlock({name!r}): it holds many things: unlock one of them")
    raise ValueError(f"unlock({name!r}): no kind of proof is for it: name it in also= of what it belongs to")
