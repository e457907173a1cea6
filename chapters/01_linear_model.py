# %% [markdown]
# # 1. A linear model
#
# Forty students told us how long they studied and what they scored. By the end of this chapter a short loop of plain Python will have found the line through their points, and the same loop, given 784 numbers instead of one, will tell a handwritten 3 from a 7.
#
# **You need:** Python, school algebra. **You will reach:** fewer than 4 errors in 100 on real digits. **Time:** about an hour and a half, most of it yours and little of it the computer's. Code that is marked as saved goes into a small package, `ch01`, from which chapter 2 goes on.

# %%
import random

import matplotlib.pyplot as plt

from groundup import plot, record

rng = random.Random(0)
hours = [rng.uniform(0, 10) for _ in range(40)]
scores = [4.2 * h + 31 + rng.gauss(0, 4) for h in hours]

# %% tags=["figure", "slide"] alt="Forty points rising from lower left to upper right, scattered about a line."
plt.plot(hours, scores, "o", ms=4)
plt.xlabel("hours studied")
plt.ylabel("score");

# %% [markdown]
# You can see the line. The question of this chapter, and in a way of the whole book, is how a program that cannot see comes to find it.
#
# (The students are invented: each score is $4.2 \times \text{hours} + 31$ plus some luck. So for once we know the truth and can tell whether the program found it.)
#
# ## A guess, and how wrong it is
#
# A *model* is a guess with knobs. Ours has two: a slope $w$ ("weight") and an offset $b$ ("bias"). For a student who studied $x$ hours it predicts
#
# $$\hat y = w x + b$$
#
# Say "y hat": the hat marks a prediction, so that it is never taken for the true score $y$. In Python the formula is one line long:


# %%
def predict_line(x: float, w: float, b: float) -> float:
    return w * x + b


# %% [markdown]
# Before you run the next cell, guess: with both knobs at 0, how far off is the average prediction?

# %%
errors = [predict_line(x, 0.0, 0.0) - y for x, y in zip(hours, scores, strict=True)]
average_error = sum(errors) / len(errors)
print(f"average error {average_error:.1f}")

# %% tags=["claim"]
assert average_error < -40

# %% [markdown]
# Far too low on average, and yet the average hides as much as it shows: a model that is 100 too high for one student and 100 too low for the next would score a perfect 0. We need a number that cannot cancel.

# %% [markdown] exercise="mse" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise 1.1: a loss that cannot cancel
#
# Write `mse(predictions, targets)`: square each difference, then take the mean. Both arguments are lists of the same length. Two lists of different lengths are a mistake of the caller: raise a `ValueError` that says both lengths.

# %% [markdown] tags=["hint"]
# `zip` walks two lists side by side, but it stops silently at the shorter one. Compare the lengths first.

# %% [markdown] tags=["hint"]
# The mean is the sum divided by how many there are: `sum(...) / len(targets)`.

# %% tags=["solution"] export="losses.py"
"""Losses: one number that says how wrong the predictions are."""


def mse(predictions: list[float], targets: list[float]) -> float:
    """Mean squared error of `predictions` (n numbers) against `targets` (n numbers).

    Units: those of the targets, squared.
    Raises: ValueError when the two lists differ in length.
    """
    if len(predictions) != len(targets):
        raise ValueError(
            f"{len(predictions)} predictions for {len(targets)} targets: "
            "they must be equally many"
        )
    pairs = zip(predictions, targets, strict=True)
    return sum((p - t) ** 2 for p, t in pairs) / len(targets)


# %% [markdown] tags=["solution"]
# My first version had no check of the lengths, and for an evening I believed in a loss that was computed on 10 of 40 students. I also tried `abs` instead of the square. It cannot cancel either, but its slope is the same however wrong the guess is, and you will see in a moment that the slope is all we have to steer by.

# %% tags=["check"]
got = mse([1.0, 5.0, 2.0], [3.0, 4.0, 2.0])  # the squares are 4, 1 and 0
assert abs(got - 5.0) > 1e-9, "that is the sum of the squares: divide by how many"
assert abs(got - 2.5) > 1e-9, "there are three pairs here, not two: len(targets)"
assert abs(got - 1 / 9) > 1e-9, "that is the squared mean: square each difference first"
assert abs(got - 1.0) > 1e-9, "that is the mean of the absolute differences: square"
assert abs(got - 5 / 3) < 1e-9, f"the mean of 4, 1 and 0 is 5/3, not {got}"
for many, more, why in (
    (3, 5, "zip stopped silently at the shorter one"),
    (5, 3, "catch both, more targets and fewer"),
):
    try:
        mse([1.0] * many, [1.0] * more)
    except ValueError as error:
        assert "3" in str(error) and "5" in str(error), (
            "say both lengths in the message"
        )
    else:
        raise AssertionError(
            f"{many} predictions went through with {more} targets: {why}"
        )


# %% [markdown]
# A number that says how wrong a model is goes by the name of *loss*. The one you wrote, the mean squared error, is written
#
# $$L = \frac1n \sum_{i=1}^{n} (\hat y_i - y_i)^2$$
#
# where $n$ counts the students, $i$ numbers them, and $\sum$ ("sum") is the loop.


# %%
def line_loss(knobs: list[float]) -> float:
    """The loss on our students of the line with knobs [w, b]."""
    w, b = knobs
    return mse([predict_line(x, w, b) for x in hours], scores)


