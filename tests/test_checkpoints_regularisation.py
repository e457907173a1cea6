"""Augmentation, regularisation and calibration, in all checkpoints that have them; the oracle is PyTorch."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from torch import nn
from torch.nn import functional as F

pytestmark = pytest.mark.since(13)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def same(ours: Any, real: Any, *tensors: torch.Tensor) -> None:
    """Results and all gradients."""
    found = []
    for function in (ours, real):
        leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        result = function(*leaves)
        G = torch.linspace(-1, 2, result.numel(), dtype=torch.float64).view(result.shape)
        found.append([result, *torch.autograd.grad((result * G).sum(), leaves)])
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid")  # of one pixel
@pytest.mark.parametrize("seed", range(12))
def test_grids_and_samples(checkpoint: Checkpoint, seed: int) -> None:
    source, align = random.Random(seed), seed % 2 == 0
    augment = checkpoint.module("augment")
    N, C, H, W, P, Q = (source.randint(1, 6) for _ in range(6))
    x, grid = rand(N, C, W, H, seed=seed).transpose(2, 3), 1.3 * rand(N, P, Q, 2, seed=seed + 1)
    same(
        lambda x, grid: augment.grid_sample(x, grid, align_corners=align),
        lambda x, grid: F.grid_sample(x, grid, align_corners=align),
        x,
        grid,
    )
    theta, size = rand(N, 2, 3, seed=seed + 2), (N, C, H, W)
    same(
        lambda theta: augment.affine_grid(theta, size, align_corners=align),
        lambda theta: F.affine_grid(theta, size, align_corners=align),
        theta,
    )


def test_impossible_grids(checkpoint: Checkpoint) -> None:
    augment = checkpoint.module("augment")
    for x, grid in (
        (rand(2, 1, 4, 4), rand(3, 4, 4, 2)),
        (rand(2, 1, 4, 4), rand(2, 4, 4, 3)),
        (rand(1, 4, 4), rand(1, 4, 4, 2)),
        (rand(2, 1, 0, 4), rand(2, 4, 4, 2)),
        (rand(2, 1, 4, 4).float(), rand(2, 4, 4, 2)),
    ):
        with pytest.raises(ValueError, match="give"):
            augment.grid_sample(x, grid)
    for theta, size in ((rand(2, 3, 2), (2, 1, 4, 4)), (rand(2, 2, 3), (3, 1, 4, 4)), (rand(2, 2, 3), (2, 4, 4))):
        with pytest.raises(ValueError, match="give"):
            augment.affine_grid(theta, size)


def test_random_affine(checkpoint: Checkpoint) -> None:
    """By default nothing moves; draws are seeded, each image's own; quarter turns and whole shifts are exact."""
    random_affine = checkpoint.module("augment").random_affine
    x = rand(5, 2, 6, 9).float()
    kept = x.clone()
    torch.testing.assert_close(random_affine(x), x, rtol=1e-5, atol=1e-5)
    settings = {"rotate": 20.0, "shift": 2.0, "scale": 0.2, "fill": -0.4}
    first, again, other = (random_affine(x, **settings, generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(x, kept)
    assert first.dtype == x.dtype
    assert first.shape == x.shape
    assert first.min() >= min(x.min().item(), -0.4) - 1e-5
    assert first.max() <= x.max() + 1e-5
    alike = random_affine(x[:1].repeat(4, 1, 1, 1), **settings)
    assert not torch.allclose(alike[0], alike[1])
    assert random_affine(x[:0], **settings).shape == (0, 2, 6, 9)
    blank = torch.full((3, 1, 7, 7), -0.4)
    torch.testing.assert_close(random_affine(blank, **settings), blank)
    # a large image of a disc beside the middle: turned, its distance to the middle stays, also if it is not square
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(81.0), indexing="ij")
    disc = torch.exp(-((rows - 20) ** 2 + (columns - 55) ** 2) / 20)[None, None]
    for seed in range(5):
        turned = random_affine(disc, rotate=50, generator=seeded(seed))[0, 0]
        middle = (turned * rows).sum() / turned.sum() - 20, (turned * columns).sum() / turned.sum() - 40
        assert math.isclose(math.hypot(*middle), 15, abs_tol=0.2)
        grown = random_affine(disc, scale=0.3, generator=seeded(seed))[0, 0]
        assert math.isclose(
            ((grown * columns).sum() / grown.sum() - 40).item() / 15,
            (grown.sum() / disc.sum()).item() ** 0.5,
            abs_tol=0.03,
        )


@pytest.mark.parametrize("settings", [{"rotate": -1}, {"shift": -0.5}, {"scale": 1.0}, {"scale": -0.1}])
def test_impossible_settings(checkpoint: Checkpoint, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        checkpoint.module("augment").random_affine(rand(2, 1, 5, 5), **settings)


def test_test_time_augmentation(checkpoint: Checkpoint) -> None:
    tta = checkpoint.module("augment").tta
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(108, 4))
    model[1].eval()
    x, state = rand(5, 1, 8, 8).float(), {name: t.clone() for name, t in model.state_dict().items()}
    once = tta(model, x, 1)
    many = tta(model, x, 4, seeded(), rotate=20)
    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(torch.equal(state[name], t) for name, t in model.state_dict().items())
    torch.testing.assert_close(once, model.eval()(x).softmax(1))
    torch.testing.assert_close(many.sum(1), torch.ones(5))
    assert not torch.allclose(once, many)
    assert not many.requires_grad
    with pytest.raises(ValueError, match="versions=0"):
        tta(model, x, 0)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9, 1.0])
