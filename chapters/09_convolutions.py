# %% [markdown]
# # 9. Convolutions
#
# Chapter 8's learner trains any network, and the only network that we have ever given it takes an image for a row of 784 unrelated numbers. This chapter builds a layer that knows better: one small window of weights that looks at every place of the image in turn. We write it with seven loops, then as one matrix product, find its backward pass by hand, and when it agrees with PyTorch's on eighty random cases, forward and backward, train a network of it that has fewer parameters and makes fewer errors.
#
# **You need:** chapters 1 to 8; above all strides (chapter 3) and the gradients of a matrix product (chapter 5). **You will reach:** convolution and pooling, forward and backward, and a network with a fiftieth of the parameters and fewer errors. **Time:** about four hours, half of them for the exercises; the computer needs about a minute.

# %%
import math
import random
import time
from collections.abc import Callable
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.functional import cross_entropy, pad

from ch08.data import BatchLoader, normalize
from ch08.gradients import gradient_check
from ch08.learner import Learner
from ch08.metrics import error_rate
from groundup import plot, record, unlock
from groundup.data import mnist

torch.set_num_threads(1)
training, validation = mnist()
pixels, labels = training.tensors()
valid_pixels, valid_labels = validation.tensors()
mean, std = pixels.mean().item(), pixels.std().item()
images = normalize(pixels, mean, std).view(-1, 1, 28, 28)
valid_images = normalize(valid_pixels, mean, std).view(-1, 1, 28, 28)

# %% [markdown]
# ## What the network does not know
#
# Images are squares again, $(N, 1, 28, 28)$; the 1 will be explained. The network that we have is the one that chapter 8 ended with: 784-500-100-10, squared error on ten targets, Kaiming's weights times 0.3, the rate that its search found, and the last two of eight epochs at a tenth of it. Here it is five times, from five seeds, and it will meet its rival at the end of the chapter. (Some fifteen seconds.)


# %%
def learner_for(
    model: nn.Module,
    loss_fn: Callable,
    lr: float,
    seed: int,
    rows: torch.Tensor,
    batch_size: int,
) -> Learner:
    """A learner for these rows of the training images."""
    loader = BatchLoader(
        images[rows], labels[rows], batch_size=batch_size, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return Learner(model, loss_fn, optimizer, loader)


def wrong(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """For each of the validation images, as `x` shows them: is the answer wrong?"""
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in x.split(500)])
    return answers != valid_labels