print(f"both knobs at 0: loss {line_loss([0.0, 0.0]):.0f}")
print(f"slope 4, offset 30: loss {line_loss([4.0, 30.0]):.0f}")

# %% tags=["claim"]
assert line_loss([4.0, 30.0]) < line_loss([0.0, 0.0]) / 50

# %% [markdown]
# ## Which way is down?
#
# With two knobs we could try all settings on a grid. With 785 knobs of ten settings each there are more combinations than atoms in the universe. But we need not look everywhere: it is enough to know, at the place where we stand, which way is down. Hold the offset at 30 and turn only the slope:

# %% tags=["figure"] alt="The loss against the slope w is a parabola with its lowest point near 4.4; a straight line touches it at w = 2 and points down to the right."
slopes = [k / 10 for k in range(91)]
plt.plot(slopes, [line_loss([w, 30.0]) for w in slopes])
here = line_loss([2.0, 30.0])
incline = (line_loss([2.001, 30.0]) - line_loss([1.999, 30.0])) / 0.002
plt.plot([1.2, 2.8], [here - 0.8 * incline, here + 0.8 * incline])
plt.plot(2.0, here, "o")
plt.xlabel("slope w (offset held at 30)")
plt.ylabel("loss");
# %% [markdown]
# At $w = 2$ I nudged the slope by 0.001 to either side and divided the change of the loss by the change of the knob. That ratio, the incline of the orange line, has a symbol of its own:
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + h,\, b) - L(w - h,\, b)}{2h}$$
#
# Say "partial L by partial w": how much the loss changes per unit of $w$ while every other knob stays where it is. The nudge $h$ is small. One such number per knob, in a list, is the *gradient*. It points uphill, so we shall walk the other way.

# %% [markdown] exercise="numerical_grad" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 1.2: nudge every knob
#
# Write `numerical_grad(f, knobs, step)`. The function `f` takes a list of numbers and returns one number; give back the list of its slopes at `knobs`, one for each knob, by the formula above with $h$ = `step`. The caller's list must come out as it went in.

# %% [markdown] tags=["hint"]
# For each position `i` build two fresh lists, one with `knobs[i] + step` and one with `knobs[i] - step`. All other numbers stay.

# %% [markdown] tags=["hint"]
# `up = [*knobs[:i], knobs[i] + step, *knobs[i + 1 :]]`. The two points are `2 * step` apart.

# %% tags=["solution"] export="gradients.py"
"""Gradients, by nudging and by hand: the former are slow, and check the latter."""

from collections.abc import Callable


def numerical_grad(
    f: Callable[[list[float]], float], knobs: list[float], step: float = 1e-4
) -> list[float]:
    """Slope of `f` with respect to each of `knobs`, by central differences.

    Shapes: knobs (n) -> slopes (n). Calls `f` 2n times.
    """
    slopes = []
    for i, knob in enumerate(knobs):
        up = [*knobs[:i], knob + step, *knobs[i + 1 :]]
        down = [*knobs[:i], knob - step, *knobs[i + 1 :]]
        slopes.append((f(up) - f(down)) / (2 * step))
    return slopes


# %% [markdown] tags=["solution"]
# At first I nudged to one side only, `(f(up) - f(here)) / step`. It saves half of the calls and costs half of the digits: a curve bends away from its tangent on both sides, and with two points the bends cancel. I also nudged in place, and forgot to undo the nudge. The slope of the first knob was right and every other one was slightly off, which is the worst kind of wrong.

# %% tags=["check"]
spot = [3.0, 1.0]
got = numerical_grad(lambda k: k[0] ** 2 + 10 * k[0] * k[1], spot, step=0.1)
assert spot == [3.0, 1.0], "the caller's list has changed: nudge a copy"
assert len(got) == 2, f"one slope for each knob: 2 knobs, but {len(got)} slopes"
assert abs(got[0]) > 1e-9, "up and down are one and the same list: make two copies"
assert abs(got[0] - 32) > 0.5, "twice too steep: the two points are 2 * step apart"
assert abs(got[0] - 0.16) > 0.01, "mind the brackets: divide by (2 * step)"
assert all(abs(got[1] - wrong) > 0.5 for wrong in (29, 31)), (
    "put the first knob back before you nudge the second"
)
(cubed,) = numerical_grad(lambda k: k[0] ** 3, [1.0], step=0.1)
assert abs(cubed - 3.31) > 1e-6, "nudge to both sides: one side alone is less exact"
assert abs(cubed - 3.01) < 1e-6, f"the slope of k**3 at 1 should be 3.01, not {cubed}"
assert abs(got[0] - 16) < 1e-6 and abs(got[1] - 30) < 1e-6, f"not [16, 30] but {got}"


# %%
print("gradient with both knobs at 0:", numerical_grad(line_loss, [0.0, 0.0]))

