# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A log that TensorBoard opens: records of protocol buffers, with check sums."""

from pathlib import Path

from .learner import Callback


class EventLog(Callback):
    """Writes losses, rates and metrics to a file that TensorBoard shows."""

    order = 30

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
