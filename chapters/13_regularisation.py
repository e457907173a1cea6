# %% [markdown]
# # 13. Over-fit, then regularise
#
# A network gets one in a thousand of its own images wrong, and about one in fifty of the others: so chapter 12 ended. It has learnt them, in part, by heart. A network that is large enough does so if it is let; this chapter first lets it, on purpose, then takes five steps against it, one on top of the other, and measures what each of them brings.
#
# **You need:** chapters 7 to 10 and 12. **You will reach:** augmentation of whole batches, dropout, label smoothing and mixup, all written by you and checked; a way to tell whether a network knows how sure it may be; and the lowest error so far. **Time:** about four and a half hours, more than half of them for the exercises; the computer needs about half a minute.

# %%
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ch12.callbacks import Metrics
from ch12.data import BatchLoader, normalize
from ch12.learner import Callback, Learner
from ch12.losses import log_softmax
from ch12.models import small_cnn
from ch12.schedules import Scheduled, one_cycle
from groundup import plot, record, unlock
from groundup.data import mnist
from groundup.recorded import recorded

torch.set_num_threads(1)
training, validation = mnist()
pixels, labels = training.tensors()
valid_pixels, valid_labels = validation.tensors()
mean, std = pixels.mean().item(), pixels.std().item()
images = normalize(pixels, mean, std).view(-1, 1, 28, 28)
valid_images = normalize(valid_pixels, mean, std).view(-1, 1, 28, 28)
background = -mean / std
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
fitted, rest = order.split([len(order) * 4 // 5, len(order) - len(order) * 4 // 5])

# %% [markdown]
# ## By heart
#
# A fully connected network with two hidden layers of 100 units, chapter 10's optimizer on one cycle, and 500 images, an eighth of what there is. The loss of every epoch is kept, on these 500 and on the 1,000 validation images; of the latter also the error rate, and the mean of the largest probability: how sure the network is.


# %%
def dense() -> nn.Sequential:
    """Fully connected, two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 100), nn.ReLU(),
        nn.Linear(100, 100), nn.ReLU(),
        nn.Linear(100, 10),
    )  # fmt: skip


@torch.no_grad()
def logits_of(model: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([model(batch) for batch in x.split(500)])


def error_rate(logits: Tensor, y: Tensor) -> float:
    return (logits.argmax(1) != y).float().mean().item()


def sureness(logits: Tensor, y: Tensor) -> float:
    """The mean of the largest probability."""
    return logits.softmax(1).amax(1).mean().item()


def trained(
    make: Callable[[], nn.Module], rows: Tensor, seed: int, *callbacks: Callback,
    lr: float, epochs: int, batch_size: int = 50, decay: float = 0.01,
    loss_fn: Callable = cross_entropy, watch: bool = False,
) -> tuple[nn.Module, list[dict[str, float]]]:  # fmt: skip
    """A network trained on these rows, in evaluation mode, and its history."""
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    generator = torch.Generator().manual_seed(seed)
    loader = BatchLoader(
        images[rows], labels[rows], batch_size=batch_size, shuffle=True,
        generator=generator,
    )  # fmt: skip
    held = BatchLoader(valid_images, valid_labels, batch_size=500) if watch else None
    metrics = Metrics(error=error_rate, sureness=sureness)
    listening = [Scheduled(lr=one_cycle(lr)), metrics, *callbacks]
    learner = Learner(model, loss_fn, optimizer, loader, held, listening)
    learner.fit(epochs)
    return model.eval(), learner.history


def shown(rates: list[float]) -> str:
    low, high = min(rates), max(rates)
    return f"{median(rates):6.2%}  ({low:.2%} to {high:.2%})"


choices = recorded("regularisation")


def chosen(what: str) -> float:
    """The value whose loss on images held back was lowest."""
    tried = choices["choices"][what]
    return float(min(tried, key=tried.get))


few = fitted[:500]
by_heart, histories, seen, new = [], [], [], []
for seed in range(5):
    model, history = trained(
        dense, few, seed, lr=chosen("500 images: lr"), epochs=20, watch=True
    )
    by_heart.append(model)
    histories.append(history)
    seen.append(error_rate(logits_of(model, images[few]), labels[few]))
    new.append(error_rate(logits_of(model, valid_images), valid_labels))
print("wrong, of the 500 it was trained on:", shown(seen))
print("wrong, of the validation images:    ", shown(new))

# %% tags=["figure"] alt="Two diagrams over 20 epochs. Left, the loss: on the 500 training images it goes on to 0; on the validation images it stops falling after a few epochs, above 0.6, and stays there. Right, the error rate on the validation images: it still falls after that, and then stays level." caption="One of the five: loss, and share wrong of the validation images, by epoch"
figure, axes = plt.subplots(1, 2, figsize=(5.6, 2.6))
epochs = [row["epoch"] for row in history]
for name, label in (("training_loss", "training"), ("validation_loss", "validation")):
    axes[0].plot(epochs, [row[name] for row in history], label=label)
axes[1].plot(epochs, [100 * row["error"] for row in history], color=plot.COLOURS[1])
for ax, label in zip(axes, ("loss", "% wrong"), strict=True):
    ax.set(xlabel="epoch", ylabel=label, ylim=(0, None))
    ax.set_xticks([1, 10, 20])
axes[0].legend()

# %% [markdown]
# This is **over-fitting**: no error on the training images, one in seven or eight on others. The distance between the two is the **generalisation gap**. The training loss goes on to 0, and the validation loss does not follow: all five have its lowest point within twelve epochs, and end above it. (The share of wrong answers still falls meanwhile, or hardly moves, as in chapter 8. What suffers is the confidence; the last section comes back to it.) That a network *can* learn everything by heart is good news: it is large enough, and it passes chapter 8's test (in an aside), to learn a batch by heart.
#
# What to do? fast.ai's courses teach five steps, in this order:
#
# 1. more data,
# 2. augmentation,
# 3. an architecture that generalises better,
# 4. regularisation,
# 5. and only then, a smaller network.
#
# We shall take them one on top of the other and keep the error rates in one table: medians and ranges of five seeds, on the validation images.
#
# How we choose is settled beforehand. Every learning rate in that table, and every strength of a regulariser, is the one with the lowest loss on a fifth of the training images, drawn at random and held back, as a mean of three seeds. Some of the ways below teach a network caution, and caution alone should not count for or against them; therefore the logits are divided, before this loss is taken, by the temperature (chapter 7's) that suits them best. That makes more than a hundred trainings, so they were run once and recorded; `make results` repeats them. The validation images had no part in it. What the augmentation does, and for how many epochs, was set by hand.

# %% tags=["claim"]
if len(images) < 5000:
    assert max(seen) == 0 and min(new) > 0.10 and max(new) < 0.17, (seen, new)
    for rows in histories:
        lowest = min(rows, key=lambda row: row["validation_loss"])
        assert lowest["epoch"] <= 12 and rows[-1]["training_loss"] < 0.02, rows
        assert rows[-1]["validation_loss"] > lowest["validation_loss"]
        assert rows[-1]["error"] < lowest["error"] + 0.005, rows
assert 3 * sum(map(len, choices["choices"].values())) > 130
table = {"500 images": new}
record("by heart: validation error, median", median(new))

# %% [markdown]
# ## First, more data
#
# The same network with half of the training images, and with all of them, ten epochs; and once, recorded, with the full MNIST, four epochs: its 60,000 training images without our 1,000 validation images, which come from there, too. (More images mean more steps, too. About six seconds.)

# %%
dense_rate = chosen("all images: lr")
for name, rows in (("half of them", order[:2000]), ("all", order)):
    table[name], connected = [], []
    for seed in range(5):
        model, _ = trained(dense, rows, seed, lr=dense_rate, epochs=10)
        connected.append(model)
        table[name].append(error_rate(logits_of(model, valid_images), valid_labels))
full = choices["full"]
for name, rates in table.items():
    print(f"{name:13} {shown(rates)}", flush=True)
print(f"{full['images']:,}, recorded: {shown(full['error_rates']['dense'])}")

# %% tags=["claim"]
assert full["images"] == 59_000 and full["epochs"]["dense"] == 4
if len(images) < 5000:
    falling = [median(table[name]) for name in ("500 images", "half of them", "all")]
    falling.append(median(full["error_rates"]["dense"]))
    assert all(b < 0.75 * a for a, b in pairwise(falling))

# %% [markdown] tags=["aside"]
# #### Aside: bias and variance
#
# Train the same network on many sets of 500 images. Their answers differ: that is **variance**, what is owed to the accident of which images there were. An error that all of them make is **bias**. (These are not a layer's bias, nor the variance of numbers.) Averaging the probabilities of many networks takes away variance and leaves the bias; so this is also a way to *use* the fact: an **ensemble**. Eight networks, each with 400 images of its own:

# %% tags=["aside"]
disjoint = fitted[:3200].split(400)
votes = []
for seed, rows in enumerate(disjoint):
    model, _ = trained(dense, rows, seed, lr=chosen("500 images: lr"), epochs=10)
    votes.append(logits_of(model, valid_images).softmax(1))
alone = [error_rate(vote, valid_labels) for vote in votes]
by_eight = error_rate(sum(votes) / len(votes), valid_labels)
print(f"alone {shown(alone)}, their mean {by_eight:.1%}")
model, _ = trained(dense, fitted[:3200], 0, lr=dense_rate, epochs=10)
at_once = error_rate(logits_of(model, valid_images), valid_labels)
print(f"one network with all 3,200 images: {at_once:.1%}")

# %% tags=["aside", "claim"]
assert at_once < by_eight < min(alone)

# %% [markdown] tags=["aside"]
# One network that is given all 3,200 at once does better still; how much of that is variance this does not tell, for it also made eight times as many steps. Errors by bias come down with a larger network or a better one, errors by variance with more data, with averaging and with regularisation. The classic advice was to find the size at which the sum of both is smallest; the next aside shows where that picture ends.

# %% [markdown] tags=["aside"]
# #### Aside: double descent
#
# Take random features: $\max(0, Rx)$ with an $R$ drawn once and never trained, and fit the ten outputs on top of them by least squares, with no regularisation: chapter 1 in small. With as many features as images the fit becomes exact, and there the error on new images has its peak. Beyond, it falls again, below where it was before: **double descent** (Belkin et al., 2019, arXiv:1812.11118). Of all exact fits, gradient descent from zero finds the one with the smallest weights, and with more features to choose from these become smaller. Conjugate gradients is a faster way to the same solution.


# %% tags=["aside"]
def least_squares(features: Tensor, targets: Tensor, steps: int = 3000) -> Tensor:
    """The smallest of the best weights, by conjugate gradients from zero."""
    weights = features.new_zeros(features.shape[1], targets.shape[1])
    residual = targets.clone()
    slope = features.T @ residual
    direction, size = slope.clone(), (slope**2).sum(0)
    for _ in range(steps):
        ahead = features @ direction
        rate = size / (ahead**2).sum(0).clamp(min=1e-300)
        weights += rate * direction
        residual -= rate * ahead
        slope = features.T @ residual
        before, size = size, (slope**2).sum(0)
        if size.max() < 1e-16:
            break
        direction = slope + size / before * direction
    return weights


double_rates: dict[int, list[float]] = {}
sizes: dict[int, list[float]] = {}
for count in (10, 30, 60, 90, 100, 110, 140, 200, 400, 1000):
    double_rates[count], sizes[count] = [], []
    for seed in range(5):
        source = torch.Generator().manual_seed(seed)
        R = torch.randn(784, count, generator=source, dtype=torch.float64) / 28
        rows = fitted[100 * seed : 100 * seed + 100]
        features = (images[rows].flatten(1).double() @ R).clamp(min=0)
        targets = one_hot(labels[rows], 10).double() - 0.1
        weights = least_squares(features, targets)
        outputs = (valid_images[::2].flatten(1).double() @ R).clamp(min=0) @ weights
        double_rates[count].append(error_rate(outputs, valid_labels[::2]))
        sizes[count].append(weights.norm().item())

# %% tags=["aside", "figure"] alt="Error rate on half of the validation images against the number of random features, from 10 to 1,000, on a logarithmic axis, five dots for each number and a line through the medians. From 10 features it falls, then rises to a peak at 100, where there are as many features as images, and falls again to its lowest at 1,000." caption="Least squares on 100 images: dots are seeds, the line their medians; the dashed line is at as many features as images"
figure, ax = plt.subplots(figsize=(5.6, 2.6))
for count, rates in double_rates.items():
    ax.plot([count] * 5, rates, ".", color=plot.COLOURS[0], alpha=0.5)
ax.plot([*double_rates], [median(rates) for rates in double_rates.values()])
ax.axvline(100, linestyle="--", color="0.5", linewidth=1)
ax.set(xscale="log", xlabel="random features", ylabel="error rate", ylim=(0, None))
ax.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
ax.minorticks_off()

# %% tags=["aside", "claim"]
peak = {count: median(rates) for count, rates in double_rates.items()}
assert max(peak, key=peak.get) in (90, 100, 110)
assert min(peak[30], peak[60]) < peak[100] and peak[1000] < min(peak[30], peak[60])
assert median(sizes[100]) > 5 * median(sizes[200]) > 5 * 1.5 * median(sizes[1000])

# %% [markdown] tags=["aside"]
# #### Aside: k-fold cross-validation
#
# With 500 images there is little to hold back. **k-fold cross-validation** cuts them into k parts, trains k times, each time without one of them, and tests on that one; every image is new once. It costs k trainings and makes the choice of a rate less a matter of which images were held back. It is not a test of the final network, for k others were measured.

# %% tags=["aside"]
parts = few.split(100)
folds = []
for n, part in enumerate(parts):
    others = torch.cat([*parts[:n], *parts[n + 1 :]])
    model, _ = trained(dense, others, n, lr=chosen("500 images: lr"), epochs=20)
    folds.append(error_rate(logits_of(model, images[part]), labels[part]))
print("five folds:", *(f"{rate:.0%}" for rate in folds), f" mean {sum(folds) / 5:.1%}")

# %% tags=["aside", "claim"]
assert abs(sum(folds) / 5 - median(new)) < 0.05 or len(images) > 5000
# %% [markdown]
# ## Second, the same data again, moved
#
# A seven that is shifted by a pixel, or turned by a few degrees, is a seven. To a fully connected network it is 784 other numbers. **Augmentation** trains on such versions, drawn anew every time: no image is seen twice in the same form. It is done for every image in every epoch, and has to be quick, so we shall move whole batches at once.
#
# What is the value of a turned image at a pixel? One goes backward: for each pixel of the *new* image, find the place in the *old* one from which it comes, and read there. That place lies between pixels. Here are four of them, and a place 0.25 of the way down and 0.4 of the way to the right:

# %% tags=["figure", "slide"] alt="Four pixels at the corners of a square, with values 10, 20, 30 and 50. Inside, a point a quarter of the way down and four tenths of the way to the right divides the square into four rectangles with areas 0.45, 0.30, 0.15 and 0.10. The point, a square, and the pixel 10 and the area 0.45 share a colour." caption="Each pixel counts as much as the rectangle diagonally across from it is large; one such pair, 10 and 0.45, has the colour of the place"
figure, ax = plt.subplots(figsize=(4.2, 3.3))
marked = {"color": plot.COLOURS[1]}
for x, y, value in ((0, 0, 10), (1, 0, 20), (0, 1, 30), (1, 1, 50)):
    ax.plot(x, y, "o", markersize=9, color=plot.COLOURS[0])
    side = -0.07 if x == 0 else 0.07
    ax.text(x + side, y, str(value), ha="right" if x == 0 else "left", va="center",
            size=14, **marked if value == 10 else {})  # fmt: skip
ax.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color="0.6", linewidth=1)
ax.plot([0.4, 0.4], [0, 1], "--", [0, 1], [0.25, 0.25], "--", color="0.6", linewidth=1)
ax.plot(0.4, 0.25, "s", color=plot.COLOURS[1], markersize=9)
for x, y, area in ((0.7, 0.62, "0.45"), (0.2, 0.62, "0.30"), (0.7, 0.125, "0.15"),
                   (0.2, 0.125, "0.10")):  # fmt: skip
    style = marked if area == "0.45" else {}
    ax.text(x, y, area, ha="center", va="center", **style)
ax.set(xlim=(-0.35, 1.35), ylim=(1.12, -0.12), aspect="equal")
ax.axis("off")

# %% [markdown]
# The nearer a pixel, the more it counts. Along one axis a place 0.4 of the way gives the left one a share of 0.6 and the right one 0.4; with two axes, the shares are products:
#
# $$0.45 \cdot 10 + 0.30 \cdot 20 + 0.15 \cdot 30 + 0.10 \cdot 50 = 20$$
#
# (the upper left pixel, with the value 10, has $0.75 \cdot 0.6 = 0.45$, which is the area of the rectangle diagonally across from it). This is **bilinear interpolation**. Where the place is nearer to the edge than half of a pixel, or beyond it, some of the four are not there; they count as 0.

# %% tags=["claim"]
assert math.isclose(0.45 * 10 + 0.3 * 20 + 0.15 * 30 + 0.1 * 50, 20)
assert math.isclose(0.75 * 0.6, 0.45) and math.isclose(0.25 * 0.4, 0.1)

# %% [markdown] exercise="sample" tags=["prompt"] difficulty="hard" minutes=40
# ### Exercise 13.1: between the pixels
#
# Write `sample(x, rows, columns)`. `x` is a batch of images, $(N, C, H, W)$; `rows` and `columns`, of shape $(N, P, Q)$, say for each image at which places to read it ($P$ rows of them and $Q$ columns: height and width of what comes back), in pixels: row 0 is the middle of the first row, row 0.25 a quarter of the way to the next, row −0.5 half a pixel above. All channels are read at the same places. What comes back has the shape $(N, C, P, Q)$. A pixel that is not there counts as 0. No loop over images or places (one over the four neighbours is fine); and the gradients must find their way, to the images and to the places.

# %% [markdown] tags=["hint"]
# `rows.floor()` is the row above. Along one axis, what is its share, in terms of `rows - rows.floor()`, and what that of the row below? Is there one expression for both?

# %% [markdown] tags=["hint"]
# Tensors of whole numbers as indices are broadcast: `x[image, :, r, c]` with `image` of shape $(N, 1, 1)$ and `r`, `c` of shape $(N, P, Q)$ reads all places of all images. Where does the axis of the channels end up? And an index outside: `clamp` it first, and let its share be 0.


# %% tags=["solution"] export="augment.py"
"""Augmentation: other versions of the same images, whole batches at once."""


def sample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images read between their pixels; beyond their edges there are zeros.

    `rows` and `columns` are places in pixels, 0 the middle of the first.
    Shapes: x (N, C, H, W), rows and columns (N, P, Q) -> (N, C, P, Q).
    """
    H, W = x.shape[2:]
    image = torch.arange(len(x), device=x.device)[:, None, None]
    top, left = rows.detach().floor(), columns.detach().floor()
    result = x.new_zeros(len(x), x.shape[1], *rows.shape[1:])
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            values = x[image, :, r, c].movedim(-1, 1)  # (N, C, P, Q)
            result = result + values * (share * inside)[:, None]
    return result


# %% [markdown] tags=["solution"]
# My first one had `.long()` where `floor()` stands. It cuts off towards 0, so that a place at row −0.3 had rows 0 and 1 for its neighbours instead of −1 and 0, with shares of 0.7 and −0.3. On the book's digits I saw nothing of it, since their edges are empty; of places drawn all over a small image with ink everywhere, and up to a pixel and a half beyond, every third came out wrong.


# %% tags=["check"]
def in_words(error: Exception) -> str:
    """What an exception in an answer tells whoever wrote it."""
    text = (str(error) or repr(error)).splitlines()[0].rstrip(".")
    if isinstance(error, NotImplementedError):
        return "what comes there is not written yet"
    if "two bool tensors" in text or "Got: Bool" in text:
        return "booleans cannot be subtracted, nor have a mean: `.double()`"
    if "single memory location" in text:
        return "`expand` makes no copies: what works in place has nowhere to write to"
    if isinstance(error, IndexError):
        return f"an index lies outside, or is no whole number: {text}"
    if isinstance(error, RuntimeError) and ("size" in text or "shape" in text):
        return f"two shapes there do not fit: {text}"
    return f"{type(error).__name__}: {text}"


def lines_run(function: Callable, *arguments: Any) -> tuple[Any, int]:
    """The result, and how many lines of Python ran: a loop over places shows."""
    lines, before = 0, sys.gettrace()

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
    return result, lines


def read_slowly(
    x: Tensor, rows: Tensor, columns: Tensor, how: str = "",
    below: Callable = math.floor,
) -> Tensor:  # fmt: skip
    """One place at a time: what is wanted, and some of what is not."""
    N, C, H, W = x.shape
    result = torch.zeros(N, C, *rows.shape[1:], dtype=x.dtype)
    for n, p, q in torch.cartesian_prod(*map(torch.arange, rows.shape)).tolist():
        row, column = rows[n, p, q].item(), columns[n, p, q].item()
        for r in (below(row), below(row) + 1):
            for c in (below(column), below(column) + 1):
                share = (1 - abs(row - r)) * (1 - abs(column - c))
                if how == "turned round":
                    share = abs(row - r) * abs(column - c)
                if how == "repeated":
                    value = x[n, :, min(max(r, 0), H - 1), min(max(c, 0), W - 1)]
                else:
                    inside = 0 <= r < H and 0 <= c < W
                    value = x[n, :, r % H, c % W] * (inside or how == "wrapped")
                result[n, :, p, q] += share * value
    return result


def check_sample() -> None:
    source = torch.Generator().manual_seed(4)

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, dtype=torch.float64, generator=source)

    def answer(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, int]:
        kept = x.clone(), rows.clone(), columns.clone()
        given = f"x {tuple(x.shape)}, rows and columns {tuple(rows.shape)}"
        try:
            got, lines = lines_run(sample, x, rows, columns)
        except Exception as error:
            raise AssertionError(
                f"{given}: your code stops: {in_words(error)}"
            ) from error
        assert got is not None, "nothing came back: return the values"
        assert isinstance(got, Tensor), f"a tensor is wanted, not {type(got).__name__}"
        assert all(
            torch.equal(a, b) for a, b in zip((x, rows, columns), kept, strict=True)
        ), "x, rows or columns have changed: make new tensors"
        wanted = (*x.shape[:2], *rows.shape[1:])
        assert got.shape == wanted, (
            f"{given}: {tuple(got.shape)} came back, and {wanted} is wanted"
            + (": the axis of the channels is in another place" if got.dim() == 4
               else "")
        )  # fmt: skip
        assert got.dtype == x.dtype, f"the values are {got.dtype}, and x is {x.dtype}"
        return got, lines

    N, C, H, W, P, Q = 2, 3, 4, 6, 5, 7
    x = 3 * rand(N, C, H, W) + 2
    rows, columns = rand(N, P, Q) * (H + 2) - 1.5, rand(N, P, Q) * (W + 2) - 1.5
    got, _ = answer(x, rows, columns)
    inner = rand(N, P, Q) * (H - 1), rand(N, P, Q) * (W - 1)
    inside, _ = answer(x, *inner)
    right = read_slowly(x, *inner)
    if not torch.allclose(inside, right):
        swapped = inner[1].clamp(max=H - 1), inner[0].clamp(max=W - 1)
        small = inner[1] < H - 1
        for other, why in (
            (read_slowly(x, *swapped), "rows and columns are taken for each other"),
            (read_slowly(x, *inner, "turned round"), "the shares are turned round: "
             "the nearer pixel should count more"),
            (read_slowly(x, inner[0].round(), inner[1].round()), "the nearest "
             "pixel alone is read: four are wanted, each with its share"),
            (read_slowly(x, inner[0].floor(), inner[1].floor()), "the pixel "
             "above and to the left alone is read: four are wanted"),
            (read_slowly(x, inner[0].floor(), inner[1]), "between two columns "
             "it is right, and between two rows only the upper one is read"),
            (read_slowly(x, inner[0], inner[1].floor()), "between two rows it "
             "is right, and between two columns only the left one is read"),
            (read_slowly(x, inner[0] - 0.5, inner[1] - 0.5), "half a pixel off: row 0 "
             "is the middle of the first row, and not its edge"),
            (right[:, :1].expand_as(right), "all channels have the first one's values"),
            (read_slowly(x[:1].repeat(N, 1, 1, 1), *inner), "all "
             "places are read in the first image"),
        ):  # fmt: skip
            where = small if "each other" in why else torch.ones_like(small)
            near = torch.isclose(inside, other).all(1)
            assert not near[where].all(), why
        off = (inside - right).abs()[:, 0]
        n, p, q = (off == off.max()).nonzero()[0].tolist()
        row, column = inner[0][n, p, q].item(), inner[1][n, p, q].item()
        r, c = int(row), int(column)
        four = [round(v, 3) for v in x[n, 0, r : r + 2, c : c + 2].flatten().tolist()]
        raise AssertionError(
            f"image {n}, row {row:.2f}, column {column:.2f}: {inside[n, 0, p, q]:.3f} "
            f"in channel 0, and {right[n, 0, p, q]:.3f} is right: the four pixels "
            f"there are {four}"
        )
    whole = inner[0].round(), inner[1].round()
    assert torch.allclose(answer(x, *whole)[0], read_slowly(x, *whole)), (
        "between the pixels it is right, and just on one it is not: there `floor()` "
        "and `ceil()` are the same row; the row below is `floor() + 1`"
    )
    right = read_slowly(x, rows, columns)
    near = torch.isclose(got, right).all(1)
    for how, why in (
        ("repeated", "the pixel at the edge is repeated, and 0 is wanted"),
        ("wrapped", "an index of -1 reads the last row, as one of H the first: 0 is "
         "wanted where there is no pixel"),
    ):  # fmt: skip
        wrong = torch.allclose(got, read_slowly(x, rows, columns, how))
        assert not wrong, f"beyond the edges: {why}"
    assert near.all() or not near[(rows >= 0) & (columns >= 0)].all(), (
        "only at negative places is it wrong: the row above -0.3 is -1, as `floor` has "
        "it (`int` and `long` cut off, to 0), and counts as 0 (as an index, -1 is the "
        "last)"
    )
    assert near.all(), (
        f"inside all is right, and near the edges or beyond them up to "
        f"{(got - right).abs().max():.3g} is wrong: a neighbour that is there counts "
        "by its share, one that is not counts as 0"
    )
    _, few = answer(x[:1], rows[:1, :1, :1], columns[:1, :1, :1])
    places = rows.repeat(10, 2, 2), columns.repeat(10, 2, 2)
    _, lines = answer(x.repeat(10, 1, 1, 1), *places)
    assert lines < 2 * few + 20, (
        f"{few} lines of Python run for one image and one place, and {lines} for 20 "
        "images and 140 places each: no loop over images or places"
    )
    alive = [t.clone().requires_grad_() for t in (x, rows, columns)]
    out = sample(*alive)
    weights = torch.linspace(-1, 2, out.numel(), dtype=torch.float64).view(out.shape)
    for name, leaf in zip(("x", "rows", "columns"), alive, strict=True):
        assert out.requires_grad, "no gradient finds its way through: no `no_grad`"
        (grad,) = torch.autograd.grad(
            (out * weights).sum(), leaf, retain_graph=True, allow_unused=True
        )
        assert grad is not None, f"no gradient finds its way to {name}"
        n, step = 3, 1e-6
        ends = []
        for sign in (1, -1):
            moved = [x.clone(), rows.clone(), columns.clone()]
            moved[("x", "rows", "columns").index(name)].view(-1)[n] += sign * step
            ends.append((read_slowly(*moved) * weights).sum())
        slope = ((ends[0] - ends[1]) / (2 * step)).item()
        found = grad.flatten()[n].item()
        assert math.isclose(found, slope, rel_tol=1e-4, abs_tol=1e-7), (
            f"the gradient of {name} is {found:.4f} where {slope:.4f} is "
            "right: the shares depend on the places, too"
        )


check_sample()

# %% tags=["claim"]
torch.manual_seed(0)
ink = torch.rand(4, 1, 4, 6, dtype=torch.float64) + 1
down, right = torch.rand(2, 4, 9, 9, dtype=torch.float64)
down, right = down * 6 - 1.5, right * 8 - 1.5
good, cut = (read_slowly(ink, down, right, below=b) for b in (math.floor, int))
wrong_share = (~torch.isclose(good, cut)).float().mean().item()
assert 0.25 < wrong_share < 0.45, wrong_share

# %% [markdown]
# Around it, two functions of PyTorch. `grid_sample` is the same with other units: its places run from −1 at one edge of the image to 1 at the other, whatever the size, and it takes $(x, y)$, the column first. `affine_grid` computes the places for a turned, scaled, shifted image. Such a map is a table of two rows and three columns for each image, $\theta$ ("theta"). In it $x$ and $y$ are places, from −1 to 1:
#
# $$x_{\text{old}} = \theta_{00}\, x + \theta_{01}\, y + \theta_{02}$$
#
# $$y_{\text{old}} = \theta_{10}\, x + \theta_{11}\, y + \theta_{12}$$


# %% export="augment.py"
def grid_sample(input: Tensor, grid: Tensor, align_corners: bool = False) -> Tensor:
    """Images read at the places of `grid`: (x, y), from -1 to 1, edge to edge.

    With `align_corners`, from the middle of the first pixel to that of the last.
    Shapes: input (N, C, H, W), grid (N, P, Q, 2) -> (N, C, P, Q).
    Raises: ValueError for other shapes, and two dtypes.
    """
    fits = input.dim() == grid.dim() == 4 and len(input) == len(grid)
    fits = fits and grid.shape[3] == 2 and 0 not in input.shape[1:]
    if not fits or input.dtype != grid.dtype:
        given = f"images {tuple(input.shape)}, grid {tuple(grid.shape)}"
        raise ValueError(f"{given}: give (N, C, H, W) and (N, P, Q, 2), of one dtype")

    def pixel(place: Tensor, size: int) -> Tensor:
        if align_corners:
            return (place + 1) / 2 * (size - 1)
        return ((place + 1) * size - 1) / 2

    H, W = input.shape[2:]
    return sample(input, pixel(grid[..., 1], H), pixel(grid[..., 0], W))


def affine_grid(
    theta: Tensor, size: tuple[int, ...], align_corners: bool = False
) -> Tensor:
    """The places at which an affine map reads an image, for `grid_sample`.

    Shapes: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2).
    Raises: ValueError for others.
    """
    fits = theta.shape[1:] == (2, 3) and len(size) == 4 and len(theta) == size[0]
    if theta.dim() != 3 or not fits:
        given = f"theta {tuple(theta.shape)}, size {tuple(size)}"
        raise ValueError(f"{given}: give (N, 2, 3), and N, C, H and W")

    def places(n: int) -> Tensor:
        last = 1.0 if align_corners else (n - 1) / n
        ends = torch.linspace(-last, last, n, dtype=theta.dtype, device=theta.device)
        return ends if n > 1 else torch.zeros_like(ends)

    x, y = places(size[3]), places(size[2])[:, None]
    across, down, shift = theta[:, :, None, None].unbind(-1)  # each (N, 2, 1, 1)
    return (across * x + down * y + shift).movedim(1, -1)


# %% tags=["timing"]
source = torch.Generator().manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(shape, generator=source)


unlock(
    "torch.nn.functional.grid_sample",
    by=grid_sample,
    inputs=[
        (rand(2, 3, 4, 5), rand(2, 6, 7, 2), {"align_corners": False}),
        (rand(3, 1, 5, 2), rand(3, 1, 4, 2), {"align_corners": True}),
        (rand(1, 2, 1, 1), rand(1, 2, 2, 2), {"align_corners": False}),
    ],
)
unlock(
    "torch.nn.functional.affine_grid",
    by=affine_grid,
    inputs=[
        (rand(2, 2, 3), (2, 1, 4, 5), {"align_corners": False}),
        (rand(3, 2, 3), (3, 2, 1, 6), {"align_corners": True}),
        (rand(1, 2, 3), (1, 1, 7, 1), {"align_corners": False}),
    ],
)

# %% [markdown]
# Now the draws: for each image an angle, a size and two shifts. To turn the new image one reads the old one at turned places. In pixels from the middle a place is $x\,W/2$ to the right and $y\,H/2$ down; turned by an angle $\varphi$ ("phi"):
#
# $$x_{\text{old}} \frac W2 = \cos\varphi \cdot x \frac W2 + \sin\varphi \cdot y \frac H2$$
#
# Divided by $W/2$: $\theta_{00} = \cos\varphi$ and $\theta_{01} = \sin\varphi \cdot H/W$. The image is 2 wide, so that one pixel is $2/W$. And to make the digit larger one reads *nearer* to the middle: one divides by the size.


# %% export="augment.py"
def random_affine(
    x: Tensor,
    rotate: float = 0.0,
    shift: float = 0.0,
    scale: float = 0.0,
    fill: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Each image turned, shifted and scaled by draws of its own.

    Up to `rotate` degrees either way, `shift` pixels along each axis, and a factor from
    1 - `scale` to 1 + `scale`; `fill` is what lies beyond the edges.
    Shapes: (N, C, H, W) -> the same. Raises: ValueError for impossible settings.
    """
    if x.dim() != 4 or min(rotate, shift, scale) < 0 or not scale < 1:
        given = f"shape {tuple(x.shape)}, {rotate=}, {shift=}, {scale=}"
        raise ValueError(f"{given}: give (N, C, H, W), and 0 or more; scale below 1")
    N, _, H, W = x.shape
    device = x.device if generator is None else generator.device
    draws = torch.rand(4, N, generator=generator, device=device).to(x) * 2 - 1
    angle, size = draws[0] * math.radians(rotate), 1 + draws[1] * scale
    along, across = angle.cos() / size, angle.sin() / size
    rows = [
        torch.stack([along, across * H / W, draws[2] * 2 * shift / W], -1),
        torch.stack([-across * W / H, along, draws[3] * 2 * shift / H], -1),
    ]
    grid = affine_grid(torch.stack(rows, 1), (N, 1, H, W))
    moved = nn.functional.grid_sample(x - fill, grid, align_corners=False)
    return moved + fill


# %%
def as_pixels(x: Tensor) -> list[list[float]]:
    """Normalised images as numbers from 0 to 1, to be drawn."""
    return (x * std + mean).clamp(0, 1).flatten(1).tolist()


# %% [markdown] tags=["predict"]
# What is `fill` for? Beyond the edges `grid_sample` puts zeros. Below there will be the same sevens moved twice, first without `fill`, then with `fill=background`. At the edges of the first, will one see something darker than the background, something paler, or nothing?


# %% tags=["figure"] alt="Two rows with the same six sevens, turned, shifted and scaled alike. In the upper row slightly paler wedges and bands lie along the edges of most images; in the lower row there is nothing but background."
sevens = images[labels == 7][:6]
settings = {"rotate": 15, "shift": 4, "scale": 0.15}
both = [
    random_affine(
        sevens, **settings, fill=f, generator=torch.Generator().manual_seed(1)
    )
    for f in (0.0, background)
]
plot.images(as_pixels(torch.cat(both)), columns=6)

# %% [markdown] tags=["answer"]
# Wedges at the edges, a little paler than the background. After normalising, 0 is the *mean* grey, and the background is at −0.4. A network can see from the wedges how far an image was turned, and no image in the validation set has any. `x - fill` takes the background to 0, and afterwards `fill` is added again.

# %% tags=["claim"]
assert -0.45 < background < -0.4 or len(images) > 5000
corners = [moved[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]] for moved in both]
assert (corners[0] == 0).any() and torch.allclose(
    corners[1], torch.tensor(background), atol=1e-4
)


# %% export="augment.py"
class Augment(Callback):
    """Trains on `random_affine` versions of the images, drawn anew for every batch."""

    def __init__(
        self, generator: torch.Generator | None = None, **settings: float
    ) -> None:
        self.generator, self.settings = generator, settings

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            own = self.generator
            learner.x = random_affine(learner.x, generator=own, **self.settings)


# %% tags=["figure"] alt="Four rows of eight images. In each row the first is a digit as it is in the data, a 6, a 4, a 9 and a 2, and seven versions of it follow, turned by up to 15 degrees, a little larger or smaller, shifted by up to two pixels. All can be read." caption="In front the image itself, then seven versions"
affine = {"rotate": 15, "shift": 2, "scale": 0.15, "fill": background}
rows = []
source = torch.Generator().manual_seed(2)
for digit in (6, 4, 9, 2):
    first = images[labels == digit][:1]
    versions = random_affine(first.repeat(7, 1, 1, 1), **affine, generator=source)
    rows += [first, versions]
plot.images(as_pixels(torch.cat(rows)), columns=8)

# %% [markdown]
# What does it cost? A batch of 100, against a training step of chapter 12's network, measured in turns by the processor's clock:

# %% tags=["timing"]
cnn = partial(small_cnn, norm=nn.BatchNorm2d)
network = cnn()
optimizer = torch.optim.AdamW(network.parameters())
batch, answers = images[:100], labels[:100]


def step() -> None:
    loss = cross_entropy(network(batch), answers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


shares = []
for _ in range(7):
    spent = []
    for function in (partial(random_affine, batch, **affine), step):
        start = time.process_time()
        for _ in range(4):
            function()
        spent.append(time.process_time() - start)
    shares.append(spent[0] / spent[1])
print(f"augmentation: {median(shares):.0%} of a training step")

# %% tags=["claim"]
assert median(shares) < 0.10, shares
record("augmentation, share of a training step", median(shares))

# %% [markdown]
# Less than a tenth. Now the fully connected network with augmentation, all images, ten epochs: one training here, and the five of the table recorded along with the choices.

# %%
augmented_rate = chosen("augmented: lr")
model, _ = trained(dense, order, 0, Augment(**affine), lr=augmented_rate, epochs=10)
here = error_rate(logits_of(model, valid_images), valid_labels)
table["+ augmentation"] = choices["error_rates"]["augmented"]
print(f"here            {here:6.2%}")
print("all images     ", shown(table["all"]))
print("+ augmentation ", shown(table["+ augmentation"]))

# %% tags=["claim"]
assert (
    median(table["+ augmentation"]) < 0.9 * median(table["all"]) or len(images) > 5000
)
assert abs(here - table["+ augmentation"][0]) < 0.01 or len(images) > 5000

# %% [markdown]
# > [!BUG] Break it: once for all
# > Many libraries offer such transforms for *one* image, and also take a batch. torchvision's manual says of its own (versions 0.10 to 0.16 at least): "Randomized transformations will apply the same transformation to all the images of a given batch, but they will produce different transformations across calls." For video that is right. For images it was missed: "then I noticed that all images are augmented in the same way" (pytorch/vision, issue 8484, 2024). In our terms:


# %%
class Together(Augment):
    """The same draw for all images of a batch."""

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            x = learner.x
            as_channels = x.view(1, len(x), 28, 28)  # one image of many channels
            learner.x = random_affine(as_channels, **self.settings).view_as(x)


# %% [markdown] tags=["predict"]
# Over an epoch of 80 batches there are still 80 draws, and over ten epochs every image has been seen in ten versions. By how much will the median of the errors rise (of the same five trainings with this class, recorded): not at all, by a tenth or so, by half, to twice as much?


# %%
def gradient(x: Tensor, y: Tensor) -> Tensor:
    loss = cross_entropy(young(x), y)
    slopes = torch.autograd.grad(loss, [*young.parameters()])
    return torch.cat([slope.flatten() for slope in slopes])


one_draw = choices["error_rates"]["one draw"]
print("a draw for each image  ", shown(table["+ augmentation"]))
print("one for the whole batch", shown(one_draw))
young, _ = trained(dense, order, 0, Augment(**affine), lr=augmented_rate, epochs=3)
fifty = order[:50]
torch.manual_seed(0)
own_draws = [random_affine(images[fifty], **affine) for _ in range(100)]
as_channels = images[fifty].view(1, 50, 28, 28)
same_draw = [
    random_affine(as_channels, **affine).view(50, 1, 28, 28) for _ in range(100)
]
spread = []
print("spread of the gradient of the same fifty images, after three epochs:")
for name, versions in (("own draws", own_draws), ("one draw", same_draw)):
    slopes = torch.stack([gradient(x, labels[fifty]) for x in versions])
    spread.append(slopes.var(0).sum().sqrt().item())
    print(f"  {name:9} {spread[-1]:.2f}")

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > It costs a little: in the median of five seeds about a tenth, and the ranges overlap. A step follows the mean gradient of its batch; fifty images that are all turned to the left pull all to one side, and the next batch pulls back. Draws of their own average out within a batch, in part: in a network after three epochs the gradient of the same images scatters less. *One* augmented image shows nothing of it. Look at a batch.

# %% tags=["claim"]
assert 1.05 < median(one_draw) / median(table["+ augmentation"]) < 1.2, one_draw
assert min(one_draw) < max(table["+ augmentation"]), one_draw
assert spread[1] > 1.03 * spread[0] or len(images) > 5000, spread
record("augmentation, one draw per batch", median(one_draw))

# %% [markdown] exercise="own_draws" tags=["prompt"] difficulty="medium" minutes=25
# ### Exercise 13.2: the test that catches it
#
# Write `has_own_draws(transform, shape)`: `True` if `transform` can, by whatever means, treat two images of the same batch differently, `False` if all images of a batch always get the same, be it a new draw for each batch or nothing random at all. `transform` takes a batch of `shape`, $(N, C, H, W)$ with $N$ of 6 or more, and returns one of the same shape. It is somebody else's: it may work in place, it may have a draw for each half of the batch, and some transforms leave an image as it is in nine cases of ten. How do you see the difference, and from how many tries?

# %% [markdown] tags=["hint"]
# What must you give to `transform` so that a difference in what comes out can only come from the draws?

# %% [markdown] tags=["hint"]
# A flip of a symmetrical image cannot be seen; which image is not symmetrical in any way? And if a transform does something in one case of ten: how likely is it that nothing differs, in one try with six images, and in fifty?


# %% tags=["solution"]
def has_own_draws(
    transform: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> bool:
    """Whether two images of one batch may be treated differently."""
    for _ in range(60):
        alike = torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1)
        moved = transform(alike)
        if not torch.equal(moved, moved[:1].expand_as(moved)):
            return True
    return False


# %% [markdown] tags=["solution"]
# Equal images go in, and those that come out are compared with *one another*. I had compared what came out with what went in, and took "some changed, and some did not" for the sign. With `random_affine` every image changes, and my test called it a draw for the whole batch. The second version had a single try; flips of one image in ten, for which in a batch of six nothing is flipped in about half of the tries, passed by it.


# %% tags=["check"]
def check_own_draws() -> None:
    coins: list[float] = []

    def flipped(x: Tensor, which: Tensor) -> Tensor:
        return torch.where(which.view(-1, 1, 1, 1), x.flip(-1), x)

    def by_halves(x: Tensor) -> Tensor:
        half = len(x) // 2
        return torch.cat([x[:half] + torch.rand(1), x[half:] + torch.rand(1)])

    def in_place(x: Tensor) -> Tensor:
        return x.mul_(torch.rand(len(x), 1, 1, 1))

    def alone(n: int, x: Tensor) -> Tensor:
        return torch.cat([x[:n], x[n : n + 1] + torch.rand(1), x[n + 1 :]])

    def one_shift(x: Tensor) -> Tensor:
        return x.roll(int(torch.randint(0, 4, (1,))), -1)

    def each_flipped(x: Tensor) -> Tensor:
        return flipped(x, torch.rand(len(x)) < 0.1)

    def all_flipped(x: Tensor) -> Tensor:
        coins.append(torch.rand(1).item())
        return flipped(x, torch.full((len(x),), coins[-1] < 0.5))

    def tilted(x: Tensor) -> Tensor:
        return random_affine(x, rotate=20)

    def one_tilt(x: Tensor) -> Tensor:
        return random_affine(x.flatten(0, 1)[None], rotate=20).view_as(x)

    def one_noise(x: Tensor) -> Tensor:
        return x + torch.rand(1, *x.shape[1:])

    cases: list[tuple[str, Callable, bool, str]] = [
        ("turned, each by an angle of its own", tilted, True, "all of its images "
         "change; compare what comes out of equal images, and not what came in"),
        ("nothing at all", lambda x: x, False, "nothing is random there: did all "
         "images that went in equal each other?"),
        ("twice as bright", lambda x: x * 2, False, "nothing is random there: did all "
         "images that went in equal each other?"),
        ("turned, all by the same angle", one_tilt, False, "each batch has another "
         "draw: compare within one"),
        ("one pattern of noise added to all", one_noise, False, "within a batch all "
         "get the same"),
        ("rolled, all by the same number of pixels", one_shift, False, "within a "
         "batch all get the same"),
        ("all flipped, or none", all_flipped, False, "within a batch all get the same"),
        ("a draw for each half of the batch", by_halves, True, "compare all of the "
         "images, and not two of them"),
        ("the second image alone changed", partial(alone, 1), True, "compare all of "
         "the images"),
        ("the fifth image alone changed", partial(alone, 4), True, "compare all of "
         "the images"),
        ("made darker in place, each by a draw of its own", in_place, True, "what you "
         "give it is overwritten: compare what it returns"),
        ("one image in ten flipped", each_flipped, True, "in one try of six images "
         "nothing happens in half of the cases, and a symmetrical image hides it: "
         "more tries, with images of noise"),
    ]  # fmt: skip
    for shape in ((6, 1, 5, 7), (8, 2, 6, 4)):
        for what, transform, wanted, why in cases:
            for seed in range(4):
                torch.manual_seed(seed)
                given: list[Tensor] = []

                def watched(x: Tensor, transform: Callable = transform) -> Tensor:
                    given.append(x.clone())  # noqa: B023
                    return transform(x)

                try:
                    got = has_own_draws(watched, shape)
                except Exception as error:
                    raise AssertionError(
                        f"{what}, {shape=}: your code stops: {in_words(error)}"
                    ) from error
                assert got is not None, "nothing came back: return True or False"
                assert isinstance(got, bool), f"True or False is wanted, not {got!r}"
                sizes = {tuple(x.shape) for x in given}
                assert sizes == {shape}, (
                    f"{shape=}: the transform was given {sorted(sizes)}"
                )
                assert len(coins) < 2 or len(set(coins)) > 1, (
                    "each try has the same draws: do not seed within"
                )
                if not given[0].is_floating_point():
                    why = "whole numbers cannot be turned: give it noise"
                elif all((x == x.reshape(-1)[0]).all() for x in given):
                    why = "a blank image hides what is done to it: give it noise"
                assert got == wanted, (
                    f"{what}, {shape=}: {wanted}, and you say {got}: {why}"
                )


check_own_draws()

# %% [markdown]
# ### How far may one go?
#
# An augmentation says: *this does not change the label*. Of a digit that is turned by 15 degrees it is true. Of any angle it is not. Chapter 9's kind of network, with chapter 12's norm, learns only 6 and 9 for three epochs, once turned by up to 15 degrees, and once by up to 180 (recorded).

# %% [markdown] tags=["predict"]
# A 6 on its head is a 9. But the labels are there, and the validation images all stand upright. With up to 180 degrees, how many of these will be wrong: one in a hundred, one in ten, one in three? And if it learns 3 and 4 instead, neither of which is the other on its head?

# %%
turned = choices["turned"]
for what, rates in turned.items():
    print(f"{what:32} {shown(rates)}")

# %% [markdown] tags=["answer"]
# Of 6 and 9, one in three is wrong, of 3 and 4 one in twenty, and so much of it is the harder task. Five times as long a training takes most of that away from 3 and 4. With 6 and 9 half of it stays: turned by half a circle, some sixes are nines.

# %% [markdown]
# What changes the label is no augmentation, it is noise in the labels. The letters b and d are each other's mirror image; an X-ray with the heart on the right is another finding. What is allowed has to be known about the *task*; the network cannot find it out.

# %% tags=["claim"]
small, upside, control, longer, control_longer = map(median, turned.values())
assert max(turned["6 and 9, 15 degrees, 3 epochs"]) <= 0.005
assert 0.28 < upside < 0.4 and 0.04 < control < 0.06 and control_longer < 0.015
assert 0.4 < longer / upside < 0.55 and longer > 10 * control_longer

# %% [markdown]
# ## Third, an architecture that generalises
#
# Chapter 9's convolutions say the same as augmentation does, in another way: what is seen here may as well be there. Here the structure itself says it. Chapter 12's network has a tenth of the parameters of the fully connected one. Is it their number that decides? Beside it there is a fully connected one with as few, 11 units in each layer. All images, the same augmentation, ten epochs, recorded:


# %%
def count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


convolved = choices["error_rates"]["CNN"]
table["+ convolutions, BatchNorm"] = convolved
print("fully connected:", count_parameters(dense()), "parameters,", end=" ")
print("with convolutions:", count_parameters(cnn()))
print("+ augmentation           ", shown(table["+ augmentation"]))
few_units = nn.Sequential(nn.Linear(784, 11), nn.Linear(11, 11), nn.Linear(11, 10))
narrow = choices["error_rates"]["narrow"]
print("11 units in each layer   ", shown(narrow), count_parameters(few_units))
print("+ convolutions, BatchNorm", shown(convolved))

# %% tags=["claim"]
assert count_parameters(cnn()) < 0.11 * count_parameters(dense())
if len(images) < 5000:
    assert median(convolved) < 0.7 * median(table["+ augmentation"])
    assert median(narrow) > 1.5 * median(table["+ augmentation"])
    assert median(narrow) > 6 * median(convolved)
assert abs(count_parameters(few_units) / count_parameters(cnn()) - 1) < 0.01

# %% [markdown]
# It is not their number: with as few, the fully connected one is wrong over six times as often.

# %% [markdown]
# ## Fourth, regularisation
#
# **Regularisation**, as the word is used here, is whatever makes a network learn the training images less well, in the hope that it learns the others better. One has been known since chapter 10, weight decay, which pulls every weight towards 0. Here are three that came later.
#
# ### Dropout
#
# **Dropout** sets every number that a layer puts out to 0 with probability $p$, anew for every image and every step. A unit can no longer count on a certain other one to be there, and is better off with something that is useful by itself. At evaluation nothing is dropped. Then the next layer suddenly gets more than it ever got in training, $1/(1-p)$ times as much on average; to make up for it, what is *kept* is divided by $1 - p$ in training. Two hidden units with the values 2 and 6, weights 3 and 1, and $p = 0.5$; there are four cases, all equally likely:

# %%
h, v = torch.tensor([2.0, 6.0]), torch.tensor([3.0, 1.0])
outputs = []
for kept in ((1, 1), (1, 0), (0, 1), (0, 0)):
    thinned = h * torch.tensor(kept) / (1 - 0.5)
    outputs.append((thinned * v).sum().item())
    print(f"kept {kept}: hidden {thinned.tolist()}, output {outputs[-1]:4.0f}")
print("mean", sum(outputs) / 4, " without dropout", (h * v).sum().item())

# %% tags=["figure"] alt="A network of two hidden units and one output. Both units are kept and doubled: 2 has become 4 and 6 has become 12, and with the weights 3 and 1 the output is 24." caption="Both hidden units are kept, and count twice: 24 instead of 12 …"
plot.network(layers=[[4, 12], [24]], weights=[[[3, 1]]], names=["$h$", "output"])

# %% tags=["figure", "beside"] alt="The same network; the upper unit is kept, 4, and the lower is 0. The output is 12." caption="… or only the upper one, 12. Of four such networks one is drawn for each image and step"
plot.network(layers=[[4, 0], [12]], weights=[[[3, 1]]], names=["$h$", "output"])

# %% [markdown]
# The mean over all cases is what comes out without dropout. This is **inverted dropout**, and so it is in PyTorch. The paper (Srivastava et al., 2014) did it the other way round: it scaled at evaluation. There is a trap, besides: the paper's $p$ is the probability to *keep* a unit.

# %% tags=["claim"]
assert outputs == [24, 12, 12, 0] and sum(outputs) / 4 == (h * v).sum() == 12

# %% [markdown] exercise="dropout" tags=["prompt"] difficulty="easy" minutes=15
# ### Exercise 13.3: dropout
#
# Write `dropout(x, p, training)`: in training each number of `x`, whatever its shape, is 0 with probability `p`, independently of all others, and otherwise divided by $1 - p$. When `training` is `False`, it is `x`. `p` goes from 0 to 1, both included; `x` itself is left as it is.

# %% [markdown] tags=["hint"]
# `torch.empty_like(x).bernoulli_(q)` draws a 1 with probability `q` and a 0 otherwise, for each place of `x`.

# %% [markdown] tags=["hint"]
# With `p = 1` nothing is kept. What is 0 / 0? And what is it that the 1s mean, kept or dropped?


# %% tags=["solution"] export="regularization.py"
"""Regularisation: what keeps a network from learning its images by heart."""


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each number 0 with probability `p`, else divided by 1 - p; in training only."""
    if not training or p == 0:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - p)
    return x * (kept / (1 - p) if p < 1 else kept)


# %% [markdown] tags=["solution"]
# I had read the paper and took its $p$, so that mine kept a share of `p` and divided by `p`. For `p = 0.5`, which I tried, it is the same. With 0.2 it dropped four numbers out of five.


# %% tags=["check"]
def check_dropout() -> None:
    torch.manual_seed(5)

    def answer(x: Tensor, p: float, training: bool) -> Tensor:
        given, kept = f"shape {tuple(x.shape)}, {p=}, {training=}", x.detach().clone()
        try:
            got = dropout(x, p, training)
        except Exception as error:
            raise AssertionError(
                f"{given}: your code stops: {in_words(error)}"
            ) from error
        assert got is not None, "nothing came back: return the numbers"
        assert isinstance(got, Tensor), f"a tensor is wanted, not {got!r}"
        assert torch.equal(x, kept), f"{given}: x has changed: make a new tensor"
        assert got.shape == x.shape and got.dtype == x.dtype, (
            f"{given}: {tuple(got.shape)}, {got.dtype} came back: shape and dtype of x"
        )
        return got

    x = torch.randn(150, 200, dtype=torch.float64)
    for p in (0.2, 0.7):
        assert torch.equal(answer(x, p, False), x), (
            f"{p=}, training=False: x as it is, neither dropped nor scaled"
        )
        got = answer(x, p, True)
        dropped = (got == 0).double().mean().item()
        assert dropped > 0, f"{p=}: nothing is 0"
        assert abs(dropped - (1 - p)) > 0.05, (
            f"{p=}: a share of {dropped:.2f} is dropped: p is the share of zeros, and "
            "not of those that are kept"
        )
        assert abs(dropped - p) < 0.09, f"{p=}: a share of {dropped:.2f} is dropped"
        factor = (got / x)[got != 0]
        for other, why in (
            (1.0, "what is kept has to be divided by 1 - p"),
            (1 - p, "what is kept is multiplied by 1 - p: divide"),
            (1 / p, "what is kept is divided by p: by 1 - p, its own share"),
            (1 / (1 + p), "1 - p, not 1 + p"),
        ):
            assert not torch.allclose(factor, torch.full_like(factor, other)), (
                f"{p=}: {why}"
            )
        assert torch.allclose(factor, torch.full_like(factor, 1 / (1 - p))), (
            f"{p=}: what is kept should be {1 / (1 - p):.3f} times as large, and is "
            f"{factor.min():.3f} to {factor.max():.3f}"
        )
        assert not torch.equal(answer(x, p, True), got), f"{p=}: draw anew each time"
    for shape in ((30, 20), (9,), (6, 5, 4, 3)):
        ones = torch.ones(shape)
        zeros = torch.stack([answer(ones, 0.4, True) == 0 for _ in range(300)])
        times = zeros.flatten(1).sum(1).double().var().item() / (ones.numel() * 0.24)
        assert times < 1.8, f"{shape=}: some numbers are always dropped together"
        assert times > 0.4, (
            f"{shape=}: each time as many are dropped: draw for each number by itself"
        )
        dropped = zeros.double().mean().item()
        assert abs(dropped - 0.4) < 0.05, f"p=0.4: a share of {dropped:.2f} is dropped"
    for p, wanted in ((0.0, x), (1.0, torch.zeros_like(x))):
        got = answer(x, p, True)
        assert not got.isnan().any(), f"{p=}: nan: nothing is kept, and 0 / 0"
        assert torch.equal(got, wanted), (
            f"{p=}: {'all' if p == 0 else 'nothing'} is kept"
        )
    half = (dropout(x) == 0).double().mean()
    assert 0.48 < half < 0.52, (
        f"dropout(x) drops a share of {half:.2f}: by default, as in the stub, p is 0.5 "
        "and training True"
    )
    for p in (0.4, 1.0):
        alive = torch.ones(3, 40, dtype=torch.float64, requires_grad=True)
        got = answer(alive, p, True)
        assert got.requires_grad or p == 1, "no gradient finds its way through"
        (grad,) = torch.autograd.grad(got.sum() + 0 * alive.sum(), alive)
        assert torch.allclose(grad, got.detach()), (
            f"{p=}: the gradient has to be 0 where a number was dropped, and "
            f"1 / (1 - p) elsewhere, and has the values {grad.unique().tolist()[:3]}"
        )


check_dropout()


# %% export="regularization.py"
class Dropout(nn.Module):
    """Sets numbers to 0 at random in training, and nothing in evaluation. Shapes: any.

    Raises: ValueError for a `p` that is no probability.
    Paper: Srivastava et al. 2014, JMLR 15; here it is scaled in training.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{p=}: a probability is needed, from 0 to 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Draw anew."""
        return dropout(x, self.p, self.training)


# %% tags=["timing"]
unlock(
    "torch.nn.Dropout",
    by=Dropout,
    inputs=[
        ((), (rand(5, 7),)),
        ((0.2,), (rand(3, 4, 5),)),
        ((0.0,), (rand(4, 3),)),
        ((1.0,), (rand(4, 3),)),
    ],
)

# %% [markdown]
# There is a second way to see it. Every mask is a network of its own, a thinned one; with 200 hidden units there are $2^{200}$ of them, all sharing their weights, and each image of each step trains another one. Evaluation asks them all at once: **an ensemble for the price of one**. For a linear layer, as above, the mean over all of them is exact. With ReLUs and a softmax in between it is not; how far off is it? One network trained with dropout on the 500 images, against the mean of 100 of its thinned ones. (*Sure* is the mean of the largest probability.)


# %%
def dense_with_dropout(p: float) -> nn.Sequential:
    """The same, with dropout after each ReLU."""
    layers: list[nn.Module] = []
    for layer in dense():
        layers += [layer, Dropout(p)] if isinstance(layer, nn.ReLU) else [layer]
    return nn.Sequential(*layers)


drop = chosen("500 images: dropout")
dropping, _ = trained(
    partial(dense_with_dropout, drop), few, 0, lr=chosen("500 images: lr"), epochs=20
)
once = logits_of(dropping, valid_images).softmax(1)
dropping.train()
passes = [logits_of(dropping, valid_images).softmax(1) for _ in range(100)]
dropping.eval()
averaged = sum(passes) / len(passes)
apart = {
    "one thinned network": passes[0], "mean of 100": averaged, "one pass, all": once,
}  # fmt: skip
for name, probabilities in apart.items():
    same = (probabilities.argmax(1) == averaged.argmax(1)).float().mean()
    wrong = error_rate(probabilities, valid_labels)
    sure = probabilities.amax(1).mean()
    print(f"{name:20} {wrong:.1%} wrong, {sure:.1%} sure", end=", ")
    print(f"agrees with the mean on {same:.1%}")

# %% tags=["claim"]
agrees = [
    (apart[name].argmax(1) == averaged.argmax(1)).float().mean().item()
    for name in ("one thinned network", "one pass, all")
]
assert agrees[1] > 0.97 > agrees[0], agrees
assert once.amax(1).mean() > averaged.amax(1).mean() + 0.01

# %% [markdown]
# For the answers, one pass with all units stands for the ensemble well enough. Its probabilities are surer than those of the mean.
#
# ### Label smoothing
#
# Cross-entropy is never content. For a right answer with probability 0.999 it still asks for more, and since the softmax gets to 1 only for infinite logits, there is no end to it. **Label smoothing** (Szegedy et al., 2016) asks for less: of the label's 1, a share $\varepsilon$ ("epsilon") is dealt out evenly to all $K$ classes. With $\varepsilon = 0.1$ and ten classes the right one is to have 0.91, the others 0.01 each. Labels are probabilities then, $t_{nk}$ for image $n$ and class $k$, and the loss is the cross-entropy of chapter 7, written for any of these:
#
# $$L = -\frac1N \sum_n \sum_k t_{nk} \log p_{nk}$$
#
# $$t_{nk} = (1 - \varepsilon)\,[k = \text{label}_n] + \frac{\varepsilon}{K}$$
#
# (The bracket is 1 where it is true and 0 elsewhere.)


# %% export="losses.py"
def cross_entropy(
    logits: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Mean of -log p for the right classes. Shapes: logits (N, K) -> ().

    `labels` are classes, (N,), or the probabilities of all classes, (N, K). The share
    `label_smoothing` of them is dealt out evenly to all classes.
    Raises: ValueError for other shapes and dtypes, no examples, and classes outside 0
    to K - 1.
    """
    shapes = f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}"
    if logits.dim() != 2 or len(logits) == 0:
        raise ValueError(f"{shapes}: give logits (N, K), with N of at least 1")
    K = logits.shape[1]
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{label_smoothing=}: a share is needed, from 0 to 1")
    if labels.shape == logits.shape and labels.dtype == logits.dtype:
        wanted = labels
    elif labels.shape != logits.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(f"{shapes}: give int64 labels (N,), or probabilities (N, K)")
    elif not 0 <= labels.amin() <= labels.amax() < K:
        raise ValueError(f"{shapes}: labels must be from 0 to K - 1")
    else:
        wanted = one_hot(labels, K).to(logits)
    wanted = (1 - label_smoothing) * wanted + label_smoothing / K
    return -(wanted * log_softmax(logits, 1)).sum(1).mean()


# %% tags=["timing"]
unlock(
    "torch.nn.functional.cross_entropy(label_smoothing=)",
    by=cross_entropy,
    inputs=[
        (rand(4, 3), torch.tensor([2, 0, 1, 1]), {"label_smoothing": 0.1}),
        (rand(1, 5), torch.tensor([4]), {"label_smoothing": 1.0}),
        (rand(4, 3), torch.tensor([2, 0, 1, 1])),
        (rand(4, 3), rand(4, 3).softmax(1), {"label_smoothing": 0.3}),
        (rand(2, 6), rand(2, 6).softmax(1)),
    ],
)

# %% [markdown] exercise="gap" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 13.4: when is it content?
#
# With smoothed labels the loss of one image has a lowest point that can be reached: all wrong classes with the same logit, and the right one above them by a certain distance. Write `contented_gap(label_smoothing, classes)`, which gives this distance, a float; infinity where nothing is smoothed. What do you know about the probabilities at the lowest point, and how do logits come from probabilities?

# %% [markdown] tags=["hint"]
# Chapter 7 has $\partial L/\partial z_k = p_k - [k = y]$ for one image, where the bracket is the label's probability. With smoothed labels $t_k$ takes its place. At the lowest point the derivative is 0.

# %% [markdown] tags=["hint"]
# The softmax divides by the same sum for all classes. What is then the quotient of two probabilities, in terms of their logits? And mind that the right class has a part in what is dealt out, too.


# %% tags=["solution"]
def contented_gap(label_smoothing: float, classes: int) -> float:
    """How far the right logit is above the others where the smoothed loss is lowest."""
    if label_smoothing == 0:
        return math.inf
    other = label_smoothing / classes
    return math.log((1 - label_smoothing + other) / other)


# %% [markdown] tags=["solution"]
# At the lowest point $p = t$, and $p_a / p_b = e^{z_a - z_b}$; so the distance is the logarithm of $t_\text{right} / t_\text{other}$. For ten classes and $\varepsilon = 0.1$ it is $\log 91 \approx 4.5$. I had $\log 90$ at first: to the others I had dealt out their $\varepsilon/K$, and had forgotten the one that the right class gets. I only noticed when the gradient at my lowest point came out as 0.001 where it should have been 0. (Some implementations deal the share out to the $K - 1$ others alone; with that the answer is $\log 81$.)


# %% tags=["check"]
def one_number(got: Any) -> float:
    """What came back as a float, also out of a tensor of one number."""
    assert got is not None, "nothing came back: return a number"
    try:
        return float(got)
    except (TypeError, ValueError, RuntimeError):
        raise AssertionError(f"one number is wanted, not {got!r}") from None


def check_gap() -> None:
    for smoothing, classes in ((0.1, 10), (0.3, 4), (0.05, 7), (1.0, 5), (0.6, 2)):
        given = f"label_smoothing={smoothing}, classes={classes}"
        try:
            got = contented_gap(smoothing, classes)
        except Exception as error:
            raise AssertionError(
                f"{given}: your code stops: {in_words(error)}"
            ) from error
        got = one_number(got)
        assert not math.isnan(got), f"{given}: nan came back"
        other = smoothing / classes
        top = 1 - smoothing + other
        right = math.log(top / other)
        own = max(1 - smoothing, 1e-300)
        for wrong, why in (
            (top, "that is the right class's probability: its logit is asked for"),
            (math.log(top), "the logarithm of its probability; the others' logits are "
             "not 0 then: the distance"),
            (top - other, "the distance of the probabilities, and not of the logits"),
            (top / other, "the quotient: take its logarithm"),
            (-right, "how far the right one is above the others, and not below"),
            (right / math.log(2), "the natural logarithm, for softmax has e"),
            (right / math.log(10), "the natural logarithm, for softmax has e"),
            (math.log(own * (classes - 1) / smoothing), "the share is dealt out to all "
             "classes, the right one included"),
            (math.log(own / other), "the right class gets its part of the share, too"),
            (math.log(own / smoothing), "no class has the whole share: each has its "
             "part of it"),
            (math.log(top / (1 - top)), "the quotient with all others together: one of "
             "them is wanted"),
            (math.log(1 / other), "the right class's probability is not 1 any more"),
            (math.log(1 - smoothing + 1 / other), "put the brackets round numerator"),
        ):  # fmt: skip
            if not math.isclose(wrong, right, rel_tol=1e-6, abs_tol=1e-9):
                assert not math.isclose(got, wrong, rel_tol=1e-6, abs_tol=1e-9), (
                    f"{given}: {got:.4f}: {why}"
                )
        close = math.isclose(got, right, rel_tol=1e-6, abs_tol=1e-9)
        assert close or not math.isclose(got, right, rel_tol=1e-3), (
            f"{given}: {got:.7g} is nearly right: give it exactly, by a formula"
        )
        assert close, (
            f"{given}: {got:.4f}; with it the gradient of the right logit is "
            f"{1 / (1 + (classes - 1) * math.exp(-min(max(got, -50), 50))) - top:.4f}, "
            "and 0 is wanted"
        )
    try:
        never = contented_gap(0.0, 10)
    except Exception as error:
        raise AssertionError(
            f"label_smoothing=0: {in_words(error)}. The loss is never content then"
        ) from error
    assert one_number(never) == math.inf, (
        f"label_smoothing=0: infinity is wanted, not {never}"
    )


check_gap()

# %% tags=["claim"]
off = torch.zeros(1, 10, dtype=torch.float64)
off[0, 3] = math.log(90)
off.requires_grad_()
cross_entropy(off, torch.tensor([3]), 0.1).backward()
assert round(off.grad.abs().max().item(), 3) == 0.001
off = torch.zeros(1, 10, dtype=torch.float64)
off[0, 3] = contented_gap(0.1, 10)
off.requires_grad_()
cross_entropy(off, torch.tensor([3]), 0.1).backward()
assert off.grad.abs().max() < 1e-12

# %% [markdown]
# ### Mixup
#
# If labels may be probabilities, images may be mixtures. **Mixup** (Zhang et al., 2018) trains on two images at once, laid on top of each other, $\lambda$ ("lambda"; no weight decay here) of the one and $1 - \lambda$ of the other, and asks for the same mixture of their labels:

# %% tags=["figure"] alt="Five images in a row: a 3, then mixtures of it with a 7, in which the 3 fades and the 7 grows brighter, and at the end the 7 alone." caption="From a 3 to a 7, λ = 1, 0.75, 0.5, 0.25 and 0"
three, seven = images[labels == 3][0], images[labels == 7][1]
mixtures = [s * three + (1 - s) * seven for s in (1, 0.75, 0.5, 0.25, 0)]
plot.images(as_pixels(torch.stack(mixtures)), columns=5)

# %% [markdown]
# For the loss nothing new is needed. It is linear in the labels: the loss of a mixed label *is* the mixture of the two losses.

# %%
logits, t = rand(6, 10), one_hot(torch.tensor([3, 1, 4, 1, 5, 9]), 10).float()
u, lam = t[[2, 0, 1, 5, 3, 4]], 0.3
of_the_mix = cross_entropy(logits, lam * t + (1 - lam) * u)
mix_of_losses = lam * cross_entropy(logits, t) + (1 - lam) * cross_entropy(logits, u)
print(f"{of_the_mix:.6f}  {mix_of_losses:.6f}")

# %% tags=["claim"]
assert torch.allclose(of_the_mix, mix_of_losses)

# %% [markdown]
# How strong the mixtures are is a matter of how λ is drawn: from a **Beta distribution** with both parameters α ("alpha"). With α = 1 every share is equally likely, with a small α it is nearly always close to 0 or to 1. PyTorch's `torch.distributions.Beta` takes no generator, and so here is a way that does.


# %% export="regularization.py"
def beta(alpha: float, count: int, generator: torch.Generator | None = None) -> Tensor:
    """`count` draws from the Beta distribution with both parameters `alpha`.

    By rejection (Jöhnk 1964): quick up to about 1. Raises: ValueError for an `alpha`
    that is not above 0 and at most 4.
    """
    if not 0 < alpha <= 4:
        raise ValueError(f"{alpha=}: give a number above 0, and 4 at most")
    device = generator.device if generator else "cpu"
    found = torch.empty(0, dtype=torch.float64, device=device)
    while len(found) < count:
        pairs = torch.rand(
            2, count, generator=generator, dtype=found.dtype, device=device
        )
        first, second = pairs ** (1 / alpha)
        total = first + second
        found = torch.cat([found, (first / total)[(total <= 1) & (total > 0)]])
    return found[:count]


def mixup(
    x: Tensor, y: Tensor, alpha: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Each image mixed with another of its batch, and their labels in the same shares.

    `y` are the probabilities of all classes. Shapes: x (N, ...), y (N, K) -> the same.
    Raises: ValueError for others. Paper: Zhang et al. 2018, arXiv:1710.09412.
    """
    if y.dim() != 2 or len(x) != len(y) or not y.is_floating_point():
        given = f"images {tuple(x.shape)}, labels {tuple(y.shape)}, {y.dtype}"
        raise ValueError(f"{given}: give probabilities (N, K), by one_hot(...).float()")
    device = x.device if generator is None else generator.device
    other = torch.randperm(len(x), generator=generator, device=device).to(x.device)
    share = beta(alpha, len(x), generator).to(x)
    by_image = share.view(-1, *[1] * (x.dim() - 1))
    mixed = by_image * x + (1 - by_image) * x[other]
    return mixed, share[:, None] * y + (1 - share[:, None]) * y[other]


class Mixup(Callback):
    """Trains on mixtures of two images; the loss must take probabilities as labels."""

    order = 10  # after Augment

    def __init__(
        self, alpha: float, classes: int = 10, generator: torch.Generator | None = None
    ) -> None:
        self.alpha, self.classes, self.generator = alpha, classes, generator

    def before_batch(self, learner: Learner) -> None:
        if learner.training:
            y = one_hot(learner.y, self.classes).to(learner.x)
            learner.x, learner.y = mixup(learner.x, y, self.alpha, self.generator)


# %% [markdown]
# A training that was interrupted must go on with the same draws. Chapter 8's checkpoints keep the generators of the loaders; from now on, those of the callbacks, too.


# %% export="checkpoint.py"
def generators(learner: Learner) -> list[torch.Generator]:
    """PyTorch's own, those of the loaders, and those of the callbacks."""
    loaders = learner.training_loader, learner.validation_loader
    holders = [*loaders, *learner.listening]
    own = [getattr(holder, "generator", None) for holder in holders]
    return [torch.default_generator, *filter(None, own)]


# %% tags=["claim"]
for alpha in (0.2, 1.0, 3.0):  # variance of Beta(a, a): 1 / (4 (2a + 1))
    draws = beta(alpha, 40_000, torch.Generator().manual_seed(0))
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs(draws.var() - 1 / (4 * (2 * alpha + 1))) < 0.005

# %% [markdown]
# > [!QUOTE] Paper box: mixup
# > H. Zhang, M. Cissé, Y. N. Dauphin and D. Lopez-Paz, *mixup: Beyond Empirical Risk Minimization* (ICLR 2018), arXiv:1710.09412. From two examples $(x_i, y_i)$ and $(x_j, y_j)$, drawn at random from the training data, it makes a "virtual" one:
# >
# > $$\tilde x = \lambda x_i + (1 - \lambda)\, x_j \qquad \tilde y = \lambda y_i + (1 - \lambda)\, y_j \qquad \lambda \sim \operatorname{Beta}(\alpha, \alpha)$$
# >
# > | in the paper | say | for us |
# > |:--|:--|:--|
# > | $x_i$, $x_j$ | x i, x j | two images of a batch, `x` and `x[other]` |
# > | $y_i$, $y_j$ | y i, y j | their labels, one-hot, `y` and `y[other]` |
# > | $\tilde x$, $\tilde y$ | x tilde, y tilde | the mixed image and label |
# > | $\lambda$, $\alpha$ | lambda, alpha | the share, `share`; how it is drawn, `alpha` |
# >
# > The code printed in the paper draws one λ for a whole batch; ours draws one for each image.

# %%
x, y = images[:8], one_hot(labels[:8], 10).float()
alpha, seeded = 0.4, torch.Generator().manual_seed(6)
x_tilde, y_tilde = mixup(x, y, alpha, seeded)
seeded.manual_seed(6)
j = torch.randperm(8, generator=seeded)  # who is mixed with whom
lam = beta(alpha, 8, seeded).float()  # lambda ~ Beta(alpha, alpha)
by_paper = [
    (lam[i] * x[i] + (1 - lam[i]) * x[j[i]], lam[i] * y[i] + (1 - lam[i]) * y[j[i]])
    for i in range(8)
]
off = max(
    max((x_tilde[i] - a).abs().max(), (y_tilde[i] - b).abs().max()).item()
    for i, (a, b) in enumerate(by_paper)
)
print(f"largest difference: {off:.0e}")
print("shares:", *(f"{share:.2f}" for share in lam))

# %% tags=["claim"]
assert off < 1e-6

# %% [markdown] tags=["aside"]
# #### Aside: CutMix
#
# **CutMix** (Yun et al., 2019, arXiv:1905.04899) pastes a rectangle of one image into the other and mixes the labels by area. On photographs it does well. Our digits are thin lines on nothing: cut the stroke that closes an 8, and by area nine tenths of it are there, but it is a 3. In a few lines:

# %% tags=["aside"]
source = torch.Generator().manual_seed(8)
top, left = torch.randint(0, 15, (2,), generator=source).tolist()
pasted = images[:6].clone()
pasted[..., top : top + 14, left : left + 14] = images[
    6:12, :, top : top + 14, left : left + 14
]
area = 14 * 14 / 28**2
print(f"labels: {1 - area:.2f} of the first, {area:.2f} of the second")

# %% tags=["aside", "figure"] alt="Above six digits, below the same ones with a square of another digit pasted in. Several of those below can no longer be read."
plot.images(as_pixels(torch.cat([images[:6], pasted])), columns=6)

# %% tags=["aside", "claim"]
assert area == 0.25

# %% [markdown]
# ### Which of them helps?
#
# Most is to be won where most was lost: on the 500 images, the fully connected network, no augmentation. Each regulariser by itself, at its own best strength. Here are all the choices of this chapter, each with the losses on the held-back images:

# %%
print(choices["date"], choices["machine"], "PyTorch", choices["versions"]["torch"])
for what, tried in choices["choices"].items():
    values = "  ".join(f"{value}: {loss:.3f}" for value, loss in tried.items())
    print(f"{what:21} {values}")

# %% [markdown]
# (*CNN* is the convolutional network, *lr* the rate, *decay* the weight decay, *smoothing* ε and *mix* α.) By these losses all four should help on the 500 images.

# %% [markdown] tags=["predict"]
# Four times as many images took the error rate from above 13 % to below 9 %. How far will the best of the four take it? And how many of the four will be better than none by more than the five seeds scatter? (About five seconds.)

# %%
ways: dict[str, dict[str, Any]] = {
    "weight decay": {"decay": chosen("500 images: decay")},
    "dropout": {"make": partial(dense_with_dropout, drop)},
    "label smoothing": {
        "loss_fn": partial(
            nn.functional.cross_entropy, label_smoothing=chosen("500 images: smoothing")
        )
    },
    "mixup": {"mix": chosen("500 images: mix")},
}
regularised = {"none": new}  # as they were trained at the beginning
print(f"{'none':16} {shown(new)}")
outputs_of: dict[str, list[Tensor]] = {}
for name, settings in ways.items():
    way = {"make": dense, **settings}
    make, mix = way.pop("make"), way.pop("mix", 0)
    outputs_of[name] = []
    for seed in range(5):
        callbacks = [Mixup(mix)] if mix else []
        model, _ = trained(
            make, few, seed, *callbacks, lr=chosen("500 images: lr"), epochs=20, **way
        )
        outputs_of[name].append(logits_of(model, valid_images))
    regularised[name] = [error_rate(z, valid_labels) for z in outputs_of[name]]
    print(f"{name:16} {shown(regularised[name])}", flush=True)
# %% [markdown] tags=["answer"]
# Label smoothing helps: its worst seed is better than the best without. The ranges of the other three overlap with that of none; five seeds do not decide. None of the four is worth what 1,500 more images were.

# %% tags=["claim"]
if len(images) < 5000:
    none = regularised["none"]
    assert max(regularised["label smoothing"]) < min(none), regularised
    for name in ("weight decay", "dropout", "mixup"):
        rates = regularised[name]
        assert min(none) < max(rates) and min(rates) < max(none), regularised
    best = min(map(median, regularised.values()))
    assert best > 1.2 * median(table["half of them"]), regularised
    more = [median(table[name]) for name in ("500 images", "half of them")]
    assert more[0] > 0.13 and more[1] < 0.09, more
tried = choices["choices"]
bare = min(tried["500 images: lr"].values())
for name in ("decay", "dropout", "smoothing", "mix"):
    assert min(tried[f"500 images: {name}"].values()) < bare, "all four should help"
    beside = tried[f"CNN: {name}"].values()
    assert max(beside) - min(beside) < 0.003, "the differences are small"
for name, rates in regularised.items():
    record(f"500 images, {name}, median error rate", median(rates))

# %% [markdown]
# And the network with convolutions, all images, augmentation? By the losses on the held-back images, it is to have no more weight decay than before, a little dropout before the last layer, and a little label smoothing; mixup brings nothing. The differences between these losses are small. `small_cnn` gets an argument for the dropout:


# %% export="models.py"
def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32),
    classes: int = 10,
    gain: float = 0.5,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Three convolutions, two poolings, a linear layer; Kaiming's weights times `gain`.

    `norm(channels)` makes what normalises each convolution's output, which then has no
    bias. With `dropout`, numbers are dropped before the last layer, the share that it
    says. Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """

    def block(size: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
        conv = nn.Conv2d(size, out, kernel, stride, kernel // 2, bias=norm is None)
        return [conv, nn.ReLU()] if norm is None else [conv, norm(out), nn.ReLU()]

    first, second, third = channels
    model = nn.Sequential(
        *block(1, first, 5, 2),
        *block(first, second, 3), nn.MaxPool2d(2),
        *block(second, third, 3), nn.MaxPool2d(2),
        nn.Flatten(), *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(third * 3 * 3, classes),
    )  # fmt: skip
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight).mul_(gain)
                if layer.bias is not None:
                    layer.bias.zero_()
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


# %%
print("+ convolutions, BatchNorm", shown(convolved))
table["+ dropout, smoothing"] = choices["error_rates"]["regularised"]
print("+ dropout, smoothing     ", shown(table["+ dropout, smoothing"]))

# %% [markdown]
# ## Last, a smaller network
#
# It is what many try first: a network that cannot learn everything by heart does not. Half of the channels in each layer, at a rate of its own, and without the dropout, recorded as well.

# %% [markdown] tags=["predict"]
# The network before has 1.6 % wrong. With half of the channels: less, as much, or more?

# %%
table["half the channels"] = choices["error_rates"]["smaller"]
print("half the channels        ", shown(table["half the channels"]))

# %% [markdown] tags=["answer"]
# More: 2.3 % in the median. It cannot learn everything else, either.

# %% [markdown]
# So the fifth step is a step back. Try the *opposite*: twice the channels, over three times the weights, the same regularisation, six epochs. The chapter ends on this training: five recorded, one again here. (About six seconds.)


# %%
def larger() -> nn.Sequential:
    return small_cnn((16, 32, 64), norm=nn.BatchNorm2d, dropout=chosen("CNN: dropout"))


smooth = partial(nn.functional.cross_entropy, label_smoothing=chosen("CNN: smoothing"))
final = choices["error_rates"]["larger"]
last, _ = trained(
    larger, order, 0, Augment(**affine), lr=chosen("larger: lr"), epochs=6,
    loss_fn=smooth,
)  # fmt: skip
here = error_rate(logits_of(last, valid_images), valid_labels)
print(f"here, as this computer rounds  {here:6.2%}")
print("recorded, five seeds          ", shown(final))
table["twice the channels"] = final
print(f"{'':27}{'median':>8}   range")
for name, rates in table.items():
    print(f"{name:27}{shown(rates)}")
print(f"{'full MNIST, all of it':27}{shown(full['error_rates']['CNN'])}  (two epochs)")

# %% tags=["claim"]
ten_digits = median(final)
weights = [count_parameters(net) for net in (small_cnn(norm=nn.BatchNorm2d), larger())]
assert 3 < weights[1] / weights[0] < 3.5
if len(images) < 5000:
    assert (
        abs(here - ten_digits) < 0.006 and ten_digits < 0.0165
    )  # chapter 12: about 2 % in the median
record("error_rate", ten_digits)
record("error rates of five seeds", final)

# %% tags=["figure", "slide"] alt="A staircase of error rates on a logarithmic axis, five dots for each of eight networks and a bar at each median. From about 13 per cent with 500 images it goes down to 8 with half of the images, 6 with all, 4 with augmentation, and below 2 with convolutions and with dropout and smoothing; with half the channels it goes up again, and with twice the channels it is down again." caption="The five steps, on a logarithmic scale: each dot a seed, each bar a median. The last two are half and twice as many channels"
figure, ax = plt.subplots(figsize=(5.6, 3.1))
for n, rates in enumerate(table.values()):
    ax.plot([n] * len(rates), [100 * rate for rate in rates], ".", alpha=0.5,
            color=plot.COLOURS[0])  # fmt: skip
    ax.plot([n - 0.3, n + 0.3], [100 * median(rates)] * 2, color=plot.COLOURS[1])
short = ("500", "half", "all\nimages", "moved", "convo-\nlutions", "regula-\nrised",
         "half as\nmany", "twice as\nmany")  # fmt: skip
ax.set_xticks(range(len(table)), short)
ax.set(yscale="log", ylabel="% wrong")
ax.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
ax.minorticks_off()

# %% [markdown]
# Data, augmentation and architecture did nearly all of it. The regularisation that the held-back images had recommended does not help on the validation images: its median is a little higher, within what seeds do. The smaller network's median is higher. That is the reason for the order: after the steps that add what can be learnt, little is left for those that take away. A *larger* network, with twice the channels and six epochs instead of ten, is where the third step was, at 1.4 %. With the full set, and nearly three times the steps, the fourth step's network has 1.0 % in the median.

# %% tags=["claim"]
if len(images) < 5000:
    steps = [median(rates) for rates in table.values()]
    assert all(b < a for a, b in pairwise(steps[:5])), steps
    assert steps[6] > 1.15 * max(steps[4:6]) and steps[7] < 0.85 * steps[6], steps
    assert min(steps) == steps[4]
    assert round(steps[4], 3) == round(steps[7], 3) == 0.014
    assert [round(step, 3) for step in steps[5:7]] == [0.016, 0.023]
    assert 0 < steps[5] - steps[4] < 0.004
    assert steps[0] - steps[4] > 10 * abs(steps[4] - steps[5]), steps
    assert round(median(full["error_rates"]["CNN"]), 3) == 0.010 < min(steps[4:6])
for name, rates in table.items():
    record(f"step: {name}, median error rate", median(rates))

# %% [markdown]
# ## Ask more than once
#
# What helps in training can help when the network is asked: **test-time augmentation** shows it each image in several versions and averages the probabilities. Ordinary ones, for the mean of many slightly wrong views is to be better than the one right view. We ask the last network, and the five fully connected ones that never saw a moved image.


# %% export="augment.py"
@torch.no_grad()
def tta(
    model: nn.Module,
    x: Tensor,
    versions: int = 8,
    generator: torch.Generator | None = None,
    **settings: float,
) -> Tensor:
    """Test-time augmentation: the mean of the probabilities for versions of each image.

    The images as they are, and `versions` - 1 by `random_affine`; the model is asked in
    evaluation mode. Shapes: x (N, C, H, W) -> (N, K). Raises: ValueError for none.
    """
    if versions < 1:
        raise ValueError(f"{versions=}: 1 or more are needed")
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        total = model(x).softmax(1)
        for _ in range(versions - 1):
            moved = random_affine(x, generator=generator, **settings)
            total = total + model(moved).softmax(1)
    finally:
        for module, mode in modes:
            module.training = mode
    return total / versions


# %%
gentle = {"rotate": 8, "shift": 1, "scale": 0.08, "fill": background}
answers, probabilities = [], []
for seed, model in enumerate([*connected, last]):
    source = torch.Generator().manual_seed(seed)
    versions = [
        tta(model, batch, 8, source, **gentle) for batch in valid_images.split(500)
    ]
    probabilities.append(logits_of(model, valid_images).softmax(1))
    answers.append(torch.cat(versions))
with_tta = [error_rate(p, valid_labels) for p in answers]
one_view = [error_rate(p, valid_labels) for p in probabilities]
print("fully connected, one view   ", shown(one_view[:5]))
print("fully connected, eight views", shown(with_tta[:5]))
print(f"the last, one view           {one_view[5]:6.2%}")
print(f"the last, eight views        {with_tta[5]:6.2%}")

# %% [markdown] exercise="gain" tags=["prompt"] difficulty="medium" minutes=25
# ### Exercise 13.5: is it a gain?
#
# Two ways to answer, the same 1,000 images. Write `gain(before, after)`: `before` and `after` are boolean tensors, one entry for each image, `True` where the answer was *wrong*. It gives back two floats: by how much the error rate falls from `before` to `after` (negative if it rises), and its standard error. Chapter 1 has the standard error of *one* rate; that formula does not fit here, for the two share the images, and most of the images that are hard for one are hard for the other. The step that it takes from the spread of one answer to that of a mean does fit. What is the quantity whose mean you want, image by image?

# %% [markdown] tags=["hint"]
# For each image there is a difference: 1, 0 or −1. The gain is its mean.

# %% [markdown] tags=["hint"]
# In chapter 1's formula, which part is the standard deviation of one image, and what takes it from one to the mean of all? How large must yours be if the two ways disagree about no image at all?


# %% tags=["solution"]
def gain(before: Tensor, after: Tensor) -> tuple[float, float]:
    """By how much the error rate falls, and the standard error of that."""
    difference = before.double() - after.double()
    return difference.mean().item(), (difference.std() / len(difference) ** 0.5).item()


# %% [markdown] tags=["solution"]
# I used chapter 1's $\sqrt{q(1-q)/N}$ for each of the two rates and added the squares, as one does for *different* images. With rates of 6 % it gives 1.1 %, whatever the two have in common, and no gain below is twice that. By the differences, two ways that disagree about six images in a thousand have a standard error of 0.25 %.


# %% tags=["check"]
def check_gain() -> None:
    source = torch.Generator().manual_seed(2)
    for count, rates in ((40, (0.5, 0.3)), (300, (0.2, 0.1)), (75, (0.1, 0.4))):
        before = torch.rand(count, generator=source) < rates[0]
        after = torch.where(
            torch.rand(count, generator=source) < 0.5,
            before,
            torch.rand(count, generator=source) < rates[1],
        )
        given = f"{count} images, {before.sum()} and {after.sum()} wrong"
        try:
            got = gain(before.clone(), after.clone())
        except Exception as error:
            raise AssertionError(
                f"{given}: your code stops: {in_words(error)}"
            ) from error
        assert got is not None, "nothing came back: return two numbers"
        try:
            pair = list(got)
        except TypeError:  # one number alone
            pair = []
        assert len(pair) == 2, f"two numbers are wanted, not {got!r}"
        fall, error = map(one_number, pair)
        b, a = before.double(), after.double()
        right = (b - a).mean().item()
        for other, why in (
            (-right, "the sign: a falling error rate is a gain"),
            ((b - a).sum().item(), "the images are counted: the rate is wanted"),
            ((b != a).double().mean().item(), "on how many they disagree: a gain "
             "counts for, a loss against"),
            (right / b.mean().item(), "the fall itself, not relative to before"),
        ):  # fmt: skip
            if not math.isclose(other, right, abs_tol=1e-9):
                assert not math.isclose(fall, other, abs_tol=1e-6), f"{given}: {why}"
        assert math.isclose(fall, right, abs_tol=1e-6), (
            f"{given}: the rate falls by {right:.4f}, and not by {fall:.4f}"
        )
        d = b - a
        wanted = (d.std() / count**0.5).item()
        alone = [(r.mean() * (1 - r.mean()) / count).item() for r in (b, a)]
        for other, why in (
            (sum(alone) ** 0.5, "that is for rates of different images: here the two "
             "share them: use the differences"),
            (max(alone) ** 0.5, "that is the error of one rate alone"),
            (min(alone) ** 0.5, "that is the error of one rate alone"),
            (d.std().item(), "the standard deviation of one: divide by the root of "
             "how many there are"),
            (d.var().item() / count, "the variance: take the root"),
            ((d.var() / count**0.5).item(), "the variance: take the root of it"),
            (d.std().item() / count, "divide by the root of how many there are"),
            (d.std().item() * count**0.5, "divide by the root, and not multiply"),
            (1.96 * wanted, "that is half of the interval: the standard error alone"),
            (2 * wanted, "that is half of the interval: the standard error alone"),
            (((b + a).std() / count**0.5).item(), "the two are added: subtract"),
            ((d.abs().std() / count**0.5).item(), "gains and losses differ in sign"),
        ):  # fmt: skip
            if not math.isclose(other, wanted, rel_tol=0.03):
                assert not math.isclose(error, other, rel_tol=1e-3), f"{given}: {why}"
        assert math.isclose(error, wanted, rel_tol=0.03), (
            f"{given}: the standard error is {wanted:.4f}, and yours {error:.4f}"
        )
    same = torch.tensor([True, False, False, True])
    assert tuple(map(float, gain(same, same))) == (0, 0), (
        "two equal ways: a gain of 0, and no uncertainty"
    )


check_gain()

# %%
wrong_before = torch.stack([p.argmax(1) != valid_labels for p in probabilities])
wrong_after = torch.stack([p.argmax(1) != valid_labels for p in answers])
ensemble = sum(probabilities[:5]) / 5
wrong_ensemble = (ensemble.argmax(1) != valid_labels).expand(5, -1)
print(f"the five networks, averaged: {error_rate(ensemble, valid_labels):.1%} wrong")
intervals: dict[str, list[tuple[float, float]]] = {}
for name, wrong in (("eight views", wrong_after), ("ensemble", wrong_ensemble)):
    intervals[name] = [gain(*pair) for pair in zip(wrong_before, wrong, strict=False)]
    for n, (fall, error) in enumerate(intervals[name]):
        which = f"seed {n}:" if n < 5 else "the last:"
        print(f"{name:11}, {which:9} gain {fall:+.2%}, 95 % interval", end=" ")
        print(f"{fall - 2 * error:+.2%} to {fall + 2 * error:+.2%}")

# %% [markdown]
# The **95 % interval** is the gain and two standard errors to either side. With eight views most include 0, and leave open whether the views help: 1,000 images are too few. (Nor do the seeds add up: they share these images.) Eight views cost eight times as much; the **ensemble** of the five costs five times, in training as well, and makes fewer errors than they do on average.

# %% tags=["claim"]
if len(images) < 5000:
    unclear = [abs(d) <= 2 * error for d, error in intervals["eight views"]]
    assert sum(unclear) > 3, intervals
    assert sum(fall for fall, _ in intervals["ensemble"]) > 0, intervals
    assert max(fall for pairs in intervals.values() for fall, _ in pairs) < 0.022
record("with eight views, error rates", with_tta)
record("ensemble of five, error rate", error_rate(ensemble, valid_labels))
assert round((2 * 0.06 * 0.94 / 1000) ** 0.5, 3) == 0.011
differ = torch.tensor([1.0] * 3 + [-1.0] * 3 + [0.0] * 994)
assert abs(differ.std() / 1000**0.5 - 0.0025) < 1e-4

# %% [markdown]
# ## How sure may it be?
#
# The network from the beginning, trained on 500 images, gets every seventh or eighth image wrong. Does it know? Its **confidence** is the largest probability. A network is **calibrated** if, of its answers with a confidence of 0.9, nine in ten are right, and so for every other confidence. To see it, sort the answers into bins by their confidence and compare, bin by bin, with the share that is right; drawn as bars, this is a **reliability diagram**.


# %% export="calibration.py"
"""Calibration: does what a network calls 90 % sure come true in 90 % of cases?"""


def reliability(
    probabilities: Tensor, labels: Tensor, bins: int = 10
) -> tuple[Tensor, Tensor, Tensor]:
    """By confidence, in bins from 0 to 1: how many, mean confidence, share right.

    Confidence is the largest probability. Shapes: (N, K), (N,) -> (bins,) each, nan in
    a bin without examples. Raises: ValueError for other shapes.
    """
    if probabilities.dim() != 2 or labels.shape != probabilities.shape[:1] or bins < 1:
        given = f"{tuple(probabilities.shape)}, {tuple(labels.shape)}, {bins=}"
        raise ValueError(f"{given}: give (N, K), (N,), and 1 bin or more")
    confidence, answers = probabilities.double().max(1)
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    inside = one_hot(number, bins).double()  # (N, bins)
    count = inside.sum(0)
    right = (answers == labels).double()
    mean_confidence = (confidence[:, None] * inside).sum(0) / count
    return count, mean_confidence, (right[:, None] * inside).sum(0) / count


# %% [markdown] exercise="ece" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 13.6: one number for it
#
# The **expected calibration error** is the mean distance between confidence and share right, where each bin counts by how many answers are in it. Write `expected_calibration_error(probabilities, labels, bins)`, a float, from the three tensors that `reliability` gives. In a bin with no answers, confidence and share are `nan`.

# %% [markdown] tags=["hint"]
# Too sure in one bin and not sure enough in another: is that calibrated?

# %% [markdown] tags=["hint"]
# `nan` times 0 is `nan`. `nan_to_num()` makes 0 of it, and so does leaving those bins out: `count > 0`.


# %% tags=["solution"] export="calibration.py"
def expected_calibration_error(
    probabilities: Tensor, labels: Tensor, bins: int = 10
) -> float:
    """Mean distance of confidence and share right, each bin by how many are in it.

    Paper: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    count, confidence, right = reliability(probabilities, labels, bins)
    gaps = (confidence - right).abs().nan_to_num()
    return ((count * gaps).sum() / count.sum()).item()


# %% [markdown] tags=["solution"]
# Each bin counts by its share of the answers, each distance without its sign. Mine had the mean over the bins, all alike. A network that is sure of nearly everything has most of its answers in the last bin, and few in each of the others; for the over-fit networks of this chapter that version said, in the median, more than twice as much.


# %% tags=["check"]
def check_ece() -> None:
    source = torch.Generator().manual_seed(3)
    for count, classes, bins, sharp in (
        (400, 4, 10, 3.0),
        (150, 3, 5, 1.0),
        (60, 6, 20, 2.0),
    ):
        logits = sharp * torch.randn(
            count, classes, dtype=torch.float64, generator=source
        )
        probabilities = logits.softmax(1)
        best = probabilities.argmax(1)
        labels = torch.where(
            torch.rand(count, generator=source) < 0.7, best,
            torch.randint(0, classes, (count,), generator=source),
        )  # fmt: skip
        given = f"{count} answers, {classes} classes, {bins} bins"
        kept = probabilities.clone()
        try:
            got = expected_calibration_error(probabilities, labels, bins)
        except Exception as error:
            raise AssertionError(
                f"{given}: your code stops: {in_words(error)}"
            ) from error
        got = one_number(got)
        assert torch.equal(probabilities, kept), "probabilities have changed"
        confidence, hit = probabilities.amax(1), (best == labels).double()
        rows, tenths = (
            [
                (n.sum().item(), confidence[n].mean().item(), hit[n].mean().item())
                for n in (number == torch.arange(many)[:, None]).unbind()
                if n.any()
            ]
            for many in (bins, 10)
            for number in [(confidence * many).ceil().long() - 1]
        )
        wanted = sum(c * abs(s - h) for c, s, h in rows) / count
        assert not math.isnan(got), (
            f"{given}: nan: only {len(rows)} bins have answers; 0 / 0 in the others"
        )
        for other, why in (
            (sum(c * abs(s - h) for c, s, h in tenths) / count, "`bins` is not "
             "used: that is with 10 of them"),
            ((confidence - hit).abs().mean().item(), "answer by answer, where the "
             "share right is 0 or 1: the two means of a bin are to be compared"),
            (sum(c * abs(s - h) for c, s, h in rows) / len(rows), "divide by how many "
             "answers there are, not by how many bins have some"),
            (sum(abs(s - h) for _, s, h in rows) / len(rows), "each bin counts alike: "
             "it is to count by how many answers are in it"),
            (sum(abs(s - h) for _, s, h in rows) / bins, "each bin counts alike: it is "
             "to count by how many answers are in it"),
            (abs(sum(c * (s - h) for c, s, h in rows)) / count, "too sure here and not "
             "sure enough there must not cancel: the absolute value, bin by bin"),
            (sum(c * (s - h) for c, s, h in rows) / count, "the distance, bin by bin: "
             "without a sign"),
            (sum(c * (h - s) for c, s, h in rows) / count, "the distance, bin by bin: "
             "without a sign"),
            (sum(c * (s - h) ** 2 for c, s, h in rows) / count, "squared: no, the "
             "distance"),
            (max(abs(s - h) for _, s, h in rows), "the largest of the distances (the "
             "maximum calibration error): the mean is wanted"),
            (sum(c * abs(s - h) for c, s, h in rows), "divide by how many answers "
             "there are"),
            (sum(c * abs(s - h) for c, s, h in rows) / bins, "divide by how many "
             "answers there are, not by how many bins"),
            (sum(c * abs(s + h) for c, s, h in rows) / count, "the two are added: the "
             "distance is wanted"),
            (sum(c * s for c, s, h in rows) / count, "the mean confidence: the share "
             "right is to be subtracted"),
            (sum(abs(s - h) for _, s, h in rows), "the sum over the bins: a mean, by "
             "how many answers are in each"),
        ):  # fmt: skip
            if not math.isclose(other, wanted, rel_tol=1e-4):
                assert not math.isclose(got, other, rel_tol=1e-6), f"{given}: {why}"
        assert math.isclose(got, wanted, rel_tol=1e-6), (
            f"{given}: {wanted:.5f} is right, and yours is {got:.5f}"
        )
    ten = expected_calibration_error(probabilities, labels)
    assert math.isclose(ten, expected_calibration_error(probabilities, labels, 10)), (
        "without `bins` there are 10 of them, as in the stub"
    )


check_ece()


# %% [markdown]
# The simplest cure is chapter 7's temperature: divide all logits by one number, above 1 for a network that is too sure. The answers stay the same, for the order of the logits does. It is *fitted*, as the number with the lowest cross-entropy, on images that the network was not trained with; here, on a hundred of those held back.


# %% export="calibration.py"
def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits by, for the lowest cross-entropy; from 0.01 to 100.

    Paper: Guo et al. 2017.
    """
    low, high = 0.01, 100.0  # of 1 / temperature, in which the loss is convex
    for _ in range(100):
        third = (high / low) ** (1 / 3)
        losses = [
            cross_entropy(logits.double() * low * third**n, labels).item()
            for n in (1, 2)
        ]
        if losses[0] < losses[1]:
            high /= third
        else:
            low *= third
    return 1 / math.sqrt(low * high)


# %%
hundred = rest[:100]
ece: dict[str, list[float]] = {"as trained": [], "with temperature": []}
temperatures = []
for model in by_heart:
    temperatures.append(
        fit_temperature(logits_of(model, images[hundred]), labels[hundred])
    )
    logits = logits_of(model, valid_images)
    for name, divisor in (("as trained", 1.0), ("with temperature", temperatures[-1])):
        found = expected_calibration_error((logits / divisor).softmax(1), valid_labels)
        ece[name].append(found)
smooth = partial(nn.functional.cross_entropy, label_smoothing=0.02)
smoothed: dict[str, list[float]] = {"ε = 0.02": [], "ε as chosen": []}
for seed, z in enumerate(outputs_of["label smoothing"]):
    model, _ = trained(
        dense, few, seed, lr=chosen("500 images: lr"), epochs=20, loss_fn=smooth
    )
    both = logits_of(model, valid_images), z
    for rates, outputs in zip(smoothed.values(), both, strict=True):
        rates.append(expected_calibration_error(outputs.softmax(1), valid_labels))
best = expected_calibration_error(probabilities[5], valid_labels)
print("temperatures:", *(f"{divisor:.2f}" for divisor in temperatures))
print("by heart, as trained       ", shown(ece["as trained"]))
print("by heart, with temperature ", shown(ece["with temperature"]))
for name, rates in smoothed.items():
    print(f"500 images, {name:16}", shown(rates))
print(f"the last network            {best:6.2%}")

print("From the lowest validation loss to the end, five seeds:")
for rows in histories:
    lowest = min(rows, key=lambda row: row["validation_loss"])
    print(f"  right {1 - lowest['error']:.1%} to {1 - rows[-1]['error']:.1%},", end=" ")
    print(f"sure {lowest['sureness']:.1%} to {rows[-1]['sureness']:.1%}")

# %% tags=["figure"] alt="Two diagrams of bars, the share of right answers by confidence, with the diagonal. As trained, nearly all bars end well below the diagonal: the network is too sure. Divided by the temperature they end close to it." caption="Reliability diagrams of one network: share right against confidence; on the diagonal it would be calibrated. Pale bins hold fewer than 20 answers"
figure, axes = plt.subplots(1, 2, figsize=(5.6, 2.9), sharey=True)
logits = logits_of(by_heart[-1], valid_images)
titles = ("as trained", "with temperature")
for ax, title, divisor in zip(axes, titles, (1.0, temperatures[-1]), strict=True):
    count, confidence, right = reliability((logits / divisor).softmax(1), valid_labels)
    for n in range(10):
        pale = 1.0 if count[n] >= 20 else 0.35
        height = right[n].nan_to_num().item()
        ax.bar(0.05 + n / 10, height, width=0.092, alpha=pale, color=plot.COLOURS[0])
    ax.plot([0, 1], [0, 1], "--", color="0.4", linewidth=1)
    ax.set(title=title, xlabel="confidence", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
axes[0].set_ylabel("share right")

# %% [markdown]
# Here over-fitting shows in the confidence and not in the errors. From the epoch with the lowest validation loss on, the share of right answers rose or hardly moved, in all five networks, and their confidence rose by more; that is what the loss was telling in the first figure. One number puts most of it right, and costs no training, only a hundred images held back. Where probabilities are needed, fit it.
#
# Label smoothing works on the same thing from the other side, by its dose. With ε = 0.02 this network is calibrated about as well as with the temperature. (Müller, Kornblith and Hinton, 2019, saw it help on photographs.) The strength that was chosen, for the lowest loss once a temperature was allowed for, makes it say far less than it knows. In the last network, too, with an ε of a twentieth, the share right is above the confidence.

# %% tags=["claim"]
if len(images) < 5000:
    pairs = zip(ece["as trained"], ece["with temperature"], strict=True)
    assert all(after < 0.5 * before for before, after in pairs), ece
    assert min(temperatures) > 1.2
    mild, strong = smoothed.values()
    assert min(strong) > 2 * max(ece["as trained"]), smoothed
    assert median(mild) < 0.5 * median(ece["as trained"]), smoothed
    for z in outputs_of["label smoothing"]:
        sure = z.softmax(1).amax(1).mean()
        assert sure + 0.1 < 1 - error_rate(z, valid_labels), "far less than it knows"
    assert abs(median(mild) - median(ece["with temperature"])) < 0.015, smoothed
    for rows in histories:
        lowest = min(rows, key=lambda row: row["validation_loss"])
        surer = rows[-1]["sureness"] - lowest["sureness"]
        better = lowest["error"] - rows[-1]["error"]
        assert surer > better > -0.005, rows
    assert probabilities[5].amax(1).mean() + 0.02 < 1 - one_view[5]
    assert fit_temperature(logits_of(last, valid_images), valid_labels) < 1
    unweighted = []
    for model in by_heart:
        table_of = reliability(logits_of(model, valid_images).softmax(1), valid_labels)
        unweighted.append((table_of[1] - table_of[2]).abs().nanmean().item())
    assert median(unweighted) > 2 * median(ece["as trained"])
record(
    "by heart: ECE, as trained and with temperature", [median(e) for e in ece.values()]
)

# %% [markdown]
# ## Recap
#
# A large network with few images learns them by heart. Against it, in this order: more data; **augmentation**, with draws of its own for each image, and none that changes the label; an architecture with the right symmetries; **regularisation**; a smaller network last. The first three did nearly all. A gain on the same images is judged by those on which two ways disagree. And a network can be right as often as before and ever surer of itself, which **calibration** measures and a temperature mends. If you remember one thing: **give a network more to learn before you take from it the power to learn.**
#
# **Terms:** over-fitting, generalisation gap, augmentation, bilinear interpolation, regularisation, dropout, inverted dropout, label smoothing, mixup, Beta distribution, CutMix, ensemble, bias, variance, double descent, k-fold cross-validation, test-time augmentation, calibration, confidence, expected calibration error, reliability diagram.
#
# **Unlocked:** `F.grid_sample` and `F.affine_grid`; `nn.Dropout`; `label_smoothing=` of the cross-entropy.
#
# **What changed in the checkpoint:** `augment.py`, `regularization.py` and `calibration.py` are new. `cross_entropy` takes probabilities as labels, and `label_smoothing`; `small_cnn` takes `dropout`; checkpoints keep the generators of callbacks.
#
# **To read on:** Howard and Gugger, *Deep Learning for Coders with fastai and PyTorch* (O'Reilly, 2020), where the five steps are; Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout* (JMLR 15, 2014); Szegedy et al., *Rethinking the Inception Architecture* (CVPR 2016, arXiv:1512.00567), for label smoothing; Zhang et al., *mixup* (ICLR 2018, arXiv:1710.09412); Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks* (ICML 2017, arXiv:1706.04599); Müller, Kornblith and Hinton, *When Does Label Smoothing Help?* (NeurIPS 2019, arXiv:1906.02629); Belkin et al. (2019, arXiv:1812.11118) and Nakkiran et al., *Deep Double Descent* (2020, arXiv:1912.02292).
