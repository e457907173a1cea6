# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Checkpoints: the whole state of a training, on disk and back."""

import copy
import math
from pathlib import Path
from typing import Any

import torch

from .callbacks import monitored
from .learner import Callback, Learner
from .saving import load_state, save_state, save_tensors


def generators(learner: Learner) -> list[torch.Generator]:
    """PyTorch's own, those of the loaders, and those of the callbacks."""
    loaders = learner.training_loader, learner.validation_loader
    holders = [*loaders, *learner.listening]
    own = [getattr(holder, "generator", None) for holder in holders]
    return [torch.default_generator, *filter(None, own)]


def training_state(learner: Learner) -> dict[str, Any]:
    """What the next epoch depends on, by PyTorch and the loaders; nothing is copied.

    Not in it: buffers that no state_dict has, and other random states (Python's, a
    sampler's own, a graphics card's, those of workers that outlive an epoch).
    """
    return {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "kind": type(learner.optimizer).__name__,
        "done": [learner.epoch, learner.step],
        "history": learner.history,
        "generators": [generator.get_state() for generator in generators(learner)],
        "callbacks": [
            [type(callback).__name__, {n: getattr(callback, n) for n in callback.state}]
            for callback in learner.listening
            if callback.state
        ],
    }


def put_back(learner: Learner, state: dict[str, Any]) -> None:
    """Put a state into a learner, or as much of it as fits before an error."""
    listening = [callback for callback in learner.listening if callback.state]
    own = [type(one).__name__ for one in (learner.optimizer, *listening)]
    names = [state["kind"], *(name for name, _ in state["callbacks"])]
    if own != names:
        raise ValueError(f"optimizer and callbacks were {names}, and these are {own}")
    learner.model.load_state_dict(state["model"])
    learner.optimizer.load_state_dict(state["optimizer"])
    pairs = zip(generators(learner), state["generators"], strict=True)
    for generator, random_state in pairs:
        generator.set_state(random_state)
    learner.epoch, learner.step = map(int, state["done"])
    learner.history[:] = map(dict, state["history"])
    for callback, (_, saved) in zip(listening, state["callbacks"], strict=True):
        for name in callback.state:
            setattr(callback, name, saved[name])


def restore_training(learner: Learner, state: dict[str, Any]) -> None:
    """Put all of it back, or nothing. Raises: ValueError for another training's."""
    before = copy.deepcopy(training_state(learner))
    try:
        put_back(learner, state)
    except Exception as error:  # whatever a state that lies has led to
        put_back(learner, before)
        raise ValueError(f"this is the state of another training: {error}") from error


class Checkpoint(Callback):
    """Saves the training after each epoch; with `monitor`, the best model as well.

    In `folder`: `last.safetensors`, and `best.safetensors` with the model's tensors.
    With `resume`, a new learner's first `fit(n)` goes on from the last, and ends after
    n epochs in all: one `fit` to a script. Before, the callbacks with a lower `order`
    have had their before_fit, with epoch 0. Raises: ValueError for a folder that
    another training has written to, and types that `save_tensors` does not know.
    """

    order = 100
    state = ("best",)

    def __init__(
        self, folder: str | Path, monitor: str | None = None, resume: bool = False
    ) -> None:
        self.folder, self.monitor, self.resume = Path(folder), monitor, resume
        self.last, self.best = self.folder / "last.safetensors", math.inf
        self.own = False

    def before_fit(self, learner: Learner) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.last.exists() and not (self.own and learner.epoch):
            if learner.epoch or not self.resume:
                remedy = "a new learner and resume=True, or another folder"
                raise ValueError(f"{self.last} exists: {remedy}")
            restore_training(learner, load_state(self.last))
        self.own = True

    def after_epoch(self, learner: Learner) -> None:
        if self.monitor and monitored(learner, self.monitor) < self.best:
            self.best = monitored(learner, self.monitor)
            model = learner.model.state_dict()
            save_tensors(self.folder / "best.safetensors", model)
        save_state(self.last, training_state(learner))
