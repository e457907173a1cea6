# %% [markdown]
# # 5. The backward pass
#
# In chapter 4 numbers went through fifty layers and neither grew nor died. Nothing came back: the only `backward` that we have knows one hidden layer, by name. Here we take one number at a time, follow its paths to the loss, and find two kinds of sum and nothing else. Then we cut the network into layers that carry these rules with them, learn to distrust our own gradients, and train a network of several hidden layers.
#
# **You need:** chapters 1 to 4. **You will reach:** a network of any depth, trained by gradients that you wrote and checked, and with fewer errors than chapter 4's, less than 5 in 100. **Time:** about four hours, more than half of them for the exercises; the computer needs less than a minute.

# %%
import math
import random
import time
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import torch

from ch04.activations import relu, relu_grad
from ch04.data import normalize_both
from ch04.gradients import numerical_grad
from ch04.init import kaiming_normal_, xavier_normal_
from ch04.linear import linear
from ch04.losses import mse, mse_grad
from ch04.metrics import error_rate
from groundup import plot, record
from groundup.data import mnist

torch.set_num_threads(1)
training, validation = mnist()
images, labels = training.tensors()
valid_images, valid_labels = validation.tensors()
targets = (labels[:, None] == torch.arange(10)).float()  # one-hot, (N, 10)

# %% [markdown]
# ## Forward, and no way back
#
# Three hidden layers of 200, 100 and 50 units, with chapter 4's first weights, and twenty images:

# %%
sizes = [784, 200, 100, 50, 10]
generator = torch.Generator().manual_seed(0)
parameters = []
for in_features, out_features in pairwise(sizes):
    weight = torch.empty(out_features, in_features)
    parameters += [kaiming_normal_(weight, generator=generator)]
    parameters += [torch.zeros(out_features)]


def loss_of_twenty() -> torch.Tensor:
    h = images[:20]
    for i in range(0, len(parameters), 2):
        z = linear(h, parameters[i], parameters[i + 1])
        h = relu(z)
    return mse(z, targets[:20])


print("loss", loss_of_twenty().item())

# %% [markdown]
# Chapter 3's `backward(network, x, z, hidden, output_grad)` cannot help. It takes *one* `z` and *one* `hidden`, and its five lines say which matrix is whose. What we do have for any network is chapter 1's finite differences: two losses for each parameter.

# %% [markdown] tags=["predict"]
# How long would one step of training take with them? And one epoch, of 200 steps? Guess before you look: seconds, minutes, hours?

# %% tags=["timing"]
loss_of_twenty()  # the first call is slower
start = time.perf_counter()
for _ in range(50):
    loss_of_twenty()
seconds = (time.perf_counter() - start) / 50
count = sum(parameter.numel() for parameter in parameters)
step_seconds = 2 * count * seconds
print(f"{count:,} parameters, {1000 * seconds:.2f} ms for one loss")
print(
    f"{step_seconds:.0f} s for one step, {200 * step_seconds / 3600:.1f} h for an epoch"
)

# %% tags=["claim"]
assert count == 182_660 and 200 * step_seconds > 600

# %% [markdown]
# So we need the gradient for the price of a loss or two, as in chapter 2, and for whatever comes: two layers, five, fifty.
#
# ## A network small enough to walk
#
# Two inputs, two hidden layers of two units, two outputs, and a batch of two. All numbers below fit on a page, and you can compute every one of them yourself. Rows are inputs, as in chapter 3.


# %%
def tensor(*rows: list[float] | float) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


small = SimpleNamespace(
    x=tensor([1, 2], [-2, -1]),
    weight1=tensor([2, -0.5], [0.5, -0.5]),
    bias1=tensor(1, 2),
    weight2=tensor([0.5, 0.5], [2, -1]),
    bias2=tensor(1, 1),
    weight3=tensor([2, -2], [2, 0.5]),
    bias3=tensor(1, 2),
    targets=tensor([1.5, 5.25], [-1.5, 3.5]),
)

# %% [markdown]
# The way forward, one small step at a time, and each step gets a name.


# %%
def forward_steps(v: SimpleNamespace, added: dict | None = None) -> None:
    """Every step from x to the loss, written into `v`."""

    def step(name: str, value: torch.Tensor) -> None:
        setattr(v, name, value + added[name] if added else value)  # see below

    step("z1", linear(v.x, v.weight1, v.bias1))
    step("hidden1", relu(v.z1))
    step("z2", linear(v.hidden1, v.weight2, v.bias2))
    step("hidden2", relu(v.z2))
    step("outputs", linear(v.hidden2, v.weight3, v.bias3))
    step("errors", v.outputs - v.targets)
    step("squares", v.errors**2)
    v.loss = v.squares.mean()


forward_steps(small)
for name in ("z1", "hidden1", "z2", "hidden2", "outputs", "errors", "squares"):
    print(f"{name:8}", getattr(small, name).tolist())
print("loss    ", small.loss.item())

# %% tags=["figure", "slide"] alt="The first input, 1 and 2, on its way through a network of two inputs, two hidden layers of two units and two outputs. The first hidden layer is 2 and 1.5, the second 2.75 and 3.5, the outputs −0.5 and 9.25. Weights stand on the lines, biases below the units." caption="The first input of the batch …"
plot.network(
    layers=[[1, 2], [2, 1.5], [2.75, 3.5], [-0.5, 9.25]],
    weights=[[[2, -0.5], [0.5, -0.5]], [[0.5, 0.5], [2, -1]], [[2, -2], [2, 0.5]]],
    biases=[[1, 2], [1, 1], [1, 2]],
    names=["$x$", "$h_1$", "$h_2$", r"$\hat y$"],
)

# %% tags=["figure", "beside"] alt="The second input, −2 and −1, through the same weights and biases. The upper unit of the first hidden layer is 0, its pre-activation being −2.5, and the lower 1.5; in the second hidden layer the upper is 1.75 and the lower 0. The outputs are 4.5 and 5.5." caption="… and the second, through the same weights. In each hidden layer one unit is inactive."
plot.network(
    layers=[[-2, -1], [0, 1.5], [1.75, 0], [4.5, 5.5]],
    weights=[[[2, -0.5], [0.5, -0.5]], [[0.5, 0.5], [2, -1]], [[2, -2], [2, 0.5]]],
    biases=[[1, 2], [1, 1], [1, 2]],
    names=["$x$", "$h_1$", "$h_2$", r"$\hat y$"],
)

# %% tags=["claim"]
assert small.z1.tolist() == [[2, 1.5], [-2.5, 1.5]]
assert small.z2.tolist() == [[2.75, 3.5], [1.75, -0.5]]
assert small.outputs.tolist() == [[-0.5, 9.25], [4.5, 5.5]] and small.loss == 15
assert small.errors.tolist() == [[-2, 4], [6, 2]]

# %% [markdown]
# You will walk back through these steps one by one, and after each you will want to know whether it was right. `verdicts` finds the gradient of every step by finite differences and sets it beside yours, a line for each name. (A step in the middle cannot be moved itself, for the next line would compute it anew. So `added` adds a tensor of zeros to it, and these are moved.)


# %%
WALK = ["squares", "errors", "outputs", "bias3", "weight3", "hidden2", "z2"]
WALK += ["bias2", "weight2", "hidden1", "z1", "bias1", "weight1", "x"]


def numerical_walk(v: SimpleNamespace) -> dict[str, torch.Tensor]:
    """The gradient of every step and parameter, by finite differences."""
    w = SimpleNamespace(**vars(v))
    steps = [name for name in WALK if name[0] not in "bwx"]
    added = {name: torch.zeros_like(getattr(v, name)) for name in steps}

    def loss() -> torch.Tensor:
        forward_steps(w, added)
        return w.loss

    moved = [added[name] if name in added else getattr(w, name) for name in WALK]
    return dict(zip(WALK, numerical_grad(loss, moved), strict=True))


def verdicts(*walks: Callable, v: SimpleNamespace = small) -> None:
    """One line for each name: is the gradient that the walks put into g right?"""
    g, wanted = SimpleNamespace(), numerical_walk(v)
    for walk in walks:
        try:
            walk(v, g)
        except Exception as error:
            print(f"{walk.__name__} stops: {error!r}")
    for name, right in wanted.items():
        mine = getattr(g, name, None)
        if not isinstance(mine, torch.Tensor):
            print(f"{name:8} to do" if mine is None else f"{name:8} is no tensor")
        elif mine.shape != right.shape:
            print(f"{name:8} WRONG: {tuple(mine.shape)}, not {tuple(right.shape)}")
        elif mine.dtype != right.dtype:
            print(f"{name:8} WRONG: {mine.dtype}, not {right.dtype}")
        else:
            off = (mine - right).abs().max().item()
            print(f"{name:8} {'fine ' if off < 1e-6 else 'WRONG'} off by {off:.0e}")


# %% [markdown] exercise="loss_grads" tags=["prompt"] difficulty="easy" minutes=10
# ### Exercise 5.1: where the walk begins
#
# Write `loss_grads(v, g)`. It reads the steps from `v` and writes three gradients into `g`: `g.squares`, `g.errors` and `g.outputs`, each with the shape of its step, $(N, K)$. Go backwards, one step at a time, and call `verdicts(loss_grads)` after each. The batch and the number of outputs may be any.

# %% [markdown] tags=["hint"]
# The loss is the mean of the squares. If one of them grows by a little, how much does the mean grow? That does not depend on the squares themselves: `torch.full_like(v.squares, …)` makes a tensor of one number.

# %% [markdown] tags=["hint"]
# Each step takes the gradient that has just been found and multiplies it by its own local derivative: that of a square for the errors, and for the outputs that of "minus the targets".


# %% tags=["solution"]
def loss_grads(v: SimpleNamespace, g: SimpleNamespace) -> None:
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% [markdown] tags=["solution"]
# I divided by `len(v.squares)`, the number of inputs, and forgot that the mean runs over the outputs as well. For the small network everything after it came out twice as large; for ten digits it would have been ten times. Nothing stops and nothing looks odd: it acts as a learning rate ten times too high.


# %% tags=["check"]
def in_words(error: Exception, shapes: str) -> str:
    """What an exception in an answer tells whoever wrote it."""
    text = str(error)
    if isinstance(error, NotImplementedError):
        return "what comes there is not written yet"
    if isinstance(error, RuntimeError) and ("dtype" in text or "scalar type" in text):
        return f"two types of numbers met, and all here are float64 ({text})"
    if isinstance(error, RuntimeError) and ("size" in text or "shape" in text):
        return f"two shapes there do not fit: {shapes} ({text})"
    return repr(error)


def walked(walk: Callable, v: SimpleNamespace, *known: str) -> tuple:
    """What the walk put into g, and what belongs there; if it stops, why, in words."""
    kept = {name: value.clone() for name, value in vars(v).items()}
    wanted, written, called = numerical_walk(v), {}, walk.__name__

    class Gradients(SimpleNamespace):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if isinstance(value, torch.Tensor):
                written[name] = value.clone()  # as it is now

    g = Gradients(**{name: wanted[name].clone() for name in known})
    try:
        came = walk(v, g)
    except AttributeError as error:
        hint = (
            ". In v stand the steps and the parameters, in g the gradients that were "
            f"found before: {', '.join(vars(g)) or 'none yet'}"
        )
        ours = error.obj is v or error.obj is g
        raise AssertionError(f"{called}: {error}{hint if ours else ''}") from None
    except TypeError as error:
        brackets = "item" in str(error) or "subscriptable" in str(error)
        hint = ": write g.squares, not g['squares']" if brackets else ""
        raise AssertionError(f"{called} stops at {error!r}{hint}") from error
    except Exception as error:
        for name in (name for name in WALK if name in vars(g)):
            given(g, name, kept[name])
        sizes = ", ".join(f"{n} {tuple(kept[n].shape)}" for n in ("x", "z1", "z2"))
        why = in_words(
            error,
            "in the small network everything fits, and here the sizes are "
            f"{sizes}, outputs {tuple(kept['outputs'].shape)}",
        )
        last = f"g.{list(vars(g))[-1]}" if vars(g) else "nothing yet"
        raise AssertionError(
            f"{called} stops in the line after {last}: {why}"
        ) from None
    for name, value in kept.items():
        assert torch.equal(getattr(v, name), value), (
            f"v.{name} has changed: it belongs to the way forward, write into g only"
        )
    assert came is None or len(vars(g)) > len(known), (
        f"{called} gave back a {type(came).__name__} and left g as it was: write "
        f"g.{'bias3' if known else 'squares'} = …, and so on"
    )
    for name, before in written.items():
        now, right = getattr(g, name, None), wanted.get(name)
        assert right is None or near(now, right) or not near(before, right), (
            f"g.{name}: a later line has changed it in place: make a new tensor there"
        )
    return g, wanted


def batch_of(N: int, *widths: int) -> SimpleNamespace:
    """A network of these widths with random numbers, walked forward."""
    source = torch.Generator().manual_seed(N + sum(widths))

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    v = SimpleNamespace(x=numbers(N, widths[0]), targets=numbers(N, widths[-1]))
    for i, (d, k) in enumerate(pairwise(widths), 1):
        setattr(v, f"weight{i}", numbers(k, d))
        setattr(v, f"bias{i}", numbers(k))
    forward_steps(v)
    v.targets = v.outputs + numbers(N, widths[-1])  # errors of both signs
    forward_steps(v)
    return v


def shown(t: torch.Tensor) -> str:
    return str(((1000 * t).round() / 1000).tolist())


def given(g: SimpleNamespace, name: str, like: torch.Tensor) -> torch.Tensor:
    got = getattr(g, name, None)
    assert got is not None, f"g.{name} is missing: write g.{name} = …"
    assert isinstance(got, torch.Tensor), f"g.{name} should be a tensor, not {got!r}"
    hint = "a gradient has the shape of what it belongs to"
    if got.shape == small.x.shape:
        hint += ". (Did you read `small` in place of `v`?)"
    assert got.shape == like.shape, (
        f"g.{name} has shape {tuple(got.shape)}, and {name} has {tuple(like.shape)}: "
        f"{hint}"
    )
    assert got.dtype == like.dtype, (
        f"g.{name} is {got.dtype}, and {name} {like.dtype}: make new tensors like "
        "those in v"
    )
    return got


