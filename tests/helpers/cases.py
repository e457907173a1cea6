"""Tables of mistakes as plain text: what is said of a line stands behind it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def read_mistakes(file: str) -> list:
    """The cases of a file, as `=== name`, text with `  # <- message` behind lines, `--- mended` and the text mended."""
    _, *cases = re.split(r"^=== ", (Path(__file__).parents[1] / file).read_text(encoding="utf-8"), flags=re.M)
    rows = []
    for case in cases:
        name, _, text = case.partition("\n")
        wrong, _, mended = text.partition("\n--- mended\n")
        lines = [line.split("  # <- ") for line in wrong.split("\n")]
        said = [(number, message) for number, (_, *messages) in enumerate(lines, 1) for message in messages]
        rows.append(pytest.param("\n".join(line for line, *_ in lines), said, mended.rstrip(), id=name))
    return rows
