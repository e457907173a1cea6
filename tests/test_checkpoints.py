"""One suite over all checkpoints: `since(n)` runs a test for each of them from chapter n on.

Where nothing that a file of tests asks for has changed from one checkpoint to the next, once is enough for both.
The oracles are PyTorch and finite differences, in float64; hypothesis chooses sizes and numbers.

`groundup check 5 --package my_nn` runs the same on a reader's package: a test's name, or the first line of its
docstring, is the behaviour that the reader is told, and an assert's message what is wrong. Of the words that an error
should match, a reader's needs only the numbers.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.checkpoints import TENSORS, Checkpoint, fields
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("checkpoints", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("checkpoints")

F = torch.nn.functional
sizes = st.integers(1, 5)
seeds = st.integers(0, 2**31)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_network(d: int, h: int, k: int, seed: int) -> list[torch.Tensor]:
    return [rand(h, d, seed=seed), rand(h, seed=seed + 1), rand(k, h, seed=seed + 2), rand(k, seed=seed + 3)]


def reference(parameters: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    w, b, v, c = parameters
    return F.linear(F.relu(F.linear(x, w, b)), v, c)


def close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


# ------------------------------------------------------------------------------------------------ losses, metrics


@pytest.mark.since(1, until=6)
@given(n=sizes, k=sizes, seed=seeds)
def test_mse_is_pytorchs(checkpoint: Checkpoint, n: int, k: int, seed: int) -> None:
    predictions, targets = rand(n * k, seed=seed), rand(n * k, seed=seed + 1)
    got = checkpoint.module("losses").mse(checkpoint.give(predictions), checkpoint.give(targets))
    close(checkpoint.take(got), F.mse_loss(predictions, targets))


@pytest.mark.since(1, until=6)
def test_mse_refuses_unequal_sizes_and_says_both(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match=r"3.*5"):
        checkpoint.module("losses").mse(checkpoint.give(rand(3)), checkpoint.give(rand(5)))


@pytest.mark.since(TENSORS, until=6)
def test_mse_refuses_what_broadcasting_would_stretch(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="broadcasting"):
        checkpoint.module("losses").mse(rand(5, 1), rand(5))


@pytest.mark.since(2, until=5)
@given(n=sizes, k=sizes, seed=seeds)
def test_mse_grad_is_autograds(checkpoint: Checkpoint, n: int, k: int, seed: int) -> None:
    shape = (n, k) if checkpoint.number >= TENSORS else (n * k,)
    predictions, targets = rand(*shape, seed=seed).requires_grad_(), rand(*shape, seed=seed + 1)
    F.mse_loss(predictions, targets).backward()
    assert predictions.grad is not None
    got = checkpoint.module("losses").mse_grad(checkpoint.give(predictions.detach()), checkpoint.give(targets))
    close(checkpoint.take(got), predictions.grad)


@pytest.mark.since(1)
@pytest.mark.parametrize(
    ("guesses", "rate"), [([3, 7, 7, 1], 0.5), ([3, 7, 1, 1], 0.25), ([7, 3, 3, 3], 1), ([3, 7, 1, 7], 0)]
)
def test_error_rate_counts_what_differs(checkpoint: Checkpoint, guesses: list[int], rate: float) -> None:
    guessed, labels = checkpoint.give(torch.tensor(guesses)), checkpoint.give(torch.tensor([3, 7, 1, 7]))
    assert checkpoint.module("metrics").error_rate(guessed, labels) == rate


@pytest.mark.since(2, until=4)
def test_dead_units_are_those_that_give_0_for_every_input(checkpoint: Checkpoint) -> None:
    one = torch.ones(1, 4, dtype=torch.float64)
    biases = torch.tensor([-5.0, -1.0, 0.0, 5.0], dtype=torch.float64)
    network = checkpoint.network([one.T.clone(), biases, one, torch.zeros(1, dtype=torch.float64)])
    inputs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    assert checkpoint.module("metrics").dead_units(network, checkpoint.give(inputs)) == 2


# -------------------------------------------------------------------------------------------------- linear models


@pytest.mark.since(1, until=2)
@given(d=sizes, seed=seeds)
def test_predict_is_a_dot_product_plus_bias(checkpoint: Checkpoint, d: int, seed: int) -> None:
    x, weights = rand(d, seed=seed), rand(d, seed=seed + 1)
    close(checkpoint.take(checkpoint.module("linear").predict(x.tolist(), weights.tolist(), 0.5)), x @ weights + 0.5)


@pytest.mark.since(1, until=2)
def test_predict_refuses_unequal_lengths(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="2 inputs for 3 weights"):
        checkpoint.module("linear").predict([1.0, 2.0], [1.0, 2.0, 3.0], 0.0)


@pytest.mark.since(TENSORS, until=6)
@given(n=st.integers(0, 4), d=sizes, k=sizes, seed=seeds)
def test_linear_is_pytorchs(checkpoint: Checkpoint, n: int, d: int, k: int, seed: int) -> None:
    x, weight, bias = rand(n, d, seed=seed), rand(k, d, seed=seed + 1), rand(k, seed=seed + 2)
    close(checkpoint.module("linear").linear(x, weight, bias), F.linear(x, weight, bias))


@pytest.mark.since(1, until=2)
@given(n=sizes, d=sizes, seed=seeds)
def test_linear_grad_is_autograds(checkpoint: Checkpoint, n: int, d: int, seed: int) -> None:
    x, targets = rand(n, d, seed=seed), rand(n, seed=seed + 1)
    knobs = rand(d + 1, seed=seed + 2).requires_grad_()
    F.mse_loss(x @ knobs[:-1] + knobs[-1], targets).backward()
    assert knobs.grad is not None
    *weights, bias = knobs.tolist()
    slopes, bias_slope = checkpoint.module("gradients").linear_grad(x.tolist(), targets.tolist(), weights, bias)
    close(checkpoint.take([*slopes, bias_slope]), knobs.grad)


@pytest.mark.since(1, until=1)
@given(n=sizes, d=sizes, seed=seeds)
def test_numerical_grad_is_autograds(checkpoint: Checkpoint, n: int, d: int, seed: int) -> None:
    x, targets = rand(n, d, seed=seed), rand(n, seed=seed + 1)
    knobs = rand(d + 1, seed=seed + 2).requires_grad_()
    F.mse_loss(x @ knobs[:-1] + knobs[-1], targets).backward()

    def loss(knobs: list[float]) -> float:
        outputs = [checkpoint.module("linear").predict(row, knobs[:-1], knobs[-1]) for row in x.tolist()]
        return checkpoint.module("losses").mse(outputs, targets.tolist())

    nudged = checkpoint.module("gradients").numerical_grad(loss, knobs.tolist())
    torch.testing.assert_close(checkpoint.take(nudged), knobs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.since(1, until=1)
def test_numerical_grad_is_central_and_leaves_its_arguments_alone(checkpoint: Checkpoint) -> None:
    knobs = [1.0, 2.0]
    slopes = checkpoint.module("gradients").numerical_grad(lambda k: k[0] ** 3 * k[1], knobs, 0.1)
    assert slopes == pytest.approx([2 * 3.01, 1.0])
    assert knobs == [1.0, 2.0]


@pytest.mark.since(1, until=2)
def test_gradient_descent_takes_the_steps_of_pytorchs_sgd(checkpoint: Checkpoint) -> None:
    x, targets = rand(6, 3), rand(6, seed=1)
    knobs = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    sgd = torch.optim.SGD([knobs], lr=0.1)
    losses = []
    for _ in range(7):
        sgd.zero_grad()
        loss = F.mse_loss(x @ knobs[:-1] + knobs[-1], targets)
        losses.append(loss.item())
        loss.backward()
        sgd.step()
    weights, bias, found = checkpoint.module("training").gradient_descent(x.tolist(), targets.tolist(), 0.1, 7)
    close(checkpoint.take([*weights, bias]), knobs.detach())
    assert found == pytest.approx(losses)


# ---------------------------------------------------------------------------------------------------- activations

POINTS = [-1000.0, -50.0, -1.5, -0.0, 0.0, 1e-300, 0.5, 50.0, 1000.0]


def check_activation(checkpoint: Checkpoint, name: str, oracle: Callable[[torch.Tensor], torch.Tensor]) -> None:
    z = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    wanted = oracle(z)
    wanted.sum().backward()
    assert z.grad is not None
    for suffix, values in (("", wanted.detach()), ("_grad", z.grad)):
        function = getattr(checkpoint.module("activations"), name + suffix)
        got = function(z.detach()) if checkpoint.number >= TENSORS else [function(point) for point in POINTS]
        torch.testing.assert_close(checkpoint.take(got), values, rtol=1e-12, atol=1e-15)


@pytest.mark.since(2, until=5)
def test_relu_and_its_derivative_are_pytorchs(checkpoint: Checkpoint) -> None:
    check_activation(checkpoint, "relu", F.relu)


@pytest.mark.since(2, until=2)
def test_sigmoid_and_its_derivative_are_pytorchs_however_far_out(checkpoint: Checkpoint) -> None:
    check_activation(checkpoint, "sigmoid", torch.sigmoid)


# -------------------------------------------------------------------------------------------------------- network


@pytest.mark.since(2, until=4)
@given(n=sizes, d=sizes, h=sizes, k=sizes, seed=seeds)
def test_forward_and_backward_are_pytorchs(checkpoint: Checkpoint, n: int, d: int, h: int, k: int, seed: int) -> None:
    """The pre-activations, activations, outputs and gradients are PyTorch's."""
    parameters = [p.requires_grad_() for p in random_network(d, h, k, seed)]
    x, cotangent = rand(n, d, seed=seed + 4), rand(n, k, seed=seed + 5)
    wanted = reference(parameters, x)
    wanted.backward(cotangent)
    network = checkpoint.network([p.detach() for p in parameters])
    z, hidden, outputs = checkpoint.forward(network, x)
    close(outputs, wanted.detach())
    close(hidden, F.relu(z))
    for slope, parameter in zip(checkpoint.backward(network, x, cotangent), parameters, strict=True):
        assert parameter.grad is not None
        close(slope, parameter.grad)


