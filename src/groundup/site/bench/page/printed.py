"""What an attempt prints, on its way to the page."""

from __future__ import annotations

import io
from collections.abc import Callable
from time import monotonic

LONGEST = 20_000  # letters that are shown of what an attempt prints
AT_ONCE = 100  # what is written after so many times is gathered
SECONDS = 0.05  # between what is gathered

Emit = Callable[[str], object]


class Printed(io.TextIOBase):
    """Gives what is printed to `emit`: at once, so that it is seen even if the code never ends, and later in parts."""

    def __init__(self, emit: Emit) -> None:
        self.emit, self.left, self.sent, self.last = emit, LONGEST, 0, monotonic()
        self.waiting: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text and self.left > 0:
            self.waiting.append(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.waiting.append("\n… and more, which is not shown\n")
            if self.left <= 0 or self.sent < AT_ONCE or monotonic() - self.last > SECONDS:
                self.send()
        return len(text)

    def send(self) -> None:
        """Emit what waits, if anything does."""
        if self.waiting:
            self.emit("".join(self.waiting))
            self.waiting.clear()
            self.sent, self.last = self.sent + 1, monotonic()
