# %% [markdown]
# # 11. Looking inside
#
# This chapter begins with a loss that does not fall at all. A loss is one number for a whole network: it says that something is wrong, and not what. We shall put instruments between the layers, find two illnesses that need opposite cures, and heal both. Then we ask a network that does work what it looks at, and test its answer.
#
# **You need:** chapters 4 (scales at the start), 8 (callbacks) and 9 (the network). **You will reach:** hooks, equal to PyTorch's; a picture of a network that fails to train, and of one that was healed; and maps of what an answer comes from, with the tests that such maps must pass. **Time:** about four hours, more than half of them for the exercises; the computer needs about a minute.

# %%
import copy
import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any, Self

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu

from ch10.callbacks import Recorder
from ch10.data import BatchLoader, normalize
from ch10.learner import Callback, Learner
from ch10.models import small_cnn
from ch10.schedules import Scheduled, one_cycle
from groundup import plot, record, unlock
from groundup.data import mnist

torch.set_num_threads(1)
training, validation = mnist()
pixels, labels = training.tensors()
valid_pixels, valid_labels = validation.tensors()
mean, std = pixels.mean().item(), pixels.std().item()
raw, valid_raw = pixels.view(-1, 1, 28, 28), valid_pixels.view(-1, 1, 28, 28)
images, valid_images = normalize(raw, mean, std), normalize(valid_raw, mean, std)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
fitted, rest = order.split([len(order) * 4 // 5, len(order) - len(order) * 4 // 5])

# %% [markdown]
# ## Eight times the same
#
# Here is a network in the fashion of fast.ai's course of 2022, convolutions with a stride of 2 and PyTorch's own weights and biases. There, on pictures of clothes and at a rate of 0.6, `nbs/10_activations` trains its network eight times, each time from seed 1, and prints the *accuracies* .204, .376, .164, .397, .100, .100, .100 and .289; the notebook behind it heals it. Ours is smaller and gentler: four convolutions and one linear layer, pixels from 0 to 1 that nobody has normalised, a rate of 0.1, two thousand images, batches of 25, two epochs, and eight seeds. (This cell and the next take some ten seconds.)


# %%
def strided_cnn(activation: Callable = nn.ReLU) -> nn.Sequential:
    """Four convolutions with stride 2, one linear layer; PyTorch's own start."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2), activation(),  # (N, 8, 14, 14)
        nn.Conv2d(8, 16, 3, stride=2, padding=1), activation(),  # (N, 16, 7, 7)
        nn.Conv2d(16, 32, 3, stride=2, padding=1), activation(),  # (N, 32, 4, 4)
        nn.Conv2d(32, 64, 3, stride=2, padding=1), activation(),  # (N, 64, 2, 2)
        nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip


ward = fitted[:2000]  # what every network here is trained on


def treated(
    seed: int,
    lr: float,
    x: Tensor = raw,
    start: Callable | None = None,
    activation: Callable = nn.ReLU,
    callbacks: Iterable[Callback] = (),
    epochs: int = 2,
) -> tuple[nn.Module, list[float]]:
    """A trained network, and the loss of each step: two epochs have 160."""
    torch.manual_seed(seed)
    model = strided_cnn(activation)
    if start is not None:
        start(model)
    loader = BatchLoader(
        x[ward], labels[ward], batch_size=25, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    optimizer, recorder = torch.optim.SGD(model.parameters(), lr=lr), Recorder()
    learner = Learner(
        model, cross_entropy, optimizer, loader, callbacks=[recorder, *callbacks]
    )
    learner.fit(epochs)
    return model, recorder.losses


def wrong(model: nn.Module, x: Tensor, y: Tensor = valid_labels) -> float:
    """The error rate."""
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in x.split(500)])
    return (answers != y).float().mean().item()


cold = [treated(seed, 0.1) for seed in range(8)]
cold_errors = [wrong(model, valid_raw) for model, _ in cold]
print("rate 0.1, wrong:", " ".join(f"{error:.3f}" for error in cold_errors))

# %% [markdown]
# A guess is wrong in nine cases of ten, and its loss is $\log 10 = 2.30$. All eight of ours stand there for a hundred steps and more, and some to the end. If a network does not move, one turns up the rate. (A callback keeps the weights of each step; we shall come back to them.)


# %%
class Weights(Callback):
    """All parameters before each step, and its batch."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict, Tensor, Tensor]] = []

    def after_backward(self, learner: Learner) -> None:
        named = learner.model.named_parameters()
        state = {name: p.detach().clone() for name, p in named}
        self.seen.append((state, learner.x, learner.y))


histories = [Weights() for _ in range(5)]
hot = [treated(seed, 1.2, callbacks=[histories[seed]]) for seed in range(5)]
hot_errors = [wrong(model, valid_raw) for model, _ in hot]
print("rate 1.2, wrong:", " ".join(f"{error:.3f}" for error in hot_errors))

# %% tags=["figure"] alt="Eight losses at a rate of 0.1. All lie flat on 2.3 for at least a hundred steps; some of them fall at the end, others have not begun." caption="Rate 0.1: eight losses, each the mean of ten steps"
figure, ax = plt.subplots(figsize=(3.4, 2.5))
for _, losses in cold:
    means = [sum(losses[n : n + 10]) / 10 for n in range(150)]
    ax.plot(range(10, 160), means, color=plot.COLOURS[0], linewidth=1)
ax.axhline(math.log(10), color=plot.COLOURS[5], linestyle="--", linewidth=1)
ax.set(xlabel="step", ylabel="loss", ylim=(1.2, 2.9))

# %% tags=["figure", "beside"] alt="Five losses at a rate of 1.2. They leave 2.3 now and then for a few steps, mostly upwards, and come back to it." caption="Rate 1.2. The dashed line is log 10, the loss of a guess"
figure, ax = plt.subplots(figsize=(3.4, 2.5))
for _, losses in hot:
    means = [sum(losses[n : n + 10]) / 10 for n in range(150)]
    ax.plot(range(10, 160), means, color=plot.COLOURS[1], linewidth=1)
ax.axhline(math.log(10), color=plot.COLOURS[5], linestyle="--", linewidth=1)
ax.set(xlabel="step", ylabel="loss", ylim=(1.2, 2.9))

# %% tags=["claim"]
assert max(cold_errors) > 0.8 and max(cold_errors) - min(cold_errors) > 0.3
assert all(abs(sum(losses[20:60]) / 40 - math.log(10)) < 0.05 for _, losses in cold)
for _, losses in cold:
    means = [sum(losses[n : n + 10]) / 10 for n in range(10, 91)]
    assert max(abs(m - math.log(10)) for m in means) < 0.1 or len(images) > 5000
assert median(hot_errors) > 0.85
ends = [sum(losses[-10:]) / 10 for _, losses in hot]
assert abs(median(ends) - math.log(10)) < 0.15
record("eight seeds at a rate of 0.1, error rates", cold_errors)
record("five seeds at a rate of 1.2, error rates", hot_errors)

# %% [markdown]
# Some at 0.1 get away, sooner or later. At 1.2 they do move, and end a little above 2.30 all the same. Is it one trouble or two? We have to look inside.
#
# ## Layer by layer
#
# A `Sequential` can be taken apart by hand: give the images to the first layer, its output to the second, and look at each. For every activation function: mean and standard deviation of all its numbers, and a third number, the standard deviation over the images of *each* number that the layer puts out. Call it **between images**: it says how much of that depends on which image went in. (The fourth layer's output is (250, 64, 2, 2): 256 deviations, and their root mean square.) Last, the share of **dead units**, channels that are 0 for each of these images, everywhere.

# %%
probe = raw[rest[:250]]  # images that nobody trains on


def between(values: Tensor) -> float:
    """The deviation of each number over the images, root mean square. (N, ...)."""
    return (values - values.mean(0)).square().mean().sqrt().item()


@torch.no_grad()
def examine(model: nn.Module, x: Tensor) -> list[tuple[float, float]]:
    """Print each activation's numbers; deviation, between images and dead of each."""
    found = []
    for number, layer in enumerate(model):
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            dead = (x.amax((0, 2, 3)) <= 0).float().mean().item()
            found.append((x.std().item(), between(x), dead))
            print(
                f"    {number}: mean {x.mean():.4f}, deviation {found[-1][0]:.4f}, "
                f"between images {found[-1][1]:.4f}, dead {dead:.0%}"
            )
    return found


worst = max(range(8), key=lambda seed: cold_errors[seed])
torch.manual_seed(worst)
print("before training")
at_start = examine(strided_cnn(), probe)
print(f"after 160 steps at 0.1, and a loss of {sum(cold[worst][1][-10:]) / 10:.2f}")
sleeping = examine(cold[worst][0], probe)
ended = max(range(5), key=lambda seed: hot_errors[seed])
hot_ends = [sum(losses[-10:]) / 10 for _, losses in hot]
print(f"after 160 steps at 1.2, and a loss of {hot_ends[ended]:.2f}")
dying = examine(hot[ended][0], probe)

# %% tags=["claim"]
assert (
    at_start[-1][1] < 0.1 * at_start[0][1] and at_start[-1][1] < 0.4 * at_start[-1][0]
)
assert sleeping[-1][2] < 0.5 and dying[-1][2] > 0.9
assert all(a[1] < 0.7 * b[1] for b, a in pairwise(at_start))
assert 0.1 < at_start[-1][0] / at_start[0][0] < 0.3
assert at_start[-1][1] / at_start[0][1] < 0.08

# %% [markdown]
# Two illnesses, then. At 1.2 the units are dead. At 0.1 most of them live. From the first layer to the fourth the deviation falls to a fifth even before training, which a network could live with; between images it falls to a twentieth. The fourth layer puts out nearly the same numbers whatever it is shown. Where do its numbers come from, if not from the image? Three layers of one unit each show it; every weight is 0.4 and every bias 0.3:

# %% tags=["figure", "slide"] alt="A chain of three units, each with weight 0.4 and bias 0.3. The input 1 becomes 0.7, then 0.58, then 0.53. Backwards, a gradient of 1 becomes 0.4, then 0.16, then 0.06." caption="Forward above, gradients below. With an input of 0 instead of 1, the three units would hold 0.3, 0.42 and 0.47"
plot.network(
    layers=[[1], [0.7], [0.58], [0.532]],
    weights=[[[0.4]], [[0.4]], [[0.4]]],
    gradients=[[0.064], [0.16], [0.4], [1]],
    biases=[[0.3], [0.3], [0.3]],
    names=["$x$", "1", "2", "3"],
)

# %% [markdown]
# The inputs 1 and 0 differ by 1. One layer on, 0.7 and 0.3 differ by 0.4; then 0.58 and 0.42 by 0.16; then 0.532 and 0.468 by 0.064. The *difference* shrinks by the weight in each layer, while the numbers themselves settle at 0.5, which is what the biases make of nothing. Look at the gradients by the sums, below: in this chain they shrink by the same factor. (In the network they have a number of their own, as backward the fan-out counts, and a stride of 2 makes it small: in a step that we measure below, 0.3 per layer and less.) Where the output hardly depends on the input, the loss hardly depends on the first weights.

# %% tags=["claim"]
one, zero = 1.0, 0.0
for apart in (0.4, 0.16, 0.064):
    one, zero = 0.4 * one + 0.3, 0.4 * zero + 0.3
    assert math.isclose(one - zero, apart)
assert math.isclose(one, 0.532) and math.isclose(0.3 / (1 - 0.4), 0.5)

# %% [markdown] exercise="forecast" tags=["prompt"] difficulty="medium" minutes=30
# ### Exercise 11.1: the forecast
#
# PyTorch draws the weights *and* the biases of a layer evenly from $-1/\sqrt{D}$ to $1/\sqrt{D}$, where $D$ is the fan-in. Write `forecast(q, d, fans)`. `q` is the mean square of the numbers that go in, and `d` the mean square of the difference between the numbers of two images; `fans` are the fan-ins of layers that each have a ReLU behind them. (`d` is for difference.) Give back a list with a pair `(q, d)` for each layer, after its ReLU. Assume that many units meet, that their sums are as often positive as negative, and that the two images are so alike that a unit is on for both or for neither. No formula is given: chapter 4's argument about variances leads there.

# %% [markdown] tags=["hint"]
# What is the mean square of a number that is drawn evenly from $-a$ to $a$? It is the integral of $x^2$ from 0 to $a$, divided by $a$; or draw a million with `torch.rand` and see. A sum of $D$ products whose factors have nothing to do with each other has $D$ times the mean square of one of them.

# %% [markdown] tags=["hint"]
# The bias belongs to the sum, and has a mean square of its own. In the difference of two images, what becomes of the bias? What does a ReLU leave of a mean square, if half of the numbers become 0?


# %% tags=["solution"]
def forecast(q: float, d: float, fans: list[int]) -> list[tuple[float, float]]:
    """Mean square, and that of the difference of two images, after each layer."""
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 6
        pairs.append((q, d))
    return pairs


# %% [markdown] tags=["solution"]
# An even draw from $-a$ to $a$ has the mean square $a^2/3$, so a weight has $1/(3D)$, and a sum of $D$ products $q/3$. The bias adds another $1/(3D)$, and ReLU keeps half of it all. In the difference the bias cancels. My first forecast had `d` grow by the bias as well. For four layers with a fan-in of 100 and $d = 0.02$ it ended at 0.002 and not at 0.000015: a network that can still tell its images apart, by 130 times too much in the mean square.


# %% tags=["check"]
def check_forecast() -> None:
    def answer(q: float, d: float, fans: list[int]) -> list[tuple[float, float]]:
        given, kept = f"forecast({q}, {d}, {fans})", list(fans)
        try:
            got = forecast(q, d, fans)
        except Exception as error:
            raise AssertionError(f"{given}: your code stops at {error!r}") from error
        assert got is not None, f"{given}: nothing came back: return the list"
        assert fans == kept, "`fans` has changed, and it is the caller's"
        assert isinstance(got, (list, tuple)), f"{given}: a list of pairs, not {got!r}"
        pair = isinstance(got, tuple) or not all(
            isinstance(each, (tuple, list)) and len(each) == 2 for each in got
        )
        assert not pair, (
            f"{given}: a list with a pair (q, d) for each layer, not {got!r}"
        )
        assert len(got) == len(fans), (
            f"{given}: {len(fans)} pairs, one for each layer, and not {len(got)}: what "
            "goes in is not among them"
        )
        return [(float(a), float(b)) for a, b in got]

    def near(a: float, b: float) -> bool:
        return abs(a - b) <= 0.02 * abs(b)

    fans, q, d = [9, 40, 7], 0.7, 0.03
    got = answer(q, d, fans)

    def chain(rule: Callable, start: float) -> list[float]:
        out = []
        for fan_in in fans:
            start = rule(start, fan_in)
            out.append(start)
        return out

    right = chain(lambda a, n: (a + 1 / n) / 6, q), chain(lambda a, n: a / 6, d)
    assert not all(
        near(a, right[1][k]) and near(b, right[0][k]) for k, (a, b) in enumerate(got)
    ), "the pair is (q, d), in this order"
    for place, (name, wanted) in enumerate(zip("qd", right, strict=True)):
        seen = [pair[place] for pair in got]
        start = (q, d)[place]
        for other, why in (
            (chain(lambda a, n: (a + 1 / n) / 2, start), "1/D is the mean square of a "
             "normal draw by Xavier; an even draw from -a to a has a third of a²"),
            (chain(lambda a, n: a / 2, start), "a third is missing: the mean square of "
             "an even draw from -a to a is a²/3"),
            (chain(lambda a, n: (a + 1 / n) / 3, start), "ReLU is missing: it keeps "
             "half of a mean square"),
            (chain(lambda a, n: a / 3, start), "a half is missing: ReLU keeps half of "
             "a mean square (or was a 2 put in for two images? d has it already)"),
            (chain(lambda a, n: (a + 1 / n) / 24, start), "an even draw from -a to a "
             "has a width of 2a: its mean square is a²/3, and not a²/12"),
            (chain(lambda a, n: a / 24, start), "an even draw from -a to a has a width "
             "of 2a: its mean square is a²/3, and not a²/12"),
            (chain(lambda a, n: (a + 1 / n) / 12, start), "ReLU halves a mean square, "
             "and that is a quarter: half of the numbers stay as they are"),
            (chain(lambda a, n: a / 12, start), "ReLU halves a mean square, and that "
             "is a quarter: half of the numbers stay as they are"),
            (chain(lambda a, n: (a + 1) / 6, start), "the bias has a mean square of "
             "1/(3D), not of 1/3"),
        ):  # fmt: skip
            assert not all(map(near, seen, other)), f"{name}: {why}"
        if name == "q":
            assert not all(map(near, seen, chain(lambda a, n: a / 6, q))), (
                "q: the bias is forgotten, which is drawn like a weight"
            )
            whole = chain(lambda a, n: a / 6 + 1 / (3 * n), q)
            assert not all(map(near, seen, whole)), (
                "q: ReLU halves weights and bias together: the bias is in the sum"
            )
            roots = [math.sqrt(each) for each in wanted]
            assert not all(map(near, seen, roots)), "q: a mean square, without the root"
            alone = [(q + 1 / n) / 6 for n in fans]
            assert not all(map(near, seen, alone)), (
                "q: each layer goes on from the last"
            )
            first = chain(lambda a, n: (a + 1 / fans[0]) / 6, q)
            assert not all(map(near, seen, first)), "each layer has a fan-in of its own"
        else:
            assert not all(map(near, seen, chain(lambda a, n: (a + 1 / n) / 6, d))), (
                "d: both images get the same bias: in the difference it is gone"
            )
            first = [d / 6] * 3
            assert not all(map(near, seen, first)), (
                "d: each layer goes on from the last"
            )
        assert all(map(near, seen, wanted)), (
            f"forecast({q}, {d}, {fans}): {name} should be "
            f"{[float(f'{x:.3g}') for x in wanted]}, not "
            f"{[float(f'{x:.3g}') for x in seen]}"
        )
    assert answer(0.5, 0.1, []) == [], "no layers, no pairs: []"


check_forecast()

# %% [markdown]
# The forecast for our network, beside what it does in the median of five seeds. Two of its assumptions are not quite true here, since a window at the edge of an image sees padding, and two digits are not that much alike:

# %%
q = probe.square().mean().item()
d = 2 * between(probe) ** 2  # the difference of two draws has twice the variance
measured = {"rms": [], "between": []}
for seed in range(5):
    torch.manual_seed(seed)
    x, rows = probe, ([], [])
    with torch.no_grad():
        for layer in strided_cnn()[:8]:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                rows[0].append(x.square().mean().sqrt().item())
                rows[1].append(between(x))
    measured["rms"].append(rows[0])
    measured["between"].append(rows[1])
foreseen, last = forecast(q, d, [25, 72, 144, 288]), between(probe)
for n, (q, d) in enumerate(foreseen):
    size, spread = (median(row[n] for row in rows) for rows in measured.values())
    print(
        f"layer {n + 1}: root mean square {q**0.5:.3f}, and {size:.3f} measured; "
        f"between images {(d / 2) ** 0.5:.4f}, and {spread:.4f} measured, "
        f"{spread / last:.2f} of what came in"
    )
    last = spread

# %% tags=["claim"]
for n, (q, d) in enumerate(foreseen):
    size, spread = (median(row[n] for row in rows) for rows in measured.values())
    assert 0.6 < size / q**0.5 < 1.5 and 0.5 < spread / (d / 2) ** 0.5 < 1.6
spreads = [median(row[n] for row in measured["between"]) for n in range(4)]
low, high = (0.28, 0.43) if len(images) < 5000 else (0.25, 0.5)
assert all(low < b / a < high for a, b in pairwise([between(probe), *spreads]))
assert math.isclose(1 / 6**0.5, 0.41, abs_tol=0.01)
with_bias = [0.02]
for _ in range(4):
    with_bias.append((with_bias[-1] + 1 / 100) / 6)
assert 120 < with_bias[-1] / (0.02 / 6**4) < 140

# %% [markdown]
# By the forecast each layer leaves $1/\sqrt 6 = 0.41$ of the difference between two images; in the network it is 0.3 to 0.4. That this network would begin asleep could be foretold before the first step.

# %% [markdown]
# ## Hooks
#
# To take a `Sequential` apart is easy; in the middle of a training run it is not. We want to be told whenever a certain layer is called, without touching the layer or the loop. A **hook** is a function that a module calls when it is called itself. Chapter 7's `Module` has one line in `__call__`, `return self.forward(*inputs, **options)`; here it has two loops more. What is called before `forward` may change the inputs, what is called after it, a **forward hook**, may change the output: by returning something that is not `None`.


# %%
class Handle:
    """Takes a hook off again."""

    def __init__(self, hooks: dict[object, Callable]) -> None:
        self.hooks = hooks

    def remove(self) -> None:
        """A second time does nothing."""
        self.hooks.pop(self, None)


class Hooked(nn.Module):
    """A module that calls hooks. One tensor goes in, one comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[object, Callable] = {}
        self.after: dict[object, Callable] = {}

    def register_forward_pre_hook(self, hook: Callable) -> Handle:
        """Have hook(module, inputs) called before."""
        handle = Handle(self.before)
        self.before[handle] = hook
        return handle

    def register_forward_hook(self, hook: Callable) -> Handle:
        """Have hook(module, inputs, output) called after."""
        handle = Handle(self.after)
        self.after[handle] = hook
        return handle

    def __call__(self, x: Tensor) -> Tensor:
        for hook in [*self.before.values()]:
            changed = hook(self, (x,))
            if changed is not None:
                x = changed[0] if isinstance(changed, tuple) else changed
        return self.inner(x)

    def inner(self, x: Tensor) -> Tensor:
        """What comes behind the hooks that are called before."""
        output = self.forward(x)
        for hook in [*self.after.values()]:
            changed = hook(self, (x,), output)
            output = output if changed is None else changed
        return output


class Double(Hooked):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


double = Double()
handles = [
    double.register_forward_pre_hook(lambda module, inputs: inputs[0] + 1),
    double.register_forward_hook(lambda module, inputs, output: print("saw", output)),
    double.register_forward_hook(lambda module, inputs, output: output * 100),
]
results = [double(torch.tensor(3.0)).item()]
for handle in handles:
    handle.remove()
results.append(double(torch.tensor(3.0)).item())
print(results)

# %% tags=["claim"]
assert results == [800.0, 6.0]

# %% [markdown]
# 3 became 4 before the layer, 8 in it, and 800 behind it; with the hooks off it is 6 again. A **handle** remembers which hook is which, so that the same function, put on twice, can be taken off once. Loops that go through a *copy* of the hooks allow one to take itself off while it is called.

# %% tags=["timing"]
unlock("torch.nn.Module.register_forward_hook", by=Hooked)

# %% [markdown]
# ## The way back
#
# Half of what happens in a network happens on the way back. A **backward hook** is called when gradients have come through a module: with the gradient of the loss by its input, and that by its output. `__call__` is long over by then. So it has to leave something in the graph that waits there. PyTorch's engine takes operations that one has written oneself, as chapter 6's tape does: a class with a `forward` and a `backward`. Ours does nothing at all on the way forward.


# %%
class Gate(torch.autograd.Function):
    """What comes in goes out; on the way back, whatever `look` returns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, look: Callable) -> Tensor:
        ctx.look = look
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.look(grad), None  # None is the gradient of `look`


class HookedBothWays(Hooked):
    """Gates before `forward`, behind the pre-hooks, and behind all forward hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.backwards: dict[object, Callable] = {}

    def register_full_backward_hook(self, hook: Callable) -> Handle:
        """Have hook(module, grad_inputs, grad_outputs) called."""
        handle = Handle(self.backwards)
        self.backwards[handle] = hook
        return handle

    def inner(self, x: Tensor) -> Tensor:
        if not self.backwards:
            return super().inner(x)
        behind: list[Tensor] = []  # a new one for each call

        def leaving(grad: Tensor) -> Tensor:
            behind.append(grad)
            if not x.requires_grad:  # no gate before: nothing else will come
                self.call(None, behind.pop())
            return grad

        def entering(grad: Tensor) -> Tensor:
            return self.call(grad, behind.pop())

        return Gate.apply(super().inner(Gate.apply(x, entering)), leaving)

    def call(self, grad_input: Tensor | None, grad_output: Tensor) -> Any:
        grads: tuple = (grad_input,)
        for hook in [*self.backwards.values()]:
            changed = hook(self, grads, (grad_output,))
            grads = grads if changed is None else changed
        return grads[0]


class Triple(HookedBothWays):
    def forward(self, x: Tensor) -> Tensor:
        return 3 * x


triple, x, noted = Triple(), torch.tensor(1.0, requires_grad=True), []
triple.register_forward_pre_hook(lambda module, inputs: inputs[0] * 10)
triple.register_full_backward_hook(
    lambda module, grad_in, grad_out: noted.append((grad_in[0], grad_out[0]))
)
triple(x).backward()
print(
    f"by its output {noted[0][1]:.0f}, by its input {noted[0][0]:.0f}, x {x.grad:.0f}"
)

# %% tags=["claim"]
assert noted == [(3.0, 1.0)] and x.grad == 30

# %% [markdown]
# (`ctx`, "context", keeps things from the way forward for the way back.) The way back reaches the gate behind first, which keeps the gradient; then `forward`; then the gate before, and only there are both gradients known. The layer's input is what the pre-hook made of `x`: its gradient is 3, and that of `x` is 30. A backward hook may return other gradients for the inputs, and training goes on with these.

# %% tags=["timing"]
unlock("torch.nn.Module.register_full_backward_hook", by=HookedBothWays)

# %% [markdown]
# ### On, and off again
#
# Who puts hooks on must take them off, even if an error comes in between. Python's word for that is `with`, and the object behind it a **context manager**: its method `__enter__` is called on the way in, `__exit__` on the way out, whatever happens.

# %% [markdown] exercise="hooks" tags=["prompt"] difficulty="medium" minutes=35
# ### Exercise 11.2: whatever happens
#
# Write the class `Hooks(modules, hook, backward=False)`. On entering `with` it puts `hook` on each of `modules`, in order, by `register_forward_hook`, or with `backward` by `register_full_backward_hook`; and what stands behind `as` is the object itself. On leaving, its own hooks are off, and nobody else's; an error goes on its way. If one of `modules` cannot take a hook, the error shall leave none on the others. The same object can be used again. `remove()` takes its hooks off by hand, and twice does no harm. `modules` may be any iterable.

# %% [markdown] tags=["hint"]
# `__exit__(self, kind, error, trace)` is called after an error, too; if it returns something true, the error is swallowed. And if `__enter__` itself fails, is `__exit__` called?

# %% [markdown] tags=["hint"]
# Keep the handles in a list. An iterator can be gone through once: what do you keep of `modules` for the second time? A `try` in `__enter__` can clean up and `raise` again.


# %% tags=["solution"] export="hooks.py"
"""Hooks: functions that modules call when they are called, and what to do with them."""


class Hooks:
    """Puts a hook on each of some modules; on leaving `with`, they are taken off.

    PyTorch calls hook(module, inputs, output); with `backward`, when gradients come
    back, hook(module, grad_inputs, grad_outputs).
    """

    def __init__(
        self, modules: Iterable[nn.Module], hook: Callable, backward: bool = False
    ) -> None:
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles: list[Any] = []

    def __enter__(self) -> Self:
        way = "full_backward" if self.backward else "forward"
        try:
            for module in self.modules:
                put = getattr(module, f"register_{way}_hook")
                self.handles.append(put(self.hook))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take all of them off."""
        while self.handles:
            self.handles.pop().remove()


# %% [markdown] tags=["solution"]
# I had no `try`. For a list with a `None` in its third place, `with` stopped, as it should, and two hooks stayed on for good: where `__enter__` fails, `__exit__` is not called.


# %% tags=["check"]
def check_hooks() -> None:
    def layers() -> list[nn.Module]:
        return [nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)]

    def on(modules: list[Any], backward: bool = False) -> list[int]:
        where = "_backward_hooks" if backward else "_forward_hooks"
        return [len(getattr(m, where)) for m in modules if isinstance(m, nn.Module)]

    def made(*given: Any, **options: Any) -> Any:
        try:
            return Hooks(*given, **options)
        except Exception as error:
            raise AssertionError(f"Hooks(…) stops at {error!r}") from error

    def entered(hooks: Any) -> Any:
        try:
            return hooks.__enter__()
        except Exception as error:
            raise AssertionError(f"`with Hooks(…)`: stops at {error!r}") from error

    def left(hooks: Any, *error: Any) -> Any:
        try:
            return hooks.__exit__(*(error or (None, None, None)))
        except Exception as stop:
            raise AssertionError(f"on leaving: stops at {stop!r}") from stop

    seen: list[Any] = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        seen.append(module)

    modules = layers()
    first, relu, last = modules
    modules = [last, first]
    theirs = first.register_forward_hook(lambda m, i, o: None)
    hooks = made((m for m in modules), hook)
    assert on(modules) == [0, 1], "hooks are put on before `with` is entered"
    came = entered(hooks)
    assert came is hooks, (
        f"what stands behind `as` is {came!r}: return self on entering"
    )
    assert on(modules, True) == [0, 0], "without `backward`, forward hooks are wanted"
    assert on(modules) != [0, 1], "in the block there is no hook on any module"
    assert on(modules) == [1, 2], (
        f"each of two modules takes one hook (the second has had one), and now they "
        f"have {on(modules)}"
    )
    first(torch.zeros(1, 3)), relu(torch.zeros(1)), last(torch.zeros(1, 3))
    assert seen == [first, last], "the hook itself is put on, PyTorch calls it"
    stopped = left(hooks)
    assert not stopped, "__exit__ returns something true: an error would be swallowed"
    assert on(modules) != [1, 2], "on leaving, all hooks are still on"
    assert on(modules) != [0, 0], "somebody else's hook was taken off with yours"
    assert on(modules) == [0, 1], (
        f"on leaving, hooks are left: {on(modules)}, not [0, 1]"
    )

    entered(hooks)
    assert on(modules) != [0, 1], (
        "entered a second time, it puts no hooks on: was `modules` an iterator, and is "
        "used up?"
    )
    assert on(modules) == [1, 2], f"the second time {on(modules)}, not [1, 2]"
    error = ZeroDivisionError("in the block")
    swallowed = left(hooks, type(error), error, None)
    assert on(modules) == [0, 1], "left by an error, the hooks are still on"
    assert not swallowed, "an error in the block is swallowed: it has to go on"

    entered(hooks)
    for _ in range(2):
        try:
            came = hooks.remove()
        except Exception as stop:
            raise AssertionError(f"remove(), also twice: stops at {stop!r}") from stop
    assert on(modules) == [0, 1], "remove() leaves hooks on"
    left(hooks)
    theirs.remove()

    order: list[str] = []
    a, b = nn.ReLU(), nn.ReLU()
    for module in (a, b):
        put = module.register_forward_hook

        def noting(hook: Callable, put: Any = put, module: Any = module) -> Any:
            order.append("a" if module is a else "b")
            return put(hook)

        module.register_forward_hook = noting
    hooks = made([b, a], hook)
    entered(hooks)
    assert order == ["b", "a"], f"hooks are put on in the order {order}, not as given"
    left(hooks)

    class Refuses(nn.Module):
        def register_forward_hook(self, *_: Any, **options: Any) -> Any:
            raise RuntimeError("no hooks here")

    broken = layers()[:2]
    for wrong_one in (None, "a name", Refuses()):
        hooks: Any = None
        try:
            hooks = Hooks([*broken, wrong_one], hook)
            came = hooks.__enter__()
        except Exception:
            assert on(broken) == [0, 0], (
                f"the third of the modules is {wrong_one!r}: rightly an error, but the "
                f"hooks on the first two stay: {on(broken)}"
            )
        else:
            left(hooks)
            raise AssertionError(
                f"a module {wrong_one!r} takes no hook: nothing is said"
            )

    hooks = made(broken, hook, backward=True)
    entered(hooks)
    assert on(broken) == [0, 0], "with `backward`, no forward hook is wanted"
    assert on(broken, True) == [1, 1], "with `backward`: register_full_backward_hook"
    assert all(m._is_full_backward_hook for m in broken), (
        "register_backward_hook is the old one, whose gradients may be others: "
        "register_full_backward_hook"
    )
    left(hooks)
    assert on(broken, True) == [0, 0], "on leaving, the backward hooks are still on"
    hooks = made([relu], lambda module, inputs, output: output + 5)
    entered(hooks)
    assert relu(torch.tensor(2.0)) == 7, (
        "the hook returns another output, and the module does not hand it on: put on "
        "the hook itself"
    )
    left(hooks)