@pytest.mark.since(2, until=4)
def test_numerical_grad_agrees_with_backward_and_puts_every_number_back(checkpoint: Checkpoint) -> None:
    parameters, x = random_network(3, 4, 2, seed=7), rand(1, 3, seed=8)
    network = checkpoint.network(parameters)

    def loss() -> torch.Tensor | float:
        outputs = checkpoint.forward(network, x)[2].sum()
        return outputs if checkpoint.number >= TENSORS else outputs.item()

    nudged = checkpoint.module("gradients").numerical_grad(loss, network.parameters())
    got = torch.cat([checkpoint.take(row).flatten() for row in nudged])
    by_hand = checkpoint.backward(network, x, torch.ones(1, 2, dtype=torch.float64))
    torch.testing.assert_close(got, torch.cat([slope.flatten() for slope in by_hand]), rtol=1e-7, atol=1e-7)
    for now, before in zip(fields(network), parameters, strict=True):
        assert torch.equal(checkpoint.take(now), before), "a parameter is not what it was"


@pytest.mark.since(2, until=4)
def test_a_new_network_has_different_units_of_the_promised_scale(checkpoint: Checkpoint) -> None:
    """Weights of standard deviation sqrt(2 / inputs), then sqrt(1 / hidden units), no two units alike, biases of 0."""
    source = torch.Generator().manual_seed(0) if checkpoint.number >= TENSORS else random.Random(0)
    network = checkpoint.module("network").init_network(300, 200, 50, source)
    hidden, hidden_bias, output, output_bias = map(checkpoint.take, fields(network))
    assert hidden.shape == (200, 300)
    assert output.shape == (50, 200)
    assert len(hidden.unique(dim=0)) == 200, "some hidden units have the same weights"
    assert hidden.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.05)
    assert output.std().item() == pytest.approx(math.sqrt(1 / 200), rel=0.05)
    assert not hidden_bias.any(), "the hidden units' biases are not 0"
    assert not output_bias.any(), "the outputs' biases are not 0"


