# %% [markdown]
# # 3. Matrix multiplication
#
# Chapter 2 left us with a network that works and a bill for it: seconds per epoch, nearly all of them spent on weighted sums, one number at a time. Thousands of weighted sums at once have a name, *matrix multiplication*. We shall write it again and again until it has become a single character, find out where the time goes, and then run chapter 2's network on it.
#
# **You need:** chapters 1 and 2, and no knowledge of PyTorch. **You will reach:** the same network, number for number, in a small fraction of the time, and then a better one, with some 6 errors in 100. **Time:** about four hours, more than half of them for the exercises; the computer needs less than a minute.
#
# From here on we allow ourselves PyTorch's *tensors*: arrays of numbers that can be created, indexed, reshaped, and put through ordinary arithmetic, number by number or summed up. What would do the work of this chapter for us is *locked*: the products (`@`, `matmul`, `mm`, `mv`, `dot`, `tensordot` and their kin), `einsum`, and whatever repeats a tensor to fit another (`expand`, `broadcast_to`, `broadcast_tensors`). Each is freed when we have built our own and compared the two. In a notebook nothing stops you but you.

# %%
import random
import time

import matplotlib.pyplot as plt
import torch

from groundup import plot, record, unlock
from groundup.data import mnist

torch.set_num_threads(1)  # lists use one processor core: fair is fair

training, validation = mnist()
images, labels = training.tensors()
valid_images, valid_labels = validation.tensors()
print("images:", tuple(images.shape), images.dtype)
print("labels:", tuple(labels.shape), labels.dtype)

# %% [markdown]
# ## Tensors, poked at
#
# A **tensor** is an array of numbers of one kind. Its **shape** gives its length along each **dimension** (NumPy says *axis*; a shape of one dimension is written like Python's tuple, $(4,)$), its **dtype** ("d type") the kind of number. With no dimension it is a **scalar**, with one a **vector**, with two a **matrix**: `images` is a matrix of shape $(N, 784)$, one row for each of $N$ images. Before any rule, let us make a few and poke at them.

# %%
small = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
print(small.shape, small.dim(), small.dtype, torch.tensor([1, 2]).dtype)
print(torch.zeros(2, 3), torch.arange(6), sep="\n")
print(torch.tensor(0.1).item(), torch.tensor(0.1, dtype=torch.float64).item())

# %% [markdown]
# A `float32`, the usual kind, takes 4 bytes and is good for about seven digits, as its 0.1 shows. A `float64`, Python's own float, takes 8 and is good for about sixteen. (`.item()` takes the number out of a tensor that holds only one.)

# %%
print("row 1:      ", small[1])
print("column 0:   ", small[:, 0])
print("a piece:    ", small[0:1, 1:])
print("rows 1, 1, 0:", small[[1, 1, 0]])
print("a mask:     ", small > 2.5)
print("masked:     ", small[small > 2.5])
print("all sevens: ", images[labels == 7].shape)

# %% [markdown]
# An index takes its dimension away. A **slice** `from:to` keeps it, and `:` alone takes everything. A list of indices picks rows in that order, and a **boolean mask** picks whatever stands where it is true.

# %% [markdown] tags=["predict"]
# `None` among the indices and the methods below change shapes. `cube` has shape $(2, 3, 4)$. Write down the other seven shapes, and guess where you cannot know.

# %%
cube = torch.arange(24).view(2, 3, 4)
shapes = {
    "cube[:, 0]": cube[:, 0],
    "cube[:, None]": cube[:, None],
    "cube.view(6, 4)": cube.view(6, 4),
    "cube.permute(2, 0, 1)": cube.permute(2, 0, 1),
    "cube.sum(0)": cube.sum(0),
    "cube.sum((1, 2))": cube.sum((1, 2)),
    "cube.sum(2, keepdim=True)": cube.sum(2, keepdim=True),
}
for expression, result in shapes.items():
    print(f"{expression:26}", tuple(result.shape))

# %% [markdown] tags=["answer"]
# `None` puts in a dimension of length 1. `view` reads the same numbers, in the same order, in another shape. `permute(2, 0, 1)` says for each *new* dimension which old one goes there: first old dimension 2, of length 4, then 0, then 1. A **reduction** (`sum`, `mean`, `amax`, …) makes one number out of all that lie along the dimensions you name; `keepdim=True` leaves a length of 1 in their place.

# %% tags=["claim"]
got = [tuple(result.shape) for result in shapes.values()]
assert got[:4] == [(2, 4), (2, 1, 3, 4), (6, 4), (4, 2, 3)]
assert got[4:] == [(3, 4), (2,), (2, 3, 1)]

# %% [markdown]
# One more pair. Both have shape $(3, 2)$, and only one of them is **transposed**, with rows and columns swapped:

# %%
print(small.T)
print(small.view(3, 2))

# %% [markdown]
# `.T` turns and `.view` does not. No error will ever tell them apart for you. Remember it for exercise 3.4.
#
# ## A product, by hand
#
# Take two small matrices,
#
# $$A = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
# \qquad
# B = \begin{pmatrix} 5 & 6 \\ 7 & 8 \end{pmatrix}$$
#
# and ask for four weighted sums: each row of $A$ with each column of $B$, multiplied number by number and added up. Row 0 with column 1 is $1 \cdot 6 + 2 \cdot 8 = 22$. Such a sum is chapter 1's dot product, and its `predict` was one, plus a bias. All four together are the **matrix product** $C = AB$, which Python writes `A @ B`; that sign is locked, until we have earned it. Write $A$ to the left and $B$ above, and each number of $C$ stands where its row meets its column:

# %% tags=["figure"] alt="The matrix A with rows 1 2 and 3 4 to the left, B with rows 5 6 and 7 8 above, and C where they meet. Row 0 of A and column 1 of B are marked, and the 22 where they cross: 1 times 6 plus 2 times 8."
plot.product([[1, 2], [3, 4]], [[5, 6], [7, 8]], at=(0, 1))

# %% [markdown]
# In general $A$ has shape $(n, m)$, $B$ has shape $(m, p)$, and $C$ has shape $(n, p)$:
#
# $$C_{ij} = \sum_{k=0}^{m-1} A_{ik}\, B_{kj}$$
#
# Say "C i j is the sum over k of A i k times B k j" (and count from 0, as Python does). The **inner lengths**, both $m$, must agree, and they vanish. For five images and the weights of ten outputs, one column for each, that is $(5, 784)$ times $(784, 10)$, which gives $(5, 10)$.

# %% [markdown] exercise="matmul_lists" tags=["prompt"] difficulty="easy" minutes=15
# ### Exercise 3.1: three loops
#
# Write `matmul_lists(a, b)` for lists of rows: three loops, over $i$, $j$ and $k$. If the inner lengths differ, raise a `ValueError` that says both shapes as they were given, such as `(2, 3)`.

# %% [markdown] tags=["hint"]
# The result has as many rows as `a` and as many columns as `b`. Begin with zeros, and make each row a list of its own.

# %% [markdown] tags=["hint"]
# The shape of `a` is `len(a)` by `len(a[0])`; compare before the loops. In the innermost one, one product is *added* to `c[i][j]`: what are the two places that it comes from?


# %% tags=["solution"]
def matmul_lists(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """The matrix product of two lists of rows. Shapes: a (n, m), b (m, p) -> (n, p)."""
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
# I began with `[[0.0] * len(b[0])] * len(a)`, and for the two matrices above I got `[[62, 72], [62, 72]]`: both rows were one and the same list, into which the products of all rows went. It is chapter 2's friend again, whose network had one row of weights sixteen times.


# %% tags=["check"]
def product_of(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    shapes = f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})"
    before = [list(row) for row in a], [list(row) for row in b]
    try:
        got = matmul_lists(a, b)
    except ValueError as error:
        refused = all(shape in str(error) for shape in shapes.split(" times "))
        assert not refused, (
            f"{shapes} fits, and was refused: the inner lengths are len(a[0]) and "
            "len(b)"
        )
        raise AssertionError(f"{shapes} fits, and stops at {error!r}") from error
    except IndexError:
        raise AssertionError(
            f"{shapes}: an index ran past the end: i counts the rows of a, j the "
            "columns of b, and k the inner length, and c must have len(a) rows of "
            "len(b[0]) zeros before you add"
        ) from None
    except Exception as error:
        raise AssertionError(f"{shapes}: your code stops at {error!r}") from error
    assert before == (a, b), "a or b has changed: write into a new list of rows"
    assert got is not None, "nothing came back: return the rows"
    is_rows = isinstance(got, (list, tuple)) and all(
        isinstance(row, (list, tuple)) for row in got
    )
    assert is_rows, f"give back a list of rows, not {got!r}"
    for i, row in enumerate(got):
        for j, x in enumerate(row):
            is_number = isinstance(x, (int, float)) or getattr(x, "ndim", 1) == 0
            assert is_number, f"row {i}, column {j} is {x!r}, not a number"
    return [[float(x) for x in row] for row in got]


def check_products() -> None:
    p, q = [[2.0, 3.0], [-1.0, 4.0]], [[5.0, -2.0], [7.0, 6.0]]
    wide, other = (
        [[2.0, -1.0, 3.0], [4.0, 5.0, -2.0]],
        [[1.5, -2.0, 4.0, 3.0], [5.0, 7.0, -3.0, 2.0], [6.0, -4.0, 2.5, 8.0]],
    )
    wanted = [[16.0, -23.0, 18.5, 28.0], [19.0, 35.0, -4.0, 6.0]]
    got = product_of(p, q)
    for wrong, why in (
        (
            [[4.0, 32.0], [-13.0, 17.0]],
            "row times row: the second factor runs down its columns, b[k][j]",
        ),
        (
            [[3.0, -10.0], [43.0, 18.0]],
            "column times column: the first factor runs along its rows, a[i][k]",
        ),
        (
            [[12.0, 7.0], [8.0, 45.0]],
            "that is b times a, and the order matters: rows of a with columns of b",
        ),
        (
            [[31.0, 23.0], [14.0, 26.0]],
            "rows and columns of the result are swapped: i picks the row",
        ),
        ([[54.0, 40.0]] * 2, "both rows are one list: make a new one for each"),
        (
            [[10.0, -6.0], [-7.0, 24.0]],
            "number times number at the same place: a whole row meets a whole column",
        ),
        (
            [[21.0, 18.0], [28.0, 24.0]],
            "of the two products only the last is left: begin k at 0, add each with "
            "+=, and set the sum to 0 before k begins, not within",
        ),
        (
            [[-31.0, -14.0], [-23.0, -26.0]],
            "every sign is the wrong way round: products are added",
        ),
        (
            [[10.0, -4.0], [-5.0, 2.0]],
            "of the two products only the first is there: k runs to the end of the "
            "inner length",
        ),
        ([[0.0, 0.0], [0.0, 0.0]], "zeros are left: the products go nowhere"),
    ):
        assert got != wrong, why
    got = product_of(wide, other)
    assert [len(got), *map(len, got)] == [2, 4, 4], (
        f"(2, 3) times (3, 4) is two rows of four numbers, not {got}"
    )
    assert got != [[-2.0, -11.0, 11.0, 4.0], [31.0, 27.0, 1.0, 22.0]], (
        "one product too few: k runs over the inner length, from 0 to len(b) - 1"
    )
    assert got != [wanted[0], [0.0] * 4], (
        "the last row is empty: i runs to len(a) - 1, and the return stands after all "
        "loops"
    )
    assert got != [[*row[:3], 0.0] for row in wanted], (
        "the last column is empty: j counts the columns of b, len(b[0])"
    )
    assert got == wanted, f"{wide} times {other} came out as {got}, not {wanted}"
    got = product_of([[3.0, 2.0]], [[5.0], [7.0]])
    assert got == [[29.0]], f"[[3, 2]] times [[5], [7]] is [[29]], not {got}"
    got = product_of([[3.0], [2.0]], [[5.0, 7.0, 4.0]])
    assert got == [[15.0, 21.0, 12.0], [10.0, 14.0, 8.0]], (
        f"[[3], [2]] times [[5, 7, 4]] has two rows of three numbers, not {got}"
    )
    for left, right in (wide, p), (p, wide[:1]), (p, other), ([[3.0], [2.0]], p):
        given = [f"({len(rows)}, {len(rows[0])})" for rows in (left, right)]
        try:
            got = matmul_lists(left, right)
        except ValueError as error:
            said = all(shape in str(error) for shape in given)
            assert said, (
                f"say both shapes as they were given, {' and '.join(given)}; you say: "
                f"{error}"
            )
        except IndexError:
            raise AssertionError(
                f"{' times '.join(given)} got as far as the loops, and past the end of "
                "a row: the inner lengths come first"
            ) from None
        except Exception as error:
            raise AssertionError(f"raise a ValueError, not {error!r}") from None
        else:
            assert not isinstance(got, Exception), "raise the error, do not return it"
            raise AssertionError(
                f"{' times '.join(given)} went through: the inner lengths differ"
            )


