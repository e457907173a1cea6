"""Autograd engines: an honest one is accepted; each false one is refused, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from proof import recreated_engine as honest
from proof.recreated_engine import Tensor, no_grad

from groundup import unlock
from groundup.proof import UnlockError

PARTS = {"no_grad": no_grad}
ALSO = ("torch.no_grad", "torch.Tensor.requires_grad_", "torch.Tensor.detach")


def loss(w: Any, x: Any) -> Any:
    return ((x @ w).relu() ** 2).mean()


def test_an_honest_engine_is_accepted(capsys: pytest.CaptureFixture) -> None:
    inputs = [(loss, torch.rand(4, 3), torch.rand(5, 4))]
    unlock("torch.Tensor.backward", by=Tensor, parts=PARTS, also=ALSO, inputs=inputs)
    printed = " ".join(capsys.readouterr().out.split())
    assert "covered x + y, x + 2, 2 + x" in printed
    assert "left out backward(gradient), 2 / x" in printed


def test_operations_may_be_functions() -> None:
    class Bare(Tensor):
        relu = property()

    Bare.relu = None
    unlock("torch.no_grad", by=Bare, parts={**PARTS, "relu": Tensor.relu, "leaf": leaf})


def leaf(data: torch.Tensor, requires_grad: bool) -> Tensor:
    return Tensor(data, requires_grad)


def _leaves(root: Any) -> list[Any]:
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        stack.extend(node.parents)
        if not node.parents:
            found.append(node)
    return found


def depth_first(self: Any) -> None:
    """Each node hands on what it has at once, through every path, which is right and slow; with recursion."""

    def go(node: Any, grad: torch.Tensor) -> None:
        if node.vjp is None:
            node.grad = grad if node.grad is None else node.grad + grad
            return
        for parent, part in zip(node.parents, node.vjp(grad), strict=True):
            if parent.requires_grad:
                go(parent, honest.unbroadcast(part, parent.data.shape))

    if self.data.numel() != 1:
        raise RuntimeError("one number")
    go(self, torch.ones_like(self.data))


def test_an_engine_that_cannot_go_deep_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(Tensor, "backward", depth_first)
    unlock("torch.Tensor.backward", by=Tensor, parts=PARTS)
    assert "graphs 3000 operations deep" in " ".join(capsys.readouterr().out.split("left out")[1].split())


def overwriting(self: Any) -> None:
    for tensor in _leaves(self):
        tensor.grad = None
    depth_first(self)


def once_only(self: Any) -> None:
    """Visits each node once, in the order in which it meets them: too early where a node is used twice."""
    seen, stack = set(), [(self, torch.ones_like(self.data))]
    if self.data.numel() != 1:
        raise RuntimeError("one number")
    while stack:
        node, grad = stack.pop()
        if node.vjp is None:
            node.grad = grad if node.grad is None else node.grad + grad
        elif id(node) not in seen:
            seen.add(id(node))
            parts = zip(node.parents, node.vjp(grad), strict=True)
            stack += [(p, honest.unbroadcast(g, p.data.shape)) for p, g in parts if p.requires_grad]


def of_anything(self: Any) -> None:
    root = self if self.data.numel() == 1 else self.sum()
    depth_first(root)


def through_torch(self: Any) -> None:
    x = self.data.clone().requires_grad_()
    x.sum().backward()


def wrong_power(self: Any, n: float) -> Any:
    return Tensor.result(self.data**n, (self,), lambda g: (g * n * self.data,))


def relu_at_all(self: Any) -> Any:
    return Tensor.result(self.data.clamp(min=0), (self,), lambda g: (g,))


def relu_almost(self: Any) -> Any:
    return Tensor.result(self.data.clamp(min=0), (self,), lambda g: (g * (self.data > -0.01),))


def add_unlike(self: Any, other: Any) -> Any:
    """Adds up what was spread over columns in the second operand only."""
    other = other if isinstance(other, Tensor) else Tensor(other)
    out = ADD(self, other)
    if self.data.shape == (3, 1) and other.data.shape == (3, 4) and out.vjp:
        out.vjp = lambda g: (g[:, :1], g)
    return out


def sharing_detach(self: Any) -> Any:
    return self


def all_require(self: Any, data: Any, requires_grad: bool = False) -> None:
    ORIGINAL(self, data, True)


ORIGINAL, ADD = Tensor.__init__, Tensor.__add__
FALSE = [
    ("backward", overwriting, "two leaves whose gradients .*: backward: the gradient of leaf 1 differs"),
    ("backward", once_only, "a node that is used several times: backward: the gradient differs"),
    (
        "backward",
        of_anything,
        "backward.. of something that is not one number: .*whether it is refused is False, not True",
    ),
    ("backward", through_torch, "the re-creation calls torch.Tensor.requires_grad_, which is what it re-creates"),
    ("__pow__", wrong_power, r"x / y, with .*: backward: the gradient of leaf"),
    ("relu", relu_at_all, r"relu\(\), with .*: backward: the gradient of leaf"),
    ("relu", relu_almost, r"relu\(\), with \(3, 4\): backward: the gradient of leaf"),
    ("__add__", add_unlike, r"x \+ y, with \(3, 1\) and \(3, 4\): backward: "),
    ("detach", sharing_detach, "detach: .*requires_grad, value or gradient 1 is True, not False"),
    ("requires_grad_", lambda self: self, "requires_grad_: after .* 2 is False, not True"),
    ("__init__", all_require, "a leaf with requires_grad=False: backward: the gradient of leaf 2 is"),
    ("mean", lambda self: self.sum(), r"mean\(\), with .*: forward: the value of node"),
]


@pytest.mark.parametrize(
    ("member", "wrong", "message"), FALSE, ids=[getattr(row[1], "__name__", row[0]) for row in FALSE]
)
def test_false_engines_are_refused(member: str, wrong: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, member, wrong)
    with pytest.raises(UnlockError, match=f"^torch.Tensor.backward, .*{message}"):
        unlock("torch.Tensor.backward", by=Tensor, parts=PARTS, also=ALSO)


def test_an_engine_without_unbroadcasting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(honest, "unbroadcast", lambda grad, shape: grad)
    with pytest.raises(UnlockError, match=r"x . y, with .*: backward: (the gradient of leaf|the re-creation raises)"):
        unlock("torch.Tensor.backward", by=Tensor, parts=PARTS)


@contextmanager
def forgetful() -> Iterator[None]:
    """Does not come back when an error is raised inside."""
    honest.recording[0] = False
    yield
    honest.recording[0] = True


@contextmanager
def nothing() -> Iterator[None]:
    yield


class NotNested:
    """Records again as soon as one of them is left."""

    def __enter__(self) -> None:
        honest.recording[0] = False

    def __exit__(self, *error: object) -> None:
        honest.recording[0] = True


@pytest.mark.parametrize("wrong", [forgetful, nothing, NotNested])
def test_a_false_no_grad_is_refused(wrong: Any) -> None:
    try:
        with pytest.raises(UnlockError, match=r"no_grad: no_grad: with no_grad, requires_grad or the gradient"):
            unlock("torch.no_grad", by=Tensor, parts={"no_grad": wrong})
    finally:
        honest.recording[0] = True


def test_no_grad_is_not_freed_without_being_handed_in() -> None:
    with pytest.raises(UnlockError, match=r"also='torch.no_grad' is not proved with it: give it an unlock of its own"):
        unlock("torch.Tensor.backward", by=Tensor, also=("torch.no_grad",))
    with pytest.raises(ValueError, match=r"hand in the context manager: parts="):
        unlock("torch.no_grad", by=Tensor)


def test_no_grad_of_torchs_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "backward", lambda self: self.data.clone().requires_grad_().sum().backward())
    with pytest.raises(UnlockError, match=r"the re-creation calls torch.Tensor.requires_grad_?, which is what it"):
        unlock("torch.no_grad", by=Tensor, parts=PARTS)


def test_leaves_that_cannot_be_made_are_told_of() -> None:
    class Without(Tensor):
        def __init__(self, data: torch.Tensor) -> None:
            super().__init__(data)

    with pytest.raises(
        UnlockError, match=r"a new leaf: construction: the re-creation raises TypeError: .*'requires_grad'"
    ):
        unlock("torch.Tensor.backward", by=Without)


def test_an_engine_needs_the_least_operations() -> None:
    class Poor:
        def __init__(self, data: torch.Tensor, requires_grad: bool) -> None:
            self.data = data

        def backward(self) -> None: ...

    with pytest.raises(UnlockError, match=r"its operations: forward: it does not do x \+ y"):
        unlock("torch.Tensor.backward", by=Poor)