def sgd_oracle(
    parameters: list[torch.Tensor], x: torch.Tensor, targets: torch.Tensor, batch_size: int
) -> tuple[list[torch.Tensor], float]:
    """An epoch of PyTorch's SGD in the order that `random.Random(3)` gives."""
    parameters = [p.clone().requires_grad_() for p in parameters]
    sgd = torch.optim.SGD(parameters, lr=0.05)
    order = torch.tensor(random.Random(3).sample(range(len(x)), len(x)))
    total = 0.0
    for batch in order.split(batch_size):
        sgd.zero_grad()
        loss = F.mse_loss(reference(parameters, x[batch]), targets[batch])
        total += loss.item() * len(batch)
        loss.backward()
        sgd.step()
    return [p.detach() for p in parameters], total / len(x)


@pytest.mark.since(2, until=4)
@given(batch_size=st.integers(1, 7), seed=seeds)
def test_an_epoch_of_sgd_is_pytorchs(checkpoint: Checkpoint, batch_size: int, seed: int) -> None:
    """An epoch takes the examples in the order of rng.sample(range(N), N), each step as PyTorch's SGD takes it."""
    batch_size = batch_size if checkpoint.number >= TENSORS else 1
    parameters, x, targets = random_network(3, 4, 2, seed), rand(6, 3, seed=seed + 4), rand(6, 2, seed=seed + 5)
    network = checkpoint.network(parameters)
    arguments = (batch_size,) if checkpoint.number >= TENSORS else ()
    loss = checkpoint.module("training").sgd_epoch(
        network, checkpoint.give(x), checkpoint.give(targets), 0.05, random.Random(3), *arguments
    )
    wanted, wanted_loss = sgd_oracle(parameters, x, targets, batch_size)
    assert loss == pytest.approx(wanted_loss, rel=1e-10)
    for got, parameter in zip(fields(network), wanted, strict=True):
        close(checkpoint.take(got), parameter)


