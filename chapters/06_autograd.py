# %% [markdown]
# # 6. Automatic differentiation
#
# In chapter 5 every layer brought its own `backward`, and every one of them had to be derived. It works for a chain of layers, each of them used once. In this chapter the computation writes down what it does while it does it, and the backward pass is read off what was written: first for single numbers, in about a page, then for tensors. After that no network's gradient has to be derived; where a later chapter derives a layer's, it is to understand it.
#
# **You need:** chapters 1 to 5, and logarithms: $\log ab = \log a + \log b$, and $\log$ undoes $e^x$. **You will reach:** an engine that finds the gradient of whatever you compute, a record of its speed beside PyTorch's, and a network that nobody would want to differentiate by hand, with about as many errors as before. **Time:** about three and a half hours, half of them for the exercises; the computer needs less than a minute.

# %%
import math
import random
import time
import weakref

import matplotlib.pyplot as plt
import torch

from ch05.data import normalize_both
from ch05.gradients import gradient_check, numerical_grad
from ch05.layers import Linear as HandLinear
from ch05.layers import ReLU as HandReLU
from ch05.losses import mse as mse_by_hand
from ch05.losses import mse_grad
from ch05.network import Network as HandNetwork
from groundup import extend, plot, record, unlock
from groundup.data import mnist

torch.set_num_threads(1)

# %% [markdown]
# ## One layer, used twice
#
# Chapter 5's network is a list: forward through it from the front, backward from the end. Let one layer stand in the list twice, with the same weights both times. Nothing is wrong with that as a function. Its loss has a gradient, and finite differences find it.

# %% [markdown] tags=["predict"]
# Five inputs, a layer, a ReLU, the *same* layer again. The forward pass is right. By how much is the gradient off: not at all, by a hair, by a half, by all?

# %%
generator = torch.Generator().manual_seed(0)


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


twice = HandLinear(rand(5, 5))
network = HandNetwork([5, 5], generator)
network.layers = [twice, HandReLU(), twice]
x, targets = rand(4, 5), rand(4, 5)


def loss_by_hand() -> torch.Tensor:
    return mse_by_hand(network.forward(x), targets)


network.backward(mse_grad(network.forward(x), targets))
wrong_by = gradient_check(loss_by_hand, network.parameters(), network.grads())
print(f"relative error of the gradient: {wrong_by:.2f}")

# %% [markdown] tags=["answer"]
# It is off by more than its own size, and nothing complains. The layer kept its input for the way back, and the second use overwrote what the first had kept; then the gradient of one use overwrote that of the other. We could mend this layer, and the next one, and think of all their combinations. Or we drop the list. What was computed is a graph, as in chapters 1 and 2: so let the graph be kept.

# %% tags=["claim"]
assert wrong_by > 1

# %% [markdown]
# ## A number that remembers
#
# Take two numbers, $w = 2$ and $x = 3$, and compute
#
# $$s = w x \qquad L = s + s^2$$
#
# with $s^2$ as the product of $s$ with itself. For each step we know the **local derivatives**: how fast its result grows with each number that went in. A sum grows as fast as either of its parts, so both are 1. A product $ab$ grows with $a$ as fast as $b$ is large, and with $b$ as fast as $a$. All numbers are at hand at the moment of computing:
#
# | step | result | made of | local derivatives |
# |:--|--:|:--|:--|
# | $s = w x$ | 6 | $w$, $x$ | 3 and 2 |
# | $p = s s$ | 36 | $s$, $s$ | 6 and 6 |
# | $L = s + p$ | 42 | $s$, $p$ | 1 and 1 |
#
# In the second row $s$ stands twice: as the left factor $p$ grows with it 6 times as fast, and as the right factor 6 times. Each use counts by itself, and we shall add up later.
#
# So let a number be an object that keeps its row of the table: the value, the numbers that it was made of, its **parents**, and the local derivatives. The objects, with an **edge** between each and every one of its parents, are the computational graph, and a number without parents, such as $w$ and $x$, is a **leaf**.
#
# Three operators are enough. The others follow: $a - b$ is $a + (-1) b$, and $a / b$ is $a \cdot b^{-1}$; a class of their own derives them, because our tensors will want the same.

# %% export="scalar.py"
"""Numbers that remember what they were made of, and find their own gradients."""

from typing import Any


class Arithmetic:
    """The operators that follow from `+`, `*` and `**`."""

    __slots__ = ()

    def __neg__(self: Any) -> Any:
        return self * -1.0

    def __sub__(self: Any, other: Any) -> Any:
        return self + -other

    def __rsub__(self: Any, other: Any) -> Any:
        return -self + other

    def __truediv__(self: Any, other: Any) -> Any:
        return self * other**-1.0

    def __rtruediv__(self: Any, other: Any) -> Any:
        return self**-1.0 * other


class Value(Arithmetic):
    """A number, its parents, and how fast it grows with each of these (`local`)."""

    __slots__ = ("data", "grad", "local", "op", "parents")

    def __init__(
        self, data: float, op: str = "", parents: tuple = (), local: tuple = ()
    ) -> None:
        self.data, self.grad = data, 0.0
        self.op, self.parents, self.local = op, parents, local

    def __add__(self, other: "Value | float") -> "Value":
        b = other if isinstance(other, Value) else Value(other)
        return Value(self.data + b.data, "+", (self, b), (1.0, 1.0))

    def __mul__(self, other: "Value | float") -> "Value":
        b = other if isinstance(other, Value) else Value(other)
        return Value(self.data * b.data, "*", (self, b), (b.data, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n: float) -> "Value":
        derivative = n * self.data ** (n - 1) if n else 0.0
        return Value(self.data**n, f"**{n}", (self,), (derivative,))

    def relu(self) -> "Value":
        """The number where it is positive, else 0."""
        off = self.data <= 0
        return Value(0.0 if off else self.data, "relu", (self,), (float(not off),))


# %%
w, x = Value(2.0), Value(3.0)
s = w * x
p = s * s
L = s + p
for name, value in {"s": s, "p": p, "L": L}.items():
    print(f"{name} = {value.data:4}, made by {value.op}, grows by {value.local}")

# %% tags=["claim"]
assert (s.local, p.local, L.local) == ((3.0, 2.0), (6.0, 6.0), (1.0, 1.0))
assert (s.data, p.data, L.data) == (6.0, 36.0, 42.0)

# %% [markdown]
# `Value` has no idea what a network is, or a layer. It knows `+`, `*`, `**` and the ReLU, and each of them is a line or two. (`__slots__` lists the only attributes that there will be, so that Python need not keep a dictionary for every number.)
#
# ## The order of the way back
#
# Now the chain rule. Along a path derivatives multiply, and where paths meet they add. So each number, once its own gradient is known, hands on to every parent *its gradient times the local derivative*, and the parent adds up what it is handed:


# %%
def hand_on(value: Value) -> None:
    for parent, derivative in zip(value.parents, value.local, strict=True):
        parent.grad += value.grad * derivative


def in_order(*values: Value) -> tuple[float, float]:
    """The gradients of w and x when these hand on, in this order."""
    for value in (w, x, s, p, L):
        value.grad = 0.0
    L.grad = 1.0  # L grows as fast as itself
    for value in values:
        hand_on(value)
    return w.grad, x.grad


# %% [markdown] tags=["predict"]
# By hand: $L = s + s^2$, so $\partial L/\partial s = 1 + 2s = 13$; then $\partial L/\partial w = 13 \cdot 3 = 39$ and $\partial L/\partial x = 13 \cdot 2 = 26$. Both $s$ and $p$ are parents of $L$, and either may hand on first. What do $w$ and $x$ get in the one order, and what in the other?

# %%
print("L, p, s:", in_order(L, p, s))
print("L, s, p:", in_order(L, s, p))

# %% [markdown] tags=["answer"]
# In the second order $s$ hands on the 1 that it has from $L$, and only then gets $6 + 6$ by way of $p$. Those 12 never reach $w$ and $x$. The mirror image of this mistake stood in an early version of Andrej Karpathy's *micrograd*, from which very many people have learnt all this: whenever something reached a number in between, it handed on at once, each time everything that it had so far. Here $w$ would have got 81. Its issue 2 is worth reading.

# %% tags=["claim"]
assert in_order(L, s, p) == (3.0, 2.0) and in_order(L, p, s) == (39.0, 26.0)


def hand_on_at_once(value: Value) -> None:
    hand_on(value)
    for parent in value.parents:
        hand_on_at_once(parent)


in_order()
hand_on_at_once(L)
assert (w.grad, x.grad) == (81.0, 54.0)

# %% tags=["figure", "slide"] alt="The computational graph of L = s + s times s, each number once: w is 2, x is 3, s is 6, p is 36, L is 42. On the edges what comes back along them: from L 1 to p and 1 to s, from p 6 and once more 6 to s; s has 1 + 6 + 6 = 13, and from it 39 goes to w and 26 to x." caption="In the boxes the values; in orange what comes back along each edge, and under each box the sum."
figure, ax = plt.subplots(figsize=(4.8, 2.6))
ax.set(xlim=(-0.5, 4.5), ylim=(-1.6, 1.35))
ax.axis("off")
spots = {"w": (0, 1), "x": (0, -1), "s": (1.5, 0), "p": (2.9, 1), "L": (4, 0)}
values = {"w": w, "x": x, "s": s, "p": p, "L": L}
sums = {"w": "39", "x": "26", "s": "1 + 6 + 6 = 13", "p": "1", "L": "1"}
for name, (across, up) in spots.items():
    label = f"${name} = {values[name].data:.0f}$"
    box = {"boxstyle": "round,pad=0.4", "fc": "none", "ec": plot.COLOURS[0]}
    ax.text(across, up, label, ha="center", va="center", bbox=box)
    shift, to = (-0.18, "left") if name == "s" else (0, "center")
    ax.text(across + shift, up - 0.52, sums[name], ha=to, color=plot.COLOURS[1])
for start, end, back, bend, across, up in (
    ("w", "s", "39", 0, 0.85, 0.68),
    ("x", "s", "26", 0, 0.85, -0.72),
    ("s", "p", "6", -0.35, 1.75, 0.95),
    ("s", "p", "6", 0.35, 2.62, 0.16),
    ("s", "L", "1", 0.2, 3.05, -0.62),
    ("p", "L", "1", 0, 3.66, 0.66),
):
    style = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "lw": 1}
    style |= {"shrinkA": 19, "shrinkB": 19, "color": plot.COLOURS[5]}
    ax.annotate("", spots[end], spots[start], arrowprops=style)
    ax.text(across, up, back, ha="center", va="center", color=plot.COLOURS[1])

# %% [markdown]
# A number may hand on when *everything that used it* has handed on. Read the other way round: list the numbers so that each stands after its own parents; this is called a **topological order**, and $w, x, s, p, L$ is one. The way back takes such a list from its end.
#
# How does one find it from $L$ alone? By going down the edges, **depth-first**: to write down a number, first write down its parents, unless they stand there already; then the number itself. That is a recursive function of six lines.


# %%
def recursive_order(value: Value, order: list[Value]) -> list[Value]:
    if value not in order:
        for parent in value.parents:
            recursive_order(parent, order)
        order.append(value)
    return order


names = {w: "w", x: "x", s: "s", p: "p", L: "L"}
print([names[value] for value in recursive_order(L, [])])

# %% [markdown]
# It has two faults. `value not in order` searches a list, so that the time grows with the square of the graph; a set cures that. And it goes as deep as the graph is:

# %%
chain = Value(1.0)
for _ in range(100_000):
    chain = chain * 1.0
try:
    recursive_order(chain, [])
except RecursionError as error:
    print("RecursionError:", error)

# %% [markdown]
# The cure is to keep the list of what is still to be done oneself, a **stack**, instead of leaving it to Python's calls. The number on top is taken off. If it comes for the first time it is *opened*: it is put back, marked, and its parents on top of it. If it is marked, all that lay on top is done, and it is written down. If it has been opened before and is not marked, it is passed over; so a number lies there once for each use, and once marked. For our $L$, marks as bars:
#
# | the stack, its top on the right | what is done | written down |
# |:--|:--|:--|
# | $L$ | open $L$ | |
# | $\bar L \; s \; p$ | open $p$ | |
# | $\bar L \; s \; \bar p \; s \; s$ | open $s$ | |
# | $\bar L \; s \; \bar p \; s \; \bar s \; w \; x$ | open and write down $x$, then $w$ | $x$, $w$ |
# | $\bar L \; s \; \bar p \; s \; \bar s$ | write down $s$ | $x$, $w$, $s$ |
# | $\bar L \; s \; \bar p \; s$ | pass over $s$, write down $p$ | $x$, $w$, $s$, $p$ |
# | $\bar L \; s$ | pass over $s$, write down $L$ | $x$, $w$, $s$, $p$, $L$ |


# %% export="scalar.py"
def topological_order(root: Value) -> list[Value]:
    """All that `root` was made of, each after its own parents; `root` comes last."""
    order: list[Value] = []
    opened: set[Value] = set()
    stack = [(root, False)]
    while stack:
        value, parents_done = stack.pop()
        if parents_done:
            order.append(value)
        elif value not in opened:
            opened.add(value)
            stack.append((value, True))
            stack += [(parent, False) for parent in value.parents]
    return order


@extend(Value)
def backward(self) -> None:
    """Add to the `grad` of each leaf the derivative of this number by that leaf."""
    order = topological_order(self)
    for value in order:
        if value.parents:
            value.grad = 0.0
    self.grad += 1.0
    for value in reversed(order):
        for parent, derivative in zip(value.parents, value.local, strict=True):
            parent.grad += value.grad * derivative


# %%
for value in (w, x):
    value.grad = 0.0
