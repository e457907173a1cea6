# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""How far training has come, for people, terminals and log files."""

import sys
import time
from collections.abc import Iterable
from operator import length_hint
from typing import TextIO

from .callbacks import latest
from .learner import Callback, Learner


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 1:05; from an hour on, 1:00:05."""
    minutes = int(seconds) // 60
    hours = f"{minutes // 60}:{minutes % 60:02}" if minutes >= 60 else minutes
    return f"{hours}:{int(seconds) % 60:02}"


class Progress(Callback):
    """A row of metrics for each epoch, and in a terminal a line that is rewritten."""

    order = 20

    def __init__(self, file: TextIO | None = None) -> None:
        self.file, self.out, self.clear = file, file, ""

    def before_fit(self, learner: Learner) -> None:
        self.titles: list[str] = []
        loaders = learner.training_loader, learner.validation_loader
        sizes = [length_hint(one, 0) for one in loaders if one is not None]
        self.batches = sum(sizes) if all(sizes) else 0  # 0: unknown
        self.out, self.first = self.file or sys.stdout, -1
        self.clear = "\r\x1b[K" if self.out.isatty() else ""
        self.started = self.shown = time.monotonic()

    def before_epoch(self, learner: Learner) -> None:
        self.batch = 0
        if self.first < 0:  # a checkpoint may have gone on from a later epoch
            self.first = learner.epoch

    def after_batch(self, learner: Learner) -> None:
        self.batch += 1
        if self.clear and time.monotonic() > self.shown + 0.1:
            self.shown = time.monotonic()
            epoch = f"epoch {learner.epoch + 1}/{learner.epochs}"
            self.show([f"{epoch}, batch {self.batch}, {self.left(learner)} left"], "")

    def after_epoch(self, learner: Learner) -> None:
        self.batches, self.batch = self.batch, 0
        cells = {"epoch": f"{learner.epoch}/{learner.epochs}"}
        row = latest(learner).items()
        cells |= {name: f"{v:.4f}" for name, v in row if isinstance(v, float)}
        cells["time"] = clock(time.monotonic() - self.started)
        cells["left"] = self.left(learner)
        if self.titles != [*cells]:
            self.titles = [*cells]
            self.show(f"{title:>8}" for title in cells)
        self.show(f"{v:>{max(8, len(title))}}" for title, v in cells.items())

    def after_fit(self, learner: Learner) -> None:
        if self.out:
            self.show([], "")

    def left(self, learner: Learner) -> str:
        """How long it takes from here, if it goes on as it went."""
        part = min(self.batch / self.batches, 1) if self.batches else 0
        done = learner.epoch - self.first + part
        each = (time.monotonic() - self.started) / (done or 1)
        return clock(each * (learner.epochs - learner.epoch - part)) if done else "?"

    def show(self, words: Iterable[str], end: str = "\n") -> None:
        """Write a line over the one that is there to be rewritten."""
        print(self.clear + "  ".join(words), end=end, file=self.out, flush=True)
