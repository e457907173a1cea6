"""Where a chapter, run live, would go on with an old version of what its checkpoint has anew."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from groundup.checkpoint.bindings import Bindings
from groundup.checkpoint.draft import Draft, uses_of
from groundup.checkpoint.modules import Checkpoint, Definition, find, where
from groundup.checkpoint.names import BUILTINS, Load, names
from groundup.checkpoint.resolve import reached


class _Use(NamedTuple):
    """One use of a name in the chapter, in what it exports or elsewhere."""

    line: int
    load: Load
    definition: Definition | None


def check_shadows(draft: Draft, bindings: Bindings) -> None:
    """Add stale callers, stale values and methods that take a name away to the problems."""
    uses = [*_uses(draft)]
    _check_callers(draft, bindings, uses)
    _check_made(draft, bindings, uses)
    _check_members(draft, uses)
    _check_methods(draft, bindings, uses)


def _uses(draft: Draft) -> Iterator[_Use]:
    for module in draft.modules.values():
        for definition in module.definitions.values():
            for _, line, load in draft.uses(definition):
                yield _Use(line, load, definition)
    for cell in draft.chapter.cells:
        if cell.is_code and not cell.export:
            for load in names(cell.source).loads:
                yield _Use(cell.line + load.line, load, None)


def _check_callers(draft: Draft, bindings: Bindings, uses: list[_Use]) -> None:
    """A function of the previous checkpoint keeps calling the previous version of what this chapter restates."""
    restated = {name: line for name, line in draft.restated.items() if not _is_unchanged(draft, name)}
    if not restated:
        return
    graph = {name: uses - {name} for name, uses in _references(draft.before).items() if name not in restated}
    imported = {name for name in graph if (last := bindings.last(name)) and last.kind == "previous"}
    reported = set()
    for name, line in restated.items():
        paths = _paths_to(name, graph)
        stale = {other: paths[other] for other in imported & paths.keys()}
        carried = stale | _carriers(draft, line, stale)
        for at, load, definition in sorted(uses, key=lambda use: use.line):
            # Below the line, or made above it once and for all.
            here = carried if at > line else stale if definition and load.when == "now" else {}
            if load.name in here and load.when in ("now", "later") and load.name not in reported:
                reported.add(load.name)
                path = here[load.name]
                through = f" (through {', '.join(path[1:])})" if path[1:] else ""
                text = f"here {load.name} still uses the old {name}{through}, in the checkpoint that of line {line}"
                draft.problems.add(at, f"{text}: restate {', '.join(path)} in an exported cell below that line too")


def _is_unchanged(draft: Draft, name: str) -> bool:
    """Whether a name was moved, or stated once more, as it was."""
    old, new = find(draft.before, name), find(draft.modules, name)
    if old is None or new is None or old.imports != new.imports:
        return False
    return ast.dump(ast.parse(old.text)) == ast.dump(ast.parse(new.text))


def _references(checkpoint: Checkpoint) -> dict[str, set[str]]:
    """For each name of a checkpoint, the names of the same checkpoint that its definition runs."""
    known = {name for module in checkpoint.values() for name in module.definitions}
    return {
        name: {*uses_of(definition.text)} & known - definition.imports.keys()
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
            definition = find(draft.modules, name)
            if at >= line or definition is None or name in found:
                continue
            for load in names(definition.pieces[-1].text).loads:
                path = stale.get(load.name) or found.get(load.name)
                if path and load.when == "later" and load.name != name:
                    found[name] = [name, *path]
                    growing = True
                    break
    return found


def _check_made(draft: Draft, bindings: Bindings, uses: list[_Use]) -> None:
    """A value is made by the versions that stand above it, in the checkpoint by the last ones."""
    for line, load, definition in uses:
        if definition is None or not load.called or load.name in definition.imports:
            continue
        for name in sorted(reached(draft.modules, load.name)):
            last = draft.exported.get(name, 0)
            if last > line and bindings.at(name, line) and name != definition.name and name != load.name:
                text = f"here {load.name} uses another {name} than that of line {last}, which the checkpoint has"
                draft.problems.add(line, f"{text}: export {definition.name} below that line (again, if it stays here)")
                break


def _check_members(draft: Draft, uses: list[_Use]) -> None:
    """`old = A.f` keeps the method that `@extend(A)` replaces below."""
    for owner, name, line in draft.extended:
        for at, load, definition in uses:
            if definition and (load.name, load.member, load.when) == (owner, name, "now") and at < line:
                text = f"here {owner}.{name} is not yet that of line {line}, in the checkpoint it is"
                draft.problems.add(at, f"{text}: write the old method out under a name of its own")
        for module in draft.before.values():
            for old in module.definitions.values():
                kept = find(draft.modules, old.name)
                keeps = any(
                    (load.name, load.member, load.when) == (owner, name, "now") for load in names(old.text).loads
                )
                if keeps and kept is not None and kept.node is old.node:
                    text = f"{old.name} in {where(draft.modules, old.name)} is made from {owner}.{name}"
                    draft.problems.add(line, f"{text}, and live it keeps the old one: restate {old.name} below")


def _check_methods(draft: Draft, bindings: Bindings, uses: list[_Use]) -> None:
    """Below `@extend`, the live chapter's name of the method is the method itself."""
    for owner, name, line in draft.extended:
        imports = [each for each in bindings.found.get(name, ()) if each.kind in ("import", "previous")]
        used = [use.line for use in uses if use.load.name == name and _is_below(use, line)]
        if name in draft.exported:
            other = f"the {name} exported in line {draft.exported[name]}"
        elif imports:
            other = f"`{imports[-1].statement}`"
        elif name in BUILTINS and used:
            other = f"Python's own {name}, which this chapter uses"
        elif where(draft.modules, name) and used:
            other = f"the {name} of {where(draft.modules, name)}, which line {min(used)} uses"
        else:
            continue
        text = f"below this, {name} in the live chapter would be the method and not {other}"
        draft.problems.add(line, f"{text}: restate the class {owner} with this method in it")


def _is_below(use: _Use, line: int) -> bool:
    """Whether a use sees what line `line` binds."""
    return use.load.when == "later" or (use.load.when == "now" and use.line > line)
