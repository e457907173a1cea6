"""Tries the chapters' stubs, solutions and classic mistakes as `groundup check` does, quickly.

`python -m helpers.trials out.json` executes what an exercise needs once for all of its attempts, and what several
exercises need alike once for all of them: each attempt is in a forked child of its own. One of them after the other in
a process of its own, as a reader's are, would take as many starts of Python, and of PyTorch.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from groundup.chapter import Cell, Chapter, Exercise, parse
from groundup.chapter.names import names
from groundup.notebooks.stubs import stub
from groundup.workspace.answers import Answer
from groundup.workspace.attempt import task
from groundup.workspace.task import Outcome, Part, Task, compiled, parsed
from groundup.workspace.trial import emptied, tried
from helpers.books import BOOK
from helpers.exercises import mistakes
from helpers.forks import forked, use_large_pages

SCRIPT = "/nowhere/the script.py"


def answer(exercise: Exercise, cells: list[Cell]) -> Answer:
    """An answer with these cells, as it would be found in a workspace."""
    return Answer(exercise, tuple(Part(SCRIPT, cell.line + 1, cell.source) for cell in cells))


def answers(chapter: Chapter) -> dict[str, Answer]:
    """The stubs and solutions of a chapter and its classic mistakes, named as in `helpers.exercises`."""
    found, wrong = {}, mistakes(chapter.number)
    for name, exercise in chapter.exercises.items():
        solution = [cell for cell in exercise.part("solution") if cell.is_code]
        found[f"{name}: stub"] = answer(exercise, [Cell("code", stub(cell.source), cell.line) for cell in solution])
        found[f"{name}: solution"] = answer(exercise, solution)
        found |= {title: answer(exercise, [cell]) for title, cell in wrong.items() if cell.exercise == name}
    return found


def trials(target: Path) -> dict[int, dict[str, Outcome]]:
    """What becomes of every one of them, by chapter; `target` is a file to write in."""
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "helpers.trials", str(target)],
        cwd=target.parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert target.is_file(), done.stderr
    found = json.loads(target.read_text())
    return {int(n): {name: Outcome.from_json(text) for name, text in tried.items()} for n, tried in found.items()}


def grown(tasks: dict[str, Task], depth: int, module: types.ModuleType) -> dict[str, str]:
    """Try tasks whose first `depth` cells of the book have run in the module."""
    results: dict[str, str] = {}
    while True:
        branches: dict[Part, dict[str, Task]] = {}
        for name, todo in tasks.items():
            if len(todo.book) == depth:
                results |= apart(lambda name=name, todo=todo: {name: json.dumps(asdict(tried(todo, module)))})
            else:
                branches.setdefault(todo.book[depth], {})[name] = todo
        if not branches:
            return results
        *others, (last, tasks) = branches.items()
        for part, branch in others:
            results |= apart(partial(further, part, branch, depth, module))
        last.execute(module)  # nobody else needs the module any more
        depth += 1


def further(part: Part, tasks: dict[str, Task], depth: int, module: types.ModuleType) -> dict[str, str]:
    part.execute(module)
    return grown(tasks, depth + 1, module)


def apart(function: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What a function returns in a forked child."""
    gc.freeze()  # or a child that collects garbage looks through all of its parents' memory, and copies it
    found, code = forked(function)
    if code:
        raise RuntimeError(f"a forked child ended with the code {code}")
    return found


def main(target: Path) -> None:
    import torch._dynamo  # noqa: F401  # here once, and not in every child, where the first optimizer asks for it

    use_large_pages()
    found = {number: apart(lambda number=number: chapter(number, target.parent)) for number in BOOK.chapters()}
    target.write_text(json.dumps(found))


def chapter(number: int, folder: Path) -> dict[str, str]:
    chapter = parse(BOOK.chapter(number))
    tasks = {name: task(chapter, found, folder, "") for name, found in answers(chapter).items()}
    for part in {part for todo in tasks.values() for part in (*todo.book, *todo.check)}:
        names(part.source), compiled(part), parsed(part)  # kept here, and not found anew in every child
    return grown(tasks, 0, emptied(next(iter(tasks.values()))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