# %% [markdown]
# Both slopes are negative: turn either knob up and the loss falls. And $w$'s is the steeper of the two by far, because $w$ is multiplied by the hours. Keep that in mind; it will make trouble.
#
# ## The same gradient without nudging
#
# Nudging calls the loss twice per knob, and every call visits every student. With 785 knobs and 800 images that would be more than a million predictions for a single step. Algebra is cheaper. Take one student and write $e = \hat y - y$ for the error. Turn $w$ up a little and $\hat y$ rises $x$ times as fast; while $\hat y$ rises, $e^2$ changes $2e$ times as fast (nudge it: $\frac{(e+h)^2 - (e-h)^2}{2h} = 2e$). Multiply the two rates, then take the mean over all students:
#
# $$\frac{\partial L}{\partial w} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)\, x_i
# \qquad
# \frac{\partial L}{\partial b} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)$$
#
# (Multiplying rates is the *chain rule*, and chapter 2 is about little else.)

# %% [markdown] exercise="line_grad" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 1.3: both slopes in one pass
#
# Write `line_grad(xs, ys, w, b)`: give back the two numbers $\partial L/\partial w$ and $\partial L/\partial b$, by the formulas above.

# %% [markdown] tags=["hint"]
# Make the list of errors first: `errors = [predict_line(x, w, b) - y for ...]`. Both formulas use it.

# %% [markdown] tags=["hint"]
# The two sums differ in one factor only: the slope's has $x_i$ in it, because a student who studied twice as long feels the slope twice as much. The offset is felt by everyone alike.


# %% tags=["solution"]
def line_grad(
    xs: list[float], ys: list[float], w: float, b: float
) -> tuple[float, float]:
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys, strict=True)]
    slope_w = 2 * sum(e * x for e, x in zip(errors, xs, strict=True)) / len(xs)
    slope_b = 2 * sum(errors) / len(xs)
    return slope_w, slope_b


# %% [markdown] tags=["solution"]
# I forgot the $1/n$ and everything still worked, as long as there were 40 students and I had found a good step size by trial. With 400 students the same step size blew up. A factor that a step size can hide is easy to get wrong and hard to see; only the comparison with the nudges finds it.

# %% tags=["check"]
got = tuple(line_grad([1.0, 2.0, 3.0], [1.0, 0.0, 2.0], w=1.0, b=0.5))
assert len(got) == 2, "give back two numbers: the slope for w and the slope for b"


def is_near(slope_w: float, slope_b: float) -> bool:
    return abs(got[0] - slope_w) + abs(got[1] - slope_b) < 1e-9


assert not is_near(20, 9), "that is the sum over the students: divide by n"
assert not is_near(-20 / 3, -3), "the sign is turned round: prediction - target"
assert not is_near(10 / 3, 1.5), "the square brings a factor of 2 with it"
assert not is_near(10, 4.5), "both factors are missing: the 2 of the square and the 1/n"
assert not is_near(20 / 3, 20 / 3), "the offset's slope has no x in it"
assert not is_near(3, 3), "the slope's formula has an x in it: multiply each error by x"
assert not is_near(14 / 3, 2), "the offset b is missing from the prediction"
assert not is_near(34 / 3, 5), "the targets are missing from the errors"
assert is_near(20 / 3, 3), f"it should be (6.67, 3), not {got}"


# %% [markdown]
# Never believe a formula for a gradient, mine included, before it agrees with the nudges:

# %%
by_hand = line_grad(hours, scores, 1.0, 20.0)
by_nudging = numerical_grad(line_loss, [1.0, 20.0])
print("by hand   ", by_hand)
print("by nudging", tuple(by_nudging))

# %% tags=["claim"]
assert all(abs(a - n) < 1e-6 for a, n in zip(by_hand, by_nudging, strict=True)), (
    "the formula and the nudges disagree: back to exercise 1.3"
)

# %% [markdown]
# ## Downhill, step by step
#
# Now the loop. Stand anywhere. Take the gradient. Move each knob against its slope, by a small multiple $\eta$ ("eta", the *learning rate*; `lr` in code). Repeat. It is called *gradient descent*.


