"""What unlock() accepts, what it refuses, and that it says why."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from groundup import unlock
from groundup.proof import UnlockError

A, B = torch.rand(3, 4), torch.rand(4, 2)
MATRICES = [(A, B), (torch.rand(1, 1), torch.rand(1, 3)), (torch.rand(2, 0), torch.rand(0, 3)), (A, A)]


def matmul(a: Tensor, b: Tensor) -> Tensor:
    if a.shape[1] != b.shape[0]:
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
    return matmul(cotangent, b.T), matmul(a.T, cotangent)


def spread(*tensors: Tensor) -> list[Tensor]:
    rows, columns = (max(t.shape[axis] for t in tensors) for axis in (0, 1))
    return [t + t.new_zeros(rows, columns) for t in tensors]


def einsum(subscripts: str, a: Tensor, b: Tensor) -> Tensor:
    return matmul(a, b) if subscripts == "ij,jk->ik" else (a * b).sum()


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


def relu_without_nan(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


def kaiming(weight: Tensor) -> Tensor:
    return weight.copy_(torch.randn(weight.shape, dtype=weight.dtype) * (2 / weight.shape[1]) ** 0.5)


def variance(x: Tensor, unbiased: bool) -> Tensor:
    return ((x - x.mean()) ** 2).sum() / (x.numel() - unbiased)


def argmax(x: Tensor) -> Tensor:
    return (x == x.max()).nonzero()[0, 0]


def test_matmul_by_loops_is_accepted(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GROUNDUP_RECORDS", str(tmp_path / "records"))
    assert unlock("torch.matmul", by=matmul, inputs=iter(MATRICES), also=("@",)) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unlocked  torch.matmul, @, by matmul"
    assert [line.split()[0] for line in lines] == ["unlocked", "cases", "forward", "backward", "step", "time"]
    entry = json.loads((tmp_path / "records").read_text())
    assert {key: entry[key] for key in ("kind", "name", "also", "by", "cases")} == {
        "kind": "function", "name": "torch.matmul", "also": ["@"], "by": "matmul", "cases": 20,
    }  # fmt: skip
    assert all(0 <= entry[stage] < 1e-10 for stage in ("forward", "backward", "step"))
    assert entry["ratio"] > 0


ACCEPTED = [
    ("torch.matmul", in_lists, MATRICES, {"backward": by_hand}),
    ("torch.matmul", matmul, [(A.T, A), (torch.rand(6, 8)[::2, ::2], torch.rand(1, 5).expand(4, 5))], {}),
    ("torch.broadcast_tensors", spread, [(torch.rand(3, 1), torch.rand(1, 4)), (B[:1], B[:, :1])], {}),
    ("torch.einsum", einsum, [("ij,jk->ik", A, B), ("ij,ij->", A, A)], {}),
    ("torch.nn.functional.relu", relu, [(torch.rand(5),), (torch.rand(0),)], {}),
    ("torch.nn.init.kaiming_normal_", kaiming, [(torch.empty(30, 20),), (torch.empty(1, 1),)], {}),
    ("torch.argmax", argmax, [(torch.rand(5),), (torch.rand(1),)], {}),
    ("torch.stack", lambda tensors: torch.cat([t[None] for t in tensors]), [([A, A],), ([B],)], {}),
    ("torch.var", variance, [(A, {"unbiased": False}), (B, {"unbiased": True})], {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "by", "inputs", "more"), ACCEPTED)
def test_equal_functions_are_accepted(name: str, by: Callable, inputs: list, more: dict) -> None:
    unlock(name, by=by, inputs=inputs, **more)


def late(a: Tensor, b: Tensor) -> Tensor:
    """Right, except in the gradient of its first argument."""
    return matmul(a.detach(), b) + 0 * a.sum()


class Remembering:
    """Right on its first call for a shape, and the same answer ever after."""

    def __init__(self) -> None:
        self.results: dict = {}

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.results.setdefault((a.shape, b.shape), matmul(a, b))


def scribbling(a: Tensor, b: Tensor) -> Tensor:
    result = matmul(a, b)
    a.data.zero_()
    return result


REFUSED = [
    (lambda a, b: matmul(a, b) + 1e-6, {}, r"case 1 .*as given: forward: the result differs by up to 1e-06"),
    (lambda a, b: matmul(a, b) * (1 + 1e-9), {}, "forward: the result differs"),
    (late, {}, r"backward: gradient 1 differs by up to"),
    (in_lists, {}, "backward: the result is cut off from the graph: .*, or give backward="),
    (in_lists, {"backward": lambda g, a, b: by_hand(g, a, b)[::-1]}, r"gradient 1 has shape \(4, 2\), not \(3, 4\)"),
    (in_lists, {"backward": lambda g, a, b: (matmul(g, b.T), None)}, r"backward: gradient 2 is None, not \(4, 2\)"),
    (in_lists, {"backward": lambda g, a, b: matmul(g, b.T)}, "backward: gradient: 1 of them, not 2"),
    (Remembering(), {}, "as given: step: the result after a training step differs"),
    (scribbling, {}, "forward: argument 1 differs"),
    (lambda a, b: matmul(a, b).T, {}, r"forward: the result has shape \(2, 3\), not \(3, 2\)"),
    (lambda a, b: matmul(a, b).float(), {}, "the result has dtype torch.float32, not torch.float64 .*of the inputs"),
    (lambda a, b: matmul(a, b).tolist(), {}, "forward: the result: 6 of them, not 1"),
    (lambda a, b: None, {}, "forward: the result is None, not"),
    (lambda a, b: 1 / 0, {}, "forward: the re-creation raises ZeroDivisionError: .*; the real one does not"),
    (lambda a, b: matmul(a, b[: a.shape[1]]), {}, r"case 3 .*forward: the re"),
    (lambda a, b: matmul(a.view(-1).view_as(a), b), {}, "not contiguous: forward: the re-creation raises Runtime"),
    (lambda a, b: matmul(a, b).clamp(-1e3, 1e3), {}, "large values: forward: the result differs"),
    (lambda a, b: matmul(a, b) / (a.abs().sum() > 0), {}, "zeros: forward: the result is NaN or infinite where"),
]  # fmt: skip


@pytest.mark.parametrize(("by", "more", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_a_wrong_matmul_is_refused(by: Callable, more: dict, message: str) -> None:
    inputs = [(A, B), (torch.rand(1, 1), torch.rand(1, 3)), (torch.rand(2, 3), torch.rand(4, 3))]
    with pytest.raises(UnlockError, match=f"^torch.matmul, .*{message}"):
        unlock("torch.matmul", by=by, inputs=inputs, **more)


def test_a_failed_unlock_records_and_prints_nothing(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GROUNDUP_RECORDS", str(tmp_path / "records"))
    with pytest.raises(AssertionError):
        unlock("torch.matmul", by=late, inputs=MATRICES)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (relu_without_nan, r"case 2 .*as given: forward: the result is NaN or infinite where the real one is not"),
        (lambda x: torch.maximum(x, torch.zeros_like(x)), r"case 1 .*zeros: backward: gradient differs"),
    ],
)
def test_nan_and_ties_are_compared_too(by: Callable, message: str) -> None:
    cases = [(torch.tensor([1.0, 2.0]),), (torch.tensor([float("nan"), -1.0, 0.0]),)]
    with pytest.raises(UnlockError, match=message):
        unlock("torch.nn.functional.relu", by=by, inputs=cases)


def test_nan_in_the_same_place_is_equal() -> None:
    cases = [(torch.tensor([float("nan"), 1.0, 4.0]),), (torch.tensor([-2.0, float("inf"), -float("inf")]),)]
    unlock("torch.nn.functional.relu", by=lambda x: torch.where(x <= 0, torch.zeros_like(x), x), inputs=cases)


def test_random_numbers_of_the_chapter_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    unlock("torch.nn.init.kaiming_normal_", by=kaiming, inputs=[(torch.empty(3, 4),), (torch.empty(2, 2),)])
    assert torch.equal(torch.rand(2), expected)


class BatchNorm(nn.Module):
    """As published; with `detached`, in the famous wrong way: its statistics outside the gradient."""

    def __init__(self, features: int, detached: bool = False, biased: bool = False, momentum: float = 0.1) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))
        self.detached, self.biased, self.momentum = detached, biased, momentum

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance if self.biased else x.var(0), self.momentum)
        if self.detached:
            mean, variance = mean.detach(), variance.detach()
        return (x - mean) / (variance + 1e-5).sqrt() * self.weight + self.bias


class WithoutBias(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))


class Frozen(BatchNorm):
    """Its scale takes no part in the gradient's step."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "first"):
            self.first = self.weight.detach().clone()
        return super().forward(x) + (self.first - self.weight.detach())


