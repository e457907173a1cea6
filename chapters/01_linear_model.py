# %% [markdown]
# # 1. A linear model
#
# Forty students told us how long they studied and what they scored. By the end of this chapter a short loop of plain Python will have found the line through their points, and the same loop, given 784 numbers instead of one, will tell a handwritten 3 from a 7.
#
# **You need:** Python, school algebra, and a memory of what a derivative was. **You will reach:** a line through forty points, then fewer than 5 errors in 100 on threes and sevens, then a first try at all ten digits. **Time:** about three hours, half of them for the exercises; the computer needs less than a minute.

# %%
import random

import matplotlib.pyplot as plt

from groundup import plot, record

rng = random.Random(0)
hours = [rng.uniform(0, 10) for _ in range(40)]
scores = [4.2 * x + 31 + rng.gauss(0, 4) for x in hours]

# %% tags=["figure", "slide"] alt="Forty points rising from lower left to upper right, scattered about a line."
plt.plot(hours, scores, "o", ms=4)
plt.ylim(bottom=0)
plt.xlabel("hours studied")
plt.ylabel("score")

# %% [markdown]
# You can see the line. How does a program that cannot see come to find it?
#
# (The students are invented: each score is $4.2 \times \text{hours} + 31$ plus some luck. So for once we know the truth and can tell whether the program found it.)
#
# ## A guess, and how wrong it is
#
# A **model** is a formula in which some numbers are still to be chosen, its **parameters**. Ours has two, a **weight** $w$ and a **bias** $b$ (at school, slope and intercept). For a student who studied $x$ hours it predicts
#
# $$\hat y = w x + b$$
#
# Say "y hat": the hat marks a prediction, so that it is never taken for the true score $y$. Choosing $w$ and $b$ from examples is called **linear regression**. (To predict a number is *regression*, to predict a name **classification**.) In Python the formula is one line long:


# %%
def predict_line(x: float, w: float, b: float) -> float:
    return w * x + b


# %% [markdown] tags=["predict"]
# With both parameters at 0, what is the average error, prediction minus score? Guess from the picture, sign included.

# %%
errors = [predict_line(x, 0.0, 0.0) - y for x, y in zip(hours, scores, strict=True)]
average_error = sum(errors) / len(errors)
print(f"average error {average_error:.1f}")

# %% [markdown] tags=["answer"]
# Every prediction is 0, so the average error is the average score with its sign turned: far too low.

# %% tags=["claim"]
assert average_error < -40

# %% [markdown]
# An average hides as much as it shows: a model that is 100 too high for one student and 100 too low for the next would get a perfect 0. We need a number in which errors cannot cancel.
#
# To find one is the first exercise. Its answer is *saved to* a file, `ch01/losses.py`: code so marked makes up the package `ch01`, this chapter's **checkpoint**, from which chapter 2 imports. Where you see *checked*, a few lines of code test what was just said (and `record` keeps numbers for other pages). Answer in plain Python, without NumPy: by the rule of this book a library may compute for you what you have written yourself before. (*How to read this book* says more.)

# %% [markdown] exercise="mse" tags=["prompt"] difficulty="easy" minutes=5
# ### Exercise 1.1: errors that cannot cancel
#
# Write `mse(predictions, targets)`: square each difference, then take the mean. Both arguments are lists of the same length. Two lists of different lengths are a mistake of the caller: raise a `ValueError` that says both lengths.

# %% [markdown] tags=["hint"]
# `zip` walks two lists side by side, but it stops silently at the end of the shorter one. Compare the lengths first.

# %% [markdown] tags=["hint"]
# What must be true before `zip` may run? And once you have the squared differences, what makes one number of them that does not grow with the number of students?

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
# My first version did not compare the lengths. I gave it the forty predictions of the line $w = 4$, $b = 30$ and, by mistake, the first ten scores. It took the ten pairs that `zip` found and returned a loss that was more than half as large again as the true one, without a word.

# %% tags=["check"]
predicted, wanted = [9.0, 4.0, 2.0, 8.0], [12.0, 3.0, 2.0, 1.0]
try:
    got = mse(predicted, wanted)  # the differences are -3, 1, 0 and 7
except ValueError as error:
    raise AssertionError(
        f"that stopped with '{error}': walk both lists with `zip(predictions, targets)`"
        if "unpack" in str(error)
        else f"a ValueError ('{error}') for two lists of the same length: "
        "is the condition turned round?"
    ) from None
except TypeError as error:
    assert " ^" not in str(error), "in Python a power is **, and ^ is something else"
    raise
assert got is not None, "nothing came back: return the loss, do not print it"
assert isinstance(got, int | float) and got == got, (  # NaN is not
    f"a loss is one number, a plain int or float, not {got!r}"
)
assert (predicted, wanted) == ([9.0, 4.0, 2.0, 8.0], [12.0, 3.0, 2.0, 1.0]), (
    "the caller's lists have changed: make a list of your own"
)
for wrong, why in (
    (59, "that is the sum of the squares: divide by how many there are"),
    (29.5, "there are four pairs here, not two: divide by len(targets)"),
    (59 / 3, "divided by one too few: there are four pairs"),
    (11.8, "divided by one too many: there are four pairs"),
    (7.375, "that is half of it: some books divide by 2n, here divide by n"),
    (2.25, "only the first pair counted: is `return` inside of the loop?"),
    (9, "only the first pair's square came back: is `return` inside of the loop?"),
    (12.5, "the first pair was left out: places are counted from 0"),
    (12.25, "that is the last pair's share alone: add up"),
    (49, "that is the last pair's square alone: add up, then divide"),
    (4, "that is how many pairs there are"),
    (11, "that is the sum of the absolute differences: square them, and divide"),
    (2.75, "that is the mean of the absolute differences: square them"),
    (1.25, "those are the plain differences, and they cancel: square each"),
    (-1.25, "those are the plain differences, and they may cancel: square each"),
    (2.5, "those are the doubled differences, and they cancel: `** 2` squares"),
    (1.5625, "that is the squared mean: square each difference first"),
    (6.25, "that is the square of the sum: square each difference first"),
    (79.25, "those are third powers, which can cancel: square"),
    (14, "what comes after the point is lost: no `//`, `int` or `round`"),
    (15, "what comes after the point is lost: no `//`, `int` or `round`"),
    (14.75**0.5, "that is the root of the mean squared error: leave out the root"),
    (1.75, "square the difference, not each number by itself"),
    (146.75, "that squares the sums: subtract the target from the prediction"),
):
    assert abs(got - wrong) > 1e-9, why
assert abs(got - 14.75) < 1e-9, f"the mean of 9, 1, 0 and 49 is 14.75, not {got}"
got = mse([0.5, 2.0], [2.0, -1.0])
assert abs(got - 5.625) < 1e-9, f"the mean of 2.25 and 9 is 5.625, not {got}"
got = mse([1.0, 0.0, 2.0], [0.0, 0.0, 2.0])
assert abs(got - 1 / 3) < 1e-9, (
    f"the mean of 1, 0 and 0 is 1/3, not {got}: compute with every digit, do not round"
)
try:
    got = mse([1.0] * 300, [3.0] * 300)
except ValueError:
    raise AssertionError("equal lengths were refused: compare with `!=`") from None
assert abs(got - 4 / 300) > 1e-9, "equal squares counted once: `{…}` is a set"
assert abs(got - 4) < 1e-9, f"300 differences of -2 have a mean square of 4, not {got}"
for many, more, why in (
    (37, 52, "compare the lengths before you compute (`zip` would stop silently)"),
    (52, 37, "catch both, more targets and fewer"),
):
    try:
        returned = mse([1.0] * many, [1.0] * more)
    except ValueError as error:
        assert "37" in str(error) and "52" in str(error), (
            f"say both lengths in the message, which was {str(error)!r}"
        )
    except Exception as error:
        raise AssertionError(
            f"raise a ValueError; what came was: {type(error).__name__}"
        ) from None
    else:
        assert isinstance(returned, int | float), (
            f"no ValueError came, but {returned!r} came back: `raise` it"
        )
        raise AssertionError(
            f"{many} predictions went through with {more} targets: {why}"
        )


# %% [markdown]
# A number that says how wrong a model is goes by the name of **loss**. This one is the **mean squared error**,
#
# $$L = \frac1n \sum_{i=1}^{n} (\hat y_i - y_i)^2$$
#
# where $n$ counts the students, $i$ numbers them, and $\sum$ ("sum") is the loop. The line for which it is smallest is the **least-squares** line.


# %%
def line_loss(parameters: list[float]) -> float:
    """The loss on our students of the line with the parameters [w, b]."""
    w, b = parameters
    return mse([predict_line(x, w, b) for x in hours], scores)


print(f"w = 0, b = 0:  loss {line_loss([0.0, 0.0]):.0f}")
print(f"w = 4, b = 30: loss {line_loss([4.0, 30.0]):.0f}")

# %% tags=["claim"]
assert line_loss([4.0, 30.0]) < line_loss([0.0, 0.0]) / 50
first_ten = mse([predict_line(x, 4.0, 30.0) for x in hours[:10]], scores[:10])
assert first_ten > 1.5 * line_loss([4.0, 30.0]), "exercise 1.1, lengths not compared"

# %% [markdown] tags=["aside"]
# #### Aside: why squares?
#
# Suppose that a score is the line's value plus luck, that one student's luck is independent of another's, and that all of it follows one bell curve of Gauss: an error $e$ has a probability density proportional to $\exp(-e^2 / 2\sigma^2)$, where $\sigma$ ("sigma"), the same for all, says how wide the bell is. The density of all scores together is the product of forty such terms; read as a function of $w$ and $b$ it is called the **likelihood**. Its logarithm is a constant minus $\sum_i e_i^2 / 2\sigma^2$. So the line under which the scores are most probable is the line with the smallest sum of squares, whatever $\sigma$ is. Choosing parameters in this way is called **maximum likelihood**, and chapter 7 returns to it.
#
# Absolute values cannot cancel either. They are what one gets when luck has a density proportional to $\exp(-|e| / \sigma)$, with more room for large errors; so one outlier pulls less. Here are five scores, one of them odd, and the single number that fits them best:

# %% tags=["aside"]
five = [50.0, 52.0, 53.0, 55.0, 100.0]
candidates = [k / 10 for k in range(400, 1001)]
by_squares = min(candidates, key=lambda c: sum((c - y) ** 2 for y in five))
by_absolute_values = min(candidates, key=lambda c: sum(abs(c - y) for y in five))
print(f"least squares {by_squares}, least absolute values {by_absolute_values}")

# %% [markdown] tags=["aside"]
# The mean and the median. There is a practical reason as well, which the next sections make clear: the derivative of a square shrinks as the error does, so that steps become small near the goal by themselves. That of the absolute value is 1 or $-1$, however near one is (and at 0 it has none).

# %% tags=["claim"]
assert by_squares == sum(five) / 5 and by_absolute_values == sorted(five)[2]

# %% [markdown]
# ## Which way is down?
#
# With two parameters we could try all settings on a grid. With the 785 parameters of this chapter's end, and ten settings of each, there are more combinations than atoms in the observable universe. But we need not look everywhere: it is enough to know, at the place where we stand, which way is down. Hold the bias at 30, stand at $w = 2$, and change $w$ a little to either side:

# %%
h = 0.001
change = line_loss([2.0 + h, 30.0]) - line_loss([2.0 - h, 30.0])
derivative = change / (2 * h)
print(f"the loss changes by {derivative:.1f} per unit of w")

# %% tags=["figure"] alt="The loss against the weight w is a parabola with its lowest point a little above 4; a straight line touches it at w = 2 and falls to the right." caption="The loss with the bias held at 30, and its tangent at w = 2."
ws = [k / 10 for k in range(91)]
plt.plot(ws, [line_loss([w, 30.0]) for w in ws])
here = line_loss([2.0, 30.0])
plt.plot([1.2, 2.8], [here - 0.8 * derivative, here + 0.8 * derivative])
plt.plot(2.0, here, "o")
plt.xlabel("weight w")
plt.ylabel("loss")

# %% [markdown]
# The change of the loss, divided by the change of the weight: that is a **finite difference**, and it comes very near to the **derivative** of the loss, which is how steep the orange tangent is. With more than one parameter one writes
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + h,\, b) - L(w - h,\, b)}{2h}$$
#
# and says "partial L by partial w", the **partial derivative**: how much the loss changes per unit of $w$ while every other parameter stays where it is. The step $h$ is small. One such number for each parameter, in a list, is the **gradient**. Read it as an arrow in the plane of $w$ and $b$, and it points uphill: a step of a tiny $t$ times the gradient raises the loss by about $t$ times the sum of the squared derivatives. So we shall walk the other way.

