# %% [markdown]
# # 3. Matrix multiplication
#
# Chapter 2 left us with a network that works and a bill for it: seconds per epoch, nearly all of them spent on multiplying tables and lists of numbers. That operation has a name, and few others have had as much work put into their speed. We shall write it eight times, until it has become a single character (mostly faster than before, and once far slower), and then run chapter 2's network on it.
#
# **You need:** chapter 2, and PyTorch as a box of numbers, no more. **You will reach:** the same network, number for number, in a small fraction of the time, and then a better one. **Time:** about two hours.
#
# From here on we allow ourselves PyTorch's *tensors*: arrays of numbers that can be created, indexed, reshaped, and put through the usual arithmetic, element by element or summed up. Anything beyond that stays locked until we have built it and proved that ours is equal. `make test` holds me to that.

# %%
import random
import time

import matplotlib.pyplot as plt
import torch

from groundup import plot, record, unlock
from groundup.data import mnist

torch.set_num_threads(1)  # a list uses one processor core: fair is fair

training, validation = mnist()
images, labels = training.tensors()
valid_images, valid_labels = validation.tensors()
print("images:", tuple(images.shape), images.dtype)
print("labels:", tuple(labels.shape), labels.dtype)

# %% [markdown]
# A tensor's *shape* says how many numbers it has along each direction (PyTorch says *dimension*, others say *axis*). `images` has shape $(N, 784)$: $N$ rows, one for each image.
#
# ## The thing itself
#
# Take five images, $A$ with shape $(5, 784)$, and the weights of ten outputs, as columns, $B$ with shape $(784, 10)$. What we want is every row of $A$ times every column of $B$, multiplied number by number and added up:
#
# $$C_{ij} = \sum_{k=1}^{784} A_{ik}\, B_{kj}$$
#
# Say "C i j is the sum over k of A i k times B k j". That is *matrix multiplication*; $C$ has shape $(5, 10)$. The inner lengths must agree, and they vanish.

# %% [markdown] exercise="matmul_lists" tags=["prompt"] difficulty="easy" minutes=10
# ### Exercise 3.1: three loops
#
# Write `matmul_lists(a, b)` for lists of rows: three loops, over $i$, $j$ and $k$. If the inner lengths differ, raise a `ValueError` that says both shapes.

# %% [markdown] tags=["hint"]
# The result has as many rows as `a` and as many columns as `b`. Begin with a table of zeros and make each row a new list: remember the friend in chapter 2.

# %% [markdown] tags=["hint"]
# `zeros = [[0.0] * len(b[0]) for _ in range(len(a))]`, and in the innermost loop `c[i][j] += a[i][k] * b[k][j]`.


# %% tags=["solution"]
def matmul_lists(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    if len(a[0]) != len(b):
        raise ValueError(
            f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])}): "
            "the inner lengths must agree"
        )
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% [markdown] tags=["solution"]
# Nothing to confess but the order of the loops, which I changed three times to see whether it mattered. In Python it hardly does: each step is so slow that nothing else shows.

# %% tags=["check"]
square = [[1.0, 2.0], [3.0, 4.0]]
row_by_row = [[5.0, 11.0], [11.0, 25.0]]
got = [list(row) for row in matmul_lists(square, square)]
assert got != row_by_row, "row times row: the second factor runs down its columns"
assert got != [[22.0, 32.0]] * 2, "both rows are one list: make a new one for each"
wide, tall = [[1.0, 2.0, 3.0]], [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]
got = [list(row) for row in matmul_lists(wide, tall)]
assert got != [[7.0], [8.0]], "(1, 3) times (3, 2) has shape (1, 2), not (2, 1)"
assert got != [[1.0, 0.0]], "k runs over the inner length: len(b), not len(a)"
assert got == [[7.0, 8.0]], f"(1, 3) times (3, 2) should be [[7, 8]], not {got}"
got = matmul_lists(square, square)
assert [list(row) for row in got] == [[7.0, 10.0], [15.0, 22.0]], f"not {got}"
for left, right, shapes in (
    (wide, square, ("(1, 3)", "(2, 2)")),
    (square, tall, ("(2, 2)", "(3, 2)")),
):
    try:
        matmul_lists(left, right)
    except ValueError as error:
        assert all(s in str(error) for s in shapes), "say both shapes, like (2, 3)"
    except IndexError:
        raise AssertionError("compare the inner lengths before the loops") from None
    else:
        raise AssertionError(f"{shapes} went through: compare the inner lengths")


# %% [markdown]
# To compare speeds we need a stopwatch that is fair on a busy computer: run several times and keep the shortest, for other work can only slow a run down. Each version will be a rung of a *ladder*, its time kept under its name.

# %%
ladder = {}


