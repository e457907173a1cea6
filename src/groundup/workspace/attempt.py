"""One attempt at an exercise, in a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from groundup.book import BookError
from groundup.chapter import Cell, Chapter, needed
from groundup.workspace.answers import Answer
from groundup.workspace.task import Outcome, Part, Task
from groundup.workspace.trial import PREPARATION

SECONDS = 30.0  # for an answer and its check: those of the book need half of one
LATER = 5.0  # seconds after which a process that has not ended itself is ended
LOOK = 0.02  # seconds between two looks at the processes
AT_A_TIME = 2
NAMES = ("task.json", "outcome.json", "stopped.txt", "printed.txt")
NOT_INHERITED = {"PYTHONOPTIMIZE", "PYTHONWARNINGS", "GROUNDUP_RECORDS"}
WINDOWS = os.name == "nt"


def task(chapter: Chapter, answer: Answer, folder: Path, text: str) -> Task:
    """What an attempt at an exercise executes; `text` is the script that the answer stands in.

    Raises: SyntaxError where the answer is no Python.
    """
    exercise = answer.exercise
    return Task(
        book=_parts(chapter, needed(chapter, exercise, answer.source)),
        answer=list(answer.parts),
        check=_parts(chapter, exercise.part("check")),
        solution="\n\n".join(cell.source for cell in exercise.part("solution") if cell.is_code),
        names=list(answer.stub),
        folder=str(folder.absolute()),
        texts={chapter.file: chapter.text, answer.parts[0].file: text},
        seconds=SECONDS,
    )


def _parts(chapter: Chapter, cells: Iterable[Cell]) -> list[Part]:
    return [Part(chapter.file, cell.line + 1, cell.source) for cell in cells]


def attempted(tasks: Mapping[str, Task]) -> Iterator[tuple[str, Outcome]]:
    """Try tasks, each in a process of its own and two at a time; by name what came of each, as it comes.

    When this is left, however it is left, no process remains.
    """
    waiting, running = list(tasks.items()), dict[str, _Attempt]()
    try:
        while waiting or running:
            while waiting and len(running) < AT_A_TIME:
                name, task = waiting.pop(0)
                with _ctrl_c_waits():
                    running[name] = _Attempt(task)
            for name in [name for name, attempt in running.items() if attempt.is_over()]:
                outcome = running[name].outcome()
                del running[name]
                yield name, outcome
            time.sleep(LOOK)
    finally:
        for attempt in running.values():
            attempt.end()


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ctrl-C is heard afterwards: a process that is only just being started is nobody's to end."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears it
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            signal.raise_signal(signal.SIGINT)


class _Attempt:
    """A task in a process of its own, and the files that they talk by, which what the answer prints cannot disturb."""

    def __init__(self, task: Task) -> None:
        if not Path(task.folder).is_dir():
            raise BookError(f"{task.folder} is gone: what was finished stood in it")
        self.task = task
        self.scratch = tempfile.TemporaryDirectory(prefix="groundup-", ignore_cleanup_errors=True)
        self.files = [Path(self.scratch.name) / name for name in NAMES]
        self.files[0].write_text(task.json(), encoding="utf-8")
        self.latest = time.monotonic() + PREPARATION + task.seconds + LATER
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "groundup.workspace.trial", *map(str, self.files)],
            cwd=task.folder, env=_environment(), start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def is_over(self) -> bool:
        return self.process.poll() is not None or time.monotonic() > self.latest

    def outcome(self) -> Outcome:
        """What came of it; whatever is left of it is ended."""
        code = self.process.poll()
        self.end(clean=False)
        _, outcome, stopped, printed = (
            (file.read_text("utf-8", "replace") if file.is_file() else "") for file in self.files
        )
        self.scratch.cleanup()
        if not outcome:
            why = f"took more than {PREPARATION} seconds" if stopped else f"ended with the code {code}"
            return Outcome("book", f"the book's own code before it {why}: try again with less else to do")
        came = replace(Outcome.from_json(outcome), printed=tuple(printed.splitlines()))
        if came.result == "running":
            script = self.task.answer[0].file
            if stopped or code is None:
                line = _line(stopped, script)
                return replace(
                    came, result="too long", message=f"{self.task.seconds:g} seconds", file=script, line=line
                )
            return replace(came, result="ended", message=f" (with the code {code})", file=script)
        return came

    def end(self, clean: bool = True) -> None:
        """End the process and all that it has started."""
        if WINDOWS:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self.process.pid)], capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if clean:
            self.scratch.cleanup()


def _environment() -> dict[str, str]:
    ours = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    paths = [
        str(Path(__file__).parents[2]),
        *map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))),
    ]
    kept = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    return kept | ours | {"PYTHONPATH": os.pathsep.join(paths)}


def _line(trace: str, script: str) -> int:
    """The innermost line of the script in a trace of `faulthandler`, which spells names in ASCII alone."""
    name = re.escape(Path(script).name)
    found = re.search(rf'^  File ".*{name}", line (\d+) in ', trace, re.M)
    return int(found[1]) if found else 0