# %% [markdown] exercise="numerical_grad" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 1.2: the gradient by finite differences
#
# Write `numerical_grad(f, parameters, step=1e-4)`. The function `f` takes a list of numbers and returns one number. Give back the list of its partial derivatives at `parameters`, by the formula above with $h$ = `step`. The caller's list must come out as it went in.

# %% [markdown] tags=["hint"]
# For each position `i` make two fresh lists, in which only the number at `i` is different.

# %% [markdown] tags=["hint"]
# `[*parameters[:i], parameters[i] + step, *parameters[i + 1 :]]` is one of the two lists. How far apart are the two points?

# %% tags=["solution"] export="gradients.py"
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable


def numerical_grad(
    f: Callable[[list[float]], float], parameters: list[float], step: float = 1e-4
) -> list[float]:
    """Gradient of `f` at `parameters`, by central finite differences.

    Shapes: parameters (P) -> gradient (P). Calls `f` 2P times.
    """
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


# %% [markdown] tags=["solution"]
# First I moved to one side only, `(f(up) - f(parameters)) / step`, which saves half of the calls. On `line_loss` at $w = 1$, $b = 20$ it was off by 0.004, and with a step ten times as small by a tenth of that. A curve bends away from its tangent, and on one side nothing makes up for it; with two points the bends cancel. (For a parabola, such as this, they cancel entirely, and the same step was right to ten digits; in general an error of the order of $h^2$ remains.) Then I changed the caller's list in place and did not change it back: the first derivative was right and the second was $-60.0470$ in place of $-60.0458$, which is the worst kind of wrong.

# %% tags=["check"]
visited = []


def hilly(k: list[float]) -> float:
    assert isinstance(k, list | tuple) and len(k) == 3, (
        f"f takes the whole list of 3 numbers, one of them moved, not {k}"
    )
    visited.append(list(k))
    return k[0] ** 2 + 10 * k[0] * k[1] + k[1] * k[2] ** 2


spot = [3.0, 1.5, 3.0]  # two of the parameters are equal, and not neighbours
got = numerical_grad(hilly, spot, step=0.2)
assert got is not None, "nothing came back: return the list, do not print it"
assert isinstance(got, list), f"give back a list, not {got!r}"
assert spot == [3.0, 1.5, 3.0], f"the caller's list has changed to {spot}: use copies"
assert len(got) == 3, f"3 parameters need 3 derivatives, not {len(got)}"
assert all(isinstance(g, int | float) and g == g for g in got), (  # NaN is not
    f"each derivative is one number, not one of {got}"
)


def is_near(*wanted: float) -> bool:
    return all(abs(g - w) < 1e-6 for g, w in zip(got, wanted, strict=True))


for wrong, why in (
    (
        (0, 0, 0),
        "up and down are the same: two lists, one with plus and one with minus",
    ),
    ((42, 78, 18), "twice too large: the two points are 2 * step apart"),
    ((0.84, 1.56, 0.36), "mind the brackets: divide by (2 * step)"),
    ((8.4, 15.6, 3.6), "those are changes of f: divide them by 2 * step"),
    (
        (0.105, 0.195, 0.045),
        "moved by 0.001, divided by 2 * step: use `step` for both",
    ),
    (
        (4200, 7800, 1800),
        "moved by `step`, divided by 0.002: use `step` for both",
    ),
    ((-21, -39, -9), "the sign is turned: up minus down"),
    ((21.2, 39, 9.3), "one side alone is less exact: step to both sides"),
    ((20.8, 39, 8.7), "only the lower side: step to both sides"),
    (
        (10.6, 19.5, 4.65),
        "the lower point is where you started: from the upper one it is 2 * step down",
    ),
    (
        (10.4, 19.5, 4.35),
        "the upper point is where you started: from the lower one it is 2 * step up",
    ),
    (
        (21.2, 41, 10.54),
        "one side alone, and what was moved before has stayed moved: "
        "step to both sides, from fresh lists",
    ),
    ((21, 60, 69.04), "are these two lists made once, before the loop? make new ones"),
    ((69.04,) * 3, "all were moved at once: move one, and let the others stand"),
    ((21, 39, 21), "`index` finds the first of two equal parameters: enumerate"),
):
    assert not is_near(*wrong), why
assert is_near(21, 39, 9) or any(
    g % 1 or not 0 <= w - g <= 1 for g, w in zip(got, (21, 39, 9), strict=True)
), "does `//` throw away what comes after the point? divide with `/`"
assert abs(got[0] - 21) > 1e-6 or is_near(21, 39, 9), (
    f"the first is right and {got[1:]} should be [39, 9]: when one parameter is "
    "moved, all others must stand where they stood"
)
assert is_near(21, 39, 9), f"the gradient there is [21, 39, 9], not {got}"
assert len(visited) <= 6, f"3 parameters, 2 calls for each, but {len(visited)} calls"
(cubed,) = numerical_grad(lambda k: k[0] ** 3, [3.0], step=0.1)
assert abs(cubed - 27.09) > 1e-6, "add `step` as it is, not multiplied by the parameter"
assert abs(cubed - 27.04) > 1e-6, "two steps are too far: one `step` to either side"
assert cubed != 27, "what comes after the point is lost: no `//`, `int` or `round`"
assert abs(cubed - 27) > 1e-5, "use the `step` that was given, whatever it is"
assert abs(cubed - 27.0025) > 1e-6, "half a step is too near: one whole step either way"
assert abs(cubed - 27.01) < 1e-6, (
    f"(3.1**3 - 2.9**3) / 0.2 is 27.01, but for k**3 at 3 came {cubed}"
)
(falling,) = numerical_grad(lambda k: -(k[0] ** 3), [3.0], step=0.1)
assert abs(falling - 27.01) > 1e-6, "an `abs` too many: a derivative has a sign"
assert abs(falling + 27.01) < 1e-6, (
    f"(-(3.1**3) + 2.9**3) / 0.2 is -27.01, but for -(k**3) at 3 came {falling}"
)
(third,) = numerical_grad(lambda k: k[0] / 3, [2.0], step=0.1)
assert abs(third - 1 / 3) < 1e-9, (
    f"k / 3 rises by 1/3 per unit, not {third}: no `round`"
)
(scaled,) = numerical_grad(lambda k: 1000 * k[0] ** 3, [2.0])
assert abs(scaled - 12000.00001) < 2e-6, "when no step is given it should be 1e-4"

# %%
print("gradient with both parameters at 0:", numerical_grad(line_loss, [0.0, 0.0]))

# %% tags=["claim"]
one_sided = (line_loss([1 + 1e-4, 20.0]) - line_loss([1.0, 20.0])) / 1e-4
closer = (line_loss([1 + 1e-5, 20.0]) - line_loss([1.0, 20.0])) / 1e-5
exact = sum(2 * (x + 20 - y) * x for x, y in zip(hours, scores, strict=True)) / 40
assert 0.003 < one_sided - exact < 0.005 and (one_sided - exact) / (closer - exact) > 8
assert abs(numerical_grad(line_loss, [1.0, 20.0])[0] - exact) < 1e-8
at_zero = numerical_grad(line_loss, [0.0, 0.0])
assert at_zero[0] < 5 * at_zero[1] < 0
uphill = numerical_grad(line_loss, [1.0, 20.0])
risen = line_loss([1 + 1e-7 * uphill[0], 20 + 1e-7 * uphill[1]])
steepness = (risen - line_loss([1.0, 20.0])) / 1e-7
assert 0.999 < steepness / sum(g * g for g in uphill) < 1.001
stays = line_loss([1 - 1e-4, 20 + 1e-4]) - line_loss([1 - 1e-4, 20 - 1e-4])
assert f"{stays / 2e-4:.4f} {uphill[1]:.4f}" == "-60.0470 -60.0458"

# %% [markdown]
# Both are negative: raise either parameter and the loss falls. And the loss is far steeper in $w$ than in $b$. Keep that in mind; it will make trouble.
#
# ## The chain rule, in numbers
#
# Finite differences compute the loss twice for each parameter, and every loss visits every student. With the 785 parameters, and the 800 images on which we shall train them, that would be more than a million predictions for a single gradient. There is a way to have it for the price of two or three losses, however many parameters there are. Here it is in the smallest case: one student, with $x = 3$ hours and a score of $y = 10$, and the parameters $w = 2$ and $b = 1$.

# %%
x, y, w, b = 3.0, 10.0, 2.0, 1.0
m = w * x  # the product: 6
y_hat = m + b  # the prediction: 7
e = y_hat - y  # the error: -3
print("loss", e**2)

# %% tags=["figure", "slide"] alt="A computational graph from left to right: w = 2 times x = 3 gives 6, plus b = 1 gives 7, minus y = 10 gives -3, squared gives the loss 9. Below the lines, from right to left, the derivatives of the loss: 1, then -6, -6, -6; at b -6, at w -18, at x -12 and at y 6." caption="The computational graph of one student's loss."
plot.graph("L = (w * x + b - y) ** 2", {"w": w, "x": x, "b": b, "y": y})

# %% [markdown]
# This is a **computational graph**: every blue box is one operation, the square ones are what goes in, and the values, in blue, flow from left to right: $m = 6$, $\hat y = 7$, $e = -3$. That is the **forward pass**. The orange numbers say how much the loss changes per unit of the value above them. They are found from right to left, in the **backward pass**, one box at a time, from a 1 at $L$ itself:
#
# - **The square.** $L = e^2$. Raise $e$ by a little $h$, and $(e + h)^2 = e^2 + 2eh + h^2$: apart from the tiny $h^2$, the loss changes $2e$ times as much as $e$. Here that is $2 \times (-3) = -6$.
# - **The difference.** $e = \hat y - y$. Raise $\hat y$ by $h$, and $e$ rises by $h$: once as much. And the loss changes $-6$ times as much as $e$ does. So it changes $-6 \times 1 = -6$ times as much as $\hat y$.
# - **The sum.** $\hat y = m + b$. Here too once as much, for both: $-6$ arrives at $m$, and $-6$ at $b$. This one is an answer: $\partial L/\partial b = -6$.
# - **The product.** $m = wx$. Raise $w$ by $h$, and $m$ rises by $xh$: $x = 3$ times as much. So the loss changes $-6 \times 3 = -18$ times as much as $w$. (Likewise $-12$ at $x$, and 6 at $y$, which is subtracted. We leave these two: data is not ours to change.)
#
# Each time we multiplied what came from the right by what this one operation does. This is the **chain rule**: along a path, derivatives multiply.
#
# $$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial e} \cdot \frac{\partial e}{\partial \hat y} \cdot \frac{\partial \hat y}{\partial m} \cdot \frac{\partial m}{\partial w} = 2e \cdot 1 \cdot 1 \cdot x$$
#
# In code, in the opposite order of the forward pass:

# %%
grad_e = 2 * e
grad_y_hat = grad_e * 1
grad_m, grad_b = grad_y_hat * 1, grad_y_hat * 1
grad_w = grad_m * x
print("by w:", grad_w, " by b:", grad_b)

# %% tags=["claim"]
assert (m, y_hat, e, grad_w, grad_b) == (6, 7, -3, -18, -6)
one_student = numerical_grad(lambda k: (k[0] * 3 + k[1] - 10) ** 2, [2.0, 1.0])
assert abs(one_student[0] + 18) < 1e-6 and abs(one_student[1] + 6) < 1e-6

# %% [markdown] tags=["predict"]
# Raise $w$ from 2 to 2.01 and leave all else. By how much does the loss change, going by the $-18$? And in truth?

# %%
print(f"{(2.01 * x + b - y) ** 2 - (2.00 * x + b - y) ** 2:.4f}")

# %% [markdown] tags=["answer"]
# The derivative says $-18 \times 0.01 = -0.18$. The rest is the $h^2$ that we dropped: the error changed by 0.03, and $0.03^2 = 0.0009$. With a step ten times smaller it would be a hundred times smaller.

# %% tags=["claim"]
assert abs((2.01 * 3 + 1 - 10) ** 2 - 9 - (-0.18 + 0.0009)) < 1e-9
assert abs((2.001 * 3 + 1 - 10) ** 2 - 9 - (-0.018 + 0.000009)) < 1e-9

# %% [markdown]
# Now for all students. The loss is the mean of what they cost one by one, so its derivatives are the means of theirs. Student $i$ has the error $\hat y_i - y_i$ and contributes $2(\hat y_i - y_i)\,x_i$ for the weight and $2(\hat y_i - y_i)$ for the bias:
#
# $$\frac{\partial L}{\partial w} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)\, x_i
# \qquad
# \frac{\partial L}{\partial b} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)$$


