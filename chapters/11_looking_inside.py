# %% [markdown]
# # 11. Looking inside
#
# Chapter 10 made steps better, and a loss told how well. A loss is one number for a whole network. When it does not fall, it does not say why. This chapter puts instruments between the layers, finds two illnesses that the loss cannot tell apart, and cures them.
#
# **You need:** chapters 4 (scaling at the start), 8 (callbacks) and 10. **You will reach:** hooks, equal to PyTorch's; a picture of a network that fails to train and of the same network healed; and maps of what a network looks at, tested. **Time:** about four hours, half of them for the exercises; the computer needs about a minute.

# %%
import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu

from ch10.learner import Callback, Learner
from groundup import unlock

# %% [markdown]
# ## Hooks


# %%
class Handle:
    """Takes a hook off again."""

    def __init__(self, hooks: dict[object, Callable]) -> None:
        self.hooks = hooks

    def remove(self) -> None:
        """A second time does nothing."""
        self.hooks.pop(self, None)


class Passing(torch.autograd.Function):
    """The identity, which calls `look` with the gradient on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, look: Callable) -> Tensor:
        ctx.look = look
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.look(grad), None


class Hooked(nn.Module):
    """A module whose calls can be watched. One tensor goes in, one comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[object, Callable] = {}
        self.after: dict[object, Callable] = {}
        self.backwards: dict[object, Callable] = {}

    def register_forward_pre_hook(self, hook: Callable) -> Handle:
        return self.put(self.before, hook)

    def register_forward_hook(self, hook: Callable) -> Handle:
        return self.put(self.after, hook)

    def register_full_backward_hook(self, hook: Callable) -> Handle:
        return self.put(self.backwards, hook)

    def put(self, hooks: dict[object, Callable], hook: Callable) -> Handle:
        handle = Handle(hooks)
        hooks[handle] = hook
        return handle

    def __call__(self, x: Tensor) -> Tensor:
        for hook in [*self.before.values()]:
            changed = hook(self, (x,))
            if changed is not None:
                x = changed[0] if isinstance(changed, tuple) else changed
        if self.backwards:
            x, leave = self.gate(x)
        output = self.forward(x)
        for hook in [*self.after.values()]:
            changed = hook(self, (x,), output)
            output = output if changed is None else changed
        return Passing.apply(output, leave) if self.backwards else output

    def gate(self, x: Tensor) -> tuple[Tensor, Callable]:
        """The input, watched, and what is to watch the output."""
        outer: list[Tensor] = []

        def leave(grad: Tensor) -> Tensor:
            outer.append(grad)
            if not x.requires_grad:
                self.told(None, outer.pop())
            return grad

        def enter(grad: Tensor) -> Tensor:
            return self.told(grad, outer.pop())

        return Passing.apply(x, enter), leave

    def told(self, grad_input: Tensor | None, grad_output: Tensor) -> Any:
        grads: tuple = (grad_input,)
        for hook in [*self.backwards.values()]:
            changed = hook(self, grads, (grad_output,))
            grads = grads if changed is None else changed
        return grads[0]


# %% tags=["timing"]
unlock("torch.nn.Module.register_forward_hook", by=Hooked)

# %% tags=["timing"]
unlock("torch.nn.Module.register_full_backward_hook", by=Hooked)


# %% export="hooks.py"
"""Hooks: functions that modules call when they are called, and what to do with them."""


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


# %% export="hooks.py"
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


# %% export="activations.py"
"""Activation functions."""


def centring_shift(leak: float = 0.0) -> float:
    """What a leaky ReLU has to lose for mean 0, if its input is standard normal."""
    return (1 - leak) / math.sqrt(2 * math.pi)


class GeneralReLU(nn.Module):
    """ReLU with a slope of `leak` below 0, moved down by `shift`, at most `limit`."""

    def __init__(
        self, leak: float = 0.0, shift: float = 0.0, limit: float = math.inf
    ) -> None:
        super().__init__()
        self.leak, self.shift, self.limit = leak, shift, limit

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: any, the same."""
        return (leaky_relu(x, self.leak) - self.shift).clamp(max=self.limit)


# %% export="init.py"
@torch.no_grad()
def lsuv_(model: nn.Module, batch: Tensor) -> nn.Module:
    """Scale and shift every layer's output on `batch` to mean 0 and deviation 1.

    Layers: `nn.Conv2d` and `nn.Linear`, each by one number for its weights and one for
    its biases. Raises: ValueError for a layer whose output is constant.
    Paper: Mishkin and Matas 2016, arXiv:1511.06422, algorithm 1, with the mean beside.
    """

    def scale(layer: Any, inputs: Any, output: Tensor) -> Tensor:
        mean, std = output.mean(), output.std()
        if not std > 0:
            raise ValueError(f"{layer} puts out {mean:.3g} only: nothing to scale")
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% export="attribution.py"
"""Attribution: which parts of an image an answer comes from."""


def scores(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """The sum of each image's logit of its class."""
    return model(x).gather(1, classes[:, None]).sum()


def saliency(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """How fast the logit of an image's class changes with each of its pixels.

    Shapes: (N, C, H, W), (N,) -> (N, H, W). Paper: Simonyan et al. 2014,
    arXiv:1312.6034, section 3.
    """
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(scores(model, x, classes), x)
    return grad.abs().amax(1)


def grad_cam(model: nn.Module, layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """Where a layer's feature maps speak for an image's class.

    Shapes: (N, C, H, W), (N,) -> (N, H', W') of the layer's output. Paper: Selvaraju
    et al. 2017, arXiv:1610.02391, eq. 1 and 2.
    """
    seen: list[Tensor] = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)
