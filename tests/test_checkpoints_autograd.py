"""The engines of chapter 6 and later, beside PyTorch: random shapes, odd situations, deep graphs, memory."""

from __future__ import annotations

import gc
import math
import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

SINCE = pytest.mark.since(6, until=6)
F = torch.nn.functional
seeds = st.integers(0, 2**31)
lengths = st.sampled_from([0, 1, 1, 2, 3])
settings.register_profile("tape", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("tape")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tape(checkpoint: Checkpoint) -> Any:
    return checkpoint.module("autograd")


def compare(checkpoint: Checkpoint, program: Callable[..., Any], *numbers: torch.Tensor) -> None:
    """The value and all gradients of a program, with random weights at its result, on the tape and on PyTorch's."""
    engine = tape(checkpoint)
    ours = [engine.Tensor(x.clone(), requires_grad=True) for x in numbers]
    theirs = [x.clone().requires_grad_() for x in numbers]
    got, wanted = program(*ours), program(*theirs)
    torch.testing.assert_close(got.data, wanted.detach(), rtol=1e-10, atol=1e-10, equal_nan=True)
    weights = rand(*wanted.shape, seed=7)
    (got * weights).sum().backward()
    (wanted * weights).sum().backward()
    for mine, theirs_ in zip(ours, theirs, strict=True):
        grad = torch.zeros_like(mine.data) if mine.grad is None else mine.grad
        judged = torch.zeros_like(theirs_) if theirs_.grad is None else theirs_.grad
        torch.testing.assert_close(grad, judged, rtol=1e-9, atol=1e-9, equal_nan=True)


# ------------------------------------------------------------------------------------------------ numbers


@SINCE
@given(a=st.floats(-3, 3), b=st.floats(0.2, 3), n=st.sampled_from([2, 3, -1, 0.5]))
def test_a_value_has_the_gradients_that_pytorch_has(checkpoint: Checkpoint, a: float, b: float, n: float) -> None:
    Value = checkpoint.module("scalar").Value

    def program(a: Any, b: Any, log: Callable, exp: Callable, tanh: Callable, relu: Callable) -> Any:
        c = a * b + b**n - 2 * a / (b + 1) + 1 / b
        d = relu(c - a) + tanh(-c) * 3 - (2 - b)
        return d * d + exp(a * 0.3) * log(b) + c

    x, y = Value(a), Value(b)
    out = program(x, y, Value.log, Value.exp, Value.tanh, Value.relu)
    out.backward()
    u, v = (torch.tensor(z, dtype=torch.float64, requires_grad=True) for z in (a, b))
    wanted = program(u, v, torch.log, torch.exp, torch.tanh, torch.relu)
    wanted.backward()
    assert out.data == pytest.approx(wanted.item(), rel=1e-9)
    assert x.grad == pytest.approx(u.grad.item(), rel=1e-9, abs=1e-9)
    assert y.grad == pytest.approx(v.grad.item(), rel=1e-9, abs=1e-9)


@SINCE
def test_leaves_add_up_and_numbers_in_between_begin_anew(checkpoint: Checkpoint) -> None:
    Value = checkpoint.module("scalar").Value
    a, d = Value(5.0), Value(1.0)
    c = a * 1.0
    e = c * d
    e.backward()
    e.backward()
    assert (a.grad, d.grad, c.grad, e.grad) == (2.0, 10.0, 1.0, 1.0)


@SINCE
def test_a_number_used_in_many_places_gets_all_of_them(checkpoint: Checkpoint) -> None:
    x = checkpoint.module("scalar").Value(2.0)
    y = x
    for _ in range(40):
        y = y + y  # 2**40 paths, 41 nodes
    y.backward()
    assert x.grad == 2.0**40


@SINCE
def test_numbers_go_as_deep_as_one_likes_and_are_freed_without_the_collector(checkpoint: Checkpoint) -> None:
    scalar = checkpoint.module("scalar")
    x = y = scalar.Value(1.0)
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1.0
    gc.collect()
    del y
    assert gc.collect() < 100


@SINCE
def test_a_topological_order_has_parents_first_and_each_once(checkpoint: Checkpoint) -> None:
    scalar, dice = checkpoint.module("scalar"), random.Random(0)
    nodes = [scalar.Value(float(i)) for i in range(3)]
    for _ in range(200):
        nodes.append(dice.choice(nodes) * dice.choice(nodes[-5:]))
    order = scalar.topological_order(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


# ------------------------------------------------------------------------------------------------ tensors


@SINCE
@given(data=st.data(), seed=seeds)
def test_arithmetic_undoes_broadcasting(checkpoint: Checkpoint, data: st.DataObject, seed: int) -> None:
    full = data.draw(st.lists(lengths, max_size=4).map(tuple), label="shape")
    shapes = []
    for _ in range(2):
        stretched = [1 if data.draw(st.booleans()) else n for n in full]
        shapes.append(stretched[data.draw(st.integers(0, len(full))) :])
    a, b = rand(*shapes[0], seed=seed), rand(*shapes[1], seed=seed + 1).abs() + 0.5
    for program in (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: 2 / b - a * 3 + 1,
        lambda a, b: (a * b + a) * (b - a),
    ):
        compare(checkpoint, program, a, b)


@SINCE
@given(n=lengths, d=lengths, k=lengths, seed=seeds)
def test_operations_of_matrices(checkpoint: Checkpoint, n: int, d: int, k: int, seed: int) -> None:
    a, b, c = rand(n, d, seed=seed), rand(k, d, seed=seed + 1), rand(k, seed=seed + 2)
    compare(checkpoint, lambda a, b, c: (a @ b.T + c).relu(), a, b, c)
    compare(checkpoint, lambda a: (a.exp() - -a).reshape(-1) * 0.5, a)
    compare(checkpoint, lambda a: (a * a + 1).log().sum(0) + a.sum(-2), a)
    if n and d:
        compare(checkpoint, lambda a: a.mean() * a.mean(1, keepdim=True) - a.amax(0) * a.amax(-1, keepdim=True), a)
        compare(checkpoint, lambda a: a.T[0] * a[:, 0] + a[[0, 0], [0, -1]].sum(), a)


@SINCE
def test_strides_that_are_not_in_order(checkpoint: Checkpoint) -> None:
    a, b = rand(4, 6)[:, ::2].T, rand(8, 3, seed=1)[1::2].T
    compare(checkpoint, lambda a, b: (a * b + a).amax(1, keepdim=True) * b.reshape(4, 3).T, a, b)


@SINCE
def test_ties_share_as_pytorchs_amax_does(checkpoint: Checkpoint) -> None:
    compare(checkpoint, lambda a: a.relu().amax(1), torch.tensor([[1.0, 1.0, 0.0], [-1.0, -2.0, -3.0]]).double())


@SINCE
def test_cross_entropy_can_be_composed(checkpoint: Checkpoint) -> None:
    logits, labels = 30 * rand(5, 4), torch.tensor([0, 3, 1, 1, 2])
    engine = tape(checkpoint)
    ours, theirs = engine.Tensor(logits.clone(), requires_grad=True), logits.clone().requires_grad_()
    largest = ours.amax(1, keepdim=True).detach()
    loss = ((ours - largest).exp().sum(1).log() + largest.reshape(-1) - ours[torch.arange(5), labels]).mean()
    loss.backward()
    wanted = F.cross_entropy(theirs, labels)
    wanted.backward()
    torch.testing.assert_close(loss.data, wanted.detach())
    torch.testing.assert_close(ours.grad, theirs.grad)


@SINCE
def test_gradients_of_leaves_add_up_and_are_their_own(checkpoint: Checkpoint) -> None:
    Tensor = tape(checkpoint).Tensor
    a, b = (Tensor(rand(3), requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    assert a.grad is not None
    a.grad *= 5
    assert b.grad.tolist() == [1.0, 1.0, 1.0]
    (a * 2).sum().backward()
    assert a.grad.tolist() == [7.0, 7.0, 7.0]
    m = Tensor(rand(3, 2), requires_grad=True)
    (m.T * 1.0).sum().backward()
    assert m.grad.is_contiguous()


@SINCE
def test_a_graph_is_used_up_as_pytorchs_is(checkpoint: Checkpoint) -> None:
    x = tape(checkpoint).Tensor(rand(3), requires_grad=True)
    shared = x * x
    first, second = shared.sum(), (shared * 2).sum()
    first.backward()
    for loss in (first, second):
        with pytest.raises(RuntimeError, match="freed"):
            loss.backward()


@SINCE
@pytest.mark.parametrize("make", [lambda x: x * 2, lambda x: x.sum().detach(), lambda x: x.detach().sum()])
def test_backward_begins_at_one_recorded_number(checkpoint: Checkpoint, make: Callable) -> None:
    x = tape(checkpoint).Tensor(rand(3), requires_grad=True)
    with pytest.raises(ValueError, match="begin at a single number that was recorded"):
        make(x).backward()


@SINCE
def test_what_cannot_be_is_refused_with_the_value(checkpoint: Checkpoint) -> None:
    Tensor = tape(checkpoint).Tensor
    with pytest.raises(ValueError, match="int64"):
        Tensor([1, 2], requires_grad=True)
    for first, second in (((2, 3), (4, 5)), ((3,), (3,)), ((2, 3, 4), (4, 5))):
        with pytest.raises(ValueError, match=r"not \(n, m\) @ \(m, p\)"):
            Tensor(rand(*first)) @ Tensor(rand(*second))


@SINCE
def test_no_grad_nests_and_ends_with_an_error(checkpoint: Checkpoint) -> None:
    engine = tape(checkpoint)
    x = engine.Tensor(rand(3), requires_grad=True)
    with engine.no_grad():
        with engine.no_grad():
            pass
        assert not (x * x).requires_grad
    with pytest.raises(KeyError), engine.no_grad():
        raise KeyError
    assert (x * x).requires_grad


@SINCE
def test_deep_graphs_are_walked_and_dropped_without_recursion(checkpoint: Checkpoint) -> None:
    Tensor = tape(checkpoint).Tensor
    for backward in (True, False):
        x = y = Tensor(rand(2), requires_grad=True)
        for _ in range(100_000):
            y = y * 1.0
        if backward:
            y.sum().backward()
            assert x.grad.tolist() == [1.0, 1.0]
        del x, y


@SINCE
def test_results_are_freed_while_the_way_back_goes(checkpoint: Checkpoint) -> None:
    engine = tape(checkpoint)
    y, seen, alive = engine.Tensor(rand(50), requires_grad=True), [], []

    def look(G: torch.Tensor) -> torch.Tensor:
        alive.append(sum(ref() is not None for ref in seen))
        return G

    gc.disable()
    try:
        for _ in range(20):
            y = engine.recorded("look", y.data * 1.0, (y, look)).exp() * 0.1
            seen.append(weakref.ref(y.data))
        y = y.sum()
        y.backward()
    finally:
        gc.enable()
    assert alive == sorted(alive, reverse=True)
    assert alive[-1] <= 2
    assert alive[0] >= 18


# ------------------------------------------------------------------------------------------------ the library


@SINCE
@given(batch_size=st.integers(1, 7), seed=seeds)
def test_an_epoch_on_the_tape_is_pytorchs(checkpoint: Checkpoint, batch_size: int, seed: int) -> None:
    x, targets = rand(6, 3, seed=seed), rand(6, 2, seed=seed + 1)
    network = checkpoint.module("network").Network([3, 5, 4, 2], torch.Generator().manual_seed(seed))
    for parameter in network.parameters():
        parameter.data = parameter.data.double()
    theirs = [p.data.clone().requires_grad_() for p in network.parameters()]
    sgd = torch.optim.SGD(theirs, lr=0.05)
    order, total = torch.tensor(random.Random(3).sample(range(6), 6)), 0.0
    for batch in order.split(batch_size):
        h = x[batch]
        for i in range(0, 6, 2):
            h = F.linear(F.relu(h) if i else h, theirs[i], theirs[i + 1])
        loss = F.mse_loss(h, targets[batch])
        total += loss.item() * len(batch)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    got = checkpoint.module("training").sgd_epoch(network, x, targets, 0.05, random.Random(3), batch_size)
    assert got == pytest.approx(total / 6, rel=1e-10)
    for mine, wanted in zip(network.parameters(), theirs, strict=True):
        torch.testing.assert_close(mine.data, wanted.detach(), rtol=1e-10, atol=1e-12)
        assert mine.grad is None


@SINCE
def test_a_layer_that_is_used_twice(checkpoint: Checkpoint) -> None:
    layers = checkpoint.module("layers")
    shared, x = layers.Linear(rand(3, 3)), rand(4, 3, seed=1)
    Tensor = tape(checkpoint).Tensor
    (shared.forward(shared.forward(Tensor(x)).relu()) ** 2).sum().backward()
    weight, bias = rand(3, 3).requires_grad_(), torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (F.linear(F.linear(x, weight, bias).relu(), weight, bias) ** 2).sum().backward()
    torch.testing.assert_close(shared.weight.grad, weight.grad)
    torch.testing.assert_close(shared.bias.grad, bias.grad)


@SINCE
def test_the_measures_record_nothing(checkpoint: Checkpoint) -> None:
    network = checkpoint.module("network").Network([3, 5, 2], torch.Generator().manual_seed(0))
    network.layers[0].bias.data[1] = -1e3
    assert checkpoint.module("metrics").dead_units(network, rand(20, 3).float())[0] >= 1
    assert all(parameter.grad is None for parameter in network.parameters())
    with pytest.raises(ValueError, match="broadcasting"):
        checkpoint.module("losses").mse(tape(checkpoint).Tensor(rand(5, 1)), rand(5))
    assert math.isfinite(checkpoint.module("losses").mse(tape(checkpoint).Tensor(rand(5, 1)), rand(5, 1)).data)


# -------------------------------------------------------------------------------------- odd numbers, types, memory


@SINCE
def test_relu_keeps_nan_and_lets_nothing_through_at_0(checkpoint: Checkpoint) -> None:
    Value = checkpoint.module("scalar").Value
    for number, out, derivative in ((math.nan, math.nan, 1), (0.0, 0, 0), (-math.inf, 0, 0), (math.inf, math.inf, 1)):
        x = Value(number)
        y = x.relu()
        y.backward()
        assert y.data == pytest.approx(out, nan_ok=True)
        assert (math.copysign(1, y.data), x.grad) == (1, derivative)
    numbers = torch.tensor([math.nan, 0.0, -0.0, -2.0, 3.0, math.inf, -math.inf]).double()
    x = tape(checkpoint).Tensor(numbers.clone(), requires_grad=True)
    y = checkpoint.module("activations").relu(x)
    assert y.data[0].isnan()
    (y * math.inf).sum().backward()
    wanted = numbers.clone().requires_grad_()
    (F.relu(wanted) * math.inf).sum().backward()
    torch.testing.assert_close(x.grad, wanted.grad, equal_nan=True)
    for slope in (0.01, 0.3):
        compare(
            checkpoint, lambda a, s=slope: checkpoint_leaky(checkpoint, a, s), torch.tensor([-3.0, 0.0, 2.0]).double()
        )


def checkpoint_leaky(checkpoint: Checkpoint, a: Any, slope: float) -> Any:
    return (
        F.leaky_relu(a, slope) if isinstance(a, torch.Tensor) else checkpoint.module("activations").leaky_relu(a, slope)
    )


@SINCE
def test_a_power_of_0_and_an_empty_mean_are_pytorchs(checkpoint: Checkpoint) -> None:
    x = checkpoint.module("scalar").Value(0.0)
    (x**0 + x**2).backward()
    assert x.grad == 0
    compare(checkpoint, lambda a: a**0 + a**2, torch.tensor([0.0, 2.0]).double())
    compare(checkpoint, lambda a: a.mean() * 1.0, rand(0, 3))
    compare(checkpoint, lambda a: a.sum(0) * a.sum(), rand())
    compare(checkpoint, lambda a: a.reshape((2, 3)) * 2, rand(6))


@SINCE
def test_a_gradient_has_its_leafs_dtype(checkpoint: Checkpoint) -> None:
    Tensor = tape(checkpoint).Tensor
    x, w = Tensor(rand(4, 3).float(), requires_grad=True), Tensor(rand(2, 3).float(), requires_grad=True)
    wide = rand(4, 2)
    ((((x @ w.T).relu() - wide) ** 2).mean() + (x[0:2] * rand(2, 3)).sum()).backward()
    assert x.grad.dtype == w.grad.dtype == torch.float32


@SINCE
def test_plain_tensors_on_the_left_are_recorded(checkpoint: Checkpoint) -> None:
    a = rand(4, 3)
    compare(checkpoint, lambda w: a @ w.T, rand(2, 3))
    network = checkpoint.module("network").Network([3, 5, 2], torch.Generator().manual_seed(0))
    assert network.forward(a.float()).requires_grad


@SINCE
def test_no_two_leaves_share_a_gradients_memory(checkpoint: Checkpoint) -> None:
    engine = tape(checkpoint)
    x, y = (engine.Tensor(rand(2), requires_grad=True) for _ in range(2))
    cut = engine.recorded("cut", torch.zeros(3).double(), (x, lambda G: G[1:]), (y, lambda G: G[1:]))
    (cut * 1.0).sum().backward()
    x.grad[0] = 9
    assert y.grad.tolist() == [1.0, 1.0]


@SINCE
def test_what_one_weight_gets_in_many_layers_does_not_pile_up(checkpoint: Checkpoint) -> None:
    engine, alive, most = tape(checkpoint), [], []

    def look(G: torch.Tensor) -> torch.Tensor:
        most.append(sum(ref() is not None for ref in alive))
        return G

    weight = engine.Tensor(rand(3, 3), requires_grad=True)
    h = engine.Tensor(rand(4, 3), requires_grad=True)

    def turned() -> Any:
        def vjp(G: torch.Tensor) -> torch.Tensor:
            alive.append(weakref.ref(G))
            return G.T

        return engine.recorded("T", weight.data.T, (weight, vjp))

    for _ in range(30):
        h = engine.recorded("look", h.data, (h, look)) @ turned()
    h.sum().backward()
    assert max(most) <= 2


# ------------------------------------------------------------------------------------------- layers, on the tape


@SINCE
@given(widths=st.lists(st.integers(1, 4), min_size=2, max_size=5), n=st.integers(1, 4), seed=seeds)
def test_a_network_on_the_tape_is_pytorchs(checkpoint: Checkpoint, widths: list[int], n: int, seed: int) -> None:
    network = checkpoint.module("network").Network(widths, torch.Generator().manual_seed(seed))
    for i, parameter in enumerate(network.parameters()):
        parameter.data = rand(*parameter.shape, seed=seed + i)
    x, cotangent = rand(n, widths[0], seed=seed), rand(n, widths[-1], seed=seed + 1)
    leaves = [p.data.clone().requires_grad_() for p in network.parameters()]
    wanted = x
    for place in range(0, len(leaves), 2):
        wanted = F.linear(F.relu(wanted) if place else wanted, leaves[place], leaves[place + 1])
    (wanted * cotangent).sum().backward()
    got = network.forward(tape(checkpoint).Tensor(x))
    torch.testing.assert_close(got.data, wanted.detach())
    (got * cotangent).sum().backward()
    for mine, leaf in zip(network.parameters(), leaves, strict=True):
        torch.testing.assert_close(mine.grad, leaf.grad)


@SINCE
def test_a_new_network_on_the_tape_begins_as_chapter_5s(checkpoint: Checkpoint) -> None:
    Network = checkpoint.module("network").Network
    for scale in (1.0, 0.3):
        network = Network([300, 200, 400, 50], torch.Generator().manual_seed(0), scale=scale)
        deviations = [p.data.std().item() for p in network.parameters()]
        wanted = [math.sqrt(2 / 300), 0, math.sqrt(2 / 200), 0, math.sqrt(2 / 450), 0]
        assert deviations == pytest.approx([scale * number for number in wanted], rel=0.05)
    for widths in ([], [3]):
        with pytest.raises(ValueError, match="give inputs and outputs"):
            Network(widths)


@SINCE
def test_layers_on_the_tape_refuse_other_shapes_and_types(checkpoint: Checkpoint) -> None:
    Linear, Tensor = checkpoint.module("layers").Linear, tape(checkpoint).Tensor
    with pytest.raises(ValueError, match=r"\(3,\)"):
        Linear(rand(3))
    for x, said in ((rand(4, 2), r"\(4, 2\)"), (rand(3), r"\(3,\)"), (rand(4, 3).float(), "float32")):
        with pytest.raises(ValueError, match=said):
            Linear(rand(2, 3)).forward(Tensor(x))


@SINCE
def test_dead_units_are_counted_on_the_tape(checkpoint: Checkpoint) -> None:
    network = checkpoint.module("network").Network([1, 4, 3, 2])
    first, _, second, _, _ = network.layers
    first.weight.data, first.bias.data = torch.ones(4, 1), torch.tensor([-5.0, -1.0, 0.0, 5.0])
    second.weight.data, second.bias.data = torch.ones(3, 4), torch.tensor([0.0, -100.0, 1.0])
    assert checkpoint.module("metrics").dead_units(network, torch.tensor([[1.0], [-1.0]])) == [2, 1]
