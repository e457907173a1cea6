# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A log that TensorBoard opens: protocol buffers with check sums."""

import struct
import time
from pathlib import Path
from typing import Any

import torch

from .callbacks import latest
from .learner import Callback, Learner


def masked_crc(content: bytes) -> bytes:
    """CRC-32C, masked as TensorFlow's record files want it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number: int) -> bytes:
    """A whole number, seven bits to a byte; all but the last have the eighth set."""
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(key: int, content: bytes) -> bytes:
    """A key, a length, a content."""
    return bytes([key]) + varint(len(content)) + content


class EventLog(Callback):
    """Writes loss and rate, every few steps, and each epoch's metrics to `folder`.

    A resumed training writes the steps since its checkpoint a second time.
    """

    order = 30

    def __init__(self, folder: str | Path, every: int = 10) -> None:
        if every < 1:
            raise ValueError(f"{every=}: every so many steps, 1 or more")
        self.folder, self.every = Path(folder), every
        self.file: Any = None

    def before_fit(self, learner: Learner) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"events.out.tfevents.{time.time_ns()}"
        self.file = path.open("xb")
        self.write(0, field(0x1A, b"brain.Event:2"))

    def write(self, step: int, content: bytes) -> None:
        """Write an event: the time, the step, and `content`."""
        when = struct.pack("<Bd", 0x09, time.time()) + b"\x10" + varint(step)
        for piece in (struct.pack("<Q", len(when + content)), when + content):
            self.file.write(piece + masked_crc(piece))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write named numbers."""
        for name, value in values.items():
            single = torch.tensor(
                value, dtype=torch.float32
            ).item()  # inf, if too large
            number = field(0x0A, name.encode()) + struct.pack("<Bf", 0x15, single)
            self.write(step, field(0x2A, field(0x0A, number)))
        self.file.flush()

    def after_step(self, learner: Learner) -> None:
        if learner.step % self.every == 0:
            rate = learner.optimizer.param_groups[0]["lr"]
            self.scalars(learner.step, {"loss": learner.loss.item(), "lr": rate})

    def after_epoch(self, learner: Learner) -> None:
        row = latest(learner).items()
        self.scalars(learner.step, {n: v for n, v in row if isinstance(v, float)})

    def after_fit(self, learner: Learner) -> None:
        if self.file:
            self.file.close()
