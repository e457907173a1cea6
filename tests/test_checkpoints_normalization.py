"""Normalisation, in all checkpoints that have it; the oracle is PyTorch."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from torch import nn

SHAPES = {"BatchNorm1d": [(5, 3), (2, 4, 6), (7, 1, 2)], "BatchNorm2d": [(5, 3, 4, 2), (1, 2, 3, 3), (3, 1, 1, 2)]}


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def strided(x: torch.Tensor, seed: int) -> torch.Tensor:
    """The same numbers, now and then not contiguous."""
    return x.transpose(0, 1).contiguous().transpose(0, 1) if seed % 2 else x


def pair(checkpoint: Checkpoint, name: str, *settings: Any, **keywords: Any) -> tuple[nn.Module, nn.Module]:
    """Ours and PyTorch's, in float64, with the same random parameters; each reads the other's state."""
    ours = getattr(checkpoint.module("normalization"), name)(*settings, **keywords).double()
    real = getattr(nn, name)(*settings, **keywords).double()
    for n, p in enumerate(real.parameters()):
        p.data = rand(*p.shape, seed=90 + n) + 1
    ours.load_state_dict(real.state_dict())
    real.load_state_dict(ours.state_dict())
    return ours, real


def same_life(ours: nn.Module, real: nn.Module, batches: list[torch.Tensor], modes: list[bool]) -> None:
    """Results, gradients and buffers after each batch."""
    for x, training in zip(batches, modes, strict=True):
        found = []
        for layer in (ours.train(training), real.train(training)):
            leaf = x.detach().clone().as_strided(x.shape, x.stride()) if x.is_contiguous() else x.detach()
            leaf = leaf.clone().requires_grad_()
            layer.zero_grad()
            result = layer(leaf)
            G = torch.linspace(-1, 2, result.numel(), dtype=torch.float64).view(result.shape)
            (result * G).sum().backward()
            found.append([result, leaf.grad, *[p.grad for p in layer.parameters()], *layer.buffers()])
        assert len(found[0]) == len(found[1])
        for got, wanted in zip(*found, strict=True):
            close(got, wanted)


@pytest.mark.since(12)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(12))
def test_batch_norm_lives_as_pytorchs(checkpoint: Checkpoint, name: str, seed: int) -> None:
    source = random.Random(seed)
    shape = source.choice(SHAPES[name])
    keywords = {"eps": 10 ** source.uniform(-6, 0), "momentum": source.random(), "affine": seed % 3 > 0}
    ours, real = pair(checkpoint, name, shape[1], **keywords)
    sizes = [(source.randint(2, 5), *shape[1:]) for _ in range(5)]
    batches = [strided(3 * rand(*size, seed=10 * seed + n) + 2, seed) for n, size in enumerate(sizes)]
    same_life(ours, real, batches, [True, True, False, True, False])


@pytest.mark.since(12)
@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("GroupNorm", (2, 6), (3, 6, 4, 5)),
        ("GroupNorm", (3, 6), (2, 6)),
        ("GroupNorm", (1, 4), (0, 4, 3)),
        ("GroupNorm", (4, 4), (2, 4, 1, 2)),
        ("LayerNorm", (6,), (5, 6)),
        ("LayerNorm", ((4, 3),), (2, 5, 4, 3)),
        ("LayerNorm", ((1,),), (2, 1)),
        ("LayerNorm", ([3, 2],), (0, 3, 2)),
        ("RMSNorm", (6,), (5, 6)),
        ("RMSNorm", ((4, 3),), (2, 5, 4, 3)),
        ("RMSNorm", (2,), (0, 2)),
    ],
)
@pytest.mark.parametrize("affine", [True, False])
def test_norms_of_one_example_are_pytorchs(
    checkpoint: Checkpoint, name: str, settings: tuple[Any, ...], shape: tuple[int, ...], affine: bool
) -> None:
    keywords = {"affine" if name == "GroupNorm" else "elementwise_affine": affine, "eps": 1e-3}
    ours, real = pair(checkpoint, name, *settings, **keywords)
    for seed in range(3):
        same_life(ours, real, [strided(2 * rand(*shape, seed=seed) - 1, seed)], [seed < 2])


@pytest.mark.since(12)
@pytest.mark.parametrize(
    ("shape", "dims"), [((7,), (0,)), ((4, 3), (0,)), ((2, 3, 4, 2), (0, 2, 3)), ((3, 4, 2), (1, 2))]
)
def test_gradient_by_hand_against_finite_differences(
    checkpoint: Checkpoint, shape: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    norms = checkpoint.module("standardizing")
    x, g = 2 * rand(*shape) + 1, rand(*shape, seed=1) + 0.5
    normal, _, var = norms.standardize(x, dims, 1e-2)
    grad = norms.standardize_grad(g, normal, (var + 1e-2).sqrt(), dims)
    check = checkpoint.module("gradients").gradient_check
    assert check(lambda: (norms.standardize(x, dims, 1e-2)[0] * g).sum(), [x], [grad]) < 1e-6
    assert torch.autograd.gradcheck(
        lambda t: norms.Standardized.apply(t, dims, 1e-2)[0], [x.requires_grad_()], raise_exception=False
    )


@pytest.mark.since(12)
def test_a_second_derivative_is_right(checkpoint: Checkpoint) -> None:
    norms = checkpoint.module("standardizing")
    x = rand(5, 3).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda t: norms.Standardized.apply(t, (0,), 0.1)[0], [x])


@pytest.mark.since(12)
def test_far_from_zero_nothing_is_lost(checkpoint: Checkpoint) -> None:
    ours = checkpoint.module("normalization").BatchNorm1d(3)
    out = ours(10_000 + rand(500, 3).float())
    assert (out.std(0) - 1).abs().max() < 0.01
    assert out.mean(0).abs().max() < 0.01


@pytest.mark.since(12)
def test_evaluation_leaves_the_buffers_alone(checkpoint: Checkpoint) -> None:
    ours = checkpoint.module("normalization").BatchNorm2d(2)
    ours(rand(4, 2, 3, 3).float())
    before = {name: t.clone() for name, t in ours.state_dict().items()}
    assert before["num_batches_tracked"] == 1
    alone = ours.eval()(rand(1, 2, 3, 3, seed=1).float())
    assert all(torch.equal(t, before[name]) for name, t in ours.state_dict().items())
    company = ours(torch.cat([rand(1, 2, 3, 3, seed=1), 9 * rand(3, 2, 3, 3, seed=2)]).float())
    torch.testing.assert_close(company[:1], alone)
    assert ours(torch.zeros(0, 2, 3, 3)).shape == (0, 2, 3, 3)


@pytest.mark.since(12)
@pytest.mark.parametrize(
    ("name", "settings", "shape", "said"),
    [
        ("BatchNorm1d", (3,), (1, 3), "1 number"),
        ("BatchNorm1d", (3,), (0, 3), "0 number"),
        ("BatchNorm1d", (3,), (5, 4), r"\(5, 4\)"),
        ("BatchNorm1d", (3,), (5, 3, 2, 2), r"\(5, 3, 2, 2\)"),
        ("BatchNorm2d", (3,), (5, 3), r"\(5, 3\)"),
        ("BatchNorm2d", (3,), (1, 3, 1, 1), "1 number"),
        ("GroupNorm", (2, 6), (3, 4), r"\(3, 4\)"),
        ("GroupNorm", (2, 6), (6,), r"\(6,\)"),
        ("LayerNorm", (4,), (4, 3), r"\(4, 3\)"),
        ("LayerNorm", ((4, 3),), (3,), r"\(3,\)"),
        ("RMSNorm", (4,), (4, 3), r"\(4, 3\)"),
    ],
)
def test_wrong_shapes_are_refused_by_their_names(
    checkpoint: Checkpoint, name: str, settings: tuple[Any, ...], shape: tuple[int, ...], said: str
) -> None:
    layer = getattr(checkpoint.module("normalization"), name)(*settings)
    with pytest.raises(ValueError, match=said):
        layer(torch.zeros(shape))


@pytest.mark.since(12)
@pytest.mark.parametrize("groups", [0, -1, 4])
def test_groups_that_do_not_divide(checkpoint: Checkpoint, groups: int) -> None:
    with pytest.raises(ValueError, match=str(groups)):
        checkpoint.module("normalization").GroupNorm(groups, 6)


@pytest.mark.since(12)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_folded_is_the_same(checkpoint: Checkpoint, bias: bool, affine: bool, own: bool) -> None:
    norms = checkpoint.module("normalization")
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), groups=2, bias=bias)
    norm = (norms if own else nn).BatchNorm2d(6, affine=affine)
    model = nn.Sequential(conv, norm).double()
    for _ in range(3):
        model(3 * rand(5, 4, 8, 7) + 1)
    x, model = rand(2, 4, 8, 7, seed=3), model.eval()
    folded = norms.fold(conv, norm)
    close(folded(x), model(x))
    assert (conv.bias is not None) == bias
    assert all(p.requires_grad for p in folded.parameters())
    with pytest.raises(ValueError, match="6 channels and a norm of 5"):
        norms.fold(conv, nn.BatchNorm2d(5))


@pytest.mark.since(12)
def test_the_cnn_takes_a_norm_and_is_otherwise_what_it_was(checkpoint: Checkpoint) -> None:
    norms, small_cnn = checkpoint.module("normalization"), checkpoint.module("models").small_cnn
    torch.manual_seed(3)
    plain = small_cnn()
    torch.manual_seed(3)
    before = Checkpoint(11).module("models").small_cnn()
    assert all(torch.equal(p, q) for p, q in zip(plain.parameters(), before.parameters(), strict=True))
    assert sum(p.numel() for p in plain.parameters()) == 8906
    for norm in (norms.BatchNorm2d, lambda channels: norms.GroupNorm(4, channels)):
        model = small_cnn((4, 8, 12), 7, norm=norm)
        assert all(layer.bias is None for layer in model if isinstance(layer, nn.Conv2d))
        assert all(layer.weight.mean() == 1 for layer in model if isinstance(layer, norms.BatchNorm | norms.GroupNorm))
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 7)