L.backward()
print("w:", w.grad, " x:", x.grad, " s:", s.grad)
start = time.perf_counter()
chain.backward()
print(f"100,000 in a row: {time.perf_counter() - start:.2f} s")

# %% tags=["claim"]
assert (w.grad, x.grad, s.grad) == (39.0, 26.0, 13.0)
assert [names[value] for value in topological_order(L)] == ["x", "w", "s", "p", "L"]
assert len(topological_order(chain)) == 200_001  # with the 1.0 of each step
del chain, value

# %% [markdown]
# That is **reverse-mode automatic differentiation**, all of it. It is not finite differences: there is no step to choose and nothing is approximated. Nor is it algebra on formulas: there is no formula, only the numbers of this one computation, whatever `if` and `for` led to it.
#
# Leaves **accumulate**: a second `backward` adds to their `grad`, which is why training zeroes it after each step. For numbers in between, `backward` begins at 0. A documented bug shows why.
#
# > [!BUG] Break it: backward, twice
# > micrograd sets `grad` back for the parameters, on request, and for nothing else. Its issue 53 and its pull request 102 report what a second `backward()` on the same graph gives. With $c = a + b$ and $e = c d$, and $a = 3$, $b = 2$, $d = 1$, here is a backward pass that does the same.


# %%
def backward_without_reset(root: Value) -> None:
    root.grad = 1.0
    for value in reversed(topological_order(root)):
        hand_on(value)


a, b, d = Value(3.0), Value(2.0), Value(1.0)
c = a + b
e = c * d
backward_without_reset(e)
print("once: ", {"a": a.grad, "c": c.grad, "d": d.grad})

# %% [markdown] tags=["predict"]
# Leaves accumulate, so that after a second pass one would expect twice as much in $a$ and $d$. What will $a$, $c$ and $d$ have?

# %%
backward_without_reset(e)
after_two = {"a": a.grad, "c": c.grad, "d": d.grad}
print("twice:", after_two)

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > $d$ doubles, from 5 to 10: $e$ was set to 1 again, and hands on the same as before. But $c$ still had its 1 from the first pass, got another, and handed on 2: $a$ has these and the old 1, which makes 3. The more of such numbers lie on the way to a leaf, the more of the old passes it is handed. Setting back the parameters does not help, since the leftovers are in between. Where the graph is built anew for each step, as in training, one never notices.

# %% tags=["claim"]
assert after_two == {"a": 3.0, "c": 2.0, "d": 10.0}
for leaf in (a, b, d):
    leaf.grad = 0.0
e.backward()
e.backward()
assert (a.grad, d.grad, c.grad) == (2.0, 10.0, 1.0)

# %% [markdown] exercise="functions" tags=["prompt"] difficulty="easy" minutes=15
# ### Exercise 6.1: three functions
#
# Give `Value` the methods `exp`, `log` and `tanh`, each in one or two lines, with `@extend(Value)` above it. The result, its name (`"exp"`), a tuple of one parent and a tuple of one local derivative. `math` has `exp`, `log` and `tanh`. (The derivatives: $e^z$ is its own; that of $\log z$ is $1/z$; that of $\tanh z$ is $1 - \tanh^2 z$.) `tanh` shall hold out at 400 and at −400, too, where $e^{400}$ squared is too large for a float.

# %% [markdown] tags=["hint"]
# `relu` is the pattern: `Value(result, name, (self,), (derivative,))`. The local derivative is a number, for this very input. And `(self)` is no tuple: `(self,)` is.

# %% [markdown] tags=["hint"]
# For `exp` and `tanh` compute the result first and give it a name: the derivative can be had from it. For `log` it needs `self.data`. Nothing is multiplied by `self.grad` here: handing on is `backward`'s business.


# %% tags=["solution"] export="scalar.py"
@extend(Value)
def exp(self) -> Value:
    """e to the power of the number."""
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self) -> Value:
    """The natural logarithm of the number."""
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


@extend(Value)
def tanh(self) -> Value:
    """A smooth S from -1 to 1."""
    out = math.tanh(self.data)
    return Value(out, "tanh", (self,), (1 - out**2,))


# %% [markdown] tags=["solution"]
# I wrote `1 - self.data**2` for `tanh`. Near 0 it cannot be told from the right one, since there $\tanh z$ is nearly $z$: at 0.1 the two differ by less than a thousandth. At 2 mine was $-3$, and the truth is 0.07: the sign was wrong as well.


# %% tags=["check"]
def function_of(name: str, at: float, scale: float = 1.5) -> tuple[float, float]:
    """The value of a function, and its derivative as `scale` times it hands it on."""
    z = Value(at)
    given = f"Value({at}).{name}()"
    method = getattr(z, name, None)
    assert method is not None, (
        f"Value has no method {name}: is @extend(Value) above it?"
    )
    assert callable(method), f"{name} is called, as a method: without @property"
    try:
        got = method()
    except OverflowError:
        raise AssertionError(
            f"{given} overflows: take the value from math.{name}, and the derivative "
            "from that value"
        ) from None
    except Exception as error:
        why = ": in `math` it is self.data" if "real number" in str(error) else ""
        why = ": a power is written **" if "for ^" in str(error) else why
        raise AssertionError(f"{given} stops at {error!r}{why}") from error
    assert got is not None, f"{given}: nothing came back: return the new Value"
    assert isinstance(got, Value), f"{given} gives back {got!r}: make a Value of it"
    assert got is not z, f"{given} gives back the number itself: make a new Value"
    assert z.data == at and z.grad == 0.0, (
        f"{given} has changed the number itself: make a new Value and leave it alone"
    )
    assert isinstance(got.data, (int, float)), (
        f"{given}: data is {got.data!r}, and should be a number"
    )
    assert isinstance(got.op, str), (
        f"{given}: its name, op, is {got.op!r}: the order is data, op, parents, local"
    )
    tuples = (
        isinstance(got.parents, (tuple, list)),
        isinstance(got.local, (tuple, list)),
    )
    assert all(tuples), (
        f"{given}: parents and local derivatives are tuples, and (self) is none: write "
        "(self,)"
    )
    assert got.parents, f"{given} has no parent, and so no gradient goes back"
    assert got.local, f"{given} has no local derivative: a tuple of one number"
    lengths = len(got.parents), len(got.local)
    assert lengths == (1, 1), (
        f"{given} has one parent and one local derivative, not {lengths}"
    )
    assert isinstance(got.parents[0], Value), (
        f"{given}: its parent is the Value, self, and not the number in it, self.data"
    )
    assert got.parents[0] is z, f"{given}: its parent is the Value itself, self"
    assert isinstance(got.local[0], (int, float)), (
        f"{given}: the local derivative is a number, not {got.local[0]!r}"
    )
    (got * scale).backward()
    assert got.op == name, f"{given}: its op should be {name!r}, not {got.op!r}"
    return got.data, z.grad / scale


def check_functions() -> None:
    for name, wanted, derived, places in (
        ("exp", math.exp, math.exp, (0.4, -1.7, 2.3, 30.0)),
        ("log", math.log, lambda z: 1 / z, (0.4, 2.3, 1e-9)),
        ("tanh", math.tanh, lambda z: 1 / math.cosh(z) ** 2, (0.4, -1.7, 2.3)),
    ):
        by_the_input = "divide by the input" if name == "log" else "do not divide"
        for at in places:
            value, derivative = function_of(name, at)
            given = f"Value({at}).{name}()"
            nearly = math.isclose(value, wanted(at), rel_tol=1e-4)
            assert math.isclose(value, wanted(at), rel_tol=1e-9), (
                f"{given} is {value:.12g}, not {wanted(at):.12g}"
                + (": is it rounded, or something added to the input?" * nearly)
            )
            judged = derived(at)
            for wrong, why in (
                (0.0, "0: missing, or times self.grad, which is 0 as yet"),
                (1 / value, f"1 by the result: {by_the_input}"),
                (1 - value, "1 minus the result: take its square"),
                (1 - at**2, "1 minus the square of the input: take the result's"),
                (1 + wanted(at) ** 2, "1 plus the square: it is 1 minus it"),
                (-judged, "the right size, and the wrong sign"),
                (at * math.exp(at - 1), "the rule for powers; exp is its own"),
                (value, "the result itself, as for exp"),
                (1.0, "1, as if the function passed everything on"),
                (judged * 1.5, "it depends on what comes after: hand on no gradient"),
            ):
                there = math.isclose(derivative, wrong, rel_tol=1e-6, abs_tol=1e-9)
                same = math.isclose(judged, wrong, rel_tol=1e-4, abs_tol=1e-6)
                assert same or not there, (
                    f"the derivative of {given} came out as {derivative:.4g} (it is "
                    f"{judged:.4g}): {why}"
                )
            assert math.isclose(derivative, judged, rel_tol=1e-9), (
                f"the derivative of {given} is {judged:.12g}, not {derivative:.12g}"
            )
    for at in (400.0, -400.0):
        value, derivative = function_of("tanh", at)
        assert (value, derivative) == (math.tanh(at), 0.0), (
            f"tanh at {at} is {math.tanh(at)}, with derivative 0"
        )


check_functions()

# %% [markdown]
# Now chapter 2's unit can be written down: a weighted input and a bias, the ReLU, an output weight and an output bias, and a squared error at the end. Nothing had to be derived; and the minus has become a product with −1, as `Arithmetic` says:

# %%
w, x, b, v, c, y = map(Value, (1.5, 2.0, -1.0, 0.5, 1.0, 3.0))
L = (v * (w * x + b).relu() + c - y) ** 2
L.backward()

# %% tags=["figure"] alt="The computational graph of a unit: w times x, plus b, through relu, times v, plus c, minus y, squared; with the value of each step above its line and its gradient below."
plot.graph(L, {"w": w, "x": x, "b": b, "v": v, "c": c, "y": y, "L": L})

# %% tags=["oracle", "claim"]
leaves = [torch.tensor(z.data, requires_grad=True) for z in (w, x, b, v, c, y)]
w_, x_, b_, v_, c_, y_ = leaves
((v_ * torch.relu(w_ * x_ + b_) + c_ - y_) ** 2).backward()
assert [leaf.grad.item() for leaf in leaves] == [z.grad for z in (w, x, b, v, c, y)]

# %% [markdown] tags=["aside"]
# #### Aside: the other direction
#
# One can also carry derivatives *forward*: with every number goes its derivative by one chosen input. Such a pair is called a **dual number**, and the method **forward mode**. No graph is kept and no order is needed.


# %% tags=["aside"]
class Dual:
    def __init__(self, data: float, derivative: float = 0.0) -> None:
        self.data, self.derivative = data, derivative

    def __add__(self, other: "Dual") -> "Dual":
        return Dual(self.data + other.data, self.derivative + other.derivative)

    def __mul__(self, other: "Dual") -> "Dual":
        product_rule = self.derivative * other.data + self.data * other.derivative
        return Dual(self.data * other.data, product_rule)


def s_and_its_square(w: Dual, x: Dual) -> Dual:
    s = w * x
    return s + s * s


print(s_and_its_square(Dual(2.0, 1.0), Dual(3.0)).derivative, "by w")
print(s_and_its_square(Dual(2.0), Dual(3.0, 1.0)).derivative, "by x")

# %% [markdown] tags=["aside"]
# One pass for each *input*, all outputs at once; reverse mode takes one pass for each *output*, all inputs at once, and has to keep the graph. A loss is one output of thousands of parameters: reverse. The motion of a robot's hand by one of its joints: forward.

# %% tags=["aside", "claim"]
assert s_and_its_square(Dual(2.0, 1.0), Dual(3.0)).derivative == 39.0
assert s_and_its_square(Dual(2.0), Dual(3.0, 1.0)).derivative == 26.0

# %% [markdown]
# ## Beside micrograd
#
# micrograd (2020) is the same idea, its engine a hundred lines, and its demonstration trains a network of 337 parameters on two interleaved half-moons. Each of its numbers keeps a small function that hands on; ours keeps its local derivatives. Its own network runs on either class, unchanged, so here is the same work for both, the last two times with Python's garbage collector switched off (some seconds; it needs `pip install micrograd`, which `make setup` has done):

# %% tags=["oracle", "timing"]
import gc

try:
    from micrograd import engine, nn
except ImportError:
    engine = None
    print("micrograd is not installed")


def half_moons(count: int, rng: random.Random) -> tuple[list, list]:
    points, sides = [], []
    for i in range(count):
        angle, side = math.pi * rng.random(), 1 - 2 * (i % 2)
        middle = (0.0, 0.0) if side > 0 else (1.0, 0.5)
        place = (
            middle[0] + side * math.cos(angle) + rng.gauss(0, 0.1),
            middle[1] + side * math.sin(angle) + rng.gauss(0, 0.1),
        )
        points.append(place)
        sides.append(side)
    return points, sides


def one_step(kind, points: list, sides: list) -> tuple[float, float, object]:
    """Processor time of a step of micrograd's demonstration, a gradient, the loss."""
    nn.Value = kind
    random.seed(1337)
    model = nn.MLP(2, [16, 16, 1])
    start = time.process_time()
    scores = [model([kind(number) for number in point]) for point in points]
    terms = zip(sides, scores, strict=True)
    loss = sum((1 + -side * score).relu() for side, score in terms) * (1 / len(points))
    loss = loss + 1e-4 * sum(p * p for p in model.parameters())
    loss.backward()
    return time.process_time() - start, model.parameters()[0].grad, loss


