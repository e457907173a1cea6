# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Gradients, by finite differences and by hand: the slow ones check the fast ones."""

from collections.abc import Callable

import torch


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