check_products()


# %% [markdown]
# To compare speeds we need a stopwatch that is fair on a busy computer: several runs, of which the shortest counts, for other work can only slow a run down. Each version becomes a rung of a *ladder*, all for those five images.


# %%
def milliseconds(function, *arguments, repeats: int = 5) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def matmul_loops(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


generator = torch.Generator().manual_seed(0)
a, b = images[:5], torch.randn(784, 10, generator=generator)
a_lists, b_lists = a.tolist(), b.tolist()

# %% [markdown] tags=["predict"]
# `matmul_loops` is your three loops, on tensors in place of lists. How long will it take, next to the lists?

# %% tags=["timing"]
ladder = {
    "lists, three loops": milliseconds(matmul_lists, a_lists, b_lists),
    "tensors, three loops": milliseconds(matmul_loops, a, b, repeats=2),
}
for rung, ms in ladder.items():
    print(f"{rung:24} {ms:9.3f} ms")

# %% [markdown] tags=["answer"]
# Tensors are made for speed, and these are slower than lists, and not by a little. Each `a[i, k]` goes into PyTorch, makes a whole new tensor to hold one number, and comes back. A tensor is a fast lorry, and we have sent it to fetch one egg at a time.

# %% tags=["claim"]
wanted = torch.tensor(matmul_lists(a_lists, b_lists))
assert (matmul_loops(a, b) - wanted).abs().max() < 1e-3
assert ladder["tensors, three loops"] > 10 * ladder["lists, three loops"]

# %% [markdown]
# The next version asks PyTorch for more at a time, a whole row times a whole column:


# %% tags=["timing"]
def matmul_rows(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = (a[i] * b[:, j]).sum()  # (784,) * (784,)
    return c


ladder["row times column"] = milliseconds(matmul_rows, a, b)
print(f"row times column: {ladder['row times column']:.3f} ms")

# %% tags=["claim"]
assert (matmul_rows(a, b) - wanted).abs().max() < 1e-3
assert ladder["row times column"] < ladder["lists, three loops"]

# %% [markdown]
# ## Shapes that stretch
#
# Next we should like one row of $A$ times *all* columns of $B$ at once, and their shapes differ. PyTorch has a rule for that, **broadcasting**. Look at what it does before we build it:

# %% tags=["oracle"]
column, row = torch.tensor([[10], [20], [30]]), torch.tensor([1, 2, 3, 4])
print(column + row)

# %% tags=["figure"] alt="A column of 10, 20, 30 and a row of 1, 2, 3, 4, each repeated, dashed, until both have three rows and four columns; their sum has rows 11 12 13 14, 21 22 23 24 and 31 32 33 34."
plot.broadcast([[10], [20], [30]], [1, 2, 3, 4])

# %% [markdown]
# The column, of shape $(3, 1)$, is repeated to the right, the row, of shape $(4,)$, downwards, until they meet in $(3, 4)$. The rule: write the two shapes below each other, **aligned on the right**; where a length is missing or 1, that tensor is repeated along that dimension; all other lengths must be equal.

# %% tags=["figure"] alt="The shapes (3, 1) and (4,) aligned on the right: in the last dimension 1 stretches to 4, in the first the missing length stretches to 3; the result is (3, 4)."
plot.shapes((3, 1), (4,))

# %% [markdown] exercise="broadcast_shape" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 3.2: predict the shape
#
# First in your head: $(5, 1)$ with $(4,)$; $(784, 10)$ with $(784,)$; $(8, 1, 6)$ with $(7, 1)$. Then write `broadcast_shape(first, second)`: two tuples of lengths in, the tuple of the result's lengths out. If they do not fit, raise a `ValueError` that says both shapes as they were given.

# %% [markdown] tags=["hint"]
# Make both tuples equally long by putting 1s in *front* of the shorter one, whichever that is. Then go through them side by side.

# %% [markdown] tags=["hint"]
# Two lengths fit if they are equal or one of them is 1. What does the result have then? Not always the larger: a length of 0 exists, and 0 with 1 gives 0.

# %% tags=["solution"] export="matmul.py"
"""Matrix multiplication and what it stands on: broadcasting and index notation."""


def broadcast_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that tensors of these two shapes have when they meet.

    Raises: ValueError when two lengths differ and neither is 1.
    """
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for one, other in zip(*padded, strict=True):
        if one != other and 1 not in (one, other):
            raise ValueError(
                f"{tuple(first)} and {tuple(second)} do not fit: "
                f"aligned on the right, {one} meets {other}"
            )
        lengths.append(other if one == 1 else one)
    return tuple(lengths)


# %% [markdown] tags=["solution"]
# I took it for granted that `first` is the longer one, and padded only `second`. All three of the examples above came out right, for none of them has it the other way round. One exercise later `expand` asked about `(3,)` and `(4, 3)`, and was told that they do not fit.


# %% tags=["check"]
def stretched(first: tuple[int, ...], second: tuple[int, ...]) -> object:
    try:
        got = broadcast_shape(first, second)
    except ValueError:
        return "a ValueError"
    except Exception as error:
        raise AssertionError(
            f"{tuple(first)} with {tuple(second)}: your code stops at {error!r}"
        ) from error
    assert got is not None, "nothing came back: return the tuple"
    assert isinstance(got, tuple), f"give back a tuple of lengths, not {got!r}"
    return got


def refuses(first: tuple[int, ...], second: tuple[int, ...], why: str) -> None:
    try:
        got = broadcast_shape(first, second)
    except ValueError as error:
        said = str(first) in str(error) and str(second) in str(error)
        assert said, (
            f"say both shapes as they were given, {first} and {second}; you say: "
            f"{error}"
        )
    except Exception as error:
        raise AssertionError(f"raise a ValueError, not {error!r}") from None
    else:
        assert not isinstance(got, Exception), "raise the error, do not only return it"
        raise AssertionError(f"{first} with {second} gave {got}: {why}")


def check_shapes() -> None:
    got = stretched((3, 1), (3, 5))
    assert got != (5, 3), (
        "(3, 1) with (3, 5) gave (5, 3): right lengths, and the last comes first"
    )
    assert got == (3, 5), (
        f"(3, 1) with (3, 5) gave {got}, not (3, 5): two dimensions, of which the "
        "first agree, and a length of 1 stretches"
    )
    got = stretched((5, 1), (4,))
    assert got != (4,), "the longer shape's front was dropped: pad the shorter one"
    assert got == (5, 4), (
        f"(5, 1) with (4,) gave {got}, not (5, 4): is the shorter shape filled up in "
        "front, and with 1s? Does the length that is not 1 win, on either side?"
    )
    got = stretched((4,), (2, 4))
    assert got == (2, 4), (
        f"(4,) with (2, 4) gave {got}, not (2, 4): either of the two may be the shorter"
    )
    got = stretched((8, 1, 6), (7, 1))
    assert got == (8, 7, 6), (
        f"(8, 1, 6) with (7, 1) stretches to (8, 7, 6), not to {got}"
    )
    refuses((784, 10), (784,), "10 meets 784 and neither is 1, so they do not fit")
    refuses((2, 3), (4, 3), "2 meets 4, and every pair of lengths must fit")
    refuses((5, 4), (3,), "4 meets 3, whichever of them is the larger")
    refuses((3, 0), (3, 5), "0 meets 5, no fit")
    got = stretched((3, 0), (1,))
    assert got != (3, 1), "0 with 1 gives 0, so the result is not the maximum"
    assert got == (3, 0), (
        f"(3, 0) with (1,) is (3, 0), not {got}: 1 stretches even to 0"
    )
    for first, second, wanted in (
        ((6, 5), (6, 5), (6, 5)),
        ((), (2, 3), (2, 3)),
        ((1, 3), (2, 1), (2, 3)),
        ((2, 1), (1,), (2, 1)),
        ((1,), (3, 0), (3, 0)),
        ((9, 2, 1, 4), (3, 1), (9, 2, 3, 4)),
        ((10**15, 1), (3,), (10**15, 3)),  # no memory holds such a tensor
        (torch.Size([3, 1]), torch.Size([7]), (3, 7)),
    ):
        got = stretched(first, second)
        assert got == wanted, (
            f"{tuple(first)} with {tuple(second)} should be {wanted}, not {got}"
        )


check_shapes()

# %% [markdown]
# ## Repeating without copying
#
# "Repeated" sounds like copies, and copies fill memory. But look at how a tensor keeps its numbers: in one long row, with a **stride** for each dimension that says how many places further its next number is.

# %%
grid = torch.arange(12).view(3, 4)
turned = grid.T
print("strides:", grid.stride(), "transposed:", turned.stride())
turned[3, 0] = 100
print(grid)
turned[3, 0] = 3

# %% tags=["figure"] alt="A row of memory with the numbers 0 to 11. One step right is one place further, one step down four places further: read so, they are a matrix of three rows and four columns."
plot.strides(range(12), shape=(3, 4), steps=(4, 1))

# %% tags=["figure", "beside"] alt="The same memory with the strides swapped: one step right is four places further, one step down one place: the transposed matrix, four rows and three columns, and no number has moved."
plot.strides(range(12), shape=(4, 3), steps=(1, 4))

# %% [markdown]
# To transpose is to swap the strides. No number moves; the two tensors share one memory, and the second is called a **view** of the first: write into one and you see it in the other. (An index or a slice is a view, too; a list of indices or a mask makes a copy. A tensor whose numbers lie in reading order is **contiguous**. `view` needs that, more or less, and `.contiguous()` makes a copy in that order.) And a stride can be 0. A step in that dimension is no step: the same number again.

# %% tags=["figure"] alt="The same memory read with shape (3, 4), strides (4, 0), from place 1: a step right stays where it is, so that the rows are 1 1 1 1, 5 5 5 5 and 9 9 9 9; the copies are dashed."
plot.strides(range(12), shape=(3, 4), steps=(4, 0), start=1)

# %% tags=["claim"]
assert grid.stride() == (4, 1) and turned.stride() == (1, 4)
assert grid.data_ptr() == turned.data_ptr()

# %% [markdown] exercise="expand" tags=["prompt"] difficulty="medium" minutes=20
# ### Exercise 3.3: a stride of 0
#
# Write `expand(x, shape)`: `x` stretched to `shape` by the rule above, without copying a number. (`x.expand` is what you are building, and locked.) `x.as_strided(shape, strides)` gives a view of the same memory with strides of your own choice. A shape that `x` does not stretch to is a `ValueError`.

# %% [markdown] tags=["hint"]
# Dimensions that `x` lacks (they are in front) and dimensions in which `x` has length 1 get stride 0. All others keep their own, `x.stride()`.

# %% [markdown] tags=["hint"]
# Pad both `x.shape` and `x.stride()` in front, with what? And `x` stretches to `shape` when the two of them meet in exactly `shape`: you have a function that says where two shapes meet.


# %% tags=["solution"] export="matmul.py"
def expand(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A view of `x` stretched to `shape` by strides of 0: nothing is copied.

    Raises: ValueError when `x` does not stretch to `shape`.
    """
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else s for n, s in zip(x.shape, x.stride(), strict=True)]
    return x.as_strided(shape, [0] * (len(shape) - x.dim()) + own)


# %% [markdown] tags=["solution"]
# I computed the strides from the shape, as if numbers always lay in reading order. For a transposed matrix they do not: `torch.arange(6).view(2, 3).T`, whose rows are 0 3, 1 4 and 2 5, came out with the rows 0 1, 2 3 and 4 5. A good shape, wrong numbers. Always ask the tensor for its own strides.


# %% tags=["check"]
def stretch_to(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    given, kept = f"{tuple(x.shape)} to {shape}", (x.shape, x.stride(), x.tolist())
    try:
        got = expand(x, shape)
    except ValueError as error:
        raise AssertionError(f"{given} is fine, but stops at {error!r}") from error
    except Exception as error:
        why = ": it reads past the end of the memory; are they the strides of x itself?"
        raise AssertionError(
            f"{given} stops at {error!r}{why if 'out of bounds' in str(error) else ''}"
        ) from error
    assert got is not None, "nothing came back: return the view"
    assert isinstance(got, torch.Tensor), f"give back a tensor, not {got!r}"
    assert (x.shape, x.stride(), x.tolist()) == kept, (
        "x itself has changed: as_strided makes a new view, as_strided_ does not"
    )
    assert got.shape == shape, f"{given} came out as {tuple(got.shape)}"
    assert got.numel() == 0 or got.data_ptr() == x.data_ptr(), (
        "the view begins at another number, or the numbers were copied: use "
        "x.as_strided, and leave the place where it begins alone"
    )
    return got


def check_stretching() -> None:
    column = torch.arange(24.0).view(3, 4, 2)[:, 1:2, 0]  # with strides (8, 2)
    got = stretch_to(column, (3, 4))
    assert got.stride() != (1, 0), "ask the tensor for its own strides: x.stride()"
    assert got.stride() != (2, 0), (
        "strides (2, 0): 2 is x's stride in the other dimension. Go through x.shape "
        "and x.stride() side by side, both from the same end"
    )
    assert got.stride() not in ((0, 1), (0, 2)), (
        f"strides {got.stride()}: it is where the length is 1 that the stride becomes 0"
    )
    assert got.stride() == (8, 0), f"strides should be (8, 0), not {got.stride()}"
    got = stretch_to(column[:, 0], (2, 3))
    assert got.stride() != (1, 8), (
        "strides (1, 8): a new dimension has a stride of 0, so that a step down stays "
        "where it is"
    )
    assert got.tolist() == [[2.0, 10.0, 18.0]] * 2, (
        "(3,) to (2, 3) has three numbers in each of two rows, [2, 10, 18], not "
        f"{got.tolist()}: what x lacks is in front, pad shape and strides there"
    )
    got = stretch_to(torch.arange(6.0).view(2, 3).T, (4, 3, 2))
    assert got[0].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]], (
        "wrong numbers from a transposed tensor: keep its strides as they are"
    )
    got = stretch_to(torch.arange(6.0).view(3, 2).T[:, None], (5, 2, 4, 3))
    wanted = (0, 1, 0, 2)
    assert got.stride() == wanted, (
        f"(2, 1, 3) with strides (1, 1, 2), stretched to (5, 2, 4, 3), has strides "
        f"{wanted}, not {got.stride()}"
    )
    got = stretch_to(torch.tensor(7.0), (2, 3))
    assert got.tolist() == [[7.0] * 3] * 2, f"7 stretched to (2, 3) came out as {got}"
    got = stretch_to(torch.arange(6.0).view(2, 3), (2, 3))
    assert got.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], (
        f"a tensor stretched to its own shape has changed to {got.tolist()}"
    )
    stretch_to(torch.ones(1), (3, 0))
    for shape, target, why in (
        ((3,), (2, 4), "that reads memory which it does not own: 3 is not 4, nor 1"),
        ((2,), (3, 4), "only a length of 1 stretches: 2 is not 1, nor 4"),
        (
            (3, 4),
            (1, 4),
            "nothing shrinks: ask whether the two meet in exactly `shape`",
        ),
        ((2, 3, 4), (3, 4), "a dimension cannot get lost: nothing shrinks"),
        ((1, 3, 4), (3, 4), "a dimension cannot get lost, not even one of length 1"),
    ):
        try:
            expand(torch.zeros(100)[: torch.zeros(shape).numel()].view(shape), target)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{shape} to {target}: raise a ValueError, not {error!r}"
            ) from None
        raise AssertionError(f"{shape} went to {target}: {why}")


