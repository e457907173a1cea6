"""One chapter in a kernel of its own: what its cells put out, or the chapter's line that failed."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from groundup.book import Book, BookError
from groundup.chapter import Cell, Chapter, ChapterError
from groundup.checkpoint import dropped, exported
from groundup.run.environment import environment

# Seconds for one cell, by the data: a busy machine may take many times the usual.
TIME_LIMITS = {"mnist": 3600}
TIME_LIMIT = 300
OUTPUT_LIMIT = 2_000_000  # characters of one cell
STARTS = 2  # a kernel that does not start is not the chapter's fault
ARGUMENTS = [
    "--InlineBackend.figure_formats={'svg'}",
    "--InlineBackend.print_figure_kwargs={'bbox_inches': None, 'metadata': {'Date': None, 'Creator': None}}",
    "--HistoryManager.enabled=False",
    "--IPKernelApp.exec_PYTHONSTARTUP=False",  # the user's own
    "--log-level=ERROR",  # not a line about unencrypted loopback for every kernel
]
CHAINED = re.compile(r"(?:another exception occurred|the following exception):\n")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class _Client(NotebookClient):
    """Stops a cell that never stops printing, which would fill the memory before its time is over."""

    written = 0  # characters of the cell that runs

    def process_message(self, message: dict[str, Any], cell: NotebookNode, index: int) -> NotebookNode | None:
        """Take one message of the kernel; of a cell that has said too much, only that it has ended."""
        content = message["content"]
        if message["msg_type"] == "execute_input":
            self.written = 0
        self.written += len(content.get("text", ""))
        if self.written > OUTPUT_LIMIT and message["msg_type"] == "stream":
            if not self.stopping:
                self.stopping = asyncio.ensure_future(self.km.interrupt_kernel())  # type: ignore[union-attr,arg-type,type-var]
            return None
        return super().process_message(message, cell, index)

    stopping: asyncio.Future | None = None


async def execute(
    book: Book, chapter: Chapter, notebook: NotebookNode, folder: Path, step: Callable[[int], None], prelude: str
) -> list[str]:
    """Fill in the outputs of `notebook`, made of the chapter's cells; records go to `folder`/records.

    The kernel executes `prelude` first, and `step` hears how many code cells have run. Returns the claims that do not
    hold here, a line each: rounding differs from one processor to the next.
    Raises: ChapterError, with the chapter's line, when another cell fails, or one takes too long or ends the kernel.
    """
    limit = TIME_LIMITS.get(os.environ.get("DATA", ""), TIME_LIMIT)
    options = {"timeout": limit, "record_timing": False, "extra_arguments": ARGUMENTS}
    scratch = folder / "scratch"  # what a cell saves by a relative path does not land among the sources
    scratch.mkdir()
    kernel = await _started(notebook, options, {"cwd": str(scratch), "env": environment(book, folder)})
    index, unheld = 0, list[str]()
    try:  # not kernel.async_execute(): it takes over Ctrl-C, and then stops one kernel of two
        await _silently(kernel, prelude, f"{chapter.file}:1: what is to run before it fails")
        for index, cell in enumerate(notebook.cells):
            try:
                await kernel.async_execute_cell(cell, index, kernel.code_cells_executed + 1)
                _refuse_errors(cell)
            except CellExecutionError as error:
                if "claim" not in chapter.cells[index].tags or error.ename != "AssertionError":
                    raise
                line, what = _failure(chapter.cells[index], cell, kernel, error)
                unheld.append(f"{chapter.file}:{line}: {what}")
                await _silently(kernel, _rest(chapter.cells[index], line), unheld[-1])
            if "figure" in chapter.cells[index].tags:
                _keep_figure(chapter, chapter.cells[index], cell)
            step(kernel.code_cells_executed)
        await _compare(book, chapter, kernel, folder)
        return unheld
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        _raise_if_cancelled()
        line, what = _failure(chapter.cells[index], notebook.cells[index], kernel, error)
        raise ChapterError(f"{chapter.file}:{line}: {what}") from None
    finally:
        await _stop(kernel)


async def _started(notebook: NotebookNode, options: dict[str, Any], place: dict[str, Any]) -> _Client:
    """A kernel that has come up. Raises: BookError when none does, twice in a row."""
    for attempt in range(1, STARTS + 1):
        # No kernel directories: the kernel is this Python's own, whatever else is installed under the same name.
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        kernel = _Client(notebook, km=manager, **options)
        try:
            await kernel.async_start_new_kernel(**place)
            await kernel.async_start_new_kernel_client()
            return kernel
        except RuntimeError as error:
            await _stop(kernel)
            _raise_if_cancelled()
            if attempt == STARTS:
                raise BookError(f"a Jupyter kernel did not start ({error}): is the machine out of memory?") from None
        except BaseException:
            await _stop(kernel)
            raise
    raise AssertionError("the last attempt returns or raises")


async def _stop(kernel: _Client) -> None:
    if kernel.kc is not None:
        kernel.kc.stop_channels()
    if kernel.km is not None and kernel.km.has_kernel:
        await kernel.km.shutdown_kernel(now=True)  # type: ignore[misc]


def _raise_if_cancelled() -> None:
    """nbclient takes a cancelled cell for a dead kernel."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from None