def near(got: object, wanted: torch.Tensor) -> bool:
    alike = isinstance(got, torch.Tensor) and got.shape == wanted.shape
    alike = alike and got.dtype == wanted.dtype
    return alike and torch.allclose(got, wanted, 1e-6, 1e-9)


def check_loss_grads() -> None:
    v = batch_of(5, 4, 6, 7, 3)
    g, wanted = walked(loss_grads, v)
    got = given(g, "squares", v.squares)
    for wrong, why in (
        (1.0, "the mean is missing: one square moves it by a share of itself only"),
        (1 / 5, "the mean runs over the outputs as well: 5 inputs by 3 outputs"),
        (1 / 3, "the mean runs over the inputs as well: 5 inputs by 3 outputs"),
        (-1 / 15, "the sign: if a square grows, so does the loss"),
        (2 / 15, "the 2 belongs to the next step, the square"),
    ):
        assert not near(got, torch.full_like(got, wrong)), f"g.squares: {why}"
    assert not near(got, v.squares / 15), (
        "g.squares: how large a square is makes no difference to the mean's derivative"
    )
    assert near(got, wanted["squares"]), (
        "g.squares should be 1/15 everywhere, for 5 inputs and 3 outputs, not "
        f"{shown(got)}"
    )
    got = given(g, "errors", v.errors)
    e, mean = v.errors, 1 / 15
    for wrong, why in (
        (mean * e, "the derivative of a square has a factor of 2"),
        (2 * e, "the gradient of the squares, g.squares, is not in it"),
        (mean * 2 * e.abs(), "an error below 0 gets a gradient below 0"),
        (mean * e**2, "the local derivative of e² is not e²"),
        (-mean * 2 * e, "the sign is turned round"),
        (torch.full_like(e, mean * 2), "the derivative of e² depends on e"),
        (mean * 2 * e * 2, "a factor of 2 too many"),
        (mean * 3 * e, "the derivative of a square has a factor of 2, not 3"),
    ):
        assert not near(got, wrong), f"g.errors: {why}"
    assert near(got, wanted["errors"]), (
        "g.errors: g.squares times the derivative of a square is "
        f"{shown(wanted['errors'])}, not {shown(got)}"
    )
    got = given(g, "outputs", v.outputs)
    assert not near(got, -wanted["outputs"]), (
        "g.outputs: errors are outputs minus targets, and grow with the outputs"
    )
    assert not near(got, wanted["errors"] * v.outputs), (
        "g.outputs: the local derivative of outputs − targets by the outputs is 1"
    )
    assert near(got, wanted["outputs"]), (
        f"g.outputs should be {shown(wanted['outputs'])}, not {shown(got)}"
    )


check_loss_grads()

# %% [markdown]
# Chapter 3's `mse_grad` made these three steps in one. For the small network they end at the upstream gradient of the outputs, $G$, two rows for two inputs:

# %%
g = SimpleNamespace()
loss_grads(small, g)
print(g.outputs.tolist())

# %% tags=["claim"]
assert g.outputs.tolist() == [[-1, 2], [3, 1]]
assert torch.equal(g.outputs, mse_grad(small.outputs, small.targets))

# %% [markdown]
# ## One number's paths
#
# Now the last layer. What goes in is $h_2$, which I call $X$ here, for it might be any layer's input; what comes out is $Y = X W^\top + b$. We know $G = \partial L/\partial Y$. Write the three side by side, a row for each of the two inputs, and count from 0:
#
# $$X = \begin{pmatrix} 2.75 & 3.5 \\ 1.75 & 0 \end{pmatrix}
# \qquad
# W = \begin{pmatrix} 2 & -2 \\ 2 & 0.5 \end{pmatrix}
# \qquad
# G = \begin{pmatrix} -1 & 2 \\ 3 & 1 \end{pmatrix}$$
#
# **One weight.** Take $W_{1,0}$, on the line from the upper unit, 0, to the lower output, 1. Raise it by a tiny $\varepsilon$ ("epsilon"). Where does that get to? To output 1 and no other, but for *both* inputs, since both go through this weight. For the first, $Y_{0,1}$ grows by $2.75\,\varepsilon$, and the loss by $G_{0,1} = 2$ times that. For the second, $Y_{1,1}$ grows by $1.75\,\varepsilon$, and the loss by $G_{1,1} = 1$ times that. Two paths to the loss, and paths add:
#
# $$\frac{\partial L}{\partial W_{1,0}} = \underbrace{2 \cdot 2.75}_{\text{first input}} + \underbrace{1 \cdot 1.75}_{\text{second}} = 7.25$$
#
# What the weight itself is, 2, plays no part.
#
# **One input.** Take $X_{0,1} = 3.5$, the lower unit for the first input. Both of the first input's outputs read it, and nothing else does. Output 0 counts it $W_{0,1} = -2$ times, and the loss counts that $G_{0,0} = -1$ times; output 1 counts it $W_{1,1} = 0.5$ times, and the loss that $G_{0,1} = 2$ times: $(-1)(-2) + 2 \cdot 0.5 = 3$.
#
# **One bias.** $b_0$ is added to output 0, for both inputs, once: $-1 \cdot 1 + 3 \cdot 1 = 2$.
#
# That is all there is to it: a weight is shared by the inputs, so its paths are one for each *input*; a value belongs to one input and is read by all outputs, so its paths are one for each *output*. Three finite differences, to be sure:

# %%
whole = numerical_walk(small)
for name, place in (("weight3", (1, 0)), ("hidden2", (0, 1)), ("bias3", (0,))):
    print(name, place, f"{whole[name][place].item():.4f}")

# %% tags=["claim"]
found = [whole[n][p].item() for n, p in (("weight3", (1, 0)), ("hidden2", (0, 1)))]
assert abs(found[0] - 7.25) < 1e-6 and abs(found[1] - 3) < 1e-6
assert abs(whole["bias3"][0].item() - 2) < 1e-6

# %% [markdown]
# Now in letters, for $N$ inputs of $D$ numbers and $K$ outputs. The letter $n$ counts inputs, $d$ the numbers of one input, $k$ the outputs:
#
# $$Y_{nk} = \sum_{d} X_{nd}\, W_{kd} + b_k$$
#
# Whatever number we move, it can reach the loss only through the $Y_{nk}$, so its gradient is a sum over *all* of them, each with its upstream gradient (the dot stands for the number that is moved):
#
# $$\frac{\partial L}{\partial\,\cdot} = \sum_{n}\sum_{k} G_{nk}\, \frac{\partial Y_{nk}}{\partial\,\cdot}$$
#
# Nearly all terms of that sum are 0. Move one weight, say $W_{k'd'}$ (the primes mark one particular $k$ and $d$). $Y_{nk}$ notices it only if $k$ is that $k'$; then its sum over $d$ has one term with that weight in it, $X_{nd'} W_{k'd'}$, whose derivative is $X_{nd'}$. So of the double sum there remains a sum over $n$:
#
# $$\frac{\partial L}{\partial W_{k'd'}} = \sum_{n} G_{nk'}\, X_{nd'}$$
#
# In the numbers above, $k' = 1$ and $d' = 0$. The same with $X_{n'd'}$: only the outputs of input $n'$ read it, and each of them does, with the weight $W_{kd'}$, so that a sum over $k$ remains. And $b_{k'}$ is in output $k'$ of every input, with derivative 1. Drop the primes, for nothing is summed under those letters any more:
#
# $$\frac{\partial L}{\partial W_{kd}} = \sum_n G_{nk} X_{nd}
# \qquad
# \frac{\partial L}{\partial X_{nd}} = \sum_k G_{nk} W_{kd}
# \qquad
# \frac{\partial L}{\partial b_k} = \sum_n G_{nk}$$
#
# Sums of products over a shared letter: chapter 3's sentences. Put them below the one of the forward pass and look at where the letters went.

# %%
X, W, G = small.hidden2, small.weight3, g.outputs
print("Y - b:  ", torch.einsum("nd,kd->nk", X, W).tolist())
print("by W:   ", torch.einsum("nk,nd->kd", G, X).tolist())
print("by X:   ", torch.einsum("nk,kd->nd", G, W).tolist())

# %% [markdown]
# Look at what has moved: **to differentiate by one factor, let it and the result change places**, and put $G$ where the result now stands. `"nd,kd->nk"` becomes `"nd,nk->kd"`; the factors may stand in any order, so also `"nk,nd->kd"`. Why? Write down how much the loss moves, $\sum_{n,d,k} G_{nk} X_{nd} W_{kd}$. In it the three stand as equals, and the derivative by one of them is the sum of the products of the other two, over the letters that it lacks. (Each letter must stand in at least two of the three places and in none twice: `einsum` cannot invent one.)
#
# A matrix product sums over the last letter of its first factor and the first letter of its second. To bring the $n$ of $G_{nk}$ to the end takes a transposition, and for the gradient of $X$ none is needed:
#
# | | in matrices | shapes |
# |:--|:--|:--|
# | $\partial L / \partial W$ | $G^\top X$ | $(K, N)(N, D)$, so $(K, D)$ |
# | $\partial L / \partial X$ | $G\, W$ | $(N, K)(K, D)$, so $(N, D)$ |
# | $\partial L / \partial b$ | the rows of $G$, added up | $(N, K)$, so $(K,)$ |

# %% tags=["figure"] alt="G transposed, with rows −1 3 and 2 1, to the left; X with rows 2.75 3.5 and 1.75 0 above; where they meet, the gradient of W with rows 2.5 −3.5 and 7.25 7. Row 1 and column 0 are marked: 2 times 2.75 plus 1 times 1.75 is 7.25." caption="The inner length is the batch: that is the sum over the inputs."
plot.product(
    [[-1, 3], [2, 1]],
    [[2.75, 3.5], [1.75, 0]],
    at=(1, 0),
    names=["G^T", "X", r"\partial L/\partial W"],
)

# %% tags=["claim"]
for sentence in ("nd,kd->nk", "i,j->ij", "bik,bkj->bij", "nd,nd->n", "ab,cbd->dac"):
    first, second, result = sentence.replace("->", ",").split(",")
    source, length = (
        torch.Generator().manual_seed(0),
        dict(zip("abcdijkn", range(2, 10), strict=True)),
    )
    a, b, up = (
        torch.randn([length[i] for i in letters], dtype=torch.float64, generator=source)
        for letters in (first, second, result)
    )
    moved = [a, b]
    right = numerical_grad(
        lambda s=sentence, m=moved, u=up: (torch.einsum(s, *m) * u).sum(), moved
    )
    exchanged = torch.einsum(f"{result},{second}->{first}", up, b)
    assert (exchanged - right[0]).abs().max() < 1e-6
    exchanged = torch.einsum(f"{first},{result}->{second}", a, up)
    assert (exchanged - right[1]).abs().max() < 1e-6
assert torch.equal(torch.einsum("nk,nd->kd", G, X), G.T @ X)
assert torch.equal(torch.einsum("nk,kd->nd", G, W), G @ W)
assert (G.T @ X).tolist() == [[2.5, -3.5], [7.25, 7]]
for name, mine in (("weight3", G.T @ X), ("hidden2", G @ W), ("bias3", G.sum(0))):
    assert (mine - whole[name]).abs().max() < 1e-7

# %% [markdown]
# **A gradient has the shape of what it belongs to**: one derivative for each number, in that number's place, so that it can be subtracted, number from number. So shapes check a formula: with $N$, $D$ and $K$ all different, $G^\top X$ is the only way to make $(K, D)$ of $G$ and $X$ by one product. They check no more than that. In our small network everything is $(2, 2)$, and other products fit as well:

# %%
for formula, made in (("G.T @ X", G.T @ X), ("G @ X", G @ X), ("X.T @ G", X.T @ G)):
    right = (made - whole["weight3"]).abs().max() < 1e-6
    print(f"{formula:8} {tuple(made.shape)} {'right' if right else 'wrong'}")

# %% tags=["claim"]
assert not torch.equal(G @ X, G.T @ X) and not torch.equal(X.T @ G, G.T @ X)

# %% [markdown] exercise="walk_back" tags=["prompt"] difficulty="medium" minutes=40
# ### Exercise 5.2: all the way back
#
# Write `walk_back(v, g)`, which finds `g.outputs` in `g` and goes on from there, in this order: `bias3`, `weight3`, `hidden2`, `z2`, `bias2`, `weight2`, `hidden1`, `z1`, `bias1`, `weight1`, `x`. One name, one line, and `verdicts(loss_grads, walk_back)` after each. You have the three rules and chapter 2's for ReLU. Beware of the small network: in it every wrong product fits.

# %% [markdown] tags=["hint"]
# Each layer asks the same questions: what was its input on the way forward, what are its weights, and what is the upstream gradient of *what came out of it*? For the second layer, what comes out is `z2`, not `hidden2`.

# %% [markdown] tags=["hint"]
# ReLU works number by number, so its gradient does, too: a product with `*`, no `@`. What decides is the number that went *into* the ReLU, and `relu_grad` knows what to do with it.


# %% tags=["solution"]
def walk_back(v: SimpleNamespace, g: SimpleNamespace) -> None:
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% [markdown] tags=["solution"]
# For `hidden2` I wrote `g.outputs @ v.weight3.T`, because the forward pass has a `.T` there. It went through. The verdicts said WRONG for `hidden2` and for all of the eight names below it, and fine for `bias3` and `weight3`: the first wrong line is the one to mend, and the others may be innocent.


