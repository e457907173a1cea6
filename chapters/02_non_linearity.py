# %% [markdown]
# # 2. Non-linearity
#
# A weighted sum draws straight lines, however many weights it has. In this chapter we put one bend into it, work out by hand how blame for an error travels back through the bend, and end with a network that names all ten digits, in plain Python. It will be better than chapter 1's and painfully slow; hold on to that feeling, chapter 3 needs it.
#
# **You need:** chapter 1. **You will reach:** ten digits with fewer than 14 errors in 100. **Time:** about two hours.

# %%
import math
import random

import matplotlib.pyplot as plt

from groundup import plot, record

rng = random.Random(0)
times = [k / 20 for k in range(-20, 21)]
levels = [math.sin(3.5 * x) + rng.gauss(0, 0.05) for x in times]

# %% [markdown]
# Forty-one readings of a tide gauge, the time scaled to run from $-1$ to $1$. Here is the best that chapter 1 can do with them:

# %% tags=["figure", "slide"] alt="Points along one wave: down, up and down again. A straight line rises through the middle and misses nearly all of them."
from ch01.linear import predict
from ch01.losses import mse
from ch01.training import gradient_descent

inputs = [[x] for x in times]
(slope,), bias, losses = gradient_descent(inputs, levels, lr=0.5, steps=200)
line_loss = losses[-1]
plt.plot(times, levels, "o", ms=4)
plt.plot(times, [predict(x, [slope], bias) for x in inputs])
plt.xlabel("time")
plt.ylabel("water level")
print(f"loss of the best line: {line_loss:.3f}")

# %% tags=["claim"]
assert losses[-2] - losses[-1] < 1e-9, "the line has not settled"
assert line_loss > 100 * 0.05**2

# %% [markdown]
# The readings are off a smooth wave by 0.05 or so, which would be a loss of 0.0025. The line's is more than a hundred times that, and no learning rate will help: this *is* the best line.
#
# ## More of the same does not help
#
# Two models in a row, then? Let sixteen lines read the time, and a seventeenth read the sixteen. Numbers like those sixteen, which are neither input nor output, are called *hidden*. Predict: how many corners will the result have?

# %%
first = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(16)]
second = [rng.gauss(0, 1) for _ in range(16)]


def stacked(x: float) -> float:
    hidden = [predict([x], [w], b) for w, b in first]
    return predict(hidden, second, 0.5)


one_slope = sum(v * w for v, (w, b) in zip(second, first, strict=True))
one_offset = sum(v * b for v, (w, b) in zip(second, first, strict=True)) + 0.5
gap = max(abs(stacked(x) - predict([x], [one_slope], one_offset)) for x in times)
print(f"49 knobs, and one line with 2 knobs is never further off than {gap:.0e}")

# %% tags=["claim"]
assert gap < 1e-12

# %% [markdown]
# None. A weighted sum of weighted sums is a weighted sum: multiply the weights along each path, add up the paths, and forty-nine knobs have become two. However many layers we stack, the stack folds up flat. Something has to come between the layers that does not fold.
#
# ## A corner
#
# The smallest such thing is a corner: let positive numbers pass and hold the rest at 0. It is called the *rectified linear unit*, ReLU for short (say "ray-loo"):
#
# $$\operatorname{relu}(z) = \max(0, z)$$

# %% [markdown] exercise="relu" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise 2.1: the corner and its slope
#
# Write `relu(z)` and `relu_grad(z)`, its derivative. To the right of 0 the slope is 1, to the left it is 0. At 0 itself there is a corner and no derivative; the world has agreed on 0 there, and so shall we. Both give back a `float`, whatever comes in.

# %% [markdown] tags=["hint"]
# An expression with `if` and `else` does it: `a if condition else b`.

# %% [markdown] tags=["hint"]
# `relu(0)` and `relu(-2)` must be `0.0`, not `0`. For the slope, the condition is `z > 0`, not `z >= 0`.

# %% tags=["solution"] export="activations.py"
"""Activations: the bends between two linear layers."""


def relu(z: float) -> float:
    """`z` where it is positive, else 0."""
    return float(z) if z > 0 else 0.0


def relu_grad(z: float) -> float:
    """Derivative of `relu` at `z`; at the corner, 0 by convention."""
    return 1.0 if z > 0 else 0.0


# %% [markdown] tags=["solution"]
# I had `max(0, z)` first. It gives back the integer 0 or the float that came in, and the mixture is harmless until somebody asks for its type. For the slope I tried 0.5 at the corner, as a fair compromise. Fair or not, every framework says 0, and I want to compare with them later.

# %% tags=["check"]
assert relu(-2.0) != -0.02, "that is a leaky ReLU: hold everything below 0 at 0"
assert [relu(3.0), relu(-2.0), relu(0.0)] == [3.0, 0.0, 0.0], "relu(z) is max(0, z)"
for function in (relu, relu_grad):
    kinds = {type(function(z)).__name__ for z in (-2, 0, 2)}
    assert kinds == {"float"}, f"give back a float, always, and not {kinds}: 0.0, 2.0"
