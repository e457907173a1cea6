"""Runs that no page can repeat, since they take too long or need other libraries: made once, and shown as such."""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" if (HERE / "results").is_dir() else HERE.parents[1] / "docs" / "results"  # in a wheel, here


def recorded(name: str) -> dict:
    """What `make results` wrote into docs/results: numbers, and with which machine, versions and command.

    Raises: FileNotFoundError when there is no such record.
    """
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in RESULTS.glob("*.json"))) or "none"
        raise FileNotFoundError(f"no {path.name} in {RESULTS}, there are: {known}; `make results` writes them")
    return json.loads(path.read_text(encoding="utf-8"))
