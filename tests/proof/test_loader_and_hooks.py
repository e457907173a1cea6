"""Data loaders and hooks: honest ones are accepted; each false one is refused, and why."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from proof.recreated_modules import Handle, Module, Parameter
from proof.recreated_training import DataLoader, collate
from torch import nn

from groundup import unlock
from groundup.proof import UnlockError

LOADER = "torch.utils.data.DataLoader"
FORWARD = "torch.nn.Module.register_forward_hook"
BACKWARD = "torch.nn.Module.register_full_backward_hook"


def test_an_honest_loader_is_accepted(capsys: pytest.CaptureFixture) -> None:
    unlock(LOADER, by=DataLoader, inputs=[([torch.ones(2), torch.zeros(2)], {"batch_size": 2})])
    printed = " ".join(capsys.readouterr().out.split())
    assert "covered batch_size=, drop_last=, generator=, shuffle=, len(), several epochs" in printed
    assert "left out sampler=, batch_sampler=, num_workers=" in printed


class KeepsLast(DataLoader):
    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)


class WrongLength(DataLoader):
    def __iter__(self) -> Iterator[Any]:
        self.drop_last, before = False, self.drop_last
        yield from super().__iter__()
        self.drop_last = before

    def __len__(self) -> int:
        return len(self.dataset) // self.batch_size


class Exhausted(DataLoader):
    """Can be gone through once."""

    def __iter__(self) -> Iterator[Any]:
        if not hasattr(self, "run"):
            self.run = super().__iter__()
        return self.run


class Tuples(DataLoader):
    """Does not put items together."""

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            yield batch[0] if isinstance(batch, list) else batch


class SameOrder(DataLoader):
    """Shuffles once for all epochs."""

    def order(self) -> list[int]:
        if not hasattr(self, "fixed"):
            self.fixed = super().order()
        return self.fixed


class WithReplacement(DataLoader):
    def order(self) -> list[int]:
        return torch.randint(len(self.dataset), (len(self.dataset),)).tolist() if self.shuffle else super().order()


class Rotated(DataLoader):
    """Begins somewhere, and goes on in order."""

    def order(self) -> list[int]:
        n = len(self.dataset)
        start = int(torch.randint(n, ())) if self.shuffle else 0
        return [(start + i) % n for i in range(n)]


class Swaps(DataLoader):
    """Swaps each place with any other, which favours some orders."""

    def order(self) -> list[int]:
        order = list(range(len(self.dataset)))
        for i in order[:] if self.shuffle else []:
            j = int(torch.randint(len(order), ()))
            order[i], order[j] = order[j], order[i]
        return order


class Unseeded(DataLoader):
    def order(self) -> list[int]:
        return torch.randperm(len(self.dataset)).tolist() if self.shuffle else super().order()


class OtherDice(DataLoader):
    def order(self) -> list[int]:
        if not self.shuffle:
            return super().order()
        order = list(range(len(self.dataset)))
        random.shuffle(order)
        return order


class Floats(DataLoader):
    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            yield [column.float() for column in batch] if isinstance(batch, list) else batch


LOADERS = [
    (KeepsLast, r"10 items, batch_size=3, drop_last=True|drop_last=True: length: len\(\) is 4, not 3"),
    (WrongLength, r"10 items, batch_size=3: length: len\(\) is 3, not 4"),
    (Exhausted, "forward: 0 batches of the second epoch, not 10"),
    (Tuples, "10 items, batch_size=1: forward: batch 1: tensor: 1 of them, not 2"),
    (SameOrder, "shuffle=True, batch_size=3: shuffle: the order is the same in many epochs"),
    (WithReplacement, r"shuffle: an epoch gives \[.*\]: every item is to come once"),
    (Rotated, "shuffle: the order is the same in many epochs|not every order is as likely: neighbour"),
    (Swaps, "shuffle: not every order is as likely"),
    (Unseeded, "shuffle: the same generator gives another order: draw from generator="),
    (OtherDice, "shuffle: the same generator gives another order"),
    (Floats, "forward: batch 1: tensor 2 has dtype torch.float32, not torch.int64"),
    (lambda data, **k: torch.utils.data.DataLoader(data, **k), "the re-creation calls torch.utils.data.dataloader"),
    (lambda data, **k: [collate(list(data))], r"length: len\(\) is 1, not 10"),
]


@pytest.mark.parametrize(("by", "message"), LOADERS, ids=[by.__name__ for by, _ in LOADERS])
def test_false_loaders_are_refused(by: Any, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^{LOADER}, .*({message})"):
        unlock(LOADER, by=by)


def around_forward(module: Any, hook: Callable) -> Handle:
    """On PyTorch's modules: every hook wraps what forward was before."""
    hooks = module.__dict__.setdefault("own_hooks", {})
    if "own_forward" not in module.__dict__:
        module.own_forward = module.forward

        def forward(*args: Any) -> Any:
            result = module.own_forward(*args)
            for each in list(hooks.values()):
                changed = each(module, args, result)
                result = result if changed is None else changed
            return result

        module.forward = forward
    key = object()
    hooks[key] = hook
    return Handle(hooks, key)


