"""Executed notebooks without what differs from one run to the next: the same chapter, the same bytes."""

from __future__ import annotations

import re

from nbformat import NotebookNode

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")  # in the repr of an object
# What Python calls a cell, in warnings. Its start is fixed: otherwise a long line would be searched from every letter.
CELL_FILE = re.compile(r"""(?<![^\s"'(])[^\s"'(]{0,300}/ipykernel_\d+/\d+\.py""")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def normalise(notebook: NotebookNode) -> None:
    """Take addresses and temporary names out of the outputs; cells tagged "timing" keep theirs as they are."""
    notebook.metadata = NotebookNode(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "timing" not in cell.metadata.tags:
            for output in cell.outputs:
                _normalise_output(output)


def _normalise_output(output: NotebookNode) -> None:
    output.pop("transient", None)
    if output.output_type == "stream":
        output.text = _scrub(output.text)
    for mime, value in output.get("data", {}).items():
        if mime.startswith("text/"):
            output.data[mime] = _scrub(value)


def _scrub(text: str) -> str:
    return CELL_FILE.sub("<cell>", ADDRESS.sub("0x…", text))
