"""Hooks, statistics, starts and attribution, in all checkpoints that have them; the oracle is PyTorch."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from torch import nn
from torch.nn.functional import cross_entropy


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def hooked(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules())


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(5, 4, 2, bias=False), nn.Tanh()),
        nn.Flatten(), nn.Linear(4 * 3 * 2, 3),
    ).double()  # fmt: skip


def learner(checkpoint: Checkpoint, model: nn.Module, x: torch.Tensor, y: torch.Tensor, *callbacks: Any) -> Any:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = checkpoint.module("data").BatchLoader(x, y, batch_size=3)
    return checkpoint.module("learner").Learner(model, cross_entropy, optimizer, loader, loader, callbacks)


@pytest.mark.since(11)
@pytest.mark.parametrize("backward", [False, True])
def test_hooks_come_off_whatever_happens(checkpoint: Checkpoint, backward: bool) -> None:
    model, seen = network(), []
    hooks = checkpoint.module("hooks").Hooks(iter([model[4], model[0]]), lambda m, a, b: seen.append(m), backward)

    def fail() -> None:
        with hooks as entered:
            assert entered is hooks
            assert hooked(model) == 2
            model(rand(2, 2, 6, 5).requires_grad_()).sum().backward()
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert hooked(model) == 0
    assert seen == ([model[4], model[0]] if backward else [model[0], model[4]]) * 2
    with pytest.raises(AttributeError), checkpoint.module("hooks").Hooks([model[0], None], print, backward):
        pass
    assert hooked(model) == 0


@pytest.mark.since(11)
def test_statistics_are_those_of_outputs_and_gradients(checkpoint: Checkpoint) -> None:
    model, x, y = network(), rand(6, 2, 6, 5), torch.tensor([0, 1, 2, 2, 1, 0])
    stats = checkpoint.module("hooks").ActivationStats("1", "4", low=-1, high=1, bins=7)
    first = copy.deepcopy(model)[:2](x[:3]).detach()
    learner(checkpoint, model, x, y, stats).fit(2)
    assert hooked(model) == 0
    assert [len(kept[name]) for kept in (stats.outputs, stats.gradients) for name in ("1", "4")] == [4] * 4  # steps
    row = stats.outputs["1"][0]
    assert math.isclose(row["mean"], first.mean().item())
    assert math.isclose(row["std"], first.std())
    assert math.isclose(row["between"], first.var(0, unbiased=False).mean().sqrt())
    assert torch.allclose(row["active"], (first > 0).float().mean((0, 2, 3)).to(row["active"]))
    assert row["histogram"].sum() == first.numel()
    assert row["histogram"].shape == (7,)
    assert row["histogram"][-1] == (first >= 1 - 2 / 7).sum()
    model = network()
    out = model(x[:3])
    out.retain_grad()
    cross_entropy(out, y[:3]).backward()
    assert math.isclose(stats.gradients["4"][0]["std"], out.grad.std())
    assert stats.gradients["4"][0]["active"].shape == (3,)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # the first module's input is data
@pytest.mark.since(11)
def test_statistics_of_everything_and_of_the_impossible(checkpoint: Checkpoint) -> None:
    hooks = checkpoint.module("hooks")
    model, y = network(), torch.tensor([0, 1, 2])
    stats = hooks.ActivationStats()
    fit = learner(checkpoint, model, rand(3, 2, 6, 5), y, stats)
    fit.fit(1)
    fit.fit(1)
    assert [*stats.outputs] == ["0", "1", "2.0", "2.1", "3", "4"]
    assert {len(rows) for rows in (*stats.outputs.values(), *stats.gradients.values())} == {2}
    for values in (rand(1, 4), torch.full((3, 2), math.nan), torch.tensor([[math.inf, 1.0], [-math.inf, 2.0]])):
        assert hooks.describe(values, -1.0, 1.0, 5)["histogram"].sum() == values.numel()
    assert hooks.describe(rand(1, 4), -1.0, 1.0, 5)["between"] == 0
    transposed = rand(4, 5, 3).permute(1, 2, 0)
    assert hooks.describe(transposed, -1.0, 1.0, 5)["active"].shape == (3,)
    with pytest.raises(ValueError, match=r"no modules \['7'\]: there are"):
        learner(checkpoint, model, rand(3, 2, 6, 5), y, hooks.ActivationStats("0", "7")).fit(1)
    with pytest.raises(ValueError, match="low=1"):
        hooks.ActivationStats(low=1, high=1)
    with pytest.raises(ValueError, match="bins=0"):
        hooks.ActivationStats(bins=0)
    assert hooked(model) == 0


@pytest.mark.since(11)
def test_hooks_are_off_after_a_fit_that_failed(checkpoint: Checkpoint) -> None:
    model = network()
    failing = learner(
        checkpoint, model, rand(3, 2, 6, 5), torch.tensor([0, 1, 9]), checkpoint.module("hooks").ActivationStats()
    )
    with pytest.raises(IndexError):
        failing.fit(1)
    assert hooked(model) == 0


@pytest.mark.since(11)
@pytest.mark.parametrize("seed", range(5))
def test_lsuv_makes_means_0_and_deviations_1(checkpoint: Checkpoint, seed: int) -> None:
    model, x, seen = network(seed), 3 + 2 * rand(8, 2, 6, 5, seed=seed), []
    before = [p.clone() for p in model.parameters()]
    assert checkpoint.module("init").lsuv_(model, x) is model
    assert hooked(model) == 0
    layers = [model[0], model[2][0], model[4]]
    with checkpoint.module("hooks").Hooks(layers, lambda m, i, o: seen.append(o)):
        model(x)
    for layer, out in zip(layers, seen, strict=True):
        assert math.isclose(out.std().item(), 1, abs_tol=1e-9)
        assert layer.bias is None or abs(out.mean()) < 1e-9
    for p, old in zip(model.parameters(), before, strict=True):
        assert p.requires_grad
        assert p.grad is None
        if p.dim() > 1:
            assert torch.allclose(p / old, (p / old).flatten()[0])
        else:
            scaled = torch.linalg.lstsq(torch.stack([old, torch.ones_like(old)], 1), p[:, None]).solution[:, 0].detach()
            assert torch.allclose(scaled[0] * old + scaled[1], p)


@pytest.mark.since(11)
def test_lsuv_refuses_what_is_constant_or_empty(checkpoint: Checkpoint) -> None:
    lsuv_ = checkpoint.module("init").lsuv_
    model = network()
    nn.init.zeros_(model[2][0].weight)
    for x in (rand(4, 2, 6, 5), rand(0, 2, 6, 5)):
        with pytest.raises(ValueError, match="nothing to scale"):
            lsuv_(model, x)
        assert hooked(model) == 0


@pytest.mark.since(11)
@pytest.mark.parametrize(("leak", "shift", "limit"), [(0.0, 0.0, math.inf), (0.1, 0.4, 1.5), (0.5, -0.2, 0.3)])
def test_generalised_relu(checkpoint: Checkpoint, leak: float, shift: float, limit: float) -> None:
    activation = checkpoint.module("activations").GeneralReLU(leak, shift, limit)
    for x in (3 * rand(4, 5).T, rand(0, 3), rand(), rand(1, 1)):
        x = x.clone().requires_grad_()
        wanted = torch.minimum(torch.where(x > 0, x, leak * x) - shift, torch.tensor(limit).double())
        torch.testing.assert_close(activation(x), wanted)
        ours, theirs = (torch.autograd.grad(f.sum(), x)[0] for f in (activation(x), wanted))
        torch.testing.assert_close(ours, theirs)


@pytest.mark.since(11)
def test_the_shift_centres(checkpoint: Checkpoint) -> None:
    z = torch.linspace(-10, 10, 200_001, dtype=torch.float64)
    density = (-(z**2) / 2).exp() / math.sqrt(2 * math.pi) * 1e-4
    for leak in (0.0, 0.1, 0.7, 1.0):
        mean = (torch.where(z > 0, z, leak * z) * density).sum().item()
        assert math.isclose(checkpoint.module("activations").centring_shift(leak), mean, abs_tol=1e-6)


@pytest.mark.since(11)
def test_saliency_is_the_size_of_the_gradient(checkpoint: Checkpoint) -> None:
    model, classes = network(), torch.tensor([2, 0, 1])
    x = rand(2, 3, 5, 6, seed=4).permute(1, 0, 3, 2)
    assert not x.is_contiguous()
    found = checkpoint.module("attribution").saliency(model, x, classes)
    step, wanted = 1e-6, torch.zeros_like(x)
    with torch.no_grad():
        for place in range(x[0].numel()):
            moved = [x.reshape(3, -1).clone() for _ in range(2)]
            moved[0][:, place] += step
            moved[1][:, place] -= step
            up, down = (model(m.view(x.shape)).gather(1, classes[:, None])[:, 0] for m in moved)
            wanted[:, place // 30, place % 30 // 5, place % 5] = (up - down) / (2 * step)
    torch.testing.assert_close(found, wanted.abs().amax(1), atol=1e-7, rtol=1e-6)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.since(11)
def test_grad_cam_is_the_papers(checkpoint: Checkpoint) -> None:
    grad_cam = checkpoint.module("attribution").grad_cam
    model, x, classes = network(3), rand(4, 2, 6, 5, seed=5), torch.tensor([2, 0, 1, 1])
    maps = model[:2](x)
    logits = model[2:](maps)
    (grad,) = torch.autograd.grad(logits[torch.arange(4), classes].sum(), maps)
    wanted = torch.einsum("nkij,nk->nij", maps, grad.mean((2, 3))).relu()
    found = grad_cam(model, model[1], x, classes)
    torch.testing.assert_close(found, wanted.detach())
    for n in range(4):  # no image has a part in another's map
        torch.testing.assert_close(grad_cam(model, model[1], x[n : n + 1], classes[n : n + 1])[0], found[n])
    assert grad_cam(model, model[1], x[:0], classes[:0]).shape == (0, 4, 3)
    assert hooked(model) == 0
    assert not found.requires_grad
    model.requires_grad_(False)  # a frozen network has the same maps
    torch.testing.assert_close(grad_cam(model, model[1], x, classes), found)
    assert not x.requires_grad
    assert not any(p.requires_grad for p in model.parameters())
    model.requires_grad_()
    for layer in (nn.ReLU(), model[4]):
        with pytest.raises(ValueError, match="it should be one"):
            grad_cam(model, layer, x, classes)
    for bad in ((x[0], classes), (x, classes[:2])):
        with pytest.raises(ValueError, match="a class for each image"):
            grad_cam(model, model[1], *bad)
        with pytest.raises(ValueError, match="a class for each image"):
            checkpoint.module("attribution").saliency(model, *bad)
