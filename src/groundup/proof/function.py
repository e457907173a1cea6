"""A function: results, arguments left behind, gradients and one training step, on every case with many values."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from groundup.proof.claim import Claim, given, never_given, variadic, word
from groundup.proof.compare import Proof, UnlockError
from groundup.proof.gradients import gradients, moved
from groundup.proof.values import call, copied, floats, leaves, listed, mapped, size, split, tensors, variants

LENGTH = 2  # of every axis, when a form is tried that no case has


def prove(proof: Proof, claim: Claim) -> None:
    """Raises: UnlockError at the first difference; ValueError for a case that is no tuple, or without tensors."""
    for number, case in enumerate(claim.inputs, start=1):
        if not isinstance(case, tuple):
            raise ValueError(f"unlock({proof.name!r}): case {number} is no tuple of arguments: write (a, b) or (a,)")
        passed = False
        for values, arguments in variants(case, number):
            proof.case = f"case {number} ({listed(case)}), {values}"
            proof.cases += 1
            if _compare(proof, claim, arguments) and values == "as given":
                passed = True
                if floats(case):
                    with proof.in_float32():
                        _compare(proof, claim, arguments, torch.float32)
        if passed:
            proof.passed += 1
            _cover(proof, claim, case)
            timed = copied(case, False)
            proof.measure(size(case), lambda a=timed: call(claim.by, a), lambda a=timed: call(claim.real, a))  # type: ignore[misc]
    if proof.passed > 1:
        proof.covers("float64 and float32")
        proof.leaves_out(*_other_forms(proof, claim), *never_given(claim.real, proof.covered))
        if variadic(claim.real):
            counts = sorted({len(tensors(case)) for case in claim.inputs})
            proof.leaves_out(f"other than {' or '.join(map(str, counts))} tensors")
        if not any("empty" in phrase for phrase in proof.covered):
            proof.leaves_out("empty tensors")
        proof.leaves_out("other dtypes")


def _compare(proof: Proof, claim: Claim, arguments: Any, dtype: torch.dtype = torch.float64) -> bool:
    """Whether the real one takes these arguments, and so does ours."""
    in_place = is_in_place(claim.name)
    graph = not in_place
    mine, theirs = copied(arguments, graph and claim.backward is None, dtype), copied(arguments, graph, dtype)
    results = proof.both("forward", lambda: call(claim.by, mine), lambda: call(claim.real, theirs))
    if results is None:
        return False
    if not in_place and not tensors(results[1]):
        raise ValueError(f"unlock({proof.name!r}): it returns no tensor to compare: name it in also= of another")
    proof.equal("forward", "the result", *results)
    same_arguments(proof, mine, theirs)
    if in_place:
        same_object(proof, results, mine, theirs)
        if all(tensor.grad is None for tensor in tensors(arguments)):  # what works on gradients takes leaves
            _in_graph(proof, claim, arguments, dtype)
        return True
    by_hand = None if claim.backward is None else lambda c: call(lambda *a, **k: claim.backward(c, *a, **k), mine)  # type: ignore[misc]
    found = gradients(proof, results, (floats(mine), floats(theirs)), by_hand)
    if found is not None:
        after = tuple(moved(side, grads) for side, grads in zip((mine, theirs), found, strict=True))
        again = proof.both("step", lambda: call(claim.by, after[0]), lambda: call(claim.real, after[1]))
        if again is not None:
            proof.equal("step", "the result after a training step", *again)
    return True


def is_in_place(name: str) -> bool:
    """Whether it changes its arguments, by its name: `relu_`, and not `__matmul__`."""
    return word(name).endswith("_") and not word(name).endswith("__")


def same_arguments(proof: Proof, mine: Any, theirs: Any) -> None:
    """Compare what a call has left in its arguments: values, gradients, and whether they require one.

    Raises: UnlockError.
    """
    proof.equal("forward", "argument", mine, theirs)
    for position, (a, b) in enumerate(zip(tensors(mine), tensors(theirs), strict=True), start=1):
        if not (a.is_leaf and b.is_leaf):
            continue
        proof.equal("forward", f"the gradient of argument {position}", a.grad, b.grad)
        if is_in_place(proof.name) and a.requires_grad != b.requires_grad:
            raise proof.error("forward", f"argument {position} has requires_grad={a.requires_grad} afterwards")


def same_object(proof: Proof, results: tuple[Any, Any], mine: Any, theirs: Any) -> None:
    """Raises: UnlockError when the real one returns the argument that it has changed and ours something else."""
    for argument, other in zip(leaves(mine), leaves(theirs), strict=True):
        if (results[1] is other) != (results[0] is argument) and isinstance(other, torch.Tensor):
            raise proof.error("forward", "the result is not the tensor that was changed: change it in place, return it")


def _in_graph(proof: Proof, claim: Claim, arguments: Any, dtype: torch.dtype) -> None:
    """An in-place function inside a graph: the gradients that flow through what it has changed."""
    starts = copied(arguments, True, dtype), copied(arguments, True, dtype)
    inner = [mapped(start, lambda t: t.clone() if t.requires_grad else t) for start in starts]
    found = proof.each("in a graph", ((claim.by, inner[0]), (claim.real, inner[1])), lambda side: call(*side))
    if found is None:  # the real one takes no part in graphs
        proof.leaves_out("inside a graph")
        return
    results = [found[0], floats(inner[0])], [found[1], floats(inner[1])]
    proof.equal("in a graph", "the result", *results)
    gradients(proof, results, (floats(starts[0]), floats(starts[1])))


def _cover(proof: Proof, claim: Claim, case: tuple[Any, ...]) -> None:
    positional, keywords = split(case)
    proof.covers(_form(positional), *given(claim.real, positional, keywords))
    for text in (leaf for leaf in leaves(positional) if isinstance(leaf, str)):
        proof.covers(repr(text))
    if any(not tensor.numel() for tensor in tensors(case)):
        proof.covers("empty tensors")


def _form(arguments: Any) -> str:
    dims = [f"{tensor.dim()}-D" for tensor in tensors(arguments)]
    return dims[0] if len(dims) == 1 else " with ".join(dims) if len(dims) < 4 else f"{len(dims)} tensors"


def _other_forms(proof: Proof, claim: Claim) -> list[str]:
    """Other numbers of dimensions that the real one takes: those that ours refuses. The others are compared.

    Raises: UnlockError when ours takes such a form and differs.
    """
    case = claim.inputs[0]
    plain = all(isinstance(argument, torch.Tensor) and argument.is_floating_point() for argument in case)
    if not plain or len(case) > 2 or is_in_place(claim.name) or claim.backward is not None:
        return []
    missing, equal = [], []
    for dims in itertools.product(range(5), repeat=len(case)):
        arguments = tuple(torch.arange(float(LENGTH**dim)).reshape((LENGTH,) * dim) + 1 for dim in dims)
        proof.case = f"with tensors of {' and '.join(map(str, dims))} dimensions, which no case has"
        if _form(arguments) in proof.covered or not _takes(claim.real, arguments):
            continue
        if not _takes(claim.by, arguments):
            missing.append(_form(arguments))
            continue
        try:
            _compare(proof, claim, arguments)
        except UnlockError as error:
            remedy = "let it raise ValueError there, or do as the real one does"
            raise UnlockError(f"{error}; {remedy}") from None
        proof.cases += 1
        equal.append(_form(arguments))
    proof.covers(*_some(equal))
    return _some(missing)


def _some(forms: list[str]) -> list[str]:
    return [*forms[:3], f"{len(forms) - 3} more such forms"] if len(forms) > 4 else forms


def _takes(function: Any, arguments: Any) -> bool:
    try:
        call(function, copied(arguments, False))
    except Exception:  # refused, in whatever way
        return False
    return True