check_hooks()

# %% [markdown]
# > [!BUG] Break it: the hook that is deleted
# > "It's very important to remove the hooks when they are deleted, otherwise there will be references kept", says fast.ai's course of 2019 (`06_cuda_cnn_hooks_init`), and the hook there is an object that does so in `__del__`; in the course of 2022 it still is. In our words:


# %%
class Instrument:
    """Notes the standard deviation of what a module puts out."""

    def __init__(self, module: nn.Module) -> None:
        self.deviations: list[float] = []
        self.handle = module.register_forward_hook(partial(deviation, self))

    def __del__(self) -> None:
        self.handle.remove()


def deviation(instrument: Instrument, module: nn.Module, _: Any, out: Tensor) -> None:
    instrument.deviations.append(out.std().item())


# %% [markdown] tags=["predict"]
# A cell in a notebook says `instrument = Instrument(layer)`, and is run five times. Each time the name gets a new object. How many hooks does the layer call in the end? And after `del instrument`?

# %%
layer = nn.Linear(2, 2)
counts = []
for _ in range(5):
    instrument = Instrument(layer)
    layer(torch.zeros(3, 2))
    counts.append(len(layer._forward_hooks))
del instrument
counts.append(len(layer._forward_hooks))
print(counts)

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > One, two, three, four, five, and five. The module holds the hook, the hook is a `partial` that holds the instrument, so somebody does refer to it: the layer. `__del__` waits for a deletion that waits for `__del__`, for as long as the network lives. Each of the five is still called in every step. If hooks keep whole outputs, the memory fills with them, and with the graphs behind them. **Whoever puts a hook on says when it comes off.**

