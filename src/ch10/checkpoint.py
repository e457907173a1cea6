# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Checkpoints: the whole state of a training on disk, to go on from."""

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
    return [torch.default_generator, *(g for g in own if g is not None)]


def training_state(learner: Learner) -> dict[str, Any]:
    """Everything that the next epoch depends on; tensors are shared, not copied."""
    return {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "epoch": learner.epoch,
        "step": learner.step,
        "history": learner.history,
        "generators": [g.get_state() for g in generators(learner)],
        "callbacks": [
            (type(c).__name__, {name: getattr(c, name) for name in c.state})
            for c in learner.listening
        ],
    }


def restore_training(learner: Learner, state: dict[str, Any]) -> None:
    """Put a state back. Raises: ValueError when it is of another training."""
    names = [type(callback).__name__ for callback in learner.listening]
    try:
        if names != [name for name, _ in state["callbacks"]]:
            raise ValueError(f"callbacks {names}, and saved: {state['callbacks']}")
        learner.model.load_state_dict(state["model"])
        learner.optimizer.load_state_dict(state["optimizer"])
        for generator, saved in zip(
            generators(learner), state["generators"], strict=True
        ):
            generator.set_state(saved)
        learner.epoch, learner.step = state["epoch"], state["step"]
        learner.history[:] = state["history"]
        for callback, (_, saved) in zip(
            learner.listening, state["callbacks"], strict=True
        ):
            for name, value in saved.items():
                setattr(callback, name, value)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"the state of another training: {error}") from error


class Checkpoint(Callback):
    """Saves the training after each epoch, and with `monitor` also the best model.

    In `folder`: `last.safetensors`, and `best.safetensors` with the model's tensors.
    With `resume`, `fit` goes on from the last, if there is one.
    """

    order = 100
    state = ("best",)

    def __init__(
        self, folder: str | Path, monitor: str | None = None, resume: bool = False
    ) -> None:
        self.folder, self.monitor, self.resume = Path(folder), monitor, resume
        self.best = math.inf

    def before_fit(self, learner: Learner) -> None:
        """Go on from the last checkpoint, unless this learner has trained already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.folder / "last.safetensors"
        if learner.epoch == 0 and last.exists():
            if not self.resume:
                raise ValueError(f"{last} is there: resume=True goes on, or delete it")
            restore_training(learner, load_state(last))

    def after_epoch(self, learner: Learner) -> None:
        """Save."""
        if self.monitor and monitored(learner, self.monitor) < self.best:
            self.best = monitored(learner, self.monitor)
            model = learner.model.state_dict()
            save_tensors(self.folder / "best.safetensors", model)
        save_state(self.folder / "last.safetensors", training_state(learner))
