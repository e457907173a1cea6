"""The notebook and the script of a workspace, kept in step: jupytext makes each from the other."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.book import BookError, write_if_changed
from groundup.notebooks.reader import METADATA
from groundup.workspace.backup import keep

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What a script says of a cell; the notebook keeps the rest, and its own metadata.
FILTERS = {"notebook_metadata_filter": "-all", "cell_metadata_filter": "tags,exercise,-all"}
SCRIPT = {"extension": ".py", "format_name": "percent", **FILTERS}
CONFIG = "# The notebook and the script beside it are a pair: jupytext keeps them in step.\n" + "".join(
    f'{key} = "{value}"\n' for key, value in {"formats": "ipynb,py:percent", **FILTERS}.items()
)


@dataclass(frozen=True)
class Pair:
    """The two files. A hidden third one says what they held when they were last in step."""

    notebook: Path
    script: Path

    @property
    def _mark(self) -> Path:
        return self.notebook.with_name(f".{self.notebook.stem}.sha256")

    def write(self, notebook: NotebookNode) -> None:
        """Write both files into a new folder, in step from the beginning."""
        self.notebook.write_text(_text(_filtered(notebook)), encoding="utf-8")
        written = _read(self.notebook)
        self.script.write_text(_script(written), encoding="utf-8")
        self._in_step(_digest(written), self.notebook, self.script)

    def in_step(self) -> str:
        """Make the file that was left behind from the one that was worked in; outputs count for nothing.

        Returns a line for the reader where there is something to say: one was gone, or both were worked in. Then the
        newer one counts, and the other is kept beside it.
        Raises: BookError when one of them cannot be read or written, or both are gone.
        """
        there = [path for path in (self.notebook, self.script) if path.is_file()]
        if not there:
            raise BookError(
                f"{self.notebook.parent}: {self.notebook.name} and {self.script.name} are gone: "
                f'groundup start {int(self.notebook.name[:2])} --dir "{self.notebook.parent}" makes new ones'
            )
        if len(there) == 1:
            missing = self.script if there[0] == self.notebook else self.notebook
            self._follow(there[0], missing)
            made = f"{missing.name} was gone: made again from {there[0].name}"
            strangers = ", ".join(self._strangers(missing.suffix))
            return f"{made} (is your work in {strangers}? rename it to {missing.name})" if strangers else made
        now = {path: _digest(_read(path)) for path in there}
        if now[self.notebook] == now[self.script]:
            self._in_step(now[self.script], *sorted(there, key=_time))
            return ""
        last = self._mark.read_text(encoding="utf-8", errors="replace") if self._mark.is_file() else ""
        changed = [path for path in there if now[path] != last]
        source = max(reversed(changed), key=_time)
        target = self.script if source == self.notebook else self.notebook
        kept = keep(target) if len(changed) == 2 else None
        self._follow(source, target)
        if kept is None:
            return ""
        both = f"{source.name} and {target.name} had both changed"
        return f"{both}: {source.name} is newer and counts, the other is kept as {kept.name}"

    def _strangers(self, suffix: str) -> list[str]:
        """Files beside the pair that one of them may have been renamed to."""
        ours = (self.notebook, self.script)
        found = [path for path in sorted(self.notebook.parent.glob(f"*{suffix}")) if path not in ours]
        return [path.name for path in found if ".backup-" not in path.name]

    def _follow(self, source: Path, target: Path) -> None:
        """Write `target` anew from `source`. In a notebook the cells that it has keep their outputs, ids and looks."""
        node = _read(source)
        if target == self.script:
            text = _script(node)
        else:
            from jupytext.combine import combine_inputs_with_outputs

            if target.is_file():
                node = combine_inputs_with_outputs(node, _read(target), fmt=SCRIPT)
            text = _text(node)
        write_if_changed(target, text)
        self._in_step(_digest(node), target, source)

    def _in_step(self, digest: str, older: Path, newer: Path) -> None:
        """Jupyter's own pairing goes by the times: neither file is newer than the other."""
        if _time(older) != _time(newer):
            os.utime(older, ns=(newer.stat().st_atime_ns, _time(newer)))
        write_if_changed(self._mark, digest)


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns


def _script(notebook: NotebookNode) -> str:
    import jupytext

    return jupytext.writes(notebook, fmt=SCRIPT)


def _text(notebook: NotebookNode) -> str:
    import nbformat

    return nbformat.writes(notebook) + "\n"


def _read(path: Path) -> NotebookNode:
    """A notebook, or a script as one.

    Raises: BookError when it is neither.
    """
    import jupytext
    from nbformat import from_dict

    is_script = path.suffix == ".py"
    try:
        text = path.read_text(encoding="utf-8-sig")
        with warnings.catch_warnings(action="ignore"):  # of cells without an id, such as Colab's
            node = jupytext.reads(text, fmt=SCRIPT if is_script else "ipynb")
        if not node.cells or not all("source" in cell for cell in node.cells):
            raise ValueError("no cells, or one without text")
    except OSError:
        raise
    except Exception as error:  # whatever the libraries make of it, the file is at fault
        kind, other = ("a script of cells", "notebook") if is_script else ("a notebook", "script")
        why = "UTF-8 text" if isinstance(error, UnicodeDecodeError) else kind
        raise BookError(
            f"{path} is not {why}: mend it, or move it away, and it is made again from the {other}"
        ) from None
    if is_script:
        node.metadata = from_dict(METADATA)  # a script has none of its own
    return _filtered(node)


def _filtered(notebook: NotebookNode) -> NotebookNode:
    """The notebook, saying itself what a script leaves out of a cell, or jupytext takes that for deleted."""
    notebook.metadata["jupytext"] = {"cell_metadata_filter": FILTERS["cell_metadata_filter"]}
    return notebook


def _digest(notebook: NotebookNode) -> str:
    """A hash of what both files hold: the cells as a script has them."""
    return _held(_script(notebook))


@cache
def _held(script: str) -> str:
    """To read it takes a while, and in step both files give the same."""
    import jupytext

    cells = jupytext.reads(script, fmt=SCRIPT).cells
    held = [(cell.cell_type, cell.source, cell.metadata.get("tags"), cell.metadata.get("exercise")) for cell in cells]
    return hashlib.sha256(json.dumps(held).encode()).hexdigest()