class Linear:
    """A layer without nn.Module."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        self.weight = torch.randn(outputs, inputs, requires_grad=True)
        self.bias = torch.zeros(outputs, requires_grad=True) if bias else None

    def parameters(self) -> Iterator[Tensor]:
        yield self.weight
        if self.bias is not None:
            yield self.bias

    def __call__(self, x: Tensor) -> Tensor:
        y = (x[..., None, :] * self.weight).sum(-1)
        return y if self.bias is None else y + self.bias


class Plain:
    """A layer whose parameters take no gradients."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.own = [torch.zeros(outputs, inputs), torch.zeros(outputs)]

    def parameters(self) -> list[Tensor]:
        return self.own


BATCHES = [((3,), (torch.rand(6, 3),)), ((2,), (torch.rand(2, 2),)), ((2,), (torch.rand(1, 2),))]


def test_a_right_batch_norm_is_accepted(capsys: pytest.CaptureFixture) -> None:
    class Checked(BatchNorm):
        def forward(self, x: Tensor) -> Tensor:
            if self.training and len(x) < 2:
                raise ValueError("a batch of one has no variance")
            return super().forward(x)

    unlock("torch.nn.BatchNorm1d", by=Checked, inputs=BATCHES)
    assert "cases     15, all equal" in capsys.readouterr().out