async def _compare(book: Book, chapter: Chapter, kernel: _Client, folder: Path) -> None:
    """Raises: ChapterError when what the chapter exports is not what its checkpoint has."""
    names = exported(chapter)
    if not names or kernel.kc is None:
        return
    found = folder / "differences"
    arguments = (chapter.package, str(book.checkpoint(chapter.number)), names, dropped(chapter), str(found))
    call = f"__import__('groundup.live').live.report(globals(), *{arguments!r})"
    await _silently(kernel, call, f"{chapter.file}:1: it cannot be compared with its checkpoint")
    lines = [f"{chapter.file}:{line}: {text}" for line, text in json.loads(found.read_text(encoding="utf-8"))]
    if lines:
        raise ChapterError("\n".join(lines))


async def _silently(kernel: _Client, code: str, mistake: str) -> None:
    """Execute code beside the cells. Raises: ChapterError, with `mistake`, when it fails."""
    options = {"silent": True, "store_history": False, "output_hook": lambda message: None, "timeout": kernel.timeout}
    reply = await kernel.kc.execute_interactive(code, **options)  # type: ignore[union-attr,attr-defined]
    if reply["content"]["status"] != "ok":
        raise ChapterError(f"{mistake} ({reply['content'].get('ename')}: {reply['content'].get('evalue')})")


def _rest(claim: Cell, line: int) -> str:
    """What stands in a claim behind a line of the chapter, but for its asserts: later cells may read what it binds."""
    rest = [node for node in ast.parse(claim.source).body if node.lineno > line - claim.line]
    for node in (inner for outer in rest for inner in ast.walk(outer)):
        if isinstance(node, ast.Assert):
            node.test = ast.Constant(True)
    return "\n".join(map(ast.unparse, rest))


def _refuse_errors(executed: NotebookNode) -> None:
    """A figure that cannot be drawn leaves an error among the outputs of a cell that went well otherwise."""
    if _errors(executed):
        raise CellExecutionError("", "", "")


def _keep_figure(chapter: Chapter, cell: Cell, executed: NotebookNode) -> None:
    """A figure's cell shows its figure, and not what its last line happens to return."""
    executed.outputs = [output for output in executed.outputs if output.output_type != "execute_result"]
    if not any(kind.startswith("image/") for output in executed.outputs for kind in output.get("data", {})):
        raise ChapterError(f"{chapter.file}:{cell.line}: a figure's cell draws nothing: draw, or take away its tag")


def _errors(executed: NotebookNode) -> list[NotebookNode]:
    return [output for output in executed.get("outputs", []) if output.output_type == "error"]


def _failure(cell: Cell, executed: NotebookNode, kernel: _Client, error: Exception) -> tuple[int, str]:
    """The line of the chapter where a cell failed, and what to say about it."""
    blank = next((n for n, line in enumerate(cell.source.splitlines()) if line.strip()), 0)  # IPython drops these
    first = cell.line + 1 + blank
    if kernel.written > OUTPUT_LIMIT:
        return first, f"the cell puts out more than {OUTPUT_LIMIT / 1e6:.0f} million characters: make it quieter"
    if isinstance(error, CellExecutionError):
        # What the cell shows, rather than the kernel's reply, which loses the error of a failing __repr__.
        shown = next(iter(_errors(executed)), error)
        text = CHAINED.split(COLOUR.sub("", "".join(shown.traceback)))[-1]
        # The first frame in this cell: its own statement, not a function that the cell calls.
        found = re.search(rf"Cell In\[{kernel.code_cells_executed}\], line (\d+)", text)
        return first + (int(found[1]) - 1 if found else 0), f"{shown.ename}: {shown.evalue}"
    if isinstance(error, CellTimeoutError):
        return first, f"the cell took longer than {kernel.timeout} s: make it smaller"
    return first, f"the kernel died ({error}): it ran out of memory, or something ended it"