# %%
def line_grad(
    xs: list[float], ys: list[float], w: float, b: float
) -> tuple[float, float]:
    """The derivatives of the loss by w and by b."""
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys, strict=True)]
    grad_w = 2 * sum(e * x for e, x in zip(errors, xs, strict=True)) / len(xs)
    grad_b = 2 * sum(errors) / len(xs)
    return grad_w, grad_b


print("by hand           ", line_grad(hours, scores, 1.0, 20.0))
print("finite differences", numerical_grad(line_loss, [1.0, 20.0]))

# %% tags=["claim"]
numerical = numerical_grad(line_loss, [1.0, 20.0])
by_hand = line_grad(hours, scores, 1.0, 20.0)
assert all(abs(g - n) < 1e-6 for g, n in zip(by_hand, numerical, strict=True))

# %% [markdown]
# To compare the two is a **gradient check**. Never believe a formula for a gradient, mine included, before it has passed one. But look at this function, which has a bug that you can see:


# %%
def suspect_grad(
    xs: list[float], ys: list[float], w: float, b: float
) -> tuple[float, float]:
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys, strict=True)]
    grad_w = 2 * sum(e * w * x for e, x in zip(errors, xs, strict=True)) / len(xs)
    return grad_w, 2 * sum(errors) / len(xs)


print("suspect           ", suspect_grad(hours, scores, 1.0, 20.0))
print("finite differences", numerical_grad(line_loss, [1.0, 20.0]))

# %% tags=["claim"]
suspect = suspect_grad(hours, scores, 1.0, 20.0)
assert all(abs(g - n) < 1e-6 for g, n in zip(suspect, numerical, strict=True))

# %% [markdown]
# It passes. There is a $w$ too many in it, and I happened to check at $w = 1$.

# %% [markdown] exercise="is_gradient" tags=["prompt"] difficulty="hard" minutes=25
# ### Exercise 1.3: catch the wrong gradient
#
# Write `is_gradient(candidate)`. A candidate is called as `line_grad` is, `candidate(xs, ys, w, b)`, and gives back two numbers; your function says whether they are the derivatives of the mean squared error, `True` or `False`. You choose the students, the parameters, and what counts as equal. What is right, `numerical_grad` tells; `line_grad` is on trial like everybody else.
#
# Collect first: in which ways could one write `line_grad` wrongly (I found twenty-one), and with which students or parameters would each of them go unnoticed?

# %% [markdown] tags=["hint"]
# A number that changes nothing when it is left out, multiplied once too often or squared is a bad number to test with. So is a number of students by which division changes nothing.

# %% [markdown] tags=["hint"]
# Finite differences are rounded, so do not ask for equality; but how large a difference can rounding make here? Print some and see. And some bugs look at the sign of an error: have errors of both signs.


# %% tags=["solution"]
def is_gradient(candidate: Callable) -> bool:
    xs, ys, w, b = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5], 1.7, -0.6

    def loss(parameters: list[float]) -> float:
        return mse([predict_line(x, *parameters) for x in xs], ys)

    found = candidate(xs, ys, w, b)
    wanted = numerical_grad(loss, [w, b])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted, strict=True))


# %% [markdown] tags=["solution"]
# I began with the numbers that come to mind first: one student, $x = 1$, $y = 0$, $w = 1$, $b = 0$. Of the twenty-two wrong gradients in the check (my twenty-one, and one that is off by a thousandth of $w$) it called fifteen right, the suspect among them. What helps is dull: three students and not two (so that 2/n is not 1), no number that is 0 or 1, errors of both signs, and a tolerance that leaves room for rounding and for nothing else.

# %% tags=["check"]


def made(
    error: Callable = lambda x, y, w, b: w * x + b - y,
    by_w: Callable = lambda e, x, w, b: e * x,
    by_b: Callable = lambda e, x, w, b: e,
    scale: Callable = lambda n: 2 / n,
) -> Callable:
    """A gradient made of parts, one of which may be wrong."""

    def candidate(xs: list, ys: list, w: float, b: float) -> tuple[float, float]:
        found = [(error(x, y, w, b), x) for x, y in zip(xs, ys, strict=True)]
        many = scale(len(xs))
        grad_w = many * sum(by_w(e, x, w, b) for e, x in found)
        return grad_w, many * sum(by_b(e, x, w, b) for e, x in found)

    return candidate


def of_the_means(xs: list, ys: list, w: float, b: float) -> tuple[float, float]:
    error = sum(w * x + b - y for x, y in zip(xs, ys, strict=True)) / len(xs)
    return 2 * error * sum(xs) / len(xs), 2 * error


def by_differences(xs: list, ys: list, w: float, b: float) -> list[float]:
    return numerical_grad(
        lambda k: mse([k[0] * x + k[1] for x in xs], ys), [w, b], step=1e-3
    )


right = made()
wrong_gradients = {
    "has no factor 2": made(scale=lambda n: 1 / n),
    "has its sign turned": made(scale=lambda n: -2 / n),
    "gives the bias's first, which does not show when they are equal": lambda *at: (
        right(*at)[::-1]
    ),
    "has no 1/n, which does not show with one student": made(scale=lambda n: 2),
    "has no 2/n, which does not show with two students": made(scale=lambda n: 1),
    "looks at the last student only, which does not show with one": (
        lambda xs, ys, w, b: right(xs[-1:], ys[-1:], w, b)
    ),
    "multiplies two means, which does not show when all xs are equal": of_the_means,
    "has a w too many, which does not show at w = 1": made(
        by_w=lambda e, x, w, b: e * w * x
    ),
    "forgets w in the prediction, which does not show at w = 1": made(
        error=lambda x, y, w, b: x + b - y
    ),
    "forgets b in the prediction, which does not show at b = 0": made(
        error=lambda x, y, w, b: w * x - y
    ),
    "forgets the targets, which does not show when they are 0": made(
        error=lambda x, y, w, b: w * x + b
    ),
    "has no x for the weight, which does not show when x is 1": made(
        by_w=lambda e, x, w, b: e
    ),
    "has an x for the bias, which does not show when x is 1": made(
        by_b=lambda e, x, w, b: e * x
    ),
    "squares x, which does not show when x is 0 or 1": made(
        by_w=lambda e, x, w, b: e * x * x
    ),
    "takes |e| for e, which does not show when no error is negative": made(
        by_w=lambda e, x, w, b: abs(e) * x, by_b=lambda e, x, w, b: abs(e)
    ),
    "takes -|e| for e, which does not show when no error is positive": made(
        by_w=lambda e, x, w, b: -abs(e) * x, by_b=lambda e, x, w, b: -abs(e)
    ),
    "has a b too many for the bias, which does not show at b = 1": made(
        by_b=lambda e, x, w, b: e * b
    ),
    "has b*b for b in the prediction, which does not show at b = 1": made(
        error=lambda x, y, w, b: w * x + b * b - y
    ),
    "has w and b exchanged, which does not show when they are equal": (
        lambda xs, ys, w, b: right(xs, ys, b, w)
    ),
    "squares the targets, which does not show when they are 0 or 1": made(
        error=lambda x, y, w, b: w * x + b - y * y
    ),
    "looks at `hours` and `scores`, which does not show with just these students": (
        lambda xs, ys, w, b: right(hours, scores, w, b)
    ),
    "is off by w/1000: is your tolerance too wide, or your w too small?": (
        lambda *at: (right(*at)[0] + at[2] / 1000, right(*at)[1])
    ),
}


def verdict_on(candidate: Callable) -> bool:
    try:
        verdict = is_gradient(candidate)
    except AssertionError as error:
        raise AssertionError(
            f"an assert in is_gradient stopped it ({error}): return False instead"
        ) from None
    except Exception as error:
        raise AssertionError(
            f"is_gradient stopped with {type(error).__name__}: {error}. A candidate "
            "is called as candidate(xs, ys, w, b), and a wrong one gets False"
        ) from None
    assert verdict is not None, "no verdict came back: return True or False, always"
    assert verdict in (True, False), f"say True or False, not {verdict!r}"
    return bool(verdict)


for candidate, why in (
    (
        line_grad,
        "it is line_grad itself; does your test leave room for rounding? or is what "
        "you compare with not the gradient of the mean squared error, at the same "
        "students, w and b?",
    ),
    (
        lambda *at: list(line_grad(*at)),
        "it gives back a list: compare numbers with numbers",
    ),
    (
        by_differences,
        "it differs by rounding alone: leave room for a millionth or so",
    ),
):
    assert verdict_on(candidate), f"you called a right gradient wrong. {why}"
for by_w, by_b, why in (
    (9, 9, "too large by 9, both of them"),
    (-9, -9, "too small by 9: is there an `abs` around the difference?"),
    (9, 0, "right by b and wrong by w: compare both"),
    (0, 9, "right by w and wrong by b: compare both"),
    (9, -9, "one too large, one too small: compare one by one"),
):
    verdict = verdict_on(
        lambda *at: (right(*at)[0] + by_w, right(*at)[1] + by_b)  # noqa: B023
    )
    assert not verdict, f"you called two numbers right that are {why}"
for what, candidate in wrong_gradients.items():
    assert not verdict_on(candidate), f"you called this gradient right: it {what}"
honest, line_grad = line_grad, wrong_gradients["has no factor 2"]
try:
    verdict = verdict_on(honest)
finally:
    line_grad = honest
assert verdict, "you compared with line_grad, but it is on trial: use numerical_grad"

# %%
print("line_grad:   ", is_gradient(line_grad))
print("suspect_grad:", is_gradient(suspect_grad))


# %% tags=["claim"]
def first_test(candidate: Callable) -> bool:
    found = candidate([1.0], [0.0], 1.0, 0.0)
    wanted = numerical_grad(lambda k: (k[0] * 1 + k[1] - 0) ** 2, [1.0, 0.0])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted, strict=True))


passed = [what for what, wrong in wrong_gradients.items() if first_test(wrong)]
assert len(wrong_gradients) == 22 and len(passed) == 15, passed
assert is_gradient(line_grad) and not is_gradient(suspect_grad)

# %% [markdown]
# ## Downhill, step by step
#
# Now the loop. Stand anywhere. Take the gradient. Subtract from each parameter $\eta$ ("eta") times its derivative; $\eta$ is the **learning rate**, a small number, `lr` in code. Repeat. It is called **gradient descent**:
#
# $$w \leftarrow w - \eta\,\frac{\partial L}{\partial w}\,, \qquad b \leftarrow b - \eta\,\frac{\partial L}{\partial b}$$