def test_a_layer_without_nn_module_is_accepted() -> None:
    cases = [((4, 2), (torch.rand(3, 4),)), ({"in_features": 1, "out_features": 1, "bias": False}, (torch.rand(0, 1),))]

    def linear(in_features: int, out_features: int, bias: bool = True) -> Linear:
        return Linear(in_features, out_features, bias)

    unlock("torch.nn.Linear", by=linear, inputs=cases)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (functools.partial(BatchNorm, detached=True), r"as given: backward: gradient 1 differs"),
        (functools.partial(BatchNorm, biased=True), r"as given: forward: buffer 2 differs"),
        (functools.partial(BatchNorm, momentum=0.9), r"as given: forward: buffer 1 differs"),
        (Frozen, r"as given: step: the result after a training step differs"),
        (WithoutBias, r"construction: its parameters have the shapes \[\(3,\)\], not \[\(3,\), \(3,\)\]"),
    ],
)
def test_a_wrong_batch_norm_is_refused(by: Callable, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.BatchNorm1d, case 1 .*{message}"):
        unlock("torch.nn.BatchNorm1d", by=by, inputs=BATCHES[:2])


def test_parameters_that_take_no_gradient_are_refused() -> None:
    with pytest.raises(UnlockError, match="parameter 1 has requires_grad=False"):
        unlock("torch.nn.Linear", by=Plain, inputs=[((4, 2), (torch.rand(3, 4),))] * 2)


def test_a_wrong_eval_mode_is_refused() -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(x, 0.5, training=True)

    with pytest.raises(UnlockError, match="the result in eval mode differs"):
        unlock("torch.nn.Dropout", by=Dropping, inputs=[((), (torch.rand(9, 9),)), ((), (torch.rand(3),))])


class SGD:
    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.0, damped: bool = False) -> None:
        self.params, self.lr, self.momentum, self.damped = params, lr, momentum, damped
        self.velocity: list[Tensor | None] = [None] * len(params)

    def step(self) -> None:
        for i, p in enumerate(self.params):
            before = self.velocity[i]
            new = p.grad if before is None else self.momentum * before + (1 - self.momentum * self.damped) * p.grad
            self.velocity[i] = new
            p.data -= self.lr * new


class Adam:
    def __init__(
        self,
        params: list[Tensor],
        lr: float = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        inside: bool = False,
    ) -> None:
        self.params, self.lr, self.betas, self.eps, self.inside, self.t = params, lr, betas, eps, inside, 0
        self.m, self.v = ([torch.zeros_like(p) for p in params] for _ in range(2))

    def step(self) -> None:
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v, strict=True):
            m.lerp_(p.grad, 1 - self.betas[0])
            v.lerp_(p.grad**2, 1 - self.betas[1])
            mean, square = m / (1 - self.betas[0] ** self.t), v / (1 - self.betas[1] ** self.t)
            p.data -= self.lr * mean / ((square + self.eps).sqrt() if self.inside else square.sqrt() + self.eps)