def test_dropout(checkpoint: Checkpoint, p: float) -> None:
    """The same draws as PyTorch's from the same seed, and gradients by the same mask."""
    layer, real = checkpoint.module("regularization").Dropout(p), nn.Dropout(p)
    x = rand(40, 3, 5).transpose(0, 2)
    found = []
    for dropout in (layer, real):
        torch.manual_seed(7)
        leaf = x.clone().requires_grad_()
        result = dropout(leaf)
        found.append((result, *torch.autograd.grad((result * x).sum(), leaf)))
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted)
    assert torch.equal(layer.eval()(x), x)
    assert layer(x[:, :0]).shape == (5, 0, 40)
    for wrong in (-0.1, 1.5):
        with pytest.raises(ValueError, match="probability"):
            checkpoint.module("regularization").Dropout(wrong)


@pytest.mark.parametrize("seed", range(8))
def test_soft_cross_entropy(checkpoint: Checkpoint, seed: int) -> None:
    source = random.Random(seed)
    N, K, smoothing = source.randint(1, 6), source.randint(1, 7), source.random()
    cross_entropy = checkpoint.module("losses").cross_entropy
    logits, labels = 5 * rand(N, K, seed=seed), torch.randint(0, K, (N,), generator=seeded(seed))
    same(
        lambda z: cross_entropy(z, labels, smoothing),
        lambda z: F.cross_entropy(z, labels, label_smoothing=smoothing),
        logits,
    )
    same(
        lambda z, t: cross_entropy(z, t, smoothing),
        lambda z, t: F.cross_entropy(z, t, label_smoothing=smoothing),
        logits,
        rand(N, K, seed=seed + 9).softmax(1),
    )


def test_losses_refuse(checkpoint: Checkpoint) -> None:
    cross_entropy = checkpoint.module("losses").cross_entropy
    z = rand(3, 4)
    for labels in (
        torch.tensor([0, 1]),
        torch.tensor([0, 1, 4]),
        torch.tensor([0, -1, 2]),
        torch.tensor([0.0, 1.0, 2.0]),
        rand(3, 4).float(),
        torch.zeros(3, 4, dtype=torch.int64),
    ):
        with pytest.raises(ValueError, match="labels"):
            cross_entropy(z, labels)
    for smoothing in (-0.1, 1.1):
        with pytest.raises(ValueError, match="label_smoothing"):
            cross_entropy(z, torch.tensor([0, 1, 2]), smoothing)
    with pytest.raises(ValueError, match="N of at least 1"):
        cross_entropy(z[:0], torch.zeros(0, dtype=torch.int64))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 4.0])
