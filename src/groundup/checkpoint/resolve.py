"""What the modules of a checkpoint need of each other: sibling imports follow from the names in use."""

from __future__ import annotations

import ast
import difflib
import graphlib
import itertools
from dataclasses import dataclass, field

from groundup.checkpoint.draft import Draft
from groundup.checkpoint.imports import imported
from groundup.checkpoint.modules import Checkpoint, Definition, Piece
from groundup.checkpoint.names import BUILTINS, names


@dataclass
class Needs:
    """Where the free names of one module come from, and which come from nowhere."""

    siblings: dict[str, set[str]] = field(default_factory=dict)  # by file name
    imports: set[str] = field(default_factory=set)  # the imports in use, by key
    missing: list[tuple[Definition, str]] = field(default_factory=list)
    early: list[tuple[Definition, Definition]] = field(default_factory=list)  # needs one below it at import
    lazy: bool = False  # an annotation names something that stands below it


def needs(checkpoint: Checkpoint, file: str) -> Needs:
    """Resolve the names of a module: its own, then its imports, then its siblings', then Python's."""
    found = Needs()
    module = checkpoint[file]
    owner = {name: other for other, sibling in checkpoint.items() for name in sibling.definitions}
    keys: dict[str, list[str]] = {}
    for key in module.imports:
        keys.setdefault(key.partition(".")[0], []).append(key)
    order = {name: number for number, name in enumerate(module.definitions)}
    for definition in module.definitions.values():
        for load in names(definition.text).loads:
            if load.name in order:
                if load.when in ("now", "annotation") and order[load.name] >= order[definition.name]:
                    if load.when == "annotation":
                        found.lazy = True
                    elif (pair := (definition, module.definitions[load.name])) not in found.early:
                        found.early.append(pair)
            elif load.name in keys:
                found.imports.update(keys[load.name])
            elif load.name in owner:
                found.siblings.setdefault(owner[load.name], set()).add(load.name)
            elif load.name not in BUILTINS and (definition, load.name) not in found.missing:
                found.missing.append((definition, load.name))
    return found


def resolve(draft: Draft) -> dict[str, Needs]:
    """Add names that nothing defines or too late, and circles to the problems; return all needs by file."""
    found = {file: needs(draft.modules, file) for file in draft.modules}
    for file, need in found.items():
        for definition, name in need.missing:
            _report_missing(draft, file, definition, name)
        for definition, below in need.early:
            _report_early(draft, file, definition, below)
    try:
        graphlib.TopologicalSorter({file: sorted(need.siblings) for file, need in found.items()}).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        steps = [f"{a} needs {', '.join(sorted(found[a].siblings[b]))} of {b}" for a, b in itertools.pairwise(circle)]
        line = max((cell.line for cell in draft.chapter.cells if cell.export in circle), default=1)
        draft.problems.add(line, f"imports in a circle: {'; '.join(steps)}: export one of these to another module")
    return found


def _report_missing(draft: Draft, file: str, definition: Definition, name: str) -> None:
    piece, line = _use(definition, name)
    add = draft.problems.add
    deleted = draft.deleted.get(name)
    if piece.file != draft.chapter.file:
        # Nothing of an older chapter was missing before: this one took it away.
        return add(deleted or 1, f"{definition.name} in {file} still uses {name}: restate or delete it too")
    if deleted is not None:
        return add(line, f"{definition.name} uses {name}, which line {deleted} deletes: keep one of the two")
    for cell in draft.chapter.cells:
        if not cell.is_code or name not in names(cell.source).bound:
            continue
        for bound, statement in imported(ast.parse(cell.source)):
            if bound == name:
                return add(line, f'{file} does not import {name}: put `{statement}` in a cell with export="{file}"')
        if cell.export is None:
            at = cell.line + names(cell.source).bound[name]
            return add(line, f"no exported cell defines {name}: export the cell that defines it (line {at})")
        return None  # exported with a mistake, which is reported there
    known = [
        *BUILTINS,
        *(known for module in draft.modules.values() for known in [*module.definitions, *module.imports]),
    ]
    near = difflib.get_close_matches(name, known, n=1)
    return add(line, f"nothing defines {name}: " + (f"did you mean {near[0]}?" if near else "define or import it"))


def _report_early(draft: Draft, file: str, definition: Definition, below: Definition) -> None:
    if definition is below:
        _, line = _use(definition, definition.name)
        return draft.problems.add(line, f"{definition.name} is made from its own old value: write the new value out")
    remedy = f"`del {definition.name}` and export it again below {below.name}"
    piece, line = _use(definition, below.name)
    if piece.file != draft.chapter.file:
        line = draft.exported[below.name]
    text = f"{definition.name} needs {below.name} as soon as {file} is imported, and stands above it"
    return draft.problems.add(line, f"{text}: {remedy}")


def _use(definition: Definition, name: str) -> tuple[Piece, int]:
    """The newest piece of a definition that uses `name`, and the line of its chapter where it does."""
    for piece in reversed(definition.pieces):
        for load in names(piece.text).loads:
            if load.name == name:
                return piece, piece.line + load.line - 1
    return definition.pieces[-1], definition.pieces[-1].line