if engine:
    moons = half_moons(100, random.Random(1))
    engines = {"micrograd": engine.Value, "ours": Value}
    first_grad, tracked, left_over = {}, {}, {}
    seconds = {(name, on): [] for name in engines for on in (True, False)}
    for collecting in (True, True, False, False):
        for name, kind in engines.items():
            gc.collect()
            if not collecting:
                gc.disable()
            before = len(gc.get_objects())
            taken, first_grad[name], loss = one_step(kind, *moons)
            if collecting:
                tracked[name] = len(gc.get_objects()) - before
            gc.enable()
            seconds[name, collecting].append(taken)
            if kind is Value:
                nodes = len(topological_order(loss))
            del loss
            left_over[name] = gc.collect()
            off = "" if collecting else ", without the collector"
            print(f"{name:10} {taken:5.2f} s{off}", flush=True)
    least = {key: min(times) for key, times in seconds.items()}
    times_as_fast = least["micrograd", True] / least["ours", True]
    without = least["micrograd", False] / least["ours", False]
    nodes_per_second = nodes / least["ours", True]
    print(f"{nodes:,} nodes; ours: {nodes_per_second:,.0f} per second, there and back")
    print(f"{times_as_fast:.1f} times as fast, {without:.1f} without the collector")
    for name in tracked:
        print(f"{name:10} {tracked[name] / nodes:.1f} objects per node to look through")
    print(f"objects left for the garbage collector: {left_over}")

# %% tags=["oracle", "claim"]
if engine:
    assert math.isclose(first_grad["ours"], first_grad["micrograd"], rel_tol=1e-9)
    assert times_as_fast > 2 and 2 * (without - 1) < times_as_fast - 1, "most of it"
    assert least["micrograd", False] < least["micrograd", True] / 3
    assert least["ours", False] < least["ours", True]
    assert 6 < tracked["micrograd"] / nodes < 8 and 1.5 < tracked["ours"] / nodes < 3
    assert 2 * 64 * (784 * 50 + 50 * 10) / nodes_per_second > 5  # seconds
    assert left_over["micrograd"] > 10 * left_over["ours"]
    assert len(nn.MLP(2, [16, 16, 1]).parameters()) == 337
    record("scalar engine, times as fast as micrograd", times_as_fast)
    record("scalar engine, times as fast as micrograd, no collector", without)
    record("scalar engine, nodes per second", nodes_per_second)

# %% [markdown]
# Most of the lead is the **garbage collector**. While a graph grows, Python looks again and again through all objects that could refer to one another, and micrograd makes about seven of these for a node (a set, a function, the cells in which it finds its numbers, …), ours two. With the collector off, micrograd is several times as fast as before, and ours faster, too. The last line is another matter: a number whose function refers back to it is a **reference cycle**, and so is a recursive function that refers to itself. Counting references cannot free these; they take up memory until the collector comes by. Ours point one way only, from results to parents.
#
# But a network is not made of thousands of nodes. One step of a small one, 64 images through 784-50-10, takes 2.5 million products on the way forward alone. At this rate one step takes many seconds, and matrices do it in milliseconds. The idea is right, and its grain is too fine: **a node must be a whole tensor**.
#
# ## Tensors: a function in place of a number
#
# What is the local derivative when $Z = X W^\top$? In chapter 5's words: a *Jacobian*, here with one derivative for each number of $Z$ by each number of $W$. For 64 images, 784 pixels and 50 units that is $64 \cdot 50 \cdot 50 \cdot 784$ numbers, half a gigabyte, and at most one in fifty is not 0. Nobody wants to see it. What is wanted is its product with the upstream gradient $G$, the vector-Jacobian product, VJP for short; and for that chapter 5 had $G^\top X$. So an edge of a tensor shall keep a *function*, from the gradient of the result to that of the parent:
#
# | operation | to $A$ goes | to $B$ goes |
# |:--|:--|:--|
# | $A + B$ | $G$ | $G$ |
# | $A \odot B$ | $G \odot B$ | $G \odot A$ |
# | $A B$ | $G B^\top$ | $A^\top G$ |
# | $A^\top$ | $G^\top$ | |
# | $\operatorname{sum}(A)$ | $G$, stretched to the shape of $A$ | |
# | $\operatorname{relu}(A)$ | $G$ where the result is above 0, else 0 | |
# | $e^A$, $\log A$ | $G$ times the result; $G$ divided by $A$ | |
# | $A^n$ | $G$ times $n A^{n-1}$ | |
#
# Each row is a rule for matrices from chapter 5, or one for numbers from above. One thing is missing. In $X W^\top + b$ the shapes are $(N, H)$ and $(H,)$, and broadcasting stretches $b$. The table hands $G$, of shape $(N, H)$, to a parent of shape $(H,)$. A gradient has the shape of what it is the gradient of. What is to be done with it? **Un-broadcasting**, in the smallest numbers:

# %% tags=["figure"] alt="A column of 1 and 2, stretched to the right, plus a row of 10, 20, 30, stretched downwards, gives two rows of three numbers. Each number of the column was used three times, each of the row twice."
plot.broadcast([[1], [2]], [10, 20, 30])

# %% [markdown]
# The 10 was used twice: in two places of the result, and so on two paths to the loss. Paths add. Its gradient is the sum of the two numbers of $G$ in its column, and that of the 1 is the sum along its row.

# %% [markdown] exercise="unbroadcast" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 6.2: undo the broadcasting
#
# Write `unbroadcast(grad, shape)`. `grad` has the shape of a result, and `shape` is that of an operand, before broadcasting stretched it. Add `grad` up along every dimension that was put in front or stretched from 1, so that exactly `shape` is left, also where a length is 0. (PyTorch's `sum_to_size` does this.)

# %% [markdown] tags=["hint"]
# Broadcasting aligns on the right. So `grad` has `grad.dim() - len(shape)` dimensions too many, all of them in front. Which others were stretched? Those where `shape` has 1 and `grad` has not.

# %% [markdown] tags=["hint"]
# Collect the numbers of all these dimensions and sum over them once. What comes out has as many numbers as `shape` asks for, in the right order, and lacks at most some lengths of 1. And remember chapter 3: a sum over an empty tuple of dimensions is a sum over all.


# %% tags=["solution"] export="autograd.py"
"""A tape: tensors that record what is made of them, and so find their gradients."""


