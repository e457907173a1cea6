"""Which claims hold for one machine's rounding only: `python tests/rounding.py 5` runs chapter 5 five times over.

But for the first time, all random numbers are larger by some ten-millionths, as if another processor had rounded them,
and what training makes of them is another sample of chance. The claims that then fail are printed, with the line of the
assert.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import walk_tb

os.environ |= {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}

import torch
from helpers.books import BOOK

from groundup.chapter import Cell, Chapter, parse
from groundup.workspace.task import Part

RUNS = 5
SMALLEST = 2e-7  # of a number; float32 rounds at 6e-8


def off_by(factor: float) -> None:
    """Have PyTorch's random numbers multiplied by `factor`, in this process; those of parameters too."""

    def multiplied(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def drawn(*arguments: object, **options: object) -> torch.Tensor:
            numbers = draw(*arguments, **options)
            with torch.no_grad():
                return numbers.mul_(factor) if numbers.is_floating_point() else numbers

        return drawn

    for owner, names in ((torch, ("rand", "randn")), (torch.Tensor, ("normal_", "uniform_"))):
        for name in names:
            setattr(owner, name, multiplied(getattr(owner, name)))


def pieces(cell: Cell, file: str, names: dict[str, object]) -> Iterator[Part]:
    """A cell as what is executed at once: of a claim each statement by itself, so that one failure hides no other."""
    waiting = ast.parse(cell.source).body if "claim" in cell.tags else []
    lines = cell.source.split("\n")
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.If):
            condition = compile(ast.Expression(node.test), file, "eval")
            waiting = [*(node.body if eval(condition, names) else node.orelse), *waiting]
            continue
        first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
        source = "\n".join(line[node.col_offset :] for line in lines[first - 1 : node.end_lineno])
        yield Part(file, cell.line + first, source)
    if "claim" not in cell.tags:
        yield Part(file, cell.line + 1, cell.source)


def unheld(chapter: Chapter) -> Iterator[str]:
    """Run a chapter in this process; the claims that fail."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for cell in (cell for cell in chapter.cells if cell.is_code):
        for part in pieces(cell, chapter.file, module.__dict__):
            try:
                with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                    part.execute(module)
            except AssertionError as error:
                if "claim" not in cell.tags:
                    raise
                frames = walk_tb(error.__traceback__)
                line = next(line for frame, line in frames if part.holds(frame.f_code.co_filename, line))
                yield f"{chapter.file}:{line}: {chapter.text.splitlines()[line - 1].strip()}: {error}"


def also_in_children(factor: float, folder: str) -> None:
    """Have it done in what a chapter starts with Python, as well."""
    tests = str(Path(__file__).parent)
    source = f"import sys\nsys.path.append({tests!r})\nimport rounding\nrounding.off_by({factor!r})\n"
    Path(folder, "sitecustomize.py").write_text(source, encoding="utf-8")
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])


def main(number: int) -> None:
    chapter = parse(BOOK.chapter(number))
    for run in range(RUNS):
        if os.fork() == 0:
            factor = 1 + SMALLEST * run
            off_by(factor)
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                also_in_children(factor, folder)
                for line in unheld(chapter):
                    print(f"run {run}: {line}", flush=True)
            os._exit(0)
        os.wait()
        print(f"run {run} of {RUNS} done", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
