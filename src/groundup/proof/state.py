"""The state of a layer: that both are constructed alike, and the real one's state for both."""

from __future__ import annotations

from typing import Any

import torch

from groundup.proof.claim import Claim
from groundup.proof.compare import Proof
from groundup.proof.distribution import same_distribution
from groundup.proof.values import call, copied, seed_default

ENOUGH = 20_000  # numbers drawn for one parameter
DRAWS = (48, 800)  # constructions, at least and at most


def construct(proof: Proof, claim: Claim, arguments: Any) -> tuple[Any, torch.nn.Module] | None:
    """A layer of each side.

    Raises: UnlockError when only one can be constructed, or when ours holds a real one.
    """

    def make(cls: Any) -> Any:
        return call(cls, copied(arguments, False, None))

    return proof.both("construction", lambda: make(claim.by), lambda: make(claim.real))


def own_parameters(mine: Any, theirs: torch.nn.Module) -> dict[str, Any]:
    """Our parameters under the real one's names, in its order."""
    return {name: _find(mine, name, "named_parameters") for name, _ in theirs.named_parameters()}


def buffers(module: Any, real: torch.nn.Module | None = None) -> dict[str, Any]:
    """The buffers under the names of `real`, without those that it has not."""
    names = [name for name, _ in (module if real is None else real).named_buffers()]
    found = {name: _find(module, name, "named_buffers") for name in names}
    return {name: buffer for name, buffer in found.items() if buffer is not None}


def _find(module: Any, name: str, listing: str) -> Any:
    named = getattr(module, listing, None)
    if named is not None:
        return dict(named()).get(name)
    found = getattr(module, name, None)  # a layer without a list of names: an attribute
    return found if isinstance(found, torch.Tensor) else None


def equalise(mine: Any, theirs: torch.nn.Module) -> None:
    """Give ours the real one's parameters and buffers."""
    with torch.no_grad():
        for ours, real in (
            (own_parameters(mine, theirs), dict(theirs.named_parameters())),
            (buffers(mine, theirs), buffers(theirs)),
        ):
            for name, tensor in ours.items():
                tensor.data = real[name].detach().clone()


def same_construction(proof: Proof, claim: Claim, arguments: Any) -> bool:
    """Compare names, shapes, dtypes and initial values; False when both sides refuse these arguments.

    Raises: UnlockError.
    """
    made = construct(proof, claim, arguments)
    if made is None:
        return False
    if isinstance(made[0], claim.real):
        raise proof.error("construction", "it gives PyTorch's own: give your re-creation")
    mine, theirs = made
    own = proof.mine("construction", lambda: own_parameters(mine, theirs))
    real = dict(theirs.named_parameters())
    _same_names(proof, "parameter", _names(mine, "parameters", own), list(real))
    _same_tensors(proof, "parameter", own, real)
    if not callable(getattr(mine, "backward", None)):
        for name, parameter in own.items():
            if parameter.requires_grad != real[name].requires_grad:
                raise proof.error("construction", f"parameter {name} has requires_grad={parameter.requires_grad}")
    kept = proof.mine("construction", lambda: buffers(mine, theirs))
    counters = [name for name, buffer in theirs.named_buffers() if not buffer.is_floating_point()]
    lacking = [name for name in counters if name not in kept]  # the number of batches: not used unless momentum=None
    proof.leaves_out(*(f"buffer {name}" for name in lacking))
    wanted = {name: buffer for name, buffer in theirs.named_buffers() if name not in lacking}
    _same_names(proof, "buffer", _names(mine, "buffers", kept), list(wanted))
    _same_tensors(proof, "buffer", kept, wanted)
    if hasattr(mine, "state_dict"):
        keys = set(proof.mine("construction", mine.state_dict)), set(theirs.state_dict()) - set(lacking)
        if keys[0] != keys[1]:
            raise proof.error("construction", f"state_dict() has {_list(keys[0])}, not {_list(keys[1])}")
    _same_initial_values(proof, claim, arguments, list(real), list(wanted))
    proof.covers("initial values" if real or wanted else "no state")
    return True


def _names(module: Any, listing: str, found: dict[str, Any]) -> list[str]:
    if hasattr(module, f"named_{listing}"):
        return [name for name, _ in getattr(module, f"named_{listing}")()]
    listed = list(getattr(module, listing)()) if hasattr(module, listing) else found.values()
    names = [name for name, tensor in found.items() if any(tensor is other for other in listed)]
    return names + ["(one without a name)"] * (len(list(listed)) - len(names))


def _same_names(proof: Proof, what: str, mine: list[str], real: list[str]) -> None:
    if sorted(mine) != sorted(real):
        raise proof.error("construction", f"its {what}s are named {_list(mine)}, not {_list(real)}")


def _same_tensors(proof: Proof, what: str, mine: dict[str, Any], real: dict[str, Any]) -> None:
    for name, tensor in real.items():
        if mine[name] is None:
            raise proof.error("construction", f"it has no {what} {name}")
        for aspect in ("shape", "dtype"):
            a, b = getattr(mine[name], aspect), getattr(tensor, aspect)
            if a != b:
                sides = (tuple(a), tuple(b)) if aspect == "shape" else (a, b)
                raise proof.error("construction", f"{what} {name} has {aspect} {sides[0]}, not {sides[1]}")


def _same_initial_values(
    proof: Proof, claim: Claim, arguments: Any, parameters: list[str], buffer_names: list[str]
) -> None:
    def draw(cls: Any, seed: int, real: Any) -> dict[str, torch.Tensor]:
        seed_default(seed)
        layer = call(cls, copied(arguments, False, None))
        found = {**own_parameters(layer, real or layer), **buffers(layer, real or layer)}
        return {name: tensor.detach().double().clone() for name, tensor in found.items()}

    names = parameters + buffer_names
    largest = max([1, *(tensor.numel() for tensor in call(claim.real, copied(arguments, False, None)).parameters())])
    draws = min(max(ENOUGH // largest, DRAWS[0]), DRAWS[1])
    model = call(claim.real, copied(arguments, False, None))
    with torch.random.fork_rng(devices=[]):
        real = [draw(claim.real, seed, None) for seed in range(2)]
        mine = [proof.mine("construction", lambda s=seed: draw(claim.by, s, model)) for seed in range(2)]  # type: ignore[misc]
        loose = []
        for name in names:
            if all(torch.equal(a[name], b[name]) for a, b in zip(mine, real, strict=True)):
                continue
            if torch.equal(real[0][name], real[1][name]):
                proof.equal("construction", f"the initial {name}", mine[0][name], real[0][name])
                proof.equal("construction", f"the initial {name} of the next", mine[1][name], real[1][name])
            else:
                loose.append(name)
        if loose:
            real += [draw(claim.real, seed, None) for seed in range(2, draws)]
            mine += [draw(claim.by, 10_000 + seed, model) for seed in range(2, draws)]
    for name in loose:
        sides = [torch.stack([state[name] for state in side]) for side in (mine, real)]
        same_distribution(proof, "construction", f"the initial {name}", *sides)


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