# %%
def descend(lr: float, steps: int) -> list[tuple[float, float]]:
    """Gradient descent on our students from (0, 0): the parameters after each step."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for _ in range(steps):
        grad_w, grad_b = line_grad(hours, scores, w, b)
        w, b = w - lr * grad_w, b - lr * grad_b
        path.append((w, b))
    return path


path = descend(lr=0.0205, steps=3000)
w, b = path[-1]
print(f"after {len(path) - 1} steps: w {w:.3f}, b {b:.2f}")

# %% [markdown]
# (Why 0.0205? The next section asks.) Is that the best line there is? For a line, algebra can answer: at the lowest point both derivatives are 0. Write $\bar x$ ("x bar") for a mean. From the bias's it follows that $b = \bar y - w \bar x$, and with that from the weight's:
#
# $$w = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{\sum_i (x_i - \bar x)^2}$$
#
# For nearly everything after this chapter there is no such formula.

# %%
mean_x, mean_y = sum(hours) / len(hours), sum(scores) / len(scores)
products = sum((x - mean_x) * (y - mean_y) for x, y in zip(hours, scores, strict=True))
best_w = products / sum((x - mean_x) ** 2 for x in hours)
best_b = mean_y - best_w * mean_x
print(f"least squares:    w {best_w:.3f}, b {best_b:.2f}")

# %% tags=["claim"]
assert abs(w - best_w) < 0.001 and abs(b - best_b) < 0.01
assert abs(w - 4.2) < 0.3 and abs(b - 31) < 2

# %% [markdown]
# Not quite 4.2 and 31: the luck of forty students has moved the best line a little off the truth.

# %% [markdown] tags=["aside"]
# #### Aside: the same in matrices
#
# Write the inputs as a matrix $X$ with one row $(x_i, 1)$ for each student, the scores as a column $y$, and the parameters as a column $\theta = (w, b)$ ("theta"). All predictions at once are $X\theta$, the loss is $\frac1n|X\theta - y|^2$, where $|\cdot|^2$ is the sum of the squares, and both derivatives together are $\frac2n X^\top(X\theta - y)$, where $X^\top$ ("X transposed") has rows and columns exchanged. At the lowest point they are 0:
#
# $$X^\top X\,\theta = X^\top y$$
#
# These are the **normal equations**, here two equations for two unknowns, and the formulas above are their solution.

# %% tags=["aside"]
xx, sum_x, n = sum(x * x for x in hours), sum(hours), len(hours)  # X transposed times X
xy, sum_y = sum(x * y for x, y in zip(hours, scores, strict=True)), sum(scores)
determinant = xx * n - sum_x * sum_x  # what one divides by to solve the two
exact_w = (xy * n - sum_x * sum_y) / determinant
exact_b = (xx * sum_y - sum_x * xy) / determinant
print(exact_w, exact_b)

# %% [markdown] tags=["aside"]
# There is exactly one solution when no column of $X$ can be mixed from the others: they are **linearly independent**. Here that means that not everybody studied equally long (otherwise the determinant is 0). With 784 pixels it fails: some are blank in every image, and their weights may be anything. Their derivatives are always 0, so gradient descent leaves them where they started.

# %% tags=["claim"]
assert abs(exact_w - best_w) < 1e-9 and abs(exact_b - best_b) < 1e-9

# %% [markdown]
# How did the descent get there? Its first eight steps, stretched upwards, and then its whole way:

# %% tags=["figure", "slide"] alt="Lines of equal loss run nearly straight up. The path starts at (0, 0), leaps across the valley to a weight of about 15, back to about 3, and on from side to side, each leap shorter than the last; b goes up and down with it, between about 1 and 2.5." caption="The first eight steps."
plot.descent(
    lambda w, b: line_loss([w, b]),
    path[:9],
    (-1.5, 16.5),
    (-0.6, 3.2),
    levels=[400, 1500, 3000],
)

# %% tags=["figure", "beside"] alt="The whole valley is long, narrow and tilted. After the leaps at its lower end the path creeps up along its floor to the lowest point at a weight of 4.4 and a bias of 29.7." caption="The whole way: the leaps, then a dot at every hundredth step, to the least-squares line (the cross). Grey: a loss of 20, 60, 200, 600, 1500, 3000."
plt.figure(figsize=(4.4, 3.7))
grid_w, grid_b = [k / 5 for k in range(-10, 83)], list(range(-5, 43))
surface = [[line_loss([v, c]) for v in grid_w] for c in grid_b]
levels = [20, 60, 200, 600, 1500, 3000]
plt.contour(grid_w, grid_b, surface, levels, colors=plot.COLOURS[5], linewidths=0.8)
plt.plot(*zip(*path, strict=True), lw=1)
plt.plot(*zip(*path[::100], strict=True), "o", ms=3, color=plot.COLOURS[0])
plt.plot(best_w, best_b, "x", ms=8, mew=2, color=plot.COLOURS[1])
plt.xlabel("w")
plt.ylabel("b")

# %% [markdown]
# Along each grey line the loss is the same. It is a ravine. The path leaps from wall to wall, settles on the floor, and creeps along it for hundreds of steps more.
#
# ## How large a step?
#
# Why not take larger steps, then? Because of the ravine's walls. Look at a single parameter first, where the loss is a parabola with its lowest point at $w^*$ ("w star"): $L = \frac12 \lambda (w - w^*)^2$ and a constant. Its derivative is $\lambda (w - w^*)$, so $\lambda$ ("lambda"), the **curvature**, says how fast the derivative grows as you walk. One step turns the distance $w - w^*$ into
#
# $$(w - \eta\,\lambda\,(w - w^*)) - w^* = (1 - \eta\lambda)\,(w - w^*)$$
#
# so every step multiplies the distance by the same number, $1 - \eta\lambda$. At $\eta = 1/\lambda$ that number is 0: one step and you are there. Beyond it you overshoot, but still **converge**. Beyond $\eta = 2/\lambda$ the number is below $-1$: each step lands further away than the last, on alternating sides. You **diverge**.
#
# Now two parameters, in small numbers. Let $u$ and $v$ be the distances from the lowest point, and the loss
#
# $$L = \tfrac12\,(5u^2 + 4uv + 2v^2)\,, \qquad \frac{\partial L}{\partial u} = 5u + 2v\,, \qquad \frac{\partial L}{\partial v} = 2u + 2v$$
#
# (Hold $v$ still: $5u^2$ gives $10u$, $4uv$ gives $4v$, $2v^2$ nothing; halve.) How fast do these two derivatives grow as you walk? By 5 and 2 per unit of $u$, by 2 and 2 per unit of $v$. These are the **second derivatives**, and as a matrix they are the **Hessian**
#
# $$\begin{pmatrix} 5 & 2 \\ 2 & 2 \end{pmatrix}$$
#
# At most places the gradient does not point straight away from the lowest point: at $(u, v) = (1, 1)$ it is $(7, 4)$. But try $(2, 1)$. There it is $(12, 6)$, six times the place itself. And at $(1, -2)$ it is $(1, -2)$, once the place itself.

# %% tags=["figure", "slide"] alt="Oval lines of equal loss, longest from upper left to lower right. Two straight lines cross at right angles in the middle, along the ovals' short and long axes. From (2, 1), on the short axis, one step lands exactly in the middle; from (1, -2), on the long axis, it goes a short way straight towards the middle; from (1, 1), between them, it goes past the middle." caption="One step against the gradient, η = 1/6, from each of the three places. On the dashed lines, and only there, it goes straight towards the lowest point."
grid = [k / 10 for k in range(-30, 31)]
bowl = [[(5 * u * u + 4 * u * v + 2 * v * v) / 2 for u in grid] for v in grid]
plt.figure(figsize=(4.2, 4.0))
plt.contour(grid, grid, bowl, [1, 4, 9, 16], colors=plot.COLOURS[5], linewidths=0.8)
for du, dv, words, at in (
    (2, 1, "λ = 6", (2.28, 1.45)),
    (1, -2, "λ = 1", (0.2, -2.08)),
):
    plt.plot([-3 * du, 3 * du], [-3 * dv, 3 * dv], "--", color=plot.COLOURS[0], lw=1)
    plt.text(*at, words, color=plot.COLOURS[0])
for u, v in ((2, 1), (1, 1), (1, -2)):
    stepped = u - (5 * u + 2 * v) / 6, v - (2 * u + 2 * v) / 6
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}
    plt.annotate("", stepped, (u, v), arrowprops=arrow)
    plt.plot(u, v, "o", ms=4, color=plot.COLOURS[1])
plt.axis("scaled")
plt.axis((-2.8, 2.8, -2.8, 2.8))
plt.xlabel("u")
plt.ylabel("v")

# %% [markdown]
# Such a direction is an **eigenvector** of the Hessian, and its number, 6 or 1, the **eigenvalue**. Stand on one of the two lines, and the gradient never leads you off it: you are back at a single parameter, whose curvature is the eigenvalue. Each step multiplies your distance by $1 - 6\eta$ on the one line and by $1 - \eta$ on the other.
#
# And if you stand on neither? Any place $(u, v)$ is a sum of two that do: $s$ times $(2, 1)$ and $t$ times $(1, -2)$. Solve $2s + t = u$ and $s - 2t = v$: $s = (2u + v)/5$ and $t = (u - 2v)/5$. For $(1, 1)$ these are 0.6 and $-0.2$. And the gradient at a sum of two places is the sum of the gradients there, because $u$ and $v$ only ever get multiplied by constants and added. So the two parts walk independently, each on its own line, each by its own factor:


# %%
def walk(eta: float, steps: int) -> tuple[float, float]:
    """Gradient descent from (1, 1): s and t, the shares of (2, 1) and of (1, -2)."""
    u, v = 1.0, 1.0
    for _ in range(steps):
        u, v = u - eta * (5 * u + 2 * v), v - eta * (2 * u + 2 * v)
    return (2 * u + v) / 5, (u - 2 * v) / 5


for eta in (0.30, 0.35):
    print(f"η = {eta}: factors {1 - 6 * eta:.2f} and {1 - eta:.2f};", end=" ")
    parts = walk(eta, steps=20)
    print(f"from 0.6 and -0.2 to {parts[0]:.5f} and {parts[1]:.5f} in 20 steps")

# %% tags=["claim"]
for eta in (0.1, 0.30, 0.35):
    steep, flat = walk(eta, steps=20)
    assert abs(steep - 0.6 * (1 - 6 * eta) ** 20) < 1e-9
    assert abs(flat + 0.2 * (1 - eta) ** 20) < 1e-9
assert abs(walk(0.35, 20)[0]) > 3 and abs(walk(0.35, 20)[1]) < 1e-4
assert all(abs(part) < 1e-6 for part in walk(0.30, 100)), "overshoots, and converges"

# %% [markdown]
# At $\eta = 0.35$ one part shrinks while the other grows, and the descent diverges. *That* is why the largest eigenvalue limits the learning rate, $\eta < 2/\lambda_\text{max}$ (here $2/6$). Along the smallest the factor is then $1 - \eta\lambda_\text{min}$, near 1 if that one is much smaller: the creeping.
#
# How to find the eigenvalues without luck? We want a place $(u, v)$ whose gradient is $\lambda$ times itself. For a Hessian $\begin{pmatrix} p & q \\ q & r \end{pmatrix}$ that says $pu + qv = \lambda u$ and $qu + rv = \lambda v$. From the first, $qv = (\lambda - p)\,u$. Multiply the second by $q$, put this in, and divide by $u$ (which is not 0 unless $q$ is):
#
# $$q^2 u + r(\lambda - p)\,u = \lambda(\lambda - p)\,u \quad\Longrightarrow\quad (\lambda - p)(\lambda - r) = q^2$$
#
# Multiplied out this is $\lambda^2 - (p + r)\lambda + pr - q^2 = 0$, a quadratic equation. Its two solutions:
#
# $$\lambda = \frac{p + r}{2} \pm \sqrt{\Big(\frac{p - r}{2}\Big)^2 + q^2}$$
#
# With 5, 2 and 2: $3.5 \pm \sqrt{1.5^2 + 2^2} = 3.5 \pm 2.5$. (With $q = 0$ the two lines are those of $u$ and of $v$, and $\lambda$ is $p$ or $r$; the formula says the same.)

# %% [markdown] exercise="largest_stable_lr" tags=["prompt"] difficulty="hard" minutes=20
# ### Exercise 1.4: the largest stable learning rate
#
# The loss of a line is a bowl like this one, with $w$ and $b$ for $u$ and $v$. Find its Hessian: how fast does each of the two derivatives of `line_grad` grow when $w$ grows, and when $b$ does? Then write `largest_stable_lr(xs)`, which gives back the learning rate $2/\lambda_\text{max}$ for students who studied `xs` hours.

# %% [markdown] tags=["hint"]
# Write $\hat y_i = w x_i + b$ out in both formulas. What stands before $w$, and what before $b$? The scores drop out.

# %% [markdown] tags=["hint"]
# Each entry is 2 times a mean. Of what? (The mean of the squares is not the square of the mean.)


# %% tags=["solution"]
def largest_stable_lr(xs: list[float]) -> float:
    p = 2 * sum(x * x for x in xs) / len(xs)
    q = 2 * sum(xs) / len(xs)
    r = 2.0
    largest = (p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5
    return 2 / largest


# %% [markdown] tags=["solution"]
# $\partial L/\partial w = \frac2n \sum (w x_i + b - y_i)\,x_i$ grows by $\frac2n \sum x_i^2$ per unit of $w$ and by $\frac2n \sum x_i$ per unit of $b$; $\partial L/\partial b$ by $\frac2n \sum x_i$ and by 2. At first I took $2/p$, as if $q$ were 0. For our forty students the limit came out two parts in a hundred too high, and at 0.99 times that limit the descent blew up.

# %% tags=["check"]
times = [1.0, 2.0, 4.0, 6.0, 8.0]
p, q, r = 48.4, 8.4, 2.0  # twice the mean of the squares, twice the mean, twice 1
got = largest_stable_lr(times)
assert got is not None, "nothing came back: return the rate, do not print it"
assert isinstance(got, int | float) and got == got, (  # NaN is not
    f"a learning rate is one number, not {got!r}"
)
assert times == [1.0, 2.0, 4.0, 6.0, 8.0], "the caller's list has changed"


def eigenvalue(p: float, q: float, r: float, sign: int = 1) -> float:
    return (p + r) / 2 + sign * (((p - r) / 2) ** 2 + q * q) ** 0.5


of_hours = [2 * sum(x * x for x in hours) / len(hours), 2 * sum(hours) / len(hours)]
for wrong, why in (
    (2 / eigenvalue(*of_hours, r), "that is for the forty students of before: use xs"),
    (2 / 6, "that is for the bowl above: what are p, q and r of a line?"),
    (1 / eigenvalue(p, q, r), "that is 1/λ: a step to the bottom, not the limit 2/λ"),
    (eigenvalue(p, q, r), "that is the eigenvalue: the limit is 2 over it"),
    (2 / eigenvalue(p, q, r, -1), "that is for the smallest eigenvalue: take the plus"),
    (1 / eigenvalue(p, q, r, -1), "smallest eigenvalue, and 1 over it: plus, and 2"),
    (
        4 / eigenvalue(p, q, r),
        "twice too large: has each second derivative its factor 2?",
    ),
    (2 / p, "that is 2/p, as if q were 0: but ∂L/∂w grows with b as well"),
    (2 / eigenvalue(13.12, q, r), "p is of the squares of x itself, not of x - mean"),
    (2 / eigenvalue(5 / 4 * p, 5 / 4 * q, r), "divide by n, not by n - 1"),
    (2 / eigenvalue(p, q, 10.0), "r is 2 times the mean of 1, which is 2"),
    (2 / (p + q), "the sum of a row is never too small, but not the eigenvalue"),
    (2 / (25.2 + (23.2**2 - q * q) ** 0.5), "under the root q squared is added"),
    (2 / (25.2 + (25.2**2 + q * q) ** 0.5), "under the root stands p - r, not p + r"),
    (2 / eigenvalue(2 * 4.2**2, q, r), "the mean of squares is not the squared mean"),
    (2 / eigenvalue(5 * p, 5 * q, r), "sums where means should be: divide by n"),
    (2 / eigenvalue(5 * p, 5 * q, 5 * r), "sums where means should be: divide by n"),
    (2 / eigenvalue(121, 21, 5), "p, q and r are sums without the 2/n"),
    (2 / eigenvalue(121, 21, 2), "p and q are sums without the 2/n"),
    (2 / eigenvalue(121, 21, 1), "p and q are sums without the 2/n, r lacks its 2"),
    (2 / eigenvalue(p, q / 2, r), "q lacks its factor 2"),
    (2 / eigenvalue(p, q, 1.0), "r lacks its factor 2"),
    (2 / eigenvalue(p, q, 0.0), "∂L/∂b grows with b as well: r is not 0"),
    (2 / eigenvalue(p / 2, q, r), "p lacks its factor 2"),
    (2 / eigenvalue(p, q**0.5, r), "under the root stands q squared"),
    (2 / (p + r), "2 over the sum of both eigenvalues is safe, but not the limit"),
    (2 / (25.2 + 23.2**2 + q * q), "the root is missing"),
    (2 / (25.2 + (46.4**2 + q * q) ** 0.5), "half of p - r under the root"),
    (2 / (25.2 + (46.4**2 / 2 + q * q) ** 0.5), "(p - r)/2 is squared as a whole"),
    (2 / (p + 1 + (23.2**2 + q * q) ** 0.5), "all of p + r is halved, not r alone"),
    (2 / (50.4 + (23.2**2 + q * q) ** 0.5), "half of p + r before the root"),
):
    assert abs(got - wrong) > 1e-9, why
assert abs(got - 2 / eigenvalue(p, q, r)) < 1e-6, (
    "for hours of 1, 2, 4, 6 and 8 the Hessian is [[48.4, 8.4], [8.4, 2]], its "
    f"largest eigenvalue {eigenvalue(p, q, r):.4f}, the limit "
    f"{2 / eigenvalue(p, q, r):.6f}, not {got:.6f}"
)
got = largest_stable_lr([-1.0, 0.5, 0.2])
wanted = 2 / eigenvalue(0.86, -0.2, 2.0)
assert abs(got - wanted) < 1e-6, f"for -1, 0.5, 0.2 it is {wanted:.6f}, not {got:.6f}"

# %% [markdown]
# Theory, held to its word, in three descents: one at a tenth of the limit, one just below it, one just above.

# %%
limit = largest_stable_lr(hours)
curves = {
    factor: [line_loss([w, b]) for w, b in descend(factor * limit, steps=150)]
    for factor in (0.1, 0.98, 1.02)
}

# %% [markdown] tags=["predict"]
# The third must blow up. Which of the other two will have the lower loss after 150 steps?

# %% tags=["figure"] alt="Loss on a logarithmic scale over 150 steps. At 0.1 and at 0.98 times the limit it falls, in the end further at 0.98; at 1.02 times the limit it rises from the first step, without bound."
for factor, losses in curves.items():
    plt.semilogy(losses, label=f"{factor} × the limit")
plt.xlabel("step")
plt.ylabel("loss")
plt.legend()

# %% [markdown] tags=["answer"]
# The limit is sharp: four parts in a hundred lie between converging and diverging. And the daring rate ends ahead of the careful one: it leaps from wall to wall, but along the floor of the ravine each of its steps gets nearly ten times as far.

# %% tags=["claim"]
assert curves[0.98][-1] < curves[0.1][-1] < curves[0.1][0] < curves[1.02][-1]
assert curves[1.02][-1] > curves[1.02][0] > curves[0.98][1]
assert curves[1.02] == sorted(curves[1.02]), "from the first step"
record("largest stable learning rate", limit)
without_q = 2 / (2 * sum(x * x for x in hours) / len(hours))
assert 1.015 < without_q / limit < 1.025, "what I did first in exercise 1.4"
assert line_loss(list(descend(0.99 * without_q, 2000)[-1])) > 1e9
assert 0.85 < 0.0205 / limit < 0.95

# %% [markdown]
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

# %% [markdown] tags=["predict"]
# Which test of a single step would have found it? The next cell has mine.

# %%
grad_w, grad_b = numerical_grad(line_loss, [0.0, 0.0])
moved_w, moved_b = friends_descent(0.01, steps=1)
print(f"moved w by {moved_w:.4f}, the gradient says {-0.01 * grad_w:.4f}")
print(f"moved b by {moved_b:.4f}, the gradient says {-0.01 * grad_b:.4f}")

# %% [markdown] tags=["answer"]
# One step, laid beside one gradient: $b$ has moved by another amount.

# %% [markdown]
# > [!SUCCESS]- What was wrong
# > The second line takes its gradient at the *new* $w$: the two parameters do not move together along one gradient, but one after the other. Andrew Ng warns of exactly this in his course *Machine Learning* (Coursera, lecture "Gradient Descent"): the update must be simultaneous. It is a different algorithm (cyclic coordinate gradient descent), with another limit, here some 4 % higher than ours. But it is not what it says it is, and what we know of gradient descent does not hold for it. Its final loss did not betray it.

# %% tags=["claim"]
assert abs(below[0] - best_w) < 0.001 and abs(above[0] - best_w) < 0.001
assert abs(moved_w + 0.01 * grad_w) < 1e-6 and abs(moved_b + 0.01 * grad_b) > 0.1
lowest = line_loss([best_w, best_b])
assert line_loss(list(friends_descent(1.03 * limit, 3000))) < lowest + 0.01
assert line_loss(list(friends_descent(1.05 * limit, 3000))) > 1e9, "its own limit"

# %% [markdown]
# ## A cure for the ravine
#
# How bad a ravine is, one number says: the **condition number** $\kappa = \lambda_\text{max}/\lambda_\text{min}$ ("kappa"); a loss with a large one is **ill-conditioned**. Even at the limit, a step takes off only $\eta\lambda_\text{min} = 2\lambda_\text{min}/\lambda_\text{max} = 2/\kappa$ of the distance along the floor. Exercise 1.4's Hessian tells the cure ($\overline{x^2}$ is the mean of the squares):
#
# $$\begin{pmatrix} 2\,\overline{x^2} & 2\,\bar x \\ 2\,\bar x & 2 \end{pmatrix}$$
#
# The bowl would be round if the mean of the hours were 0 and the mean of their squares 1. So **standardise** the inputs: subtract their mean, and divide by their **standard deviation**, the root of the mean squared distance from the mean.

# %%
deviation = (sum((x - mean_x) ** 2 for x in hours) / len(hours)) ** 0.5
standardised = [(x - mean_x) / deviation for x in hours]


def condition_number(xs: list[float]) -> float:
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 2.0
    root = (((p - r) / 2) ** 2 + q * q) ** 0.5
    return ((p + r) / 2 + root) / ((p + r) / 2 - root)


def steps_needed(xs: list[float], lr: float) -> int:
    """Steps from (0, 0) until the loss is within 0.01 of the best."""
    w, b, steps = 0.0, 0.0, 0
    best = line_loss([best_w, best_b])
    while mse([predict_line(x, w, b) for x in xs], scores) > best + 0.01:
        grad_w, grad_b = line_grad(xs, scores, w, b)
        w, b, steps = w - lr * grad_w, b - lr * grad_b, steps + 1
    return steps


print(f"hours: condition number {condition_number(hours):.1f}", end=", ")
print("steps:", steps_needed(hours, 0.98 * limit))

# %% [markdown] tags=["predict"]
# What are the two eigenvalues for the standardised hours? And how many steps will it need with a learning rate of 0.5?

# %%
print(f"standardised: condition number {condition_number(standardised):.1f}", end=", ")
print("steps:", steps_needed(standardised, lr=0.5))

# %% [markdown] tags=["answer"]
# One. Both eigenvalues are 2, and $1 - 0.5 \times 2 = 0$ in every direction. It is the same line in other units: $w$ now counts points per standard deviation of hours, and $b$ is the predicted score of a student with average hours. (A new student's hours are standardised with the mean and deviation of the old ones.)

# %% tags=["claim"]
assert steps_needed(standardised, lr=0.5) == 1
assert steps_needed(hours, 0.98 * limit) > 400 and condition_number(hours) > 200
assert abs(condition_number(standardised) - 1) < 1e-6
record("condition number of the hours", condition_number(hours))
record("steps, hours", steps_needed(hours, 0.98 * limit))

# %% [markdown]
# ## From one number to 784
#
# Now for real data. MNIST has 70,000 handwritten digits, pictures of 28 by 28 pixels; 5,000 of them come with this book. The parameters are chosen on the **training set**, 4,000 images. The **validation set**, 1,000 images that are never trained on, tells how the result does on something new, and helps to choose between models. (That wears it out: of many models the best on it has probably been lucky as well. So the full data have a **test set**, too, to be used once, at the very end.)
#
# > [!NOTE]- Aside: all of MNIST
# > `DATA=mnist make serve` runs the book on the full data, which are downloaded once. What follows then takes some ten times as long.
#
# We take the threes and the sevens.

# %%
from groundup.data import mnist

training, validation = mnist()
images, labels = training.only(3, 7).lists()
valid_images, valid_labels = validation.only(3, 7).lists()
print(len(images), "images to train on,", len(valid_images), "to validate with")
print("an image is a list of", len(images[0]), "numbers from 0 (paper) to 1 (ink)")

# %% tags=["figure", "slide"] alt="Two rows of handwritten digits, threes and sevens mixed; some are upright, some lean." caption="Ink is shown bright."
plot.images(images[:5] + images[-5:] + images[100:105] + images[-105:-100])

# %% [markdown]
# First something sensible to compare with, a **baseline**. Average all threes into one grey three, all sevens into one grey seven, and call a new image by the name of the one that it is closer to, pixel by pixel (the sum of the squared differences): a **nearest-centroid classifier**.


# %%
def mean_image(digit: int, images: list, labels: list[int]) -> list[float]:
    chosen = [x for x, label in zip(images, labels, strict=True) if label == digit]
    return [sum(pixels) / len(chosen) for pixels in zip(*chosen, strict=True)]


def distance(first: list[float], second: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True))


three, seven = mean_image(3, images, labels), mean_image(7, images, labels)
called_seven = [distance(x, seven) < distance(x, three) for x in valid_images]
baseline_right = [
    guess == (label == 7)
    for guess, label in zip(called_seven, valid_labels, strict=True)
]
missed = [x for x, ok in zip(valid_images, baseline_right, strict=True) if not ok]
print(
    f"closest mean: {len(missed) / len(valid_images):.1%} wrong, {len(missed)} images"
)

# %% tags=["claim"]
assert len(missed) < 0.05 * len(valid_images)

# %% tags=["figure"] alt="The average three and the average seven, two blurred digits, followed by images that the comparison gets wrong." caption="First the two means, then images that are called by the wrong name."
plot.images([three, seven, *missed[:8]])

# %% [markdown]
# Why does that do so well? Write $x_j$ for pixel number $j$ of the image, $\bar t_j$ for that pixel of the mean three and $\bar s_j$ for that of the mean seven. The image is closer to the seven when this is positive:
#
# $$\sum_j (x_j - \bar t_j)^2 - \sum_j (x_j - \bar s_j)^2 = \sum_j 2\,(\bar s_j - \bar t_j)\,x_j \;+\; \sum_j (\bar t_j^{\,2} - \bar s_j^{\,2})$$
#
# The $x_j^2$ have cancelled. What is left is a weight for every pixel, times the pixel, summed, plus a bias: a **linear model**, with 784 weights that somebody has set by a rule of thumb. (To multiply two lists number by number and add up is to take their **dot product**.) Here is that model for any number of inputs:

# %% export="linear.py"
"""The linear model: a weighted sum of its inputs, plus a bias."""

from operator import mul


def predict(x: list[float], weights: list[float], bias: float) -> float:
    """The model's output for one input: a dot product, plus the bias.

    Shapes: x (D), weights (D) -> one number.
    Raises: ValueError when `x` and `weights` differ in length.
    """
    if len(x) != len(weights):
        raise ValueError(f"{len(x)} inputs for {len(weights)} weights: make them equal")
    return sum(map(mul, x, weights)) + bias


# %%
rule_weights = [2 * (s - t) for s, t in zip(seven, three, strict=True)]
rule_bias = sum(t * t for t in three) - sum(s * s for s in seven)
agree = [
    (predict(x, rule_weights, rule_bias) > 0) == guess
    for x, guess in zip(valid_images, called_seven, strict=True)
]
print(f"the two ways of deciding agree on {sum(agree)} of {len(agree)} images")

# %% tags=["claim"]
assert all(agree)

# %% [markdown]
# Each of these weights depends on its own pixel alone. To find weights that fit *together* is what the loop is for, and all it lacks is the gradient for a list of weights. Go through the graph once more: there are 784 products now, added up, and $w_j$ enters only the one with pixel $j$. So the chain rule gives for each weight what it gave for the one:
#
# $$\frac{\partial L}{\partial w_j} = \frac2n \sum_{i=1}^{n} (\hat y_i - y_i)\, x_{ij}$$
#
# where $x_{ij}$ is pixel $j$ of image $i$.

# %% [markdown] exercise="linear_grad" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 1.5: one derivative for every weight
#
# Write `linear_grad(inputs, targets, weights, bias)`. `inputs` is a list of $n$ inputs, each a list of $D$ numbers, as many as `weights`; `targets` has $n$ numbers. Give back two things: the list of the derivatives by the weights, and the derivative by the bias. Compute each input's prediction only once: the inputs are long.

# %% [markdown] tags=["hint"]
# The bias behaves like a weight whose input is always 1. What does one image add to each derivative?

# %% [markdown] tags=["hint"]
# Start with a list of zeros, one for each weight. What every input adds to it is one number times that input. To add a multiple of one list to another, walk both with `zip` in a list comprehension.


# %% tags=["solution"] export="gradients.py"
def linear_grad(
    inputs: list[list[float]], targets: list[float], weights: list[float], bias: float
) -> tuple[list[float], float]:
    """Gradient of the linear model's mean squared error, by hand.

    Shapes: inputs (N, D), targets (N), weights (D) -> weight gradient (D), one number.
    """
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets, strict=True):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [
            total + output_grad * value
            for total, value in zip(weight_grad, x, strict=True)
        ]
        bias_grad += output_grad
    return weight_grad, bias_grad


# %% [markdown] tags=["solution"]
# I began with one line per weight, `sum((predict(x, weights, bias) - t) * x[j] for ...)`. It is right, and it computes every prediction 784 times, once for each weight. I took the order of the loops for the reason why it was slow; it was not. With the errors computed once and kept, the same line, pixels outside, took about twice as long as images outside, and not hundreds of times.

# %% tags=["check"]
inputs = [[0.5, 2.0, -1.0], [3.0, -0.5, 2.5], [-2.0, 4.0, 0.3], [1.5, 0.7, -3.0]]
inputs.append([0.4, -1.6, 0.9])
wanted, weights, bias = [0.8, -4.0, 2.0, -1.5, 3.2], [1.2, -0.7, 1 / 3], 0.6
before = [list(x) for x in inputs]
got = linear_grad(inputs, wanted, weights, bias)
assert got is not None, "nothing came back: return the gradient, do not print it"
assert isinstance(got, tuple | list) and len(got) == 2, (
    "give back two things: the list of the weights' derivatives, and the bias's"
)
assert not isinstance(got[0], int | float) and not isinstance(got[1], list | tuple), (
    "first the list of the weights' derivatives, then the bias's, which is one number"
)
assert isinstance(got[0], list), (
    f"the weights' derivatives in a list, please, not in a {type(got[0]).__name__}"
)
assert len(got[0]) == 3, (
    f"3 weights need 3 derivatives, not {len(got[0])} (there are 5 inputs)"
)
for one in (*got[0], got[1]):
    assert isinstance(one, int | float) and one == one, (  # NaN is not
        f"each derivative is one number: `sum` over the inputs (one of yours is {one})"
    )
assert (weights, bias) == ([1.2, -0.7, 1 / 3], 0.6), "the caller's weights have changed"
assert wanted == [0.8, -4.0, 2.0, -1.5, 3.2], "the caller's targets have changed"
assert inputs == before, "the caller's inputs have changed"


def by_hand(outputs: list[float], scale: float = 2 / 5) -> list[float]:
    """The gradient with other outputs than the model's, or another factor."""
    gaps = [o - t for o, t in zip(outputs, wanted, strict=True)]
    columns = list(zip(*inputs, strict=True))
    return [scale * sum(map(mul, gaps, c)) for c in [*columns, [1.0] * 5]]