# %% tags=["claim"]
assert counts == [1, 2, 3, 4, 5, 5]
layer(torch.zeros(3, 2))
kept = [h.args[0] for h in layer._forward_hooks.values()]
assert [len(each.deviations) for each in kept] == [6, 5, 4, 3, 2]

# %% [markdown]
# ## An instrument
#
# Now the instrument that we shall use: a callback that writes down, at each step, what goes forward and what comes back. Beside the numbers from above there is, for each unit, the share of its numbers that are above its lowest (of use for ReLU: 0 means that it puts out the same everywhere, and is dead); and a histogram.


# %% export="hooks.py"
@torch.no_grad()
def describe(values: Tensor, low: float, high: float, bins: int) -> dict[str, Any]:
    """Statistics of a layer's numbers, or of their gradients, in one batch.

    `mean` and `std` of all; `between`, how far each number is from its mean over the
    examples (root mean square); `active`, for each unit (channel) the share of its
    numbers that are above its lowest; `histogram`, whose outermost bins count what is
    beyond `low` and `high`. Shapes: (N, C) or (N, C, ...).
    """
    units = values.transpose(0, 1).flatten(1)  # (C, N * places)
    return {
        "mean": units.mean().item(),
        "std": units.std().item(),
        "between": (values - values.mean(0)).square().mean().sqrt().item(),
        "active": (units > units.amin(1, keepdim=True)).float().mean(1),
        "histogram": units.nan_to_num(high).clamp(low, high).histc(bins, low, high),
    }