check_stretching()

# %% [markdown]
# Broadcasting is now ours: find the common shape, expand both, and let them meet. Time for a ceremony. `unlock` runs our function and PyTorch's side by side, on the examples that I give it, and on random numbers, zeros, large numbers and oddly strided memory of the same shapes. What it prints is a certificate. *Forward* is the largest difference between the values, in `float64`, as a share of the largest value where that is above 1; *backward* is the same for the gradients, which PyTorch works out through both (chapter 6 builds that), *step* for the values after a small step against those gradients, and *float32* for the examples in the shorter type. If one of them is more than rounding, the chapter stops. If none is, the original is **unlocked**: from here on we may use it.


# %% tags=["timing"]
def broadcast(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    shape = broadcast_shape(a.shape, b.shape)
    return expand(a, shape), expand(b, shape)


pairs = [
    ((5, 1), (4,)),
    ((8, 1, 6), (7, 1)),
    ((3, 0), (1,)),
    ((), (2, 3)),
    ((4, 1, 2), (3, 1)),
]
unlock(
    "torch.broadcast_tensors",
    by=broadcast,
    inputs=[(torch.ones(first), torch.ones(second)) for first, second in pairs],
)

# %% [markdown]
# So *compared* means a test, on as many cases as the certificate counts, and not a mathematician's proof. PyTorch's function also takes one tensor or seven; those forms were not compared, and are freed along with the rest.
#
# > [!BUG] Break it: a loss for five predictions
# > Five predictions, five targets, all of them exactly right. The predictions come as a column, $(5, 1)$, because the network gives back one row for each input; the targets are a vector, $(5,)$. (PyTorch's issue 16045 is one report of it.)

# %% [markdown] tags=["predict"]
# Write down the shape of the difference, and the mean of its squares. Then the same for predictions that are all 3, the mean of the targets.

# %%
predictions = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
targets = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
loss = ((predictions - targets) ** 2).mean()
mean_loss = ((torch.full((5, 1), 3.0) - targets) ** 2).mean()
print(f"loss {loss:.1f}; if every prediction were the targets' mean, {mean_loss:.1f}")

# %% [markdown] tags=["answer"]
# > [!SUCCESS] What was wrong
# > $(5, 1)$ minus $(5,)$ is $(5, 5)$: every prediction is compared with every target. There is no error and no odd type, only a wrong number. It is 4, the mean of the squared difference over all 25 pairs, and it is *lower*, 2, where every prediction is the mean: no single number is nearer to all five targets in the mean square. A network trained on this loss learns the mean of its targets.

# %% tags=["claim"]
assert (predictions - targets).shape == (5, 5)
assert loss == 4 and mean_loss == 2

# %% [markdown] tags=["aside"]
# #### Aside: what PyTorch says to it
#
# Since 2019 PyTorch's own loss warns of it (pull request 18349, which answers that issue). It warns, and goes on.

# %% tags=["oracle", "aside"]
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.nn.functional.mse_loss(predictions, targets)
print(str(caught[0].message))

# %% tags=["oracle", "claim"]
assert "broadcasting" in str(caught[0].message)

# %% [markdown]
# Our loss shall refuse such a pair:


# %% export="losses.py"
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
    """Gradient of `mse` for each prediction. Shapes: both (N, K) -> (N, K)."""
    return 2 * errors(predictions, targets) / predictions.numel()


# %%
try:
    mse(predictions, targets)
except ValueError as error:
    refused = str(error)
    print(refused)

# %% tags=["claim"]
assert "(5, 1)" in refused and "(5,)" in refused

# %% [markdown]
# Back to the ladder. With broadcasting, one loop is left, and then none:


# %% tags=["timing"]
def matmul_one_loop(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        c[i] = (a[i, :, None] * b).sum(0)  # (784, 1) * (784, 10)
    return c


def matmul_no_loop(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a[:, :, None] * b).sum(1)  # (5, 784, 1) * (784, 10)


ladder["broadcasting, one loop"] = milliseconds(matmul_one_loop, a, b, repeats=20)
ladder["broadcasting, no loop"] = milliseconds(matmul_no_loop, a, b, repeats=20)
for rung, ms in ladder.items():
    print(f"{rung:24} {ms:9.3f} ms")

# %% tags=["claim"]
for function in (matmul_one_loop, matmul_no_loop):
    assert (function(a, b) - wanted).abs().max() < 1e-3
asked = [ms for rung, ms in ladder.items() if "three" not in rung]
assert asked[0] > asked[1] > asked[2] and asked[2] < ladder["lists, three loops"] / 5

# %% [markdown]
# ## Saying it in letters
#
# The last version makes all products, $(5, 784, 10)$, before it adds any up. It is fast, and a riddle: where to put the `None`, which dimension to sum? Three or four dimensions, and nobody can read it. Let us *name* the dimensions instead. $A$ has the letters $i$ and $k$, $B$ has $k$ and $j$, the result $i$ and $j$; in one string, `"ik,kj->ij"`. Read it like this: **one loop for each letter; multiply; add the product to its place in the result.** A letter that the result names is kept apart, a letter that it does not name is summed over. Your three loops were this sentence. So are these; the letters are chosen anew in each:
#
# | letters | in words |
# |:--|:--|
# | `"i,i->"` | the dot product of two vectors |
# | `"i,j->ij"` | every number times every other: the **outer product** |
# | `"ik,k->i"` | a matrix times a vector |
# | `"ik,kj->ij"` | a matrix times a matrix |
#
# Whoever obeys such a sentence need not loop. Bring both tensors into one common order of letters, say `ijk`, with a length of 1 where a letter is missing; multiply with broadcasting; sum over $k$. With the four-number matrices from above:

# %%
a_small = torch.tensor([[1, 2], [3, 4]])
b_small = torch.tensor([[5, 6], [7, 8]])
a_ijk = a_small[:, None, :]  # (i, k) -> (i, 1, k)
b_ijk = b_small.permute(1, 0)[None]  # (k, j) -> (j, k) -> (1, j, k)
products = a_ijk * b_ijk  # (i, j, k)
print("k = 0:", products[:, :, 0].tolist())
print("k = 1:", products[:, :, 1].tolist())
print("sum:  ", products.sum(2).tolist())

# %% [markdown]
# Here are the two slices. For $k = 0$ column 0 of $A$ meets row 0 of $B$, for $k = 1$ column 1 meets row 1, both as outer products:

# %% tags=["figure"] alt="Column 0 of A, 1 and 3, stretched to the right, times row 0 of B, 5 and 6, stretched downwards: 5 6 and 15 18." caption="k = 0"
plot.broadcast([[1], [3]], [[5, 6]], sign="×")

# %% tags=["figure", "beside"] alt="Column 1 of A, 2 and 4, times row 1 of B, 7 and 8: 14 16 and 28 32. Added to the products for k = 0 this gives the matrix product, 19 22 and 43 50." caption="k = 1"
plot.broadcast([[2], [4]], [[7, 8]], sign="×")

# %% [markdown]
# Add the two results, number by number: $6 + 16$ is the 22 that we had by hand. So there are two ways to see a matrix product: each number is a dot product, row with column; and the whole is a **sum of outer products**, column with row, one for each $k$.

# %% tags=["claim"]
assert products.sum(2).tolist() == [[19, 22], [43, 50]]
assert products[0, 1].tolist() == [6, 16]

# %% [markdown] exercise="einsum" tags=["prompt"] difficulty="hard" minutes=45
# ### Exercise 3.4: einsum
#
# Do the same for any two tensors and any letters, in two functions. `align(x, names, order)` takes a tensor whose dimensions are named by `names` and gives a view with one dimension for each letter of `order`: `align(x, "ki", "ijk")` turns shape $(k, i)$ into $(i, 1, k)$. **Einsum**, `einsum(equation, a, b)`, brings both tensors into a common order (the result's letters first, then those to sum over), multiplies with broadcasting, and sums over what the result does not name. No loops over numbers. A length of 1 stretches here, as everywhere. Raise a `ValueError` for letters that are not as many as the tensor's dimensions, that occur twice in one tensor or in the result, or that only the result has.

# %% [markdown] tags=["hint"]
# Do it on paper for `"ki,kj->ij"`: the order is `ijk`. Which `permute` puts the first tensor's own letters into that order? Its arguments are *old* places, one for each new dimension: `names.index(letter)`. Then which index puts in the missing one?

# %% [markdown] tags=["hint"]
# `order` is the output, and then the other letters. Indexing with a tuple of `slice(None)` (which is what `:` stands for) and `None`, one for each letter of `order`, puts in what is missing. And beware: `x.sum(())` sums over everything, not over nothing.


# %% tags=["solution"] export="matmul.py"
def align(x: torch.Tensor, names: str, order: str) -> torch.Tensor:
    """`x`, its dimensions named by `names`, in `order`; length 1 where it lacks one."""
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sum of products of two tensors whose dimensions are named, as in "ik,kj->ij".

    Letters that the result does not name are summed over.
    Raises: ValueError when the letters do not match the tensors' dimensions.
    Paper: Einstein 1916, Annalen der Physik 49, section 5.
    """
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    fits = [len({*n}) == len(n) == x.dim() for n, x in ((first, a), (second, b))]
    if not all(fits):
        raise ValueError(f"{equation!r}: not {a.dim()} and {b.dim()} different letters")
    if len({*output} & {*first, *second}) != len(output):
        raise ValueError(f"{equation!r}: the result has a letter twice, or a new one")
    order = output + "".join(sorted({*first, *second} - {*output}))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% [markdown] tags=["solution"]
# Two traps. For `"i,j->ij"` I called `sum` with an empty tuple, and got a single number instead of a matrix: to PyTorch no dimensions means *all* of them. Before that I had used `view` to put the dimensions in order. Right shapes, and for `"ki,kj->ij"` the wrong numbers: the two matrices of the section on tensors, once more.

# %% tags=["check"]
import sys
from itertools import product as places


def lines_run(function, *arguments) -> tuple[object, int]:
    """The result, and how many lines of Python ran: a loop over numbers shows."""
    lines, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
    return result, lines


def spelled_out(equation: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """One loop for each letter: what the equation means."""
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    size = {}
    for names, x in ((first, a), (second, b)):
        for name, length in zip(names, x.shape, strict=True):
            size[name] = max(length, size.get(name, 1))
    result = torch.zeros([size[name] for name in output], dtype=a.dtype)
    for place in places(*map(range, size.values())):
        at = dict(zip(size, place, strict=True))
        spots = [
            tuple(
                min(at[name], length - 1)
                for name, length in zip(n, x.shape, strict=True)
            )
            for n, x in ((first, a), (second, b))
        ]
        result[tuple(at[name] for name in output)] += a[spots[0]] * b[spots[1]]
    return result


def numbers_of(source: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randint(-9, 10, shape, generator=source).double()


def check_align() -> None:
    for x, names, order, wanted in (
        (torch.arange(6.0).view(2, 3), "ki", "ijk", (3, 1, 2)),
        (torch.arange(24.0).view(2, 3, 4), "bcd", "dabc", (4, 1, 2, 3)),
        (torch.arange(50.0).view(5, 10)[1:4, 2:4].T, "ki", "ijk", (3, 1, 2)),
    ):
        shape = tuple(x.shape)
        kept, call = x.clone(), f"align(x, {names!r}, {order!r})"
        try:
            got = align(x, names, order)
        except NameError as error:
            raise AssertionError(
                f"write align(x, names, order) as well ({error})"
            ) from None
        except Exception as error:
            raise AssertionError(f"{call} stops at {error!r}") from error
        assert isinstance(got, torch.Tensor), f"align gives back a tensor, not {got!r}"
        assert x.shape == shape and torch.equal(x, kept), "align has changed its x"
        given = f"{call} of shape {shape} should be {wanted}, not {tuple(got.shape)}"
        longer = [[n for n in lengths if n > 1] for lengths in (got.shape, wanted)]
        assert got.shape == wanted or longer[0] != longer[1], (
            f"{given}: the length of 1 stands in the wrong place: None goes where "
            "`order` has a letter that `names` lacks"
            if got.dim() == len(wanted)
            else f"{given}: one None for each letter that `names` lacks"
        )
        assert got.shape == wanted or sorted(got.shape) != sorted(wanted), (
            f"{given}: permute wants, for each new dimension, the old place"
        )
        assert got.shape == wanted, given
        assert not torch.equal(got, x.reshape(wanted)), (
            f"{call}: right shape, and the numbers stand in their old order. permute "
            "turns, view and reshape do not"
        )
        for place in places(*map(range, wanted)):
            at = tuple(place[order.index(name)] for name in names)
            assert got[place] == x[at], (
                f"{call}: right shape, wrong numbers: at {place} stands "
                f"{got[place]:g}, and x, whose strides are {x.stride()}, has "
                f"{x[at]:g} there, at {at}"
            )
        assert got.data_ptr() == x.data_ptr(), (
            f"{call}: right numbers, and they were copied: permute and an index with "
            "None give a view"
        )


def check_einsum() -> None:
    source = torch.Generator().manual_seed(1)
    for equation, first_shape, second_shape, why in (
        ("ik,kj->ij", (2, 3), (3, 4), "the matrix product"),
        ("ki,kj->ij", (3, 2), (3, 4), "k stands first in both"),
        ("i,j->ij", (2,), (3,), "no letter is summed"),
        (
            "ik,kj->ji",
            (2, 3),
            (3, 4),
            "the result's letters give its order: ji, not ij",
        ),
        (
            "ik,kj->i",
            (2, 3),
            (3, 4),
            "every letter that the result lacks is summed, j as well",
        ),
        ("ab,bc->c", (2, 3), (3, 4), "a is summed, though only one tensor has it"),
        ("i,i->", (5,), (5,), "no letter in the result: sum over all"),
        ("ab,cbd->dac", (2, 3), (4, 3, 5), "three letters change places"),
        ("bik,bkj->bij", (2, 3, 4), (2, 4, 5), "a letter of all three is kept apart"),
        ("ij,ij->ij", (2, 3), (2, 3), "no letter is summed, none is missing"),
        (
            "ik,kj->ij",
            (2, 1),
            (3, 4),
            "a length of 1 stretches, also where it is summed",
        ),
        ("zy,yx->zx", (2, 3), (3, 4), "the letters may be any"),
        ("abc,cd->d", (2, 3, 4), (4, 5), "the first has two letters to sum alone"),
        ("dc,abc->d", (5, 4), (2, 3, 4), "the second has two letters to sum alone"),
        ("i,j->ij", (3,), (1,), "a length of 1 that the result names stays in it"),
    ):
        left, right = (
            numbers_of(source, *first_shape),
            numbers_of(source, *second_shape),
        )
        kept = left.clone(), right.clone()
        wanted = spelled_out(equation, left, right)
        given = f"{equation} of {first_shape} and {second_shape}"
        try:
            got = einsum(equation, left, right)
        except Exception as error:
            raise AssertionError(f"{given} stops at {error!r} ({why})") from error
        assert got is not None, "nothing came back: return the result"
        assert isinstance(got, torch.Tensor), f"give back a tensor, not {got!r}"
        assert torch.equal(left, kept[0]) and torch.equal(right, kept[1]), (
            "a or b has changed: make a new tensor"
        )
        assert (equation, got.dim()) != ("i,j->ij", 0), (
            f"{given} gave a single number: to x.sum(()) no dimensions are all of them"
        )
        assert got.shape == wanted.shape, (
            f"{given} gave {tuple(got.shape)}, not {tuple(wanted.shape)} ({why})"
        )
        assert torch.equal(got, wanted), (
            f"{given}: right shape, wrong numbers ({why}). From a = {left.tolist()} "
            f"and b = {right.tolist()} came {got.tolist()}, not {wanted.tolist()}"
        )
    ran = []
    for n, m, p in (3, 4, 5), (18, 24, 30):
        left, right = numbers_of(source, n, m), numbers_of(source, m, p)
        given = f"ik,kj->ij of {(n, m)} and {(m, p)}"
        try:
            got, lines = lines_run(einsum, "ik,kj->ij", left, right)
        except Exception as error:
            raise AssertionError(
                f"{given} stops at {error!r}, and (2, 3) with (3, 4) did not"
            ) from error
        wanted = (left[:, :, None] * right).sum(1)
        assert isinstance(got, torch.Tensor) and torch.equal(got, wanted), (
            f"{given} came out wrong, and (2, 3) with (3, 4) did not"
        )
        ran.append(lines)
    loop = "over all numbers" if ran[1] > 18 * 24 * 30 else "over lengths"
    assert ran[1] < ran[0] + 12, (
        f"{ran[0]} lines of Python ran for (3, 4) and (4, 5), {ran[1]} for six times "
        f"those lengths: right, and slow, a loop {loop}. Let broadcasting do the loops"
    )
    given = "ik,kj->ij of (0, 3) and (3, 4)"
    try:
        got = einsum("ik,kj->ij", torch.zeros(0, 3), torch.zeros(3, 4))
    except Exception as error:
        raise AssertionError(
            f"{given} stops at {error!r}, and a length of 0 is a length, too"
        ) from error
    assert got.shape == (0, 4), f"{given} gave {tuple(got.shape)}, not (0, 4)"
    for equation, why in (
        (
            "ijk,kj->i",
            "the first tensor's letters, ijk, are more than its 2 dimensions",
        ),
        ("ik,kjl->ij", "the second one's letters, kjl, are more than its 2 dimensions"),
        ("i,kj->ij", "the first tensor's letter, i, is fewer than its 2 dimensions"),
        ("ik,kj->ix", "x is a letter that only the result has"),
        ("ii,ij->j", "one tensor has the letter i twice"),
        ("ij,jj->i", "the second tensor has the letter j twice"),
        ("ik,k->i", "the second tensor's letter, k, is fewer than its 2 dimensions"),
        ("ik,kj->ii", "the result has the letter i twice"),
    ):
        try:
            einsum(equation, torch.ones(3, 3), torch.ones(3, 3))
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{equation}: {why}: raise a ValueError, not {error!r}"
            ) from None
        raise AssertionError(f"{equation} went through: {why}")


check_align()
check_einsum()


# %% [markdown] exercise="in_letters" tags=["prompt"] difficulty="medium" minutes=10
# ### Exercise 3.5: three sentences
#
# Nothing to compute: say these in letters, as strings. `layer`: images `n` by pixels `d`, and a matrix of weights with one *row* for each hidden unit `h`, giving $(n, h)$. `batched`: `b` separate matrix products at once, $(b, i, k)$ times $(b, k, j)$. `squared_lengths`: for each row `n` of an $(n, d)$ matrix, the sum of its squares (both tensors are that same matrix). Try them with `einsum` on small tensors before you run the check.

# %% [markdown] tags=["hint"]
# A letter that stands in the result is kept apart; a letter that does not is summed over. Which letters does each result keep?

# %% [markdown] tags=["hint"]
# The rows of the weights belong to `h`, so the second tensor of `layer` is `hd`, and nobody needs to transpose anything. In the other two one letter stands in all three places.

# %% tags=["solution"]
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% [markdown] tags=["solution"]
# For `layer` I wrote `"nd,dh->nh"` first, out of habit. With 784 pixels and 30 units it stopped at the multiplication; with as many units as pixels it would have gone through. The third is the one that I still find odd: $n$ occurs three times. Einstein's rule, below, does not allow it. Loops do not mind.


# %% tags=["check"]
def check_letters() -> None:
    for asked, answer, letters, first_shape, second_shape, wanted_shape in (
        ("layer", layer, "ndh", (4, 5), (3, 5), (4, 3)),
        ("batched", batched, "bikj", (2, 3, 4), (2, 4, 5), (2, 3, 5)),
        ("squared_lengths", squared_lengths, "nd", (4, 5), (4, 5), (4,)),
    ):
        assert isinstance(answer, str), f"{asked}: write a string such as 'ik,kj->ij'"
        assert " " not in answer, f"{asked} = {answer!r}: leave the blanks out"
        commas = [part.count(",") for part in answer.split("->")]
        assert commas == [1, 0], (
            f"{asked} = {answer!r}: two tensors and a result, as in 'ik,kj->ij'"
        )
        assert set(answer) - set(",->") == set(letters), (
            f"{asked} = {answer!r}: use all of {', '.join(letters)}, and only these"
        )
        inputs, output = answer.split("->")
        first, second = inputs.split(",")
        dims = len(first), len(second)
        assert dims == (len(first_shape), len(second_shape)), (
            f"{asked} = {answer!r}: the tensors have {len(first_shape)} and "
            f"{len(second_shape)} dimensions, and you name {dims[0]} and {dims[1]}"
        )
        assert (asked, first, second) != ("layer", "nd", "dh"), (
            "layer: the weights have one row for each hidden unit: hd, not dh"
        )
        assert (asked, output) != ("batched", "ij"), (
            "batched: b is summed away: name it in the result to keep it"
        )
        assert (asked, output) != ("squared_lengths", ""), (
            "squared_lengths: that is one sum for the whole matrix: keep n"
        )
        assert (asked, output) != ("squared_lengths", "nd"), (
            "squared_lengths: nothing is summed: leave d out of the result"
        )
        length = {}
        for name, size in zip(first + second, first_shape + second_shape, strict=True):
            assert length.setdefault(name, size) == size, (
                f"{asked} = {answer!r}: with {first_shape} and {second_shape} the "
                f"letter {name} is {length[name]} long and {size} long"
            )
        shape = tuple(length[name] for name in output)
        assert shape == wanted_shape, (
            f"{asked} = {answer!r} gives {shape} from {first_shape} and {second_shape}"
            f", not {wanted_shape}"
        )
        assert asked != "layer" or (first, second) == ("nd", "hd"), (
            f"layer = {answer!r} does it, in other letters than the prompt's: images n "
            "by pixels d, hidden units h"
        )


check_letters()


# %% tags=["timing"]
def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator)


unlock(
    "torch.einsum",
    by=einsum,
    inputs=[
        ("ik,kj->ij", rand(5, 7), rand(7, 3)),
        ("nd,hd->nh", rand(6, 4), rand(3, 4)),
        ("bik,bkj->bij", rand(2, 3, 4), rand(2, 4, 5)),
        ("nd,nd->n", rand(6, 4), rand(6, 4)),
        ("i,j->ij", rand(3), rand(1)),
        ("ab,cbd->dac", rand(2, 3), rand(4, 3, 5)),
        ("ik,kj->ij", rand(0, 7), rand(7, 3)),
        ("ik,kj->ij", rand(2, 1), rand(3, 4)),
    ],
)

# %% [markdown]
# Not compared, for ours does not do them: one tensor or more than two, a letter twice in one tensor (`"ii->i"`, the diagonal), the dots in `"...ik,kj->...ij"`, blanks, and an equation without an arrow.
#
# > [!QUOTE] Paper box: Einstein leaves out the Σ
# > A. Einstein, *Die Grundlage der allgemeinen Relativitätstheorie*, Annalen der Physik 49 (1916; 354 in today's count), § 5: four numbers turn into four others by
# >
# > $$dx'_\sigma = \sum_\nu \frac{\partial x'_\sigma}{\partial x_\nu}\, dx_\nu$$
# >
# > | in the paper | say | for us |
# > |:--|:--|:--|
# > | $dx_\nu$ | d x nu | `dx`, 4 numbers, letter `n` |
# > | $dx'_\sigma$ | d x prime sigma | `dx_prime`, 4 numbers, letter `s` |
# > | $\partial x'_\sigma / \partial x_\nu$ | partial x prime sigma by partial x nu | `jacobian`, $(4, 4)$, letters `sn` |
# >
# > In such formulas, he remarks, one always sums over the index that occurs twice, so the Σ may be left out. Hence the name `einsum`.

# %%
jacobian, dx = rand(4, 4), rand(4)
dx_prime = torch.zeros(4)
for s in range(4):
    for n in range(4):
        dx_prime[s] += jacobian[s, n] * dx[n]
print(dx_prime, einsum("sn,n->s", jacobian, dx), sep="\n")

# %% tags=["claim"]
assert (einsum("sn,n->s", jacobian, dx) - dx_prime).abs().max() < 1e-5

# %% [markdown]
# Matrix multiplication is now one of `einsum`'s sentences. PyTorch's `matmul`, written `@`, knows many forms of it; here are three. One thing must be added that the letters do not say: in `einsum` a length of 1 stretches, and here it must not.


# %% export="matmul.py"
def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Matrix product with a vector, with a matrix, or of two stacks of matrices.

    Shapes: (i, k) with (k,) or (k, j); or (b, i, k) with (b, k, j).
    Raises: ValueError for other dimensions, and for lengths that do not agree.
    """
    forms = {(2, 1): "ik,k->i", (2, 2): "ik,kj->ij", (3, 3): "bik,bkj->bij"}
    form = forms.get((a.dim(), b.dim()))
    product = f"{tuple(a.shape)} times {tuple(b.shape)}"
    if form is None:
        raise ValueError(f"{product} is none of {', '.join(forms.values())}")
    if a.shape[-1] != b.shape[-2:][0] or a.shape[:-2] != b.shape[:-2]:
        raise ValueError(f"{product}: a letter of {form} has two lengths")
    return einsum(form, a, b)


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

# %% tags=["claim"]
refusals = {
    ((3,), (3,)): "is none of",
    ((2, 3, 4), (4, 5)): "is none of",
    ((2, 3), (4, 5)): "a letter of ik,kj->ij has two lengths",
    ((2, 3, 4), (3, 4, 5)): "a letter of bik,bkj->bij has two lengths",
}
for (first, second), word in refusals.items():
    try:
        matmul(torch.ones(first), torch.ones(second))
    except ValueError as error:
        said = str(error)
    assert word in said and f"{first} times {second}" in said

# %% [markdown]
# Three forms were compared, and PyTorch's other ones (a vector first, stacks of which one is broadcast) were not. Look at the certificate's *time*, too: ours is equal, and slower. Ours need not be fast; we must know what theirs does. So, what does it do?
#
# ## What a product costs
#
# Each of the $n \cdot p$ results takes $m$ multiplications and $m$ additions. Arithmetic is counted in **FLOP**, floating-point operations: a product costs $2 \cdot n \cdot m \cdot p$ of them on every rung of our ladder. Divide by the time, and you have its speed in **FLOP/s**; a GFLOP is $10^9$ of them.

# %% tags=["timing"]
ladder["our einsum"] = milliseconds(matmul, a, b, repeats=50)
ladder["@"] = milliseconds(lambda a, b: a @ b, a, b, repeats=50)
flops = 2 * 5 * 784 * 10
for rung, ms in ladder.items():
    print(f"{rung:24} {ms:9.3f} ms {flops / ms / 1e6:9.4f} GFLOP/s")

# %% tags=["claim"]
assert (matmul(a, b) - wanted).abs().max() < 1e-3
assert (a @ b - wanted).abs().max() < 1e-3
assert ladder["@"] < ladder["lists, three loops"] / 30
assert ladder["our einsum"] < ladder["lists, three loops"] / 5
record(
    "speed ladder, times as fast as lists, @",
    ladder["lists, three loops"] / ladder["@"],
)
record("speed ladder, ms", list(ladder.values()))

# %% tags=["timing", "figure", "slide"] alt="Seven dots on a logarithmic axis of milliseconds, with their numbers: three loops over tensors are slowest by far, then three loops over lists, row times column and broadcasting with one loop; broadcasting without a loop and our einsum lie near each other, and the @ operator is fastest."
figure, ax = plt.subplots(figsize=(5.6, 2.6))
ax.plot(list(ladder.values()), list(ladder), "o")
for rung, ms in ladder.items():
    shown = f"{ms:,.0f}" if ms >= 100 else f"{ms:.2g}"
    ax.text(ms * 1.5, rung, shown, va="center")
ax.set(xscale="log", xlabel="milliseconds for (5, 784) times (784, 10)")
ax.set_xlim(right=8 * max(ladder.values()))
ax.set_ylim(len(ladder) - 0.5, -0.5)

# %% [markdown]
# > [!NOTE]- Aside: the algebra
# > A matrix product is *associative*, $(AB)C = A(BC)$, and it distributes over sums. It is not *commutative*: $AB$ and $BA$ differ, if both exist at all. And $(AB)^\top = B^\top A^\top$: transposing swaps the order. Associative does not mean equally dear: if $A$ and $B$ have shape $(n, n)$ and $c$ is a vector, $(AB)c$ costs about $2n^3$ operations, and $A(Bc)$ about $4n^2$. And the product of two matrices can be had for less: Strassen (1969) multiplies two of $(2, 2)$ with seven multiplications instead of eight, and blocks of blocks likewise, which for very large $n$ makes $n^{2.81}$ of $n^3$.
#
# Every rung computes the same fifty numbers (yours have other times; the order should be much the same). Now with more images, 4,000 in place of five.

# %% [markdown] tags=["predict"]
# "One loop" asks PyTorch 4,000 times; "no loop", our `einsum` and `@` ask once. Put the four in order of speed. The lists run as well, for two seconds or more.

# %% tags=["timing"]
many = images[:4000]
many_lists = many.tolist()
large = {
    "lists, three loops": milliseconds(matmul_lists, many_lists, b_lists, repeats=1)
}
for rung, function in (
    ("broadcasting, one loop", matmul_one_loop),
    ("broadcasting, no loop", matmul_no_loop),
    ("our einsum", matmul),
    ("@", lambda a, b: a @ b),
):
    large[rung] = milliseconds(function, many, b)
flops = 2 * 4000 * 784 * 10
for rung, ms in large.items():
    print(f"{rung:24} {ms:9.2f} ms {flops / ms / 1e6:9.4f} GFLOP/s")

# %% [markdown] tags=["answer"]
# On five images, asking for more at once was faster each time, from "row times column" to "no loop". It is no guarantee: "no loop" and `einsum` ask once, like `@`, for the same arithmetic, and take many times as long; they may well be slower than 4,000 requests. What they do besides arithmetic is to *write down* every product, in new memory, before adding any up.

# %% tags=["claim"]
assert large["broadcasting, no loop"] > 8 * large["@"]
assert large["our einsum"] > 8 * large["@"]
assert large["lists, three loops"] > 20 * large["@"]

# %% [markdown]
# FLOPs are only half of an account. The other half is bytes: `@` has to read two factors and write a result; what about the version without a loop?

# %%
mebibyte = 2**20
in_and_out = (4000 * 784 + 784 * 10 + 4000 * 10) * 4 / mebibyte  # 4 bytes a number
written_down = 4000 * 784 * 10 * 4 / mebibyte
print(f"both factors and the result: {in_and_out:5.1f} MiB")
print(f"all products, before a sum:  {written_down:5.1f} MiB")
print(f"those of twenty images:      {written_down / 200:5.1f} MiB")

# %% [markdown]
# Products that are written down and read again are **memory traffic**. A fresh stretch of memory has to be asked of the operating system, which hands it out and cleans it page by page. And memory is far from the processor: between the two lies the **cache**, small stores on the chip (tens of kilobytes next to each core, a megabyte or so behind them, more that the cores share), from which numbers come back faster if they are used again soon. To see what each of the two is worth, change nothing but where the products go:
#
# | the products go | fresh memory | read from the cache |
# |:--|:--|:--|
# | all at once, into new memory | every time | no |
# | all at once, where they were before | none | no |
# | in **blocks** of twenty images, where they were before | none | most |


# %% tags=["timing"]
kept = torch.zeros(4000, 784, 10)


def in_kept_memory(a: torch.Tensor, b: torch.Tensor, size: int) -> torch.Tensor:
    sums = torch.zeros(a.shape[0], b.shape[1])
    for i in range(0, len(a), size):
        torch.mul(a[i : i + size, :, None], b, out=kept[:size])
        torch.sum(kept[:size], 1, out=sums[i : i + size])
    return sums


ways = {
    "all at once, new memory": (matmul_no_loop, many, b),
    "all at once, kept memory": (in_kept_memory, many, b, 4000),
    "in blocks, kept memory": (in_kept_memory, many, b, 20),
}
memory = dict.fromkeys(ways, float("inf"))
for _ in range(5):  # in turn, so that a busy moment slows all three
    for name, way in ways.items():
        memory[name] = min(memory[name], milliseconds(*way, repeats=1))
for name, ms in memory.items():
    print(f"{name:26} {ms:7.2f} ms")

# %% tags=["claim"]
assert (in_kept_memory(many, b, 20) - many @ b).abs().max() < 1e-2
new, reused, blocks = memory.values()
assert blocks < new / 1.3 and reused < new
record("our einsum, times as long as @, 4000 images", large["our einsum"] / large["@"])

# %% [markdown]
# The same products and the same sums. The second row needs no fresh memory, and takes less time. What the blocks win on top, by two hundred requests in place of one, differs from machine to machine; in some of my runs it was nothing. A serious implementation cuts *both* factors into blocks, along all three letters:


# %%
def matmul_blocked(a: torch.Tensor, b: torch.Tensor, size: int) -> torch.Tensor:
    c = torch.zeros(a.shape[0], b.shape[1])
    for i in range(0, a.shape[0], size):
        for j in range(0, b.shape[1], size):
            for k in range(0, a.shape[1], size):
                rows, columns, inner = (slice(s, s + size) for s in (i, j, k))
                c[rows, columns] += matmul_no_loop(a[rows, inner], b[inner, columns])
    return c


square, other = rand(256, 256), rand(256, 256)
sizes = [8, 16, 32, 64, 128, 256]
by_size = [
    milliseconds(matmul_blocked, square, other, size, repeats=2) for size in sizes
]
at_once = milliseconds(lambda a, b: a @ b, square, other)

# %% [markdown] tags=["predict"]
# Two matrices of $(256, 256)$, in blocks of $8 \times 8$ up to one block of $256 \times 256$. Sketch the curve of the time before you look.

# %% tags=["timing", "figure"] alt="Time against the size of the blocks, both logarithmic: very long for blocks of 8, falling steeply to its lowest point at blocks of a middle size, and rising again for a single block of 256. A dashed line far below is the @ operator."
figure, ax = plt.subplots(figsize=(5.6, 3.0))
ax.plot(sizes, by_size, "o-")
ax.axhline(at_once, ls="--", color=plot.COLOURS[5])
ax.text(8, 1.25 * at_once, "@")
ax.set(xscale="log", yscale="log", xlabel="side of a block", ylabel="milliseconds")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()

# %% [markdown] tags=["answer"]
# Small blocks pay for asking, the largest for memory (all its $256^3$ products at once, 64 MiB), and in between there is a valley. Even its bottom is far above `@`.

# %% tags=["claim"]
assert (matmul_blocked(square, other, 100) - square @ other).abs().max() < 1e-2
assert min(by_size) < by_size[0] / 5 and min(by_size) < by_size[-1] / 1.3
assert at_once < min(by_size) / 1.5

# %% [markdown]
# What does `@` do, then? It calls a library behind an interface called **BLAS**, *basic linear algebra subprograms* (1979; the product of matrices came in 1990), such as OpenBLAS or MKL. These cut the factors into blocks within blocks, one size for each level of cache and a last one for the processor's registers, multiply several numbers with one instruction (**SIMD**, *single instruction, multiple data*), and never write a product down at all: it is added to its sum on the spot (Goto and van de Geijn, 2008).
#
# What remains is to fetch the factors. FLOP per byte that has to be moved is called **arithmetic intensity**. Two matrices of $(n, n)$ take $2n^3$ FLOP, and they and their product are $3n^2$ numbers of 4 bytes: $n/6$ FLOP for each byte. A matrix times one vector has a half, and waits for memory. Here is a matrix of 64 MiB, times one column, 16, and 64:

# %% tags=["timing"]
large_matrix = rand(4096, 4096)
speed = {}
for columns in (1, 16, 64):
    ms = milliseconds(lambda a, b: a @ b, large_matrix, rand(4096, columns), repeats=15)
    flops = 2 * 4096 * 4096 * columns
    moved = 4 * (4096 * 4096 + 2 * 4096 * columns)
    speed[columns] = flops / ms / 1e6
    print(f"{flops / moved:5.1f} FLOP for a byte: {speed[columns]:6.1f} GFLOP/s")

# %% tags=["claim"]
assert max(speed[16], speed[64]) > 1.5 * speed[1]

# %% [markdown] tags=["aside"]
# #### Aside: what a GPU would do
#
# A graphics processor has thousands of small cores. To use them you write a **kernel**, a plain function that computes *one cell* and knows nothing but its place $(i, j)$, and you **launch** it over a grid of places. Which cell comes first is nobody's business, because no cell reads what another has written. Here is the idea in a Python loop, in random order to make the point:


# %% tags=["aside"]
def one_cell(i: int, j: int, a: list, b: list, c: list) -> None:
    total = 0.0
    for k in range(len(b)):
        total += a[i][k] * b[k][j]
    c[i][j] = total


def launch(kernel, rows: int, columns: int, *arguments) -> None:
    grid = [(i, j) for i in range(rows) for j in range(columns)]
    for i, j in random.Random(0).sample(grid, len(grid)):  # on a GPU: all at once
        kernel(i, j, *arguments)


c_lists = [[0.0] * 10 for _ in range(5)]
launch(one_cell, 5, 10, a_lists, b_lists, c_lists)
by_loops = torch.tensor(matmul_lists(a_lists, b_lists))
print("off by at most", (torch.tensor(c_lists) - by_loops).abs().max().item())

# %% [markdown] tags=["aside"]
# A real kernel works on a block of cells with its neighbours: together they load a block of each factor into a small fast memory that they share, and use every number many times. It is the same trick, for the same reason.

# %% [markdown]
# ## Chapter 2, in matrices
#
# Now the network, with chapter 2's letters. $X$, of shape $(N, D)$, holds $N$ inputs, one in each row. `hidden_weight`, $W$, has shape $(H, D)$, a *row* for each hidden unit (the ladder's `b` had a column for each output; both layouts are about), and `output_weight`, $V$, has $(K, H)$. Each input with each unit, a dot product: that is $X W^\top$. All of chapter 2's way forward is
#
# $$Z = X W^\top + b \qquad \hat Y = \operatorname{relu}(Z)\, V^\top + c$$
#
# The shapes tell where each factor goes: $(N, D)$ times $(D, H)$ is $(N, H)$, and times $(H, K)$ it is $(N, K)$; `hidden_bias`, $b$, of shape $(H,)$, and `output_bias`, $c$, $(K,)$, are broadcast over the rows. Our digits have $D = 784$ pixels, $H = 30$ hidden units and $K = 10$ outputs. The first product, before $b$ is added:

# %% tags=["figure"] alt="X, of N rows and D columns, to the left; W transposed, D rows and H columns, above; S where they meet, N rows and H columns. Row n of X and column j of W transposed, both D long, give one number of S, in row n and column j." caption="The weighted sums S: Z without its biases"
plot.product(("N", "D"), ("D", "H"), names=["X", "W^T", "S"], letters="nj")

# %% [markdown]
# What follows restates the checkpoint for tensors; little is new but the shapes:
#
# | in chapter 2 | now |
# |:--|:--|
# | one row of numbers | a **batch** of rows, one for each image |
# | `predict`, unit by unit | `linear`, one product |
# | loops over numbers | one line about a whole tensor |
# | `random.Random` for the weights | `torch.Generator` |
#
# > [!NOTE]- Aside: why not `clamp`?
# > `relu` is written with `masked_fill`, "fill with 0 where the mask is true". `z.clamp(min=0)` gives the same values; but PyTorch would take its derivative at 0 for 1, and ours is 0.

# %% export="linear.py" drop="predict"
"""The linear layer: every output a weighted sum of all inputs, plus a bias."""


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Biased weighted sums. Shapes: x (N, D), weight (K, D), bias (K,) -> (N, K)."""
    return x @ weight.T + bias


# %% export="activations.py" drop="sigmoid sigmoid_grad"
def relu(z: torch.Tensor) -> torch.Tensor:
    """`z` where it is positive, else 0."""
    return z.masked_fill(z <= 0, 0)


def relu_grad(z: torch.Tensor) -> torch.Tensor:
    """Derivative of `relu` at `z`; at 0, where it has none, 0 by convention."""
    return (z > 0).to(z.dtype)


# %% tags=["oracle", "claim"]
at_zero = torch.zeros(2, requires_grad=True)
(relu(at_zero[0]) + at_zero[1].clamp(min=0)).backward()
assert at_zero.grad.tolist() == [0.0, 1.0]
assert relu(torch.tensor([-1.0, torch.nan, -torch.inf, 2.0]))[1].isnan()

# %% export="network.py"
"""A network with one hidden layer of ReLU units, for batches of inputs."""

from dataclasses import dataclass


@dataclass
class Network:
    """The parameters of the network, or one gradient for each of them.

    Shapes: hidden_weight (H, D), hidden_bias (H,), output_weight (K, H),
    output_bias (K,).
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


# %% export="network.py"
import math


def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: torch.Generator
) -> Network:
    """A network of random weights, scaled to keep sums in bounds, and biases of 0."""

    def matrix(rows: int, columns: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(rows, columns, generator=rng)

    return Network(
        matrix(hidden_features, in_features, math.sqrt(2 / in_features)),
        torch.zeros(hidden_features),
        matrix(out_features, hidden_features, math.sqrt(1 / hidden_features)),
        torch.zeros(out_features),
    )


# %% export="gradients.py" drop="linear_grad"
from collections.abc import Callable


def numerical_grad(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], step: float = 1e-5
) -> list[torch.Tensor]:
    """Gradient of `loss()` for every number in `parameters`, by central differences.

    Give float64: in float32 so small a step drowns in rounding.
    Each number is changed where it stands and put back. Shapes: as `parameters`.
    """
    grads = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, grad in zip(parameters, grads, strict=True):
        row, row_grads = parameter.view(-1), grad.view(-1)
        for i, value in enumerate(row.tolist()):
            row[i] = value + step
            up = loss()
            row[i] = value - step
            row_grads[i] = (up - loss()) / (2 * step)
            row[i] = value
    return grads


# %% export="metrics.py"
def error_rate(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of `predicted` unlike their `labels`, from 0 to 1. Shapes: both (N,)."""
    return (predicted != labels).double().mean().item()


def dead_units(network: Network, inputs: torch.Tensor) -> int:
    """How many hidden units give 0 for every input. Shapes: inputs (N, D)."""
    return int((forward(network, inputs)[1].sum(0) == 0).sum())


# %% [markdown]
# ## The way back, for a batch
#
# One thing is new on the way back: several inputs share the parameters. Take the smallest layer that shows it, two pixels, one unit, no bias, and two images, $(2, 1)$ and $(3, 4)$. Suppose that the gradient with respect to $z$, chapter 2's error signal, is known; this layer ends at $z$, so its way back begins there. It is $0.5$ for the first image and $-1$ for the second. Chapter 2's rules give this for each:

# %% tags=["figure"] alt="The first image: pixels 2 and 1, weights 2 and −1, z is 3. Upstream gradient 0.5; so the weights get 1 and 0.5, the pixels 1 and −0.5." caption="the first image"
plot.network(
    [[2, 1], [3]], [[[2, -1]]], [[1, -0.5], [0.5]], [[[1, 0.5]]], ["$x$", "$z$"]
)

# %% tags=["figure", "beside"] alt="The second image: pixels 3 and 4, the same weights 2 and −1, z is 2. Upstream gradient −1; so the weights get −3 and −4, the pixels −2 and 1." caption="the second image, the same weights"
plot.network([[3, 4], [2]], [[[2, -1]]], [[-2, 1], [-1]], [[[-3, -4]]], ["$x$", "$z$"])

# %% [markdown]
# Values that belong to one image have a gradient for each image: the pixels' are $(1, -0.5)$ and $(-2, 1)$, two rows, in the shape of $X$. The weights are the *same* two numbers in both pictures. If one of them moves, it moves the loss through both images, and paths side by side add: $1 - 3 = -2$ for the first weight, $0.5 - 4 = -3.5$ for the second. That is a sum over the images, of each image's upstream gradient times a number from its input; and a sum of products over a shared letter is what this whole chapter has been about.

# %% [markdown]
# Before you write it, its judge, chapter 1's rule once more: no gradient without finite differences. Everything in `float64`, and with sizes that all differ; its verdict on each parameter is *fine* or *WRONG*:


# %%
def gradient_check(backward) -> list[float]:
    """How far `backward` is off the finite differences, parameter by parameter."""
    source = torch.Generator().manual_seed(5)
    network = init_network(3, 5, 2, source)
    network = Network(*(parameter.double() for parameter in network.parameters()))
    x = torch.randn(4, 3, dtype=torch.float64, generator=source)
    targets = torch.randn(4, 2, dtype=torch.float64, generator=source)
    z, hidden, outputs = forward(network, x)
    by_hand = backward(network, x, z, hidden, mse_grad(outputs, targets))
    if not isinstance(by_hand, Network):
        print(f"WRONG: backward gave back {by_hand!r}, not a Network")
        return []
    numerical = numerical_grad(
        lambda: mse(forward(network, x)[2], targets), network.parameters()
    )
    worst = []
    for name, wanted in zip(vars(network), numerical, strict=True):
        mine = getattr(by_hand, name)
        if mine.shape != wanted.shape:
            print(f"{name:13} WRONG: {tuple(mine.shape)}, not {tuple(wanted.shape)}")
            continue
        worst.append((mine - wanted).abs().max().item())
        verdict = "fine " if worst[-1] < 1e-6 else "WRONG"
        print(f"{name:13} {verdict}: off by at most {worst[-1]:.0e}")
    return worst


# %% [markdown] exercise="backward" tags=["prompt"] difficulty="hard" minutes=45
# ### Exercise 3.6: backward, from the shapes
#
# Write `backward(network, x, z, hidden, output_grad)` for a batch. `x` is $(N, D)$, `z` and `hidden` are $(N, H)$, as `forward` gave them; `output_grad`, the upstream gradient $\partial L / \partial \hat Y$, is $(N, K)$. Give back a `Network` of gradients. There is no formula this time. You have chapter 2's rules for one input, the two pictures, and one fact that decides nearly everything: **a gradient has the shape of what it is the gradient of.** `@`, `.T`, `*`, `relu_grad` and `.sum(0)` are all you need, and no loop. Run `gradient_check(backward)` whenever you have changed something, and run the check when it is content.

# %% [markdown] tags=["hint"]
# Begin at the end. The output biases have shape $(K,)$, and $\partial L/\partial \hat Y$ has $(N, K)$: what has happened to $N$? Then `output_weight`, $(K, H)$: which two of the matrices at hand have $K$ and $H$ in them, and in which order do they leave just those?

# %% [markdown] tags=["hint"]
# The gradient for the activations has shape $(N, H)$. You have $(N, K)$, and the output weights, $(K, H)$: which letter must vanish, and why is a sum over it right? Then comes the ReLU, number by number, and you stand where you stood at the outputs, one layer earlier.


# %% tags=["solution"] export="network.py"
def backward(
    network: Network,
    x: torch.Tensor,
    z: torch.Tensor,
    hidden: torch.Tensor,
    output_grad: torch.Tensor,
) -> Network:
    """The gradient of the loss for every parameter, given that of the outputs.

    Shapes: x (N, D), z (N, H), hidden (N, H), output_grad (N, K) -> the network's.
    """
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)  # (N, H)
    return Network(
        z_grad.T @ x,  # (H, N) @ (N, D)
        z_grad.sum(0),
        output_grad.T @ hidden,  # (K, N) @ (N, H)
        output_grad.sum(0),
    )


# %% [markdown] tags=["solution"]
# I wrote `output_grad.mean(0)` for the output biases, and the same for the hidden ones: a mean over the images, as in the loss. The shapes agreed. I trained five networks with it and five without, ten epochs each, and could not tell them apart by their error rates, which overlapped. Only the finite differences objected: my gradients for the biases were a quarter of theirs. `mse_grad` has already divided by the number of images, and gradients of shared parameters add.


# %% tags=["check"]
import sys
from types import SimpleNamespace


def backward_of(times: int = 1, z_is_zero: bool = False) -> SimpleNamespace:
    """An answer, what it was given, and the lines that ran; all sizes times `times`."""
    source = torch.Generator().manual_seed(7)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    N, D, H, K = (times * size for size in (4, 3, 5, 2))
    network = Network(numbers(H, D), numbers(H), numbers(K, H), numbers(K))
    x, targets = numbers(N, D), numbers(N, K)
    if z_is_zero:  # that of one unit, for every image
        network.hidden_weight[3] = network.hidden_bias[3] = 0.0
    z, hidden, outputs = forward(network, x)
    upstream, names = mse_grad(outputs, targets), list(vars(network))
    given = {"x": x, "z": z, "hidden": hidden, "output_grad": upstream} | vars(network)
    kept = {name: tensor.clone() for name, tensor in given.items()}
    numerical = numerical_grad(
        lambda: mse(forward(network, x)[2], targets), network.parameters()
    )
    lines, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        got = backward(network, x, z, hidden, upstream)
    except Exception as error:
        raise AssertionError(
            f"backward stops at {error!r}. With N = {N}, D = {D}, H = {H} and K = {K}, "
            "write the shapes beside each line"
        ) from error
    finally:
        sys.settrace(before)
    assert all(getattr(network, name) is given[name] for name in names), (
        "the gradients went into the network itself, whose parameters are lost: give "
        "back a new Network(…)"
    )
    for name, copy in kept.items():
        assert torch.equal(given[name], copy), f"{name} has changed: make new tensors"
    assert got is not network, (
        "that is the network itself: give back a new Network(…) of gradients"
    )
    assert got is not None, "nothing came back: return the Network of gradients"
    assert isinstance(got, Network), (
        f"give back a Network(…) of four gradients, not {type(got).__name__}"
    )
    wanted = dict(zip(names, numerical, strict=True))
    return SimpleNamespace(got=got, wanted=wanted, lines=lines, **kept)


def check_backward() -> None:
    four = backward_of()
    for name, gradient in four.wanted.items():
        mine = getattr(four.got, name)
        assert isinstance(mine, torch.Tensor), f"{name}: a tensor, not {mine!r}"
        assert mine.dtype == gradient.dtype, (
            f"{name} is {gradient.dtype} and its gradient {mine.dtype}: make what you "
            "make like the tensors that you are given"
        )
        assert mine.shape == gradient.shape, (
            f"{name} has shape {tuple(gradient.shape)} and its gradient "
            f"{tuple(mine.shape)}: they must be the same"
        )

    def same(name: str, other: torch.Tensor) -> bool:
        return torch.allclose(getattr(four.got, name), other, rtol=1e-6, atol=1e-8)

    def not_but(name: str) -> str:
        rows = (four.wanted[name], getattr(four.got, name))
        wanted, mine = (((1000 * tensor).round() / 1000).tolist() for tensor in rows)
        if wanted == mine:
            return f"it is off by up to {(rows[0] - rows[1]).abs().max():.1e}"
        return f"it should be {wanted}, not {mine}"

    for name, gradient in four.wanted.items():
        mine = getattr(four.got, name)
        factor = ((mine * gradient).sum() / (gradient**2).sum()).item()
        scaled = same(name, factor * gradient) and abs(factor) > 1e-6
        assert not (scaled and abs(factor + 1) < 1e-6), (
            f"{name}: the sign is the wrong way round"
        )
        assert not scaled or abs(factor - 1) < 1e-6, (
            f"{name}: {factor:.3g} times what it should be, for 4 images and 2 outputs"
            ". Every factor is in mse_grad already: add the images up, and no more"
        )
    upstream, hidden, z, x = four.output_grad, four.hidden, four.z, four.x
    name = "output_bias"
    assert not same(name, upstream[0]), "output_bias: only the first image counted"
    assert same(name, four.wanted[name]), (
        f"output_bias: add the upstream gradients of all images up; {not_but(name)}"
    )
    name = "output_weight"
    for wrong, why in (
        (
            upstream.T @ z,
            "it is the activations, hidden, that meet these weights, and not z",
        ),
        (
            upstream.reshape(2, 4) @ hidden,
            "view keeps the old order of the numbers; .T turns the matrix",
        ),
        (
            (hidden.T @ upstream).reshape(2, 5),
            "the product is the wrong way round, (5, 2), and reshape does not turn it. "
            ".T does, or the other factor first",
        ),
    ):
        assert not same(name, wrong), f"output_weight: {why}"
    assert same(name, four.wanted[name]), (
        "output_weight: for each image output k's gradient times activation h, added "
        f"up; {not_but(name)}"
    )
    at_hidden = upstream @ four.output_weight
    z_grad = at_hidden * (z > 0)
    assert not same("hidden_weight", z_grad.reshape(5, 4) @ x), (
        "hidden_weight: view keeps the old order of the numbers; .T turns the matrix"
    )
    assert not same("hidden_weight", (x.T @ z_grad).reshape(5, 3)), (
        "hidden_weight: the product is the wrong way round, (3, 5), and reshape does "
        "not turn it. .T does, or the other factor first"
    )
    for name, below in (
        ("hidden_bias", torch.ones_like(x[:, :1])),
        ("hidden_weight", x),
    ):
        form = four.wanted[name].shape
        for wrong, why in (
            (
                at_hidden,
                "the ReLU is missing. Where z is not above 0 nothing gets through",
            ),
            (
                at_hidden * hidden,
                "multiply by the derivative of relu, not by its value",
            ),
            (
                at_hidden * (at_hidden > 0),
                "whether the ReLU lets a gradient through is decided by z, its input "
                "on the way forward, and not by the gradient that arrives",
            ),
            (
                at_hidden * (at_hidden > 0) * (z > 0),
                "a gradient may be negative: multiply by relu_grad(z), and leave relu "
                "out",
            ),
            (
                at_hidden * (z <= 0),
                "the wrong units: gradients pass where z is above 0",
            ),
        ):
            assert not same(name, (wrong.T @ below).view(form)), f"{name}: {why}"
        assert same(name, four.wanted[name]), (
            f"{name}: from (N, K) through the output weights to (N, H), through the "
            f"ReLU, then to {tuple(form)}; {not_but(name)}"
        )
    at_zero = backward_of(z_is_zero=True)
    z_grad = (at_zero.output_grad @ at_zero.output_weight) * (at_zero.z > 0)
    assert torch.allclose(at_zero.got.hidden_bias, z_grad.sum(0)), (
        "a gradient got through where z is exactly 0: by chapter 2's convention none "
        "does. Use relu_grad(z), which asks for z > 0"
    )
    more = backward_of(times=6).lines
    assert more < four.lines + 12, (
        f"{four.lines} lines of Python ran for N = 4, H = 5 and {more} for N = 24, "
        "H = 30: right, and a loop over images or units. Let the products do it"
    )


check_backward()

# %%
differences = gradient_check(backward)

# %% tags=["claim"]
assert len(differences) == 4 and max(differences) < 1e-8
single = init_network(3, 5, 2, torch.Generator().manual_seed(5))  # float32
x_single, y_single = rand(4, 3), rand(4, 2)
*parts, out_single = forward(single, x_single)
by_hand = backward(single, x_single, *parts, mse_grad(out_single, y_single))
judged = numerical_grad(
    lambda: mse(forward(single, x_single)[2], y_single), single.parameters()
)
assert (by_hand.hidden_weight - judged[0]).abs().max() > 1e-4  # too few digits

# %% [markdown]
# Five expressions do for any batch what chapter 2 did for one input, and chapter 5 will derive them properly. Write $G$ for $\partial L / \partial \hat Y$, the upstream gradient, and $\Delta$ ("delta") for the error signals $\partial L / \partial Z$:
#
# | | in matrices | shapes |
# |:--|:--|:--|
# | $\partial L / \partial V$ | $G^\top \operatorname{relu}(Z)$ | $(K, N)(N, H)$, so $(K, H)$ |
# | $\partial L / \partial c$ | the rows of $G$, added up | $(N, K)$, so $(K,)$ |
# | $\Delta$ | $(G V) \odot \operatorname{relu}'(Z)$ | $(N, K)(K, H)$, so $(N, H)$ |
# | $\partial L / \partial W$ | $\Delta^\top X$ | $(H, N)(N, D)$, so $(H, D)$ |
# | $\partial L / \partial b$ | the rows of $\Delta$, added up | $(N, H)$, so $(H,)$ |
#
# ($\odot$, "times, number by number".) The training loop takes a step after every batch, against the gradient of the mean over its images. With batches of one it is chapter 2's.


# %% export="training.py" drop="gradient_descent"
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
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        x, wanted = inputs[batch], targets[batch]
        z, hidden, outputs = forward(network, x)
        total += len(batch) * mse(outputs, wanted).item()
        grads = backward(network, x, z, hidden, mse_grad(outputs, wanted))
        for parameter, grad in zip(
            network.parameters(), grads.parameters(), strict=True
        ):
            parameter -= lr * grad
    return total / len(inputs)


# %% [markdown]
# ## The same network, and the clock
#
# Is it still the *same* network? Take chapter 2's list version with its random weights, copy them, and train both on every tenth image, one at a time, in the same order (one run of each). The clock is `process_time`, which counts this program's work alone. The targets are chapter 2's ten numbers, 1 for the right digit and 0 elsewhere (one-hot), and broadcasting makes all of them: labels as a column, $(N, 1)$, compared with 0 to 9, $(10,)$, are $(N, 10)$, true where they are equal.

# %% tags=["timing"]
from ch02.network import init_network as init_lists
from ch02.training import sgd_epoch as sgd_epoch_lists

lists = init_lists(784, 30, 10, random.Random(0))
parts = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")
tensors = Network(
    *(torch.tensor(getattr(lists, part), dtype=torch.float64) for part in parts)
)
some = many[::10].double()
some_targets = (labels[:4000:10, None] == torch.arange(10)).double()  # one-hot, (n, 10)
arguments = (some.tolist(), some_targets.tolist(), 0.05, random.Random(1))

start_lists = time.process_time()
loss_lists = sgd_epoch_lists(lists, *arguments)
between = time.process_time()
loss_tensors = sgd_epoch(tensors, some, some_targets, 0.05, random.Random(1))
end = time.process_time()
times_as_fast = (between - start_lists) / (end - between)
print(f"lists    {1000 * (between - start_lists):8.1f} ms, loss {loss_lists:.12f}")
print(f"tensors  {1000 * (end - between):8.1f} ms, loss {loss_tensors:.12f}")
print(f"{times_as_fast:.0f} times as fast")
gaps = []
for part in parts:
    from_lists = torch.tensor(getattr(lists, part), dtype=torch.float64)
    gaps.append((getattr(tensors, part) - from_lists).abs().max().item())
print(f"after {len(some)} steps no parameter differs by more than {max(gaps):.0e}")

# %% tags=["claim"]
assert max(gaps) < 1e-12 and abs(loss_tensors - loss_lists) < 1e-12
assert times_as_fast > 4
record("times as fast as lists, one image at a time", times_as_fast)

# %% [markdown]
# The same network, number for number, up to the last digits of a float. And still we take a step after every image: products of one row. Ask for more at once:

# %% tags=["timing"]
start = time.process_time()
sgd_epoch(tensors, some, some_targets, 0.05, random.Random(1), batch_size=20)
batched_times = (between - start_lists) / (time.process_time() - start)
print(f"in batches of 20: {batched_times:.0f} times as fast as lists")

# %% tags=["claim"]
assert batched_times > 1.5 * times_as_fast
record("times as fast as lists, batches of 20", batched_times)

# %% [markdown]
# Faster by the epoch, but no longer the same training: batches mean fewer steps, each against a gradient averaged over more images. Try four recipes for two epochs on all images, each from five random starts (eight seconds; a minute or two on the full set):
#
# | | 1 (chapter 2) | 2 | 3 | 4 |
# |:--|--:|--:|--:|--:|
# | learning rate | 0.05 | 0.05 | 0.5 | 0.5 |
# | batch size | 1 | 20 | 20 | 1 |

# %% [markdown] tags=["predict"]
# Which comes out best, which worst? And does the third come nearer to the first or to the second?

# %%
targets = (labels[:, None] == torch.arange(10)).float()  # (N, 1) with (10,)


def train(
    hidden_features: int, lr: float, batch_size: int, epochs: int, seed: int
) -> tuple[Network, float]:
    """A network trained on all images, and its error rate on new ones."""
    generator, rng = torch.Generator().manual_seed(seed), random.Random(seed)
    network = init_network(784, hidden_features, 10, generator)
    for _ in range(epochs):
        sgd_epoch(network, images, targets, lr, rng, batch_size)
    predicted = forward(network, valid_images)[2].argmax(1)  # (N, 10) -> (N,)
    return network, error_rate(predicted, valid_labels)


recipes = {}
for lr, batch_size in ((0.05, 1), (0.05, 20), (0.5, 20), (0.5, 1)):
    rates = [train(30, lr, batch_size, epochs=2, seed=seed)[1] for seed in range(5)]
    recipes[lr, batch_size] = rates
    shown = " ".join(f"{rate:6.1%}" for rate in rates)
    print(f"lr {lr:4}, batches of {batch_size:2}: {shown} wrong", flush=True)

# %% [markdown] tags=["answer"]
# In each of five runs alike: a twentieth of the steps at the old learning rate falls far behind; ten times the learning rate makes up for most of that; and without batches it ruins the network. A gradient averaged over twenty images bears a learning rate that a single image's does not.

# %% tags=["claim"]
slow, small_rate, large_rate, ruined = map(sorted, recipes.values())
assert max(large_rate) < min(small_rate) > max(slow) and min(ruined) > 0.4
for one, two, three, _ in zip(*recipes.values(), strict=True):
    assert three - one < (two - one) / 2

# %% [markdown]
# What to do with so much time? More hidden units and more epochs. And, because luck has a say, five networks; the number to keep is their **median**, the third of five in order, together with the range (ten seconds; a minute or two on the full set):

# %%
error_rates = []
for seed in range(5):
    network, rate = train(100, lr=0.5, batch_size=20, epochs=30, seed=seed)
    error_rates.append(rate)
    print(f"seed {seed}: {rate:.1%} wrong", flush=True)
best, _, ten_digits, _, worst = sorted(error_rates)
print(f"median {ten_digits:.1%}, from {best:.1%} to {worst:.1%}")

# %% tags=["claim"]
low, high = (0.055, 0.07) if len(images) < 5_000 else (0, 0.055)
assert low < ten_digits < high and worst < slow[2]
record("error_rate", ten_digits)
record("error rates of five seeds", error_rates)

# %% tags=["figure", "slide"] alt="What training added to sixteen hidden units, in orange and blue: in nearly all of them scattered spots over the middle of the picture, in one or two a larger patch or a stroke, and nothing at all along the margins."
before = init_network(784, 100, 10, torch.Generator().manual_seed(seed))
learnt = network.hidden_weight - before.hidden_weight
figure, axes = plt.subplots(2, 8, figsize=(5.6, 1.5))
for ax, row in zip(axes.flat, learnt, strict=False):
    plot.weights(row, ax)

# %% [markdown]
# What training added to the random weights of the last network's first sixteen hidden units, drawn like chapter 1's weights (orange above 0, blue below, dark at 0; each tile has a scale of its own). With some good will one or two show a stroke or a patch that the unit has come to look for; most are spots that say nothing to me. One thing is plain: where no training image has ever had ink, nothing was learnt at all, for a weight's gradient is the error signal times the input, and that input was always 0.

# %% tags=["claim"]
never_inked = images.amax(0) == 0
assert never_inked.any() and not learnt[:, never_inked].any()

# %% [markdown]
# ## Recap
#
# A matrix product is every row with every column, or the sum of the outer products of columns with rows. Broadcasting aligns shapes on the right and repeats lengths of 1 by a stride of 0, without copying. Letters say which dimensions are kept and which are summed, and `@` is one of their sentences. Asking for more at once is fast as long as it does not send more through memory: what counts is arithmetic, requests and bytes. BLAS sees to arithmetic and bytes; saving requests is up to you. A batch shares its parameters, so their gradients are sums over it, and those sums are matrix products again. If you remember one thing: **write down the shapes: they tell you most of the formula.** Not all of it. $(5, 1)$ minus $(5,)$ has a shape, too, and a matrix wrongly reshaped has the shape of the transposed one.
#
# **Terms:** tensor, shape, dimension (axis), dtype; scalar, vector, matrix; slice, boolean mask, reduction; transpose; matrix product, inner length; broadcasting; stride, view, contiguous; einsum, outer product; FLOP, FLOP/s, arithmetic intensity; memory traffic, cache; BLAS, SIMD; kernel, launch; batch, median.
#
# **Unlocked:** `torch.broadcast_tensors` (and broadcasting with it), `torch.einsum`, `torch.matmul` and `@`.
#
# **What changed in the checkpoint:** `matmul.py` is new. The other modules say about batches, in tensors, what they said about one input in lists. `linear` has taken the place of `predict`; `linear_grad`, `gradient_descent` and the sigmoid are gone.
#
# **To read on:** Harris et al., *Array programming with NumPy* (Nature 585, 2020), for strides and broadcasting in NumPy; Rocktäschel, *Einsum is all you need* (2018); Goto and van de Geijn, *Anatomy of high-performance matrix multiplication* (ACM Transactions on Mathematical Software 34, 2008), for what BLAS does with the cache; fast.ai's *Deep Learning from the Foundations*, lesson 8, which climbs the same ladder.
