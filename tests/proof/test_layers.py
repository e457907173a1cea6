"""Layers: which re-creations are accepted, and which false ones are refused, and why."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from proof import recreated_modules as honest
from proof.recreated_modules import BatchNorm1d, BatchNorm2d, HandLinear, Linear, Parameter
from torch import Tensor, nn

from groundup import unlock
from groundup.proof import UnlockError

N = "torch.nn."
FLAT = [((3,), (torch.rand(6, 3),)), ((2,), (torch.rand(2, 2),)), ((2,), (torch.rand(1, 2),))]
IMAGES = [((3,), (torch.rand(6, 3, 4, 5),)), ((2,), (torch.rand(2, 2, 1, 1),))]
ROWS = [((4, 2), (torch.rand(3, 4),)), ((3, 5), (torch.rand(2, 3),))]


class Conv2d(honest.Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_channels * kernel_size**2)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = Parameter(torch.empty(out_channels).uniform_(-bound, bound))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)  # unlocked before


class Bilinear(nn.Module):
    """Two inputs, and a keyword in forward."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return ((x1 - x2 + 1e-6) ** 2).sum(-1).sqrt() if self.features == 2 else (x1 - x2 + 1e-6).abs().sum(-1)


class WithoutList:
    """A layer that is no module: its parameters are attributes."""

    def __init__(self, in_features: int, out_features: int) -> None:
        bound = 1 / math.sqrt(in_features)
        self.weight = torch.empty(out_features, in_features).uniform_(-bound, bound).requires_grad_()
        self.bias = torch.empty(out_features).uniform_(-bound, bound).requires_grad_()

    def __call__(self, x: Tensor) -> Tensor:
        return (x[..., None, :] * self.weight).sum(-1) + self.bias


ACCEPTED = [
    (N + "Linear", Linear, [*ROWS, ({"in_features": 3, "out_features": 1, "bias": False}, (torch.rand(0, 3),))]),
    (N + "Linear", WithoutList, ROWS),
    (N + "Linear", HandLinear, [*ROWS, ((3, 5), (torch.rand(2, 7, 3),))]),
    (N + "BatchNorm1d", BatchNorm1d, [*FLAT, ((2, {"momentum": 0.3}), (torch.rand(4, 2),))]),
    (N + "BatchNorm2d", BatchNorm2d, IMAGES),
    (N + "LayerNorm", honest.LayerNorm, [((3,), (torch.rand(6, 3),)), ((5, 1e-3), (torch.rand(2, 4, 5),))]),
    (N + "GroupNorm", honest.GroupNorm, [((2, 4), (torch.rand(6, 4, 3),)), ((3, 3), (torch.rand(2, 3, 2, 2),))]),
    (N + "ReLU", honest.ReLU, [((), (torch.rand(5) - 0.5,)), ((), (torch.rand(2, 3),))]),
    (N + "Conv2d", Conv2d, [((2, 3, 3), (torch.rand(2, 2, 5, 5),)),
     ((1, 2, {"kernel_size": 2, "stride": 2, "padding": 1}), (torch.rand(1, 1, 4, 4),))]),
    (N + "PairwiseDistance", Bilinear, [((2,), (torch.rand(4, 3), torch.rand(4, 3))),
     ((1,), (torch.rand(2, 3), {"x2": torch.rand(2, 3)}))]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "by", "inputs"), ACCEPTED, ids=[f"{row[0]}-{row[1].__name__}" for row in ACCEPTED])
def test_honest_layers_are_accepted(name: str, by: Callable, inputs: list) -> None:
    unlock(name, by=by, inputs=inputs)


class Detached(BatchNorm1d):
    """The famous wrong one: its statistics are outside the gradient."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(s.detach() for s in super().statistics(x))  # type: ignore[return-value]


class Biased(BatchNorm1d):
    def update(self, mean: Tensor, variance: Tensor, count: int) -> None:
        super().update(mean, variance * (count - 1) / count, count)


class Unbiased(BatchNorm1d):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(0), x.var(0)


class Frozen(BatchNorm1d):
    """Its scale takes no part in the gradient's step."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "first"):
            self.first = self.weight.detach().clone()
        return super().forward(x) + (self.first - self.weight.detach())


class StartsAtZero(BatchNorm1d):
    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.register_buffer("running_var", torch.zeros(features))


class WeightZero(BatchNorm1d):
    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.weight = Parameter(torch.zeros(features))


class WeightRandom(BatchNorm1d):
    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.weight = Parameter(torch.rand(features))


class NeverBack(BatchNorm1d):
    def train(self, mode: bool = True) -> Any:
        return super().train(mode and self.training)


