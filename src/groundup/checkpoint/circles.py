"""Modules that need each other: who imports whom, and what is imported where it is needed only."""

from __future__ import annotations

import graphlib
import itertools

from groundup.checkpoint.draft import Draft
from groundup.checkpoint.resolve import CALL, HINT, IMPORT, Needs


def open_circles(draft: Draft, found: dict[str, Needs]) -> None:
    """Move imports that would close a circle: those of annotations to the type checker, others into the functions.

    A circle of what is needed on import is added to the problems.
    """
    graph = {file: set(need.siblings) for file, need in found.items()}
    for circle in _circles(graph):
        order = _order(circle, found)
        if order is None:
            return _report(draft, found)
        for position, file in enumerate(order):
            for sibling in order[position + 1 :]:
                _postpone(found[file], sibling)
    return None


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other."""
    reach = {file: {*uses} for file, uses in graph.items()}
    for middle in graph:  # Warshall
        for file in graph:
            if middle in reach[file]:
                reach[file] |= reach[middle]
    groups = {tuple(sorted(other for other in reach[file] if file in reach[other])) for file in graph}
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _order(circle: list[str], found: dict[str, Needs]) -> list[str] | None:
    """The modules, each below those that it needs on import, so that few others are needed too early."""
    rest, order = sorted(circle), list[str]()
    while rest:
        ready = [file for file in rest if not any(_needed(found[file], other, IMPORT) for other in rest)]
        if not ready:
            return None
        order.append(min(ready, key=lambda file: sum(len(_needed(found[file], other, HINT)) for other in rest)))
        rest.remove(order[-1])
    return order


def _needed(need: Needs, sibling: str, least: int) -> list[str]:
    return [name for name, when in need.siblings.get(sibling, {}).items() if when >= least]


def _postpone(need: Needs, sibling: str) -> None:
    """Take the names of a sibling out of the imports at the top of the module."""
    wanted = need.siblings.pop(sibling, {})
    calls = {name for name, when in wanted.items() if when == CALL}
    if calls:
        need.inner[sibling] = calls
    for definition, names in need.annotations.items():
        if names & wanted.keys():
            need.hints.setdefault(sibling, set()).update(names & wanted.keys())
            need.quoted.setdefault(definition, set()).update(names & wanted.keys())


def _report(draft: Draft, found: dict[str, Needs]) -> None:
    needed = {file: {other: _needed(need, other, IMPORT) for other in need.siblings} for file, need in found.items()}
    try:
        graphlib.TopologicalSorter(
            {file: sorted(other for other in wanted if wanted[other]) for file, wanted in needed.items()}
        ).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        steps = [f"{a} needs {', '.join(sorted(needed[a][b]))} of {b}" for a, b in itertools.pairwise(circle)]
        line = max((cell.line for cell in draft.chapter.cells if cell.export in circle), default=1)
        draft.problems.add(line, f"imports in a circle: {'; '.join(steps)}: export one of these to another module")