# %% tags=["check"]
def check_walk_back() -> None:
    v = batch_of(4, 3, 5, 6, 2)
    g, wanted = walked(walk_back, v, "outputs")
    assert near(given(g, "outputs", v.outputs), wanted["outputs"]), (
        "g.outputs has changed: the walk begins there, make new tensors"
    )

    def compare(name: str, *wrongs: tuple[torch.Tensor, str]) -> None:
        got = given(g, name, wanted[name])
        if near(got, wanted[name]):
            return
        for wrong, why in (*wrongs, (-wanted[name], "the sign is turned round")):
            assert not near(got, wrong), f"g.{name}: {why}"
        raise AssertionError(
            f"g.{name} is the first that is wrong, by up to "
            f"{(got - wanted[name]).abs().max():.2g}: what came out of this step, what "
            "went in, and along which letter do the paths add?"
        )

    for i in (3, 2, 1):
        above, below = (
            ("outputs", "z2", "z1")[3 - i],
            ("x", "hidden1", "hidden2")[i - 1],
        )
        up, went_in, weight = wanted[above], getattr(v, below), getattr(v, f"weight{i}")
        late = wanted.get(f"hidden{i}", 3 * up)  # for i = 3 there is no ReLU
        compare(
            f"bias{i}",
            (up.mean(0), "no mean: the loss has taken it, and here paths add"),
            (up[0], "only the first input counted"),
            (late.sum(0), f"what comes out of layer {i} is z{i}: begin at g.z{i}"),
        )
        before = getattr(v, f"z{i - 1}") if i > 1 else 3 * went_in
        compare(
            f"weight{i}",
            (
                (went_in.T @ up).reshape(weight.shape),
                "the product is the wrong way round, and reshape does not turn it",
            ),
            (up.T @ went_in / len(up), "no mean: the loss has taken it already"),
            (late.T @ went_in, f"what comes out of layer {i} is z{i}: begin at g.z{i}"),
            (up.T @ before, f"what went into layer {i} is {below}, behind the ReLU"),
        )
        passed_on = wanted[f"z{i - 1}"] if i > 1 else 3 * wanted["x"]
        compare(
            below,
            (late @ weight, f"what comes out of layer {i} is z{i}: begin at g.z{i}"),
            (passed_on, f"the ReLU's derivative is in it: that is g.z{i - 1}"),
        )
        if i > 1:
            arrives, z = wanted[below], getattr(v, f"z{i - 1}")
            compare(
                f"z{i - 1}",
                (arrives, f"the ReLU is missing: nothing passes where z{i - 1} ≤ 0"),
                (arrives * relu(z), "multiply by relu's derivative, not by its value"),
                (
                    relu(arrives),
                    f"what passes is decided by v.z{i - 1}, the way forward",
                ),
                (
                    arrives * relu_grad(arrives) * relu_grad(z),
                    "a gradient may be below 0: only v decides what passes",
                ),
                (arrives * (z <= 0), "the wrong half: what was above 0 passes"),
                (relu_grad(z), f"the gradient that arrives, g.{below}, is missing"),
            )
    for name in ("z1", "z2"):
        z = getattr(v, name)
        place = tuple((z < 0).nonzero()[0])
        z[place] = 0.0  # its ReLU gave 0 before, and gives 0 now
        assert getattr(walked(walk_back, v, "outputs")[0], name)[place] == 0, (
            f"g.{name}: where {name} is exactly 0 nothing passes: that is relu_grad's "
            "convention"
        )


check_walk_back()

# %%
verdicts(loss_grads, walk_back)

# %% [markdown]
# Here is what you found. Each input sends its own share to the weights, and the gradient of a weight is the sum of the two orange numbers in its place: for $W_{1,0}$ of the last layer, $5.5 + 1.75 = 7.25$.

# %% tags=["figure", "slide"] alt="The first input's network with gradients. At the outputs −1 and 2, at the second hidden layer 2 and 3, at the first 7 and −2, at the inputs 13 and −2.5. The biases get the gradients of their units; the upper first weight gets 7." caption="The first input's share …"
plot.network(
    layers=[[1, 2], [2, 1.5], [2.75, 3.5], [-0.5, 9.25]],
    weights=[[[2, -0.5], [0.5, -0.5]], [[0.5, 0.5], [2, -1]], [[2, -2], [2, 0.5]]],
    biases=[[1, 2], [1, 1], [1, 2]],
    gradients=[[13, -2.5], [7, -2], [2, 3], [-1, 2]],
    weight_gradients=[
        [[7, 14], [-2, -4]],
        [[4, 3], [6, 4.5]],
        [[-2.75, -3.5], [5.5, 7]],
    ],
    bias_gradients=[[7, -2], [2, 3], [-1, 2]],
    names=["$x$", "$h_1$", "$h_2$", r"$\hat y$"],
)

# %% tags=["figure", "beside"] alt="The second input's share. At the outputs 3 and 1, at the second hidden layer 8 and −5.5, at the first 4 and 4, at the inputs 2 and −2. The lower unit of the second hidden layer and the upper one of the first are inactive: their weights and biases get 0, though gradients of −5.5 and 4 arrive at them." caption="… and the second's. −5.5 and 4 arrive at inactive units, and stop there."
plot.network(
    layers=[[-2, -1], [0, 1.5], [1.75, 0], [4.5, 5.5]],
    weights=[[[2, -0.5], [0.5, -0.5]], [[0.5, 0.5], [2, -1]], [[2, -2], [2, 0.5]]],
    biases=[[1, 2], [1, 1], [1, 2]],
    gradients=[[2, -2], [4, 4], [8, -5.5], [3, 1]],
    weight_gradients=[[[0, 0], [-8, -4]], [[0, 12], [0, 0]], [[5.25, 0], [1.75, 0]]],
    bias_gradients=[[0, 4], [8, 0], [3, 1]],
    names=["$x$", "$h_1$", "$h_2$", r"$\hat y$"],
)

# %% tags=["claim"]
walk_back(small, g)
for name, right in whole.items():
    assert (getattr(g, name) - right).abs().max() < 1e-7
assert g.hidden2.tolist() == [[2, 3], [8, -5.5]] and g.x.tolist() == [
    [13, -2.5],
    [2, -2],
]
assert g.hidden1.tolist() == [[7, -2], [4, 4]] and g.z1.tolist() == [[7, -2], [0, 4]]
assert g.weight1.tolist() == [[7, 14], [-10, -8]]
assert g.weight2.tolist() == [[4, 15], [6, 4.5]]
assert g.weight3.tolist() == [[2.5, -3.5], [7.25, 7]]
assert g.bias1.tolist() == [7, 2] and g.bias2.tolist() == [10, 3]

# %% [markdown]
# ## The matrix that nobody builds
#
# Textbooks say it differently. The derivatives of everything that comes out of a layer by everything that goes in form a table, the **Jacobian** $J$, with a row for each number that comes out and a column for each that goes in. The chain rule is then a row of numbers times this matrix: the upstream gradient, laid out as one long row, times $J$. That is a **vector-Jacobian product**. For the last layer of the small network, four numbers come out and four go in, in the order in which they lie in memory:

# %%
jacobian = torch.zeros(2, 2, 2, 2, dtype=torch.float64)  # Y_nk by X_md
for n in range(2):
    for k in range(2):
        for d in range(2):
            jacobian[n, k, n, d] = W[k, d]  # 0 for any other input
J = jacobian.view(4, 4)
print(J)
print("G as a row, times J:", (G.reshape(1, 4) @ J).tolist())
print("G W, as a row:      ", (G @ W).reshape(1, 4).tolist())

# %% [markdown]
# Twice $W$ and a lot of zeros, because one input's outputs do not depend on another input. For a ReLU the Jacobian has numbers on its diagonal only. In a layer of ordinary size:

# %%
N, D, K = 64, 784, 200
entries = (N * K) * (N * D)
print(f"J ({N * K:,}, {N * D:,}): {4 * entries / 2**30:.2f} GiB in float32")
print(f"W ({K}, {D}): {4 * K * D / 2**20:.2f} MiB")
print(f"of the entries {1 - 1 / N:.1%} are 0")

# %% tags=["claim"]
assert torch.equal((G.reshape(1, 4) @ J).view(2, 2), G @ W)
assert 4 * entries / 2**30 > 2 and 4 * K * D / 2**20 < 0.6

# %% [markdown]
# To train, nobody builds it. The rules $GW$, $G^\top X$ and $G \odot \operatorname{relu}'(Z)$ are vector-Jacobian products, computed without their Jacobians. To write a layer's `backward` is to write this product.
#
# > [!QUOTE] Paper box: a module and its two products
# > Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document recognition*, Proceedings of the IEEE 86 (1998), pages 2278 to 2324, in its section on globally trainable systems. A system is a stack of modules, $X_n = F_n(W_n, X_{n-1})$; if the derivatives of the loss by $X_n$ are known, two formulas give the rest:
# >
# > $$\frac{\partial E^p}{\partial W_n} = \frac{\partial F}{\partial W}(W_n, X_{n-1})\, \frac{\partial E^p}{\partial X_n}
# > \qquad
# > \frac{\partial E^p}{\partial X_{n-1}} = \frac{\partial F}{\partial X}(W_n, X_{n-1})\, \frac{\partial E^p}{\partial X_n}$$
# >
# > | in the paper | for us |
# > |:--|:--|
# > | $n$, the module's number | no letter; our $n$ counts inputs |
# > | $X_{n-1}$, $X_n$ | what goes into a layer, $X$, and what comes out, $Y$ |
# > | $W_n$ | all of its parameters, $W$ and $b$ |
# > | $p$, a pattern; $E^p$ | one input; its share of the loss $L$ |
# > | $\partial E^p / \partial X_n$ | one row of $G$, standing upright |
# > | $\partial F/\partial W$, $\partial F/\partial X$ | Jacobians, transposed: matrix times column, where ours is row times matrix |
# >
# > They add that the product is often easier to compute than the Jacobian. Line by line, for one input of our last layer:

# %%
E_X = G[0]  # ∂E/∂X_n
F_X = W.T  # ∂F/∂X, a row for each number that goes in
F_W = torch.zeros(2, 2, 2, dtype=torch.float64)  # ∂F/∂W, [k', d', k]
for k in range(2):
    F_W[k, :, k] = X[0]
print("by X:", (F_X @ E_X).tolist())
print("by W:", (F_W @ E_X).tolist())

# %% tags=["claim"]
assert torch.equal(F_X @ E_X, (G @ W)[0])
assert torch.equal(F_W @ E_X, torch.einsum("k,d->kd", G[0], X[0]))

# %% [markdown]
# ## Layers that remember
#
# Look back at `walk_back`. Eleven lines, and two patterns: three lines for a linear layer, one for a ReLU. Each needs something from the way forward: the linear layer its input, the ReLU its $z$. So let a layer be an object that keeps it. On the way forward it remembers, on the way back it answers.


# %% export="layers.py"
"""Layers: each knows its way forward, and from what it kept there its way back."""


