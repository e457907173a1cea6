"""Random functions and layers: equal draws or an equal distribution; what is wrong with the others is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from proof import recreated_functions as honest
from proof.recreated_modules import Dropout, Module
from torch import Tensor

from groundup import unlock
from groundup.proof import UnlockError

INIT = "torch.nn.init."
GENERATOR = torch.Generator().manual_seed(0)
PLAIN = [(torch.empty(30, 20),), (torch.empty(4, 50),)]
SEEDED = [*PLAIN, (torch.empty(4, 5), {"generator": GENERATOR})]
MASKS = [((), (torch.rand(9, 9),)), ((0.2,), (torch.rand(30),)), ((0.0,), (torch.rand(3),)), ((1.0,), (torch.rand(3),))]


def polar(tensor: Tensor) -> Tensor:
    """Other draws of the same distribution."""
    radius = (-2 * (1 - torch.rand(tensor.shape)).log()).sqrt()
    draws = radius * (2 * math.pi * torch.rand(tensor.shape)).cos()
    return tensor.copy_(draws * math.sqrt(2 / sum(tensor.shape)))


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    return x * (torch.rand(x.shape) >= p) / (1 - p) if training else x


ACCEPTED = [
    (INIT + "xavier_normal_", honest.xavier_normal_, [*SEEDED, (torch.empty(4, 4), 2.0)]),
    (INIT + "xavier_normal_", polar, PLAIN),
    (INIT + "kaiming_normal_", honest.kaiming_normal_,
     [*SEEDED, (torch.empty(4, 5, 3, 3), {"mode": "fan_out", "nonlinearity": "relu"})]),
    (INIT + "normal_", lambda t, m, s: t.copy_(m + s * torch.randn(t.shape)), [(*t, 1.0, 2.0) for t in PLAIN]),
    ("torch.nn.Dropout", Dropout, MASKS),
    ("torch.nn.functional.dropout", dropout, [(torch.rand(9, 9),), (torch.rand(40), 0.1), (torch.rand(4), 0.5, False)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "by", "inputs"), ACCEPTED)
def test_honest_random_functions_are_accepted(name: str, by: Callable, inputs: list) -> None:
    unlock(name, by=by, inputs=inputs)


def test_random_numbers_of_the_chapter_are_left_alone() -> None:
    generator = torch.Generator().manual_seed(5)
    torch.manual_seed(3)
    expected, drawn = torch.rand(2), torch.rand(2, generator=generator)
    generator.manual_seed(5)
    torch.manual_seed(3)
    unlock(
        INIT + "kaiming_normal_",
        by=honest.kaiming_normal_,
        inputs=[*PLAIN, (torch.empty(4, 5), {"generator": generator})],
    )
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(torch.rand(2, generator=generator), drawn)


def scaled(factor: float) -> Callable:
    return lambda t: polar(t).mul_(factor)


def uniform(t: Tensor) -> Tensor:
    return t.uniform_(-1, 1).mul_(math.sqrt(6 / sum(t.shape)))


def by_rows(t: Tensor) -> Tensor:
    """The same numbers in every row."""
    return t.copy_((torch.randn(1, t.shape[1]) * math.sqrt(2 / sum(t.shape))).expand(t.shape))


def first_is_zero(t: Tensor) -> Tensor:
    polar(t)[0, 0] = 0
    return t


REFUSED = [
    (scaled(1.05), "xavier_normal_", PLAIN, "the result has another scale: mean .* and standard deviation"),
    (scaled(math.sqrt(0.5)), "xavier_normal_", PLAIN, "another scale"),
    (lambda t: polar(t).add_(0.02), "xavier_normal_", PLAIN, "the result has another mean: mean 0.0"),
    (uniform, "xavier_normal_", PLAIN, "the result has another distribution"),
    (by_rows, "xavier_normal_", PLAIN, "is not as independent along dimension 0|another (mean|scale)"),
    (first_is_zero, "xavier_normal_", PLAIN, "is not alike in all its places"),
    (lambda t: t.fill_(0.1), "xavier_normal_", PLAIN, "the result has another"),
    (lambda t: polar(t).clone(), "xavier_normal_", PLAIN, "is not the tensor that was changed: change it in place"),
    (lambda t: t, "xavier_normal_", PLAIN, "the result (has another|is not finite)"),
    (lambda t: polar(t).double(), "xavier_normal_", PLAIN, "dtype torch.float64, not torch.float32|not the tensor"),
    (lambda t, generator=None: honest.xavier_normal_(t), "xavier_normal_", SEEDED,
     "case 3 .*forward: the result differs .*with the same generator the draws have to be equal"),
    (lambda t: honest.kaiming_normal_(t, mode="fan_out"), "kaiming_normal_", PLAIN, "another scale"),
]  # fmt: skip


@pytest.mark.parametrize(("by", "word", "inputs", "message"), REFUSED)
def test_wrong_initial_values_are_refused(by: Callable, word: str, inputs: list, message: str) -> None:
    with pytest.raises(UnlockError, match=message):
        unlock(INIT + word, by=by, inputs=inputs)


class Changed(Dropout):
    def mask(self, x: Tensor) -> Tensor:
        return (torch.rand(x.shape) >= self.p) / (1 - self.p) if self.p < 1 else torch.zeros(x.shape)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask(x) if self.training else x


class NotScaled(Changed):
    def mask(self, x: Tensor) -> Tensor:
        return 1.0 * (torch.rand(x.shape) >= self.p)


class ScaledInEval(NotScaled):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else x * (1 - self.p)


class AlwaysOn(Changed):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask(x)


class OtherWay(Changed):
    """Keeps with p, and drops with 1 - p."""

    def mask(self, x: Tensor) -> Tensor:
        return (torch.rand(x.shape) < self.p) / max(self.p, 1e-9)


class Shared(Changed):
    """One mask for all rows."""

    def mask(self, x: Tensor) -> Tensor:
        return super().mask(x[:1]).expand(x.shape)


class Whole(Changed):
    """Everything or nothing."""

    def mask(self, x: Tensor) -> Tensor:
        return super().mask(x.flatten()[:1]).reshape([1] * x.dim()).expand(x.shape)


class Kept(Changed):
    """The same mask in every call."""

    def mask(self, x: Tensor) -> Tensor:
        if not hasattr(self, "first"):
            self.first = super().mask(x)
        return self.first


class StraightThrough(Changed):
    """Takes no account of its mask in the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (x * self.mask(x) - x).detach() if self.training else x


