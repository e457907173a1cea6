"""Convolution, pooling and the networks made of them, in all checkpoints that have them; the oracle is PyTorch."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from torch import nn

F = nn.functional
CASES = range(40)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def drawn(seed: int) -> tuple[list[torch.Tensor], tuple[Any, ...]]:
    """Images, weight and bias, and stride, padding, dilation and groups that fit them."""
    source = random.Random(seed)

    def two(low: int, high: int) -> tuple[int, int]:
        return source.randint(low, high), source.randint(low, high)

    groups = source.choice((1, 1, 2, 3))
    settings = two(1, 3), two(0, 3), two(1, 3), groups
    into, out = groups * source.randint(1, 3), groups * source.randint(1, 3)
    x = rand(source.randint(0, 3), into, *two(10, 13), seed=seed)
    if seed % 3 == 0:
        x = x.permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)  # not contiguous
    return [x, rand(out, into // groups, *two(1, 4), seed=seed + 1), rand(out, seed=seed + 2)], settings


def with_gradients(function: Any, tensors: list[torch.Tensor], *settings: Any) -> list[torch.Tensor]:
    leaves = [t.clone().requires_grad_() for t in tensors]
    result = function(*leaves, *settings)
    G = torch.linspace(-1, 2, result.numel(), dtype=torch.float64).view(result.shape)
    return [result, *torch.autograd.grad(result, leaves, G)]


@pytest.mark.since(9)
@pytest.mark.parametrize("seed", CASES)
def test_convolution_is_pytorchs_forward_and_backward(checkpoint: Checkpoint, seed: int) -> None:
    tensors, settings = drawn(seed)
    ours = with_gradients(checkpoint.module("convolution").conv2d, tensors, *settings)
    for got, wanted in zip(ours, with_gradients(F.conv2d, tensors, *settings), strict=True):
        close(got, wanted)


@pytest.mark.since(9)
def test_convolution_of_a_view_with_an_offset(checkpoint: Checkpoint) -> None:
    images, weight = rand(3, 4, 9, 8), rand(2, 2, 3, 3, seed=1)
    for x in (images[1:, 2:, 1:, ::2], images[:, :2].expand(3, 2, 9, 8), images[:1, :1].expand(2, 2, 9, 8)):
        ours = with_gradients(lambda w, x=x: checkpoint.module("convolution").conv2d(x, w), [weight])
        real = with_gradients(lambda w, x=x: F.conv2d(x, w), [weight])
        for got, wanted in zip(ours, real, strict=True):
            close(got, wanted)


@pytest.mark.since(9)
def test_an_expanded_image_gets_its_gradient(checkpoint: Checkpoint) -> None:
    weight, grads = torch.tensor([1.0, 10.0], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 2, 2), []
    for conv2d in (checkpoint.module("convolution").conv2d, F.conv2d):
        x = torch.ones(1, 1, 3, 3, dtype=torch.float64).expand(1, 2, 3, 3).detach().requires_grad_()
        grads += torch.autograd.grad(conv2d(x, weight).sum(), x)
    close(*grads)


@pytest.mark.since(9)
@pytest.mark.parametrize("value", [(2,), (2, 1, 7), "same"])
def test_settings_are_one_number_or_two(checkpoint: Checkpoint, value: Any) -> None:
    with pytest.raises(ValueError, match="unpack"):
        checkpoint.module("convolution").conv2d(rand(1, 1, 5, 5), rand(1, 1, 2, 2), None, value)


@pytest.mark.since(9)
@pytest.mark.parametrize("seed", CASES)
def test_unfold_is_pytorchs(checkpoint: Checkpoint, seed: int) -> None:
    (x, weight, _), (stride, padding, dilation, _) = drawn(seed)
    given = weight.shape[2:], dilation, padding, stride
    if len(x):
        close(checkpoint.module("convolution").unfold(x, *given), F.unfold(x, *given))


@pytest.mark.since(9)
@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("given", [(2,), (3, 2, 1), ((3, 2), (1, 2)), ((2, 4), 1, (1, 2)), (1,), ((4, 3), None, 1)])
def test_pooling_is_pytorchs_also_at_ties(checkpoint: Checkpoint, kind: str, given: tuple[Any, ...]) -> None:
    module, name = checkpoint.module("convolution"), f"{kind}_pool2d"
    for x in (rand(2, 3, 9, 8), torch.zeros(2, 1, 6, 5, dtype=torch.float64), rand(1, 2, 8, 9).round()):
        ours, real = with_gradients(getattr(module, name), [x], *given), with_gradients(getattr(F, name), [x], *given)
        for got, wanted in zip(ours, real, strict=True):
            close(got, wanted)


@pytest.mark.since(9)
def test_a_layer_has_pytorchs_parameters_and_their_size(checkpoint: Checkpoint) -> None:
    given = (4, 6, (3, 2), 2, 1, 1, 2)
    torch.manual_seed(0)
    layer, real = checkpoint.module("convolution").Conv2d(*given), nn.Conv2d(*given)
    assert {n: p.shape for n, p in layer.named_parameters()} == {n: p.shape for n, p in real.named_parameters()}
    real.load_state_dict(layer.state_dict())
    x = rand(2, 4, 7, 6).float()
    torch.testing.assert_close(layer(x), real(x))
    assert layer.weight.abs().max() <= 12**-0.5
    assert checkpoint.module("convolution").Conv2d(1, 2, 3, bias=False).bias is None


@pytest.mark.since(9)
@pytest.mark.parametrize(
    ("given", "wanted"),
    [((5, 3), 3), ((28, 5, 2, 2), 14), ((7, 3, 2, 0, 3), 1), ((0, 1, 1, 1), 2), ((3, 3), 1), ((9, 3, 1, 0, 2), 5)],
)
def test_output_size(checkpoint: Checkpoint, given: tuple[int, ...], wanted: int) -> None:
    assert checkpoint.module("convolution").output_size(*given) == wanted


@pytest.mark.since(9)
@pytest.mark.parametrize("given", [(3, 4), (5, 0), (5, 3, 0), (5, 3, 1, -1), (5, 3, 1, 0, 0), (5, 3, 1, 0, 3)])
def test_output_size_refuses_what_is_impossible_and_says_it(checkpoint: Checkpoint, given: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"size={given[0]}.*kernel={given[1]}"):
        checkpoint.module("convolution").output_size(*given)


@pytest.mark.since(9)
@pytest.mark.parametrize(
    ("x", "weight", "bias", "groups", "said"),
    [
        ((2, 3, 5), (4, 3, 2, 2), None, 1, r"\(2, 3, 5\)"),
        ((2, 3, 5, 5), (4, 2, 2, 2), None, 1, r"\(2, 3, 5, 5\).*\(4, 2, 2, 2\)"),
        ((2, 3, 5, 5), (4, 3, 2), None, 1, r"\(4, 3, 2\)"),
        ((2, 4, 5, 5), (3, 2, 2, 2), None, 2, "groups=2"),
        ((2, 4, 5, 5), (3, 2, 2, 2), None, 0, "groups=0"),
        ((2, 3, 5, 5), (4, 3, 2, 2), (3,), 1, r"\(3,\)"),
        ((2, 3, 5, 5), (4, 3, 6, 2), None, 1, "size=5.*kernel=6"),
    ],
)
def test_convolution_refuses_what_does_not_fit(
    checkpoint: Checkpoint,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    groups: int,
    said: str,
) -> None:
    given = rand(*x), rand(*weight), None if bias is None else rand(*bias)
    with pytest.raises(ValueError, match=said):
        checkpoint.module("convolution").conv2d(*given, groups=groups)


@pytest.mark.since(9)
def test_layers_refuse_impossible_settings(checkpoint: Checkpoint) -> None:
    module = checkpoint.module("convolution")
    with pytest.raises(ValueError, match="groups=2"):
        module.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="padding=2"):
        module.max_pool2d(rand(1, 1, 5, 5), 3, padding=2)
    with pytest.raises(ValueError, match=r"\(1, 5, 5\)"):
        module.avg_pool2d(rand(1, 5, 5), 2)


@pytest.mark.since(9)
def test_the_small_network(checkpoint: Checkpoint) -> None:
    torch.manual_seed(0)
    model = checkpoint.module("models").small_cnn()
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert sum(p.numel() for p in model.parameters()) < 30_000
    assert checkpoint.module("models").small_cnn((2, 3, 4), classes=7)(torch.zeros(1, 1, 28, 28)).shape == (1, 7)
    logits = model(torch.randn(64, 1, 28, 28))
    assert logits.std() < 1, "a quiet start"