@pytest.mark.parametrize(
    ("name", "by", "cases"),
    [
        ("torch.optim.SGD", SGD, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}]),
        ("torch.optim.Adam", Adam, [{}, {"lr": 0.1, "betas": (0.5, 0.9)}, {"eps": 1e-3}]),
    ],
)
def test_right_optimizers_are_accepted(name: str, by: type, cases: list, capsys: pytest.CaptureFixture) -> None:
    unlock(name, by=by, inputs=cases)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["unlocked", "cases", "step", "time"]


@pytest.mark.parametrize(
    ("name", "by", "cases", "message"),
    [
        ("torch.optim.SGD", functools.partial(SGD, damped=True), [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}],
         r"case 2 \(lr=0.1, momentum=0.9\): step: after step 2: parameter 1 differs"),
        ("torch.optim.Adam", functools.partial(Adam, inside=True), [{}, {"lr": 0.1}],
         r"case 1 \(\): step: after step 1: parameter \d differs"),
        ("torch.optim.SGD", SGD, [{"lr": 0.1}, {"lr": 0.1, "nesterov": True, "momentum": 0.9}],
         r"case 2 .*: construction: the re-creation raises TypeError"),
        ("torch.optim.SGD", SGD, [{"lr": -1.0}, {"lr": 0.1}], r".*construction: the real one raises ValueError"),
    ],
)  # fmt: skip
def test_wrong_optimizers_are_refused(name: str, by: Any, cases: list, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^{name}, {message}"):
        unlock(name, by=by, inputs=cases)


class Inherited(nn.Linear):
    pass


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("torch.matmull", {}, "torch has no 'matmull': did you mean 'torch.matmul'"),
        ("torch.nn.functional.rellu", {}, "functional has no 'rellu': did you mean 'torch.nn.functional.relu'"),
        ("F.relu", {}, "write the full name, such as 'torch.nn.functional.relu'"),
        ("torch", {}, "write the full name"),
        ("torch.matmul", {"also": ("torch.mmm",)}, "torch has no 'mmm': did you mean 'torch.mm'"),
        ("torch.matmul", {"by": torch.matmul}, "is PyTorch's own: give your re-creation"),
        ("torch.matmul", {"by": torch.mm}, "is PyTorch's own"),
        ("torch.matmul", {"by": torch.Tensor.matmul}, "is PyTorch's own"),
        ("torch.matmul", {"by": functools.partial(torch.matmul)}, "is PyTorch's own"),
        ("torch.nn.functional.relu", {"by": nn.functional.relu}, "is PyTorch's own"),
        ("torch.nn.functional.relu", {"by": nn.ReLU()}, "is PyTorch's own"),
        ("torch.nn.Linear", {"by": nn.Linear}, "is PyTorch's own"),
        ("torch.nn.Linear", {"by": Inherited}, "is PyTorch's own"),
        ("torch.matmul", {"by": 3}, "by=3 cannot be called"),
        ("torch.matmul", {"inputs": [(A, B)]}, "1 case that the real one takes is too few: give at least 2"),
        ("torch.matmul", {"inputs": [(A, B), (A, A), (A, A)]}, "1 case that the real one takes is too few"),
        ("torch.matmul", {"inputs": [(A, B), A]}, "case 2 is no tuple of arguments"),
        ("torch.nn.Linear", {"by": Linear, "inputs": [(4, 2), (4, 2)]}, "case 1 is not \\(constructor arguments"),
        ("torch.optim.SGD", {"by": SGD, "inputs": [(0.1,), (0.2,)]}, "case 1 is no dict"),
        ("torch.nn.Linear", {"by": Linear, "backward": by_hand}, "backward= is for functions"),
        ("torch.utils.data.DataLoader", {"by": list}, "only functions, modules and optimizers"),
        ("torch.is_tensor", {"by": lambda x: True, "inputs": [(A,), (B,)]}, "it returns no tensor to compare"),
    ],
)  # fmt: skip
def test_what_proves_nothing_is_an_error(name: str, more: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unlock(name, **{"by": matmul, "inputs": MATRICES, **more})


def test_importing_unlock_does_not_import_torch() -> None:
    code = "import sys; from groundup import unlock; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