assert relu_grad(0.0) != 1.0, (
    "at the corner the slope is 0 by convention: z > 0, not >="
)
assert relu_grad(0.0) != 0.5, (
    "no compromise: the slope at the corner is 0 by convention"
)
assert relu_grad(-1.0) == 0.0, "left of the corner relu is flat: its slope there is 0"
assert relu_grad(7.0) == 1.0, (
    "right of the corner the slope is 1, not the value itself"
)
assert relu_grad(0.5) == 1.0, "everywhere right of the corner the slope is 1"
assert relu_grad(0.0) == 0.0, "at the corner the slope is 0.0"

# %% [markdown]
# What can be built from corners? Give each its own place and steepness, and add:

# %% tags=["figure", "slide"] alt="Left: three ramps, each flat and then straight, with corners at different places. Right: their weighted sum, a line with three corners that rises, falls and rises again."
ramps = [(1.5, -0.8), (-3.5, 0.0), (3.0, 0.5)]  # steepness, and where the corner is
figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), sharex=True)
grid = [k / 100 for k in range(-100, 101)]
for steepness, corner in ramps:
    left.plot(grid, [steepness * relu(x - corner) for x in grid])
right.plot(grid, [sum(s * relu(x - corner) for s, corner in ramps) for x in grid])
left.set(title="three ramps", xlabel="x")
right.set(title="their sum", xlabel="x")
figure.tight_layout()

# %% [markdown]
# Three ramps make three corners. With enough of them you can follow any unbroken curve as closely as you like, the way a polygon follows a circle. All that remains is to find where the corners should be and how steep the ramps; which is to say, to set knobs, and for that we have a method.
#
# ## A hidden layer
#
# Here is the network in full, with every symbol that we shall need. It has $D$ inputs, $H$ hidden units and $K$ outputs:
#
# $$z_j = \sum_{d=1}^{D} W_{jd}\, x_d + b_j
# \qquad h_j = \operatorname{relu}(z_j)
# \qquad \hat y_k = \sum_{j=1}^{H} V_{kj}\, h_j + c_k$$
#
# Hidden unit $j$ has a row of weights $W_j$ and a bias $b_j$; output $k$ has a row of weights $V_k$ and a bias $c_k$. The $z_j$ are called *pre-activations*, the $h_j$ *activations*. Capital letters are tables of numbers: $W$ has $H$ rows of $D$ numbers, which we write as its *shape* $(H, D)$; $W_{jd}$, "W j d", is number $d$ of row $j$. $V$ has shape $(K, H)$.

# %% export="network.py"
"""A network with one hidden layer of ReLU units, in plain lists."""

from dataclasses import dataclass


@dataclass
class Network:
    """The knobs of the network, or one slope for each of them.

    Shapes: hidden_weight (H, D), hidden_bias (H), output_weight (K, H),
    output_bias (K).
    """

    hidden_weight: list[list[float]]
    hidden_bias: list[float]
    output_weight: list[list[float]]
    output_bias: list[float]

    def parameters(self) -> list[list[float]]:
        """The lists that hold all numbers: change them and the network changes."""
        return [
            *self.hidden_weight,
            self.hidden_bias,
            *self.output_weight,
            self.output_bias,
        ]


# %% [markdown]
# A network of known numbers to try things on: two inputs, two hidden units, two outputs. Which of its two hidden units is *asleep* for this input, that is, has a pre-activation not above 0 and so gives 0?

# %%
toy = Network(
    hidden_weight=[[1.0, -1.0], [2.0, 1.0]],
    hidden_bias=[0.5, -0.25],
    output_weight=[[1.0, 2.0], [-3.0, -0.5]],
    output_bias=[0.1, -0.1],
)
toy_x = [1.0, 2.0]

# %% [markdown] exercise="forward" tags=["prompt"] difficulty="easy" minutes=10
# ### Exercise 2.2: forward
#
# Write `forward(network, x)`, the three formulas above. Give back all three lists, `z`, `hidden` and `outputs`: the way back will need them. `predict` and `relu` do most of the work.

# %% [markdown] tags=["hint"]
# `zip(network.hidden_weight, network.hidden_bias)` gives each unit's row of weights together with its bias, ready for `predict`.

# %% [markdown] tags=["hint"]
# There is no ReLU after the outputs: a water level may be negative. And the hidden units see `x`, but the outputs see `hidden`.

# %% tags=["solution"] export="network.py"
from ch01.linear import predict