def stopwatch(rung: str, function, *arguments, repeats: int = 5):
    """Give back the result; keep the shortest time, in milliseconds, under `rung`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function(*arguments)
        times.append(time.perf_counter() - start)
    ladder[rung] = 1000 * min(times)
    print(f"{rung:28} {ladder[rung]:10.3f} ms")
    return result


# %% tags=["timing"]
generator = torch.Generator().manual_seed(0)
a, b = images[:5], torch.randn(784, 10, generator=generator)
a_lists, b_lists = a.tolist(), b.tolist()
c_lists = stopwatch("lists, three loops", matmul_lists, a_lists, b_lists)
wanted = torch.tensor(c_lists)

# %% [markdown]
# Now the same three loops on tensors, which are made for speed. Guess how much faster before you run it.


# %%
def matmul_loops(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


# %% tags=["timing"]
c = stopwatch("tensors, three loops", matmul_loops, a, b, repeats=1)  # once will do

# %% tags=["claim"]
assert (c - wanted).abs().max() < 1e-4
assert ladder["tensors, three loops"] > 10 * ladder["lists, three loops"]

# %% [markdown]
# Slower, and not by a little. Each `a[i, k]` goes into PyTorch, makes a whole new tensor to hold one number, and comes back. A tensor is a fast lorry; we have used it to fetch one egg at a time. The remedy is to ask for more per journey: a row times a column at once.


# %%
def matmul_rows(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = (a[i] * b[:, j]).sum()  # (784,) * (784,)
    return c


# %% tags=["timing"]
c = stopwatch("row times column", matmul_rows, a, b)

# %% tags=["claim"]
assert (c - wanted).abs().max() < 1e-4
assert ladder["row times column"] < ladder["lists, three loops"]

# %% [markdown]
# ## Shapes that stretch
#
# Next we should like one row of $A$ times *all* columns of $B$ at once: shape $(784)$ times shape $(784, 10)$. The shapes differ. PyTorch has a rule for that, called *broadcasting*, and it is worth knowing by heart: write the two shapes below each other, **aligned on the right**; where a length is missing or 1, that tensor is repeated along that direction; all other lengths must be equal.

# %% [markdown] exercise="broadcast_shape" tags=["prompt"] difficulty="medium" minutes=15
# ### Exercise 3.2: predict the shape
#
# Write `broadcast_shape(first, second)`: two tuples of lengths in, the tuple of the result's lengths out; a `ValueError` with both shapes if they don't fit. First do these three in your head: $(5, 1)$ with $(4)$; $(784, 10)$ with $(784)$; $(8, 1, 6)$ with $(7, 1)$.

# %% [markdown] tags=["hint"]
# Make both tuples equally long by putting 1s in *front* of the shorter one. Then go through them side by side.

# %% [markdown] tags=["hint"]
# For lengths `m` and `n`: if `m == 1` the result has `n`, if `n == 1` or `m == n` it has `m`, else they don't fit. (Not `max(m, n)`: a length of 0 exists, and 0 with 1 gives 0.)

# %% tags=["solution"] export="matmul.py"
"""Matrix multiplication and what it stands on: broadcasting and index notation."""


def broadcast_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that two tensors of these shapes stretch to when they meet.

    Raises: ValueError when two lengths differ and neither is 1.
    """
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded, strict=True):
        if m != n and 1 not in (m, n):
            raise ValueError(
                f"{tuple(first)} and {tuple(second)} do not fit: "
                f"aligned on the right, {m} meets {n}"
            )
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% [markdown] tags=["solution"]
# I aligned on the left, like text. It even worked for my first three examples, all of which had equally many dimensions. The reason for the right: the last directions are the ones inside one example (pixels, channels), and a list of examples should be allowed to meet a single one.