class Stuck(Changed):
    """Does not come back from eval()."""

    def train(self, mode: bool = True) -> Any:
        self.training = mode and self.training
        return self


class Exactly(Changed):
    """Drops exactly the share p, and no more or less."""

    def mask(self, x: Tensor) -> Tensor:
        count = round(self.p * x.numel())
        kept = torch.ones(x.numel())
        kept[torch.randperm(x.numel())[:count]] = 0
        return kept.reshape(x.shape) * (x.numel() / max(1, x.numel() - count))


class WithoutModes:
    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, x: Tensor) -> Tensor:
        return x * (torch.rand(x.shape) >= self.p) / (1 - self.p)


class OtherMask(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, p: float) -> Tensor:
        context.p = p
        return x * Changed(p).mask(x)

    @staticmethod
    def backward(context: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * Changed(context.p).mask(grad), None


class TwoMasks(Changed):
    """Drops other gradients than results: each by itself is distributed as it should be."""

    def forward(self, x: Tensor) -> Tensor:
        return OtherMask.apply(x, self.p) if self.training else x


FALSE = [
    (TwoMasks, "forward: the result is not as independent along dimension 2"),
    (NotScaled, "forward: the result has another mean"),
    (ScaledInEval, "forward: the result has another mean"),
    (AlwaysOn, "eval: the result, where nothing is random,.* differs"),
    (OtherWay, "case 2 .*another"),
    (Shared, "forward: the result is not as independent"),
    (Whole, "forward: the result has another distribution"),
    (Kept, "forward: the result is not as independent"),
    (StraightThrough, "forward: the result has another scale"),
    (Stuck, "train again: the result has another"),
    (Exactly, "forward: the result (is not as independent|has another)"),
    (WithoutModes, "eval: it has no eval"),
    (lambda *p: Module(), "forward: the re-creation raises AttributeError"),
]


@pytest.mark.parametrize(("by", "message"), FALSE, ids=[getattr(by, "__name__", "") for by, _ in FALSE])
def test_false_dropouts_are_refused(by: Callable, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.Dropout, .*{message}"):
        unlock("torch.nn.Dropout", by=by, inputs=MASKS)