def test_mixup(checkpoint: Checkpoint, alpha: float) -> None:
    regularization = checkpoint.module("regularization")
    draws = regularization.beta(alpha, 20_000, seeded())
    assert len(draws) == 20_000
    assert abs(draws.mean() - 0.5) < 0.015
    assert abs(draws.var() - 1 / (4 * (2 * alpha + 1))) < 0.006
    x, y = rand(9, 2, 3), F.one_hot(torch.arange(9), 9).double()
    mixed, labels = regularization.mixup(x, y, alpha, seeded(2))
    torch.testing.assert_close(labels.sum(1), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(mixed, torch.einsum("nk,kcd->ncd", labels, x))  # label k is image k
    assert torch.equal(mixed, regularization.mixup(x, y, alpha, seeded(2))[0])
    for wrong in (0, -1, 5, math.nan):
        with pytest.raises(ValueError, match="alpha"):
            regularization.beta(wrong, 3)
    with pytest.raises(ValueError, match="probabilities"):
        regularization.mixup(x, torch.arange(9), alpha)


def test_callbacks_augment_training_only_and_resume(checkpoint: Checkpoint, tmp_path: Any) -> None:
    """Validation sees the images as they are; a resumed training draws what the uninterrupted would have."""
    module = checkpoint.module
    x, y = rand(12, 1, 6, 6).float(), torch.arange(12) % 3

    def learner(*callbacks: Any) -> Any:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
        loader = module("data").BatchLoader(x, y, batch_size=4, shuffle=True, generator=seeded(1))
        held = module("data").BatchLoader(x, y, batch_size=12)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        return module("learner").Learner(model, F.cross_entropy, sgd, loader, held, callbacks)

    seen: list[tuple[bool, torch.Tensor]] = []

    class Look(module("learner").Callback):  # type: ignore[misc]
        order = 50

        def after_predict(self, learner: Any) -> None:
            seen.append((learner.training, learner.x.clone()))

    def callbacks() -> list[Any]:
        augment = module("augment").Augment(seeded(5), rotate=30, shift=1)
        return [augment, module("regularization").Mixup(0.5, 3, seeded(6))]

    whole = learner(*callbacks(), Look())
    whole.fit(4)
    assert torch.equal(seen[3][1], x)
    assert [training for training, _ in seen[:4]] == [True, True, True, False]
    assert not any(torch.isclose(image, x).flatten(1).all(1).any() for image in seen[0][1])
    path = tmp_path / "state"
    learner(*callbacks(), module("checkpoint").Checkpoint(path)).fit(2)
    resumed = learner(*callbacks(), module("checkpoint").Checkpoint(path, resume=True))
    resumed.fit(4 - 2 if resumed.epoch else 4)
    for got, wanted in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(got, wanted)


def test_calibration(checkpoint: Checkpoint) -> None:
    module = checkpoint.module("calibration")
    probabilities = torch.tensor([[0.9, 0.1], [0.25, 0.75], [0.55, 0.45], [0.85, 0.15], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    count, confidence, right = module.reliability(probabilities, labels, 5)
    assert count.tolist() == [0, 0, 1, 1, 3]
    assert confidence[:2].isnan().all()
    torch.testing.assert_close(confidence[2:], torch.tensor([0.55, 0.75, 2.75 / 3]).double())
    torch.testing.assert_close(right[2:], torch.tensor([1, 0, 2 / 3]).double())
    wanted = (0.45 + 0.75 + 3 * (2.75 / 3 - 2 / 3)) / 5
    assert math.isclose(module.expected_calibration_error(probabilities, labels, 5), wanted, rel_tol=1e-6)
    logits = 3 * rand(4000, 5)
    truth = torch.multinomial((logits / 2.5).softmax(1), 1, generator=seeded(4))[:, 0]
    temperature = module.fit_temperature(logits, truth)
    assert abs(temperature - 2.5) < 0.2
    before, after = (module.expected_calibration_error((logits / t).softmax(1), truth) for t in (1, temperature))
    assert after < 0.03 < before
    with pytest.raises(ValueError, match="give"):
        module.reliability(logits, truth[:5])


def test_small_cnn_with_dropout(checkpoint: Checkpoint) -> None:
    small_cnn = checkpoint.module("models").small_cnn
    layers = [type(layer).__name__ for layer in small_cnn(dropout=0.2)]
    assert layers[-2:] == ["Dropout", "Linear"]
    assert "Dropout" not in [type(layer).__name__ for layer in small_cnn()]