class UpdatesInEval(BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            self.update(*self.statistics(x.detach()), len(x))
        return super().forward(x)


class AlwaysTraining(BatchNorm1d):
    def eval(self) -> Any:
        return self


class WithoutBuffers(honest.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(torch.ones(features)), Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * self.weight + self.bias


class OtherNames(BatchNorm1d):
    def __init__(self, features: int) -> None:
        super().__init__(features)
        self._buffers = {"mean": self._buffers["running_mean"], "variance": self._buffers["running_var"]}


class NotSaved(BatchNorm1d):
    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        return {name: tensor for name, tensor in super().state_dict(prefix).items() if "running" not in name}


class WithoutModes:
    """No eval and no buffers at all."""

    def __init__(self, features: int) -> None:
        self.weight = torch.ones(features, requires_grad=True)
        self.bias = torch.zeros(features, requires_grad=True)

    def __call__(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * self.weight + self.bias


class WithoutEval(WithoutModes):
    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.running_mean, self.running_var = torch.zeros(features), torch.ones(features)

    def __call__(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(0), 0.1)
            self.running_var.lerp_(x.var(0), 0.1)
        return super().__call__(x)


class WithoutBias(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))


class Double(BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).double()


class Wrapper(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.inner = nn.BatchNorm1d(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Functional(BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training)


FALSE = [
    (Detached, "as given: backward: gradient 1 differs"),
    (Biased, "as given: forward: buffer running_var differs"),
    (Unbiased, "as given: forward: the result differs"),
    (functools.partial(BatchNorm1d, momentum=0.9), "as given: forward: buffer running_mean differs"),
    (Frozen, "as given: step: the result after a training step differs"),
    (StartsAtZero, "construction: the initial running_var differs by up to 1"),
    (WeightZero, "construction: the initial weight differs by up to 1"),
    (WeightRandom, "construction: the initial weight differs"),
    (NeverBack, "train again: the result after eval.. and train.. differs"),
    (UpdatesInEval, "eval: (the result in eval mode|buffer running_mean) differs"),
    (AlwaysTraining, "eval: the result in eval mode differs"),
    (WithoutBuffers, "construction: its buffers are named nothing, not running_mean, running_var"),
    (OtherNames, "construction: its buffers are named mean, variance, not running_mean, running_var"),
    (NotSaved, r"construction: state_dict\(\) has bias, weight, not bias, running_mean, running_var, weight"),
    (WithoutModes, "construction: its buffers are named nothing, not running_mean, running_var"),
    (WithoutEval, r"eval: it has no eval\(\) and train\(\): the real one answers otherwise in evaluation"),
    (WithoutBias, "construction: its parameters are named weight, not bias, weight"),
    (Double, "in float32: forward: the result has dtype torch.float64, not torch.float32"),
    (Wrapper, "the re-creation calls torch.nn.modules.batchnorm.* which is what it re-creates: write it"),
    (Functional, "the re-creation calls torch.nn.functional.batch_norm, which is what it re-creates"),
    (lambda features: nn.BatchNorm1d(features), "the re-creation calls torch.nn.modules.batchnorm"),
]


@pytest.mark.parametrize(("by", "message"), FALSE, ids=[getattr(by, "__name__", "partial") for by, _ in FALSE])
def test_false_batch_norms_are_refused(by: Callable, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.BatchNorm1d, case 1 .*{message}"):
        unlock("torch.nn.BatchNorm1d", by=by, inputs=FLAT[:2])


def test_a_false_batch_norm_of_images_is_refused() -> None:
    class Short(BatchNorm2d):
        def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.mean(self.dims), x.flatten(2).var(2, correction=0).mean(0)

    with pytest.raises(UnlockError, match=r"case 1 .*as given: forward: the result differs"):
        unlock("torch.nn.BatchNorm2d", by=Short, inputs=IMAGES)


class ZeroLinear(Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight = Parameter(torch.zeros(out_features, in_features))


class NormalLinear(Linear):
    """The right standard deviation, and the wrong distribution."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight = Parameter(torch.randn(out_features, in_features) / math.sqrt(3 * in_features))


class FanOutLinear(Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight = Parameter(torch.empty(out_features, in_features).uniform_(-1, 1) / math.sqrt(out_features))


class ZeroBias(Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.bias = Parameter(torch.zeros(out_features))


class Transposed(Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight = Parameter(torch.rand(in_features, out_features))


class Plain(WithoutList):
    """Its parameters take no gradients."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight, self.bias = self.weight.detach(), self.bias.detach()


class HandWrong(HandLinear):
    def backward(self, grad: Tensor) -> Tensor:
        result = super().backward(grad)
        self.bias_grad = grad.flatten(0, -2).mean(0)
        return result


class HandTransposed(HandLinear):
    def backward(self, grad: Tensor) -> Tensor:
        result = super().backward(grad)
        self.weight_grad = self.weight_grad.T
        return result


class HandSilent(HandLinear):
    """Keeps no gradients."""

    def backward(self, grad: Tensor) -> Tensor:
        return grad @ self.weight


class Raising(Linear):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("weight")


class Listed(WithoutList):
    """Its parameters have no names."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.own = [self.weight, self.bias]
        del self.weight, self.bias

    def parameters(self) -> list[Tensor]:
        return self.own


LINEAR = [
    (ZeroLinear, "construction: the initial weight has another scale: mean 0 and standard deviation 0, not"),
    (NormalLinear, "construction: the initial weight has another distribution"),
    (FanOutLinear, "construction: the initial weight has another scale"),
    (ZeroBias, "construction: the initial bias has another scale"),
    (Transposed, r"construction: parameter weight has shape \(4, 2\), not \(2, 4\)"),
    (Plain, "construction: parameter weight has requires_grad=False"),
    (HandWrong, "backward: gradient 3 differs"),
    (HandTransposed, r"backward: gradient 2 has shape \(4, 2\), not \(2, 4\)"),
    (HandSilent, r"backward: gradient 2 is None, not a tensor"),
    (Raising, r"as given: forward: the re-creation raises KeyError: 'weight' \(in forward, line \d+\); the real one"),
    (Listed, r"construction: its parameters are named \(one without a name\), .*, not bias, weight"),
    (lambda *sizes: 1 / 0, "construction: the re-creation raises ZeroDivisionError"),
]


@pytest.mark.parametrize(("by", "message"), LINEAR, ids=[by.__name__ for by, _ in LINEAR])
def test_false_linear_layers_are_refused(by: Callable, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.Linear, case 1 .*{message}"):
        unlock("torch.nn.Linear", by=by, inputs=ROWS)
