# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""What a network consists of: layers, shapes, parameters, multiply-adds."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products that are added up, for one image: convolutions and linear layers.

    Shapes: output (N, O, H, W) or (N, O). Other layers count as nothing.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return output[0].numel() * layer.weight[0].numel()
    return 0


def summary(model: nn.Module, shape: tuple[int, ...]) -> str:
    """A table of the layers that an image of `shape` (C, H, W) passes, in order.

    Each with the shape of its output, its parameters and its multiply-adds for one
    image; below, all parameters of the model, and the sum of the multiply-adds.
    Functions are not seen. The model is afterwards as it was.
    """
    rows: list[tuple[str, str, tuple[int, ...], int, int]] = []

    def note(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: object, output: Tensor) -> None:
            own = sum(p.numel() for p in layer.parameters())
            kind, size = type(layer).__name__, tuple(output.shape[1:])
            rows.append((name, kind, size, own, multiply_adds(layer, output)))

        return hook

    leaves = {n: m for n, m in model.named_modules() if not [*m.children()]}
    handles = [m.register_forward_hook(note(n)) for n, m in leaves.items()]
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    lines = [
        f"{'layer':16} {'kind':18} {'output':14} {'parameters':>10} {'mult-adds':>11}"
    ]
    for name, kind, size, own, products in rows:
        sizes = " × ".join(map(str, size))
        lines.append(f"{name:16} {kind:18} {sizes:14} {own:10,} {products:11,}")
    parameters = sum(p.numel() for p in model.parameters())
    products = sum(row[4] for row in rows)
    return "\n".join([*lines, f"{'':50} {parameters:10,} {products:11,}"])