class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight and weight_grad (K, D), bias and bias_grad (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        if weight.dim() != 2:
            raise ValueError(f"a weight {tuple(weight.shape)}: give (K, D)")
        self.weight, self.bias = weight, weight.new_zeros(weight.shape[0])
        self.weight_grad = torch.zeros_like(self.weight)
        self.bias_grad = torch.zeros_like(self.bias)
        self.x = weight.new_zeros(0, weight.shape[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted sums of `x`, which is kept for `backward`. Shapes: (N, D) -> (N, K).

        Raises: ValueError when `x` has another shape or dtype than the weight takes.
        """
        if x.shape[1:] != self.weight.shape[1:] or x.dtype != self.weight.dtype:
            raise ValueError(
                f"inputs {tuple(x.shape)} of {x.dtype}: give (N, "
                f"{self.weight.shape[1]}) of {self.weight.dtype}"
            )
        self.x = x
        return linear(x, self.weight, self.bias)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept.

        Shapes: (N, K) -> (N, D), for the N inputs of the last `forward`.
        """
        wanted = (len(self.x), len(self.bias))
        if output_grad.shape != wanted:
            raise ValueError(f"gradient {tuple(output_grad.shape)}: give {wanted}")
        self.weight_grad = output_grad.T @ self.x  # (K, N) @ (N, D)
        self.bias_grad = output_grad.sum(0)
        return output_grad @ self.weight  # (N, K) @ (K, D)

    def parameters(self) -> list[torch.Tensor]:
        """The weight and the bias: change them and the layer changes."""
        return [self.weight, self.bias]

    def grads(self) -> list[torch.Tensor]:
        """The gradients of the last `backward`, in the order of `parameters`."""
        return [self.weight_grad, self.bias_grad]


class ReLU:
    """The activation `relu` as a layer."""

    def __init__(self) -> None:
        self.z = torch.zeros(0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """`z` where it is positive, else 0; `z` is kept for `backward`. Shapes: any."""
        self.z = z
        return relu(z)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient where `z` was positive, else 0. Shapes: those of `z`."""
        if output_grad.shape != self.z.shape:
            raise ValueError(
                f"gradient {tuple(output_grad.shape)}: give {tuple(self.z.shape)}"
            )
        return output_grad * relu_grad(self.z)

    def parameters(self) -> list[torch.Tensor]:
        """No parameters: an empty list."""
        return []

    def grads(self) -> list[torch.Tensor]:
        """No gradients: an empty list."""
        return []


# %% [markdown]
# No layer knows what stands before or behind it, and none is told its place. That is all that "any depth" takes. (For the checks to come, a helper: a network's numbers in `float64`, and biases that are not 0. To set `data` gives a tensor other numbers, and it stays the same tensor.)


# %%
def in_float64(network: "Network", source: torch.Generator) -> "Network":
    for layer in network.layers:
        for tensor in (*layer.parameters(), *layer.grads()):
            tensor.data = tensor.double()
        if isinstance(layer, Linear):
            layer.bias.normal_(generator=source)
    return network


# %% [markdown] exercise="network" tags=["prompt"] difficulty="medium" minutes=25
# ### Exercise 5.3: a network of any depth
#
# Write the class `Network(sizes, generator=None, scale=1.0)`. `sizes` are the widths, inputs first, outputs last: `[784, 200, 100, 50, 10]`. Its list `layers` holds a `Linear` for each two neighbours with a `ReLU` between any two of them, Kaiming weights where a ReLU follows and Xavier weights at the end, all of them times `scale`, for a quiet beginning as in chapter 4. It has the four methods that layers have; `parameters()` and `grads()` go from the first layer to the last, and `forward` and `backward` each give back what the last layer on their way gives. Fewer than two sizes are a `ValueError`. (`pairwise(sizes)` gives the neighbours; `kaiming_normal_` gives back the weight that it has filled.)

# %% [markdown] tags=["hint"]
# A weight for `in_features` and `out_features` has shape `(out_features, in_features)`: `torch.empty` makes one to be filled. How do you know, in the loop, that you are at the last?

# %% [markdown] tags=["hint"]
# `backward` hands a gradient from layer to layer, as `forward` does a batch; which layer comes first? And a layer's `backward` makes *new* gradient tensors each time: when must `grads()` ask for them?


# %% tags=["solution"] export="network.py" drop="forward backward init_network Network.hidden_weight Network.hidden_bias Network.output_weight Network.output_bias"
"""A network of any depth: linear layers with a ReLU between any two."""


class Network:
    """Linear layers of the given sizes, with a ReLU between any two.

    Shapes: sizes [D, …, K] makes inputs (N, D) into outputs (N, K).
    """

    def __init__(
        self,
        sizes: list[int],
        generator: torch.Generator | None = None,
        scale: float = 1.0,
    ) -> None:
        """Kaiming weights before a ReLU, Xavier at the end, times `scale`; biases 0."""
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}: give inputs and outputs, as [784, 10]")
        self.layers: list[Linear | ReLU] = []
        for i, (in_features, out_features) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            weight = init(torch.empty(out_features, in_features), generator=generator)
            self.layers += [Linear(scale * weight), ReLU()]
        del self.layers[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The outputs for a batch of inputs. Shapes: (N, D) -> (N, K)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept in the layers.

        Shapes: (N, K) -> (N, D).
        """
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self) -> list[torch.Tensor]:
        """Of all layers, from the first to the last."""
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self) -> list[torch.Tensor]:
        """The gradients of the last `backward`, in the order of `parameters`."""
        return [g for layer in self.layers for g in layer.grads()]


# %% [markdown] tags=["solution"]
# I collected the gradients once, in `__init__`, as one can do with the parameters. The parameters are changed where they stand; the gradients are new tensors after every `backward`, and my list kept the zeros from the beginning. Training ran without a murmur, and the loss of every epoch was the same, to five digits.


# %% tags=["check"]
def has_methods(layer: object) -> None:
    for name in ("forward", "backward", "parameters", "grads"):
        method = getattr(layer, name, None)
        assert method is not None, f"the method {name} is missing"
        assert callable(method), f"{name} is a {type(method).__name__}, not a method"


def returned(called: str, got: object, like: torch.Tensor) -> torch.Tensor:
    """What came back from a call, if it can be compared with `like`."""
    assert got is not None, f"{called} is None: its `return` is missing"
    assert isinstance(got, torch.Tensor), (
        f"{called} should be one tensor, not a {type(got).__name__}"
    )
    assert got.shape == like.shape, (
        f"{called} has shape {tuple(got.shape)}, and {tuple(like.shape)} was wanted"
    )
    assert got.dtype == like.dtype, (
        f"{called} is {got.dtype}, and all that went in is {like.dtype}"
    )
    return got


def tensors_of(layer: object, called: str, like: list[torch.Tensor]) -> list:
    """What `parameters` or `grads` gives: a tensor for each one in `like`."""
    try:
        got = getattr(layer, called)()
    except Exception as error:
        raise AssertionError(f"{called}() stops: {in_words(error, '')}") from None
    assert isinstance(got, (list, tuple)), (
        f"{called}() should be a list, not {type(got).__name__}"
    )
    assert all(isinstance(tensor, torch.Tensor) for tensor in got), (
        f"{called}() holds something other than tensors: one flat list, no lists in it"
    )
    assert len(got) == len(like), f"{called}() has {len(got)} of {len(like)} tensors"
    for i, pair in enumerate(zip(got, like, strict=True)):
        returned(f"{called}()[{i}]", *pair)
    return list(got)


def can_be_changed(what: str, tensor: torch.Tensor) -> None:
    try:
        tensor *= 1
    except RuntimeError as error:
        raise AssertionError(
            f"{what} cannot be changed where it stands, as training will ({error}): "
            "gradients are found by hand here, so a plain tensor will do"
        ) from None


def own_tensors(layers: list) -> list[torch.Tensor]:
    return [tensor for layer in layers[::2] for tensor in (layer.weight, layer.bias)]


def checked_network(sizes: list[int], seed: int | None, **more: float) -> Network:
    kept, handed = list(sizes), []
    if seed is not None:
        handed = [torch.Generator().manual_seed(seed)]
    try:
        network = Network(sizes, *handed, **more)
    except Exception as error:
        asked = ", generator" * len(handed)
        asked += "".join(f", {name}={value}" for name, value in more.items())
        shapes = "a weight is (out_features, in_features)"
        raise AssertionError(
            f"Network({kept}{asked}) stops: {in_words(error, shapes)}"
        ) from error
    assert sizes == kept, "the list of sizes has changed: it belongs to the caller"
    has_methods(network)
    layers = getattr(network, "layers", None)
    assert layers is not None, "self.layers is missing: the list of layers"
    assert isinstance(layers, list), f"layers should be a list, not {layers!r}"
    kinds = [type(layer).__name__ for layer in layers]
    wanted = ["Linear", "ReLU"] * (len(sizes) - 2) + ["Linear"]
    assert kinds != [*wanted, "ReLU"], "there is no ReLU behind the last layer"
    assert kinds == wanted, f"for {kept} the layers are {wanted}, not {kinds}"
    assert len({id(layer) for layer in layers}) == len(layers), (
        "one layer object stands in two places, and can keep only one z: make a new one"
    )
    shapes = [tuple(layer.weight.shape) for layer in layers[::2]]
    right = [(k, d) for d, k in pairwise(sizes)]
    assert shapes != [shape[::-1] for shape in right], (
        f"weights {shapes}: a weight has a row for each output, (out, in)"
    )
    assert shapes == right, f"weights should be {right}, not {shapes}"
    own = own_tensors(layers)
    assert {t.dtype for t in own} == {torch.float32}, (
        f"weights of {own[0].dtype}: float32, as torch.empty makes them and as images "
        "are"
    )
    can_be_changed("a weight", own[0])
    assert not any(t.any() for t in own[1::2]), "biases begin at 0"
    got = tensors_of(network, "parameters", own)
    assert all(mine is theirs for mine, theirs in zip(got, own, strict=True)), (
        "parameters(): the layers' own tensors, weight and bias, first layer first. To "
        "change a copy does not change the network"
    )
    return network


def check_network() -> None:
    sizes = [400, 200, 500, 500]
    network = checked_network(sizes, seed=3)
    first, second, last = own_tensors(network.layers)[::2]
    for name, weight in (("first", first), ("second", second)):
        fan_in = weight.shape[1]
        off = weight.std().item() / math.sqrt(2 / fan_in)
        assert abs(off - 1) < 0.05, (
            f"the {name} weights have a standard deviation of {off:.2f} times Kaiming's"
        )
    off = last.std().item() / math.sqrt(2 / 1000)
    assert abs(off / math.sqrt(1000 / 500) - 1) > 0.03, (
        "the last weights are Kaiming's: no ReLU follows, so Xavier's"
    )
    assert abs(off - 1) < 0.05, (
        f"the last weights have a standard deviation of {off:.2f} times Xavier's"
    )
    again, other = (checked_network(sizes, seed).layers[0].weight for seed in (3, 4))
    assert torch.equal(again, first), (
        "the same generator gave other weights: hand it on to what fills them"
    )
    assert not torch.equal(other, first), (
        "another seed gave the same weights: use the generator that is handed in"
    )
    ratio = first.flatten()[:1000] / second.flatten()[:1000]
    assert not torch.allclose(ratio, ratio[0]), (
        "the first two layers have the same random numbers, only scaled: hand on the "
        "generator itself, which goes on from layer to layer"
    )
    one, other = (checked_network([3, 2], None).layers[0].weight for _ in range(2))
    assert not torch.equal(one, other), (
        "without a generator two networks have the same weights: hand on None, too"
    )
    loud, quiet = (
        own_tensors(checked_network([4, 3, 5, 2], 6, scale=scale).layers)[::2]
        for scale in (1.0, 0.3)
    )
    for i, (one, other) in enumerate(zip(loud, quiet, strict=True)):
        factor = (other / one).mean().item()
        assert torch.allclose(other, 0.3 * one), (
            f"with scale=0.3 the weights of layer {i} of 0, 1, 2 are {factor:.3g} "
            "times those with a scale of 1: 0.3 times in each layer"
        )
    only = checked_network([600, 400], seed=0, scale=0.3).layers[0].weight
    off = only.std().item() / (0.3 * math.sqrt(2 / 1000))
    assert abs(off - 1) < 0.05, (
        "of two sizes, [600, 400], the only layer is the last: its weights have a "
        f"standard deviation of {off:.2f} times the scale, 0.3, times Xavier's"
    )
    for sizes in ([], [5]):
        try:
            Network(sizes)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(
                f"Network({sizes}): raise a ValueError, not {error!r}"
            ) from None
        raise AssertionError(f"Network({sizes}) went through: two sizes at least")

    source = torch.Generator().manual_seed(5)
    network = in_float64(checked_network([3, 5, 6, 2], seed=1), source)
    x = torch.randn(4, 3, dtype=torch.float64, generator=source)
    up = torch.randn(4, 2, dtype=torch.float64, generator=source)
    layers = list(network.layers)
    named = own_tensors(layers)

    def expected(batch: torch.Tensor) -> torch.Tensor:
        h = batch
        for i, layer in enumerate(layers[::2]):
            h = linear(h if i == 0 else relu(h), layer.weight, layer.bias)
        return h

    for batch, upstream, when in (
        (x, up, ""),
        (2 * x[:3], -up[:3], " the second time"),
    ):
        kept = [tensor.clone() for tensor in (batch, upstream, *named)]
        wanted = expected(batch)
        try:
            out = network.forward(batch)
            came = network.backward(upstream)
        except Exception as error:
            why = in_words(error, "a batch (4, 3) and sizes [3, 5, 6, 2]")
            if ": give (0" in str(error):
                why = f"{error}: its backward was called before its forward"
            elif ": give (" in str(error):
                why = (
                    f"{error}: forward goes from the first layer to the last, backward "
                    "from the last to the first, and each layer gets what the one "
                    "before it gave"
                )
            who = (
                "a layer refuses"
                if ": give (" in str(error)
                else "forward or backward stops"
            )
            raise AssertionError(f"{who}{when}, {why}") from None
        assert network.layers == layers, (
            "forward or backward has changed self.layers: leave that list as it is"
        )
        same = [*map(torch.equal, (batch, upstream, *named), kept)]
        assert all(same[:2]), (
            "the batch or its upstream gradient was changed: make new tensors"
        )
        assert all(same[2:]), (
            "a weight or a bias was changed: the network finds gradients only, the "
            "step is for whoever trains it"
        )
        assert torch.allclose(returned("what forward gives", out, wanted), wanted), (
            f"forward's outputs are wrong{when}"
        )
        numerical = numerical_grad(
            lambda b=batch, u=upstream: (expected(b) * u).sum(), [batch, *named]
        )
        came = returned("what backward gives, the gradient of x,", came, batch)
        assert not near(came, -numerical[0]), "backward: the sign is turned round"
        assert near(came, numerical[0]), (
            f"backward gives {shown(came)}, and the gradient of x is "
            f"{shown(numerical[0])}"
        )
        grads = tensors_of(network, "grads", named)
        fresh = all(near(m, j) for m, j in zip(grads, numerical[1:], strict=True))
        assert fresh or any(grad.any() for grad in grads), (
            "grads() are zeros, as they were in the beginning: backward makes new "
            "ones, so ask the layers anew"
        )
        assert fresh, f"grads() are not the gradients of the last backward{when}"


check_network()

# %% [markdown]
# ## When finite differences are wrong
#
# Everything now rests on finite differences, and they can mislead. Four ways, each tried out. First a network, a batch, and its gradients by hand, all in `float64`:


# %%
def problem(seed: int, dtype: torch.dtype = torch.float64) -> SimpleNamespace:
    """A small network with its loss and its gradients by hand."""
    source = torch.Generator().manual_seed(seed)
    network = in_float64(Network([3, 5, 6, 2], source), source)
    for tensor in network.parameters():
        tensor.data = tensor.to(dtype)
    x = torch.randn(4, 3, dtype=torch.float64, generator=source).to(dtype)
    y = torch.randn(4, 2, dtype=torch.float64, generator=source).to(dtype)

    def loss() -> torch.Tensor:
        return mse(network.forward(x), y)

    network.backward(mse_grad(network.forward(x), y))
    return SimpleNamespace(network=network, loss=loss, x=x, y=y)


# %%
steps = [10 ** (-i / 2) for i in range(4, 25)]
by_dtype = {}
for dtype in (torch.float64, torch.float32):
    p = problem(0, dtype)
    outputs = p.network.forward(p.x)
    p.network.backward(outputs.exp() / outputs.numel())
    flat = torch.cat([grad.flatten() for grad in p.network.grads()])
    by_dtype[dtype] = []
    for size in steps:
        numerical = numerical_grad(
            lambda p=p: p.network.forward(p.x).exp().mean(),
            p.network.parameters(),
            size,
        )
        numerical = torch.cat([grad.flatten() for grad in numerical])
        off = (numerical - flat).abs().max() / flat.abs().max()
        by_dtype[dtype].append(off.item())

# %% [markdown] tags=["predict"]
# **The step, and float32.** The smaller the step, the better the approximation? Sketch how the largest error depends on the step, from 0.01 down to $10^{-12}$, in `float64` and in `float32`. (As the loss I take the mean of $e^{\hat y}$, which bends more than a parabola does.)

# %% tags=["figure"] alt="The error of finite differences against the step, both logarithmic. In float64 it falls with the step to a lowest point of some hundred-billionths and rises again as the step gets smaller still. In float32 the lowest point lies far higher and at a larger step; as the step shrinks the error climbs above 1 and ends at exactly 1."
figure, ax = plt.subplots(figsize=(5.6, 3.0))
for (dtype, offs), marker in zip(by_dtype.items(), "os", strict=True):
    ax.loglog(steps, offs, f"{marker}-", ms=3, label=str(dtype).removeprefix("torch."))
ax.set(xlabel="step", ylabel="largest relative error")
ax.legend()

# %% [markdown] tags=["answer"]
# Two errors work against each other. Within a large step the loss bends: the **truncation error**, which a central difference makes smaller with the square of the step. In a small step the difference drowns: two losses that agree in their first digits are subtracted, what is left is mostly **rounding error**, and it is divided by the step. (Where both losses come out the same, the answer is 0, off by exactly 1.) In `float64` the best step gives nine digits or more, in `float32` between four and five, and there even a right gradient looks wrong to whoever asks for six. Our own loss is kinder: in each single weight the squared error is a parabola, and for a parabola a central difference has no truncation error at all. With a step of 0.01, nine of ten such networks agree to twelve digits. The tenth is off by more than 1 %, and that is the next trap.

# %% tags=["claim"]
best64, best32 = min(by_dtype[torch.float64]), min(by_dtype[torch.float32])
assert best64 < 1e-9 and 1e-5 < best32 < 1e-4
assert by_dtype[torch.float32][-1] == 1
offs = []
for seed in range(10):
    p = problem(seed)
    numerical = numerical_grad(p.loss, p.network.parameters(), 0.01)
    pairs = zip(numerical, p.network.grads(), strict=True)
    offs.append(max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs))
assert sorted(offs)[8] < 1e-12 and 0.01 < max(offs) < 0.03, offs
assert steps[by_dtype[torch.float32].index(best32)] > 1e-4
assert 1e-7 < steps[by_dtype[torch.float64].index(best64)] < 1e-2
assert by_dtype[torch.float64][-1] > 100 * best64
for seed in range(1, 5):
    p = problem(seed, torch.float32)
    numerical = numerical_grad(p.loss, p.network.parameters())
    pairs = zip(numerical, p.network.grads(), strict=True)
    assert max((a - b).abs().max() / b.abs().max() for a, b in pairs) > 1e-4

# %% [markdown]
# **Kinks.** A ReLU has no derivative at 0, and a finite difference whose step reaches across the kink reports a mixture of both sides:

# %%
for z in (1e-3, 2e-6, 0.0, -2e-6):
    at = torch.tensor([z], dtype=torch.float64)
    (numerical,) = numerical_grad(lambda at=at: relu(at).sum(), [at])
    print(f"z = {z:7}: by hand {relu_grad(at).item()}, measured {numerical.item():.2f}")

# %% [markdown]
# For the second and the last $z$ what is measured is wrong. At 0 neither is right: there is no derivative, and our 0 is a convention. With random numbers a step of $10^{-5}$ seldom meets a kink. It always does where a $z$ is exactly 0, as it is for an input of nothing but zeros and a bias of 0: then bias and inputs look wrong by half. Check with random inputs and with biases other than 0; and if one number in a thousand is off, ask again with other numbers before you look for a bug.
#
# **Absolute and relative.** "Off by at most $10^{-6}$" sounds strict. Take a gradient with a bug in it, twice as large as it should be, and multiply the loss by $10^{-7}$, as a mean over many numbers may:

# %%
p = problem(1)
wrong = [2e-7 * grad for grad in p.network.grads()]
numerical = numerical_grad(lambda: 1e-7 * p.loss(), p.network.parameters())
pairs = list(zip(wrong, numerical, strict=True))
off = max((a - b).abs().max().item() for a, b in pairs)
relative = max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)
print(f"absolute: off by {off:.1e}; relative: by {relative:.0%}")