def is_near(wrong: list[float]) -> bool:
    return all(abs(f - w) < 1e-9 for f, w in zip([*got[0], got[1]], wrong, strict=True))


outputs = [predict(x, weights, bias) for x in inputs]
right = by_hand(outputs)
first, last = (2 / 5 * (outputs[i] - wanted[i]) for i in (0, 4))
for wrong, why in (
    ([0.0] * 4, "all are 0: do you add to the list, and give back that list?"),
    (by_hand(outputs, 2), "that is the sum over the inputs: divide by n"),
    (by_hand(outputs, 1 / 5), "all are halved: the square brings a factor of 2"),
    (by_hand(outputs, 1), "both factors are missing: the 2 of the square and the 1/n"),
    (by_hand(outputs, 2 / 3), "n is the number of inputs, not of weights"),
    (by_hand(outputs, 2 / 15), "divide by the number of inputs, not of all numbers"),
    (by_hand(outputs, 2 / 25), "divided by n twice: once is enough"),
    (by_hand(outputs, -2 / 5), "the sign is turned: output minus target"),
    (by_hand([o - bias for o in outputs]), "the bias is missing from the output"),
    (by_hand([o + bias for o in outputs]), "`predict` adds the bias already"),
    (
        by_hand([t + (o - t) ** 2 for o, t in zip(outputs, wanted, strict=True)]),
        "the error, not its square, times the input",
    ),
    (
        by_hand([t + abs(o - t) for o, t in zip(outputs, wanted, strict=True)]),
        "the error with its sign, not its absolute value, times the input",
    ),
    (by_hand([0.0] * 5), "the outputs are missing from the errors"),
    (
        by_hand([o + t for o, t in zip(outputs, wanted, strict=True)]),
        "the targets are missing from the errors",
    ),
    ([*map(mul, right[:3], weights), right[3]], "a weight too many: error times input"),
    ([right[3]] * 4, "multiply each error by its input, or every weight gets the same"),
    ([last * v for v in [*inputs[4], 1.0]], "only the last input counted: add up"),
    (
        [*(last * v for v in inputs[4]), right[3]],
        "the bias's is added up, the weights' are the last input's alone: add up too",
    ),
    (
        [first * v for v in [*inputs[0], 1.0]],
        "only the first input's share: is `return` inside of the loop?",
    ),
):
    assert not is_near(wrong), why