class ActivationStats(Callback):
    """What `describe` says of modules' outputs and of their gradients, at each step.

    `names` are those of `named_modules()`; without, of all that hold no others.
    `outputs` and `gradients` have a list for each. The hooks come off after the fit.
    """

    def __init__(
        self, *names: str, low: float = -5.0, high: float = 5.0, bins: int = 50
    ) -> None:
        if not low < high or bins < 1:
            raise ValueError(
                f"{low=}, {high=}, {bins=}: give low < high, 1 bin or more"
            )
        self.names, self.range = names, (low, high, bins)
        self.outputs: dict[str, list[dict]] = {}
        self.gradients: dict[str, list[dict]] = {}
        self.stack = ExitStack()

    def before_fit(self, learner: Learner) -> None:
        """Put the hooks on. Raises: ValueError for names that the model lacks."""
        known = dict(learner.model.named_modules())
        if missing := [name for name in self.names if name not in known]:
            raise ValueError(f"no modules {missing}: there are {[*known]}")
        leaves = [name for name, m in known.items() if not [*m.children()]]
        found = {known[name]: name for name in self.names or leaves}
        for kept, backward in ((self.outputs, False), (self.gradients, True)):
            for name in found.values():
                kept.setdefault(name, [])

            def look(m: Any, _: Any, out: Any, kept: dict = kept) -> None:
                if m.training:
                    values = out[0] if isinstance(out, tuple) else out
                    kept[found[m]].append(describe(values, *self.range))

            self.stack.enter_context(Hooks(found, look, backward))

    def after_fit(self, learner: Learner) -> None:
        self.stack.close()


# %% [markdown]
# Give it to both patients. In the pictures every column is one step and every row a range of numbers; the brighter, the more of the fourth layer's numbers are there, on a logarithmic scale.

# %%
NAMES = ("1", "3", "5", "7")  # the activation functions


def watched(seed: int, lr: float, **options: Any) -> ActivationStats:
    stats = ActivationStats(*NAMES, low=-1, high=4, bins=500)
    treated(seed, lr, callbacks=[stats], **options)
    return stats


def paint(stats: ActivationStats, low: float, high: float, bins: int) -> None:
    """The fourth layer's histograms as columns, logarithms of counts."""
    rows = torch.stack([row["histogram"] for row in stats.outputs["7"]], 1)
    rows = rows[round(100 * low) + 100 : round(100 * high) + 100]
    colours = rows.unflatten(0, (bins, -1)).sum(1).log1p()
    _, ax = plt.subplots(figsize=(3.4, 2.5))
    extent = (0, 160, low, high)
    ax.imshow(colours, origin="lower", aspect="auto", extent=extent, cmap="magma")
    ax.set(xlabel="step", ylabel="output")


sleeper, victim = watched(worst, 0.1), watched(ended, 1.2)

# %% tags=["figure", "slide"] alt="The sleeping network, from 0 to 0.2: level bands below 0.1, the same from the first step to the last, and darkness above." caption="Rate 0.1, asleep: the fourth layer's numbers, from step 1 to 160"
paint(sleeper, 0, 0.2, 20)

# %% tags=["figure", "beside"] alt="The network at rate 1.2, from 0 to 0.2: numbers rise until they leave the picture at step 40. Then a few sparks for thirty steps, and to the end nothing but a line at 0." caption="Rate 1.2, dead. Numbers above 0.2 are not in the picture"
paint(victim, 0, 0.2, 20)

# %% [markdown]
# Asleep, the units put out what their biases make, each its own number, step after step. Dead, there is nothing but the line at 0. (The scale ends at 0.2. From −1 to 4, where a healthy layer lives, both are one line.)
#
# ## When units die, and whether they come back
#
# Count the dead, of all 120 channels, step by step: those that are 0 for each of 100 images, always the same ones. For each of the five networks at 1.2 take the step that kills most. As we have kept the weights from before it, we can do it over: the same weights, the same batch, and other rates.


# %%
few = rest[:100]


@torch.no_grad()
def dead_units(state: dict, x: Tensor) -> list[Tensor]:
    """Whether each unit is 0 for all of these images, for each of the four layers."""
    model, found = strided_cnn(), []
    model.load_state_dict(state)
    for layer in model[:8]:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x.amax((0, 2, 3)) <= 0)
    return found


def revived(is_dead: Tensor) -> int:
    """How often a unit came back that had been dead for ten steps or more."""
    count = 0
    for unit in is_dead.T.tolist():
        silent = 0
        for dead_now in unit:
            count += silent >= 10 and not dead_now
            silent = silent + 1 if dead_now else 0
    return count


def stepped(memory: tuple[dict, Tensor, Tensor], lr: float) -> tuple[float, int]:
    """The loss after one step, and how many of the fourth layer's 64 are dead."""
    state, x, y = memory
    model = strided_cnn()
    model.load_state_dict(state)
    cross_entropy(model(x), y).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
        loss = cross_entropy(model(raw[few]), labels[few]).item()
    return loss, int(dead_units(model.state_dict(), raw[few])[3].sum())


fates, tables = [], []
print(f"{'dead of 120':>27}   loss (dead of layer 4) after a step of {'came':>14}")
print(
    "seed  step   before  after           0         0.1         0.3         1.2   back"
)
for seed, weights in enumerate(histories):
    rows = [dead_units(state, raw[few]) for state, _, _ in weights.seen]
    tables.append([torch.stack(layer) for layer in zip(*rows, strict=True)])
    total = sum(each.sum(1) for each in tables[-1])
    step = int((total[1:] - total[:-1]).argmax())  # its update is the fatal one
    again = [stepped(weights.seen[step], lr) for lr in (0, 0.1, 0.3, 1.2)]
    back = [revived(each) for each in tables[-1]]
    silent = dead_units(weights.seen[-1][0], raw[ward])[3].all().item()
    before, after = total[step].item(), total[step + 1].item()
    fates.append((before, after, again, back, silent))
    cells = "".join(f"   {loss:.2f} ({dead:2})" for loss, dead in again)
    print(
        f"{seed:4} {step + 1:5} {before:8} {after:6} {cells} {sum(back):6}", flush=True
    )

# %% tags=["figure"] alt="Dead units by step, as a share of each of the four layers. The fourth goes up to about 45 per cent and down to nearly 0. At step 40 all four leap up together; the fourth goes to 98 per cent and later to 100, the third to about 80, the second to about 60, the first to a quarter, and there they stay." caption="The network of the picture above: the share of dead units, by layer"
figure, ax = plt.subplots(figsize=(5.6, 2.6))
for number, is_dead in enumerate(tables[ended], start=1):
    share = 100 * is_dead.float().mean(1)
    ax.plot(range(1, 161), share, label=f"layer {number}", linewidth=1.2)
ax.set(xlabel="step", ylabel="per cent dead", ylim=(0, 105))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %% tags=["claim"]
most = 60 if len(images) < 5000 else 40
assert median(after - before for before, after, *_ in fates) > most
assert sum(again[0][0] > math.log(10) for _, _, again, *_ in fates) >= 3
for column, low, high in ((1, 1.8, math.log(10)), (3, 2.29, 2.6)):
    losses = [again[column][0] for _, _, again, *_ in fates]
    assert low < median(losses) < high
none, short, middling, full = (
    median(again[column][1] for _, _, again, *_ in fates) for column in range(4)
)
assert full > 35 and full > middling + 10 and middling > short and short < none + 16
backs = [sum(back) for *_, back, _ in fates]
most = max((back for *_, back, _ in fates), key=sum)
assert sum(most) >= 100 and most[3] > 0.6 * sum(most) and min(backs) < 30
assert sum(silent for *_, silent in fates) >= 2

# %% [markdown]
# One step does most of it. Just before, in most of the five, the loss is worse than a guess: an earlier step went too far. From there a step of 0.1 would lead below a guess, in the median, with few deaths. The step of 1.2 throws most units to the side where they are never positive, and the loss comes "back" to that of a guess. In at least two of the five the rest of the fourth layer follows later.
#
# "A dead ReLU stays dead" is something that one reads. It depends. No gradient comes through a dead unit, so its own weights stand still; but the layers *before* it go on learning through its neighbours, and may send it something else. In at least one of these five runs units came back a hundred times or more, after ten dead steps at least, and mostly in the fourth layer; in another, fewer than thirty times. What does not come back is a *layer*: where all 64 units are dead for every image, every gradient before them is exactly 0 in every batch, nothing moves, and the last layer's biases learn how frequent the ten digits are. Guessing by the frequencies alone costs $-\sum_c p_c \log p_c = 2.30$, where $p_c$ is the share of digit $c$: the 2.3 at the end. (Dead for one batch is not enough: for another a unit may wake.)

# %%
memory = histories[ended].seen[-1]
model = strided_cnn()
model.load_state_dict(memory[0])
cross_entropy(model(memory[1]), memory[2]).backward()
for name, p in model.named_parameters():
    print(f"{name:9} largest gradient {p.grad.abs().max():.1e}")

# %% tags=["claim"]
shares = labels.bincount() / len(labels)
assert 2.295 < -(shares * shares.log()).sum() < math.log(10)
if fates[ended][-1]:
    grads = {name: p.grad.abs().max().item() for name, p in model.named_parameters()}
    assert grads.pop("9.bias") > 0 and max(grads.values()) == 0

# %% [markdown] tags=["aside"]
# #### Aside: saturated units
#
# A tanh or a sigmoid has no zero to die at, and two plains where its derivative is nearly 0. A unit that stands on one is **saturated**: it puts out 1 or −1 (a sigmoid 1 or 0) and learns next to nothing. Our network with tanh, from one seed, and weights three times, then ten times as large as Xavier's; the share of numbers beyond ±0.99, where the derivative $1 - \tanh^2$ is below 0.02:

# %% tags=["aside"]
beyond = {}
for gain in (1, 3, 10):
    torch.manual_seed(0)
    model, x, shares = strided_cnn(nn.Tanh), images[rest[:500]], []
    with torch.no_grad():
        for layer in model[:8]:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_normal_(layer.weight, gain)
            x = layer(x)
            if isinstance(layer, nn.Tanh):
                shares.append((x.abs() > 0.99).float().mean().item())
    beyond[gain] = shares
    print(f"{gain:2} times Xavier:", " ".join(f"{share:.0%}" for share in shares))

# %% tags=["aside", "claim"]
assert beyond[10][-1] > 0.5 and beyond[1][-1] < 0.05 and 1 - 0.99**2 < 0.02

# %% [markdown]
# ## One change at a time
#
# A diagnosis is an experiment. The first patient gets three cures, one at a time: three times the rate, normalised images, Kaiming's weights with biases of 0. The second gets a quarter of its rate, which is 0.3 again and so the same five trainings; or the other two at once. Five seeds each. (Twenty trainings, some eight seconds.)


