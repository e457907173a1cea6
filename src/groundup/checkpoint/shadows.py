"""Where a chapter, run live, would do something else than its checkpoint."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from groundup.checkpoint.draft import Draft
from groundup.checkpoint.imports import imported
from groundup.checkpoint.modules import Checkpoint, where
from groundup.checkpoint.names import BUILTINS, Load, names


def check_shadows(draft: Draft) -> None:
    """Add stale callers, methods that take a name away, and names that mean two things to the problems."""
    loads = list(_loads(draft))
    trees = [ast.parse(cell.source) for cell in draft.chapter.cells if cell.is_code]
    imports = {name: statement for tree in trees for name, statement in imported(tree)}
    prefix = f"from {draft.previous}."
    from_previous = {
        name
        for name, statement in imports.items()
        if statement.startswith(prefix) and " as " not in statement and where(draft.before, name)
    }
    _check_callers(draft, loads, from_previous - draft.restated.keys())
    _check_methods(draft, loads, imports)
    _check_meanings(draft, from_previous)


def _loads(draft: Draft) -> Iterator[tuple[int, Load]]:
    """Every use of a top-level name in the chapter, exported or not, with its line."""
    for cell in draft.chapter.cells:
        if cell.is_code:
            for load in names(cell.source).loads:
                yield cell.line + load.line, load


def _check_callers(draft: Draft, loads: list[tuple[int, Load]], from_previous: set[str]) -> None:
    """A function of the previous checkpoint keeps calling the previous version of what this chapter restates."""
    if not draft.restated:
        return
    graph = {name: uses - {name} for name, uses in _references(draft.before).items() if name not in draft.restated}
    reported = set()
    for restated, line in draft.restated.items():
        paths = _paths_to(restated, graph)
        stale = {name: paths[name] for name in from_previous & paths.keys()}
        stale |= _carriers(draft, line, stale)
        for at, load in loads:
            if at > line and load.name in stale and load.when in ("now", "later") and load.name not in reported:
                reported.add(load.name)
                path = stale[load.name]
                through = f" (through {', '.join(path[1:])})" if path[1:] else ""
                draft.problems.add(
                    at,
                    f"here {load.name} still uses the old {restated}{through}, in the checkpoint that of line {line}: "
                    f"restate {', '.join(path)} in an exported cell below that line too",
                )


def _references(checkpoint: Checkpoint) -> dict[str, set[str]]:
    """For each name of a checkpoint, the names of the same checkpoint that its definition runs."""
    known = {name for module in checkpoint.values() for name in module.definitions}
    return {
        name: {load.name for load in names(definition.text).loads if load.when in ("now", "later")}
        & (known - {*module.imports})
        for module in checkpoint.values()
        for name, definition in module.definitions.items()
    }


def _paths_to(target: str, graph: dict[str, set[str]]) -> dict[str, list[str]]:
    """For each name that reaches `target`, the names on the way, itself first, the target left out."""
    paths: dict[str, list[str]] = {}
    layer = {target}
    while layer:
        reached = {name: uses & layer for name, uses in sorted(graph.items()) if uses & layer and name not in paths}
        for name, uses in reached.items():
            paths[name] = [name, *paths.get(min(uses), [])]
        layer = set(reached)
    return paths


def _carriers(draft: Draft, line: int, stale: dict[str, list[str]]) -> dict[str, list[str]]:
    """The functions that the chapter exports above `line` and that call a stale one when they are called."""
    found: dict[str, list[str]] = {}
    growing = True
    while growing:
        growing = False
        for name, at in draft.exported.items():
            file = where(draft.modules, name)
            if at >= line or file is None or name in found:
                continue
            for load in names(draft.modules[file].definitions[name].pieces[-1].text).loads:
                path = stale.get(load.name) or found.get(load.name)
                if path and load.when == "later" and load.name != name:
                    found[name] = [name, *path]
                    growing = True
                    break
    return found


def _check_methods(draft: Draft, loads: list[tuple[int, Load]], imports: dict[str, str]) -> None:
    """Below `@extend`, the live chapter's name of the method is the method itself."""
    for name, (owner, line) in draft.methods.items():
        if name in draft.exported:
            other = f"the {name} exported in line {draft.exported[name]}"
        elif name in imports:
            other = f"`{imports[name]}`"
        elif name in BUILTINS and any(load.name == name and (at > line or load.when == "later") for at, load in loads):
            other = f"Python's own {name}, which this chapter uses"
        else:
            continue
        text = f"below this, {name} in the live chapter would be the method and not {other}"
        draft.problems.add(line, f"{text}: restate the class {owner} with this method in it")


def _check_meanings(draft: Draft, from_previous: set[str]) -> None:
    """An exported cell that uses a name of the previous checkpoint must mean the same one live."""
    cells = [cell for cell in draft.chapter.cells if cell.is_code and not cell.export]
    for cell in draft.chapter.cells:
        if not cell.export:
            continue
        own = draft.modules.get(cell.export)
        for load in names(cell.source).loads:
            home = where(draft.before, load.name)
            if home is None or load.name in from_previous or load.name in draft.exported:
                continue
            if own is not None and load.name in own.imports:
                continue
            for other in cells:
                bound = names(other.source).bound
                if load.name in bound:
                    at = other.line + bound[load.name]
                    text = f"here {load.name} is that of line {at}, in the checkpoint that of {home}"
                    remedy = f"export the former to {home}, or give it another name"
                    draft.problems.add(cell.line + load.line, f"{text}: {remedy}")
                    break