def squares(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.mse_loss(logits, (y[:, None] == torch.arange(10)).float())


def fully_connected(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Flatten()]
    for fan_in, fan_out in ((784, 500), (500, 100), (100, 10)):
        layer = nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            layer.weight.normal_(0, 0.3 * (2 / fan_in) ** 0.5)
            layer.bias.zero_()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def trained(learner: Learner, epochs: int = 8) -> nn.Module:
    """So many epochs, the last quarter of them at a tenth of the learning rate."""
    learner.fit(epochs * 3 // 4)
    learner.optimizer.param_groups[0]["lr"] /= 10
    learner.fit(epochs // 4)
    return learner.model


everything = torch.arange(len(images))
flat_models = []
for seed in range(5):
    learner = learner_for(fully_connected(seed), squares, 1.86, seed, everything, 20)
    flat_models.append(trained(learner))
    share = wrong(flat_models[-1], valid_images).float().mean()
    print(f"seed {seed}: {share:.1%} wrong", flush=True)

# %% [markdown]
# Now move the validation images down and to the right, by one pixel, then two, then three. (What comes in is background; hardly anything goes out, as digits have a margin.) You would not notice.

# %% tags=["figure"] alt="Four validation digits, then the same four moved by two pixels down and to the right. They read as easily as before." caption="Four digits, and the same four two pixels further down and to the right"
background = -mean / std


def shifted(x: torch.Tensor, by: int) -> torch.Tensor:
    """Images moved down and to the right by so many pixels. Shapes: (N, 1, H, W)."""
    if by == 0:
        return x
    return pad(x, (by, 0, by, 0), value=background)[:, :, :-by, :-by]


chosen = torch.tensor([0, 300, 550, 900]) * len(valid_images) // 1000
shown = torch.cat([valid_images[chosen], shifted(valid_images[chosen], 2)])
plot.images((shown * std + mean).flatten(1).tolist(), columns=4)

# %% [markdown] tags=["predict"]
# About 96 of 100 answers were right. How many will be after one pixel? After two, after three?

# %%
flat_shifted = {}
for by in range(4):
    x = shifted(valid_images, by)
    flat_shifted[by] = median(
        wrong(model, x).float().mean().item() for model in flat_models
    )
    print(f"moved by {by}: {flat_shifted[by]:.1%} wrong (median of five)")

# %% [markdown] tags=["answer"]
# One pixel, and the network is wrong several times as often; two, and it is wrong more often than right; three, and it hardly does better than a guess, which would be wrong nine times in ten. (With the full data the numbers differ; the direction is the same.)

# %% tags=["claim"]
assert flat_shifted[0] < 0.06 and flat_shifted[1] > 2 * flat_shifted[0]
assert flat_shifted[2] > 2 * flat_shifted[1]
if len(images) < 5000:  # the images that come with the book
    assert 0.034 < flat_shifted[0] < 0.047
    assert flat_shifted[1] > 2.5 * flat_shifted[0]
    assert 0.5 < flat_shifted[2] < 0.75 and 0.75 < flat_shifted[3] < 0.95

# %% [markdown]
# Each weight of the first layer belongs to one pixel. Whatever is learnt about a stroke here says nothing about the same stroke two pixels on: those are other weights. But the ignorance goes deeper. Draw one permutation of the 784 pixels, and apply it to every image, always the same. To you all is lost:

# %% tags=["figure"] alt="The four digits from before, and below each what a fixed permutation of the pixels makes of it: noise without any recognisable shape." caption="The same digits with their pixels in another order, the same for all images"
order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
shuffled = valid_images[chosen].flatten(1)[:, order]
shown = torch.cat([valid_images[chosen].flatten(1), shuffled])
plot.images((shown * std + mean).tolist(), columns=4)

# %% [markdown] tags=["predict"]
# Train the fully connected network on images that are all shuffled like this, and train it on the images as they are. How much worse does it learn?


# %%
def first_losses(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    losses = []
    for start in range(0, 2000, 20):
        loss = cross_entropy(model(x[start : start + 20]), labels[start : start + 20])
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.05 * p.grad
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


exact = images.double()
plain, permuted = fully_connected(0).double(), fully_connected(0).double()
with torch.no_grad():
    permuted[1].weight.copy_(permuted[1].weight[:, order])
straight = first_losses(plain, exact)
mixed = first_losses(permuted, exact.flatten(1)[:, order])
apart = (straight - mixed).abs().max().item()
print(f"100 losses, from {straight[0]:.2f} to {straight[-1]:.2f}")
print(f"the same, shuffled: from {mixed[0]:.2f} to {mixed[-1]:.2f}; apart {apart:.0e}")

# %% [markdown] tags=["answer"]
# Not at all. The columns of its first weights were put into the same order before the start, and then it is the same training, step by step, up to the rounding of sums. (Random weights have no order: without that preparation it is another draw of the same lottery. Cross-entropy and a small rate will do here.)

# %% tags=["claim"]
assert apart < 1e-10 and straight[-10:].mean() < straight[:10].mean() / 1.5

# %% [markdown]
# To a fully connected network the noise in the lower row is as good a digit as yours. Nobody has told it that two pixels are *neighbours*, nor that what is drawn here could have been drawn there. Both hold for digits as for photographs; and from these images it has not learnt, either, that a digit may move.
#
# ## A window that slides
#
# Let us tell it. First: what belongs together lies together, so a unit looks at a small **window** of the image and nothing else (**local connectivity**). Second: what is worth seeing here is worth seeing there, so the same weights look at every place. These weights are called a **kernel** (or filter; not chapter 3's, on a graphics card); to use them everywhere is called **weight sharing**, or parameter sharing. What is built into a model before it has seen any data is its **inductive bias**. Here is a kernel of six weights on an image of 4 × 5:

# %% tags=["figure", "slide"] alt="A kernel of 2 by 3, with rows 1 0 −1 and 2 1 0, on an image of 4 by 5. Its first window, with rows 3 1 2 and 0 4 1, gives 3 − 2 + 0 + 4 = 5. The next window is one to the right; the result has 3 rows of 3." caption="What the window sees times the kernel, number by number, added up. Dashed: its next place"
plot.convolution(
    [[3, 1, 2, 0, 1], [0, 4, 1, 3, 2], [2, 0, 5, 1, 0], [1, 2, 0, 4, 3]],
    [[1, 0, -1], [2, 1, 0]],
)

# %% [markdown]
# At each place it is chapter 1's `predict`: weights times inputs, added up. If $X$ is the image, $w$ the kernel with $w_{uv}$ in its row $u$ and column $v$, and $b$ a bias, then the result in row $i$ and column $j$ is
#
# $$Y_{ij} = b + \sum_{u} \sum_{v} w_{uv}\, X_{i+u,\, j+v}$$
#
# This is called a **convolution**, and the result a **feature map**: large where bright pixels meet large weights; of windows that are equally bright, where the pattern is the kernel's. (Mathematicians call it **cross-correlation**: see the aside below exercise 9.1.)

# %% [markdown] exercise="slide" tags=["prompt"] difficulty="easy" minutes=15
# ### Exercise 9.1: slide
#
# Write `slide(image, kernel)`, without a bias, for two tensors of two dimensions: as many rows and columns as the kernel has places, and the type of the image. Loops are welcome. By hand first: what would the number in row 2, column 0 of the result be (both counted from 0) if the rows of the kernel were 0 1 2 and 1 0 −1?

# %% [markdown] tags=["hint"]
# How many places has a kernel of 3 in a row of 5? It is not 5 − 3.

# %% [markdown] tags=["hint"]
# Begin with zeros, of the type of `image`. The window at place $(i, j)$ is a slice of the image: from where to where, down and across?


# %% tags=["solution"]
def slide(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """The kernel at every place of an image. Shapes: (H, W), (KH, KW) -> (H', W')."""
    KH, KW = kernel.shape
    rows, columns = image.shape[0] - KH + 1, image.shape[1] - KW + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + KH, j : j + KW] * kernel).sum()
    return out


# %% [markdown] tags=["solution"]
# By hand: 2 · 5 + 1 · 1 = 11. I had `image.shape[0] - KH` rows and as many columns less. The image above gives two rows of two, all of them right, and the last row and column are just not there. What a kernel has to say about the right and the lower edge would never have been heard.


# %% tags=["check"]
def check_slide() -> None:
    types = []
    image = torch.tensor(
        [[3, 1, 2, 0, 1, -2], [0.5, 4, 1, 3, 2, 6],
         [2, 0, 5, 1, 0, 7], [1, 2, 0, 4, 3, -1]]
    ).double()  # fmt: skip
    kernel = torch.tensor([[1, 0.5, -1], [2, 3, -4]]).double()

    def answer(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        kept, given = (image.clone(), kernel.clone()), f"image {tuple(image.shape)}"
        given += f" and kernel {tuple(kernel.shape)}"
        try:
            got = slide(image, kernel)
        except (RuntimeError, IndexError) as error:
            why = (
                "the result has H - KH + 1 rows and W - KW + 1 columns; i counts the "
                "rows of the result and j its columns, u and v those of the kernel"
                if isinstance(error, IndexError) or "negative" in str(error)
                else "number by number, then add up: `*` and a sum, not `@`"
                if "mat1" in str(error) or "1D" in str(error)
                else "one place of the result takes one number: add the products up"
                if "size=[])" in str(error)
                else "the numbers do not lie side by side in memory: use `reshape`"
                if "view size" in str(error)
                else "window and kernel must have the same shape, rows i to i + KH and "
                "columns j to j + KW, also at the edge"
            )
            raise AssertionError(
                f"{given}: your code stops at {str(error)!r}: {why}"
            ) from error
        except Exception as error:
            raise AssertionError(f"{given}: your code stops at {error!r}") from error
        assert got is not None, "nothing came back: return the result"
        assert isinstance(got, torch.Tensor), f"give back a tensor, not {got!r}"
        assert torch.equal(image, kept[0]) and torch.equal(kernel, kept[1]), (
            "image or kernel have changed: write into a tensor of your own"
        )
        rows, columns = (a - b for a, b in zip(image.shape, kernel.shape, strict=True))
        shape = tuple(got.shape)
        assert shape != (rows, columns) or 0 in shape, (
            f"{given} gave {shape}, one row and one column too few: count the places "
            "of 3 in a row of 5"
        )
        assert shape != tuple(image.shape), (
            f"{given} gave {shape}, as large as the image: where the window would "
            "stand out over the edge there is no result"
        )
        assert shape == (rows + 1, columns + 1), (
            f"{given} should give {(rows + 1, columns + 1)}, not {shape}"
        )
        types.append((image.dtype, got.dtype))
        return got.to(image.dtype)

    def meant(kernel: torch.Tensor) -> torch.Tensor:
        rows, columns = 5 - len(kernel), 7 - kernel.shape[1]
        parts = [
            kernel[u, v] * image[u : u + rows, v : v + columns]
            for u in range(kernel.shape[0])
            for v in range(kernel.shape[1])
        ]
        return torch.stack(parts).sum(0)

    got, wanted = answer(image, kernel), meant(kernel)
    cut = image.as_strided((3, 4, 2, 3), (6, 1, 6, 1))
    for other, why in (
        ((cut * kernel).amax((2, 3)), "the largest product: it is their sum"),
        (
            (cut @ kernel.T).sum((2, 3)),
            "rows meet rows that are not theirs: first `*`, number by number, then add",
        ),
        ((cut * kernel)[..., -1, -1], "only the last product is left: add up, with +="),
        (wanted.cumsum(1), "what was added up for one place is still in the next"),
        (
            wanted.flatten().cumsum(0).view_as(wanted),
            "what was added up for one place is still in the next",
        ),
        (meant(kernel.flip(0, 1)), "the kernel is upside down and the wrong way round"),
        (meant(kernel.flip(0)), "the rows of the kernel come in the wrong order"),
        (meant(kernel.flip(1)), "the columns of the kernel come in the wrong order"),
        (-wanted, "every sign is the wrong way round"),
        (wanted / 6, "a mean over the window: it is a sum"),
        (wanted.abs(), "signs are lost: a result may be below 0"),
        (wanted.clamp(min=0), "signs are lost: a result may be below 0"),
        (meant(torch.ones_like(kernel)), "the sum of the window, without the weights"),
        (
            meant(torch.ones_like(kernel)) * kernel.sum(),
            "two sums multiplied: multiply number by number first, then add up",
        ),
        (
            meant(torch.ones_like(kernel)) + kernel.sum(),
            "window and kernel are added: multiply them number by number",
        ),
        (
            wanted[:1, :1].expand(wanted.shape),
            "the same number everywhere: the window has to move with i and j",
        ),
        (torch.zeros_like(wanted), "zeros are left: the sums go nowhere"),
        (
            wanted * (got != 0),
            "right, but zeros are left: does a loop end or your code return too early?",
        ),
    ):
        assert not torch.allclose(got, other) or torch.allclose(other, wanted), why
    assert torch.allclose(got, wanted), (
        f"{image.tolist()} with {kernel.tolist()} should be {wanted.tolist()}, not "
        f"{got.tolist()}: rows i to i + KH, columns j to j + KW"
    )
    for size in ((4, 2), (1, 5), (3, 1), (4, 6)):
        other = torch.arange(1.0, size[0] * size[1] + 1, dtype=torch.float64)
        other = other.view(size) - 2.5
        got, wanted = answer(image, other), meant(other)
        assert torch.allclose(got, wanted), (
            f"right for a kernel of 2 by 3, and wrong for one of {size[0]} by "
            f"{size[1]}: take both lengths from kernel.shape"
        )
        got = answer(image.T.contiguous().T, other.T.contiguous().T)
        assert torch.allclose(got, wanted), (
            "wrong for transposed views, whose numbers lie in memory by columns"
        )
    whole = torch.arange(12).view(3, 4)
    got = answer(whole, torch.tensor([[1, 2], [3, 4]]))
    assert got.tolist() == [[34, 44, 54], [74, 84, 94]], (
        f"for whole numbers, {whole.tolist()} with [[1, 2], [3, 4]], it should be "
        f"[[34, 44, 54], [74, 84, 94]], not {got.tolist()}"
    )
    answer(image.float(), kernel.float())
    for wanted, got in types:
        assert got == wanted, (
            f"right, but the image is {wanted}, the result {got}: keep the type"
        )
    assert torch.allclose(answer(image, kernel / 3), meant(kernel / 3), rtol=1e-10), (
        "right to seven digits only: float32 is too little for a float64 image"
    )


check_slide()

# %% [markdown]
# Three kernels made by hand, on a digit: one that answers to an upper edge, one to a left edge, one that takes the mean of what it sees.

# %% tags=["figure"] alt="A digit 4, and what three kernels of 3 by 3 make of it: the first is orange along upper edges and blue along lower ones, the second does the same for left and right edges, the third is a blurred 4." caption="A digit, and its three feature maps: upper edges, left edges, blur. Orange is above 0, blue below"
digit = pixels[labels == 4][3].view(28, 28)
upper = torch.tensor([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
figure, axes = plt.subplots(1, 4, figsize=(5.6, 1.8))
kernels_by_hand = (upper, upper.T, torch.full((3, 3), 1 / 9))
maps = (digit, *(slide(digit, kernel) for kernel in kernels_by_hand))
titles = ("digit", "upper edge", "left edge", "mean")
for ax, shown, title in zip(axes, maps, titles, strict=True):
    ax.set_title(title, fontsize=10.5)
    limit = shown.abs().max().item()
    if shown is digit:
        ax.imshow(shown, cmap=plot.DIGIT, vmin=0, vmax=1)
    else:
        ax.imshow(shown, cmap=plot.SIGNED, vmin=-limit, vmax=limit)
    ax.set_axis_off()

# %% [markdown]
# Nobody will make kernels by hand from here on: they are weights, and weights are learnt. But look what the sharing has brought already. Move the digit, and the feature map moves with it, number for number:

# %%
moved = torch.zeros(28, 28)
moved[2:, 3:] = digit[:-2, :-3]  # two down, three to the right
before, after = slide(digit, upper), slide(moved, upper)
print((after[2:, 3:] - before[:-2, :-3]).abs().max().item())

# %% tags=["claim"]
assert torch.equal(after[2:, 3:], before[:-2, :-3]) and before.abs().max() > 1

# %% [markdown]
# This is called **translation equivariance**: to shift and then to convolve is to convolve and then to shift. (Not **invariance**, which would be to give the same answer: the map does move.)

# %% [markdown] tags=["aside"]
# #### Aside: convolution and cross-correlation
#
# In mathematics the convolution of $X$ and $w$ is $\sum_{u,v} w_{uv} X_{i-u,\, j-v}$, with a minus: the kernel lies upside down and the wrong way round. What neural networks call by that name, in every framework that this book knows, is the *cross-correlation*, with a plus. For a learnt kernel it makes no difference which way round it is learnt. The flip buys mathematics a symmetry (it does not matter which of the two slides over which), and it will come back to us in the backward pass.

# %% tags=["aside"]
signal, response = torch.tensor([1.0, 2.0, 0.0, 3.0]), torch.tensor([1.0, -1.0, 2.0])


def convolved(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    out = torch.zeros(len(x) + len(w) - 1)
    for i in range(len(x)):
        for u in range(len(w)):
            out[i + u] += w[u] * x[i]  # out[i] is the sum of w[u] * x[i - u]
    return out


print(convolved(signal, response).tolist())
print(convolved(response, signal).tolist())
whole = slide(pad(signal, (2, 2))[None], response.flip(0)[None])[0]
print(whole.tolist(), "by slide, padded, the kernel flipped")

# %% tags=["aside", "claim"]
assert torch.equal(convolved(signal, response), convolved(response, signal))
assert torch.equal(convolved(signal, response), whole)

# %% [markdown]
# ## How many places?
#
# In the figure a window of 3 had 3 places in a row of 5. Count them once and for all. Let the row have $H$ numbers and the kernel $k$. The window's first number can stand in place 0; the last place at which it still fits is $H - k$; so there are $H - k + 1$.
#
# Two settings change that. With **padding** $p$, the row gets $p$ more numbers, mostly zeros, at *both* ends: it is $H + 2p$ long. With a **stride** $s$ (not chapter 3's, in memory) the window moves on by $s$ numbers at a time, not by one. It starts at 0, $s$, $2s$, …, and must not start beyond $H + 2p - k$. How many multiples of $s$ are there up to that? One, namely 0, and one more for each whole $s$ that goes into it:
#
# $$H' = \left\lfloor \frac{H + 2p - k}{s} \right\rfloor + 1$$
#
# where $\lfloor\;\rfloor$, "floor", rounds down, Python's `//`. What is left over at the end no window ever sees: in the drawing, the last row of zeros.

# %% tags=["figure"] alt="The image of 4 by 5 with a rim of dashed zeros and a kernel of 3 by 3 that moves by two at a time. Its second place in the second row is marked; the result has 2 rows of 3." caption="Padding 1 and stride 2: about half as many places across and down"
plot.convolution(
    [[3, 1, 2, 0, 1], [0, 4, 1, 3, 2], [2, 0, 5, 1, 0], [1, 2, 0, 4, 3]],
    [[1, 0, -1], [2, 1, 0], [0, 1, 1]],
    stride=2,
    padding=1,
    at=(1, 1),
)

# %% [markdown] exercise="output_size" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 9.2: with holes
#
# A third setting, **dilation** $d$, spreads the kernel out: its numbers look at places $d$ apart, with holes between them. With $d = 1$ it is an ordinary kernel; a kernel of 3 with $d = 2$ sees the numbers 0, 2 and 4 from where it starts.
#
# Write `output_size(size, kernel, stride=1, padding=0, dilation=1)`: the number of places, all settings together. Raise a `ValueError`, and say the offending numbers in its message, if the window does not fit at all, and for settings that make no sense: a kernel, stride or dilation below 1, a size or padding below 0.
#
# And on paper: for stride 1, an odd kernel $k$ and any $d$, which padding makes the result as large as the image? (PyTorch calls it `padding="same"`.)

# %% [markdown] tags=["hint"]
# How long is the window, from its first number to its last, both counted? Draw it for a kernel of 3 with $d = 2$, and a kernel of 4 with $d = 3$.

# %% [markdown] tags=["hint"]
# That length takes the place of $k$ in the formula; nothing else in it changes. When does the window not fit? Careful: `//` rounds down, also below 0.


# %% tags=["solution"] export="convolution.py"
"""Convolution and pooling: one small window of numbers, at every place of an image."""


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """How many places a window has along one dimension of an image.

    Raises: ValueError where it does not fit even once, and for impossible settings.
    """
    room = size + 2 * padding - (dilation * (kernel - 1) + 1)
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        given = f"{size=}, {kernel=}, {stride=}, {padding=}, {dilation=}"
        raise ValueError(f"{given}: a setting is too small, or the window too long")
    return room // stride + 1


# %% [markdown] tags=["solution"]
# My window was $dk$ long at first, as if there were a hole behind its last number as well. For $d = 1$ that is right, and so I did not notice: only with $d = 2$ was there one place too few. The window has $k$ numbers and $k - 1$ gaps of $d$: its length is $d(k - 1) + 1$. So the result is as large as the image with $2p = d(k - 1)$: padding 1 for an ordinary kernel of 3, and 2 for one of 5. (With an even $k$ and $d = 1$ no whole $p$ does it: one reason why most kernels have odd sides.)


# %% tags=["check"]
def check_output_size() -> None:
    def answer(*given: int, **settings: int) -> int:
        said = ", ".join(map(str, given)) + "".join(
            f", {k}={v}" for k, v in settings.items()
        )
        try:
            got = output_size(*given, **settings)
        except ValueError as error:
            raise AssertionError(
                f"output_size({said}) is possible, and refused: {error}"
            ) from error
        except Exception as error:
            raise AssertionError(f"output_size({said}) stops at {error!r}") from error
        assert got is not None, "nothing came back: return the number of places"
        whole = hasattr(got, "__index__") and not isinstance(got, (bool, torch.Tensor))
        assert whole, (
            f"output_size({said}) is a whole number, an int, not {got!r}: // gives one"
        )
        return got

    def places(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        starts = range(0, size + 2 * padding, stride)
        return sum(at + dilation * (kernel - 1) < size + 2 * padding for at in starts)

    got = answer(5, 3)
    assert got != 2, "3 fits into 5 three times: places 0, 1 and 2. One is missing"
    assert got == 3, f"output_size(5, 3) is 3, not {got}"
    got = answer(7, 3, 2)
    assert got != 5, "the stride does nothing: with stride 2 the places are 0, 2 and 4"
    assert got == 3, f"output_size(7, 3, stride=2) is 3: places 0, 2, 4; not {got}"
    got = answer(8, 3, 2)
    assert got != 4, (
        "8, 3, stride 2: a window at place 6 would need numbers 6, 7 and 8, and the "
        "last is 7: round down"
    )
    assert got == 3, f"output_size(8, 3, stride=2) is 3, not {got}"
    got = answer(5, 3, padding=2)
    assert got != 5, "padding goes to both ends: 2 at each, 4 together"
    assert got != 3, "the padding does nothing"
    assert got == 7, f"output_size(5, 3, padding=2) is 7, not {got}"
    got = answer(9, 3, dilation=2)
    assert got != 7, "the dilation does nothing"
    assert got != 4, (
        "a kernel of 3 with dilation 2 is taken for 6 long: there is no hole behind "
        "its last number; it sees 0, 2 and 4"
    )
    assert got == 5, (
        f"output_size(9, 3, dilation=2) is 5, not {got}: the window sees 0, 2 and 4, "
        "and starts at 0 to 4"
    )
    for size in (4, 5, 7, 12, 28):
        for kernel in (1, 2, 3, 5):
            for stride in (1, 2, 3):
                for padding in (0, 1, 3):
                    for dilation in (1, 2, 3):
                        given = (size, kernel, stride, padding, dilation)
                        if dilation * (kernel - 1) >= size + 2 * padding:
                            continue
                        got, wanted = answer(*given), places(*given)
                        assert got == wanted, (
                            f"{size=}, {kernel=}, {stride=}, {padding=}, {dilation=}: "
                            f"count them, there are {wanted} places, not {got}"
                        )
    for given, why in (
        ((3, 4), "a kernel of 4 does not fit into 3"),
        ((3, 5, 2), "a kernel of 5 does not fit into 3, whatever the stride"),
        ((3, 5, 9), "a kernel of 5 does not fit into 3, whatever the stride"),
        ((1, 4, 1, 1), "a kernel of 4 does not fit into 1 + 2"),
        ((5, 3, 1, 0, 3), "a kernel of 3 with dilation 3 is 7 long, too long for 5"),
        ((5, 0), "there is no kernel of 0"),
        ((5, -1), "there is no kernel of -1"),
        ((5, 3, 0), "with a stride of 0 the window never moves"),
        ((5, 3, -1), "a stride of -1 leads out of the image"),
        ((5, 3, 1, -1), "there is no padding of -1"),
        ((5, 3, 1, 0, 0), "with a dilation of 0 the whole kernel sees one number"),
        ((5, 3, 1, 0, -1), "there is no dilation of -1"),
        ((-1, 1, 1, 1), "there is no size of -1"),
    ):
        try:
            got = output_size(*given)
        except ValueError as error:
            size, k, s, p, d = (*given, *(1, 0, 1)[len(given) - 2 :])
            odd = [n for n in (k, s, d) if n < 1] + [n for n in (size, p) if n < 0]
            row, last = size + 2 * p, d * (k - 1)  # or both counted from 0
            needed = [[n] for n in odd] or [[size, row, row - 1], [k, last + 1, last]]
            for numbers in needed:
                assert any(str(number) in str(error) for number in numbers), (
                    f"{why}: say the number {numbers[0]} in your message, "
                    f"{str(error)!r}"
                )
        except Exception as error:
            raise AssertionError(f"{why}: a ValueError, not {error!r}") from error
        else:
            raise AssertionError(f"{why}, and you say {got!r}: raise a ValueError")
    for given, wanted in (((3, 3), 1), ((0, 3, 1, 2), 2), ((5, 3, 1, 0, 2), 1)):
        got = answer(*given)
        assert got == wanted, f"output_size{given} fits, just: {wanted}, not {got}"


check_output_size()

# %% [markdown]
# > [!QUOTE] Paper box: the arithmetic of convolutions
# > V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016), arXiv:1603.07285, draw every case of this counting. Their relationship 6:
# >
# > $$o = \left\lfloor \frac{i + 2p - k}{s} \right\rfloor + 1$$
# >
# > | in the paper | say | for us |
# > |:--|:--|:--|
# > | $i$, $o$ | i, o | `size` and the result, our $H$ and $H'$; $i$ counts rows with us |
# > | $k$, $s$, $p$ | k, s, p | `kernel`, `stride`, `padding` |
# > | $d$ | d | `dilation` |
# > | $\hat k = k + (k-1)(d-1)$ | k hat | the length of a window with holes, our $d(k-1) + 1$ |

# %%
i, k, s, p, d = 28, 5, 2, 2, 3
k_hat = k + (k - 1) * (d - 1)
o = (i + 2 * p - k_hat) // s + 1
print(k_hat == d * (k - 1) + 1, o == output_size(i, k, s, p, d), o)

# %% tags=["claim"]
assert k_hat == d * (k - 1) + 1 and o == output_size(i, k, s, p, d) == 10

# %% [markdown] tags=["aside"]
# #### Aside: what to pad with
#
# Zeros are the usual choice, not the only one. `replicate` repeats the number at the edge, `reflect` mirrors what lies behind it, `circular` goes on at the other side, right where the two edges meet, as in a panorama. "Valid" means no padding, "same" as much as keeps the size, "full" $k - 1$ at each side, so that each number of the kernel meets each of the image.

# %% tags=["aside"]
row = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
print(f"{'zeros':10}", pad(row, (2, 2)).flatten().tolist())
for mode in ("replicate", "reflect", "circular"):
    print(f"{mode:10}", pad(row, (2, 2), mode=mode).flatten().tolist())

# %% [markdown]
# ## Channels, and seven loops
#
# A photograph has three numbers for each pixel, red, green and blue. A layer with eight kernels gives eight feature maps, eight numbers for each place. Such numbers are called **channels**, and the shape of a batch of images is $(N, C, H, W)$: images, channels, height, width. That is what the 1 at the top was. (From here to the end of the chapter $H$ and $W$ are a height and a width, $C$ is a number of channels.)
#
# A kernel looks at *all* channels of its window: it has the shape $(C, k, k)$. A layer has $O$ of them, one for each **output channel**, so its weight is $(O, C, k, k)$, and its bias $(O,)$. With $n$ for the image, $o$ for the output channel, $c$ for the input channel, and all settings:
#
# $$Y_{noij} = b_o + \sum_{c} \sum_{u} \sum_{v} w_{ocuv}\, X_{n,\, c,\, si + du - p,\, sj + dv - p}$$
#
# (what lies outside of the image counts as 0). Seven letters, seven loops, and for once on lists, which chapter 3 found to be faster than tensors for one number at a time:


# %%
def conv2d_loops(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """Shapes: x (N, C, H, W), weight (O, C, k, k), bias (O,) -> (N, O, H', W')."""
    N, C, H, W = x.shape
    O, _, k, _ = weight.shape  # noqa: E741
    rows, columns = (output_size(side, k, stride, padding) for side in (H, W))
    image, w = pad(x, (padding,) * 4).tolist(), weight.tolist()
    out = torch.zeros(N, O, rows, columns).tolist()
    for n in range(N):
        for o in range(O):
            for i in range(rows):
                for j in range(columns):
                    total = bias[o].item()
                    for c in range(C):
                        for u in range(k):
                            for v in range(k):
                                seen = image[n][c][stride * i + u][stride * j + v]
                                total += w[o][c][u][v] * seen
                    out[n][o][i][j] = total
    return torch.tensor(out)


# %% [markdown]
# How many weights does it take? A fully connected layer from $C \cdot H \cdot W$ numbers to $O \cdot H' \cdot W'$ has a weight for each pair. Here it is $O \cdot C \cdot k^2$, however large the image.

# %% [markdown] tags=["predict"]
# Eight 5 × 5 kernels on an image of 28 × 28, stride 2, padding 2. How many weights and biases are there, how many numbers in the result, and how many weights would a fully connected layer of that shape have?

# %%
side = output_size(28, 5, 2, 2)
counts = {
    "weights and biases": 8 * 1 * 5 * 5 + 8,
    "numbers in the result": 8 * side * side,
    "weights, fully connected": 784 * 8 * side * side,
}
for what, count in counts.items():
    print(f"{what:25} {count:>9,}")

# %% [markdown] tags=["answer"]
# Two hundred and eight, against more than a million. A convolution *is* such a fully connected layer, with nearly all weights 0 and the rest shared; we shall look at that matrix when we go backward.

# %% tags=["claim"]
assert list(counts.values()) == [208, 1568, 1229312]

# %% [markdown]
# ## One product
#
# The loops take a window, and with each kernel a dot product: all windows with all kernels, dot products of rows with columns. That is a matrix product, if only the windows stood in a matrix. Take the small image again, one channel, and write down each window as a column:

# %% tags=["figure"] alt="Left the matrix of kernels, 2 by 4: rows 1 0 2 −1 and 0 1 1 0. Above, four columns, the four windows of 2 by 2 of the image 3 1 2, 0 4 1, 2 0 5. Where they meet, the results; the second kernel with the third window is marked: 4 plus 2 gives 6." caption="Two kernels, one in each row; four windows of the image 3 1 2 / 0 4 1 / 2 0 5, one in each column"
small_image = torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0], [2.0, 0.0, 5.0]])
two_kernels = torch.tensor([[[1.0, 0.0], [2.0, -1.0]], [[0.0, 1.0], [1.0, 0.0]]])
cut = [small_image[i : i + 2, j : j + 2].flatten() for i in (0, 1) for j in (0, 1)]
window_columns = torch.stack(cut, 1)
plot.product(
    two_kernels.flatten(1).int().tolist(),
    window_columns.int().tolist(),
    at=(1, 2),
    names="wMY",
)

# %% tags=["claim"]
by_product = (two_kernels.flatten(1) @ window_columns).view(2, 2, 2)
by_sliding = torch.stack([slide(small_image, kernel) for kernel in two_kernels])
assert torch.equal(by_product, by_sliding) and by_product[1, 1, 0] == 6

# %% [markdown]
# To write the windows down as columns is called **im2col**, "image to columns"; PyTorch says `unfold`. How do we do it without a loop? By chapter 3's strides, those in memory. A window is not a copy, it is a way of walking through memory. In one dimension, six numbers and windows of three:

# %% tags=["figure"] alt="Six numbers in memory, read as four rows of three: one step along a row is one number on in memory, and one row down is also one number on. The rows are 3 1 2, 1 2 0, 2 0 4 and 0 4 1." caption="Both steps are 1: each row begins one number after the row above"
plot.strides([3, 1, 2, 0, 4, 1], (4, 3), (1, 1))

# %% [markdown]
# In two dimensions there are two places (row and column of the window) and two within the window, so the view has six dimensions: $(N, C, H', W', k, k)$. One place down is $s$ rows on; one number down within the window is $d$ rows on; and so across. Nothing is copied until we ask for a matrix:


# %% export="convolution.py"
Size = int | tuple[int, int]  # for height and width together, or for each


def pair(value: Size) -> tuple[int, int]:
    """One number for height and width, or two."""
    height, width = (value, value) if isinstance(value, int) else value
    return height, width


def windows(
    x: torch.Tensor,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    value: float = 0.0,
) -> torch.Tensor:
    """A view of all windows; of `x` itself, if contiguous and not padded (by `value`).

    Shapes: x (N, C, H, W) -> (N, C, H', W', KH, KW). Raises: ValueError for others.
    """
    if x.dim() != 4:
        raise ValueError(f"images of shape {tuple(x.shape)}: give (N, C, H, W)")
    (KH, KW), (PH, PW) = pair(kernel_size), pair(padding)
    (SH, SW), (DH, DW) = pair(stride), pair(dilation)
    rows = output_size(x.shape[2], KH, SH, PH, DH)
    columns = output_size(x.shape[3], KW, SW, PW, DW)
    x = pad(x, (PW, PW, PH, PH), value=value) if PH or PW else x.contiguous()
    n, c, h, w = x.stride()
    shape = (*x.shape[:2], rows, columns, KH, KW)
    return x.as_strided(shape, (n, c, SH * h, SW * w, DH * h, DW * w))


def unfold(
    x: torch.Tensor,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> torch.Tensor:
    """What each window sees, as a column: im2col.

    Shapes: x (N, C, H, W) -> (N, C * KH * KW, H' * W').
    """
    seen = windows(x, kernel_size, stride, padding, dilation)
    return seen.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)


# %% [markdown]
# The steps for an image of 3 × 3 and a kernel of 2: image, channel, two for places, and two within a window, the same, as stride and dilation are 1:

# %%
seen = windows(small_image[None, None], 2)
print("view of", tuple(seen.shape), "with steps", seen.stride())
print("copied:", tuple(unfold(small_image[None, None], 2).shape))

# %% tags=["claim"]
assert seen.shape == (1, 1, 2, 2, 2, 2) and seen.stride() == (9, 9, 3, 1, 3, 1)
assert seen.data_ptr() == small_image.data_ptr()
assert torch.equal(unfold(small_image[None, None], 2)[0], window_columns)

# %% [markdown]
# (`permute` brings channel and window together, $(N, C, k, k, H', W')$, and the flattening copies. The order of `unfold`'s arguments is PyTorch's.)
#
# Then the convolution is one product, of shapes $(O,\, Ck^2)$ and $(Ck^2,\, H'W')$ for each image of the batch:

# %%
source = torch.Generator().manual_seed(1)


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=source)


x, weight = rand(4, 8, 14, 14), rand(16, 8, 3, 3)
product = weight.flatten(1) @ unfold(x, 3, padding=1)  # (16, 72) @ (4, 72, 196)
print(tuple(product.unflatten(2, (14, 14)).shape))

# %% [markdown]
# What else the real function has: settings, a refusal of shapes that do not fit, and **groups**. With $g$ of them the channels are dealt out, each group has kernels of its own, and the product gets a dimension for the group. (What that is good for, an aside tells.)


# %% export="convolution.py"
def conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Kernels over images, by a matrix product. Raises: ValueError for other shapes.

    Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, H', W').
    """
    channels = weight.shape[1] * groups if weight.dim() == 4 else None
    fits = groups > 0 and x.shape[1:2] == (channels,) and len(weight) % groups == 0
    if not fits or (bias is not None and bias.shape != weight.shape[:1]):
        given = [tuple(t.shape) for t in (x, weight, bias) if t is not None]
        raise ValueError(f"{given}, {groups=}: give (N, C, H, W), (O, C/g, k, k), (O,)")
    seen = windows(x, (weight.shape[2], weight.shape[3]), stride, padding, dilation)
    columns = seen.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)
    rows = weight.flatten(1).unflatten(0, (groups, -1))  # (groups, O / groups, ...)
    out = rows @ columns.unflatten(1, (groups, -1))  # (N, groups, O / groups, H' * W')
    out = out.flatten(1, 2).unflatten(2, seen.shape[2:4])
    return out if bias is None else out + bias[:, None, None]


# %%
x, weight, bias = rand(4, 8, 14, 14), rand(16, 8, 3, 3), rand(16)
looped = conv2d_loops(x, weight, bias, stride=1, padding=1)
ours = conv2d(x, weight, bias, padding=1)
print(tuple(ours.shape), f"largest difference {(looped - ours).abs().max():.0e}")

# %% tags=["claim"]
assert ours.shape == (4, 16, 14, 14) and (looped - ours).abs().max() < 1e-4

# %% [markdown]
# What does it cost? Not more arithmetic: it is the very same products. It costs memory. Each number of the image stands in as many columns as there are windows that see it:

# %%
columns = unfold(x, 3, padding=1)
grown = columns.numel() / x.numel()
print(f"{x.numel():,} numbers become {columns.numel():,}: {grown:.0f} times as many")

# %% tags=["claim"]
assert grown == 9
assert unfold(x, 3, padding=1, stride=2).numel() * 4 == columns.numel()

# %% [markdown]
# With stride 1 and padding to keep the size, $k^2$ times as many, 25 times for a kernel of 5. That is why one does not keep the columns of a whole network, and why libraries cut the batch in pieces, or never build the columns at all and compute them where they are needed. Here are three ways, for these four images; PyTorch's own comes at the end of the way back. (The clock is one that counts only this program's own work, `process_time`: others may be busy on your computer.)


# %%
def milliseconds(function: Callable, *given: object, repeats: int = 7) -> float:
    """The shortest of several runs, in milliseconds of this program's own work."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*given)
        times.append(time.process_time() - start)
    return 1000 * min(times)


def conv2d_shifts(x, weight, bias, stride, padding):
    """One product for each number of the kernel: k² shifted images."""
    k = weight.shape[2]
    seen, total = windows(x, k, stride, padding), 0.0
    for u in range(k):
        for v in range(k):
            one = torch.einsum("oc,ncij->noij", weight[:, :, u, v], seen[..., u, v])
            total = total + one
    return total + bias[:, None, None]


# %% tags=["timing"]
given = (x, weight, bias, 1, 1)
ladder = {
    "lists, seven loops": milliseconds(conv2d_loops, *given, repeats=1),
    "nine shifted products": milliseconds(conv2d_shifts, *given, repeats=50),
    "im2col, one product": milliseconds(conv2d, *given, repeats=50),
}
for rung, ms in ladder.items():
    print(f"{rung:24} {ms:9.3f} ms")

# %% tags=["claim"]
assert (conv2d_shifts(*given) - ours).abs().max() < 1e-4
assert ladder["im2col, one product"] < ladder["lists, seven loops"] / 20

# %% [markdown]
# ## Backward, in one dimension
#
# Now the way back, which the unlock will ask for. Take the smallest case that has everything in it: an image of one row, $x = (1, 3, 2, -1)$, a kernel of two, $w = (2, -1)$, stride 1. Three places:
#
# $$y_0 = 2 \cdot 1 - 1 \cdot 3 = -1 \qquad y_1 = 2 \cdot 3 - 1 \cdot 2 = 4 \qquad y_2 = 2 \cdot 2 - 1 \cdot (-1) = 5$$
#
# Here is the promised matrix. A convolution is a fully connected layer whose weights are mostly 0, and the others shared; one whose diagonals are each of one number, as here, is a **Toeplitz matrix**:

# %% tags=["figure"] alt="A matrix of three rows and four columns, with rows 2 −1 0 0, 0 2 −1 0 and 0 0 2 −1, times the column 1, 3, 2, −1, gives −1, 4, 5. Row 1 and its result 4 are marked." caption="The kernel (2, −1) as a Toeplitz matrix: each row is the row above, moved by one"
plot.product(
    [[2, -1, 0, 0], [0, 2, -1, 0], [0, 0, 2, -1]],
    [[1], [3], [2], [-1]],
    at=(1, 0),
    names="wxy",
)

# %% [markdown]
# Now let the upstream gradient $G = (1, 2, -1)$ arrive: how fast the loss grows with each of the three results. Chapter 5 has said all that we need: a number that is used in several places gets a gradient from each, and they add up. Which results has $x_1$ had a part in, and with which weight? Which products has $w_0$ been in?

# %% [markdown] exercise="conv1d_grad" tags=["prompt"] difficulty="hard" minutes=30
# ### Exercise 9.3: backward, by hand
#
# First with a pencil: the four gradients of $x$ and the two of $w$, for the numbers above. Then write `conv1d_grad(x, w, G, stride)` for any of them, $G$ being as long as the result: it gives back the gradients for $x$ and for $w$. Loops are welcome, `backward` is not. No formula is given; a letter for the place, one for the number of the kernel, and a drawing of who meets whom are enough.

# %% [markdown] tags=["hint"]
# Write the forward pass with two loops, over the places $i$ and the numbers of the kernel $u$. In the innermost line one $x$ meets one $w$, and goes into one $y$. What does that one product send back to each of its two factors?

# %% [markdown] tags=["hint"]
# A number of $x$ that two windows see gets something from both. What happens to the first if the second is written in its place?


# %% tags=["solution"]
def conv1d_grad(
    x: torch.Tensor, w: torch.Tensor, G: torch.Tensor, stride: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients for x and for w. Shapes: x (H,), w (k,), G (H',) -> (H,), (k,)."""
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] += G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% [markdown] tags=["solution"]
# I wrote a whole window at once, `x_grad[stride * i : stride * i + k] = G[i] * w`, with `=` for `+=`. For the numbers above that gives $(2, 4, -2, 1)$ where $(2, 3, -4, 1)$ is right: where two windows overlap, the later one had wiped out the earlier. With stride 2, where these windows do not overlap, it was right. A test with stride 2 alone would have passed it.


# %% tags=["check"]
def check_conv1d_grad() -> None:
    def right(x, w, G, stride):
        x_grad = [
            sum(
                (G[i] * w[at - stride * i]).item()
                for i in range(len(G))
                if 0 <= at - stride * i < len(w)
            )
            for at in range(len(x))
        ]
        w_grad = [
            sum((G[i] * x[stride * i + u]).item() for i in range(len(G)))
            for u in range(len(w))
        ]
        return torch.tensor(x_grad).to(x), torch.tensor(w_grad).to(w)

    def answer(x, w, G, stride):
        kept = x.clone(), w.clone(), G.clone()
        given = f"x {x.tolist()}, w {w.tolist()}, G {G.tolist()}, stride {stride}"
        try:
            with torch.no_grad():  # by hand: `backward` finds nothing here
                given_stride = () if stride == 1 else (stride,)  # 1 if not given
                got = conv1d_grad(x, w, G, *given_stride)
        except IndexError as error:
            raise AssertionError(
                f"{given}: an index ran past the end, {str(error)!r}: there are as "
                "many places i as numbers in G, and window i begins at s i; u counts "
                "the numbers of w"
            ) from error
        except Exception as error:
            assert "require grad" not in str(error), (
                "autograd is switched off here: add up by hand, without `backward`"
            )
            raise AssertionError(f"{given}: your code stops at {error!r}") from error
        assert got is not None, "nothing came back: return both gradients"
        assert isinstance(got, (tuple, list)) and len(got) == 2, (
            f"give back two gradients, for x and for w, not {got!r}"
        )
        assert all(isinstance(part, torch.Tensor) for part in got), (
            f"both gradients are tensors, not {got!r}"
        )
        assert all(map(torch.equal, (x, w, G), kept)), (
            "x, w or G have changed: add up in tensors of your own"
        )
        shapes = [tuple(part.shape) for part in got]
        assert len(x) == len(w) or shapes != [tuple(w.shape), tuple(x.shape)], (
            "the two gradients come in the wrong order: first x, then w"
        )
        n = len(G)
        why = {  # by the shape of the gradient for x
            (n + len(w) - 1,): f": with a stride, windows begin {stride} apart",
            (stride * (n - 1) + len(w),): ": the last of x, in no window, get a 0",
            tuple(x.shape): "",
        }
        assert shapes == [tuple(x.shape), tuple(w.shape)], (
            f"a gradient has the shape of what it is for: {given} gave {shapes}"
            + why.get(shapes[0], "")
        )
        return (*(part.to(x.dtype) for part in got), given)

    def compare(x, w, G, stride):
        (wanted_x, wanted_w), (x_grad, w_grad, given) = (
            right(x, w, G, stride),
            answer(x, w, G, stride),
        )
        last, added = torch.zeros_like(x), torch.zeros_like(x)
        for i in range(len(G)):
            last[stride * i : stride * i + len(w)] = G[i] * w
            added[stride * i : stride * i + len(w)] += G[i] * w.flip(0)
        for wrong, why in (
            (last, "where windows overlap, the later wipes out the earlier: add up"),
            (added, "the kernel lies the wrong way round: x at s i + u met w at u"),
            (-wanted_x, "the sign is the wrong way round"),
            (torch.zeros_like(x), "it has stayed 0: add up into it"),
            (right(x, w, torch.ones_like(G), stride)[0], "G is not in it"),
        ):
            told = not torch.allclose(wrong, wanted_x)
            assert not (told and torch.allclose(x_grad, wrong)), (
                f"the gradient for x: {why} ({given} gave {x_grad.tolist()})"
            )
        for wrong, why in (
            (wanted_w.flip(0), "it is the wrong way round: w at u met x at s i + u"),
            (-wanted_w, "the sign is the wrong way round"),
            (wanted_w / len(G), "a mean over the places: each adds its share"),
            (
                G[-1] * x[stride * (len(G) - 1) :][: len(w)],
                "only the last window is in",
            ),
            (torch.zeros_like(w), "it has stayed 0: add up into it"),
            (right(x, w, torch.ones_like(G), stride)[1], "G is not in it by place"),
            (G.sum() * w, "it is made of w: each product sends w what it met, an x"),
        ):
            told = not torch.allclose(wrong, wanted_w)
            assert not (told and torch.allclose(w_grad, wrong)), (
                f"the gradient for w: {why} ({given} gave {w_grad.tolist()})"
            )
        flat, steps = right(x, w, G, 1), "with a stride window i begins at s i"
        for name, got, wanted, without in zip(
            "xw", (x_grad, w_grad), (wanted_x, wanted_w), flat, strict=True
        ):
            told = not torch.allclose(without, wanted)
            assert not (told and torch.allclose(got, without)), (
                f"the gradient for {name} leaves the stride out: {steps}"
            )
        for name, got, wanted in (("x", x_grad, wanted_x), ("w", w_grad, wanted_w)):
            assert torch.allclose(got, wanted), (
                f"{given}: the gradient for {name} should be {wanted.tolist()}, not "
                f"{got.tolist()}"
            )

    small = [
        torch.tensor(n) for n in ([1.0, 3.0, 2.0, -1.0], [2.0, -1.0], [1.0, 2.0, -1.0])
    ]
    compare(*small, 1)
    source = torch.Generator().manual_seed(3)
    for length, k, stride in (
        (7, 3, 1),
        (8, 3, 2),
        (9, 2, 3),
        (6, 4, 2),
        (5, 1, 2),
        (5, 5, 1),
    ):
        places = (length - k) // stride + 1
        parts = [
            torch.randint(1, 8, (n,), generator=source).double() - 3.5
            for n in (length, k, places)
        ]
        compare(*parts, stride)


check_conv1d_grad()

# %% [markdown]
# Read the matrix by columns, and there it is. Column 1 says that $x_1$ goes into $y_0$ with $-1$ and into $y_1$ with $2$: its gradient is $1 \cdot (-1) + 2 \cdot 2 = 3$. All four are $(2, 3, -4, 1)$. Each column holds the kernel *upside down*: with growing row, $w_1$ comes first and $w_0$ after it. So the gradient for $x$ is itself a convolution. Pad $G$ with $k - 1$ zeros at both ends (a **full convolution**: each number of the kernel meets each of $G$), and slide the flipped kernel $(-1, 2)$ over $(0, 1, 2, -1, 0)$:

# %%
x, w, G = (torch.tensor(n) for n in ([1.0, 3, 2, -1], [2.0, -1], [1.0, 2, -1]))
x_grad, w_grad = conv1d_grad(x, w, G)
full = slide(pad(G, (1, 1))[None], w.flip(0)[None])[0]
print("for x:", x_grad.tolist(), "and", full.tolist())
over_x = slide(x[None], G[None])[0]
print("for w:", w_grad.tolist(), "and", over_x.tolist())

# %% tags=["claim"]
assert torch.equal(x_grad, full) and x_grad.tolist() == [2, 3, -4, 1]
assert torch.equal(w_grad, over_x) and w_grad.tolist() == [5, 8]

# %% [markdown]
# And the gradient for $w$ is $G$ used as a kernel that slides over $x$. In two dimensions it is the same, with the kernel turned by half a turn, upside down and left to right:
#
# $$\frac{\partial L}{\partial X_{ij}} = \sum_u \sum_v w_{uv}\, G_{i-u,\, j-v} \qquad \frac{\partial L}{\partial w_{uv}} = \sum_i \sum_j G_{ij}\, X_{i+u,\, j+v}$$
#
# ($G$ is 0 where there is no such place.) The first has the mathematicians' minus: the backward pass of our cross-correlation is their convolution. As an operation of its own it is called a **transposed convolution** (PyTorch: `conv_transpose2d`): of the matrix above, the transpose. In the drawing, the "image" is $G$, the "kernel" is 1 0 / 2 −1 turned, and the "result" the gradient for $X$.

# %% tags=["figure"] alt="The upstream gradient, 2 by 2 with rows 1 −1 and 2 3, with a rim of dashed zeros, and the kernel 1 0, 2 −1 turned by half a turn: −1 2, 0 1. The result, 3 by 3, is the gradient for the image; the number at the left of its middle row, 1 times 2 and 2 times 1, is 4." caption="The gradient for a 3 × 3 image: the flipped kernel slides over the padded $G$"
plot.convolution([[1, -1], [2, 3]], [[-1, 2], [0, 1]], padding=1, at=(1, 0))

# %% [markdown]
# ## Backward, in columns
#
# That is the understanding. With a stride of 2, zeros must go between the numbers of $G$ as well (1, 0, 2, 0, −1 for the example); with dilation, channels and groups besides, the bookkeeping is unpleasant. The columns spare us all of it. Forward there were two steps: copy windows into columns $M$, then multiply, $Y = w M$ ($w$, $Y$ and $G$ written as matrices, a row for each output channel). Both gradients of a product are known from chapter 5 (the first is added up over the batch):
#
# $$\frac{\partial L}{\partial w} = G M^\top \qquad \frac{\partial L}{\partial M} = w^\top G$$
#
# And the backward pass of copying a number to nine places is to add up what comes back from nine places. So each column of $\partial L / \partial M$ is added to the image where its window stood. This is `fold`, the *transpose* of `unfold` (not its inverse: what was seen nine times comes back nine times as large). Not all at once: one `+=` for all windows would write up to nine times to the same place in memory, and PyTorch promises nothing about that. For a fixed $(u, v)$ all windows touch different numbers; so $k^2$ additions. As `windows` is a *view*, what is added to it lands in `x`:


# %%
def fold(
    columns: torch.Tensor,
    size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> torch.Tensor:
    """Add each column up where its window stands: the transpose of `unfold`.

    Shapes: (N, C * KH * KW, H' * W') -> (N, C, *size).
    """
    (H, W), (KH, KW), (PH, PW) = pair(size), pair(kernel_size), pair(padding)
    channels = columns.shape[1] // (KH * KW)
    x = columns.new_zeros(len(columns), channels, H + 2 * PH, W + 2 * PW)
    seen = windows(x, (KH, KW), stride, 0, dilation)  # a view of x
    parts = columns.reshape(len(x), channels, KH, KW, *seen.shape[2:4])
    for u in range(KH):
        for v in range(KW):
            seen[..., u, v].add_(parts[:, :, u, v])
    return x[:, :, PH : PH + H, PW : PW + W]


def conv2d_grad(
    G: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    columns: torch.Tensor | None = None,
) -> tuple[torch.Tensor, ...]:
    """Gradients of `conv2d` for images, weight and bias, if there is one, from G.

    Shapes: G (N, O, H', W'), columns of x, if kept; each result as what it is for.
    """
    settings = weight.shape[2:], dilation, padding, stride  # unfold's order
    columns = unfold(x, *settings) if columns is None else columns
    columns = columns.unflatten(1, (groups, -1))
    rows = weight.flatten(1).unflatten(0, (groups, -1))
    G = G.flatten(2).unflatten(1, (groups, -1))  # (N, groups, O / groups, H' * W')
    weight_grad = (G @ columns.transpose(2, 3)).sum(0).view_as(weight)
    back = (rows.transpose(1, 2) @ G).flatten(1, 2)  # (N, C * KH * KW, H' * W')
    grads = fold(back, x.shape[2:], *settings), weight_grad
    return grads if bias is None else (*grads, G.sum((0, 3)).flatten())


# %%
ones = torch.ones(1, 1, 4, 5)
print(fold(unfold(ones, 3, padding=1), (4, 5), 3, padding=1)[0, 0].int())

# %% [markdown]
# Each 1 comes back as often as a window of 3 × 3 sees it: nine times in the middle, four in a corner. Is the whole of it right? Chapter 5's `gradient_check` is the judge that trusts nobody; it forgives what rounding explains, so 0 is possible. To see that it looks at all, it also gets a flipped gradient:

# %%
x, weight, bias = rand(2, 4, 5, 6).double(), rand(6, 2, 3, 2).double(), rand(6).double()
settings = ((2, 1), (1, 2), (1, 2), 2)  # stride, padding, dilation, groups
G = rand(*conv2d(x, weight, bias, *settings).shape).double()
error = gradient_check(
    lambda: (conv2d(x, weight, bias, *settings) * G).sum(),
    [x, weight, bias],
    list(conv2d_grad(G, x, weight, bias, *settings)),
)
wrong_grads = list(conv2d_grad(G, x, weight, bias, *settings))
wrong_grads[1] = wrong_grads[1].flip(2)
planted = gradient_check(
    lambda: (conv2d(x, weight, bias, *settings) * G).sum(),
    [x, weight, bias],
    wrong_grads,
)
print(f"beyond rounding {error:.0e}; with the kernel's gradient flipped {planted:.1f}")

# %% tags=["claim"]
assert error < 1e-8 and planted > 0.01

# %% [markdown]
# One case is no proof. Eighty random ones, with everything drawn, against PyTorch, forward and backward:


# %% tags=["oracle"]
def random_case(source: random.Random) -> tuple:
    groups = source.choice([1, 1, 2, 3])

    def two(low: int, high: int) -> tuple[int, int]:
        return source.randint(low, high), source.randint(low, high)

    kernel, settings = two(1, 4), (two(1, 3), two(0, 3), two(1, 3), groups)
    C, O = groups * source.randint(1, 3), groups * source.randint(1, 3)  # noqa: E741
    size = two(10, 13)  # the longest window has 3 * 3 + 1 numbers
    x = rand(source.randint(1, 3), C, *size).double()
    weight = rand(O, C // groups, *kernel).double()
    return x, weight, rand(O).double(), settings


compared, furthest = 0, 0.0
for case in range(80):
    x, weight, bias, settings = random_case(random.Random(case))
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
    real = torch.nn.functional.conv2d(*leaves, *settings)
    G = rand(*real.shape).double()
    theirs = [real, *torch.autograd.grad(real, leaves, G)]
    mine = [conv2d(x, weight, bias, *settings)]
    mine += conv2d_grad(G, x, weight, bias, *settings)
    for a, b in zip(mine, theirs, strict=True):
        furthest = max(furthest, (a - b).abs().max().item())
    spread = unfold(x, weight.shape[2:], settings[2], settings[1], settings[0])
    again = (x.shape[2:], weight.shape[2:], settings[2], settings[1], settings[0])
    real = nn.functional.fold(spread, *again)  # nobody else looks at fold alone
    furthest = max(furthest, (fold(spread, *again) - real).abs().max().item())
    compared += 1
print(f"{compared} random settings, largest difference {furthest:.0e}")

# %% tags=["oracle", "claim"]
assert compared == 80 and furthest < 1e-10

# %% [markdown]
# With that, PyTorch's own is earned. (The unlock takes our backward pass for `conv2d`, and tries it on cases of its own besides.)


# %% export="convolution.py"
class Conv2d(nn.Module):
    """Kernels over images: `out_channels` of them, and a bias for each.

    Shapes: (N, C, H, W) -> (N, O, H', W'). Raises: ValueError for impossible groups.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{groups=} must divide {in_channels} and {out_channels}")
        shape = (out_channels, in_channels // groups, *pair(kernel_size))
        bound = math.prod(shape[1:]) ** -0.5  # one over the root of the fan-in
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        drawn = torch.empty(out_channels).uniform_(-bound, bound) if bias else None
        self.bias = drawn if drawn is None else nn.Parameter(drawn)
        self.settings = stride, padding, dilation, groups

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Slide."""
        return conv2d(x, self.weight, self.bias, *self.settings)


# %% tags=["timing"]
batch = rand(2, 4, 9, 8)
unlock(
    "torch.nn.functional.unfold",
    by=unfold,
    inputs=[(batch, 3), (batch, (3, 2), 2, (1, 2), (2, 1)), (rand(1, 1, 5, 5), 2)],
)
unlock(
    "torch.nn.functional.conv2d",
    by=conv2d,
    backward=conv2d_grad,
    inputs=[
        (batch, rand(6, 4, 3, 3), rand(6)),
        (batch, rand(6, 4, 3, 2), None, (2, 1), (1, 2), (1, 2)),
        (batch, rand(6, 2, 3, 3), rand(6), 2, 1, 1, 2),
        (batch, rand(8, 1, 3, 3), rand(8), 1, 1, 1, 4),
        (rand(3, 1, 5, 7), rand(2, 1, 1, 1), rand(2), 3),
    ],
)
unlock(
    "torch.nn.Conv2d",
    by=Conv2d,
    inputs=[
        ((4, 6, 3), (batch,)),
        ((4, 6, 3, 2, 1, 1, 2), (batch,)),
        ((4, 3, (3, 2), (1, 2), (2, 1), 2, 1, False), (batch,)),
    ],
)

# %% [markdown]
# How far are we from the real one? In one large layer, 64 images of 16 channels, 14 × 14, 32 kernels of 3 × 3; and in the three layers of this chapter's network, 40 images, added up. By hand, the columns of the way there are kept for the way back.


# %% tags=["timing"]
def layer(x, weight, stride, padding):
    """What takes part in one layer, once by hand and once for autograd."""
    bias = rand(len(weight))
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
    G = torch.ones_like(conv2d(x, weight, bias, stride, padding))
    return x, weight, bias, stride, padding, G, leaves


def by_hand(x, weight, bias, stride, padding, G, leaves):
    columns = unfold(x, weight.shape[2:], 1, padding, stride)
    out = weight.flatten(1) @ columns + bias[:, None]
    conv2d_grad(G, x, weight, bias, stride, padding, columns=columns)
    return out


def by_pytorch(x, weight, bias, stride, padding, G, leaves):
    nn.functional.conv2d(*leaves, stride, padding).backward(G)


large = layer(rand(64, 16, 14, 14), rand(32, 16, 3, 3), 1, 1)
small = [
    layer(rand(40, 1, 28, 28), rand(8, 1, 5, 5), 2, 2),
    layer(rand(40, 8, 14, 14), rand(16, 8, 3, 3), 1, 1),
    layer(rand(40, 16, 7, 7), rand(32, 16, 3, 3), 1, 1),
]
large_rows, large_columns = large[1].flatten(1), unfold(large[0], 3, padding=1)
measured = {
    "large, forward, ours": lambda: conv2d(*large[:5]),
    "large, forward, PyTorch's": lambda: nn.functional.conv2d(*large[:5]),
    "large, the product alone": lambda: large_rows @ large_columns,
    "large, both ways, ours": lambda: by_hand(*large),
    "large, both ways, PyTorch's": lambda: by_pytorch(*large),
    "three layers, both ways, ours": lambda: [by_hand(*part) for part in small],
    "three layers, both ways, PyTorch's": lambda: [by_pytorch(*p) for p in small],
}
best = dict.fromkeys(measured, math.inf)
for _ in range(7):  # in turn, so that a busy moment hits all
    for what, function in measured.items():
        best[what] = min(best[what], milliseconds(function, repeats=3))
for what, ms in best.items():
    print(f"{what:36} {ms:6.2f} ms")
ladder["PyTorch's conv2d"] = milliseconds(nn.functional.conv2d, *given, repeats=50)
forward, both, three = (
    best[f"{what}, ours"] / best[f"{what}, PyTorch's"]
    for what in ("large, forward", "large, both ways", "three layers, both ways")
)
product = best["large, the product alone"] / best["large, forward, ours"]

# %% tags=["claim"]
assert forward < 10 and both < 10 and three < 10 and 0.25 < product < 0.9
record("im2col against PyTorch, forward", forward)
record("im2col against PyTorch, forward and backward", both)
record("im2col against PyTorch, the three layers, forward and backward", three)
record("im2col, share of the product", product)
record("convolution ladder, ms", list(ladder.values()))

# %% tags=["timing", "figure", "slide"] alt="Four dots on a logarithmic axis of milliseconds: seven loops over lists are slowest by far, then nine shifted products, im2col with one product, and PyTorch's own convolution." caption="Four images of 8 channels, 14 × 14, with 16 kernels of 3 × 3, forward"
figure, ax = plt.subplots(figsize=(5.6, 1.9))
ax.plot(list(ladder.values()), list(ladder), "o")
for rung, ms in ladder.items():
    ax.text(ms * 1.5, rung, f"{ms:,.0f}" if ms >= 100 else f"{ms:.2g}", va="center")
ax.set(xscale="log", xlabel="milliseconds")
ax.set_xlim(right=8 * max(ladder.values()))
ax.set_ylim(len(ladder) - 0.5, -0.5)

# %% [markdown]
# The same result, by a library that knows this processor. Of our time forward the product alone is only a part; copying takes time, too. (The first aside has two ways of doing with fewer multiplications.) From here on the real one does the work.

# %% [markdown] tags=["aside"]
# #### Aside: fewer multiplications
#
# Two neighbouring places of a kernel of three take six multiplications. Four are enough (S. Winograd, 1980; brought to networks by Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015), in exchange for more additions; those of weights are prepared once and used at every place. In two dimensions, 2 × 2 places of a 3 × 3 kernel, it is 16 in place of 36. For large kernels the Fourier transform is the better way: it turns convolution into a product, number by number, and costs $\log$ of the size for each number where sliding costs $k^2$ (Mathieu, Henaff and LeCun, *Fast Training of Convolutional Networks through FFTs*, 2013). Which way is taken for which shapes, a library decides, and PyTorch asks several of them.

# %% tags=["aside"]
(d0, d1, d2, d3), (g0, g1, g2) = (3.0, 1.0, 4.0, 2.0), (2.0, -1.0, 5.0)
plus, minus = (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2  # prepared once for a kernel
m0, m1, m2, m3 = (d0 - d2) * g0, (d1 + d2) * plus, (d2 - d1) * minus, (d1 - d3) * g2
print((m0 + m1 + m2, m1 - m2 - m3), "by four multiplications")
print((d0 * g0 + d1 * g1 + d2 * g2, d1 * g0 + d2 * g1 + d3 * g2), "by six")

# %% tags=["aside", "claim"]
assert m0 + m1 + m2 == d0 * g0 + d1 * g1 + d2 * g2
assert m1 - m2 - m3 == d1 * g0 + d2 * g1 + d3 * g2

# %% [markdown] tags=["aside"]
# #### Aside: groups, depthwise-separable, 1 × 1, dilation
#
# With $g$ **groups** of channels each kernel sees only the channels of one group: $g$ times fewer weights, and nothing passes between the groups. With as many groups as channels the convolution is **depthwise**: each channel has a kernel to itself. A kernel of **1 × 1** is the opposite, all channels and no neighbours: chapter 7's linear layer, applied at each place. One after the other they are a **depthwise-separable convolution** (Howard et al., *MobileNets*, 2017, arXiv:1704.04861): space first, then channels, for a fraction of the weights. **Dilation** sees far without more weights.


# %% tags=["aside"]
def count(*layers: nn.Module) -> int:
    return sum(p.numel() for layer in layers for p in layer.parameters())


whole = count(nn.Conv2d(32, 64, 3, bias=False))
apart = count(
    nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 64, 1, bias=False)
)
print(f"32 to 64 channels, 3 x 3: {whole:,} weights; separable: {apart:,}")
mix, x = nn.Conv2d(5, 7, 1), rand(2, 5, 4, 3)
at_each_place = nn.functional.linear(
    x.permute(0, 2, 3, 1), mix.weight[:, :, 0, 0], mix.bias
).permute(0, 3, 1, 2)
print("1 x 1 is linear:", torch.allclose(mix(x), at_each_place, atol=1e-6))

# %% tags=["aside", "claim"]
assert (whole, apart) == (18432, 2336)
assert torch.allclose(mix(x), at_each_place, atol=1e-6)

# %% [markdown]
# > [!BUG] Break it: a test of shapes
# > A test that one meets often makes a layer, sends a batch through it, and asserts the shape of the result. Nothing else. Here are such a test, three more that you might write, and a convolution with a bug in it:


# %%
def suspicious(x, weight, bias, stride=1, padding=0):
    """Shapes: x (N, C, H, W), weight (O, C, k, k), bias (O,) -> (N, O, H', W')."""
    k = weight.shape[2]
    seen = windows(x, k, stride, padding)
    total = torch.zeros(len(x), len(weight), *seen.shape[2:4], dtype=x.dtype)
    for u in range(k):
        for v in range(k):
            w = weight[:, :, -1 - u, -1 - v]
            total += torch.einsum("oc,ncij->noij", w, seen[..., u, v])
    return total + bias[:, None, None]


def agrees(x: torch.Tensor, weight: torch.Tensor) -> bool:
    bias = torch.zeros(len(weight))
    real = nn.functional.conv2d(x, weight, bias, 1, 1)
    return torch.allclose(suspicious(x, weight, bias, 1, 1), real, atol=1e-4)


x, weight = rand(2, 3, 8, 8), rand(5, 3, 3, 3)
shape = suspicious(x, weight, torch.zeros(5), stride=2, padding=1).shape
blur = torch.full((5, 3, 3, 3), 1 / 27)
tests = {
    "the shapes": lambda: shape == (2, 5, 4, 4),
    "random images, all weights 1/27": lambda: agrees(x, blur),
    "a random kernel, images all of ones": lambda: agrees(
        torch.ones(2, 3, 8, 8), weight
    ),
    "a random kernel, random images": lambda: agrees(x, weight),
}

# %% [markdown] tags=["predict"]
# What is wrong with it? And which of the four tests does it pass?

# %%
for test, passes in tests.items():
    print(f"{test:36} {'passes' if passes() else 'fails'}")

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > The kernel is flipped: `-1 - u` counts its rows from the end. The shapes cannot tell. A kernel of equal weights is the same both ways, whatever the image. Images of ones do notice, but only at the rim, where the padding begins: everywhere else every window looks the same. Symmetric data hides what breaks the symmetry, and ones, zeros and square shapes are the most symmetric data there are. Training alone would not mind: all kernels are found flipped. But load another's weights into it, and it is wrong.

# %% tags=["claim"]
found = [passes() for passes in tests.values()]
assert found == [True, True, False, False]
flat = torch.ones(1, 3, 8, 8)
inner = [f(flat, weight, torch.zeros(5)) for f in (suspicious, conv2d)]
assert torch.allclose(*inner, atol=1e-4)

# %% [markdown] exercise="is_right" tags=["prompt"] difficulty="hard" minutes=30
# ### Exercise 9.4: a test worth having
#
# Write `is_right(conv)`. It gets a function that is called as `conv(x, weight, bias, stride, padding)`, with one number each for stride and padding, and says `True` or `False`: is it a convolution? Nearly all that you will meet give results of the right shape. The check has thirty wrong ones, and five right ones that are written in different ways.
#
# You may compare with the `conv2d` of this chapter. The work is in what to compare *on*.

# %% [markdown] tags=["hint"]
# Go through the letters of the formula, $n$, $o$, $c$, $i$, $j$, $u$, $v$, $s$, $p$ and $b$, and ask of each how it could be lost, or swapped for another, without anybody noticing.

# %% [markdown] tags=["hint"]
# One call is not enough: some mistakes show only for a square kernel, others only for a wide or a tall one, and some only with a stride. And what else may a function do wrong, besides giving back wrong numbers?


# %% tags=["solution"]
def is_right(conv: Callable) -> bool:
    """Whether `conv(x, weight, bias, stride, padding)` is a convolution."""
    source = torch.Generator().manual_seed(0)
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 3), ((4, 2), 2, 2)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape, generator=source).double() for shape in shapes]
            wanted = conv2d(*given, stride, padding)
            kept = [tensor.clone() for tensor in given]
            got = conv(*given, stride, padding)
            unchanged = all(map(torch.equal, given, kept))
            same = got.shape == wanted.shape and torch.allclose(got, wanted)
            if not (same and unchanged):
                return False
    except Exception:
        return False
    return True


# %% [markdown] tags=["solution"]
# My first version made one call, with random numbers, a 3 × 3 kernel, stride 1 and no padding. Nine of the thirty got a `True`: the three that pad with the wrong thing or on the wrong side, the three that mistake the stride, the two that turn kernels that are not square, and the one that adds a dimension. Each of them lives in something that my test had not asked about.


# %% tags=["check"]
def suspects() -> list[tuple[Callable, bool, str]]:
    """Functions, whether each is a convolution, and what it does."""

    def plain(x, w, b, s, p, how=None):
        x = pad(x, (p, p, p, p)) if how is None else how(x, p)
        k, m = w.shape[2:]
        rows, columns = (x.shape[2] - k) // s + 1, (x.shape[3] - m) // s + 1
        total = b[None, :, None, None].expand(len(x), -1, rows, columns).clone()
        for u in range(k):
            for v in range(m):
                seen = x[:, :, u : u + s * rows : s, v : v + s * columns : s]
                seen = seen[:, :, :rows, :columns]
                total += torch.einsum("oc,ncij->noij", w[:, :, u, v], seen)
        return total

    def by_loops(x, w, b, s, p):
        x = pad(x, (p, p, p, p))
        k, m = w.shape[2:]
        rows, columns = (x.shape[2] - k) // s + 1, (x.shape[3] - m) // s + 1
        out = torch.zeros(len(x), len(w), rows, columns, dtype=x.dtype)
        for n in range(len(x)):
            for o in range(len(w)):
                for i in range(rows):
                    for j in range(columns):
                        window = x[n, :, s * i : s * i + k, s * j : s * j + m]
                        out[n, o, i, j] = (window * w[o]).sum() + b[o]
        return out

    def at_one_side(x, p):
        return pad(x, (2 * p, 0, 2 * p, 0))

    def first_places(x, w, b, s, p):
        wanted = plain(x, w, b, s, p).shape
        return plain(x, w, b, 1, p)[:, :, : wanted[2], : wanted[3]]

    def turned(w):
        return w.transpose(2, 3) if w.shape[2] == w.shape[3] else w

    def wide(w):
        return w.flip(3) if w.shape[3] > w.shape[2] else w

    def changes(place):
        def conv(*given):
            out = plain(*given)
            given[place].add_(1)
            return out

        return conv

    def off_by(little):
        return lambda x, w, b, s, p: plain(
            x, w, b + little * (torch.arange(len(b)) == 1), s, p
        )

    def leaves_out(first, last):
        def conv(*given):
            out = plain(*given)
            out[:first], out[:, :, out.shape[2] - last :] = 0, 0
            return out

        return conv

    def sides_swapped(x, w, b, s, p):
        rows, columns = plain(x.transpose(2, 3), w, b, s, p).shape[2:]
        larger = pad(x, (0, x.shape[2], 0, x.shape[3]))
        return plain(larger, w, b, s, p)[:, :, :rows, :columns]

    def tall(w):
        return w.flip(2) if w.shape[2] > w.shape[3] else w

    def stops(x, w, b, s, p):
        raise RuntimeError("out of order")

    def strided(x, w, b, s, p):
        late = int(s > 1)
        return plain(pad(x, (p - late, p + late) * 2), w, b, s, 0)

    def first_only(x, w, b, s, p):
        return plain(x[:1], w, b, s, p).expand(len(x), -1, -1, -1)

    def batch_of_one_channel(x, w, b, s, p):
        return plain(x[:, :1], w[:, :1], b, s, p)

    def with_ones(x, p):
        return pad(x, (p, p, p, p), value=1.0)

    def with_edges(x, p):
        return pad(x, (p, p, p, p), mode="replicate") if p else x

    right = [
        (plain, "one that adds up shifted images"),
        (by_loops, "one of loops"),
        (conv2d, "the chapter's own"),
        (nn.functional.conv2d, "PyTorch's"),
        (
            lambda x, w, b, s, p: plain(x, w, 0 * b, s, p) + b[:, None, None],
            "one that adds its bias at the end",
        ),
    ]
    wrong = [
        (lambda x, w, b, s, p: plain(x, w, b, 2, p), "takes stride 2, always"),
        (lambda x, w, b, s, p: plain(x, w, b, s, 1), "takes padding 1, always"),
        (lambda x, w, b, s, p: plain(x, w, b, p or 1, s), "swaps stride and padding"),
        (sides_swapped, "counts its rows by the width, its columns by the height"),
        (leaves_out(1, 0), "leaves the first image out"),
        (leaves_out(0, 1), "leaves the last row out"),
        (changes(2), "changes the biases that it is given"),
        (changes(1), "changes the kernels that it is given"),
        (off_by(-0.01), "takes 0.01 off in one channel"),
        (off_by(0.01), "adds 0.01 too much in one channel"),
        (lambda x, w, b, s, p: plain(x, w, b, s, p)[None], "adds a dimension in front"),
        (lambda x, w, b, s, p: plain(x, w, b, 1, p), "leaves its stride out"),
        (
            lambda x, w, b, s, p: plain(x, tall(w), b, s, p),
            "turns tall kernels upside down",
        ),
        (lambda x, w, b, s, p: plain(x, w.flip(2, 3), b, s, p), "flips its kernels"),
        (
            lambda x, w, b, s, p: plain(x, turned(w), b, s, p),
            "transposes square kernels",
        ),
        (lambda x, w, b, s, p: plain(x, wide(w), b, s, p), "mirrors wide kernels"),
        (lambda x, w, b, s, p: plain(x, w, 0 * b, s, p), "leaves its bias out"),
        (lambda x, w, b, s, p: plain(x, w, b.flip(0), s, p), "swaps its biases"),
        (lambda x, w, b, s, p: plain(x, w.flip(0), b, s, p), "swaps its kernels"),
        (lambda x, w, b, s, p: plain(x, w.flip(1), b, s, p), "swaps the channels"),
        (batch_of_one_channel, "looks at the first channel only"),
        (first_only, "gives the first image's result to all images"),
        (lambda x, w, b, s, p: plain(x, w, b, s, p, with_ones), "pads with ones"),
        (lambda x, w, b, s, p: plain(x, w, b, s, p, with_edges), "pads with the edge"),
        (
            lambda x, w, b, s, p: plain(x, w, b, s, p, at_one_side),
            "pads above and to the left only",
        ),
        (first_places, "takes the first places in place of every s-th"),
        (strided, "begins one number too late when it has a stride"),
        (lambda x, w, b, s, p: plain(x, w, b, s, p).clamp(min=0), "cuts off below 0"),
        (changes(0), "changes the images that it is given"),
        (stops, "stops with an error"),
    ]

    def named(f: Callable) -> Callable:
        def conv(x, weight, bias=None, stride=1, padding=0):
            bias = torch.zeros(len(weight)).to(x) if bias is None else bias
            conv2d(x, weight, bias, stride, padding)  # refuses what does not fit
            return f(x, weight, bias, stride, padding)

        return conv

    return [(named(f), True, what) for f, what in right] + [
        (named(f), False, f"one that {what}") for f, what in wrong
    ]


def check_is_right() -> None:
    passed = []
    for suspect, right, what in suspects():
        try:
            got = is_right(suspect)
        except NotImplementedError:
            raise AssertionError("is_right is not written yet") from None
        except Exception as error:
            whose = (
                "this one is a convolution and stops only at what does not fit (x, "
                "weight, bias, stride, padding, in this order), so it is your test"
                if right
                else "a function that stops is not right: catch it, and say False"
                if "stops" in what
                else "it is your test that stops, where it should say False: compare "
                "shapes and types first, and let nothing raise"
            )
            said = str(error).strip().split("\n")[0]
            raise AssertionError(
                f"{what}: {type(error).__name__}, {said!r}; {whose}"
            ) from error
        assert got is not None, "nothing came back: return True or False"
        assert isinstance(got, bool), (
            f"say True or False, not {got!r}: bool(…) makes one"
        )
        if right:
            assert got, (
                f"{what} is a convolution, and you say False: are stride and padding "
                "passed on, and is there room for rounding?"
            )
        elif got:
            passed.append(what)
    assert len(passed) < 24, "that test says True to everything, or nearly"
    assert not passed, (
        f"{len(passed)} wrong of 30 get a True, among them {passed[-1]}. "
        "Which of your numbers could have told?"
    )


check_is_right()

# %% [markdown]
# ## Pooling
#
# A feature map says *where* something was seen. Often "hereabouts" is enough. **Pooling** makes one number of each window, channel by channel, and has no weights: **max pooling** takes the largest, **average pooling** the mean. Mostly the windows do not overlap: their stride is their size. We have everything for it; padding for the maximum is minus infinity, so that it loses against every finite number (and at most half of a window may be padding, so that none has nothing else):


# %% export="convolution.py"
def pooled(
    x: torch.Tensor, kernel_size: Size, stride: Size | None, padding: Size, value: float
) -> torch.Tensor:
    """What each window sees. Shapes: (N, C, H, W) -> (N, C, H', W', KH * KW)."""
    if any(2 * p > k for p, k in zip(pair(padding), pair(kernel_size), strict=True)):
        raise ValueError(f"{padding=} is more than half of {kernel_size=}: take less")
    stride = kernel_size if stride is None else stride
    return windows(x, kernel_size, stride, padding, value=value).flatten(4)


def max_pool2d(
    x: torch.Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> torch.Tensor:
    """The largest number in each window.

    Shapes: (N, C, H, W) -> (N, C, H', W'). Without a stride, it is the window's size.
    """
    seen = pooled(x, kernel_size, stride, padding, -math.inf)
    return seen.gather(-1, seen.argmax(-1, keepdim=True)).squeeze(-1)


def avg_pool2d(
    x: torch.Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> torch.Tensor:
    """The mean of each window, padding included. Shapes and stride: as `max_pool2d`."""
    return pooled(x, kernel_size, stride, padding, 0.0).mean(-1)


# %%
class MaxPool2d(nn.Module):
    """`max_pool2d` as a layer."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0
    ) -> None:
        super().__init__()
        self.settings = kernel_size, stride, padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool."""
        return max_pool2d(x, *self.settings)


class AvgPool2d(MaxPool2d):
    """`avg_pool2d` as a layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool."""
        return avg_pool2d(x, *self.settings)


# %% [markdown]
# Backward, a mean of four gives a quarter of the upstream gradient to each. A maximum gives all of it to the one that was chosen, for a small change of the others changes nothing. But if two are equally large? Images have large areas of exactly the same background.

# %% [markdown] tags=["predict"]
# A window of four numbers, 5, 7, 7 and 7, and the upstream gradient 1. Our `max_pool2d` picks an index (`argmax`) and fetches the number that stands there. The method `amax` just says what the largest is. What gradients do the two send to the four numbers?

# %%
for name, largest in (
    ("argmax, then fetch", lambda x: max_pool2d(x, 2)),
    ("amax", lambda x: x.amax((2, 3))),
):
    x = torch.tensor([[[[5.0, 7.0], [7.0, 7.0]]]], requires_grad=True)
    largest(x).backward(torch.ones_like(largest(x)))
    print(f"{name:18} {x.grad.flatten().tolist()}")

# %% [markdown] tags=["answer"]
# At a tie there is no derivative: with more for one 7 the maximum grows, with less it stays. Both answers are conventions. `amax` shares the gradient, `argmax` gives everything to the first. PyTorch's `max_pool2d` takes one, the first, too. With `amax` every number would be right as well, and yet the unlock would fail: its proof compares gradients, and also tries images that are 0 everywhere.

# %% tags=["claim"]
x = torch.tensor([[[[5.0, 7.0], [7.0, 7.0]]]], requires_grad=True)
x.amax((2, 3)).sum().backward()
assert torch.allclose(x.grad.flatten(), torch.tensor([0, 1, 1, 1]) / 3)
x.grad = None
max_pool2d(x, 2).sum().backward()
assert x.grad.flatten().tolist() == [0, 1, 0, 0]

# %% tags=["oracle", "claim"]
tied = torch.zeros(1, 1, 4, 4, requires_grad=True)
chosen_by = {
    "real": nn.functional.max_pool2d(tied, 2),
    "ours": max_pool2d(tied, 2),
    "amax": pooled(tied, 2, None, 0, 0.0).amax(-1),
}
back = {name: torch.autograd.grad(y.sum(), tied)[0] for name, y in chosen_by.items()}
assert torch.equal(back["real"], back["ours"])
assert not torch.allclose(back["real"], back["amax"])

# %% tags=["timing"]
poolings = [(batch, 2), (batch, 3, 2, 1), (batch, (3, 2), (1, 2), (1, 0))]
layers = [((2,), (batch,)), ((3, 2, 1), (batch,)), (((2, 3), 1), (batch,))]
unlock("torch.nn.functional.max_pool2d", by=max_pool2d, inputs=poolings)
unlock("torch.nn.functional.avg_pool2d", by=avg_pool2d, inputs=poolings)
unlock("torch.nn.MaxPool2d", by=MaxPool2d, inputs=layers)
unlock("torch.nn.AvgPool2d", by=AvgPool2d, inputs=layers)

# %% [markdown]
# > [!NOTE]- Aside: pooling or stride?
# > Both halve the sides. A convolution of stride 1 with pooling behind it computes every place and then throws three of four away; one of stride 2 computes only the quarter that is kept. It has the same number of weights for a quarter of the arithmetic, and is often worse: so it was for networks of Springenberg et al., *Striving for Simplicity: The All Convolutional Net* (2014, arXiv:1412.6806, table 3), and so it is below. What they found no worse is to put *another* convolution, of stride 2, where the pooling stood. Our network below does both: a stride where the image is largest and the arithmetic dearest, pooling after that.

# %% [markdown]
# ## How far a number sees
#
# A 3 × 3 kernel sees 9 numbers. Put a second one behind it: each of the nine that *it* sees has seen nine of its own. What a number of some layer has seen of the image is its **receptive field**.

# %% tags=["figure"] alt="Three layers of cells, one above the other. One cell of layer 2, on top, stands over 3 by 3 cells of layer 1, and these over 5 by 5 cells of the input." caption="Two kernels of 3 × 3, stride 1: a number of the second layer has seen 5 × 5"
plot.receptive_field((3, 3))

# %% [markdown] exercise="receptive_field" tags=["prompt"] difficulty="medium" minutes=25
# ### Exercise 9.5: how far it sees
#
# Write `receptive_field(layers)`, for a list of pairs `(kernel, stride)`, the layer next to the image first: along one dimension of the image, how far is it from the first to the last number on which one number behind the last layer depends, both counted, and those between them that it skips as well? For `[(3, 1), (3, 1)]` it is 5; without a layer, `[]`, it is 1. Padding changes nothing in it; dilation is left out. Draw a row of numbers, and two layers above it, with stride 2.

# %% [markdown] tags=["hint"]
# Two ways lead there. From the top: one number needs $k$ of the layer below; how many numbers do $m$ neighbours need? Or from the bottom: how far apart, in pixels, are two neighbours of a layer, and how many pixels does the next kernel add?

# %% [markdown] tags=["hint"]
# Two neighbours behind a layer of stride 2 are two pixels apart; behind a second one of stride 2, four. A kernel of $k$ has $k - 1$ gaps. Does a layer's own stride matter for its own kernel, or only for those behind it?


# %% tags=["solution"]
def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Side of the receptive field behind layers of (kernel, stride), in order."""
    field, apart = 1, 1  # pixels seen; pixels from one number to its neighbour
    for kernel, stride in layers:
        field += (kernel - 1) * apart
        apart *= stride
    return field


# %% [markdown] tags=["solution"]
# I multiplied by the stride first, and then added the kernel, as if a layer's stride counted for its own kernel. For `[(5, 2), (3, 1), (2, 2), (3, 1), (2, 2)]` that gave 33 where the experiment below gives 23. A window's own numbers lie as far apart as those of the layer that it looks at; its stride says how far apart the *windows* are, and that concerns the next layer.


# %% tags=["check"]
def check_receptive_field() -> None:
    def seen(layers: list[tuple[int, int]]) -> int:
        places = {0}
        for kernel, stride in reversed(layers):
            places = {stride * at + u for at in places for u in range(kernel)}
        return max(places) - min(places) + 1

    def answer(layers: list[tuple[int, int]]) -> int:
        kept = list(layers)
        try:
            got = receptive_field(layers)
        except Exception as error:
            assert kept, f"[]: without a layer it is 1, and you stop at {error!r}"
            raise AssertionError(f"{kept}: your code stops at {error!r}") from error
        assert layers == kept, "the list of layers has changed: leave it as it was"
        assert got is not None, "nothing came back: return the number"
        whole = hasattr(got, "__index__") and not isinstance(got, (bool, torch.Tensor))
        assert whole, f"a whole number, an int, and not {got!r}"
        return got

    traps = [
        (
            [(3, 1)],
            {
                2: "a kernel of 3 sees 3: gaps are one fewer than numbers",
                4: "a kernel of 3 adds 2, its gaps, to the number itself",
                1: "a kernel of 3 sees 3; a pair is (kernel, stride)",
            },
        ),
        (
            [(5, 2)],
            {
                9: "one layer's own stride does not spread its own kernel",
                4: "the field begins at 1, the number itself, and adds the gaps",
                6: "m neighbours need (m - 1) s + k numbers, not m s + k - 1",
            },
        ),
        (
            [(3, 1), (3, 1)],
            {
                9: "kernels overlap: their sizes do not multiply",
                6: "kernels overlap: their sizes do not add up",
                7: "strides multiply: behind a stride of 1 it is 1 apart, not 2",
                3: "every layer counts, not the first or the last alone",
            },
        ),
        (
            [(3, 2), (3, 1)],
            {
                5: "the stride of the first spreads the second's numbers; the first "
                "is the one next to the image",
                9: "one layer's own stride does not spread its own kernel",
            },
        ),
        (
            [(3, 1), (3, 2)],
            {
                7: "the last layer's stride is of no importance to it",
                9: "one layer's own stride does not spread its own kernel",
            },
        ),
        (
            [(3, 2), (3, 2), (3, 1)],
            {
                11: "strides multiply: behind two of 2 it is 4 apart",
                13: "strides multiply: they do not add up",
            },
        ),
        (
            [(2, 3), (2, 2), (3, 1)],
            {
                15: "strides multiply: they do not add up",
                12: "the numbers between that are skipped count as well",
            },
        ),
        ([(5, 2), (3, 1)], {7: "the stride of the first spreads the second's numbers"}),
    ]
    for layers, wrong in traps:
        got, wanted = answer(layers), seen(layers)
        assert got not in wrong, (
            f"{layers} gave {got}, and it is {wanted}: {wrong[got]}"
        )
        assert got == wanted, f"{layers} should be {wanted}, not {got}: draw it"
    for layers in (
        [], [(1, 1)], [(1, 2), (4, 1)], [(4, 3), (2, 1), (5, 2)],
        [(5, 2), (3, 1), (2, 2), (3, 1), (2, 2)],
        [(7, 2), (3, 2), (3, 1), (3, 2), (3, 1)],
    ):  # fmt: skip
        got, wanted = answer(layers), seen(layers) if layers else 1
        assert got == wanted, f"{layers} should be {wanted}, not {got}: draw it"


check_receptive_field()

# %% [markdown]
# No formula is better than a look. Add 1 to each of the 784 pixels, one at a time, and see which of them change the number in the middle of a layer. Here are the five layers of the network that we are about to build, with random weights; without ReLU, and with the average in place of the maximum, as a maximum listens to one of its four numbers only:

# %%
specification = [(5, 2), (3, 1), (2, 2), (3, 1), (2, 2)]
torch.manual_seed(0)
stack, base = nn.Sequential(), rand(1, 1, 28, 28)
changed = base + torch.eye(784).view(784, 1, 28, 28)  # image m: pixel m plus 1
fields = []
for kernel, stride in specification:
    into = 4 if len(stack) else 1
    convolution = nn.Conv2d(into, 4, kernel, stride, padding=kernel // 2)
    stack.append(nn.AvgPool2d(2) if kernel == 2 else convolution)
    with torch.no_grad():
        middle = stack(base).shape[2] // 2
        moved = stack(changed) - stack(base)
    fields.append((moved[:, 0, middle, middle].abs() > 1e-6).view(28, 28))
    rows, columns = (fields[-1].any(d).sum().item() for d in (1, 0))
    print(f"layer {len(stack)}: {rows} x {columns} pixels change its middle")

# %% tags=["claim"]
sides = [field.any(1).sum().item() for field in fields]
assert sides == [receptive_field(specification[: n + 1]) for n in range(5)]
assert sides == [5, 9, 11, 19, 23]

# %% tags=["figure"] alt="Three squares of 28 by 28 pixels. In the first a block of 5 by 5 near the middle is blue, in the second one of 11 by 11, in the third one of 23 by 23, most of the image, from its upper left corner." caption="Which pixels change the number in the middle of layer 1, 3 and 5. The last lies to the upper left: pooling makes 3 of 7, and leaves the last row and column out"
figure, axes = plt.subplots(1, 3, figsize=(5.6, 1.9))
for ax, field, number in zip(axes, fields[::2], (1, 3, 5), strict=True):
    ax.set_title(f"layer {number}", fontsize=10.5)
    ax.imshow(-field.float(), cmap=plot.SIGNED, vmin=-1.5, vmax=1.5)
    ax.set_axis_off()

# %% [markdown]
# ## The network
#
# A convolution of 5 × 5 with stride 2, then two of 3 × 3, each with a max pooling of 2 behind it: the sides go 28, 14, 7, 3. As the maps get smaller, there are more of them. At the end a linear layer reads 3 × 3 places of 32 channels. The start is quiet, like chapter 4's: normal weights, half as large as Kaiming's. (The code's last line is for speed: see the aside.)


# %% export="models.py"
"""Networks for images."""


def small_cnn(
    channels: tuple[int, int, int] = (8, 16, 32), classes: int = 10, gain: float = 0.5
) -> nn.Sequential:
    """Three convolutions, two poolings, a linear layer; Kaiming's weights times `gain`.

    Shapes: (N, 1, 28, 28) -> logits (N, classes).
    """
    first, second, third = channels
    model = nn.Sequential(
        nn.Conv2d(1, first, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(third * 3 * 3, classes),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
            if parameter.dim() > 1:  # no bias
                nn.init.kaiming_normal_(parameter).mul_(gain)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


# %%
model = small_cnn()
print(model)
parameters = {
    "fully connected": sum(p.numel() for p in flat_models[0].parameters()),
    "convolutional": sum(p.numel() for p in model.parameters()),
}
for name, count in parameters.items():
    print(f"{name:16} {count:>7,} parameters")

# %% tags=["claim"]
assert parameters == {"fully connected": 443610, "convolutional": 8906}

# %% [markdown] tags=["aside"]
# #### Aside: the order in memory
#
# As a rule a batch of feature maps (N, C, H, W) lies in memory map by map, contiguous, as chapter 3 called it: one step right is the next number, one channel further is a whole map away. With other strides it can lie in another order, and one of these has a name. **Channels last** keeps all channels of one place beside each other. The shape stays (N, C, H, W), and every index finds the number that it found before. If the strides of a convolution's weights say so, its result lies like this, too; ReLU and pooling keep the order.


# %% tags=["aside", "timing"]
import copy

pool, twin = nn.MaxPool2d(2), copy.deepcopy(model)
twin.to(memory_format=torch.contiguous_format)
maps = {}  # what the two poolings are given, in both orders
for order, each in (("as usual", twin), ("channels last", model)):
    maps[order] = [each[:n](images[:40]).detach().requires_grad_() for n in (4, 7)]
    print(f"{order:13} {tuple(maps[order][0].shape)}, strides", maps[order][0].stride())
usual, last = maps["as usual"][0].detach(), maps["channels last"][0].detach()
few = usual[:, :2].contiguous()


def poolings(given: list[torch.Tensor]) -> None:
    """Each pooling, there and back; gradients add up."""
    for each in given:
        out = pool(each)
        out.backward(torch.ones_like(out))


def there_and_back(model: nn.Module) -> None:
    """All layers; gradients add up, the weights stay as they are."""
    cross_entropy(model(images[:40]), labels[:40]).backward()


orders = {
    "2 channels pooled": (pool, few, few.to(memory_format=torch.channels_last)),
    "16 channels pooled": (pool, usual, last),
    "both poolings, there and back": (poolings, *maps.values()),
    "all layers, there and back": (there_and_back, twin, model),
}
taken = {}
for what, (function, *given) in orders.items():
    best = [math.inf, math.inf]
    for _ in range(7):  # in turn, so that a busy moment hits both
        for k in (0, 1):
            best[k] = min(best[k], milliseconds(function, given[k], repeats=3))
    taken[what] = best
    print(f"{what:29} {best[0]:5.2f} ms as usual, {best[1]:5.2f} ms channels last")

# %% tags=["aside", "claim"]
assert usual.stride() == (3136, 196, 14, 1) and last.stride() == (3136, 1, 224, 16)
assert pool(last).stride()[1] == maps["channels last"][1].stride()[1] == 1
with torch.no_grad():
    assert torch.allclose(twin(images[:40]), model(images[:40]), atol=1e-5)
(few_ms, few_last), (pool_ms, pool_last), *both_ways = taken.values()
assert pool_last < 0.5 * pool_ms and few_last > 0.8 * few_ms
pooling_saves, all_saves = (before - after for before, after in both_ways)
assert all_saves > 0.05 * both_ways[1][0] and pooling_saves > 0.35 * all_saves
record(
    "channels last, there and back, times the usual order",
    both_ways[1][1] / both_ways[1][0],
)

# %% [markdown] tags=["aside"]
# The same numbers to compare, in a fraction of the time, if there are channels enough. A processor can compare several numbers with one instruction (chapter 3's SIMD) if they lie beside each other. PyTorch has a loop that does so with the channels of a place, and for the usual order one that takes a number at a time (`cpu_max_pool_channels_last` and `cpu_max_pool` in `MaxPoolKernel.cpp`). Two channels are too few to gain by it. Much of what all layers save is saved by the two poolings. (The comment in the last line of `small_cnn` is for the type checker: PyTorch's annotations of `Module.to` lack this argument.)

# %% [markdown]
# Trained with chapter 8's learner, cross-entropy, batches of 40, and the calm end that its rival had. First the rate: two candidates, one run of four epochs each; the lower loss on the held-back fifth of the training images decides. Then five seeds at that rate, on all training images; the validation images judge. (Some fifteen seconds.)


# %%
def trained_cnn(
    make: Callable, lr: float, seed: int, rows: torch.Tensor, epochs: int = 8
) -> nn.Sequential:
    torch.manual_seed(seed)
    return trained(learner_for(make(), cross_entropy, lr, seed, rows, 40), epochs)


shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
held_back, fitted = shuffled.split([len(images) // 5, len(images) * 4 // 5])
candidates = {}
for lr in (0.1, 0.2):
    model = trained_cnn(small_cnn, lr, 0, fitted, epochs=4)
    with torch.no_grad():
        logits = model(images[held_back])
    candidates[lr] = cross_entropy(logits, labels[held_back]).item()
    share = error_rate(logits, labels[held_back])
    print(f"rate {lr}: loss {candidates[lr]:.4f}, {share:.1%} wrong", flush=True)
lr = min(candidates, key=candidates.get)
print("chosen:", lr)

# %%
cnns = []
for seed in range(5):
    cnns.append(trained_cnn(small_cnn, lr, seed, everything))
    share = wrong(cnns[-1], valid_images).float().mean()
    print(f"seed {seed}: {share:.1%} wrong", flush=True)
flat_wrong = [wrong(model, valid_images) for model in flat_models]
cnn_wrong = [wrong(model, valid_images) for model in cnns]
for name, found in (("fully connected", flat_wrong), ("convolutional", cnn_wrong)):
    rates = sorted(w.float().mean().item() for w in found)
    print(f"{name:16} median {rates[2]:.1%}, from {rates[0]:.1%} to {rates[4]:.1%}")
pairs = list(zip(flat_wrong, cnn_wrong, strict=True))
only_flat = sum(int((flat & ~cnn).sum()) for flat, cnn in pairs)
only_cnn = sum(int((cnn & ~flat).sum()) for flat, cnn in pairs)
print(
    f"of all five pairs: only the first wrong {only_flat}, only the second {only_cnn}"
)

# %% tags=["claim"]
error_rates = [w.double().mean().item() for w in cnn_wrong]
ten_digits = median(error_rates)
assert ten_digits < median(w.float().mean().item() for w in flat_wrong)
assert ten_digits < 0.038 and only_flat > 1.3 * only_cnn
record("error_rate", ten_digits)
record("error rates of five seeds", error_rates)
record("fully connected, error rate", flat_shifted[0])
record("fully connected, error rate after two pixels", flat_shifted[2])

# %% [markdown]
# Fewer errors, with one parameter for each fifty of the other network. (The two are not trained alike: each has the loss, the batch and the rate that were chosen for it.) Now the question from the beginning.

# %% [markdown] tags=["predict"]
# The feature maps move along with the digit. How many of its answers will be wrong after one pixel, two, three? Write down three numbers.

# %%
cnn_shifted = {}
for by in range(4):
    x = shifted(valid_images, by)
    rates = [wrong(model, x).float().mean().item() for model in cnns]
    cnn_shifted[by] = median(rates)
    print(
        f"moved by {by}: fully connected {flat_shifted[by]:6.1%} wrong, "
        f"convolutional {cnn_shifted[by]:6.1%}"
    )

# %% [markdown] tags=["answer"]
# It minds less, and it still minds: after three pixels it is wrong about every second time. Its convolutions are equivariant, up to the rim, and no more. All strides together make 8, so only shifts by 8 pixels could pass through to the end number for number; and there a linear layer has weights of their own for each of 3 × 3 places. Invariance is not built in.

# %% [markdown]
# Does the pooling help? Five networks with strides of 2 in its place can tell, trained in the same way on the same images. (Some ten seconds.)


# %%
def strided_cnn() -> nn.Sequential:
    """`small_cnn` with a stride of 2 in place of each pooling: sides 28, 14, 7, 4."""
    full = small_cnn()
    second, third = full[2], full[5]
    second.stride = third.stride = (2, 2)
    last = nn.Linear(32 * 4 * 4, 10)
    with torch.no_grad():
        nn.init.kaiming_normal_(last.weight).mul_(0.5)
        last.bias.zero_()
    kept = [layer for layer in full[:-1] if not isinstance(layer, nn.MaxPool2d)]
    return nn.Sequential(*kept, last)


strided = []
for seed in range(5):
    strided.append(trained_cnn(strided_cnn, lr, seed, everything))
    print(f"seed {seed} trained", flush=True)
strided_shifted = {}
for by in range(4):
    x = shifted(valid_images, by)
    rates = [wrong(model, x).float().mean().item() for model in strided]
    strided_shifted[by] = median(rates)
    print(
        f"moved by {by}: pooling {cnn_shifted[by]:6.1%} wrong, "
        f"strides {strided_shifted[by]:6.1%}"
    )

# %% [markdown]
# Without pooling the network makes more errors to begin with, and minds two pixels nearly as much as the fully connected one. Chapter 13 moves images about in training, and measures on images as they stand.

# %% tags=["claim"]
assert strided_shifted[2] > 1.3 * cnn_shifted[2]
assert cnn_shifted[1] < 0.7 * flat_shifted[1]
assert cnn_shifted[2] < 0.7 * flat_shifted[2]
assert cnn_shifted[3] < 0.9 * flat_shifted[3]
assert cnn_shifted[1] > 1.3 * cnn_shifted[0]
if len(images) < 5000:  # the images that come with the book
    assert cnn_shifted[1] < 0.5 * flat_shifted[1]
    assert cnn_shifted[2] < 0.5 * flat_shifted[2]
    assert 0.35 < cnn_shifted[3] < 0.65
    assert strided_shifted[0] > cnn_shifted[0]
    assert strided_shifted[2] > 0.7 * flat_shifted[2]
record("strides in place of pooling, error rate after two pixels", strided_shifted[2])
record("convolutional, error rate after two pixels", cnn_shifted[2])

# %% [markdown]
# ## What it looks for
#
# The weights of a first layer can be looked at. Here are the eight kernels of the last network, and what each of them makes of one digit.

# %% tags=["figure", "slide"] alt="Above, eight kernels of 5 by 5 weights, ragged, with patches and bars of blue and of orange; below, a digit seven as each of them sees it: in some it is blue all over, in most the bar or the slanting stroke is orange on one side and blue on the other." caption="Eight kernels, blue below 0 and orange above, and below each its feature map of a digit, before ReLU"
first = cnns[4][0]
seven = valid_images[valid_labels == 7][:1]
with torch.no_grad():
    maps = first(seven)[0]
figure, axes = plt.subplots(2, 8, figsize=(5.6, 1.5))
for n in range(8):
    for row, shown in ((0, first.weight.detach()[n, 0]), (1, maps[n])):
        limit = shown.abs().max().item()
        axes[row, n].imshow(shown, cmap=plot.SIGNED, vmin=-limit, vmax=limit)
        axes[row, n].set_axis_off()

# %% [markdown]
# Strokes and edges, one is inclined to say; but one sees faces in clouds (the aside has a control). To know *what* in the image made the network decide is more than looking at one layer; chapter 11 goes after it.

# %% [markdown] tags=["aside"]
# #### Aside: are these strokes?
#
# At the start, which is noise, a weight tells nothing about the one next to it. Count that, as a correlation, for all five networks; and as a control for kernels that are nothing but patches of images, added up with random weights, without labels and without learning:


# %% tags=["aside"]
def neighbours_alike(kernels: torch.Tensor) -> float:
    """Correlation of each weight with the one to its right. Shapes: (O, 5, 5)."""
    centred = kernels - kernels.mean((1, 2), keepdim=True)
    products = centred[:, :, 1:] * centred[:, :, :-1]
    return (products.mean() / (centred**2).mean()).item()


for seed, model in enumerate(cnns):
    torch.manual_seed(seed)
    kernels = model[0].weight.detach()[:, 0]
    before = small_cnn()[0].weight.detach()[:, 0]
    print(
        f"seed {seed}: at the start {neighbours_alike(before):5.2f}, "
        f"trained {neighbours_alike(kernels):5.2f}"
    )

patches = windows(images[:500], 5, 2).flatten(0, 3).flatten(1)
controls = []
for _ in range(5):
    sums = (rand(8, len(patches)) @ (patches - patches.mean(0))).view(8, 5, 5)
    controls.append(neighbours_alike(sums))
print("random sums of patches", *(f"{control:5.2f}" for control in controls))

# %% tags=["aside", "claim"]
smooth = [neighbours_alike(model[0].weight.detach()[:, 0]) for model in cnns]
assert min(smooth) > 0.15 and sorted(controls)[2] > sorted(smooth)[2]

# %% [markdown] tags=["aside"]
# Training has made neighbours alike that were drawn independently. (At the start it is −1/24 on average, as each kernel's own mean is taken off.) But random sums of patches are as smooth: a gradient of the first layer *is* a sum of patches, and patches of digits are smooth. So the kernels are no longer noise, and that they look for strokes is not shown.

# %% [markdown]
# > [!NOTE]- Aside: from LeNet to AlexNet
# > K. Fukushima's *neocognitron* (1980) had layers of shared windows and of pooling, without backpropagation. Y. LeCun and others trained shared windows by backpropagation, with strides in place of pooling, on digits from envelopes (*Backpropagation Applied to Handwritten Zip Code Recognition*, Neural Computation 1, 1989), and nine years later described LeNet-5, with some 60,000 parameters (*Gradient-Based Learning Applied to Document Recognition*, Proceedings of the IEEE 86, 1998), in the paper that also brought MNIST. In 2012 A. Krizhevsky, I. Sutskever and G. Hinton won the ImageNet competition with the same idea at some 60 million parameters: ReLU, dropout, augmented images, and two graphics cards (*ImageNet Classification with Deep Convolutional Neural Networks*). The layer is, in all but details, the one that you have built.
#
# ## Recap
#
# A fully connected layer does not know that pixels have neighbours; a convolution is told so. It looks at windows with one shared kernel, at every place, and moves along with what it sees. Its size is counted, not remembered: $\lfloor (H + 2p - d(k-1) - 1)/s \rfloor + 1$. Copy the windows into columns, and it is a matrix product; forward costs memory, and backward adds up what was copied. The gradient for the image is a full convolution with the flipped kernel. Pooling keeps the largest or the mean. A test on shapes tests shapes. If you remember one thing: **a convolution is one small set of weights, used at every place of the image; written out, it is a matrix product.**
#
# **Terms:** window, local connectivity, kernel, weight sharing, inductive bias, convolution, cross-correlation, feature map, channel, translation equivariance, invariance; padding, stride, dilation; im2col, channels last, Toeplitz matrix, full convolution, transposed convolution; groups, depthwise-separable convolution; pooling, max pooling, average pooling; receptive field.
#
# **Unlocked:** `unfold` and `fold`; `torch.nn.functional.conv2d` and `torch.nn.Conv2d`; `max_pool2d`, `avg_pool2d`, `MaxPool2d` and `AvgPool2d`.
#
# **What changed in the checkpoint:** `convolution.py` is new, with the arithmetic, im2col, convolution and its layer, and pooling; so is `models.py`, with the network that chapters 10 to 13 will train. The backward pass and the pooling layers stay on this page: autograd writes the one, and PyTorch's are unlocked.
#
# **To read on:** Dumoulin and Visin (arXiv:1603.07285), for the pictures; LeCun, Bottou, Bengio and Haffner (1998), sections I and II, which argue this chapter's case; Goodfellow, Bengio and Courville, *Deep Learning* (2016), chapter 9; Araujo, Norris and Sim, *Computing Receptive Fields of Convolutional Neural Networks* (Distill, 2019).