def forward(
    network: Network, x: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Pre-activations, activations and outputs for one input.

    Shapes: x (D) -> z (H), hidden (H), outputs (K).
    """
    hidden_units = zip(network.hidden_weight, network.hidden_bias, strict=True)
    z = [predict(x, weights, bias) for weights, bias in hidden_units]
    hidden = [relu(value) for value in z]
    output_units = zip(network.output_weight, network.output_bias, strict=True)
    outputs = [predict(hidden, weights, bias) for weights, bias in output_units]
    return z, hidden, outputs


# %% [markdown] tags=["solution"]
# Nothing went wrong here, except that at first I threw `z` and `hidden` away because nobody had asked for them. A page further down I was computing everything twice.

# %% tags=["check"]
got = forward(toy, toy_x)
assert len(got) == 3, "give back three lists: z, hidden and outputs"
z, hidden, outputs = ([round(v, 9) for v in part] for part in got)
assert z != [-1.0, 4.0], "the hidden biases are missing: predict(x, weights, bias)"
assert z == [-0.5, 3.75], f"the pre-activations should be [-0.5, 3.75], not {z}"
assert hidden != z, "nothing bends: the hidden list is relu of each pre-activation"
assert hidden == [0.0, 3.75], f"the activations should be [0.0, 3.75], not {hidden}"
assert outputs != [7.6, 0.0], "an output may be negative: no relu after the last layer"
assert outputs != [7.5, -1.875], "the output biases are missing"
assert outputs == [7.6, -1.975], f"the outputs should be [7.6, -1.975], not {outputs}"

# %% [markdown]
# ## Who is to blame?
#
# To walk downhill we need the loss's slope for every knob, and nudging each of them is out of the question. In chapter 1 one multiplication of rates was enough. Now there is a chain of them. Follow a single path through a network, from one weight to the loss:
#
# $$w \;\longrightarrow\; z = w x + b \;\longrightarrow\; h = \operatorname{relu}(z) \;\longrightarrow\; \hat y = v h + c \;\longrightarrow\; L = (\hat y - y)^2$$
#
# Each arrow answers one question, "if what I start from grows a little, how many times faster does what I point at grow?":
#
# $$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial \hat y} \cdot \frac{\partial \hat y}{\partial h} \cdot \frac{\partial h}{\partial z} \cdot \frac{\partial z}{\partial w} = 2(\hat y - y) \cdot v \cdot \operatorname{relu}'(z) \cdot x$$
#
# (Say "relu prime": the prime means "slope of".) That is the chain rule: rates in a row multiply.

# %%
from ch01.gradients import numerical_grad

x, b, v, c, y = 1.5, 0.2, -2.0, 0.3, 1.0


def path_loss(knobs: list[float]) -> float:
    (w,) = knobs
    return (v * relu(w * x + b) + c - y) ** 2


z = 0.8 * x + b
y_hat = v * relu(z) + c
rates = [2 * (y_hat - y), v, relu_grad(z), x]
print("four rates:", rates, "their product:", math.prod(rates))
(nudged,) = numerical_grad(path_loss, [0.8])

# %% tags=["claim"]
assert abs(math.prod(rates) - nudged) < 1e-6

# %% [markdown]
# I shall call the slope of the loss for any number, $\partial L$ by that number, the number's *blame*. In the whole network a hidden unit reaches the loss along $K$ paths, one through each output, and rates side by side add. Start at the end and walk back, one line for each layer:
#
# $$\frac{\partial L}{\partial h_j} = \sum_{k=1}^{K} \frac{\partial L}{\partial \hat y_k}\, V_{kj}
# \qquad
# \frac{\partial L}{\partial z_j} = \frac{\partial L}{\partial h_j}\, \operatorname{relu}'(z_j)$$
#
# and each weight's slope is the blame at its end times the number at its start:
#
# $$\frac{\partial L}{\partial V_{kj}} = \frac{\partial L}{\partial \hat y_k}\, h_j
# \qquad
# \frac{\partial L}{\partial W_{jd}} = \frac{\partial L}{\partial z_j}\, x_d$$
#
# A bias is a weight whose start is always 1. That is *backpropagation*, all of it. Look at what it costs: on the way forward each weight is multiplied once, on the way back once or twice. All slopes for the price of two or three predictions, whether there are ten knobs or ten billion.

# %% [markdown] exercise="backward" tags=["prompt"] difficulty="hard" minutes=30
# ### Exercise 2.3: backward
#
# Write `backward(network, x, z, hidden, output_grad)`. It gets `x`, the `z` and `hidden` that `forward` gave back, and `output_grad`, the $K$ numbers $\partial L/\partial \hat y_k$. Give back a `Network` that holds one slope for every knob.

# %% [markdown] tags=["hint"]
# Do it in the order of the formulas: `hidden_slopes` (H numbers), then `z_slopes` (H numbers), then the two tables. For $\partial L/\partial h_j$ you need *column* $j$ of $V$, because $k$ is what is summed over: `zip(*network.output_weight)` walks through the columns.

# %% [markdown] tags=["hint"]
# `[[slope * value for value in x] for slope in z_slopes]` is the table of the hidden weights. The other table has the same form, with other lists. The biases' slopes are `z_slopes` and `output_grad` as they are.


# %% tags=["solution"] export="network.py"
def backward(
    network: Network,
    x: list[float],
    z: list[float],
    hidden: list[float],
    output_grad: list[float],
) -> Network:
    """The slope of the loss for every knob, given its slopes for the outputs.

    Shapes: x (D), z (H), hidden (H), output_grad (K) -> the network's own shapes.
    """
    columns = zip(*network.output_weight, strict=True)
    hidden_slopes = [predict(output_grad, column, 0.0) for column in columns]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z, strict=True)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        list(output_grad),
    )


# %% [markdown] tags=["solution"]
# I used the rows of $V$ where the columns belong. With ten outputs and thirty hidden units Python would have complained at once; my test network had two of each, and the shapes agreed. The numbers came out wrong in a way that still trained, slowly. Since then I test with sizes that are all different, and with nudges, and only believe the nudges.

# %% tags=["check"]
z, hidden, outputs = forward(toy, toy_x)
got = backward(toy, toy_x, z, hidden, [-1.0, 2.0])
assert toy.hidden_weight == [[1.0, -1.0], [2.0, 1.0]], (
    "the network itself has changed: put the slopes into a new Network"
)
second_table = [list(row) for row in got.output_weight]
assert second_table != [[0.5, -3.75], [-1.0, 7.5]], (
    "an output weight starts at the activation h, not at the pre-activation z"
)
assert second_table == [[0.0, -3.75], [0.0, 7.5]], (
    f"output weights: slope of output k times hidden[j], not {second_table}"
)
first_table = [list(row) for row in got.hidden_weight]
assert first_table != [[-7.0, -14.0], [-3.0, -6.0]], (
    "a unit that was asleep gets no blame: multiply by relu_grad(z)"
)
assert first_table[1] != [2.0, 4.0], "you took rows of V: the sum over k needs columns"
assert first_table[1] not in ([-2.0, -4.0], [-1.0, -2.0]), (
    "only one of the outputs counted: add up the paths through all"
)
assert first_table[1] != [-11.25, -22.5], "multiply by the slope of relu, not by relu"
assert first_table[1] != [0.0, 0.0], "blame may be negative: do not bend it"
assert first_table != [[0.0, 0.0], [0.0, -11.25]], "a hidden weight starts at x"
assert first_table == [[0.0, 0.0], [-3.0, -6.0]], (
    f"hidden weights: z_slopes[j] times x[d], not {first_table}"
)
assert list(got.hidden_bias) == [0.0, -3.0], "a bias is a weight whose input is 1"
assert list(got.output_bias) == [-1.0, 2.0], "the output biases: as the outputs"

# %% [markdown]
# And chapter 1's rule, no gradient without nudging, now for every knob of a network at once. (Chapter 1's `numerical_grad` wants one flat list; this one nudges the numbers where they stand, and takes its place.)

# %% export="gradients.py"
from collections.abc import Callable


def numerical_grad(
    loss: Callable[[], float], parameters: list[list[float]], step: float = 1e-5
) -> list[list[float]]:
    """Slope of `loss()` for every number in `parameters`, by central differences.

    Each number is nudged where it stands and put back. Shapes: as `parameters`.
    """
    slopes = [[0.0] * len(row) for row in parameters]
    for row, row_slopes in zip(parameters, slopes, strict=True):
        for i, knob in enumerate(row):
            row[i] = knob + step
            up = loss()
            row[i] = knob - step
            row_slopes[i] = (up - loss()) / (2 * step)
            row[i] = knob
    return slopes


# %% [markdown]
# We need a network of random numbers to check, and soon one to train. How large should the random numbers be? A sum of $D$ of them grows like $\sqrt D$; dividing by that keeps the sums about as large as the inputs, whatever $D$ is. (Chapter 4 is about what happens to those who don't, and about the 2 that you will see under one of the roots.)

# %% export="network.py"
import math
import random


def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: random.Random
) -> Network:
    """A network of random weights, scaled to keep sums in bounds, and biases of 0."""

    def table(rows: int, columns: int, scale: float) -> list[list[float]]:
        return [[rng.gauss(0, scale) for _ in range(columns)] for _ in range(rows)]

    return Network(
        table(hidden_features, in_features, math.sqrt(2 / in_features)),
        [0.0] * hidden_features,
        table(out_features, hidden_features, math.sqrt(1 / hidden_features)),
        [0.0] * out_features,
    )


# %% [markdown]
# The walk back starts with the loss itself. Its mean over $K$ outputs puts $\frac1K$ in front of each:


# %% export="losses.py"
def mse_grad(predictions: list[float], targets: list[float]) -> list[float]:
    """Slope of `mse` for each prediction. Shapes: both (n) -> (n)."""
    pairs = zip(predictions, targets, strict=True)
    return [2 * (p - t) / len(targets) for p, t in pairs]


# %%
network = init_network(3, 5, 2, rng)
x, target = [0.3, -1.2, 0.8], [0.5, -0.5]
z, hidden, outputs = forward(network, x)
slopes = backward(network, x, z, hidden, mse_grad(outputs, target))
nudged = numerical_grad(
    lambda: mse(forward(network, x)[2], target), network.parameters()
)
differences = [
    abs(by_hand - by_nudging)
    for hand_row, nudge_row in zip(slopes.parameters(), nudged, strict=True)
    for by_hand, by_nudging in zip(hand_row, nudge_row, strict=True)
]
print(f"{len(differences)} knobs, largest difference {max(differences):.0e}")

# %% tags=["claim"]
assert len(differences) == 3 * 5 + 5 + 5 * 2 + 2 and max(differences) < 1e-8

# %% [markdown]
# > [!QUOTE] Paper box: learning representations by back-propagating errors
# > Rumelhart, Hinton and Williams, Nature 323 (1986), brought this to everyone. Their units bend by a smooth curve instead of a corner, the *sigmoid* ("S-shaped") function, equation 2:
# >
# > $$y_j = \frac{1}{1 + e^{-x_j}}$$
# >
# > Here $e$ is Euler's number, 2.718…, and $e^{-x}$ is `math.exp(-x)`; $x_j$ ("x j") is what we call $z_j$, and $y_j$ is our $h_j$; $E$ is the loss (with a ½ in front, which spares them the 2). Their equations 5 to 7 are the way back through one layer:
# >
# > $$\frac{\partial E}{\partial x_j} = \frac{\partial E}{\partial y_j}\; y_j (1 - y_j)
# > \qquad
# > \frac{\partial E}{\partial w_{ji}} = \frac{\partial E}{\partial x_j}\; y_i
# > \qquad
# > \frac{\partial E}{\partial y_i} = \sum_j \frac{\partial E}{\partial x_j}\; w_{ji}$$
# >
# > Index $i$ numbers the units below and $j$ those above; $w_{ji}$ is the weight from $i$ to $j$. One by one these are our `z_slopes`, the slopes of our weights and our `hidden_slopes`. Only the first one differs, for the slope of another bend. The next exercise supplies it, and the cell after it is the box in code.

# %% [markdown] exercise="sigmoid" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 2.4: the smooth bend
#
# Write `sigmoid(z)`, by the paper's equation 2, and `sigmoid_grad(z)`, by the factor in its equation 5. Both must work for every `z`, also for $-1000$ and $1000$; `math.exp(1000)` is more than a float can hold.

# %% [markdown] tags=["hint"]
# `math.exp` is safe for negative arguments: it goes to 0. For a positive `z` the formula as printed is safe already.

# %% [markdown] tags=["hint"]
# Multiply numerator and denominator by $e^{z}$: $\frac{1}{1 + e^{-z}} = \frac{e^{z}}{e^{z} + 1}$. Use that form where `z` is negative. The slope takes two lines: first `y = sigmoid(z)`.

# %% tags=["solution"] export="activations.py"
import math


def sigmoid(z: float) -> float:
    """An S-shaped curve from 0 to 1, for any `z`.

    Paper: Rumelhart, Hinton & Williams 1986, Nature 323, eq. 2.
    """
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z: float) -> float:
    """Derivative of `sigmoid` at `z`: never above 1/4."""
    y = sigmoid(z)
    return y * (1 - y)


# %% [markdown] tags=["solution"]
# My first remedy against the overflow was to clip `z` to ±30. That works, until somebody takes a logarithm of the result and finds a floor where there should be none. Choosing the form that cannot overflow costs one `if` and nothing else.

# %% tags=["check"]
try:
    far = sigmoid(-1000.0), sigmoid(1000.0), sigmoid_grad(-1000.0)
except OverflowError:
    raise AssertionError(
        "math.exp overflowed: use the other form for negative z"
    ) from None
assert sigmoid(0.0) == 0.5, f"half-way up at 0: sigmoid(0) is 0.5, not {sigmoid(0.0)}"
assert abs(sigmoid(2.0) - 0.119203) > 1e-6, (
    "it falls where it should rise: check the sign"
)
assert abs(sigmoid(2.0) - 0.880797) < 1e-6, (
    f"sigmoid(2) is 0.880797, not {sigmoid(2.0)}"
)
assert abs(sigmoid(-2.0) - 0.119203) < 1e-6, "sigmoid(-2) is 0.119203"
tail = sigmoid(-50.0) / math.exp(-50)
assert 0.99 < tail < 1.01, (
    "sigmoid(-50) is about exp(-50): clipped or rounded away, it is not"
)
assert far == (0.0, 1.0, 0.0), f"far out it is 0 and 1, with slope 0, not {far}"
got = sigmoid_grad(2.0)
assert abs(got - 2.0 * -1.0) > 1e-6, (
    "the slope is y (1 - y), and y is sigmoid(z), not z"
)
assert abs(got - 0.104994) < 1e-6, f"the slope at 2 is 0.104994, not {got}"
assert abs(sigmoid_grad(-2.0) - got) < 1e-9, "the slope is the same on both sides of 0"
assert max(sigmoid_grad(k / 10) for k in range(-50, 51)) == 0.25, "steepest at 0: 1/4"

# %% [markdown]
# Now the paper line by line, for two units below and three above, with targets $d_j$, and nudged:

# %%
y_below, wanted = [0.5, -1.0], [1.0, 0.0, 0.0]
w = [[0.3, -0.2], [1.5, 0.4], [-0.7, 0.9]]  # w_ji


def paper_loss() -> float:
    y = [sigmoid(predict(y_below, row, 0.0)) for row in w]
    return sum((y_j - d_j) ** 2 for y_j, d_j in zip(y, wanted, strict=True)) / 2


x = [predict(y_below, row, 0.0) for row in w]  # x_j
y = [sigmoid(x_j) for x_j in x]  # equation 2
blame_y = [y_j - d_j for y_j, d_j in zip(y, wanted, strict=True)]  # ∂E/∂y_j
blame_x = [b * y_j * (1 - y_j) for b, y_j in zip(blame_y, y, strict=True)]  # equation 5
blame_w = [[b * y_i for y_i in y_below] for b in blame_x]  # equation 6
blame_below = [predict(blame_x, w_i, 0.0) for w_i in zip(*w, strict=True)]  # equation 7

nudged = numerical_grad(paper_loss, [*w, y_below])

# %% tags=["claim"]
for by_hand, by_nudging in zip([*blame_w, blame_below], nudged, strict=True):
    assert all(abs(a - n) < 1e-9 for a, n in zip(by_hand, by_nudging, strict=True))

# %% [markdown]
# The slope of the sigmoid is nowhere above ¼. Blame that travels back through ten such layers has been multiplied by ¼ or less ten times, and unless large weights make up for it, little arrives. ReLU passes it on undiminished or not at all, one of the reasons why it took over (Glorot, Bordes and Bengio, *Deep sparse rectifier neural networks*, 2011). We stay with ReLU.
#
# ## The tide again
#
# Widrow and Hoff's habit of correcting after every example is called *stochastic* ("by chance") *gradient descent*, SGD, today; one pass through all examples in random order is an *epoch*.

# %% export="training.py"
import random


def sgd_epoch(
    network: Network,
    inputs: list[list[float]],
    targets: list[list[float]],
    lr: float,
    rng: random.Random,
) -> float:
    """Correct the network after every example, once through all in random order.

    Shapes: inputs (n, D), targets (n, K) -> the mean loss, each before its correction.
    """
    total = 0.0
    for i in rng.sample(range(len(inputs)), len(inputs)):
        z, hidden, outputs = forward(network, inputs[i])
        total += mse(outputs, targets[i])
        output_grad = mse_grad(outputs, targets[i])
        slopes = backward(network, inputs[i], z, hidden, output_grad)
        for row, row_slopes in zip(
            network.parameters(), slopes.parameters(), strict=True
        ):
            row[:] = [w - lr * s for w, s in zip(row, row_slopes, strict=True)]
    return total / len(inputs)


# %%
targets = [[level] for level in levels]


def loss_on_tide(network: Network) -> float:
    return mse([forward(network, x)[2][0] for x in inputs], levels)


tides = {}
for hidden_features in (2, 4, 16):
    rng = random.Random(3)
    tides[hidden_features] = init_network(1, hidden_features, 1, rng)
    for _ in range(600):
        sgd_epoch(tides[hidden_features], inputs, targets, 0.02, rng)
    print(
        f"{hidden_features:2} hidden units: {loss_on_tide(tides[hidden_features]):.4f}"
    )

# %% tags=["figure", "slide"] alt="Three fits of the wave. Two hidden units make a bent line that catches half of it, four follow the wave roughly, sixteen follow it closely. Ticks below each curve mark its corners."
figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.8), sharey=True)
grid = [k / 100 for k in range(-100, 101)]
for ax, (hidden_features, network) in zip(axes, tides.items(), strict=True):
    ax.plot(times, levels, "o", ms=3, color=plot.COLOURS[5])
    ax.plot(grid, [forward(network, [x])[2][0] for x in grid], lw=2)
    weights = [weight for (weight,) in network.hidden_weight]
    corners = [-b / w for w, b in zip(weights, network.hidden_bias, strict=True)]
    corners = [corner for corner in corners if -1 < corner < 1]
    ax.plot(corners, [-1.3] * len(corners), "|", ms=9)
    ax.set(title=f"{hidden_features} hidden units", xlabel="time")
figure.tight_layout()
tide_losses = [loss_on_tide(network) for network in tides.values()]

# %% tags=["claim"]
assert line_loss > tide_losses[0] > tide_losses[1] > tide_losses[2]
assert tide_losses[2] < line_loss / 40
record("loss on the tide, line", line_loss)
record("loss on the tide, 16 hidden units", tide_losses[2])

# %% [markdown]
# The same points, and still steps downhill; what is new is the corners. A tick marks where each hidden unit has put its own.
#
# ## Units that never wake
#
# A hidden unit can fail in two ways, and both are common. First: start all weights at 0, as we did in chapter 1. Predict what happens before you run it.

# %%
zero = Network([[0.0] for _ in range(16)], [0.0] * 16, [[0.0] * 16], [0.0])
for _ in range(100):
    sgd_epoch(zero, inputs, targets, 0.02, random.Random(0))
mean_level = sum(levels) / len(levels)
flat_loss = mse([mean_level] * len(levels), levels)
print(f"loss {loss_on_tide(zero):.3f}; of a constant {flat_loss:.3f}")

# %% tags=["claim"]
assert zero.hidden_weight == [[0.0] for _ in range(16)], "a hidden weight has moved"
assert loss_on_tide(zero) > 0.99 * flat_loss

# %% [markdown]
# Nothing but the last bias has learnt anything. Read the formulas: blame reaches a hidden unit through $V$, which is 0, and leaves $V$ unchanged because $h$ is 0. Even with equal numbers other than 0 all units would receive equal blame, stay equal for ever and be one unit in sixteen copies. Random numbers at the start are there to make the units *different*.
#
# Second: a unit whose pre-activation is above 0 for no input at all. Its ReLU passes nothing forward and nothing back, so nothing will ever change it. It is *dead*.

# %% [markdown] exercise="dead_units" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 2.5: count the dead
#
# Write `dead_units(network, inputs)`: how many hidden units give 0 for every one of the inputs?

# %% [markdown] tags=["hint"]
# `forward(network, x)[1]` is the list of activations for one input. Collect these lists for all inputs; a unit is a column of that table.

# %% [markdown] tags=["hint"]
# `zip(*table)` turns rows into columns, and `not any(column)` is true for a column of zeros. `sum` counts truths.


# %% tags=["solution"] export="metrics.py"
def dead_units(network: Network, inputs: list[list[float]]) -> int:
    """How many hidden units give 0 for every input. Shapes: inputs (n, D)."""
    table = [forward(network, x)[1] for x in inputs]
    return sum(not any(column) for column in zip(*table, strict=True))


# %% [markdown] tags=["solution"]
# I looked at one input first and was alarmed: half of the units asleep! That is as it should be. A unit that is never asleep does not bend, and is as good as linear.

# %% tags=["check"]
rows = [[1.0], [-1.0], [0.0], [1.0], [-1.0], [2.0], [1.0], [2.0]]
biases = [-5.0, -5.0, 0.0, 0.0, 0.0, 0.0, 5.0, 5.0]  # the first three are dead
graveyard = Network(rows, biases, [[1.0] * 8], [0.0])
got = dead_units(graveyard, [[1.0], [-1.0], [0.5]])
assert got not in (4, 6), "a unit asleep for one input is not dead: it must be for all"
assert got != 2, "a unit with z at 0 for ever gives 0 as well: look at the activations"
assert got != 13, "that counts pairs of a unit and an input: count units"
assert got != 5, "that is how many are alive"
assert got != 3 / 8, "that is the share of the dead: give back how many"
assert got == 3, f"three of these eight units are dead, not {got}"

# %%
for lr in (0.02, 0.4):
    rng = random.Random(3)
    network = init_network(1, 16, 1, rng)
    before = dead_units(network, inputs)
    for _ in range(100):
        sgd_epoch(network, inputs, targets, lr, rng)
    after = dead_units(network, inputs)
    print(f"lr {lr}: {before} dead before, {after} after training")

# %% [markdown]
# A leap at too high a rate throws a unit to where no input reaches it, and there it stays: a dead unit has no slope to walk on. (At the good rate one was lost as well. That is common, and one in sixteen is no loss.) Training goes on without complaint.
#
# > [!BUG] Break it: sixteen units, and no better than none
# > A friend writes the same network with a shorter initialisation and complains that hidden units are overrated. Below, both networks train on 500 digits in the same way, at a rate that suits ours. The friend's loss goes nowhere: an answer of 0.1 for every digit, whatever the image, would have a loss of 0.09. `forward`, `backward` and `sgd_epoch` are yours, and correct. Which line is it, and what would you print to prove it?

# %%
from groundup.data import mnist


def one_hot(label: int) -> list[float]:
    """The target for one digit: 1 at its place, 0 elsewhere."""
    return [1.0 if digit == label else 0.0 for digit in range(10)]


training, validation = mnist()
images, labels = training.lists()
targets = [one_hot(label) for label in labels]


def friends_network(rng: random.Random) -> Network:
    weights = [[rng.gauss(0, math.sqrt(2 / 784)) for _ in range(784)]] * 16
    output = [[rng.gauss(0, math.sqrt(1 / 16)) for _ in range(16)] for _ in range(10)]
    return Network(weights, [0.0] * 16, output, [0.0] * 10)


some = random.Random(4).sample(range(len(images)), 500)
some_images, some_targets = [images[i] for i in some], [targets[i] for i in some]
ours, friends = (
    init_network(784, 16, 10, random.Random(5)),
    friends_network(random.Random(5)),
)
for epoch in range(3):
    losses = [
        sgd_epoch(network, some_images, some_targets, 0.05, random.Random(epoch))
        for network in (ours, friends)
    ]
    print(f"epoch {epoch}: loss {losses[0]:.4f} ours, {losses[1]:.4f} the friend's")

# %% tags=["claim"]
assert losses[0] < 0.8 * losses[1] and losses[1] > 0.97 * 0.09

# %% [markdown]
# > [!SUCCESS]- What was wrong
# > `[row] * 16` does not copy the row sixteen times. It makes a list that holds the *same* row sixteen times: sixteen hidden units share one set of weights. Every example corrects that row sixteen times over, which acts much like a learning rate sixteen times too high, and you have just seen what that does: `dead_units` finds them all dead. And had they lived, sixteen units with one set of weights would have looked at the image in only one way. The Python FAQ documents the trap under "How do I create a multidimensional list?", and people go on falling into it. Count the distinct rows:

# %%
distinct = [len({id(row) for row in n.hidden_weight}) for n in (ours, friends)]
print(f"distinct rows of weights: {distinct[0]} in ours, {distinct[1]} in the friend's")
print(f"dead units of the friend's: {dead_units(friends, some_images)}")

# %% tags=["claim"]
assert distinct == [16, 1] and dead_units(friends, some_images) == 16

# %% [markdown]
# ## A 3 or a 7, again
#
# Chapter 1's model on this question was at least as good as the rule of thumb. Eight hidden units, ten epochs; what do you expect?

# %%
from ch01.metrics import error_rate

few_images, few_labels = training.only(3, 7).lists()
few_targets = [[1.0] if label == 7 else [-1.0] for label in few_labels]
few_valid_images, few_valid_labels = validation.only(3, 7).lists()


rng = random.Random(1)
network = init_network(784, 8, 1, rng)
for _ in range(10):
    sgd_epoch(network, few_images, few_targets, 0.02, rng)


def three_or_seven(x: list[float]) -> int:
    return 7 if forward(network, x)[2][0] > 0 else 3


seen = error_rate([three_or_seven(x) for x in few_images], few_labels)
new = error_rate([three_or_seven(x) for x in few_valid_images], few_valid_labels)

signs = [sign for (sign,) in few_targets]
weights, bias, _ = gradient_descent(few_images, signs, lr=0.01, steps=40)
straight = [7 if predict(x, weights, bias) > 0 else 3 for x in few_valid_images]
straight_new = error_rate(straight, few_valid_labels)
print(f"{seen:.1%} of the images it has seen are wrong, {new:.1%} of the new ones")
luck = (straight_new * (1 - straight_new) / len(few_valid_labels)) ** 0.5
print(f"a weighted sum: {straight_new:.1%} of the new ones, give or take {luck:.1%}")

# %% tags=["claim"]
if len(few_images) < 1000:
    assert seen < 0.01 and straight_new <= new < 0.04
else:
    assert new < straight_new - 2 * luck, "with thousands of images the network wins"
record("error rate, 3 or 7", new)

# %% [markdown]
# Of the images it was shown it gets nearly every one right; on new ones it is no better than a weighted sum. (That one takes fewer steps here than in chapter 1, so its error differs a little.) What the network learnt beyond that was about those images and does not carry over to others. This is called *over-fitting*. More data is the best cure (on the thousands of threes and sevens of the full set the network does win), and chapter 13 has others; in the meantime the honest question is always how it does on new images. And for threes and sevens a weighted sum was almost enough already. Let us ask something harder.
#
# ## Ten digits, and the bill
#
# Ten outputs, thirty hidden units, the highest output names the digit.

# %% tags=["timing"]
import time

rng = random.Random(0)
network = init_network(784, 30, 10, rng)
start = time.perf_counter()
for _ in range(2):
    sgd_epoch(network, images, targets, 0.05, rng)
seconds = (time.perf_counter() - start) / 2
print(f"{seconds:.1f} seconds for one epoch of {len(images):,} images")

# %% tags=["claim"]
record("seconds per 1000 images, plain Python", 1000 * seconds / len(images))

# %%
valid_images, valid_labels = validation.lists()


def name(x: list[float]) -> int:
    outputs = forward(network, x)[2]
    return outputs.index(max(outputs))


guesses = [name(x) for x in valid_images]
wrong = [i for i, guess in enumerate(guesses) if guess != valid_labels[i]]
ten_digits = error_rate(guesses, valid_labels)
print(f"ten digits: {ten_digits:.1%} wrong")

# %% tags=["claim"]
assert ten_digits < 0.14  # chapter 1's ten weighted sums are above that
record("error_rate", ten_digits)

# %% tags=["figure", "slide"] alt="Twenty digits that the network got wrong, each with its label and the network's guess; several are sloppy, others quite clear."
plot.images(
    [valid_images[i] for i in wrong[:20]],
    labels=[f"{valid_labels[i]}, not {guesses[i]}" for i in wrong[:20]],
)

# %% [markdown]
# Better than ten weighted sums, and much of what is left you can read at a glance. More hidden units and more epochs would help, and nothing stands in the way but the clock. So, where does the time go? Count the multiplications for one image:

# %%
D, H, K = 784, 30, 10
forward_pass = H * D + K * H
backward_pass = K * H + H * D + K * H  # blame to hidden units, then the two tables
correction = H * D + K * H + H + K  # the learning rate times every slope
multiplications = forward_pass + backward_pass + correction
first_layer = 3 * H * D / multiplications
print(f"{multiplications:,} multiplications an image, {first_layer:.0%} in layer one")

# %% tags=["claim"]
assert first_layer > 0.95

# %% tags=["timing"]
rate = multiplications * len(images) / seconds
print(f"{rate / 1e6:.0f} million multiplications per second")

# %% [markdown]
# Nearly all of it goes into one table, the first layer's: on the way forward it is multiplied by a list, on the way back a table of that size is filled by a list times a list, and then every number of it is scaled by the learning rate. And the processor in front of you is capable of far more than that: we are paying not for arithmetic but for asking Python, politely, one number at a time. Chapter 3 asks for whole tables at once, and measures how much more.
#
# ## Recap
#
# Layers of weighted sums fold into one; a bend between them keeps them apart, and enough corners follow any curve. Backpropagation is the chain rule walked from the loss backwards: blame at the end of a weight times the number at its start, and every slope for the price of two or three predictions. Random initial weights make units different; a unit that no input wakes is lost. If you remember one thing: **blame flows back along the same weights by which the answer came forward.**
#
# **Unlocked:** nothing yet. The next chapter brings the first names.
#
# **What changed in the checkpoint:** `activations.py` (`relu`, `sigmoid` and their slopes) and `network.py` (`Network`, `init_network`, `forward`, `backward`) are new. `losses.py` gained `mse_grad`, `gradients.py` `numerical_grad`, `training.py` `sgd_epoch`, `metrics.py` `dead_units`. Nothing old was changed.
#
# **To read on:** Andrej Karpathy's *micrograd* does this chapter's backward pass for any expression (we shall in chapter 6); Michael Nielsen's *Neural Networks and Deep Learning*, chapters 2 and 4; Simon Prince's *Understanding Deep Learning*, chapters 3 and 7.