def unbroadcast(grad: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Add up what broadcasting has repeated, so that `grad` has the operand's shape."""
    added = grad.dim() - len(shape)
    stretched = [d for d, n in enumerate(shape, added) if n == 1 != grad.shape[d]]
    dims = (*range(added), *stretched)
    return grad.sum(dims).reshape(shape) if dims else grad


# %% [markdown] tags=["solution"]
# My first version summed over the dimensions in front and stopped there, which does for every bias of a network. A column, $(3, 1)$, came back as $(3, 4)$. In chapter 7 a column will be subtracted from a matrix in every single step.


# %% tags=["check"]
def unbroadcast_to(grad: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    given = f"a gradient of shape {tuple(grad.shape)}, brought back to {shape},"
    before = grad.clone()
    try:
        got = unbroadcast(grad, shape)
    except Exception as error:
        said, stop, why = str(error), repr(error), ""
        if "invalid for input" in said:
            left = int(said.split()[-1])
            stop = f"a reshape: of {grad.numel()} numbers {left} are left, and {shape} "
            stop += f"has {math.prod(shape)}"
            why = ": over the wrong dimensions? Both shapes are aligned on the right"
            if left == grad.numel():
                why = ": add up before it what was repeated"
            elif left == 1:
                why = ": everything was added up, and not all of it was repeated"
        elif "tuple index" in said or "zip()" in said:
            why = f": `shape` begins only at dimension {grad.dim() - len(shape)}"
        elif "Dimension out of" in said:
            why = (
                ": not a dimension of it: miscounted, or moved forward by a sum before?"
            )
        elif "ambiguous" in said:
            why = ": where a length is 0, -1 can be any: sum over the dimensions"
        if tuple(grad.shape) == shape:
            why = (
                ": nothing is to be added up here, so skip the sum: mind that to it an "
                "empty tuple of dimensions means all"
            )
        raise AssertionError(f"{given} stops at {stop}{why}") from None
    assert got is not None, "nothing came back: return the tensor"
    assert isinstance(got, torch.Tensor), f"give back a tensor, not {got!r}"
    assert torch.equal(grad, before), "grad has changed: make a new tensor"
    assert got.dtype == grad.dtype, f"{given} has become {got.dtype}"
    return got


def check_unbroadcast() -> None:
    source = torch.Generator().manual_seed(0)
    for full, shape in (
        ((4, 3), (3,)),
        ((4, 3), (4, 3)),
        ((4, 3), (4, 1)),
        ((4, 3), (1, 3)),
        ((4, 3), (1, 1)),
        ((4, 3), ()),
        ((2, 4, 3), (4, 1)),
        ((2, 4, 3), (2, 1, 3)),
        ((5, 2, 4, 3), (2, 1, 3)),
        ((3, 3), (3, 1)),
        ((3, 3), (3,)),
        ((4, 1), (1,)),
        ((1, 3), (3,)),
        ((0, 3), (3,)),
        ((0, 3), (1, 3)),
        ((), ()),
    ):
        grad = torch.randint(-9, 10, full, generator=source).float()
        grad = grad if len(full) == 3 else grad.double()
        got = unbroadcast_to(grad, shape)
        wanted = torch.zeros(math.prod(shape), dtype=grad.dtype)
        whence = torch.arange(len(wanted)).reshape(shape).broadcast_to(full).flatten()
        wanted = wanted.index_add(0, whence, grad.flatten()).reshape(shape)
        given = f"{full} brought back to {shape}"
        assert got.shape != full or full == shape or got.numel() == wanted.numel(), (
            f"{given} came out as {full}: a length of 1 was stretched, and is to be "
            "summed, too"
            if len(full) == len(shape)
            else f"{given} came out as {full}: nothing was added up"
        )
        assert got.dim() >= len(shape) or got.numel() != 1 or wanted.numel() == 1, (
            f"{given} came out as a single number: to `sum` no dimensions are all"
        )
        assert got.shape == shape or sorted(got.shape) != sorted(shape), (
            f"{given} came out as {tuple(got.shape)}: aligned on the right, what is "
            "new stands in front"
        )
        longer = [n for n in shape if n != 1]
        assert got.shape == shape or [n for n in got.shape if n != 1] != longer, (
            f"{given} came out as {tuple(got.shape)}: "
            + (
                "a length of 1 is left over"
                if got.dim() > len(shape)
                else "a length of 1 has got lost"
            )
        )
        assert got.shape == shape, (
            f"{given} came out as {tuple(got.shape)}: sum over what is in front and "
            "over what was stretched from 1, and over nothing else"
        )
        mean = wanted.numel() / max(grad.numel(), 1)
        assert torch.equal(got, wanted) or not torch.allclose(got, wanted * mean), (
            f"{given}: that is the mean, and paths add: take the sum"
        )
        front = (0,) * (len(full) - len(shape))
        if 0 not in full:
            first = grad[(*front, *(slice(0, n) for n in shape))]
            assert torch.equal(got, wanted) or not torch.equal(got, first), (
                f"{given}: only the first of the copies counted: add all of them up"
            )
        assert torch.equal(got, wanted), (
            f"{given}: right shape, and wrong numbers: {got.tolist()} from "
            f"{grad.tolist()}, not {wanted.tolist()}"
        )


check_unbroadcast()

# %%
unlock(
    "torch.Tensor.sum_to_size",
    by=unbroadcast,
    inputs=[
        (rand(4, 3), (3,)),
        (rand(4, 3), (4, 1)),
        (rand(2, 4, 3), (2, 1, 3)),
        (rand(3, 3), (3, 3)),
        (rand(0, 3), (1, 3)),
    ],
)

# %% [markdown]
# Now the class. All operations are built alike: compute the result, and say for each operand what goes back to it. The record that grows in this way is called a **tape**, although it is a graph and no strip. `recorded` does what is left, in one place for all: it makes the new tensor, and keeps an edge to each operand that *wants* a gradient, be it a leaf with `requires_grad=True` or something made of one. Inputs and targets do not, so that nothing is kept or computed for them.
#
# The order is easier than before. Each recorded tensor gets a **number**, one more than the one recorded before it; a leaf has 0. What used a tensor was made after it. So let the *youngest* that is waiting hand on. Could another user of it turn up later? It would be younger, and be reached only from something younger still that is waiting now, and that would go first. So no second walk is needed to find an order. (PyTorch walks first, counting users.) What is waiting lies in a **heap**, a list that hands out the smallest first; hence the minus. As soon as a tensor has handed on, its edges are dropped, and with them all that was kept for the way back. (`spread` brings the gradient of a sum back to the shape of what was summed.)

# %% export="autograd.py"
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import ClassVar

VJP = Callable[[torch.Tensor], torch.Tensor]


class Tensor(Arithmetic):
    """A tensor of PyTorch's, `data`, that records what is made of it.

    It has an edge to each parent that wants a gradient: the parent, and the
    vector-Jacobian product, from the gradient of this tensor to that of the parent.
    """

    __slots__ = ("data", "edges", "grad", "number", "op", "requires_grad")
    recording: ClassVar[bool] = True
    numbers: ClassVar[Iterator[int]] = count(1)

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data, self.requires_grad = torch.as_tensor(data), requires_grad
        if requires_grad and not self.data.is_floating_point():
            raise ValueError(f"{self.data.dtype} has no gradients: give it as a float")
        self.grad: torch.Tensor | None = None
        self.edges: list[tuple[Tensor, VJP]] | None = []  # None when they are used up
        self.number, self.op = 0, ""  # 0 for a leaf

    @property
    def shape(self) -> torch.Size:
        """The lengths of its dimensions."""
        return self.data.shape

    def detach(self) -> "Tensor":
        """The same numbers, outside of the graph."""
        return Tensor(self.data)

    def __add__(self, other: "Operand") -> "Tensor":
        return recorded("+", self.data + plain(other), (self, same), (other, same))

    def __mul__(self, other: "Operand") -> "Tensor":
        a, b = self.data, plain(other)
        return recorded("*", a * b, (self, lambda G: G * b), (other, lambda G: G * a))

    __radd__, __rmul__ = __add__, __mul__

    def sum(self, dim: int | None = None, keepdim: bool = False) -> "Tensor":
        """The sum of all numbers, or along one dimension."""
        x, out = self.data, self.data.sum(dim, keepdim=keepdim)
        return recorded("sum", out, (self, lambda G: spread(G, x, dim, keepdim)))

    def relu(self) -> "Tensor":
        """What is positive, and 0 for the rest; there, and at 0, no gradient passes."""
        out = self.data.clamp(min=0)
        return recorded("relu", out, (self, lambda G: G.masked_fill(out == 0, 0)))

    def backward(self) -> None:
        """Add the gradient of this number to the `grad` of each leaf; free the graph.

        Raises: ValueError when this is not one number, or was not recorded (a leaf);
        RuntimeError when a part of the graph has been freed before.
        """
        if self.data.numel() != 1 or self.number == 0:
            raise ValueError(
                f"backward() of {tuple(self.shape)}, made by {self.op or 'nothing'}: "
                "begin at a single number that was recorded"
            )
        waiting = [(-self.number, self)]
        grads = {self: torch.ones_like(self.data)}
        while waiting:
            node = heappop(waiting)[1]  # the youngest: all that used it has handed on
            grad, edges, node.edges = grads.pop(node), node.edges, None
            if edges is None:
                raise RuntimeError("an earlier backward() has freed this graph")
            for parent, vjp in edges:
                part, x = vjp(grad), parent.data
                if part.shape != x.shape or part.dtype != x.dtype:
                    part = unbroadcast(part.to(x.dtype), x.shape)
                if parent in grads:
                    grads[parent] = grads[parent] + part
                elif parent.number:
                    grads[parent] = part
                    heappush(waiting, (-parent.number, parent))
                elif parent.grad is None:  # a leaf: numbers that are its own
                    parent.grad = part.clone(memory_format=torch.contiguous_format)
                else:
                    parent.grad = parent.grad + part


Operand = Tensor | torch.Tensor | float


def recorded(op: str, data: torch.Tensor, *edges: tuple[Operand, VJP]) -> Tensor:
    """`data`, as a tensor made by `op` of the parents in `edges`."""
    out = Tensor(data)
    if Tensor.recording:
        kept = [(p, f) for p, f in edges if isinstance(p, Tensor) and p.requires_grad]
        if kept:
            out.requires_grad, out.edges, out.op = True, kept, op
            out.number = next(Tensor.numbers)
    return out


def plain(x: Operand) -> Any:
    """The numbers of an operand, without the tape."""
    return x.data if isinstance(x, Tensor) else x


def same(G: torch.Tensor) -> torch.Tensor:
    """The gradient as it came."""
    return G


def spread(
    grad: torch.Tensor, x: torch.Tensor, dim: int | None, keepdim: bool
) -> torch.Tensor:
    """What a reduction of `x` along `dim` gave, stretched to the shape of `x`."""
    if dim is not None and not keepdim and x.dim():
        grad = grad.unsqueeze(dim)
    return grad.expand(x.shape)


# %% [markdown]
# The other operations have the same form. A mean is a sum times a number. Of an indexed tensor, each number that was picked gets what comes back to its place; picked twice, the sum. ($A^\top G$ as $(G^\top A)^\top$, so that in $X W^\top$ the gradient of $W$ lies in rows, as $W$.)


# %% export="autograd.py"
@extend(Tensor)
def __pow__(self, n: float) -> Tensor:
    a = self.data
    return recorded(
        f"**{n}", a**n, (self, lambda G: G * (n * a ** (n - 1) if n else 0))
    )


@extend(Tensor)
def __matmul__(self, other: Operand) -> Tensor:
    a, b = self.data, plain(other)
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"{tuple(a.shape)} @ {tuple(b.shape)}: not (n, m) @ (m, p)")
    return recorded(
        "@", a @ b, (self, lambda G: G @ b.T), (other, lambda G: (G.T @ a).T)
    )


@extend(Tensor)
def __rmatmul__(self, other: torch.Tensor) -> Tensor:
    return Tensor(other) @ self


@extend(Tensor)
@property
def T(self) -> Tensor:
    """Rows and columns swapped."""
    return recorded("T", self.data.T, (self, lambda G: G.T))


@extend(Tensor)
def reshape(self, *shape: int) -> Tensor:
    """The same numbers, in the same order, in another shape."""
    old, out = self.data.shape, self.data.reshape(*shape)
    return recorded("reshape", out, (self, lambda G: G.reshape(old)))


@extend(Tensor)
def __getitem__(self, index: Any) -> Tensor:
    x = self.data

    def vjp(G: torch.Tensor) -> torch.Tensor:
        places = (
            torch.arange(x.numel(), device=x.device).reshape(x.shape)[index].reshape(-1)
        )
        zeros = x.new_zeros(x.numel())
        return zeros.index_add(0, places, G.reshape(-1)).reshape(x.shape)

    return recorded("[]", x[index], (self, vjp))


@extend(Tensor)
def mean(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The mean of all numbers, or along one dimension."""
    total, n = self.sum(dim, keepdim), self.data.numel()
    return total * (total.data.numel() / n if n else math.nan)


@extend(Tensor)
def exp(self) -> Tensor:
    """e to the power of each number."""
    out = self.data.exp()
    return recorded("exp", out, (self, lambda G: G * out))


@extend(Tensor)
def log(self) -> Tensor:
    """The natural logarithm of each number."""
    x = self.data
    return recorded("log", x.log(), (self, lambda G: G / x))


# %%
X = Tensor(rand(4, 3), requires_grad=True)
W, b = Tensor(rand(5, 3), requires_grad=True), Tensor(rand(5), requires_grad=True)
Z = X @ W.T + b
L = Z.relu().sum()

# %% tags=["claim"]
_, (_, vjp) = (X @ W.T).edges
G = rand(4, 5)
assert (vjp(G) - X.data.T @ G).abs().max() < 1e-12
assert vjp(G).T.is_contiguous() and not (X.data.T @ G).T.is_contiguous()

# %% tags=["figure"] alt="The tape of one layer and a loss: X of shape N by D, times the transpose of W, H by D, plus b, of length H, through relu and summed. Below each leaf what its gradient is." caption="Δ: the upstream gradient G of the sum Z = X Wᵀ + b, which is G of the ReLU where Z is above 0. ΣΔ adds up its N rows: from (N, H) to (H,)"
plot.graph(
    L,
    {"X": X, "W": W, "b": b, "L": L},
    letters={4: "N", 3: "D", 5: "H"},
    below={"X": r"$\Delta W$", "W": r"$\Delta^\top X$", "b": r"$\Sigma \Delta$"},
)

# %%
L.backward()
for name, leaf in {"X": X, "W": W, "b": b}.items():
    print(f"{name} {tuple(leaf.shape)}: gradient {tuple(leaf.grad.shape)}")

# %% tags=["claim"]
delta = (Z.data > 0).double()
for leaf, wanted in ((X, delta @ W.data), (W, delta.T @ X.data), (b, delta.sum(0))):
    assert torch.allclose(leaf.grad, wanted, rtol=1e-12, atol=1e-12)

# %% [markdown]
# ## Who checks the engine?
#
# Twelve operations, and each may be wrong for one of its operands, for one shape, or only where it stands in the middle of a graph. Chapter 5's judge was written for a loss. Ours shall judge any operation. Here are six that are wrong, each in a way of its own, beside two that are right:


# %%
def scaled(a: Tensor, b: Tensor) -> Tensor:
    return a * b


def stretched_twice(a: Tensor, b: Tensor) -> Tensor:
    return (a * b[:, :1] + a[:1]) @ b.T


def forgets_upstream(a: Tensor, b: Tensor) -> Tensor:
    y = b.data
    return recorded("*", a.data * y, (a, lambda G: y), (b, lambda G: G * a.data))


def only_the_first(a: Tensor, b: Tensor) -> Tensor:
    return recorded("*", a.data * b.data, (a, lambda G: G * b.data))


def one_element_off(a: Tensor, b: Tensor) -> Tensor:
    def vjp(G: torch.Tensor) -> torch.Tensor:
        grad = G * a.data
        grad[-1, -1] = 0
        return grad

    return recorded("*", a.data * b.data, (a, lambda G: G * b.data), (b, vjp))


def half_of_a_square(a: Tensor, b: Tensor) -> Tensor:
    y = a.data
    return b * recorded("**2", y * y, (a, lambda G: G * y))


def mean_of_rows(a: Tensor, b: Tensor) -> Tensor:
    row = b.data[0]
    return recorded("+", a.data + row, (a, lambda G: G), (b, lambda G: G / len(G)))


def wrong_transpose(a: Tensor, b: Tensor) -> Tensor:
    x, y = a.data, b.data
    return recorded("@", x @ y.T, (a, lambda G: G @ y), (b, lambda G: G @ x))


right = {"scaled": scaled, "stretched_twice": stretched_twice}
wrong = {
    "forgets_upstream": forgets_upstream,
    "only_the_first": only_the_first,
    "one_element_off": one_element_off,
    "half_of_a_square": half_of_a_square,
    "mean_of_rows": mean_of_rows,
    "wrong_transpose": wrong_transpose,
}

# %% [markdown] exercise="disagreement" tags=["prompt"] difficulty="medium" minutes=30
# ### Exercise 6.3: a test for any operation
#
# Write `disagreement(operation, *inputs)`. `inputs` are `float64` tensors of PyTorch's; `operation` takes as many `Tensor`s and gives back one, of whatever shape. The answer is one number: the largest absolute difference, over all places of all inputs, between the tape's gradients and those by finite differences. For what is right it should be below $10^{-6}$, and for each of the six above far from it, given random numbers. The inputs themselves must stay as they are. `numerical_grad` is imported; it wants a function without arguments that gives the loss, as a number or a tensor of PyTorch's, and the tensors of PyTorch's in which it may change numbers where they stand. But an operation gives many numbers and not one. Which number do you differentiate?

# %% [markdown] tags=["hint"]
# `backward` begins at a single number, so some number has to be made of the result. The plain sum will do for most. For which of the six will it not, and what is the upstream gradient of each place then?

# %% [markdown] tags=["hint"]
# What would the upstream gradients have to be, so that no two places are alike, and so that they are the same for the tape and for every finite difference? The tensors that are changed must be the leaves' own `data`, and a leaf that nothing came back to has `grad` None, which is a gradient of 0.


# %% tags=["solution"]
def disagreement(operation: Callable[..., Tensor], *inputs: torch.Tensor) -> float:
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    source = torch.Generator().manual_seed(1)
    shape = operation(*leaves).shape
    weights = torch.randn(shape, dtype=torch.float64, generator=source)

    def loss() -> Tensor:
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    worst = 0.0
    for leaf, judged in zip(leaves, numerical, strict=True):
        grad = torch.zeros_like(judged) if leaf.grad is None else leaf.grad
        worst = max(worst, (grad - judged).abs().max().item())
    return worst


# %% [markdown] tags=["solution"]
# I took the plain sum first. Four of the six were caught. `forgets_upstream` and `wrong_transpose` got 0: the gradient of a sum is 1 everywhere, to forget a factor of 1 is no mistake, and a square matrix of ones is its own transpose.


# %% tags=["check"]
def why_it_stopped(error: Exception) -> str:
    said = str(error)
    for part, why in (
        ("freed", "call the operation anew for each loss: its graph is used up"),
        (
            "begin at a single number",
            "backward() begins at a single number, made of leaves that require a "
            "gradient: make one of the result",
        ),
        ("NoneType", "a leaf that nothing came back to has grad None: take 0 there"),
        ("does not require grad", "this loss is not made of the leaves"),
        ("positional argument:", "it takes the tensors one by one: operation(*leaves)"),
        ("takes 1 positional", "backward() takes no gradient: make one number first"),
        ("must match the size", "the weights have the shape of what comes out"),
        ("'item'", "a Tensor of ours has no item(): .data.item()"),
        ("to unpack", "the inputs are one, two or more"),
        ("a Tensor to a torch", "numerical_grad wants PyTorch's tensors: take .data"),
        ("must be Tensor, not", "numerical_grad wants PyTorch's tensors: take .data"),
    ):
        if part in said:
            return f"your code stops at {error!r}: {why}"
    return f"your code stops at {error!r}"


def judged(name: str, operation: Callable, *inputs: torch.Tensor) -> float:
    before = [x.clone() for x in inputs]
    try:
        got = disagreement(operation, *inputs)
    except Exception as error:
        raise AssertionError(f"{name}: {why_it_stopped(error)}") from None
    assert got is not None, "nothing came back: return the largest difference"
    assert not isinstance(got, Tensor), "give back a number, not a Tensor: .data.item()"
    if isinstance(got, torch.Tensor):
        shape = tuple(got.shape)
        assert not shape, (
            f"one number for all inputs, and not a tensor of shape {shape}"
        )
        got = got.item()
    is_number = isinstance(got, (int, float)) and not isinstance(got, bool)
    assert is_number, f"give back how far they differ, a number, not {got!r}"
    assert not math.isnan(got), f"{name} got nan: the difference itself, not divided"
    same = all(map(torch.equal, inputs, before))
    assert same, f"{name}: the inputs have changed: give the leaves copies"
    return got


def unused(a: Tensor, b: Tensor) -> Tensor:
    return a * 2.0


def sum_with(vjp: VJP) -> Callable[[Tensor, Tensor], Tensor]:
    """a + b, with `vjp` for the way back to `a`."""
    return lambda a, b: recorded("+", a.data + b.data, (a, vjp), (b, lambda G: G))


def off_by(*marks: tuple[int, float]) -> VJP:
    """The gradient as it came, with so much added at each of these places."""

    def vjp(G: torch.Tensor) -> torch.Tensor:
        grad = G.clone()
        for place, by in marks:
            grad.view(-1)[place] += by
        return grad

    return vjp


def check_disagreement() -> None:
    source = torch.Generator().manual_seed(11)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    a, b = numbers(4, 3), numbers(4, 3)
    a[-1, -1] = 3.0
    for name, operation, *inputs in (
        *[(name, operation, a, b) for name, operation in right.items()],
        ("a * 2, which makes no use of b", unused, a, b),
        ("the sum of x**4", lambda x: (x**4).sum(), torch.linspace(0.2, 1, 7).double()),
    ):
        got = judged(name, operation, *inputs)
        why = (
            "is it the same loss, with the same weights, on both sides? Is the leaves' "
            "own data changed, and the operation called anew? Does an earlier pass add "
            "to it?"
        )
        if operation is unused:
            why = "the gradient of b is 0, and by finite differences, too"
        elif got < 0.02:
            why = "nearly: is all in float64, with numerical_grad's own step?"
        assert got < 1e-6, f"{name} is right, and got {got:.3g}: {why}"
    alike = {  # right, if G is alike in all rows, or in all columns
        "the_first_row_of_G": sum_with(lambda G: G[:1].expand(G.shape)),
        "the_first_column_of_G": sum_with(lambda G: G[:, :1].expand(G.shape)),
    }
    found = {
        name: judged(name, operation, a, b)
        for name, operation in {**wrong, **alike}.items()
    }
    slipped = {name for name, got in found.items() if abs(got) < 1e-4}
    assert slipped != set(found), (
        "all six got 0: is anything compared, and does the largest difference count?"
    )
    assert not slipped or slipped - {"forgets_upstream", "wrong_transpose"} - set(
        alike
    ), (
        f"{' and '.join(sorted(slipped))} got 0: the gradient of a plain sum, or mean, "
        "is the same everywhere (or in a whole row or column): weigh every place "
        "differently"
    )
    assert slipped != {"only_the_first"}, (
        "only_the_first got 0: a leaf that nothing came back to has a gradient, 0, and "
        "finite differences have another: compare it, too"
    )
    name = "wrong for the second input only"
    mistaken = sum_with(lambda G: -G)
    in_the_second = judged(name, lambda a, b: mistaken(b, a), a, b)
    assert abs(in_the_second) > 1e-4 or "half_of_a_square" in slipped, (
        f"{name}, and got {in_the_second:.3g}: judge every input"
    )
    x, y = numbers(7, 5), numbers(7, 5)
    rule = "of all places of all inputs the largest counts"
    no_sign = "a difference has no sign: take abs()"
    for marks, wanted, wrong_ones in (
        ([(3, 1.0)], 1.0, {-1.0: no_sign}),
        ([(3, -1.0)], 1.0, dict.fromkeys((-1.0, 0.0), "without its sign: take abs()")),
        (
            [(3, 0.5), (20, -3.0)],
            3.0,
            {
                0.5: no_sign,
                2.5: "take abs() of each",
                1.0: "not whether they differ, but by how much",
                2.0: "not how many differ, but by how much",
                9.0: "not its square",
            },
        ),
        ([(3, 1e-4)], 1e-4, {0.0: "as it is, not rounded"}),
    ):
        name = f"a gradient that is off by {' and '.join(str(by) for _, by in marks)}"
        got = judged(name, sum_with(off_by(*marks)), x, y)
        sizes = [abs(by) for _, by in marks]
        hints = {
            sum(sizes): f"that is the sum, and {rule}",
            sum(sizes) / 35: f"that is the mean, and {rule}",
            sum(sizes) / 70: f"that is the mean, and {rule}",
            0.0: f"{rule}, without its sign",
            **wrong_ones,
        }
        why = [why for value, why in hints.items() if abs(got - value) < 1e-6]
        assert abs(got - wanted) < 1e-6, (
            f"{name} in {'two places' if len(marks) > 1 else 'one place'}, and right "
            f"in all others, got {got:.3g}, not {wanted}: "
            f"{why[0] if why else 'the absolute difference, as it is'}"
        )
    name = "a gradient that is off by 1 in one place, of the second input"
    got = judged(name, lambda a, b: sum_with(off_by((3, 1.0)))(b, a), x, y)
    assert abs(got - 1) < 1e-4, f"{name}, got {got:.3g}: the largest of all inputs"
    assert not slipped, (
        f"{', '.join(sorted(slipped))}: wrong, and got less than 0.0001: does every "
        "place of the result have its own weight in the loss?"
    )


check_disagreement()

# %% [markdown]
# Two of the six cannot be seen with a plain sum, nor, in these shapes, in any test whose upstream gradient is 1 everywhere: a forgotten $G$ is 1 anyway, and a square matrix of ones is its own transpose. And `disagreement` has no say where there is no derivative, as at the kink of a ReLU. Now the engine's own operations:

# %%
cube, positive = rand(2, 3, 4), rand(4, 3).abs() + 0.5
off = {}
for name, operation, *inputs in (
    ("x + y, (4, 3) and (3,)", lambda x, y: x + y, rand(4, 3), rand(3)),
    ("x * y, (4, 1) and (3,)", lambda x, y: x * y, rand(4, 1), rand(3)),
    ("x / y, (2, 3, 4) and (3, 1)", lambda x, y: x / y, cube, positive[:3, :1]),
    ("x ** 3", lambda x: x**3, rand(4, 3)),
    ("x @ y.T", lambda x, y: x @ y.T, rand(4, 3), rand(5, 3)),
    ("sum and mean", lambda x: x.sum(1, keepdim=True) - x.mean(0), cube),
    ("exp and log", lambda x: x.exp() + x.log(), positive),
    ("relu", lambda x: (x - 0.7).relu(), positive),
    ("picked twice", lambda x: x[[0, 2, 2], [1, 1, 1]] * x[0, 1:3].sum(), rand(4, 3)),
    ("reshape", lambda x: x.reshape(-1, 6) * x.reshape(4, 6)[0], cube),
):
    off[name] = disagreement(operation, *inputs)
    print(f"{name:28} {off[name]:.0e}")

# %% tags=["claim"]
assert len(off) == 10 and max(off.values()) < 1e-6
for name, operation in wrong.items():
    a, b = (Tensor(rand(4, 3), requires_grad=True) for _ in "ab")
    operation(a, b).sum().backward()
    judged_by_sum = numerical_grad(
        lambda f=operation, a=a, b=b: f(a, b).sum().data, [a.data, b.data]
    )
    grads = [0 * z.data if z.grad is None else z.grad for z in (a, b)]
    same_grads = all(map(torch.allclose, grads, judged_by_sum))
    assert same_grads == (name in ("forgets_upstream", "wrong_transpose"))

# %% [markdown] exercise="amax" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 6.4: the largest
#
# One operation is missing: `amax(dim, keepdim=False)`, the largest along a dimension. Make the largest a little larger, and the result follows; change another a little, and nothing happens. So the gradient goes to the largest, all of it. And where two are equally large? By convention they share it evenly, as PyTorch's `amax` does (its `max` with a dimension gives it to one of them). Write it, and let `disagreement` judge it (not of ties, where there is no derivative).

# %% [markdown] tags=["hint"]
# Where is `x` equal to the result, once the result has been stretched back over the dimension? `spread(…, x, dim, keepdim)` stretches, whether `keepdim` was given or not. Dimensions may be counted from the end, too: `spread` and `sum` both know `-1`.

# %% [markdown] tags=["hint"]
# Each number gets a share of the upstream gradient, and along the dimension the shares add up to 1. Which count makes them do so? The upstream gradient has the shape of the result, and so has to be stretched, too.


# %% tags=["solution"] export="autograd.py"
@extend(Tensor)
def amax(self, dim: int, keepdim: bool = False) -> Tensor:
    """The largest along a dimension; several equally large ones share the gradient."""
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% [markdown] tags=["solution"]
# Without `share` I gave each of the largest the whole gradient, and `disagreement` had no objection: among random numbers no two are equal. After a ReLU several may well be exactly 0, and then one gradient became several of its size. No finite difference judges a tie, where the function has a kink. It takes a test of its own.


# %% tags=["check"]
def why_of(error: Exception, who: str) -> str:
    if "number of sizes provided" in str(error):
        return ": `spread` takes first what is to be stretched, then what has the shape"
    if "must match the size" in str(error) or "invalid for input" in str(error):
        return (
            f": {who} meets something of the input's shape: `spread` stretches, and "
            "keepdim=True keeps the dimension"
        )
    for said, why in (
        ("'NoneType' object has no attribute 'shape'", "the way back returns nothing"),
        ("to unpack", "an edge is a pair: (self, function)"),
        ("data type 'str'", "`recorded` takes the name, then the numbers, then edges"),
        ("not callable", "an edge is a pair of self and a function of G"),
        ("converted to Python scalars", "max(dim) gives values and places: take amax"),
    ):
        if said in str(error):
            return f": {why}"
    return ""


def largest_of(
    rows: list, dim: int, keepdim: bool, upstream: list[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    x = Tensor(torch.tensor(rows, dtype=torch.float64), requires_grad=True)
    before = x.data.clone()
    given = f"amax({dim}, keepdim={keepdim}) of {rows}"
    assert hasattr(x, "amax"), "Tensor has no method amax: is @extend(Tensor) above it?"
    try:
        out = x.amax(dim, keepdim=True) if keepdim else x.amax(dim)
    except Exception as error:
        raise AssertionError(
            f"{given} stops at {error!r}{why_of(error, 'the result or a sum')}"
        ) from None
    assert out is not None, "nothing came back: return the new Tensor"
    assert isinstance(out, Tensor), f"{given} gives back {out!r}: `recorded` makes it"
    wanted = before.amax(dim, keepdim=keepdim)
    assert out.shape == wanted.shape, (
        f"{given} has shape {tuple(out.shape)}, not {tuple(wanted.shape)}"
    )
    assert torch.equal(out.data, wanted), (
        f"{given} is {out.data.tolist()}, not {wanted.tolist()}"
    )
    assert out.requires_grad, f"{given} was not recorded: give it an edge to self"
    weights = torch.tensor(upstream, dtype=torch.float64).reshape(wanted.shape)
    try:
        (out * Tensor(weights)).sum().backward()
    except Exception as error:
        raise AssertionError(
            f"the way back of {given} stops at {error!r}"
            + why_of(error, "the result, a sum or the upstream gradient")
        ) from None
    assert torch.equal(x.data, before), f"{given} has changed its input"
    assert x.grad is not None, f"{given}: no gradient came back"
    return x.grad, weights


def check_amax() -> None:
    rows = [[2.0, 5.0, 3.0, 4.0], [7.0, -9.0, 6.0, 0.5], [-1.5, -2.0, -8.0, -3.0]]
    cube = [rows, [row[::-1] for row in rows[::-1]]]
    settings = [
        (numbers, dim, keepdim)
        for numbers, dim in ((rows, 1), (rows, 0), (cube, 1), (cube, -1), (cube, -2))
        for keepdim in (False, True)
    ]
    for numbers, dim, keepdim in settings:
        x = torch.tensor(numbers, dtype=torch.float64)
        top = x.amax(dim, keepdim=True)
        upstream = [1.5 * i - 2 for i in range(top.numel())]
        grad, weights = largest_of(numbers, dim, keepdim, upstream)
        given = f"amax({dim}, keepdim={keepdim})"
        at = (x == top).double()
        full = weights.reshape(top.shape)
        wanted = full * at + 0.0  # without a minus before a 0
        counts = [at.sum(d, keepdim=True) for d in range(x.dim())]
        for wrong_one, why in (
            (at, "the upstream gradient is not in it: multiply by G"),
            (full + 0 * x, "all got it: only where x is the largest"),
            (0 * x, "all 0: are numbers compared with numbers, not a Tensor?"),
            (full * (1 - at), "everything but the largest got it"),
            (full * x * at, "multiplied by the largest itself: it grows by 1"),
            (-wanted, "the sign is the wrong way round"),
            (wanted / at.sum(), "divided by the largest of the other rows, too"),
            (wanted / x.shape[dim], "divided by how many numbers a row has"),
            (full / x.shape[dim] + 0 * x, "all got the same part: only the largest do"),
            (
                full * x.exp() / x.exp().sum(dim, keepdim=True),
                "all got a part of it, as from a softmax",
            ),
            *[(wanted / n, "counted along another dimension") for n in counts],
        ):
            there = torch.allclose(grad, wrong_one, equal_nan=True)
            assert not there or torch.allclose(grad, wanted), f"{given}: {why}"
        assert torch.allclose(grad, wanted), (
            f"{given} of {numbers}, upstream {upstream}: the gradient should be "
            f"{wanted.tolist()}, not {(grad + 0.0).tolist()}"
            + ("; without keepdim it was right" if keepdim else "")
        )
    tied = [
        [4.0, 1.0, 4.0, 0.0],
        [0.0] * 4,
        [0.5, 3.0, 3 - 1e-9, 1.0],
        [6.0, 6.0, 5, 5],
    ]
    upstream = [6.0, 8.0, -2.0, 3.0]
    shared = [[3.0, 0.0, 3.0, 0.0], [2.0] * 4, [0.0, -2.0, 0.0, 0.0], [1.5, 1.5, 0, 0]]
    grad, weights = largest_of(tied, 1, False, upstream)
    assert grad.isfinite().all(), (
        f"to a row of zeros {grad[1].tolist()} comes back, so 0 is divided by 0: count "
        "how many are the largest"
    )
    got = [sum(row) for row in grad.tolist()]
    assert got != [12.0, 32.0, -2.0, 6.0], (
        "each of several equally large got the whole gradient: [4, 1, 4, 0] has two of "
        "them, and they share it"
    )
    alone = [sum(g != 0 for g in row) for row in grad.tolist()]
    assert alone != [1, 1, 1, 1], (
        "of several equally large only one got a gradient: they share it evenly"
    )
    assert grad[2, 2] == 0, (
        "3 - 1e-9 is not the largest of its row: only what equals it"
    )
    assert got != [3.0, 2.0, -2.0, 1.5], "divided twice by how many are largest"
    assert got == upstream, (
        f"the shares of a row add up to its upstream gradient, {upstream}; yours to "
        f"{got}: divide by how many are largest in this row"
    )
    assert grad.tolist() == shared, (
        f"of {tied} with the upstream gradient {upstream}: {shared}, not "
        f"{grad.tolist()}"
    )


check_amax()

# %%
print(f"amax: {disagreement(lambda x: x.amax(1), cube):.0e}")

# %% [markdown]
# ## Leaves, and what is not recorded
#
# Three things are left, all about what does *not* belong on the tape. Between two steps of training, parameters change; that is no part of the computation, so it happens to `data`, behind the tape's back. When a network only predicts, no gradient is wanted, and the tape would only fill memory: within `no_grad()` nothing is recorded. And `detach()` gives a tensor's numbers as a constant, for when just this path shall not count.


# %% export="autograd.py"
from contextlib import contextmanager


@contextmanager
def no_grad() -> Iterator[None]:
    """Nothing is recorded within, by any thread; an error ends it, too."""
    before, Tensor.recording = Tensor.recording, False
    try:
        yield
    finally:
        Tensor.recording = before


# %%
x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
with no_grad():
    print("within no_grad:", (x * x).requires_grad)
print("outside:       ", (x * x).requires_grad)
(x * x.detach()).sum().backward()
print("x times a constant x, by x:", x.grad)

# %% tags=["claim"]
with no_grad():
    assert not (x * x).requires_grad
assert (x * x).requires_grad and x.grad.tolist() == [1.0, 2.0, 3.0]

# %% [markdown]
# The graph is used up by `backward`, since each tensor drops its edges when it has handed on. A second `backward` through any part of it is an error:

# %%
y = (x * x).sum()
y.backward()
try:
    y.backward()
except RuntimeError as error:
    refused = str(error)
    print("RuntimeError:", refused)

# %% [markdown]
# A loud error instead of leftovers is a good bargain. PyTorch refuses here, too, unless one asks it to retain the graph: it has dropped the factors that the way back of a product needs. (Where nothing had to be kept, as for a sum, it would go through once more.) Our `Value`, which keeps its edges, would have added the same once more, and micrograd's the leftovers, too.

# %% tags=["oracle", "claim"]
z = torch.tensor([1.0, 2.0], requires_grad=True)
total = (z * z).sum()
total.backward()
try:
    total.backward()
except RuntimeError as error:
    assert "second time" in str(error)
else:
    raise AssertionError("PyTorch has taken a second backward")
z.grad, total = None, (z + 1).sum()
total.backward()
total.backward()
assert z.grad.tolist() == [2.0, 2.0]
assert "freed" in refused

# %% [markdown]
# Is memory really given back on the way? A *weak* reference does not keep what it refers to alive, so that one can ask later whether it is still there. Forty layers, each noted so; and behind each a spy, an operation that does nothing but look, once on the way forward and once on the way back:


# %%
noted: list[weakref.ref] = []


def note(x: Tensor) -> Tensor:
    noted.append(weakref.ref(x.data))
    return x


def mebibytes_held() -> float:
    """What all noted tensors hold that are still alive."""
    alive = {id(x): x.nbytes for reference in noted if (x := reference()) is not None}
    return math.fsum(alive.values()) / 2**20


held: list[float] = []


def spy(x: Tensor) -> Tensor:
    held.append(mebibytes_held())

    def vjp(G: torch.Tensor) -> torch.Tensor:
        held.append(mebibytes_held())
        return G

    return recorded("spy", x.data, (x, vjp))


weight = Tensor(0.1 * rand(100, 100), requires_grad=True)
h = Tensor(rand(1000, 100))
for _ in range(40):
    h = spy(note(note(h @ weight.T).relu()))
loss = (h**2).mean()
del h
loss.backward()
after = mebibytes_held()

# %% tags=["figure"] alt="Memory held by the results of forty layers, layer by layer: it climbs in a straight line on the way forward, and falls in a straight line to nothing on the way back."
figure, ax = plt.subplots(figsize=(5.6, 2.4))
ax.plot(range(1, 81), held, "o-", ms=3)
ax.axvline(40.5, ls="--", color=plot.COLOURS[5])
ax.text(38, 4, "forward", ha="right")
ax.text(43, 4, "backward")
ax.set(xlabel="layer, on the way up and on the way back", ylabel="MiB held")
ax.set_xticks([1, 20, 40, 61, 80], ["1", "20", "40", "20", "1"])

# %% [markdown]
# It comes down as it went up: each tensor drops its edges when it has handed on. (It goes up faster than it must, for an edge holds the parent itself, numbers and all, and PyTorch's graph only what a VJP asks for: of twenty additions in a row ours keeps every result alive, PyTorch the last.) And nothing here calls itself, so that depth costs no more than memory. Not even at the end: when a graph is dropped that nobody took back, Python frees a tensor, and thereby its parent, and thereby that one's parent, and it is built to do so without going deeper and deeper.

# %% tags=["claim"]
forward_held, backward_held = held[:40], held[40:]
assert forward_held[-1] - forward_held[0] > 20  # MiB
assert backward_held == forward_held[::-1] and after == 0
noted.clear()
long = Tensor(rand(2), requires_grad=True)
for _ in range(20):
    long = note(long + 1.0)
assert len([1 for reference in noted if reference() is not None]) == 20
long = leaf = Tensor(rand(2), requires_grad=True)
for _ in range(30_000):
    long = long * (1 + 1 / 30_000)
long.sum().backward()
assert torch.allclose(leaf.grad, torch.full((2,), math.e).double(), rtol=1e-3)
for _ in range(30_000):
    leaf = leaf * 1.0
del leaf, long

# %% tags=["oracle", "claim"]
total, alive = torch.ones(2, requires_grad=True), []
for _ in range(20):
    total = total + 1.0
    alive.append(weakref.ref(total))
assert len([1 for reference in alive if reference() is not None]) == 1

# %% [markdown] tags=["aside"]
# #### Aside: compute again instead of keeping
#
# Where memory is short one can keep less: forget what a few layers computed, and compute it again on the way back, when it is needed. That is **gradient checkpointing** (Griewank 1992; Chen et al. 2016 for networks), about one more forward pass for a good part of the memory.


# %% tags=["aside"]
def recomputed(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with no_grad():
        out = function(x)

    def vjp(G: torch.Tensor) -> torch.Tensor:
        again = Tensor(x.data, requires_grad=True)
        result = function(again) * Tensor(G)
        result.sum().backward()  # parameters within get their gradients here
        return again.grad

    return recorded("recomputed", out.data, (x, vjp))


weight = Tensor(math.sqrt(2 / 100) * rand(100, 100), requires_grad=True)


def four_layers(h: Tensor) -> Tensor:
    for _ in range(4):
        h = note((h @ weight.T).relu())
    return h


grads, peaks, start = [], [], rand(1000, 100)
for kept in (True, False):
    weight.grad = None
    noted.clear()
    h = Tensor(start, requires_grad=True)
    for _ in range(10):
        h = four_layers(h) if kept else recomputed(four_layers, h)
    peaks.append(mebibytes_held())
    (h**2).mean().backward()
    grads.append(weight.grad)
    del h
print(f"held at the end of the way forward: {peaks[0]:.0f} and {peaks[1]:.0f} MiB")
off_by = (grads[0] - grads[1]).abs().max().item() / grads[0].abs().max().item()
print(f"largest difference of the gradients, relative to the largest: {off_by:.0e}")

# %% tags=["aside", "claim"]
assert off_by < 1e-9 and grads[0].abs().max() > 0.01
assert peaks[0] > peaks[1] + 10

# %% [markdown] tags=["aside"]
# #### Aside: second derivatives
#
# Our functions on the way back compute with plain tensors, so nothing records them: the gradient has no graph, and a gradient of the gradient is not to be had. (PyTorch records its way back, if told to: `create_graph=True`.) What one mostly wants of the Hessian, the matrix of all second derivatives, is its product with one vector, and for that two gradients will do, a little apart:


# %% tags=["aside"]
def gradient_at(function: Callable[[Tensor], Tensor], at: torch.Tensor) -> torch.Tensor:
    leaf = Tensor(at, requires_grad=True)
    function(leaf).backward()
    return leaf.grad


def hessian_times(function, at: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    up, down = (gradient_at(function, at + s * 1e-4 * vector) for s in (1, -1))
    return (up - down) / 2e-4


point = torch.tensor([2.0, 3.0], dtype=torch.float64)
rows = torch.eye(2, dtype=torch.float64)
print([hessian_times(lambda u: u[0] ** 2 * u[1], point, row).tolist() for row in rows])

# %% tags=["aside", "claim"]
hessian = [hessian_times(lambda u: u[0] ** 2 * u[1], point, row) for row in rows]
exact = torch.tensor([[6.0, 4.0], [4.0, 0.0]], dtype=torch.float64)
assert torch.allclose(torch.stack(hessian), exact, atol=1e-6)

# %% [markdown]
# Our tape has earned us PyTorch's. What is unlocked is an engine, so what is compared is programs: each operation alone, forty random programs of nine operations, sums into the same leaf twice, a graph 3,000 operations deep, `no_grad` within `no_grad`.

# %% tags=["timing"]
unlock(
    "torch.Tensor.backward",
    by=Tensor,
    inputs=[
        (lambda x, w: ((x @ w.T) ** 2).mean(), rand(6, 4), rand(3, 4)),
        (lambda x: (x - x.amax(1, keepdim=True)).exp().sum(1).log().sum(), rand(5, 3)),
        (lambda x: x[[0, 2, 2], [1, 0, 0]].sum() * x[1].sum(), rand(4, 3)),
    ],
)

# %% tags=["timing"]
unlock("torch.no_grad", by=Tensor, parts={"no_grad": no_grad})

# %% [markdown]
# Not compared: products of anything but two matrices, which ours refuses, a gradient through a gradient, what happens to tensors that are changed in place, and what the certificate names as left out.
#
# > [!NOTE]- Aside: where it comes from
# > R. E. Wengert (*A simple automatic derivative evaluation program*, Communications of the ACM 7, 1964) let a program carry derivatives along with its values, step by step: forward mode; a tape of such steps is still called a Wengert list. Seppo Linnainmaa described the way back in his master's thesis (Helsinki, 1970), for the sake of rounding errors: how far is the result off, if every step is off a little? Bert Speelpenning's thesis (*Compiling fast partial derivatives of functions given by algorithms*, University of Illinois, 1980) made of it a compiler for gradients. That it is what networks call backpropagation was noticed later, and more than once. The textbook is Griewank and Walther, *Evaluating Derivatives*.
#
# ## Chapter 5, without its backward
#
# Now the library. `linear` and the losses say word for word what they said before, only about `Tensor`s; `Linear` and `ReLU` have no `backward` left, the network has none, and `mse_grad` and `relu_grad` are gone. (The hand-written ones live on in `ch05`, if you want to look at them again.)


# %% export="linear.py"
def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Biased weighted sums. Shapes: x (N, D), weight (K, D), bias (K,) -> (N, K)."""
    return x @ weight.T + bias


# %% export="activations.py" drop="relu_grad"
def relu(z: Tensor) -> Tensor:
    """`z` where it is positive, else 0."""
    return z.relu()


def leaky_relu(z: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`z` where it is positive, else `negative_slope` times `z`."""
    return negative_slope * z + (1 - negative_slope) * z.relu()


# %% export="losses.py" drop="mse_grad"
def errors(predictions: Tensor, targets: torch.Tensor) -> Tensor:
    """Predictions minus targets. Raises: ValueError when their shapes differ."""
    if predictions.shape != targets.shape:
        raise ValueError(
            f"predictions {tuple(predictions.shape)} for targets "
            f"{tuple(targets.shape)}: broadcasting would compare each with all"
        )
    return predictions - targets


def mse(predictions: Tensor, targets: torch.Tensor) -> Tensor:
    """Mean squared error over all numbers. Units: those of the targets, squared."""
    return (errors(predictions, targets) ** 2).mean()


# %% export="layers.py" drop="Linear.backward Linear.grads ReLU.__init__ ReLU.backward ReLU.grads"
class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight (K, D), bias (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        if weight.dim() != 2:
            raise ValueError(f"a weight {tuple(weight.shape)}: give (K, D)")
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(weight.new_zeros(weight.shape[0]), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        """Weighted sums of `x`. Shapes: (N, D) -> (N, K).

        Raises: ValueError when `x` has another shape or dtype than the weight takes.
        """
        weight = self.weight.data
        if x.shape[1:] != weight.shape[1:] or x.data.dtype != weight.dtype:
            raise ValueError(
                f"inputs {tuple(x.shape)} of {x.data.dtype}: give (N, "
                f"{weight.shape[1]}) of {weight.dtype}"
            )
        return linear(x, self.weight, self.bias)

    def parameters(self) -> list[Tensor]:
        """The weight and the bias."""
        return [self.weight, self.bias]


class ReLU:
    """The activation `relu` as a layer."""

    def forward(self, z: Tensor) -> Tensor:
        """`z` where it is positive, else 0. Shapes: any."""
        return relu(z)

    def parameters(self) -> list[Tensor]:
        """None."""
        return []


# %% export="network.py" drop="Network.backward Network.grads"
from itertools import pairwise

from ch05.init import kaiming_normal_, xavier_normal_


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
        """Kaiming's weights before a ReLU, Xavier's last, times `scale`; biases 0."""
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}: give inputs and outputs, as [784, 10]")
        self.layers: list[Linear | ReLU] = []
        for in_features, out_features in pairwise(sizes):
            last = len(self.layers) == 2 * (len(sizes) - 2)
            init = xavier_normal_ if last else kaiming_normal_
            weight = torch.empty(out_features, in_features)
            init(weight, generator=generator)
            self.layers += [Linear(scale * weight), ReLU()]
        del self.layers[-1]

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for a batch of inputs. Shapes: (N, D) -> (N, K)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def parameters(self) -> list[Tensor]:
        """Of all layers, from the first to the last."""
        return [p for layer in self.layers for p in layer.parameters()]


# %% export="metrics.py"
def dead_units(network: Network, inputs: torch.Tensor) -> list[int]:
    """How many units of each hidden layer are 0 for every input. Shapes: (N, D)."""
    counts, x = [], Tensor(inputs)
    with no_grad():
        for layer in network.layers:
            x = layer.forward(x)
            if isinstance(layer, ReLU):
                counts.append(int((x.data.sum(0) == 0).sum()))
    return counts


# %% [markdown]
# And the training loop: forward, `backward`, a step behind the tape's back, and the gradients back to nothing.


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
        loss = mse(network.forward(Tensor(inputs[batch])), targets[batch])
        total += len(batch) * loss.data.item()
        loss.backward()
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.data -= lr * parameter.grad
            parameter.grad = None
    return total / len(inputs)


# %% [markdown]
# Is it still chapter 5's training? Its network, its normalised images and its quiet beginning, at a rate of 0.5, once by hand and once on the tape, with the same seeds, in `float64`; and for each step the two losses.

# %%
from ch05.training import sgd_epoch as sgd_epoch_by_hand

training, validation = mnist()
raw_images, labels = training.tensors()
raw_valid, valid_labels = validation.tensors()
images, valid_images = normalize_both(raw_images, raw_valid)
targets = (labels[:, None] == torch.arange(10)).float()  # (N, 1) with (10,)

sizes = [784, 200, 100, 50, 10]
by_hand = HandNetwork(sizes, torch.Generator().manual_seed(0), scale=0.3)
by_tape = Network(sizes, torch.Generator().manual_seed(0), scale=0.3)
for layer in by_hand.layers:
    if isinstance(layer, HandLinear):
        layer.weight, layer.bias = layer.weight.double(), layer.bias.double()
for parameter in by_tape.parameters():
    parameter.data = parameter.data.double()

curves = [], []
for step in range(200):
    some = slice(20 * step, 20 * step + 20)
    x, wanted = images[:4000][some].double(), targets[:4000][some].double()
    for curve, epoch, net in (
        (curves[0], sgd_epoch_by_hand, by_hand),
        (curves[1], sgd_epoch, by_tape),
    ):
        curve.append(epoch(net, x, wanted, 0.5, random.Random(step), batch_size=20))
largest = max(abs(one - other) for one, other in zip(*curves, strict=True))
print(f"{len(curves[0])} steps, loss {curves[0][0]:.4f} to {curves[0][-1]:.4f}")
print(f"largest difference between the two loss curves: {largest:.1e}")

# %% tags=["claim"]
assert len(curves[0]) == 200 and largest < 1e-12
assert curves[0][-1] < 0.7 * curves[0][0]
record("largest difference of the loss curve to chapter 5's", largest)

# %% [markdown]
# Step by step the same, up to the last digit of a float. And the layer that stood in the list twice?

# %%
twice = Linear(rand(5, 5))
network = Network([5, 5])
network.layers = [twice, ReLU(), twice]
x, wanted = rand(4, 5), rand(4, 5)


def loss_on_tape() -> Tensor:
    return mse(network.forward(Tensor(x)), wanted)


loss_on_tape().backward()
parameters = twice.parameters()
right_to = gradient_check(
    lambda: loss_on_tape().data,
    [parameter.data for parameter in parameters],
    [parameter.grad for parameter in parameters],
)
print(f"relative error of the gradient: {right_to:.0e}")

# %% tags=["claim"]
assert right_to < 1e-6

# %% [markdown]
# One more use of a network: to measure it on new images, batch by batch, and keep the loss of each. This function works, and on a large set it fills the memory of any machine. (PyTorch's FAQ begins with this mistake, for a running total of losses.)


# %%
def leaking_losses(
    network: Network, inputs: torch.Tensor, targets: torch.Tensor, batch_size: int
) -> list[Tensor]:
    losses = []
    pairs = zip(inputs.split(batch_size), targets.split(batch_size), strict=True)
    for x, wanted in pairs:
        losses.append(mse(network.forward(Tensor(x)), wanted))
    return losses


class Noting:
    """A network whose layers' results are noted, and how many live at each batch."""

    def __init__(self, network: Network) -> None:
        self.layers, self.parameters = network.layers, network.parameters
        self.alive: list[int] = []
        self.recorded: list[bool] = []
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.alive.append(len([r for r in noted if r() is not None]))
        self.sizes.append(len(x.data))
        for layer in self.layers:
            x = note(layer.forward(x))
        self.recorded.append(x.requires_grad)
        return x


noted.clear()
some_images, some_targets = images[:1000].double(), targets[:1000].double()
kept_losses = leaking_losses(Noting(by_tape), some_images, some_targets, 50)
leaked = mebibytes_held()
print(f"after {len(kept_losses)} batches: {leaked:.2f} MiB, and a loss has 8 bytes")
del kept_losses

# %% tags=["claim"]
assert leaked > 0.5 and mebibytes_held() == 0

# %% [markdown] exercise="validation_losses" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 6.5: find the leak
#
# Write `validation_losses`, with the same arguments, so that it holds no more at the last batch than at the first, records nothing, and gives back plain floats. The network shall be, afterwards, as it was before.

# %% [markdown] tags=["hint"]
# Each loss in that list is the end of an edge. What hangs on the other end, and what on that one's? Which of these does the caller need?

# %% [markdown] tags=["hint"]
# Two things would do it, each by itself: not to record, and not to keep the tensor. The first also saves the time. When is a tensor turned into a float: at the end, for the whole list, or as soon as it is there?


# %% tags=["solution"]
def validation_losses(
    network: Network, inputs: torch.Tensor, targets: torch.Tensor, batch_size: int
) -> list[float]:
    losses = []
    pairs = zip(inputs.split(batch_size), targets.split(batch_size), strict=True)
    with no_grad():
        for x, wanted in pairs:
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% [markdown] tags=["solution"]
# I called `backward()` on each loss, since that frees its graph. It does, and the memory stayed flat. But every parameter came out of the measurement with a gradient in it, summed over all the batches; the next step of training would have added its own to that and gone off along both.


# %% tags=["check"]
def check_leak() -> None:
    source = torch.Generator().manual_seed(6)
    inputs = torch.randn(23, 6, generator=source)
    targets = torch.randn(23, 2, generator=source)
    network = Network([6, 4, 2], source)
    network = Noting(network)
    noted.clear()
    before = [(p, p.data.clone()) for p in network.parameters()]
    for p, numbers in before:
        p.grad = numbers + 7
    x_before, targets_before = inputs.clone(), targets.clone()
    wanted = []
    for x, right_ones in zip(inputs.split(4), targets.split(4), strict=True):
        with no_grad():
            out = network.forward(Tensor(x)).data
        wanted.append(((out - right_ones) ** 2).mean().item())
    network.alive, network.recorded, network.sizes = [], [], []
    noted.clear()
    try:
        got = validation_losses(network, inputs, targets, 4)
    except AssertionError:
        raise
    except Exception as error:
        said, why = str(error), ""
        if "float()" in said or "'item'" in said:
            why = (
                ": a Tensor of ours is neither a float nor has it item(): .data.item()"
            )
        elif "context manager" in said:
            why = ": no_grad() with its brackets makes one"
        elif "inputs (6,)" in said:
            why = ": one image is no batch: split the inputs"
        raise AssertionError(f"your code stops at {error!r}{why}") from None
    finally:
        still_on, Tensor.recording = Tensor.recording, True
    assert got is not None, "nothing came back: return the list of losses"
    assert isinstance(got, (list, tuple)), f"give back a list, not {type(got).__name__}"
    assert still_on, "the tape is still off after the measurement: leave no_grad again"
    assert torch.equal(inputs, x_before) and torch.equal(targets, targets_before), (
        "inputs or targets have changed: a batch of split() is a view of them"
    )
    now = network.parameters()
    assert all(p.requires_grad for p in now), (
        "the parameters want no gradient any more: the next training would stand still"
    )
    assert all(p.grad is not None for p in now), (
        "the gradients that the parameters had are gone: leave them as they were"
    )
    assert all(torch.equal(p.grad, numbers + 7) for p, numbers in before), (
        "the parameters have come out with gradients: a measurement needs no backward()"
    )
    same = all(torch.equal(p.data, numbers) for p, numbers in before)
    assert same and now == [p for p, _ in before], (
        "the parameters have changed: measure, do not train"
    )
    assert network.sizes, "network.forward was never called: it goes through the layers"
    assert network.sizes == [4, 4, 4, 4, 4, 3], (
        f"batches of {network.sizes} of 23 images; batch_size is 4, and the last has 3"
    )
    growth = network.alive[-1] - network.alive[1]  # one batch's may be held throughout
    kept = [type(loss).__name__ for loss in got if not isinstance(loss, float)]
    assert growth < 8, (
        f"{growth} layers' results more were alive at the last batch than at the "
        "second: the graphs are still held while the loop runs"
    )
    assert not kept, f"give back plain floats, not {kept[0]}: .data.item()"
    assert not any(network.recorded), (
        "flat, and still recorded: `with no_grad():`, ours, around it the tape would "
        "not even be written (torch.no_grad does not know this tape)"
    )
    assert growth < 1, f"layers' results kept at the last batch: {growth}: keep floats"
    assert len(got) == 6, f"one loss for each of 6 batches, not {len(got)}"
    assert all(
        math.isclose(a, b, rel_tol=1e-5) for a, b in zip(got, wanted, strict=True)
    ), f"the losses of the batches are {wanted}, not {list(got)}"
    with no_grad():
        validation_losses(network, inputs, targets, 4)
        still_off = not Tensor.recording
    assert still_off, (
        "the tape was off before, and is on afterwards: leave it as it was"
    )


check_leak()

# %% [markdown]
# ## How fast?
#
# A tape in Python, against one in C++. Both hand their arithmetic to the same compiled functions, and differ in what they do besides. We time forward, loss and backward for a network like chapter 3's with 50 hidden units and for a wider one, batches of 64 and of 512, one thread; both sides take the *same operations*, in turns, and it is the processor's time that counts, so that other programs do not:


# %% tags=["timing"]
from functools import partial


def one_step_of(kind, parameters: list, x, wanted: torch.Tensor) -> None:
    W, b, V, c = parameters
    for parameter in parameters:
        parameter.grad = None
    hidden = x @ W.T + b
    hidden = hidden.relu() if kind is Tensor else hidden.clamp(min=0)
    (((hidden @ V.T + c) - wanted) ** 2).mean().backward()


def in_turns(
    repeats: int, *functions, clock=time.process_time, best: bool = False
) -> list[float]:
    """Of each function the median of its times, or the best, in milliseconds."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            start = clock()
            function()
            taken.append(1000 * (clock() - start))
    return [sorted(taken)[0 if best else repeats // 2] for taken in times]


def both_engines(hidden_features: int, batch_size: int) -> tuple[list, list]:
    source = torch.Generator().manual_seed(0)
    shapes = (hidden_features, 784), (hidden_features,), (10, hidden_features), (10,)
    numbers = [0.05 * torch.randn(*shape, generator=source) for shape in shapes]
    x = torch.randn(batch_size, 784, generator=source)
    wanted = torch.randn(batch_size, 10, generator=source)
    ours = [Tensor(number.clone(), requires_grad=True) for number in numbers]
    theirs = [number.clone().requires_grad_() for number in numbers]
    return (Tensor, ours, Tensor(x), wanted), (torch.Tensor, theirs, x, wanted)


ratios = {}
for hidden_features in (50, 256):
    for batch_size in (64, 512):
        ours, theirs = both_engines(hidden_features, batch_size)
        mine, real = in_turns(
            60, partial(one_step_of, *ours), partial(one_step_of, *theirs)
        )
        ratios[hidden_features, batch_size] = mine / real
        print(
            f"784-{hidden_features}-10, batches of {batch_size}: "
            f"{mine:.2f} ms, PyTorch {real:.2f} ms, ratio {mine / real:.2f}"
        )

# %% tags=["claim"]
assert all(map(torch.allclose, [p.grad for p in ours[1]], [p.grad for p in theirs[1]]))
assert sorted(ratios.values())[2] < 1.5
record(
    "tape, times as long as PyTorch, 784-50-10 and 784-256-10", list(ratios.values())
)

# %% [markdown]
# Not far from 1. What the tape itself costs can be saved, by fewer and larger operations: nothing keeps us from recording a whole layer as *one* node, with what chapter 5 found for it. And it can be measured, on tensors of one number, where there is little else:


# %% tags=["timing"]
def fused_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    a, w = x.data, weight.data
    return recorded(
        "linear",
        a @ w.T + bias.data,
        (x, lambda G: G @ w),
        (weight, lambda G: G.T @ a),
        (bias, lambda G: G.sum(0)),
    )


def fused_mse(predictions: Tensor, wanted: torch.Tensor) -> Tensor:
    e = predictions.data - wanted
    return recorded(
        "mse", (e * e).mean(), (predictions, lambda G: e * (2 * G / e.numel()))
    )


def fused_step(kind, parameters: list, x: Tensor, wanted: torch.Tensor) -> None:
    W, b, V, c = parameters
    for parameter in parameters:
        parameter.grad = None
    hidden = fused_linear(x, W, b).relu()
    fused_mse(fused_linear(hidden, V, c), wanted).backward()


fused_ratios = {}
for hidden_features, batch_size in ratios:
    ours, theirs = both_engines(hidden_features, batch_size)
    mine, real = in_turns(60, partial(fused_step, *ours), partial(one_step_of, *theirs))
    fused_ratios[hidden_features, batch_size] = mine / real
    print(
        f"784-{hidden_features}-10, batches of {batch_size}: "
        f"{mine:.2f} ms, PyTorch {real:.2f} ms, ratio {mine / real:.2f}"
    )
tiny = Tensor(torch.ones(1), requires_grad=True)


def hundred(start) -> None:
    out = start
    for _ in range(100):
        out = out * 1.001
    out.sum().backward()


real_tiny = torch.ones(1, requires_grad=True)
constant = torch.ones(1)
mine, real, bare = in_turns(
    30,
    lambda: hundred(tiny),
    lambda: hundred(real_tiny),
    lambda: [constant * 1.001 for _ in range(100)],
)
print(
    f"one operation, there and back: ours {10 * mine:.1f} µs, PyTorch {10 * real:.1f}; "
    f"a multiplication without any tape {10 * bare:.1f}"
)
print(f"{100 / mine * 1000:,.0f} nodes per second, PyTorch {100 / real * 1000:,.0f}")

# %% tags=["claim"]
assert all(map(torch.allclose, [p.grad for p in ours[1]], [p.grad for p in theirs[1]]))
assert sorted(fused_ratios.values())[2] < 1.4
assert real / 3 < mine < 4 * real and 2 * bare > 0.35 * max(mine, real)
record("tape with fused layers, times as long as PyTorch", list(fused_ratios.values()))
record("tape, nodes per second", 100 / mine * 1000)
record("PyTorch, nodes per second", 100 / real * 1000)

# %% [markdown]
# Our fused layers beside PyTorch's single operations are no fair comparison any more (its own `Linear` multiplies and adds in one node, too). They show where the time was. And even on single numbers the two tapes are not far apart: one multiplication forward and one on the way back, without any tape, are a good part of what either takes. Much of the cost is to ask for a tensor at all, whoever asks. It is what chapter 3 found: what counts is how much is asked for at once.
#
# All this was with one thread, and so is every chapter of this book so far. Why not with two?

# %% [markdown] tags=["aside"]
# #### Aside: two threads
#
# A second core can do half of an operation. PyTorch divides elementwise work only from some tens of thousands of numbers on, since handing half of it over costs some microseconds. But what if the second core has something else to do, a second training run, say? Then both threads must share the first. Here that is made certain: a process is tied to *one* core (Linux can do that; elsewhere it keeps them all) and multiplies a tensor sixty times, with one thread and with two. And all that twice: with threads that, having finished their half, ask again and again whether the other has, too, as PyTorch's do unless told otherwise; and with threads that *sleep* until then (`OMP_WAIT_POLICY`).

# %% tags=["aside", "timing"]
import os
import subprocess
import sys

program = """
import os, time, torch
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for size in (4096, 2**20):
    for threads in (1, 2):
        torch.set_num_threads(threads)
        numbers, times = torch.ones(size), []
        for _ in range(60):
            start = time.perf_counter()
            numbers * 2.0
            times.append(1000 * (time.perf_counter() - start))
        print(sorted(times)[30])
"""
keys = [(size, threads) for size in (4096, 2**20) for threads in (1, 2)]
found = {}
for name, policy in (("who waits, asks", "ACTIVE"), ("who waits, sleeps", "PASSIVE")):
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMP_WAIT_POLICY": policy},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for (size, threads), line in zip(keys, told.splitlines(), strict=True):
        found[name, size, threads] = float(line)
        print(
            f"{name:17} {size:9,} numbers, {threads} threads: "
            f"median {float(line):6.3f} ms",
            flush=True,
        )

# %% tags=["aside", "claim"]
awake, asleep = (
    found[name, 2**20, 2] for name in ("who waits, asks", "who waits, sleeps")
)
assert awake > 5 * asleep or not hasattr(os, "sched_setaffinity")
assert asleep < 4 * found["who waits, sleeps", 2**20, 1], "nearly as long as one"
small = [found["who waits, asks", 4096, threads] for threads in (1, 2)]
assert 1 / 3 < small[1] / small[0] < 3
record("a million numbers, two threads on one core, median ms", awake)
record("the same, where who waits sleeps, median ms", asleep)

# %% [markdown] tags=["aside"]
# The small tensor takes no notice: it is not divided. For a million numbers two threads on one core could take as long as one thread, and where who waits sleeps, they nearly do. But a thread that has finished its half and keeps asking keeps the core, while the one that it waits for cannot go on: until the operating system ends the turn, and turns are dealt out in *milliseconds*. It is not the tape's doing, nor PyTorch's alone. Hence `set_num_threads(1)` at the head of these chapters, which are often run side by side; alone on a machine, and with larger networks, give PyTorch all it has.

# %% [markdown]
# ## A network that nobody would want to derive
#
# What is it good for? Try an activation function that no chapter has derived. A ReLU is the larger of two things, the pre-activation and 0. **Maxout** lets the network choose *both*: each unit has $k$ weighted sums, and passes on the largest. It has no fixed shape, it learns one: with enough pieces it comes as close as one likes to any convex function on a bounded region.
#
# > [!QUOTE] Paper box: Maxout
# > I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville and Y. Bengio, *Maxout Networks* (ICML 2013, arXiv:1302.4389), section 3: a hidden layer gives
# >
# > $$h_i(x) = \max_{j \in [1, k]} z_{ij} \qquad z_{ij} = x^\top W_{\cdots ij} + b_{ij}$$
# >
# > | in the paper | for us |
# > |:--|:--|
# > | $x$, a vector of length $d$ | a row of `x`, $(N, D)$ |
# > | $m$ units, the one counted by $i$; $k$ pieces, by $j$ | $H$; $k$, `pieces` |
# > | $W$, $(d, m, k)$ | `linear.weight`, $(H k, D)$: the $k$ pieces of unit 0, then of unit 1, … |
# > | $b$, $(m, k)$ | `linear.bias`, $(H k,)$ |
# > | $z_{ij}$ | `z.reshape(N, H, k)` |
# > | $h_i$ | `.amax(2)`, $(N, H)$ |
#
# Line by line it is two of our operations, behind a `Linear` that is $k$ times as wide:


# %%
class Maxout:
    """The largest of every `pieces` neighbours. Shapes: (N, H * pieces) -> (N, H)."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def forward(self, z: Tensor) -> Tensor:
        return z.reshape(len(z.data), -1, self.pieces).amax(2)  # (N, H, k) -> (N, H)

    def parameters(self) -> list[Tensor]:
        return []


def maxout_network(sizes: list[int], pieces: int, source: torch.Generator) -> Network:
    network = Network([sizes[0], sizes[-1]])
    network.layers = []
    *hidden, last = pairwise(sizes)
    for in_features, out_features in hidden:
        weight = torch.empty(pieces * out_features, in_features)
        kaiming_normal_(weight, a=1.0, generator=source)  # no half is cut off: gain 1
        network.layers += [Linear(0.3 * weight), Maxout(pieces)]
    weight = xavier_normal_(torch.empty(last[1], last[0]), generator=source)
    network.layers.append(Linear(0.3 * weight))  # begins quietly, as chapter 5's
    return network


print(f"maxout: {disagreement(Maxout(3).forward, rand(4, 6)):.0e}")

# %% [markdown]
# How wide, how many pieces, which learning rate? As in chapter 4, a fifth of the *training* images chooses, drawn at random and held back; the rest trains for three epochs, from two seeds each (some seconds; a minute on the full set). (I had looked at two dozen others before, with another fifth held back.)


# %%
from ch05.metrics import error_rate


def trained(network: Network, x, wanted, lr: float, epochs: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(epochs):
        sgd_epoch(network, x, wanted, lr, rng, batch_size=20)


def answers(network: Network, x: torch.Tensor) -> torch.Tensor:
    with no_grad():
        return network.forward(Tensor(x)).data.argmax(1)


at_random = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
fitted, held = at_random.split([len(images) * 4 // 5, len(images) // 5])
seen, held_back = normalize_both(raw_images[fitted], raw_images[held])
choices = {}
for widths, pieces in (([100, 50], 2), ([60, 30], 4)):
    for lr in (0.3, 0.5):
        rates = []
        for seed in (10, 11):
            source = torch.Generator().manual_seed(seed)
            network = maxout_network([784, *widths, 10], pieces, source)
            trained(network, seen, targets[fitted], lr, 3, seed)
            rates.append(error_rate(answers(network, held_back), labels[held]))
        choices[tuple(widths), pieces, lr] = math.fsum(rates) / 2
        print(
            f"{widths}, {pieces} pieces, learning rate {lr}: "
            f"{rates[0]:.1%} and {rates[1]:.1%} wrong",
            flush=True,
        )
widths, pieces, lr = min(choices, key=choices.get)
print(f"chosen: {widths}, {pieces} pieces, learning rate {lr}")

# %% [markdown]
# With that, all training images, chapter 5's ten epochs, and five random starts; and for comparison chapter 5's network, at the rate of 2, one of the two between which chapter 5 could hardly choose on the book's images, and from the same seeds (twenty seconds or so; some minutes on the full set):

# %%
guesses = {"maxout": [], "chapter 5's": []}
for seed in range(5):
    source = torch.Generator().manual_seed(seed)
    network = maxout_network([784, *widths, 10], pieces, source)
    trained(network, images, targets, lr, 10, seed)
    guesses["maxout"].append(answers(network, valid_images))
    by_tape = Network(sizes, torch.Generator().manual_seed(seed), scale=0.3)
    trained(by_tape, images, targets, 2.0, 10, seed)
    guesses["chapter 5's"].append(answers(by_tape, valid_images))
    both = [error_rate(guess[seed], valid_labels) for guess in guesses.values()]
    print(
        f"seed {seed}: maxout {both[0]:.1%} wrong, chapter 5's {both[1]:.1%}",
        flush=True,
    )
ends = {}
for name, found in guesses.items():
    ends[name] = sorted(error_rate(guess, valid_labels) for guess in found)
    print(
        f"{name}: median {ends[name][2]:.1%}, from {ends[name][0]:.1%} to "
        f"{ends[name][4]:.1%}"
    )
alone = [0, 0]
for pair in zip(*guesses.values(), strict=True):
    right = [guess == valid_labels for guess in pair]
    for i in (0, 1):
        alone[i] += int((right[i] & ~right[1 - i]).sum())
print(f"right alone, of all five pairs: maxout {alone[0]}, chapter 5's {alone[1]}")

# %% tags=["claim"]
assert abs(ends["maxout"][2] - ends["chapter 5's"][2]) < 0.008
if len(images) < 5000:
    assert ends["maxout"][0] < ends["chapter 5's"][4]  # the two lists overlap
    assert ends["chapter 5's"][0] < ends["maxout"][4]
    assert 0.5 < alone[0] / alone[1] < 2 and min(alone) >= 24
    assert abs(ends["maxout"][2] - ends["chapter 5's"][2]) < (
        ends["maxout"][4] - ends["maxout"][0]
    )
record("error_rate", ends["maxout"][2])
record("error rates of five seeds", ends["maxout"])
record("error rate of chapter 5's network", ends["chapter 5's"][2])

# %% [markdown]
# That is hardly a difference. Over the five pairs, each network is right alone on dozens of images, and the two lists of results overlap: maxout has learnt its own activation functions, and does as well with them as chapter 5's network with ReLU. So this chapter's last number is about chapter 5's, and I would not change my library for it. What has changed is its price. Maxout is ten lines, its network another dozen, all of them forward, and nobody has written a `backward` for it. Which loss to descend on is still chapter 1's choice, and chapter 7's question.
#
# ## Recap
#
# Whatever is computed can keep a graph of itself: each result its parents, and for each parent how a gradient goes back to it, as a local derivative for numbers, as a vector-Jacobian product for tensors. The way back visits the graph in reverse topological order, so that whoever hands on has everything; leaves accumulate; what broadcasting repeated is added up; and the graph is freed as it is used. If you remember one thing: **a gradient is complete when all that used the value has handed on, and not before.**
#
# **Terms:** automatic differentiation, reverse mode, forward mode, dual number; computational graph, edge, parents, leaf, local derivative; topological order, depth-first, stack, heap; tape, vector-Jacobian product; accumulate, detach; un-broadcasting; garbage collector, reference cycle; gradient checkpointing, Hessian; maxout.
#
# **Unlocked:** `torch.Tensor.backward` (with `requires_grad`) and `torch.no_grad`.
#
# **What changed in the checkpoint:** `scalar.py` (`Value`) and `autograd.py` (`Tensor`, `no_grad`) are new. `Linear`, `ReLU`, `Network`, the activations and the losses compute with `Tensor`s, and every `backward`, `grads`, `relu_grad` and `mse_grad` is deleted; `sgd_epoch` calls the loss's `backward`.
#
# **To read on:** Andrej Karpathy's *micrograd*, and his lecture on it; Baydin, Pearlmutter, Radul and Siskind, *Automatic differentiation in machine learning: a survey* (JMLR 18, 2018); Griewank and Walther, *Evaluating Derivatives* (2008); *minitorch*, a course that builds such a tape with tests; *Autodidax* in JAX's documentation, for an engine whose way back can itself be differentiated.