# %% tags=["check"]
def refuses(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    try:
        broadcast_shape(first, second)
    except ValueError as error:
        said = str(first) in str(error) and str(second) in str(error)
        assert said, "say both shapes, as the tuples that they are"
        return True
    return False


got = broadcast_shape((5, 1), (4,))
assert got != (5, 1), "padded behind: the 1s go in front of the shorter shape"
assert got == (5, 4), f"(5, 1) with (4,) stretches to (5, 4), not to {got}"
assert not refuses((4,), (2, 4)), "either of the two may be the shorter"
got = broadcast_shape((8, 1, 6), (7, 1))
assert got != (7, 6), "the longer shape's front was dropped: pad the shorter one"
assert got == (8, 7, 6), f"(8, 1, 6) with (7, 1) stretches to (8, 7, 6), not to {got}"
assert refuses((784, 10), (784,)), "10 meets 784: no fit, the larger does not win"
assert refuses((2, 3), (4, 3)), "2 meets 4: every pair of lengths must fit"
assert refuses((3, 0), (3, 5)), "0 meets 5: no fit"
assert broadcast_shape((3, 0), (1,)) != (3, 1), "0 with 1 gives 0: not the maximum"
assert broadcast_shape((3, 0), (1,)) == (3, 0), "a length of 1 stretches even to 0"


# %% [markdown]
# ## Repeating without copying
#
# "Repeated" sounds like copying, and the copies would fill a lot of memory. But look at how a tensor keeps its numbers: in one long row, with a *stride* for each direction that says how many places further the next number in that direction is.

# %%
table = torch.arange(12).view(3, 4)
print(table)
print("strides:", table.stride())
print("transposed:", table.T.stride(), "first column:", table[:, 0].stride())

# %% tags=["claim"]
assert table.stride() == (4, 1) and table.T.stride() == (1, 4)
assert table.T.data_ptr() == table.data_ptr(), "transposing copied the numbers"

# %% [markdown]
# One step down is four places further, one step to the right is one. To transpose, swap the strides: the numbers stay where they are; the two tensors share one memory, and the second is called a *view* of the first. And a stride can be 0. One step in that direction is no step: the same number again.

# %% [markdown] exercise="expand" tags=["prompt"] difficulty="medium" minutes=15
# ### Exercise 3.3: a stride of 0
#
# Write `expand(x, shape)`: `x` stretched to `shape` by the rule above, without copying a number. `x.as_strided(shape, strides)` gives a view of the same memory with strides of your own choice. A shape that `x` cannot stretch to is a `ValueError`.

# %% [markdown] tags=["hint"]
# Directions that `x` lacks (they are in front) and directions in which `x` has length 1 get stride 0. All others keep theirs.

# %% [markdown] tags=["hint"]
# Pad both `x.shape` (with 1s) and `x.stride()` (with 0s) in front, then `0 if length == 1 else stride`. Ask `broadcast_shape` whether `x` stretches to exactly `shape`.

# %% tags=["solution"] export="matmul.py"
import torch


def expand(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A view of `x` stretched to `shape` by strides of 0: nothing is copied.

    Raises: ValueError when `x` does not stretch to `shape`.
    """
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    missing = len(shape) - x.dim()
    lengths = (1,) * missing + tuple(x.shape)
    strides = (0,) * missing + x.stride()
    repeating = zip(lengths, strides, strict=True)
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in repeating])


# %% [markdown] tags=["solution"]
# I computed the strides from the shape, as if the numbers always lay in reading order. For a transposed tensor they don't, and I got a well-shaped table of numbers from the wrong places. Always ask the tensor for its own strides.

# %% tags=["check"]
column = torch.arange(12.0).view(3, 4)[:, 1:2]  # one column of a larger table
got = expand(column, (3, 4))
assert got.shape == (3, 4), f"the shape should be (3, 4), not {tuple(got.shape)}"
assert got.data_ptr() == column.data_ptr(), "the numbers were copied: use as_strided"
assert got.stride() != (1, 0), "ask the tensor for its own strides: x.stride()"
assert got.stride() == (4, 0), f"strides should be (4, 0), not {got.stride()}"
assert got.tolist() == [[1.0] * 4, [5.0] * 4, [9.0] * 4], "each row repeats its number"
assert expand(column[:, 0], (2, 3)).tolist() == [[1.0, 5.0, 9.0]] * 2, (
    "a missing direction is added in front: pad shape and strides there"
)
turned = torch.arange(6.0).view(2, 3).T
assert expand(turned, (4, 3, 2))[0].tolist() == turned.tolist(), (
    "wrong numbers from a transposed tensor: keep its strides as they are"
)
for x, shape in (torch.zeros(12)[:3], (2, 4)), (torch.zeros(3, 4), (1, 4)):
    try:
        expand(x, shape)
    except ValueError:
        continue
    assert shape == (1, 4), "(3,) went to (2, 4): that reads memory it does not own"
    raise AssertionError("(3, 4) went to (1, 4): nothing shrinks, compare with `shape`")

# %% [markdown]
# Broadcasting is now ours: compute the common shape, expand both, and let them meet. Time for the ceremony that will end many chapters. `unlock` tries our function and PyTorch's on the examples I give it, and on random numbers, zeros and large numbers of the same shapes, all in double precision: same values, same gradients, same parameters after one step. Only then may we use the original.


# %% tags=["timing"]
def broadcast(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    shape = broadcast_shape(a.shape, b.shape)
    return expand(a, shape), expand(b, shape)


shapes = [
    ((5, 1), (4,)),
    ((8, 1, 6), (7, 1)),
    ((3, 0), (1,)),
    ((), (2, 3)),
    ((4, 1, 2), (3, 1)),
]
unlock(
    "torch.broadcast_tensors",
    by=broadcast,
    inputs=[(torch.ones(first), torch.ones(second)) for first, second in shapes],
)

# %% [markdown]
# > [!BUG] Break it: perfect predictions, terrible loss
# > Five predictions, five targets, all of them exactly right. The predictions come as a column, because the network gives back one row for each input. What will the mean squared error be?

# %%
predictions = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
targets = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
loss = ((predictions - targets) ** 2).mean()
print(f"loss {loss:.1f}")

# %% tags=["claim"]
assert loss > 1

# %% [markdown]
# > [!SUCCESS]- What was wrong
# > $(5, 1)$ minus $(5)$ is $(5, 5)$: every prediction is compared with every target. No error, no odd type, only a number that cannot become 0; a network trained on it learns to predict the mean. So many people have met this bug that PyTorch's own loss has warned of it since 2019 (pull request 18349):

# %% tags=["oracle"]
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.nn.functional.mse_loss(predictions, targets)
print(str(caught[0].message))

# %% tags=["claim", "oracle"]
assert "broadcasting" in str(caught[0].message)

# %% [markdown]
# Ours shall refuse:

# %% export="losses.py"
import torch


def errors(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Predictions minus targets. Raises: ValueError when their shapes differ."""
    if predictions.shape != targets.shape:
        raise ValueError(
            f"predictions {tuple(predictions.shape)} for targets "
            f"{tuple(targets.shape)}: broadcasting would compare each with all"
        )
    return predictions - targets


def mse(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared error over all numbers. Units: those of the targets, squared."""
    return (errors(predictions, targets) ** 2).mean()


def mse_grad(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Slope of `mse` for each prediction. Shapes: both (N, K) -> (N, K)."""
    return 2 * errors(predictions, targets) / predictions.numel()


# %%
try:
    mse(predictions, targets)
except ValueError as error:
    print(error)
else:
    raise AssertionError("a column went in with a row, and came out as a loss")

# %% [markdown]
# Back to the ladder. With broadcasting, one loop is left, and then none:


# %%
def matmul_one_loop(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        c[i] = (a[i, :, None] * b).sum(0)  # (784, 1) * (784, 10)
    return c


def matmul_no_loop(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a[:, :, None] * b).sum(1)  # (5, 784, 1) * (784, 10)


# %% tags=["timing"]
for rung, function in [("one loop", matmul_one_loop), ("no loop", matmul_no_loop)]:
    c = stopwatch(f"broadcasting, {rung}", function, a, b, repeats=20)

# %% [markdown]
# (`None` among the indices puts in a direction of length 1; see it in the shape comments.) The version without a loop makes all products before it adds up any: five times 784 times 10 numbers in memory at once. How much would that be for all images?

# %%
result = len(images) * 10 * 4 / 2**20  # 4 bytes a number, 2**20 bytes a mebibyte
print(f"{784 * result:.0f} MiB of products for {result:.2f} MiB of results")

# %% tags=["claim"]
assert 784 * result > 100

# %% [markdown]
# Memory has been traded for speed, and at some size that is a bad trade: the products no longer fit where the processor can reach them quickly. What we want is to *say* the whole operation and leave the order of the work to somebody who knows the machine.
#
# ## Saying it in letters
#
# > [!QUOTE] Paper box: Einstein leaves out the Σ
# > A. Einstein, *Die Grundlage der allgemeinen Relativitätstheorie*, Annalen der Physik 354 (1916), § 5, gives the rule by which four numbers $dx_\nu$ ("d x nu", with $\nu$ from 1 to 4) turn into four others:
# >
# > $$dx'_\sigma = \sum_\nu \frac{\partial x'_\sigma}{\partial x_\nu}\, dx_\nu$$
# >
# > Say "d x prime sigma". The fraction is one number for each pair of $\sigma$ ("sigma") and $\nu$: a table with 4 rows and 4 columns. Then he remarks that in such formulas one always sums over the index that occurs twice, so the $\sum$ may as well be left out.

# %%
jacobian = torch.randn(4, 4, generator=generator)  # ∂x'_σ / ∂x_ν
dx = torch.randn(4, generator=generator)  # dx_ν
dx_prime = torch.zeros(4)  # dx'_σ
for sigma in range(4):
    for nu in range(4):
        dx_prime[sigma] += jacobian[sigma, nu] * dx[nu]

# %% [markdown]
# In letters: `"sn,n->s"`. Name the directions of both factors, name those of the result; whatever is not named in the result is summed over. (That is a little more than Einstein's rule: `"nd,nd->n"` repeats $n$ and keeps it.) Matrix multiplication is `"ik,kj->ij"`, and most sums of products can be said like this.

# %% [markdown] exercise="einsum" tags=["prompt"] difficulty="hard" minutes=30
# ### Exercise 3.4: einsum
#
# Write `einsum(equation, a, b)` for two tensors. Bring both into one common order of directions (the result's letters first, then those to sum over), putting in a direction of length 1 where a tensor lacks a letter; multiply with broadcasting; sum over what the result does not name. Letters that don't match a tensor's dimensions, or a result with letters of its own, are a `ValueError`. Two tools: `x.permute(1, 0)` puts directions into another order, and `x.sum((1, 2))` sums over several of them. In the notebook a helper `align` waits to be written too; do without it if you like.

# %% [markdown] tags=["hint"]
# For `"ik,kj->ij"` the common order is `ijk`: `a` becomes $(i, 1, k)$ and `b` becomes $(1, j, k)$. `x.permute(...)` reorders directions, and indexing with `None` puts in a new one.

# %% [markdown] tags=["hint"]
# `order = output + "".join(sorted(set(first + second) - set(output)))`. To align `x` with letters `names`: `x.permute([names.index(n) for n in order if n in names])`, then index it with `tuple(slice(None) if n in names else None for n in order)`. Beware: `sum(dim=())` sums over everything.


# %% tags=["solution"] export="matmul.py"
def einsum(equation: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sum of products of two tensors whose directions are named, as in "ik,kj->ij".

    Letters that the result does not name are summed over.
    Raises: ValueError when the letters do not match the tensors' dimensions.
    Paper: Einstein 1916, Annalen der Physik 354, section 5.
    """
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    fits = [len({*n}) == len(n) == x.dim() for n, x in ((first, a), (second, b))]
    if not all(fits) or len({*output} & {*first, *second}) != len(output):
        raise ValueError(f"{equation!r} does not name {a.dim()} and {b.dim()} dims")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


def align(x: torch.Tensor, names: str, order: str) -> torch.Tensor:
    """`x`, its directions named by `names`, in `order`; length 1 where it lacks one."""
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


# %% [markdown] tags=["solution"]
# Two traps. With nothing to sum, as in `"i,j->ij"`, I called `sum(dim=())`, and PyTorch takes an empty list of directions for *all* of them. And I used `view` to put the directions in order, which changes the shape without moving the numbers along: the right shape, the wrong numbers. `permute` is the one that turns.

# %% tags=["check"]
short, long = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4)
product = matmul_lists(short.tolist(), long.tolist())
got = einsum("ki,kj->ij", short.T.clone(), long)
assert got.shape == (2, 4), f"ki,kj->ij gave {tuple(got.shape)}, not (2, 4)"
assert got.tolist() == product, (
    "right shape, wrong numbers: permute turns, view does not"
)
assert einsum("ik,kj->ij", short, long).tolist() == product, "ik,kj->ij is wrong"
outer = einsum("i,j->ij", torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
assert outer.dim() == 2, "with nothing to sum over, do not sum: sum(dim=()) sums all"
assert outer.tolist() == [[3.0, 4.0], [6.0, 8.0]], "i,j->ij multiplies all pairs"
turned = einsum("ik,kj->ji", short, long)
assert turned.T.tolist() == product, "the result's letters give its order: ji, not ij"
rows = einsum("ik,kj->i", short, long)
assert rows.dim() == 1, "sum over every letter that the result lacks, shared or not"
assert rows.tolist() == [sum(row) for row in product], "ik,kj->i sums over j and k"
for equation, why in {
    "ijk,kj->i": "the first tensor's letters",
    "ik,kjl->ij": "the second tensor's letters",
    "ik,kj->ix": "a letter that only the result has",
}.items():
    try:
        einsum(equation, short, long)
    except ValueError:
        continue
    except Exception as error:
        raise AssertionError(f"{why}: raise ValueError, not {error!r}") from None
    raise AssertionError(f"{equation} went through: look at {why}")

# %% tags=["claim"]
assert (einsum("sn,n->s", jacobian, dx) - dx_prime).abs().max() < 1e-6

# %% [markdown] exercise="in_letters" tags=["prompt"] difficulty="easy" minutes=10
# ### Exercise 3.5: three sentences
#
# Say these in letters, as strings. `layer`: images `n` by pixels `d`, times a table of weights with one *row* for each hidden unit `h`, giving $(n, h)$. `batched`: `b` separate matrix products at once, $(b, i, k)$ times $(b, k, j)$. `squared_lengths`: for each row `n` of an $(n, d)$ table, the sum of its squares (give the table twice).

# %% [markdown] tags=["hint"]
# A letter that stands in the result is kept separate; a letter that doesn't is summed. In `batched`, `b` is never mixed.

# %% [markdown] tags=["hint"]
# The rows of weights belong to `h`, so the second factor of `layer` is `hd`, and nobody needs to transpose anything.

# %% tags=["solution"]
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% [markdown] tags=["solution"]
# The first shows that weights can keep one row for each unit: the letters do the transposing, and chapter 2's rows stay rows.

# %% tags=["check"]
for answer in (layer, batched, squared_lengths):
    assert isinstance(answer, str), "write each answer as a string such as 'ik,kj->ij'"
layer, batched, squared_lengths = (
    answer.replace(" ", "") for answer in (layer, batched, squared_lengths)
)
assert layer != "nd,dh->nh", "the weights have one row for each hidden unit: hd"
assert layer != "nd,hd->hn", "the result is (n, h): one row for each image"
assert layer == "nd,hd->nh", f"layer should not be {layer!r}"
for answer, letters in (layer, "ndh"), (batched, "bikj"), (squared_lengths, "nd"):
    assert set(answer) - set(",->") == set(letters), "use the letters of the exercise"
assert batched != "bik,bkj->ij", "b is summed away: name it in the result to keep it"
assert batched == "bik,bkj->bij", f"batched should not be {batched!r}"
assert squared_lengths.count("nd") > 1, "give the table twice: nd,nd"
assert squared_lengths != "nd,nd->", "that is one sum for the whole table: keep n"
assert squared_lengths != "nd,nd->nd", "nothing is summed: leave d out of the result"
assert squared_lengths == "nd,nd->n", (
    f"squared_lengths should not be {squared_lengths!r}"
)


# %% tags=["timing"]
def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator)


unlock(
    "torch.einsum",
    by=einsum,
    inputs=[
        ("ik,kj->ij", rand(5, 7), rand(7, 3)),
        (layer, rand(6, 4), rand(3, 4)),
        (batched, rand(2, 3, 4), rand(2, 4, 5)),
        (squared_lengths, rand(6, 4), rand(6, 4)),
        ("i,j->ij", rand(3), rand(1)),
        ("ab,cab->", rand(2, 3), rand(4, 2, 3)),
        ("ik,kj->ij", rand(0, 7), rand(7, 3)),
    ],
)

# %% [markdown]
# Matrix multiplication is now one of `einsum`'s sentences. PyTorch's `matmul` (written `@`) knows many forms of it; here are the three that this book needs. One thing must be added that the letters don't say: in `einsum` a length of 1 stretches, and here it must not.


# %% export="matmul.py"
def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Matrix product with a vector, with a matrix, or of two stacks of matrices.

    Shapes: (i, k) with (k) or (k, j); or (b, i, k) with (b, k, j).
    Raises: ValueError for other dimensions, or when the inner lengths differ.
    """
    equations = {
        (2, 1): "ik,k->i",
        (2, 2): "ik,kj->ij",
        (3, 3): "bik,bkj->bij",
    }
    shapes = tuple(a.shape), tuple(b.shape)
    if (a.dim(), b.dim()) not in equations or a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(f"{shapes[0]} times {shapes[1]}: the inner lengths must agree")
    return einsum(equations[a.dim(), b.dim()], a, b)


# %% tags=["timing"]
unlock(
    "torch.matmul",
    by=matmul,
    also=("@",),
    inputs=[
        (rand(5, 784), rand(784, 10)),
        (rand(4, 3).T, rand(4, 2)),
        (rand(2, 1), rand(3, 4)),
        (rand(5, 3), rand(3)),
        (rand(2, 3, 4), rand(2, 4, 5)),
        (rand(0, 3), rand(3, 2)),
        (rand(1, 1), rand(1, 1)),
    ],
)

# %% [markdown]
# Look at the last line of this certificate. Ours is equal, and slower: it still makes all products first and adds them up afterwards. PyTorch hands the sentence to a routine that has been tuned for decades, which keeps small blocks of both tables where the processor can reach them fastest. The rule of this course is not that ours must be fast. It is that we know what theirs does.
#
# ## The ladder, to the top

# %% tags=["timing"]
for rung, function in [
    ("our einsum", lambda a, b: einsum("ik,kj->ij", a, b)),
    ("torch.einsum", lambda a, b: torch.einsum("ik,kj->ij", a, b)),
    ("@", lambda a, b: a @ b),
]:
    c = stopwatch(rung, function, a, b, repeats=50)

# %% tags=["claim"]
assert ladder["@"] < ladder["our einsum"] < ladder["lists, three loops"] / 10
record(
    "speed ladder, times as fast as lists, @",
    ladder["lists, three loops"] / ladder["@"],
)
record("speed ladder, ms", list(ladder.values()))

# %% tags=["timing", "figure", "slide"] alt="Bars on a logarithmic scale: three loops over tensors are slowest by far, three loops over lists next, then row times column, broadcasting and einsum; the @ operator is fastest."
figure, ax = plt.subplots(figsize=(6.4, 3.2))
ax.barh(list(ladder), list(ladder.values()), height=0.6)
for position, milliseconds in enumerate(ladder.values()):
    ax.text(milliseconds * 1.2, position, f"{milliseconds:.3g}", va="center")
ax.set(xscale="log", xlabel="milliseconds for (5, 784) times (784, 10)")
ax.set_xlim(right=8 * max(ladder.values()))
ax.invert_yaxis()
figure.tight_layout()

# %% [markdown]
# Every rung computes the same fifty numbers. These times are from the machine that made this page; run the chapter and the picture shows yours.
#
# ## Chapter 2, in tables
#
# Now the network. Its formulas lose their indices when whole tables speak. $X$ holds $N$ inputs, one in each row; $W^\top$ ("W transposed") is $W$ with rows and columns swapped:
#
# $$Z = X W^\top + b \qquad H = \operatorname{relu}(Z) \qquad \hat Y = H V^\top + c$$
#
# The shapes tell you where each factor goes: $(N, D)$ times $(D, H)$ is $(N, H)$, and $b$, with shape $(H)$, is broadcast over the rows. (Alone, $H$ is the table of activations; in a shape, how many there are.) I go through the checkpoint from the bottom up. A name leaves it by being imported once more and deleted, as `predict` is here. What worked on one row of numbers goes, what works on tables comes. (The sigmoid goes too: nobody has called for it.)

# %% export="linear.py"
"""The linear layer: every output a weighted sum of all inputs, plus an offset."""

import torch

from ch02.linear import predict

del predict


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Weighted sums, offset. Shapes: x (N, D), weight (K, D), bias (K) -> (N, K)."""
    return x @ weight.T + bias


# %% export="activations.py"
import torch

from ch02.activations import sigmoid, sigmoid_grad

del sigmoid, sigmoid_grad


def relu(z: torch.Tensor) -> torch.Tensor:
    """`z` where it is positive, else 0."""
    return z.clamp(min=0)


def relu_grad(z: torch.Tensor) -> torch.Tensor:
    """Derivative of `relu` at `z`; at the corner, 0 by convention."""
    return (z > 0).to(z.dtype)


# %% [markdown]
# On the way back the sums over $k$ and over the images become products too. Chapter 5 derives them; for now, let the shapes lead you, and check the result. $\partial L/\partial \hat Y$ is a table with one slope for each output of each image, shape $(N, K)$. Blame passes the bend as before, number by number: $\partial L/\partial Z$ is $\partial L/\partial H$ times $\operatorname{relu}'(Z)$. A bias collects the blame of all images, a sum down its column. The rest are products of tables:
#
# $$\frac{\partial L}{\partial H} = \frac{\partial L}{\partial \hat Y}\, V
# \qquad
# \frac{\partial L}{\partial V} = \left(\frac{\partial L}{\partial \hat Y}\right)^{\!\top} H
# \qquad
# \frac{\partial L}{\partial W} = \left(\frac{\partial L}{\partial Z}\right)^{\!\top} X$$

# %% export="network.py"
"""A network with one hidden layer of ReLU units, for batches of inputs."""

import math
from dataclasses import dataclass

import torch


@dataclass
class Network:
    """The knobs of the network, or one slope for each of them.

    Shapes: hidden_weight (H, D), hidden_bias (H), output_weight (K, H),
    output_bias (K).
    """

    hidden_weight: torch.Tensor
    hidden_bias: torch.Tensor
    output_weight: torch.Tensor
    output_bias: torch.Tensor

    def parameters(self) -> list[torch.Tensor]:
        """The four tensors: change them and the network changes."""
        return [
            self.hidden_weight,
            self.hidden_bias,
            self.output_weight,
            self.output_bias,
        ]


def forward(
    network: Network, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pre-activations, activations and outputs for a batch of inputs.

    Shapes: x (N, D) -> z (N, H), hidden (N, H), outputs (N, K).
    """
    z = linear(x, network.hidden_weight, network.hidden_bias)
    hidden = relu(z)
    return z, hidden, linear(hidden, network.output_weight, network.output_bias)


def backward(
    network: Network,
    x: torch.Tensor,
    z: torch.Tensor,
    hidden: torch.Tensor,
    output_grad: torch.Tensor,
) -> Network:
    """The slope of the loss for every knob, given its slopes for the outputs.

    Shapes: x (N, D), z (N, H), hidden (N, H), output_grad (N, K) -> the network's.
    """
    z_slopes = (output_grad @ network.output_weight) * relu_grad(z)  # (N, H)
    return Network(
        z_slopes.T @ x,  # (H, N) @ (N, D)
        z_slopes.sum(0),
        output_grad.T @ hidden,  # (K, N) @ (N, H)
        output_grad.sum(0),
    )


def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: torch.Generator
) -> Network:
    """A network of random weights, scaled to keep sums in bounds, and biases of 0."""

    def table(rows: int, columns: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(rows, columns, generator=rng)

    return Network(
        table(hidden_features, in_features, math.sqrt(2 / in_features)),
        torch.zeros(hidden_features),
        table(out_features, hidden_features, math.sqrt(1 / hidden_features)),
        torch.zeros(out_features),
    )


# %% [markdown]
# The training loop corrects after every *batch* of images, by the mean of their slopes. With batches of one it is chapter 2's, image by image. The linear model's own loop can go: a network does what it did.

# %% export="training.py"
import random

import torch

from ch02.training import gradient_descent

del gradient_descent


def sgd_epoch(
    network: Network,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lr: float,
    rng: random.Random,
    batch_size: int = 1,
) -> float:
    """Correct the network after every batch, once through all inputs in random order.

    Shapes: inputs (n, D), targets (n, K) -> the mean loss, each before its correction.
    """
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        x, wanted = inputs[batch], targets[batch]
        z, hidden, outputs = forward(network, x)
        total += len(batch) * mse(outputs, wanted).item()
        slopes = backward(network, x, z, hidden, mse_grad(outputs, wanted))
        for parameter, slope in zip(
            network.parameters(), slopes.parameters(), strict=True
        ):
            parameter -= lr * slope
    return total / len(inputs)


# %% export="gradients.py"
from collections.abc import Callable

import torch

from ch02.gradients import linear_grad

del linear_grad


def numerical_grad(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], step: float = 1e-5
) -> list[torch.Tensor]:
    """Slope of `loss()` for every number in `parameters`, by central differences.

    Each number is nudged where it stands and put back. Shapes: as `parameters`.
    """
    slopes = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, parameter_slopes in zip(parameters, slopes, strict=True):
        numbers, number_slopes = parameter.view(-1), parameter_slopes.view(-1)
        for i, knob in enumerate(numbers.tolist()):
            numbers[i] = knob + step
            up = loss()
            numbers[i] = knob - step
            number_slopes[i] = (up - loss()) / (2 * step)
            numbers[i] = knob
    return slopes


# %% export="metrics.py"
import torch


def error_rate(guesses: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of `guesses` that differ from `labels`, from 0 to 1. Shapes: both (n)."""
    return (guesses != labels).double().mean().item()


def dead_units(network: Network, inputs: torch.Tensor) -> int:
    """How many hidden units give 0 for every input. Shapes: inputs (n, D)."""
    return int((forward(network, inputs)[1].sum(0) == 0).sum())


# %% [markdown]
# First the nudges, as always. Then the real question: is it still the *same* network? I take chapter 2's list version with its random weights, copy them, and train both on every tenth image, in the same order.

# %%
network = init_network(3, 5, 2, generator)  # in double precision, for nudging:
for name in ("hidden_weight", "hidden_bias", "output_weight", "output_bias"):
    setattr(network, name, getattr(network, name).double())
x, target = rand(4, 3).double(), rand(4, 2).double()
z, hidden, outputs = forward(network, x)
slopes = backward(network, x, z, hidden, mse_grad(outputs, target))
nudged = numerical_grad(
    lambda: mse(forward(network, x)[2], target), network.parameters()
)
differences = [
    (a - n).abs().max() for a, n in zip(slopes.parameters(), nudged, strict=True)
]

# %% tags=["claim"]
assert max(differences) < 1e-8

# %% tags=["timing"]
from ch02.network import init_network as init_lists
from ch02.training import sgd_epoch as sgd_epoch_lists

lists = init_lists(784, 30, 10, random.Random(0))
tables = Network(
    *(
        torch.tensor(part, dtype=torch.float64)
        for part in (
            lists.hidden_weight,
            lists.hidden_bias,
            lists.output_weight,
            lists.output_bias,
        )
    )
)
some = images[::10].double()
some_targets = (labels[::10, None] == torch.arange(10)).double()  # one-hot, (n, 10)

start_lists = time.perf_counter()
loss_lists = sgd_epoch_lists(
    lists, some.tolist(), some_targets.tolist(), 0.05, random.Random(1)
)
between = time.perf_counter()
loss_tables = sgd_epoch(tables, some, some_targets, 0.05, random.Random(1))
end = time.perf_counter()
times_as_fast = (between - start_lists) / (end - between)
print(f"lists   {1000 * (between - start_lists):8.1f} ms, loss {loss_lists:.12f}")
print(f"tables  {1000 * (end - between):8.1f} ms, loss {loss_tables:.12f}")
print(f"{times_as_fast:.0f} times as fast")

# %% tags=["claim"]
assert times_as_fast > 4
record("times as fast as lists, one image at a time", times_as_fast)

# %%
gaps = []
for part in ("hidden_weight", "hidden_bias", "output_weight", "output_bias"):
    from_lists = torch.tensor(getattr(lists, part), dtype=torch.float64)
    gaps.append((getattr(tables, part) - from_lists).abs().max().item())
print(f"after all those corrections no knob differs by more than {max(gaps):.0e}")

# %% tags=["claim"]
assert max(gaps) < 1e-10 and abs(loss_tables - loss_lists) < 1e-10

# %% [markdown]
# The same network, number for number, up to the last digits of a float, which depend on the order in which things are added. And still we correct after every single image. Most of the time now goes into asking for small tables; so ask for larger ones:

# %% tags=["timing"]
start = time.perf_counter()
sgd_epoch(tables, some, some_targets, 0.05, random.Random(1), batch_size=20)
batched_times = (between - start_lists) / (time.perf_counter() - start)
print(f"in batches of 20: {batched_times:.0f} times as fast as lists")

# %% tags=["claim"]
assert batched_times > 2 * times_as_fast
record("times as fast as lists, batches of 20", batched_times)

# %% [markdown]
# Batches mean fewer corrections, each along a gradient averaged over more images. So this is no longer the same training, and it wants a larger learning rate. Two epochs each, with chapter 2's recipe on top:

# %%
targets = (labels[:, None] == torch.arange(10)).float()  # (N, 1) with (10)


def train(
    hidden_features: int, lr: float, batch_size: int, epochs: int, seed: int = 0
) -> tuple[Network, float]:
    """A network trained on all images, and its error rate on new ones."""
    generator, rng = torch.Generator().manual_seed(seed), random.Random(seed)
    network = init_network(784, hidden_features, 10, generator)
    for _ in range(epochs):
        sgd_epoch(network, images, targets, lr, rng, batch_size)
    guesses = forward(network, valid_images)[2].argmax(1)  # (N, 10) -> (N)
    return network, error_rate(guesses, valid_labels)


recipes = [(0.05, 1), (0.05, 20), (0.5, 20)]
two_epochs = [train(30, lr, batch_size, epochs=2)[1] for lr, batch_size in recipes]
for (lr, batch_size), wrong in zip(recipes, two_epochs, strict=True):
    print(f"rate {lr:4}, batches of {batch_size:2}: {wrong:.1%} wrong")

# %% tags=["claim"]
assert two_epochs[2] < 0.7 * two_epochs[1]

# %% [markdown]
# The larger rate makes up for most of what the fewer corrections lost. What to do with so much time? More hidden units, more epochs, and, because luck has a say, three networks instead of one:

# %%
error_rates = []
for seed in range(3):
    network, wrong = train(100, lr=0.5, batch_size=20, epochs=30, seed=seed)
    error_rates.append(wrong)
ten_digits = sorted(error_rates)[1]
print("three seeds:", *[f"{rate:.1%}" for rate in error_rates])
print(f"the median: {ten_digits:.1%} wrong")

# %% tags=["claim"]
assert ten_digits < min(0.085, 0.8 * two_epochs[0])
record("error_rate", ten_digits)

# %% tags=["figure", "slide"] alt="What training added to sixteen hidden units: patches in orange and blue in the middle of each picture, and nothing at all around them."
before = init_network(784, 100, 10, torch.Generator().manual_seed(seed))
learnt = network.hidden_weight - before.hidden_weight
figure, axes = plt.subplots(2, 8, figsize=(7.4, 2.0))
for ax, row in zip(axes.flat, learnt, strict=False):
    plot.weights(row, ax)
figure.tight_layout(pad=0.3)
never_inked = images.amax(0) == 0

# %% tags=["claim"]
assert never_inked.any() and not learnt[:, never_inked].any()

# %% [markdown]
# What training added to the random weights of sixteen hidden units, drawn like chapter 1's weights: patches that a unit has come to look for or to shun. Nobody told them to. Underneath, the random numbers from the start are still there. Where no training image ever had ink, nothing was learnt at all: a weight's slope is blame times input, and the input was always 0.
#
# ## Recap
#
# Matrix multiplication is every row times every column. Broadcasting aligns shapes on the right and repeats lengths of 1 by a stride of 0, without copying. Index notation says which directions are kept and which are summed, and `@` is its most frequent sentence. Speed does not come from doing less but from asking for more at once. If you remember one thing: **write down the shapes; they tell you the formula.** And they won't tell you everything: $(5, 1)$ minus $(5)$ has a shape, too.
#
# **Unlocked:** `torch.broadcast_tensors` (and broadcasting with it), `torch.einsum`, `torch.matmul` and `@`.
#
# **What changed in the checkpoint:** `matmul.py` is new. `network.py`, `activations.py`, `losses.py`, `training.py`, `gradients.py` and `metrics.py` say the same things about tables that they said about rows. In `linear.py`, `linear` has taken the place of `predict`. `linear_grad` and `gradient_descent` are gone, for the network does their work, and so is the sigmoid.
#
# **To read on:** Harris et al., *Array programming with NumPy* (Nature 585, 2020), for where strides and broadcasting come from; Rocktäschel, *Einsum is all you need* (2018); fast.ai's *Deep Learning from the Foundations*, lesson 8, which climbs the same ladder.
