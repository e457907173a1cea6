"""The numbers of a chapter: recorded when it runs, so that no page ever types one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

RECORDS = "GROUNDUP_RECORDS"  # the file that `groundup run` collects records from


def record(name: str, value: float | Sequence[float]) -> None:
    """Record a number, or a list of numbers, under `name` (units belong in the name).

    Outside `groundup run` nothing is written, and the arguments are still checked.
    Raises: ValueError when the value is not a finite number or a list of them.
    """
    many = isinstance(value, Sequence)
    if isinstance(value, str | bytes):
        raise ValueError(f"record({name!r}, {value!r}): give a number, and not its text")
    numbers = [float(number) for number in value] if many else [float(value)]  # type: ignore[union-attr, arg-type]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"record({name!r}, {value!r}): give a finite number or a list of them")
    append("record", {"name": name, "value": numbers if many else numbers[0]})


def append(kind: str, content: dict) -> None:
    """Add one entry to the run's records file, when there is a run."""
    target = os.environ.get(RECORDS)
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**content, "entry": kind}) + "\n")