assert is_near(right) or any(
    abs(f - w) > 0.006 for f, w in zip([*got[0], got[1]], right, strict=True)
), "right in the first digits only: do not round"
assert any(abs(f - w) > 1e-9 for f, w in zip(got[0], right, strict=False)) or (
    abs(got[1] - right[3]) < 1e-9
), f"the weights' are right; the bias's should be {right[3]:.4f}, not {got[1]:.4f}"
assert any(abs(f - w) < 1e-9 for f, w in zip(got[0], right, strict=False)) or (
    abs(got[1] - right[3]) > 1e-9
), (
    "the bias's is right; the weights' should be "
    f"{[round(v, 4) for v in right[:3]]}, not {[round(v, 4) for v in got[0]]}"
)
shown, came = [round(v, 4) for v in right], [round(v, 4) for v in [*got[0], got[1]]]
assert is_near(right), f"the weights' and the bias's are {shown} there, not {came}"


class Watched(list):
    """An input that counts how often its numbers are read."""

    reads = 0

    def __iter__(self):
        Watched.reads += len(self)
        return super().__iter__()

    def __getitem__(self, place):
        Watched.reads += len(self) if isinstance(place, slice) else 1
        return super().__getitem__(place)


got = linear_grad([Watched([0.5] * 50) for _ in range(3)], [1.0] * 3, [0.1] * 50, 0.0)
assert len(got[0]) == 50, (
    f"50 weights need 50 derivatives, not {len(got[0])}: is a 3 written where "
    "len(weights) should be?"
)
assert Watched.reads <= 5 * 3 * 50, (
    f"right, but it read {Watched.reads} numbers where 300 would do: compute each "
    "prediction once, not again for every weight"
)


# %% [markdown]
# And the loop, with the same two lines at its heart: take the gradient, move every parameter against it.

# %% export="training.py"
"""Training: walk downhill."""


def gradient_descent(
    inputs: list[list[float]],
    targets: list[float],
    lr: float,
    steps: int,
    print_every: int = 0,
) -> tuple[list[float], float, list[float]]:
    """Fit a linear model by gradient descent on the mean squared error, from zero.

    Shapes: inputs (N, D), targets (N) -> weights (D), bias, the loss before each step.
    """
    weights, bias, losses = [0.0] * len(inputs[0]), 0.0, []
    for step in range(steps):
        losses.append(mse([predict(x, weights, bias) for x in inputs], targets))
        if print_every and step % print_every == 0:
            print(f"step {step}: loss {losses[-1]:.4f}", flush=True)
        weight_grad, bias_grad = linear_grad(inputs, targets, weights, bias)
        weights = [w - lr * g for w, g in zip(weights, weight_grad, strict=True)]
        bias -= lr * bias_grad
    return weights, bias, losses


# %% tags=["claim"]
(weight,), bias, _ = gradient_descent([[x] for x in hours], scores, 0.0205, steps=3000)
assert abs(weight - path[-1][0]) + abs(bias - path[-1][1]) < 1e-9, "not the old loop"
Watched.reads = 0
mse([predict(x, [0.1] * 50, 0.0) for x in [Watched([0.5] * 50)] * 3], [1.0] * 3)
one_loss, Watched.reads = Watched.reads, 0
linear_grad([Watched([0.5] * 50)] * 3, [1.0] * 3, [0.1] * 50, 0.0)
assert Watched.reads <= 3 * one_loss, "a gradient for the price of two or three losses"

# %% [markdown]
# ## A 3 or a 7?
#
# The model's output is a number and we want a name. Let the target be $+1$ for a seven and $-1$ for a three; whatever comes out above 0 counts as "seven".
#
# And the learning rate, with 784 weights and a bias? There are 785 eigenvalues now. But none of them exceeds
#
# $$\frac2n \sum_i (|x_i|^2 + 1)$$
#
# where $|x_i|^2$ is the sum of the squared pixels of image $i$. So 2 over that is safe. The next cell takes a few seconds.

# %% [markdown] tags=["aside"]
# #### Aside: a bound on all eigenvalues
#
# Take this from linear algebra: a Hessian, being **symmetric**, has as many eigenvectors as there are parameters, at right angles to each other. Walk along one of length 1, with the entries $d_j$ for the weights and $c$ for the bias, and the output for image $i$ changes by $d \cdot x_i + c$, a dot product and $c$. The loss is the mean of the squared errors, so its second derivative that way, the eigenvalue, is
#
# $$\lambda = \frac2n \sum_i (d \cdot x_i + c)^2$$
#
# It is never negative (such a bowl is called **convex**). And a dot product is at most the product of the lengths, which are here 1, and the root of $|x_i|^2 + 1$. So each term is at most $|x_i|^2 + 1$. On our images, 2 over the bound is about half of what would still converge.

