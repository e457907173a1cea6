"""What an answer prints, for the reader: its first lines, and how many more there were."""

from __future__ import annotations

import io
from typing import TextIO

LINES, WIDTH = 20, 100


class Printed(io.TextIOBase):
    """A standard output that writes its first lines into a file at once, and counts the others."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.lines = 0  # whole ones
        self.column = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            ends = line.endswith("\n")
            if self.lines < LINES:
                self.file.write(line.rstrip("\r\n")[: max(WIDTH - self.column, 0)] + "\n" * ends)
            elif self.lines == LINES and not self.column:
                self.file.write("…")  # for one that is stopped before it can be said how many
            self.column = 0 if ends else self.column + len(line)
            self.lines += ends
        self.file.flush()
        return len(text)

    def finish(self) -> None:
        """Say how many lines were left out."""
        if more := self.lines - LINES + bool(self.column):
            self.file.write(f" and {more} more" if more > 0 else "")