# %% tags=["claim"]
assert off < 1e-6 and 0.99 < relative < 1.01
tiny = torch.tensor([2e-6], dtype=torch.float64)
(numerical,) = numerical_grad(lambda: relu(tiny).sum(), [tiny])
assert abs(numerical.item() - 0.6) < 1e-9
at_zero = [torch.zeros(n, dtype=torch.float64) for n in (3, 1)]  # an input, a bias
row = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
numerical = numerical_grad(
    lambda: relu((row * at_zero[0]).sum() + at_zero[1]).sum(), [*at_zero, row]
)
assert torch.allclose(numerical[0], row / 2) and not numerical[2].any()
assert torch.allclose(numerical[1], torch.full((1,), 0.5, dtype=torch.float64))

# %% [markdown]
# So errors are divided by the size of the right gradient: the **relative error**.
#
# **A gradient of 0.** But what if that size is 0? Add a large shift to the whole batch, a number for each of fifty columns, and then subtract the columns' means. The shift cancels, and its gradient is 0:

# %%
source = torch.Generator().manual_seed(0)
x, y = (torch.randn(8, 50, dtype=torch.float64, generator=source) for _ in range(2))
shift = 100 * torch.randn(50, dtype=torch.float64, generator=source)


def cancelled() -> torch.Tensor:
    return mse(x + shift - (x + shift).mean(0), y)


(numerical,) = numerical_grad(cancelled, [shift])
print(f"the largest of fifty numbers that are 0: {numerical.abs().max():.0e}")

# %% tags=["claim"]
assert 0 < numerical.abs().max() < 1e-9


def size_of_zero(seed: int, factor: float) -> float:
    source = torch.Generator().manual_seed(seed)
    x, y, shift = (
        torch.randn(*shape, dtype=torch.float64, generator=source)
        for shape in ((8, 50), (8, 50), (50,))
    )
    shift *= factor
    (numerical,) = numerical_grad(
        lambda: mse(x + shift - (x + shift).mean(0), y), [shift]
    )
    return numerical.abs().max().item()


shares = [size_of_zero(seed, 0) / size_of_zero(seed, 100) for seed in range(5)]
assert sorted(shares)[2] < 0.5, "the large shift has a part in it"

# %% [markdown]
# Not quite: each sum with the large shift is rounded, and so is the loss, and what that leaves was divided by a step of $10^{-5}$. Compared with such a number, the right gradient of 0 is off by 100 %.

# %% [markdown] exercise="gradient_check" tags=["prompt"] difficulty="medium" minutes=25
# ### Exercise 5.4: a gradient check that is hard to fool
#
# Write `gradient_check(loss, parameters, grads)`: one number, about 0 when each gradient agrees with the finite differences (`numerical_grad`), about 1 when one is wrong by its own size, and in proportion between. How exactly you make one number of many is yours to choose, and these have to come out right: losses a billion times smaller or larger; a parameter with large gradients beside one with tiny ones; a gradient that is 0 and should be, also where its finite difference is not quite; one that is 0 and should not be. If one holds a NaN, anything but a small number may come out. Lists of different lengths, gradients in another shape than their parameter's, and `float32` are a `ValueError`.

# %% [markdown] tags=["hint"]
# Take each parameter by itself, so that a large one cannot hide a tiny one. Within a parameter one size for all its numbers keeps a single 0 among them harmless. And how large an error may rounding alone make? It grows with the loss, so no fixed number will do; leave a factor of a hundred of room.

# %% [markdown] tags=["hint"]
# NaN is neither smaller nor larger than anything: ask Python for `max(1.0, math.nan)` and `max(math.nan, 1.0)`, then PyTorch for the maximum of a tensor that holds one.


# %% tags=["solution"] export="gradients.py"
def gradient_check(
    loss: Callable[[], torch.Tensor],
    parameters: list[torch.Tensor],
    grads: list[torch.Tensor],
) -> float:
    """The largest relative error of `grads` against finite differences, per parameter.

    What rounding the loss may do counts as no error.
    Raises: ValueError for other lists or shapes than the parameters', and for float32.
    """
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"gradients of shapes {shapes[1]} for parameters {shapes[0]}")
    if any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("finite differences need float64: give x.double()")
    rounding = 1e-9 * abs(loss())  # of two losses, divided by the step
    errors = [torch.zeros((), dtype=torch.float64)]
    for grad, numerical in zip(grads, numerical_grad(loss, parameters), strict=True):
        if grad.numel():
            off = ((grad - numerical).abs().max() - rounding).clamp(min=0)
            errors.append(off / numerical.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% [markdown] tags=["solution"]
# I ended with Python's `max` over the errors. A NaN in the first parameter came through. One in the second disappeared: `max(1e-10, nan)` is `1e-10`, because "nan is larger" is false, and so my check passed a gradient with a NaN in it. PyTorch's maximum keeps a NaN. And for a long time my only floor was $10^{-12}$ under the denominator: with it, the right gradient of a shift a hundredth as large, on three columns, was off by 1 in about one of five batches.


# %% tags=["check"]
def error_found(why: str, loss: Callable, parameters: list, grads: list) -> float:
    kept = [tensor.clone() for tensor in (*parameters, *grads)]
    handed = list(parameters), list(grads)
    try:
        got = gradient_check(loss, parameters, grads)
    except NotImplementedError:
        raise AssertionError("gradient_check is not written yet") from None
    except Exception as error:
        raise AssertionError(
            f"{why}: gradient_check stops at {error!r}. A ValueError is for lists of "
            "different lengths, other shapes and float32"
        ) from error
    for now, before in ((parameters, handed[0]), (grads, handed[1])):
        assert list(map(id, now)) == list(map(id, before)), f"{why}: a list has changed"
    for i, (tensor, copy) in enumerate(zip((*parameters, *grads), kept, strict=True)):
        what = "parameter" if i < len(parameters) else "gradient"
        assert torch.equal(tensor, copy) or copy.isnan().any(), (
            f"{why}: a {what} has changed: it belongs to the caller"
        )
    assert got is not None, "nothing came back: return the largest relative error"
    if isinstance(got, torch.Tensor) and got.numel() == 1:
        got = got.item()
    assert isinstance(got, (int, float)) and not isinstance(got, bool), (
        f"{why}: one number, not {got!r}"
    )
    return got


def check_gradient_check() -> None:
    source = torch.Generator().manual_seed(2)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    a, b, shift = numbers(3, 4) + 3, numbers(5) + 3, 100 * numbers(40)
    x, y, unused = numbers(6, 40), numbers(6, 40), numbers(2)
    size = {"a": 1.0, "b": 1.0, "shift": 1.0}

    def loss() -> torch.Tensor:
        centred = x + shift - (x + shift).mean(0)
        total = size["a"] * (a**2).sum() - size["b"] * (b**3).sum()
        return total + size["shift"] * ((centred - y) ** 2).sum()

    def right() -> list[torch.Tensor]:
        return [size["a"] * 2 * a, -size["b"] * 3 * b**2, torch.zeros(40).double()]

    def found(why: str, changed: list[torch.Tensor]) -> float:
        return error_found(why, loss, [a, b, shift][: len(changed)], changed)

    got = error_found(
        "a parameter not in the loss",
        loss,
        [a, unused],
        [2 * a, torch.zeros(2).double()],
    )
    assert not math.isnan(got), (
        "right gradients, of which one parameter's are all 0, came out as NaN: 0 / 0 "
        "needs a floor under the denominator"
    )
    for factor in (1.0, 1e-9, 1e9, -1.0):
        size.update(dict.fromkeys(size, factor))
        why = f"a loss of {loss().item():.0e}"
        got = found(f"right gradients, {why}", right()[:2])
        assert got < 1e-5, (
            f"right gradients, none of them 0, and {why} gave {got:.2g}, and about 0 "
            "is right: take the two gradients' difference, by the size of one of them"
        )
        got = found(f"right gradients, {why}", right())
        measured = numerical_grad(loss, [shift])[0].abs().max().item()
        assert got < 0.05, (
            f"right gradients and {why} gave {got:.2g}: the third should be 0 and is, "
            f"and its finite differences reach {measured:.0e}, which is the loss's "
            "rounding divided by the step. So little is no error, and how little "
            "depends on the size of the loss, of whichever sign"
        )
        got = error_found(f"one gradient, 0, and {why}", loss, [shift], right()[2:])
        assert got < 0.05, (
            f"a gradient that should be 0 and is, handed in alone, gave {got:.2g} for "
            f"{why}: what rounding does depends on the loss, not on other gradients"
        )
        alone = []
        for parameter, grad in ((a, right()[0]), (b, right()[1])):
            got = error_found(f"twice too large, {why}", loss, [parameter], [2 * grad])
            which = f"a gradient twice too large, {grad.min():.0e} to {grad.max():.0e},"
            assert got > 0.2, (
                f"{which} gave {got:.2g}, for {why}: an error counts relative to the "
                "size of the gradient, less what rounding allows; sizes have no sign"
            )
            assert got < 3, (
                f"{which} gave {got:.2g}, for {why}, and about 1 was wanted: divide by "
                "the size of the gradient, of whichever sign its numbers are"
            )
            alone.append(got)
        got = found(
            "the second twice too large", [right()[0], 2 * right()[1], right()[2]]
        )
        assert got > 0.6 * alone[1], (
            f"the second gradient of three, twice too large, gave {got:.2g}, and alone "
            f"{alone[1]:.2g}: no mean over the parameters, and neither the first nor "
            "the last, but the largest error of all"
        )
        both = found("two twice too large", [2 * g for g in right()[:2]] + right()[2:])
        assert both < 1.3 * max(alone), (
            f"two gradients twice too large gave {both:.2g}, and alone {alone[0]:.2g} "
            f"and {alone[1]:.2g}: no sum over the parameters, but the largest error"
        )
    size.update(a=1.0, b=1e-6, shift=1.0)
    tiny = 2 * right()[1]
    got = found("the second, tiny gradient", [right()[0], tiny, right()[2]])
    alone = error_found("a tiny gradient", loss, [b], [tiny])
    assert got > 0.2 or alone > 0.2, (
        f"a gradient of {tiny.max() / 2:.0e}, twice too large, for a loss of "
        f"{loss():.0f} gave {got:.2g}: rounding makes an error of 1e-8 there at most. "
        "Your floor, or what you allow for rounding, is too high"
    )
    assert got > 0.2, (
        f"a tiny gradient, twice too large, beside a large one that is right gave "
        f"{got:.2g}: take each parameter by itself, and keep the largest error"
    )
    size.update(a=1e-5, b=1.0)
    tiny = 2 * right()[0]
    got = found("the first, tiny gradient", [tiny, *right()[1:]])
    alone = error_found("a tiny gradient", loss, [a], [tiny])
    assert got > 0.2 or alone > 0.2, (
        f"a gradient of {tiny.max() / 2:.0e}, twice too large, for a loss of "
        f"{loss():.0f} gave {got:.2g}: your floor, or what you allow for rounding, is "
        "too high"
    )
    assert got > 0.2, (
        f"only the first parameter's tiny gradient is wrong, and that gave {got:.2g}: "
        "keep the largest error of all parameters, not the last one"
    )
    size.update(a=1.0, b=1.0)
    one = right()
    one[0][2, 3] *= 1.05
    got = found("one number of twelve, 5 % off", one)
    assert got > 1e-3, f"one number of twelve is 5 % off, and that gave {got:.2g}"
    one = right()
    one[0] = one[0][[1, 0, 2]]
    got = found("two rows exchanged", one)
    assert got > 0.02, (
        f"two rows of a gradient have changed places, and that gave {got:.2g}: compare "
        "number with number, not what they add up to"
    )
    got = found("both 1e-4 too large", [(1 + 1e-4) * grad for grad in right()[:2]])
    assert 2e-5 < got < 5e-4, (
        f"gradients too large by a ten-thousandth gave {got:.2g}, and about 1e-4 was "
        "wanted: the error itself, neither rounded nor a verdict"
    )
    got = found("turned signs", [-grad for grad in right()])
    assert got > 0.5, f"all signs turned round gave {got:.2g}: compare the numbers"
    got = found("zeros", [right()[0], 0 * right()[1], right()[2]])
    assert got > 0.2, (
        f"a gradient of 0 that should not be 0 gave {got:.2g}: about 1 was wanted"
    )
    got = found("not 0", [*right()[:2], torch.ones(40).double()])
    assert got > 0.5, f"a gradient of 1 that should be 0 gave {got:.2g}"
    for which, what in ((0, "first"), (1, "second"), (2, "third")):
        changed = right()
        changed[which][0] = math.nan
        got = found("a NaN", changed)
        assert not got < 0.5, (
            f"a NaN in the {what} gradient gave {got:.2g}, as if all were well: "
            "comparisons with NaN are false, and Python's max drops it"
        )
    three, single = [a, b, shift], [t.float() for t in (a, b, shift)]
    for parameters, grads, why in (
        (three, right()[:2], "two gradients for three parameters"),
        (three[:2], right(), "three gradients for two parameters"),
        (three, [right()[0].T, *right()[1:]], "a gradient (4, 3) for (3, 4)"),
        (three, [right()[0], right()[1][:1], right()[2]], "a gradient (1,) for (5,)"),
        (three, [grad.float() for grad in right()], "gradients in float32"),
        (single, [grad.float() for grad in right()], "parameters in float32"),
    ):
        try:
            got = gradient_check(loss, parameters, grads)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{why}: raise a ValueError, not {type(error).__name__}"
            ) from None
        raise AssertionError(f"{why} went through and gave {got!r}: raise a ValueError")