# %%
squares = [sum(value * value for value in x) for x in images]
safe_lr = 2 / (2 * sum(s + 1 for s in squares) / len(squares))
targets = [1.0 if label == 7 else -1.0 for label in labels]
weights, bias, losses = gradient_descent(images, targets, safe_lr, 60, print_every=10)

# %% tags=["claim"]
along, along_bias, largest = [1 / 28] * 784, 0.0, 0.0
for _ in range(6):  # the Hessian times a direction, often: the largest remains
    grown, grown_bias = linear_grad(images, [0.0] * len(images), along, along_bias)
    largest = (sum(g * g for g in grown) + grown_bias**2) ** 0.5
    along, along_bias = [g / largest for g in grown], grown_bias / largest
assert 0.45 < safe_lr * largest / 2 < 0.5

# %% [markdown]
# How often is it wrong? The share, its **error rate**, is a small function with which every later chapter ends:

# %% export="metrics.py"
"""Metrics: what people want to know about a model, rather than what it descends on."""


def error_rate(predicted: list[int], labels: list[int]) -> float:
    """Share of `predicted` that differ from `labels`, from 0 to 1. Shapes: both (N)."""
    return sum(p != y for p, y in zip(predicted, labels, strict=True)) / len(labels)


# %%
def three_or_seven(images: list, weights: list[float], bias: float) -> list[int]:
    return [7 if predict(x, weights, bias) > 0 else 3 for x in images]


for name, model in (
    ("closest mean", (rule_weights, rule_bias)),
    ("gradient descent", (weights, bias)),
):
    seen = error_rate(three_or_seven(images, *model), labels)
    new = error_rate(three_or_seven(valid_images, *model), valid_labels)
    print(f"{name:17} {seen:5.1%} wrong in training, {new:5.1%} in validation")

# %% tags=["claim"]
rule_seen = error_rate(three_or_seven(images, rule_weights, rule_bias), labels)
assert error_rate(three_or_seven(images, weights, bias), labels) < 0.8 * rule_seen
assert new < 0.05
record("error rate, closest mean, 3 or 7", 1 - sum(baseline_right) / len(valid_labels))
record("error rate, 3 or 7", new)

# %% [markdown]
# On the images that it was trained on, gradient descent is clearly better: it was fitted to them. Is it on new ones? A rate that was measured on $n$ images is uncertain by about $\sqrt{\text{rate}\,(1 - \text{rate}) / n}$, its **standard error**.

# %% [markdown] tags=["aside"]
# #### Aside: where the standard error comes from
#
# Each image is a toss of a coin that falls on "wrong" with probability $a$. Score a toss 1 or 0: its mean is $a$, and its mean squared distance from that, the **variance**, is $a\,(1-a)^2 + (1-a)\,a^2 = a(1-a)$. Variances of independent tosses add up, so the sum of $n$ has $n\,a(1-a)$, and the mean of $n$, which is the sum divided by $n$, has that divided by $n^2$. The root of it is the standard error. About two results in three lie within one standard error of the truth, and about 19 in 20 within two. Tossed:

# %% tags=["aside"]
a, n = 0.1, 200
measured = [sum(rng.random() < a for _ in range(n)) / n for _ in range(2000)]
spread = (sum((rate - a) ** 2 for rate in measured) / len(measured)) ** 0.5
print(f"spread {spread:.4f}, formula {(a * (1 - a) / n) ** 0.5:.4f}")

# %% tags=["claim"]
standard_error = (a * (1 - a) / n) ** 0.5
assert 0.9 < spread / standard_error < 1.1
within = [sum(abs(m - a) < k * standard_error for m in measured) / 2000 for k in (1, 2)]
assert 0.6 < within[0] < 0.75 and 0.92 < within[1] < 0.98

# %% [markdown]
# But for two models that have seen *the same* images this is the wrong ruler. An image that both get right, or both get wrong, says nothing about which is better. Only those on which they disagree do; and if the models were equally good, each of those would be a toss of a fair coin. Of $n$ tosses about half fall on either side, give or take $\sqrt n/2$ (the aside's formula, with $a = \frac12$). To compare in this way is **McNemar's test**.

# %%
learnt_right = [
    guess == label
    for guess, label in zip(
        three_or_seven(valid_images, weights, bias), valid_labels, strict=True
    )
]


def compare(first: list[bool], second: list[bool]) -> tuple[int, int]:
    """On how many images only the first is right, and only the second."""
    pairs = list(zip(first, second, strict=True))
    return sum(f and not s for f, s in pairs), sum(s and not f for f, s in pairs)


only_learnt, only_rule = compare(learnt_right, baseline_right)
disagree = only_learnt + only_rule
rate = 1 - sum(learnt_right) / len(valid_labels)
standard_error = (rate * (1 - rate) / len(valid_labels)) ** 0.5
print(f"gradient descent: {rate:.1%} wrong, standard error {standard_error:.1%}")
print(f"they disagree on {disagree} of {len(valid_labels)} images:")
print(f"gradient descent alone is right on {only_learnt}, closest mean on {only_rule}")
print(f"a fair coin: {disagree / 2} each, give or take {disagree**0.5 / 2:.1f}")

# %% [markdown]
# With the images that come with the book these are too few tosses for anything to follow: not that the learnt model is better, and not that the two are equal. So far our work shows on the training images alone. (With `DATA=mnist` the validation set is ten times as large, and gradient descent's lead is far more than a fair coin would give it.)

# %% tags=["claim"]
surprise = (only_learnt - disagree / 2) / (disagree**0.5 / 2)
assert abs(surprise) < 2 if len(valid_labels) < 500 else surprise > 2.5
assert disagree < 10 or len(valid_labels) > 500
seen_right = [
    [p == y for p, y in zip(three_or_seven(images, *model), labels, strict=True)]
    for model in ((weights, bias), (rule_weights, rule_bias))
]
better, worse = compare(*seen_right)
assert (better - worse) / (better + worse) ** 0.5 > 2.5, "clearly better in training"

# %% [markdown]
# (The learning rate and the 60 steps were my choice. Such numbers, which are not learnt, are **hyperparameters**.) And how do the weights look?

# %% tags=["figure", "slide"] alt="A map of 784 weights, the rule of thumb: a smooth blurred seven in orange over a blurred three in blue." caption="The rule of thumb: orange votes for a seven, blue for a three."
plot.weights(rule_weights)

# %% tags=["figure", "beside"] alt="The learnt weights: the same outline, but mottled, with spots where the rule of thumb is smooth." caption="Learnt, on a scale of its own: its weights are far smaller."
plot.weights(weights)

# %% [markdown]
# Both maps look at the same places; the learnt one is less smooth. A few weights have changed their sign, but none of those that are largest in the rule of thumb.

# %% tags=["claim"]


def roughness(w: list[float]) -> float:
    """How far a weight is from the mean of its four neighbours, as a share of it."""
    inner = [28 * row + column for row in range(1, 27) for column in range(1, 27)]
    bends = [w[i] - (w[i - 28] + w[i - 1] + w[i + 1] + w[i + 28]) / 4 for i in inner]
    return sum(bend**2 for bend in bends) / sum(w[i] ** 2 for i in inner)


much = 1.2 if len(images) < 5_000 else 1.03  # by more images it is smoothed, too
assert roughness(weights) > much * roughness(rule_weights), "less smooth"
largest = max(map(abs, rule_weights))
pairs = list(zip(rule_weights, weights, strict=True))
turned = {
    share: [r * w < 0 for r, w in pairs if abs(r) > share * largest]
    for share in (0.25, 0.6)
}
assert max(map(abs, weights)) < largest / 5
assert 0 < sum(turned[0.25]) < 0.1 * len(turned[0.25])
assert len(turned[0.6]) > 20 and not any(turned[0.6])
blank = [
    w
    for w, pixels in zip(weights, zip(*images, strict=True), strict=True)
    if not any(pixels)
]
assert len(blank) > 50 and not any(blank), "a pixel without ink leaves its weight alone"

# %% [markdown]
# ## All ten digits, one image at a time
#
# The baseline first: ten mean images, and the closest one names the digit.

# %%
all_images, all_labels = training.lists()
all_valid_images, all_valid_labels = validation.lists()
means = [mean_image(digit, all_images, all_labels) for digit in range(10)]


def closest(x: list[float]) -> int:
    distances = [distance(x, mean) for mean in means]
    return distances.index(min(distances))


similar = [closest(x) for x in all_valid_images]
print(f"closest of ten means: {error_rate(similar, all_valid_labels):.1%} wrong")

# %% tags=["claim"]
assert 0.1 < error_rate(similar, all_valid_labels) < 0.25
record("error rate, pixel similarity", error_rate(similar, all_valid_labels))

# %% [markdown]
# Against it, ten linear models, one for each digit: "how much does this look like a 4?" The target is 1 for images of the model's own digit and 0 for all others, so that the ten targets of an image are a single 1 and nine 0s (**one-hot**); and the highest output names the digit. But a step that visits thousands of images with ten models is slow in plain Python. So do not wait for all of them: correct the weights after *every* image, by the gradient of that image's loss alone, a crude estimate of the whole one.


# %%
def correct(
    x: list[float], target: float, weights: list[float], bias: float, lr: float
) -> tuple[list[float], float]:
    """The weights and the bias after one step on the loss of one image."""
    push = 2 * lr * (target - predict(x, weights, bias))
    return [w + push * value for w, value in zip(weights, x, strict=True)], bias + push


# %% tags=["claim"]
x, target = images[0], targets[0]
weight_grad, bias_grad = linear_grad([x], [target], weights, bias)
corrected, corrected_bias = correct(x, target, weights, bias, lr=0.001)
stepped = [w - 0.001 * g for w, g in zip(weights, weight_grad, strict=True)]
assert max(abs(c - s) for c, s in zip(corrected, stepped, strict=True)) < 1e-12
assert abs(corrected_bias - (bias - 0.001 * bias_grad)) < 1e-12

# %% [markdown]
# Image by image, in random order, this is **stochastic gradient descent** ("stochastic": by chance). With a constant learning rate the weights would never come to rest, so let it fall evenly, to 0 at the end. (Of 0.001, 0.003 and 0.01 to start from I kept the one with the lowest loss after a pass over a thousand of the training images.) The chance makes one run end differently from the next, so here are five, each a single pass over the training images, each with its own order; a line appears every few seconds.


# %%
def one_pass(order: list[int], rate: Callable[[float], float]) -> list:
    """Ten models after one step on each image; `rate` of the share that is done."""
    models = [([0.0] * 784, 0.0) for digit in range(10)]
    for step, i in enumerate(order):
        lr = rate(step / len(order))
        for digit, model in enumerate(models):
            target = 1.0 if all_labels[i] == digit else 0.0
            models[digit] = correct(all_images[i], target, *model, lr)
    return models


def name_digits(models: list) -> list[int]:
    named = []
    for x in all_valid_images:
        outputs = [predict(x, *model) for model in models]
        named.append(outputs.index(max(outputs)))
    return named


rates, tens = [], []
for seed in range(5):
    order = list(range(len(all_images)))
    random.Random(seed).shuffle(order)
    tens.append(name_digits(one_pass(order, lambda done: 0.003 * (1 - done))))
    rates.append(error_rate(tens[-1], all_valid_labels))
    print(f"seed {seed}: {rates[-1]:.1%} wrong", flush=True)

# %%
right = [p == y for p, y in zip(similar, all_valid_labels, strict=True)]
for seed, named in enumerate(tens):
    learnt = [p == y for p, y in zip(named, all_valid_labels, strict=True)]
    better, worse = compare(learnt, right)
    coin = (better + worse) ** 0.5 / 2
    print(f"seed {seed}: alone right on {better} images, closest mean on {worse}")
    print(f"        a fair coin: {(better + worse) / 2} each, give or take {coin:.1f}")

# %% [markdown]
# All five have fewer errors than the closest mean, each time by more than a fair coin's give or take. Their mean is the first point after the baseline on the home page's curve, and the chapters to come push it down, most of them.

# %% tags=["claim"]
baseline = error_rate(similar, all_valid_labels)
assert sum(rate < baseline for rate in rates) == 5
for named in tens:
    learnt = [p == y for p, y in zip(named, all_valid_labels, strict=True)]
    better, worse = compare(learnt, right)
    assert (better - worse) / (better + worse) ** 0.5 > 2
