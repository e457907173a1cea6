"""What an attempt prints, on its way to the page."""

from __future__ import annotations

import io
from collections.abc import Callable

LONGEST = 20_000  # letters that are shown of what an attempt prints

Emit = Callable[[str], object]


class Printed(io.TextIOBase):
    """Gives what is printed to `emit`, each piece at once: the code may never end after it."""

    def __init__(self, emit: Emit) -> None:
        self.emit, self.left = emit, LONGEST

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text and self.left > 0:
            self.emit(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.emit("\n… and more, which is not shown\n")
        return len(text)