# -------------------------------------------------------------------------------------------------- matrices


shapes = st.lists(st.sampled_from([0, 1, 1, 2, 3]), max_size=4).map(tuple)


@pytest.mark.since(TENSORS)
@given(first=shapes, second=shapes)
def test_broadcast_shape_and_expand_are_pytorchs(
    checkpoint: Checkpoint, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    """Broadcasting gives PyTorch's shapes and numbers, copies nothing, and refuses what does not fit."""
    matmul = checkpoint.module("matmul")
    try:
        wanted = tuple(torch.broadcast_shapes(first, second))
    except RuntimeError:
        with pytest.raises(ValueError, match="do not fit"):
            matmul.broadcast_shape(first, second)
        return
    assert matmul.broadcast_shape(first, second) == wanted
    x = rand(*first)
    assert torch.equal(matmul.expand(x, wanted), x.expand(wanted))
    assert matmul.expand(x, wanted).untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    if wanted != first:
        with pytest.raises(ValueError, match="stretch"):
            matmul.expand(rand(*wanted), first)


@pytest.mark.since(TENSORS)
@given(data=st.data(), seed=seeds)
def test_einsum_is_pytorchs(checkpoint: Checkpoint, data: st.DataObject, seed: int) -> None:
    first, second = (data.draw(st.permutations("abcd").map(lambda p: "".join(p[:3])), label="letters") for _ in "xy")
    letters = sorted(set(first + second))
    output = "".join(data.draw(st.permutations(letters), label="output")[: data.draw(st.integers(0, 3), label="kept")])
    size = {letter: data.draw(st.integers(0, 3), label=letter) for letter in letters}
    a, b = rand(*(size[x] for x in first), seed=seed), rand(*(size[x] for x in second), seed=seed + 1)
    equation = f"{first},{second}->{output}"
    close(checkpoint.module("matmul").einsum(equation, a, b), torch.einsum(equation, a, b))


@pytest.mark.since(TENSORS)
@pytest.mark.parametrize("equation", ["ij,jk->ik", "ii,ik->k"])
def test_einsum_refuses_letters_that_do_not_fit(checkpoint: Checkpoint, equation: str) -> None:
    einsum = checkpoint.module("matmul").einsum
    with pytest.raises(ValueError, match="not 3 and 2 different letters"):
        einsum(equation, rand(2, 2, 2), rand(2, 2))
    with pytest.raises(ValueError, match="not 2 and 2 different letters"):
        einsum("ii,ik->k", rand(2, 2), rand(2, 2))
    for unknown in ("ik,kj->ix", "ik,kj->ii"):
        with pytest.raises(ValueError, match="the result has a letter twice, or a new one"):
            einsum(unknown, rand(2, 2), rand(2, 2))


@pytest.mark.since(TENSORS)
@given(i=st.integers(0, 4), k=st.integers(0, 4), j=sizes, seed=seeds)
def test_matmul_is_pytorchs_for_vectors_matrices_and_stacks(
    checkpoint: Checkpoint, i: int, k: int, j: int, seed: int
) -> None:
    for first, second in (((i, k), (k,)), ((i, k), (k, j)), ((2, i, k), (2, k, j))):
        a, b = rand(*first, seed=seed), rand(*second, seed=seed + 1)
        close(checkpoint.module("matmul").matmul(a, b), torch.matmul(a, b))


@pytest.mark.since(TENSORS)
@pytest.mark.parametrize(
    ("first", "second"), [((2, 2, 2, 2), (2, 2)), ((2, 1), (3, 4)), ((2, 3), (1,)), ((2, 3), (1, 4))]
)
def test_matmul_names_the_shapes_that_do_not_fit(
    checkpoint: Checkpoint, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{first} times {second}")):
        checkpoint.module("matmul").matmul(rand(*first), rand(*second))


# ------------------------------------------------------------------------------------- initialisation, normalising


def both_filled(
    mine: Callable[..., torch.Tensor], real: Callable[..., torch.Tensor], *args: object, **kw: object
) -> None:
    """The same numbers from the same seed, in the tensor that was given; a transposed view included."""
    for weight in (torch.empty(7, 4), torch.empty(5, 3, dtype=torch.float64), torch.empty(4, 9).T):
        filled = []
        for function in (mine, real):
            given_weight = weight.clone()
            got = function(given_weight, *args, **kw, generator=torch.Generator().manual_seed(3))
            assert got is given_weight, "it gives back another tensor than it was given"
            filled.append(given_weight)
        given = ", ".join(
            [str(tuple(weight.shape)), *map(repr, args), *(f"{key}={value!r}" for key, value in kw.items())]
        )
        assert torch.allclose(*filled), (
            f"for a weight of shape {given}: other numbers than PyTorch's from the same seed"
        )


@pytest.mark.since(4)
@given(gain=st.floats(0.1, 5))
def test_xavier_normal_is_pytorchs(checkpoint: Checkpoint, gain: float) -> None:
    both_filled(checkpoint.module("init").xavier_normal_, torch.nn.init.xavier_normal_, gain)


@pytest.mark.since(4)
@given(a=st.floats(-3, 3), mode=st.sampled_from(["fan_in", "fan_out"]))
def test_kaiming_normal_is_pytorchs(checkpoint: Checkpoint, a: float, mode: str) -> None:
    both_filled(checkpoint.module("init").kaiming_normal_, torch.nn.init.kaiming_normal_, a, mode=mode)


@pytest.mark.since(4)
def test_fans_are_columns_and_rows(checkpoint: Checkpoint) -> None:
    assert checkpoint.module("init").fans(torch.empty(3, 8)) == (8, 3)
    assert checkpoint.module("init").fans(torch.empty(1, 1)) == (1, 1)


@pytest.mark.since(4)
@pytest.mark.parametrize("shape", [(3,), (), (2, 3, 4), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", ["fans", "xavier_normal_", "kaiming_normal_"])
def test_weights_that_are_no_matrix_are_refused(checkpoint: Checkpoint, name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{shape}: give a matrix")):
        getattr(checkpoint.module("init"), name)(torch.empty(shape))


@pytest.mark.since(4)
def test_an_unknown_fan_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="'fan_avg': give 'fan_in' or 'fan_out'"):
        checkpoint.module("init").kaiming_normal_(torch.empty(2, 3), mode="fan_avg")


@pytest.mark.since(4, until=5)
@pytest.mark.parametrize("slope", [0.01, 0.0, -0.5, 2.0])
def test_leaky_relu_is_pytorchs_with_its_derivative(checkpoint: Checkpoint, slope: float) -> None:
    z = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    mine = checkpoint.module("activations").leaky_relu(z, slope)
    (gradient,) = torch.autograd.grad(mine.sum(), z)
    real = F.leaky_relu(z, slope)
    (wanted,) = torch.autograd.grad(real.sum(), z)
    close(mine, real)
    close(gradient, wanted)
    close(checkpoint.module("activations").leaky_relu(z), F.leaky_relu(z))


@pytest.mark.since(4)
@given(n=st.integers(2, 5), d=sizes, seed=seeds)
def test_normalize_both_uses_the_training_images_numbers(checkpoint: Checkpoint, n: int, d: int, seed: int) -> None:
    training, validation = 3 + 2 * rand(n, d, seed=seed), rand(1, d, seed=seed + 1)
    data = checkpoint.module("data")
    mine = data.normalize_both(training, validation)
    for got, raw in zip(mine, (training, validation), strict=True):
        close(got, (raw - training.mean()) / training.std())
    assert data.mean_std(mine[0]) == pytest.approx((0, 1), abs=1e-9)
    assert data.normalize_both(training, torch.zeros(0, d))[1].shape == (0, d)


@pytest.mark.since(4)
def test_what_has_no_spread_is_not_normalised(checkpoint: Checkpoint) -> None:
    data = checkpoint.module("data")
    for numbers in (torch.zeros(0, 3), torch.ones(1)):
        with pytest.raises(ValueError, match=f"{numbers.numel()} numbers have no spread"):
            data.mean_std(numbers)
    for std in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"std {std}"):
            data.normalize(torch.ones(2), 1.0, std)
    with pytest.raises(ValueError, match=r"std 0\.0"):
        data.normalize_both(torch.ones(4, 2), torch.ones(1, 2))


@pytest.mark.since(4)
@given(n=st.integers(2, 5), d=sizes, h=sizes, seed=seeds)
def test_layer_stds_are_those_of_the_activations(checkpoint: Checkpoint, n: int, d: int, h: int, seed: int) -> None:
    x, weights = rand(n, d, seed=seed), [rand(h, d, seed=seed + 1), rand(3, h, seed=seed + 2)]
    first = F.relu(x @ weights[0].T)
    got = checkpoint.module("metrics").layer_stds(x, weights, F.relu)
    assert got == pytest.approx([first.std().item(), F.relu(first @ weights[1].T).std().item()])
    assert checkpoint.module("metrics").layer_stds(x, [], F.relu) == []


@pytest.mark.since(4)
def test_layer_stds_hold_out_until_the_activations_overflow(checkpoint: Checkpoint) -> None:
    """layer_stds holds out until the activations themselves overflow."""
    large = torch.full((100, 3), 2e37) * torch.tensor([1.0, 2.0, 3.0])
    stds = checkpoint.module("metrics").layer_stds(large, [torch.eye(3), 100 * torch.eye(3)], F.relu)
    assert stds[0] == pytest.approx(1.6357e37, rel=1e-3)
    assert not math.isfinite(stds[1])


@pytest.mark.since(4, until=4)
def test_scales_make_the_two_layers_of_a_network_smaller(checkpoint: Checkpoint) -> None:
    init_network = checkpoint.module("network").init_network
    scales = ((1.0, 1.0), (0.25, 0.5))
    loud, quiet = (init_network(6, 5, 4, torch.Generator().manual_seed(1), scale) for scale in scales)
    for one, other, factor in zip(fields(loud), fields(quiet), (0.25, 0.25, 0.5, 0.5), strict=True):
        torch.testing.assert_close(factor * one, other)


# -------------------------------------------------------------------------------------------------- layers


def random_layers(checkpoint: Checkpoint, widths: list[int], seed: int) -> Any:
    """A network in float64 whose biases are not 0."""
    network = checkpoint.module("network").Network(widths, torch.Generator().manual_seed(seed))
    Linear = checkpoint.module("layers").Linear
    for place, layer in enumerate(network.layers):
        if isinstance(layer, Linear):
            network.layers[place] = Linear(layer.weight.double())
            network.layers[place].bias.copy_(rand(len(layer.bias), seed=seed + place))
    return network


def layers_reference(leaves: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for place in range(0, len(leaves), 2):
        x = F.linear(F.relu(x) if place else x, leaves[place], leaves[place + 1])
    return x


@pytest.mark.since(5, until=5)
@given(n=st.integers(0, 4), d=st.integers(0, 4), k=st.integers(0, 4), turned=st.booleans(), seed=seeds)
def test_a_linear_layer_is_pytorchs(checkpoint: Checkpoint, n: int, d: int, k: int, turned: bool, seed: int) -> None:
    x, weight, cotangent = rand(n, d, seed=seed), rand(k, d, seed=seed + 1), rand(n, k, seed=seed + 2)
    if turned:  # the same numbers in another order of memory
        x, weight, cotangent = (t.T.contiguous().T for t in (x, weight, cotangent))
    layer = checkpoint.module("layers").Linear(weight)
    layer.bias.copy_(rand(k, seed=seed + 3))
    leaves = [t.detach().clone().requires_grad_() for t in (x, layer.weight, layer.bias)]
    wanted = F.linear(*leaves)
    wanted.backward(cotangent)
    close(layer.forward(x), wanted.detach())
    for got, leaf in zip([layer.backward(cotangent), *layer.grads()], leaves, strict=True):
        assert leaf.grad is not None
        close(got, leaf.grad)
    assert layer.parameters()[0] is layer.weight
    assert layer.parameters()[1] is layer.bias


@pytest.mark.since(5, until=5)
@given(shape=shapes, seed=seeds)
def test_a_relu_layer_is_pytorchs(checkpoint: Checkpoint, shape: tuple[int, ...], seed: int) -> None:
    z, cotangent = rand(*shape, seed=seed), rand(*shape, seed=seed + 1)
    z[z.abs() < 0.2] = 0.0
    leaf = z.clone().requires_grad_()
    wanted = F.relu(leaf)
    wanted.backward(cotangent)
    layer = checkpoint.module("layers").ReLU()
    close(layer.forward(z), wanted.detach())
    assert leaf.grad is not None
    close(layer.backward(cotangent), leaf.grad)
    assert layer.parameters() == layer.grads() == []


@pytest.mark.since(5, until=5)
@given(widths=st.lists(sizes, min_size=2, max_size=5), n=st.integers(0, 4), seed=seeds)
def test_a_network_of_any_depth_is_pytorchs(checkpoint: Checkpoint, widths: list[int], n: int, seed: int) -> None:
    network = random_layers(checkpoint, widths, seed)
    for again in range(2):  # the second batch leaves nothing of the first
        x, cotangent = rand(n + again, widths[0], seed=seed), rand(n + again, widths[-1], seed=seed + 1)
        leaves = [t.detach().clone().requires_grad_() for t in (*network.parameters(), x)]
        wanted = layers_reference(leaves[:-1], leaves[-1])
        wanted.backward(cotangent)
        close(network.forward(x), wanted.detach())
        x_grad = network.backward(cotangent)
        for got, leaf in zip([*network.grads(), x_grad], leaves, strict=True):
            assert leaf.grad is not None
            close(got, leaf.grad)


@pytest.mark.since(5, until=5)
def test_gradients_of_a_network_pass_its_own_check(checkpoint: Checkpoint) -> None:
    network, x, cotangent = random_layers(checkpoint, [3, 5, 6, 2], 0), rand(4, 3, seed=1), rand(4, 2, seed=2)
    network.forward(x)
    grads = [network.backward(cotangent), *network.grads()]
    check, parameters = checkpoint.module("gradients").gradient_check, [x, *network.parameters()]

    def loss() -> torch.Tensor:
        return (network.forward(x) * cotangent).sum()

    assert check(loss, parameters, grads) < 1e-7
    for wrong in ([2 * grads[0], *grads[1:]], [*grads[:-1], 2 * grads[-1]], [*grads[:-1], grads[-1] * math.nan]):
        assert not check(loss, parameters, wrong) < 0.1


@pytest.mark.since(5)
@given(n=st.integers(2, 20), d=st.integers(1, 7), size=st.sampled_from([1e-9, 1.0, 1e9]), seed=seeds)
def test_gradient_check_takes_rounding_for_no_error(
    checkpoint: Checkpoint, n: int, d: int, size: float, seed: int
) -> None:
    x, y, shift = rand(n, d, seed=seed), rand(n, d, seed=seed + 1), 10 * rand(d, seed=seed + 2)
    check = checkpoint.module("gradients").gradient_check

    def loss() -> torch.Tensor:
        moved = x + shift
        return size * ((moved - moved.mean(0) - y) ** 2).mean()

    errors = (x + shift) - (x + shift).mean(0) - y
    right = 2 * size * (errors - errors.mean(0)) / errors.numel()
    assert check(loss, [shift], [torch.zeros(d, dtype=torch.float64)]) == 0
    assert check(loss, [x, shift], [right, torch.zeros(d, dtype=torch.float64)]) < 1e-5
    assert check(loss, [x], [2 * right]) == pytest.approx(1, abs=1e-4)
    assert check(loss, [shift], [torch.full((d,), size, dtype=torch.float64)]) > 1


@pytest.mark.since(5)
def test_gradient_check_refuses_what_it_cannot_judge(checkpoint: Checkpoint) -> None:
    check, a = checkpoint.module("gradients").gradient_check, rand(2, 3)
    for parameters, grads, said in (
        ([a], [], "gradients of shapes"),
        ([a], [a.T], r"\(3, 2\)"),
        ([a.float()], [a.float()], "float64"),
    ):
        with pytest.raises(ValueError, match=said):
            check(lambda: (a**2).sum(), parameters, grads)
    empty = rand(0, 3)
    assert check(lambda: (empty**2).sum(), [empty], [2 * empty]) == 0


@pytest.mark.since(5, until=5)
def test_a_new_network_is_xaviers_at_the_end_and_kaimings_before(checkpoint: Checkpoint) -> None:
    network = checkpoint.module("network").Network([300, 200, 400, 50], torch.Generator().manual_seed(0))
    first, first_bias, second, _, last, last_bias = network.parameters()
    assert first.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.05)
    assert second.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.05)
    assert last.std().item() == pytest.approx(math.sqrt(2 / 450), rel=0.05)
    assert [tuple(p.shape) for p in (first, second, last)] == [(200, 300), (400, 200), (50, 400)]
    assert not first_bias.any(), "the first layer's biases are not 0"
    assert not last_bias.any(), "the last layer's biases are not 0"


@pytest.mark.since(5, until=6)
@given(scale=st.floats(0.01, 3))
def test_a_scale_makes_all_weights_of_a_network_smaller(checkpoint: Checkpoint, scale: float) -> None:
    Network = checkpoint.module("network").Network
    loud, quiet = (Network([3, 5, 4, 2], torch.Generator().manual_seed(1), s).parameters() for s in (1.0, scale))
    for one, other in zip(loud, quiet, strict=True):
        torch.testing.assert_close(scale * one.data, other.data)


@pytest.mark.since(5, until=6)
@pytest.mark.parametrize("widths", [[], [3]])
def test_a_network_wants_two_sizes(checkpoint: Checkpoint, widths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"give inputs and outputs"):
        checkpoint.module("network").Network(widths)


@pytest.mark.since(5, until=5)
def test_layers_refuse_other_shapes_and_types_and_say_which(checkpoint: Checkpoint) -> None:
    layers = checkpoint.module("layers")
    with pytest.raises(ValueError, match=r"\(3,\)"):
        layers.Linear(rand(3))
    layer = layers.Linear(rand(2, 3))
    for x, said in ((rand(4, 2), r"\(4, 2\)"), (rand(3), r"\(3,\)"), (rand(4, 3).float(), "float32")):
        with pytest.raises(ValueError, match=said):
            layer.forward(x)
    layer.forward(rand(4, 3))
    for grad in (rand(3, 2), rand(4, 3), rand(2)):
        with pytest.raises(ValueError, match=r"give \(4, 2\)"):
            layer.backward(grad)
    bend = layers.ReLU()
    bend.forward(rand(4, 3))
    with pytest.raises(ValueError, match=r"give \(4, 3\)"):
        bend.backward(rand(3))
    with pytest.raises(ValueError, match="give"):
        layers.Linear(rand(2, 3)).backward(rand(4, 2))  # before any forward


@pytest.mark.since(5, until=5)
@given(batch_size=st.integers(1, 7), seed=seeds)
def test_an_epoch_of_sgd_through_layers_is_pytorchs(checkpoint: Checkpoint, batch_size: int, seed: int) -> None:
    """An epoch takes the examples in the order of rng.sample(range(N), N), each step as PyTorch's SGD takes it."""
    network, x, targets = (
        random_layers(checkpoint, [3, 4, 5, 2], seed),
        rand(6, 3, seed=seed),
        rand(6, 2, seed=seed + 1),
    )
    leaves = [p.clone().requires_grad_() for p in network.parameters()]
    sgd, total = torch.optim.SGD(leaves, lr=0.05), 0.0
    for batch in torch.tensor(random.Random(3).sample(range(6), 6)).split(batch_size):
        sgd.zero_grad()
        loss = F.mse_loss(layers_reference(leaves, x[batch]), targets[batch])
        total += loss.item() * len(batch)
        loss.backward()
        sgd.step()
    got = checkpoint.module("training").sgd_epoch(network, x, targets, 0.05, random.Random(3), batch_size)
    assert got == pytest.approx(total / 6, rel=1e-10)
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        close(parameter, leaf.detach())


@pytest.mark.since(5, until=6)
@pytest.mark.parametrize(
    ("inputs", "targets", "lr", "batch_size", "said"),
    [
        (0, 0, 0.1, 1, "0 inputs"),
        (3, 2, 0.1, 1, "3 inputs and 2 targets"),
        (3, 3, math.nan, 1, "lr nan"),
        (3, 3, math.inf, 1, "lr inf"),
        (3, 3, -0.1, 1, "lr -0.1"),
        (3, 3, 0.1, 0, "batch_size 0"),
    ],
)
def test_an_epoch_refuses_what_it_cannot_train_on(
    checkpoint: Checkpoint, inputs: int, targets: int, lr: float, batch_size: int, said: str
) -> None:
    network = checkpoint.module("network").Network([3, 2])
    x, wanted = rand(inputs, 3).float(), rand(targets, 2).float()
    with pytest.raises(ValueError, match=said):
        checkpoint.module("training").sgd_epoch(network, x, wanted, lr, random.Random(0), batch_size)


@pytest.mark.since(5, until=5)
def test_dead_units_are_counted_for_each_hidden_layer(checkpoint: Checkpoint) -> None:
    network = random_layers(checkpoint, [1, 4, 3, 2], 0)
    first, _, second, _, _ = network.layers
    first.weight.copy_(torch.ones(4, 1))
    first.bias.copy_(torch.tensor([-5.0, -1.0, 0.0, 5.0]))
    second.weight.copy_(torch.ones(3, 4))
    second.bias.copy_(torch.tensor([0.0, -100.0, 1.0]))
    inputs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    assert checkpoint.module("metrics").dead_units(network, inputs) == [2, 1]
