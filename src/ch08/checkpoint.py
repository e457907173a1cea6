# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Checkpoints: the whole state of a training, on disk and back."""

import math
from pathlib import Path
from typing import Any

import torch

from .callbacks import monitored
from .learner import Callback, Learner
from .saving import load_state, save_state, save_tensors


def generators(learner: Learner) -> list[torch.Generator]:
    """PyTorch's own, and those of the loaders."""
    loaders = learner.training_loader, learner.validation_loader
    own = [getattr(loader, "generator", None) for loader in loaders]
    return [torch.default_generator, *filter(None, own)]


def training_state(learner: Learner) -> dict[str, Any]:
    """Everything that the next epoch depends on, by PyTorch; tensors are not copied."""
    return {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "done": [learner.epoch, learner.step],
        "history": learner.history,
        "generators": [generator.get_state() for generator in generators(learner)],
        "callbacks": [
            [type(callback).__name__, {n: getattr(callback, n) for n in callback.state}]
            for callback in learner.listening
        ],
    }


def restore_training(learner: Learner, state: dict[str, Any]) -> None:
    """Put it back. Raises: ValueError for the state of another kind of training."""
    own = [type(callback).__name__ for callback in learner.listening]
    try:
        saved = state["callbacks"]
        if own != (names := [name for name, _ in saved]):
            raise ValueError(f"its callbacks were {names}, and these are {own}")
        learner.model.load_state_dict(state["model"])
        learner.optimizer.load_state_dict(state["optimizer"])
        pairs = zip(generators(learner), state["generators"], strict=True)
        for generator, random_state in pairs:
            generator.set_state(random_state)
        learner.epoch, learner.step = state["done"]
        learner.history[:] = state["history"]
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"this is the state of another training: {error}") from error
    for callback, (_, attributes) in zip(learner.listening, saved, strict=True):
        vars(callback).update(attributes)


class Checkpoint(Callback):
    """Saves the training after each epoch; with `monitor`, the best model as well.

    In `folder`: `last.safetensors`, and `best.safetensors` with the model's tensors.
    With `resume`, `fit(n)` goes on from the last and ends after n epochs in all.
    """

    order = 100
    state = ("best",)

    def __init__(
        self, folder: str | Path, monitor: str | None = None, resume: bool = False
    ) -> None:
        self.folder, self.monitor, self.resume = Path(folder), monitor, resume
        self.last, self.best = self.folder / "last.safetensors", math.inf

    def before_fit(self, learner: Learner) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if learner.epoch == 0 and self.last.exists():
            if not self.resume:
                raise ValueError(f"{self.last} exists: resume=True, or another folder")
            restore_training(learner, load_state(self.last))

    def after_epoch(self, learner: Learner) -> None:
        if self.monitor and monitored(learner, self.monitor) < self.best:
            self.best = monitored(learner, self.monitor)
            model = learner.model.state_dict()
            save_tensors(self.folder / "best.safetensors", model)
        save_state(self.last, training_state(learner))
