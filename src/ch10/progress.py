# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""How far training has come: a line that is rewritten, or a line for each epoch."""

import sys
from typing import TextIO

from .learner import Callback, Learner


class Progress(Callback):
    """A row of metrics for each epoch; in a terminal also a line that is rewritten."""

    order = 20

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def after_epoch(self, learner: Learner) -> None:
        """Print the newest metrics."""
        row = learner.history[-1] if learner.history else {"epoch": learner.epoch}
        print(row, file=self.file or sys.stdout, flush=True)
