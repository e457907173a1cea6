# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Hooks: functions that modules call when they are called, and what to do with them."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn

from .learner import Callback, Learner


class Hooks:
    """Puts a hook on each of some modules; on leaving `with`, they are taken off.

    PyTorch calls hook(module, inputs, output); with `backward`, when gradients come
    back, hook(module, grad_inputs, grad_outputs).
    """

    def __init__(
        self, modules: Iterable[nn.Module], hook: Callable, backward: bool = False
    ) -> None:
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles: list[Any] = []

    def __enter__(self) -> Self:
        way = "full_backward" if self.backward else "forward"
        try:
            for module in self.modules:
                put = getattr(module, f"register_{way}_hook")
                self.handles.append(put(self.hook))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take all of them off."""
        while self.handles:
            self.handles.pop().remove()


@torch.no_grad()
def describe(values: Tensor, low: float, high: float, bins: int) -> dict[str, Any]:
    """Statistics of a layer's numbers, or of their gradients, in one batch.

    `mean` and `std` of all; `between`, how far each number is from its mean over the
    examples (root mean square); `active`, for each unit (channel) the share of its
    numbers that are above its lowest; `histogram`, whose outermost bins count what is
    beyond `low` and `high`. Shapes: (N, C) or (N, C, ...).
    """
    units = values.transpose(0, 1).flatten(1)  # (C, N * places)
    return {
        "mean": units.mean().item(),
        "std": units.std().item(),
        "between": (values - values.mean(0)).square().mean().sqrt().item(),
        "active": (units > units.amin(1, keepdim=True)).float().mean(1),
        "histogram": units.nan_to_num(high).clamp(low, high).histc(bins, low, high),
    }


class ActivationStats(Callback):
    """What `describe` says of modules' outputs and of their gradients, at each step.

    `names` are those of `named_modules()`; without, of all that hold no others.
    `outputs` and `gradients` have a list for each. The hooks come off after the fit.
    """

    def __init__(
        self, *names: str, low: float = -5.0, high: float = 5.0, bins: int = 50
    ) -> None:
        if not low < high or bins < 1:
            raise ValueError(
                f"{low=}, {high=}, {bins=}: give low < high, 1 bin or more"
            )
        self.names, self.range = names, (low, high, bins)
        self.outputs: dict[str, list[dict]] = {}
        self.gradients: dict[str, list[dict]] = {}
        self.stack = ExitStack()

    def before_fit(self, learner: Learner) -> None:
        """Put the hooks on. Raises: ValueError for names that the model lacks."""
        known = dict(learner.model.named_modules())
        if missing := [name for name in self.names if name not in known]:
            raise ValueError(f"no modules {missing}: there are {[*known]}")
        leaves = [name for name, m in known.items() if not [*m.children()]]
        found = {known[name]: name for name in self.names or leaves}
        for kept, backward in ((self.outputs, False), (self.gradients, True)):
            for name in found.values():
                kept.setdefault(name, [])

            def look(m: Any, _: Any, out: Any, kept: dict = kept) -> None:
                if m.training:
                    values = out[0] if isinstance(out, tuple) else out
                    kept[found[m]].append(describe(values, *self.range))

            self.stack.enter_context(Hooks(found, look, backward))

    def after_fit(self, learner: Learner) -> None:
        self.stack.close()
