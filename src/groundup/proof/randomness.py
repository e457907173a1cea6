"""A random function or layer: equal draws from the same generator, otherwise the same distribution."""

from __future__ import annotations

import inspect
import re
from typing import Any

import torch

from groundup.proof.claim import Claim, given, never_given, word
from groundup.proof.compare import Proof
from groundup.proof.distribution import same_distribution
from groundup.proof.function import is_in_place, same_object
from groundup.proof.gradients import autograd
from groundup.proof.layer import run
from groundup.proof.state import construct
from groundup.proof.values import call, copied, floats, leaves, listed, mapped, seed_default, size, split

WORDS = re.compile(r"(\w*(normal|uniform|orthogonal|bernoulli|exponential)_?|sparse_|\w*[dD]ropout\w*|rand\w*|rrelu)")
ENOUGH = 20_000  # numbers drawn in one case
DRAWS = (96, 400)  # at least and at most


def is_random(name: str, real: Any) -> bool:
    """Whether PyTorch's `name` draws random numbers, by its name."""
    return callable(real) and WORDS.fullmatch(word(name)) is not None


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError for a case of the wrong form."""
    layer = inspect.isclass(claim.real)
    for number, case in enumerate(claim.inputs, start=1):
        if not isinstance(case, tuple) or (layer and not (len(case) == 2 and isinstance(case[1], tuple))):
            form = "(constructor arguments, forward arguments)" if layer else "a tuple of arguments"
            raise ValueError(f"unlock({proof.name!r}): case {number} is not {form}")
        parts = case if layer else (case,)
        proof.case = f"case {number} ({'; '.join(map(listed, parts))})"
        proof.cases += 1
        if _layer(proof, claim, case) if layer else _function(proof, claim, case):
            proof.passed += 1
            positional, keywords = split(case[0] if layer else case)
            proof.covers(*given(claim.real, positional, keywords))
    proof.leaves_out(*never_given(claim.real, proof.covered), "other dtypes")
    if not layer and is_in_place(proof.name):
        proof.leaves_out("tensors that require gradients")


def _function(proof: Proof, claim: Claim, case: Any) -> bool:
    if not _same_shape(proof, claim, case):
        return False
    if any(isinstance(leaf, torch.Generator) for leaf in leaves(case)):
        sides = copied(case, False, None), copied(case, False, None)
        with proof.in_float32():
            draws = proof.both("forward", lambda: call(claim.by, sides[0]), lambda: call(claim.real, sides[1]))
            try:
                proof.equal("forward", "the result", *(draws or (None, None)))
            except AssertionError as error:
                remedy = "with the same generator the draws have to be equal: draw once, with generator=generator"
                raise type(error)(f"{error}; {remedy}") from None
        proof.covers("equal draws from the same generator")
        case = _without_generator(case)
    _same_draws(proof, "forward", (claim.by, claim.real), case)
    timed = [copied(case, False) for _ in range(2)]
    proof.measure(size(case), lambda: call(claim.by, timed[0]), lambda: call(claim.real, timed[1]))
    return True


def _same_shape(proof: Proof, claim: Claim, case: Any) -> bool:
    for dtype in (torch.float64, torch.float32):
        mine, theirs = copied(case, False, dtype), copied(case, False, dtype)
        results = proof.each("forward", ((claim.by, mine), (claim.real, theirs)), lambda side: call(*side))
        if results is None:
            return False
        if is_in_place(proof.name):
            same_object(proof, results, mine, theirs)
        # only shapes and dtypes here: the values have a comparison of their own
        proof.equal("forward", "the result", *(mapped(side, torch.zeros_like) for side in results))
        proof.equal("forward", "argument", *(mapped(side, torch.zeros_like) for side in (mine, theirs)))
    return True


def _without_generator(case: Any) -> Any:
    positional, keywords = split(case)
    left = tuple(argument for argument in positional if not isinstance(argument, torch.Generator))
    named = {key: value for key, value in keywords.items() if not isinstance(value, torch.Generator)}
    return (*left, named) if named else left


def _layer(proof: Proof, claim: Claim, case: Any) -> bool:
    made = construct(proof, claim, case[0])
    if made is None:
        return False
    if not all(hasattr(made[0], mode) for mode in ("train", "eval")):
        raise proof.error("eval", "it has no eval() and train(): the real one answers otherwise in evaluation")
    for stage, mode in (("forward", "train"), ("eval", "eval"), ("train again", "train")):
        proof.mine(stage, getattr(made[0], mode))
        getattr(made[1], mode)()
        arguments = copied(case[1], False), copied(case[1], False)
        if proof.both(stage, lambda a=arguments: call(run(made[0]), a[0]), lambda a=arguments: made[1](*a[1])) is None:  # type: ignore[misc]
            return False
        _same_draws(proof, stage, (run(made[0]), made[1]), case[1])
    proof.covers("train and eval")
    arguments = copied(case[1], False)
    proof.measure(size(case), lambda: call(run(made[0]), arguments), lambda: call(made[1], arguments))
    return True


def _same_draws(proof: Proof, stage: str, sides: tuple[Any, Any], case: Any) -> None:
    """Compare many draws: equal ones with the same seed are enough, otherwise their distributions.

    A draw is two calls in a row, and the gradients, divided by what they were made from: so that it shows when a mask
    is used twice, or not in the backward pass.
    """
    in_place = is_in_place(proof.name)
    start = mapped(copied(case, False), lambda t: _positive(t) if t.is_floating_point() and not in_place else t)

    def draw(side: Any, seed: int) -> torch.Tensor:
        seed_default(seed)
        return torch.stack([_ratios(side, start, in_place) for _ in range(2)], -1)

    with torch.random.fork_rng(devices=[]):
        real = [draw(sides[1], seed) for seed in range(3)]
        mine = [proof.mine(stage, lambda s=seed: draw(sides[0], s)) for seed in range(3)]  # type: ignore[misc]
        if all(a.shape == b.shape and torch.allclose(a, b, 1e-10, 1e-10) for a, b in zip(mine, real, strict=True)):
            proof.equal(stage, "the result", mine, real)
            proof.covers("equal draws from the same seed" if not torch.equal(real[0], real[1]) else "no draws")
            return
        if torch.equal(real[0], real[1]) and torch.equal(real[0][..., 0], real[0][..., 1]):  # nothing is random here
            proof.equal(stage, "the result, where nothing is random,", mine, real)
        draws = min(max(ENOUGH // max(1, real[0].numel()), DRAWS[0]), DRAWS[1])
        real += [draw(sides[1], seed) for seed in range(3, draws)]
        mine += [draw(sides[0], 10_000 + seed) for seed in range(3, draws)]
    same_distribution(proof, stage, "the result", torch.stack(mine), torch.stack(real))


def _ratios(function: Any, start: Any, in_place: bool) -> torch.Tensor:
    arguments = copied(start, not in_place)
    result = call(function, arguments)
    output = floats(result)[0]
    if in_place:
        return output
    sources = floats(arguments)
    if not sources or sources[0].shape != output.shape:
        return output.detach()
    given_back = autograd([output], sources[:1], [torch.ones_like(output)])[0]
    gradient = torch.zeros_like(output) if given_back is None else given_back
    return torch.stack([(output / sources[0]).detach(), gradient], -1)


def _positive(tensor: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 1 + torch.rand(tensor.shape, dtype=torch.float64, generator=generator)
