"""Functions, in-place ones and operators too: which re-creations are accepted, which are refused, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from proof import recreated_functions as honest
from torch import Tensor

from groundup import unlock
from groundup.proof import UnlockError

F, INIT, UTILS = "torch.nn.functional.", "torch.nn.init.", "torch.nn.utils."
A, B = torch.rand(3, 4), torch.rand(4, 2)
MATRICES = [(A, B), (torch.rand(1, 1), torch.rand(1, 3)), (torch.rand(2, 0), torch.rand(0, 3)), (A, A)]


def with_gradient(*shape: int) -> Tensor:
    result = torch.rand(shape)
    result.grad = torch.randn(shape)
    return result


GRADIENTS = [([with_gradient(3), with_gradient(2, 2)], 1.0), ([with_gradient(3), A], 50.0), (with_gradient(4), 0.5)]


def clip_of_stacked(parameters: Any, max_norm: float) -> Tensor:
    """There has to be a gradient."""
    grads = [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
    norm = torch.stack([grad.norm() for grad in grads]).norm()
    for grad in grads:
        grad *= (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return norm


def in_loops(a: Tensor, b: Tensor) -> Tensor:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise ValueError("inner dimensions differ")
    c = a.new_zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] = c[i, j] + a[i, k] * b[k, j]
    return c


def in_lists(a: Tensor, b: Tensor) -> Tensor:
    rows, columns = a.tolist(), b.T.tolist()
    if a.shape[1] != b.shape[0]:
        raise ValueError("inner dimensions differ")
    return a.new_tensor([[sum(x * y for x, y in zip(r, c, strict=True)) for c in columns] for r in rows]).reshape(
        a.shape[0], b.shape[1]
    )


def by_hand(cotangent: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return honest.matmul(cotangent, b.T), honest.matmul(a.T, cotangent)


def spread(*tensors: Tensor) -> list[Tensor]:
    shape = sum((torch.zeros(t.shape) for t in tensors), torch.zeros(())).shape
    return [t + t.new_zeros(shape) for t in tensors]


def einsum(subscripts: str, a: Tensor, b: Tensor) -> Tensor:
    return honest.matmul(a, b) if subscripts == "ij,jk->ik" else (a * b).sum()


def relu_(x: Tensor) -> Tensor:
    return x.mul_(x > 0)


def variance(x: Tensor, unbiased: bool) -> Tensor:
    return ((x - x.mean()) ** 2).sum() / (x.numel() - unbiased)


def argmax(x: Tensor) -> Tensor:
    if x.dim() > 1:
        raise ValueError("one row only")
    return (x == x.max()).nonzero()[0, 0] if x.dim() else torch.tensor(0)


LABELS = torch.tensor([0, 3, 1])
ACCEPTED = [
    ("torch.matmul", in_loops, MATRICES, {}),
    ("torch.matmul", in_lists, MATRICES, {"backward": by_hand}),
    ("torch.matmul", honest.matmul, [(A.T, A), (torch.rand(6, 8)[::2, ::2], torch.rand(1, 5).expand(4, 5))], {}),
    ("torch.Tensor.__matmul__", honest.matmul, MATRICES, {"also": "@"}),
    ("torch.broadcast_tensors", spread, [(torch.rand(3, 1), torch.rand(1, 4)), (B[:1], B[:, :1])], {}),
    ("torch.einsum", einsum, [("ij,jk->ik", A, B), ("ij,ij->", A, A)], {}),
    (F + "relu", honest.relu, [(torch.rand(5),), (torch.rand(0),)], {"also": ("torch.relu", "torch.Tensor.relu")}),
    (F + "relu_", relu_, [(torch.rand(5) - 0.5,), (torch.rand(0),)], {}),
    (F + "log_softmax", honest.log_softmax, [(A, 1), (A, {"dim": 0})], {}),
    (F + "cross_entropy", honest.cross_entropy, [(A, LABELS), (A[:1], LABELS[:1])], {}),
    (F + "cross_entropy(label_smoothing=)", honest.cross_entropy,
     [(A, LABELS, {"label_smoothing": 0.1}), (A[:1], LABELS[:1])], {}),
    (F + "conv2d", honest.conv2d, [(torch.rand(2, 3, 5, 5), torch.rand(4, 3, 3, 3)), (torch.rand(1, 1, 6, 7),
     torch.rand(1, 1, 2, 2), torch.rand(1), {"stride": 2, "padding": 1})], {}),
    (F + "max_pool2d", honest.max_pool2d, [(torch.rand(2, 3, 4, 4), 2), (torch.rand(1, 1, 5, 5), 2)], {}),
    (UTILS + "clip_grad_norm_", honest.clip_grad_norm_, GRADIENTS, {}),
    (UTILS + "clip_grad_norm_", clip_of_stacked, GRADIENTS, {}),
    ("torch.argmax", argmax, [(torch.rand(5),), (torch.rand(1),)], {}),
    ("torch.stack", lambda tensors: torch.cat([t[None] for t in tensors]), [([A, A],), ([B],)], {}),
    ("torch.var", variance, [(A, {"unbiased": False}), (B, {"unbiased": True})], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "by", "inputs", "more"), ACCEPTED, ids=[f"{row[0]}-{i}" for i, row in enumerate(ACCEPTED)]
)
def test_honest_functions_are_accepted(name: str, by: Callable, inputs: list, more: dict) -> None:
    unlock(name, by=by, inputs=inputs, **more)


def late(a: Tensor, b: Tensor) -> Tensor:
    """Right, except in the gradient of its first argument."""
    return honest.matmul(a.detach(), b) + 0 * a.sum()


class Remembering:
    """Right on its first call for a shape, and the same answer ever after."""

    def __init__(self) -> None:
        self.results: dict = {}

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.results.setdefault((a.shape, b.shape), honest.matmul(a, b))


def scribbling(a: Tensor, b: Tensor) -> Tensor:
    result = honest.matmul(a, b)
    a.data.zero_()
    return result


def always_double(a: Tensor, b: Tensor) -> Tensor:
    return honest.matmul(a.double(), b.double())


def of_vectors_too(a: Tensor, b: Tensor) -> Tensor:
    """Gives an outer product for two vectors."""
    return honest.matmul(a, b) if a.dim() == b.dim() == 2 else a[:, None] * b


matmul = honest.matmul
REFUSED = [
    (lambda a, b: matmul(a, b) + 1e-6, {}, r"case 1 .*as given: forward: the result differs by up to 1e-06"),
    (lambda a, b: matmul(a, b) * (1 + 1e-9), {}, "forward: the result differs"),
    (late, {}, r"backward: gradient 1 differs by up to"),
    (in_lists, {}, "backward: the result is cut off from the graph: .*, or give backward="),
    (in_lists, {"backward": lambda g, a, b: by_hand(g, a, b)[::-1]}, r"gradient 1 has shape \(4, 2\), not \(3, 4\)"),
    (in_lists, {"backward": lambda g, a, b: (matmul(g, b.T), None)}, r"backward: gradient 2 is None, not a tensor"),
    (in_lists, {"backward": lambda g, a, b: matmul(g, b.T)}, "backward: gradient: 1 of them, not 2"),
    (Remembering(), {}, "as given: step: the result after a training step differs"),
    (scribbling, {}, "forward: argument 1 differs"),
    (lambda a, b: matmul(a, b).T, {}, r"forward: the result has shape \(2, 3\), not \(3, 2\)"),
    (lambda a, b: matmul(a, b).float(), {}, "the result has dtype torch.float32, not torch.float64 .*of the inputs"),
    (always_double, {}, "as given, in float32: forward: the result has dtype torch.float64, not torch.float32"),
    (lambda a, b: matmul(a, b).tolist(), {}, "forward: the result: 6 of them, not 1"),
    (lambda a, b: None, {}, "forward: the result is None, not"),
    (lambda a, b: 1 / 0, {}, r"raises ZeroDivisionError: .* \(in <lambda>, line \d+\); the real one does not"),
    (lambda a, b: matmul(a, b[: a.shape[1]]), {}, r"case 3 .*forward: the re"),
    (lambda a, b: matmul(a.view(-1).view_as(a), b), {}, "not contiguous: forward: the re-creation raises Runtime"),
    (lambda a, b: matmul(a, b).clamp(-1e3, 1e3), {}, "large values: forward: the result differs"),
    (lambda a, b: matmul(a, b) / (a.abs().sum() > 0), {}, "zeros: forward: the result is NaN or infinite where"),
    (of_vectors_too, {}, r"of 1 and 1 dimensions, which no case has: forward: .*; let it raise ValueError there"),
]  # fmt: skip


@pytest.mark.parametrize(("by", "more", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_a_wrong_matmul_is_refused(by: Callable, more: dict, message: str) -> None:
    inputs = [(A, B), (torch.rand(1, 1), torch.rand(1, 3)), (torch.rand(2, 3), torch.rand(4, 3))]
    with pytest.raises(UnlockError, match=f"^torch.matmul, .*{message}"):
        unlock("torch.matmul", by=by, inputs=inputs, **more)


def relu_without_nan(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


def half_clipped(parameters: Any, max_norm: float) -> Tensor:
    """Leaves the gradients alone."""
    return sum((p.grad**2).sum() for p in parameters if p.grad is not None) ** 0.5


IN_PLACE = [
    ("torch.Tensor.__matmul__", lambda a, b: honest.matmul(a.detach(), b.detach()), MATRICES[:2],
     "as given: backward: the result is cut off from the graph"),
    (UTILS + "clip_grad_norm_", lambda parameters, max_norm: torch.tensor(1.0), GRADIENTS,
     "forward: the result has dtype|forward: the result differs"),
    (UTILS + "clip_grad_norm_", half_clipped, GRADIENTS[:2], "forward: the gradient of argument 1 differs"),
    (F + "relu_", lambda x: x * (x > 0), [(A - 0.5,), (B - 0.5,)], "forward: argument differs"),
    (F + "relu_", lambda x: relu_(x).clone(), [(A - 0.5,), (B - 0.5,)], "is not the tensor that was changed"),
    (F + "relu_", lambda x: x.data.mul_(x > 0) is x or x, [(A - 0.5,), (B - 0.5,)], "backward: gradient.* differs"),
    (F + "relu", relu_without_nan, [(torch.tensor([1.0, 2.0]),), (torch.tensor([float("nan"), -1.0, 0.0]),)],
     "case 2 .*as given: forward: the result is NaN or infinite where the real one is not"),
    (F + "relu", lambda x: torch.maximum(x, torch.zeros_like(x)), [(A,), (B,)], "zeros: backward: gradient differs"),
    (F + "relu", lambda x: x.clamp(min=0), [(A,), (B,)], "zeros: backward: gradient differs"),
    (F + "cross_entropy", lambda x, y: -honest.log_softmax(x, 1)[:, y].mean(), [(A, LABELS), (A[:1], LABELS[:1])],
     "case 1 .*as given: forward: the result differs"),
    (F + "conv2d", lambda x, w: honest.conv2d(x, w.flip(2, 3)), [(torch.rand(2, 3, 5, 5), torch.rand(4, 3, 3, 3))] * 2,
     "as given: forward: the result differs"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "by", "inputs", "message"), IN_PLACE, ids=[row[3] for row in IN_PLACE])
def test_other_wrong_functions_are_refused(name: str, by: Callable, inputs: list, message: str) -> None:
    with pytest.raises(UnlockError, match=message):
        unlock(name, by=by, inputs=inputs)


def test_a_page_is_not_filled_with_warnings(recwarn: pytest.WarningsRecorder) -> None:
    """The proof tries shapes of which PyTorch warns."""
    unlock(F + "mse_loss", by=lambda x, y: ((x - y) ** 2).mean(), inputs=[(A, A + 1), (B, B - 1)])
    assert not list(recwarn)


def test_requires_grad_needs_an_engine() -> None:
    with pytest.raises(ValueError, match=r"is no engine: give its class of tensors"):
        unlock("torch.Tensor.requires_grad_", by=lambda x: x, inputs=[(A,), (B,)])


def test_nan_in_the_same_place_is_equal() -> None:
    cases = [(torch.tensor([float("nan"), 1.0, 4.0]),), (torch.tensor([-2.0, float("inf"), -float("inf")]),)]
    unlock(F + "relu", by=lambda x: torch.where(x <= 0, torch.zeros_like(x), x), inputs=cases)
