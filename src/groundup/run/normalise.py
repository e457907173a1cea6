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
    """Join what was printed piece by piece, and take addresses and temporary names out of the outputs.

    Cells tagged "timing" keep theirs as they are.
    """
    notebook.metadata = NotebookNode(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs if "timing" not in cell.metadata.tags else ():
                _normalise_output(output)


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs with each stream in one piece, where it began; standard output before errors.

    nbclient would do this, and takes hours for a long line.
    """
    pieces: dict[str, list[str]] = {}
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type != "stream":
            joined.append(output)
            continue
        if output.name not in pieces:
            beside = bool(joined) and joined[-1].get("name") == "stderr"
            joined.insert(len(joined) - beside, output)
        pieces.setdefault(output.name, []).append(output.text)
    for output in joined:
        if output.output_type == "stream":
            output.text = "\n".join(map(_last_written, "".join(pieces[output.name]).split("\n")))
    return joined


def _last_written(line: str) -> str:
    """What stays of a line on which a carriage return begins anew."""
    end = "\r" if line.endswith("\r") else ""
    return line.removesuffix("\r").rpartition("\r")[2] + end


def _normalise_output(output: NotebookNode) -> None:
    output.pop("transient", None)
    if output.output_type == "stream":
        output.text = _scrub(output.text)
    for mime, value in output.get("data", {}).items():
        if mime.startswith("text/"):
            output.data[mime] = _scrub(value)


def _scrub(text: str) -> str:
    return CELL_FILE.sub("<cell>", ADDRESS.sub("0x…", text))
