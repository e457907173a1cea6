"""How far the chapters that run side by side have come: one line that is rewritten, or plain lines in a pipe."""

from __future__ import annotations

import shutil
import sys


class Progress:
    """Reports on standard error."""

    def __init__(self) -> None:
        self.file = sys.stderr
        self.live = self.file.isatty()
        self.running: dict[str, tuple[int, int]] = {}

    def start(self, name: str, steps: int) -> None:
        """`name` begins; it will take so many cells."""
        self.running[name] = (0, steps)
        if self.live:
            self._show()
        else:
            print(f"{name}  {steps} cells …", file=self.file, flush=True)

    def step(self, name: str, done: int) -> None:
        """`name` has run `done` of its cells."""
        self.running[name] = (done, self.running[name][1])
        if self.live:
            self._show()

    def end(self, name: str, outcome: str) -> None:
        """`name` is over: `outcome` stays on its line."""
        del self.running[name]
        print(f"{self._clear()}{name}  {outcome}", file=self.file, flush=True)
        if self.live and self.running:
            self._show()

    def _show(self) -> None:
        text = "   ".join(f"{name}  {done}/{steps} cells" for name, (done, steps) in sorted(self.running.items()))
        print(self._clear() + text[: shutil.get_terminal_size().columns - 1], end="", file=self.file, flush=True)

    def _clear(self) -> str:
        return "\r\x1b[K" if self.live else ""
