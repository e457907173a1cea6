"""How far the chapters that run side by side have come: one line that is rewritten, or plain lines in a pipe."""

from __future__ import annotations

import shutil
import sys
import time

PATIENCE = 20  # seconds in one cell after which a line in a pipe says that it still runs


class Progress:
    """Reports on standard error."""

    def __init__(self) -> None:
        self.file = sys.stderr
        self.live = self.file.isatty()
        self.running: dict[str, tuple[int, int]] = {}
        self.since: dict[str, float] = {}  # when the cell began that runs now

    def start(self, name: str, steps: int) -> None:
        """`name` begins; it will take so many cells."""
        self._now(name, 0, steps)
        if not self.live:
            print(f"{name}  {steps} cells …", file=self.file, flush=True)

    def step(self, name: str, done: int) -> None:
        """`name` has run `done` of its cells."""
        self._now(name, done, self.running[name][1])

    def wait(self, seconds: float) -> None:
        """Time goes by, `seconds` since the last call: a cell that takes long says so."""
        if self.live:
            self._show()
            return
        for name, (done, steps) in self.running.items():
            before, now = (int(age // PATIENCE) for age in (self._age(name) - seconds, self._age(name)))
            if now > max(before, 0):
                print(f"{name}  cell {done + 1} of {steps}, {now * PATIENCE} s …", file=self.file, flush=True)

    def end(self, name: str, outcome: str) -> None:
        """`name` is over: `outcome` stays on its line."""
        del self.running[name]
        print(f"{self._clear()}{name}  {outcome}", file=self.file, flush=True)
        if self.live and self.running:
            self._show()

    def _now(self, name: str, done: int, steps: int) -> None:
        self.running[name] = (done, steps)
        self.since[name] = time.monotonic()
        if self.live:
            self._show()

    def _age(self, name: str) -> float:
        return time.monotonic() - self.since[name]

    def _show(self) -> None:
        rows = sorted(self.running.items())
        parts = [f"{name}  {done}/{steps} cells{self._long(name)}" for name, (done, steps) in rows]
        width = shutil.get_terminal_size().columns - 1
        print(self._clear() + "   ".join(parts)[:width], end="", file=self.file, flush=True)

    def _long(self, name: str) -> str:
        age = int(self._age(name))
        return f" ({age} s)" if age >= 5 else ""

    def _clear(self) -> str:
        return "\r\x1b[K" if self.live else ""