# %%
def he_(model: nn.Module) -> None:
    """Kaiming's weights, no biases."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight)
                layer.bias.zero_()


def trial(name: str, lr: float, x: Tensor, shown: Tensor, **options: Any) -> list:
    """The error rates of five seeds, and one line of print."""
    runs = [treated(seed, lr, x, **options) for seed in range(5)]
    errors = sorted(wrong(model, shown) for model, _ in runs)
    print(
        f"{name:28} median {errors[2]:.1%} wrong, {errors[0]:.1%} to {errors[4]:.1%}"
        f"; largest loss {max(max(losses) for _, losses in runs):.0e}",
        flush=True,
    )
    explosions.append(median(max(losses) for _, losses in runs))
    return errors


trials, explosions = {}, []
print(f"rate 0.1, as it was: median {median(cold_errors[:5]):.1%} wrong")
trials[0.1] = {
    "rate": trial("    rate 0.3", 0.3, raw, valid_raw),
    "images": trial("    normalised images", 0.1, images, valid_images),
    "start": trial("    Kaiming's start", 0.1, raw, valid_raw, start=he_),
}
print(f"rate 1.2, as it was: median {median(hot_errors):.1%} wrong")
print("    rate 0.3: the same five, above")
trials[1.2] = {
    "both": trial("    images and start", 1.2, images, valid_images, start=he_),
}

# %% tags=["claim"]
assert max(errors[2] for errors in trials[0.1].values()) < 0.4
assert trials[1.2]["both"][2] > 0.7
assert explosions[-1] > 1000 > 100 * median(max(losses) for _, losses in hot)

# %% [markdown]
# So what is the *cause* of the sleep, the rate, the images or the start? Each of the three alone cures it, and a quarter of the rate cures the second patient, both in the median of five seeds. With the images and the start mended the signal is larger, 1.2 is even more too much, and nothing is cured: in the median of five the loss explodes. The first patient needs more, the second less, and by the loss alone, 2.3, they look alike.
#
# ## A start that measures
#
# Xavier's start and Kaiming's calculate a scale that should preserve the signal, from the formula for one activation function. If the data, the padding or the activation is another one, they are a little off in each layer, and over five or fifty layers that multiplies. Dmytro Mishkin and Jiri Matas proposed to measure instead. Draw any weights; send one batch through; and divide the weights of each layer by the standard deviation of what it puts out, one after the other, so that each gets its input from layers that are in order already. It is called **layer-sequential unit variance**, LSUV. We take the mean away as well, by the biases; that is not in the paper.

# %% [markdown] exercise="lsuv" tags=["prompt"] difficulty="medium" minutes=30
# ### Exercise 11.3: LSUV in ten lines
#
# Write `lsuv_(model, batch)`, in place, for a model of `nn.Conv2d`, `nn.Linear` and modules without parameters, one after the other, perhaps nested. Afterwards, on this batch, each of these layers puts out numbers with mean 0 and standard deviation 1, all of them taken together. The weights of a layer are divided by *one* number, the biases are moved by *one* number (and may be divided by the weights' number, too); a layer without a bias gets the deviation and keeps its mean. Give the model back, with no hooks left. A layer that puts out the same number everywhere, up to rounding, raises a `ValueError`. Nothing is learnt: no gradients.

# %% [markdown] tags=["hint"]
# If you scale layer 1, what the second is fed changes. In which order do you measure and scale? A forward hook sees the output at the right moment, and what it returns is what the next layer is fed.

# %% [markdown] tags=["hint"]
# The output is $Wx + b$. You want $(Wx + b - \mathrm{mean}) / \mathrm{deviation}$. Which weights and which bias give that, exactly, in one go? And what has to be taken off first, if you take the mean off and then divide?


# %% tags=["solution"] export="init.py"
@torch.no_grad()
def lsuv_(model: nn.Module, batch: Tensor) -> nn.Module:
    """Scale and shift every layer's output on `batch` to mean 0 and deviation 1.

    Layers: `nn.Conv2d` and `nn.Linear`, each by one number for its weights and one for
    its biases. Raises: ValueError for a layer whose output is constant.
    Paper: Mishkin and Matas 2016, arXiv:1511.06422, algorithm 1, with the mean beside.
    """

    def scale(layer: Any, inputs: Any, output: Tensor) -> Tensor:
        if not output.numel() or not output.amax() > output.amin():
            raise ValueError(f"{layer} puts out the same everywhere: nothing to scale")
        mean, std = output.mean(), output.std()
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% [markdown] tags=["solution"]
# One pass is enough, as each hook hands on what the layer will put out from now on. The first version that I ran took the mean off the bias and then divided the weights, and the division changes the mean again. With PyTorch's start, ReLU and normalised images it left means of up to 0.17 in five seeds, where 0 was wanted.


# %% tags=["check"]
def check_lsuv() -> None:
    def build(kind: str) -> nn.Sequential:
        torch.manual_seed(4)
        if kind == "linear":
            parts = [nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4, bias=False), nn.Tanh()]
            model = nn.Sequential(nn.Sequential(*parts), nn.Linear(4, 7))
        else:
            model = nn.Sequential(
                nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 3, 3, stride=2),
                nn.ReLU(), nn.Flatten(), nn.Linear(12, 4),
            )  # fmt: skip
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(4 if p.dim() > 1 else 1).add_(0.3)
        return model

    def outputs(model: nn.Module, x: Tensor) -> list[Tensor]:
        seen: list[Tensor] = []
        layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        handles = [
            m.register_forward_hook(lambda m, i, o: seen.append(o)) for m in layers
        ]
        with torch.no_grad():
            model(x)
        for handle in handles:
            handle.remove()
        return seen

    source = torch.Generator().manual_seed(2)
    for kind, shape in (("linear", (40, 6)), ("conv", (30, 2, 8, 8))):
        x = 0.7 + 2 * torch.randn(shape, generator=source)
        kept, model, old = x.clone(), build(kind), build(kind)
        params = [*model.parameters()]
        try:
            got = lsuv_(model, x)
        except Exception as error:
            why = repr(error)
            if "requires grad" in why:
                why += ": nothing is learnt here, so torch.no_grad()"
            raise AssertionError(f"your code stops at {why}") from error
        assert got is model, f"give back the model, not {got!r:.60}"
        assert torch.equal(x, kept), "the batch has changed, and it is the caller's"
        assert all(a is b for a, b in zip(params, model.parameters(), strict=True)), (
            "new parameters have taken the place of the old ones, which an optimizer "
            "may hold: change them in place"
        )
        assert all(p.grad is None and p.requires_grad for p in params), (
            "a parameter has a gradient, or needs none any more: nothing is learnt here"
        )
        hooked = [m for m in model.modules() if m._forward_hooks]
        assert not hooked, f"hooks are left on {hooked[0]}"
        assert all(m.training for m in model.modules()), (
            "the model was in training, and is in evaluation now: leave it as it was"
        )
        layers, before = (
            [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
            for net in (model, old)
        )
        factors = []
        for now, then in zip(layers, before, strict=True):
            ratio = now.weight / then.weight
            each = ratio.flatten(1)
            assert not (
                (each - each[:, :1]).abs().max() < 1e-3 * each.abs().max()
                and (each - each[0, 0]).abs().max() > 1e-3 * each.abs().max()
            ), f"{now}: each unit is scaled by a number of its own: one for all of them"
            assert (each - each[0, 0]).abs().max() < 1e-3 * each.abs().max(), (
                f"{now}: the weights are scaled by different numbers, or shifted: "
                "divide them all by one"
            )
            assert each[0, 0] > 0, f"{now}: the weights have changed their signs"
            if now.bias is not None:
                b, old_b = now.bias.detach(), then.bias.detach()
                centred = old_b - old_b.mean()
                factor = ((b - b.mean()) * centred).sum() / centred.square().sum()
                factors.append(factor)
                assert (b - b.mean() - factor * centred).abs().max() < 1e-3, (
                    f"{now}: each bias is moved by a number of its own: one for all"
                )
                assert min(abs(factor - 1), abs(factor - each[0, 0])) < 1e-3, (
                    f"{now}: the weights are multiplied by {each[0, 0]:.3f}, and the "
                    f"biases (apart from what they are moved by) by {factor:.3f}"
                )
        found = outputs(model, x)
        deviations = [o.std().item() for o in found]
        means = [o.mean().item() for o in found]
        untouched = [o.std().item() for o in outputs(old, x)]
        assert not all(
            math.isclose(a, b, rel_tol=1e-4)
            for a, b in zip(deviations, untouched, strict=True)
        ), "nothing has been scaled"
        for number, (now, then) in enumerate(zip(layers, before, strict=True), start=1):
            nested = ": it stands in a `Sequential` inside" if kind == "linear" else ""
            assert not torch.equal(now.weight, then.weight) or (
                now.bias is not None and not torch.equal(now.bias, then.bias)
            ), f"layer {number} of {len(layers)}, {now}, is as it was" + nested * (
                number < 3
            )
        assert abs(factors[0] - 1) > 1e-3 or (
            abs(deviations[0] - 1) < 0.02 and abs(means[0]) < 0.02
        ), (
            f"the first layer has a mean of {means[0]:.3f} and a deviation of "
            f"{deviations[0]:.3f}: its weights were divided and its biases were not, "
            "and it is another mean again. Divide both, or go on until both are right"
        )
        assert abs(deviations[0] - 1) < 0.02, (
            f"the first layer puts out a deviation of {deviations[0]:.3f}, not 1: "
            "divide by the standard deviation of its output"
        )
        assert abs(means[0]) < 0.02, (
            f"the first layer has a mean of {means[0]:.3f}, not 0: the mean of its "
            "output is what the biases have to lose"
        )
        assert all(abs(d - 1) < 0.02 for d in deviations), (
            f"deviations of {[round(d, 3) for d in deviations]}: the first is right, "
            "and not all of the others: what a layer is fed changes as soon as those "
            "before it do, so measure it after they were scaled, and hand on what the "
            "layer puts out now"
        )
        biased = [layer.bias is not None for layer in layers]
        off = [mean for mean, has in zip(means, biased, strict=True) if has]
        assert max(map(abs, off)) < 0.02, (
            f"means of {[round(m, 3) for m in off]}: not 0, in layers with a "
            "bias; in the first it is"
        )
    for bias, why in (
        (0.25, "nothing is said"),
        (0.3, "it goes on where its bias is 0.3: by rounding the deviation is not "
         "0 there but 3e-8. Compare the largest number with the smallest, or the "
         "deviation with a small number"),
    ):  # fmt: skip
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        with torch.no_grad():
            model[2].weight.zero_()
            model[2].bias.fill_(bias)
        try:
            lsuv_(model, torch.randn(5, 3, generator=source))
        except ValueError:
            pass
        except Exception as error:
            raise AssertionError(
                f"a layer with weights of 0 puts out the same everywhere: a "
                f"ValueError, not {error!r}"
            ) from error
        else:
            raise AssertionError(
                f"a layer with weights of 0 puts out the same everywhere, and cannot "
                f"be scaled: {why}"
            )
        assert not any(m._forward_hooks for m in model.modules()), (
            "after the ValueError hooks are left"
        )


check_lsuv()

# %% [markdown]
# > [!QUOTE] Paper box: LSUV
# > D. Mishkin and J. Matas, *All you need is a good init* (ICLR 2016), arXiv:1511.06422. Algorithm 1, after the weights were drawn as orthonormal matrices: for each layer $L$, **while** $|\mathrm{Var}(B_L) - 1| \ge Tol_{var}$ and $T_i < T_{max}$, do a forward pass with a minibatch, calculate $\mathrm{Var}(B_L)$, and set
# >
# > $$W_L = W_L \,/ \sqrt{\mathrm{Var}(B_L)}$$
# >
# > | in the paper | say | for us |
# > |:--|:--|:--|
# > | $W_L$ | W L | `layer.weight` |
# > | $B_L$ | B L | what the layer puts out, before its activation: `output` |
# > | $\mathrm{Var}(B_L)$ | its variance | `std` squared |
# > | $Tol_{var}$, $T_i$, $T_{max}$ | tolerance, trial, most trials | – |
# >
# > The division is `layer.weight /= std`, and the forward pass is `model(batch)`. The loop has no counterpart: a layer's output is proportional to its weights once its bias is dealt with, so that the first division is exact up to rounding, and our hook returns what the layer puts out from now on. In the paper the biases are 0. Nor have we orthonormal matrices, only Kaiming's; see chapter 4.
#
# ## An activation that is centred
#
# LSUV gives each layer numbers of mean 0, and ReLU at once makes their mean positive: everything below 0 is cut. A **leaky** ReLU (chapter 2) leaves a tenth of what is below 0, and no unit can die; and one may move the whole of it down by a constant, so that the mean is 0 again. fast.ai's `GeneralRelu` is such a **generalised ReLU**: leak, shift (of 0.4 there), and an upper limit if wanted.

# %% [markdown] exercise="shift" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 11.4: how far down?
#
# Write `centring_shift(leak)`: what has to be subtracted from a leaky ReLU with this slope below 0, so that it puts out numbers of mean 0 for a standard normal input. The density of a standard normal number is $e^{-z^2/2}/\sqrt{2\pi}$. Derive it, or find another way to know it to four digits, for every leak from 0 to 1.

# %% [markdown] tags=["hint"]
# For a leak of 1 nothing has to be subtracted: why? The mean has one part from above 0 and one from below.

# %% [markdown] tags=["hint"]
# What is the derivative of $-e^{-z^2/2}$? Then the integral of $z\, e^{-z^2/2}$ from 0 upwards is one number. And from below up to 0?


# %% tags=["solution"] export="activations.py"
"""Activation functions."""


def centring_shift(leak: float) -> float:
    """What a leaky ReLU has to lose for mean 0, if its input is standard normal."""
    return (1 - leak) / math.sqrt(2 * math.pi)


# %% [markdown] tags=["solution"]
# The upper half gives $1/\sqrt{2\pi} = 0.399$, the lower as much with the other sign, times the leak. I had begun with 0.798, the mean of a normal number that *is* positive, and forgotten that only half of them are: with a shift of 0.798 the mean of a ReLU is as far below 0 as it was above.


# %% tags=["check"]
def check_shift() -> None:
    def answer(leak: float) -> float:
        try:
            got = centring_shift(leak)
        except Exception as error:
            raise AssertionError(
                f"centring_shift({leak}): your code stops at {error!r}"
            ) from error
        assert got is not None, "nothing came back: return the number"
        assert not isinstance(got, str), f"a number is wanted, not the text {got!r}"
        try:
            return float(got)
        except Exception as error:
            raise AssertionError(f"a number is wanted, not {got!r}") from error

    half = 1 / math.sqrt(2 * math.pi)
    got = {leak: answer(leak) for leak in (0.0, 0.1, 0.35, 0.8, 1.0)}

    def like(rule: Callable[[float], float]) -> bool:
        return all(abs(number - rule(leak)) < 2e-4 for leak, number in got.items())

    for rule, why in (
        (lambda a: 2 * half * (1 - a), "twice too far: 0.798 is the mean of those that "
         "are positive, and only half of them are"),
        (lambda a: 2 * half - a * half, "the upper half gives 0.399 and not 0.798: "
         "only half of the numbers are there"),
        (lambda a: half, "the leak is not in it: what is below 0 pulls the mean down"),
        (lambda a: half * (1 + a), "what leaks is below 0, and pulls the mean down: "
         "subtract it"),
        (lambda a: -half * (1 - a), "the sign: it will be subtracted, so it is the "
         "mean itself"),
        (lambda a: half - a, "the leak multiplies the mean of the lower half, which is "
         "not 1"),
        (lambda a: (1 - a) / (2 * math.pi), "the root of 2π is missing"),
        (lambda a: (1 - a) / math.sqrt(math.pi), "a 2 is missing under the root"),
        (lambda a: (1 - a) / 2, "half of the numbers are positive; how large?"),
        (lambda a: half * (1 - a * a), "the leak is squared: a mean is wanted, and in "
         "it the leak stands as it is"),
        (lambda a: 1 - a * half, "1 - leak belongs in brackets, or the root divides "
         "the leak alone"),
        (lambda a: half * (1 - a) / 2, "half of it: that half of the numbers are "
         "positive is in the integral already"),
        (lambda a: math.sqrt((1 + a * a) / 2), "that is the root of the mean square: "
         "the mean is wanted"),
    ):  # fmt: skip
        assert not like(rule), why
    for leak, number in got.items():
        assert abs(number - half * (1 - leak)) < 2e-4, (
            f"for a leak of {leak} it is {half * (1 - leak):.4f}, not {number:.4f}"
        )


check_shift()


# %% export="activations.py"
class GeneralReLU(nn.Module):
    """ReLU with a slope of `leak` below 0, moved down by `shift`, at most `limit`."""

    def __init__(
        self, leak: float = 0.0, shift: float = 0.0, limit: float = math.inf
    ) -> None:
        super().__init__()
        self.leak, self.shift, self.limit = leak, shift, limit

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: any, the same."""
        x = leaky_relu(x, self.leak) - self.shift
        return x if self.limit == math.inf else x.clamp(max=self.limit)


