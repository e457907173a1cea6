# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Matrix multiplication and what it stands on: broadcasting and index notation."""

import torch


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


def expand(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A view of `x` stretched to `shape` by strides of 0: nothing is copied.

    Raises: ValueError when `x` does not stretch to `shape`.
    """
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else s for n, s in zip(x.shape, x.stride(), strict=True)]
    return x.as_strided(shape, [0] * (len(shape) - x.dim()) + own)


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
