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
        try:
            for module in self.modules:
                put = (
                    module.register_full_backward_hook
                    if self.backward
                    else module.register_forward_hook
                )
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

    `mean` and `std` of all; `between`, the standard deviation between examples, of one
    number at one place; `active`, for each unit (channel) the share of its numbers that
    are above its lowest; `histogram`, where what is beyond `low` and `high` counts in
    the outermost bins. Shapes: (N, C) or (N, C, ...).
    """
    units = values.detach().transpose(0, 1).flatten(1)  # (C, N * places)
    return {
        "mean": units.mean().item(),
        "std": units.std().item(),
        "between": values.std(0).square().mean().sqrt().item(),
        "active": (units > units.amin(1, keepdim=True)).float().mean(1),
        "histogram": units.nan_to_num(high).clamp(low, high).histc(bins, low, high),
    }


class ActivationStats(Callback):
    """What `describe` says of modules' outputs and their gradients, at each step.

    `names` are those of `named_modules()`; without, of all that hold no others.
    `outputs` and `gradients` have a list for each name. The hooks come off after a fit.
    """

    def __init__(
        self, *names: str, low: float = -5.0, high: float = 5.0, bins: int = 50
    ) -> None:
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
        self.found = {known[name]: name for name in self.names or leaves}
        for kept, backward in ((self.outputs, False), (self.gradients, True)):
            for name in self.found.values():
                kept.setdefault(name, [])

            def look(m: Any, _: Any, out: Any, kept: dict = kept) -> None:
                if m.training:
                    value = out[0] if isinstance(out, tuple) else out
                    kept[self.found[m]].append(describe(value, *self.range))

            self.stack.enter_context(Hooks(self.found, look, backward))

    def after_fit(self, learner: Learner) -> None:
        self.stack.close()
