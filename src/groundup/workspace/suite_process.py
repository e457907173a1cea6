"""The process that the suite runs in: what it is told, and what it tells."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import groundup
from groundup.book import Book, BookError
from groundup.rules.locks import Locks

SUITE = "test_checkpoints*.py"  # in the book's tests/
STAND_IN = (
    "from groundup.workspace.standin import stand_in\n\nstand_in({!r}, {!r})\n"  # also in processes of the suite's
)


@dataclass(frozen=True)
class Package:
    """The reader's package: its folder, how the reader spells it, and what the suite calls it."""

    folder: Path
    shown: str
    alias: str

    def place(self, file: str, line: int | str | None) -> str:
        """`my_nn/losses.py:7` for a file of the package; nothing for another."""
        path, folder = Path(os.path.realpath(file)), self.folder.resolve()
        return f"{self.shown}/{path.relative_to(folder)}:{line}" if path.is_relative_to(folder) else ""


@dataclass(frozen=True)
class Job:
    """What the process is told.

    `done` are the cases that an earlier one has tried already, `hung` the modules that ended one as they were imported,
    each with what is said of it.
    """

    book: Book
    locked: Locks
    package: Package
    number: int
    seconds: float  # for one case
    import_seconds: float  # for the import of one module
    done: frozenset[str] = frozenset()
    hung: Mapping[str, str] = field(default_factory=dict)


def events(job: Job) -> Iterator[dict[str, Any]]:
    """What happens in a process that tries the suite, as it happens.

    Each has an `event`: plan, begin, import (of a module that begins), imported, failed, end and at last over,
    or lost where the process did not come so far. Raises: BookError when it could not begin.
    """
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log.txt"
        Path(scratch, "sitecustomize.py").write_text(
            STAND_IN.format(job.package.alias, str(job.package.folder)), encoding="utf-8"
        )
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "groundup.workspace.suite_trial"],
                cwd=scratch, env=_environment(scratch), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            yield from _read(job, process, log)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    pipe.close()


def _environment(scratch: str) -> dict[str, str]:
    """One thread, no window, no settings of pytest's from outside; the package stands in for the checkpoint."""
    paths = [scratch, str(Path(groundup.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GROUNDUP_RECORDS"))
    } | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONIOENCODING": "utf-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _read(job: Job, process: subprocess.Popen[bytes], log: Path) -> Iterator[dict[str, Any]]:
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):  # it has ended: the log says why
        pickle.dump(job, process.stdin)
        process.stdin.close()
    has_begun, importing = False, ""
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "broken":
            raise BookError(f"the suite cannot run: {event['text']}: make setup installs what it needs")
        has_begun |= event["event"] == "plan"
        importing = event["module"] if event["event"] == "import" else ""
        yield event
        if event["event"] == "over":
            return
    code, text = process.wait(), log.read_text(encoding="utf-8", errors="replace")
    if not has_begun:
        last = text.strip().rpartition("\n")[2] or f"its process ended with code {code}"
        raise BookError(f"the suite cannot run: {last}: make setup installs what it needs")
    yield {"event": "lost", **_lost(job, code, text, importing)}


def _lost(job: Job, code: int, log: str, importing: str) -> dict[str, str]:
    """Why a process ended in the middle of a case, the module that it was in, and the one that it imported if any."""
    calls = re.findall(r'^  File "(.+)", line (\d+) in ', log.rpartition("most recent call first")[2], re.M)
    place = next((place for file, line in calls if (place := job.package.place(file, line))), "")
    at = f" ({place})" if place else ""
    if "Timeout (" in log:
        message = f"it did not end within {job.import_seconds if importing else job.seconds:g} seconds{at}"
    else:
        how = f"was stopped by signal {-code}" if code < 0 else f"ended with exit code {code}"
        message = f"the process {how}{at}"
    return {"message": message, "module": Path(place.partition(":")[0]).stem, "importing": importing}