assert all(0.1 < rate < 0.25 for rate in rates)
order = list(range(len(all_images)))
random.Random(0).shuffle(order)
order, ten_losses = order[:1000], {}
for start in (0.001, 0.003, 0.01):
    models = one_pass(order, lambda done: start * (1 - done))  # noqa: B023
    ten_losses[start] = 0.0
    for digit, model in enumerate(models):
        outputs = [predict(all_images[i], *model) for i in order]
        hot = [1.0 if all_labels[i] == digit else 0.0 for i in order]
        ten_losses[start] += mse(outputs, hot)
assert min(ten_losses, key=ten_losses.get) == 0.003, ten_losses
record("error_rate", sum(rates) / len(rates))
record("error rate, five seeds", rates)

# %% [markdown]
# > [!QUOTE] Paper box: Widrow and Hoff's rule
# > The rule in `correct` goes back to Bernard Widrow and Ted Hoff (*Adaptive switching circuits*, 1960), who turned the knobs of their machine **Adaline** by hand. Today it is the **LMS** (least mean squares) **algorithm**, the Widrow-Hoff rule, or the delta rule. Widrow et al., *Adaptive noise cancelling: principles and applications*, Proceedings of the IEEE 63 (1975), write it as
# >
# > $$W_{j+1} = W_j + 2\mu\,\varepsilon_j X_j$$
# >
# > | there | here | |
# > |:--|:--|:--|
# > | $W_j$ ("W j") | `weights` | after $j$ corrections; $j$ does not count pixels there |
# > | $X_j$ ("X j") | `x` | the input of correction $j$ |
# > | $\varepsilon_j$ ("epsilon j") | `target - predict(x, weights, bias)` | one number, with the opposite sign of our $e$ |
# > | $\mu$ ("mu") | `lr` | |
# >
# > `push` is $2\mu\,\varepsilon_j$. The 2 comes from the square, the plus from that opposite sign. Our bias goes along as a weight whose input is always 1.

# %% [markdown] tags=["aside"]
# #### Aside: all images, some, or one
#
# A gradient over the whole training set is called **full batch**; over one image, stochastic in the strict sense; and a common choice lies between: a **minibatch** of, say, 32 or 256 images for each step. One pass over the training set is an **epoch**, and costs about the same number of predictions in all three. Here are two epochs on the threes and sevens, with five orders each where the order matters. A single image's gradient is the wildest estimate, and gets a smaller learning rate.


# %% tags=["aside"]
def train_in_batches(size: int, lr: float, seed: int) -> float:
    order, weights, bias = list(range(len(images))), [0.0] * 784, 0.0
    shuffle = random.Random(seed).shuffle
    for _ in range(2):
        shuffle(order)
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            weight_grad, bias_grad = linear_grad(
                [images[i] for i in batch], [signs[i] for i in batch], weights, bias
            )
            weights = [w - lr * g for w, g in zip(weights, weight_grad, strict=True)]
            bias -= lr * bias_grad
    return mse([predict(x, weights, bias) for x in images], signs)


signs = [1.0 if label == 7 else -1.0 for label in labels]
batch_losses = {}
for size, lr, seeds in (
    (len(images), safe_lr, 1),
    (32, safe_lr, 5),
    (1, safe_lr / 8, 5),
):
    batch_losses[size] = [train_in_batches(size, lr, seed) for seed in range(seeds)]
    shown = " ".join(f"{loss:.3f}" for loss in batch_losses[size])
    print(f"batches of {size:5}: loss {shown}", flush=True)

# %% [markdown] tags=["aside"]
# Two steps are beaten by many cheap and noisy ones. Not for want of a good rate: with the best two rates that I could find, 1.10 and 5.09 times `safe_lr`, the two full steps come down to about 0.20.

# %% tags=["claim"]
(full,) = batch_losses[len(images)]
assert all(loss < 0.75 * full for loss in batch_losses[32] + batch_losses[1])
two_weights, two_bias = [0.0] * 784, 0.0
for times_safe in (1.0977, 5.0877):
    weight_grad, bias_grad = linear_grad(images, signs, two_weights, two_bias)
    two_bias -= times_safe * safe_lr * bias_grad
    two_weights = [
        w - times_safe * safe_lr * g
        for w, g in zip(two_weights, weight_grad, strict=True)
    ]
two_steps = mse([predict(x, two_weights, two_bias) for x in images], signs)
assert 0.19 < two_steps < 0.22
assert all(loss < two_steps for loss in batch_losses[32] + batch_losses[1])

# %% [markdown]
# ## What a weighted sum cannot do
#
# Where does it fail? A weighted sum lets every pixel vote, for or against, regardless of all others. Ask it for something as small as "ink here or ink there, but not in both places", the **exclusive or**, **XOR** for short. Suppose that ink at either place alone lifts the output above 0, and that no ink at all does not. Then ink at both does:
#
# $$w_1 + b > 0, \quad w_2 + b > 0, \quad b \le 0 \quad\Longrightarrow\quad w_1 + w_2 + b > 0$$
#
# (Add the first two, and take away $b$, which is not positive.) So no choice of weights will do.

# %% [markdown] tags=["predict"]
# We run gradient descent on the four cases all the same, with the targets $-1$, 1, 1 and $-1$. What will its four outputs be in the end?

# %%
places = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
xor = [-1.0, 1.0, 1.0, -1.0]


def learn_xor(inputs: list[list[float]], weights: list[float]) -> list[float]:
    """The four outputs after gradient descent from these weights."""
    bias = 0.3
    for _ in range(10_000):
        weight_grad, bias_grad = linear_grad(inputs, xor, weights, bias)
        weights = [w - 0.3 * g for w, g in zip(weights, weight_grad, strict=True)]
        bias -= 0.3 * bias_grad
    return [round(predict(x, weights, bias), 3) + 0.0 for x in inputs]


print(learn_xor(places, [1.0, -0.5]))

# %% [markdown] tags=["answer"]
# It comes to say 0 to everything. Whatever the weights are, the outputs for "neither" and "both" together are as much as the two others together. So when the squares $(\hat y - y)^2$ are written out and added, the terms $-2\hat y y$ cancel: the loss is 1 plus the mean of $\hat y^2$, and whatever is not 0 costs.

# %% tags=["claim"]
starts = [[random.Random(seed).gauss(0, 2) for _ in range(2)] for seed in range(5)]
assert all(learn_xor(places, start) == [0.0] * 4 for start in starts)
assert tuple(linear_grad(places, xor, [0.0, 0.0], 0.0)) == ([0.0, 0.0], 0.0)
for start in starts:
    outputs = [predict(x, start, 0.3) for x in places]
    assert abs(mse(outputs, xor) - 1 - sum(o * o for o in outputs) / 4) < 1e-9

# %% [markdown] exercise="third_input" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 1.6: help from outside
#
# The model cannot do it with the two inputs that it has. You may hand it a third, computed from those two: write `third_input(x1, x2)`, one number, such that there *are* weights and a bias by which the four cases come out right. Many answers will do. Before you run the check, say why yours works and why `x1 + x2` does not.

# %% [markdown] tags=["hint"]
# Write down the outputs of a weighted sum for the four cases. The sum of the outputs for "both" and "neither" equals the sum of the outputs for the two others. A third input that has this same property brings nothing new.

# %% [markdown] tags=["hint"]
# What would you have to know about the two places *together*, which neither tells by itself?


# %% tags=["solution"]
def third_input(x1: float, x2: float) -> float:
    return x1 * x2


# %% [markdown] tags=["solution"]
# Ink in both places: the weights 2, 2 and $-4$ and the bias $-1$ then give $-1$, 1, 1 and $-1$. I first took the difference $x_1 - x_2$, thinking that it would tell the two middle cases from the others. It is a weighted sum itself, with the weights 1 and $-1$; the model could have made it without my help, and gradient descent came to four zeros again. Its absolute value does work, and so does anything that is *not*, on these four cases, a weighted sum of the two and a constant.

# %% tags=["check"]
cases = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
values = []
for case in cases:
    try:
        value = third_input(*case)
    except Exception as error:
        raise AssertionError(
            f"with the inputs {case}, which are floats, that fails: {error} "
            f"({type(error).__name__})"
        ) from None
    assert value is not None, (
        f"nothing came back for {case}: every case needs a number, returned and not "
        "printed"
    )
    assert isinstance(value, int | float), (
        f"the third input is one number, not {value!r}"
    )
    values.append(value)
assert values == [third_input(*case) for case in cases] or any(
    value != value for value in values
), "the same two inputs gave another number the second time"
assert all(value == value and abs(value) < 1e6 for value in values), (
    f"numbers of ordinary size, please, not {values}"
)
neither, second, first, both = values
assert len(set(values)) > 1, (
    f"it is {neither} in all four cases: a second bias, and no news"
)
assert max(values) - min(values) >= 1e-6, (
    f"differences of ordinary size, please: those between {values} are tiny"
)
spread_out = (sum((value - sum(values) / 4) ** 2 for value in values) / 4) ** 0.5
news = abs(neither + both - first - second) / spread_out
assert news > 1e-6, (
    f"{values} for the four cases: neither + both = one + other, so it is a weighted "
    "sum of the two inputs and a constant, and the model could have made it itself"
)
assert news > 0.1, (
    f"{values}: right in principle, but so nearly a weighted sum of the two that the "
    "loop below, with its 10,000 steps, would not get half-way"
)

# %% [markdown]
# The same loop, with your third input, standardised in case yours is large or small:

# %%
third = [float(third_input(*place)) for place in places]
third_mean = sum(third) / 4
third_deviation = (sum((t - third_mean) ** 2 for t in third) / 4) ** 0.5
helped = [
    [*place, (t - third_mean) / third_deviation]
    for place, t in zip(places, third, strict=True)
]
print(learn_xor(helped, [1.0, -0.5, 0.5]))


# %% tags=["claim"]
def with_third(extra: Callable) -> list[float]:
    values = [extra(*place) for place in places]
    mean = sum(values) / 4
    deviation = (sum((v - mean) ** 2 for v in values) / 4) ** 0.5
    inputs = [
        [*place, (v - mean) / deviation]
        for place, v in zip(places, values, strict=True)
    ]
    return learn_xor(inputs, [1.0, -0.5, 0.5])


for extra in (
    lambda x1, x2: 1000 * x1 * x2 + 50,
    lambda x1, x2: abs(x1 - x2),
    lambda x1, x2: (1 + x1 + x2) ** 0.5,
):
    assert max(abs(o - t) for o, t in zip(with_third(extra), xor, strict=True)) < 0.05
assert with_third(lambda x1, x2: x1 - x2) == [0.0] * 4
for share, low, high in ((0.075, 0.4, 1), (0.07, 0, 0.5)):  # where the check divides
    outputs = with_third(lambda x1, x2, share=share: x1 + x2 + share * x1 * x2)
    assert all(low < o * t < high for o, t in zip(outputs, xor, strict=True))

# %% [markdown]
# It took a person to see which third number was needed. For 784 pixels nobody could say which pairs or triples to look at; the model would have to find such numbers by itself. Chapter 2 lets it.
#
# ## Recap
#
# A model has parameters; a loss says in one number how wrong they are; the gradient says how the loss changes with each of them, and the chain rule finds it by walking the computational graph backward; gradient descent moves all of them against it, together, by a small step. On a bowl such as ours, with the full gradient, the learning rate must stay below $2/\lambda_\text{max}$, and how long it then takes depends on the condition number.
#
# If you remember one thing: **never trust a gradient, or a step, that you have not compared with finite differences.** A wrong one may well learn.
#
# **Terms:** model, parameter, weight, bias, linear regression, classification, loss, mean squared error, least squares, finite difference, derivative, partial derivative, gradient, computational graph, forward pass, backward pass, chain rule, gradient check, learning rate, gradient descent, curvature, converge, diverge, second derivative, Hessian, eigenvector, eigenvalue, condition number, ill-conditioned, standardise, standard deviation, training set, validation set, test set, baseline, nearest-centroid classifier, linear model, dot product, error rate, standard error, McNemar's test, hyperparameter, one-hot, stochastic gradient descent, LMS algorithm, XOR.
#
# **Unlocked:** nothing yet; chapters 1 and 2 are plain Python throughout.
#
# **What changed in the checkpoint:** five modules to start with. `losses.py` has `mse`, `linear.py` has `predict`, `gradients.py` has `numerical_grad` and `linear_grad`, `training.py` has `gradient_descent`, and `metrics.py` has `error_rate`.
#
# **To read on:** Michael Nielsen's *Neural Networks and Deep Learning*, chapter 1; *Dive into Deep Learning*, chapter 3; and Gabriel Goh, *Why Momentum Really Works* (Distill, 2017), whose first half is the best treatment of the largest learning rate that I know.