# %%
def descend(lr: float, steps: int) -> list[tuple[float, float]]:
    """Gradient descent on our students from (0, 0): the knobs after each step."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for _ in range(steps):
        slope_w, slope_b = line_grad(hours, scores, w, b)
        w, b = w - lr * slope_w, b - lr * slope_b
        path.append((w, b))
    return path


path = descend(lr=0.02, steps=3000)
w, b = path[-1]
print(f"after {len(path) - 1} steps: slope {w:.3f}, offset {b:.2f}")

# %% [markdown]
# Is that the best line there is? For a line, algebra can answer: measure hours and scores from their means; the best slope is the sum of the products of the two over the sum of the squared hours. (For nearly everything after this chapter there is no such formula, which is why we walk.)

# %%
mean_x, mean_y = sum(hours) / len(hours), sum(scores) / len(scores)
students = list(zip(hours, scores, strict=True))
products = sum((x - mean_x) * (y - mean_y) for x, y in students)
best_w = products / sum((x - mean_x) ** 2 for x in hours)
best_b = mean_y - best_w * mean_x
print(f"the best line:      slope {best_w:.3f}, offset {best_b:.2f}")

# %% tags=["claim"]
assert abs(w - best_w) < 0.001 and abs(b - best_b) < 0.01
assert abs(w - 4.2) < 0.3 and abs(b - 31) < 2
assert line_loss([w, b]) < line_loss([4.2, 31.0])

# %% tags=["figure", "slide"] alt="Left: the students with the fitted line through them. Right: contours of the loss over slope and offset form a long narrow valley; the path leaps from wall to wall, settles, and then creeps along its floor."
figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4))
left.plot(hours, scores, "o", ms=4)
left.plot([0, 10], [predict_line(0, w, b), predict_line(10, w, b)])
left.set(xlabel="hours studied", ylabel="score")
grid_w = [k / 10 for k in range(-10, 161, 2)]
grid_b = list(range(-6, 43))
surface = [[line_loss([v, c]) for v in grid_w] for c in grid_b]
levels = [20, 40, 100, 250, 600, 1500]
right.contour(
    grid_w, grid_b, surface, levels=levels, colors=plot.COLOURS[5], linewidths=0.8
)
seen = path[:50] + path[50::100]  # all of the drop, and glimpses of the creep
right.plot(*zip(*seen, strict=True), ".-", ms=3, lw=1)
right.plot(best_w, best_b, "x", ms=8, mew=2)
right.set(xlabel="slope w", ylabel="offset b")
figure.tight_layout()

# %% [markdown]
# Not quite 4.2 and 31: forty students are few, and their luck has moved the best line a little off the truth. (On these forty it even has a lower loss than the truth has; the last `assert` above the picture checks it.)
#
# On the right is the country we walked through: along each grey line the loss is the same. It is a ravine. The path leaps from wall to wall, settles on the floor, and creeps along it for the remaining few thousand steps.
#
# ## How large a step?
#
# Why not take larger steps, then? Because of the ravine's walls. Look at a single knob first, where the loss is a parabola with its lowest point at $w^*$ ("w star"). Its slope at $w$ is $\lambda (w - w^*)$, where $\lambda$ ("lambda") is the *curvature*: how fast the slope grows as you walk. One step turns the distance $w - w^*$ into
#
# $$(w - \eta\,\lambda\,(w - w^*)) - w^* = (1 - \eta\lambda)\,(w - w^*)$$
#
# so every step multiplies the distance by the same number, $1 - \eta\lambda$. At $\eta = 1/\lambda$ that number is 0: one step and you are there. Beyond it you overshoot, and beyond $\eta = 2/\lambda$ the number is below $-1$: each step lands further away than the last, on alternating sides.
#
# With two knobs there are two curvatures, across the ravine and along it. The larger one, $\lambda_\text{max}$ ("lambda max"), limits the step; the direction of the smaller one has to make do with it.

# %% [markdown] exercise="largest_stable_lr" tags=["prompt"] difficulty="hard" minutes=20
# ### Exercise 1.4: the speed limit
#
# How fast does each slope change as you turn a knob? Turn $w$ in exercise 1.3's formulas: $\partial L/\partial w$ grows by $2\,\overline{x^2}$ ("two times the mean of the squares of $x$") per unit, and $\partial L/\partial b$ by $2\,\bar x$ ("x bar", the mean). Turn $b$: they grow by $2\,\bar x$ and by $2$. These are the *second derivatives*, and for a line they are the same everywhere. Arranged as the square table
#
# $$\begin{pmatrix} 2\,\overline{x^2} & 2\,\bar x \\ 2\,\bar x & 2 \end{pmatrix} = \begin{pmatrix} p & q \\ q & r \end{pmatrix}$$
#
# they give the two curvatures (the table's *eigenvalues*; take this formula from me), $\lambda = \frac{p + r}{2} \pm \sqrt{\left(\frac{p - r}{2}\right)^2 + q^2}$. Write `largest_stable_lr(xs)`, which gives back $2/\lambda_\text{max}$.

# %% [markdown] tags=["hint"]
# The mean of the squares is not the square of the mean: `sum(x * x for x in xs) / len(xs)`.

# %% [markdown] tags=["hint"]
# The larger of the two curvatures is the one with the plus sign. Compute `p`, `q` and `r` on lines of their own, factors of 2 included.


# %% tags=["solution"]
def largest_stable_lr(xs: list[float]) -> float:
    p = 2 * sum(x * x for x in xs) / len(xs)
    q = 2 * sum(xs) / len(xs)
    r = 2.0
    curvature = (p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5
    return 2 / curvature


# %% [markdown] tags=["solution"]
# I used the slope's own curvature $p$ at first and forgot that the offset joins in. The limit came out slightly too high, and for a while I blamed rounding for a descent that exploded where I had proved that it could not.

# %% tags=["check"]
limit = largest_stable_lr([1.0, 2.0, 4.0])  # p = 14, q = 14/3, r = 2
assert abs(limit - 1 / 15.601170) > 1e-6, "that is 1/λ, best for a single knob"
assert abs(limit - 15.601170) > 1e-6, "that is the curvature: the limit is 2 over it"
assert abs(limit - 2 / 0.398830) > 1e-4, "that is the flattest curvature: take the plus"
assert abs(limit - 2 / 7.800585) > 1e-6, "twice too large: each entry has a factor of 2"
assert abs(limit - 2 / 14) > 1e-6, "the slope's own curvature is not all: there is q"
assert abs(limit - 2 / 12.888889) > 1e-6, "the mean of squares is not the squared mean"
assert abs(limit - 2 / 15.601170) < 1e-6, f"it should be 0.128196, not {limit}"


# %% [markdown]
# Theory is cheap; let us hold it to its word. One descent at a tenth of the limit, one just below it, one just above. Predict: in which order will they stand after 150 steps?

# %% tags=["figure"] alt="Loss on a logarithmic scale over 150 steps. At 0.1 and at 0.98 times the limit it falls; at 1.02 times the limit it rises from the first step, without bound."
limit = largest_stable_lr(hours)
ends = {}
for factor in (0.1, 0.98, 1.02):
    losses = [line_loss(knobs) for knobs in descend(factor * limit, steps=150)]
    ends[factor] = losses[-1]
    plt.semilogy(losses, label=f"{factor} × the limit")
plt.xlabel("step")
plt.ylabel("loss");
plt.legend()

# %% tags=["claim"]
assert ends[0.98] < ends[0.1] < losses[0] < ends[1.02]
record("largest stable learning rate", limit)

# %% [markdown]
# The limit is sharp: four parts in a hundred lie between learning and ruin. And the daring rate is ahead of the careful one: it leaps from wall to wall, but along the floor of the ravine each step gets nearly ten times as far. (`record` notes a number for the pages outside the chapters.)
#
# > [!BUG] Break it: the loop that is too good
# > The next cell is the descent of a friend. It finds the right line. Then I start it with a learning rate a little above the limit, where you have just seen gradient descent blow up, and it does not. Is our theory wrong, or is something else? Find the faulty line of code before you unfold the answer.


# %%
def friends_descent(lr: float, steps: int) -> tuple[float, float]:
    w, b = 0.0, 0.0
    for _ in range(steps):
        w = w - lr * line_grad(hours, scores, w, b)[0]
        b = b - lr * line_grad(hours, scores, w, b)[1]
    return w, b


below, above = friends_descent(0.9 * limit, 3000), friends_descent(1.02 * limit, 3000)
print(f"below the limit: loss {line_loss(list(below)):.2f}")
print(f"above the limit: loss {line_loss(list(above)):.2f}")

# %% tags=["claim"]
assert abs(below[0] - best_w) < 0.001 and abs(above[0] - best_w) < 0.001

# %% [markdown]
# > [!SUCCESS]- What was wrong
# > The second line takes its gradient at the *new* $w$: the two knobs no longer move together along one gradient, but one after the other. Andrew Ng's machine learning course warns of exactly this under the name "simultaneous update". It is a different algorithm (coordinate descent), with another speed limit, here a little higher than ours. But it is not what it says it is, and what we know of gradient descent does not hold for it. Its final loss did not betray it.
#
# Whether you found it or not, here is a test that would have: lay one step beside one gradient.

# %%
slope_w, slope_b = numerical_grad(line_loss, [0.0, 0.0])
one_step = friends_descent(0.01, steps=1)
print(f"moved b by {one_step[1]:.4f}, the gradient says {-0.01 * slope_b:.4f}")

# %% tags=["claim"]
assert abs(one_step[0] + 0.01 * slope_w) < 1e-6, "w did not move by its gradient"
assert abs(one_step[1] + 0.01 * slope_b) > 0.1, "b did, after all"
assert line_loss(list(friends_descent(1.1 * limit, 500))) > 1e9, "it has a limit, too"

# %% [markdown]
# ## From one number to 784
#
# Now for real data. MNIST is a collection of handwritten digits, each one a picture of 28 by 28 pixels; 4,000 to learn from and 1,000 to be examined on come with this book. We take the threes and the sevens.

# %%
from groundup.data import mnist

training, validation = mnist()
images, labels = training.only(3, 7).lists()
valid_images, valid_labels = validation.only(3, 7).lists()
print(len(images), "images to learn from,", len(valid_images), "to be examined on")
print("an image is a list of", len(images[0]), "numbers from 0 (paper) to 1 (ink)")

# %% tags=["figure", "slide"] alt="Two rows of handwritten digits, threes and sevens mixed; some sevens carry a bar, some threes lean."
plot.images(images[:5] + images[-5:] + images[100:105] + images[-105:-100])

# %% [markdown]
# Before a learning machine, a sensible one. Average all threes into one grey three, all sevens into one grey seven, and call a new image by the name of the one that it is closer to, pixel by pixel (the sum of the squared differences).


# %%
def mean_image(digit: int) -> list[float]:
    chosen = [x for x, label in zip(images, labels, strict=True) if label == digit]
    return [sum(pixels) / len(chosen) for pixels in zip(*chosen, strict=True)]


def distance(first: list[float], second: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True))


three, seven = mean_image(3), mean_image(7)
called_seven = [distance(x, seven) < distance(x, three) for x in valid_images]
wrong = [
    x
    for x, guess, label in zip(valid_images, called_seven, valid_labels, strict=True)
    if guess != (label == 7)
]
baseline_error = len(wrong) / len(valid_images)
print(f"closest mean: {baseline_error:.1%} wrong, {len(wrong)} images")

# %% tags=["claim"]
assert baseline_error < 0.05

# %% tags=["figure"] alt="The average three and the average seven, two blurred digits, followed by images that the comparison gets wrong."
plot.images([three, seven, *wrong[:8]])

# %% [markdown]
# Embarrassingly good, for something that learnt nothing but two averages. Here is why. Write $x_j$ for pixel number $j$ of the image, $t_j$ for that pixel of the mean three and $s_j$ for that of the mean seven. The image is closer to the seven when this is positive:
#
# $$\sum_j (x_j - t_j)^2 - \sum_j (x_j - s_j)^2 = \sum_j 2\,(s_j - t_j)\,x_j \;+\; \sum_j (t_j^2 - s_j^2)$$
#
# The $x_j^2$ have cancelled. What is left is a weight for every pixel, times the pixel, summed, plus an offset. It *is* our linear model, with 784 slopes instead of one, and somebody has set the knobs by a rule of thumb. So let us write that model, for any number of inputs:

# %% export="linear.py"
"""The linear model: a weighted sum of its inputs, plus an offset."""

from operator import mul


def predict(x: list[float], weights: list[float], bias: float) -> float:
    """The model's output for one input.

    Shapes: x (n), weights (n) -> one number.
    Raises: ValueError when `x` and `weights` differ in length.
    """
    if len(x) != len(weights):
        raise ValueError(f"{len(x)} inputs for {len(weights)} weights: make them equal")
    return sum(map(mul, x, weights)) + bias


# %%
rule_of_thumb = [2 * (s - t) for s, t in zip(seven, three, strict=True)]
offset = sum(t * t for t in three) - sum(s * s for s in seven)
agree = [
    (predict(x, rule_of_thumb, offset) > 0) == guess
    for x, guess in zip(valid_images, called_seven, strict=True)
]
print(f"the two ways of deciding agree on {sum(agree)} of {len(agree)} images")

# %% tags=["claim"]
assert all(agree)

# %% [markdown]
# So we know what the baseline cannot do. Each of its weights looks at one pixel alone: how much more ink has the average seven here? It does not ask what the *other* pixels have already told. Neighbouring pixels nearly repeat each other, and it counts the same evidence again and again. Finding weights that fit together is what the loop is for. All it lacks is the gradient for a list of weights:
#
# $$\frac{\partial L}{\partial w_j} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)\, x_{ij}$$
#
# The same formula with one more index: $x_{ij}$ is pixel $j$ of image $i$.

# %% [markdown] exercise="linear_grad" tags=["prompt"] difficulty="medium" minutes=15
# ### Exercise 1.5: one slope for every weight
#
# Write `linear_grad(inputs, targets, weights, bias)`. `inputs` is a list of $n$ inputs, each a list as long as `weights`; `targets` has $n$ numbers. Give back the list of the weights' slopes and the bias's slope. Go through the inputs once: they are large.

# %% [markdown] tags=["hint"]
# Start with a list of zeros, one for each weight. For every input compute one number, $\frac2n(\hat y - y)$, and add that number times the input to the list.

# %% [markdown] tags=["hint"]
# Adding one list to another: `[total + s * value for total, value in zip(totals, x)]`. The bias's slope adds up `s` alone, as if its input were always 1.


# %% tags=["solution"] export="gradients.py"
def linear_grad(
    inputs: list[list[float]], targets: list[float], weights: list[float], bias: float
) -> tuple[list[float], float]:
    """Gradient of the linear model's mean squared error, by hand.

    Shapes: inputs (n, d), targets (n), weights (d) -> slopes (d) and one slope.
    """
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets, strict=True):
        slope = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_slopes = [
            total + slope * value for total, value in zip(weight_slopes, x, strict=True)
        ]
        bias_slope += slope
    return weight_slopes, bias_slope


# %% [markdown] tags=["solution"]
# I began with one list comprehension per weight, each going through all images: the same sums, but every image was fetched 784 times, and one step took minutes. Then I turned the loops inside out. Which loop is the outer one changes nothing in the formula and nearly everything in the time; chapter 3 lives on that.

# %% tags=["check"]
tiny, wanted = [[1.0, 2.0], [3.0, -1.0], [0.0, 4.0]], [0.0, 4.0, 1.0]
got = linear_grad(tiny, wanted, [1.0, 1.0], 0.5)
assert len(got) == 2 and not hasattr(got[1], "__len__"), (
    "give back two things: the list of the weights' slopes, and the bias's slope"
)
found = [*got[0], got[1]]
assert len(found) == 3, f"2 weights need 2 slopes, not {len(got[0])}: loop over pixels"


def are_near(*slopes: float) -> bool:
    return all(abs(f - s) < 1e-9 for f, s in zip(found, slopes, strict=True))


assert not are_near(0, 28 / 3, 7 / 3), "only the last input counted: add up"
assert not are_near(-2, 45, 11), "that is the sum over the inputs: divide by n"
assert not are_near(-1 / 3, 7.5, 11 / 6), "all slopes are halved: the square brings a 2"
assert not are_near(-1, 22.5, 5.5), "2/n it is, and n is the number of inputs"
assert not are_near(-2, 40 / 3, 8 / 3), "the bias is missing from the prediction"


def tiny_loss(knobs: list[float]) -> float:
    return mse([predict(x, knobs[:2], knobs[2]) for x in tiny], wanted)


nudged = numerical_grad(tiny_loss, [1.0, 1.0, 0.5])
assert all(abs(f - n) < 1e-6 for f, n in zip(found, nudged, strict=True)), (
    f"nudging gives {nudged}, your formula {found}"
)


# %% [markdown]
# And the loop, with the same two lines at its heart: take the gradient, move every knob against it.

# %% export="training.py"
"""Training: walk downhill."""


def gradient_descent(
    inputs: list[list[float]], targets: list[float], lr: float, steps: int
) -> tuple[list[float], float, list[float]]:
    """Fit a linear model by gradient descent on the mean squared error, from zero.

    Shapes: inputs (n, d), targets (n) -> weights (d), bias, the loss before each step.
    """
    weights, bias, losses = [0.0] * len(inputs[0]), 0.0, []
    for _ in range(steps):
        losses.append(mse([predict(x, weights, bias) for x in inputs], targets))
        slopes, bias_slope = linear_grad(inputs, targets, weights, bias)
        weights = [w - lr * s for w, s in zip(weights, slopes, strict=True)]
        bias -= lr * bias_slope
    return weights, bias, losses


# %% [markdown]
# On our students it does what the old loop did, with lists of length 1:

# %%
(slope,), bias, _ = gradient_descent([[h] for h in hours], scores, lr=0.02, steps=3000)
print(f"slope {slope:.3f}, offset {bias:.2f}")

# %% tags=["claim"]
assert abs(slope - path[-1][0]) + abs(bias - path[-1][1]) < 1e-9, "not the old loop"

# %% [markdown]
# ## A 3 or a 7?
#
# The model's output is a number and we want a name. Let the target be $+1$ for a seven and $-1$ for a three; whatever comes out above 0 counts as "seven".
#
# And the speed limit, with 784 weights and a bias? There are 785 curvatures now, and nobody wants to compute them. But none of them is negative (a mean of squares bends upwards in every direction, or not at all), and together they make $\frac2n\sum_i (|x_i|^2 + 1)$, where $|x_i|^2$ is the sum of image $i$'s squared pixels (for the line that is $p + r$, and indeed its two $\lambda$ add up to that). The largest cannot exceed the sum of all, so 2 over that sum is safe.

# %%
squares = [sum(value * value for value in x) for x in images]
safe_lr = 2 / (2 * sum(s + 1 for s in squares) / len(squares))
targets = [1.0 if label == 7 else -1.0 for label in labels]
weights, bias, losses = gradient_descent(images, targets, safe_lr, steps=120)

# %% [markdown]
# How often is it wrong? One more small function, which every chapter from now on will end with:

# %% export="metrics.py"
"""Metrics: what people want to know about a model, rather than what it descends on."""


def error_rate(guesses: list[int], labels: list[int]) -> float:
    """Share of `guesses` that differ from `labels`, from 0 to 1. Shapes: both (n)."""
    return sum(g != y for g, y in zip(guesses, labels, strict=True)) / len(labels)


# %%
def three_or_seven(x: list[float], weights: list[float], bias: float) -> int:
    return 7 if predict(x, weights, bias) > 0 else 3


def errors_of(weights: list[float], bias: float) -> tuple[float, float]:
    seen = error_rate([three_or_seven(x, weights, bias) for x in images], labels)
    new = [three_or_seven(x, weights, bias) for x in valid_images]
    return seen, error_rate(new, valid_labels)


thumb_seen, thumb_new = errors_of(rule_of_thumb, offset)
learnt_seen, learnt_new = errors_of(weights, bias)
luck = (thumb_new * (1 - thumb_new) / len(valid_labels)) ** 0.5
print("                   seen images   new images")
print(
    f"closest mean      {thumb_seen:12.1%} {thumb_new:12.1%}  give or take {luck:.1%}"
)
print(f"gradient descent  {learnt_seen:12.1%} {learnt_new:12.1%}")

# %% tags=["claim"]
assert learnt_seen < 0.75 * thumb_seen and learnt_new < 0.04
if len(valid_labels) < 500:
    assert abs(thumb_new - learnt_new) < 2 * luck, "luck could explain the difference"
else:
    assert thumb_new - learnt_new > 2 * luck, "with this many images it could not"
record("error rate, closest mean, 3 or 7", thumb_new)
record("error rate, 3 or 7", learnt_new)

# %% [markdown]
# On the images that it has seen, learning wins clearly. On the new ones, before you look at who is ahead, look at the *give or take*. With $n$ images, luck alone moves a measured error rate by about $\sqrt{\text{rate}\,(1 - \text{rate}) / n}$. The 200 new images that come with this book are too few to tell the two methods apart. (The full data set has ten times as many, and there the difference is beyond luck: `DATA=mnist` runs this chapter on it.) So the fair summary is *at least as good*. And the 120 steps were my choice: how long to train is a knob as well, which nobody has turned for us yet. Chapter 13 comes back to it.
#
# How do the two sets of weights look?

# %% tags=["figure", "slide"] alt="Two maps of 784 weights. The rule of thumb is a smooth blurred seven minus a blurred three; the learnt weights have the same outline with finer, sharper structure."
figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2))
for ax, picture, title in zip(
    axes, [rule_of_thumb, weights], ["rule of thumb", "learnt"], strict=True
):
    plot.weights(picture, ax)
    ax.set_title(title)
figure.tight_layout()
pairs = list(zip(rule_of_thumb, weights, strict=True))
strong = [(t, w) for t, w in pairs if abs(t) > 0.25 * max(map(abs, rule_of_thumb))]
turned = sum(t * w < 0 for t, w in strong)
print(f"of the rule's {len(strong)} strong weights, {turned} changed sides")

# %% tags=["claim"]
assert turned > 0

# %% [markdown]
# Orange speaks for a seven, blue for a three. Both maps look at the same places, but the learnt one is finer, and some of the weights on which the rule of thumb leans hardest have even changed sides: given what the others say, they were misleading.
#
# ## All ten digits, one image at a time
#
# For ten digits take ten such models, one for each: "how much does this look like a 4?" The highest score names the digit. But a step that visits all 4,000 images with ten models is slow in plain Python. Bernard Widrow and Ted Hoff did not wait for all examples, in *Adaptive switching circuits* (1960): they corrected the weights after *every* one, by hand, on a box of adjustable resistors.
#
# > [!QUOTE] Paper box: Widrow and Hoff's rule
# > Widrow et al., *Adaptive noise cancelling: principles and applications*, Proceedings of the IEEE 63 (1975), write the rule of Widrow and Hoff (1960) as
# >
# > $$W_{j+1} = W_j + 2\mu\,\varepsilon_j X_j$$
# >
# > $W_j$ ("W j") are the weights after $j$ corrections, a list of 784 here; $X_j$ is the input number $j$, as long; $\varepsilon_j$ ("epsilon j") is the error, one number, counted as target minus output; $\mu$ ("mu") is what we call the learning rate. The factor 2 comes from the square, as in exercise 1.3, and the plus sign from the error's being turned round. Our bias goes along as a weight whose input is always 1.


# %%
def correct(
    x: list[float], target: float, weights: list[float], bias: float, mu: float
) -> tuple[list[float], float]:
    epsilon = target - predict(x, weights, bias)  # ε_j, target minus output
    push = 2 * mu * epsilon  # 2 μ ε_j
    weights = [
        w + push * value for w, value in zip(weights, x, strict=True)
    ]  # W_j + … X_j
    return weights, bias + push


# %% [markdown]
# It is gradient descent on the loss of a single image. Check that before you trust it, as always:

# %%
x, target = images[0], targets[0]
slopes, bias_slope = linear_grad([x], [target], weights, bias)
corrected, corrected_bias = correct(x, target, weights, bias, mu=0.001)
gaps = [
    abs(c - (w - 0.001 * s)) for c, w, s in zip(corrected, weights, slopes, strict=True)
]

# %% tags=["claim"]
assert max(gaps) < 1e-12 and abs(corrected_bias - (bias - 0.001 * bias_slope)) < 1e-12

# %%
all_images, all_labels = training.lists()
all_valid_images, all_valid_labels = validation.lists()
models = [([0.0] * 784, 0.0) for digit in range(10)]
for i in rng.sample(range(len(all_images)), 4000):
    for digit, (digit_weights, digit_bias) in enumerate(models):
        target = 1.0 if all_labels[i] == digit else 0.0
        models[digit] = correct(
            all_images[i], target, digit_weights, digit_bias, mu=0.0003
        )


def name(x: list[float]) -> int:
    outputs = [predict(x, *model) for model in models]
    return outputs.index(max(outputs))


ten_digits = error_rate([name(x) for x in all_valid_images], all_valid_labels)
print(f"ten digits: {ten_digits:.1%} wrong")

# %% tags=["claim"]
assert 0.14 < ten_digits < 0.25
record("error_rate", ten_digits)

# %% [markdown]
# Guessing blindly would be wrong nine times in ten; this is wrong less than one time in four, after seeing 4,000 images once each. It is the first point of the curve on the home page, and every chapter from here on is there to push it down.
#
# ## What a weighted sum cannot do
#
# Where does it fail? A weighted sum lets every pixel vote, for or against, regardless of all others. Ask it for something as small as "ink here or ink there, but not in both places". If ink at either place alone is to lift the output above 0, and a blank is not, then ink at both lifts it by both amounts:
#
# $$w_1 + b > 0, \quad w_2 + b > 0, \quad b \le 0 \quad\Longrightarrow\quad w_1 + w_2 + b > 0$$
#
# No choice of weights helps, and gradient descent, asked all the same, gives up in the fairest way there is:

# %%
places = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
weights, bias, losses = gradient_descent(places, [-1.0, 1.0, 1.0, -1.0], 0.3, steps=500)
answers = [predict(place, weights, bias) for place in places]
print("its four answers:", [round(answer, 3) for answer in answers])

# %% tags=["claim"]
assert max(map(abs, answers)) < 1e-6

# %% [markdown]
# It says 0 to everything. A weighted sum cannot bend. Chapter 2 teaches it to.
#
# ## Recap
#
# A model has knobs; a loss says in one number how wrong they are; the gradient says how the loss changes with each knob; gradient descent moves all of them against it, together, by a small step. The learning rate must stay below $2/\lambda_\text{max}$. If you remember one thing, let it be the habit: **never trust a gradient, or a step, that you have not compared with nudging.** A wrong one may well learn.
#
# **Unlocked:** nothing. Chapters 1 and 2 are plain Python throughout.
#
# **What changed in the checkpoint:** five modules to start with. `losses.py` has `mse`, `linear.py` has `predict`, `gradients.py` has `numerical_grad` and `linear_grad`, `training.py` has `gradient_descent`, and `metrics.py` has `error_rate`.
#
# **To read on:** Michael Nielsen's *Neural Networks and Deep Learning*, chapter 1; *Dive into Deep Learning*, chapter 3; and Gabriel Goh, *Why Momentum Really Works* (Distill, 2017), whose first half is the best treatment of the speed limit that I know.