check_gradient_check()

# %% [markdown]
# Now the network, from ten seeds, its inputs included; and, to see whether the check is awake, with all gradients a hundred-thousandth too large:

# %%
errors, too_large = [], []
for seed in range(10):
    p = problem(seed)
    x_grad = p.network.backward(mse_grad(p.network.forward(p.x), p.y))
    named, grads = [*p.network.parameters(), p.x], [*p.network.grads(), x_grad]
    errors.append(gradient_check(p.loss, named, grads))
    wrong = [(1 + 1e-5) * grad for grad in grads]
    too_large.append(gradient_check(p.loss, named, wrong))
print(f"largest relative error {max(errors):.0e}")
print(f"those too large: {min(too_large):.0e} to {max(too_large):.0e}")

# %% [markdown]
# No error above what rounding explains. And compared with PyTorch, which finds gradients by a method of its own (chapter 6 builds one):

# %% tags=["oracle"]
largest = 0.0
for seed in range(10):
    p = problem(seed)
    leaves = [t.clone().requires_grad_() for t in p.network.parameters()]
    h = p.x
    for weight_leaf, bias_leaf in zip(leaves[::2], leaves[1::2], strict=True):
        h = h if h is p.x else h.relu()
        h = torch.nn.functional.linear(h, weight_leaf, bias_leaf)
    torch.nn.functional.mse_loss(h, p.y).backward()
    for leaf, grad in zip(leaves, p.network.grads(), strict=True):
        largest = max(largest, (leaf.grad - grad).abs().max().item())
print(f"largest difference {largest:.0e}")

# %% [markdown]
# No difference reaches $10^{-10}$.

# %% tags=["oracle", "claim"]
assert largest < 1e-10 and max(errors) < 1e-8
assert min(too_large) > 0.2e-5 and max(too_large) < 3e-5

# %% tags=["claim"]
accused = 0
for seed in range(50):
    source = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(8, 3, dtype=torch.float64, generator=source) for _ in range(2))
    shift = torch.randn(3, dtype=torch.float64, generator=source)
    (numerical,) = numerical_grad(cancelled, [shift])
    accused += bool(numerical.abs().max() > 1e-12)  # and then 1.0 came out
    assert gradient_check(cancelled, [shift], [torch.zeros(3).double()]) < 0.05
assert 4 <= accused <= 20

# %% [markdown]
# ## Bugs that were published
#
# > [!BUG] Break it: the gradient as it comes
# > In a small library of 2016 (`jimfleming/differentiation`, issue 1) the gradient of a bias was the upstream gradient as it came, and parameters were updated by `biases = biases - grad`. The layer `Add` of mlpack, a library in C++, took it as it came until 2024 (pull request 3679): right for one input at a time, and no test asked for more. (There, training stopped with an error.) Twenty images, ten outputs, and the update in two lines:

# %%
bias, upstream = torch.zeros(10), mse_grad(torch.zeros(20, 10), targets[:20])
bias = bias - 0.5 * upstream

# %% [markdown] tags=["predict"]
# Does the second line stop? If not, what shape has `bias` then? And which would have stopped: the next batch of twenty, the validation images, a batch of one?

# %%
print("bias", tuple(bias.shape))
for size in (20, 1, len(valid_images)):
    try:
        outputs = torch.zeros(size, 10) + bias
        print(f"a batch of {size:4}: outputs {tuple(outputs.shape)}")
    except RuntimeError as error:
        print(f"a batch of {size:4}: {error}")

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > Nothing stops: $(10,)$ minus $(20, 10)$ broadcasts, and from then on *each place in the batch* has a bias of its own, the first image's and the second image's, whichever these are. Training goes on with batches of twenty. One image gets twenty answers, and only a batch of another size stops, far from the mistake. The sum over the batch is missing; `bias -= …`, which must keep its shape, would have said so at once; with one input the numbers are right.

# %% tags=["claim"]
assert bias.shape == (20, 10) and (torch.zeros(1, 10) + bias).shape == (20, 10)
stopped, in_place = False, torch.zeros(10)
try:
    in_place -= 0.5 * upstream
except RuntimeError:
    stopped = True
assert stopped and in_place.shape == (10,)

# %% [markdown]
# Three more, each of a kind that was published: a mean over the batch in place of the sum (issue 5 of `kvfrans/notes`, 2025); a sum (there a mean) along the wrong dimension (pull request 364 of deeplearning4j, 2015); and the weight the wrong way round in the gradient of the inputs (issue 3 of `pulp-trainlib`, 2022).


# %%
class MeanLinear(Linear):
    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        self.weight_grad = output_grad.T @ self.x
        self.bias_grad = output_grad.mean(0)
        return output_grad @ self.weight


class WrongAxisLinear(Linear):
    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        self.weight_grad = output_grad.T @ self.x
        self.bias_grad = output_grad.sum(1)
        return output_grad @ self.weight


class TransposedLinear(Linear):
    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        self.weight_grad = output_grad.T @ self.x
        self.bias_grad = output_grad.sum(0)
        return output_grad @ self.weight.T


# %% [markdown] exercise="is_right" tags=["prompt"] difficulty="hard" minutes=35
# ### Exercise 5.5: the test that was missing
#
# On paper first: for each of the three, with which $N$, $D$ and $K$ does the bug go unnoticed, with which does it stop with an error (in `backward`, or in the update `bias -= lr * grad`), and with which does all fit and the numbers are wrong?
#
# Then write `is_right(layer_class)`, the test that was missing. It gets a class that is made and used like `Linear`, and says `True` or `False`, whatever the class does. It has to see through these three and through whatever else you can think of; the check has twenty more. And it must say `True` to every right layer, however it is written; run it on `Linear` before you put a `try` round anything.

# %% [markdown] tags=["hint"]
# A layer ends in no loss: make one, `(layer.forward(x) * upstream).sum()`, whose gradient with respect to the outputs is `upstream`. `gradient_check` checks the weight, the bias and the inputs. Collect what could be wrong *besides* the gradients: the forward pass itself? What if it is called twice, with other inputs?

# %% [markdown] tags=["hint"]
# A bias is 0 when a layer is made, and hides whatever is done with it: what would you put in its place before you test? A layer that stops with an error is not right either. And does a layer have the right to change what it is handed?


# %% tags=["solution"]
def is_right(layer_class: type) -> bool:
    source = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    def passes(layer: Linear, N: int) -> bool:
        x, upstream = numbers(N, 5), numbers(N, 2)
        kept = [t.clone() for t in (layer.weight, layer.bias, x, upstream)]
        outputs = layer.forward(x)
        x_grad = layer.backward(upstream)
        unchanged = all(map(torch.equal, [*layer.parameters(), x, upstream], kept))
        weight, bias, x, upstream = kept
        error = gradient_check(
            lambda: (linear(x, weight, bias) * upstream).sum(),
            [weight, bias, x],
            [*layer.grads(), x_grad],
        )
        right = torch.allclose(outputs, linear(x, weight, bias))
        return unchanged and right and error < 1e-6

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        return passes(layer, 3) and passes(layer, 4)
    except Exception:
        return False


# %% [markdown] tags=["solution"]
# My first version tested one batch, with the bias as it came. It said `True` to a layer whose `forward` leaves its bias out (0 added or not is the same), and to one that adds each `backward` to the gradients before, which for the first is right.


# %% tags=["check"]
def suspects() -> list[tuple[type, bool, str]]:
    """Layers, whether each is right, and what is wrong with it."""

    def made(**methods: Callable) -> type:
        return type("Suspect", (Linear,), methods)

    def gradient(weight: Callable, bias: Callable, x: Callable) -> type:
        def backward(self, G):
            self.weight_grad, self.bias_grad = weight(self, G), bias(self, G)
            return x(self, G)

        return made(backward=backward)

    def W(self, G):
        return G.T @ self.x

    def b(self, G):
        return G.sum(0)

    def X(self, G):
        return G @ self.weight

    def adds_up(self, G):
        self.weight_grad = self.weight_grad + W(self, G)
        self.bias_grad = self.bias_grad + b(self, G)
        return X(self, G)

    def first_only(self, x):
        self.x = self.x if len(self.x) else x
        return linear(x, self.weight, self.bias)

    def halves(self, G):
        result = Linear.backward(self, G)
        G *= 0.5
        return result

    def shifts(self, x):
        self.x = x.clone()
        result = linear(x, self.weight, self.bias)
        x += 1
        return result

    def no_bias(self, x):
        self.x = x
        return x @ self.weight.T

    def swapped(self):
        return [self.bias_grad, self.weight_grad]

    def hides_bias(self):
        return [self.weight]

    def hides_bias_grad(self):
        return [self.weight_grad]

    def bias_first(self):
        return [self.bias, self.weight]

    def decays(self, x):
        self.x = x
        result = linear(x, self.weight, self.bias)
        self.weight *= 0.99
        return result

    def trains(self, G):
        result = Linear.backward(self, G)
        self.weight -= 0.1 * self.weight_grad
        return result

    def above_zero(self, x):
        self.x = x
        return linear(relu(x), self.weight, self.bias)

    def by_letters(self, G):
        self.weight_grad = torch.einsum("nk,nd->kd", G, self.x)
        self.bias_grad = torch.einsum("nk,n->k", G, torch.ones_like(G[:, 0]))
        return torch.einsum("nk,kd->nd", G, self.weight)

    def one_by_one(self, G):
        self.weight_grad, self.bias_grad = 0 * self.weight, 0 * self.bias
        for row, x in zip(G, self.x, strict=True):
            self.weight_grad += row[:, None] * x
            self.bias_grad += row
        return (self.weight.T @ G.T).T

    def into_the_same(self, G):
        self.weight_grad.copy_(W(self, G))
        self.bias_grad.copy_(b(self, G))
        return X(self, G)

    return [
        (Linear, True, "Linear itself"),
        (made(backward=by_letters), True, "a layer that says it in letters"),
        (made(backward=one_by_one), True, "a layer that loops over the batch"),
        (made(backward=into_the_same), True, "a layer that keeps its gradient tensors"),
        (MeanLinear, False, "the mean over the batch"),
        (WrongAxisLinear, False, "the sum along the wrong dimension"),
        (TransposedLinear, False, "the transposed weight"),
        (made(forward=no_bias), False, "a forward pass without its bias"),
        (made(backward=adds_up), False, "gradients added to those of the last batch"),
        (
            made(backward=halves),
            False,
            "a backward pass that changes the gradient it got",
        ),
        (made(forward=shifts), False, "a forward pass that changes its inputs"),
        (
            gradient(lambda s, G: W(s, G) / len(G), b, X),
            False,
            "a weight gradient divided by N",
        ),
        (gradient(W, b, lambda s, G: X(s, G).abs()), False, "input gradients ≥ 0"),
        (
            gradient(W, lambda s, G: G[0] + G[1], X),
            False,
            "a bias that sums two inputs",
        ),
        (gradient(W, b, lambda s, G: None), False, "no gradient for the inputs"),
        (
            gradient(lambda s, G: (s.x.T @ G).reshape(s.weight.shape), b, X),
            False,
            "a weight gradient reshaped in place of transposed",
        ),
        (made(grads=swapped), False, "grads() in another order than parameters()"),
        (gradient(W, lambda s, G: b(s, G)[None], X), False, "a bias gradient (1, K)"),
        (
            made(forward=first_only),
            False,
            "a layer that keeps its first batch for ever",
        ),
        (
            made(parameters=hides_bias, grads=hides_bias_grad),
            False,
            "a layer that hides its bias from training",
        ),
        (
            made(parameters=bias_first, grads=swapped),
            False,
            "a layer with its bias first, where Linear has its weight",
        ),
        (made(forward=decays), False, "a forward pass that changes its weight"),
        (made(backward=trains), False, "a backward pass that changes its weight"),
        (made(forward=above_zero), False, "a forward pass blind to inputs below 0"),
        (
            gradient(W, lambda s, G: b(s, G.abs()), X),
            False,
            "a bias gradient that loses the signs of the upstream gradient",
        ),
        (
            gradient(W, lambda s, G: 1.01 * b(s, G), X),
            False,
            "a bias gradient 1 % too large",
        ),
        (
            made(forward=lambda s, x: Linear.forward(s, x) + 0.01),
            False,
            "outputs that are 0.01 too large",
        ),
    ]


