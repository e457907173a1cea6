"""What an autograd engine does besides gradients: each function tries one behaviour, which its docstring names."""

from __future__ import annotations

from typing import Any

import torch

from groundup.proof.compare import Proof, UnlockError
from groundup.proof.engine_sides import Engine, Sides, plain

DEEP = 3_000  # operations in a row: more than Python's recursion goes down


def _vector(side: Engine, requires_grad: bool = True) -> Any:
    return side.leaf(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), requires_grad)


def _grads(*leaves: Any) -> list[Any]:
    return [None if leaf.grad is None else plain(leaf.grad) for leaf in leaves]


def begins_empty(proof: Proof, sides: Sides) -> None:
    """a new leaf"""
    proof.alike("forward", "the gradient of a new leaf", sides, lambda s: _grads(_vector(s)))
    proof.alike("forward", "requires_grad", sides, lambda s: bool(_vector(s).requires_grad))
    proof.alike("forward", "requires_grad of a result", sides, lambda s: bool((_vector(s) * 2.0).requires_grad))


def constants(proof: Proof, sides: Sides) -> None:
    """a leaf with requires_grad=False"""

    def program(side: Engine) -> Any:
        x, c = _vector(side), _vector(side, False)
        (x * c).sum().backward()
        return [*_grads(x, c), bool((c * c).requires_grad)]

    proof.alike("backward", "the gradient of leaf", sides, program)


def twice_used(proof: Proof, sides: Sides) -> None:
    """a node that is used several times"""

    def program(side: Engine) -> Any:
        x = _vector(side)
        y = x * x
        z = y + x
        ((z * y) + (z * z) + y).sum().backward()
        return _grads(x)

    proof.alike("backward", "the gradient", sides, program)


def separate(proof: Proof, sides: Sides) -> None:
    """two leaves whose gradients are equal, and then go on"""

    def program(side: Engine) -> Any:
        a, b = _vector(side), _vector(side)
        (a + b).sum().backward()
        (a * 2.0).sum().backward()
        return _grads(a, b)

    proof.alike("backward", "the gradient of leaf", sides, program)


def not_scalar(proof: Proof, sides: Sides) -> None:
    """backward() of something that is not one number"""

    def raises(side: Engine) -> bool:
        try:
            (_vector(side) * 2.0).backward()
        except Exception:  # of whatever type
            return True
        return False

    proof.alike("backward", "whether it is refused", sides, raises)


def no_grad(proof: Proof, sides: Sides) -> None:
    """no_grad"""
    if sides[0].claim is None or sides[0].claim.part("no_grad") is None:
        proof.leaves_out("no_grad")
        return

    def program(side: Engine) -> Any:
        x = _vector(side)
        with side.no_grad():
            y = x * x
            with side.no_grad():
                inner = x * 3.0
            outer = x * 4.0
        found = [bool(node.requires_grad) for node in (y, inner, outer)]
        try:
            with side.no_grad():
                raise KeyError("an error inside")
        except KeyError:
            after = x * 2.0
        ((y * x) + after).sum().backward()
        return [*found, bool(after.requires_grad), *_grads(x)]

    proof.alike("no_grad", "with no_grad, requires_grad or the gradient", sides, program)
    proof.covers("no_grad")


def detach(proof: Proof, sides: Sides) -> None:
    """detach"""
    if not sides[0].has("detach"):
        proof.leaves_out("detach")
        return

    def program(side: Engine) -> Any:
        x = _vector(side)
        y = (x * x).detach()
        (y * x).sum().backward()
        return [bool(y.requires_grad), plain(y), *_grads(x)]

    proof.alike("detach", "with detach(), requires_grad, value or gradient", sides, program)
    proof.covers("detach")


def requires_grad_(proof: Proof, sides: Sides) -> None:
    """requires_grad_"""
    if not sides[0].has("requires_grad_"):
        proof.leaves_out("requires_grad_")
        return

    def program(side: Engine) -> Any:
        x = _vector(side, False)
        same = x.requires_grad_() is x
        (x * x).sum().backward()
        return [same, bool(x.requires_grad), *_grads(x)]

    proof.alike("requires_grad_", "after requires_grad_(), itself, requires_grad or gradient", sides, program)
    proof.covers("requires_grad_")


def cotangent(proof: Proof, sides: Sides) -> None:
    """backward(gradient)"""

    def program(side: Engine) -> Any:
        x = _vector(side)
        (x * x).backward(torch.tensor([1.0, 0.5, -1.0], dtype=torch.float64))
        return _grads(x)

    try:
        program(sides[0])
    except Exception:  # of whatever type
        proof.leaves_out("backward(gradient)")
        return
    proof.alike("backward", "the gradient", sides, program)
    proof.covers("backward(gradient)")


def deep(proof: Proof, sides: Sides) -> None:
    """a graph 3,000 operations deep"""

    def program(side: Engine) -> Any:
        x = _vector(side)
        y = x
        for _ in range(DEEP):
            y = y * 0.999
        y.sum().backward()
        return _grads(x)

    try:
        proof.alike("backward", "the gradient", sides, program)
    except UnlockError as error:
        if "RecursionError" not in str(error):
            raise
        proof.leaves_out(f"graphs {DEEP} operations deep")


BEHAVIOURS = (
    begins_empty, constants, twice_used, separate, not_scalar, no_grad, detach, requires_grad_, cotangent, deep,
)  # fmt: skip