# %%
z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
centred = {}
for leak in (0.0, 0.1):
    activation = GeneralReLU(leak, centring_shift(leak))
    centred[leak] = activation(z).mean().item(), activation(z).std().item()
    print(
        f"leak {leak}: shift {activation.shift:.3f}, mean {centred[leak][0]:+.4f}, "
        f"deviation {centred[leak][1]:.3f}"
    )

# %% tags=["claim"]
assert all(abs(mean) < 0.003 for mean, _ in centred.values())

# %% [markdown]
# ## Healed
#
# Normalised images, Kaiming's weights and ReLU; or the same images, LSUV and the centred activation. Each gets a rate of its own among three, by the loss after one epoch on the training images that are held back; then five seeds, with the validation images. (Some six seconds.)


# %%
def centred_relu() -> GeneralReLU:
    return GeneralReLU(0.1, centring_shift(0.1))


def measured_start(model: nn.Module) -> None:
    he_(model)
    lsuv_(model, images[ward[:400]])


def at_its_best(name: str, rates: tuple, **options: Any) -> tuple[list, float]:
    """Five error rates, and the rate that was chosen."""
    tried = {}
    for lr in rates:
        model, _ = treated(0, lr, images, epochs=1, **options)
        with torch.no_grad():
            tried[lr] = cross_entropy(model(images[rest]), labels[rest]).item()
    lr = min(tried, key=tried.get)
    return trial(f"{name}, rate {lr}", lr, images, valid_images, **options), lr


healed = {}
healed["He, ReLU"], _ = at_its_best("He, ReLU", (0.1, 0.2, 0.4), start=he_)
options = {"start": measured_start, "activation": centred_relu}
healed["LSUV, centred"], lr = at_its_best("LSUV", (0.05, 0.1, 0.2), **options)
stats = watched(worst, lr, x=images, **options)

# %% tags=["figure"] alt="The sleeping network once more: a thin bright line at 0, and darkness." caption="The sleeper once more, on a healthy layer's scale …"
paint(sleeper, -1, 4, 50)

# %% tags=["figure", "beside"] alt="The healed network: from the first step to the last a bright line at −0.4, and above it a broad band of numbers, bright up to 1, dimmer up to 3 and beyond." caption="… and healed, from the same seed. The line at −0.4 is the shift: what was below 0, leaked"
paint(stats, -1, 4, 50)

# %%
print("the gradient's deviation at the first step, by layer")
sizes = {}
for name, seen in (("asleep", sleeper), ("healed", stats)):
    sizes[name] = [seen.gradients[layer][0]["std"] for layer in NAMES]
    print(f"{name}:", *(f"{size:.1e}" for size in sizes[name]))
    for what in ("between", "mean"):
        numbers = [seen.outputs[layer][0][what] for layer in NAMES]
        print(f"    {what} of the outputs:", *(f"{number:+.3f}" for number in numbers))

# %% tags=["claim"]
assert max(healed["He, ReLU"][2], healed["LSUV, centred"][2]) < 0.15
assert sizes["healed"][0] > 5 * sizes["asleep"][0]
assert all(0.2 < a / b < 0.35 for a, b in pairwise(sizes["asleep"]))
assert all(abs(stats.outputs[layer][0]["mean"]) < 0.12 for layer in NAMES)
assert stats.outputs["7"][0]["between"] > 20 * sleeper.outputs["7"][0]["between"]
for name, errors in healed.items():
    record(f"{name}, two epochs, error rates of five seeds", errors)

# %% [markdown]
# Both are well, and five seeds lie close together. Which of the two is better these five do not tell: a formula did it as well as a measurement. LSUV may earn its keep where no formula is known. (All was changed at once: a cure, no diagnosis.)

# %% [markdown] tags=["aside"]
# #### Aside: what the instruments cost
#
# A training step of chapter 9's network as it is, with hooks that do nothing, and with all that `ActivationStats` writes down for three layers, in processor time:


# %% tags=["aside", "timing"]
def step_times() -> dict[str, float]:
    """The least seconds of five steps each, taken in turn."""
    torch.manual_seed(0)
    model = small_cnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    one = [(images[ward[:50]], labels[ward[:50]])]
    stats = ActivationStats("1", "3", "6")
    learner = Learner(model, cross_entropy, optimizer, one * 5)
    least: dict[str, float] = {}
    for _ in range(4):
        for name in ("none", "empty", "all"):
            empty = Hooks(model if name == "empty" else [], lambda m, i, o: None)
            with empty:
                start = time.process_time()
                learner.fit(1, [stats] if name == "all" else [])
                taken = time.process_time() - start
            least[name] = min(least.get(name, math.inf), taken)
    return least


taken = step_times()
for name, what in (("empty", "ten empty hooks"), ("all", "ActivationStats")):
    print(f"{what}: {taken[name] / taken['none']:.2f} times as long as without")

# %% tags=["aside", "claim"]
assert taken["empty"] < 1.5 * taken["none"] and taken["all"] < 8 * taken["none"]
record("a step with ActivationStats, times one without", taken["all"] / taken["none"])

# %% [markdown] tags=["aside"]
# An empty hook is next to nothing; what is done in it is not.

# %% [markdown]
# ## The last number
#
# Chapter 10's recipe, with its network, its schedule, its eight epochs and the weight decay that it chose, 0.25, and LSUV and the centred activation beside. A rate among three, each for one epoch on the fitted images; then five seeds with all images. (Some fifteen seconds.)