PARTS = {"Module": Module, "Parameter": Parameter}


@pytest.mark.parametrize(
    ("by", "parts"),
    [(Module, {"Parameter": Parameter}), (Module.register_forward_hook, PARTS), (around_forward, None)],
)
def test_honest_forward_hooks_are_accepted(by: Any, parts: Any) -> None:
    unlock(FORWARD, by=by, parts=parts)


class Hook(torch.autograd.Function):
    """Calls a hook with the gradients on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Any, call: Callable) -> Any:
        ctx.call = call
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ctx.call(grad), None


def backward_hook(module: Any, hook: Callable) -> Handle:
    hooks = module.__dict__.setdefault("own_hooks", {})
    if "own_forward" not in module.__dict__:
        module.own_forward = module.forward

        def forward(x: Any) -> Any:
            outer: list[Any] = []

            def at_input(grad: Any) -> Any:
                grads = (grad,)
                for each in list(hooks.values()):
                    changed = each(module, grads, tuple(outer))
                    grads = grads if changed is None else changed
                outer.clear()
                return grads[0]

            def at_output(grad: Any) -> Any:
                outer.append(grad)
                return grad

            return Hook.apply(module.own_forward(Hook.apply(x, at_input)), at_output)

        module.forward = forward
    key = object()
    hooks[key] = hook
    return Handle(hooks, key)


def test_an_honest_backward_hook_is_accepted() -> None:
    unlock(BACKWARD, by=backward_hook)


class BothWays(nn.Module):
    """Hooks of all three kinds; the gate stands behind the pre-hooks, or before them."""

    outside = False

    def __init__(self) -> None:
        super().__init__()
        self.before: dict = {}
        self.after: dict = {}
        self.backwards: dict = {}

    @staticmethod
    def put(hooks: dict, hook: Callable) -> Handle:
        key = object()
        hooks[key] = hook
        return Handle(hooks, key)

    def register_forward_pre_hook(self, hook: Callable) -> Any:  # type: ignore[override]
        return self.put(self.before, hook)

    def register_forward_hook(self, hook: Callable) -> Any:  # type: ignore[override]
        return self.put(self.after, hook)

    def register_full_backward_hook(self, hook: Callable) -> Any:  # type: ignore[override]
        return self.put(self.backwards, hook)

    def __call__(self, x: Any) -> Any:  # type: ignore[override]
        outer: list[Any] = []

        def at_input(grad: Any) -> Any:
            grads = (grad,)
            for each in list(self.backwards.values()):
                changed = each(self, grads, tuple(outer))
                grads = grads if changed is None else changed
            return grads[0]

        def at_output(grad: Any) -> Any:
            outer.append(grad)
            return grad

        if self.outside:
            x = Hook.apply(x, at_input)
        for hook in list(self.before.values()):
            changed = hook(self, (x,))
            x = x if changed is None else changed[0]
        if not self.outside:
            x = Hook.apply(x, at_input)
        result = self.forward(x)
        for hook in list(self.after.values()):
            changed = hook(self, (x,), result)
            result = result if changed is None else changed
        return Hook.apply(result, at_output)


class GateOutside(BothWays):
    outside = True


def test_backward_hooks_beside_forward_hooks(capsys: pytest.CaptureFixture) -> None:
    unlock(BACKWARD, by=BothWays)
    assert "beside hooks that change inputs and outputs" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UnlockError, match="beside hooks that change inputs and outputs: hook: what was seen"):
        unlock(BACKWARD, by=GateOutside)


class Once(Module):
    """One hook for a module: the newest."""

    def register_forward_hook(self, hook: Callable) -> Handle:
        self._hooks.clear()
        return super().register_forward_hook(hook)


class NeverOff(Module):
    def register_forward_hook(self, hook: Callable) -> Handle:
        super().register_forward_hook(hook)
        return Handle({}, None)


class AllOff(Module):
    def register_forward_hook(self, hook: Callable) -> Any:
        handle = super().register_forward_hook(hook)
        handle.remove = self._hooks.clear  # type: ignore[method-assign]
        return handle


class NewestFirst(Module):
    def __call__(self, *args: Any) -> Any:  # type: ignore[override]
        result = self.forward(*args)
        for hook in list(self._hooks.values())[::-1]:
            changed = hook(self, args, result)
            result = result if changed is None else changed
        return result


class NotChanged(Module):
    def __call__(self, *args: Any) -> Any:  # type: ignore[override]
        result = self.forward(*args)
        for hook in list(self._hooks.values()):
            hook(self, args, result)
        return result


class Bare(Module):
    """Hands the hook the input itself, not the tuple of arguments."""

    def __call__(self, *args: Any) -> Any:  # type: ignore[override]
        result = self.forward(*args)
        for hook in list(self._hooks.values()):
            hook(self, args[0], result)
        return result


class ByFunction(Module):
    """One hook put on twice counts once."""

    def register_forward_hook(self, hook: Callable) -> Handle:
        self._hooks[hook] = hook
        return Handle(self._hooks, hook)


class NoHandle(Module):
    def register_forward_hook(self, hook: Callable) -> None:  # type: ignore[override]
        super().register_forward_hook(hook)


HOOKS = [
    (Once, "hooks on one layer|several hooks"),
    (NeverOff, "hooks taken off: hook: what was seen, in order"),
    (AllOff, "hooks taken off: hook: what was seen, in order"),
    (NewestFirst, "several hooks on one layer: hook: what was seen, in order, entry 1 is 'c', not 'a'"),
    (NotChanged, "what a hook changes: hook: what was seen"),
    (Bare, "arguments of a hook: hook: what was seen, in order"),
    (ByFunction, "one hook put on twice: hook: what was seen"),
    (NoHandle, "arguments of a hook: hook: what was seen.* is False, not True"),
]


@pytest.mark.parametrize(("by", "message"), HOOKS, ids=[by.__name__ for by, _ in HOOKS])
def test_false_hooks_are_refused(by: Any, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^{FORWARD}, .*({message})"):
        unlock(FORWARD, by=by, parts={"Parameter": Parameter})


def test_a_hook_that_is_torchs_own_is_refused() -> None:
    with pytest.raises(
        UnlockError, match=r"the re-creation calls torch.nn.modules.module.Module.register_forward_hook"
    ):
        unlock(FORWARD, by=lambda module, hook: module.register_forward_hook(hook))
    with pytest.raises(ValueError, match=r"is PyTorch's own"):
        unlock(FORWARD, by=nn.Module.register_forward_hook)
    with pytest.raises(ValueError, match=r"DataLoader has no register_forward_hook"):
        unlock(FORWARD, by=DataLoader)