def check_is_right() -> None:
    for suspect, right, what in suspects():
        try:
            got = is_right(suspect)
        except NotImplementedError:
            raise AssertionError("is_right is not written yet") from None
        except Exception as error:
            whose = (
                "This layer does not stop, so it is your test"
                if right
                else "A layer that stops is not right: catch it and say False"
            )
            raise AssertionError(
                f"{what}: is_right stops at {error!r}. {whose}"
            ) from None
        assert got is not None, "nothing came back: return True or False"
        assert isinstance(got, bool), f"return True or False, not {got!r}"
        hint = "may differ in the last digits (torch.allclose), and in what it keeps"
        if suspect is Linear:
            hint = "does not stop: does your test? Take away a `try` round all of it"
        assert got or not right, f"{what} is right, and is_right says False. It {hint}"
        assert right or not got, f"{what}: wrong, and is_right says True"


check_is_right()

# %% [markdown]
# Compare with what you have on paper; each line is one layer with random numbers, and one update:


# %%
def fate(bad: type, N: int, D: int, K: int) -> str:
    source = torch.Generator().manual_seed(0)
    x, weight, upstream = (
        torch.randn(*shape, dtype=torch.float64, generator=source)
        for shape in ((N, D), (K, D), (N, K))
    )
    layer, right = bad(weight.clone()), Linear(weight.clone())
    layer.forward(x), right.forward(x)
    wanted = [right.backward(upstream), *right.grads()]
    try:
        came = [layer.backward(upstream), *layer.grads()]
    except RuntimeError:
        return "stops in backward"
    try:
        layer.bias -= 0.1 * layer.bias_grad
    except RuntimeError:
        return "stops in update"
    return "unnoticed" if all(map(torch.allclose, came, wanted)) else "wrong numbers"


suspected = (MeanLinear, WrongAxisLinear, TransposedLinear)
fates = {}
print("N, D, K  ", *(f"{bad.__name__:18}" for bad in suspected))
for case in ((1, 1, 1), (1, 4, 3), (5, 4, 3), (3, 4, 3), (5, 3, 3)):
    fates[case] = [fate(bad, *case) for bad in suspected]
    print(case, *(f"{what:18}" for what in fates[case]))

# %% [markdown]
# The mean never stops. The sum along the wrong dimension has $N$ numbers where there are $K$ biases; a single one, for $N = 1$, is broadcast to all of them. And the gradient through the transposed weight fits wherever $D = K$, as in many a middle layer.

# %% tags=["claim"]
mean, wrong_axis, transposed = zip(*fates.values(), strict=True)
assert mean == ("unnoticed",) * 2 + ("wrong numbers",) * 3
assert wrong_axis[:2] == ("unnoticed", "wrong numbers")
assert wrong_axis[2:] == ("stops in update", "wrong numbers", "stops in update")
assert transposed[:2] == ("unnoticed", "stops in backward")
assert transposed[2:] == ("stops in backward",) * 2 + ("wrong numbers",)

# %% [markdown]
# ## What the way back costs
#
# One matrix product on the way forward, two on the way back, and all three have the letters $n$, $d$ and $k$: each takes $N \cdot D \cdot K$ **multiply-adds** (one multiplication and one addition, two FLOP). So in multiply-adds the way back costs exactly twice the way forward. (Nobody needs the gradient of the pixels, and that product is most of one forward pass; we keep it for the sake of one simple rule.)

# %% [markdown] tags=["aside"]
# #### Aside: counted by the network itself
#
# A matrix without numbers, which knows its shape, goes through our own `forward` and `backward`. Its products are counted. All else that our layers do to it (adding, masking, the comparison in `relu`) keeps its shape, so it answers with itself.