# %%
def last_model(seed: int, lr: float, rows: Tensor, epochs: int) -> nn.Module:
    torch.manual_seed(seed)
    model = small_cnn()
    for place in (1, 3, 6):
        model[place] = centred_relu()
    lsuv_(model, images[rows[:400]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.25)
    loader = BatchLoader(
        images[rows], labels[rows], batch_size=40, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    schedule = [Scheduled(lr=one_cycle(lr))]
    Learner(model, cross_entropy, optimizer, loader, callbacks=schedule).fit(epochs)
    return model


tried = {}
for lr in (0.01, 0.02, 0.04):
    with torch.no_grad():
        logits = last_model(0, lr, fitted, 1)(images[rest])
    tried[lr] = cross_entropy(logits, labels[rest]).item()
    print(f"rate {lr}: loss {tried[lr]:.3f}", flush=True)
lr = min(tried, key=tried.get)
finished, error_rates = [], []
for seed in range(5):
    finished.append(last_model(seed, lr, order, 8))
    error_rates.append(wrong(finished[-1], valid_images))
    print(f"seed {seed}: {error_rates[-1]:.1%} wrong", flush=True)
print(f"median {median(error_rates):.1%}")

# %% tags=["claim"]
ten_digits = median(error_rates)
assert ten_digits < 0.028
if len(images) < 5000:  # the images that come with the book
    assert lr == 0.02  # inside of the three
    assert ten_digits > 0.016
record("error_rate", ten_digits)
record("error rates of five seeds", error_rates)

# %% [markdown]
# About two in a hundred, near chapter 10's number. Why should it be better? This network has three convolutions, so that little is lost on the way; and Adam divides every gradient by its size, so that it hardly minds when gradients are small. Try it: the sleeper, un-normalised images, PyTorch's start, nothing healed, one epoch, with AdamW instead of plain descent.

# %%
awake = []
for seed in range(5):
    torch.manual_seed(seed)
    model = strided_cnn()
    loader = BatchLoader(
        raw[ward], labels[ward], batch_size=25, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    Learner(model, cross_entropy, optimizer, loader).fit(1)
    awake.append(wrong(model, valid_raw))
print("AdamW, wrong:", " ".join(f"{error:.3f}" for error in awake))

# %% tags=["claim"]
assert median(awake) < 0.2

# %% [markdown]
# What puts plain descent to sleep AdamW does not notice.
#
# ## What it looks at
#
# The network works. How? Its first layer can be seen: eight kernels of 5 × 5, as they were drawn and as they are after training.


# %%
torch.manual_seed(0)
begun = small_cnn()[0].weight.detach()[:, 0]
learnt = finished[0][0].weight.detach()[:, 0]


def roughness(kernels: Tensor) -> float:
    """Squared differences of neighbours, against the kernels' variance."""
    apart = kernels.diff(dim=1).square().mean() + kernels.diff(dim=2).square().mean()
    return (apart / kernels.var((1, 2)).mean() / 4).item()


rough = [roughness(begun)]
rough += [roughness(model[0].weight.detach()[:, 0]) for model in finished]
print("roughness of random kernels", round(rough[0], 2))
print("after training, five seeds", [round(each, 2) for each in rough[1:]])

# %% tags=["figure"] alt="Two rows of eight small squares. Above, the kernels at the start: noise. Below, after training: several show an orange side and a blue side, at different angles." caption="The first layer's kernels at the start (above) and after training (below). Blue: below 0; orange: above"
figure, axes = plt.subplots(2, 8, figsize=(5.6, 1.5))
for row, kernels in zip(axes, (begun, learnt), strict=True):
    for ax, kernel in zip(row, kernels, strict=True):
        limit = kernel.abs().max().item()
        ax.imshow(kernel, cmap=plot.SIGNED, vmin=-limit, vmax=limit)
        ax.set_axis_off()

# %% tags=["claim"]
assert max(rough[1:]) < 0.85 * rough[0]

# %% [markdown]
# Out of noise has come order. (Independent numbers have a roughness of 1; below that, neighbours agree.) Kernels with an orange side and a blue one answer to edges. Deeper kernels look at channels and not at pixels, and mean nothing to the eye. There one asks the other way round: which *pixels* does an answer come from? That is called **attribution**. The simplest way needs one line of chapter 6. Take the logit of a class, and its gradient by the input; its size at a pixel says how fast the logit changes with it. The picture of it is a **saliency map**.

# %% export="attribution.py"
"""Attribution: which parts of an image an answer comes from."""


def scores(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """The sum over the images of each one's logit of its class.

    Shapes: (N, C, H, W), (N,) -> (). Raises: ValueError for others.
    """
    if x.dim() != 4 or classes.shape != x.shape[:1]:
        shapes = f"images {tuple(x.shape)}, classes {tuple(classes.shape)}"
        raise ValueError(f"{shapes}: give (N, C, H, W), and a class for each image")
    return model(x).gather(1, classes[:, None]).sum()


def saliency(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """How fast the logit of an image's class changes with each of its pixels.

    Shapes: (N, C, H, W), (N,) -> (N, H, W). Paper: Simonyan et al. 2014,
    arXiv:1312.6034, section 3.
    """
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(scores(model, x, classes), x)
    return grad.abs().amax(1)


# %% [markdown]
# (The sum over the images is one number, and as no image has a part in another's logit, its gradient by an image is that of this image's own.) Selvaraju and others ask a deep layer, whose feature maps still know *where*. Their **Grad-CAM** takes two steps. Let $A^k$ be feature map $k$ of that layer and $y^c$ the logit of class $c$. How much does the class want more of map $k$? The mean of the gradient, over all $Z$ places:
#
# $$\alpha^c_k = \frac{1}{Z} \sum_i \sum_j \frac{\partial y^c}{\partial A^k_{ij}} $$
#
# $$L^c = \mathrm{ReLU}\Big(\sum_k \alpha^c_k A^k\Big)$$
#
# A place speaks for the class where maps that it wants are large. ReLU leaves out what speaks against. ($A^k$ is map number $k$, and no power; $i$ and $j$ count its rows and columns; $\alpha$ is "alpha"; $L^c$ is the finished map, and no loss.)

# %% [markdown] exercise="grad_cam" tags=["prompt"] difficulty="hard" minutes=40
# ### Exercise 11.5: Grad-CAM
#
# Write `grad_cam(model, layer, x, classes)` for a batch of images and a class for each: a map for each image, as large as the feature maps of `layer`, which is a module somewhere in `model`. It takes no part in training: parameters have the gradients that they had, no hook is left, also when the model stops with an error, and what comes back needs no gradient. A layer that the model does not call, or calls twice, or that has no places in its output (a `Linear`), is a `ValueError`. The network may be frozen, so that none of its parameters requires a gradient.

# %% [markdown] tags=["hint"]
# A hook can keep the layer's output. `torch.autograd.grad(a, b)` gives the derivatives of `a` by `b` in a tuple, and writes them nowhere.

# %% [markdown] tags=["hint"]
# `scores` gives the number to differentiate. The feature maps have the shape $(N, K, H', W')$: over which axes is the mean, over which the sum? Each image has weights of its own. (In a frozen network nothing requires a gradient, unless the images do; and these are the caller's.)


# %% tags=["solution"] export="attribution.py"
def grad_cam(model: nn.Module, layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """Where a layer's feature maps speak for an image's class.

    Shapes: (N, C, H, W), (N,) -> (N, H', W') of the layer's output. Paper: Selvaraju
    et al. 2017, arXiv:1610.02391, eq. 1 and 2. What comes behind the layer must not
    change its output in place. Raises: ValueError for a layer that gives no feature
    maps, or is not called once.
    """
    seen: list[Tensor] = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x.detach().requires_grad_(), classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        shapes = [tuple(maps.shape) for maps in seen]
        raise ValueError(f"{layer} gives {shapes}: it should be one (N, K, H, W)")
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% [markdown] tags=["solution"]
# I multiplied gradient and feature map place by place, and took no mean. Maps come out that look as good, and they are others: for 300 validation images the two kinds correlate by less than 0.6 in the median.


# %% tags=["check"]
def check_grad_cam() -> None:
    torch.manual_seed(6)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.Tanh(), nn.Sequential(nn.Conv2d(5, 4, 2), nn.Tanh()),
        nn.Flatten(), nn.Linear(80, 6), nn.Tanh(), nn.Linear(6, 3),
    )  # fmt: skip
    x, classes = torch.randn(7, 2, 8, 7), torch.tensor([2, 0, 1, 1, 2, 0, 2])
    for p in model.parameters():
        p.grad = torch.full_like(p, 0.5)
    kept = x.clone(), classes.clone()

    def untouched(after: str) -> None:
        hooked = [m for m in model.modules() if m._forward_hooks or m._backward_hooks]
        for module in hooked:
            module._forward_hooks.clear()
            module._backward_hooks.clear()
        assert not hooked, f"a hook is left{after} on {type(hooked[0]).__name__}"

    def answer(layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
        try:
            got = grad_cam(model, layer, x, classes)
        except Exception as error:
            raise AssertionError(f"your code stops at {error!r}") from error
        untouched("")
        assert got is not None, "nothing came back: return the maps"
        assert isinstance(got, Tensor), f"give back a tensor, not {got!r:.60}"
        assert all(
            p.grad is not None and (p.grad == 0.5).all() for p in model.parameters()
        ), (
            "the gradients of parameters have changed: torch.autograd.grad writes "
            "nowhere, and backward does"
        )
        assert torch.equal(x, kept[0]) and not x.requires_grad and x.grad is None, (
            "the images have changed, or require a gradient now: they are the caller's"
        )
        assert torch.equal(classes, kept[1]), "the classes have changed"
        assert all(p.requires_grad for p in model.parameters()), (
            "a parameter requires no gradient any more: leave the model as it was"
        )
        assert all(m.training for m in model.modules()), (
            "the model is in evaluation now, and was in training: leave it as it was"
        )
        return got

    for layer, shape in ((model[1], (7, 6, 5)), (model[2], (7, 5, 4))):
        maps: list[Tensor] = []
        with Hooks([layer], lambda m, i, o, maps=maps: maps.append(o)):
            logits = model(x)
        rows = torch.arange(7)
        score = logits[rows, classes].sum()
        (grad,) = torch.autograd.grad(score, maps[0], retain_graph=True)
        guess = logits[rows, logits.argmax(1)].sum()
        (by_guess,) = torch.autograd.grad(guess, maps[0], retain_graph=True)
        loss = cross_entropy(logits, classes, reduction="sum")
        (by_loss,) = torch.autograd.grad(loss, maps[0])
        grid = maps[0].detach()
        mean = grad.mean((2, 3), keepdim=True)
        wanted = (mean * grid).sum(1).clamp(min=0)
        got = answer(layer, x, classes)
        assert not got.requires_grad, (
            "what comes back still hangs on the graph: detach it"
        )
        given = tuple(got.shape)
        assert given != (7, 1, *shape[1:]), f"the shape is {given}: take the 1 out"
        assert len(given) != 4, (
            f"the shape is {given}: the weighted maps are still to be added up, over "
            "the channels"
        )
        assert given == shape, (
            f"the shape is {given}, and that of the layer's maps is {shape}: one for "
            "each image"
        )
        signed = (mean * grid).sum(1)
        all_images = grad.mean((0, 2, 3), keepdim=True)
        for other, why in (
            (signed, "below 0 something is left: ReLU leaves out what speaks "
             "against"),
            (signed.abs(), "what speaks against now speaks for: ReLU, not abs"),
            ((-signed).clamp(min=0), "the wrong sign: what speaks *against* is shown"),
            ((grad * grid).sum(1).clamp(min=0), "gradient times map, place by place: "
             "the mean of the gradient over the places comes first"),
            ((mean * grid).clamp(min=0).sum(1), "ReLU stands outside of the sum over "
             "the maps, or what speaks against could not cancel what speaks for"),
            ((mean.clamp(min=0) * grid).sum(1).clamp(min=0), "ReLU stands around the "
             "sum over the maps, not around the weights"),
            (wanted / wanted.amax((1, 2), keepdim=True).clamp(min=1e-9), "each map is "
             "divided by its largest number: leave it as it comes"),
            (wanted / 7, "a mean over the images: each image's logit for itself"),
            (wanted * shape[1] * shape[2], "a sum over the places: it is the mean"),
            (wanted / 4 if layer is model[2] else wanted / 5, "a mean over the maps: "
             "it is the sum"),
            ((all_images * grid).sum(1).clamp(min=0), "the weights are a mean over the "
             "images, too: each image has weights of its own"),
            ((all_images * 7 * grid).sum(1).clamp(min=0), "the weights are a sum over "
             "the images: each image has weights of its own"),
            ((grad.abs().mean((2, 3), keepdim=True) * grid).sum(1).clamp(min=0), "the "
             "gradient has lost its sign"),
            ((by_guess.mean((2, 3), keepdim=True) * grid).sum(1).clamp(min=0), "those "
             "are the maps of the network's answers, not of the classes that were "
             "given"),
            ((by_loss.mean((2, 3), keepdim=True) * grid).sum(1).clamp(min=0), "the "
             "gradient of the loss: it is that of the class's logit"),
            ((-by_loss.mean((2, 3), keepdim=True) * grid).sum(1).clamp(min=0), "the "
             "gradient of the loss: it is that of the class's logit"),
            (grid.sum(1).clamp(min=0), "the maps are added up without their weights"),
            (mean.expand_as(grid).sum(1).clamp(min=0), "only the weights: they "
             "multiply the maps"),
        ):  # fmt: skip
            assert torch.allclose(other, wanted) or not torch.allclose(got, other), why
        assert torch.allclose(got, wanted, atol=1e-6), (
            f"a map begins {[round(v, 4) for v in got[0].flatten()[:3].tolist()]}"
            f", and should {[round(v, 4) for v in wanted[0].flatten()[:3].tolist()]}"
        )

    class Stops(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError("in the model")

    twice = nn.Sequential(model[0], model[1], model[1], *model[2:])
    for net, layer, why in (
        (model, nn.Tanh(), "that the model does not call"),
        (model, model[4], "whose output has no places, (N, 6)"),
        (twice, model[1], "that the model calls twice"),
    ):
        try:
            grad_cam(net, layer, x, classes)
        except ValueError:
            pass
        except Exception as error:
            raise AssertionError(
                f"a layer {why}: a ValueError, not {error!r}"
            ) from error
        else:
            raise AssertionError(f"a layer {why}: a ValueError, and nothing is said")

    sound, model = model, nn.Sequential(*model[:3], Stops())
    try:
        grad_cam(model, model[1], x, classes)
    except ZeroDivisionError:
        pass
    except Exception as error:
        raise AssertionError(
            f"the model stops with a ZeroDivisionError, and out of grad_cam comes "
            f"{error!r}"
        ) from error
    else:
        raise AssertionError("the model stops with an error, and nothing comes of it")
    untouched(", after an error in the model,")
    model = sound

    for p in model.parameters():
        p.requires_grad_(False)
    try:
        frozen = grad_cam(model, model[2], x, classes)
    except Exception as error:
        raise AssertionError(
            f"a frozen network, whose parameters require no gradient: {error!r}. Give "
            "it images that require one, and not the caller's own"
        ) from error
    assert torch.allclose(frozen, got, atol=1e-6), "a frozen network has other maps"
    assert not any(p.requires_grad for p in model.parameters()), (
        "a frozen network requires gradients afterwards: leave it as it was"
    )
    assert not x.requires_grad, (
        "a frozen network: now the caller's images require a gradient"
    )


check_grad_cam()

# %% tags=["claim"]
seen: list[Tensor] = []
with Hooks([finished[0][6]], lambda m, inputs, output: seen.append(output)):
    score = scores(finished[0], valid_images[:300], valid_labels[:300])
(grad,) = torch.autograd.grad(score, seen[0])
local = (grad * seen[0].detach()).sum(1).clamp(min=0).flatten(1)
whole = grad_cam(finished[0], finished[0][6], valid_images[:300], valid_labels[:300])
pairs = list(zip(local, whole.flatten(1), strict=True))
both = [
    (((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std())).item()
    for a, b in pairs
    if a.std() > 0 and b.std() > 0
]
assert median(both) < 0.6
record("Grad-CAM and the first version of it, median correlation", median(both))

# %% [markdown]
# Four answers that are right and four that are wrong, of the first of the five networks. Below each image its saliency, and Grad-CAM by the third convolution (7 × 7), for the class that the network gave; where that was wrong, in the last row for the class that would have been right.

# %%
model = finished[0]
with torch.no_grad():
    answers = torch.cat([model(batch).argmax(1) for batch in valid_images.split(500)])
right_rows = (answers == valid_labels).nonzero().flatten()
wrong_rows = (answers != valid_labels).nonzero().flatten()
chosen = torch.cat([right_rows[:: len(right_rows) // 4][:4], wrong_rows[:4]])
x, given, true = valid_images[chosen], answers[chosen], valid_labels[chosen]


def enlarged(maps: Tensor) -> Tensor:
    """7 x 7 places as 28 x 28 pixels."""
    return maps.repeat_interleave(4, 1).repeat_interleave(4, 2)


shown = {
    "image": x[:, 0] - x[:, 0].amin(),
    "saliency": saliency(model, x, given),
    "answer": enlarged(grad_cam(model, model[6], x, given)),
    "truth": enlarged(grad_cam(model, model[6], x, true)),
}

# %% tags=["figure", "slide"] alt="Eight digits in a row, the last four answered wrongly. Below, their saliency maps: scattered bright dots on the strokes and beside them. Then Grad-CAM for the answer, coarse patches on parts of the digits and beside them, also at the border. In the last row, under the four wrong answers, Grad-CAM for the truth lights up other places." caption="From above: the image, with answer and truth where they differ; saliency; Grad-CAM for the answer; Grad-CAM for the truth"
figure, axes = plt.subplots(4, 8, figsize=(5.6, 3.3))
for row, (name, maps) in zip(axes, shown.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, tile, a, b in zip(row, maps, given, true, strict=True):
        ax.set(xticks=[], yticks=[], frame_on=False)
        if name == "image":
            ax.set_title(f"{a}" if a == b else f"{a} not {b}", fontsize=10.5)
        if name != "truth" or a != b:
            ax.imshow(tile, cmap=plot.DIGIT)

# %% [markdown]
# Everybody sees reasons in such pictures, and passes over what does not fit, such as bright patches at the empty border. Hence two tests.
#
# ### Does the map depend on what was learnt?
#
# Adebayo and others (*Sanity Checks for Saliency Maps*, 2018) ask what becomes of a map if the weights are drawn anew. If it stays, it has told of the image, and not of the network. For 200 images, the correlation of each map with that of a network with random weights, and with that of a second *trained* network, from another seed, which answers just as well; the median over the images. Beside our two a third map that is in use, gradient times input, in absolute value (the input counted from the background).

# %% [markdown] tags=["predict"]
# Which of the three should change most when all weights are random? And how alike will the maps of two good networks be?


# %%
def gradient_times_input(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    return saliency(model, x, classes) * (x[:, 0] - x[:, 0].amin())


def last_cam(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    return grad_cam(model, model[6], x, classes)


def correlation(a: Tensor, b: Tensor) -> float:
    """That of each image's two maps; the median, of those that are not constant."""
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    lengths = (a.square().sum(1) * b.square().sum(1)).sqrt()
    usable = lengths > 0
    return ((a * b).sum(1)[usable] / lengths[usable]).median().item()


def random_network(seed: int) -> nn.Module:
    torch.manual_seed(100 + seed)
    model = copy.deepcopy(finished[0])
    he_(model)
    return model


x, y = valid_images[:200], valid_labels[:200]
alike: dict[str, tuple[list[float], list[float]]] = {}
for name, method in (
    ("saliency", saliency),
    ("Grad-CAM", last_cam),
    ("gradient x input", gradient_times_input),
):
    ours = method(finished[0], x, y)
    drawn = [correlation(ours, method(random_network(s), x, y)) for s in range(5)]
    trained = [correlation(ours, method(model, x, y)) for model in finished[1:]]
    alike[name] = drawn, trained
    print(
        f"{name:16} random weights {median(drawn):+.2f} ({min(drawn):+.2f} to "
        f"{max(drawn):+.2f}); trained {median(trained):+.2f} ({min(trained):+.2f} to "
        f"{max(trained):+.2f})"
    )

# %% [markdown] tags=["answer"]
# Grad-CAM changes most, and passes: with random weights next to nothing of it is left. Saliency keeps clearly less than what two trained networks share. Gradient times input fails: most of its agreement is there without any training, as it shows the strokes of the digit, and those it has from the image. The last column is the uncomfortable one. Two networks that were trained alike, and answer alike, agree more than with a random one, but far from altogether: what one network's map explains is a seed, too, and not the digit alone. (So it is with the book's images.)

# %% tags=["claim"]
if len(images) < 5000:  # the images that come with the book
    for name in ("saliency", "Grad-CAM"):
        drawn, trained = alike[name]
        assert abs(median(drawn)) < 0.3 and median(trained) > median(drawn) + 0.1
        assert median(drawn) < 0.7 * median(trained) and median(trained) < 0.75
    assert abs(median(alike["Grad-CAM"][0])) < 0.3 * median(alike["Grad-CAM"][1])
    assert abs(median(alike["Grad-CAM"][0])) < median(alike["saliency"][0])
    drawn, trained = alike["gradient x input"]
    assert median(drawn) > 0.5 * median(trained) and median(trained) < 0.85
    assert abs(median(alike["Grad-CAM"][0])) < median(drawn) < median(trained) - 0.05

# %% [markdown]
# ### Do the pixels matter?
#
# If a map names the pixels that an answer comes from, then the answer should suffer when they are covered, and more than from covering any others. Cover 40 of the 784, by background, and see how far the logit of the right class falls. Any 40 pixels are mostly background already. A fair rival has to choose among the pixels of the *digit*, and in the second column so must the maps.


# %%
def fall(model: nn.Module, x: Tensor, y: Tensor, heat: Tensor) -> float:
    """How far the logit falls in the mean when the 40 hottest pixels are covered."""
    places = heat.flatten(1).topk(40, 1).indices
    covered = x.flatten(1).scatter(1, places, x.amin().item()).view_as(x)
    with torch.no_grad():
        logits = torch.cat([model(x), model(covered)]).gather(1, y.repeat(2)[:, None])
    return (logits[: len(x)] - logits[len(x) :]).mean().item()


chance = torch.rand(200, 28, 28, generator=torch.Generator().manual_seed(0))
ink = (x[:, 0] > x.amin() + 0.5).float()
falls: dict[str, tuple[list[float], list[float]]] = {}
for name, method in (
    ("random", lambda model, x, y: chance),
    ("saliency", saliency),
    ("Grad-CAM", lambda model, x, y: enlarged(last_cam(model, x, y))),
    ("gradient x input", gradient_times_input),
    (
        "the same, random weights",
        lambda model, x, y: gradient_times_input(random_network(0), x, y),
    ),
    ("brightness alone", lambda model, x, y: x[:, 0] - x.amin()),
):
    anywhere, on_ink = [], []
    for model in finished:
        heat = method(model, x, y) + 1e-6 * chance  # equals in a random order
        anywhere.append(fall(model, x, y, heat))
        on_ink.append(fall(model, x, y, heat * ink))
    falls[name] = anywhere, on_ink
    print(
        f"{name:24} of all pixels {median(anywhere):5.2f}, of the digit's "
        f"{median(on_ink):5.2f} ({min(on_ink):.2f} to {max(on_ink):.2f})"
    )

# %% tags=["claim"]
if len(images) < 5000:  # the images that come with the book
    pairs = zip(falls["saliency"][1], falls["random"][1], strict=True)
    assert all(a > 1.2 * b for a, b in pairs)
    middle = {name: median(on_ink) for name, (_, on_ink) in falls.items()}
    assert (
        0.9
        < middle["Grad-CAM"] / middle["random"]
        < middle["saliency"] / middle["random"]
    )
    for name in ("saliency", "Grad-CAM"):
        assert median(falls[name][0]) > 1.7 * median(falls["random"][0])
    assert median(falls["random"][1]) > 3 * median(falls["random"][0])
    assert median(falls["saliency"][0]) < 0.5 * median(falls["saliency"][1])
    dark = saliency(finished[0], x, y).flatten(1).topk(40, 1).indices
    assert ink.flatten(1).gather(1, dark).mean() < 0.7
    assert 1.1 < middle["Grad-CAM"] / middle["random"] < 1.3
    most = max(median(on_ink) for _, on_ink in falls.values())
    assert median(falls["gradient x input"][1]) == most
    others = "the same, random weights", "brightness alone"
    rivals = zip(*(falls[name][1] for name in others), strict=True)
    for own, rival in zip(falls["gradient x input"][1], rivals, strict=True):
        assert own > 1.2 * max(rival), falls
for name, (_, on_ink) in falls.items():
    record(f"the logit falls, 40 pixels of the digit covered, {name}", on_ink)

# %% [markdown]
# In each of the five networks, covering what saliency names costs clearly more than covering other pixels of the digit. What Grad-CAM names, in patches of 4 × 4, costs less than that: in the median a fifth more than chance. The first column would have told a grander story: against pixels chosen anywhere both win by far, and most of that is no merit of theirs, but the digit. (Saliency loses more than half of its effect there: it names dark pixels, too, and covering darkness with darkness does nothing.)
#
# And gradient times input, which has failed the first test, hurts most. Both can be true. Most of such a map is strokes, with any weights, and that is what correlation sees; which of their pixels matter most it has from training all the same. A test answers its own question, and no other.
#
# ## Recap
#
# A loss says that something is wrong; where, one sees in between. A hook is a function that a module calls: forward hooks get what goes out, backward hooks what comes back, and a context manager takes them off. Our network slept at 0.1: each layer left about a third of the differences between images. A higher rate, other images or another start mostly woke it. At 1.2 it died: one step too far threw most units to where they are never positive. Units came back; a layer that is silent for every image does not. LSUV measures the scale that Xavier's start and Kaiming's calculate; a leaky ReLU moved down by 0.36 keeps the mean at 0. Maps of what an answer comes from are quickly made and have to be tested, against random weights and against random pixels. If you remember one thing: **look at what flows between the layers before you change anything.**
#
# **Terms:** hook, forward hook, backward hook, handle, context manager; saturated unit; layer-sequential unit variance, LSUV, generalised ReLU; attribution, saliency map, Grad-CAM, sanity check.
#
# **Unlocked:** `register_forward_hook` and `register_full_backward_hook` of `torch.nn.Module`. With them come their relations: `register_forward_pre_hook`, and `register_hook` of a tensor.
#
# **What changed in the checkpoint:** `hooks.py` is new, with `Hooks` and the callback `ActivationStats`; so are `activations.py`, with the generalised ReLU, and `attribution.py`; `init.py` has LSUV.
#
# **To read on:** Mishkin and Matas (arXiv:1511.06422); fast.ai's *Practical Deep Learning*, part 2 (2022), lessons 16 and 17, whose colour plots these are; Simonyan, Vedaldi and Zisserman (arXiv:1312.6034); Selvaraju et al. (arXiv:1610.02391); Adebayo et al., *Sanity Checks for Saliency Maps* (NeurIPS 2018, arXiv:1810.03292); Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (arXiv:1311.2901), who covered parts of images, too.