# %% tags=["aside"]
class Counted:
    """A matrix without numbers: its products are counted, all else keeps its shape."""

    multiply_adds, dtype = 0, torch.float32

    def __init__(self, *shape: int) -> None:
        self.shape = torch.Size(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __matmul__(self, other: "Counted") -> "Counted":
        Counted.multiply_adds += self.shape[0] * self.shape[1] * other.shape[1]
        return Counted(self.shape[0], other.shape[1])

    def same(self, *ignored: object) -> "Counted":
        return self

    def sum(self, dim: int) -> "Counted":
        return Counted(*self.shape[1:])

    T = property(lambda self: Counted(*self.shape[::-1]))
    __add__ = __mul__ = __le__ = __gt__ = masked_fill = to = same


network = Network(sizes, torch.Generator().manual_seed(0))
for layer in network.layers[::2]:
    layer.weight, layer.bias = Counted(*layer.weight.shape), Counted(len(layer.bias))
network.forward(Counted(500, 784))
forward_adds = Counted.multiply_adds
network.backward(Counted(500, 10))
backward_adds = Counted.multiply_adds - forward_adds
print(f"forward  {forward_adds:,}\nbackward {backward_adds:,}")

# %% [markdown]
# By the clock, with 500 images, it need not be twice:

# %% tags=["timing"]
network = Network(sizes, torch.Generator().manual_seed(0))
output_grad = mse_grad(network.forward(images[:500]), targets[:500])
clocks = {"forward": [], "backward": []}
for _ in range(40):
    start = time.perf_counter()
    network.forward(images[:500])
    between = time.perf_counter()
    network.backward(output_grad)
    clocks["forward"].append(between - start)
    clocks["backward"].append(time.perf_counter() - between)
ms = {name: 1000 * min(times) for name, times in clocks.items()}
print(f"forward {ms['forward']:.2f} ms, backward {ms['backward']:.2f} ms")
print(f"the first step, by finite differences, would take {step_seconds:.0f} s")

# %% tags=["claim"]
assert backward_adds == 2 * forward_adds == 2 * 500 * (count - 360)
assert 0.8 < 500 * 784 * 200 / forward_adds < 0.9
assert 0.8 < ms["backward"] / ms["forward"] < 12
record(
    "backward pass, times as long as forward, 500 images",
    ms["backward"] / ms["forward"],
)

# %% [markdown]
# The other price is memory. Until the walk back comes by, every layer holds on to what went into it. In bytes, beside the parameters and their gradients, and without the images, which are there anyway:


# %%
def kept_bytes(network: Network) -> int:
    kept = [layer.x for layer in network.layers[2::2]]
    kept += [layer.z for layer in network.layers[1::2]]
    return sum(tensor.nbytes for tensor in kept)


own = 2 * sum(parameter.nbytes for parameter in network.parameters())
print(f"parameters and gradients: {own / 2**20:5.2f} MiB")
kept = {}
for size in (20, 500, 4000):
    network.forward(images[:size])
    kept[size] = kept_bytes(network)
    print(f"kept for a batch of {size:4}:  {kept[size] / 2**20:5.2f} MiB")

# %% tags=["claim"]
per_image = 2 * (200 + 100 + 50)
assert all(kept[size] == 4 * size * per_image for size in kept)
assert kept[20] < own / 10 and kept[4000] > 7 * own

# %% [markdown]
# It grows with the batch and with the depth, and each hidden layer is kept twice, before the ReLU and behind it, though either would do for the ReLU's way back. With 4,000 images at a time it is more than seven times what the parameters and their gradients take.
#
# ## Ten digits, several hidden layers
#
# The two functions that knew the old network, restated for the new one. (`sgd_epoch` also refuses what it could not train on.)


# %% export="metrics.py" drop="dead_units"
def dead_units(network: Network, inputs: torch.Tensor) -> list[int]:
    """How many units of each hidden layer give 0 for all inputs. Shapes: (N, D)."""
    counts = []
    for layer in network.layers:
        inputs = layer.forward(inputs)
        if isinstance(layer, ReLU):
            counts.append(int((inputs.sum(0) == 0).sum()))
    return counts


# %% export="training.py"
def sgd_epoch(
    network: Network,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lr: float,
    rng: random.Random,
    batch_size: int = 1,
) -> float:
    """One step of gradient descent after every batch, once through all in random order.

    Shapes: inputs (N, D), targets (N, K) -> the mean loss, each before its step.
    """
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs and {len(targets)} targets: give pairs")
    if not (batch_size >= 1 and 0 <= lr < math.inf):
        raise ValueError(f"lr {lr}, batch_size {batch_size}: give lr ≥ 0, size ≥ 1")
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        outputs = network.forward(inputs[batch])
        total += len(batch) * mse(outputs, targets[batch]).item()
        network.backward(mse_grad(outputs, targets[batch]))
        for parameter, grad in zip(network.parameters(), network.grads(), strict=True):
            parameter -= lr * grad
    return total / len(inputs)


# %% tags=["claim"]
class Listed(Network):
    """Its gradients are listed once: the wrong version of exercise 5.3."""

    def __init__(self, sizes: list[int], generator: torch.Generator) -> None:
        super().__init__(sizes, generator)
        self.listed = super().grads()

    def grads(self) -> list[torch.Tensor]:
        return self.listed


rng, listed = random.Random(0), Listed(sizes, torch.Generator().manual_seed(0))
losses = [
    sgd_epoch(listed, images[:1000], targets[:1000], 0.5, rng, 20) for _ in range(3)
]
assert max(losses) - min(losses) < 5e-6 * losses[0]

# %% [markdown]
# Chapter 4 left us normalised inputs and a network that begins quietly. Three hidden layers, then, and beside them one, of the same budget: 230 units make 182,860 parameters, against 182,660, and nearly as many multiply-adds. Neither shall win by a recipe that was made for the other, so each gets its own: two scales of the first weights and a handful of learning rates, five epochs, three seeds, chosen by chapter 4's held-back fifth of the training images (ten seconds; minutes on the full set):

# %%
normal_images, normal_valid = normalize_both(images, valid_images)
at_random = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
fitted, held = at_random.split([len(images) * 4 // 5, len(images) // 5])
budgets = {"one hidden layer": [784, 230, 10], "three hidden layers": sizes}


def trained(
    sizes: list[int],
    recipe: tuple[float, float],
    seed: int,
    some: slice | torch.Tensor,
    epochs: int,
) -> tuple[Network, list[float]]:
    """A network and its loss in each epoch; training stops if that overflows."""
    scale, lr = recipe
    network = Network(sizes, torch.Generator().manual_seed(seed), scale)
    rng, losses = random.Random(seed), []
    while len(losses) < epochs and (not losses or math.isfinite(losses[-1])):
        x, y = normal_images[some], targets[some]
        losses.append(sgd_epoch(network, x, y, lr, rng, batch_size=20))
    return network, losses


def digits(network: Network, x: torch.Tensor) -> torch.Tensor:
    """The most active output of each row; NaN counts as no answer. (N, D) -> (N,)."""
    outputs = network.forward(x)
    return outputs.argmax(1).masked_fill(outputs.isnan().any(1), -1)


grid = [(1.0, 0.1), (1.0, 0.5), (0.3, 0.5), (0.3, 1.0), (0.3, 2.0)]
chosen, tried = {}, {}
for name, widths in budgets.items():
    for recipe in grid:
        rates = []
        for seed in range(3):
            network, _ = trained(widths, recipe, seed, fitted, epochs=5)
            guess = digits(network, normal_images[held])
            rates.append(error_rate(guess, labels[held]))
        tried[name, recipe] = sorted(rates)
        line = " ".join(f"{rate:6.1%}" for rate in rates)
        print(f"{name:19} scale {recipe[0]}, lr {recipe[1]:4}: {line}", flush=True)
    chosen[name] = min(grid, key=lambda recipe: tried[name, recipe][1])
print(chosen)

# %% tags=["claim"]
for name in budgets:
    assert chosen[name][0] == 0.3
    assert tried[name, (1.0, 0.5)][1] == 1
    factor = 1.3 if len(images) < 5000 else 1
    assert tried[name, (1.0, 0.1)][0] > factor * tried[name, chosen[name]][2]
one_recipe, three_recipe = chosen.values()
if len(images) < 5000:
    assert three_recipe[1] > one_recipe[1]
    close = [(0.3, 1.0), (0.3, 2.0)]  # chapter 6 takes the second
    assert three_recipe in close
    first, second = (tried["three hidden layers", recipe][1] for recipe in close)
    assert abs(first - second) < 0.01

# %% [markdown]
# With weights as they come from chapter 4's rules both fail at the rate of 0.5, mostly in NaN (100 %), and at 0.1 are far behind. It is not the large inputs alone: three tenths of the weights, and the same inputs train at the same rate. (For three layers, a computer's rounding may choose between 1 and 2.) Now all training images and ten epochs, as in chapter 4, five seeds of each.

# %% [markdown] tags=["predict"]
# Equal budgets, each with its own recipe: which will make fewer errors on the validation images, and by how much? (About fifteen seconds.)

# %%
guesses, curves = {name: [] for name in budgets}, {name: [] for name in budgets}
for seed in range(5):
    for name, widths in budgets.items():
        network, losses = trained(widths, chosen[name], seed, slice(None), epochs=10)
        guesses[name].append(digits(network, normal_valid))
        curves[name].append(losses)
    one, three = (guesses[name][-1] == valid_labels for name in budgets)
    alone = int((one & ~three).sum()), int((three & ~one).sum())
    print(f"seed {seed}: right alone: one {alone[0]}, three {alone[1]}", flush=True)
ends = {}
for name, guess in guesses.items():
    ends[name] = [error_rate(digit, valid_labels) for digit in guess]
    line = " ".join(f"{rate:.1%}" for rate in ends[name])
    print(f"{name:19} wrong {line}, median {sorted(ends[name])[2]:.1%}")

# %% [markdown] tags=["answer"]
# In the median both beat chapter 4's network, which has less than half as many parameters. Three layers are ahead in the mean of five pairs, by less than ten images in a thousand; either is right alone on some in each pair. (On the full set they are ahead in every pair.)

# %% [markdown] tags=["predict"]
# And on the images that they learn from? Sketch the training loss of both, epoch by epoch.

# %% tags=["figure", "slide"] alt="The training loss in each of ten epochs, on a logarithmic scale, five lines for either network. In the first epoch three hidden layers are above one hidden layer, in the second they are about level; from the third on all five lines of the deeper network are below, and at the end they are at about a seventh of the other's loss." caption="The loss in each epoch, five seeds of each."
figure, ax = plt.subplots(figsize=(5.6, 3.0))
for (name, run), colour in zip(curves.items(), plot.COLOURS, strict=False):
    for i, losses in enumerate(run):
        label = name if i == 0 else None
        ax.semilogy(range(1, 11), losses, color=colour, lw=1, label=label)
ax.set(xlabel="epoch", ylabel="training loss", xticks=range(2, 11, 2))
ax.minorticks_off()
ax.set_yticks([0.001, 0.003, 0.01, 0.03], ["0.001", "0.003", "0.01", "0.03"])
ax.legend()

# %% [markdown] tags=["answer"]
# In each of five runs the deeper network comes further down, with no more parameters and after as many steps, and each with the learning rate that its held-back errors chose, the deeper one a higher one. What depth buys here is a better fit, and a few errors fewer; to make a better fit count on new images is what Part III and chapter 13 are for. (Whether squared error is right, chapter 7 asks.)

# %% tags=["claim"]
one_layer, three_layers = (sorted(rates)[2] for rates in ends.values())
assert three_layers < 0.05 and one_layer < 0.053
at_end = {name: [losses[-1] for losses in run] for name, run in curves.items()}
assert max(at_end["three hidden layers"]) < 0.8 * min(at_end["one hidden layer"])
pairs = list(zip(*guesses.values(), strict=True))
alone = [
    [
        int(((a == valid_labels) & (b != valid_labels)).sum())
        for a, b in (pair, pair[::-1])
    ]
    for pair in pairs
]
gained = [(three - one) / len(valid_labels) for one, three in alone]
if len(images) < 5000:
    assert 0 < sum(gained) / 5 < 0.01, gained
    assert all(3 < count < 40 for pair in alone for count in pair)
else:
    assert min(gained) > 0
record("error_rate", three_layers)
record("error rates of five seeds", ends["three hidden layers"])
record("error rate of one hidden layer of the same budget", one_layer)

# %% [markdown] tags=["predict"]
# So a scale of 0.3 is better than 1 for one hidden layer and for three. And for ten, of 100 units each? A learning rate of 0.3, three scales, two epochs on 4,000 images, five seeds: which of 0.3, 0.7 and 1 will do best? And worst? (About ten seconds.)

# %%
ten = {}
for scale in (0.3, 0.7, 1.0):
    deep = [784, *[100] * 10, 10]
    network = Network(deep, torch.Generator().manual_seed(0), scale)
    begun = (network.forward(normal_images[:500]) ** 2).mean().sqrt()
    ten[scale] = []
    for seed in range(5):
        network, _ = trained(deep, (scale, 0.3), seed, slice(4000), epochs=2)
        ten[scale].append(error_rate(digits(network, normal_valid), valid_labels))
    line = " ".join(f"{rate:6.1%}" for rate in ten[scale])
    print(f"scale {scale}: outputs begin at {begun:.0e}, wrong {line}", flush=True)

# %% [markdown] tags=["answer"]
# A scale of 0.3 learns nothing at all, a scale of 1 ends in NaN, and 0.7 learns. Chapter 4 has the reason: what a layer multiplies by is raised to the power of the depth. Eleven layers multiply the outputs by $0.3^{11}$, a millionth or two, and the gradients by $0.3^{10}$. Four layers did not make a signal vanish, and eleven do. So the quiet beginning is not a rule for every depth; chapters 11, 12 and 14 look for one.

# %% tags=["claim"]
assert min(ten[0.3]) > 0.85 and max(ten[0.7]) < 0.4 and min(ten[1.0]) == 1
assert 1e-6 < 0.3**11 < 2e-6
signals = {}
for scale in (1.0, 0.3):
    network = Network(deep, torch.Generator().manual_seed(0), scale)
    outputs = network.forward(normal_images[:500])
    network.backward(torch.ones_like(outputs))
    signals[scale] = outputs, network.grads()[0], network.grads()[-2]
for loud, quiet, power in zip(*signals.values(), (11, 10, 10), strict=True):
    wanted = 0.3**power * loud  # but where a rounding moves a unit across its kink
    assert (quiet - wanted).norm() < 0.01 * wanted.norm()

# %% [markdown]
# ## One that is not in the book
#
# All layers so far treat each input by itself: for a value the paths go through the outputs of its own row. Here is one that does not.

# %% [markdown] exercise="centred" tags=["prompt"] difficulty="hard" minutes=35
# ### Exercise 5.6: a layer that looks at its neighbours
#
# Write the class `Centred(features)` with the four methods of a layer, for inputs $(N, D)$ with `features` equal to $D$. On the way forward it subtracts from each column of the batch that column's mean, and multiplies what is left by a learnt scale, one number for each column: `self.scale`, of shape $(D,)$, which begins as ones in `float64`. On the way back it gives the gradient for the inputs and keeps the one for the scale, `self.scale_grad`. No formula is given: ask for the paths. (Chapter 12 builds a famous layer around this one.)

# %% [markdown] tags=["hint"]
# Raise one number of the batch by $\varepsilon$. It is subtracted from, and it moves the mean of its column. Who else in the batch notices, by how much, and with which sign?

# %% [markdown] tags=["hint"]
# Two inputs, one column, scale 1: raise the first by $\varepsilon$, and the outputs change by $\varepsilon/2$ and $-\varepsilon/2$. What is the gradient of the first, for upstream gradients 5 and 1? And of the second? Now subtract each from its own upstream gradient.


# %% tags=["solution"]
class Centred:
    def __init__(self, features: int) -> None:
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self) -> list[torch.Tensor]:
        return [self.scale]

    def grads(self) -> list[torch.Tensor]:
        return [self.scale_grad]


# %% [markdown] tags=["solution"]
# I took the mean for a constant, as one does when one reads the forward pass, and gave back `output_grad * self.scale`. In ten random batches of four the gradient check found that wrong by 7 to 89 %. The mean takes part in the forward pass, so it takes part in the backward pass, and what it does is the same thing: centring the values forward, it centres the gradients back. Each input's gradient is its own, less what it does to all the others through the mean.


# %% tags=["check"]
def centred_layer(scale: torch.Tensor) -> object:
    features = len(scale)
    try:
        layer = Centred(features)
    except Exception as error:
        raise AssertionError(
            f"Centred({features}) stops: {in_words(error, '')}"
        ) from error
    has_methods(layer)
    own = getattr(layer, "scale", None)
    assert own is not None, "self.scale is missing: a tensor of ones"
    assert isinstance(own, torch.Tensor), f"scale should be a tensor, not {own!r}"
    assert own.shape == scale.shape and (own == 1).all(), (
        f"Centred({features}): scale begins as {features} ones, not {own}"
    )
    assert own.dtype == torch.float64, f"scale in float64, please, not {own.dtype}"
    can_be_changed("the scale", own)
    own.copy_(scale)
    return layer


def check_centred() -> None:
    source = torch.Generator().manual_seed(4)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    centred_layer(numbers(2))  # another width
    layer, other = centred_layer(numbers(3)), centred_layer(numbers(3))
    own, scale, summed = layer.scale, layer.scale.clone(), torch.zeros(3).double()
    first_mean = None
    for N in (5, 4):
        x, G, others = numbers(N, 3) + 2, numbers(N, 3) + 1, numbers(N, 3)
        kept = x.clone(), G.clone()
        called = "forward"
        try:
            out = layer.forward(x)
            other.forward(others)
            called = "backward"
            x_grad = layer.backward(G)
        except Exception as error:
            shapes = (
                f"for inputs ({N}, 3) the mean runs over the batch and leaves a number "
                "for each column, (3,)"
            )
            raise AssertionError(f"{called} stops: {in_words(error, shapes)}") from None
        assert torch.equal(x, kept[0]) and torch.equal(G, kept[1]), (
            "the inputs or the upstream gradient have changed: make new tensors"
        )
        assert torch.equal(layer.scale, scale), "forward and backward changed the scale"
        assert layer.scale is own, (
            "self.scale is another tensor than before: whoever trains the layer holds "
            "the old one"
        )
        c, std = x - x.mean(0), x.std(0)
        first_mean = x.mean(0) if first_mean is None else first_mean
        if not near(returned("what forward gives", out, x), c * scale):
            for wrong, why in (
                ((x - x.mean(1, keepdim=True)) * scale, "each row's own mean came off"),
                ((x - x.mean()) * scale, "one mean of all came off, not each column's"),
                (c, "the scale is missing"),
                (x * scale, "nothing was subtracted"),
                (x * scale - x.mean(0), "first subtract, then multiply"),
                ((x + x.mean(0)) * scale, "the mean was added"),
                (-c * scale, "the inputs were subtracted from the mean"),
                (c / std * scale, "only the mean comes off, nothing is divided"),
                (c / x.std(0, correction=0) * scale, "nothing is to be divided"),
                ((x - first_mean) * scale, "the mean is that of the first batch"),
            ):
                assert not near(out, wrong), f"forward: {why}"
            raise AssertionError(f"forward gives {shown(out)}, not {shown(c * scale)}")
        assert (out - c * scale).abs().max() < 1e-10, (
            "forward is right to some seven digits: do its numbers go through float32?"
        )
        returned("what backward gives, the gradient of x,", x_grad, x)

        def loss(x: torch.Tensor = x, G: torch.Tensor = G) -> torch.Tensor:
            return ((x - x.mean(0)) * scale * G).sum()

        numerical = numerical_grad(loss, [x, scale])
        if not near(x_grad, numerical[0]):
            g = G * scale
            for wrong, why in (
                (g, "the mean was taken for a constant, but each input moves it"),
                (G - G.mean(0), "the scale is missing"),
                ((g - g.mean(0)) * scale, "the scale is in it twice"),
                (g - g.mean(0) * scale, "in what comes off the scale is twice"),
                (g - g.sum(0), "the mean moves by one Nth of what an input moves"),
                (g + g.mean(0), "through the mean an input lowers the outputs"),
                (g * (1 - 1 / N), "each input moves the mean for the other rows, too"),
                (-numerical[0], "the sign is turned round"),
                (g - g.mean(1, keepdim=True), "the mean ran over columns"),
                (g - g.mean(), "one mean for all columns: each has its own"),
                (g - G.mean(0), "what comes off has the scale in it as well"),
                (g.mean(0).expand(N, 3), "of each input's own path nothing is left"),
            ):
                assert not near(x_grad, wrong), f"backward, inputs: {why}"
            raise AssertionError(
                f"backward gives {shown(x_grad)}, not {shown(numerical[0])}"
            )
        assert tensors_of(layer, "parameters", [scale])[0] is layer.scale, (
            "parameters(): the scale itself, so that training can change it"
        )
        (got,) = tensors_of(layer, "grads", [scale])
        if not near(got, numerical[1]):
            for wrong, why in (
                ((G * x).sum(0), "the scale multiplies the centred values, not x"),
                ((G * c).mean(0), "a sum over the batch, no mean"),
                (G.sum(0), "the centred values are missing"),
                ((G * c * scale).sum(0), "the scale itself is not in its derivative"),
                ((G * scale * c).sum(0), "the scale itself is not in its derivative"),
                (-numerical[1], "the sign is turned round"),
                (summed + numerical[1], "it was added to that of the last batch"),
                (
                    (G * (others - others.mean(0))).sum(0),
                    "found with another layer's inputs: each keeps its own, in self",
                ),
                (torch.zeros(3).double(), "it is 0: not found, or summed too early"),
            ):
                assert not near(got, wrong), f"gradient of the scale: {why}"
            raise AssertionError(
                f"gradient of the scale: {shown(got)}, not {shown(numerical[1])}, from "
                "the last batch"
            )
        summed += numerical[1]
    layer.backward(G)
    assert near(layer.grads()[0], numerical[1]), (
        "gradient of the scale: after a second backward with the same upstream "
        "gradient it is another. Does backward change what forward has kept?"
    )


check_centred()

# %% [markdown]
# What goes back is centred as well: with $R$ for the upstream gradient times the scale, row $n$ of it is $R_n - \frac1N \sum_m R_m$. Each number of the batch has two kinds of paths: one through its own output, with a factor of 1, and through the mean of its column one to each of the $N$ rows, with a factor of $-\frac1N$. For two inputs and 5 and 1 in $R$:

# %%
layer = Centred(1)
layer.forward(tensor([3], [4]))
print(layer.backward(tensor([5], [1])).tolist())

# %% tags=["claim"]
assert layer.backward(tensor([5], [1])).tolist() == [[2], [-2]]
wrongs = []
for seed in range(10):
    source = torch.Generator().manual_seed(seed)
    x, G = (torch.randn(4, 3, dtype=torch.float64, generator=source) for _ in "xG")
    layer = Centred(3)
    layer.forward(x)
    right = layer.backward(G)

    def centred_loss(layer: Centred = layer, x: torch.Tensor = x, G: torch.Tensor = G):
        return (layer.forward(x) * G).sum()

    assert gradient_check(centred_loss, [x], [right]) < 1e-8
    wrongs.append(((right - G).abs().max() / right.abs().max()).item())
assert 0.07 < min(wrongs) < 0.08 and 0.88 < max(wrongs) < 0.9

# %% [markdown]
# ## Recap
#
# A number's gradient is a sum over its paths to the loss. A weight's paths are one for each input of the batch, a value's are one for each output that reads it. In letters the factor and the result change places; in matrices that makes $G^\top X$, $G W$ and the rows of $G$ added up. These are vector-Jacobian products, found without their Jacobians. Layers that keep what they need from the way forward can be stacked to any depth; the way back costs two products for each one forward, and the memory of all that was kept. What a gradient is worth, finite differences say, in `float64`, relative to its size, with sizes that all differ, away from kinks, and no closer than rounding allows. Depth buys a better fit, where the first weights let a signal through. If you remember one thing: **the gradient of what is shared is a sum over all who share it.**
#
# **Terms:** Jacobian, vector-Jacobian product; truncation error, rounding error, relative error; multiply-add; backward pass, upstream gradient.
#
# **Unlocked:** nothing. Here the way back was written for each layer by hand; the next chapter builds what PyTorch calls `backward`, which finds it by itself, and frees that.
#
# **What changed in the checkpoint:** `layers.py` is new. `Network` takes any list of sizes and a `scale`, and holds layers, and `forward`, `backward` and `init_network` are gone from `network.py`, for the first two are its methods now. `gradients.py` gained `gradient_check`. `sgd_epoch` asks the network for its gradients and refuses what cannot be trained on; `dead_units` counts for each hidden layer.
#
# **To read on:** Andrej Karpathy's *makemore*, part 4, which fills in twenty-six gradients one by one; Simon Prince, *Understanding Deep Learning*, chapter 7; Yann LeCun, Léon Bottou, Genevieve Orr and Klaus-Robert Müller, *Efficient BackProp* (1998); Andreas Griewank and Andrea Walther, *Evaluating Derivatives* (2008), for what a gradient may cost at most.
